"""What of an order's lines may be taken in: at the terms of the cycle, in whole steps, within what can be ordered.

A change that can't be taken takes nothing away: of what was received before stays what its buyer still wants. Only a
buyer lowers what it was promised.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence

from foodhub.node.book import Book, Held
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat, currency
from foodhub.node.households import group_of
from foodhub.node.standing import roles_of
from foodhub.node.supplies import Key, Supplies
from foodhub.orders.statements import OrderLine, ReceiptLine

MOST = 2**40
"""More of a product in one queue is nonsense, and whoever orders the sum of it would be refused."""
MOST_OF_ONE = 2**30
"""More of it in one order is nonsense, but for the sum of an aggregator: it would leave no room for others."""
_TERMS = ("price", "price_per", "currency", "unit", "unit_value")


class Permits:
    """What may be taken in at one aggregator in a cycle, as things stand in one transaction."""

    def __init__(self, db: sqlite3.Connection, hat: Hat, exchange: Exchange, book: Book, supplies: Supplies) -> None:
        self._db = db
        self._hat = hat
        self._exchange = exchange
        self._book = book
        self._supplies = supplies
        self._currency = currency(db)
        self._households = not exchange.own_supplier and "group" in roles_of(db, hat.member)
        self._coming: Counter[Key] = Counter()

    def forget(self) -> None:
        """Forget what was permitted and not taken in: another slice begins."""
        self._coming.clear()

    def is_stranger(self, buyer: bytes) -> bool:
        """Say whether a buyer is no household of ours (any more), where we sell to our own alone."""
        return self._households and group_of(self._db, buyer) != self._hat.member

    def permit(
        self, buyer: bytes, before: Held | None, lines: Sequence[OrderLine], *, stranger: bool
    ) -> tuple[list[ReceiptLine], frozenset[Key]]:
        """Return what of lines may be taken in, and the products of which that is not what the line says.

        `before` is the placement if it was received before; a stranger gets no more of anything.
        """
        taken, refused = [], set()
        for line in lines:
            key = (line.producer, line.product)
            wants = ReceiptLine(*key, line.quantity, line.tolerance)
            had = _had(before, key)
            at_terms = self._at_terms(line)
            allowed = at_terms and not stranger and self._is_sold(line) and self._in_steps(buyer, line)
            gets = wants if allowed and self._has_room(buyer, had, wants) else self._less(buyer, had, line)
            if gets != wants or not at_terms:
                refused.add(key)
            if gets.quantity:
                taken.append(gets)
                self._coming[key] += _size(gets) - _size(had)
        return taken, frozenset(refused)

    def _is_sold(self, line: OrderLine) -> bool:
        key = (line.producer, line.product)
        terms = self._supplies.goods(key).terms
        return terms is not None and terms.currency == self._currency and self._exchange.sells(*key)

    def _at_terms(self, line: OrderLine) -> bool:
        """Say whether a line is at the terms of its product, as far as that has any (still)."""
        terms = self._supplies.goods((line.producer, line.product)).terms
        return terms is None or all(getattr(line, field) == getattr(terms, field) for field in _TERMS)

    def _in_steps(self, buyer: bytes, line: OrderLine) -> bool:
        """Say whether a line keeps the steps of its product; the sum of another aggregator need not.

        Its own customers do, but sums of whole cases and of what no case holds fit no step.
        """
        terms = self._supplies.goods((line.producer, line.product)).terms
        if terms is None or self._is_aggregator(buyer):
            return True
        return line.quantity % terms.step == 0 and line.tolerance % terms.step == 0

    def _is_aggregator(self, buyer: bytes) -> bool:
        return not roles_of(self._db, buyer).isdisjoint({"group", "hub"})

    def _less(self, buyer: bytes, had: ReceiptLine, line: OrderLine) -> ReceiptLine:
        """Return the less of what a placement had and wants of a product, in whole steps where it is lowered."""
        terms = self._supplies.goods((line.producer, line.product)).terms
        step = terms.step if terms is not None and not self._in_steps(buyer, line) else 1
        quantity, tolerance = (
            before if wants >= before else wants - wants % step
            for before, wants in ((had.quantity, line.quantity), (had.tolerance, line.tolerance))
        )
        return ReceiptLine(line.producer, line.product, quantity, tolerance)

    def _has_room(self, buyer: bytes, had: ReceiptLine, wants: ReceiptLine) -> bool:
        """Say whether the queue of a product has room for what a placement wants of it instead of what it had."""
        if wants.quantity <= had.quantity and wants.tolerance <= had.tolerance:
            return True
        if max(wants.quantity, wants.tolerance) > MOST_OF_ONE and not self._is_aggregator(buyer):
            return False
        demand = self._book.demand((wants.producer, wants.product))
        coming = self._coming[wants.producer, wants.product]
        return demand.quantity + demand.tolerance + coming + _size(wants) - _size(had) <= MOST


def _had(before: Held | None, key: Key) -> ReceiptLine:
    wish = before.wishes.get(key) if before is not None else None
    return ReceiptLine(*key, wish.quantity, wish.tolerance) if wish else ReceiptLine(*key, 0, 0)


def _size(line: ReceiptLine) -> int:
    return line.quantity + line.tolerance
