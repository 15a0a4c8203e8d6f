"""Three to six replicas of one circuit, in any order of deeds and deliveries: what they hold decides what they show.

The machine writes, forks, erases, restates, prunes, removes, retires and recovers, and carries runs doubled and in any
order between replicas that reach each other. In the end everybody has told everybody everything, and the law holds.
"""

import os
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from foodhub.log.frontier import frontier_digest
from foodhub.log.header import Log
from foodhub.node.comparison import shared_rows
from foodhub.store.transaction import Transaction
from tests.pens import MORNING, Pen
from tests.simulator.carrying import carry, settle
from tests.simulator.circuit import Circuit, Laptop
from tests.simulator.clock import YEAR
from tests.simulator.deeds import Deeds
from tests.simulator.disk import Disk

MEMBERS, MOST = 3, 6
numbers = st.integers(0, MOST - 1)
seeds = st.integers(0, 2**16)


@dataclass
class Replica:
    """A disk and the pen of the device that writes there."""

    name: str
    pen: Pen
    disk: Disk
    side: int = 0


class Replicas(RuleBasedStateMachine):
    """The state: replicas, the disks that were copied, and the lowest fork of each log that each replica ever knew."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = Circuit(0, MEMBERS)
        old, _ = self.circuit.disks()
        members = enumerate(self.circuit.members)
        self.replicas = [Replica(f"member {number}", pen, old.copy()) for number, pen in members]
        self.copied: list[tuple[Pen, Disk]] = []
        self.forks: dict[tuple[str, bytes, int], int] = {}
        self.deeds = Deeds(self.circuit, Random(0), self._arrive)
        self.now = MORNING

    def _one(self, number: int) -> Replica:
        return self.replicas[number % len(self.replicas)]

    def _deeds(self, seed: int) -> Deeds:
        self.now += 1000
        self.circuit.chance.seed(seed)
        self.deeds.chance.seed(seed)
        return self.deeds

    def _arrive(self, pen: Laptop, source: Replica) -> None:
        if len(self.replicas) < MOST:
            self.replicas.append(Replica(f"laptop {len(self.replicas)}", pen, source.disk.copy(), source.side))

    @rule(who=numbers, log=st.sampled_from(Log), count=st.integers(1, 6), seed=seeds)
    def append(self, who: int, log: Log, count: int, seed: int) -> None:
        """Write a run; only a limit, or not being a device of a member, keeps it out."""
        one = self._one(who)
        self._deeds(seed)
        refusal = self.circuit.write(one.disk, one.pen, log, count, self.now)
        assert refusal is None or one.disk.limited(one.pen.device, log) or not one.disk.standing(one.pen.device)

    @rule(
        who=numbers,
        deed=st.sampled_from(["erase", "checkpoint", "remove", "retire", "enrol", "recover"]),
        seed=seeds,
    )
    def act(self, who: int, deed: str, seed: int) -> None:
        """Do one of the rarer deeds."""
        getattr(self._deeds(seed), deed)(self._one(who), self.now)

    @rule(who=numbers)
    def copy(self, who: int) -> None:
        """Keep a copy of a disk."""
        one = self._one(who)
        self.copied.append((one.pen, one.disk.copy()))

    @precondition(lambda self: self.copied)
    @rule(which=numbers, doubled=st.booleans())
    def restore(self, which: int, doubled: bool) -> None:
        """Put an old disk back, in place of the newer one or beside it: whoever writes on it forks the log."""
        pen, disk = self.copied[which % len(self.copied)]
        holder = next((each for each in self.replicas if each.pen is pen), None)
        if doubled and len(self.replicas) < MOST:
            self.replicas.append(Replica(f"copy {len(self.replicas)}", pen, disk.copy()))
        elif holder is not None:
            holder.disk = disk.copy()
            self.forks = {key: seq for key, seq in self.forks.items() if key[0] != holder.name}

    @rule(giver=numbers, taker=numbers, seed=seeds)
    def deliver(self, giver: int, taker: int, seed: int) -> None:
        """Carry everything from one to another, doubled and in any order, unless they are parted."""
        one, other = self._one(giver), self._one(taker)
        if one is not other and one.side == other.side:
            carry(one.disk, other.disk, Random(seed))

    @rule(who=numbers, side=st.integers(0, 1))
    def part(self, who: int, side: int) -> None:
        """Move a replica to a side of the partition."""
        self._one(who).side = side

    @rule()
    def heal(self) -> None:
        """End the partition."""
        for each in self.replicas:
            each.side = 0

    @rule(who=numbers)
    def prune(self, who: int) -> None:
        """Let go of what two checkpoints made needless: nothing that is shown changes."""
        disk = self._one(who).disk
        before, frontier = disk.shelf.rows(), disk.frontier()
        disk.prune()
        assert disk.shelf.rows() == before
        assert disk.frontier() == frontier

    @rule(who=numbers, year=st.integers(-1, 1))
    def rebuild(self, who: int, year: int) -> None:
        """Make the views again, on a disk that was opened anew, at another time: they are what they were."""
        disk = self._one(who).disk
        rows = disk.shelf.rows()
        again = disk.copy()
        assert again.shelf.rows() == rows
        tx = Transaction(again.db, again.shelf.keyring, {}, again.circuit, MORNING + year * YEAR)
        tx.fold.rebuild()
        assert again.shelf.rows() == rows
        assert again.frontier() == disk.frontier()

    @invariant()
    def no_fork_is_forgotten(self) -> None:
        """A fork's limit never rises."""
        for each in self.replicas:
            for author, log, seq in each.disk.db.execute("SELECT author, log, seq FROM fork_proof"):
                known = self.forks.setdefault((each.name, author, log), seq)
                assert seq <= known
                self.forks[each.name, author, log] = seq
        held = {(each.name, author, log) for each in self.replicas for author, log in self._forks_of(each)}
        assert set(self.forks) == held

    def _forks_of(self, each: Replica) -> list[tuple[bytes, int]]:
        return each.disk.db.execute("SELECT author, log FROM fork_proof").fetchall()

    def teardown(self) -> None:
        """Let everybody tell everybody everything, and a newcomer read it from one: all hold and show the same."""
        disks = [each.disk for each in self.replicas]
        assert settle(disks), "they never come to an end"
        newcomer = Disk(self.circuit.id)
        assert settle([newcomer, disks[0]]), "a newcomer never comes to an end"
        first: dict[str, Any] = disks[0].shelf.rows()
        for disk in (*disks[1:], newcomer):
            assert set(disk.frontier()) ^ set(disks[0].frontier()) == set()
            assert frontier_digest(disk.frontier()) == frontier_digest(disks[0].frontier())
            assert shared_rows(disk.db) == shared_rows(disks[0].db)
            assert disk.shelf.rows() == first


Replicas.TestCase.settings = settings(
    max_examples=int(os.environ.get("REPLICAS", "20")), stateful_step_count=25, deadline=None
)
TestReplicas = Replicas.TestCase
