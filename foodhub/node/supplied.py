"""What a hub or group of this home ordered from whoever supplies it in a cycle, and what that one promised it.

Read for people to look at; nothing here signs or decides.
"""

import sqlite3

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import exchange_of
from foodhub.node.hat import hats, shown_name
from foodhub.node.orders import OrderRow, order_in


class SuppliedRow(msgspec.Struct, frozen=True):
    """A member of this home that another one supplies, with its order to that one, None while it has none."""

    member: str
    member_id: str
    supplier: str
    supplier_id: str
    order: OrderRow | None


def list_supplied(db: sqlite3.Connection, cycle: CycleRow) -> list[SuppliedRow]:
    """Return what each hub or group of this home is promised in a cycle by whoever supplies it."""
    found = []
    for hat in hats(db):
        exchange = exchange_of(db, hat.member, cycle)
        if exchange is not None and not exchange.own_supplier:
            order = order_in(db, hat.member, exchange.supplier, cycle)
            names = [(shown_name(db, member), base32_id(member)) for member in (hat.member, exchange.supplier)]
            found.append(SuppliedRow(*names[0], *names[1], order))
    return found
