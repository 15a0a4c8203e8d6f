"""Orders that came too late, as those have to know it who may take them, who gave them, and who lacks them.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_
from foodhub.node.hat import Hat, shown_name
from foodhub.node.purchased import is_purchased
from foodhub.node.reopened import Waiting

ANSWERED_IN = 5 * 60_000
"""So long (ms) after the close an answer may take without anybody being told."""
LATE = "late"
"""Why a line of a confirmation got less: the order to the supplier came too late."""


def late_alerts(db: sqlite3.Connection, hat: Hat, now: int, recent: int, lately: int) -> Iterator[Waiting]:
    """Yield what came too late at `now` (ms): to us since `recent`, of our own since `lately`."""
    yield from _late(db, hat, now, recent)
    yield from _unheard(db, hat, now, lately)
    yield from _own_late(db, hat, lately)
    yield from _supply_late(db, hat, recent)


def _late(db: sqlite3.Connection, hat: Hat, now: int, since: int) -> Iterator[Waiting]:
    """Yield the cycles with orders, or changes to some, that came too late and can still be accepted."""
    rows = db.execute(
        "SELECT coalesce(c.name, ''), count(*), p.cycle_owner, p.cycle FROM answer a JOIN party o ON o.ref = a.owner"
        " JOIN party b ON b.id = a.buyer JOIN placement p ON p.owner = b.ref AND p.local = a.placement"
        " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE o.id = ? AND a.timestamp > ? AND (a.outcome = 'late' AND NOT p.cancelled OR a.outcome = 'received'"
        " AND a.reason = 'late' AND EXISTS (SELECT 1 FROM counted k WHERE k.owner = a.owner"
        " AND k.cycle_owner = p.cycle_owner AND k.cycle = p.cycle AND k.at > p.timestamp))"
        " GROUP BY p.cycle_owner, p.cycle ORDER BY 1",
        (hat.member, since),
    )
    for cycle, count, *key in rows.fetchall():
        if not is_purchased(db, hat.member, (key[0], key[1])) and _can_change(db, hat, (key[0], key[1]), now):
            yield "orders_late", _LATE, {"cycle": cycle, "n": str(count)}


def _can_change(db: sqlite3.Connection, hat: Hat, key: tuple[bytes, bytes], now: int) -> bool:
    """Say whether more can still be had in a cycle (owner, local id): not where our supplier has closed."""
    from foodhub.node.changing import is_changeable  # loads all that signs, which the state seldom needs
    from foodhub.node.cycles import cycle_at
    from foodhub.node.exchanges import exchange_of

    cycle = cycle_at(db, key, now)
    exchange = exchange_of(db, hat.member, cycle) if cycle is not None else None
    return cycle is not None and exchange is not None and is_changeable(db, exchange, cycle, now)


def _unheard(db: sqlite3.Connection, hat: Hat, now: int, since: int) -> Iterator[Waiting]:
    """Yield our own orders that nobody has answered though their cycle has closed: a call may still save them."""
    rows = db.execute(
        "SELECT p.hub, c.name, p.local FROM placement p JOIN party b ON b.ref = p.owner JOIN party h ON h.id = p.hub"
        " JOIN party w ON w.id = p.cycle_owner JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE b.id = ?1 AND c.closes BETWEEN ?2 AND ?3 AND NOT p.cancelled AND NOT EXISTS (SELECT 1 FROM answer a"
        " WHERE a.owner = h.ref AND a.placement = p.local AND a.buyer = b.id) AND NOT EXISTS (SELECT 1 FROM outgoing x"
        " WHERE x.owner = p.owner AND x.cycle_owner = p.cycle_owner AND x.cycle = p.cycle) ORDER BY p.placed, p.local",
        (hat.member, since, now - ANSWERED_IN),
    )
    for hub, cycle, local in rows.fetchall():
        number = base32_id(local)[:8].upper()
        details = {"hub": shown_name(db, hub), "cycle": cycle, "number": f"{number[:4]}-{number[4:]}"}
        yield "own_order_unheard", _UNHEARD, details


def _own_late(db: sqlite3.Connection, hat: Hat, since: int) -> Iterator[Waiting]:
    """Yield our own orders, and changes to them, that lately came too late; what a group or hub sums up is apart."""
    rows = db.execute(
        "SELECT p.cycle_owner, p.cycle, p.hub, coalesce(c.name, ''), a.outcome,"
        " (SELECT q.local FROM placement q WHERE q.owner = p.owner"
        " AND q.cycle_owner = p.cycle_owner AND q.cycle = p.cycle AND q.hub = p.hub ORDER BY q.placed, q.local LIMIT 1)"
        " FROM placement p JOIN party b ON b.ref = p.owner JOIN party h ON h.id = p.hub"
        " JOIN answer a ON a.owner = h.ref AND a.placement = p.local AND a.buyer = b.id"
        " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE b.id = ?1 AND a.timestamp > ?2 AND a.placement_version = p.version AND 'late' IN (a.outcome, a.reason)"
        " AND (a.outcome = 'received' OR NOT p.cancelled) AND NOT EXISTS (SELECT 1 FROM outgoing x"
        " WHERE x.owner = p.owner AND x.cycle_owner = p.cycle_owner AND x.cycle = p.cycle) ORDER BY p.placed, p.local",
        (hat.member, since),
    )
    for *key, hub, cycle, outcome, local in rows.fetchall():
        number = base32_id(local)[:8].upper()
        details = {"hub": shown_name(db, hub), "cycle": cycle, "number": f"{number[:4]}-{number[4:]}"}
        texts = _CHANGE_LATE if outcome == "received" else _PART_LATE if _counts(db, hat, hub, key) else _OWN_LATE
        yield "own_order_late", texts, details


def _counts(db: sqlite3.Connection, hat: Hat, hub: bytes, cycle: Sequence[bytes]) -> bool:
    """Say whether something that we ordered from a hub in a cycle (owner, local id) was received in time."""
    row = db.execute(
        "SELECT 1 FROM placement p JOIN party b ON b.ref = p.owner JOIN party h ON h.id = p.hub"
        " JOIN answer a ON a.owner = h.ref AND a.placement = p.local AND a.buyer = b.id WHERE b.id = ? AND p.hub = ?"
        " AND p.cycle_owner = ? AND p.cycle = ? AND NOT p.cancelled AND a.outcome = 'received' LIMIT 1",
        (hat.member, hub, *cycle),
    ).fetchone()
    return row is not None


def _supply_late(db: sqlite3.Connection, hat: Hat, since: int) -> Iterator[Waiting]:
    """Yield the cycles in which our customers lack something since our own order came too late for our supplier."""
    rows = db.execute(
        "SELECT coalesce(c.name, ''), x.body, k.body FROM confirmation k JOIN party o ON o.ref = k.owner"
        " JOIN outgoing x ON x.owner = k.owner AND x.cycle_owner = k.cycle_owner AND x.cycle = k.cycle"
        " LEFT JOIN party w ON w.id = k.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = k.cycle"
        # The reason as it is encoded, so that not all that was confirmed is decoded; somebody may write the same.
        " WHERE o.id = ? AND k.timestamp > ? AND instr(k.body, x'a46c617465') > 0 ORDER BY 1",
        (hat.member, since),
    )
    told: set[tuple[str, bytes]] = set()
    for name, body, confirmed in rows:
        supplier = msgspec.msgpack.decode(body)[5]  # the sixth of what is said
        # Loaded where there is one: `status` asks this too, and has to answer at once.
        from foodhub.orders.closing import Confirmation

        said = msgspec.msgpack.decode(confirmed, type=Confirmation)
        late = any(line.reason == LATE for line in said.lines)
        if late and supplier != hat.member and (name, supplier) not in told:
            told.add((name, supplier))
            yield "supply_late", _SUPPLY_LATE, {"hub": shown_name(db, supplier), "cycle": name}


_LATE = (
    N_('Orders, or changes to some, that came too late for "{cycle}": {n}.'),
    N_('You may still take them. Look at them first: foodhub desk show "{cycle}"'),
)
_UNHEARD = (
    N_('"{cycle}" has closed, and {hub} has not answered your order {number}: maybe it never got it.'),
    N_("Ring {hub}. Your order goes there when both nodes meet: foodhub peers"),
)
_OWN_LATE = (
    N_('Your order {number} came too late for "{cycle}", so it does not count.'),
    N_("If you signed it in time, {hub} may still accept it: ask there. Look at it: foodhub order show {number}"),
)
_PART_LATE = (
    N_('What you added to the order {number} came too late for "{cycle}", so it does not count; the rest does.'),
    N_("If you signed it in time, {hub} may still accept it: ask there. Look at it: foodhub order show {number}"),
)
_CHANGE_LATE = (
    N_('Your change of the order {number} came too late for "{cycle}": the order stands as it was.'),
    N_("If you signed it in time, {hub} may still accept it: ask there. Look at it: foodhub order show {number}"),
)
_SUPPLY_LATE = (
    N_('Your own order in "{cycle}" came too late for {hub}, which supplies you: your customers get less for it.'),
    N_('See who lacks what: foodhub desk show "{cycle}". Until its purchase orders go {hub} can mend it: ask there.'),
)
