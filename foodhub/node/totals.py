"""What producers are told of a cycle before its close: one sum per product, and only what changed."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection

from foodhub.log.encoding import LIMIT
from foodhub.node.book import Book
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.orders.statements import Total, derived_id
from foodhub.store.transaction import Transaction

Key = tuple[bytes, bytes]
"""(producer, product)"""


def tell_totals(
    tx: Transaction, hat: Hat, cycle: tuple[bytes, bytes], book: Book, among: Collection[Key] | None = None
) -> int:
    """Tell each producer what is ordered and promised of its products; return how many sums changed.

    Only sums of the products `among` may have changed; of any when None.
    """
    told = _told(tx.db, hat.member, cycle)
    changed: defaultdict[bytes | None, list[Total]] = defaultdict(list)
    for producer, product in sorted({*told, *book.demands} if among is None else among):
        demand = book.demand((producer, product))
        # More than can be signed means no more.
        sums = (min(demand.quantity, LIMIT - 1), min(demand.promised, LIMIT - 1))
        version, *before = told.get((producer, product), (0, 0, 0))
        if sums != tuple(before):
            local = derived_id(b"total", *cycle, producer, product)
            changed[reader_of(tx.db, producer)].append(Total(local, version + 1, *cycle, producer, product, *sums))
    readable = {reader: totals for reader, totals in changed.items() if reader is not None}
    if readable:
        tx.append_to_each(hat.member, readable)
    return sum(map(len, readable.values()))


def _told(db: sqlite3.Connection, member: bytes, cycle: tuple[bytes, bytes]) -> dict[Key, tuple[int, int, int]]:
    """Return what producers were told last of a cycle: version, ordered and promised."""
    rows = db.execute(
        "SELECT t.producer, t.product, t.version, t.ordered, t.promised"
        " FROM total t JOIN party m ON m.ref = t.owner WHERE m.id = ? AND t.cycle_owner = ? AND t.cycle = ?",
        (member, *cycle),
    )
    return {(producer, product): tuple(said) for producer, product, *said in rows}
