from datetime import UTC, datetime

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.node.allotments import allot
from foodhub.node.amending import cancel_order
from foodhub.node.cycles import CycleRow, list_cycles, new_cycle
from foodhub.node.home import now
from foodhub.node.placing import place_order
from foodhub.node.products import list_products
from foodhub.node.purchasing import GRACE
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.wanted import read_lines
from foodhub.store.transaction import Transaction
from foodhub.tui.wording import when
from tests.homes import HOUR, Home, Village, set_case
from tests.tui.driving import driving

pytestmark = pytest.mark.anyio


async def trading(village: Village, set_aside: int = 5) -> tuple[Home, Home, Home]:
    """A hub with an open cycle for which a farm has set carrots aside, and a group that may order them."""
    hub = await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer")
    group = await village.home("Group", "group")
    carrots = await farm.product("Carrots", price=250, on_hand=10)
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): set_aside})
    await village.gossip()
    return hub, farm, group


async def test_an_order_appears_with_its_number_state_and_total(village: Village, size: tuple[int, int]) -> None:
    hub, _, group = await trading(village)
    async with driving(group, size) as driver:
        await driver.press("2")
        await driver.sees("No orders yet.", "foodhub order place CYCLE PRODUCT=2")
        await group.order(("Carrots", "3"))
        order = (await group.orders())[0]
        await driver.sees(order.number)
        assert all(part in driver.row(order.number) for part in ("Week", "Hub", "sent", "7.50 €"))
        await village.gossip()
        await driver.until(lambda: "received" in driver.row(order.number))
    async with driving(hub, size) as driver:
        await driver.press("2")
        await driver.sees(order.number)
        assert "Group" in driver.row(order.number)


async def test_enter_opens_the_lines_with_what_is_confirmed_and_why_not_more(
    village: Village, size: tuple[int, int]
) -> None:
    _, _, group = await trading(village, set_aside=5)
    await group.order(("Carrots", "7"))
    await village.gossip()
    async with driving(group, size) as driver:
        await driver.press("2")
        await driver.sees("received, 1 short")
        await driver.press("enter")
        await driver.sees("Ordered", "Gets", "Reason", "not enough set aside", "12.50 €", "Esc closes this")
        row = driver.row("Carrots").split()
        assert row.index("7") < row.index("5")
        await driver.press("escape")
        await driver.until(lambda: driver.app.screen is driver.app.main)


async def test_an_open_order_follows_what_becomes_of_it(village: Village) -> None:
    _, _, group = await trading(village)
    await group.order(("Carrots", "3"))
    async with driving(group) as driver:
        await driver.press("2")
        await driver.sees("sent")
        await driver.press("enter")
        await driver.sees("not yet", "there is no answer yet", "foodhub order cancel")
        await village.gossip()
        await driver.sees("It has arrived")
        await group.write(cancel_order, group.hat, (await group.orders())[0])
        await driver.sees("The buyer has cancelled it.")
        assert "foodhub order cancel" not in driver.text


async def test_a_household_that_others_know_no_name_of_is_called_by_its_id(village: Village) -> None:
    hub, _, _ = await trading(village)
    family = await village.home("The Martins", "household")
    await family.order(("Carrots", "1"))
    await village.gossip()
    async with driving(hub) as driver:
        await driver.press("2")
        await driver.sees("Household ")
        assert "Martins" not in driver.text


async def test_a_hub_and_a_producer_are_told_what_they_can_do_while_there_is_no_order(village: Village) -> None:
    hub, farm, _ = await trading(village)
    async with driving(hub) as driver:
        await driver.press("2")
        await driver.sees("Open an order cycle with:", "foodhub cycle new")
    async with driving(farm) as driver:
        await driver.press("2")
        await driver.sees("a producer sees totals only", "foodhub cycle show CYCLE")


async def test_a_share_that_is_less_than_what_was_confirmed_is_said(village: Village, size: tuple[int, int]) -> None:
    hub, farm, group = await trading(village, set_aside=5)
    await group.order(("Carrots", "3"))
    await village.gossip()
    village.clock.now += 25 * HOUR
    await hub.duties()
    await village.gossip()
    product = {id_bytes((await farm.read(list_products))[0].id): 1}
    await farm.write(declare_shortfall, farm.hat, await farm.cycle(), product, "hail")
    await village.gossip()
    async with driving(group, size) as driver:
        await driver.press("2")
        await driver.sees("confirmed, 1 short")
        await driver.press("enter")
        await driver.sees("Gets", "confirmed 3; producer is short: hail", "2.50 €")
        row = driver.row("Carrots").split()
        assert row[:4] == ["│", "Carrots", "3", "1"]


async def test_cycles_are_told_apart_and_all_times_are_of_one_zone(village: Village) -> None:
    """Whatever zone a cycle has: times of one screen can be compared."""
    hub, _, group = await trading(village)
    now = village.clock.now
    await hub.write(new_cycle, hub.hat, "Semaine 48", now, now + 24 * HOUR, "Pacific/Auckland", "resale")
    await village.gossip()
    first, second = await group.read(list_cycles, now)
    for cycle in (first, second):

        def place(tx: Transaction, cycle: CycleRow = cycle) -> bytes:
            return place_order(tx, group.hat, cycle, read_lines(tx.db, cycle, [("Carrots", "1")]), None)

        await group.write(place)
        village.clock.now += 60_000
    here = datetime.fromtimestamp(now / 1000, UTC).astimezone()
    async with driving(group) as driver:
        await driver.press("2")
        await driver.sees("Semaine 48", "Week 39")
        times = [driver.row(name) for name in ("Semaine 48", "Week 39")]
        # Up to the hour; from next year on the list shows the date alone.
        shown = when(here, datetime.now(UTC)).partition(":")[0]
        assert all(f" {shown}" in row for row in times)
        await driver.press("enter")
        await driver.sees(f"{here:%Y-%m-%d %H:}")


async def test_a_long_order_can_be_read_to_its_end_beside_its_total(village: Village, size: tuple[int, int]) -> None:
    _, farm, group = await trading(village)
    names = [f"Imported product {number}" for number in range(size[1])]
    for name in names:
        await farm.product(name, price=100, on_hand=9)
    await village.gossip()
    await group.order(*((name, "1") for name in names))
    async with driving(group, size) as driver:
        await driver.press("2")
        await driver.sees("sent")
        await driver.press("enter")
        # Where no line has a reason, the names have its room.
        await driver.sees(names[0], "Total", f"{size[1]}.00 €", "foodhub order cancel")
        assert "Reason" not in driver.text
        await driver.press("end")
        await driver.sees(names[-1], "Total", "foodhub order cancel")


async def test_how_much_more_would_be_taken_is_said_of_each_line(village: Village) -> None:
    _, farm, group = await trading(village)
    carrots = id_bytes((await farm.read(list_products))[0].id)
    await farm.write(set_case, farm.hat, carrots, 5, 0, "crate", broken=False)
    await village.gossip()
    await group.order(("Carrots", "3+2"))
    async with driving(group) as driver:
        await driver.press("2")
        await driver.sees("sent")
        await driver.press("enter")
        await driver.sees("3 + 2")


async def test_a_key_that_does_nothing_where_nothing_is_listed_is_not_shown(village: Village) -> None:
    _, farm, _ = await trading(village)
    async with driving(farm) as driver:
        await driver.sees("Carrots", " Enter  Details")
        await driver.press("2")
        await driver.sees("a producer sees totals only")
        assert "Details" not in driver.text


async def test_what_waits_in_the_trade_stands_above_the_orders_and_marks_their_tab(
    village: Village, size: tuple[int, int]
) -> None:
    # What closed long ago waits no more, and the interface looks at the clock of the machine.
    village.clock.now = now() - 26 * HOUR - GRACE
    _, farm, group = await trading(village)
    await group.order(("Carrots", "3"))
    await village.gossip()
    village.clock.now += 24 * HOUR
    await village.gossip()
    village.clock.now += GRACE
    await village.gossip()
    async with driving(farm, size) as driver:
        await driver.sees(" 2  Orders !")
        await driver.press("2")
        await driver.sees("foodhub purchase accept", "a producer sees totals only")
        await driver.press("3")
        await driver.sees("foodhub recover --check")
        assert "foodhub purchase" not in driver.text


async def test_the_box_of_an_order_is_as_high_as_what_it_holds(village: Village, size: tuple[int, int]) -> None:
    _, _, group = await trading(village)
    await group.order(("Carrots", "3"))
    async with driving(group, size) as driver:
        await driver.press("2")
        await driver.sees("sent")
        await driver.press("enter")
        await driver.sees("Esc closes this", "7.50 €")
        await driver.until(lambda: driver.lines.index(driver.row("╰")) - driver.lines.index(driver.row("╭")) < 18)
        assert "Carrots" in driver.text
