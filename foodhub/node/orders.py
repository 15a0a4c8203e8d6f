"""Orders as buyers and aggregators (hubs and groups) see them: listing and finding; nothing here signs.

Placements of one buyer in one cycle at one aggregator add up to one order, shown under the id of the first. Once the
aggregator has confirmed, its confirmation is what counts.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, fold, id_bytes
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.node.buyers import names_of
from foodhub.node.confirmations import confirmation_of
from foodhub.node.cycles import CycleRow, list_cycles, moment
from foodhub.node.exchanges import exchange_of
from foodhub.node.hat import Hat, choose_hat, hats, member_name, shown_name
from foodhub.node.order_lines import LineRow, line_rows, with_confirmed
from foodhub.node.placements import Placement, placements
from foodhub.node.reopened import is_in_force
from foodhub.orders.closing import Confirmation
from foodhub.orders.order import Apart, OrderState, order_state, partly


class OrderRow(msgspec.Struct, frozen=True):
    """An order as it is shown; `total` counts what is confirmed, else what was ordered, and is 0 once cancelled.

    `partly` says what else has become of a part of it. `hub` is the aggregator that it was given to, a hub or a group.
    Where somebody else wrote it down for its buyer, `written_by` says who, and `told` how the buyer had said it.
    """

    id: str
    number: str
    revision: int
    cycle: str
    cycle_id: str
    customer: str | None
    customer_id: str
    hub: str
    hub_id: str
    state: OrderState
    sent_at: datetime
    received_at: datetime | None
    total: int
    currency: str
    lines: list[LineRow]
    partly: Sequence[Apart] = ()
    comment: str = ""
    written_by: str = ""
    told: str = ""

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, self.number, self.customer or "", self.cycle)


_MINE = '(m.id = ?1 OR p.hub = ?1 OR w.id = ?1 OR m.id IN (SELECT member FROM claim_confirmed WHERE "by" = ?1))'


def list_orders(db: sqlite3.Connection, hat: Hat, now: int, since: int = 0) -> list[OrderRow]:
    """Return the orders that a member gave, received or wrote down for others, the newest first.

    `since` is an arrival number.
    """
    touched = (
        " AND (p.arrival > ?2 OR a.arrival > ?2 OR k.arrival > ?2"
        " OR EXISTS (SELECT 1 FROM confirmation c WHERE c.arrival > ?2 AND c.owner = h.ref"
        " AND c.buyer = m.id AND c.cycle = p.cycle))"
        if since
        else ""
    )
    values = [hat.member]
    found = placements(db, _MINE + touched, [*values, since] if since else values)
    if since and found:
        groups = {placement.group for placement in found}
        found = [p for p in placements(db, _MINE, values) if p.group in groups]
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now)}
    rows = [_order_row(db, cycles, list(group)) for _, group in groupby(found, key=lambda placement: placement.group)]
    return sorted(rows, key=lambda row: (row.sent_at, row.id), reverse=True)


def _order_row(
    db: sqlite3.Connection, cycles: Mapping[tuple[bytes, bytes], CycleRow], group: list[Placement]
) -> OrderRow:
    first = group[0]
    cycle = cycles.get(first.cycle)
    zone = cycle.zone if cycle else "UTC"
    said = confirmation_of(db, first.hub, first.owner, first.cycle)
    if said is not None and cycle is not None and not is_in_force(db, cycle, first.hub, said.at):
        said = None
    states = [p.state(confirmed=said is not None) for p in group]
    standing = [p for p in group if not p.gone] or group
    state = order_state(states)
    lines = _lines(db, group, states, said)
    answered = [p.answered_at for p in standing if p.answered_at is not None]
    writer = next((p.writer for p in group if p.writer), None)
    identity = base32_id(first.local)
    return OrderRow(
        id=identity,
        number=f"{identity[:4]}-{identity[4:8]}".upper(),
        revision=sum(p.version for p in group),
        cycle=cycle.name if cycle else base32_id(first.cycle[1])[:8],
        cycle_id=base32_id(first.cycle[1]),
        customer=member_name(db, first.owner),
        customer_id=base32_id(first.owner),
        hub=shown_name(db, first.hub),
        hub_id=base32_id(first.hub),
        state=state,
        sent_at=moment(first.placed, zone),
        received_at=moment(max(answered), zone) if answered and state != "sent" else None,
        total=sum(line.total for line in lines),
        currency=standing[0].lines[0].currency,
        lines=lines,
        partly=partly(
            states,
            changed_late=any(p.changed_late for p in group),
            by_clock=any(p.by_clock for p in standing),
        ),
        comment=" / ".join(p.comment for p in standing if p.comment),
        written_by=shown_name(db, writer) if writer else "",
        told=next((p.told for p in group if p.told), ""),
    )


def _lines(
    db: sqlite3.Connection, group: list[Placement], states: list[OrderState], said: Confirmation | None
) -> list[LineRow]:
    """Return the lines of an order; what is late or was refused counts for nothing, and stands apart."""
    # What a buyer lets stand in holds for its order, whichever placement it is remarked on.
    consents = {key: consent for p in reversed(group) for key, consent in p.consents.items()}
    by_state: defaultdict[OrderState, list[Placement]] = defaultdict(list)
    for placement, state in zip(group, states, strict=True):
        by_state["received" if state in {"sent", "confirmed"} else state].append(placement)
    lines = line_rows(db, by_state["received"], consents)
    if said is not None and order_state(states) == "confirmed":
        lines = with_confirmed(db, lines, said)
    lines += [row for state in ("late", "refused") for row in line_rows(db, by_state[state], consents)]
    # One that is cancelled whole still says what it was, and owes nothing.
    cancelled = line_rows(db, by_state["cancelled"], consents) if not lines else []
    return lines or [msgspec.structs.replace(line, total=0) for line in cancelled]


def order_in(db: sqlite3.Connection, buyer: bytes, aggregator: bytes, cycle: CycleRow) -> OrderRow | None:
    """Return the order of a buyer at an aggregator in a cycle, None where it has none there."""
    where = "m.id = ? AND p.hub = ? AND p.cycle_owner = ? AND p.cycle = ?"
    found = placements(db, where, [buyer, aggregator, *cycle.key])
    return _order_row(db, {cycle.key: cycle}, found) if found else None


def pickups_of(db: sqlite3.Connection, order: OrderRow, now: int) -> list[tuple[str, datetime, datetime]]:
    """Return where, from when and until when an order can be fetched: the pickups of whoever it was given to."""
    cycle = next((row for row in list_cycles(db, now) if row.id == order.cycle_id), None)
    exchange = exchange_of(db, id_bytes(order.hub_id), cycle) if cycle is not None else None
    if cycle is None or exchange is None or order.state in {"cancelled", "refused", "late"}:
        return []
    return [(each.place, moment(each.opens, cycle.zone), moment(each.closes, cycle.zone)) for each in exchange.pickups]


def find_order(db: sqlite3.Connection, hat: Hat, text: str, now: int) -> OrderRow:
    """Return the order that somebody named by id prefix or number.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    return find(list_orders(db, hat, now), text, lambda order: order.named, "order")


def line_of(order: OrderRow, text: str) -> LineRow:
    """Return the line of an order that somebody named by its product, also where that is sold no more.

    Raises:
        RefusedError: `not_in_order`. UsageError: several are called so.
    """
    lines = {line.product_id: line for line in order.lines}.values()
    try:
        # What is called so now may be another product than the one that was ordered.
        return find(lines, _plain(text), lambda line: Named(line.product_id, line.sku, _plain(line.product)))
    except NotThereError:
        raise RefusedError(
            "not_in_order",
            N_("{text} is not in the order {number}."),
            N_("Look what is: foodhub order show {number}"),
            text=text[:60],
            number=order.number,
        ) from None


def _plain(product: str) -> str:
    return product.replace(",", " ")


def confirmed_version(db: sqlite3.Connection, order: OrderRow) -> int:
    """Return in which version an order was confirmed last, 0 while it never was."""
    (version,) = db.execute(
        "SELECT max(c.version) FROM confirmation c JOIN party o ON o.ref = c.owner"
        " WHERE o.id = ? AND c.buyer = ? AND +c.cycle = ?",
        [id_bytes(each) for each in (order.hub_id, order.customer_id, order.cycle_id)],
    ).fetchone()
    return version or 0


def orders_of_home(db: sqlite3.Connection, as_name: str | None, now: int) -> list[OrderRow]:
    """Return the orders of one member of this home, or of all when none is named; the newest first.

    Raises:
        NotSetUpError: this home has no member. NotThereError: none has this name.
    """
    acting = hats(db) if as_name is None else []
    acting = acting or [choose_hat(db, as_name)]
    found = {row.id: row for hat in acting for row in list_orders(db, hat, now)}
    return sorted(found.values(), key=lambda row: (row.sent_at, row.id), reverse=True)


def find_order_of_home(db: sqlite3.Connection, as_name: str | None, text: str, now: int) -> OrderRow:
    """Return the order that somebody named by id prefix or number, among those of `orders_of_home`.

    One that a member of this home gave may be named by its cycle, too.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    rows = orders_of_home(db, as_name, now)
    try:
        return find(rows, text, lambda order: order.named, "order")
    except NotThereError:
        own = {base32_id(member) for hat in hats(db) for member in names_of(db, hat)}
        mine = [row for row in rows if row.customer_id in own and fold(row.cycle) == fold(text)]
        if not mine:
            raise
        return find(mine, text, lambda order: order.named._replace(name=order.cycle, extra=order.hub), "order")
