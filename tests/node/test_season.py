"""A season on real homes, and what has to be so at the end of each of its weeks."""

import pytest

from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import counted_of
from foodhub.node.cycles import CycleRow
from foodhub.node.purchases import list_purchases
from tests.homes import Home, Village
from tests.node import truths
from tests.node.season import ASLEEP, LATE, OFFLINE, POOLED, RACE, Season

pytestmark = pytest.mark.anyio
WEEKS = 6


async def look(season: Season, cycle: CycleRow) -> None:
    """Assert all that has to be so at the end of a week."""
    homes, hubs = season.online, season.named("hub")
    desks = [*hubs, *season.named("group")]
    await truths.all_show_the_same(homes)
    await truths.nothing_is_left_open(homes, cycle)
    await truths.no_more_is_confirmed_than_there_is(desks, cycle)
    assert await truths.slips_hold(desks, cycle) > 50
    assert await truths.everybody_works_out_the_same_allocation(homes, cycle) > len(desks)
    assert await truths.purchases_are_what_was_confirmed(hubs, cycle) >= 2
    for hub in hubs:
        await truths.promises_stay_within_what_is_set_aside(hub)
    for farm in season.named("producer"):
        await truths.no_more_is_set_aside_than_was_counted(farm)
    await truths.a_rebuild_changes_nothing(homes[season.week * 2 % len(homes)])
    await truths.a_rebuild_changes_nothing(homes[(season.week * 2 + 1) % len(homes)])


async def confirmed(hub: Home, buyer: Home, cycle: CycleRow, product: tuple[bytes, bytes]) -> tuple[int, int, int]:
    """Return what a customer of a hub ordered, was confirmed and gets of a product."""
    how = await hub.read(truths.exchange, hub, cycle)
    assert how is not None
    lines = (await hub.read(confirmations_of, how))[buyer.hat.member].lines
    line = next(line for line in lines if (line.producer, line.product) == product)
    return line.ordered, line.confirmed, line.share


async def test_a_season(village: Village) -> None:
    season = Season(village, seed=4)
    await season.begin()
    for week in range(WEEKS):
        cycle = await season.play(week)
        await look(season, cycle)
        await WEEKLY.get(week, nothing_more)(season, cycle)
    assert {row.state for row in await season.homes["F3"].read(list_purchases, season.homes["F3"].hat, 0)} == {
        "accepted"
    }
    for home in season.homes.values():
        await truths.a_rebuild_changes_nothing(home)


async def nothing_more(season: Season, cycle: CycleRow) -> None:
    """Of a usual week there is nothing more to say."""


async def slept(season: Season, cycle: CycleRow) -> None:
    """What Eve had signed in time counts, though the hub slept: by her clock."""
    hub, eve = season.homes["H1"], season.homes["Eve"]
    ordered, confirmed_, _ = await confirmed(hub, eve, cycle, season.products["Eggs"])
    assert (ordered, confirmed_ <= 2) == (2, True)
    counted = await hub.read(counted_of, hub.hat.member, cycle.key)
    assert counted is not None
    assert {row.buyer for row in counted.rows.values() if row.by_clock} == {eve.hat.member}


async def pooled(season: Season, cycle: CycleRow) -> None:
    """The second hub ordered from the first, and shared what came of the carrots like everybody."""
    first, second, group = season.homes["H1"], season.homes["H2"], season.homes["G3"]
    ordered, promised, share = await confirmed(first, second, cycle, season.products["Carrots"])
    assert 0 < share < promised == ordered
    below = await confirmed(second, group, cycle, season.products["Carrots"])
    assert below == (ordered, promised, share)
    how = await first.read(truths.exchange, first, cycle)
    assert how is not None
    told = (await first.read(confirmations_of, how)).values()
    assert truths.summed(told, "share")[season.products["Carrots"]] == 17_300


async def raced(season: Season, cycle: CycleRow) -> None:
    """What the hub had taken in before counts, not the amendment that came after its close; Lea left her group."""
    hub, eve = season.homes["H1"], season.homes["Eve"]
    assert (await confirmed(hub, eve, cycle, season.products["Carrots"]))[0] == 1000
    (row,) = [row for row in await eve.orders() if row.cycle_id == cycle.id]
    assert row.state == "confirmed"
    (row,) = [row for row in await season.homes["Lea"].orders() if row.cycle_id == cycle.id]
    assert row.hub == "H1"
    assert season.week in OFFLINE
    waits = await hub.read(list_purchases, hub.hat, season.village.clock.now)
    assert {each.state for each in waits if each.producer == "F3" and each.cycle_id == cycle.id} <= {"sent"}


async def late(season: Season, cycle: CycleRow) -> None:
    """What came after the close and was accepted counts, at the end of the queue."""
    eve = season.homes["Eve"]
    assert (await confirmed(season.homes["H1"], eve, cycle, season.products["Eggs"]))[0] == 1


WEEKLY = {ASLEEP: slept, POOLED: pooled, RACE: raced, LATE: late}
