"""What a cycle that was opened again does to what was said before: confirmations and purchase orders may still change.

`foodhub status` asks this, and must answer at once: plain reading, nothing that signs.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from foodhub.errors import N_
from foodhub.node.hat import Hat, shown_name

if TYPE_CHECKING:
    from foodhub.node.cycles import CycleRow

Waiting = tuple[str, tuple[str, str], dict[str, str]]
"""Code, message and hint, and what stands in them."""
_SUPPLIER, _CLOSES = 5, 7
"""Where in what is said of an outgoing exchange its supplier stands, and until when it sells."""


class Outdated(NamedTuple):
    """Why a purchase order may still change, and until when (ms).

    `open`: its cycle is open again. `closed`: it has closed since, and what has changed is about to come anew.
    """

    why: Literal["open", "closed"]
    until: int


def outdated(db: sqlite3.Connection, cycle: tuple[bytes, bytes], sent: int, now: int) -> Outdated | None:
    """Say whether a purchase order of a cycle (owner, local id), sent at `sent`, may still change at `now` (ms).

    While its cycle is open again it may, whenever it was sent by whose clock. Nothing tells a producer that it comes
    anew: it does where anything has changed. So it is awaited no longer than a hub takes to send it, and a close no
    longer than anybody signs one.
    """
    row = _again(db, cycle)
    if row is None:
        return None
    from foodhub.node.closing import LONGEST_LATE, close_of  # loads all that signs, which `foodhub status` seldom needs
    from foodhub.node.cycles import cycle_at

    known = cycle_at(db, cycle, now)
    closed = close_of(db, known) if known is not None else None
    if closed is None:
        return Outdated("open", row.closes) if now < row.closes + LONGEST_LATE else None
    due = _due(db, cycle, closed)
    return Outdated("closed", due) if sent < row.timestamp and now < due else None


def is_in_force(db: sqlite3.Connection, cycle: "CycleRow", aggregator: bytes, at: int) -> bool:
    """Say whether what an aggregator confirmed for a close at `at` (ms) counts: it is of the one in force.

    Once a cycle was opened again, what was confirmed before is to be confirmed anew.
    """
    if cycle.state == "open":
        return False
    if _again(db, cycle.key) is None:
        return True
    from foodhub.node.closing import close_of
    from foodhub.node.exchanges import exchange_of

    closed, exchange = close_of(db, cycle), exchange_of(db, aggregator, cycle)
    return closed is not None and at == (min(exchange.closes, closed) if exchange is not None else closed)


class _Again(NamedTuple):
    """What a coordinator said last of the close of a cycle that it had opened again."""

    open: bool
    timestamp: int
    closes: int


def _again(db: sqlite3.Connection, cycle: Sequence[bytes]) -> _Again | None:
    """Return what a coordinator that is no removed one said last, where it has opened its cycle again, ever."""
    row = db.execute(
        "SELECT x.open, x.timestamp, c.closes FROM close x JOIN member m ON m.ref = x.owner"
        " JOIN cycle c ON c.owner = x.owner AND c.local = x.cycle WHERE m.id = ?1 AND x.cycle_owner = ?1"
        # A first close is no second one: a deputy may have closed before its coordinator woke.
        " AND x.cycle = ?2 AND (x.open OR x.version > 1) AND NOT m.removed",
        cycle,
    ).fetchone()
    return _Again(bool(row[0]), row[1], row[2]) if row else None


def _due(db: sqlite3.Connection, cycle: Sequence[bytes], closed: int) -> int:
    """Return when (ms) the purchase orders of a cycle that closed at `closed` go at the latest."""
    from foodhub.node.purchasing import GRACE  # they load all that signs, which `foodhub status` seldom needs
    from foodhub.orders.exchanges import Plan

    row = db.execute(
        "SELECT p.body FROM plan p JOIN party o ON o.ref = p.owner WHERE o.id = ? AND p.local = ?", cycle
    ).fetchone()
    incoming = msgspec.msgpack.decode(row[0], type=Plan).incoming if row else []
    return min([closed + GRACE, *(max(each.lead, closed) for each in incoming if each.lead)])


def accepted_before(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the purchase orders that their producers accepted before they heard that the cycle was opened again."""
    rows = db.execute(
        "SELECT DISTINCT o.id, p.producer, w.id, c.name FROM purchase p JOIN party o ON o.ref = p.owner"
        " JOIN party f ON f.id = p.producer JOIN purchase_answer a ON a.owner = f.ref AND a.hub = o.id"
        " AND a.cycle_owner = p.cycle_owner AND a.cycle = p.cycle AND a.part = p.part"
        " AND a.purchase_version = p.version JOIN party w ON w.id = p.cycle_owner"
        " JOIN close x ON x.owner = w.ref AND x.cycle_owner = w.id AND x.cycle = p.cycle"
        " JOIN member m ON m.ref = w.ref AND NOT m.removed"
        " JOIN cycle c ON c.owner = w.ref AND c.local = p.cycle"
        " WHERE x.open AND c.opens <= ?1 AND c.closes > ?1 AND a.state IN ('accepted', 'part')"
        " AND ?2 IN (o.id, p.producer) ORDER BY c.name, p.producer",
        (now, hat.member),
    )
    for hub, producer, owner, name in rows.fetchall():
        texts = _YOU_ACCEPTED if hub != hat.member else _ACCEPTED if hub == owner else _YOURS_ACCEPTED
        details = {"hub": shown_name(db, owner), "producer": shown_name(db, producer), "cycle": name}
        yield "accepted_before", texts, details


def opened_again(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[Waiting]:
    """Yield the cycles that their coordinator opened again, to whoever sells or ordered there."""
    for owner, cycle, name, opened in db.execute(
        "SELECT m.id, x.cycle, c.name, x.timestamp FROM close x JOIN member m ON m.ref = x.owner"
        " AND m.id = x.cycle_owner JOIN cycle c ON c.owner = x.owner AND c.local = x.cycle"
        " WHERE x.open AND c.opens <= ?1 AND c.closes > ?1 AND m.id != ?2 AND NOT m.removed ORDER BY c.closes",
        (now, hat.member),
    ).fetchall():
        details = {"hub": shown_name(db, owner), "cycle": name}
        own = _outgoing(db, hat.member, (owner, cycle))
        if own is not None and own[_CLOSES] <= opened:
            supplier = own[_SUPPLIER]
            above = _outgoing(db, supplier, (owner, cycle)) if supplier not in {owner, hat.member} else None
            waits = above is not None and above[_CLOSES] <= opened
            texts = _SUPPLIER_FIRST if waits else _OPENED_AGAIN
            yield "opened_again", texts, details | ({"supplier": shown_name(db, supplier)} if waits else {})
        elif own is None and (sellers := _confirmed_by(db, hat, (owner, cycle))):
            above = [_outgoing(db, each, (owner, cycle)) for each in sellers if each != owner]
            sells = owner in sellers or any(each is not None and each[_CLOSES] > now for each in above)
            yield "order_open_again", _ORDER_OPEN_AGAIN if sells else _ORDER_WAITS, details


def _outgoing(db: sqlite3.Connection, aggregator: bytes, cycle: Sequence[bytes]) -> list[Any] | None:
    """Return what somebody said of its sale in a cycle, as it was said: its type would load all that signs."""
    row = db.execute(
        "SELECT o.body FROM outgoing o JOIN party w ON w.ref = o.owner"
        " WHERE w.id = ? AND o.cycle_owner = ? AND o.cycle = ?",
        (aggregator, *cycle),
    ).fetchone()
    return msgspec.msgpack.decode(row[0]) if row else None


def _confirmed_by(db: sqlite3.Connection, hat: Hat, cycle: Sequence[bytes]) -> list[bytes]:
    """Return who confirmed something to us in a cycle."""
    rows = db.execute(
        "SELECT DISTINCT o.id FROM confirmation k JOIN party o ON o.ref = k.owner"
        " WHERE k.buyer = ? AND k.cycle_owner = ? AND k.cycle = ?",
        (hat.member, *cycle),
    )
    return [seller for (seller,) in rows]


def confirmed_before(db: sqlite3.Connection, aggregator: bytes, cycle: Sequence[bytes]) -> int:
    """Return to how many customers an aggregator has confirmed what they get in a cycle (owner, local id)."""
    (count,) = db.execute(
        "SELECT count(DISTINCT k.buyer) FROM confirmation k JOIN party o ON o.ref = k.owner"
        " WHERE o.id = ? AND k.cycle_owner = ? AND k.cycle = ?",
        (aggregator, *cycle),
    ).fetchone()
    return int(count)


_OPENED_AGAIN = (
    N_('{hub} has opened "{cycle}" again. Your own sale there is over until you say a new time.'),
    N_('Your customers can order again after: foodhub cycle sell "{cycle}" --closes WHEN'),
)
_ACCEPTED = (
    N_('{producer} accepted its purchase order of "{cycle}" before it heard that you have opened it again.'),
    N_("What changes goes to it anew and needs its yes again. Tell it."),
)
_YOURS_ACCEPTED = (
    N_('{hub} has opened "{cycle}" again, but {producer} has accepted your purchase order.'),
    N_('If your customers are to change nothing: foodhub group close "{cycle}"'),
)
_YOU_ACCEPTED = (
    N_('{hub} has opened "{cycle}" again, and did not know yet that you had accepted a purchase order of it.'),
    N_("What changes comes to you anew, and needs your yes again."),
)
_SUPPLIER_FIRST = (
    N_('{hub} has opened "{cycle}" again, but {supplier}, which supplies you, sells there no more.'),
    N_("Ask {supplier} to sell again first; then you can, too."),
)
_ORDER_OPEN_AGAIN = (
    N_('{hub} has opened "{cycle}" again: what was confirmed to you counts no more until it closes.'),
    N_('Until then you may change your order. Until when, and who sells there: foodhub cycle show "{cycle}"'),
)
_ORDER_WAITS = (
    N_('{hub} has opened "{cycle}" again: what you get there may still change until it closes.'),
    N_('Whoever sells to you there has not: your order stands. See who does: foodhub cycle show "{cycle}"'),
)
