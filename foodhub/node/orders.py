"""Orders as buyers and aggregators (hubs and groups) see them: listing and finding; nothing here signs.

Placements of one buyer in one cycle at one aggregator add up to one order, shown under the id of the first. Once the
aggregator has confirmed, its confirmation is what counts.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec

from foodhub.catalog.naming import Named, base32_id, find
from foodhub.money import line_amount
from foodhub.node.confirmations import confirmation_of
from foodhub.node.cycles import CycleRow, list_cycles, moment
from foodhub.node.hat import Hat, choose_hat, hats, member_name, shown_name
from foodhub.orders.closing import Confirmation, ConfirmedLine
from foodhub.orders.order import OrderState, order_state, placement_state
from foodhub.orders.statements import AnswerLine, OrderLine, Remark

_lines = msgspec.msgpack.Decoder(list[OrderLine])
_answer_lines = msgspec.msgpack.Decoder(list[AnswerLine])
_confirmations = msgspec.msgpack.Decoder(Confirmation)
_remarks = msgspec.msgpack.Decoder(Remark)
Confirmed = Mapping[tuple[bytes, bytes], ConfirmedLine]
"""By (producer, product) what an aggregator confirmed."""


class LineRow(msgspec.Struct, frozen=True):
    """A line of an order as it is shown; quantities in pieces, g or ml, money in minor units.

    `confirmed` is what is promised, and after the close what is confirmed; None while that is open. `share` is what the
    buyer gets of it as far as is known, less than `confirmed` where the producer is short.
    """

    product: str
    product_id: str
    producer_id: str
    sku: str
    ordered: int
    tolerance: int
    confirmed: int | None
    share: int | None
    price: int
    price_per: str
    total: int
    reason: str


class OrderRow(msgspec.Struct, frozen=True):
    """An order as it is shown; `total` counts what is confirmed, else what was ordered, and is 0 once cancelled.

    `hub` is the aggregator that it was given to, a hub or a group. Where somebody else wrote it down for its buyer,
    `written_by` says who, and `told` how the buyer had said it.
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
    comment: str = ""
    written_by: str = ""
    told: str = ""

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, self.number, self.customer or "", self.cycle)


@dataclass(frozen=True, slots=True)
class Placement:
    """One placement with the answer to it, if there is one."""

    owner: bytes
    local: bytes
    version: int
    placed: int
    cycle: tuple[bytes, bytes]
    hub: bytes
    cancelled: bool
    lines: list[OrderLine]
    writer: bytes | None
    told: str
    answered: int
    answered_at: int | None
    outcome: str | None
    reason: str
    answer: list[AnswerLine]
    comment: str

    @property
    def group(self) -> tuple[bytes, tuple[bytes, bytes], bytes]:
        """Return what it has in common with the other placements of its order."""
        return self.owner, self.cycle, self.hub

    @property
    def gone(self) -> bool:
        """Say whether it is cancelled: its buyer said so, and the hub has not answered that it was too late."""
        too_late = self.answered == self.version and (self.outcome, self.reason) == ("received", "late")
        return self.cancelled and not too_late

    def state(self, *, confirmed: bool) -> OrderState:
        """Return where it stands; an amendment that the aggregator has not answered is on its way."""
        outcome = self.outcome if self.answered >= self.version else None
        return placement_state(cancelled=self.gone, outcome=outcome, confirmed=confirmed)


def placements(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Placement]:
    """Return placements: of `m` (the buyer) and `p` in SQL; those of one order stand together, the first one first."""
    rows = db.execute(
        "SELECT m.id, p.local, p.version, p.placed, p.cycle_owner, p.cycle, p.hub, p.cancelled, p.lines, w.id, p.told,"  # noqa: S608 - conditions of ours
        " a.placement_version, a.timestamp, a.outcome, a.reason, a.lines, k.body"
        " FROM placement p JOIN party m ON m.ref = p.owner LEFT JOIN party h ON h.id = p.hub"
        " LEFT JOIN party w ON w.ref = p.spoken"
        " LEFT JOIN answer a ON a.owner = h.ref AND a.placement = p.local AND a.buyer = m.id"
        " LEFT JOIN remark k ON k.owner = p.owner AND k.local = p.local"
        f" WHERE {where} ORDER BY m.id, p.cycle_owner, p.cycle, p.hub, p.placed, p.local",
        values,
    )
    return [
        Placement(
            owner=row[0],
            local=row[1],
            version=row[2],
            placed=row[3],
            cycle=(row[4], row[5]),
            hub=row[6],
            cancelled=bool(row[7]),
            lines=_lines.decode(row[8]),
            writer=row[9],
            told=row[10],
            answered=row[11] or 0,
            answered_at=row[12],
            outcome=row[13],
            reason=row[14] or "",
            answer=_answer_lines.decode(row[15]) if row[15] else [],
            comment=_remarks.decode(row[16]).comment if row[16] else "",
        )
        for row in rows
    ]


_MINE = '(m.id = ?1 OR p.hub = ?1 OR w.id = ?1 OR m.id IN (SELECT member FROM claim_confirmed WHERE "by" = ?1))'


def list_orders(db: sqlite3.Connection, hat: Hat, now: int, since: int = 0) -> list[OrderRow]:
    """Return the orders that a member gave, received or wrote down for others, the newest first.

    `since` is an arrival number.
    """
    touched = (
        " AND (p.arrival > ?2 OR a.arrival > ?2 OR EXISTS (SELECT 1 FROM confirmation c WHERE c.arrival > ?2"
        " AND c.owner = h.ref AND c.buyer = m.id AND c.cycle = p.cycle))"
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
    # Once a cycle was opened again, what was confirmed before is to be confirmed anew.
    opened = cycle is not None and cycle.state == "open"
    said = None if opened else confirmation_of(db, first.hub, first.owner, first.cycle)
    states = [p.state(confirmed=said is not None) for p in group]
    standing = [p for p in group if not p.gone] or group
    lines = _merge([row for placement in standing for row in _line_rows(placement)])
    state = order_state(states)
    if said is not None and state == "confirmed":
        lines = _with_confirmed(db, lines, said)
    if state == "cancelled":
        # It still says what it was, and owes nothing.
        lines = [msgspec.structs.replace(line, total=0) for line in lines]
    answered = [p.answered_at for p in group if p.answered_at is not None]
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
        received_at=moment(min(answered), zone) if answered and state != "sent" else None,
        total=sum(line.total for line in lines),
        currency=standing[0].lines[0].currency,
        lines=lines,
        comment=" / ".join(p.comment for p in standing if p.comment),
        written_by=shown_name(db, writer) if writer else "",
        told=next((p.told for p in group if p.told), ""),
    )


def _line_rows(placement: Placement) -> list[LineRow]:
    said = {(line.producer, line.product): line for line in placement.answer}
    rows = []
    for line in placement.lines:
        answer = said.get((line.producer, line.product))
        confirmed = answer.promised if answer and answer.decided and not placement.gone else None
        rows.append(
            LineRow(
                product=f"{line.name}, {line.variant}" if line.variant else line.name,
                product_id=base32_id(line.product),
                producer_id=base32_id(line.producer),
                sku=line.sku,
                ordered=line.quantity,
                tolerance=line.tolerance,
                confirmed=confirmed,
                share=None,
                price=line.price,
                price_per=line.price_per,
                total=line_amount(line.price, line.price_per, line.quantity if confirmed is None else confirmed),
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
        merged[key] = msgspec.structs.replace(
            held,
            ordered=ordered,
            tolerance=held.tolerance + row.tolerance,
            confirmed=confirmed,
            total=total,
            reason=held.reason or row.reason,
        )
    return list(merged.values())


def _with_confirmed(db: sqlite3.Connection, lines: list[LineRow], said: Confirmation) -> list[LineRow]:
    """Return the lines as they were confirmed; what stands in for another product follows."""
    confirmed = {(base32_id(line.producer), base32_id(line.product)): line for line in said.lines}
    shown = []
    for line in lines:
        found = confirmed.pop((line.producer_id, line.product_id), None)
        amounts = (found.confirmed, found.share, found.reason) if found else (0, 0, line.reason)
        if found is not None and found.confirmed < line.ordered and not found.reason:
            # The rest of it never joined the queue: why, its answer says.
            amounts = (found.confirmed, found.share, line.reason)
        shown.append(_counting(line, *amounts))
    rest = [_standing_in(db, line) for line in confirmed.values()]
    return [*shown, *(line for line in rest if line is not None)]


def _counting(line: LineRow, confirmed: int, share: int, reason: str) -> LineRow:
    total = line_amount(line.price, line.price_per, share)  # type: ignore[arg-type]
    return msgspec.structs.replace(line, confirmed=confirmed, share=share, reason=reason, total=total)


def _standing_in(db: sqlite3.Connection, line: ConfirmedLine) -> LineRow | None:
    """Return a line that was not ordered: a product that stands in for another, as its producer states it."""
    row = db.execute(
        "SELECT p.name, p.variant, p.sku, p.price, p.price_per FROM product p JOIN party m ON m.ref = p.owner"
        " WHERE m.id = ? AND p.local = ?",
        (line.producer, line.product),
    ).fetchone()
    if row is None:
        return None
    name, variant, sku, price, per = row
    head = (f"{name}, {variant}" if variant else name, base32_id(line.product), base32_id(line.producer), sku)
    whole = LineRow(*head, line.ordered, line.tolerance, None, None, price, per, 0, "")
    return _counting(whole, line.confirmed, line.share, line.reason)


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
