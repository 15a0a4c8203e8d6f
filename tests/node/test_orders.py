"""Orders as buyer and aggregator read them: what of a line counts, what is promised, and why not more."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.node.deciding import confirm_order, decline_order
from foodhub.node.desk_view import desk_row
from foodhub.node.order_lines import LineRow
from foodhub.node.remarks import set_remark
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.substituting import Substitution, substitute
from tests.homes import HOUR, Home, Village, carry
from tests.node.desks import MINUTE, changes, households, order_at, own_orders, stall, wants

pytestmark = pytest.mark.anyio


async def line_of(home: Home, number: int = 0) -> LineRow:
    """Return a line of the only order of a home."""
    (order,) = await own_orders(home)
    return order.lines[number]


async def test_what_was_ordered_less_is_shown_at_the_less_before_it_is_answered(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9, price=280)
    home = await village.home("A", "household")
    await wants(home, ("Eggs", "4"))
    await village.gossip()
    await changes(home, ("Eggs", "3"))
    line = await line_of(home)
    assert (line.ordered, line.confirmed, line.total, line.reason) == (3, 3, 840, "")
    await changes(home, ("Eggs", "6"))
    line = await line_of(home)
    assert (line.ordered, line.confirmed, line.total, line.reason) == (6, 4, 1680, "undecided")


async def test_an_order_says_when_what_it_is_now_was_received(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    home = await village.home("A", "household")
    for _ in range(2):
        await wants(home, ("Eggs", "1"))
        await village.gossip()
    first = (await own_orders(home))[0].received_at
    village.clock.now += 9 * MINUTE
    await changes(home, ("Eggs", "3"))
    await village.gossip()
    received = (await own_orders(home))[0].received_at
    assert first is not None
    assert received is not None
    assert (received - first).total_seconds() >= 9 * 60


async def test_of_a_declined_amendment_what_was_confirmed_before_still_counts(village: Village) -> None:
    """Also of goods of which nothing is promised before the close."""
    market = await stall(village)
    await market.add("Yoghurt", case=6, price=280)
    await market.sells(market.hub, by_hand=True)
    home, hub = await village.home("A", "household"), market.hub
    await wants(home, ("Yoghurt", "2"))
    await village.gossip()
    await hub.write(confirm_order, hub.hat, await order_at(hub, home))
    await changes(home, ("Yoghurt", "5"))
    await village.gossip()
    waiting = (await hub.read(desk_row, hub.hat, await hub.cycle(), village.clock.now)).orders
    assert [(each.state, each.changes) for each in waiting] == [("by_hand", True)]
    assert [(line.product, line.wanted, line.held) for line in waiting[0].lines] == [("Yoghurt", 5, 2)]
    await hub.write(decline_order, hub.hat, await order_at(hub, home))
    await village.gossip()
    for line in (await line_of(home), (await order_at(hub, home)).lines[0]):
        assert (line.ordered, line.taken, line.left, line.confirmed, line.total) == (5, 2, 3, None, 560)
        assert line.reason == "declined"


async def test_what_was_refused_stands_apart_from_what_was_ordered_since(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9, price=260)
    await market.sells(market.hub, by_hand=True)
    home, hub = await village.home("A", "household"), market.hub
    await wants(home, ("Eggs", "2"))
    await village.gossip()
    await hub.write(decline_order, hub.hat, await order_at(hub, home))
    await village.gossip()
    await wants(home, ("Eggs", "1"))
    shown = [(line.ordered, line.confirmed, line.total, line.reason) for line in (await own_orders(home))[0].lines]
    assert shown == [(1, None, 260, ""), (2, 0, 0, "declined")]
    await village.gossip()
    await hub.write(confirm_order, hub.hat, await order_at(hub, home))
    await village.gossip()
    (order,) = await own_orders(home)
    assert [(line.ordered, line.confirmed, line.reason) for line in order.lines] == [(1, 1, ""), (2, 0, "declined")]
    assert (order.state, list(order.partly), order.total) == ("received", ["refused"], 260)
    assert await changes(home, ("Eggs", "1")) == 0
    await market.close()
    (order,) = await own_orders(home)
    assert [(line.ordered, line.confirmed, line.total) for line in order.lines] == [(1, 1, 260), (2, 0, 0)]


async def test_what_counts_by_its_buyers_clock_is_marked_on_both_sides(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    home, hub = await village.home("A", "household"), market.hub
    village.homes.remove(hub)
    await wants(home, ("Eggs", "1"))
    village.clock.now += 25 * HOUR
    await carry(home, hub)
    village.homes.append(hub)
    await village.gossip()
    (mine,) = await own_orders(home)
    for order in (mine, await order_at(hub, home)):
        assert (order.state, list(order.partly)) == ("confirmed", ["by_clock"])
    desk = await hub.read(desk_row, hub.hat, await hub.cycle(), village.clock.now)
    assert [(each.order, each.state, each.lines) for each in desk.orders] == [(mine.number, "by_clock", [])]


async def test_what_is_promised_stays_so_while_more_of_it_is_not_answered(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "4"))
    await village.gossip()
    await wants(home, ("Eggs", "2"))
    (line,) = (await own_orders(home))[0].lines
    assert (line.ordered, line.confirmed, line.reason) == (6, 4, "undecided")


async def test_what_may_stand_in_for_a_line_is_read_where_the_line_is(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9)
    home, hub = await village.home("A", "household"), market.hub
    order = await wants(home, ("Eggs", "1"))
    await home.write(set_remark, home.hat, order, hub.hat.member, consents={eggs: "cheaper"})
    await village.gossip()
    assert (await line_of(home)).substitute == "cheaper"
    assert (await order_at(hub, home)).lines[0].substitute == "cheaper"
    desk = await hub.read(desk_row, hub.hat, await hub.cycle(), village.clock.now)
    assert [row.substitute for row in desk.products[0].rows] == ["cheaper"]
    await market.close()
    desk = await hub.read(desk_row, hub.hat, await hub.cycle(), village.clock.now)
    assert [row.substitute for row in desk.products[0].shares] == ["cheaper"]


async def test_a_line_that_was_substituted_in_part_says_that_its_producer_lacks_the_rest(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9, price=300)
    duck = await market.add("Duck eggs", aside=9, price=300)
    home, hub, farm = await village.home("A", "household"), market.hub, market.farm
    order = await wants(home, ("Eggs", "3"))
    await home.write(set_remark, home.hat, order, hub.hat.member, consents={eggs: "cheaper"})
    await village.gossip()
    await market.close()
    await hub.write(substitute, hub.hat, await order_at(hub, home), Substitution(eggs, 1, duck, 1))
    assert (await order_at(hub, home)).lines[0].reason == "substituted"
    await farm.write(declare_shortfall, farm.hat, await farm.cycle(), {eggs[1]: 0}, "fox")
    await village.gossip()
    lines = {id_bytes(line.product_id): line for line in (await own_orders(home))[0].lines}
    assert (lines[eggs[1]].share, lines[eggs[1]].reason) == (0, "substituted_short")
    assert (lines[duck[1]].share, lines[duck[1]].reason) == (1, "substituted")
