"""Taking orders in: what was received is never lost, what counted never moves, and nonsense costs nobody else."""

from typing import Any

import msgspec
import pytest

from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.book import read_book
from foodhub.node.closing import reopen_cycle
from foodhub.node.counting import counted_of
from foodhub.node.cycles import list_cycles, new_cycle
from foodhub.node.deciding import accept_late
from foodhub.node.exchanges import exchange_of
from foodhub.node.groups import leave_group, open_orders
from foodhub.node.permitting import MOST, MOST_OF_ONE
from foodhub.node.placing import place_order
from foodhub.node.products import set_product
from foodhub.node.wanted import read_lines
from foodhub.orders.statements import AnswerLine, Order
from tests.homes import HOUR, Home, Village, carry, refusal
from tests.node.desks import (
    MINUTE,
    Stall,
    cancels,
    changes,
    counted_at,
    households,
    late_comer,
    order_at,
    own_orders,
    placed,
    promised,
    stall,
    states,
    sum_of,
    wants,
)
from tests.node.laptops import member, recover
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def restates(home: Home, order: Order, version: int, quantity: int, **line: Any) -> None:
    """Sign a version of an order with one line, whatever the commands would say to it."""
    lines = [changed(order.lines[0], quantity=quantity, **line)]
    await home.sign(Log.TRADE, changed(order, version=version, lines=lines), readers=[order.hub])


async def lines_of(home: Home, order: Order) -> list[tuple[int, int, str]]:
    """Return what the last answer says to each line of a placement: taken in, promised, why not all."""
    ((body,),) = await home.rows("SELECT lines FROM answer WHERE placement = ?", order.local)
    return [(line.quantity, line.promised, line.reason) for line in msgspec.msgpack.decode(body, type=list[AnswerLine])]


async def withdraw(market: Stall, name: str, *, withdrawn: bool = True) -> None:
    farm = market.farm
    await farm.write(lambda tx: set_product(tx, farm.hat, market.products[name][1], {"withdrawn": withdrawn}))
    await market.village.gossip()


# What nobody can mean.


async def test_one_household_that_wants_too_much_takes_nothing_from_its_group(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "3"))
    await village.gossip()
    order = await placed(homes[1])
    await restates(homes[1], order, 2, MOST - 10)
    await village.gossip()
    assert await sum_of(group) == [("Eggs", 6, 0)]
    assert await promised(homes) == [3, 3]
    assert await lines_of(homes[1], order) == [(3, 3, "not_permitted")]
    await market.close()
    assert [(await market.confirmed(home, "Eggs", by=group)).confirmed for home in homes] == [3, 3]
    (row,) = await own_orders(homes[1])
    assert (row.lines[0].confirmed, row.lines[0].reason) == (3, "not_permitted")


async def test_a_sum_stays_within_what_can_be_ordered_and_what_passes_it_is_refused(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice")
    group, homes = await market.group("Group", "A", "B")
    await wants(homes[0], ("Juice", "5"))
    await wants(homes[1], ("Juice", "1"))
    await village.gossip()
    order = await placed(homes[1])
    fill = (MOST - 5) // MOST_OF_ONE
    for number in range(fill + 2):
        local = bytes(14) + number.to_bytes(2, "big")
        lines = [changed(order.lines[0], quantity=MOST_OF_ONE)]
        more = changed(order, local=local, version=1, lines=lines)
        await homes[1].sign(Log.TRADE, more, readers=[order.hub])
    await village.gossip()
    ((_, quantity, _),) = await sum_of(group)
    assert quantity == 6 + fill * MOST_OF_ONE
    assert quantity <= MOST
    assert await states([group]) == [("received", None, "")]
    answers = [
        msgspec.msgpack.decode(body, type=list[AnswerLine])[0].reason
        for (body,) in await homes[1].rows("SELECT lines FROM answer")
    ]
    assert answers.count("not_permitted") == 2


async def test_a_supplier_that_refuses_more_keeps_what_it_promised(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "5"))
    await village.gossip()
    order = await placed(home)
    await restates(home, order, 2, 2 * MOST)
    await village.gossip()
    assert await lines_of(home, order) == [(5, 5, "not_permitted")]
    await restates(home, order, 3, 7)
    await village.gossip()
    assert await lines_of(home, order) == [(7, 7, "")]


# What is sold no more.


async def test_what_was_received_of_a_product_that_is_sold_no_more_stays_whoever_changes_what_else(
    village: Village,
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    await market.add("Milk")
    group, homes = await market.group("Group", "A", "B")
    await wants(homes[0], ("Eggs", "5"))
    await village.gossip()
    await withdraw(market, "Eggs")
    await wants(homes[1], ("Milk", "1"))
    await village.gossip()
    (row,) = await own_orders(group)
    assert {line.product: line.confirmed for line in row.lines} == {"Eggs": 5, "Milk": None}
    assert await states(homes[:1]) == [("received", 5, "")]
    await market.close()
    line = await market.confirmed(homes[0], "Eggs", by=group)
    assert (line.ordered, line.confirmed, line.reason) == (5, 5, "")


async def test_of_a_product_that_is_sold_no_more_only_more_is_refused(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "4"))
    await village.gossip()
    await withdraw(market, "Eggs")
    more, less = await placed(homes[0]), await placed(homes[1])
    await restates(homes[0], more, 2, 6)
    await restates(homes[1], less, 2, 2)
    await village.gossip()
    assert await lines_of(homes[0], more) == [(4, 4, "not_permitted")]
    assert await lines_of(homes[1], less) == [(2, 2, "")]
    # It says the same after the book was read anew.
    await village.home("Newcomer", "household")
    assert await lines_of(homes[0], more) == [(4, 4, "not_permitted")]
    await market.close()
    assert [(await market.confirmed(home, "Eggs")).confirmed for home in homes] == [4, 2]


async def test_a_line_that_is_restated_at_another_price_keeps_its_promise_and_is_not_permitted(
    village: Village,
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9, step=2)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "4"))
    await village.gossip()
    order = await placed(home)
    await restates(home, order, 2, 4, price=1)
    await village.gossip()
    assert await lines_of(home, order) == [(4, 4, "not_permitted")]
    await restates(home, order, 3, 3)
    await village.gossip()
    assert await lines_of(home, order) == [(2, 2, "not_permitted")]


# A late order at a group.


async def test_what_a_group_accepts_late_goes_to_its_hub_while_that_is_open(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", "B", closes=2 * HOUR)
    await wants(homes[0], ("Eggs", "5"))
    await village.gossip()
    await late_at_group(village, group, homes[1])
    assert await group.write(accept_late, group.hat, await order_at(group, homes[1])) == 1
    assert await sum_of(group) == [("Eggs", 8, 0)]
    await village.gossip()
    await market.close()
    assert [(await market.confirmed(home, "Eggs", by=group)).confirmed for home in homes] == [5, 3]


async def test_a_group_accepts_nothing_late_once_its_hub_has_closed(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", "B", closes=2 * HOUR)
    await wants(homes[0], ("Eggs", "5"))
    await village.gossip()
    await late_at_group(village, group, homes[1])
    await market.close()
    assert await refusal(group, accept_late, await order_at(group, homes[1])) == "supplier_closed"


async def late_at_group(village: Village, group: Home, home: Home) -> None:
    """Let a home sign an order for 3 eggs in time that its group hears of only after its own close."""
    village.homes.remove(home)
    await wants(home, ("Eggs", "3"))
    village.clock.now += 2 * HOUR + MINUTE
    await village.gossip()
    village.homes.append(home)
    await village.gossip()
    assert [state for state, *_ in await states([home])] == ["late"]


# A household that left its group.


async def test_who_left_its_group_cancels_and_lowers_what_it_had_but_gets_no_more(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=20)
    group, homes = await market.group("Group", "A", "B", "C", "D")
    for home in homes:
        await wants(home, ("Eggs", "3"))
    await village.gossip()
    for home in homes[:3]:
        (row,) = await home.read(open_orders, home.hat, village.clock.now)
        assert row.hub == "Group"
        await home.write(leave_group, home.hat)
        assert await home.read(open_orders, home.hat, village.clock.now) == []
    await village.gossip()
    await cancels(homes[0])
    await changes(homes[1], ("Eggs", "1"))
    with pytest.raises(RefusedError) as raised:
        await changes(homes[2], ("Eggs", "5"))
    assert raised.value.code == "other_group"
    order = await placed(homes[2])
    await restates(homes[2], order, 2, 5)
    await village.gossip()
    assert [state for state, *_ in await states(homes[:1])] == ["cancelled"]
    assert await states(homes[1:2]) == [("received", 1, "")]
    assert await lines_of(homes[2], order) == [(3, 3, "not_permitted")]
    assert await sum_of(group) == [("Eggs", 7, 0)]
    await market.close()
    confirmed = [(await market.confirmed(home, "Eggs", by=group)).confirmed for home in homes[1:]]
    assert confirmed == [1, 3, 3]


# Books that are read anew.


async def test_what_was_refused_is_not_taken_in_again_with_every_newcomer(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, homes = await market.group("Group", "A", "B", closes=2 * HOUR)
    for home in homes:
        await wants(home, ("Eggs", "3"))
    await village.gossip()
    order = await placed(homes[0])
    await homes[0].write(leave_group, homes[0].hat)
    await restates(homes[0], order, 2, 5)
    # The clock of the other one is ahead: what it signs now is too late.
    village.clock.now += 3 * HOUR
    village.homes.remove(group)
    await restates(homes[1], await placed(homes[1]), 2, 5)
    village.clock.now -= 3 * HOUR
    village.homes.append(group)
    await village.gossip()
    receipts = await group.rows("SELECT count(*) FROM receipt")
    answers = await group.rows("SELECT sum(version) FROM answer")
    for name in ("N1", "N2"):
        await village.home(name, "household")
    assert await group.rows("SELECT count(*) FROM receipt") == receipts
    assert await group.rows("SELECT sum(version) FROM answer") == answers
    assert await sum_of(group) == [("Eggs", 6, 0)]
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert sorted((await counted_at(group)).values()) == [1, 2]


async def test_a_cycle_that_is_opened_again_takes_a_late_change_in_once(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "3"))
    await village.gossip()
    village.homes.remove(homes[0])
    await changes(homes[0], ("Eggs", "5"))
    await late_comer(market, homes[1], ("Eggs", "3"))
    village.homes.append(homes[0])
    await village.gossip()
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    assert await promised(homes) == [5, 3]
    receipts = await market.hub.rows("SELECT count(*) FROM receipt")
    await village.home("Newcomer", "household")
    assert await market.hub.rows("SELECT count(*) FROM receipt") == receipts


async def test_an_order_that_was_changed_too_late_twice_counts_as_it_was(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice")
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Juice", "5"))
    await village.gossip()
    order = await placed(homes[0])
    await late_comer(market, homes[1], ("Juice", "1"))
    for version, quantity in ((2, 500), (3, 501)):
        # Its clock says that the cycle is still open.
        village.clock.now -= HOUR
        await restates(homes[0], order, version, quantity)
        village.clock.now += HOUR
        await carry(homes[0], market.hub)
        await market.hub.duties()
    await village.gossip()
    await market.hub.write(accept_late, market.hub.hat, await order_at(market.hub, homes[1]))
    await village.gossip()
    assert (await counted_at(market.hub))[homes[0].hat.member, order.local] == 1
    line = await market.confirmed(homes[0], "Juice")
    assert (line.ordered, line.confirmed) == (5, 5)
    await market.hub.write(accept_late, market.hub.hat, await order_at(market.hub, homes[0]))
    await village.gossip()
    assert (await counted_at(market.hub))[homes[0].hat.member, order.local] == 3
    assert (await market.confirmed(homes[0], "Juice")).confirmed == 501


# An order that names another cycle.


async def test_an_order_stays_in_the_cycle_in_which_it_was_taken_in_first(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=5)
    homes = await households(village, "A")
    hub, first = market.hub, await market.hub.cycle()
    closes = village.clock.now + 48 * HOUR
    await hub.write(new_cycle, hub.hat, "Other", village.clock.now, closes, "Europe/Paris", "resale")
    await village.gossip()
    (other,) = [each for each in await hub.read(list_cycles, village.clock.now) if each.key != first.key]
    await market.farm.write(allot, market.farm.hat, other, {eggs[1]: 4})
    await village.gossip()
    lines = await homes[0].read(read_lines, first, [("Eggs", "5")])
    await homes[0].write(place_order, homes[0].hat, first, lines, None)
    await village.gossip()
    order = await placed(homes[0])
    moved = changed(order, version=2, cycle_owner=other.key[0], cycle=other.key[1])
    await homes[0].sign(Log.TRADE, moved, readers=[hub.hat.member])
    await village.gossip()
    await village.home("Newcomer", "household")
    answers = await hub.rows("SELECT placement_version, outcome FROM answer WHERE placement = ?", order.local)
    assert answers == [(1, "received")]
    assert await lines_of(hub, order) == [(5, 5, "")]
    assert await hub.rows("SELECT count(*) FROM receipt WHERE cycle = ?", other.key[1]) == [(0,)]
    village.clock.now += 24 * HOUR + MINUTE
    await village.gossip()
    found = await hub.read(counted_of, hub.hat.member, first.key)
    assert found is not None
    assert found.versions == {(homes[0].hat.member, order.local): 1}


async def test_a_desk_that_began_anew_twice_reads_its_queue_in_the_order_it_was_taken_in(village: Village) -> None:
    hub, keys = await member(village, "Hub", "hub")
    farm = await village.home("Farm", "producer")
    await village.open_cycle(hub)
    market = Stall(village, hub, farm)
    await market.add("Eggs")
    (ann,) = await households(village, "Ann")
    await wants(ann, ("Eggs", "1"))
    await village.gossip()
    for number, quantity in (("2", "2"), ("3", "3")):
        village.homes.remove(hub)
        hub = await recover(village, f"Hub {number}", keys, farm)
        await village.gossip()
        await changes(ann, ("Eggs", quantity))
        await village.gossip()
    cycle, held = await hub.cycle(), await placed(ann)
    found = await hub.read(exchange_of, hub.hat.member, cycle)
    assert found is not None
    book = await hub.read(read_book, hub.hat.member, cycle, found.device)
    assert [each.version for each in book.held.values()] == [held.version]
    assert (await own_orders(ann))[0].state == "received"
