"""Purchase orders as hub and producer see them: listing and finding; nothing here signs."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, fold, full_name, id_of_both
from foodhub.errors import NotThereError
from foodhub.money import line_amount
from foodhub.node.buyers import as_itself
from foodhub.node.cycles import CycleRow, list_cycles, moment
from foodhub.node.hat import Hat, shown_name
from foodhub.node.shortfalls import shortfall_of
from foodhub.orders.purchase import Purchase, PurchaseAnswer, PurchaseLine, PurchaseState

_purchases = msgspec.msgpack.Decoder(Purchase)
_answers = msgspec.msgpack.Decoder(PurchaseAnswer)


class PurchaseLineRow(msgspec.Struct, frozen=True):
    """A line of a purchase order as it is shown; `accepted` is None until the producer has said yes or less.

    Quantities in pieces, g or ml, money in minor units; `case` and `cases` are 0 where it does not go by the case.
    `available` is how much there is where its producer said another quantity since, and `why`; else None and "". The
    total goes by the last that was said.
    """

    product: str
    product_id: str
    sku: str
    quantity: int
    case: int
    cases: int
    accepted: int | None
    available: int | None
    reason: str
    why: str
    price: int
    price_per: str
    currency: str
    total: int


class PurchaseRow(msgspec.Struct, frozen=True):
    """A purchase order as hub and producer see it; `fingerprint` is that of the allocation behind it.

    What was said of an earlier version is no answer to this one. `written_by` says who answered for the producer, ""
    where that one did itself, and `told` how it had said it.
    """

    id: str
    number: str
    version: int
    cycle: str
    cycle_id: str
    hub: str
    hub_id: str
    producer: str
    producer_id: str
    state: PurchaseState
    place: str
    weighed: datetime | None
    comment: str
    reason: str
    sent_at: datetime
    answered_at: datetime | None
    fingerprint: str
    lines: list[PurchaseLineRow]
    statement: Purchase
    written_by: str = ""
    told: str = ""

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, self.number, self.producer, self.cycle)


def list_purchases(db: sqlite3.Connection, hat: Hat, now: int) -> list[PurchaseRow]:
    """Return the purchase orders that a member sent or got, for itself or whom it represents, the newest first."""
    rows = db.execute(
        "SELECT o.id, p.timestamp, p.body, a.timestamp, a.body, w.id, a.told FROM purchase p"
        " JOIN party o ON o.ref = p.owner"
        " LEFT JOIN party f ON f.id = p.producer LEFT JOIN purchase_answer a ON a.owner = f.ref AND a.hub = o.id"
        " AND a.cycle_owner = p.cycle_owner AND a.cycle = p.cycle AND a.part = p.part"
        " AND a.purchase_version = p.version"
        " LEFT JOIN party w ON w.ref = a.spoken"
        " WHERE o.id = ?1 OR p.producer IN (?1, ?2) OR EXISTS (SELECT 1 FROM represented r JOIN party w"
        " ON w.ref = r.owner WHERE r.member = p.producer AND w.id = ?1) ORDER BY p.timestamp DESC, p.local",
        (hat.member, as_itself(db, hat).member),
    ).fetchall()
    cycles = {cycle.key: cycle for cycle in list_cycles(db, now)}
    found = []
    for hub, at, body, answered, said, writer, told in rows:
        row = _row(db, cycles, hub, at, _purchases.decode(body), answered, _answers.decode(said) if said else None)
        written = shown_name(db, writer) if writer else ""
        found.append(msgspec.structs.replace(row, written_by=written, told=told or ""))
    return found


def _row(
    db: sqlite3.Connection,
    cycles: Mapping[tuple[bytes, bytes], CycleRow],
    hub: bytes,
    at: int,
    said: Purchase,
    answered: int | None,
    answer: PurchaseAnswer | None,
) -> PurchaseRow:
    cycle = cycles.get((said.cycle_owner, said.cycle))
    zone = cycle.zone if cycle else "UTC"
    state = answer.state if answer else "sent"
    lacks = shortfall_of(db, hub, (said.cycle_owner, said.cycle))
    identity = id_of_both(hub, said.local)
    return PurchaseRow(
        id=identity,
        number=f"{identity[:4]}-{identity[4:8]}".upper(),
        version=said.version,
        cycle=cycle.name if cycle else base32_id(said.cycle)[:8],
        cycle_id=base32_id(said.cycle),
        hub=shown_name(db, hub),
        hub_id=base32_id(hub),
        producer=shown_name(db, said.producer),
        producer_id=base32_id(said.producer),
        state=state,
        place=said.place,
        weighed=moment(said.weighed, zone) if said.weighed else None,
        comment=said.comment,
        reason=answer.reason if answer else "",
        sent_at=moment(at, zone),
        answered_at=moment(answered, zone) if answered is not None else None,
        fingerprint=said.fingerprint.hex(),
        lines=sorted(
            (_line_row(line, state, answer, lacks.get((said.producer, line.product))) for line in said.lines),
            key=lambda line: (fold(line.product), line.product_id),
        ),
        statement=said,
    )


def _line_row(
    line: PurchaseLine, state: PurchaseState, answer: PurchaseAnswer | None, lack: tuple[int, str] | None
) -> PurchaseLineRow:
    said = {each.product: each for each in answer.lines} if answer else {}
    accepted: int | None = None
    if state in {"accepted", "part"}:
        accepted = min(said[line.product].accepted, line.quantity) if line.product in said else line.quantity
    elif state == "refused":
        accepted = 0
    known = line.quantity if accepted is None else accepted
    there, why = lack or (known, "")
    there = min(there, line.quantity)
    return PurchaseLineRow(
        product=full_name(line.name, line.variant),
        product_id=base32_id(line.product),
        sku=line.sku,
        quantity=line.quantity,
        case=line.case,
        cases=line.cases,
        accepted=accepted,
        available=None if there == known else there,
        reason=_reason(line, answer),
        why="" if there == known else why,
        price=line.price,
        price_per=line.price_per,
        currency=line.currency,
        total=line_amount(line.price, line.price_per, there),
    )


def _reason(line: PurchaseLine, answer: PurchaseAnswer | None) -> str:
    """Return why a line is accepted in part or not at all: one that is refused whole says it once for all lines."""
    if answer is None:
        return ""
    said = next((each.reason for each in answer.lines if each.product == line.product), "")
    return answer.reason if answer.state == "refused" else said


def find_purchase(db: sqlite3.Connection, hat: Hat, text: str, now: int, producer: str | None = None) -> PurchaseRow:
    """Return the purchase order that somebody named by number, by whose it is or by its cycle.

    A producer knows its orders by their hubs, a hub by their producers. With a `producer` (id) only its own are looked
    at; what waits for an answer comes first.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    rows = [row for row in list_purchases(db, hat, now) if producer in {None, row.producer_id}]
    own = base32_id(hat.member)
    open_ones = [row for row in rows if row.state in {"sent", "seen"}]
    names: list[Callable[[PurchaseRow], Named]] = [
        lambda row: row.named if row.hub_id == own else row.named._replace(name=row.hub),
        _of_cycle,
        lambda row: row.named,
    ]
    for view in names:
        for found in (open_ones, rows):
            with suppress(NotThereError):
                return find(found, text, view, "purchase")
    return find(rows, text, _of_cycle, "purchase")


def _of_cycle(row: PurchaseRow) -> Named:
    return row.named._replace(name=row.cycle, extra=row.producer)
