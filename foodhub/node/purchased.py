"""Which purchase orders rest on what customers are confirmed now: not those from before a cycle was opened again.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3

_FROM = (
    "FROM purchase p JOIN party o ON o.ref = p.owner WHERE o.id = ? AND p.cycle_owner = ? AND p.cycle = ?"
    " AND NOT EXISTS (SELECT 1 FROM confirmation c WHERE c.cycle = p.cycle AND c.cycle_owner = p.cycle_owner"
    " AND c.owner = p.owner AND c.fingerprint <> p.fingerprint AND NOT EXISTS (SELECT 1 FROM confirmation n"
    " WHERE n.cycle = c.cycle AND n.cycle_owner = c.cycle_owner AND n.owner = c.owner AND n.buyer = c.buyer"
    " AND n.version > c.version))"
)
"""They go once all customers are told; who is told otherwise is told with another fingerprint. No time is compared."""


def in_force(db: sqlite3.Connection, hub: bytes, cycle: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """Return (producer, body) of the purchase orders of what is confirmed now in a cycle (owner, local id)."""
    return db.execute(f"SELECT p.producer, p.body {_FROM}", (hub, *cycle)).fetchall()


def is_purchased(db: sqlite3.Connection, hub: bytes, cycle: tuple[bytes, bytes]) -> bool:
    """Say whether purchase orders rest on what is confirmed now in a cycle (owner, local id)."""
    return db.execute(f"SELECT 1 {_FROM} LIMIT 1", (hub, *cycle)).fetchone() is not None
