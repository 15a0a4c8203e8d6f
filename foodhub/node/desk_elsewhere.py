"""Cycles that stay with the laptop that opened them: handing the desk over gives away only what is opened later.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator

from foodhub.errors import N_
from foodhub.node.hat import Hat

LATELY = 7 * 86_400_000
"""What closed longer ago (ms) waits for nobody's laptop any more."""


def cycles_of_device(db: sqlite3.Connection, member: bytes, device: bytes, now: int) -> list[str]:
    """Return the names of the cycles that a device of a member answers, and has not counted at `now` (ms)."""
    rows = db.execute(
        "SELECT c.name, c.closes, m.id, c.local FROM cycle c JOIN member m ON m.ref = c.owner"
        " WHERE m.id = ?1 AND c.device = ?2 AND c.closes > ?3"
        " UNION SELECT c.name, c.closes, w.id, c.local FROM outgoing o JOIN member m ON m.ref = o.owner"
        " JOIN party w ON w.id = o.cycle_owner JOIN cycle c ON c.owner = w.ref AND c.local = o.cycle"
        " WHERE m.id = ?1 AND o.device = ?2 AND c.closes > ?3 ORDER BY 2, 1",
        (member, device, now - LATELY),
    ).fetchall()
    return [name for name, closes, *key in rows if closes > now or _waits(db, member, key[0], key[1])]


def _waits(db: sqlite3.Connection, member: bytes, owner: bytes, cycle: bytes) -> bool:
    """Say whether somebody ordered in a cycle of which what counts was not signed."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM placement p WHERE p.hub = ?1 AND p.cycle_owner = ?2 AND p.cycle = ?3)"
        " AND NOT EXISTS (SELECT 1 FROM counted k JOIN party o ON o.ref = k.owner WHERE o.id = ?1"
        " AND k.cycle_owner = ?2 AND k.cycle = ?3)",
        (member, owner, cycle),
    ).fetchone()
    return bool(row[0])


def desks_elsewhere(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[tuple[bytes, list[str]]]:
    """Yield the other laptops of a hat that answer cycles though this one keeps the desk, and the names of these."""
    others = db.execute(
        "SELECT key FROM device WHERE member = ? AND key != ? AND NOT retired ORDER BY position",
        (hat.member, hat.device),
    ).fetchall()
    found = [(device, names) for (device,) in others if (names := cycles_of_device(db, hat.member, device, now))]
    if not found:
        return
    from foodhub.node.devices import keeper_of  # loads all that signs, which `foodhub status` seldom needs

    if keeper_of(db, hat.member, "desk") == hat.device:
        yield from found


TEXTS = (
    N_(
        "Orders in these cycles are answered on your laptop {device}, which opened them, and not on this one: {cycles}."
    ),
    N_(
        "Leave it on until their purchase orders are answered. If it is gone for good:"
        " foodhub device retire {device}, which hands them to this one"
    ),
)
