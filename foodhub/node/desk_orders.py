"""Orders on a desk that a person should look at: what waits for a word, is late or refused, or counts by a clock.

Each says what it wants that is not in the queue, since that is what one decides about. Nothing here signs or decides.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.node.book import Held, Wish
from foodhub.node.hat import member_name
from foodhub.node.receipts import BY_CLOCK, BY_HAND
from foodhub.orders.statements import OrderLine

_lines = msgspec.msgpack.Decoder(list[OrderLine])


class DeskLine(msgspec.Struct, frozen=True):
    """A line of an order about which a person decides: so much is wanted, so much in the queue; pieces, g or ml."""

    product: str
    product_id: str
    unit: str
    wanted: int
    held: int


class DeskOrder(msgspec.Struct, frozen=True):
    """A placement that a person should look at: `state` is by_hand, late, refused or by_clock; `reason` says why.

    `changes`: it changes what is in the queue; else it is new. `lines` are those that want something else than what is
    in the queue.
    """

    order: str
    customer: str | None
    customer_id: str
    state: str
    reason: str
    changes: bool
    lines: list[DeskLine]


def desk_orders(db: sqlite3.Connection, helds: Iterable[Held], numbers: Mapping[bytes, str]) -> list[DeskOrder]:
    """Return which of the placements on a desk a person should look at, customer by customer.

    `numbers` are those of customers' orders; one that is not here any more is called by the beginning of its id.
    """
    found = []
    for held in sorted(helds, key=lambda held: held.place):
        state = _waits(held)
        if state is not None:
            buyer, order = held.place
            head = (numbers.get(buyer, base32_id(order)[:8]), member_name(db, buyer), base32_id(buyer))
            found.append(DeskOrder(*head, *state, bool(held.receipt_lines()), list(_to_decide(db, held, state[0]))))
    return found


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
            name = f"{line.name}, {line.variant}" if line.variant else line.name
            unit = {"piece": "piece", "kg": "g", "l": "ml"}[line.price_per]
            yield DeskLine(name, base32_id(line.product), unit, wanted, there)
