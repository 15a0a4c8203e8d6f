"""A circuit that trades: hubs with two laptops each, farms with counted stock, groups and households, open cycles.

All of it is signed at one desk that holds everybody's keys, and then handed out: each home begins with what was said so
far, as it may read it. Names, keys and ids follow from the seed.
"""

from dataclasses import dataclass, field
from random import Random

from foodhub.catalog.statements import Product, Stock, StockMode
from foodhub.circuit.statements import Enrol, Epoch, Ticket, proof_of_enrolment
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey, digest, seal_to
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.duties import perform
from foodhub.node.groups import join_group
from foodhub.node.hat import Hat, hats
from foodhub.node.offering import Offer, sell
from foodhub.node.recovery_words import RecoveryKeys
from foodhub.orders.exchanges import Incoming, Plan
from foodhub.orders.statements import Cycle, Profile
from foodhub.store.transaction import Transaction
from tests.homes import set_case
from tests.pens import MORNING, Pen, changed, invite_key
from tests.simulator.circuit import Laptop, Member
from tests.simulator.clock import HOUR, MINUTE, YEAR
from tests.simulator.home import Home
from tests.stories import product

OPENED = 3 * HOUR
"""So long before the beginning all cycles opened."""
CASE = 6


class Trader(Member):
    """A member whose box key is sealed to its laptop and to its recovery words."""

    def __init__(self, name: str, *roles: str, circuit: bytes = b"") -> None:
        super().__init__(name, *roles, circuit=circuit)  # type: ignore[arg-type]
        self.words_box = BoxKey(self._seed("recovery box"))
        self.inception = changed(self.inception, recovery_box=self.words_box.public)

    @property
    def epoch(self) -> Epoch:
        """Return the first box key of the member."""
        sealed = [(self.device, seal_to(self.keys.box.public, self.box.secret))]
        return Epoch(1, self.box.public, sealed, seal_to(self.words_box.public, self.box.secret))

    @property
    def recovery(self) -> RecoveryKeys:
        """Return the keys that follow from the recovery words."""
        return RecoveryKeys(self.words, self.words_box)


@dataclass(frozen=True)
class Goods:
    """A product of a farm, and how much of it there is to begin with; by the case where it is `cased`."""

    farm: bytes
    local: bytes
    name: str
    mode: StockMode
    on_hand: int
    cased: bool = False


@dataclass
class Market:
    """Who trades and with what; `homes` are those who take part, each with its first disk."""

    seed: int
    length: float
    chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = chance = Random(f"market {self.seed}")
        self.founder = Trader(f"{self.seed}/Hub 1", "hub")
        papers = [self.founder.found()]
        self.circuit = self.founder.circuit
        self.hubs = [self.founder]
        self.farms: list[Trader] = []
        self.groups: list[Trader] = []
        self.households: list[Trader] = []
        counts = {"hub": chance.choice([0, 1, 1]), "producer": chance.choice([1, 1, 2]), "group": chance.choice([0, 1])}
        counts["household"] = chance.randint(2, 3)
        homes = {"hub": self.hubs, "producer": self.farms, "group": self.groups, "household": self.households}
        for role, count in counts.items():
            for _number in range(count):
                name = f"{self.seed}/{role.title()} {len(homes[role]) + 1}"
                member = Trader(name, role, circuit=self.circuit)
                papers += [self.founder.invite(name, *member.roles), member.join(invite_key(name))]
                homes[role].append(member)
        self.desk = Home(self.circuit, *self.members)
        self.desk.shelf.take_together(papers)
        for member in self.members:
            self.desk.enter_own(member, member.name)
        self.desk.load_keys()
        self.laptops: list[Laptop] = []
        self.cycles: list[bytes] = []
        self.goods: list[Goods] = []
        self._speak()

    @property
    def members(self) -> list[Trader]:
        """Return everybody."""
        return [*self.hubs, *self.farms, *self.groups, *self.households]

    def hat(self, member: Pen) -> Hat:
        """Return a member as it acts at the desk."""
        return next(hat for hat in hats(self.desk.db) if hat.member == member.id)

    def home(self, pen: Pen) -> Home:
        """Return the home of a laptop, which holds what was said so far."""
        home = Home(self.circuit, pen)
        home.move_in(self.desk, pen.name)
        return home

    # What was said before it begins

    def _speak(self) -> None:
        desk = self.desk
        desk.write(perform)
        for member in (*self.hubs, *self.farms, *self.groups):
            desk.write(self._append, member, Profile(1, member.name))
        for hub in self.hubs:
            self._enrol(hub)
        for farm in self.farms:
            if self.chance.random() < 0.6:
                self._enrol(farm)
            self._grow(farm)
        for number in range(self.chance.choice([1, 1, 2])):
            self._open(number)
        for household in self.households if self.groups else ():
            if self.chance.random() < 0.6:
                desk.write(join_group, self.hat(household), self.groups[0].id)

    def _append(self, tx: Transaction, member: Pen, *statements: object) -> None:
        tx.append(member.id, Log.CATALOG, statements)

    def _enrol(self, member: Trader) -> None:
        """Give a member a second laptop."""
        desk, laptop = self.desk, Laptop(member, f"{member.name} second")
        key = invite_key(f"ticket of {laptop.name}")
        desk.write(lambda tx: tx.append(member.id, Log.CIRCUIT, [Ticket(key.public, MORNING + int(YEAR))]))
        proof = key.sign("enrol", proof_of_enrolment(self.circuit, member.id, laptop.keys_stated))
        desk.shelf.take_together([laptop.write(Log.CIRCUIT, Enrol(member.id, laptop.keys_stated, key.public, proof))])
        desk.write(perform)
        assert desk.standing(laptop.device), f"{laptop.name} was not certified"
        self.laptops.append(laptop)

    def _grow(self, farm: Trader) -> None:
        """Let a farm offer something counted on its shelf, and perhaps something else."""
        more = self.chance.sample(["per_cycle", "cased", "on_demand", "counted"], self.chance.choice([0, 1, 1, 2]))
        for kind in ["counted", *more]:
            number = len(self.goods) + 1
            mode: StockMode = "counted" if kind == "cased" else kind  # type: ignore[assignment]
            on_hand = 0 if kind == "on_demand" else self.chance.randint(12, 40)
            goods = Goods(farm.id, bytes([number]) * 16, f"Goods {number}", mode, on_hand, kind == "cased")
            self.goods.append(goods)
            self.desk.write(self._append, farm, _product(number, goods), Stock(goods.local, 1, mode, on_hand))
            if goods.cased:
                self.desk.write(set_case, self.hat(farm), goods.local, CASE, 0, "", broken=False)

    def _open(self, number: int) -> None:
        """Open a cycle in which all hubs sell, and the group buys from one of them."""
        first, *others = self.hubs
        closes = MORNING + int(self.chance.uniform(0.6, 1.1) * self.length)
        weighed = closes + int(10 * MINUTE) if self.chance.random() < 0.5 else 0
        incoming = [Incoming(farm.id, [], "", weighed, 0) for farm in self.farms]
        local, hubs = digest(f"{self.seed} cycle {number}".encode(), b"a test's cycle", 16), [hub.id for hub in others]
        self.cycles.append(local)
        deputies = hubs if Random(f"deputies {self.seed} {number}").random() < 0.5 else []
        cycle = Cycle(local, 1, f"Week {number}", MORNING - int(OPENED), closes, "Europe/Paris", "resale", first.device)
        self.desk.write(self._append, first, cycle, Plan(local, 1, incoming, hubs, pooled=False, deputies=deputies))
        row = self.cycle(local)
        for hub in others:
            self.desk.write(sell, self.hat(hub), row, Offer(by_hand=False))
        for group in self.groups:
            supplier = self.chance.choice(self.hubs).id
            shown = number % 2 == 0
            offer = Offer(supplier=supplier, buying=self.chance.choice(["as_one", "households"]), shown=shown)
            self.desk.write(sell, self.hat(group), row, offer)

    def cycle(self, local: bytes) -> CycleRow:
        """Return a cycle by its local id."""
        return next(row for row in list_cycles(self.desk.db, MORNING) if row.key[1] == local)


def _product(number: int, goods: Goods) -> Product:
    return changed(product(number, 1, 100 * number), local=goods.local, name=goods.name)
