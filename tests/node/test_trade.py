"""The narrow path of the trade on real homes: stock set aside, orders, promises, cancellation, totals."""

from typing import Any

import msgspec
import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.circuit.statements import Erase
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import AllotmentRow, allot, everything_free, list_allotments
from foodhub.node.amending import cancel_order
from foodhub.node.answering import SLICE
from foodhub.node.cycles import find_cycle
from foodhub.node.placing import place_order
from foodhub.node.products import list_products, set_product
from foodhub.node.terms import terms_in_cycle
from foodhub.node.wanted import Wanted, read_lines
from foodhub.orders.statements import Order, OrderLine
from foodhub.store.transaction import Transaction
from tests.homes import BEGIN, HOUR, Home, Village, free_stock
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def market(village: Village, *buyers: str, aside: int = 5, **more: Any) -> tuple[Home, Home, list[Home], str]:
    """Return hub, farm, buyers and the id of the farm's carrots, of which `aside` are set aside for an open cycle."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    homes = [await village.home(name, "group") for name in buyers]
    carrots = await farm.product("Carrots", on_hand=more.pop("on_hand", 40), **more)
    await village.open_cycle(hub)
    await set_aside(farm, carrots, aside)
    await village.gossip()
    return hub, farm, homes, carrots


async def set_aside(farm: Home, product: str, quantity: int) -> int:
    return await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(product): quantity})


async def line(home: Home) -> tuple[str, int, int | None, str]:
    """Return state, ordered, confirmed and reason of a home's only line."""
    (order,) = await home.orders()
    (row,) = order.lines
    return order.state, row.ordered, row.confirmed, row.reason


async def cancel(home: Home) -> int:
    (order,) = await home.orders()
    return await home.write(cancel_order, home.hat, order)


async def seen_by(home: Home) -> list[tuple[str, int, int, int]]:
    rows: list[AllotmentRow] = await home.read(list_allotments, await home.cycle())
    return [(row.product, row.set_aside, row.ordered, row.promised) for row in rows]


async def test_an_order_is_sent_then_received_with_a_promise(village: Village) -> None:
    hub, farm, (group,), _ = await market(village, "Group")
    await group.order(("Carrots", "3"))
    assert await line(group) == ("sent", 3, None, "")
    await village.gossip()
    assert await line(group) == ("received", 3, 3, "")
    (order,) = await group.orders()
    assert (order.total, order.currency, order.hub, order.customer) == (735, "EUR", "Hub", "Group")
    assert [row.lines for row in await hub.orders()] == [order.lines]
    assert await seen_by(farm) == await seen_by(hub) == [("Carrots", 5, 3, 3)]


async def test_first_come_first_served_until_all_that_was_set_aside_is_promised(village: Village) -> None:
    _, farm, (a, b, c), _ = await market(village, "A", "B", "C")
    for group in (a, b, c):
        await group.order(("Carrots", "2"))
        await village.gossip()
    assert [await line(group) for group in (a, b, c)] == [
        ("received", 2, 2, ""),
        ("received", 2, 2, ""),
        ("received", 2, 1, "allotment_exhausted"),
    ]
    assert await seen_by(farm) == [("Carrots", 5, 6, 5)]


async def test_what_is_taken_in_together_is_taken_in_by_the_time_of_signing(village: Village) -> None:
    _, _, (a, b), _ = await market(village, "A", "B")
    await b.order(("Carrots", "4"))
    village.clock.now += 1
    await a.order(("Carrots", "4"))
    await village.gossip()
    assert [(await line(group))[2] for group in (b, a)] == [4, 1]


async def test_an_older_timestamp_that_comes_later_reopens_no_promise(village: Village) -> None:
    _, _, (a, b), _ = await market(village, "A", "B")
    await a.order(("Carrots", "4"))
    village.clock.now += HOUR
    await b.order(("Carrots", "4"))
    village.homes.remove(a)
    await village.gossip()
    village.homes.append(a)
    await village.gossip()
    assert [(await line(group))[2] for group in (b, a)] == [4, 1]


async def test_what_is_cancelled_goes_to_the_oldest_that_still_lacks_something(village: Village) -> None:
    _, farm, (a, b, c), _ = await market(village, "A", "B", "C")
    for group, wanted in ((a, "4"), (b, "3"), (c, "3")):
        await group.order(("Carrots", wanted))
        await village.gossip()
    assert [(await line(group))[2] for group in (a, b, c)] == [4, 1, 0]
    assert await cancel(a) == 1
    await village.gossip()
    assert await line(a) == ("cancelled", 4, None, "")
    assert [await line(group) for group in (b, c)] == [
        ("received", 3, 3, ""),
        ("received", 3, 2, "allotment_exhausted"),
    ]
    assert await seen_by(farm) == [("Carrots", 5, 6, 5)]
    assert await cancel(a) == 0


async def test_what_is_set_aside_later_goes_to_the_oldest_that_still_lacks_something(village: Village) -> None:
    _, farm, (a, b), carrots = await market(village, "A", "B")
    for group in (a, b):
        await group.order(("Carrots", "4"))
        await village.gossip()
    assert await set_aside(farm, carrots, 7) == 1
    await village.gossip()
    assert [(await line(group))[2] for group in (a, b)] == [4, 3]
    assert await set_aside(farm, carrots, 7) == 0


async def test_orders_that_came_before_anything_was_set_aside_keep_their_places(village: Village) -> None:
    _, farm, (a, b), carrots = await market(village, "A", "B", aside=0)
    for group in (a, b):
        await group.order(("Carrots", "4"))
        await village.gossip()
    assert [await line(group) for group in (a, b)] == [("received", 4, 0, "allotment_exhausted")] * 2
    await set_aside(farm, carrots, 5)
    await village.gossip()
    assert [(await line(group))[2] for group in (a, b)] == [4, 1]


async def test_goods_on_demand_wait_for_the_close(village: Village) -> None:
    _, farm, (group,), _ = await market(village, "Group")
    bread = await farm.product("Bread", on_hand=None)
    await village.gossip()
    await group.order(("Bread", "3"))
    await village.gossip()
    assert await line(group) == ("received", 3, None, "")
    with pytest.raises(RefusedError) as raised:
        await set_aside(farm, bread, 3)
    assert raised.value.code == "on_demand"


async def test_goods_by_weight_are_promised_in_their_steps(village: Village) -> None:
    _, farm, (a, b), _ = await market(village, "A", "B")
    potatoes = await farm.product("Potatoes", per="kg", on_hand=10_000, step=500)
    await set_aside(farm, potatoes, 3_200)
    await village.gossip()
    await a.order(("Potatoes", "2kg"))
    await b.order(("Potatoes", "2kg"))
    await village.gossip()
    assert sorted([(await line(group))[2] or 0 for group in (a, b)]) == [1000, 2000]
    await set_aside(farm, potatoes, 3_700)
    await village.gossip()
    assert sorted([(await line(group))[2] or 0 for group in (a, b)]) == [1500, 2000]


async def test_placements_of_one_buyer_add_up_to_one_order_and_cancel_together(village: Village) -> None:
    hub, _, (group,), _ = await market(village, "Group")
    first = await group.order(("Carrots", "2"))
    village.clock.now += 1
    await group.order(("Carrots", "4"))
    await village.gossip()
    (order,) = await hub.orders()
    assert (order.id, order.lines[0].ordered, order.lines[0].confirmed) == (base32_id(first), 6, 5)
    assert await cancel(group) == 2
    await village.gossip()
    assert (await line(hub))[0] == "cancelled"


async def test_a_cancelled_order_says_what_it_was_and_owes_nothing(village: Village) -> None:
    hub, _, (group,), _ = await market(village, "Group")
    await group.order(("Carrots", "2"))
    await village.gossip()
    assert (await group.orders())[0].total > 0
    await cancel(group)
    await village.gossip()
    for home in (group, hub):
        (order,) = await home.orders()
        assert (order.lines[0].ordered, order.lines[0].total, order.total) == (2, 0, 0)


async def test_the_same_reference_is_the_same_placement(village: Village) -> None:
    _, _, (group,), _ = await market(village, "Group")
    one = await group.order(("Carrots", "2"), ref="week 39")
    assert await group.order(("Carrots", "2"), ref="week 39") == one
    with pytest.raises(RefusedError) as raised:
        await group.order(("Carrots", "3"), ref="week 39")
    assert raised.value.code == "ref_used"
    await village.gossip()
    assert (await line(group))[1:3] == (2, 2)


async def test_doing_duties_again_signs_nothing(village: Village) -> None:
    hub, _, (group,), _ = await market(village, "Group")
    await group.order(("Carrots", "9"))
    await village.gossip()
    before = await hub.rows("SELECT author, log, seq FROM log")
    await hub.write(lambda tx: tx.fold.rebuild())
    await hub.duties()
    await village.gossip()
    assert await hub.rows("SELECT author, log, seq FROM log") == before


async def test_no_order_is_signed_before_the_opening_or_after_the_close(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await farm.product("Carrots")
    await village.open_cycle(hub, opens=HOUR, closes=2 * HOUR)
    for later, code in ((0, "cycle_not_open"), (HOUR - 1, "cycle_not_open"), (2 * HOUR, "cycle_closed")):
        village.clock.now = BEGIN + later
        with pytest.raises(RefusedError) as raised:
            await farm.order(("Carrots", "1"))
        assert raised.value.code == code
    village.clock.now -= 1
    await farm.order(("Carrots", "1"))


async def test_a_command_that_looked_before_the_close_does_not_sign_after_it(village: Village) -> None:
    """Somebody thinks over a question of the program for a minute, while the cycle closes."""
    _, farm, (group,), carrots = await market(village, "Group")
    cycle, farms = await group.cycle(), await farm.cycle()
    lines = await group.read(read_lines, cycle, [("Carrots", "1")])
    village.clock.now += 24 * HOUR
    for home, sign in (
        (group, lambda tx: place_order(tx, group.hat, cycle, lines, None)),
        (farm, lambda tx: allot(tx, farm.hat, farms, {id_bytes(carrots): 9})),
    ):
        with pytest.raises(RefusedError) as raised:
            await home.write(sign)
        assert raised.value.code == "cycle_closed"


async def test_signed_before_and_received_after_the_close_is_late_and_promises_nothing(village: Village) -> None:
    hub, farm, (a, b), _ = await market(village, "A", "B")
    await a.order(("Carrots", "2"))
    await village.gossip()
    await b.order(("Carrots", "2"))
    village.clock.now += 24 * HOUR
    await village.gossip()
    assert await line(a) == ("confirmed", 2, 2, "")
    assert await line(b) == ("late", 2, 0, "late")
    assert await seen_by(farm) == await seen_by(hub) == [("Carrots", 5, 2, 2)]


async def test_signed_after_the_close_is_refused_whatever_the_buyer_runs(village: Village) -> None:
    _, _, (a, b), _ = await market(village, "A", "B")
    await a.order(("Carrots", "2"))
    await village.gossip()
    village.clock.now += 24 * HOUR
    order = await placed(a)
    await b.sign(Log.TRADE, changed(order, local=bytes(16)), readers=[order.hub])
    await village.gossip()
    assert await line(b) == ("refused", 2, 0, "late")


async def test_a_change_or_cancellation_after_the_close_leaves_the_promise_as_it_was(village: Village) -> None:
    hub, farm, (a, b), _ = await market(village, "A", "B")
    for group in (a, b):
        await group.order(("Carrots", "3"))
        await village.gossip()
    village.clock.now += 24 * HOUR
    order = await placed(a)
    for version, change in ((2, {"cancelled": True}), (3, {"cancelled": True})):
        late = changed(order, version=version, **change)
        await a.sign(Log.TRADE, late, readers=[late.hub])
        await village.gossip()
        assert await line(a) == ("confirmed", 3, 3, "")
        assert await line(b) == ("confirmed", 3, 2, "allotment_exhausted")
        assert await seen_by(farm) == await seen_by(hub) == [("Carrots", 5, 6, 5)]


async def placed(home: Home) -> Order:
    """Return a home's own placement as it was signed."""
    ((local, when, owner, cycle, hub, lines),) = await home.rows(
        "SELECT local, placed, cycle_owner, cycle, hub, lines FROM placement"
    )
    read = msgspec.msgpack.decode(lines, type=list[OrderLine])
    return Order(local, 1, when, owner, cycle, hub, cancelled=False, lines=read)


async def test_an_amendment_is_promised_at_its_old_place(village: Village) -> None:
    _, _, (a, b), _ = await market(village, "A", "B")
    for group in (a, b):
        await group.order(("Carrots", "2"))
        await village.gossip()
    order = await placed(a)
    more = changed(order, version=2, lines=[changed(order.lines[0], quantity=4)])
    await a.sign(Log.TRADE, more, readers=[order.hub])
    await village.gossip()
    assert [(await line(group))[1:3] for group in (a, b)] == [(4, 3), (2, 2)]
    less = changed(order, version=3, lines=[changed(order.lines[0], quantity=1)])
    await a.sign(Log.TRADE, less, readers=[order.hub])
    await village.gossip()
    assert [(await line(group))[1:3] for group in (a, b)] == [(1, 1), (2, 2)]


async def test_amended_orders_beyond_one_slice_keep_what_they_were_promised(village: Village) -> None:
    """The desk answers so many placements at a time; whoever waits for the next turn must not lose what it has."""
    _, farm, (group, rich), _ = await market(village, "Group", "Rich", aside=SLICE + 10, on_hand=200)
    await rich.order(("Carrots", str(SLICE + 5)))
    await village.gossip()
    rich_order = await placed(rich)
    cycle = await group.cycle()
    for _ in range(SLICE + 5):
        await group.order(("Carrots", "1"))
    village.clock.now += 1
    again = changed(rich_order, version=2)
    await rich.sign(Log.TRADE, again, readers=[again.hub])
    await village.gossip()
    assert (await line(rich))[2] == SLICE + 5
    assert (await line(group))[2] == 5
    assert await seen_by(farm) == [("Carrots", SLICE + 10, 2 * SLICE + 10, SLICE + 10)]
    assert cycle.state == "open"


async def test_no_more_is_set_aside_than_was_counted_and_nothing_is_taken_back(village: Village) -> None:
    _, farm, _, carrots = await market(village, aside=30, on_hand=40)
    with pytest.raises(RefusedError) as raised:
        await set_aside(farm, carrots, 41)
    assert raised.value.code == "not_enough_stock"
    with pytest.raises(RefusedError) as raised:
        await set_aside(farm, carrots, 29)
    assert raised.value.code == "allotment_only_raised"
    cycle = await farm.cycle()
    assert await farm.read(everything_free, farm.hat, cycle) == {id_bytes(carrots): 40}
    assert await set_aside(farm, carrots, 40) == 1
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 0


async def test_stock_is_shared_by_the_cycles_that_run_at_once(village: Village) -> None:
    _, farm, _, carrots = await market(village, aside=30, on_hand=40)
    other = await village.home("Other hub", "hub")
    made = await village.open_cycle(other)
    theirs = await farm.read(find_cycle, made, village.clock.now)
    assert theirs.hub == "Other hub"
    with pytest.raises(RefusedError) as raised:
        await farm.write(allot, farm.hat, theirs, {id_bytes(carrots): 11})
    assert raised.value.code == "not_enough_stock"
    assert await farm.write(allot, farm.hat, theirs, {id_bytes(carrots): 10}) == 1


async def test_a_lower_recount_withdraws_no_promise(village: Village) -> None:
    _, farm, (a, b), carrots = await market(village, "A", "B")
    await a.order(("Carrots", "5"))
    await village.gossip()
    await farm.write(set_product, farm.hat, id_bytes(carrots), {}, 2)
    await b.order(("Carrots", "1"))
    await village.gossip()
    assert [(await line(group))[2] for group in (a, b)] == [5, 0]
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == -3


async def test_a_withdrawn_product_keeps_its_promises_and_gets_no_new_ones(village: Village) -> None:
    _, farm, (a, b), carrots = await market(village, "A", "B")
    await a.order(("Carrots", "2"))
    await b.order(("Carrots", "2"))
    village.homes.remove(b)
    await village.gossip()
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"withdrawn": True})
    await village.gossip()
    village.homes.append(b)
    await village.gossip()
    assert await line(a) == ("received", 2, 2, "")
    assert await line(b) == ("refused", 2, 0, "not_permitted")
    assert await farm.read(list_products) == []


async def test_nobody_but_its_buyer_cancels_an_order(village: Village) -> None:
    hub, _, (group,), _ = await market(village, "Group")
    await group.order(("Carrots", "2"))
    await village.gossip()
    (order,) = await hub.orders()
    with pytest.raises(RefusedError) as raised:
        await hub.write(cancel_order, hub.hat, order)
    assert raised.value.code == "not_your_order"


async def test_the_hub_may_order_from_itself(village: Village) -> None:
    hub, _, _, _ = await market(village)
    await hub.order(("Carrots", "2"))
    await village.gossip()
    assert await line(hub) == ("received", 2, 2, "")


async def test_an_order_without_lines_or_of_too_many_is_refused(village: Village) -> None:
    _, _, (group,), _ = await market(village, "Group")
    cycle = await group.cycle()

    def place(tx: Transaction, count: int) -> bytes:
        (product,) = list_products(tx.db)
        terms = terms_in_cycle(tx.db, id_bytes(product.producer_id), id_bytes(product.id), cycle)
        assert terms is not None
        rows = [Wanted(changed(product, id=base32_id(n.to_bytes(16, "big"))), terms, 1) for n in range(count)]
        return place_order(tx, group.hat, cycle, rows, None)

    for count, code in ((0, "empty_order"), (2000, "order_too_long")):
        with pytest.raises(RefusedError) as raised:
            await group.write(place, count)
        assert raised.value.code == code
    assert await group.orders() == []


async def erase_trade(home: Home) -> None:
    """Erase all that a home signed in its trade log so far."""
    ((head,),) = await home.rows("SELECT seq FROM log WHERE author = ? AND log = 2", home.hat.device)
    await home.sign(Log.CIRCUIT, Erase([(home.hat.device, 2, 1, head)]))


async def test_an_answer_that_was_erased_is_not_given_again(village: Village) -> None:
    hub, _farm, (first, late), _ = await market(village, "First", "Late")
    await first.order(("Carrots", "3"))
    await village.gossip()
    await late.order(("Carrots", "1"))
    village.clock.now += 25 * HOUR
    await erase_trade(hub)
    village.homes.remove(late)
    await village.gossip()
    answered = await hub.rows("SELECT count(*) FROM answer")
    assert answered == [(0,)]
    # A cycle that opened after what was erased is answered as ever.
    village.homes.append(late)
    await village.open_cycle(hub)
    await late.order(("Carrots", "1"))
    await village.gossip()
    assert len(await hub.rows("SELECT 1 FROM answer")) == 1


async def test_totals_of_a_closed_cycle_stand_when_orders_behind_them_are_erased(village: Village) -> None:
    hub, farm, (first, late), _ = await market(village, "First", "Late")
    await first.order(("Carrots", "3"))
    await village.gossip()
    village.homes.remove(late)
    await late.order(("Carrots", "1"))
    village.clock.now += 25 * HOUR
    await erase_trade(first)
    await village.gossip()
    assert await hub.rows("SELECT 1 FROM placement") == []
    village.homes.append(late)
    await village.gossip()
    assert (await late.orders())[0].state == "late"
    assert await farm.rows("SELECT ordered, promised FROM total") == [(3, 3)]


async def test_what_is_in_a_receipt_keeps_its_place_and_its_goods_when_its_order_is_erased(village: Village) -> None:
    _hub, farm, (first, second), _ = await market(village, "First", "Second")
    for group in (first, second):
        await group.order(("Carrots", "4"))
        await village.gossip()
    await erase_trade(first)
    await village.gossip()
    assert (await line(second))[2] == 1
    assert await farm.rows("SELECT ordered, promised FROM total") == [(8, 5)]
