"""At which terms a product is sold in a cycle: those its producer had stated when the cycle opened.

A later price is for the next cycle. The statement in force is read from the log, so nothing is stored and two nodes
that hold the same entries agree; a product first stated after the opening is sold at its first terms. What counts is
what stands from the last checkpoint on, each statement at the time at which it was first stated. A withdrawn product is
sold no more, and none of a member that was removed.
"""

import sqlite3
from collections.abc import Iterator

from foodhub.catalog.product import faults
from foodhub.catalog.statements import Product
from foodhub.log.header import Log
from foodhub.node.cycles import CycleRow, in_ms
from foodhub.node.products import product_statement
from foodhub.node.standing import is_removed
from foodhub.store.fold import read_catalog
from foodhub.store.schema import SEQ_BITS


def terms_in_cycle(db: sqlite3.Connection, producer: bytes, local: bytes, cycle: CycleRow) -> Product | None:
    """Return the statement that holds for a product in a cycle, None when it is not sold (any more)."""
    current = product_statement(db, producer, local)
    if current is None or current.withdrawn or is_removed(db, producer):
        return None
    opens = in_ms(cycle.opens)
    row = db.execute(
        "SELECT p.timestamp FROM product p JOIN member m ON m.ref = p.owner WHERE m.id = ? AND p.local = ?",
        (producer, local),
    ).fetchone()
    if current.version == 1 or row[0] < opens:
        return current
    return _stated_before(db, producer, local, opens) or current


def _stated_before(db: sqlite3.Connection, producer: bytes, local: bytes, opens: int) -> Product | None:
    """Look a product's earlier statements up in its producer's logs: the last before `opens` (ms), else the first.

    Where the last before had withdrawn the product, it is sold at the first terms with which it came back.
    """
    stated = sorted(_statements(db, producer, local), key=lambda item: item[:2])
    before = [item for item in stated if item[1] < opens]
    if before and not before[-1][2].withdrawn:
        return before[-1][2]
    return next((statement for _, at, statement in stated if at >= opens and not statement.withdrawn), None)


def _statements(db: sqlite3.Connection, producer: bytes, local: bytes) -> Iterator[tuple[int, int, Product]]:
    """Yield every counted statement about a product: version, timestamp and what it says."""
    rows = db.execute(
        "SELECT e.timestamp, e.kind, e.payload FROM device d JOIN member m ON m.id = d.member"
        " JOIN log l ON l.author = d.key AND l.log = ?"
        " CROSS JOIN entry e ON e.place BETWEEN (l.ref << ?) + max(l.base, 1) AND (l.ref << ?) + l.seq"
        " WHERE m.id = ? AND e.payload IS NOT NULL ORDER BY l.author, e.place",
        (int(Log.CATALOG), SEQ_BITS, SEQ_BITS, producer),
    )
    for timestamp, kind, payload in rows:
        if local in payload:
            for stated, statement in read_catalog(payload, kind, timestamp):
                if isinstance(statement, Product) and statement.local == local and faults(statement) is None:
                    yield statement.version, stated, statement
