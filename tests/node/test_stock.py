"""Counting stock by its mode, and where every unit of it is."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.pasting import MAX_PASTED
from foodhub.catalog.statements import StockMode
from foodhub.errors import NotThereError, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.allotments import allot, everything_free, list_allotments
from foodhub.node.catalog_import import zero_stock
from foodhub.node.closing import write_closes
from foodhub.node.deliveries import UNWEIGHED
from foodhub.node.products import list_products, set_product, stock_statement
from foodhub.node.shelf import Aside, Counted, Shelf
from foodhub.node.stock import StockRow, list_stock, own_product, read_stock_list, set_stock
from foodhub.orders.exchanges import Incoming, Plan
from tests.homes import HOUR, Home, Village, carry, free_stock, set_case

pytestmark = pytest.mark.anyio


async def farm_and_hub(village: Village) -> tuple[Home, Home]:
    return await village.home("Hub", "hub"), await village.home("Farm", "producer")


async def count(home: Home, product: str, quantity: int | None, mode: StockMode | None = None) -> int:
    return await home.write(set_stock, home.hat, {id_bytes(product): quantity}, mode)


async def give(home: Home, product: str, quantity: int) -> int:
    return await home.write(allot, home.hat, await home.cycle(), {id_bytes(product): quantity})


async def shown(home: Home) -> dict[str, StockRow]:
    return {row.product: row for row in await home.read(list_stock, home.hat, home.clock.now)}


async def refusal(home: Home, product: str, quantity: int) -> str:
    with pytest.raises(RefusedError) as raised:
        await give(home, product, quantity)
    return raised.value.code


async def close(hub: Home, farm: Home) -> None:
    """Let a hub close its cycles, and a farm see it, before anything is given back."""
    await hub.write(write_closes, hub.hat)
    await carry(hub, farm)


async def test_a_count_keeps_the_mode_and_another_one_changes_it(village: Village) -> None:
    _, farm = await farm_and_hub(village)
    carrots = await farm.product("Carrots", on_hand=40)
    steps: list[tuple[int | None, StockMode | None, tuple[str, int]]] = [
        (30, None, ("counted", 30)),
        (20, "per_cycle", ("per_cycle", 20)),
        (25, None, ("per_cycle", 25)),
        (None, None, ("on_demand", 0)),
        (7, "counted", ("counted", 7)),
        (60, "capped", ("capped", 60)),
        (8, None, ("capped", 8)),
    ]
    for quantity, mode, expected in steps:
        assert await count(farm, carrots, quantity, mode) == 1
        stock = await farm.read(stock_statement, farm.hat.member, id_bytes(carrots))
        assert stock is not None
        assert (stock.mode, stock.on_hand) == expected
    assert await count(farm, carrots, 8, "capped") == 0


async def test_what_is_made_on_demand_is_counted_only_by_who_says_so(village: Village) -> None:
    _, farm = await farm_and_hub(village)
    bread = await farm.product("Bread", on_hand=4)
    await count(farm, bread, None)
    with pytest.raises(RefusedError) as raised:
        await count(farm, bread, 7)
    assert (raised.value.code, raised.value.details["name"]) == ("made_on_demand", "Bread")
    assert await count(farm, bread, 7, "capped") == 1


async def test_what_is_counted_by_the_product_keeps_its_quantity_for_each_cycle(village: Village) -> None:
    _, farm = await farm_and_hub(village)
    carrots = await farm.product("Carrots", on_hand=40)
    await count(farm, carrots, 20, "per_cycle")
    local = id_bytes(carrots)
    assert await farm.write(set_product, farm.hat, local, {}, 25) == "changed"
    stock = await farm.read(stock_statement, farm.hat.member, local)
    assert stock is not None
    assert (stock.mode, stock.on_hand) == ("per_cycle", 25)
    await farm.write(zero_stock, farm.hat, [local])
    stock = await farm.read(stock_statement, farm.hat.member, local)
    assert stock is not None
    assert (stock.mode, stock.on_hand) == ("per_cycle", 0)


async def test_what_is_capped_is_listed_as_on_demand(village: Village) -> None:
    _, farm = await farm_and_hub(village)
    bread = await farm.product("Bread", on_hand=0)
    await count(farm, bread, 60, "capped")
    (row,) = await farm.read(list_products, producer=farm.hat.member)
    assert (row.on_hand, row.on_demand) == (None, True)


async def test_the_same_count_is_signed_again_since_it_says_of_a_later_moment(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    await give(farm, carrots, 15)
    village.clock.now += 25 * HOUR
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 25
    await close(hub, farm)
    assert await count(farm, carrots, 40) == 1
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 25
    village.clock.now += UNWEIGHED
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 25
    assert await count(farm, carrots, 40) == 1
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 40


async def test_goods_leave_the_shelf_when_they_are_weighed_in_and_not_at_the_close(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    cycle = await hub.cycle()
    coming = Incoming(farm.hat.member, [], "", village.clock.now + 48 * HOUR, 0)
    await hub.sign(Log.CATALOG, Plan(cycle.key[1], 1, [coming], [], pooled=False, deputies=[]))
    await village.gossip()
    await give(farm, carrots, 15)
    village.clock.now += 30 * HOUR
    await close(hub, farm)
    await count(farm, carrots, 40)
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 25
    village.clock.now += 24 * HOUR
    await count(farm, carrots, 40)
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 40


async def test_a_quantity_for_each_cycle_is_set_aside_in_each_of_them(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    bread = await farm.product("Bread", on_hand=0)
    await count(farm, bread, 60, "capped")
    first = await village.open_cycle(hub)
    assert await farm.read(everything_free, farm.hat, await farm.cycle()) == {id_bytes(bread): 60}
    await give(farm, bread, 50)
    assert await refusal(farm, bread, 61) == "not_enough_stock"
    village.clock.now += 25 * HOUR
    await village.gossip()
    assert await village.open_cycle(hub) != first
    await give(farm, bread, 60)
    row = (await shown(farm))["Bread"]
    assert [(each.set_aside, each.free) for each in row.aside] == [(60, 0)]
    assert (row.on_hand, row.short) == (60, 0)


async def test_what_is_made_on_demand_needs_nothing_set_aside(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    bread = await farm.product("Bread", on_hand=None)
    await village.open_cycle(hub)
    assert await refusal(farm, bread, 3) == "on_demand"
    assert await farm.read(everything_free, farm.hat, await farm.cycle()) == {}
    row = (await shown(farm))["Bread"]
    assert (row.mode, row.on_hand, row.free, row.short) == ("on_demand", None, None, 0)


async def test_stock_shows_where_every_unit_is(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    group = await village.home("Group", "group")
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    await give(farm, carrots, 15)
    await village.gossip()
    await group.order(("Carrots", "4"))
    await village.gossip()
    row = (await shown(farm))["Carrots"]
    assert (row.on_hand, row.set_aside, row.promised, row.free, row.short) == (40, 15, 4, 25, 0)
    (aside,) = row.aside
    assert (aside.cycle, aside.hub, aside.set_aside, aside.ordered, aside.promised) == ("Week 39", "Hub", 15, 4, 4)


@pytest.mark.parametrize(("mode", "elsewhere"), [("counted", 7), ("per_cycle", 2)])
async def test_what_lies_elsewhere_is_what_is_set_aside_at_other_places_that_share_the_stock(
    mode: StockMode, elsewhere: int
) -> None:
    eggs, hub, two = (bytes([number]) * 16 for number in range(3))
    week, other = (hub, b"week"), (hub, b"other")
    here, beside, later = (
        Aside(cycle, who, who, eggs, given=given)
        for cycle, who, given in ((week, hub, 3), (week, two, 2), (other, hub, 5))
    )
    shelf = Shelf({eggs: Counted(mode, 10, 0, 1)}, {eggs: [here, beside, later]})
    assert shelf.elsewhere(here) == elsewhere


async def test_a_lower_count_than_is_set_aside_is_a_shortfall(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    await give(farm, carrots, 15)
    await count(farm, carrots, 9)
    row = (await shown(farm))["Carrots"]
    assert (row.free, row.short) == (-6, 6)
    assert await refusal(farm, carrots, 16) == "not_enough_stock"


async def test_a_cycle_that_is_over_and_in_the_count_is_not_shown_any_more(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    await give(farm, carrots, 15)
    village.clock.now += 24 * HOUR + UNWEIGHED + 1
    await close(hub, farm)
    assert len((await shown(farm))["Carrots"].aside) == 1
    await count(farm, carrots, 25)
    row = (await shown(farm))["Carrots"]
    assert (row.aside, row.free) == ([], 25)


async def test_a_product_of_another_or_withdrawn_is_refused_with_the_reason(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    other = await village.home("Dairy", "producer")
    carrots, _cheese = await farm.product("Carrots"), await other.product("Cheese")
    await village.open_cycle(hub)
    assert (await farm.read(own_product, farm.hat, "carr")).id == carrots
    with pytest.raises(RefusedError) as raised:
        await farm.read(own_product, farm.hat, "Cheese")
    assert raised.value.code == "not_your_product"
    assert raised.value.details["producer"] == "Dairy"
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"withdrawn": True})
    with pytest.raises(RefusedError) as raised:
        await farm.read(own_product, farm.hat, "Carrots")
    assert raised.value.code == "product_withdrawn"
    with pytest.raises(NotThereError):
        await farm.read(own_product, farm.hat, "Leeks")


async def test_stock_is_set_aside_for_ones_own_products_alone(village: Village) -> None:
    hub, farm = await farm_and_hub(village)
    other = await village.home("Dairy", "producer")
    cheese = await other.product("Cheese")
    await village.open_cycle(hub)
    assert await refusal(farm, cheese, 3) == "not_your_product"
    assert await farm.read(list_allotments, await farm.cycle()) == []


async def test_a_case_is_said_and_taken_back(village: Village) -> None:
    _, farm = await farm_and_hub(village)
    juice = id_bytes(await farm.product("Juice"))
    assert await farm.write(set_case, farm.hat, juice, 6, 12, "carton", broken=False) is True
    assert await farm.write(set_case, farm.hat, juice, 6, 12, "carton", broken=False) is False
    row = (await shown(farm))["Juice"]
    assert (row.case, row.minimum, row.word, row.broken) == (6, 12, "carton", False)
    assert await farm.write(set_case, farm.hat, juice, 0, 0, "", broken=False) is True
    assert (await shown(farm))["Juice"].case == 0


@pytest.mark.parametrize(("size", "word"), [(2**50, ""), (6, "car\nton"), (6, "x" * 51)])
async def test_a_case_that_no_node_would_count_is_not_signed(village: Village, size: int, word: str) -> None:
    _, farm = await farm_and_hub(village)
    juice = id_bytes(await farm.product("Juice"))
    with pytest.raises(RefusedError) as raised:
        await farm.write(set_case, farm.hat, juice, size, 0, word, broken=False)
    assert raised.value.code == "bad_case"


async def test_a_household_counts_no_stock(village: Village) -> None:
    await farm_and_hub(village)
    home = await village.home("Family", "household")
    with pytest.raises(RefusedError):
        await home.write(set_stock, home.hat, {bytes(16): 3})


async def test_a_pasted_list_is_read_against_ones_own_products(village: Village) -> None:
    _, farm = await farm_and_hub(village)
    other = await village.home("Dairy", "producer")
    juice = await farm.product("Jus de pomme")
    await other.product("Jus de raisin")
    await village.gossip()
    (one,) = await farm.read(read_stock_list, farm.hat, "2 jus")
    assert (one.candidates, one.amount, one.sure) == ((id_bytes(juice),), 2, True)
    for text, code in (("", "nothing_pasted"), ("x" * (MAX_PASTED + 1), "pasted_too_long")):
        with pytest.raises(UsageError) as raised:
            await farm.read(read_stock_list, farm.hat, text)
        assert raised.value.code == code


async def test_every_own_product_is_listed(village: Village) -> None:
    _, farm = await farm_and_hub(village)
    for name in ("Carrots", "Leeks"):
        await farm.product(name)
    rows = await farm.read(list_products, producer=farm.hat.member)
    assert list(await shown(farm)) == [row.name for row in rows] == ["Carrots", "Leeks"]
