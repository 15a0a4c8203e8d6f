"""Two levels: households order from their group, the group orders their sum from its hub, and shares what it gets."""

import pytest

from foodhub.log.header import Log
from foodhub.node.baskets import baskets_of
from foodhub.node.deciding import accept_late
from foodhub.node.exchanges import exchange_of
from foodhub.node.households import households_of
from foodhub.node.supplies import sum_orders
from foodhub.node.tallies import tally_of
from foodhub.node.wishes import wish_table
from tests.homes import HOUR, Village, carry
from tests.node.desks import (
    cancels,
    changes,
    order_at,
    own_orders,
    placed,
    promised,
    represent,
    stall,
    states,
    sum_of,
    wants,
)
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def test_a_group_orders_what_its_households_want_and_promises_what_its_hub_promised(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    group, homes = await market.group("Group", "A", "B")
    alone = await village.home("E", "household")
    await wants(homes[0], ("Eggs", "2"))
    await village.gossip()
    await wants(alone, ("Eggs", "2"))
    await village.gossip()
    await wants(homes[1], ("Eggs", "2"))
    await village.gossip()
    assert await sum_of(group) == [("Eggs", 4, 0)]
    assert await promised([*homes, alone]) == [2, 1, 2]
    assert await states([group]) == [("received", 3, "allotment_exhausted")]
    # Nobody but the group knows what its households want; the hub sees one line.
    assert await market.hub.rows("SELECT count(*) FROM placement") == [(2,)]


async def test_what_a_household_gives_back_goes_to_the_next_of_its_group_and_then_to_others(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=4)
    group, homes = await market.group("Group", "A", "B")
    alone = await village.home("E", "household")
    for home, amount in ((homes[0], "3"), (homes[1], "2"), (alone, "3")):
        await wants(home, ("Eggs", amount))
        await village.gossip()
    assert await promised([*homes, alone]) == [3, 1, 0]
    await changes(homes[0], ("Eggs", "1"))
    await village.gossip()
    assert await promised([*homes, alone]) == [1, 2, 1]
    await cancels(homes[1])
    await cancels(homes[0])
    await village.gossip()
    assert await sum_of(group) == []
    assert await promised([alone]) == [3]
    assert (await own_orders(group))[0].state == "cancelled"


async def test_a_group_gives_nothing_away_of_what_its_hub_may_take_back(village: Village) -> None:
    """While a smaller order is on its way to the hub, what it frees is not promised to somebody else meanwhile."""
    market = await stall(village)
    await market.add("Eggs", aside=4)
    _group, homes = await market.group("Group", "A", "B")
    alone = await village.home("E", "household")
    await wants(homes[0], ("Eggs", "4"))
    await village.gossip()
    await wants(alone, ("Eggs", "3"))
    await village.gossip()
    village.homes.remove(market.hub)
    await changes(homes[0], ("Eggs", "1"))
    await village.gossip()
    await wants(homes[1], ("Eggs", "3"))
    await village.gossip()
    assert await promised(homes) == [1, 0]
    village.homes.append(market.hub)
    await village.gossip()
    # The hub saw only the last version of the group's order: in all as much as before.
    total = sum(amount or 0 for amount in await promised([*homes, alone]))
    assert total == 4
    held = await market.hub.rows("SELECT promised FROM total")
    assert held == [(4,)]


async def test_cases_of_the_group_are_filled_within_it(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6)
    group, homes = await market.group("Group", "A", "B")
    await market.rule(group, "Juice", filled="group")
    await wants(homes[0], ("Juice", "4+1"))
    await village.gossip()
    assert await sum_of(group) == []
    await wants(homes[1], ("Juice", "1+2"))
    await village.gossip()
    assert await sum_of(group) == [("Juice", 6, 0)]
    await market.close()
    shares = [(await market.confirmed(home, "Juice", by=group)).confirmed for home in homes]
    assert shares == [5, 1]
    assert (await market.confirmed(group, "Juice")).confirmed == 6


async def test_cases_of_each_household_are_filled_by_itself(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6)
    group, homes = await market.group("Group", "A", "B")
    await market.rule(group, "Juice", filled="household")
    await wants(homes[0], ("Juice", "8"))
    await wants(homes[1], ("Juice", "4+2"))
    await village.gossip()
    assert await sum_of(group) == [("Juice", 12, 0)]
    await market.close()
    lines = [await market.confirmed(home, "Juice", by=group) for home in homes]
    assert [(line.confirmed, line.reason) for line in lines] == [(6, "case_not_full"), (6, "")]


async def test_a_group_closes_at_its_own_time_and_then_takes_no_more(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", "B", closes=2 * HOUR)
    for home in homes:
        await wants(home, ("Eggs", "1"))
    await village.gossip()
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert await group.rows("SELECT count(*) FROM counted WHERE part = 1") == [(1,)]
    assert await market.hub.rows("SELECT count(*) FROM counted WHERE part = 1") == [(0,)]
    order = await placed(homes[0])
    more = changed(order, version=2, lines=[changed(order.lines[0], quantity=5)])
    await homes[0].sign(Log.TRADE, more, readers=[order.hub])
    await village.gossip()
    assert await sum_of(group) == [("Eggs", 2, 0)]
    assert await homes[0].rows("SELECT outcome, reason FROM answer") == [("received", "late")]
    assert await group.rows(
        "SELECT count(*) FROM confirmation WHERE owner = (SELECT ref FROM party WHERE id = ?)", group.hat.member
    ) == [(0,)]
    await market.close()
    assert [(await market.confirmed(home, "Eggs", by=group)).confirmed for home in homes] == [1, 1]


async def test_who_is_not_in_the_group_is_refused_whatever_it_runs(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, _ = await market.group("Group", "A")
    stranger = await village.home("Stranger", "household")
    await wants(stranger, ("Eggs", "1"))
    order = await placed(stranger)
    await stranger.sign(Log.TRADE, changed(order, local=bytes(16), hub=group.hat.member), readers=[group.hat.member])
    await village.gossip()
    found = await stranger.rows("SELECT outcome, reason FROM answer WHERE placement = ?", bytes(16))
    assert found == [("refused", "not_permitted")]
    assert (await group.rows("SELECT count(*) FROM placement WHERE owner != 0"))[0][0] >= 1


async def test_the_group_passes_the_bar_of_its_hub_on(village: Village) -> None:
    market = await stall(village)
    juice = await market.add("Juice", case=6)
    group, homes = await market.group("Group", "A")
    alone = await village.home("E", "household")
    await wants(homes[0], ("Juice", "2+1"))
    await village.gossip()
    await wants(alone, ("Juice", "2"))
    await village.gossip()
    key = (await group.cycle()).key
    seen = [
        await homes[0].read(tally_of, group.hat.member, key),
        await alone.read(tally_of, market.hub.hat.member, key),
    ]
    for found in seen:
        assert found is not None
        (line,) = found[0].lines
        assert ((line.producer, line.product), line.quantity, line.tolerance, line.cases, line.missing) == (
            juice,
            4,
            1,
            0,
            1,
        )
    # The tally of the hub is for its own customers.
    assert await homes[0].read(tally_of, market.hub.hat.member, key) is None


async def test_the_lack_of_a_producer_is_shared_level_by_level(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", "B")
    alone = await village.home("E", "household")
    for home in (*homes, alone):
        await wants(home, ("Eggs", "3"))
        await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 5)
    mine = [await market.confirmed(home, "Eggs", by=group) for home in homes]
    assert [(line.confirmed, line.share, line.reason) for line in mine] == [(3, 3, ""), (3, 2, "producer_short")]
    assert (await market.confirmed(alone, "Eggs")).share == 0
    await market.shortfall("Eggs", 7)
    assert [(await market.confirmed(home, "Eggs", by=group)).share for home in homes] == [3, 3]
    assert (await market.confirmed(alone, "Eggs")).share == 1


async def test_a_group_that_buys_for_its_households_tells_its_hub_baskets_and_no_names(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", buying="households")
    (dora,) = await represent(group, "Dora")
    await wants(homes[0], ("Eggs", "2"))
    await wants(group, ("Eggs", "3"), who="Dora")
    await village.gossip()
    await market.close()
    numbers = {each.id: each.number for each in await group.read(households_of, group.hat.member)}
    found = await market.hub.read(baskets_of, group.hat.member, (await group.cycle()).key)
    assert found == sorted([(numbers[homes[0].hat.member], [(*eggs, 2)]), (numbers[dora], [(*eggs, 3)])])
    assert await homes[0].rows("SELECT 1 FROM baskets") == []


async def test_a_group_that_slept_through_its_hour_counts_what_was_sent_in_time(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", "B", closes=2 * HOUR)
    await wants(homes[0], ("Eggs", "2"))
    await village.gossip()
    village.homes.remove(group)
    await wants(homes[1], ("Eggs", "3"))
    village.clock.now += 3 * HOUR
    await village.gossip()
    # It hears the others before it does anything by the clock.
    await carry(homes[1], group)
    village.homes.append(group)
    await village.gossip()
    rows = await group.rows("SELECT count(*) FROM counted WHERE part = 1")
    assert rows == [(1,)]
    assert await sum_of(group) == [("Eggs", 5, 0)]
    await market.close()
    assert [(await market.confirmed(home, "Eggs", by=group)).confirmed for home in homes] == [2, 3]


async def test_a_sum_that_fits_no_entry_goes_to_the_hub_in_parts(village: Village) -> None:
    market = await stall(village)
    for number in range(150):
        await market.farm.product(f"P{number} {'x' * 190}", on_hand=None)
    await village.gossip()
    group, (home,) = await market.group("Group", "A")
    for first in range(0, 150, 50):
        await wants(home, *((f"P{number} {'x' * 190}", "1") for number in range(first, first + 50)))
        await village.gossip()
    assert len(await sum_of(group)) == 150
    assert len(await own_orders(group)) == 1
    assert await market.hub.rows("SELECT count(*) FROM placement") == [(2,)]
    await market.close()
    (row,) = await own_orders(home)
    assert len([line for line in row.lines if line.confirmed == 1]) == 150


async def test_a_group_whose_order_came_too_late_says_so_to_its_households(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", closes=23 * HOUR)
    village.homes.remove(market.hub)
    await wants(homes[0], ("Eggs", "2"))
    await village.gossip()
    village.homes.append(market.hub)
    village.clock.now += 25 * HOUR
    await market.hub.duties()
    await village.gossip()
    assert [state for state, *_ in await states([group])] == ["late"]
    line = await market.confirmed(homes[0], "Eggs", by=group)
    assert (line.confirmed, line.reason) == (0, "late")


async def test_in_an_open_group_all_members_read_all_wishes_and_in_others_nobody_does(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    open_one, homes = await market.group("Open", "A", "B", shown=True)
    _closed, others = await market.group("Closed", "C", "D")
    for home in (homes[0], others[0]):
        await wants(home, ("Eggs", "2"))
        await village.gossip()
    table = await homes[1].read(wish_table, homes[1].hat, await homes[1].cycle())
    assert [(bool(each.cells), each.left) for each in table.households] == [(False, False), (True, False)]
    # B and D have not ordered yet.
    assert len(await homes[1].rows("SELECT 1 FROM receipt")) == 1
    assert await others[1].rows("SELECT 1 FROM receipt") == []
    await market.close()
    assert await homes[0].rows("SELECT DISTINCT owner FROM counted") != []
    assert await others[0].rows("SELECT 1 FROM counted") == []
    assert len(await open_one.rows("SELECT 1 FROM receipt")) == 1


async def test_what_its_hub_promises_after_a_group_has_closed_its_households_hear_before_the_close_of_the_hub(
    village: Village,
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    group, homes = await market.group("Group", "A", "B", closes=2 * HOUR)
    await wants(homes[0], ("Eggs", "4"))
    await village.gossip()
    village.homes.remove(homes[1])
    await wants(homes[1], ("Eggs", "3"))
    village.clock.now += 3 * HOUR
    await village.gossip()
    village.homes.append(homes[1])
    await village.gossip()
    assert [state for state, *_ in await states(homes)] == ["received", "late"]
    await group.write(accept_late, group.hat, await order_at(group, homes[1]))
    await village.gossip()
    assert await sum_of(group) == [("Eggs", 7, 0)]
    assert await states(homes) == [("received", 4, ""), ("received", 2, "allotment_exhausted")]
    said = await group.rows("SELECT count(*) FROM receipt")
    await village.gossip()
    assert await group.rows("SELECT count(*) FROM receipt") == said
    await market.close()
    assert await states(homes) == [("confirmed", 4, ""), ("confirmed", 2, "allotment_exhausted")]


async def test_a_line_is_not_decided_before_the_hub_has_answered_for_that_much(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    _group, homes = await market.group("Group", "A", "B", "C")
    await wants(homes[0], ("Eggs", "2"))
    await village.gossip()
    village.homes.remove(market.hub)
    await wants(homes[1], ("Eggs", "4"))
    await village.gossip()
    await changes(homes[0], ("Eggs", "3"))
    await village.gossip()
    # The hub has answered for 2: what A and B want besides is nobody's yet, and nobody says that it lacks.
    assert await states(homes[:2]) == [("received", 2, "undecided"), ("received", None, "")]
    village.homes.append(market.hub)
    await village.gossip()
    assert await states(homes[:2]) == [("received", 2, "allotment_exhausted"), ("received", 3, "allotment_exhausted")]
    # What it refused stays refused while it is asked for more.
    village.homes.remove(market.hub)
    await wants(homes[2], ("Eggs", "1"))
    await village.gossip()
    assert await states(homes) == [
        ("received", 2, "allotment_exhausted"),
        ("received", 3, "allotment_exhausted"),
        ("received", None, ""),
    ]
    village.homes.append(market.hub)
    await village.gossip()
    assert await promised(homes) == [2, 3, 0]


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
