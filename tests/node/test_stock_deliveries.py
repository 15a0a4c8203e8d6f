"""When what was set aside leaves the shelf: a count takes as gone what is sure to be, and what its producer says is."""

from sqlite3 import Connection

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.errors import NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.closing import close_cycle, reopen_cycle
from foodhub.node.deliveries import UNWEIGHED
from foodhub.node.recounting import AtCount, find_delivered, what_leaves
from foodhub.node.stock import set_stock
from foodhub.orders.exchanges import Incoming, Plan
from foodhub.orders.statements import Cycle
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, free_stock
from tests.node.test_stock_moves import second_hub

pytestmark = pytest.mark.anyio
CLOSES = 24 * HOUR


class Market:
    """A hub with a cycle, and a farm with 40 eggs of which 10 are set aside for it, and ordered by a household."""

    def __init__(self, village: Village) -> None:
        self.village = village

    async def begin(self) -> "Market":
        self.hub, self.farm = await self.village.home("Hub", "hub"), await self.village.home("Farm", "producer")
        self.home = await self.village.home("Home", "household")
        self.eggs = await self.farm.product("Eggs")
        self.village.clock.now += HOUR
        await self.village.open_cycle(self.hub)
        await self.sell(10)
        return self

    async def sell(self, quantity: int) -> None:
        await self.give(quantity)
        await self.village.gossip()
        await self.home.order(("Eggs", str(quantity)))
        await self.village.gossip()

    async def give(self, quantity: int, hub: Home | None = None) -> None:
        to = hub.hat.member if hub else None
        await self.farm.write(allot, self.farm.hat, await self.farm.cycle(), {id_bytes(self.eggs): quantity}, to)

    async def plan(self, version: int, *incoming: Incoming) -> None:
        cycle = await self.hub.cycle()
        plan = Plan(cycle.key[1], version, list(incoming), [], pooled=False, deputies=[])
        await self.hub.sign(Log.CATALOG, plan)
        await self.village.gossip()

    def coming(self, weighed: int, *products: str) -> Incoming:
        return Incoming(self.farm.hat.member, [id_bytes(each) for each in products], "", weighed, 0)

    async def reopen(self, time: int) -> None:
        await self.hub.write(reopen_cycle, self.hub.hat, await self.hub.cycle(), self.village.clock.now + time)
        await self.village.gossip()

    async def later(self, time: int) -> None:
        self.village.clock.now += time
        await self.village.gossip()

    async def count(self, quantity: int, *delivered: str) -> int | None:
        """Count the eggs after the named cycles were delivered; return how many are free then."""

        def work(tx: Transaction) -> None:
            cycles = [find_delivered(tx.db, self.farm.hat, each, tx.now) for each in delivered]
            set_stock(tx, self.farm.hat, {id_bytes(self.eggs): quantity}, None, cycles)

        await self.farm.write(work)
        return await self.free()

    async def free(self) -> int | None:
        return await self.farm.read(free_stock, self.farm.hat.member, id_bytes(self.eggs))

    async def preview(self, *delivered: str) -> list[tuple[str, str, int, bool]]:
        """Return cycle, hub, how much, and whether it is taken as gone by a count of the eggs now."""

        def work(db: Connection) -> list[AtCount]:
            now = self.village.clock.now
            cycles = [find_delivered(db, self.farm.hat, each, now) for each in delivered]
            return what_leaves(db, self.farm.hat.member, {id_bytes(self.eggs): 40}, None, now, cycles)

        rows = await self.farm.read(work)
        return [(row.cycle, row.hub, row.set_aside, row.gone) for row in rows]


@pytest.fixture
async def market(village: Village) -> Market:
    return await Market(village).begin()


async def test_a_count_between_the_close_and_the_delivery_takes_nothing_as_gone(market: Market) -> None:
    await market.later(CLOSES + HOUR)
    assert await market.count(40) == 30
    await market.later(UNWEIGHED - 2 * HOUR)
    assert await market.count(40) == 30


async def test_a_count_long_after_the_close_takes_as_gone_what_nobody_said_is_weighed_in(market: Market) -> None:
    await market.later(CLOSES + UNWEIGHED)
    assert await market.count(30) == 20
    await market.later(1)
    assert await market.count(30) == 30


async def test_a_count_after_the_weighing_in_that_the_plan_says_takes_as_gone(market: Market) -> None:
    await market.plan(1, market.coming(market.village.clock.now + 48 * HOUR))
    await market.later(30 * HOUR)
    assert await market.count(40) == 30
    await market.later(19 * HOUR)
    assert await market.count(30) == 30


async def test_what_the_plan_does_not_bring_is_not_weighed_in_with_the_rest(market: Market) -> None:
    milk = await market.farm.product("Milk")
    soon = market.village.clock.now + 25 * HOUR
    await market.plan(1, market.coming(soon, market.eggs, milk))
    await market.plan(2, market.coming(soon, milk))
    await market.later(30 * HOUR)
    assert await market.count(40) == 30


async def test_no_plan_makes_goods_leave_before_they_were_given_or_before_the_close(market: Market) -> None:
    assert await market.free() == 30
    await market.plan(1, market.coming(1))
    assert await market.free() == 30
    market.village.clock.now += 1
    assert await market.count(40) == 30


async def test_no_closing_time_that_is_moved_back_makes_goods_leave_before_they_were_given(market: Market) -> None:
    cycle = await market.hub.cycle()
    begin = market.village.clock.now - 2 * HOUR
    moved = Cycle(cycle.key[1], 2, cycle.name, begin, begin + HOUR // 2, cycle.zone, "resale", market.hub.hat.device)
    await market.hub.sign(Log.CATALOG, moved)
    await market.plan(1, market.coming(begin + HOUR // 2))
    assert await market.free() == 30


# What its producer says


async def test_what_its_producer_says_has_left_is_gone_for_the_counts_from_then_on(market: Market) -> None:
    await market.later(CLOSES + HOUR)
    assert await market.preview() == [("Week 39", "Hub", 10, False)]
    assert await market.count(30, "Week 39") == 30
    await market.later(HOUR)
    assert await market.count(25) == 25
    assert await market.preview() == []


async def test_a_preview_says_what_a_count_takes_as_gone(market: Market) -> None:
    assert await market.preview() == [("Week 39", "Hub", 10, False)]
    await market.later(CLOSES + HOUR)
    assert await market.preview("Week 39") == [("Week 39", "Hub", 10, True)]


async def test_another_product_is_gone_only_for_a_count_of_its_own(market: Market) -> None:
    await market.later(CLOSES + HOUR)
    milk = id_bytes(await market.farm.product("Milk"))

    def work(tx: Transaction) -> None:
        cycle = find_delivered(tx.db, market.farm.hat, "Week 39", tx.now)
        set_stock(tx, market.farm.hat, {milk: 5}, None, [cycle])

    await market.farm.write(work)
    assert await market.free() == 30
    await market.later(1)
    assert await market.count(30) == 30


async def test_of_a_cycle_that_opens_again_only_what_is_given_since_is_still_to_come(market: Market) -> None:
    cycle = await market.hub.cycle()
    await market.hub.write(close_cycle, market.hub.hat, cycle)
    await market.later(HOUR)
    assert await market.count(30, "Week 39") == 30
    await market.reopen(4 * HOUR)
    assert await market.free() == 30
    await market.sell(15)
    assert await market.free() == 25
    assert await market.preview() == [("Week 39", "Hub", 5, False)]
    assert await market.count(30) == 25
    await market.later(5 * HOUR)
    assert await market.count(25, "Week 39") == 25


async def test_nothing_of_an_open_cycle_has_left_and_nothing_that_was_not_set_aside(market: Market) -> None:
    with pytest.raises(RefusedError) as raised:
        await market.count(30, "Week 39")
    assert raised.value.code == "cycle_still_open"
    with pytest.raises(NotThereError):
        await market.count(30, "Week 12")
    await market.later(CLOSES + HOUR)
    stranger = await market.village.home("Stranger", "producer")
    with pytest.raises(RefusedError) as raised:
        await stranger.read(find_delivered, stranger.hat, "Week 39", stranger.clock.now)
    assert raised.value.code == "nothing_to_deliver"
    assert await market.farm.rows("SELECT * FROM delivered") == []


async def test_of_namesakes_the_one_that_is_still_on_the_shelf_is_meant(market: Market) -> None:
    await market.later(CLOSES + HOUR)
    assert await market.count(30, "Week 39") == 30
    await market.village.open_cycle(market.hub)
    await market.sell(5)
    await market.later(CLOSES + HOUR)
    assert await market.count(25, "Week 39") == 25


async def test_each_hub_of_a_cycle_is_shown_for_itself(market: Market) -> None:
    other = await second_hub(market.village)
    await market.give(4, other)
    assert await market.preview() == [("Week 39", "Hub", 10, False), ("Week 39", "Other hub", 4, False)]
