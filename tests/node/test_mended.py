"""What was found wrong in the trade once, around the desk: each a fault that must not come back."""

from typing import Any

import msgspec
import pytest

from foodhub.catalog.statements import Stock
from foodhub.errors import RefusedError
from foodhub.log.encoding import LATEST, LIMIT
from foodhub.log.header import Kind, Log
from foodhub.node.allotments import allot, set_aside
from foodhub.node.closing import close_of, reopen_cycle
from foodhub.node.cycles import CycleRow, in_ms
from foodhub.node.erasable import Judge, OwnEntry
from foodhub.node.exchanges import exchange_of
from foodhub.node.groups import join_group
from foodhub.node.mandates import give_mandate, set_stock_for
from foodhub.node.remarks import set_remark
from foodhub.node.reserving import request, set_rule
from foodhub.node.shelf import shelf_of
from foodhub.node.stock import list_stock, set_stock
from foodhub.node.substituting import Substitution, substitute
from foodhub.node.supplies import sum_orders
from foodhub.orders.exchanges import Plan
from foodhub.orders.hands import MOST_VERSION, Behalf, Contact, Mandate
from foodhub.orders.purchase import Purchase
from foodhub.orders.reserving import Return
from foodhub.orders.statements import Allot, derived_id
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry
from tests.node.desks import MINUTE, Key, Stall, cancels, changes, order_at, stall, wants
from tests.node.test_desk import households, placed
from tests.node.test_desk_close import refusal
from tests.node.test_desk_group import sum_of
from tests.pens import changed

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


# Another product in the place of a line.


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


# What a hub says it returned.


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


def key_of(market: Stall) -> tuple[bytes, bytes]:
    return market.hub.hat.member, market.hub.hat.device


# A clock that was ahead.

YEAR = 365 * 24 * HOUR


async def test_a_count_of_a_clock_that_was_ahead_takes_nothing_as_gone(village: Village) -> None:
    market = await stall(village)
    key, farm = await market.add("Eggs", aside=10), market.farm
    village.clock.now += YEAR
    await farm.write(set_stock, farm.hat, {key[1]: 40})
    village.clock.now -= YEAR
    # The deadline of the cycle was past by that clock; but nobody has closed it.
    cycle = await farm.cycle()
    assert await refusal(farm, allot, cycle, {key[1]: 41}) == "not_enough_stock"
    (row,) = await farm.read(list_stock, farm.hat, village.clock.now)
    assert (row.set_aside, row.free) == (10, 30)


async def test_no_order_is_signed_that_would_be_late_for_a_clock_that_was_ahead(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "1"))
    await village.gossip()
    village.clock.now += YEAR
    await home.sign(Log.TRADE, Contact(derived_id(b"contact"), 1, "A", "", ""))
    village.clock.now -= YEAR
    for work in (wants(home, ("Eggs", "2")), changes(home, ("Eggs", "2")), cancels(home)):
        with pytest.raises(RefusedError) as raised:
            await work
        assert raised.value.code == "clock_was_ahead"


# Steps and cases.


async def test_a_sum_of_steps_and_cases_is_taken_as_it_is_and_a_household_keeps_the_steps(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6, step=4)
    group, homes = await market.group("Group", "A", "B")
    for home in homes:
        await wants(home, ("Juice", "8"))
    await village.gossip()
    order = await placed(homes[1])
    lines = [changed(order.lines[0], quantity=6)]
    await homes[1].sign(Log.TRADE, changed(order, version=2, lines=lines), readers=[order.hub])
    await village.gossip()
    # A case is no whole step: it goes on with the whole steps below, and nobody else loses anything.
    assert await sum_of(group) == [("Juice", 12, 0)]
    exchange = await group.read(exchange_of, group.hat.member, await group.cycle())
    assert exchange is not None
    (held,) = await group.read(sum_orders, exchange)
    lines = [changed(held.lines[0], quantity=14)]
    await group.sign(Log.TRADE, changed(held, version=9, lines=lines), readers=[held.hub])
    await carry(group, market.hub)
    await market.hub.duties()
    assert await market.hub.rows("SELECT ordered FROM total") == [(14,)]


# Mandates.


async def test_nobody_sets_stock_aside_for_somebody_else(village: Village) -> None:
    market = await stall(village)
    key, other = await market.add("Eggs", aside=0), await village.home("Other", "hub")
    assert await refusal(market.farm, give_mandate, other.hat.member, ["allot", "stock"], LATEST - 1) == "spent_by_one"
    mandate = Mandate(b"m" * 16, 1, other.hat.member, ["stock", "price", "label", "accept"], LATEST - 1, ended=False)
    await market.farm.sign(Log.CATALOG, mandate)
    await village.gossip()
    cycle = await market.hub.cycle()
    place = (*cycle.key, market.hub.hat.member, market.hub.hat.device, key[1])
    aside = Allot(derived_id(b"allot", *cycle.key, market.hub.hat.device, key[1]), 1, *place, 10, 0)
    said = Behalf(key[0], bytes(16), "producer", mandate.local, "", aside)
    await other.sign(Log.TRADE, said, readers=[market.hub.hat.member, key[0]])
    await village.gossip()
    assert await market.hub.rows("SELECT quantity FROM allotment") == []
    assert ("mandate_field",) in await market.hub.rows("SELECT reason FROM unread")


async def test_a_holder_leaves_its_giver_a_version_to_speak_in(village: Village) -> None:
    market = await stall(village)
    key, other = await market.add("Eggs", aside=0), await village.home("Other", "hub")
    await market.farm.write(give_mandate, market.farm.hat, other.hat.member, ["stock"], village.clock.now + HOUR)
    ((mandate,),) = await market.farm.rows("SELECT local FROM mandate")
    await village.gossip()

    def counts(version: int) -> Behalf:
        return Behalf(key[0], bytes(16), "producer", mandate, "", Stock(key[1], version, "counted", 3))

    with pytest.raises(RefusedError) as raised:
        await other.sign(Log.CATALOG, counts(MOST_VERSION))
    assert raised.value.code == "version_range"
    await other.sign(Log.CATALOG, counts(MOST_VERSION - 1))
    await village.gossip()
    assert await market.hub.rows("SELECT version, on_hand FROM stock") == [(MOST_VERSION - 1, 3)]
    assert await refusal(other, set_stock_for, key[0], {key[1]: 7}) == "version_range"
    await market.farm.write(set_stock, market.farm.hat, {key[1]: 50})
    await village.gossip()
    assert await market.hub.rows("SELECT version, on_hand FROM stock") == [(MOST_VERSION, 50)]


async def test_no_command_ends_in_a_bare_error_where_versions_are_used_up(village: Village) -> None:
    market = await stall(village)
    key = await market.add("Eggs", aside=0)
    await market.farm.sign(Log.CATALOG, Stock(key[1], LIMIT - 1, "counted", 3))
    assert await refusal(market.farm, set_stock, {key[1]: 50}) == "version_range"


# Closing times.


async def test_a_group_that_says_no_time_closes_before_its_hub(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs")
    group, home = await village.home("Group", "group"), await village.home("B", "household")
    await home.write(join_group, home.hat, group.hat.member)
    await market.sells(group)
    found = await group.read(exchange_of, group.hat.member, await group.cycle())
    assert found is not None
    village.clock.now = found.closes - 1000
    await wants(home, ("Eggs", "5"))
    await carry(home, group)
    village.clock.now += 2000
    await village.gossip()
    await market.close()
    assert (await market.confirmed(home, "Eggs", by=group)).confirmed == 5


@pytest.mark.parametrize(("left", "before"), [(90, 45), (1, 0.5), (600, 60)])
async def test_a_group_that_comes_late_closes_in_the_middle_of_what_is_left(
    village: Village, left: int, before: float
) -> None:
    market = await stall(village)
    group = await village.home("Group", "group")
    closes = in_ms((await market.hub.cycle()).closes)
    village.clock.now = closes - left * MINUTE
    await market.sells(group)
    found = await group.read(exchange_of, group.hat.member, await group.cycle())
    assert found is not None
    assert found.closes == closes - before * MINUTE


async def test_a_cycle_that_a_deputy_closed_too_early_is_opened_again(village: Village) -> None:
    market, deputy = await stall(village), await village.home("Deputy", "hub")
    await market.add("Eggs")
    (home,) = await households(village, "A")
    cycle, closes = await market.hub.cycle(), in_ms((await market.hub.cycle()).closes)
    await market.hub.sign(Log.CATALOG, Plan(cycle.key[1], 1, [], [], pooled=False, deputies=[deputy.hat.member]))
    await village.gossip()
    begin = village.clock.now
    village.clock.now = closes + 3 * HOUR
    await deputy.duties()
    village.clock.now = begin
    await village.gossip()
    cycle = await market.hub.cycle()
    assert await market.hub.read(close_of, cycle) == closes
    assert await refusal(market.hub, reopen_cycle, cycle, closes) == "closed_by_deputy"
    await market.hub.write(reopen_cycle, market.hub.hat, cycle, closes + HOUR)
    await village.gossip()
    assert await market.hub.read(close_of, await market.hub.cycle()) is None
    await wants(home, ("Eggs", "5"))
    await village.gossip()
    await market.close()
    assert (await market.confirmed(home, "Eggs")).confirmed == 5


async def test_nothing_is_free_to_be_erased_on_which_a_count_of_a_wrong_clock_may_rest(village: Village) -> None:
    market = await stall(village)
    key, farm = await market.add("Eggs", aside=10), market.farm
    village.clock.now += YEAR
    await farm.write(set_stock, farm.hat, {key[1]: 40})
    village.clock.now -= YEAR
    await market.close()
    aside = Allot(b"a" * 16, 1, *(await market.hub.cycle()).key, market.hub.hat.member, b"d" * 32, key[1], 10, 0)

    def judge(tx: Transaction) -> str:
        entry = OwnEntry(farm.hat.device, Log.TRADE, 1, Kind.ERASABLE, tx.now, 100, [(tx.now, aside)])
        return Judge(tx, farm.hat.member).judge(entry).code

    assert await farm.write(judge) == "holds"
