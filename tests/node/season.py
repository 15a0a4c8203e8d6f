"""A season: six weekly cycles of three farms, two hubs, three groups and forty households, most without a computer.

What befalls it is written down by week; who wants what is left to a seeded chance.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.statements import StockMode
from foodhub.node.allotments import allot
from foodhub.node.amending import amend_order, cancel_order
from foodhub.node.cycles import CycleRow, list_cycles, new_cycle
from foodhub.node.deciding import accept_late
from foodhub.node.groups import join_group, leave_group
from foodhub.node.offering import Offer, sell
from foodhub.node.orders import OrderRow, list_orders
from foodhub.node.placing import place_order
from foodhub.node.planning import Changes, bring, set_cycle
from foodhub.node.purchase_answers import answer_purchase
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import GRACE
from foodhub.node.represented import add_represented, behalf, buyer_of
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.standing_orders import add_standing
from foodhub.node.stock import set_stock
from foodhub.node.waking import note_in_step, note_waking
from foodhub.node.wanted import read_changes, read_lines, read_products
from foodhub.orders.exchanges import Incoming, ProductRule
from foodhub.store.transaction import Transaction
from tests.homes import BEGIN, HOUR, Home, Village, carry, set_case
from tests.node.bazaar import join

WEEK = 7 * 24 * HOUR
GROUPS_CLOSE, CLOSES = 40 * HOUR, 48 * HOUR
ROLES = {
    **dict.fromkeys(("H1", "H2"), "hub"),
    **dict.fromkeys(("F1", "F2", "F3"), "producer"),
    **dict.fromkeys(("G1", "G2", "G3"), "group"),
    **dict.fromkeys(("Ann", "Bob", "Cid", "Eve", "Lea"), "household"),
}
REPRESENTED = {"G1": 12, "G2": 12, "G3": 11}
JOINED = {"Ann": "G1", "Lea": "G1", "Bob": "G2", "Cid": "G3"}
ASLEEP, POOLED, RACE, LATE = 1, 2, 3, 4
"""The weeks in which the first hub sleeps at the close; in which cases pool over both hubs and the harvest is short; in
which an amendment races the close and Lea leaves her group; in which a late order is accepted."""
OFFLINE = (3, 4)
"""The weeks in which the farm F3 has no network."""
STOCK: dict[str, tuple[str, int, StockMode]] = {
    "Carrots": ("F1", 60_000, "counted"),
    "Eggs": ("F1", 30, "counted"),
    "Chicken": ("F3", 20, "per_cycle"),
}
CASES = {"Juice": ("F2", 6), "Yoghurt": ("F2", 4), "Honey": ("F3", 3)}
RULES = {
    "Carrots": ProductRule("hub", "cut", "queue", "proportional"),
    "Juice": ProductRule("hub", "cut", "fair", "queue"),
    "Yoghurt": ProductRule("group", "cut", "queue", "equal"),
    "Honey": ProductRule("household", "cut", "queue", "queue"),
}
AMOUNTS: dict[str, Callable[[Random], str]] = {
    "Carrots": lambda chance: f"{chance.randint(1, 6) * 500}g",
    "Eggs": lambda chance: str(chance.randint(1, 2)),
    "Chicken": lambda _: "1",
    "Juice": lambda chance: f"{chance.randint(1, 4)}+{chance.randint(1, 3)}",
    "Yoghurt": lambda chance: f"{chance.randint(1, 3)}+{chance.randint(1, 2)}",
    "Honey": lambda chance: str(chance.randint(1, 4)),
}


class Season:
    """The homes of a season, and what they do week by week."""

    def __init__(self, village: Village, seed: int) -> None:
        self.village = village
        self.chance = Random(seed)
        self.homes: dict[str, Home] = {}
        self.products: dict[str, tuple[bytes, bytes]] = {}
        self.week = 0
        self.raced: OrderRow | None = None

    def named(self, kind: str) -> list[Home]:
        """Return all homes of a role."""
        return [self.homes[name] for name, role in ROLES.items() if role == kind]

    @property
    def online(self) -> list[Home]:
        """Return the homes that have a network this week."""
        return [home for name, home in self.homes.items() if name != "F3" or self.week not in OFFLINE]

    async def begin(self) -> None:
        """Bring everybody together, with products, groups and those who have no computer."""
        village = self.village
        for name, role in ROLES.items():
            self.homes[name] = await join(village, name, role)
        await self.gossip()
        for name, (farm, on_hand, _) in STOCK.items():
            more = {"per": "kg", "step": 500} if name == "Carrots" else {}
            await self._sold(farm, name, on_hand=on_hand, **more)
        for name, (farm, size) in CASES.items():
            local = await self._sold(farm, name, on_hand=None)
            await self.homes[farm].write(set_case, self.homes[farm].hat, local, size, 0, "carton", broken=False)
        for name, group in JOINED.items():
            await self.homes[name].write(join_group, self.homes[name].hat, self.homes[group].hat.member)
        for name, count in REPRESENTED.items():
            for number in range(count):
                await self.homes[name].write(add_represented, self.homes[name].hat, f"{name} {number}", "household")
        await self.gossip()
        ann, hers = self.homes["Ann"], self.homes["G1"].hat.member
        wanted = [("Eggs", "1"), ("Juice", "2+1")]
        await ann.write(lambda tx: add_standing(tx, ann.hat, hers, read_products(tx.db, wanted)))

    async def _sold(self, farm: str, name: str, **more: Any) -> bytes:
        local = id_bytes(await self.homes[farm].product(name, **more))
        self.products[name] = (self.homes[farm].hat.member, local)
        return local

    async def gossip(self) -> None:
        """Let everybody tell everybody by way of one of them, and do their duties, until nobody has news."""
        first, *others = self.village.homes
        news = True
        while news:
            news = False
            for home in self.village.homes:
                await home.duties()
            for other in others:
                news = await carry(other, first) > 0 or news
            for other in others:
                news = await carry(first, other) > 0 or news

    @property
    def name(self) -> str:
        return f"Week {39 + self.week}"

    async def cycle(self, home: Home) -> CycleRow:
        """Return the cycle of the week as a home sees it."""
        return next(row for row in await home.read(list_cycles, self.village.clock.now) if row.name == self.name)

    async def play(self, week: int) -> CycleRow:
        """Let a week pass, and return its cycle."""
        self.week = week
        village, begin = self.village, BEGIN + HOUR + week * WEEK
        village.clock.now = begin
        village.homes = self.online
        await self.gossip()
        await self._count_stock()
        await self._open(begin)
        await self._set_aside()
        await self._order()
        village.clock.now = begin + 24 * HOUR
        await self._change_minds()
        village.clock.now = begin + GROUPS_CLOSE
        await self.gossip()
        await self._close(begin + CLOSES)
        await self._deliver(begin + CLOSES)
        return await self.cycle(self.homes["H1"])

    async def _count_stock(self) -> None:
        for name, (farm, on_hand, mode) in STOCK.items():
            if self.homes[farm] in self.online:
                home, local = self.homes[farm], self.products[name][1]
                await home.write(lambda tx, h, p, q, m: set_stock(tx, h.hat, {p: q}, m), home, local, on_hand, mode)

    async def _open(self, begin: int) -> None:
        first, second = self.named("hub")
        await first.write(new_cycle, first.hat, self.name, begin, begin + CLOSES, "Europe/Paris", "resale")
        rules = {self.products[name]: rule for name, rule in RULES.items()}
        cycle = await self.cycle(first)
        await first.write(sell, first.hat, cycle, Offer(rules=rules))
        pooled = self.week == POOLED
        changes = Changes(hubs=[second.hat.member], pooled=pooled)
        await first.write(set_cycle, first.hat, cycle.key[1], changes)
        for farm in self.named("producer"):
            weighed = Incoming(farm.hat.member, [], "Barn", begin + CLOSES + 20 * HOUR, 0)
            await first.write(bring, first.hat, cycle.key[1], weighed)
        await self.gossip()
        await second.write(sell, second.hat, await self.cycle(second), Offer(rules=rules))
        await self.gossip()
        offers = {
            "G1": Offer(buying="as_one"),
            "G2": Offer(buying="households"),
            "G3": Offer(supplier=second.hat.member, shown=True),
        }
        for name, offer in offers.items():
            home = self.homes[name]
            await home.write(sell, home.hat, await self.cycle(home), offer)
            more = Offer(closes=begin + GROUPS_CLOSE, rules=rules)
            await home.write(sell, home.hat, await self.cycle(home), more)
        await self.gossip()

    async def _set_aside(self) -> None:
        """Give the larger part to the first hub; in a pooled week it gets all."""
        first, second = self.named("hub")
        for name, (farm, on_hand, _) in STOCK.items():
            home, local = self.homes[farm], self.products[name][1]
            if home not in self.online:
                continue
            parts = {first: on_hand} if self.week == POOLED else {first: on_hand * 3 // 5, second: on_hand // 5}
            for hub, part in parts.items():
                cycle = await self.cycle(home)
                await home.write(allot, home.hat, cycle, {local: part}, hub.hat.member)
        await self.gossip()

    def _wish(self) -> list[tuple[str, str]]:
        names = self.chance.sample(list(AMOUNTS), self.chance.randint(1, 4))
        return [(name, AMOUNTS[name](self.chance)) for name in names]

    async def order(self, name: str, *wanted: tuple[str, str]) -> None:
        """Let a household with a home order where it buys."""
        home = self.homes[name]
        cycle = await self.cycle(home)
        await home.write(lambda tx: place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), None))

    async def _order(self) -> None:
        if self.week == RACE:
            lea = self.homes["Lea"]
            await lea.write(leave_group, lea.hat)
            await self.gossip()
        for name in ("Bob", "Cid", "Lea"):
            await self.order(name, *self._wish())
        await self.order("Eve", ("Carrots", "1kg"), ("Juice", "3+1"))
        for name in REPRESENTED:
            await self._type_in(name)
        await self.gossip()

    async def _type_in(self, group: str) -> None:
        """Let a group write down what most of its represented households want."""
        home = self.homes[group]
        cycle = await self.cycle(home)
        wishes = [(f"{group} {number}", self._wish()) for number in range(REPRESENTED[group])]
        wishes = [each for each in wishes if self.chance.random() < 0.9]

        def work(tx: Transaction) -> None:
            for who, wanted in wishes:
                buyer = behalf(tx.db, home.hat, who, "phone")
                place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), None, buyer=buyer)

        await home.write(work)

    async def _change_minds(self) -> None:
        """Let some households order more, less or nothing."""
        for name in REPRESENTED:
            home = self.homes[name]
            cycle = await self.cycle(home)
            await home.write(self._amend_some, home, cycle)
            await self.gossip()

    def _amend_some(self, tx: Transaction, home: Home, cycle: CycleRow) -> None:
        mine = base32_id(home.hat.member)
        rows = [row for row in list_orders(tx.db, home.hat, tx.now) if row.cycle_id == cycle.id and row.hub_id == mine]
        own = [row for row in rows if row.written_by]
        for row in self.chance.sample(sorted(own, key=lambda row: row.customer or ""), 4):
            buyer = buyer_of(tx.db, home.hat, id_bytes(row.customer_id), "sms")
            if self.chance.random() < 0.25:
                cancel_order(tx, home.hat, row, buyer)
            else:
                amend_order(tx, home.hat, row, read_changes(tx.db, cycle, [("Juice", "2+2"), ("Eggs", "1")]), buyer)

    async def _close(self, closes: int) -> None:
        village, first, eve = self.village, self.homes["H1"], self.homes["Eve"]
        village.clock.now = closes - HOUR
        if self.week == ASLEEP:
            await self._sleep_through(first, closes)
        elif self.week in (RACE, LATE):
            village.homes = [home for home in self.online if home is not eve]
            if self.week == RACE:
                await self._eve_amends()
            else:
                await self.order("Eve", ("Eggs", "1"))
            village.clock.now = closes + 1
            await self.gossip()
            village.homes = self.online
            await self.gossip()
        village.clock.now = closes + 5
        await self.gossip()
        if self.week == LATE:
            await self._accept(first, eve)

    async def _sleep_through(self, hub: Home, closes: int) -> None:
        """Let a hub wake an hour after the close: Eve ordered in time, and it hears that before it counts."""
        village = self.village
        village.homes = [home for home in self.online if home is not hub]
        await self.order("Eve", ("Eggs", "2"))
        await self.gossip()
        village.clock.now = closes + HOUR
        await self.gossip()
        await hub.write(note_waking)
        await hub.duties()
        for giver in village.homes:
            await carry(giver, hub)
        await hub.write(note_in_step)
        await hub.duties()
        village.homes = self.online
        await self.gossip()

    async def _eve_amends(self) -> None:
        eve = self.homes["Eve"]
        cycle = await self.cycle(eve)
        (self.raced,) = [row for row in await eve.orders() if row.cycle_id == cycle.id]
        raced = self.raced
        await eve.write(lambda tx: amend_order(tx, eve.hat, raced, read_changes(tx.db, cycle, [("Carrots", "3kg")])))

    async def _accept(self, hub: Home, eve: Home) -> None:
        cycle, customer = await self.cycle(hub), base32_id(eve.hat.member)
        (row,) = [row for row in await hub.orders() if (row.cycle_id, row.customer_id) == (cycle.id, customer)]
        assert (row.state, {line.product: line.reason for line in row.lines}["Eggs"]) == ("confirmed", "late")
        assert await hub.write(accept_late, hub.hat, row) == 1
        await self.gossip()

    async def _deliver(self, closes: int) -> None:
        """Let purchase orders go, and the farms that hear of them answer; once the harvest is short."""
        village = self.village
        village.clock.now = max(closes, village.clock.now) + GRACE
        await self.gossip()
        if self.week == POOLED:
            farm = self.homes["F1"]
            cycle, carrots = await self.cycle(farm), self.products["Carrots"][1]
            await farm.write(declare_shortfall, farm.hat, cycle, {carrots: 17_300}, "hail")
            await self.gossip()
        await self.answer_purchases(self.online)

    async def answer_purchases(self, homes: Sequence[Home]) -> None:
        """Let farms accept what they were asked for."""
        for home in self.named("producer"):
            rows = await home.read(list_purchases, home.hat, self.village.clock.now) if home in homes else []
            for row in rows:
                if row.state == "sent":
                    await home.write(answer_purchase, home.hat, row, {})
        await self.gossip()
