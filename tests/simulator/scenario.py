"""One scenario, drawn from a seed: who takes part, what befalls them, and what they do meanwhile.

Two runs of one seed are alike in every step, so a failure is seen again by its number alone.
"""

from functools import partial
from random import Random

from foodhub.log.header import Log
from tests.pens import MORNING, Pen
from tests.simulator import villains
from tests.simulator.circuit import Circuit, Laptop
from tests.simulator.clock import HOUR, MINUTE, SECOND, YEAR, Clock
from tests.simulator.deeds import Deed, Deeds
from tests.simulator.disk import Disk
from tests.simulator.node import Node
from tests.simulator.verdict import agreed, judge, judge_rebuild
from tests.simulator.weather import Weather

SIZES = (3, 4, 5, 6, 8, 10, 12, 16)
PASSES = 12
"""So many rounds with everybody are enough to bring everybody to the same."""
EVENTS_PER_NODE = 30_000
WRONG_CLOCKS = (0, 0, 0, 5 * MINUTE, 3 * HOUR, -2 * HOUR, YEAR, -YEAR)
ASKED = 8
"""So many nodes are asked who is still in the circuit."""
MOST_DEEDS = 60
"""So much is done in one scenario at most, or a large one would never end."""


class Scenario:
    """A circuit and its nodes; `play` lets it happen and judges the end: `alike` is how many nodes agreed then."""

    alike = 0

    def __init__(self, seed: int, size: int | None = None) -> None:
        self.chance = chance = Random(seed)
        size = size or chance.choice(SIZES)
        self.clock = Clock(EVENTS_PER_NODE * size)
        self.circuit = Circuit(seed, size)
        self.length = chance.uniform(15, 60) * MINUTE
        self.bad = chance.choice([0, 0, 1, 1, 2, 3]) if size > 4 else chance.choice([0, 1])
        self.nodes: list[Node] = []
        self.old, self.young = self.circuit.disks()
        for number, pen in enumerate(self.circuit.members):
            self._add(f"n{number}", pen, self._first_disk(number), bad=number >= size - self.bad)
        self.twins = self._fork() if chance.random() < 0.5 else 0
        self.deeds = Deeds(self.circuit, chance, self._arrive)
        self.weather = Weather(self.clock, chance, self.nodes, length=self.length)

    @property
    def honest(self) -> list[Node]:
        """Return the nodes that keep their promises."""
        return [node for node in self.nodes if node.honest]

    # Who takes part

    def _first_disk(self, number: int) -> Disk:
        disk = (self.young if self.chance.random() < 0.2 and number else self.old).copy()
        if number:
            disk.append(self.circuit.joins[number - 1])
        return disk

    def _add(self, name: str, pen: Pen, disk: Disk, *, bad: bool = False) -> Node:
        """Add a node that knows the two that are always on, and some others."""
        node = Node(name, pen, disk, self.clock, Random(self.chance.random()))
        node.late = self.chance.choice(WRONG_CLOCKS)
        if bad:
            villains.corrupt(node)
        known = [*self.nodes[:2], *self.chance.sample(self.nodes, min(len(self.nodes), 2))]
        node.knows = list(dict.fromkeys(known))
        self.nodes.append(node)
        return node

    def _arrive(self, pen: Laptop, source: Node) -> None:
        """Let a new laptop take part, with what somebody else's disk holds."""
        node = self._add(f"n{len(self.nodes)}", pen, source.disk.copy())
        node.reaches = self.weather.reaches
        node.wake()

    def _fork(self) -> int:
        """Give a member a second pen on the same key: an old copy of its disk, on which other entries were written."""
        number = self.chance.randrange(1, len(self.circuit.members))
        one, circuit, chance = self.nodes[number], self.circuit, self.chance
        if not one.honest:
            return 0
        other = self.young.copy()
        for log in Log:
            for _ in range(chance.randint(0, 3)):
                circuit.write(one.disk, one.pen, log, chance.choice([1, 3, 20]), MORNING)
            head, _, _ = one.disk.head(one.pen.device, log)
            common = chance.choice([head, head, chance.randint(min(head, 1), head), chance.randint(0, 1)])
            if log == 0 or chance.random() < 0.7:
                other.append(circuit.fork(one.disk, one.pen, log, common, chance.choice([1, 1, 4, 30])))
        self._add(f"n{number} copied", one.pen, other)
        return 1

    # What happens

    def play(self) -> None:
        """Let everything happen, then let everybody meet until all is quiet, and judge."""
        self._forecast()
        self.clock.run(self.length)
        self.weather.clear()
        group = self.meet()
        judge(self.circuit, group)
        judge_rebuild(self.chance.choice(group))
        self.alike = len(group)

    def _forecast(self) -> None:
        chance, nodes = self.chance, self.nodes
        sleepers = nodes[2:] if chance.random() < 0.4 else []
        storms = chance.choice([0, 1, 3])
        self.weather.forecast(
            sleepers=sleepers,
            partitions=storms * chance.randint(0, 2),
            cuts=storms * len(nodes),
            restarts=storms * len(nodes) // 3,
        )
        deeds = self.deeds
        rare = [deeds.erase, deeds.checkpoint, deeds.checkpoint, deeds.enrol, deeds.retire, deeds.remove, deeds.recover]
        kinds = chance.choice([[deeds.write], [deeds.write] * 4 + rare, [deeds.write] * 12 + rare])
        for _ in range(min(chance.randint(1, 4) * len(nodes), MOST_DEEDS)):
            self.clock.at(chance.uniform(0, self.length), partial(self._do, chance.choice(kinds)))

    def _do(self, deed: Deed) -> None:
        """Let somebody do something: now, or when the node next wakes."""
        node = self.chance.choice(self.nodes)
        act = deed if node.honest else self.deeds.write
        if node.awake:
            node.do(lambda: act(node, MORNING + int(self.clock.now) + node.late))
        else:
            node.on_wake.append(lambda: act(node, MORNING + int(self.clock.now) + node.late))

    def meet(self) -> list[Node]:
        """Let honest nodes link with the two that are always on and with a neighbour, and sync until nothing is new.

        Return those that are still in the circuit together.
        """
        for node in self.nodes:
            node.knows = []
        group = self.honest
        for turn in range(PASSES):
            for number, node in enumerate(group):
                for peer in (*group[:2], group[number - 1]):
                    node.dial(peer)
                for link in list(node.links.values()):
                    link.sync()
            self.clock.run(self.clock.now + 10 * SECOND)
            group = self._members(self.honest)
            if turn and agreed(group):
                break
        return group

    def _members(self, nodes: list[Node]) -> list[Node]:
        """Return the most that let one of them in, who stands first, and whom it lets in.

        Who was removed or retired may not even learn of it, since nobody talks to it any more.
        """
        standing = [node for node in nodes if lets_in(node, node)]
        groups = [
            [one, *(node for node in standing if node is not one and lets_in(one, node) and lets_in(node, one))]
            for one in standing[:ASKED]
        ]
        return max(groups, key=len, default=nodes[:1])


def lets_in(one: Node, other: Node) -> bool:
    """Say whether a node takes another for a device of a member."""
    return one.disk.visitor([other.pen.device], b"").standing is not None
