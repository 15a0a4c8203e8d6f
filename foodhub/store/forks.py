"""Forks as a home holds them: the lowest proof of each log, kept for ever, and how one is made from what arrives.

A proof sets the limit of its log for good. Nothing here asks who is right: what lies above counts on no node.
"""

import sqlite3
from collections.abc import Iterable

from foodhub.log.encoding import MAX_SEQ, encode
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof, check_fork, prove_fork, read_fork, write_fork
from foodhub.log.header import VERSION, payload_hash
from foodhub.log.run import MAX_ENTRIES, CheckedRun, Line, Run
from foodhub.store.schema import SEQ_BITS


def fork_proofs(db: sqlite3.Connection, logs: Iterable[tuple[bytes, int]]) -> list[ForkProof]:
    """Return the proofs held for these logs."""
    query = "SELECT proof FROM fork_proof WHERE author = ? AND log = ?"
    return [read_fork(proof) for key in logs for (proof,) in db.execute(query, key)]


def new_proofs(db: sqlite3.Connection, since: int) -> list[ForkProof]:
    """Return the proofs that came after the arrival number `since`."""
    return [read_fork(proof) for (proof,) in db.execute("SELECT proof FROM fork_proof WHERE arrival > ?", (since,))]


def read_branch(db: sqlite3.Connection, author: bytes, log: int, after: int) -> Run | None:
    """Return the headers behind `after` up to the next signature, whether they count or not; None when not held."""
    row = db.execute("SELECT ref, pruned, pruned_id FROM log WHERE author = ? AND log = ?", (author, log)).fetchone()
    if row is None or after >= MAX_SEQ:
        return None
    first = (row[0] << SEQ_BITS) + after
    backlink = id_at(db, row, after)
    rows = db.execute(
        "SELECT place, kind, timestamp, size, hash, payload, signature FROM entry WHERE place > ? AND place <= ?"
        " ORDER BY place",
        (first, first + MAX_ENTRIES),
    ).fetchall()
    end = next((n for n, entry in enumerate(rows, 1) if entry[6] is not None), 0)
    if backlink is None or not end or rows[end - 1][0] != first + end:
        return None
    lines: list[Line] = []
    before = 0
    for _, kind, timestamp, size, hashed, payload, _ in rows[:end]:
        lines.append((kind, timestamp - before, size, hashed if payload is None else payload_hash(payload)))
        before = timestamp
    return Run(VERSION, author, log, after + 1, backlink, lines, rows[end - 1][6])


def id_at(db: sqlite3.Connection, where: tuple[int, int, bytes], seq: int) -> bytes | None:
    """Return the id of the entry at a seq of the log `where` (ref, pruned, pruned_id).

    It is b"" at 0, and None when it is not held (any more).
    """
    ref, pruned, pruned_id = where
    if seq >= MAX_SEQ:
        return None
    if seq == 0:
        return b""
    if seq == pruned:
        return pruned_id
    row = db.execute("SELECT id FROM entry WHERE place = ?", ((ref << SEQ_BITS) + seq,)).fetchone()
    return row[0] if row else None


def ids_at(db: sqlite3.Connection, author: bytes, log: int, seqs: Iterable[int]) -> list[bytes]:
    """Return the ids at these places as far as they count and are held, else b""."""
    row = db.execute(
        "SELECT ref, pruned, pruned_id, seq FROM log WHERE author = ? AND log = ?", (author, log)
    ).fetchone()
    if row is None:
        return [b"" for _ in seqs]
    place, head = row[:3], row[3]
    return [(id_at(db, place, seq) or b"") if seq <= head else b"" for seq in seqs]


def as_run(run: CheckedRun) -> Run:
    """Return a checked run as it travels."""
    lines: list[Line] = []
    before = 0
    for kind, timestamp, size, hashed in zip(run.kinds, run.timestamps, run.sizes, run.hashes, strict=True):
        lines.append((kind, timestamp - before, size, hashed))
        before = timestamp
    return Run(VERSION, run.author, run.log, run.first, run.backlink, lines, run.signature)


def record_branch(db: sqlite3.Connection, circuit: bytes, branch: Run, arrival: int) -> bool:
    """Make the proof of a fork from a branch that differs from what is held; return whether that made a new limit.

    Raises:
        PeerFault: `bad_fork` when it shows none; `branched` when it begins where we hold no entry any more, so that
            somebody who does has to prove it; what is wrong with the branch.
    """
    row = db.execute("SELECT pruned FROM log WHERE author = ? AND log = ?", (branch.author, branch.log)).fetchone()
    if row is not None and branch.first <= row[0]:
        raise PeerFault("branched")
    at = branch.first
    while (ours := read_branch(db, branch.author, branch.log, at - 1)) is not None:
        proof = prove_fork(circuit, ours, branch)
        if proof is not None:
            return record_proof(db, circuit, proof, arrival)
        at += len(ours.lines)
        if at >= branch.first + len(branch.lines):
            break
    raise PeerFault("bad_fork")


def record_proof(db: sqlite3.Connection, circuit: bytes, proof: ForkProof, arrival: int) -> bool:
    """Keep a proof if it is the lowest of its log; return whether it was.

    Raises:
        PeerFault: it does not hold.
    """
    fork = check_fork(circuit, proof)
    if len(encode(proof)) > MAX_PROOF:
        raise PeerFault("too_large")
    changed = db.execute(
        "INSERT INTO fork_proof VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq,"
        " backlink = excluded.backlink, proof = excluded.proof, arrival = excluded.arrival WHERE excluded.seq < seq",
        (fork.author, fork.log, fork.seq, fork.backlink, write_fork(proof), arrival),
    )
    return changed.rowcount > 0


def strangers_proved(db: sqlite3.Connection) -> int:
    """Count the proofs about authors of whom nothing is held: one may have to come before the first run."""
    query = "SELECT count(*) FROM fork_proof f WHERE NOT EXISTS (SELECT 1 FROM log l WHERE l.author = f.author)"
    return int(db.execute(query).fetchone()[0])


MOST_STRANGERS = 1000
"""So many proofs about strangers are kept, so that nobody fills our disk with forks of keys made for it."""
MAX_PROOF = 64 * 1024
"""Two runs of 256 headers have some 25 kB."""
