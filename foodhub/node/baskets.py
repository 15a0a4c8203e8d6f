"""What a group that buys for its households tells its hub: what is in each numbered basket, without names."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from foodhub.log.body import ROOM
from foodhub.log.header import Log
from foodhub.node.confirmations import confirmations_of
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.households import basket_numbers, has_keys
from foodhub.orders.closing import Baskets, baskets_id
from foodhub.orders.parts import in_parts, newest
from foodhub.store.transaction import Transaction

Row = tuple[int, list[tuple[bytes, bytes, int]]]
"""The number of a basket, and what is in it: (producer, product, quantity)."""
_HEAD = 512
"""What a part takes besides its rows, in bytes; less than that."""
_baskets = msgspec.msgpack.Decoder(Baskets)


def tell_baskets(tx: Transaction, hat: Hat, exchange: Exchange) -> int:
    """Tell our hub what each of our households gets, if we buy for them and it changed; return in how many parts."""
    if exchange.own_supplier or exchange.buying != "households" or not has_keys(tx.db, exchange.supplier):
        return 0
    rows = _rows(tx.db, hat, exchange)
    if rows == baskets_of(tx.db, hat.member, exchange.cycle):
        return 0
    version = 1 + max((each.version for each in _parts(tx.db, hat.member, exchange.cycle)), default=0)
    parts = _cut(rows)
    said = [
        Baskets(baskets_id(exchange.cycle, number), version, *exchange.cycle, number, len(parts), part)
        for number, part in enumerate(parts, 1)
    ]
    tx.append(hat.member, Log.TRADE, said, readers=[exchange.supplier])
    return len(said)


def _cut(rows: Iterable[Row]) -> list[list[Row]]:
    """Return rows in parts that fit an entry; a long basket comes again under its number."""
    short = [(number, some) for number, lines in rows for some in in_parts(lines, ROOM // 2)]
    return in_parts(short, ROOM - _HEAD) or [[]]


def baskets_of(db: sqlite3.Connection, group: bytes, cycle: tuple[bytes, bytes]) -> list[Row]:
    """Return what is in each basket of a group in a cycle (owner, local id); nothing until all parts are here."""
    found: defaultdict[int, list[tuple[bytes, bytes, int]]] = defaultdict(list)
    for part in newest(_parts(db, group, cycle)):
        for number, lines in part.rows:
            found[number] += lines
    return sorted(found.items())


def _parts(db: sqlite3.Connection, group: bytes, cycle: tuple[bytes, bytes]) -> list[Baskets]:
    rows = db.execute(
        "SELECT b.body FROM baskets b JOIN party o ON o.ref = b.owner WHERE o.id = ? AND b.cycle = ?"
        " AND b.cycle_owner = ?",
        (group, cycle[1], cycle[0]),
    )
    return [_baskets.decode(body) for (body,) in rows]


def _rows(db: sqlite3.Connection, hat: Hat, exchange: Exchange) -> list[Row]:
    """Return what is in each basket."""
    told = confirmations_of(db, exchange)
    numbers = basket_numbers(db, hat.member)
    last = max(numbers.values(), default=0)
    numbers |= {buyer: number for number, buyer in enumerate(sorted(told.keys() - numbers.keys()), last + 1)}
    found = [
        (numbers[buyer], [(line.producer, line.product, line.share) for line in confirmation.lines if line.share])
        for buyer, confirmation in told.items()
    ]
    return sorted((number, lines) for number, lines in found if lines)
