"""What waits in the trade for a person: purchase orders that nobody saw or answered, orders that came too late.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator

import msgspec

from foodhub.catalog.naming import id_of_both
from foodhub.errors import N_
from foodhub.node.hat import Hat, shown_name
from foodhub.node.mute import noted

UNSEEN = 3_600_000
"""How long (ms) a purchase order may stay unseen before its hub is told to telephone."""
RECENT = 30 * 86_400_000
"""What closed longer ago (ms) is nobody's alert any more."""

Waiting = tuple[str, tuple[str, str], dict[str, str]]
"""Code, message and hint, and what stands in them."""


def trade_alerts(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield what waits for a member at `now` (ms): code, (message id, hint id) and details."""
    yield from _unsent(db, hat, now)
    yield from _unseen(db, hat, now)
    yield from _unanswered(db, hat, now)
    yield from _late(db, hat, now)
    yield from _opened_again(db, hat, now)


_ORDERS = (
    "SELECT o.id, p.producer, p.local, coalesce(c.name, ''), coalesce(k.phone, '') FROM purchase p"
    " JOIN party o ON o.ref = p.owner LEFT JOIN party f ON f.id = p.producer"
    " LEFT JOIN purchase_answer a ON a.owner = f.ref AND a.hub = o.id AND a.cycle = p.cycle AND a.part = p.part"
    " AND a.purchase_version = p.version"
    " LEFT JOIN contact k ON k.owner = f.ref"
    " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
    " WHERE p.timestamp > ?"
)


def _unsent(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the producers that have no purchase order, since nothing can be sealed to them."""
    for cycle, producer, reachable in noted(db, hat):
        row = db.execute(
            "SELECT c.name FROM cycle c JOIN party o ON o.ref = c.owner"
            " WHERE o.id = ? AND c.local = ? AND c.closes > ?",
            (*cycle, now - RECENT),
        ).fetchone()
        if row is not None and not reachable:
            yield "purchase_unsent", _UNSENT, {"producer": shown_name(db, producer), "cycle": row[0]}


def _unseen(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    query = f"{_ORDERS} AND o.id = ? AND a.state IS NULL AND p.timestamp < ? ORDER BY p.timestamp, p.local"
    for _hub, producer, _local, cycle, phone in db.execute(query, (now - RECENT, hat.member, now - UNSEEN)):
        reader = _reader(db, producer)
        if reader == hat.member:
            continue  # it waits for our own answer
        texts = _UNSEEN_WITH_PHONE if phone else _UNSEEN if reader == producer else _UNSEEN_BY
        details = {"producer": shown_name(db, producer), "cycle": cycle, "phone": phone}
        yield "purchase_unseen", texts, details | ({"reader": shown_name(db, reader)} if reader != producer else {})


def _unanswered(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    query = f"{_ORDERS} AND coalesce(a.state, 'sent') IN ('sent', 'seen') ORDER BY p.timestamp"
    own, others = _own(db, hat), _represented(db, hat)
    for hub, producer, local, cycle, _phone in db.execute(query, (now - RECENT,)):
        number = id_of_both(hub, local)[:8].upper()
        details = {"hub": shown_name(db, hub), "cycle": cycle, "number": f"{number[:4]}-{number[4:]}"}
        if producer in own:
            yield "purchase_waits", _WAITS, details
        elif producer in others:
            yield "purchase_waits", _WAITS_FOR, details | {"producer": shown_name(db, producer)}


def _own(db: sqlite3.Connection, hat: Hat) -> set[bytes]:
    """Return a hat, and the producer that it says it is and was confirmed to be (see `buyers`, which loads more)."""
    rows = db.execute(
        "SELECT s.member FROM successor s JOIN claim c ON c.member = s.member JOIN party p ON p.ref = c.owner"
        ' WHERE s."by" = ?1 AND p.id = ?1',
        (hat.member,),
    )
    return {hat.member} | {member for (member,) in rows}


def _represented(db: sqlite3.Connection, hat: Hat) -> set[bytes]:
    """Return the producers whom a hat represents."""
    rows = db.execute(
        "SELECT r.member FROM represented r JOIN party p ON p.ref = r.owner WHERE p.id = ? AND r.role = 'producer'"
        " AND NOT r.ended AND NOT EXISTS (SELECT 1 FROM successor s WHERE s.member = r.member)",
        (hat.member,),
    )
    return {member for (member,) in rows}


def _reader(db: sqlite3.Connection, producer: bytes) -> bytes:
    """Return who reads what is for a producer: whoever wrote its name for it, where nobody was confirmed to be it."""
    row = db.execute(
        "SELECT w.id FROM party p JOIN profile f ON f.owner = p.ref JOIN party w ON w.ref = f.spoken WHERE p.id = ?"
        " AND NOT EXISTS (SELECT 1 FROM successor s WHERE s.member = p.id)"
        " AND NOT EXISTS (SELECT 1 FROM epoch e WHERE e.member = p.id)",
        (producer,),
    ).fetchone()
    return bytes(row[0]) if row else producer


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


def _opened_again(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the cycles that their coordinator opened again, but in which our own sale is over."""
    rows = db.execute(
        "SELECT m.id, c.name, o.body FROM close x JOIN member m ON m.ref = x.owner AND m.id = x.cycle_owner"
        " JOIN cycle c ON c.owner = x.owner AND c.local = x.cycle"
        " JOIN outgoing o ON o.cycle_owner = x.cycle_owner AND o.cycle = x.cycle JOIN member w ON w.ref = o.owner"
        " WHERE x.open AND c.opens <= ?1 AND c.closes > ?1 AND w.id = ?2 AND m.id != ?2 ORDER BY c.closes",
        (now, hat.member),
    )
    for owner, name, body in rows:
        # Until when we sell is the eighth of what is said. What an exchange is would load all that signs.
        if msgspec.msgpack.decode(body)[7] <= now:
            yield "opened_again", _OPENED_AGAIN, {"hub": shown_name(db, owner), "cycle": name}


_OPENED_AGAIN = (
    N_('{hub} has opened "{cycle}" again. Your own sale there is over until you say a new time.'),
    N_('Your customers can order again after: foodhub cycle sell "{cycle}" --closes WHEN'),
)
_UNSENT = (
    N_('The purchase order of "{cycle}" has not gone to {producer}: no key of it is here yet.'),
    N_('It goes by itself once its node has synced. Until then call it; what was ordered: foodhub desk show "{cycle}"'),
)
_UNSEEN_WITH_PHONE = (
    N_('{producer} has not seen its purchase order of "{cycle}" yet.'),
    N_("Telephone: {phone}"),
)
_UNSEEN = (
    N_('{producer} has not seen its purchase order of "{cycle}" yet.'),
    N_("Tell it to start its node, or ask for its number: foodhub contact set, there."),
)
_UNSEEN_BY = (
    N_('{reader} has not seen the purchase order of "{cycle}" for {producer} yet.'),
    N_("Tell {reader} to start its node: what is for {producer} goes there."),
)
_WAITS = (
    N_('{hub} sent you a purchase order of "{cycle}".'),
    N_("Look at it: foodhub purchase show {number}; then: foodhub purchase accept {number}"),
)
_WAITS_FOR = (
    N_('{hub} sent {producer}, whom you represent, a purchase order of "{cycle}".'),
    N_('Ask it, then: foodhub purchase accept {number} --for "{producer}" --by phone'),
)
_LATE = (
    N_('Orders that came too late for "{cycle}": {n}.'),
    N_("You may still take them: foodhub order accept-late ORDER"),
)
