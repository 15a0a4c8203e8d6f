"""Orders on a desk that a person should look at: what waits for a word, is late or refused, or counts by a clock.

Each says what it wants that is not in the queue, since that is what one decides about. Nothing here signs or decides.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Set

import msgspec

from foodhub.catalog.naming import base32_id, full_name
from foodhub.node.book import Held, Wish
from foodhub.node.counting import Gate
from foodhub.node.hat import member_name
from foodhub.node.products import product_statement
from foodhub.node.receipts import BY_CLOCK, BY_HAND
from foodhub.node.supplies import Key
from foodhub.orders.statements import OrderLine
from foodhub.quantity import COUNTED_IN

_lines = msgspec.msgpack.Decoder(list[OrderLine])


class DeskLine(msgspec.Struct, frozen=True):
    """A line of an order about which a person decides: so much is wanted, so much in the queue; pieces, g or ml."""

    product: str
    product_id: str
    unit: str
    wanted: int
    held: int


class DeskOrder(msgspec.Struct, frozen=True):
    """What of an order a person should look at: `state` is by_hand, late, refused or by_clock; `reason` says why.

    `changes`: it changes what is in the queue; else it is new. `lines` are those that want something else than what is
    in the queue. `acceptable`: it is late or waits for a word, and a person may still let it count.
    """

    order: str
    customer: str | None
    customer_id: str
    state: str
    reason: str
    changes: bool
    lines: list[DeskLine]
    acceptable: bool


def desk_orders(
    db: sqlite3.Connection, helds: Iterable[Held], numbers: Mapping[bytes, str], gate: Gate, *, changeable: bool
) -> list[DeskOrder]:
    """Return which of the placements on a desk a person should look at, in the order in which they were received.

    `numbers` are those of customers' orders; one that is not here any more is called by the beginning of its id.
    `changeable` says that what counts at this desk can still become more.
    """
    found = []
    for held in helds:
        waits = _waits(held)
        if waits is not None:
            buyer, order = held.place
            head = (numbers.get(buyer, base32_id(order)[:8]), member_name(db, buyer), base32_id(buyer))
            state, reason = waits
            if state == "late" and not _signed_in_time(db, held, gate):
                state = "refused"
            lines = list(_to_decide(db, held, state))
            acceptable = changeable and state in {"late", BY_HAND} and bool(lines)
            found.append(DeskOrder(*head, state, reason, bool(held.receipt_lines()), lines, acceptable))
    return together(found)


def together(orders: Iterable[DeskOrder]) -> list[DeskOrder]:
    """Return placements of one order of which the same is to be said as one."""
    merged: dict[tuple[str, str, str, str, bool], DeskOrder] = {}
    for each in orders:
        what = (each.customer_id, each.order, each.state, each.reason, each.changes)
        if what in merged:
            held = merged[what]
            lines, acceptable = [*held.lines, *each.lines], held.acceptable or each.acceptable
            merged[what] = msgspec.structs.replace(held, lines=lines, acceptable=acceptable)
        else:
            merged[what] = each
    return list(merged.values())


def _signed_in_time(db: sqlite3.Connection, held: Held, gate: Gate) -> bool:
    """Say whether a late placement was signed while the desk was open: no other can be accepted."""
    row = db.execute(
        "SELECT p.timestamp FROM placement p JOIN party b ON b.ref = p.owner WHERE b.id = ? AND p.local = ?", held.place
    ).fetchone()
    return row is not None and gate.opens <= row[0] < gate.until


def _waits(held: Held) -> tuple[str, str] | None:
    """Return why a person should look at a placement, and the reason that its buyer was told."""
    answer = held.answer
    if answer is None:
        return None
    if "late" in {answer.outcome, answer.reason} and answer.outcome != "refused":
        return "late", answer.reason
    if answer.outcome == "refused":
        return "refused", answer.reason
    if any(line.reason == BY_HAND for line in answer.lines):
        return BY_HAND, BY_HAND
    return ("by_clock", answer.reason) if answer.reason == BY_CLOCK else None


def _to_decide(db: sqlite3.Connection, held: Held, state: str) -> Iterator[DeskLine]:
    """Yield the lines of a placement of which something else is wanted than what is in the queue."""
    row = db.execute(
        "SELECT p.cancelled, p.lines FROM placement p JOIN party b ON b.ref = p.owner WHERE b.id = ? AND p.local = ?",
        held.place,
    ).fetchone()
    cancelled, lines = (row[0], _lines.decode(row[1])) if row is not None else (True, [])
    by_hand = {
        (line.producer, line.product) for line in (held.answer.lines if held.answer else ()) if line.reason == BY_HAND
    }
    for line in lines:
        key = (line.producer, line.product)
        wanted, there = 0 if cancelled else line.quantity, held.wishes.get(key, Wish()).quantity
        if wanted != there and (state != BY_HAND or key in by_hand):
            name = full_name(line.name, line.variant)
            yield DeskLine(name, base32_id(line.product), COUNTED_IN[line.price_per], wanted, there)
    if state == "late":
        yield from _taken_out(db, held, {(line.producer, line.product) for line in lines})


def _taken_out(db: sqlite3.Connection, held: Held, named: Set[Key]) -> Iterator[DeskLine]:
    """Yield what is in the queue of a placement that its buyer names no more."""
    for key, wish in held.wishes.items():
        said = None if key in named or not wish.quantity else product_statement(db, *key)
        if said is not None:
            name = full_name(said.name, said.variant)
            yield DeskLine(name, base32_id(key[1]), COUNTED_IN[said.price_per], 0, wish.quantity)
