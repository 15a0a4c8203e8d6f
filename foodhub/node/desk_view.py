"""The desk as people see it: the queue of each product, what waits for a person, what came late or was refused.

Read from receipts, answers and confirmations alone; nothing here signs or decides.
"""

import sqlite3
from collections import defaultdict
from datetime import datetime

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.node.book import read_book
from foodhub.node.closing import left_closed
from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import gate_of
from foodhub.node.cycles import CycleRow, list_cycles, moment
from foodhub.node.desk_orders import DeskOrder, desk_orders
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat, member_name
from foodhub.node.orders import list_orders
from foodhub.node.products import product_statement
from foodhub.node.remarks import consents_in
from foodhub.node.settling import confirmed_of, is_short, sharing_of, to_share, work_out
from foodhub.node.supplies import Key, Supplies, aggregators_of
from foodhub.orders.allocation import waits_for_a_person
from foodhub.orders.closing import ConfirmedLine
from foodhub.orders.queue import Placement, Row


class QueueRow(msgspec.Struct, frozen=True):
    """One row of the queue of a product, in pieces, g or ml; `substitute` is what its buyer lets stand in for it."""

    customer: str | None
    customer_id: str
    order: str
    quantity: int
    tolerance: int
    substitute: str


class ShareRow(msgspec.Struct, frozen=True):
    """What a customer was told after the close of a product, in pieces, g or ml: what it gets is its `share`.

    `substitute` is what it lets stand in for the product.
    """

    customer: str | None
    customer_id: str
    order: str
    quantity: int
    tolerance: int
    confirmed: int
    share: int
    reason: str
    substitute: str


class QueueProduct(msgspec.Struct, frozen=True):
    """A product on the desk: its queue, what is wanted in all, promised, or confirmed once the cycle is closed.

    `size` is that of its case, 0 for none. `asks` says that a person has to say what becomes of what no case holds.
    `available` is how much there is where less came than was confirmed (else None), `reason` why, `sharing` by which
    rule it is shared; `short` is the same where a person has to share it (None: nobody has to). `shares` are what was
    told to each customer after the close.
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
    available: int | None
    reason: str
    sharing: str
    short: int | None
    rows: list[QueueRow]
    shares: list[ShareRow]


class DeskRow(msgspec.Struct, frozen=True):
    """The desk of one member in a cycle; `state` is open, closed (being counted), counted or confirmed.

    `confirmed` of `customers` have their confirmation. `reopened`: the cycle was opened again, but not this sale in it.
    """

    cycle: str
    cycle_id: str
    aggregator: str
    state: str
    until: datetime
    reopened: bool
    customers: int
    confirmed: int
    products: list[QueueProduct]
    orders: list[DeskOrder]


def list_desks(db: sqlite3.Connection, hat: Hat, now: int) -> list[DeskRow]:
    """Return our desk in every cycle that is not over, the one that closes first first.

    A cycle is over once everybody has a confirmation and nothing waits for a person.
    """
    rows = [desk_row(db, hat, cycle, now) for cycle in reversed(list_cycles(db, now)) if _takes_part(db, hat, cycle)]
    return [row for row in rows if _needs_a_look(row)]


def _needs_a_look(row: DeskRow) -> bool:
    return row.state != "confirmed" or row.reopened or any(each.short is not None for each in row.products)


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
            N_('Look who does: foodhub cycle show "{cycle}"'),
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
        told = confirmations_of(db, exchange).items() if counted else ()
        self._told = {buyer: each for buyer, each in told if counted and each.at == counted.at}
        self._lines: defaultdict[Key, dict[bytes, ConfirmedLine]] = defaultdict(dict)
        for buyer, said in self._told.items():
            for line in said.lines:
                self._lines[line.producer, line.product][buyer] = line
        self._reopened = left_closed(db, exchange, cycle, now)
        own = base32_id(hat.member)
        orders = list_orders(db, hat, now)
        ours = [row for row in orders if (row.cycle_id, row.hub_id) == (cycle.id, own)]
        self._numbers = {id_bytes(row.customer_id): row.number for row in ours}
        self._consents = consents_in(db, hat.member, cycle.key)

    def row(self) -> DeskRow:
        """Return it as it is shown."""
        customers = {row.buyer for rows in self._queue.values() for row in rows}
        return DeskRow(
            cycle=self._cycle.name,
            cycle_id=self._cycle.id,
            aggregator=self._hat.name,
            state=self._state(customers),
            until=moment(self._gate.until, self._cycle.zone),
            reopened=self._reopened,
            customers=len(customers),
            confirmed=len(customers & self._told.keys()),
            products=[self._product(key, self._queue.get(key, [])) for key in sorted({*self._queue, *self._lines})],
            orders=desk_orders(self._db, self._book.held.values(), self._numbers),
        )

    def _state(self, customers: set[bytes]) -> str:
        if self._gate.counted is None:
            return "open" if self._gate.at is None else "closed"
        # Where our supplier is open again, what we get is not settled any more.
        return "confirmed" if self._found and customers <= self._told.keys() else "counted"

    def _product(self, key: Key, rows: list[Row]) -> QueueProduct:
        statement, terms = product_statement(self._db, *key), self._supplies.terms(key)
        name = base32_id(key[1])[:8] if statement is None else statement.name
        per = statement.price_per if statement is not None else "piece"
        groups = aggregators_of(self._db, {row.buyer for row in rows})
        supplied, found = not self._exchange.own_supplier, self._found
        lack = found.lacks[key] if found and is_short(found, key) else None
        return QueueProduct(
            product=f"{name}, {statement.variant}" if statement is not None and statement.variant else name,
            product_id=base32_id(key[1]),
            producer_id=base32_id(key[0]),
            unit={"piece": "piece", "kg": "g", "l": "ml"}[per],
            quantity=sum(row.quantity for row in rows),
            tolerance=sum(row.tolerance for row in rows),
            promised=self._book.demand(key).promised,
            confirmed=sum(confirmed_of(found, key).values()) if found else None,
            size=terms.size,
            asks=self._gate.at is None and waits_for_a_person(rows, terms, groups, supplied=supplied),
            available=lack.available if lack else None,
            reason=lack.reason if lack else "",
            sharing=sharing_of(self._exchange, found, key, self._told) if found else self._exchange.rule(*key).sharing,
            short=to_share(self._exchange, found, key, self._told) if found else None,
            rows=[self._row(row) for row in rows],
            shares=self._shares(key, rows),
        )

    def _shares(self, key: Key, rows: list[Row]) -> list[ShareRow]:
        """Return what each customer was told of a product, in the order of the queue; then who gets it instead."""
        told = self._lines.get(key, {})
        found = []
        for buyer in dict.fromkeys([*(row.buyer for row in rows if row.buyer in told), *sorted(told)]):
            line, substitute = told[buyer], self._consents.get((buyer, *key), "")
            head = (member_name(self._db, buyer), base32_id(buyer), self._numbers.get(buyer, ""))
            amounts = (line.ordered, line.tolerance, line.confirmed, line.share)
            found.append(ShareRow(*head, *amounts, line.reason, substitute))
        return found

    def _row(self, row: Row) -> QueueRow:
        head = (member_name(self._db, row.buyer), base32_id(row.buyer), self._number((row.buyer, row.order)))
        substitute = self._consents.get((row.buyer, row.producer, row.product), "")
        return QueueRow(*head, row.quantity, row.tolerance, substitute)

    def _number(self, place: Placement) -> str:
        """Return the number of a customer's order; of one that is not here any more, the beginning of its id."""
        return self._numbers.get(place[0], base32_id(place[1])[:8])
