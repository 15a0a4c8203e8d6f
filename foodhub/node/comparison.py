"""Comparing nodes: two that hold the same entries show the same rows in every shared view; this is how one sees it."""

import sqlite3

from foodhub.log.frontier import frontier_digest
from foodhub.log.keys import digest
from foodhub.store.outgoing import frontier

SHARED = {
    "members": "SELECT m.id, m.roles, m.admitted, m.removed, p.name"
    " FROM member m LEFT JOIN profile p ON p.owner = m.ref",
    "devices": "SELECT key, member, retired, position, heir FROM device",
    "keepers": 'SELECT member, "right", device FROM keeper',
    "limits": 'SELECT author, log, "limit" FROM log WHERE "limit" > 0 AND seq > 0'
    " AND (author IN (SELECT key FROM device) OR log = 0 AND author IN (SELECT key FROM guest))"
    ' UNION SELECT author, log, "limit" FROM cut',
    "erased": "SELECT author, log, first, last FROM erased",
    "products": "SELECT m.id, p.local, p.version, p.name, p.variant, p.price, p.price_per, p.unit, p.unit_value,"
    " p.withdrawn, s.mode, s.on_hand FROM product p JOIN member m ON m.ref = p.owner"
    " LEFT JOIN stock s ON s.owner = p.owner AND s.local = p.local",
    "cycles": "SELECT m.id, c.local, c.version, c.name, c.opens, c.closes, c.sale"
    " FROM cycle c JOIN member m ON m.ref = c.owner",
}
"""The shared views: what every node of a circuit has to show alike once it holds the same entries."""


def shared_rows(db: sqlite3.Connection) -> dict[str, tuple[int, str]]:
    """Return how many rows each shared view has, and a digest of them that is equal where the rows are."""
    found = {}
    for name, query in SHARED.items():
        rows = sorted(db.execute(query).fetchall(), key=repr)
        found[name] = (len(rows), digest(repr(rows).encode(), b"foodhub-shared", 16).hex())
    return found


def frontier_of(db: sqlite3.Connection) -> tuple[int, str]:
    """Return how many entries are held, and the digest of how far all logs go."""
    items = frontier(db)
    return sum(item.seq for item in items), frontier_digest(items).hex()
