"""The rules of a home erase what is older, once a day, and leave what is lasting or still does its work."""

from datetime import UTC, datetime

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.circuit.statements import Erase
from foodhub.errors import FoodhubError
from foodhub.log.body import open_payload
from foodhub.log.header import Log
from foodhub.node import devices
from foodhub.node.allotments import allot
from foodhub.node.erasable import own_entries
from foodhub.node.products import set_product
from foodhub.node.retention import EVERY, list_rules, months_before, set_rule, sweep
from foodhub.node.stock import set_stock
from foodhub.store.fold import READERS
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village
from tests.node.laptops import laptop
from tests.node.test_erasing import market, payloads

pytestmark = pytest.mark.anyio
MONTH = 31 * 24 * HOUR


def ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type, misc]


async def sweeps(home: Home) -> int:
    """Let the duty of a home run to its end; return how many entries it looked at."""
    looked = 0
    while step := await home.write(lambda tx: sweep(tx, home.hat)):
        looked += step
    return looked


async def erases(home: Home) -> list[Erase]:
    """Return what a home has erased, in the order in which it said so."""
    found = await home.rows(
        "SELECT e.payload FROM log l JOIN entry e ON e.place >> 32 = l.ref WHERE l.author = ? AND l.log = 0"
        " ORDER BY e.place",
        home.hat.device,
    )
    said = [each for (payload,) in found for each in READERS[Log.CIRCUIT].read(open_payload(payload))]
    return [each for each in said if isinstance(each, Erase)]


def test_months_are_those_of_the_calendar() -> None:
    assert months_before(ms(2026, 3, 31, 8), 1) == ms(2026, 2, 28, 8)
    assert months_before(ms(2024, 3, 30), 1) == ms(2024, 2, 29)
    assert months_before(ms(2026, 1, 15), 1) == ms(2025, 12, 15)
    assert months_before(ms(2026, 9, 30), 24) == ms(2024, 9, 30)


async def test_without_a_rule_nothing_is_ever_erased(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    village.clock.now += 50 * MONTH
    assert [(row.rule, row.months) for row in await hub.read(list_rules, 0)] == [("orders", 0), ("catalog", 0)]
    assert [await sweeps(home) for home in village.homes] == [0, 0, 0]
    assert await payloads(group, group, 2) == [True]


@pytest.mark.parametrize(("rule", "months", "code"), [("weather", 1, "bad_rule"), ("orders", 601, "bad_months")])
async def test_a_rule_that_can_not_be_is_refused(village: Village, rule: str, months: int, code: str) -> None:
    hub = await village.home("Hub", "hub")
    with pytest.raises(FoodhubError) as caught:
        await hub.write(set_rule, rule, months)
    assert caught.value.code == code


async def says(home: Home) -> set[str]:
    """Return what kinds of statements are left in a home's log 2."""

    def left(tx: Transaction) -> set[str]:
        entries = own_entries(tx, home.hat.member, (home.hat.device, Log.TRADE))
        return {type(each).__name__ for entry in entries for each in entry.statements}

    return await home.write(left)


async def test_orders_go_months_after_the_close_on_both_sides_and_stay_gone(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    for home in village.homes:
        await home.write(set_rule, "orders", 2)
        assert await sweeps(home) == 0
    village.clock.now += 25 * HOUR
    await village.gossip()
    assert len(await hub.rows("SELECT * FROM confirmation")) == 1
    village.clock.now += MONTH
    assert [await sweeps(home) for home in village.homes] == [0, 0, 0]
    await farm.write(set_stock, farm.hat, {id_bytes(carrots): 30})
    await village.gossip()
    village.clock.now += MONTH + 2 * 24 * HOUR
    await village.gossip()
    assert [await payloads(each, each, 2) for each in (group, farm)] == [[False], [False, True]]
    assert await says(farm) == {"Delivered"}
    assert await says(hub) == {"Purchase", "Return"}  # what firms agreed with each other names no household
    village.clock.now += MONTH  # what was said of an allotment goes after it
    await village.gossip()
    assert [await says(home) for home in (farm, hub)] == [set(), {"Purchase"}]
    assert [len(await home.rows("SELECT * FROM answer")) for home in village.homes] == [0, 0, 0]
    said = await hub.rows("SELECT author, log, seq FROM log ORDER BY author, log")
    village.clock.now += EVERY
    await village.gossip()
    assert await hub.rows("SELECT author, log, seq FROM log ORDER BY author, log") == said


async def test_what_was_set_aside_and_not_counted_since_outlives_the_rule(village: Village) -> None:
    _hub, farm, _group, carrots = await market(village)
    await farm.write(set_rule, "orders", 1)
    village.clock.now += 4 * MONTH
    await village.gossip()
    assert await payloads(farm, farm, 2) == [True]
    await farm.write(set_stock, farm.hat, {id_bytes(carrots): 30})
    village.clock.now += EVERY
    await sweeps(farm)
    assert await payloads(farm, farm, 2) == [False, True]


async def test_the_rule_speaks_once_a_day_and_in_ranges(village: Village) -> None:
    _hub, _farm, group, carrots = await market(village)
    for _ in range(5):
        await group.order((carrots, "1"))
    village.clock.now += 3 * MONTH
    await group.write(set_rule, "orders", 1)
    assert await sweeps(group) == 6
    assert [each.spans for each in await erases(group)] == [[(group.hat.device, 2, 1, 6)]]
    assert await sweeps(group) == 0
    village.clock.now += EVERY
    assert await sweeps(group) == 0
    assert len(await erases(group)) == 1


async def test_a_new_cycle_keeps_its_orders(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    village.clock.now += 3 * MONTH
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await group.order((carrots, "1"))
    await village.gossip()
    for home in village.homes:
        await home.write(set_rule, "orders", 1)
    await village.gossip()
    assert await payloads(group, group, 2) == [False, True]
    assert [len(await home.orders()) for home in (hub, group)] == [1, 1]
    assert [order.state for order in await group.orders()] == ["received"]


async def test_superseded_products_go_by_a_rule_of_their_own(village: Village) -> None:
    _hub, farm, _group, carrots = await market(village)
    for price in (300, 400):
        await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": price})
    village.clock.now += 3 * MONTH
    await farm.write(set_rule, "catalog", 2)
    await sweeps(farm)
    assert await payloads(farm, farm, 1) == [True, True, False, True]
    assert await payloads(farm, farm, 2) == [True]


async def test_the_heir_erases_what_a_retired_laptop_signed(village: Village) -> None:
    _hub, _farm, group, _carrots = await market(village)
    second = await laptop(village, "Second", group)
    (row,) = [row for row in await group.read(devices.list_devices, group.hat) if row.this]
    await group.write(devices.retire, group.hat, row, second.hat.device)
    await village.gossip()
    await second.write(set_rule, "orders", 1)
    village.clock.now += 3 * MONTH
    await sweeps(second)
    assert await payloads(second, group, 2) == [False]
