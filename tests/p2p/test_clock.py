"""Real network processes and the clock: what comes due while they run, and what came due while they slept."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from foodhub.node.application import now
from foodhub.node.cycles import new_cycle
from foodhub.node.waking import is_waking, note_waking
from tests.homes import HOUR, Home, Village
from tests.nodes import Networks, settle_in, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Village]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with AsyncExitStack() as stack:
        made = Village(tmp_path, stack)
        made.clock.now = now()
        yield made


@pytest.fixture
def networks() -> Iterator[Networks]:
    started = Networks()
    yield started
    started.close()


async def closed(home: Home) -> bool:
    return bool(await home.rows("SELECT 1 FROM close"))


async def waking(home: Home) -> bool:
    return await home.read(is_waking)


async def open_until(hub: Home, opens: int, closes: int) -> None:
    await hub.write(new_cycle, hub.hat, "Week", opens, closes, "Europe/Paris", "resale")


async def test_a_cycle_opens_and_closes_by_the_clock_while_nothing_else_happens(
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
    closes = now() + 3000
    await open_until(hub, now() + 1500, closes)
    await until(lambda: closed(farm), "the farm knows of the close")
    assert await farm.rows("SELECT at, open FROM close") == [(closes, 0)]
    assert len(await farm.rows("SELECT 1 FROM opening")) == 1
    assert not await waking(hub)
    code, _ = process.stop()
    assert code == 0
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
