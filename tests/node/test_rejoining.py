"""Groups and further hubs sell again, by themselves, where the cycle of their hub comes again."""

import pytest

from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.closing import reopen_cycle
from foodhub.node.cycles import CycleRow, in_ms, list_cycles
from foodhub.node.drafts import Copy, clone_cycle
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.offering import Offer, sell
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.rejoining import comes_again, set_again
from foodhub.node.repeating import end_repeat, repeat_cycle
from foodhub.node.wishes import close_group
from foodhub.orders.exchanges import Pickup
from foodhub.orders.statements import Cycle
from tests.homes import HOUR, Home, Village
from tests.node.desks import stall, states, wants

pytestmark = pytest.mark.anyio
DAY = 24 * HOUR
WEEK = 7 * DAY


async def weekly(village: Village) -> tuple[Home, Home, CycleRow]:
    """Return a hub, a group that sells in the hub's cycle as households, and that cycle, which comes again."""
    hub, group = await village.home("Hub", "hub"), await village.home("Group", "group")
    await village.open_cycle(hub, opens=HOUR, closes=DAY)
    first = await hub.cycle()
    now = village.clock.now
    hall = Pickup("Hall", now + 2 * DAY, now + 2 * DAY + HOUR)
    offer = Offer(closes=now + DAY - 3 * HOUR, buying="households", shown=True, pickups=[hall])
    await group.write(sell, group.hat, first, offer)
    await hub.write(repeat_cycle, hub.hat, first.key[1], 1)
    return hub, group, first


async def cycles(home: Home) -> list[CycleRow]:
    return sorted(await home.read(list_cycles, home.clock.now), key=lambda row: row.opens)


async def exchange(home: Home, cycle: CycleRow) -> Exchange | None:
    return await home.read(exchange_of, home.hat.member, cycle)


async def pass_by(village: Village, time: int) -> None:
    village.clock.now += time
    await village.gossip()


async def test_a_group_sells_in_the_next_cycle_as_in_the_one_before_a_week_later(village: Village) -> None:
    hub, group, first = await weekly(village)
    before = await exchange(group, first)
    await pass_by(village, HOUR)
    await pass_by(village, WEEK)
    _, second, third = await cycles(group)
    assert before is not None
    for weeks, cycle in ((1, second), (2, third)):
        found = await hub.read(exchange_of, group.hat.member, cycle)
        assert found is not None
        assert (found.supplier, found.buying, found.shown) == (hub.hat.member, "households", True)
        assert found.closes == before.closes + weeks * WEEK
        assert [each.opens for each in found.pickups] == [before.pickups[0].opens + weeks * WEEK]


async def test_it_ends_where_the_group_says_so_and_begins_anew_where_it_sells_again(village: Village) -> None:
    _, group, first = await weekly(village)
    assert await group.read(comes_again, group.hat, first)
    await pass_by(village, HOUR)
    last = await group.write(set_again, group.hat, first, comes=False)
    assert last.name == "Week 40"
    assert not await group.read(comes_again, group.hat, last)
    await pass_by(village, WEEK)
    await pass_by(village, WEEK)
    *_, third, fourth = await cycles(group)
    assert [await exchange(group, cycle) for cycle in (third, fourth)] == [None, None]
    with pytest.raises(RefusedError) as caught:
        await group.write(set_again, group.hat, third, comes=True)
    assert caught.value.code == "sells_nothing_there"
    await group.write(sell, group.hat, fourth, Offer(buying="households"))
    await pass_by(village, WEEK)
    assert await exchange(group, (await cycles(group))[-1]) is not None


async def test_a_group_closed_by_hand_or_later_than_its_hub_closes_before_it_the_next_time(village: Village) -> None:
    hub, group, first = await weekly(village)
    await hub.write(end_repeat, hub.hat, first.key[1])
    await pass_by(village, 2 * HOUR)
    await group.write(close_group, group.hat, await group.cycle())
    second = await hub.write(clone_cycle, hub.hat, first.key[1], Copy())
    await village.gossip()
    found = await exchange(group, second)
    assert found is not None
    assert found.closes == in_ms(second.closes) - HOUR
    copy = Copy("Week 41", closes=in_ms(second.closes) + WEEK - 10 * HOUR)
    third = await hub.write(clone_cycle, hub.hat, second.key[1], copy)
    await village.gossip()
    found = await exchange(group, third)
    assert found is not None
    assert in_ms(third.opens) < found.closes == in_ms(third.closes) - HOUR


async def test_another_bargain_or_another_kind_of_cycle_is_not_entered_unasked(village: Village) -> None:
    hub, group, first = await weekly(village)
    other = await hub.write(clone_cycle, hub.hat, first.key[1], Copy("Fair"))
    later = await hub.write(clone_cycle, hub.hat, first.key[1], Copy("Week 50", 11))
    agency = await hub.write(clone_cycle, hub.hat, first.key[1], Copy("Week 41", 2))
    await hub.write(set_cycle, hub.hat, agency.key[1], Changes(sale="agency"))
    await village.gossip()
    assert [await exchange(group, cycle) for cycle in (other, later, agency)] == [None, None, None]


async def test_a_second_hub_sells_again_once_the_plan_names_it_again(village: Village) -> None:
    hub, coop = await village.home("Hub", "hub"), await village.home("Coop", "hub")
    await village.open_cycle(hub, opens=HOUR, closes=DAY)
    first = await hub.cycle()
    await hub.write(set_cycle, hub.hat, first.key[1], Changes(hubs=[coop.hat.member]))
    await village.gossip()
    await coop.write(sell, coop.hat, first, Offer(sale="agency"))
    second = await hub.write(clone_cycle, hub.hat, first.key[1], Copy("Week 40"))
    third = await hub.write(clone_cycle, hub.hat, first.key[1], Copy("Week 41", 2))
    await hub.write(set_cycle, hub.hat, third.key[1], Changes(hubs=[]))
    await village.gossip()
    found = await exchange(coop, second)
    assert found is not None
    assert (found.sale, found.own_supplier, found.closes) == ("agency", True, in_ms(second.closes))
    assert await exchange(coop, third) is None


async def test_a_group_opens_again_once_its_hub_has_and_not_before(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, (ana, ben) = await market.group("Group", "A", "B")
    await wants(ana, ("Eggs", "2"))
    await village.gossip()
    await market.close()
    now = village.clock.now
    assert await states([ana]) == [("confirmed", 2, "")]
    hub, cycle = market.hub, await market.hub.cycle()
    again = Offer(closes=now + HOUR)
    with pytest.raises(RefusedError) as caught:
        await group.write(sell, group.hat, await group.cycle(), again)
    assert caught.value.code == "cycle_closed"
    await hub.write(reopen_cycle, hub.hat, cycle, now + 2 * HOUR)
    await village.gossip()
    with pytest.raises(RefusedError) as caught:
        await group.write(sell, group.hat, await group.cycle(), Offer(closes=now + HOUR, shown=True))
    assert caught.value.code == "exchange_closed"
    await group.write(sell, group.hat, await group.cycle(), again)
    await village.gossip()
    await wants(ben, ("Eggs", "3"))
    await pass_by(village, 1000)
    await pass_by(village, 3 * HOUR)
    assert await states([ana, ben]) == [("confirmed", 2, ""), ("confirmed", 3, "")]


async def test_many_cycles_of_one_hour_and_name_make_a_group_sign_once(village: Village) -> None:
    hub, group, first = await weekly(village)
    second = await hub.write(clone_cycle, hub.hat, first.key[1], Copy())
    opens, closes = in_ms(second.opens), in_ms(second.closes)
    more = [
        Cycle(bytes([number] * 16), 1, second.name, opens, closes, second.zone, "resale", hub.hat.device)
        for number in range(1, 6)
    ]
    await hub.sign(Log.CATALOG, *more[:3])
    await village.gossip()
    await hub.sign(Log.CATALOG, *more[3:])
    await village.gossip()
    assert await group.rows("SELECT count(*) FROM outgoing") == [(2,)]


async def test_what_opens_far_ahead_is_left_until_then(village: Village) -> None:
    hub, group, first = await weekly(village)
    await hub.write(end_repeat, hub.hat, first.key[1])
    last = first
    for week in range(40, 51):
        last = await hub.write(clone_cycle, hub.hat, last.key[1], Copy(f"Week {week}"))
    await village.gossip()
    assert await exchange(group, last) is None
    await pass_by(village, 4 * WEEK)
    assert await exchange(group, last) is not None
