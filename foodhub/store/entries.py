"""Taking entries in: what a checked run adds to the logs held here, and what it may not.

The order of the checks is the protocol's: author known, gap, fork, limit, timestamp, payloads. A refusal changes
nothing but what is on record about a fork; overlap with what is held is normal, since the same run may come from
several peers.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, repeat

from foodhub.circuit.membership import founding_holds, join_holds
from foodhub.circuit.statements import Found, Join, charter_hash
from foodhub.log.body import open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.log.run import CheckedRun, check_payloads
from foodhub.store.fold import READERS, Fold
from foodhub.store.schema import SEQ_BITS


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log as held here; `limit` is 0 for none, else the first seq that does not count."""

    ref: int
    seq: int
    id: bytes
    timestamp: int
    limit: int = 0


def log_row(db: sqlite3.Connection, author: bytes, log: int) -> LogRow | None:
    """Return one log, None when nothing of it is held."""
    row = db.execute(
        'SELECT ref, seq, id, timestamp, "limit" FROM log WHERE author = ? AND log = ?', (author, log)
    ).fetchone()
    return LogRow(*row) if row else None


def take_run(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None], own: frozenset[bytes]) -> int:
    """Take what is new in a run; return how many entries that was.

    Raises:
        PeerFault: `unknown_author`, `above_limit`, `gap`, `forked`, `own_log`, `bad_timestamp`, `bad_payload` or
            `payload_missing`.
    """
    db = fold.db
    held = log_row(db, run.author, run.log)
    if run.author in own:
        return _own_run(db, held, run)
    if held is None and not author_known(fold, run, payloads):
        raise PeerFault("unknown_author")
    at = held or LogRow(0, 0, b"", 0)
    skip = _overlap(db, at, run)
    if skip == len(run.ids):
        return 0
    if at.limit and run.last >= at.limit:
        raise PeerFault("above_limit")
    if run.timestamps[skip] < at.timestamp:
        raise PeerFault("bad_timestamp")
    check_payloads(run, payloads)
    insert(fold, run, payloads, at, skip)
    return len(run.ids) - skip


def _own_run(db: sqlite3.Connection, held: LogRow | None, run: CheckedRun) -> int:
    """Look at a run that our own key has signed: nothing in it may be new to us, wherever it begins."""
    try:
        known = _overlap(db, held or LogRow(0, 0, b"", 0), run)
    except PeerFault:
        known = 0
    if known < len(run.ids):
        raise PeerFault("own_log")
    return 0


def _overlap(db: sqlite3.Connection, held: LogRow, run: CheckedRun) -> int:
    """Return how many entries of the run are held already.

    Raises:
        PeerFault: `gap` when it begins beyond our head, `forked` when it says something else about a place that we
            hold.
    """
    if run.first > held.seq + 1:
        raise PeerFault("gap")
    if run.first == held.seq + 1:
        if run.backlink != held.id:
            _note_fork(db, run, held.seq, held.id, run.backlink)
            raise PeerFault("forked")
        return 0
    common = min(run.last, held.seq)
    place = (held.ref << SEQ_BITS) + common
    (identity,) = db.execute("SELECT id FROM entry WHERE place = ?", (place,)).fetchone()
    if identity != run.ids[common - run.first]:
        _record_fork(db, held, run)
        raise PeerFault("forked")
    return common - run.first + 1


def _record_fork(db: sqlite3.Connection, held: LogRow, run: CheckedRun) -> None:
    """Note the lowest place of the run at which two entries stand."""
    for index, identity in enumerate(run.ids[: held.seq - run.first + 1]):
        seq = run.first + index
        (ours,) = db.execute("SELECT id FROM entry WHERE place = ?", ((held.ref << SEQ_BITS) + seq,)).fetchone()
        if ours != identity:
            _note_fork(db, run, seq, ours, identity)
            return


def _note_fork(db: sqlite3.Connection, run: CheckedRun, seq: int, ours: bytes, theirs: bytes) -> None:
    db.execute(
        "INSERT INTO fork VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, ours = excluded.ours,"
        " theirs = excluded.theirs WHERE excluded.seq < seq",
        (run.author, run.log, seq, ours, theirs),
    )


def insert(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None], at: LogRow, skip: int = 0) -> None:
    """Write the entries of a run behind `skip` and fold them. The hash is kept only while the payload is absent."""
    db = fold.db
    if not at.ref:
        cursor = db.execute("INSERT INTO log (author, log) VALUES (?, ?)", (run.author, run.log))
        at = replace(at, ref=cursor.lastrowid or 0)
    first, count = (at.ref << SEQ_BITS) + run.first, len(run.ids)
    places = range(first, first + count)
    hashes = [digest if payload is None else None for digest, payload in zip(run.hashes, payloads, strict=True)]
    signatures = [*repeat(None, count - 1), run.signature]
    rows = zip(places, run.ids, run.kinds, run.timestamps, run.sizes, hashes, payloads, signatures, strict=True)
    db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", islice(rows, skip, None))
    db.execute(
        "UPDATE log SET seq = ?, id = ?, timestamp = ?, arrival = ? WHERE ref = ?",
        (run.last, run.ids[-1], run.timestamps[-1], fold.arrival, at.ref),
    )
    fold.add(run.author, run.log, islice(zip(places, run.ids, run.timestamps, payloads, strict=True), skip, None))


def author_known(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None]) -> bool:
    """Say whether the first run of a log may come in: of a member's device, of the founder, or on an invite we hold."""
    if _known_so_far(fold, run, payloads):
        return True
    # Who is a member, or may become one, may stand in what this very transaction took before.
    return fold.flush() and _known_so_far(fold, run, payloads)


def _known_so_far(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None]) -> bool:
    if run.log != Log.CIRCUIT or run.first != 1:
        return fold.view.member_of(run.author) is not None
    payload = payloads[0] if payloads else None
    if payload is None:
        return False
    try:
        first = next(iter(READERS[Log.CIRCUIT].read(open_payload(payload))), None)
    except PeerFault:
        return False
    if isinstance(first, Found):
        return founding_holds(fold.circuit, run.author, first)
    charter = charter_hash(fold.view.charter())
    return (
        isinstance(first, Join)
        and invite_held(fold, first.invite)
        and join_holds(fold.circuit, run.author, charter, first)
    )


def invite_held(fold: Fold, public: bytes) -> bool:
    """Say whether an invite that counts has this public key."""
    return fold.db.execute("SELECT 1 FROM invite WHERE public = ?", (public,)).fetchone() is not None
