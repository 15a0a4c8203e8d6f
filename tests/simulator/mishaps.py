"""What people do to homes: they copy one to another machine, or put an old disk back. The guard has to notice.

A disk that is set back together with what the guard remembers can't be told from the true one, until somebody shows an
entry that it lacks: such a home alone may fork its log, and only until then.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from tests.pens import Pen
from tests.simulator.clock import MINUTE, SECOND, Clock
from tests.simulator.disk import Disk
from tests.simulator.node import Node

TEMPTED = 3
"""So often somebody tries to write in a home that was copied or set back."""
Add = Callable[[str, Pen, Disk], Node]


class Mishaps:
    """Copies homes and sets them back; `write` is what its owner then tries. `forgetful` are devices that may fork."""

    def __init__(
        self, clock: Clock, chance: Random, nodes: Sequence[Node], add: Add, write: Callable[[Node], None]
    ) -> None:
        self.clock = clock
        self.chance = chance
        self.nodes = nodes
        self.add = add
        self.write = write
        self.forgetful: set[bytes] = set()
        self.copies = 0
        self._spared: list[Node] = []

    def forecast(self, count: int, length: float) -> None:
        """Put so many mishaps on the clock, each of a node that has a guard."""
        guarded = [node for node in self.nodes if node.watch is not None]
        self._spared = guarded[-1:]
        for _ in range(count if guarded else 0):
            node = self.chance.choice(guarded)
            early, late = sorted(self.chance.uniform(0, length) for _ in range(2))
            if self.chance.random() < 0.4:
                self.clock.at(late, partial(self._copy, node))
            else:
                self.clock.at(early, partial(self._keep, node, late))

    def _copy(self, node: Node) -> None:
        """Start a copy of a home on another machine, beside the true one."""
        self.copies += 1
        copy = self.add(f"{node.name} on another machine {self.copies}", node.pen, node.disk.copy())
        copy.keep_watch(copied=True)
        assert not copy.may_sign, f"{copy.name} does not know that it is a copy"
        copy.wake()
        self._tempt(copy)

    def _keep(self, node: Node, until: float) -> None:
        """Copy a disk, and put the copy back later."""
        self.clock.at(until, partial(self._set_back, node, node.disk.copy()))

    def _set_back(self, node: Node, old: Disk) -> None:
        """Put an old disk in the place of a newer one, and try to write; not everywhere, or nobody would be left."""
        if node in self._spared:
            return
        awake, forgets = node.awake, self.chance.random() < 0.4
        behind = any(node.disk.head(node.pen.device, log)[0] > old.head(node.pen.device, log)[0] for log in range(3))
        node.set_back(old, forgets=forgets)
        if forgets:
            self.forgetful.add(node.pen.device)
        else:
            assert not (behind and node.may_sign), f"{node.name} does not know that it was set back"
        if awake:
            self.clock.after(self.chance.uniform(0, 30 * SECOND), node.wake)
        self._tempt(node)

    def _tempt(self, node: Node) -> None:
        """Let its owner try to write."""
        for _ in range(TEMPTED):
            self.clock.after(self.chance.uniform(0, 5 * MINUTE), partial(self.write, node))
