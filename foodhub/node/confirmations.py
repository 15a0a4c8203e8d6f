"""What aggregators confirmed to their customers, as the views hold it; nothing here signs."""

import sqlite3

import msgspec

from foodhub.node.exchanges import Exchange
from foodhub.orders.closing import Confirmation
from foodhub.orders.statements import derived_id

_confirmations = msgspec.msgpack.Decoder(Confirmation)


def confirmation_of(
    db: sqlite3.Connection, aggregator: bytes, buyer: bytes, cycle: tuple[bytes, bytes]
) -> Confirmation | None:
    """Return what an aggregator confirmed to a customer in a cycle (owner, local id), None while it has not."""
    row = db.execute(
        "SELECT c.body FROM confirmation c JOIN party o ON o.ref = c.owner WHERE o.id = ? AND c.local = ?",
        (aggregator, derived_id(b"confirmation", buyer, *cycle)),
    ).fetchone()
    return _confirmations.decode(row[0]) if row else None


def confirmations_of(db: sqlite3.Connection, exchange: Exchange) -> dict[bytes, Confirmation]:
    """Return what an aggregator confirmed in a cycle, by customer."""
    rows = db.execute(
        "SELECT c.body FROM confirmation c JOIN party o ON o.ref = c.owner"
        " WHERE o.id = ? AND c.cycle = ? AND c.cycle_owner = ?",
        (exchange.aggregator, exchange.cycle[1], exchange.cycle[0]),
    )
    return {each.buyer: each for each in (_confirmations.decode(body) for (body,) in rows)}
