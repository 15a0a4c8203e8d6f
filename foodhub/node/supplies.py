"""What an aggregator may promise of each product before the close, and what it has to give at the close.

A hub that producers supply promises what was set aside for it. Everybody else promises what its own supplier promised
it: a group what its hub promised of the sum of its households' wishes. Nothing here signs.
"""

import sqlite3
from dataclasses import dataclass

import msgspec

from foodhub.catalog.statements import Case, Product
from foodhub.log.header import Log
from foodhub.node.allotments import set_aside
from foodhub.node.book import UNCHANGED, Book, answer_of
from foodhub.node.closing import close_of
from foodhub.node.confirmations import confirmation_of
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.products import stock_statement
from foodhub.node.terms import case_in_cycle, terms_in_cycle
from foodhub.orders.cases import Terms, part_of
from foodhub.orders.closing import ConfirmedLine
from foodhub.orders.statements import Order, OrderLine
from foodhub.orders.sums import sum_id
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL

Key = tuple[bytes, bytes]
"""(producer, product)"""
_lines = msgspec.msgpack.Decoder(list[OrderLine])


@dataclass(frozen=True, slots=True)
class State:
    """What may be promised of a product: so much in all, None for nothing yet; and what those are told who get less.

    Where it is not `decided`, that is said at the close. Of what lacks only the oldest `refused` are told that they get
    less, None for all: for the rest the supplier was not asked yet, or has not answered.
    """

    available: int | None
    decided: bool
    reason: str = ""
    refused: int | None = None


_AT_THE_CLOSE = State(None, decided=False)
_OPEN = {"", "by_hand"}
"""Reasons of a supplier that leave open what becomes of what it does not promise."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What our supplier said of a product: of so much for which it `answered` it promises so much, and why not more."""

    answered: int
    promised: int
    decided: bool
    reason: str

    @property
    def refused(self) -> int:
        """Return how much of it we do not get; what still waits for somebody's word is not refused."""
        return 0 if self.reason in _OPEN else self.answered - self.promised


@dataclass(frozen=True, slots=True)
class Goods:
    """A product as it is sold in a cycle: its terms (None: not any more), its case, whether it is made on demand."""

    terms: Product | None
    case: Case | None
    on_demand: bool

    @property
    def by_the_case(self) -> bool:
        """Say whether only the close can tell what of it is delivered: it has a case, or a least quantity."""
        return self.case is not None and (self.case.size > 0 or self.case.minimum > 0)


class Supplies:
    """The supplies of one aggregator in a cycle, as things stand in one transaction."""

    def __init__(self, db: sqlite3.Connection, cycle: CycleRow, exchange: Exchange, book: Book) -> None:
        self._db = db
        self._cycle = cycle
        self._exchange = exchange
        self._goods: dict[Key, Goods] = _goods_of(db, book)
        self._above: dict[Key, _Heard] = {}
        self._behind: set[Key] = set()
        self.own = exchange.own_supplier
        self.aside = set_aside(db, exchange.aggregator, exchange.device, cycle) if self.own else {}
        self.sums = [] if self.own else sum_orders(db, exchange)
        self.came_too_late = not self.own and all(self._gets_nothing(order) for order in self.sums)
        for order in self.sums:
            self._hear_supplier(order)

    def _gets_nothing(self, order: Order) -> bool:
        """Say whether our supplier confirms nothing of an order of ours: it refused it, or knows it is cancelled."""
        answer = answer_of(self._db, self._exchange.supplier, (self._exchange.aggregator, order.local))
        if answer is None or answer.outcome != "received":
            return answer is not None
        return order.cancelled and answer.order_version >= order.version and answer.reason not in UNCHANGED

    def _hear_supplier(self, order: Order) -> None:
        """Read what our supplier says to an order of ours."""
        answer = answer_of(self._db, self._exchange.supplier, (self._exchange.aggregator, order.local))
        if answer is None:
            return
        behind = answer.order_version < order.version
        asked = {} if behind else {(line.producer, line.product): line.quantity for line in order.lines}
        for line in answer.lines:
            key = (line.producer, line.product)
            # A change that was not taken is answered with the lines of before: what was asked for besides is refused.
            answered = max(line.quantity, asked.get(key, 0))
            reason = line.reason or (answer.reason if line.quantity < answered else "")
            self._above[key] = _Heard(answered, line.promised, line.decided, reason)
        # What was promised of an older version may shrink with the newer one, so nothing more is given of it.
        if behind:
            self._behind |= {(line.producer, line.product) for line in answer.lines}

    def why_not(self, key: Key) -> str:
        """Return why our supplier did not take in all that we want of a product: without its word, it was too late."""
        heard = self._above.get(key)
        return (heard.reason if heard else "") or "late"

    def goods(self, key: Key) -> Goods:
        """Return how a product is sold in the cycle."""
        if key not in self._goods:
            stock = stock_statement(self._db, *key)
            on_demand = stock is not None and stock.mode == "on_demand"
            terms, case = terms_in_cycle(self._db, *key, self._cycle), case_in_cycle(self._db, *key, self._cycle)
            self._goods[key] = Goods(terms, case, on_demand)
        return self._goods[key]

    def terms(self, key: Key) -> Terms:
        """Return how a product is allocated at the close."""
        goods, rule = self.goods(key), self._exchange.rule(*key)
        case = goods.case or Case(bytes(16), 1, 0, 0, "", broken=False)
        step = goods.terms.step if goods.terms else 1
        part = part_of(goods.terms.price_per) if goods.terms else 1
        return Terms(rule, case.size, case.minimum, case.broken, step, part)

    def closed_above(self) -> int | None:
        """Return until when (ms) orders counted at our supplier, None while that is open (again)."""
        above, closed = self._exchange.above, close_of(self._db, self._cycle)
        if above is None or (closed is None and above.own_supplier):
            return None
        return above.closes if closed is None else min(above.closes, closed)

    def units(self, key: Key, promised: int) -> int | None:
        """Return what there is of a product at the close, of which so much is `promised`; None without a limit.

        What a supplier gives is in its confirmation.
        """
        goods = self.goods(key)
        if not self.own or (goods.on_demand and key not in self.aside):
            return None
        return max(promised, self.aside.get(key, 0)) if goods.by_the_case else promised

    def state(self, key: Key, wanted: int, promised: int) -> State:
        """Return what may be promised of a product in all, of which so much is `wanted`, and `promised` already."""
        goods = self.goods(key)
        if not self.own:
            return self._from_above(key, goods, wanted, promised)
        if goods.by_the_case:
            return _AT_THE_CLOSE
        if goods.terms is None:
            return State(promised, decided=True, reason="allotment_exhausted")
        if key in self.aside:
            return State(self.aside[key], decided=True, reason="allotment_exhausted")
        return _AT_THE_CLOSE if goods.on_demand else State(0, decided=True, reason="allotment_exhausted")

    def _from_above(self, key: Key, goods: Goods, wanted: int, promised: int) -> State:
        heard = self._above.get(key)
        if heard is None or not heard.decided:
            return _AT_THE_CLOSE
        if goods.by_the_case and self._exchange.rule(*key).filled != "hub":
            return _AT_THE_CLOSE
        available = promised if key in self._behind or goods.terms is None else heard.promised
        waits = wanted > heard.answered or (heard.reason in _OPEN and heard.promised < heard.answered)
        reason = "allotment_exhausted" if heard.reason in _OPEN else heard.reason
        return State(available, decided=True, reason=reason, refused=heard.refused if waits else None)


def _goods_of(db: sqlite3.Connection, book: Book) -> dict[Key, Goods]:
    """Return the products that a book knows, forgotten once any catalog, or who is in the circuit, has changed."""
    circuit = db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
    catalogs = db.execute("SELECT max(arrival) FROM log WHERE log = ?", (int(Log.CATALOG),)).fetchone()
    if book.goods_at != (circuit, catalogs):
        book.goods_at, book.goods = (circuit, catalogs), {}
    return book.goods


def sum_orders(db: sqlite3.Connection, exchange: Exchange) -> list[Order]:
    """Return the orders that an aggregator has placed with its own supplier, part by part."""
    found: list[Order] = []
    while True:
        local = sum_id(exchange.aggregator, exchange.cycle, len(found))
        row = db.execute(
            "SELECT p.version, p.placed, p.cycle_owner, p.cycle, p.hub, p.cancelled, p.lines FROM placement p"
            " JOIN party o ON o.ref = p.owner WHERE o.id = ? AND p.local = ?",
            (exchange.aggregator, local),
        ).fetchone()
        if row is None:
            return found
        version, placed, owner, cycle, hub, cancelled, lines = row
        found.append(Order(local, version, placed, owner, cycle, hub, bool(cancelled), _lines.decode(lines)))


def from_above(db: sqlite3.Connection, exchange: Exchange, at: int | None) -> dict[Key, ConfirmedLine] | None:
    """Return what the supplier of an aggregator confirmed to it for its close at `at` (ms), by product; None for none.

    What it had confirmed before the cycle was opened again counts no more.
    """
    found = confirmation_of(db, exchange.supplier, exchange.aggregator, exchange.cycle)
    return None if found is None or found.at != at else {(line.producer, line.product): line for line in found.lines}
