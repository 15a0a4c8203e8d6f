"""Reading logs out for others: how far each goes, and runs that end where a signature stands."""

import sqlite3

from foodhub.log.frontier import Item
from foodhub.log.header import VERSION, payload_hash
from foodhub.log.run import MAX_ENTRIES, MAX_RUN_BYTES, Line, Run
from foodhub.store.schema import SEQ_BITS


def frontier(db: sqlite3.Connection) -> list[Item]:
    """Return how far each log goes, in the order in which they were first taken."""
    rows = db.execute('SELECT author, log, seq, id, "limit" FROM log WHERE seq > 0 ORDER BY ref')
    return [Item(*row) for row in rows]


def read_run(
    db: sqlite3.Connection, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES
) -> tuple[Run, list[bytes]] | None:
    """Return the longest run behind `after` with at most `most` bytes of payload, and its payloads.

    A payload that is absent is b"". None when there is nothing behind `after`, or nothing that ends at a signature
    within the bounds.
    """
    held = db.execute("SELECT ref FROM log WHERE author = ? AND log = ?", (author, log)).fetchone()
    if held is None:
        return None
    first = (held[0] << SEQ_BITS) + after
    before = db.execute("SELECT id, timestamp FROM entry WHERE place = ?", (first,)).fetchone() if after else (b"", 0)
    rows = db.execute(
        "SELECT kind, timestamp, size, hash, payload, signature FROM entry"
        " WHERE place > ? AND place <= ? ORDER BY place",
        (first, first + MAX_ENTRIES),
    ).fetchall()
    if before is None or not rows:
        return None
    end, size = 0, 0
    for index, row in enumerate(rows, 1):
        size += row[2]
        if size > most:
            break
        if row[5] is not None:
            end = index
    if not end:
        return None
    lines: list[Line] = []
    earlier = 0
    for kind, timestamp, length, hashed, payload, _ in rows[:end]:
        lines.append((kind, timestamp - earlier, length, hashed if payload is None else payload_hash(payload)))
        earlier = timestamp
    run = Run(VERSION, author, log, after + 1, before[0], lines, rows[end - 1][5])
    return run, [row[4] or b"" for row in rows[:end]]
