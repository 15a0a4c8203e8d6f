"""Real network processes and the clock: what comes due while they run, and what came due while they slept."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.node.application import now
from foodhub.node.cycles import new_cycle
from foodhub.node.waking import is_waking, note_waking
from tests.homes import HOUR, Home, Village
from tests.nodes import Networks, settle_in, until

pytestmark = pytest.mark.anyio


async def closed(home: Home) -> bool:
    return bool(await home.rows("SELECT 1 FROM close"))


async def waking(home: Home) -> bool:
    return await home.read(is_waking)


async def open_until(hub: Home, opens: int, closes: int, name: str = "Week") -> bytes:
    """Make a cycle; return its local id."""
    return id_bytes(await hub.write(new_cycle, hub.hat, name, opens, closes, "Europe/Paris", "resale"))


async def test_one_cycle_opens_and_another_closes_by_the_clock_while_nothing_else_happens(
    village: Village, networks: Networks
) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await farm.product("Carrots")
    await village.gossip()
    await settle_in(farm)
    process, _ = await networks.meet(hub, farm)

    async def in_step() -> bool:
        return not await waking(hub)

    await until(in_step, "the hub is in step")
    village.clock.now = now()
    soon = now() + 2000
    await open_until(hub, now(), soon)
    opens = await open_until(hub, soon, soon + HOUR, "Next week")
    await until(lambda: closed(farm), "the farm knows of the close")
    await until(lambda: farm.rows("SELECT 1 FROM opening WHERE local = ?", opens), "and of the opening")
    assert await farm.rows("SELECT at, open FROM close") == [(soon, 0)]
    assert not await waking(hub)
    assert process.stop() == 0
    assert await waking(hub)


async def test_a_node_that_slept_through_the_hour_hears_the_others_before_it_closes(
    village: Village, networks: Networks
) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    village.clock.now = now() - 2 * HOUR
    await open_until(hub, village.clock.now, village.clock.now + HOUR)
    village.clock.now = now()
    await hub.write(note_waking)
    await hub.duties()
    assert not await closed(hub)
    await settle_in(farm)
    await networks.meet(hub, farm)
    await until(lambda: closed(hub), "the hub closes its cycle")
    (settled,) = await hub.rows("SELECT elsewhere > 0 FROM log WHERE author = ? AND log = 0", hub.hat.device)
    assert settled == (1,)
    assert not await waking(hub)
