"""What others lose when a late order is accepted: worked out by doing it, in a transaction that is undone.

Whoever calls this in one that is kept has accepted the order and told everybody.
"""

import sqlite3

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.node.confirmations import confirmations_of
from foodhub.node.cycles import CycleRow
from foodhub.node.deciding import accept_late, open_desk, order_at
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat, member_name
from foodhub.node.orders import OrderRow
from foodhub.node.products import product_named
from foodhub.orders.queue import Product
from foodhub.store.transaction import Transaction

_MOST_TURNS = 1000
"""A desk is at rest long before."""


class Loss(msgspec.Struct, frozen=True):
    """A customer who gets `after` instead of `before` of a product, in pieces, g or ml."""

    customer: str | None
    customer_id: str
    product: str
    price_per: str
    before: int
    after: int


def losses_by(tx: Transaction, hat: Hat, order: OrderRow) -> list[Loss]:
    """Accept a late order and settle anew; return what other customers then have less than was confirmed to them.

    Raises:
        RefusedError: see `accept_late`.
    """
    desk, _ = order_at(tx, hat, order)
    before = _shares(tx.db, desk.exchange)
    accept_late(tx, hat, order)
    _settle(tx, hat, desk.cycle)
    after, buyer = _shares(tx.db, desk.exchange), id_bytes(order.customer_id)
    return [
        Loss(member_name(tx.db, who), base32_id(who), *product_named(tx.db, *key), share, after.get((who, key), 0))
        for (who, key), share in sorted(before.items())
        if who != buyer and after.get((who, key), 0) < share
    ]


def _settle(tx: Transaction, hat: Hat, cycle: CycleRow) -> None:
    for _turn in range(_MOST_TURNS):
        if not open_desk(tx, hat, cycle).turn():
            break


def _shares(db: sqlite3.Connection, exchange: Exchange) -> dict[tuple[bytes, Product], int]:
    """Return by customer and product what was confirmed last."""
    told = confirmations_of(db, exchange).items()
    return {(buyer, (line.producer, line.product)): line.share for buyer, each in told for line in each.lines}
