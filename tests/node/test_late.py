"""What came too late: what its buyer, the desk and those further down see of it, and what can still be done."""

import sqlite3

import pytest

from foodhub.node.closing import close_cycle
from foodhub.node.cycles import cycle_at
from foodhub.node.deciding import accept_late
from foodhub.node.desk_orders import DeskOrder
from foodhub.node.desk_view import desk_row, list_desks
from foodhub.node.offering import Offer, sell
from foodhub.node.order_lines import LineRow
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.purchasing import send_purchases
from foodhub.node.supplied import list_supplied
from foodhub.node.trade_alerts import trade_alerts
from tests.homes import HOUR, Home, Village, carry
from tests.node.desks import MINUTE, Stall, cancels, changes, households, order_at, own_orders, stall, states, wants

pytestmark = pytest.mark.anyio


async def codes(home: Home) -> list[str]:
    def read(db: sqlite3.Connection) -> list[str]:
        return [code for code, *_ in trade_alerts(db, home.hat, home.clock.now)]

    return await home.read(read)


async def desk_orders(home: Home) -> list[DeskOrder]:
    return (await home.read(desk_row, home.hat, await home.cycle(), home.clock.now)).orders


def told(lines: list[LineRow]) -> dict[str, tuple[int, int | None, int | None, str]]:
    """Return of each line of an order what was ordered and confirmed, what was wanted too late instead, and why."""
    return {line.product: (line.ordered, line.confirmed, line.late, line.reason) for line in lines}


async def changed_unheard(village: Village, *, before_close: bool) -> tuple[Stall, Home]:
    """Let a home order eggs and milk in time, and change that to more eggs and a honey while nobody hears it."""
    market = await stall(village)
    for name in ("Eggs", "Milk", "Honey"):
        await market.add(name, aside=9)
    (ann,) = await households(village, "A")
    await wants(ann, ("Eggs", "3"), ("Milk", "2"))
    await village.gossip()
    village.homes.remove(ann)
    change = [("Eggs", "5"), ("Milk", "0"), ("Honey", "1")]
    if before_close:
        await changes(ann, *change)
    village.clock.now += HOUR
    await market.hub.write(close_cycle, market.hub.hat, await market.hub.cycle())
    village.clock.now += MINUTE
    if not before_close:
        await changes(ann, *change)
    await village.gossip()
    village.homes.append(ann)
    await village.gossip()
    return market, ann


async def test_a_buyer_sees_that_its_order_stands_and_that_its_change_came_too_late(village: Village) -> None:
    market, ann = await changed_unheard(village, before_close=True)
    for home in (ann, market.hub):
        (order,) = await home.orders()
        assert (order.state, order.partly) == ("confirmed", ["late_change"])
        assert told(order.lines) == {
            "Eggs": (3, 3, 5, ""),
            "Milk": (2, 2, 0, ""),
            "Honey": (1, 0, None, "late"),
        }
        assert order.total == 5 * 245
    assert await codes(ann) == ["own_order_late"]
    assert await codes(market.hub) == ["orders_late"]


async def test_a_late_change_stays_on_the_desk_while_it_can_be_accepted(village: Village) -> None:
    market, ann = await changed_unheard(village, before_close=True)
    hub = market.hub
    (row,) = await hub.read(list_desks, hub.hat, village.clock.now)
    (order,) = row.orders
    assert (order.state, order.changes, order.acceptable) == ("late", True, True)
    wanted = {line.product: (line.wanted, line.held) for line in order.lines}
    assert wanted == {"Eggs": (5, 3), "Milk": (0, 2), "Honey": (1, 0)}
    await hub.write(send_purchases, hub.hat, await hub.cycle())
    assert [(each.state, each.acceptable) for each in await desk_orders(hub)] == [("late", False)]
    assert await hub.read(list_desks, hub.hat, village.clock.now) == []
    assert await codes(ann) == ["own_order_late"]
    village.clock.now += 8 * 24 * HOUR
    assert await codes(ann) == []


async def test_what_was_changed_after_the_close_is_not_offered_to_be_accepted(village: Village) -> None:
    market, ann = await changed_unheard(village, before_close=False)
    assert [(each.state, each.acceptable) for each in await desk_orders(market.hub)] == [("refused", False)]
    assert await market.hub.read(list_desks, market.hub.hat, village.clock.now) == []
    assert await codes(market.hub) == []
    (order,) = await own_orders(ann)
    assert (order.partly, told(order.lines)["Eggs"]) == (["late_change"], (3, 3, 5, ""))


async def test_until_the_new_confirmation_is_there_what_was_accepted_is_not_decided(village: Village) -> None:
    market, ann = await changed_unheard(village, before_close=True)
    hub = market.hub
    await hub.write(accept_late, hub.hat, await order_at(hub, ann))
    order = await order_at(hub, ann)
    assert order.partly == []
    found = told(order.lines)
    assert (found["Eggs"], found["Honey"]) == ((5, 3, None, "undecided"), (1, 0, None, "undecided"))
    await village.gossip()
    (order,) = await own_orders(ann)
    assert told(order.lines) == {"Eggs": (5, 5, None, ""), "Honey": (1, 1, None, "")}
    assert await codes(ann) == []


async def pool(village: Village) -> tuple[Stall, Home, Home]:
    """Open a pooled cycle with a second hub, and a group of one household that orders from that one."""
    hub, farm, second = [await village.home(*each) for each in (("Hub", "hub"), ("Farm", "producer"), ("Two", "hub"))]
    await village.open_cycle(hub)
    market = Stall(village, hub, farm)
    await market.add("Eggs", aside=9)
    await market.add("Juice", case=6)
    cycle = await hub.cycle()
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(hubs=[second.hat.member], pooled=True))
    await village.gossip()
    await market.sells(second, closes=village.clock.now + 23 * HOUR)
    _group, (ann,) = await market.group("Group", "A", closes=22 * HOUR, supplier=second.hat.member)
    return market, second, ann


async def test_a_hub_that_slept_through_the_close_of_its_supplier_says_so_and_so_do_those_it_supplies(
    village: Village,
) -> None:
    market, second, ann = await pool(village)
    await wants(ann, ("Eggs", "2"))
    await village.gossip()
    await village.gossip()
    village.homes.remove(second)
    await changes(ann, ("Eggs", "5"), ("Juice", "6"))
    await village.gossip()
    village.clock.now += 25 * HOUR
    await village.gossip()
    for home in village.homes:  # who wakes first hears the others
        await carry(home, second)
    village.homes.append(second)
    await village.gossip()
    await village.gossip()
    (order,) = await own_orders(ann)
    assert told(order.lines) == {"Eggs": (5, 2, None, "supplier_late"), "Juice": (6, 0, None, "supplier_late")}
    row = await second.read(desk_row, second.hat, await second.cycle(), village.clock.now)
    assert row.late_at == "Hub"
    assert {share.reason for each in row.products for share in each.shares} == {"supplier_late"}
    assert await codes(second) == ["supply_late"]
    assert "supply_late" not in await codes(market.hub)


async def test_a_group_that_had_cancelled_its_order_says_so_too_of_a_wish_that_came_too_late(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, (ann, bob) = await market.group("Group", "A", "B", closes=22 * HOUR)
    await wants(ann, ("Eggs", "2"))
    await village.gossip()
    await cancels(ann)
    await village.gossip()
    assert [order.state for order in await own_orders(group)] == ["cancelled"]
    village.homes.remove(group)
    await wants(bob, ("Eggs", "3"))
    village.clock.now += 25 * HOUR
    await village.gossip()
    for home in village.homes:  # who wakes first hears the others
        await carry(home, group)
    village.homes.append(group)
    await village.gossip()
    (order,) = await own_orders(bob)
    assert (order.state, [(line.confirmed, line.reason) for line in order.lines]) == (
        "confirmed",
        [(0, "supplier_late")],
    )


async def test_a_cycle_shows_a_hub_what_its_supplier_promised_it(village: Village) -> None:
    market, second, ann = await pool(village)
    cycle = await second.cycle()
    assert [each.order for each in await second.read(list_supplied, cycle)] == [None]
    assert await market.hub.read(list_supplied, cycle) == []
    await wants(ann, ("Eggs", "12"))
    await village.gossip()
    await village.gossip()
    (row,) = await second.read(list_supplied, cycle)
    assert row.order is not None
    assert (row.member, row.supplier, row.order.state) == ("Two", "Hub", "received")
    assert told(row.order.lines) == {"Eggs": (12, 9, None, "allotment_exhausted")}
    await market.close()
    closed = await second.read(cycle_at, cycle.key, village.clock.now)
    assert closed is not None
    (row,) = await second.read(list_supplied, closed)
    assert row.order is not None
    assert row.order.state == "confirmed"


async def test_a_cancelled_order_of_a_group_that_comes_back_too_late_holds_nobody_up(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs")
    _, (ann, bob) = await market.group("Group", "Ann", "Bob")
    await wants(ann, ("Eggs", "4"))
    await village.gossip()
    await cancels(ann)
    await village.gossip()
    village.homes.remove(market.hub)
    await wants(bob, ("Eggs", "2"))
    await village.gossip()
    village.clock.now += 25 * HOUR
    await market.hub.duties()
    village.homes.append(market.hub)
    await village.gossip()
    assert await states([bob]) == [("confirmed", 0, "supplier_late")]


async def test_an_order_of_which_nothing_is_sold_any_more_is_refused(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs")
    milk = await market.add("Milk")
    group, (ann,) = await market.group("Group", "Ann")
    (bob,) = await households(village, "Bob")
    village.homes.remove(market.hub)
    for home in (ann, bob):
        await wants(home, ("Eggs", "2"))
    await village.gossip()
    await market.hub.write(sell, market.hub.hat, await market.hub.cycle(), Offer(products=[milk]))
    village.homes.append(market.hub)
    await village.gossip()
    assert await states([bob]) == [("refused", 0, "not_permitted")]
    assert (await order_at(market.hub, group)).state == "refused"
    await market.close()
    assert await states([ann]) == [("confirmed", 0, "not_permitted")]


async def test_a_buyer_is_told_of_an_order_that_nobody_answered_by_the_close(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs")
    (ann,) = await households(village, "Ann")
    village.homes.remove(market.hub)
    await wants(ann, ("Eggs", "2"))
    assert "own_order_unheard" not in await codes(ann)
    village.clock.now += 25 * HOUR
    assert "own_order_unheard" in await codes(ann)
    village.homes.append(market.hub)
    await village.gossip()
    assert "own_order_unheard" not in await codes(ann)
