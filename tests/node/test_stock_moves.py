"""Stock between a producer and its hubs: asked for, granted, asked back, given back, taken back without waiting."""

import pytest
from msgspec.structs import replace

from foodhub.catalog.naming import id_bytes
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import AllotmentRow, allot, everything_free, find_cycle_with, list_allotments
from foodhub.node.allotments import set_aside as held_by
from foodhub.node.amending import cancel_order
from foodhub.node.exchanges import exchange_of
from foodhub.node.lowering import lower
from foodhub.node.placing import place_order
from foodhub.node.reserving import (
    RequestRow,
    as_granted,
    grant,
    grants_by_itself,
    open_requests,
    own_requests,
    request,
    set_rule,
)
from foodhub.node.shortfalls import declare_shortfall, list_shortfalls, shortfall_of
from foodhub.node.stock import set_stock
from foodhub.node.wanted import read_lines
from foodhub.orders.exchanges import DEFAULT_RULE, Outgoing, Plan, ProductRule
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, free_stock, refusal, set_case
from tests.node.laptops import laptop, member
from tests.node.test_removal import remove
from tests.node.test_rights import second_by_words

pytestmark = pytest.mark.anyio


async def market(village: Village, aside: int = 15) -> tuple[Home, Home, Home, str]:
    """Return a hub with an open cycle, a farm, a group, and the farm's 40 carrots, of which `aside` are set aside."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group = await village.home("Group", "group")
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    if aside:
        await give(farm, carrots, aside)
    await village.gossip()
    return hub, farm, group, carrots


async def second_hub(village: Village, *, pooled: bool = False) -> Home:
    """Let another hub sell in the cycle too."""
    hub, other = village.homes[0], await village.home("Other hub", "hub")
    cycle = await hub.cycle()
    await hub.sign(Log.CATALOG, Plan(cycle.key[1], 1, [], [other.hat.member], pooled=pooled, deputies=[]))
    supplier = hub.hat.member if pooled else other.hat.member
    await other.sign(Log.CATALOG, outgoing(other, cycle.key, supplier, village.clock.now + 24 * HOUR))
    await village.gossip()
    return other


def outgoing(home: Home, cycle: tuple[bytes, bytes], supplier: bytes, closes: int) -> Outgoing:
    return Outgoing(
        derived_id(b"outgoing", *cycle),
        1,
        *cycle,
        supplier,
        home.hat.device,
        closes,
        "resale",
        "as_one",
        by_hand=False,
        shown=False,
        products=[],
        rule=DEFAULT_RULE,
        rules=[],
        pickups=[],
    )


async def give(farm: Home, product: str, quantity: int, hub: Home | None = None) -> int:
    to = hub.hat.member if hub else None
    return await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(product): quantity}, to)


async def ask_back(farm: Home, product: str, quantity: int, hub: Home | None = None, *, override: bool = False) -> int:
    to = hub.hat.member if hub else None
    wanted = {id_bytes(product): quantity}
    return await farm.write(lower, farm.hat, await farm.cycle(), wanted, to, override=override)


async def ask_for(hub: Home, farm: Home, product: str, quantity: int) -> int:
    wanted = {(farm.hat.member, id_bytes(product)): quantity}
    return await hub.write(request, hub.hat, await hub.cycle(), wanted)


async def requests(farm: Home) -> list[RequestRow]:
    return await farm.read(open_requests, farm.hat, farm.clock.now)


async def rows(home: Home) -> list[AllotmentRow]:
    return await home.read(list_allotments, await home.cycle())


async def aside(home: Home) -> list[tuple[str, int, int]]:
    """Return (hub, set aside, given back) of all that a home knows of."""
    return [(row.hub, row.set_aside, row.returned) for row in await rows(home)]


async def free(farm: Home, product: str) -> int | None:
    return await farm.read(free_stock, farm.hat.member, id_bytes(product))


async def promised(home: Home) -> int:
    """Return what a buyer is promised of the only product."""
    return sum(line.confirmed or 0 for order in await home.orders() for line in order.lines)


# Hubs of a cycle


async def test_stock_is_set_aside_for_each_hub_of_a_cycle(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    other = await second_hub(village)
    assert await give(farm, carrots, 20, other) == 1
    await village.gossip()
    assert await aside(farm) == [("Hub", 15, 0), ("Other hub", 20, 0)]
    assert await aside(hub) == [("Hub", 15, 0)]
    assert await aside(other) == [("Other hub", 20, 0)]
    assert await aside(group) == []
    assert await free(farm, carrots) == 5
    cycle = await farm.cycle()
    assert await farm.read(everything_free, farm.hat, cycle, other.hat.member) == {id_bytes(carrots): 25}
    assert await refusal(farm, allot, cycle, {id_bytes(carrots): 26}, other.hat.member) == "not_enough_stock"
    key = (farm.hat.member, id_bytes(carrots))
    assert await other.read(held_by, other.hat.member, other.hat.device, cycle) == {key: 20}


async def test_nothing_is_set_aside_for_a_hub_outside_the_cycle(village: Village) -> None:
    _, farm, _, carrots = await market(village)
    stranger = await village.home("Stranger", "hub")
    cycle = await farm.cycle()
    for work in (allot, lower):
        code = await refusal(farm, work, cycle, {id_bytes(carrots): 3}, stranger.hat.member)
        assert code == "hub_not_in_cycle"
    with pytest.raises(RefusedError) as raised:
        await farm.read(find_cycle_with, "Week 39", farm.clock.now, stranger.hat.member)
    assert raised.value.code == "hub_not_in_cycle"


async def test_in_a_pooled_cycle_stock_is_set_aside_for_whoever_supplies_the_others(village: Village) -> None:
    hub, farm, _, carrots = await market(village)
    other = await second_hub(village, pooled=True)
    assert await refusal(farm, allot, await farm.cycle(), {id_bytes(carrots): 3}, other.hat.member) == (
        "supplied_by_another"
    )
    assert await give(farm, carrots, 16, hub) == 1


async def test_nothing_is_set_aside_of_what_the_cycle_does_not_sell(village: Village) -> None:
    hub, farm, _, carrots = await market(village, aside=0)
    cycle = await hub.cycle()
    said = outgoing(hub, cycle.key, hub.hat.member, village.clock.now + 24 * HOUR)
    sold = [(farm.hat.member, bytes(16))]
    await hub.sign(Log.CATALOG, replace(said, products=sold))
    await village.gossip()
    assert await refusal(farm, allot, await farm.cycle(), {id_bytes(carrots): 3}) == "not_in_cycle"
    assert await refusal(hub, request, cycle, {(farm.hat.member, id_bytes(carrots)): 3}) == "not_in_cycle"


# Asked for and granted


async def test_a_hub_asks_and_the_producer_grants_what_is_free(village: Village) -> None:
    hub, farm, _, carrots = await market(village)
    assert await ask_for(hub, farm, carrots, 60) == 1
    assert await ask_for(hub, farm, carrots, 60) == 0
    await village.gossip()
    (asked,) = await requests(farm)
    assert (asked.hub, asked.requested, asked.set_aside, asked.free, asked.grant) == ("Hub", 60, 15, 25, 40)
    (own,) = await hub.read(own_requests, hub.hat, hub.clock.now)
    assert (own.producer, own.requested, own.set_aside, own.free, own.grant) == ("Farm", 60, 15, None, None)
    assert await farm.write(grant, farm.hat, [asked]) == 1
    (after,) = await farm.read(as_granted, farm.hat, [asked], farm.clock.now)
    assert (after.requested, after.set_aside, after.free) == (60, 40, 0)
    await village.gossip()
    assert await aside(hub) == [("Hub", 40, 0)]
    assert await free(farm, carrots) == 0
    (asked,) = await requests(farm)
    assert (asked.requested, asked.set_aside, asked.grant) == (60, 40, 40)
    assert await farm.write(grant, farm.hat, [asked]) == 0


async def test_a_request_is_answered_once_so_much_is_set_aside_and_can_be_taken_back(village: Village) -> None:
    hub, farm, _, carrots = await market(village)
    await ask_for(hub, farm, carrots, 20)
    await village.gossip()
    await give(farm, carrots, 20)
    assert await requests(farm) == []
    await village.gossip()
    assert await hub.read(own_requests, hub.hat, hub.clock.now) == []
    await ask_for(hub, farm, carrots, 30)
    await village.gossip()
    assert [row.requested for row in await requests(farm)] == [30]
    await ask_for(hub, farm, carrots, 0)
    await village.gossip()
    assert await requests(farm) == []


async def test_by_the_rule_of_its_home_a_farm_grants_by_itself_the_oldest_request_first(village: Village) -> None:
    hub, farm, _, carrots = await market(village, aside=0)
    other = await second_hub(village)
    assert await farm.read(grants_by_itself, farm.hat) is False
    await farm.write(set_rule, farm.hat, True)
    await ask_for(other, farm, carrots, 30)
    village.clock.now += 1
    await ask_for(hub, farm, carrots, 30)
    await village.gossip()
    assert await aside(farm) == [("Hub", 10, 0), ("Other hub", 30, 0)]
    before = await farm.rows("SELECT author, log, seq FROM log")
    await farm.duties()
    assert await farm.rows("SELECT author, log, seq FROM log") == before
    await farm.write(set_stock, farm.hat, {id_bytes(carrots): 50})
    await village.gossip()
    assert await aside(farm) == [("Hub", 20, 0), ("Other hub", 30, 0)]


async def test_the_rule_never_gives_again_what_the_farm_asked_back(village: Village) -> None:
    hub, farm, _, carrots = await market(village, aside=0)
    await farm.write(set_rule, farm.hat, True)
    await ask_for(hub, farm, carrots, 60)
    await village.gossip()
    assert await aside(farm) == [("Hub", 40, 0)]
    village.clock.now += 1
    await ask_back(farm, carrots, 8)
    await village.gossip()
    assert await aside(farm) == [("Hub", 8, 32)]
    assert await requests(farm) == []
    village.clock.now += 1
    await ask_for(hub, farm, carrots, 12)
    await village.gossip()
    assert await aside(farm) == [("Hub", 12, 32)]


async def test_nobody_asks_for_what_is_made_on_demand_or_outside_a_cycle(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    bread = await farm.product("Bread", on_hand=None)
    await village.gossip()
    cycle = await hub.cycle()
    assert await refusal(hub, request, cycle, {(farm.hat.member, id_bytes(bread)): 3}) == "on_demand"
    assert await refusal(group, request, cycle, {(farm.hat.member, id_bytes(carrots)): 3}) == "hub_not_in_cycle"
    village.clock.now += 24 * HOUR
    assert await refusal(hub, request, cycle, {(farm.hat.member, id_bytes(carrots)): 30}) == "cycle_closed"


# Asked back and given back


async def test_a_hub_gives_back_what_it_has_not_promised(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    await group.order(("Carrots", "4"))
    await village.gossip()
    assert await ask_back(farm, carrots, 10) == 1
    assert await ask_back(farm, carrots, 10) == 0
    assert await free(farm, carrots) == 25
    await village.gossip()
    assert await aside(farm) == await aside(hub) == [("Hub", 10, 5)]
    assert await free(farm, carrots) == 30
    await ask_back(farm, carrots, 0)
    await village.gossip()
    assert await aside(farm) == [("Hub", 4, 11)]
    assert (await free(farm, carrots), await promised(group)) == (36, 4)


async def test_what_is_promised_no_more_goes_back_later(village: Village) -> None:
    _, farm, group, carrots = await market(village)
    await group.order(("Carrots", "9"))
    await village.gossip()
    await ask_back(farm, carrots, 2)
    await village.gossip()
    assert await aside(farm) == [("Hub", 9, 6)]
    (order,) = await group.orders()
    await group.write(cancel_order, group.hat, order)
    await village.gossip()
    assert await aside(farm) == [("Hub", 2, 13)]


async def test_a_hub_promises_no_more_than_it_kept(village: Village) -> None:
    _, farm, group, carrots = await market(village)
    await ask_back(farm, carrots, 3)
    await group.order(("Carrots", "9"))
    await village.gossip()
    assert await promised(group) == 3
    assert await aside(farm) == [("Hub", 3, 12)]


async def test_what_is_set_aside_again_is_kept(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    await ask_back(farm, carrots, 3)
    await village.gossip()
    assert await give(farm, carrots, 12) == 1
    await village.gossip()
    assert await aside(hub) == [("Hub", 12, 12)]
    await group.order(("Carrots", "20"))
    await village.gossip()
    assert await promised(group) == 12
    assert await aside(hub) == [("Hub", 12, 12)]


async def test_only_less_than_it_holds_is_asked_back_and_only_what_was_set_aside(village: Village) -> None:
    _, farm, _, carrots = await market(village)
    leeks = await farm.product("Leeks")
    cycle = await farm.cycle()
    assert await refusal(farm, lower, cycle, {id_bytes(carrots): 15}) == "not_lower"
    assert await refusal(farm, lower, cycle, {id_bytes(leeks): 0}) == "nothing_set_aside"
    assert await refusal(farm, allot, cycle, {id_bytes(carrots): 14}) == "allotment_only_raised"


async def test_doing_duties_again_gives_nothing_back_twice(village: Village) -> None:
    hub, farm, _, carrots = await market(village)
    await ask_back(farm, carrots, 3)
    await village.gossip()
    before = await hub.rows("SELECT author, log, seq FROM log")
    await hub.write(lambda tx: tx.fold.rebuild())
    await hub.duties()
    assert await hub.rows("SELECT author, log, seq FROM log") == before


async def test_what_nobody_ordered_comes_back_after_the_close(village: Village) -> None:
    _, farm, group, _carrots = await market(village)
    leeks = await farm.product("Leeks", on_hand=7)
    await give(farm, leeks, 7)
    await group.order(("Carrots", "4"))
    await village.gossip()
    village.clock.now += 25 * HOUR
    await village.gossip()
    held = {row.product: (row.set_aside, row.returned) for row in await rows(farm)}
    assert held == {"Leeks": (0, 7), "Carrots": (4, 11)}
    assert await free(farm, leeks) == 7


async def test_what_fills_the_last_case_is_kept_for_the_hub_that_buys_it(village: Village) -> None:
    hub, farm, group, carrots = await market(village, aside=0)
    cycle = await hub.cycle()
    said = outgoing(hub, cycle.key, hub.hat.member, village.clock.now + 24 * HOUR)
    rounded = replace(said, rule=ProductRule("hub", "round_up", "queue", "queue"))
    await hub.sign(Log.CATALOG, rounded)
    await farm.write(set_stock, farm.hat, {id_bytes(carrots): 30}, "capped")
    await farm.write(set_case, farm.hat, id_bytes(carrots), 6, 0, "crate", broken=False)
    await give(farm, carrots, 20)
    await village.gossip()
    await group.order(("Carrots", "8"))
    await village.gossip()
    village.clock.now += 25 * HOUR
    await village.gossip()
    assert await promised(group) == 8
    assert await aside(farm) == await aside(hub) == [("Hub", 12, 8)]


async def test_what_is_left_at_a_hub_that_closed_before_the_others_comes_back_too(village: Village) -> None:
    hub, farm, group, carrots = await market(village, aside=0)
    other = await village.home("Other hub", "hub")
    cycle = await hub.cycle()
    await hub.sign(Log.CATALOG, Plan(cycle.key[1], 1, [], [other.hat.member], pooled=False, deputies=[]))
    said = outgoing(other, cycle.key, other.hat.member, village.clock.now + 20 * HOUR)
    await other.sign(Log.CATALOG, said)
    await village.gossip()
    await give(farm, carrots, 40, other)
    await village.gossip()

    def place(tx: Transaction) -> bytes:
        seller = exchange_of(tx.db, other.hat.member, cycle)
        return place_order(tx, group.hat, cycle, read_lines(tx.db, cycle, [("Carrots", "10")]), None, seller=seller)

    await group.write(place)
    await village.gossip()
    village.clock.now += 26 * HOUR
    await village.gossip()
    assert await promised(group) == 10
    assert await aside(farm) == await aside(other) == [("Other hub", 10, 30)]


async def test_a_retired_desks_heir_gives_back_what_it_inherited(village: Village) -> None:
    await village.home("Founder", "hub")
    hub, _ = await member(village, "Hub", "hub")
    farm, group = await village.home("Farm", "producer"), await village.home("Group", "group")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    second = await laptop(village, "Hub 2", hub)
    await give(farm, carrots, 15)
    await village.gossip()
    await group.order(("Carrots", "4"))
    await village.gossip()
    await ask_back(farm, carrots, 12)
    await village.gossip()
    assert await aside(farm) == [("Hub", 12, 3)]
    await second_by_words(village, hub, second)
    await ask_back(farm, carrots, 1)
    await village.gossip()
    assert await aside(farm) == await aside(second) == [("Hub", 4, 11)]
    assert await promised(group) == 4


async def test_only_the_desk_gives_back_and_only_the_keeper_asks(village: Village) -> None:
    await village.home("Founder", "hub")
    hub, _ = await member(village, "Hub", "hub")
    farm = await village.home("Farm", "producer")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    second = await laptop(village, "Hub 2", hub)
    barn = await laptop(village, "Barn", farm)
    await give(farm, carrots, 15)
    await village.gossip()
    for work in (allot, lower):
        assert await refusal(barn, work, await barn.cycle(), {id_bytes(carrots): 3}) == "not_the_keeper"
    assert await refusal(barn, set_stock, {id_bytes(carrots): 3}) == "not_the_keeper"
    village.homes.remove(hub)
    await ask_back(farm, carrots, 1)
    await village.gossip()
    assert await second.rows("SELECT 1 FROM returned") == []
    village.homes.append(hub)
    await village.gossip()
    assert await aside(farm) == [("Hub", 1, 14)]


# Taken back without waiting


async def test_stock_taken_back_without_waiting_is_free_at_once(village: Village) -> None:
    hub, farm, group, carrots = await market(village, aside=40)
    other = await second_hub(village)
    village.homes.remove(hub)
    assert await ask_back(farm, carrots, 10, override=True) == 1
    assert await free(farm, carrots) == 30
    assert await give(farm, carrots, 30, other) == 1
    await village.gossip()
    assert await aside(farm) == [("Hub", 10, 0), ("Other hub", 30, 0)]
    village.homes.append(hub)
    await village.gossip()
    assert await aside(farm) == [("Hub", 10, 30), ("Other hub", 30, 0)]
    assert (await free(farm, carrots), await promised(group)) == (0, 0)


async def test_what_the_silent_hub_had_promised_shows_as_a_shortfall_once_it_speaks(village: Village) -> None:
    hub, farm, group, carrots = await market(village, aside=40)
    other = await second_hub(village)
    village.homes.remove(farm)
    await group.order(("Carrots", "25"))
    await village.gossip()
    village.homes.append(farm)
    village.homes.remove(hub)
    village.homes.remove(group)
    await ask_back(farm, carrots, 10, override=True)
    await give(farm, carrots, 30, other)
    await village.gossip()
    village.homes += [hub, group]
    await village.gossip()
    assert await aside(farm) == [("Hub", 25, 15), ("Other hub", 30, 0)]
    assert await promised(group) == 25
    assert await free(farm, carrots) == -15


async def test_what_is_known_to_be_promised_is_not_taken_back(village: Village) -> None:
    _, farm, group, carrots = await market(village, aside=40)
    await group.order(("Carrots", "25"))
    await village.gossip()
    cycle, wanted = await farm.cycle(), {id_bytes(carrots): 10}
    assert await refusal(farm, lower, cycle, wanted, None, override=True) == "promised_already"
    assert await ask_back(farm, carrots, 25, override=True) == 1
    assert await free(farm, carrots) == 15


async def test_after_an_override_stock_is_set_aside_within_what_is_counted(village: Village) -> None:
    hub, farm, _, carrots = await market(village, aside=40)
    village.homes.remove(hub)
    await ask_back(farm, carrots, 10, override=True)
    assert await give(farm, carrots, 20) == 1
    assert await aside(farm) == [("Hub", 20, 0)]
    assert await free(farm, carrots) == 20
    await farm.write(set_stock, farm.hat, {id_bytes(carrots): 60})
    assert await give(farm, carrots, 55) == 1
    assert (await aside(farm), await free(farm, carrots)) == ([("Hub", 55, 0)], 5)
    village.homes.append(hub)
    await village.gossip()
    assert await aside(hub) == [("Hub", 55, 0)]


# Less than was promised


async def test_a_shortfall_reaches_the_hub_and_withdraws_no_promise(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    await group.order(("Carrots", "9"))
    await village.gossip()
    cycle, wanted = await farm.cycle(), {id_bytes(carrots): 8}
    assert await farm.write(declare_shortfall, farm.hat, cycle, wanted, "grêle") == 1
    assert await farm.write(declare_shortfall, farm.hat, cycle, wanted, "grêle") == 0
    await village.gossip()
    (row,) = await hub.read(list_shortfalls, cycle)
    assert (row.product, row.producer, row.hub, row.available, row.promised, row.reason) == (
        "Carrots",
        "Farm",
        "Hub",
        8,
        9,
        "grêle",
    )
    key = (farm.hat.member, id_bytes(carrots))
    assert await hub.read(shortfall_of, hub.hat.member, cycle.key) == {key: (8, "grêle")}
    assert await promised(group) == 9
    assert await group.read(list_shortfalls, cycle) == []


async def test_a_shortfall_needs_a_reason_and_a_product_of_ones_own(village: Village) -> None:
    hub, farm, _, carrots = await market(village)
    cycle = await farm.cycle()
    assert await refusal(farm, declare_shortfall, cycle, {id_bytes(carrots): 8}, "") == "bad_reason"
    assert await refusal(farm, declare_shortfall, cycle, {id_bytes(carrots): 8}, "x\ny") == "bad_reason"
    assert await refusal(hub, declare_shortfall, cycle, {id_bytes(carrots): 8}, "hail") == "not_your_product"


async def test_what_a_removed_hub_held_is_taken_back_whatever_it_had_promised(village: Village) -> None:
    founder, group = await village.home("Founder", "household"), await village.home("Group", "group")
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    await give(farm, carrots, 15)
    await village.gossip()
    await group.order(("Carrots", "4"))
    await village.gossip()
    await remove(founder, "Hub")
    village.homes.remove(hub)
    await village.gossip()
    assert await free(farm, carrots) == 25
    assert await ask_back(farm, carrots, 0, override=True) == 1
    assert await free(farm, carrots) == 40
