"""Cycles that come again by themselves: the next one is made when the one before has opened, by one device alone."""

import pytest

from foodhub.errors import RefusedError
from foodhub.node.closing import close_cycle
from foodhub.node.cycles import CycleRow, in_ms, list_cycles
from foodhub.node.drafts import draft_cycle
from foodhub.node.duties import next_due
from foodhub.node.exchanges import exchange_of, plan_of
from foodhub.node.offering import Offer, sell
from foodhub.node.planning import Changes, bring, set_cycle
from foodhub.node.repeating import end_repeat, list_repeats, next_openings, repeat_cycle, repeat_of
from foodhub.node.waking import note_waking
from foodhub.orders.cycle import day_number
from foodhub.orders.exchanges import Incoming, Pickup
from foodhub.orders.rule_words import read_rule
from tests.homes import HOUR, Home, Village

pytestmark = pytest.mark.anyio
DAY = 24 * HOUR
WEEK = 7 * DAY


async def weekly(village: Village, **rule: int) -> tuple[Home, CycleRow]:
    """Return a hub, and its cycle that opens in an hour for a day and comes again."""
    hub = await village.home("Hub", "hub")
    await village.open_cycle(hub, opens=HOUR, closes=DAY)
    cycle = await hub.cycle()
    await hub.write(repeat_cycle, hub.hat, cycle.key[1], rule.get("weeks", 1), until=rule.get("until", 0))
    return hub, cycle


async def cycles(home: Home) -> list[CycleRow]:
    return sorted(await home.read(list_cycles, home.clock.now), key=lambda row: row.opens)


async def code(work: object) -> str:
    with pytest.raises(RefusedError) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_the_next_cycle_is_made_when_the_one_before_opens_with_all_that_was_said_of_it(village: Village) -> None:
    hub, first = await weekly(village)
    farm = await village.home("Farm", "producer")
    now = village.clock.now
    await hub.write(bring, hub.hat, first.key[1], Incoming(farm.hat.member, [], "Back door", 0, now + 2 * DAY))
    await hub.write(sell, hub.hat, first, Offer(pickups=[Pickup("Hall", now + 2 * DAY, now + 3 * DAY)]))
    await village.gossip()
    assert len(await cycles(farm)) == 1
    assert await hub.read(next_due, now) == in_ms(first.opens)
    village.clock.now += HOUR
    await village.gossip()
    _, second = await cycles(farm)
    assert (second.name, second.state, second.sale) == ("Week 40", "upcoming", first.sale)
    assert (in_ms(second.opens), in_ms(second.closes)) == (in_ms(first.opens) + WEEK, in_ms(first.closes) + WEEK)
    plan, exchange = await farm.read(plan_of, second), await farm.read(exchange_of, hub.hat.member, second)
    assert [each.lead for each in plan.incoming] == [now + 2 * DAY + WEEK]
    assert exchange is not None
    assert [pickup.opens for pickup in exchange.pickups] == [now + 2 * DAY + WEEK]
    village.clock.now += WEEK
    await village.gossip()
    assert [row.name for row in await cycles(farm)] == ["Week 39", "Week 40", "Week 41"]


async def test_what_was_decided_for_one_cycle_is_asked_again_in_the_next(village: Village) -> None:
    hub, first = await weekly(village)
    group = await village.home("Group", "group")
    juice, beer = ((hub.hat.member, bytes([number]) * 16) for number in (1, 2))
    asked = {juice: read_rule("fair,ask"), beer: read_rule("cut")}
    for home in (hub, group):
        await home.write(sell, home.hat, first, Offer(rules=asked))
        await home.write(sell, home.hat, first, Offer(rules={juice: read_rule("fair,open")}))
    village.clock.now += HOUR
    await village.gossip()
    _, second = await cycles(hub)
    for home in (hub, group):
        decided, again = [await home.read(exchange_of, home.hat.member, cycle) for cycle in (first, second)]
        assert decided is not None
        assert again is not None
        assert [each.rules[juice].leftover for each in (decided, again)] == ["open", "ask"]
        assert (again.rules[juice].spread, again.rules[beer].leftover) == ("fair", "cut")


async def test_a_later_closing_time_of_one_week_is_no_rule_and_another_plan_is(village: Village) -> None:
    hub, first = await weekly(village)
    coop = await village.home("Coop", "hub")
    village.clock.now += HOUR
    await village.gossip()
    _, second = await cycles(hub)
    later = Changes(closes=in_ms(second.closes) + HOUR, hubs=[coop.hat.member], name="Feast")
    await hub.write(set_cycle, hub.hat, second.key[1], later)
    village.clock.now += WEEK
    await village.gossip()
    *_, third = await cycles(hub)
    assert in_ms(third.closes) == in_ms(first.closes) + 2 * WEEK
    assert (await hub.read(plan_of, third)).hubs == [coop.hat.member]
    assert third.name == "Feast 2026-10-05"


async def test_summer_time_ends_and_the_cycle_opens_at_the_same_hour(village: Village) -> None:
    hub, first = await weekly(village)
    for _ in range(6):
        village.clock.now += WEEK
        await village.gossip()
    found = await cycles(hub)
    assert len(found) >= 7
    assert {row.opens.strftime("%a %H:%M") for row in found} == {first.opens.strftime("%a %H:%M")}
    assert {row.opens.utcoffset() for row in found} == {first.opens.utcoffset(), found[-1].opens.utcoffset()}
    assert first.opens.utcoffset() != found[-1].opens.utcoffset()


async def test_weeks_that_passed_while_the_node_was_off_are_not_made_up_for(village: Village) -> None:
    hub, first = await weekly(village)
    await hub.write(note_waking)
    village.clock.now += 5 * WEEK + 2 * HOUR
    await hub.duties()
    assert len(await cycles(hub)) == 1
    await hub.write(lambda tx: tx.db.execute("DELETE FROM meta WHERE key = 'waking'"))
    await hub.duties()
    opened = [(row.opens.date() - first.opens.date()).days for row in await cycles(hub)]
    assert opened == [0, 5 * 7, 6 * 7]


async def test_days_are_skipped_and_the_rule_ends(village: Village) -> None:
    hub, first = await weekly(village)
    local = first.key[1]
    skipped = day_number(in_ms(first.opens) + WEEK, first.opens.tzinfo or pytest.fail("no zone"))
    until = in_ms(first.opens) + 4 * WEEK
    rule = await hub.write(repeat_cycle, hub.hat, local, 1, [skipped], until)
    assert [rule] == await hub.read(list_repeats, hub.hat.member)
    opens = [in_ms(first.opens) + weeks * WEEK for weeks in (2, 3, 4)]
    assert await hub.read(next_openings, hub.hat.member, rule, 9) == opens
    village.clock.now += HOUR
    await village.gossip()
    _, second = await cycles(hub)
    assert in_ms(second.opens) == opens[0]
    assert await hub.read(repeat_of, hub.hat.member, second.key[1]) == rule
    await hub.write(end_repeat, hub.hat, second.key[1])
    village.clock.now += 3 * WEEK
    await village.gossip()
    assert len(await cycles(hub)) == 2
    assert await code(hub.write(end_repeat, hub.hat, local)) == "no_repeat"


async def test_a_rule_that_is_said_again_from_a_later_cycle_goes_on_from_there(village: Village) -> None:
    hub, first = await weekly(village)
    village.clock.now += HOUR
    await village.gossip()
    _, second = await cycles(hub)
    rule = await hub.write(repeat_cycle, hub.hat, second.key[1], 2)
    assert (rule.version, len(await hub.read(list_repeats, hub.hat.member))) == (2, 1)
    await hub.write(close_cycle, hub.hat, first)
    village.clock.now += WEEK
    await village.gossip()
    *_, third = await cycles(hub)
    assert in_ms(third.opens) == in_ms(first.opens) + 3 * WEEK
    assert len(await cycles(hub)) == 3


async def test_drafts_other_peoples_cycles_and_rules_without_a_date_are_refused(village: Village) -> None:
    hub, first = await weekly(village)
    coop = await village.home("Coop", "hub")
    local, now = first.key[1], village.clock.now
    assert await code(hub.write(repeat_cycle, hub.hat, local, 1, until=now + DAY)) == "never_again"
    assert await code(coop.write(repeat_cycle, coop.hat, local, 1)) == "not_your_cycle"
    draft = await hub.write(draft_cycle, hub.hat, "Draft", now, now + DAY, "Europe/Paris", "resale")
    assert await code(hub.write(repeat_cycle, hub.hat, draft.key[1], 1)) == "still_a_draft"
