"""What a group that buys for its households tells its hub: what is in each numbered basket, without names."""

import sqlite3
from typing import Any

import msgspec

from foodhub.log.body import ROOM
from foodhub.log.encoding import encode
from foodhub.log.header import Log
from foodhub.node.confirmations import confirmations_of
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.households import has_keys, households_of
from foodhub.orders.closing import Baskets, Confirmation
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction

_confirmations = msgspec.msgpack.Decoder(Confirmation)
_baskets = msgspec.msgpack.Decoder(Baskets)


def tell_baskets(tx: Transaction, hat: Hat, exchange: Exchange) -> int:
    """Tell our hub what each of our households gets, if we buy for them and it changed; return 1 if it was said."""
    if exchange.own_supplier or exchange.buying != "households" or not has_keys(tx.db, exchange.supplier):
        return 0
    rows = _rows(tx.db, hat, exchange)
    told = baskets_of(tx.db, hat.member, exchange.cycle)
    if rows == (told.rows if told else []):
        return 0
    version = told.version + 1 if told else 1
    said = Baskets(derived_id(b"baskets", *exchange.cycle), version, *exchange.cycle, rows)
    if len(encode(said)) > ROOM:
        return 0  # more than an entry holds: the hub then packs for the group as a whole
    tx.append(hat.member, Log.TRADE, [said], readers=[exchange.supplier])
    return 1


def baskets_of(db: sqlite3.Connection, group: bytes, cycle: tuple[bytes, bytes]) -> Baskets | None:
    """Return the baskets of a group in a cycle (owner, local id), None where it told of none."""
    row: Any = db.execute(
        "SELECT b.body FROM baskets b JOIN party o ON o.ref = b.owner WHERE o.id = ? AND b.local = ?",
        (group, derived_id(b"baskets", *cycle)),
    ).fetchone()
    return _baskets.decode(row[0]) if row else None


def _rows(db: sqlite3.Connection, hat: Hat, exchange: Exchange) -> list[tuple[int, list[tuple[bytes, bytes, int]]]]:
    """Return what is in each basket; whoever left the group since has a number behind the others."""
    told = confirmations_of(db, exchange)
    numbers = {household.id: household.number for household in households_of(db, hat.member)}
    last = max(numbers.values(), default=0)
    numbers |= {buyer: number for number, buyer in enumerate(sorted(told.keys() - numbers.keys()), last + 1)}
    found = [
        (numbers[buyer], [(line.producer, line.product, line.share) for line in confirmation.lines if line.share])
        for buyer, confirmation in told.items()
    ]
    return sorted((number, lines) for number, lines in found if lines)
