"""When what a producer set aside in a cycle leaves its shelf, as far as plans and times tell: a guess, and no more.

It is made once, when a count is signed, and shown to whoever signs it: from then on what is said to have left decides
(see `delivered`). Taking goods as gone too early sells them twice, too late only keeps them back until the next count.
"""

import sqlite3

from foodhub.errors import N_, RefusedError
from foodhub.node.closing import close_of
from foodhub.node.cycles import CycleRow, in_ms, list_cycles
from foodhub.node.exchanges import plan_of
from foodhub.node.shelf import Aside, CycleKey
from foodhub.orders.exchanges import Plan

UNWEIGHED = 7 * 24 * 3_600_000
"""So long (ms) after the close goods of which no plan says when they are weighed in are taken as still on the shelf:
by then they were delivered, or have gone bad."""


class Deliveries:
    """When the goods of one producer leave it, as things stand in one transaction."""

    def __init__(self, db: sqlite3.Connection, producer: bytes) -> None:
        self._db = db
        self._producer = producer
        self._cycles: dict[CycleKey, CycleRow] | None = None
        self._plans: dict[CycleKey, Plan] = {}

    def has_left(self, aside: Aside, at: int) -> bool:
        """Say whether something set aside has probably left by `at` (ms).

        Nothing of a cycle that nobody has closed has: a clock that is ahead can't know better.
        """
        leaves, cycle = self.leaves(aside), self._cycle(aside)
        return leaves is not None and leaves < at and cycle is not None and close_of(self._db, cycle) is not None

    def leaves(self, aside: Aside) -> int | None:
        """Return when (ms) something set aside is weighed in, None where its cycle is not known.

        That is never before the closing time, and long after it where no plan says when goods are weighed in.
        """
        cycle = self._cycle(aside)
        if cycle is None:
            return None
        closes, weighed = in_ms(cycle.closes), self._weighed(cycle, aside.product)
        return max(closes, weighed) if weighed else closes + UNWEIGHED

    def _cycle(self, aside: Aside) -> CycleRow | None:
        if self._cycles is None:
            self._cycles = {cycle.key: cycle for cycle in list_cycles(self._db, 0)}
        return self._cycles.get(aside.cycle)

    def _weighed(self, cycle: CycleRow, product: bytes) -> int:
        """Return when the plan says that a product is weighed in (ms), 0 for not."""
        if cycle.key not in self._plans:
            self._plans[cycle.key] = plan_of(self._db, cycle)
        coming = (each for each in self._plans[cycle.key].incoming if each.producer == self._producer)
        return next((each.weighed for each in coming if not each.products or product in each.products), 0)


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
    closed = close_of(db, cycle)
    return (in_ms(cycle.closes) if closed is None else closed) <= now
