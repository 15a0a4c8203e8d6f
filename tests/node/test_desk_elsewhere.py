"""Who hands the desk over is told which cycles stay with the old laptop, and the new one waits for it in the open."""

import pytest

from foodhub.node.desk_elsewhere import cycles_of_device
from foodhub.node.devices import hand_over, retire
from foodhub.node.trade_alerts import trade_alerts
from tests.homes import HOUR, Home, Village
from tests.node.desks import households, stall, wants
from tests.node.laptops import laptop, row_of

pytestmark = pytest.mark.anyio


async def waits_for(home: Home) -> list[str]:
    """Return the cycles that a laptop says another one answers."""
    found = await home.read(lambda db: list(trade_alerts(db, home.hat, home.clock.now)))
    return [details["cycles"] for code, _, details in found if code == "desk_elsewhere"]


async def test_a_cycle_that_stays_with_the_old_laptop_is_known_to_both_until_that_is_retired(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    (ann,) = await households(village, "Ann")
    old, new = market.hub, await laptop(village, "new", market.hub)
    assert (await waits_for(old), await waits_for(new)) == ([], [])
    await old.write(hand_over, old.hat, "desk", await row_of(old, new))
    await village.gossip()
    assert await old.read(cycles_of_device, old.hat.member, old.hat.device, village.clock.now) == ["Week 39"]
    assert (await waits_for(old), await waits_for(new)) == ([], ["Week 39"])
    village.homes.remove(old)
    await wants(ann, ("Eggs", "2"))
    village.clock.now += 25 * HOUR
    await village.gossip()
    assert await waits_for(new) == ["Week 39"]
    village.homes.append(old)
    await village.gossip()
    await old.write(retire, old.hat, await row_of(old, old))
    await village.gossip()
    assert await waits_for(new) == []
