"""The desk as people see it: the queue of each product, what waits for a person, what came late or was refused.

Read from receipts, answers and confirmations alone; nothing here signs or decides.
"""

import sqlite3
from datetime import datetime

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_, RefusedError
from foodhub.node.book import Held, read_book
from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import Gate, gate_of
from foodhub.node.cycles import CycleRow, list_cycles, moment
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat, member_name
from foodhub.node.orders import list_orders
from foodhub.node.products import product_statement
from foodhub.node.receipts import BY_HAND
from foodhub.node.settling import confirmed_of, work_out
from foodhub.node.supplies import Key, Supplies, aggregators_of
from foodhub.orders.allocation import waits_for_a_person
from foodhub.orders.closing import Confirmation
from foodhub.orders.queue import Placement, Row


class QueueRow(msgspec.Struct, frozen=True):
    """One row of the queue of a product, in pieces, g or ml; `promised` is what of it is promised, or confirmed."""

    customer: str | None
    customer_id: str
    order: str
    quantity: int
    tolerance: int


class QueueProduct(msgspec.Struct, frozen=True):
    """A product on the desk: its queue, what is wanted in all, promised, or confirmed once the cycle is closed.

    `size` is that of its case, 0 for none. `asks` says that a person has to say what becomes of what no case holds,
    `short` how much there is where less came and a person has to share it (None: nobody has to).
    """

    product: str
    product_id: str
    producer_id: str
    unit: str
    quantity: int
    tolerance: int
    promised: int
    confirmed: int | None
    size: int
    asks: bool
    short: int | None
    rows: list[QueueRow]


class DeskOrder(msgspec.Struct, frozen=True):
    """A placement that a person should look at: `state` is by_hand, late or refused; `reason` says why."""

    order: str
    customer: str | None
    customer_id: str
    state: str
    reason: str


class DeskRow(msgspec.Struct, frozen=True):
    """The desk of one member in a cycle; `state` is open, closed (being counted), counted or confirmed.

    `confirmed` of `customers` have their confirmation.
    """

    cycle: str
    cycle_id: str
    aggregator: str
    state: str
    until: datetime
    customers: int
    confirmed: int
    products: list[QueueProduct]
    orders: list[DeskOrder]


def list_desks(db: sqlite3.Connection, hat: Hat, now: int) -> list[DeskRow]:
    """Return our desk in every cycle that is not over, the one that closes first first.

    A cycle is over once everybody has a confirmation and nothing waits for a person.
    """
    rows = [desk_row(db, hat, cycle, now) for cycle in reversed(list_cycles(db, now)) if _takes_part(db, hat, cycle)]
    return [row for row in rows if row.state != "confirmed" or any(each.short is not None for each in row.products)]


def _takes_part(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> bool:
    return exchange_of(db, hat.member, cycle) is not None


def desk_row(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, now: int) -> DeskRow:
    """Return our desk in a cycle.

    Raises:
        RefusedError: `not_in_cycle_hub`: we sell nothing in it.
    """
    exchange = exchange_of(db, hat.member, cycle)
    if exchange is None:
        raise RefusedError(
            "not_in_cycle_hub",
            N_('{hub} sells nothing in "{cycle}".'),
            N_("Look who does: foodhub cycle show"),
            hub=hat.name,
            cycle=cycle.name,
        )
    return _Desk(db, hat, cycle, exchange, now).row()


class _Desk:
    """Our desk in one cycle, as it is read."""

    def __init__(self, db: sqlite3.Connection, hat: Hat, cycle: CycleRow, exchange: Exchange, now: int) -> None:
        self._db = db
        self._hat = hat
        self._cycle = cycle
        self._exchange = exchange
        self._gate = gate_of(db, exchange, cycle, now)
        counted = self._gate.counted
        at, versions = (counted.at, counted.versions) if counted else (None, None)
        self._book = read_book(db, hat.member, cycle, exchange.device, at, versions)
        self._queue = self._book.queue(versions)
        self._supplies = Supplies(db, cycle, exchange, self._book)
        self._found = work_out(db, exchange, counted, self._book, self._supplies) if counted else None
        self._told = confirmations_of(db, exchange)
        own = base32_id(hat.member)
        orders = list_orders(db, hat, now)
        self._numbers = {row.customer_id: row.number for row in orders if (row.cycle_id, row.hub_id) == (cycle.id, own)}

    def row(self) -> DeskRow:
        """Return it as it is shown."""
        customers = {row.buyer for rows in self._queue.values() for row in rows}
        return DeskRow(
            cycle=self._cycle.name,
            cycle_id=self._cycle.id,
            aggregator=self._hat.name,
            state=_state(self._gate, customers, self._told),
            until=moment(self._gate.until, self._cycle.zone),
            customers=len(customers),
            confirmed=len(customers & self._told.keys()),
            products=[self._product(key, rows) for key, rows in sorted(self._queue.items())],
            orders=self._orders(),
        )

    def _product(self, key: Key, rows: list[Row]) -> QueueProduct:
        statement, terms = product_statement(self._db, *key), self._supplies.terms(key)
        name = base32_id(key[1])[:8] if statement is None else statement.name
        per = statement.price_per if statement is not None else "piece"
        groups = aggregators_of(self._db, {row.buyer for row in rows})
        supplied = not self._exchange.own_supplier
        return QueueProduct(
            product=f"{name}, {statement.variant}" if statement is not None and statement.variant else name,
            product_id=base32_id(key[1]),
            producer_id=base32_id(key[0]),
            unit={"piece": "piece", "kg": "g", "l": "ml"}[per],
            quantity=sum(row.quantity for row in rows),
            tolerance=sum(row.tolerance for row in rows),
            promised=self._book.demand(key).promised,
            confirmed=sum(confirmed_of(self._found, key).values()) if self._found else None,
            size=terms.size,
            asks=self._gate.at is None and waits_for_a_person(rows, terms, groups, supplied=supplied),
            short=self._short(key),
            rows=[self._row(row) for row in rows],
        )

    def _short(self, key: Key) -> int | None:
        """Return how much there is of a product that a person still has to share, None where nobody has to."""
        found = self._found
        if found is None or key not in found.lacks or self._exchange.rule(*key).sharing != BY_HAND:
            return None
        available = found.lacks[key].available
        if available >= sum(confirmed_of(found, key).values()):
            return None
        lines = [line for each in self._told.values() for line in each.lines]
        shared = sum(line.share for line in lines if (line.producer, line.product) == key)
        return None if shared == available else available

    def _row(self, row: Row) -> QueueRow:
        number = self._number((row.buyer, row.order))
        return QueueRow(member_name(self._db, row.buyer), base32_id(row.buyer), number, row.quantity, row.tolerance)

    def _number(self, place: Placement) -> str:
        """Return the number of a customer's order; of one that is not here any more, the beginning of its id."""
        return self._numbers.get(base32_id(place[0]), base32_id(place[1])[:8])

    def _orders(self) -> list[DeskOrder]:
        """Return the placements that wait for a person, are late, or were refused, customer by customer."""
        found = []
        for held in sorted(self._book.held.values(), key=lambda held: held.place):
            state = _waits(held)
            if state is not None:
                buyer = held.place[0]
                name = member_name(self._db, buyer)
                found.append(DeskOrder(self._number(held.place), name, base32_id(buyer), *state))
        return found


def _state(gate: Gate, customers: set[bytes], told: dict[bytes, Confirmation]) -> str:
    if gate.counted is not None:
        return "confirmed" if customers <= told.keys() else "counted"
    return "open" if gate.at is None else "closed"


def _waits(held: Held) -> tuple[str, str] | None:
    """Return why a person should look at a placement, and the reason that its buyer was told."""
    answer = held.answer
    if answer is None:
        return None
    if "late" in {answer.outcome, answer.reason} and answer.outcome != "refused":
        return "late", answer.reason
    if answer.outcome == "refused":
        return "refused", answer.reason
    return (BY_HAND, BY_HAND) if any(line.reason == BY_HAND for line in answer.lines) else None
