"""Another product in the place of a line: as far as there is some, in whole cases, and for no more money."""

from typing import Any

import msgspec
import pytest

from foodhub.catalog.naming import base32_id
from foodhub.errors import RefusedError
from foodhub.node.closing import reopen_cycle
from foodhub.node.confirmations import confirmation_of
from foodhub.node.deciding import set_shares
from foodhub.node.desk_view import QueueProduct, desk_row
from foodhub.node.orders import line_of
from foodhub.node.products import set_product
from foodhub.node.remarks import set_remark
from foodhub.node.substituting import Substitution, substitute
from foodhub.orders.purchase import Purchase
from tests.homes import HOUR, Home, Village, refusal
from tests.node.desks import Key, Stall, cancels, changes, households, order_at, placed, stall, wants

pytestmark = pytest.mark.anyio


async def ordered(hub: Home) -> dict[str, tuple[int, int]]:
    """Return what a hub orders from producers, by name: units and whole cases."""
    said = [msgspec.msgpack.decode(body, type=Purchase) for (body,) in await hub.rows("SELECT body FROM purchase")]
    return {line.name: (line.quantity, line.cases) for each in said for line in each.lines}


async def one_order(village: Village, *more: tuple[str, dict[str, Any]]) -> tuple[Stall, Home, dict[str, Key]]:
    """Close a cycle in which A wants 4 eggs, and lets anything cheaper stand in for them."""
    market = await stall(village)
    keys = {"Eggs": await market.add("Eggs", aside=9, price=200)}
    for name, about in more:
        keys[name] = await market.add(name, price=150, **about)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "4"))
    order = await placed(home)
    await home.write(set_remark, home.hat, order.local, order.hub, consents={keys["Eggs"]: "cheaper"})
    await village.gossip()
    await market.close()
    return market, home, keys


async def buys(market: Stall) -> dict[str, tuple[int, int]]:
    """Let the purchase orders go, and return what they are."""
    market.village.clock.now += HOUR
    await market.village.gossip()
    return await ordered(market.hub)


async def test_what_stands_in_for_a_line_twice_does_not_cost_more_than_the_line(village: Village) -> None:
    market, home, keys = await one_order(village, ("Duck eggs", {"aside": 9}), ("Quail eggs", {"aside": 9}))
    row = await order_at(market.hub, home)
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys["Eggs"], 3, keys["Duck eggs"], 3))
    again = Substitution(keys["Eggs"], 2, keys["Quail eggs"], 2)
    assert await refusal(market.hub, substitute, row, again) == "no_such_line"
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys["Eggs"], 1, keys["Quail eggs"], 1))
    await village.gossip()
    assert [(await market.confirmed(home, name)).share for name in keys] == [0, 3, 1]


async def test_what_stands_in_for_a_line_is_ordered_in_its_place(village: Village) -> None:
    market, home, keys = await one_order(village, ("Duck eggs", {"aside": 9}), ("Quail eggs", {"aside": None}))
    row = await order_at(market.hub, home)
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys["Eggs"], 1, keys["Duck eggs"], 1))
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys["Eggs"], 2, keys["Quail eggs"], 2))
    assert await buys(market) == {"Eggs": (1, 0), "Duck eggs": (1, 0), "Quail eggs": (2, 0)}


async def test_no_more_stands_in_for_a_line_than_is_set_aside_while_it_can_be_ordered(village: Village) -> None:
    market, home, keys = await one_order(village, ("Duck eggs", {"aside": 1}), ("Juice", {"aside": 5, "case": 6}))
    row = await order_at(market.hub, home)
    for name, quantity in (("Duck eggs", 2), ("Juice", 2)):
        wanted = Substitution(keys["Eggs"], 2, keys[name], quantity)
        assert await refusal(market.hub, substitute, row, wanted) == "not_set_aside"
    assert await buys(market) == {"Eggs": (4, 0)}
    # What is there once the goods came is for whoever has it to give.
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys["Eggs"], 2, keys["Duck eggs"], 2))
    assert await ordered(market.hub) == {"Eggs": (4, 0)}


async def test_what_stands_in_for_a_line_comes_in_whole_cases(village: Village) -> None:
    market, home, keys = await one_order(village, ("Juice", {"aside": None, "case": 6}))
    row = await order_at(market.hub, home)
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys["Eggs"], 4, keys["Juice"], 4))
    assert await buys(market) == {"Juice": (6, 1)}


async def test_something_stands_in_for_what_was_ordered_also_where_another_product_bears_its_name_now(
    village: Village,
) -> None:
    market, home, keys = await one_order(village, ("Duck eggs", {"aside": 9}))
    await market.farm.write(set_product, market.farm.hat, keys["Eggs"][1], {"withdrawn": True})
    other = await market.farm.product("Eggs", price=200, on_hand=5, sku="E2")
    await market.shortfall("Eggs", 0)
    row = await order_at(market.hub, home)
    assert line_of(row, "eggs").product_id == base32_id(keys["Eggs"][1]) != other
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys["Eggs"], 2, keys["Duck eggs"], 2))
    await village.gossip()
    assert [(await market.confirmed(home, name)).share for name in keys] == [0, 2]


async def test_what_is_not_in_an_order_is_not_found_there(village: Village) -> None:
    market, home, _keys = await one_order(village, ("Duck eggs", {"aside": 9}))
    with pytest.raises(RefusedError) as raised:
        line_of(await order_at(market.hub, home), "Duck")
    assert raised.value.code == "not_in_order"


async def test_something_stands_in_for_what_no_case_held(village: Village) -> None:
    market = await stall(village)
    keys = [await market.add("Yoghurt", case=6, price=200), await market.add("Duck eggs", price=150)]
    (home,) = await households(village, "A")
    await wants(home, ("Yoghurt", "2"))
    order = await placed(home)
    await home.write(set_remark, home.hat, order.local, order.hub, consents={keys[0]: "cheaper"})
    await village.gossip()
    await market.close()
    assert (await market.confirmed(home, "Yoghurt")).reason == "case_not_full"
    row = await order_at(market.hub, home)
    await market.hub.write(substitute, market.hub.hat, row, Substitution(keys[0], 2, keys[1], 2))
    again = Substitution(keys[0], 1, keys[1], 1)
    assert await refusal(market.hub, substitute, row, again) == "no_such_line"
    await village.gossip()
    assert [(await market.confirmed(home, name)).share for name in ("Yoghurt", "Duck eggs")] == [0, 2]
    assert await buys(market) == {"Duck eggs": (2, 0)}


async def on_desk(market: Stall, name: str) -> QueueProduct:
    hub = market.hub
    row = await hub.read(desk_row, hub.hat, await hub.cycle(), hub.clock.now)
    return next(each for each in row.products if each.product == name)


async def test_the_desk_says_what_goes_to_nobody_once_something_else_stands_in_for_what_lacks(village: Village) -> None:
    market = await stall(village)
    keys = [await market.add("Eggs", aside=9, price=200), await market.add("Duck eggs", aside=9, price=150)]
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "4"))
        await village.gossip()
    order = await placed(homes[0])
    await homes[0].write(set_remark, homes[0].hat, order.local, order.hub, consents={keys[0]: "cheaper"})
    await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 5)
    hub, row = market.hub, await order_at(market.hub, homes[0])
    await hub.write(substitute, hub.hat, row, Substitution(keys[0], 3, keys[1], 3))
    eggs = await on_desk(market, "Eggs")
    assert ([each.share for each in eggs.shares], eggs.available, eggs.spare) == ([1, 1], 5, 3)
    await hub.write(set_shares, hub.hat, await hub.cycle(), keys[0], {homes[0].hat.member: 1, homes[1].hat.member: 4})
    eggs = await on_desk(market, "Eggs")
    assert ([each.share for each in eggs.shares], eggs.spare) == ([1, 4], 0)


async def reopened(market: Stall) -> None:
    """Open a cycle again for an hour."""
    hub, village = market.hub, market.village
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()


async def closed_again(market: Stall, home: Home) -> dict[str, int]:
    """Close a cycle again, and return by name what a home gets in the end."""
    await market.village.gossip()
    await market.close()
    names = {key: name for name, key in market.products.items()}
    found = await home.read(confirmation_of, market.hub.hat.member, home.hat.member, (await home.cycle()).key)
    assert found is not None
    return {names[line.producer, line.product]: line.share for line in found.lines}


async def test_what_stood_in_goes_where_its_buyer_wants_less_after_a_reopening(village: Village) -> None:
    market, home, keys = await one_order(village, ("Duck eggs", {"aside": 9}))
    order = await order_at(market.hub, home)
    await market.hub.write(substitute, market.hub.hat, order, Substitution(keys["Eggs"], 3, keys["Duck eggs"], 3))
    assert await buys(market) == {"Eggs": (1, 0), "Duck eggs": (3, 0)}
    await reopened(market)
    await changes(home, ("Eggs", "1"))
    assert await closed_again(market, home) == {"Eggs": 1}
    assert await buys(market) == {"Eggs": (1, 0), "Duck eggs": (0, 0)}
    await reopened(market)
    await cancels(home)
    assert await closed_again(market, home) == {}
    assert await buys(market) == {"Eggs": (0, 0), "Duck eggs": (0, 0)}


async def test_after_a_reopening_a_person_decides_anew_what_stands_in(village: Village) -> None:
    market, home, keys = await one_order(village, ("Duck eggs", {"aside": 9}))
    order = await order_at(market.hub, home)
    await market.hub.write(substitute, market.hub.hat, order, Substitution(keys["Eggs"], 3, keys["Duck eggs"], 3))
    await reopened(market)
    other = await village.home("B", "household")
    await wants(other, ("Duck eggs", "9"))
    assert await closed_again(market, home) == {"Eggs": 4}
    assert (await market.confirmed(other, "Duck eggs")).confirmed == 9
