"""Reading logs out for others: how far each counts, and runs that end where somebody vouches for the last entry."""

import sqlite3

from foodhub.log.encoding import MAX_SEQ
from foodhub.log.frontier import Item
from foodhub.log.header import VERSION, Log, payload_hash
from foodhub.log.run import MAX_ENTRIES, MAX_RUN_BYTES, Line, Run
from foodhub.store.erasures import payloads_at, wanted
from foodhub.store.forks import fork_proofs, id_at, ids_at, new_proofs, read_branch
from foodhub.store.schema import SEQ_BITS

__all__ = [
    "fork_proofs",
    "frontier",
    "ids_at",
    "new_proofs",
    "payloads_at",
    "read_branch",
    "read_run",
    "wanted",
]


def frontier(db: sqlite3.Connection) -> list[Item]:
    """Return how far each log counts, in the order in which they were first taken.

    Only of devices, and logs 0 that stand on something that counts; none of which nothing counts.
    """
    rows = db.execute(
        'SELECT author, log, seq, id, "limit" FROM log l WHERE seq > 0'
        " AND (EXISTS (SELECT 1 FROM device WHERE key = l.author)"
        " OR l.log = 0 AND EXISTS (SELECT 1 FROM guest WHERE key = l.author)) ORDER BY ref"
    )
    return [Item(*row) for row in rows]


def read_run(
    db: sqlite3.Connection, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES
) -> tuple[Run, list[bytes]] | None:
    """Return the longest run behind `after` with at most `most` bytes of payload, and its payloads.

    Of a log 1 it begins at the last checkpoint, where that lies further on. A payload that is absent is b"". None when
    nothing counts behind `after`, or nothing that ends at a signature within the bounds.
    """
    held = db.execute(
        'SELECT ref, pruned, pruned_id, seq, base, "limit" FROM log WHERE author = ? AND log = ?', (author, log)
    ).fetchone()
    if held is None or after >= MAX_SEQ:
        return None
    where, (head, base, limit) = held[:3], held[3:]
    if log == Log.CATALOG and after < base - 1:
        after = base - 1
    first = (where[0] << SEQ_BITS) + after
    backlink = id_at(db, where, after)
    rows = db.execute(
        "SELECT kind, timestamp, size, hash, payload, signature FROM entry"
        " WHERE place > ? AND place <= ? ORDER BY place",
        (first, first + min(MAX_ENTRIES, head - after)),
    ).fetchall()
    if backlink is None or not rows:
        return None
    end, size = 0, 0
    for index, row in enumerate(rows, 1):
        size += row[2]
        if size > most:
            break
        if row[5] is not None or after + index == head == limit - 1:
            end = index
    if not end:
        return None
    lines: list[Line] = []
    earlier = 0
    for kind, timestamp, length, hashed, payload, _ in rows[:end]:
        lines.append((kind, timestamp - earlier, length, hashed if payload is None else payload_hash(payload)))
        earlier = timestamp
    run = Run(VERSION, author, log, after + 1, backlink, lines, rows[end - 1][5] or b"")
    return run, [row[4] or b"" for row in rows[:end]]
