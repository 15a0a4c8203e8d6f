"""The desk as people see it: the queue of each product, what waits for a person, what came late or was refused.

Read from receipts, answers and confirmations alone; nothing here signs or decides.
"""

import sqlite3
from collections import defaultdict
from datetime import datetime

import msgspec

from foodhub.catalog.naming import base32_id, fold, id_bytes
from foodhub.node.book import read_book
from foodhub.node.changing import is_changeable
from foodhub.node.closing import left_closed
from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import gate_of
from foodhub.node.cycles import CycleRow, in_ms, list_cycles, moment
from foodhub.node.desk_orders import DeskOrder, desk_orders
from foodhub.node.exchanges import Exchange, exchange_of, require_exchange
from foodhub.node.hat import Hat, member_name, shown_name
from foodhub.node.order_lines import LATE, why_less
from foodhub.node.orders import list_orders
from foodhub.node.products import product_statement
from foodhub.node.receipts import BY_HAND
from foodhub.node.remarks import consents_in
from foodhub.node.settling import SUBSTITUTED, Lack, confirmed_of, is_short, sharing_of, to_share, work_out
from foodhub.node.shortfalls import shortfall_of
from foodhub.node.supplies import Key, Supplies
from foodhub.node.trade_alerts import RECENT
from foodhub.orders.allocation import waits_for_a_person
from foodhub.orders.closing import ConfirmedLine
from foodhub.orders.queue import Placement, Row
from foodhub.orders.sums import aggregators_in
from foodhub.quantity import COUNTED_IN


class QueueRow(msgspec.Struct, frozen=True):
    """One row of the queue of a product, in pieces, g or ml; `substitute` is what its buyer lets stand in for it.

    `promised` is what of it is promised, None where that is said at the close.
    """

    customer: str | None
    customer_id: str
    order: str
    quantity: int
    tolerance: int
    promised: int | None
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

    `promised` is None where that is said at the close. `size` is that of its case, 0 for none. `leftover` is the rule
    for what no case holds, `own` how much of that we buy for ourselves by it (None before the close). `asks` says that
    a person has to say what becomes of it. `available` is how much there is where that is less than was
    confirmed, or before that promised or wanted (else None), `reason` why, `sharing` by which rule it is shared;
    `short` is the same where a person has to share it (None: nobody has to). `shares` are what was told to each
    customer after the close; `spare` goes to nobody of them though others lack it, since something else stands in.
    """

    product: str
    product_id: str
    producer_id: str
    unit: str
    quantity: int
    tolerance: int
    promised: int | None
    confirmed: int | None
    size: int
    leftover: str
    own: int | None
    asks: bool
    available: int | None
    reason: str
    sharing: str
    short: int | None
    spare: int
    rows: list[QueueRow]
    shares: list[ShareRow]


class DeskComment(msgspec.Struct, frozen=True):
    """A word of a customer about its order, for whoever packs it."""

    order: str
    customer: str | None
    customer_id: str
    comment: str


class DeskRow(msgspec.Struct, frozen=True):
    """The desk of one member in a cycle; `state` is upcoming, open, closed (being counted), counted or confirmed.

    `confirmed` of `customers` have their confirmation. `reopened`: the cycle was opened again, but not this sale in it.
    `late_at` is our supplier, where customers lack something since our own order came too late for it (else None).
    """

    cycle: str
    cycle_id: str
    aggregator: str
    state: str
    opens: datetime
    until: datetime
    reopened: bool
    late_at: str | None
    customers: int
    confirmed: int
    products: list[QueueProduct]
    orders: list[DeskOrder]
    comments: list[DeskComment]


def list_desks(db: sqlite3.Connection, hat: Hat, now: int) -> list[DeskRow]:
    """Return our desk in every cycle that is not over, the one that closes first first.

    A cycle is over once everybody has a confirmation and nothing waits for a person.
    """
    rows = [desk_row(db, hat, cycle, now) for cycle in reversed(list_cycles(db, now)) if _takes_part(db, hat, cycle)]
    return [row for row in rows if _needs_a_look(row, now)]


def _needs_a_look(row: DeskRow, now: int) -> bool:
    if row.state != "confirmed" or row.reopened or any(each.short is not None for each in row.products):
        return True
    if any(each.state == BY_HAND for each in row.orders):
        return True
    return in_ms(row.until) > now - RECENT and any(each.acceptable for each in row.orders)


def _takes_part(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> bool:
    return exchange_of(db, hat.member, cycle) is not None


def desk_row(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, now: int) -> DeskRow:
    """Return our desk in a cycle.

    Raises:
        RefusedError: `not_in_cycle_hub`: we sell nothing in it.
    """
    return _Desk(db, hat, cycle, require_exchange(db, hat.member, cycle), now).row()


class _Desk:
    """Our desk in one cycle, as it is read."""

    def __init__(self, db: sqlite3.Connection, hat: Hat, cycle: CycleRow, exchange: Exchange, now: int) -> None:
        self._db = db
        self._hat = hat
        self._cycle = cycle
        self._exchange = exchange
        self._now = now
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
        self._said = shortfall_of(db, hat.member, cycle.key)
        own = base32_id(hat.member)
        orders = list_orders(db, hat, now)
        ours = [row for row in orders if (row.cycle_id, row.hub_id) == (cycle.id, own)]
        self._numbers = {id_bytes(row.customer_id): row.number for row in ours}
        self._comments = [
            DeskComment(row.number, row.customer, row.customer_id, row.comment)
            for row in sorted(ours, key=lambda row: row.number)
            if row.comment and row.state not in {"cancelled", "refused"}
        ]
        self._consents = consents_in(db, hat.member, cycle.key)

    def row(self) -> DeskRow:
        """Return it as it is shown."""
        customers = {row.buyer for rows in self._queue.values() for row in rows}
        return DeskRow(
            cycle=self._cycle.name,
            cycle_id=self._cycle.id,
            aggregator=self._hat.name,
            state=self._state(customers),
            opens=moment(self._gate.opens, self._cycle.zone),
            until=moment(self._gate.until, self._cycle.zone),
            reopened=self._reopened,
            late_at=self._late_at(),
            customers=len(customers),
            confirmed=len(customers & self._told.keys()),
            products=sorted(
                (self._product(key, self._queue.get(key, [])) for key in {*self._queue, *self._lines}),
                key=lambda each: (fold(each.product), each.product_id),
            ),
            orders=self._orders(),
            comments=self._comments,
        )

    def _late_at(self) -> str | None:
        """Return for whom our own order came too late; only then a confirmation calls a line late."""
        told = (line for lines in self._lines.values() for line in lines.values())
        late = not self._exchange.own_supplier and any(line.reason == LATE for line in told)
        return shown_name(self._db, self._exchange.supplier) if late else None

    def _orders(self) -> list[DeskOrder]:
        changeable = is_changeable(self._db, self._exchange, self._cycle, self._now)
        return desk_orders(self._db, self._book.held.values(), self._numbers, self._gate, changeable=changeable)

    def _state(self, customers: set[bytes]) -> str:
        if self._gate.counted is None:
            running = "open" if self._gate.opens <= self._now else "upcoming"
            return running if self._gate.at is None else "closed"
        # Where our supplier is open again, what we get is not settled any more.
        return "confirmed" if self._found and customers <= self._told.keys() else "counted"

    def _product(self, key: Key, rows: list[Row]) -> QueueProduct:
        statement, terms = product_statement(self._db, *key), self._supplies.terms(key)
        name = base32_id(key[1])[:8] if statement is None else statement.name
        per = statement.price_per if statement is not None else "piece"
        groups = aggregators_in([rows], self._cycle.key)
        supplied, found = not self._exchange.own_supplier, self._found
        promised, shares = self._promised(key), self._shares(key, rows)
        lack = self._lack(key, promised)
        return QueueProduct(
            product=f"{name}, {statement.variant}" if statement is not None and statement.variant else name,
            product_id=base32_id(key[1]),
            producer_id=base32_id(key[0]),
            unit=COUNTED_IN[per],
            quantity=sum(row.quantity for row in rows),
            tolerance=sum(row.tolerance for row in rows),
            promised=promised,
            confirmed=self._confirmed(key),
            size=terms.size,
            leftover=terms.rule.leftover,
            own=found.allocation.products[key].leftover if found and key in found.allocation.products else None,
            asks=self._gate.at is None and waits_for_a_person(rows, terms, groups, supplied=supplied),
            available=lack.available if lack else None,
            reason=lack.reason if lack else "",
            sharing=sharing_of(self._exchange, found, key, self._told) if found else self._exchange.rule(*key).sharing,
            short=to_share(self._exchange, found, key, self._told) if found else None,
            spare=_spare(lack.available, shares) if lack and shares else 0,
            rows=self._rows(key, rows, decided=promised is not None),
            shares=shares,
        )

    def _shares(self, key: Key, rows: list[Row]) -> list[ShareRow]:
        """Return what each customer was told of a product, in the order of the queue; then who gets it instead."""
        told = self._lines.get(key, {})
        found = []
        for buyer in dict.fromkeys([*(row.buyer for row in rows if row.buyer in told), *sorted(told)]):
            line, substitute = told[buyer], self._consents.get((buyer, *key), "")
            head = (member_name(self._db, buyer), base32_id(buyer), self._numbers.get(buyer, ""))
            amounts = (line.ordered, line.tolerance, line.confirmed, line.share)
            found.append(ShareRow(*head, *amounts, why_less(line), substitute))
        return found

    def _promised(self, key: Key) -> int | None:
        """Return what is promised of a product; None where nothing is, since only the close can tell."""
        demand = self._book.demand(key)
        state = self._supplies.state(key, demand.quantity, demand.promised)
        return None if state.available is None and not demand.promised else demand.promised

    def _confirmed(self, key: Key) -> int | None:
        """Return what is confirmed of a product, also in the place of another; None before the close."""
        if self._found is None:
            return None
        instead = sum(line.confirmed for line in self._lines[key].values() if not line.ordered)
        return instead + sum(confirmed_of(self._found, key).values())

    def _lack(self, key: Key, promised: int | None) -> Lack | None:
        """Return how much there is of a product where that is not enough; before the close its producer alone knows."""
        found = self._found
        if found is not None:
            return found.lacks[key] if is_short(found, key) else None
        said = self._said.get(key)
        enough = self._book.demand(key).quantity if promised is None else promised
        return Lack(*said) if said is not None and said[0] < enough else None

    def _rows(self, key: Key, rows: list[Row], *, decided: bool) -> list[QueueRow]:
        """Return the queue of a product; what is promised to a placement covers its oldest rows."""
        places = {(row.buyer, row.order) for row in rows}
        left = {place: self._book.held[place].wishes[key].promised for place in places}
        found = []
        for row in rows:
            place = (row.buyer, row.order)
            promised = min(left[place], row.quantity)
            left[place] -= promised
            head = (member_name(self._db, row.buyer), base32_id(row.buyer), self._number(place))
            substitute = self._consents.get((row.buyer, *key), "")
            found.append(QueueRow(*head, row.quantity, row.tolerance, promised if decided else None, substitute))
        return found

    def _number(self, place: Placement) -> str:
        """Return the number of a customer's order; of one that is not here any more, the beginning of its id."""
        return self._numbers.get(place[0], base32_id(place[1])[:8])


def _spare(available: int, shares: list[ShareRow]) -> int:
    """Return how much of what there is nobody gets, though customers lack it."""
    lacking = sum(row.confirmed - row.share for row in shares if not row.reason.startswith(SUBSTITUTED))
    return max(0, min(available - sum(row.share for row in shares), lacking))
