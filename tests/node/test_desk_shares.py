"""What lacks is shared, told with the producer's words, shared otherwise by a person, and seen by whoever packs."""

import sqlite3

import pytest

from foodhub.catalog.naming import base32_id
from foodhub.node.closing import close_cycle, reopen_cycle
from foodhub.node.cycles import in_ms
from foodhub.node.deciding import set_shares, set_sharing
from foodhub.node.desk_view import DeskRow, desk_row
from foodhub.node.exchanges import exchange_of
from foodhub.node.placing import place_order
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import send_purchases
from foodhub.node.remarks import set_remark
from foodhub.node.slips import list_slips
from foodhub.node.substituting import Substitution, substitute
from foodhub.node.trade_alerts import Waiting, trade_alerts
from foodhub.node.wanted import read_lines
from tests.homes import HOUR, Home, Village, refusal
from tests.node.desks import Stall, changes, households, order_at, own_orders, placed, stall, wants

pytestmark = pytest.mark.anyio


async def short_of_eggs(village: Village, available: int, *wanted: int, **rule: str) -> tuple[Stall, list[Home]]:
    """Return a market after the close whose farm has only so many eggs, and the homes that want so many each."""
    market = await stall(village)
    await market.add("Eggs", aside=sum(wanted))
    if rule:
        await market.rule(market.hub, "Eggs", **rule)
    homes = await households(village, *"ABC"[: len(wanted)])
    for home, amount in zip(homes, wanted, strict=True):
        await wants(home, ("Eggs", str(amount)))
        await village.gossip()
    await market.close()
    await market.shortfall("Eggs", available)
    return market, homes


async def desk_of(home: Home) -> DeskRow:
    return await home.read(desk_row, home.hat, await home.cycle(), home.clock.now)


async def told(market: Stall, homes: list[Home], *, by: Home | None = None) -> list[tuple[int, str]]:
    """Return the share of each, and why it is less; every slip must check."""
    lines = [await market.confirmed(home, "Eggs", by=by) for home in homes]
    for home in homes:
        assert [row.fault for row in await home.read(list_slips, home.hat, await home.cycle()) if row.fault] == []
    return [(line.share, line.reason) for line in lines]


async def test_the_desk_says_who_gets_what_of_what_came_short_and_why(village: Village) -> None:
    market, homes = await short_of_eggs(village, 5, 4, 3, sharing="proportional")
    (eggs,) = (await desk_of(market.hub)).products
    assert (eggs.confirmed, eggs.available, eggs.reason, eggs.sharing, eggs.short) == (
        7,
        5,
        "hail",
        "proportional",
        None,
    )
    assert [(each.customer_id, each.confirmed, each.share) for each in eggs.shares] == [
        (base32_id(homes[0].hat.member), 4, 3),
        (base32_id(homes[1].hat.member), 3, 2),
    ]


async def test_the_desk_of_a_group_says_who_gets_what(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    group, homes = await market.group("Group", "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "3"))
    await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 5)
    (eggs,) = (await desk_of(group)).products
    assert (eggs.available, eggs.reason, [each.share for each in eggs.shares]) == (5, "hail", [3, 2])


async def test_customers_read_why_their_producer_is_short_whoever_they_buy_from(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    group, (ann,) = await market.group("Group", "A")
    await wants(ann, ("Eggs", "6"))
    await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 5, reason="fox in the henhouse")
    for home in (group, ann):
        (line,) = (await own_orders(home))[0].lines
        assert (line.share, line.reason, line.note) == (5, "producer_short", "fox in the henhouse")
    await market.shortfall("Eggs", 6)
    assert [(line.share, line.note) for line in (await own_orders(ann))[0].lines] == [(6, "")]


async def test_the_rule_of_sharing_changes_after_the_close_and_holds_if_still_less_comes(village: Village) -> None:
    market, homes = await short_of_eggs(village, 6, 6, 3)
    hub, eggs = market.hub, market.products["Eggs"]
    assert await told(market, homes) == [(6, ""), (0, "producer_short")]
    assert await hub.write(set_sharing, hub.hat, await hub.cycle(), eggs, "equal") == 2
    await village.gossip()
    assert await told(market, homes) == [(3, "producer_short"), (3, "")]
    (row,) = (await desk_of(hub)).products
    assert row.sharing == "equal"
    await market.shortfall("Eggs", 4)
    assert [share for share, _ in await told(market, homes)] == [2, 2]
    assert await hub.write(set_shares, hub.hat, await hub.cycle(), eggs, {homes[0].hat.member: 4}) == 2
    await village.gossip()
    assert [share for share, _ in await told(market, homes)] == [4, 0]
    await market.shortfall("Eggs", 9)
    assert await told(market, homes) == [(6, ""), (3, "")]
    assert await refusal(hub, set_sharing, await hub.cycle(), eggs, "queue") == "not_short"


async def test_what_was_shared_by_hand_is_never_more_than_before_until_it_is_shared_anew(village: Village) -> None:
    market, homes = await short_of_eggs(village, 8, 4, 4, 4, sharing="by_hand")
    hub, eggs = market.hub, market.products["Eggs"]
    ids = [home.hat.member for home in homes]
    assert await told(market, homes) == [(4, ""), (4, ""), (4, "")]
    assert [each.short for each in (await desk_of(hub)).products] == [8]
    await hub.write(set_shares, hub.hat, await hub.cycle(), eggs, dict(zip(ids, (2, 4, 2), strict=True)))
    await village.gossip()
    await market.shortfall("Eggs", 7)
    assert await told(market, homes) == [(2, "shared_anew"), (4, "shared_anew"), (1, "shared_anew")]
    (row,) = (await desk_of(hub)).products
    assert (row.short, [each.share for each in row.shares]) == (7, [2, 4, 1])
    await market.shortfall("Eggs", 10)
    assert [share for share, _ in await told(market, homes)] == [2, 4, 1]
    await hub.write(set_shares, hub.hat, await hub.cycle(), eggs, dict(zip(ids, (4, 3, 3), strict=True)))
    await village.gossip()
    assert await told(market, homes) == [(4, ""), (3, "producer_short"), (3, "producer_short")]
    assert [each.short for each in (await desk_of(hub)).products] == [None]


async def test_what_stands_in_for_a_line_stays_when_the_rest_is_shared_anew_and_its_slip_checks(
    village: Village,
) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9, price=200)
    ducks = await market.add("Duck eggs", aside=9, price=150)
    homes, hub = await households(village, "A", "B"), market.hub
    for home in homes:
        await wants(home, ("Eggs", "4"))
    order = await placed(homes[0])
    await homes[0].write(set_remark, homes[0].hat, order.local, order.hub, consents={eggs: "cheaper"})
    await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 6)
    await hub.write(substitute, hub.hat, await order_at(hub, homes[0]), Substitution(eggs, 2, ducks, 2))
    await hub.write(set_sharing, hub.hat, await hub.cycle(), eggs, "equal")
    await village.gossip()
    assert await told(market, homes) == [(2, "substituted"), (3, "producer_short")]
    assert (await market.confirmed(homes[0], "Duck eggs")).share == 2
    rows = {each.product: each for each in (await desk_of(hub)).products}
    assert [(each.confirmed, each.share) for each in rows["Duck eggs"].shares] == [(2, 2)]


async def test_a_purchase_order_says_what_lacks_since_it_was_answered(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6, price=300)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "6"))
    await village.gossip()
    await market.close()
    await market.hub.write(send_purchases, market.hub.hat, await market.hub.cycle(), "")
    await village.gossip()
    await market.shortfall("Eggs", 5)
    for who in (market.hub, market.farm):
        (row,) = await who.read(list_purchases, who.hat, village.clock.now)
        assert [(line.quantity, line.available, line.why, line.total) for line in row.lines] == [(6, 5, "hail", 1500)]


async def test_a_hub_in_a_pool_sees_its_own_order_beside_those_it_got(village: Village) -> None:
    hub, farm, second = [await village.home(*each) for each in (("Hub", "hub"), ("Farm", "producer"), ("Two", "hub"))]
    await village.open_cycle(hub)
    market = Stall(village, hub, farm)
    await market.add("Eggs", aside=6)
    cycle = await hub.cycle()
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(hubs=[second.hat.member], pooled=True))
    await village.gossip()
    await market.sells(second, closes=village.clock.now + 22 * HOUR)
    _group, (ann,) = await market.group("Group", "A", closes=20 * HOUR, supplier=second.hat.member)
    await wants(ann, ("Eggs", "2"))
    await village.gossip()
    await village.gossip()
    rows = await second.orders()
    assert {(row.customer, row.hub) for row in rows} >= {("Two", "Hub"), ("Group", "Two")}
    assert len({row.number for row in rows}) == len(rows)
    (own,) = await own_orders(second)
    assert [(line.ordered, line.confirmed) for line in own.lines] == [(2, 2)]


async def test_a_group_is_told_that_its_cycle_was_opened_again_and_so_are_its_households(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, (ann,) = await market.group("Group", "A")
    await wants(ann, ("Eggs", "2"))
    await village.gossip()
    await market.close()
    row = await desk_of(group)
    assert (row.state, row.reopened) == ("confirmed", False)
    again = village.clock.now + 3 * HOUR
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), again)
    await village.gossip()
    row = await desk_of(group)
    assert (row.state, row.reopened) == ("counted", True)
    assert "opened_again" in [code for code, *_ in await group.read(_alerts, group)]
    assert "opened_again" not in [code for code, *_ in await market.hub.read(_alerts, market.hub)]
    await market.sells(group, closes=again - HOUR)
    row = await desk_of(group)
    assert (row.state, row.reopened) == ("open", False)
    assert "opened_again" not in [code for code, *_ in await group.read(_alerts, group)]
    await wants(ann, ("Eggs", "1"))
    await village.gossip()
    await market.close()
    assert (await market.confirmed(ann, "Eggs", by=group)).confirmed == 3


def _alerts(db: sqlite3.Connection, home: Home) -> list[Waiting]:
    return list(trade_alerts(db, home.hat, home.clock.now))


async def test_the_desk_says_row_by_row_what_is_promised_while_orders_come_in(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    await market.add("Juice", case=6)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "2"), ("Juice", "1"))
    await village.gossip()
    await wants(homes[1], ("Eggs", "2"))
    await village.gossip()
    await changes(homes[0], ("Eggs", "4"))
    await village.gossip()
    rows = {each.product: each for each in (await desk_of(market.hub)).products}
    assert [(each.quantity, each.promised) for each in rows["Eggs"].rows] == [(2, 2), (2, 2), (2, 1)]
    assert (rows["Juice"].promised, [each.promised for each in rows["Juice"].rows]) == (None, [None])


async def test_what_lacks_before_the_close_is_an_alert_of_the_hub_and_stands_on_its_desk(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    await market.add("Bread")
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "4"), ("Bread", "2"))
    await village.gossip()
    await market.shortfall("Eggs", 4)
    assert await market.hub.read(_alerts, market.hub) == []
    await market.shortfall("Eggs", 3)
    await market.shortfall("Bread", 1, "oven")
    ((code, _texts, details),) = await market.hub.read(_alerts, market.hub)
    assert (code, details["producer"], details["products"]) == ("short", "Farm", ["Bread (oven)", "Eggs (hail)"])
    rows = {each.product: each for each in (await desk_of(market.hub)).products}
    assert (rows["Eggs"].promised, rows["Eggs"].available, rows["Eggs"].reason) == (4, 3, "hail")
    assert (rows["Bread"].promised, rows["Bread"].available, rows["Bread"].short) == (None, 1, None)
    await market.close()
    assert "short" not in [code for code, *_ in await market.hub.read(_alerts, market.hub)]
    assert (await market.confirmed(home, "Eggs")).share == 3


async def test_a_producer_that_gives_late_as_its_reason_makes_no_order_late(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    group, (ann,) = await market.group("Group", "Ann")
    await wants(ann, ("Eggs", "3"))
    await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 2, "late")
    assert (await market.confirmed(ann, "Eggs", by=group)).note == "late"
    for home in (group, market.hub):
        assert "supply_late" not in [code for code, *_ in await home.read(_alerts, home)]


async def test_a_group_is_not_told_to_accept_what_its_hub_delivers_no_more(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    group, (ann, bob) = await market.group("Group", "Ann", "Bob")
    await wants(bob, ("Eggs", "1"))
    await village.gossip()
    village.homes.remove(ann)
    await wants(ann, ("Eggs", "3"))
    await market.close()
    village.homes.append(ann)
    await village.gossip()
    assert (await order_at(group, ann)).state == "late"
    assert "orders_late" not in [code for code, *_ in await group.read(_alerts, group)]


async def test_a_cycle_closed_before_its_hour_is_listed_with_the_time_it_closed(village: Village) -> None:
    market = await stall(village)
    await market.hub.write(close_cycle, market.hub.hat, await market.hub.cycle())
    row = await market.hub.cycle()
    assert row.closed_at is not None
    assert in_ms(row.closed_at) == village.clock.now < in_ms(row.closes)


async def orders_at(hub: Home) -> None:
    """Let a hub order two eggs from itself."""
    cycle = await hub.cycle()
    sells, lines = (
        await hub.read(exchange_of, hub.hat.member, cycle),
        await hub.read(read_lines, cycle, [("Eggs", "2")]),
    )
    await hub.write(lambda tx: place_order(tx, hub.hat, cycle, lines, None, seller=sells))


async def test_purchase_orders_of_two_hubs_in_one_cycle_have_numbers_of_their_own(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs")
    hub, farm, second = market.hub, market.farm, await village.home("Two", "hub")
    cycle = await hub.cycle()
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(hubs=[second.hat.member]))
    await village.gossip()
    await market.sells(second, sale="resale")
    for seller in (hub, second):
        await orders_at(seller)
    await village.gossip()
    await market.close()
    for seller in (hub, second):
        await seller.write(send_purchases, seller.hat, await seller.cycle(), "")
    await village.gossip()
    rows = await farm.read(list_purchases, farm.hat, village.clock.now)
    assert {row.hub for row in rows} == {"Hub", "Two"}
    assert len({row.number for row in rows}) == 2
