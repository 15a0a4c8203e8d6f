"""What waits in the trade for a person: purchase orders that nobody saw or answered, orders that came too late.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from foodhub.catalog.naming import base32_id, full_name, id_of_both
from foodhub.errors import N_
from foodhub.node import desk_elsewhere
from foodhub.node.desk_elsewhere import desks_elsewhere
from foodhub.node.hat import Hat, shown_name
from foodhub.node.late_alerts import late_alerts
from foodhub.node.mute import noted
from foodhub.node.reopened import accepted_before, opened_again, outdated

UNSEEN = 3_600_000
"""How long (ms) a purchase order may stay unseen before its hub is told to telephone; never past its lead time."""
RECENT = 30 * 86_400_000
"""What closed longer ago (ms) is nobody's alert any more."""
LATELY = 7 * 86_400_000
"""How long (ms) a buyer is reminded that its order, or a change to it, came too late."""

Waiting = tuple[str, tuple[str, str], dict[str, Any]]
"""Code, message and hint, and what stands in them."""


def trade_alerts(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield what waits for a member at `now` (ms): code, (message id, hint id) and details."""
    yield from _unsent(db, hat, now)
    yield from _unseen(db, hat, now)
    yield from _unanswered(db, hat, now)
    yield from _turned_down(db, hat, now)
    yield from late_alerts(db, hat, now, now - RECENT, now - LATELY)
    yield from opened_again(db, hat, now)
    yield from accepted_before(db, hat, now)
    yield from _named_hub(db, hat, now)
    yield from _by_hand(db, hat, now)
    for device, cycles in desks_elsewhere(db, hat, now):
        details = {"device": base32_id(device)[:8], "cycles": ", ".join(cycles)}
        yield "desk_elsewhere", desk_elsewhere.TEXTS, details
    yield from _short(db, hat, now)
    yield from _gets_less(db, hat, now)


_ORDERS = (
    "SELECT o.id, p.producer, p.local, coalesce(c.name, ''), coalesce(k.phone, ''), p.timestamp,"
    " p.cycle_owner, p.cycle, coalesce(a.state, 'sent'), p.body FROM purchase p"
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
        lead = _lead(db, key[:2], producer)
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
    rows = db.execute(query, (now - RECENT,)).fetchall()
    for hub, producer, local, cycle, _phone, sent, *key, state, body in rows:
        number = id_of_both(hub, local)[:8].upper()
        details = {"hub": shown_name(db, hub), "cycle": cycle, "number": f"{number[:4]}-{number[4:]}"}
        if producer not in own and producer not in others:
            continue
        if outdated(db, (key[0], key[1]), sent, now) is not None:
            yield "purchase_may_change", _MAY_CHANGE, details
        elif _is_empty(body):
            nothing = state == "sent" and not _wants(db, hub, producer, key)
            yield from [("purchase_empty", _EMPTY, details)] if nothing else []
        elif producer in own:
            yield "purchase_waits", _WAITS, details
        else:
            yield "purchase_waits", _WAITS_FOR, details | {"producer": shown_name(db, producer)}


def _turned_down(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the producers that lately turned a purchase order of ours down, or a part of it."""
    rows = db.execute(
        "SELECT p.producer, coalesce(c.name, ''), a.state, a.body FROM purchase p JOIN party o ON o.ref = p.owner"
        " JOIN party f ON f.id = p.producer JOIN purchase_answer a ON a.owner = f.ref AND a.hub = o.id"
        " AND a.cycle = p.cycle AND a.part = p.part AND a.purchase_version = p.version"
        " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE o.id = ? AND a.timestamp > ? AND a.state IN ('part', 'refused') ORDER BY a.timestamp",
        (hat.member, now - LATELY),
    ).fetchall()
    ours = {hat.member, *_represented(db, hat)} if rows else set()
    for producer, cycle, state, body in rows:
        if producer in ours:
            continue  # we know what we said for it
        # The reason, and those of the lines: the last two of what is said. Its type would load all that signs.
        *_head, reason, lines = msgspec.msgpack.decode(body)
        reasons = list(dict.fromkeys(filter(None, [reason, *(line[2] for line in lines)])))
        details = {"producer": shown_name(db, producer), "cycle": cycle, "reason": reasons}
        yield "purchase_turned_down", _TURNED_DOWN if state == "refused" else _PART, details


def _wants(db: sqlite3.Connection, hub: bytes, producer: bytes, cycle: Sequence[bytes]) -> bool:
    """Say whether any part of the purchase order of a cycle wants something of a producer."""
    rows = db.execute(
        "SELECT p.body FROM purchase p JOIN party o ON o.ref = p.owner"
        " WHERE o.id = ? AND p.producer = ? AND p.cycle_owner = ? AND p.cycle = ?",
        (hub, producer, *cycle),
    )
    return not all(_is_empty(body) for (body,) in rows)


def _is_empty(body: bytes) -> bool:
    """Say whether a purchase order, as it was said, wants nothing any more."""
    # How much is wanted of a line is the eleventh of it, and the lines come last. What it is would load all that signs.
    return not any(line[10] for line in msgspec.msgpack.decode(body)[-1])


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


def _named_hub(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the cycles of others of which we are named as a hub, and in which we have not said how we sell."""
    if "hub" not in hat.roles:
        return  # somebody named the wrong one
    rows = db.execute(
        "SELECT m.id, c.name, p.body FROM plan p JOIN member m ON m.ref = p.owner"
        " JOIN cycle c ON c.owner = p.owner AND c.local = p.local"
        " WHERE instr(p.body, ?1) AND c.closes > ?2 AND m.id != ?1 AND NOT m.removed AND NOT EXISTS"
        " (SELECT 1 FROM outgoing o JOIN party w ON w.ref = o.owner WHERE w.id = ?1 AND o.cycle = c.local"
        " AND o.cycle_owner = m.id) ORDER BY c.closes",
        (hat.member, now),
    ).fetchall()
    for owner, name, body in rows:
        from foodhub.orders.exchanges import Plan  # it loads all that signs, which `foodhub status` seldom needs

        if hat.member in msgspec.msgpack.decode(body, type=Plan).hubs:
            yield "supplier_waits", _NAMED_HUB, {"hub": shown_name(db, owner), "cycle": name}


def by_hand(db: sqlite3.Connection, hub: bytes, since: int, cycle: bytes = b"") -> list[tuple[str, int]]:
    """Return in which cycles (or in one, by its local id) how many orders wait for a word of a hub.

    Only what it answered after `since` (ms) is looked at.
    """
    rows = db.execute(
        "SELECT coalesce(c.name, ''), count(DISTINCT a.buyer) FROM answer a JOIN party o ON o.ref = a.owner"
        " JOIN party b ON b.id = a.buyer JOIN placement p ON p.owner = b.ref AND p.local = a.placement"
        " LEFT JOIN party w ON w.id = p.cycle_owner LEFT JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        # The reason of a line as it is encoded: nobody else writes into an answer.
        " WHERE o.id = ?1 AND a.timestamp > ?2 AND a.outcome = 'received' AND instr(a.lines, x'a762795f68616e64') > 0"
        " AND (?3 = x'' OR p.cycle = ?3) GROUP BY p.cycle_owner, p.cycle ORDER BY 1",
        (hub, since, cycle),
    )
    return rows.fetchall()


def _by_hand(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the cycles in which orders wait for our word."""
    for cycle, count in by_hand(db, hat.member, now - RECENT):
        yield "orders_wait", _BY_HAND, {"cycle": cycle, "n": str(count)}


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
        yield "short", _SHORT, {"producer": shown_name(db, producer), "cycle": cycle, "products": said}


def _gets_less(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the cycles in which we lately came to get less than was confirmed to us, since a producer has less."""
    rows = db.execute(
        "SELECT coalesce(c.name, ''), k.body FROM confirmation k JOIN party w ON w.id = k.cycle_owner"
        " LEFT JOIN cycle c ON c.owner = w.ref AND c.local = k.cycle WHERE k.buyer = ?1 AND k.timestamp > ?2"
        " AND NOT EXISTS (SELECT 1 FROM outgoing x JOIN party o ON o.ref = x.owner WHERE o.id = ?1"
        " AND x.cycle_owner = k.cycle_owner AND x.cycle = k.cycle) ORDER BY k.timestamp",
        (hat.member, now - LATELY),
    )
    for cycle, body in rows.fetchall():
        # The lines come last: producer, product, what is wanted, tolerated, confirmed, the share, and why that is less.
        lines = [line for line in msgspec.msgpack.decode(body)[-1] if line[5] < line[4] and line[6] in _LACKS]
        names = [_named(db, line[0], line[1]) for line in lines]
        if names:
            yield "gets_less", _GETS_LESS, {"cycle": cycle, "products": names}


def _named(db: sqlite3.Connection, producer: bytes, product: bytes) -> str:
    row = db.execute(
        "SELECT g.name, g.variant FROM product g JOIN party f ON f.ref = g.owner WHERE f.id = ? AND g.local = ?",
        (producer, product),
    ).fetchone()
    return full_name(*row) if row else base32_id(product)[:8]


_LACKS = {"producer_short", "producer_refused", "shared_anew"}
_GETS_LESS = (
    N_('Of these you get less in "{cycle}" than was confirmed, since their producer has less: {products}.'),
    N_('Look at your order: foodhub order show "{cycle}"'),
)
_SHORT = (
    N_('{producer} has less than is ordered in "{cycle}": {products}.'),
    N_('See who wants it, and tell them while they can still order something else: foodhub desk show "{cycle}"'),
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
_TURNED_DOWN = (
    N_('{producer} turned down its purchase order of "{cycle}": {reason}.'),
    N_('Your customers are told. See who gets less: foodhub desk show "{cycle}"'),
)
_PART = (
    N_('{producer} accepted only a part of its purchase order of "{cycle}": {reason}.'),
    N_('Your customers are told. See who gets less: foodhub desk show "{cycle}"'),
)
_MAY_CHANGE = (
    N_('"{cycle}" was opened again, so the purchase order of {hub} may still change: there is nothing to accept yet.'),
    N_("It comes anew after the close if it has changed. As it was: foodhub purchase show {number}"),
)
_EMPTY = (
    N_('{hub} wants nothing of you in "{cycle}" any more.'),
    N_("What it had ordered before: foodhub purchase show {number}"),
)
_WAITS_FOR = (
    N_('{hub} sent {producer}, whom you represent, a purchase order of "{cycle}".'),
    N_('Ask it, then: foodhub purchase accept {number} --for "{producer}" --by phone'),
)
_NAMED_HUB = (
    N_('{hub} has named you as a hub of "{cycle}", and nobody knows yet how you sell there.'),
    N_('Say it: foodhub cycle sell "{cycle}"'),
)
_BY_HAND = (
    N_('Orders in "{cycle}" that wait for your word: {n}.'),
    N_('Look at them, and answer: foodhub desk show "{cycle}"'),
)
