"""At which terms a product is sold in a cycle: those that were on offer when it opened.

The opening of a cycle names what that was by device: what a device stamped after its pin is for the next cycle. For a
device that is not named, and a cycle whose opening is not here, the opening time decides. The statement in force is
read from the logs, so nothing is stored and two nodes that hold the same entries agree; a product first stated after
the opening is sold at its first terms. What counts is what stands from the last checkpoint on, each statement at the
time at which it was first stated. A withdrawn product is sold no more, and none of a member that was removed.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from foodhub.catalog.statements import Case, Product
from foodhub.log.header import Log
from foodhub.node.cycles import CycleRow, in_ms
from foodhub.node.opening import pins_of
from foodhub.node.products import product_statement
from foodhub.node.standing import is_removed
from foodhub.orders.hands import Behalf
from foodhub.store.behalf import standing
from foodhub.store.facts import FACTS, Stated
from foodhub.store.fold import read_catalog
from foodhub.store.schema import SEQ_BITS

S = TypeVar("S", Product, Case)


class _Said(NamedTuple, Generic[S]):
    """A statement about a product; of two that are before the opening, the one that is higher as a tuple holds."""

    version: int
    own: bool
    at: int
    device: bytes
    statement: S


class _Offer(NamedTuple):
    """What tells which statements a cycle offers: its opening time (ms), and by device the last one that it pins."""

    opens: int
    pins: Mapping[bytes, int]

    def holds(self, device: bytes, at: int) -> bool:
        """Say whether what a device stated at a time (ms) was on offer when the cycle opened."""
        pin = self.pins.get(device)
        return at < self.opens if pin is None else at <= pin


def terms_in_cycle(db: sqlite3.Connection, producer: bytes, local: bytes, cycle: CycleRow) -> Product | None:
    """Return the statement that holds for a product in a cycle, None when it is not sold (any more)."""
    current = product_statement(db, producer, local)
    if current is None or current.withdrawn or is_removed(db, producer):
        return None
    offer = _Offer(in_ms(cycle.opens), pins_of(db, cycle.key))
    row = db.execute(
        "SELECT l.author, p.timestamp FROM product p JOIN party q ON q.ref = p.owner JOIN log l ON l.ref = p.place >> ?"
        " WHERE q.id = ? AND p.local = ?",
        (SEQ_BITS, producer, local),
    ).fetchone()
    return current if offer.holds(*row) else _offered(db, producer, local, offer) or current


def first_stated(db: sqlite3.Connection, producer: bytes, local: bytes) -> int:
    """Return when (ms) a product was first stated, as far as its logs still say; 0 where they say nothing."""
    return min((said.at for said in _statements(db, producer, local, Product)), default=0)


def case_in_cycle(db: sqlite3.Connection, producer: bytes, local: bytes, cycle: CycleRow) -> Case | None:
    """Return the case in which a product is sold in a cycle, None where nothing was said of one.

    It is the last that was stated up to the opening, else the first.
    """
    current = case_of(db, producer, local)
    if current is None:
        return None
    offer = _Offer(in_ms(cycle.opens), pins_of(db, cycle.key))
    stated = sorted(_statements(db, producer, local, Case), key=lambda said: said[:3])
    before = [said for said in stated if offer.holds(said.device, said.at)]
    found = before[-1:] or stated[:1]
    return found[0].statement if found else current


def case_of(db: sqlite3.Connection, producer: bytes, product: bytes) -> Case | None:
    """Return the case in which a product leaves its producer now, None where nothing was said of one."""
    row = db.execute(
        "SELECT c.local, c.version, c.size, c.minimum, c.word, c.broken FROM case_size c"
        " JOIN party p ON p.ref = c.owner WHERE p.id = ? AND c.local = ?",
        (producer, product),
    ).fetchone()
    if row is None:
        return None
    stated, version, size, minimum, word, broken = row
    return Case(stated, version, size, minimum, word, bool(broken))


def _offered(db: sqlite3.Connection, producer: bytes, local: bytes, offer: _Offer) -> Product | None:
    """Look a product's earlier statements up: the last that was on offer at the opening, else the first offer after.

    Where the last before had withdrawn the product, it is sold at the first terms with which it came back.
    """
    stated = sorted(_statements(db, producer, local, Product), key=lambda said: said[:3])
    before = [said for said in stated if offer.holds(said.device, said.at)]
    if before and not before[-1].statement.withdrawn:
        return before[-1].statement
    later = (said for said in stated if not offer.holds(said.device, said.at) and not said.statement.withdrawn)
    return next((said.statement for said in later), None)


def _statements(db: sqlite3.Connection, producer: bytes, local: bytes, kind: type[S]) -> Iterator[_Said[S]]:
    """Yield every counted statement of a kind about a product, by whoever made it."""
    rows = db.execute(
        "SELECT d.key, d.member, e.timestamp, e.kind, e.payload FROM ("
        " SELECT l.ref FROM device d JOIN log l ON l.author = d.key AND l.log = ?1 WHERE d.member = ?2"
        " UNION SELECT s.log FROM spoke s JOIN log l ON l.ref = s.log AND l.log = ?1 WHERE s.owner = ?2"
        ") n JOIN log l ON l.ref = n.ref JOIN device d ON d.key = l.author"
        " CROSS JOIN entry e ON e.place BETWEEN (l.ref << ?3) + max(l.base, 1) AND (l.ref << ?3) + l.seq"
        " WHERE e.payload IS NOT NULL ORDER BY l.author, e.place",
        (int(Log.CATALOG), producer, SEQ_BITS),
    )
    for device, writer, timestamp, entry_kind, payload in rows:
        if local in payload:
            for at, statement in read_catalog(payload, entry_kind, timestamp):
                found = _about(db, (producer, local), writer, at, statement, kind)
                if found is not None:
                    about, own = found
                    yield _Said(about.version, own, at, device, about)


def _about(
    db: sqlite3.Connection, key: tuple[bytes, bytes], writer: bytes, at: int, statement: Any, kind: type[S]
) -> tuple[S, bool] | None:
    """Return the statement about a product that a writer made at a time (ms) and whether it is its owner's own."""
    producer, own = key[0], writer == key[0]
    if isinstance(statement, Behalf) and statement.owner == producer:
        found = standing(db, "", statement, Stated(0, frozenset(), 0, b"", at, 0, b"", writer))
        if isinstance(found, str):
            return None
        statement, own = statement.statement, found.own
    elif not own:
        return None
    if not isinstance(statement, kind) or statement.local != key[1]:
        return None
    return (statement, own) if FACTS[kind].rule(statement) is None else None
