"""What a producer signs of goods that left its shelf: all its laptops show it, and no time that is moved changes it."""

from dataclasses import replace

import msgspec
import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.stock import Left
from foodhub.errors import RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.buyers import enclosing
from foodhub.node.delivered import counts_due, delivered_parts
from foodhub.node.deliveries import UNWEIGHED
from foodhub.node.devices import hand_over
from foodhub.node.mandates import give_mandate, set_stock_for
from foodhub.node.recounting import find_all_delivered, knows_shelf
from foodhub.node.represented import add_represented
from foodhub.orders.reserving import Delivered, DeliveredRow
from foodhub.orders.statements import Allot, Cycle, derived_id
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry, free_stock
from tests.node.laptops import laptop, row_of
from tests.node.test_stock_deliveries import CLOSES, Market

pytestmark = pytest.mark.anyio


@pytest.fixture
async def market(village: Village) -> Market:
    return await Market(village).begin()


async def said(home: Home) -> list[tuple[int, Left]]:
    """Return what a home says has left, with the version of the statement."""
    rows = await home.rows("SELECT version, body FROM delivered ORDER BY version")
    parts = [(version, msgspec.msgpack.decode(body, type=Delivered)) for version, body in rows]
    return [(version, Left(row.stock, row.given, row.held)) for version, part in parts for row in part.rows]


async def move(market: Market, version: int, opens: int) -> None:
    """Let the coordinator say that its cycle opened at another time, for half an hour, and is weighed in then."""
    cycle, device = await market.hub.cycle(), market.hub.hat.device
    times = (opens, opens + HOUR // 2)
    await market.hub.sign(Log.CATALOG, Cycle(cycle.key[1], version, cycle.name, *times, cycle.zone, "resale", device))
    await market.plan(version, market.coming(times[1]))


async def test_no_times_that_a_coordinator_moves_later_change_what_a_count_took(market: Market) -> None:
    begin = market.village.clock.now
    await market.later(CLOSES + HOUR)
    assert await market.count(40) == 30
    await move(market, 2, begin - 2 * HOUR)
    await market.later(UNWEIGHED)
    assert await market.free() == 30
    assert await market.count(30) == 30
    await move(market, 3, market.village.clock.now + HOUR)
    assert await market.free() == 30
    assert await market.preview() == []
    assert await said(market.farm) == [(1, Left(3, 10, 10))]


async def test_every_laptop_of_the_farm_shows_the_same_also_when_its_views_are_made_anew(market: Market) -> None:
    second = await laptop(market.village, "farm 2", market.farm)
    await market.later(CLOSES + HOUR)
    assert await market.count(30, "Week 39") == 30
    await market.village.gossip()
    for home in (market.farm, second):
        assert await home.read(free_stock, market.farm.hat.member, id_bytes(market.eggs)) == 30
        await home.write(lambda tx: tx.fold.rebuild())
        assert await home.read(free_stock, market.farm.hat.member, id_bytes(market.eggs)) == 30


async def test_what_has_left_is_known_to_whom_the_stock_is_handed_over(market: Market) -> None:
    second = await laptop(market.village, "farm 2", market.farm)
    await market.later(CLOSES + HOUR)
    assert await market.count(30, "Week 39") == 30
    await market.farm.write(hand_over, market.farm.hat, "stock", await row_of(market.farm, second))
    await market.village.gossip()
    market.farm = second
    assert await market.free() == 30
    assert await market.preview() == []
    assert await market.count(20) == 20
    with pytest.raises(RefusedError) as raised:
        await market.count(20, "Week 39")
    assert raised.value.code == "nothing_to_deliver"


async def test_nothing_of_a_cycle_that_nobody_closed_has_left_whatever_the_clock_says(market: Market) -> None:
    market.village.clock.now += 50 * UNWEIGHED
    assert await market.count(40) == 30
    assert await said(market.farm) == []


async def test_what_a_clock_that_was_ahead_took_as_gone_the_next_count_looks_at_anew(market: Market) -> None:
    await market.later(CLOSES + HOUR)
    market.village.clock.now += 50 * UNWEIGHED
    assert await market.count(40) == 40
    market.village.clock.now -= 50 * UNWEIGHED
    assert await market.preview() == [("Week 39", "Hub", 10, False)]
    assert await market.count(40) == 30
    assert await market.count(30, "Week 39") == 30


# What others count for a farm


async def counts_for(market: Market, quantity: int) -> None:
    """Let the hub count the farm's eggs under a mandate, and the farm see it."""
    hub, farm = market.hub, market.farm
    await hub.write(set_stock_for, hub.hat, farm.hat.member, {id_bytes(market.eggs): quantity})
    await carry(hub, farm)


async def mandated(village: Village) -> Market:
    market = await Market(village).begin()
    until = village.clock.now + 10 * UNWEIGHED
    await market.farm.write(give_mandate, market.farm.hat, market.hub.hat.member, ["stock"], until)
    await village.gossip()
    return market


async def test_what_left_before_somebody_counted_for_a_farm_the_farm_says_itself(village: Village) -> None:
    market = await mandated(village)
    await market.later(CLOSES + UNWEIGHED + 1)
    await counts_for(market, 30)
    assert await market.free() == 20
    await market.farm.duties()
    assert await market.free() == 30
    assert await said(market.farm) == [(1, Left(2, 10, 10))]
    assert not await market.farm.read(counts_due, market.farm.hat)
    assert await market.hub.rows("SELECT * FROM delivered") == []


async def test_who_holds_a_mandate_does_not_say_what_has_left(village: Village) -> None:
    market = await mandated(village)
    await market.later(CLOSES + HOUR)
    hub, seller = market.hub, replace(market.hub.hat, member=market.farm.hat.member, name="Farm")
    assert not await hub.read(knows_shelf, hub.hat, seller)
    assert await hub.read(find_all_delivered, hub.hat, seller, [], village.clock.now) == []
    with pytest.raises(UsageError) as raised:
        await hub.read(find_all_delivered, hub.hat, seller, ["Week 39"], village.clock.now)
    assert raised.value.code == "delivered_for_another"


async def test_a_count_for_a_farm_is_looked_at_once(village: Village) -> None:
    market = await mandated(village)
    begin = village.clock.now
    await market.later(CLOSES + HOUR)
    await counts_for(market, 40)
    await market.farm.duties()
    assert await said(market.farm) == [(1, Left(2, 0, 0))]
    await move(market, 2, begin)
    await village.gossip()
    assert await market.free() == 30
    assert await said(market.farm) == [(1, Left(2, 0, 0))]


async def test_a_count_for_a_farm_by_a_clock_that_is_ahead_takes_nothing_as_gone(village: Village) -> None:
    market = await mandated(village)
    village.clock.now += 5 * UNWEIGHED
    await market.hub.write(set_stock_for, market.hub.hat, market.farm.hat.member, {id_bytes(market.eggs): 30})
    village.clock.now -= 5 * UNWEIGHED
    await village.gossip()
    assert await market.free() == 20
    assert await said(market.farm) == [(1, Left(2, 0, 0))]


async def test_what_is_set_aside_after_somebody_counted_for_a_farm_lies_on_the_shelf(village: Village) -> None:
    market = await mandated(village)
    await market.later(CLOSES + UNWEIGHED + 1)
    await counts_for(market, 30)
    await village.gossip()
    await village.open_cycle(market.hub)
    await market.sell(4)
    assert await market.free() == 26
    assert await said(market.farm) == [(1, Left(2, 10, 10))]


# How it is said


async def test_a_count_that_says_nothing_new_of_deliveries_signs_nothing_of_them(market: Market) -> None:
    await market.later(CLOSES + HOUR)
    assert await market.count(40) == 30
    assert await said(market.farm) == []
    assert await market.count(30, "Week 39") == 30
    assert await market.count(25) == 25
    assert await said(market.farm) == [(1, Left(3, 10, 10))]


async def test_more_goods_than_an_entry_holds_are_said_in_parts_and_only_the_parts_that_change(market: Market) -> None:
    goods = [number.to_bytes(16, "big") for number in range(4000)]
    rows = {product: DeliveredRow(product, 10**6, 10**9, 10**9) for product in goods}
    cycle, place = await market.farm.cycle(), market.hub.hat.device

    def say(tx: Transaction, rows: dict[bytes, DeliveredRow]) -> list[int]:
        parts = delivered_parts(tx.db, market.farm.hat.member, cycle.key, place, rows)
        tx.append(market.farm.hat.member, Log.TRADE, parts)
        return [each.part for each in parts]

    assert await market.farm.write(say, rows) == [1, 2, 3]
    assert await market.farm.write(say, rows) == []
    assert await market.farm.write(say, {goods[-1]: DeliveredRow(goods[-1], 10**6 + 1, 10**9, 10**9)}) == [3]
    assert len(await said(market.farm)) == len(goods)


async def test_of_a_producer_without_a_computer_whoever_represents_it_says_it(village: Village) -> None:
    hub, home = await village.home("Hub", "hub"), await village.home("Home", "household")
    row = await hub.write(add_represented, hub.hat, "Denise", "producer")
    owner, eggs = id_bytes(row.id), b"e" * 16
    enclose = enclosing(owner, row.key, "producer")
    await village.open_cycle(hub)
    cycle = await hub.cycle()
    local = derived_id(b"allot", *cycle.key, hub.hat.device, eggs)
    given = Allot(local, 1, *cycle.key, hub.hat.member, hub.hat.device, eggs, 10, 0)
    await hub.sign(Log.TRADE, enclose(given))

    def count(tx: Transaction, quantity: int) -> None:
        delivered = [cycle] if cycle.phase_at(tx.now) == "closed" else []
        set_stock_for(tx, hub.hat, owner, {eggs: quantity}, None, delivered)

    await hub.write(count, 40)
    assert await hub.read(free_stock, owner, eggs) == 30
    village.clock.now += CLOSES
    await hub.write(count, 30)
    await village.gossip()
    assert await hub.read(free_stock, owner, eggs) == 30
    assert await home.rows("SELECT * FROM delivered") == []
