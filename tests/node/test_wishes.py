"""Wishes of a group's households: typed, imported, pasted, entered by themselves, and shown side by side."""

from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.statements import Case
from foodhub.errors import FoodhubError, RefusedError
from foodhub.log.header import Log
from foodhub.node.cycles import find_cycle
from foodhub.node.groups import join_group, leave_group
from foodhub.node.offering import Offer, sell
from foodhub.node.orders import OrderRow
from foodhub.node.pasted_wish import read_pasted_wish
from foodhub.node.products import list_products
from foodhub.node.represented import add_represented
from foodhub.node.wanted import read_changes
from foodhub.node.wish_file import read_wishes
from foodhub.node.wishes import close_group, group_exchange, set_wish, wish_table, wisher, without_wish
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village

pytestmark = pytest.mark.anyio
WEEK = "Week 39"


class Market:
    """A hub, a farm, a group that takes part in the hub's cycle, and a household of it with a home."""

    def __init__(self, village: Village, hub: Home, farm: Home, group: Home, house: Home) -> None:
        self.village, self.hub, self.farm, self.group, self.house = village, hub, farm, group, house


@pytest.fixture
async def market(village: Village) -> Market:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group, house = await village.home("Group", "group"), await village.home("House", "household")
    juice = await farm.product("Apple juice", price=320, on_hand=None)
    await farm.product("Eggs", price=260, on_hand=None)
    await farm.sign(Log.CATALOG, Case(id_bytes(juice), 1, 6, 0, "carton", broken=False))
    await village.open_cycle(hub)
    await group.write(sell, group.hat, await group.cycle(), Offer(closes=village.clock.now + 20 * HOUR))
    await house.write(join_group, house.hat, group.hat.member)
    village.clock.now += 60_000
    await group.write(add_represented, group.hat, "Denise", "household")
    await village.gossip()
    return Market(village, hub, farm, group, house)


async def wish(home: Home, who: str | None, *pairs: tuple[str, str], told: Any = "") -> int:
    def work(tx: Transaction) -> int:
        cycle = find_cycle(tx.db, WEEK, tx.now)
        return set_wish(tx, home.hat, cycle, wisher(tx.db, home.hat, who, told), read_changes(tx.db, cycle, pairs))

    return await home.write(work)


async def code(work: Any) -> str:
    with pytest.raises(FoodhubError) as caught:
        await work
    return caught.value.code


async def cells(home: Home) -> dict[str, dict[str, tuple[int, int]]]:
    table = await home.read(wish_table, home.hat, await home.cycle())
    names = {each.product_id: each.product for each in table.products}
    return {
        row.household or "?": {names[cell.product_id]: (cell.quantity, cell.tolerance) for cell in row.cells}
        for row in table.households
    }


async def customers(home: Home) -> dict[str, OrderRow]:
    return {order.customer or "?": order for order in await home.orders()}


async def test_a_typed_wish_and_one_from_a_home_stand_side_by_side(village: Village, market: Market) -> None:
    await wish(market.group, "Denise", ("Apple juice", "2+1"), told="phone")
    await wish(market.house, None, ("Apple juice", "3"), ("Eggs", "1"))
    await village.gossip()
    assert await cells(market.group) == {
        "?": {"Apple juice": (3, 0), "Eggs": (1, 0)},
        "Denise": {"Apple juice": (2, 1)},
    }
    table = await market.group.read(wish_table, market.group.hat, await market.group.cycle())
    (juice, eggs) = table.products
    assert (juice.quantity, juice.tolerance, juice.case, juice.cases, juice.missing) == (5, 1, 6, 1, 0)
    assert (eggs.quantity, eggs.case) == (1, 0)
    denise = table.households[1]
    assert (denise.number, denise.written_by, denise.told, denise.represented) == (2, "Group", "phone", True)
    assert await cells(market.house) == {"House": {"Apple juice": (3, 0), "Eggs": (1, 0)}}
    own = await market.house.read(wish_table, market.house.hat, await market.house.cycle())
    assert [(each.household, each.number) for each in own.households] == [("House", None)]


async def test_cases_are_never_those_of_a_tally_that_does_not_know_all_wishes(market: Market) -> None:
    group = market.group

    async def filled() -> tuple[int, int, int]:
        (juice,) = (await group.read(wish_table, group.hat, await group.cycle())).products
        return juice.quantity, juice.cases, juice.missing

    await wish(group, "Denise", ("Apple juice", "2+2"), told="phone")
    assert await filled() == (2, 0, 2)
    await market.village.gossip()
    assert await filled() == (2, 0, 2)
    await wish(group, "Denise", ("Apple juice", "5+2"), told="phone")
    assert await filled() == (5, 1, 0)


async def test_the_wish_of_a_household_that_left_stands_and_is_shown_with_its_basket(
    village: Village, market: Market
) -> None:
    await wish(market.house, None, ("Eggs", "1"))
    await wish(market.group, "Denise", ("Eggs", "2"))
    await village.gossip()
    await market.house.write(leave_group, market.house.hat)
    await village.gossip()
    table = await market.group.read(wish_table, market.group.hat, await market.group.cycle())
    rows = [(each.number, each.left, [cell.quantity for cell in each.cells]) for each in table.households]
    assert rows == [(2, False, [2]), (1, True, [1])]
    assert [each.quantity for each in table.products] == [3]


async def test_a_typed_wish_is_received_and_goes_into_the_sum(village: Village, market: Market) -> None:
    await wish(market.group, "Denise", ("Apple juice", "2+1"))
    await village.gossip()
    order = (await customers(market.group))["Denise"]
    assert order.state == "received"
    (total,) = await market.hub.orders()
    assert (total.customer, [(line.ordered, line.tolerance) for line in total.lines]) == ("Group", [(2, 1)])
    assert await market.hub.rows("SELECT count(*) FROM belong") == [(0,)]


async def test_a_wish_sets_what_is_named_and_leaves_the_rest(village: Village, market: Market) -> None:
    assert await wish(market.group, "Denise", ("Apple juice", "2"), ("Eggs", "1")) == 1
    assert await wish(market.group, "Denise", ("Apple juice", "2")) == 0
    assert await wish(market.group, "Denise", ("Apple juice", "4+1")) == 1
    assert await wish(market.group, "Denise", ("Eggs", "0")) == 1
    await village.gossip()
    assert (await cells(market.group))["Denise"] == {"Apple juice": (4, 1)}
    await wish(market.group, "Denise", ("Apple juice", "0"))
    assert (await cells(market.group))["Denise"] == {}
    await wish(market.group, "Denise", ("Eggs", "2"))
    assert (await cells(market.group))["Denise"] == {"Eggs": (2, 0)}


async def test_whoever_has_a_home_or_another_group_gets_no_typed_wish(village: Village, market: Market) -> None:
    other, lone = await village.home("Other", "group"), await village.home("Lone", "household")
    await lone.write(join_group, lone.hat, other.hat.member)
    await village.gossip()
    house = market.house.hat.member
    assert await code(wish(market.group, base32_id(house)[:8], ("Eggs", "1"))) == "has_own_home"
    assert await code(wish(market.group, base32_id(lone.hat.member)[:8], ("Eggs", "1"))) == "other_group"
    assert await code(wish(market.group, "Nobody", ("Eggs", "1"))) == "no_such_member"
    assert await code(wish(lone, None, ("Eggs", "1"))) == "not_in_cycle_hub"


async def test_who_has_not_wished_is_listed(village: Village, market: Market) -> None:
    await wish(market.group, "Denise", ("Eggs", "1"))
    table = await market.group.read(wish_table, market.group.hat, await market.group.cycle())
    assert [row.household_id for row in without_wish(table)] == [row.household_id for row in table.households[:1]]


async def test_a_group_that_closes_takes_no_more_wishes(village: Village, market: Market) -> None:
    await wish(market.group, "Denise", ("Eggs", "1"))
    await market.group.write(close_group, market.group.hat, await market.group.cycle())
    village.clock.now += 60_000
    await village.gossip()
    assert await code(wish(market.group, "Denise", ("Eggs", "2"))) == "cycle_closed"
    assert await code(wish(market.house, None, ("Eggs", "2"))) == "cycle_closed"
    assert (
        await code(market.group.write(close_group, market.group.hat, await market.group.cycle())) == "exchange_closed"
    )
    assert await code(market.hub.write(close_group, market.hub.hat, await market.hub.cycle())) == "not_a_group_here"


async def read_file(home: Home, text: str) -> Any:
    def work(tx: Transaction) -> Any:
        cycle = find_cycle(tx.db, WEEK, tx.now)
        return read_wishes(tx.db, home.hat, cycle, group_exchange(tx.db, home.hat, cycle), text.encode(), "paper")

    return await home.write(work)


async def test_a_file_of_wishes_is_read_by_household(village: Village, market: Market) -> None:
    await market.group.write(add_represented, market.group.hat, "Émile", "household")
    text = "household;product;quantity;tolerance\nDenise;Apple juice;2;1\nemile;Eggs;3;\nDenise;Eggs;1;0\n\n"
    wishes, faults = await read_file(market.group, text)
    assert faults == []
    assert [(each.household, [(w.amount, w.tolerance) for w in each.wanted]) for each in wishes] == [
        ("Denise", [(2, 1), (1, 0)]),
        ("emile", [(3, 0)]),
    ]


async def test_every_fault_of_a_file_is_named_with_its_line_and_column(village: Village, market: Market) -> None:
    text = (
        "household,product,quantity,tolerance\n"
        "Nobody,Apple juice,2,1\n"
        "Denise,Pears,2,\n"
        "Denise,Eggs,much,\n"
        "Denise,Eggs,1,1\n"
        "Denise,Apple juice,1,x\n"
        "Denise,Apple juice,1,\n"
        "Denise,Apple juice,2,\n"
        ",Eggs,,\n"
    )
    _wishes, faults = await read_file(market.group, text)
    assert [(fault.line, fault.column, fault.code) for fault in faults] == [
        (2, "household", "no_such_member"),
        (3, "product", "no_such_product"),
        (4, "quantity", "bad_quantity"),
        (5, "tolerance", "no_case"),
        (6, "tolerance", "bad_quantity"),
        (8, "product", "twice"),
        (9, "household", "missing"),
        (9, "quantity", "missing"),
    ]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", 'household,product,quantity\n"open,1,2\n'])
async def test_what_is_no_file_of_wishes_is_refused(market: Market, text: str) -> None:
    assert await code(read_file(market.group, text)) == "bad_wish_file"


async def pasted(home: Home, text: str) -> list[tuple[str, str]]:
    def work(tx: Transaction) -> Any:
        cycle = find_cycle(tx.db, WEEK, tx.now)
        pairs = read_pasted_wish(tx.db, cycle, group_exchange(tx.db, home.hat, cycle), text)
        names = {row.id: row.name for row in list_products(tx.db)}
        return [(names[product], quantity) for product, quantity in pairs]

    found: list[tuple[str, str]] = await home.write(work)
    return found


async def test_a_message_is_read_as_a_wish(market: Market) -> None:
    assert await pasted(market.group, "2 apple juice 3 eggs") == [("Apple juice", "2"), ("Eggs", "3")]
    assert await pasted(market.group, "apple juice 2+1") == [("Apple juice", "2+1")]


async def test_a_message_that_is_not_sure_is_refused(market: Market) -> None:
    assert await code(pasted(market.group, "2 pears")) == "not_sure"
    assert await code(pasted(market.group, "  ")) == "nothing_pasted"


async def test_what_the_cycle_does_not_sell_is_named_with_what_comes_nearest(village: Village, market: Market) -> None:
    farm = market.farm
    for name in ("Pears", "Pear juice", "Honey", "Duck eggs"):
        await farm.product(name, on_hand=None)
    await village.gossip()
    sold = ["Apple juice", "Eggs", "Pear juice", "Duck eggs"]
    rows = [row for row in await farm.read(list_products) if row.name in sold]
    offer = Offer(products=[(id_bytes(row.producer_id), id_bytes(row.id)) for row in rows])
    await market.group.write(sell, market.group.hat, await market.group.cycle(), offer)
    assert await pasted(market.group, "2 pear juice") == [("Pear juice", "2")]
    for text, unsold, nearest, unsure in (
        ("2 pears 3 eggs", ['Pears ("2 pears")'], ["Pear juice"], []),
        ("2kg pears", ['Pears ("2kg pears")'], ["Pear juice"], []),
        ("3 eggs, 1 honey", ['Honey ("1 honey")'], [], []),
        ("1 honey; 2 juice", ['Honey ("1 honey")'], [], ["2 juice"]),
    ):
        with pytest.raises(RefusedError) as caught:
            await pasted(market.group, text)
        said = caught.value.details
        assert (caught.value.code, said["unsold"], said["nearest"], said["unsure"]) == (
            "not_in_cycle",
            unsold,
            nearest,
            unsure,
        )
