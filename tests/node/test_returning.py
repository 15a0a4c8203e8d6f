"""What a hub keeps after the close of what was set aside for it, and what it gives back."""

import pytest

from foodhub.log.header import Log
from foodhub.node.allotments import allot, list_allotments, set_aside
from foodhub.node.closing import reopen_cycle
from foodhub.node.cycles import CycleRow
from foodhub.node.purchasing import GRACE
from foodhub.node.remarks import set_remark
from foodhub.node.reserving import request, set_rule
from foodhub.node.shelf import asides_of, shelf_of
from foodhub.node.shortfalls import list_shortfalls
from foodhub.node.stock import list_stock
from foodhub.node.substituting import Substitution, substitute
from foodhub.orders.reserving import Return
from foodhub.orders.statements import derived_id
from tests.homes import HOUR, Home, Village, refusal
from tests.node.desks import Key, Stall, changes, households, order_at, own_orders, placed, stall, wants

pytestmark = pytest.mark.anyio


async def sold(village: Village) -> tuple[Stall, Home]:
    """A hub that holds 9 eggs and 9 duck eggs, of which a household ordered 4 eggs and takes others; it is closed."""
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9, price=200)
    await market.add("Duck eggs", aside=9, price=150)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "4"))
    order = await placed(home)
    await home.write(set_remark, home.hat, order.local, order.hub, consents={eggs: "cheaper"})
    await village.gossip()
    await market.close()
    return market, home


async def ducks_instead(market: Stall, home: Home, quantity: int) -> None:
    row, products = await order_at(market.hub, home), market.products
    wanted = Substitution(products["Eggs"], quantity, products["Duck eggs"], quantity)
    await market.hub.write(substitute, market.hub.hat, row, wanted)
    await market.village.gossip()


async def held(market: Stall) -> dict[str, int]:
    """Return what the hub still holds once the purchase orders went."""
    market.village.clock.now += GRACE
    await market.village.gossip()
    names = {product: name for name, (_, product) in market.products.items()}
    asides = await market.farm.read(asides_of, market.farm.hat.member)
    return {names[each.product]: each.quantity for each in asides}


async def test_for_what_something_else_stands_in_goods_come_back(village: Village) -> None:
    market, home = await sold(village)
    await ducks_instead(market, home, 1)
    assert await held(market) == {"Eggs": 3, "Duck eggs": 1}


async def test_what_a_farm_lacks_does_not_come_back_even_where_something_else_stands_in_for_it(
    village: Village,
) -> None:
    market, home = await sold(village)
    await market.shortfall("Eggs", 3)
    await ducks_instead(market, home, 1)
    assert await held(market) == {"Eggs": 4, "Duck eggs": 1}


async def test_what_nobody_gets_for_lack_of_it_holds_nothing_else_back(village: Village) -> None:
    market, home = await sold(village)
    await market.shortfall("Eggs", 0)
    await ducks_instead(market, home, 4)
    assert await held(market) == {"Eggs": 4, "Duck eggs": 4}


async def test_no_more_is_shown_as_promised_than_the_hub_still_holds(village: Village) -> None:
    market, home = await sold(village)
    await ducks_instead(market, home, 1)
    assert await held(market) == {"Eggs": 3, "Duck eggs": 1}
    farm = market.farm
    rows = {row.product: row for row in await farm.read(list_stock, farm.hat, village.clock.now)}
    assert (rows["Eggs"].set_aside, rows["Eggs"].promised) == (3, 3)
    told = {row.product: row for row in await farm.read(list_allotments, await farm.cycle())}
    assert (told["Eggs"].set_aside, told["Eggs"].promised, told["Eggs"].ordered) == (3, 3, 4)


async def test_of_goods_by_the_case_the_purchase_order_says_what_is_promised(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6)
    (home,) = await households(village, "A")
    await wants(home, ("Juice", "7+5"))
    await placed(home)
    await market.shortfall("Juice", 6)
    cycle = await market.farm.cycle()
    (row,) = await market.farm.read(list_shortfalls, cycle)
    assert (row.available, row.ordered, row.promised) == (6, 7, 0)
    await market.close()
    await held(market)
    (row,) = await market.farm.read(list_shortfalls, await market.farm.cycle())
    assert (row.available, row.ordered, row.promised) == (6, 7, 12)


def key_of(market: Stall) -> tuple[bytes, bytes]:
    return market.hub.hat.member, market.hub.hat.device


def gave_back(market: Stall, cycle: CycleRow, key: Key, version: int, returned: int) -> Return:
    local = derived_id(b"return", *cycle.key, market.hub.hat.device, *key)
    return Return(local, version, *cycle.key, market.hub.hat.device, *key, returned)


async def test_a_hub_that_says_it_returned_more_than_it_was_given_gets_no_more(village: Village) -> None:
    market = await stall(village)
    key, cycle, farm = await market.add("Eggs", aside=10), await market.hub.cycle(), market.farm
    await market.hub.sign(Log.TRADE, gave_back(market, cycle, key, 1, 10**6), readers=[key[0]])
    await market.hub.write(request, market.hub.hat, cycle, {key: 30})
    await farm.write(set_rule, farm.hat, True)
    await village.gossip()
    assert (await farm.read(shelf_of, key[0])).free(key[1]) == 60
    assert await refusal(farm, allot, cycle, {key[1]: 5}) == "returned_too_much"
    # What was given back once stays given back.
    await market.hub.sign(Log.TRADE, gave_back(market, cycle, key, 2, 0), readers=[key[0]])
    await village.gossip()
    assert await farm.rows("SELECT quantity FROM allotment") == [(10,)]
    assert await market.hub.read(set_aside, market.hub.hat.member, market.hub.hat.device, cycle) == {key: 0}
    assert (await farm.read(shelf_of, key[0])).free(key[1]) == 60


async def test_what_was_given_back_shrinks_with_no_order_of_arrival(village: Village) -> None:
    market = await stall(village)
    key, cycle = await market.add("Eggs", aside=10), await market.hub.cycle()
    for version, returned in ((1, 3), (2, 1), (2, 2), (3, 0)):
        await market.hub.sign(Log.TRADE, gave_back(market, cycle, key, version, returned), readers=[key[0]])
    await village.gossip()
    for home in (market.hub, market.farm):
        assert await home.rows("SELECT returned, version FROM returned") == [(3, 1)]
    assert (await market.farm.read(shelf_of, key[0])).aside(cycle.key, *key_of(market), key[1]).quantity == 7


async def test_what_was_promised_after_a_reopening_is_not_given_back(village: Village) -> None:
    market, home = await sold(village)
    assert (await held(market))["Eggs"] == 4
    hub, farm = market.hub, market.farm
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    await farm.write(allot, farm.hat, await farm.cycle(), {market.products["Eggs"][1]: 9})
    await village.gossip()
    await changes(home, ("Eggs", "8"))
    await village.gossip()
    assert (await own_orders(home))[0].lines[0].confirmed == 8
    await market.close()
    assert (await held(market))["Eggs"] == 8


async def test_what_a_hub_hears_too_late_was_set_aside_for_it_comes_back(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "4"))
    await village.gossip()
    farm = market.farm
    village.homes.remove(farm)
    await farm.write(allot, farm.hat, await farm.cycle(), {market.products["Eggs"][1]: 20})
    await market.close()
    village.clock.now += GRACE
    await village.gossip()
    village.homes.append(farm)
    assert (await held(market))["Eggs"] == 4
