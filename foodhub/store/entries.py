"""Taking entries in: what a checked run adds to the logs held here, and what it may not.

The order of the checks is the protocol's: author known, gap, fork, limit, signature, timestamp, payloads. A refusal
changes nothing but what is on record about a fork; overlap with what is held is normal, since the same run may come
from several peers.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat

from foodhub.log.faults import PeerFault
from foodhub.log.header import Kind
from foodhub.log.run import CheckedRun, check_payloads
from foodhub.store.authors import author_known
from foodhub.store.checkpoints import begins_checkpoint, checkpoint_ending, ends_in, last_checkpoint
from foodhub.store.erasures import Erased
from foodhub.store.fold import Fold
from foodhub.store.forks import as_run, id_at, record_branch
from foodhub.store.limits import known_limit, named_id
from foodhub.store.schema import SEQ_BITS

ROWS = 32
"""Rows that one statement writes; more of them gain nothing."""
_WRITE_ONE = "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_WRITE = _WRITE_ONE + ", (?, ?, ?, ?, ?, ?, ?, ?)" * (ROWS - 1)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log as held here; `seq` is its counted head. See `schema` for what each number says."""

    ref: int = 0
    seq: int = 0
    id: bytes = b""
    timestamp: int = 0
    limit: int = 0
    held: int = 0
    pruned: int = 0
    pruned_id: bytes = b""
    jump: int = 0

    @property
    def where(self) -> tuple[int, int, bytes]:
        """Return what `forks.id_at` asks for."""
        return self.ref, self.pruned, self.pruned_id


def log_row(db: sqlite3.Connection, author: bytes, log: int) -> LogRow | None:
    """Return one log, None when nothing of it is held."""
    row = db.execute(
        'SELECT ref, seq, id, timestamp, "limit", held, pruned, pruned_id, jump FROM log WHERE author = ? AND log = ?',
        (author, log),
    ).fetchone()
    return LogRow(*row) if row else None


def take_run(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None], own: frozenset[bytes]) -> int:
    """Take what is new in a run; return how many entries that was.

    Raises:
        PeerFault: `unknown_author`, `gap`, `forked`, `branched`, `own_log`, `above_limit`, `unsigned`,
            `bad_timestamp`, `bad_payload` or `payload_missing`.
    """
    held = log_row(fold.db, run.author, run.log)
    if run.author in own:
        return _own_run(fold, held, run)
    # A row that a fork proof made is no acquaintance.
    if not (held and held.held) and not author_known(fold, run, payloads):
        raise PeerFault("unknown_author")
    at = held or LogRow(limit=known_limit(fold.db, run.author, run.log))
    if run.first > at.seq + 1:
        return _take_jump(fold, run, payloads, at)
    skip = _overlap(fold, at, run)
    if skip == len(run.ids):
        _keep_signature(fold, at, run)
        return 0
    _compare_aside(fold, at, run)
    if at.limit and run.last >= at.limit:
        raise PeerFault("above_limit")
    if run.timestamps[skip] < at.timestamp:
        raise PeerFault("bad_timestamp")
    check_payloads(run, payloads)
    if not run.signature and not _named(fold.db, run):
        raise PeerFault("unsigned")
    insert(fold, run, payloads, at, skip)
    return len(run.ids) - skip


def _keep_signature(fold: Fold, at: LogRow, run: CheckedRun) -> None:
    """Keep the signature of an entry that was held in the middle of a run: a cut there can only be followed with it."""
    kept = fold.db.execute(
        "UPDATE entry SET signature = ? WHERE place = ? AND signature IS NULL AND id = ?",
        (run.signature or None, (at.ref << SEQ_BITS) + run.last, run.ids[-1]),
    )
    if run.signature and kept.rowcount:
        fold.limits_touched(run.log)


def _named(db: sqlite3.Connection, run: CheckedRun) -> bool:
    """Say whether a fork proof names the last entry of a run, which then needs no signature of its own."""
    return run.ids[-1] == named_id(db, run.author, run.log, run.last + 1)


def _compare_aside(fold: Fold, at: LogRow, run: CheckedRun) -> None:
    """Compare a run with what is set aside at its places below the limit, for want of a signature.

    Raises:
        PeerFault: `forked` when they part, and both are signed.
    """
    common = min(run.last, at.held, at.limit - 1 if at.limit else at.held)
    if at.jump or common <= at.seq:
        return
    ours = id_at(fold.db, at.where, common)
    if ours is None or ours == run.ids[common - run.first]:
        return
    try:
        _part(fold, at, run)
    except PeerFault:
        return  # nobody signed what is aside: it gives way
    raise PeerFault("forked")


def _own_run(fold: Fold, held: LogRow | None, run: CheckedRun) -> int:
    """Look at a run that our own key has signed: nothing in it may be new to us, wherever it begins."""
    if not run.signature:
        raise PeerFault("unsigned")  # nobody vouches for it, so it proves nothing
    at = held or LogRow()
    try:
        known = _overlap(fold, at, run) if run.first <= at.seq + 1 else 0
    except PeerFault:
        known = 0
    if known < len(run.ids) and not (at.limit and run.first >= at.limit):
        raise PeerFault("own_log")
    return 0


def _overlap(fold: Fold, at: LogRow, run: CheckedRun) -> int:
    """Return how many entries of a run that begins at most one behind our head are held already.

    Raises:
        PeerFault: `forked` when it says something else about a place that we hold, which is on record from then on;
            `branched` when it parts from what we hold somewhere before its first entry.
    """
    common = min(run.last, at.seq)
    if common >= run.first:
        ours = id_at(fold.db, at.where, common)
        if ours is None or ours == run.ids[common - run.first]:
            return common - run.first + 1
    elif run.backlink == at.id:
        return 0
    _part(fold, at, run)
    raise PeerFault("forked")


def _part(fold: Fold, at: LogRow, run: CheckedRun) -> None:
    """Put on record where a run parts from what we hold.

    Raises:
        PeerFault: `branched` when that is before its first entry.
    """
    before = id_at(fold.db, at.where, run.first - 1)
    if before != run.backlink or not run.signature:
        raise PeerFault("branched")
    try:
        if record_branch(fold.db, fold.circuit, as_run(run), fold.arrival):
            fold.limits_touched(run.log)
            fold.flush()
    except PeerFault:
        raise PeerFault("branched") from None


def _take_jump(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None], at: LogRow) -> int:
    """Take parts of a checkpoint that lies beyond our head; they are set aside until it is complete.

    Raises:
        PeerFault: `gap` when it is none, or not the one that has been begun; else see `take_run`.
    """
    db = fold.db
    goes_on = bool(at.jump) and at.jump < run.first <= at.held + 1
    if not goes_on and not begins_checkpoint(run, payloads):
        raise PeerFault("gap")
    if goes_on and id_at(db, at.where, run.first - 1) != run.backlink:
        raise PeerFault("gap")
    if at.limit and run.last >= at.limit:
        raise PeerFault("above_limit")
    if not run.signature and not _named(db, run):
        raise PeerFault("unsigned")
    check_payloads(run, payloads)
    if not at.ref:
        at = replace(at, ref=_new_log(db, run, at))
    first = at.ref << SEQ_BITS
    if not goes_on:
        db.execute("DELETE FROM entry WHERE place > ? AND place < ?", (first + at.seq, (at.ref + 1) << SEQ_BITS))
        db.execute("UPDATE log SET jump = ?, jump_id = ? WHERE ref = ?", (run.first, run.backlink, at.ref))
    _write(fold, run, payloads, at.ref, 0)
    db.execute("UPDATE log SET held = ? WHERE ref = ?", (run.last, at.ref))
    if any(checkpoint_ending(db, at.ref, seq) for seq in ends_in(run)):
        _complete_jump(fold, run, at.ref)
    return len(run.ids)


def _complete_jump(fold: Fold, run: CheckedRun, ref: int) -> None:
    """Let a log begin at its checkpoint: what it skipped counts as pruned and is not asked for."""
    db = fold.db
    base = last_checkpoint(db, ref, run.last)
    (jump, jump_id) = db.execute("SELECT jump, jump_id FROM log WHERE ref = ?", (ref,)).fetchone()
    before = jump_id if base == jump else id_at(db, (ref, 0, b""), base - 1)
    for table in ("entry", "wanted"):
        gone = f"DELETE FROM {table} WHERE place > ? AND place < ?"  # noqa: S608 - names of ours
        db.execute(gone, (ref << SEQ_BITS, (ref << SEQ_BITS) + base))
    db.execute(
        "UPDATE log SET seq = ?1, id = ?2, timestamp = ?3, base = ?5, pruned = ?5 - 1, pruned_id = ?6, jump = 0,"
        " jump_id = x'', arrival = ?4 WHERE ref = ?7",
        (run.last, run.ids[-1], run.timestamps[-1], fold.arrival, base, before, ref),
    )
    fold.again(run.author, run.log)


def _new_log(db: sqlite3.Connection, run: CheckedRun, at: LogRow) -> int:
    values = (run.author, run.log, at.limit)
    return db.execute('INSERT INTO log (author, log, "limit") VALUES (?, ?, ?)', values).lastrowid or 0


def insert(fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None], at: LogRow, skip: int = 0) -> None:
    """Write the entries of a run behind `skip` and fold them."""
    db = fold.db
    ref = at.ref or _new_log(db, run, at)
    if at.held > at.seq:
        # What is aside at these places agrees with the run, or gave way; what lies behind it may go on from it or not.
        parted = id_at(db, at.where, run.last) not in {None, run.ids[-1]}
        until = (ref + 1) << SEQ_BITS if parted and not at.limit else (ref << SEQ_BITS) + run.last + 1
        for table in ("entry", "wanted"):
            gone = f"DELETE FROM {table} WHERE place > ? AND place < ?"  # noqa: S608 - names of ours
            db.execute(gone, ((ref << SEQ_BITS) + at.seq, until))
        if parted and not at.limit:
            db.execute("UPDATE log SET held = seq WHERE ref = ?", (ref,))
    payloads = _write(fold, run, payloads, ref, skip)
    db.execute(
        "UPDATE log SET seq = ?1, id = ?2, timestamp = ?3, held = max(held, ?1), arrival = ?4,"
        " jump = CASE WHEN jump <= ?1 THEN 0 ELSE jump END WHERE ref = ?5",
        (run.last, run.ids[-1], run.timestamps[-1], fold.arrival, ref),
    )
    for seq in ends_in(run, skip):
        base = checkpoint_ending(db, ref, seq)
        if base:
            db.execute("UPDATE log SET base = ? WHERE ref = ?", (base, ref))
            db.execute("DELETE FROM wanted WHERE place > ? AND place < ?", (ref << SEQ_BITS, (ref << SEQ_BITS) + base))
            fold.again(run.author, run.log)
    first = (ref << SEQ_BITS) + run.first
    places = range(first, first + len(run.ids))
    entries = zip(places, run.ids, run.timestamps, payloads, run.kinds, strict=True)
    fold.add(run.author, run.log, islice(entries, skip, None))


def _write(
    fold: Fold, run: CheckedRun, payloads: Sequence[bytes | None], ref: int, skip: int
) -> Sequence[bytes | None]:
    """Write entries; return their payloads without the erased ones. The hash is kept only while a payload is absent."""
    db = fold.db
    first, count = (ref << SEQ_BITS) + run.first, len(run.ids)
    erased = Erased(db, run.author, run.log)
    if erased.any or None in payloads:
        gone = [kind == Kind.ERASABLE and erased.holds(seq) for seq, kind in enumerate(run.kinds, run.first)]
        payloads = [None if out else payload for out, payload in zip(gone, payloads, strict=True)]
        wanted = [(first + n,) for n in range(skip, count) if payloads[n] is None and not gone[n]]
        db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", wanted)
    hashes = [digest if payload is None else None for digest, payload in zip(run.hashes, payloads, strict=True)]
    signatures = [*repeat(None, count - 1), run.signature or None]
    rows = zip(
        range(first, first + count),
        run.ids,
        run.kinds,
        run.timestamps,
        run.sizes,
        hashes,
        payloads,
        signatures,
        strict=True,
    )
    _write_rows(db, list(islice(rows, skip, None)))
    return payloads


def _write_rows(db: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Write rows of `entry`, many to a statement as far as they go: that is cheaper, and lets other threads run."""
    single = len(rows) % ROWS
    db.executemany(_WRITE_ONE, rows[:single])
    db.executemany(_WRITE, (list(chain(*rows[at : at + ROWS])) for at in range(single, len(rows), ROWS)))
