"""What waits in the trade for a person: purchase orders that nobody saw or answered, orders that came too late.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from foodhub.catalog.naming import base32_id, id_of_both
from foodhub.errors import N_
from foodhub.node.hat import Hat, shown_name
from foodhub.node.mute import noted
from foodhub.node.purchased import is_purchased

UNSEEN = 3_600_000
"""How long (ms) a purchase order may stay unseen before its hub is told to telephone; never past its lead time."""
RECENT = 30 * 86_400_000
"""What closed longer ago (ms) is nobody's alert any more."""
LATELY = 7 * 86_400_000
"""How long (ms) a buyer is reminded that its order, or a change to it, came too late."""

LATE = "late"
"""Why a line of a confirmation got less: the order to the supplier came too late."""
Waiting = tuple[str, tuple[str, str], dict[str, str]]
"""Code, message and hint, and what stands in them."""


def trade_alerts(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield what waits for a member at `now` (ms): code, (message id, hint id) and details."""
    yield from _unsent(db, hat, now)
    yield from _unseen(db, hat, now)
    yield from _unanswered(db, hat, now)
    yield from _late(db, hat, now)
    yield from _own_late(db, hat, now)
    yield from _supply_late(db, hat, now)
    yield from _opened_again(db, hat, now)
    yield from _short(db, hat, now)


_ORDERS = (
    "SELECT o.id, p.producer, p.local, coalesce(c.name, ''), coalesce(k.phone, ''), p.timestamp,"
    " p.cycle_owner, p.cycle FROM purchase p"
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
    query = f"{_ORDERS} AND o.id = ? AND a.state IS NULL ORDER BY p.timestamp, p.local"
    for _hub, producer, _local, cycle, phone, sent, *key in db.execute(query, (now - RECENT, hat.member)).fetchall():
        reader = _reader(db, producer)
        lead = _lead(db, key, producer)
        if reader == hat.member or not (sent < now - UNSEEN or 0 < lead <= now):
            continue  # it waits for our own answer, or may still be seen in time
        texts = _UNSEEN_WITH_PHONE if phone else _UNSEEN if reader == producer else _UNSEEN_BY
        details = {"producer": shown_name(db, producer), "cycle": cycle, "phone": phone}
        yield "purchase_unseen", texts, details | ({"reader": shown_name(db, reader)} if reader != producer else {})


def _lead(db: sqlite3.Connection, cycle: Sequence[bytes], producer: bytes) -> int:
    """Return until when (ms) a producer takes its purchase order of a cycle, 0 where nobody said."""
    row = db.execute(
        "SELECT p.body FROM plan p JOIN party o ON o.ref = p.owner WHERE o.id = ? AND p.local = ?", cycle
    ).fetchone()
    if row is None:
        return 0
    from foodhub.orders.exchanges import Plan  # it loads all that signs, which `foodhub status` seldom needs

    incoming = msgspec.msgpack.decode(row[0], type=Plan).incoming
    return next((each.lead for each in incoming if each.producer == producer), 0)


def _unanswered(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    query = f"{_ORDERS} AND coalesce(a.state, 'sent') IN ('sent', 'seen') ORDER BY p.timestamp"
    own, others = _own(db, hat), _represented(db, hat)
    for hub, producer, local, cycle, *_rest in db.execute(query, (now - RECENT,)):
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
    """Yield the cycles with orders, or changes to some, that came too late and can still be accepted."""
    rows = db.execute(
        "SELECT coalesce(c.name, ''), count(*), p.cycle_owner, p.cycle FROM answer a JOIN party o ON o.ref = a.owner"
        " JOIN party b ON b.id = a.buyer JOIN placement p ON p.owner = b.ref AND p.local = a.placement"
        " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE o.id = ? AND a.timestamp > ? AND (a.outcome = 'late' AND NOT p.cancelled OR a.outcome = 'received'"
        " AND a.reason = 'late' AND EXISTS (SELECT 1 FROM counted k WHERE k.owner = a.owner"
        " AND k.cycle_owner = p.cycle_owner AND k.cycle = p.cycle AND k.at > p.timestamp))"
        " GROUP BY p.cycle_owner, p.cycle ORDER BY 1",
        (hat.member, now - RECENT),
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


def _own_late(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield our own orders, and changes to them, that lately came too late; what a group or hub sums up is apart."""
    rows = db.execute(
        "SELECT p.hub, coalesce(c.name, ''), a.outcome, (SELECT q.local FROM placement q WHERE q.owner = p.owner"
        " AND q.cycle_owner = p.cycle_owner AND q.cycle = p.cycle AND q.hub = p.hub ORDER BY q.placed, q.local LIMIT 1)"
        " FROM placement p JOIN party b ON b.ref = p.owner JOIN party h ON h.id = p.hub"
        " JOIN answer a ON a.owner = h.ref AND a.placement = p.local AND a.buyer = b.id"
        " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE b.id = ?1 AND a.timestamp > ?2 AND a.placement_version = p.version AND 'late' IN (a.outcome, a.reason)"
        " AND (a.outcome = 'received' OR NOT p.cancelled) AND NOT EXISTS (SELECT 1 FROM outgoing x"
        " WHERE x.owner = p.owner AND x.cycle_owner = p.cycle_owner AND x.cycle = p.cycle) ORDER BY p.placed, p.local",
        (hat.member, now - LATELY),
    )
    for hub, cycle, outcome, local in rows:
        number = base32_id(local)[:8].upper()
        details = {"hub": shown_name(db, hub), "cycle": cycle, "number": f"{number[:4]}-{number[4:]}"}
        yield "own_order_late", _CHANGE_LATE if outcome == "received" else _OWN_LATE, details


def _supply_late(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the cycles in which our customers lack something since our own order came too late for our supplier."""
    rows = db.execute(
        "SELECT coalesce(c.name, ''), x.body, k.body FROM confirmation k JOIN party o ON o.ref = k.owner"
        " JOIN outgoing x ON x.owner = k.owner AND x.cycle_owner = k.cycle_owner AND x.cycle = k.cycle"
        " LEFT JOIN party w ON w.id = k.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = k.cycle"
        # The reason as it is encoded, so that not all that was confirmed is decoded; somebody may write the same.
        " WHERE o.id = ? AND k.timestamp > ? AND instr(k.body, x'a46c617465') > 0 ORDER BY 1",
        (hat.member, now - RECENT),
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


def _short(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the producers that say, while we still sell, that they have less than we promised, or than is wanted."""
    rows = db.execute(
        "SELECT c.name, f.id, g.name, g.variant, s.reason FROM shortfall s JOIN party f ON f.ref = s.owner"
        " JOIN party w ON w.id = s.cycle_owner JOIN cycle c ON c.owner = w.ref AND c.local = s.cycle"
        " JOIN party h ON h.id = s.hub JOIN product g ON g.owner = s.owner AND g.local = s.product"
        " JOIN total t ON t.owner = h.ref AND t.cycle_owner = s.cycle_owner AND t.cycle = s.cycle"
        " AND t.producer = f.id AND t.product = s.product"
        # Of goods by the case or on demand nothing is promised before the close.
        " WHERE h.id = ?1 AND f.id != ?1 AND c.closes > ?2 AND s.available < coalesce(nullif(t.promised, 0), t.ordered)"
        " AND NOT EXISTS (SELECT 1 FROM close x WHERE x.owner = w.ref AND x.cycle_owner = w.id AND x.cycle = s.cycle"
        " AND NOT x.open) ORDER BY c.closes, f.id, g.name, g.variant",
        (hat.member, now),
    )
    for (cycle, producer), lacks in groupby(rows, key=lambda row: (row[0], row[1])):
        said = [f"{f'{name}, {variant}' if variant else name} ({why})" for _c, _p, name, variant, why in lacks]
        yield "short", _SHORT, {"producer": shown_name(db, producer), "cycle": cycle, "products": "; ".join(said)}


_SHORT = (
    N_('{producer} has less than is ordered in "{cycle}": {products}.'),
    N_('See who wants it, and tell them while they can still order something else: foodhub desk show "{cycle}"'),
)
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
    N_('Orders, or changes to some, that came too late for "{cycle}": {n}.'),
    N_('You may still take them. Look at them first: foodhub desk show "{cycle}"'),
)
_OWN_LATE = (
    N_('Your order {number} came too late for "{cycle}", so it does not count.'),
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
