"""A node that trades: after every change of its home it does its duties, and whenever its clock makes one due.

It does what `foodhub.p2p.process` does around the circle. A duty that never ends is a fault, and shows here.
"""

from collections.abc import Callable
from functools import partial
from random import Random

from foodhub.node.duties import due, next_due, perform
from foodhub.node.waking import WAIT, note_in_step, note_waking
from tests.pens import Pen
from tests.simulator.clock import SECOND, Clock
from tests.simulator.home import Home
from tests.simulator.node import Node

MOST_SLICES = 100
"""So many slices of duties may follow one another."""
AGAIN = 30 * SECOND
"""So long after it was due something is looked at again that could not be done then."""


class Stall(Node):
    """The node of one home; `looked` is called after whatever changed in it. One that is `lost` never wakes again."""

    disk: Home

    def __init__(self, name: str, pen: Pen, home: Home, clock: Clock, chance: Random) -> None:
        super().__init__(name, pen, home, clock, chance)
        home.now = lambda: self.time
        self.lost = False
        self.looked: Callable[[Stall], None] = lambda _node: None
        self._looks_at: float | None = None
        self._worked_at = -1
        self.keep_watch()

    def wake(self) -> None:
        """Start the network process, which first has to hear what the others said."""
        if self.lost or self.awake:
            return
        self.disk.write(note_waking)
        self._looks_at = None
        super().wake()
        self._again(WAIT, self.settled)
        self.look()

    def sleep(self) -> None:
        """Stop it; whatever is said from now on this home hears only when it runs again."""
        if self.awake:
            self.disk.write(note_waking)
        super().sleep()

    def settled(self) -> None:
        """Note that a round with a peer is over: what waits for the clock may be done."""
        self._again(0, self._note_in_step)

    def _note_in_step(self) -> None:
        if self.disk.db.execute("SELECT 1 FROM meta WHERE key = 'waking'").fetchone():
            self.disk.write(note_in_step)
            self.look()

    def set_clock(self) -> None:
        """Let its clock be right from now on."""
        self.late = 0
        self._looks_at = None
        self.look()

    def do(self, act: Callable[[], None]) -> None:
        """Let its owner do something; duties follow, and everybody is told."""
        act()
        self.looked(self)
        self.look()

    def look(self) -> None:
        """Do what is due, tell of it, and look again when the clock makes something due."""
        if not self.lost:
            self._work()
            self.tell_news()

    def _do_duties(self) -> None:
        """Do what is due if something has come since the last time."""
        if self.disk.arrival != self._worked_at:
            self._work()

    def _work(self) -> None:
        home = self.disk
        for _ in range(MOST_SLICES):
            if not (home.read(due, self.time) and home.write(perform)):
                break
            self.looked(self)
        else:
            raise AssertionError(f"the duties of {self.name} never end")
        self._worked_at = home.arrival
        if self.awake:
            self._plan_look()

    def _commit_aside(self) -> None:
        waits = bool(self._aside)
        super()._commit_aside()
        if waits:
            self._do_duties()
            self.tell_news()

    def _plan_look(self) -> None:
        """Look again when the clock makes something due; a look that is planned for before that does as well."""
        at = self.disk.read(next_due, self.time)
        if at is None:
            return
        wait = at - self.time
        planned = self.clock.now + (wait if wait > 0 else AGAIN)
        if self._looks_at is None or planned < self._looks_at:
            self._looks_at = planned
            self._again(planned - self.clock.now, partial(self._look_as_planned, planned))

    def _look_as_planned(self, planned: float) -> None:
        if self._looks_at == planned:
            self._looks_at = None
            self.look()
