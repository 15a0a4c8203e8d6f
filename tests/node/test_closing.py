"""Who closes a cycle and when: its coordinator by the clock or by hand, else a deputy; not while it may have slept."""

import pytest

from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.closing import DEPUTY_WAITS, LONGEST_LATE, close_cycle, close_of, ready_to_close, reopen_cycle
from foodhub.node.cycles import in_ms
from foodhub.node.deputy_alerts import GRACE, closes_awaited
from foodhub.node.duties import due, next_due
from foodhub.node.offering import Offer, sell
from foodhub.node.overview import overview
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.waking import note_in_step, note_waking
from foodhub.orders.exchanges import Close, Plan
from foodhub.orders.statements import derived_id
from tests.homes import HOUR, Clock, Home, Village, carry, refusal
from tests.node.desks import households, stall, wants

pytestmark = pytest.mark.anyio


async def circle(village: Village, *deputies: str) -> tuple[Home, list[Home]]:
    """Return a hub with a cycle of five hours, and its deputies, the first one first."""
    hub = await village.home("Hub", "hub")
    homes = [await village.home(name, "hub") for name in deputies]
    await village.open_cycle(hub, closes=5 * HOUR)
    if homes:
        changes = Changes(deputies=[home.hat.member for home in homes])
        await hub.write(set_cycle, hub.hat, (await hub.cycle()).key[1], changes)
        await village.gossip()
    return hub, homes


async def closes(*homes: Home) -> list[int | None]:
    return [await home.read(close_of, await home.cycle()) for home in homes]


async def waits(home: Home, now: int) -> list[dict[str, str]]:
    return await home.read(lambda db: list(closes_awaited(db, home.hat, now)))


async def count(home: Home) -> int:
    return len(await home.rows("SELECT 1 FROM close"))


async def test_at_the_hour_the_coordinator_closes_by_itself_and_only_once(village: Village) -> None:
    hub, (coop,) = await circle(village, "Coop")
    end = in_ms((await hub.cycle()).closes)
    assert await hub.read(next_due, village.clock.now) == end
    village.clock.now = end - 1
    await village.gossip()
    assert await closes(hub, coop) == [None, None]
    village.clock.now = end + 5000
    assert await hub.read(due, village.clock.now)
    await village.gossip()
    assert await closes(hub, coop) == [end, end]
    village.clock.now += 10 * HOUR
    await village.gossip()
    assert await count(coop) == 1
    assert not await hub.read(due, village.clock.now)


async def test_a_deputy_is_told_that_the_close_is_awaited_and_who_closed_stands_there(village: Village) -> None:
    hub, (coop, other) = await circle(village, "Coop", "Other")
    cycle = await hub.cycle()
    later = in_ms(cycle.closes) + GRACE
    assert await waits(coop, later - 1) == []
    assert await waits(coop, later) == [{"hub": "Hub", "cycle": cycle.name}] == await waits(other, later)
    assert await waits(hub, later) == []
    village.clock.now = later
    await coop.write(close_cycle, coop.hat, await coop.cycle())
    await carry(coop, other)
    assert await waits(other, later) == []
    assert (await other.read(overview, await other.cycle())).closed_by == "Coop"


async def test_who_slept_through_the_hour_waits_until_it_has_heard_the_others(village: Village) -> None:
    hub, _ = await circle(village)
    cycle = await hub.cycle()
    await hub.write(note_waking)
    village.clock.now = in_ms(cycle.closes) + HOUR
    await hub.duties()
    assert not await hub.read(ready_to_close, cycle)
    assert await closes(hub) == [None]
    assert await hub.read(next_due, village.clock.now) is None
    await hub.write(note_in_step)
    assert await hub.read(next_due, village.clock.now) == in_ms(cycle.closes)
    await hub.duties()
    assert await closes(hub) == [in_ms(cycle.closes)]


async def test_what_a_person_closes_before_the_hour_waits_for_nobody(village: Village) -> None:
    hub, (coop,) = await circle(village, "Coop")
    await hub.write(note_waking)
    await coop.write(note_waking)
    village.clock.now += HOUR
    await hub.write(close_cycle, hub.hat, await hub.cycle())
    await village.gossip()
    assert await closes(hub, coop) == [village.clock.now] * 2
    assert await hub.read(ready_to_close, await hub.cycle())
    assert not await coop.read(ready_to_close, await coop.cycle())


async def test_a_deputy_closes_when_the_coordinator_does_not_the_first_one_first(village: Village) -> None:
    hub, (first, second) = await circle(village, "First", "Second")
    village.homes.remove(hub)
    end = in_ms((await first.cycle()).closes)
    with pytest.raises(RefusedError, match="only Hub may close it") as early:
        await first.write(close_cycle, first.hat, await first.cycle())
    assert early.value.code == "deputy_too_early"
    village.clock.now = end + DEPUTY_WAITS - 1
    await village.gossip()
    assert await closes(first, second) == [None, None]
    village.clock.now = end + DEPUTY_WAITS
    await village.gossip()
    assert await closes(first, second) == [end, end]
    village.clock.now = end + 3 * DEPUTY_WAITS
    await village.gossip()
    assert await count(second) == 1
    village.homes.append(hub)
    await village.gossip()
    assert await closes(hub, first, second) == [end] * 3
    assert await count(hub) <= 2


async def test_a_deputy_may_close_by_hand_after_the_hour_and_nobody_does_long_after_it(village: Village) -> None:
    hub, (coop,) = await circle(village, "Coop")
    village.homes.remove(hub)
    end = in_ms((await coop.cycle()).closes)
    village.clock.now = end + LONGEST_LATE + 1
    await village.gossip()
    assert await closes(coop) == [None]
    await coop.write(close_cycle, coop.hat, await coop.cycle())
    assert await closes(coop) == [end]


async def test_a_deputy_that_had_not_heard_of_a_later_closing_time_has_closed_nothing(village: Village) -> None:
    hub, (coop,) = await circle(village, "Coop")
    village.homes.remove(coop)
    end = in_ms((await hub.cycle()).closes)
    later = end + 8 * HOUR
    village.clock.now += HOUR
    await hub.write(set_cycle, hub.hat, (await hub.cycle()).key[1], Changes(closes=later))
    village.clock.now = end + DEPUTY_WAITS
    await coop.duties()
    assert await closes(coop, hub) == [end, None]
    village.homes.append(coop)
    await village.gossip()
    assert await closes(coop, hub) == [None, None]
    village.clock.now = later
    await village.gossip()
    assert await closes(coop, hub) == [later, later]


async def test_the_coordinator_has_the_last_word_and_its_deputy_may_close_what_it_opened_again(
    village: Village,
) -> None:
    hub, (coop,) = await circle(village, "Coop")
    village.clock.now += HOUR
    await hub.write(close_cycle, hub.hat, await hub.cycle())
    village.clock.now += HOUR
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    village.homes.remove(hub)
    village.clock.now += HOUR + DEPUTY_WAITS
    await village.gossip()
    assert await closes(coop) == [in_ms((await coop.cycle()).closes)]


async def test_who_is_no_deputy_closes_nothing(village: Village) -> None:
    hub, _ = await circle(village)
    coop = await village.home("Coop", "hub")
    cycle = await hub.cycle()
    close = Close(derived_id(b"close", *cycle.key), 1, *cycle.key, at=in_ms(cycle.closes), open=False)
    await coop.sign(Log.CATALOG, close)
    await village.gossip()
    assert await closes(hub, coop) == [None, None]


async def test_whoever_hears_of_a_close_before_its_time_looks_again_when_that_has_come(village: Village) -> None:
    """The clock of the coordinator was fast: its close waits at the others, and then nothing new arrives."""
    hub, (coop,) = await circle(village, "Coop")
    cycle = await hub.cycle()
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(hubs=[coop.hat.member]))
    await village.gossip()
    await coop.write(sell, coop.hat, await coop.cycle(), Offer(by_hand=False))
    await village.gossip()
    end = in_ms(cycle.closes)
    close = Close(derived_id(b"close", *cycle.key), 1, *cycle.key, at=end, open=False)
    await hub.sign(Log.CATALOG, close)
    village.clock.now = end - 60_000
    await village.gossip()
    for home in (hub, coop):
        assert not await home.read(due, village.clock.now)
        assert await home.read(next_due, village.clock.now) == end
        assert await home.read(due, end)


async def test_a_hub_that_counted_by_a_fast_clock_stays_closed_when_that_is_set_right(village: Village) -> None:
    hub, _ = await circle(village)
    farm, buyer = await village.home("Farm", "producer"), await village.home("Group", "group")
    await farm.product("Carrots", on_hand=40)
    await village.gossip()
    end = in_ms((await hub.cycle()).closes)
    village.clock.now, hub.clock = end - 60_000, Clock(end)
    await hub.duties()
    hub.clock = village.clock
    await buyer.order(("Carrots", "2"))
    await village.gossip()
    village.clock.now = end
    await village.gossip()
    assert [order.state for order in await buyer.orders()] == ["late"]


async def test_a_home_that_may_not_sign_has_nothing_to_close(village: Village) -> None:
    hub, _ = await circle(village)
    village.clock.now += 6 * HOUR
    await hub.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'known_elsewhere')"))
    assert not await hub.read(due, village.clock.now)
    assert await hub.read(next_due, village.clock.now) is None


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
