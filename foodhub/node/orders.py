"""Orders as buyers and hubs see them: placing, listing, cancelling.

Placements of one buyer in one cycle at one hub add up to one order, shown under the id of the first.
"""

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, id_bytes
from foodhub.catalog.product import ordered_quantity
from foodhub.catalog.statements import Product
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.money import line_amount
from foodhub.node.cycles import CycleRow, list_cycles, moment, require_hub
from foodhub.node.hat import Hat, choose_hat, currency, hats, member_name, shown_name
from foodhub.node.products import ProductRow, find_product
from foodhub.node.standing import require_standing
from foodhub.node.terms import terms_in_cycle
from foodhub.orders.order import OrderState, order_state, placement_state
from foodhub.orders.statements import AnswerLine, Order, OrderLine, derived_id
from foodhub.store.transaction import Transaction

_lines = msgspec.msgpack.Decoder(list[OrderLine])
_answer_lines = msgspec.msgpack.Decoder(list[AnswerLine])


class LineRow(msgspec.Struct, frozen=True):
    """A line of an order as it is shown; quantities in pieces, g or ml, money in minor units."""

    product: str
    product_id: str
    producer_id: str
    sku: str
    ordered: int
    confirmed: int | None
    price: int
    price_per: str
    total: int
    reason: str


class OrderRow(msgspec.Struct, frozen=True):
    """An order as it is shown; `total` counts what is confirmed, else what was ordered, and is 0 once cancelled."""

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

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, self.number, self.customer or "", self.cycle)


@dataclass(frozen=True, slots=True)
class _Placement:
    """One placement with the answer to it, if there is one."""

    owner: bytes
    local: bytes
    version: int
    placed: int
    cycle: tuple[bytes, bytes]
    hub: bytes
    cancelled: bool
    lines: list[OrderLine]
    answered: int
    answered_at: int | None
    outcome: str | None
    reason: str
    answer: list[AnswerLine]

    @property
    def group(self) -> tuple[bytes, tuple[bytes, bytes], bytes]:
        return self.owner, self.cycle, self.hub

    @property
    def state(self) -> OrderState:
        return placement_state(cancelled=self.gone, outcome=self.outcome)

    @property
    def gone(self) -> bool:
        """Say whether it is cancelled: its buyer said so, and the hub has not answered that it was too late."""
        too_late = self.answered == self.version and (self.outcome, self.reason) == ("received", "late")
        return self.cancelled and not too_late


def _placements(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[_Placement]:
    rows = db.execute(
        "SELECT m.id, p.local, p.version, p.placed, p.cycle_owner, p.cycle, p.hub, p.cancelled, p.lines,"  # noqa: S608 - conditions of ours
        " a.placement_version, a.timestamp, a.outcome, a.reason, a.lines"
        " FROM placement p JOIN member m ON m.ref = p.owner LEFT JOIN member h ON h.id = p.hub"
        " LEFT JOIN answer a ON a.owner = h.ref AND a.placement = p.local AND a.buyer = m.id"
        f" WHERE {where} ORDER BY m.id, p.cycle_owner, p.cycle, p.hub, p.placed, p.local",
        values,
    )
    return [
        _Placement(
            owner=row[0],
            local=row[1],
            version=row[2],
            placed=row[3],
            cycle=(row[4], row[5]),
            hub=row[6],
            cancelled=bool(row[7]),
            lines=_lines.decode(row[8]),
            answered=row[9] or 0,
            answered_at=row[10],
            outcome=row[11],
            reason=row[12] or "",
            answer=_answer_lines.decode(row[13]) if row[13] else [],
        )
        for row in rows
    ]


def list_orders(db: sqlite3.Connection, hat: Hat, now: int, since: int = 0) -> list[OrderRow]:
    """Return the orders that a member gave or received, the newest first; `since` is an arrival number."""
    touched = "AND (p.arrival > ? OR a.arrival > ?)" if since else ""
    values = [hat.member, hat.member, *([since, since] if since else [])]
    found = _placements(db, f"(m.id = ? OR p.hub = ?) {touched}", values)
    if since and found:
        groups = {placement.group for placement in found}
        found = [p for p in _placements(db, "(m.id = ? OR p.hub = ?)", [hat.member, hat.member]) if p.group in groups]
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now)}
    rows = [_order_row(db, cycles, list(group)) for _, group in groupby(found, key=lambda placement: placement.group)]
    return sorted(rows, key=lambda row: (row.sent_at, row.id), reverse=True)


def _order_row(
    db: sqlite3.Connection, cycles: Mapping[tuple[bytes, bytes], CycleRow], placements: list[_Placement]
) -> OrderRow:
    first = placements[0]
    cycle = cycles.get(first.cycle)
    zone = cycle.zone if cycle else "UTC"
    standing = [p for p in placements if not p.gone] or placements
    lines = _merge([row for placement in standing for row in _line_rows(placement)])
    state = order_state([p.state for p in placements])
    if state == "cancelled":
        # It still says what it was, and owes nothing.
        lines = [msgspec.structs.replace(line, total=0) for line in lines]
    answered = [p.answered_at for p in placements if p.answered_at is not None]
    identity = base32_id(first.local)
    return OrderRow(
        id=identity,
        number=f"{identity[:4]}-{identity[4:8]}".upper(),
        revision=sum(p.version for p in placements),
        cycle=cycle.name if cycle else base32_id(first.cycle[1])[:8],
        cycle_id=base32_id(first.cycle[1]),
        customer=member_name(db, first.owner),
        customer_id=base32_id(first.owner),
        hub=shown_name(db, first.hub),
        hub_id=base32_id(first.hub),
        state=state,
        sent_at=moment(first.placed, zone),
        received_at=moment(min(answered), zone) if answered and state != "sent" else None,
        total=sum(line.total for line in lines),
        currency=standing[0].lines[0].currency,
        lines=lines,
    )


def _line_rows(placement: _Placement) -> list[LineRow]:
    said = {(line.producer, line.product): line for line in placement.answer}
    rows = []
    for line in placement.lines:
        answer = said.get((line.producer, line.product))
        confirmed = answer.promised if answer and answer.decided and not placement.gone else None
        counts = line.quantity if confirmed is None else confirmed
        rows.append(
            LineRow(
                product=f"{line.name}, {line.variant}" if line.variant else line.name,
                product_id=base32_id(line.product),
                producer_id=base32_id(line.producer),
                sku=line.sku,
                ordered=line.quantity,
                confirmed=confirmed,
                price=line.price,
                price_per=line.price_per,
                total=line_amount(line.price, line.price_per, counts),
                reason=answer.reason if answer and not placement.gone else "",
            )
        )
    return rows


def _merge(rows: list[LineRow]) -> list[LineRow]:
    """Add up the lines of one product at one price; the amount is rounded once, on the sum."""
    merged: dict[tuple[str, str, int], LineRow] = {}
    for row in rows:
        key = (row.producer_id, row.product_id, row.price)
        held = merged.get(key)
        if held is None:
            merged[key] = row
            continue
        confirmed = None if held.confirmed is None or row.confirmed is None else held.confirmed + row.confirmed
        ordered = held.ordered + row.ordered
        total = line_amount(row.price, row.price_per, ordered if confirmed is None else confirmed)  # type: ignore[arg-type]
        reason = held.reason or row.reason
        merged[key] = msgspec.structs.replace(held, ordered=ordered, confirmed=confirmed, total=total, reason=reason)
    return list(merged.values())


def find_order(db: sqlite3.Connection, hat: Hat, text: str, now: int) -> OrderRow:
    """Return the order that somebody named by id prefix or number.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    return find(list_orders(db, hat, now), text, lambda order: order.named, "order")


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

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    return find(orders_of_home(db, as_name, now), text, lambda order: order.named, "order")


def read_lines(
    db: sqlite3.Connection, cycle: CycleRow, wanted: Sequence[tuple[str, str]]
) -> list[tuple[ProductRow, Product, int]]:
    """Read what somebody wants to order, (product, quantity) as typed: the products at their terms, and amounts.

    Raises:
        NotThereError, UsageError: a product or a quantity is not understood. RefusedError: a quantity breaks the
            product's steps.
    """
    lines: dict[str, tuple[ProductRow, Product, int]] = {}
    for name, quantity in wanted:
        row = find_product(db, name)
        terms = terms_in_cycle(db, id_bytes(row.producer_id), id_bytes(row.id), cycle)
        if terms is None:
            raise RefusedError("not_in_cycle", N_('{name} is not sold in "{cycle}".'), name=row.name, cycle=cycle.name)
        amount = ordered_quantity(terms, quantity)
        before = lines[row.id][2] if row.id in lines else 0
        lines[row.id] = (row, terms, before + amount)
    return list(lines.values())


def place_order(
    tx: Transaction, hat: Hat, cycle: CycleRow, lines: Sequence[tuple[ProductRow, Product, int]], ref: str | None
) -> bytes:
    """Sign a placement and seal it to the hub; return its id. The same `ref` again is the same placement.

    Raises:
        RefusedError: what we sign counts no more, the cycle is not open, the hub was removed or can't be written to, or
            `ref` was used for something else.
    """
    require_standing(tx.db, hat)
    if not lines:
        raise RefusedError("empty_order", N_("An order names at least one product."), N_("Write: PRODUCT=QUANTITY"))
    require_hub(tx.db, cycle)
    _require_open(cycle, tx.now)
    local = derived_id(b"ref", hat.member, ref.encode()) if ref else secrets.token_bytes(16)
    owner = [_line(row, terms, amount, currency(tx.db)) for row, terms, amount in lines]
    order = Order(local, 1, tx.now, *cycle.key, cycle.key[0], False, owner)
    if ref and _same_ref(tx.db, hat, order, ref):
        return local
    _append(tx, hat, order, cycle.hub)
    return local


def _line(row: ProductRow, terms: Product, amount: int, code: str) -> OrderLine:
    if terms.currency != code:
        raise RefusedError(
            "other_currency",
            N_("{name} is priced in {found}, the circuit counts in {currency}."),
            name=row.name,
            found=terms.currency,
            currency=code,
        )
    head = (id_bytes(row.producer_id), id_bytes(row.id), terms.version, terms.sku, terms.name, terms.variant)
    return OrderLine(*head, terms.unit, terms.unit_value, terms.price, terms.price_per, terms.currency, amount, 0)


def _require_open(cycle: CycleRow, now: int) -> None:
    state = cycle.phase_at(now)
    if state == "upcoming":
        raise RefusedError(
            "cycle_not_open",
            N_('The cycle "{cycle}" opens at {opens}.'),
            N_("Order then; nothing was signed."),
            cycle=cycle.name,
            opens=cycle.opens.isoformat(timespec="minutes"),
        )
    if state == "closed":
        raise RefusedError(
            "cycle_closed",
            N_('The cycle "{cycle}" closed at {closes}.'),
            N_("Ask {hub}, or order in the next cycle: foodhub cycle list"),
            cycle=cycle.name,
            closes=cycle.closes.isoformat(timespec="minutes"),
            hub=cycle.hub,
        )


def _same_ref(db: sqlite3.Connection, hat: Hat, order: Order, ref: str) -> bool:
    """Say whether this very placement stands already."""
    held = _placements(db, "m.id = ? AND p.local = ?", [hat.member, order.local])
    if not held:
        return False
    before = {(line.producer, line.product): line.quantity for line in held[0].lines}
    if held[0].cycle != (order.cycle_owner, order.cycle) or before != {
        (x.producer, x.product): x.quantity for x in order.lines
    }:
        raise RefusedError(
            "ref_used", N_('"{ref}" was used for another order.'), N_("Use another --ref, or leave it out."), ref=ref
        )
    return True


def _append(tx: Transaction, hat: Hat, order: Order, hub: str) -> None:
    try:
        tx.append(hat.member, Log.TRADE, [order], readers=[order.hub])
    except LookupError:
        raise RefusedError("no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=hub) from None
    except ValueError:
        raise RefusedError(
            "order_too_long", N_("This order has too many lines."), N_("Place it in two parts.")
        ) from None


def cancel_order(tx: Transaction, hat: Hat, order: OrderRow) -> int:
    """Cancel every placement of an order of ours; return how many that were (0: it was cancelled before).

    Raises:
        RefusedError: what we sign counts no more, it is not ours, or its cycle is closed.
    """
    require_standing(tx.db, hat)
    if order.customer_id != base32_id(hat.member):
        raise RefusedError(
            "not_your_order",
            N_("Only {customer} can cancel this order."),
            N_("Act as its buyer with --as NAME."),
            customer=order.customer or "…",
        )
    cycle = next(
        (row for row in list_cycles(tx.db, tx.now) if (row.id, row.hub_id) == (order.cycle_id, order.hub_id)), None
    )
    if cycle is None:
        raise NotThereError("no_such_cycle", N_('There is no order cycle "{text}".'), text=order.cycle)
    require_hub(tx.db, cycle)
    _require_open(cycle, tx.now)
    cancelled = 0
    for held in _placements(
        tx.db, "m.id = ? AND p.cycle = ? AND p.hub = ?", [hat.member, cycle.key[1], id_bytes(order.hub_id)]
    ):
        if not held.cancelled:
            again = Order(held.local, held.version + 1, held.placed, *held.cycle, held.hub, True, held.lines)
            _append(tx, hat, again, order.hub)
            cancelled += 1
    return cancelled
