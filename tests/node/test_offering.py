"""Saying how one sells in a cycle: when a group closes that says no time."""

import pytest

from foodhub.node.cycles import in_ms
from foodhub.node.exchanges import exchange_of
from foodhub.node.groups import join_group
from tests.homes import Village, carry
from tests.node.desks import MINUTE, stall, wants

pytestmark = pytest.mark.anyio


async def test_a_group_that_says_no_time_closes_before_its_hub(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs")
    group, home = await village.home("Group", "group"), await village.home("B", "household")
    await home.write(join_group, home.hat, group.hat.member)
    await market.sells(group)
    found = await group.read(exchange_of, group.hat.member, await group.cycle())
    assert found is not None
    village.clock.now = found.closes - 1000
    await wants(home, ("Eggs", "5"))
    await carry(home, group)
    village.clock.now += 2000
    await village.gossip()
    await market.close()
    assert (await market.confirmed(home, "Eggs", by=group)).confirmed == 5


@pytest.mark.parametrize(("left", "before"), [(90, 45), (1, 0.5), (600, 60)])
async def test_a_group_that_comes_late_closes_in_the_middle_of_what_is_left(
    village: Village, left: int, before: float
) -> None:
    market = await stall(village)
    group = await village.home("Group", "group")
    closes = in_ms((await market.hub.cycle()).closes)
    village.clock.now = closes - left * MINUTE
    await market.sells(group)
    found = await group.read(exchange_of, group.hat.member, await group.cycle())
    assert found is not None
    assert found.closes == closes - before * MINUTE
