"""Virtual time: a heap of what happens when. Nothing here waits, and nothing happens that was not put here.

The number of events is bounded: two nodes that talk for ever about nothing are a fault, and this is where it shows.
"""

import heapq
from collections.abc import Callable
from itertools import count

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
YEAR = 365 * 24 * HOUR
Act = Callable[[], None]


class EndlessError(AssertionError):
    """More happened than so many nodes may need."""


class Clock:
    """The time of a scenario, in ms from its beginning; at most `most` events happen."""

    def __init__(self, most: int) -> None:
        self.now = 0.0
        self.happened = 0
        self.most = most
        self._heap: list[tuple[float, int, Act]] = []
        self._order = count()

    def at(self, time: float, act: Act) -> None:
        """Let something happen at a time; of two at one time the one that was put first goes first."""
        heapq.heappush(self._heap, (max(time, self.now), next(self._order), act))

    def after(self, delay: float, act: Act) -> None:
        """Let something happen so many ms from now."""
        self.at(self.now + delay, act)

    def run(self, until: float | None = None) -> None:
        """Let everything happen up to a time; without one, until nothing is left to happen."""
        while self._heap and (until is None or self._heap[0][0] <= until):
            self.now, _, act = heapq.heappop(self._heap)
            self.happened += 1
            if self.happened > self.most:
                raise EndlessError(f"more than {self.most} events")
            act()
        if until is not None:
            self.now = max(self.now, until)
