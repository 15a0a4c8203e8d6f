"""One trading scenario, drawn from a seed: a market, the weather, what people do in it, and the verdict.

Two runs of one seed are alike in every step, as those of `scenario` are.
"""

from collections.abc import Collection, Sequence
from functools import partial
from random import Random

from foodhub.log.frontier import frontier_digest
from foodhub.node.comparison import shared_rows
from foodhub.node.duties import due
from foodhub.node.purchasing import GRACE
from tests.node.truths import SAME
from tests.node.truths import _public as public_rows
from tests.pens import Pen
from tests.shelf import rows
from tests.simulator.again import Again
from tests.simulator.audit import Audit, answers, cycles_of, keeps_stock
from tests.simulator.carrying import carry
from tests.simulator.circuit import Laptop
from tests.simulator.clock import HOUR, MINUTE, SECOND, YEAR, Clock
from tests.simulator.dealings import Dealings, Deed
from tests.simulator.home import Home
from tests.simulator.losses import Losses
from tests.simulator.market import Market
from tests.simulator.settled import judge_cycle
from tests.simulator.stall import Stall
from tests.simulator.verdict import agreed, lets_in
from tests.simulator.weather import Weather

EVENTS = 400_000
PASSES = 30
CLOCKS = ((0,), (0, 0, 5 * MINUTE, -5 * MINUTE), (0, 0, 0, 0, 0, 5 * MINUTE, 3 * HOUR, -2 * HOUR, YEAR))
"""By how much clocks may be wrong: of some scenarios all are right, or nearly."""


class Trading:
    """A market and its nodes; `play` lets it happen and judges every step and the end."""

    alike = 0
    slips = 0

    def __init__(self, seed: int) -> None:
        self.chance = chance = Random(f"trading {seed}")
        self.length = chance.uniform(15, 50) * MINUTE
        self.clock = Clock(EVENTS)
        self.clocks = chance.choice(CLOCKS)
        self.market = Market(seed, self.length)
        self.audit = Audit(self.market)
        self.nodes: list[Stall] = []
        for pen in (*self.market.members, *self.market.laptops):
            self._add(pen, self.market.home(pen))
        self.weather = Weather(self.clock, chance, self.nodes, length=self.length)
        self.dealings = Dealings(self.market, chance, self.audit)
        self.losses = Losses(self.market, self.clock, chance, self.audit, self.nodes, self._come)
        self.again = Again(self.clock, Random(f"again {seed}"), self.dealings, self.losses, self._act)

    def _add(self, pen: Pen, home: Home) -> Stall:
        """Add a node that knows the hubs and some others."""
        node = Stall(pen.name, pen, home, self.clock, Random(self.chance.random()))
        node.late = int(self.chance.choice(self.clocks))
        known = [*self.nodes[: len(self.market.hubs)], *self.chance.sample(self.nodes, min(len(self.nodes), 3))]
        node.knows = list(dict.fromkeys(known))
        node.looked = self.audit.look
        self.nodes.append(node)
        return node

    def _come(self, laptop: Laptop, home: Home) -> Stall:
        """Let a laptop take part from now on."""
        node = self._add(laptop, home)
        node.reaches = self.weather.reaches
        if self.clock.now >= self.length:
            node.late = 0  # by then everybody has set the clock
        self.clock.after(self.chance.uniform(0, MINUTE), node.wake)
        return node

    # What happens

    def play(self) -> None:
        """Let everything happen, then let everybody meet until all is done, and judge."""
        self._forecast()
        self.clock.run(self.length)
        self._clear()
        group = self.meet()
        self._let_pass(GRACE + HOUR)
        group = self.meet()
        self._judge(group)
        self.alike = len(group)

    def _forecast(self) -> None:
        chance, nodes = self.chance, self.nodes
        sleepers = chance.sample(nodes, chance.choice([0, 0, 2, len(nodes) // 2]))
        storms = chance.choice([0, 1, 2, 3])
        self.weather.forecast(
            sleepers=sleepers,
            partitions=storms * chance.randint(0, 2),
            cuts=storms * len(nodes) // 2,
            restarts=storms * len(nodes) // 3,
        )
        for farm in [node for node in nodes if "producer" in node.pen.roles]:
            if chance.random() < 0.5:
                self.dealings.grant_by_itself(farm)
        for _ in range(chance.randint(0, 3)):
            self.clock.at(chance.uniform(0, 2 * MINUTE), partial(self._act, "producer"))
        for _ in range(chance.randint(30, 90)):
            role = chance.choice(["producer", "producer", "hub", "household", "household", "household"])
            self.clock.at(chance.triangular(0, self.length, 0.2 * self.length), partial(self._act, role))
        for _ in range(chance.choice([0, 0, 1, 1, 2])):
            self.clock.at(chance.uniform(0.1, 0.9) * self.length, self.losses.strike)
        self.again.forecast(self.length)

    def _act(self, role: str, deeds: Sequence[Deed] = ()) -> None:
        """Let somebody of a role try something: at a laptop that is awake, or asleep, or when it next wakes."""
        nodes = [node for node in self.nodes if not node.lost and role in node.pen.roles]
        if role == "coordinator":
            nodes = [node for node in self.nodes if not node.lost and node.pen.id == self.market.founder.id]
        if role == "producer" and self.chance.random() < 0.9:
            nodes = [node for node in nodes if keeps_stock(node)]
        if nodes:
            node = self.chance.choice(nodes)
            deed = self.chance.choice(deeds or self.dealings.deeds_of(node.pen.roles))
            act = partial(self._try, deed, node)
            if node.awake or self.chance.random() < 0.5:
                node.do(act)
            else:
                node.on_wake.append(act)

    def _try(self, deed: Deed, node: Stall) -> None:
        if node.may_sign:
            self.dealings.do(deed, node)

    def _clear(self) -> None:
        """End all weather: everybody is awake, reaches everybody, and has set the clock."""
        for node in self.nodes:
            if not node.lost:
                node.set_clock()
        self.weather.clear()

    def _let_pass(self, time: float) -> None:
        """Let everybody sleep for a while."""
        for node in self.nodes:
            node.sleep()
        self.clock.run(self.clock.now + time)
        for node in self.nodes:
            node.wake()

    def meet(self) -> list[Stall]:
        """Let all meet until nothing is new for anybody and no duty waits; return those that are in the circuit."""
        group: list[Stall] = []
        for turn in range(PASSES):
            everybody = [node for node in self.nodes if not node.lost]
            for number, node in enumerate(everybody):
                for peer in (*everybody[:2], everybody[(number - 1 - turn) % len(everybody)]):
                    node.dial(peer)
                for link in list(node.links.values()):
                    link.sync()
            self.clock.run(self.clock.now + 10 * SECOND)
            group = self._members(everybody)
            if turn > 2 and agreed(group) and not self._busy(group) and not self._goes_on(group):
                return group
        raise AssertionError(f"still busy: {[node.name for node in self._busy(group)]}")

    def _goes_on(self, group: Sequence[Stall]) -> bool:
        """Let those who wait in vain, or have lost everything, go on; say whether somebody did."""
        return self.losses.come_back(group) or self.losses.give_up()

    def _busy(self, group: Sequence[Stall]) -> list[Stall]:
        return [node for node in group if node.disk.read(due, node.time)]

    def _members(self, nodes: Sequence[Stall]) -> list[Stall]:
        """Return those who let one another in: not those whose laptop was retired, whether or not they know that."""
        standing = [node for node in nodes if lets_in(node, node)]
        known = [node for node in standing if any(lets_in(other, node) for other in standing if other is not node)]
        return [node for node in known if all(lets_in(other, node) for other in known)]

    # The verdict

    def _judge(self, group: Sequence[Stall]) -> None:
        self.audit.look_at_all(group)
        all_show_the_same(group, self.losses.deaf)
        self._judge_cycles(group)
        chosen = self.chance.choice(group)
        judge_rebuild(chosen)
        judge_shuffled(self.market, chosen, self.chance)

    def _judge_cycles(self, group: Sequence[Stall]) -> None:
        """Check what came of each cycle, but where entries are gone on which it rests."""
        desks = [node for node in group if answers(node)]
        for cycle in cycles_of(group[0]) if not self.audit.vanished else ():
            assert cycle.state == "closed"
            self.slips += judge_cycle(group, desks, cycle, self.losses.gone, self.losses.deaf)


def all_show_the_same(nodes: Sequence[Stall], deaf: Collection[bytes] = ()) -> None:
    """Check that whoever shares a view shows the same in it: what all see, and what is sealed to those who read it.

    The `deaf` may not be able to read all of that.
    """
    first = nodes[0]
    public, shared = public_rows(first.disk.db), shared_rows(first.disk.db)
    told: dict[tuple[object, ...], tuple[object, str]] = {}
    for node in nodes:
        assert frontier_digest(node.disk.frontier()) == frontier_digest(first.disk.frontier())
        assert shared_rows(node.disk.db) == shared, f"{node.name} shows other rows than {first.name}"
        assert public_rows(node.disk.db) == public, f"{node.name} shows other rows than {first.name}"
        found = rows(node.disk.db)
        assert found["unread"] == [], f"{node.name} can't read {found['unread']}"
        for table in SAME if node.pen.id not in deaf else ():
            for row in found[table]:
                before, who = told.setdefault((table, *row[:2]), (row, node.name))
                assert before == row, f"in {table}, {node.name} shows {row}, and {who} {before}"


def judge_rebuild(node: Stall) -> None:
    """Check that views made again from the log are those that grew with it."""
    before = rows(node.disk.db)
    node.disk.write(lambda tx: tx.fold.rebuild())
    compare(before, rows(node.disk.db), f"{node.name} shows other rows once they are made again")


def judge_shuffled(market: Market, node: Stall, chance: Random) -> None:
    """Check that a home to which the same entries came in another order shows the same."""
    twin = Home(market.circuit, node.pen)
    twin.enter_own(node.pen, node.name)
    twin.guards = {}
    for _ in range(PASSES):
        carry(node.disk, twin, chance)
        if frontier_digest(twin.frontier()) == frontier_digest(node.disk.frontier()):
            break
    compare(rows(node.disk.db), rows(twin.db), f"{node.name} shows other rows where entries came in another order")


def compare(some: dict[str, list[object]], others: dict[str, list[object]], claim: str) -> None:
    """Say where views differ, if they do."""
    for name, found in some.items():
        before, after = {repr(row) for row in found}, {repr(row) for row in others[name]}
        assert before == after, f"{claim}: in {name}, {sorted(before - after)} against {sorted(after - before)}"
