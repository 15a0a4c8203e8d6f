"""What befalls the nodes of a scenario: partitions that come and go, wires that are cut, sleep, restarts."""

from collections.abc import Sequence
from random import Random

from tests.simulator.clock import MINUTE, SECOND, Clock
from tests.simulator.node import Node

AWAKE = (1.0 * MINUTE, 5.0 * MINUTE)
"""So long a laptop is awake at a time; it then sleeps nine times as long, where it is one that sleeps."""


class Weather:
    """Drives the nodes until `clear` is called; from then on everybody reaches everybody."""

    def __init__(self, clock: Clock, chance: Random, nodes: Sequence[Node], *, length: float) -> None:
        self.clock = clock
        self.chance = chance
        self.nodes = nodes
        self.length = length
        self._side: dict[str, int] = {}
        for node in nodes:
            node.reaches = self.reaches

    def reaches(self, one: Node, other: Node) -> bool:
        """Say whether a node can dial another just now."""
        same = self._side.get(one.name) == self._side.get(other.name)
        return one.awake and other.awake and same

    def forecast(self, *, sleepers: Sequence[Node], partitions: int, cuts: int, restarts: int) -> None:
        """Put on the clock what will happen."""
        for node in self.nodes:
            if node in sleepers:
                self._doze(node)
            else:
                self.clock.after(self.chance.uniform(0, 10 * SECOND), node.wake)
        for act, times in ((self._part, partitions), (self._cut, cuts), (self._restart, restarts)):
            for _ in range(times):
                self.clock.at(self.chance.uniform(0, self.length), act)

    def _doze(self, node: Node) -> None:
        """Sleep, then be awake for a tenth of the time, and so on until the end."""
        awake = self.chance.uniform(*AWAKE)
        begin = self.clock.now + self.chance.uniform(0, 18) * awake
        if begin > self.length:
            return
        self.clock.at(begin, node.wake)
        self.clock.at(begin + awake, lambda: self._fall_asleep(node))

    def _fall_asleep(self, node: Node) -> None:
        if self.clock.now < self.length:
            node.sleep()
            self._doze(node)

    def _part(self) -> None:
        """Split the nodes in up to three that don't reach each other, in place of any split before, or heal it."""
        sides = self.chance.choice([1, 2, 2, 3])
        self._side = {node.name: self.chance.randrange(sides) for node in self.nodes}
        for link in [link for node in self.nodes for link in node.links.values()]:
            if not self.reaches(link.node, link.peer):
                link.wire.cut()

    def _cut(self) -> None:
        links = [link for node in self.nodes for link in node.links.values()]
        if links:
            self.chance.choice(links).wire.cut()

    def _restart(self) -> None:
        node = self.chance.choice(self.nodes)
        if node.awake:
            node.sleep()
            self.clock.after(self.chance.uniform(0, 30 * SECOND), node.wake)

    def clear(self) -> None:
        """End all of it: from now on everybody is awake and reaches everybody."""
        self._side.clear()
        for node in self.nodes:
            node.wake()
