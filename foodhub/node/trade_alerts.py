"""What waits in the trade for a person: purchase orders that nobody saw or answered, orders that came too late.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_
from foodhub.node.hat import Hat, shown_name

UNSEEN = 3_600_000
"""How long (ms) a purchase order may stay unseen before its hub is told to telephone."""
RECENT = 30 * 86_400_000
"""What closed longer ago (ms) is nobody's alert any more."""

Waiting = tuple[str, tuple[str, str], dict[str, str]]
"""Code, message and hint, and what stands in them."""


def trade_alerts(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield what waits for a member at `now` (ms): code, (message id, hint id) and details."""
    yield from _unseen(db, hat, now)
    yield from _unanswered(db, hat, now)
    yield from _late(db, hat, now)


_ORDERS = (
    "SELECT o.id, p.producer, p.local, coalesce(c.name, ''), coalesce(k.phone, '') FROM purchase p"
    " JOIN party o ON o.ref = p.owner LEFT JOIN party f ON f.id = p.producer"
    " LEFT JOIN purchase_answer a ON a.owner = f.ref AND a.hub = o.id AND a.cycle = p.cycle AND a.part = p.part"
    " LEFT JOIN contact k ON k.owner = f.ref"
    " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
    " WHERE p.timestamp > ?"
)


def _unseen(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    query = f"{_ORDERS} AND o.id = ? AND a.state IS NULL AND p.timestamp < ? ORDER BY p.timestamp, p.local"
    for _hub, producer, _local, cycle, phone in db.execute(query, (now - RECENT, hat.member, now - UNSEEN)):
        texts = _UNSEEN_WITH_PHONE if phone else _UNSEEN
        yield "purchase_unseen", texts, {"producer": shown_name(db, producer), "cycle": cycle, "phone": phone}


def _unanswered(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    query = f"{_ORDERS} AND p.producer = ? AND coalesce(a.state, 'sent') IN ('sent', 'seen') ORDER BY p.timestamp"
    for hub, _producer, local, cycle, _phone in db.execute(query, (now - RECENT, hat.member)):
        number = base32_id(local)[:8].upper()
        details = {"hub": shown_name(db, hub), "cycle": cycle, "number": f"{number[:4]}-{number[4:]}"}
        yield "purchase_waits", _WAITS, details


def _late(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the cycles with orders that came too late and can still be accepted."""
    rows = db.execute(
        "SELECT coalesce(c.name, ''), count(*) FROM answer a JOIN party o ON o.ref = a.owner"
        " JOIN party b ON b.id = a.buyer JOIN placement p ON p.owner = b.ref AND p.local = a.placement"
        " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE o.id = ? AND a.outcome = 'late' AND a.timestamp > ? AND NOT p.cancelled AND NOT EXISTS"
        " (SELECT 1 FROM purchase q WHERE q.owner = a.owner AND q.cycle_owner = p.cycle_owner AND q.cycle = p.cycle)"
        " GROUP BY p.cycle_owner, p.cycle ORDER BY 1",
        (hat.member, now - RECENT),
    )
    for cycle, count in rows:
        yield "orders_late", _LATE, {"cycle": cycle, "n": str(count)}


_UNSEEN_WITH_PHONE = (
    N_('{producer} has not seen its purchase order of "{cycle}" yet.'),
    N_("Telephone: {phone}"),
)
_UNSEEN = (
    N_('{producer} has not seen its purchase order of "{cycle}" yet.'),
    N_("Tell it to start its node, or ask for its number: foodhub contact set, there."),
)
_WAITS = (
    N_('{hub} sent you a purchase order of "{cycle}".'),
    N_("Look at it: foodhub purchase show {number}; then: foodhub purchase accept {number}"),
)
_LATE = (
    N_('Orders that came too late for "{cycle}": {n}.'),
    N_("You may still take them: foodhub order accept-late ORDER"),
)
