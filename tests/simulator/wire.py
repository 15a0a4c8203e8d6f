"""A wire between two nodes: a stream, so frames stay in order, arrive late, and are lost together when it is cut.

Whole links overtake each other, since each wire has a latency of its own. Each end notices a cut when it does, which
may be much later than the other.
"""

from collections.abc import Callable
from random import Random
from typing import Protocol

from tests.simulator.clock import SECOND, Clock

NOTICED_WITHIN = 20 * SECOND
"""So long it may take an end to notice that its wire was cut."""
Tamper = Callable[[bytes], list[bytes]]


class End(Protocol):
    """What stands at an end of a wire."""

    tamper: Tamper | None

    def receive(self, frame: bytes) -> None: ...

    def lost(self) -> None: ...


class Wire:
    """One stream. `waiting` is how many bytes are under way to each end, `most_waiting` the most that ever were."""

    def __init__(self, clock: Clock, chance: Random) -> None:
        self.clock = clock
        self.chance = chance
        self.latency = chance.choice([1, 5, 40, 300]) * chance.uniform(0.5, 2)
        self.open = True
        self.ends: list[End] = []
        self.waiting = [0, 0]
        self.most_waiting = 0
        self._arrives = [0.0, 0.0]

    def send(self, end: End, frame: bytes) -> None:
        """Send a frame from this end to the other; behind a cut nothing arrives."""
        if self.open:
            for each in end.tamper(frame) if end.tamper else [frame]:
                self._carry(1 - self.ends.index(end), each)

    def _carry(self, to: int, frame: bytes) -> None:
        late = self.latency * self.chance.uniform(1, 1.5)
        self._arrives[to] = max(self._arrives[to], self.clock.now + late)
        self.waiting[to] += len(frame)
        self.most_waiting = max(self.most_waiting, self.waiting[to])
        self.clock.at(self._arrives[to], lambda: self._arrive(to, frame))

    def _arrive(self, to: int, frame: bytes) -> None:
        if self.open:
            self.waiting[to] -= len(frame)
            self.ends[to].receive(frame)

    def close(self, end: End) -> None:
        """End the stream from this end: what was sent before still arrives, then the other end notices."""
        to = 1 - self.ends.index(end)
        self.clock.at(max(self._arrives[to], self.clock.now + self.latency), lambda: self._hang_up(to))

    def _hang_up(self, to: int) -> None:
        if self.open:
            self.open = False
            self.ends[to].lost()

    def cut(self) -> None:
        """Lose everything that is under way; both ends notice, each in its time."""
        if self.open:
            self.open = False
            for end in self.ends:
                self.clock.after(self.chance.uniform(0, NOTICED_WITHIN), end.lost)
