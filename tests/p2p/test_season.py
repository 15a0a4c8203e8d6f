"""A small season on real network processes: a cycle is closed by the clock while its hub is off.

When the hub is back it closes and settles it by itself, all the way to the farm's purchase order.
"""

from collections.abc import Sequence

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.node.allotments import allot
from foodhub.node.application import now
from foodhub.node.cycles import new_cycle
from foodhub.node.groups import join_group
from foodhub.node.offering import Offer, sell
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import send_purchases
from tests.homes import HOUR, Home, Village, carry, set_case
from tests.node import truths
from tests.nodes import Networks, same, settle_in, until

pytestmark = pytest.mark.anyio
SOON = 2000
"""So long (ms) before the close the hub says when it will be."""
PATIENCE = 60.0


async def confirmed(home: Home) -> dict[str, tuple[int | None, int | None]]:
    """Return what a home's own order is confirmed, empty while it is not."""
    rows = [row for row in await home.orders() if row.state == "confirmed"]
    return {line.product: (line.confirmed, line.share) for row in rows for line in row.lines}


async def order(home: Home, *wanted: tuple[str, str]) -> None:
    home.clock.now = now()
    await home.order(*wanted)


async def known(home: Home, query: str, *values: object) -> None:
    """Wait until a home holds what was said somewhere else."""
    await until(lambda: home.rows(query, *values), f"{home.hat.name}: {query}", PATIENCE)


async def street(village: Village) -> list[Home]:
    """Return a hub, a farm with carrots and with juice in cases of 6, a group with Ann in it, and Eve in none."""
    roles = {"Hub": "hub", "Farm": "producer", "Group": "group", "Ann": "household", "Eve": "household"}
    homes = [await village.home(name, role) for name, role in roles.items()]
    _, farm, group, ann, _ = homes
    await farm.product("Carrots", on_hand=9)
    juice = id_bytes(await farm.product("Juice", on_hand=None))
    await farm.write(set_case, farm.hat, juice, 6, 0, "carton", broken=False)
    await ann.write(join_group, ann.hat, group.hat.member)
    await village.gossip()
    for home in homes[1:]:
        await settle_in(home)
    return homes


async def trade(hub: Home, farm: Home, group: Home, ann: Home, eve: Home) -> None:
    """Open a cycle for an hour, set carrots aside, and let both households order and be answered."""
    hub.clock.now = now()
    await hub.write(new_cycle, hub.hat, "Week", now(), now() + HOUR, "Europe/Paris", "resale")
    for home in (farm, group, ann, eve):
        await known(home, "SELECT 1 FROM cycle")
    (carrots,) = (await farm.rows("SELECT local FROM product WHERE name = 'Carrots'"))[0]
    await farm.write(allot, farm.hat, await farm.cycle(), {carrots: 5})
    await group.write(sell, group.hat, await group.cycle(), Offer(buying="households"))
    await known(hub, "SELECT 1 FROM allotment")
    await known(ann, "SELECT 1 FROM outgoing")
    await order(ann, ("Carrots", "3"), ("Juice", "2+2"))
    await known(hub, "SELECT 1 FROM placement WHERE hub = ?", hub.hat.member)
    await order(eve, ("Carrots", "4"), ("Juice", "3"))
    for home in (ann, eve):
        await known(home, "SELECT 1 FROM answer WHERE buyer = ?", home.hat.member)


async def close_soon(hub: Home, *others: Home) -> int:
    """Let a hub that is off the air say that it closes soon, and bring the others the word; return when (ms)."""
    hub.clock.now = now()
    closes = now() + SOON
    await hub.write(set_cycle, hub.hat, (await hub.cycle()).key[1], Changes(closes=closes))
    for home in others:
        await carry(hub, home)
        await known(home, "SELECT 1 FROM cycle WHERE closes = ?", closes)
    return closes


async def test_a_cycle_closes_by_the_clock_though_its_hub_was_off_at_the_hour(
    village: Village, networks: Networks
) -> None:
    homes = hub, farm, group, ann, eve = await street(village)
    _, process, *_ = await networks.meet(group, hub, farm, ann, eve)
    await trade(hub, farm, group, ann, eve)
    process.kill()
    closes = await close_soon(hub, group, ann, eve)
    await known(group, "SELECT 1 FROM counted")
    await until(lambda: now() > closes, "the hour has come", PATIENCE)
    assert await eve.rows("SELECT 1 FROM close") == []
    await networks.start(hub)
    for home in (ann, eve):
        await until(lambda home=home: confirmed(home), f"{home.hat.name} is told", PATIENCE)  # type: ignore[misc]
    assert await confirmed(ann) == {"Carrots": (3, 3), "Juice": (3, 3)}
    assert await confirmed(eve) == {"Carrots": (2, 2), "Juice": (3, 3)}
    assert await eve.rows("SELECT at, open FROM close") == [(closes, 0)]

    village.clock.now = now()
    assert await hub.write(send_purchases, hub.hat, await hub.cycle()) == 1
    await known(farm, "SELECT 1 FROM purchase")
    (row,) = await farm.read(list_purchases, farm.hat, now())
    assert {line.product: (line.quantity, line.cases) for line in row.lines} == {"Carrots": (5, 0), "Juice": (6, 1)}
    await until(lambda: same(*homes), "all hold the same", PATIENCE)
    await look(homes)


async def look(homes: Sequence[Home]) -> None:
    """Assert what has to be so at the end of every cycle."""
    hub, _, group, *_ = homes
    cycle = await hub.cycle()
    await truths.all_show_the_same(homes)
    await truths.no_more_is_confirmed_than_there_is([hub, group], cycle)
    assert await truths.slips_hold([hub, group], cycle) == 6
    assert await truths.purchases_are_what_was_confirmed([hub], cycle) == 1
    await truths.promises_stay_within_what_is_set_aside(hub)
