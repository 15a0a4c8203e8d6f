"""One scenario, drawn from a seed: who takes part, what befalls them, and what they do meanwhile.

Two runs of one seed are alike in every step, so a failure is seen again by its number alone.
"""

from collections.abc import Sequence
from functools import partial
from random import Random

from foodhub.log.header import Log
from tests.pens import MORNING, Pen
from tests.simulator import villains
from tests.simulator.arrivals import Arrivals
from tests.simulator.circuit import Circuit, Laptop
from tests.simulator.clock import HOUR, MINUTE, SECOND, YEAR, Clock
from tests.simulator.deeds import Deed, Deeds
from tests.simulator.disk import Disk
from tests.simulator.mishaps import Mishaps
from tests.simulator.node import Node
from tests.simulator.verdict import agreed, judge, judge_door, judge_guards, judge_rebuild, lets_in, unnoticed
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
            self._add(f"n{number}", pen, self._first_disk(number), chance, bad=number >= size - self.bad)
        self.twins = self._fork() if chance.random() < 0.5 else 0
        self.deeds = Deeds(self.circuit, chance, self._arrive)
        self.weather = Weather(self.clock, chance, self.nodes, length=self.length)
        # A chance of their own: what else happens in a seed does not depend on them.
        self.more = Random(f"more {seed}")
        self.guarded = self.more.random() < 0.5
        for node in self.nodes if self.guarded else ():
            self._keep_watch(node)
        self.arrivals = Arrivals(self.circuit, self.clock, self.more, self.nodes, self._let_come)
        self.mishaps = Mishaps(self.clock, self.more, self.nodes, self._let_come, self._write)

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

    def _add(self, name: str, pen: Pen, disk: Disk, chance: Random, *, bad: bool = False) -> Node:
        """Add a node that knows the two that are always on, and some others."""
        node = Node(name, pen, disk, self.clock, Random(chance.random()))
        node.late = chance.choice(WRONG_CLOCKS)
        if bad:
            villains.corrupt(node)
        known = [*self.nodes[:2], *chance.sample(self.nodes, min(len(self.nodes), 2))]
        node.knows = list(dict.fromkeys(known))
        self.nodes.append(node)
        return node

    def _keep_watch(self, node: Node) -> None:
        """Guard a home, but for the two whose log was forked to begin with: there the guard had failed."""
        forked = self.twins and node.pen is self.nodes[-1].pen
        if node.honest and not forked:
            node.keep_watch()

    def _let_come(self, name: str, pen: Pen, disk: Disk, knows: Sequence[Node] = ()) -> Node:
        """Let a node take part from now on that knows these, or those that any would."""
        node = self._add(name, pen, disk, self.more)
        node.reaches = self.weather.reaches
        node.knows = list(knows) or node.knows
        if self.guarded:
            node.keep_watch()
        return node

    def _arrive(self, pen: Laptop, source: Node) -> None:
        """Let a new laptop take part, with what somebody else's disk holds."""
        node = self._add(f"n{len(self.nodes)}", pen, source.disk.copy(), self.chance)
        node.reaches = self.weather.reaches
        if self.guarded:
            node.keep_watch()
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
        self._add(f"n{number} copied", one.pen, other, chance)
        return 1

    # What happens

    def play(self) -> None:
        """Let everything happen, then let everybody meet until all is quiet, and judge."""
        self._forecast()
        self.clock.run(self.length)
        self.weather.clear()
        group = self.meet()
        judge(self.circuit, group, self.apart)
        judge_door(group, self.arrivals)
        judge_guards(group, self.honest, self.mishaps.forgetful)
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
        self.arrivals.forecast(self.more.choice([0, 0, 1, 2, 3]), self.length)
        self.mishaps.forecast(self.more.choice([0, 1, 2]), self.length)

    def _do(self, deed: Deed) -> None:
        """Let somebody do something."""
        node = self.chance.choice(self.nodes)
        self._act(node, deed if node.honest else self.deeds.write)

    def _act(self, node: Node, deed: Deed) -> None:
        """Let a node do something, now or when it next wakes, if it may sign then, and is no newcomer any more."""

        def act() -> None:
            if node.may_sign and (node.door is None or node.door.step == "inside"):
                deed(node, node.time)

        if node.awake:
            node.do(act)
        else:
            node.on_wake.append(act)

    def _write(self, node: Node) -> None:
        self._act(node, self.deeds.write)

    def meet(self) -> list[Node]:
        """Let honest nodes link with the two that are always on and each time with another one, and sync.

        Return those that are in the circuit together, once nothing is new for them. Everybody meets everybody, as they
        do in time: a fork below a checkpoint is proved by those alone who hold what lies before it.
        """
        for node in self.nodes:
            node.knows = []
        group = self.honest
        for turn in range(PASSES):
            everybody = [*group, *(node for node in self.apart if node not in group)]
            for number, node in enumerate(everybody):
                for peer in (*group[:2], everybody[(number - 1 - turn) % len(everybody)]):
                    node.dial(peer)
                for link in list(node.links.values()):
                    link.sync()
            self.clock.run(self.clock.now + 10 * SECOND)
            group = self._members([node for node in self.honest if node.is_true and not node.is_shut])
            if turn and agreed(group) and not self._unsettled(group):
                break
        return group

    @property
    def apart(self) -> list[Node]:
        """Return honest nodes that may not count as members, and still have to find out: newcomers, and bad copies."""
        return [node for node in self.honest if node.door is not None or not node.is_true]

    def _unsettled(self, group: Sequence[Node]) -> bool:
        """Say whether somebody is still at the door, or on the way to what the others hold."""
        inside = [node for node in self.arrivals.newcomers if node not in group and node.is_true]
        return bool(
            self.arrivals.at_the_door(group[0])
            or any(lets_in(group[0], node) for node in inside if not node.is_shut)
            or unnoticed(group[0], self.honest)
        )

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
