"""When what a producer set aside in a cycle leaves its shelf: what is sure by the log, and what it says itself.

A count says what lies on the shelf, so whatever still lies there, sold, has to weigh against it: taking goods as gone
too early sells them twice, too late only keeps them back until the next count. What the producer says is a setting of
the home on which the stock is kept, no entry; where it is lost, goods weigh longer.
"""

import sqlite3
from collections.abc import Iterable

from foodhub.errors import N_, RefusedError
from foodhub.node.closing import close_of
from foodhub.node.cycles import CycleRow, in_ms
from foodhub.node.exchanges import plan_of
from foodhub.node.hat import Hat
from foodhub.node.rights import require_right
from foodhub.orders.exchanges import Plan
from foodhub.store.transaction import Transaction

CycleKey = tuple[bytes, bytes]
"""(owner, local id)"""
UNWEIGHED = 7 * 24 * 3_600_000
"""So long (ms) after the close goods of which no plan says when they are weighed in are taken as still on the shelf:
by then they were delivered, or have gone bad."""


class Deliveries:
    """When the goods of one producer leave it (ms), as things stand in one transaction."""

    def __init__(self, db: sqlite3.Connection, producer: bytes) -> None:
        self._db = db
        self._producer = producer
        self._said = _said(db, producer)
        self._plans: dict[CycleKey, Plan] = {}

    def leaves(self, cycle: CycleRow, product: bytes) -> int:
        """Return when a product leaves in a cycle: as its producer said, else when it is weighed in.

        That is never before the closing time, and long after it where no plan says when goods are weighed in.
        """
        said, closes = self._said.get(cycle.key, 0), in_ms(cycle.closes)
        if said and said >= _closed(self._db, cycle):
            return said - 1  # a count that is signed at that very moment is after it
        weighed = self._weighed(cycle, product)
        return max(closes, weighed) if weighed else closes + UNWEIGHED

    def _weighed(self, cycle: CycleRow, product: bytes) -> int:
        """Return when the plan says that a product is weighed in (ms), 0 for not."""
        if cycle.key not in self._plans:
            self._plans[cycle.key] = plan_of(self._db, cycle)
        coming = (each for each in self._plans[cycle.key].incoming if each.producer == self._producer)
        return next((each.weighed for each in coming if not each.products or product in each.products), 0)


def say_delivered(tx: Transaction, hat: Hat, cycles: Iterable[CycleRow]) -> None:
    """Note that what we set aside in these cycles has left the shelf, for the counts from now on.

    Raises:
        RefusedError: another device keeps the stock, or `cycle_still_open`.
    """
    for cycle in cycles:
        require_right(tx.db, hat, "stock")
        require_closed(tx.db, cycle, tx.now)
        tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_key(hat.member, cycle.key), tx.now))


def require_closed(db: sqlite3.Connection, cycle: CycleRow, now: int) -> None:
    """Make sure that what was sold in a cycle can have left.

    Raises:
        RefusedError: `cycle_still_open`.
    """
    if not has_closed(db, cycle, now):
        raise RefusedError(
            "cycle_still_open",
            N_('"{cycle}" is not closed yet: what is set aside in it is still on your shelf.'),
            N_("Count all that lies there, also what is set aside."),
            cycle=cycle.name,
        )


def has_closed(db: sqlite3.Connection, cycle: CycleRow, now: int) -> bool:
    """Say whether it is known at `now` (ms) what of a cycle has to be delivered."""
    return _closed(db, cycle) <= now


def _closed(db: sqlite3.Connection, cycle: CycleRow) -> int:
    """Return until when (ms) orders of a cycle count."""
    closed = close_of(db, cycle)
    return in_ms(cycle.closes) if closed is None else closed


def _said(db: sqlite3.Connection, producer: bytes) -> dict[CycleKey, int]:
    head = _key(producer)
    rows = db.execute("SELECT key, value FROM meta WHERE key >= ? AND key < ?", (head, f"{head}~"))
    found = {}
    for key, value in rows:
        *_, owner, local = key.split(" ")
        found[bytes.fromhex(owner), bytes.fromhex(local)] = int(value)
    return found


def _key(producer: bytes, cycle: CycleKey | None = None) -> str:
    head = f"delivered {producer.hex()} "
    return f"{head}{cycle[0].hex()} {cycle[1].hex()}" if cycle else head
