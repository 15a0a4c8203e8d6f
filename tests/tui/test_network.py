import os
import signal
import time
from contextlib import closing

import pytest

from foodhub.node import live
from foodhub.node.exchange import count_refusal
from tests.homes import Home, Village
from tests.node.forking import fork
from tests.node.laptops import member
from tests.tui.driving import driving

pytestmark = pytest.mark.anyio


def be_network(home: Home, *peers: tuple[str, str, str, int, str]) -> None:
    """Leave behind what a running network process writes down; who calls this holds the node lock."""
    live.start(home.node.home, os.getpid())
    with live.open_live(home.node.home) as db:
        db.execute("UPDATE process SET state = 'running', addresses = '[\"/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo\"]'")
        now = int(time.time() * 1000)
        for number, (names, state, reason, behind, address) in enumerate(peers):
            row = (str(number), names, address, state, now, now, behind, 0, reason)
            db.execute("INSERT INTO peer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


async def test_the_network_screen_shows_the_logs_by_member(village: Village, size: tuple[int, int]) -> None:
    hub = await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer")
    await farm.product("Carrots")
    await village.gossip()
    async with driving(hub, size) as driver:
        await driver.press("3")
        await driver.sees("Logs held here", "Offline: no network process runs on this home.")
        await driver.until(lambda: any("Farm" in line and "catalog" in line for line in driver.lines))
        before = driver.row("catalog")
        await farm.product("Leeks")
        await village.gossip()
        await driver.until(lambda: any("Farm" in line and "catalog" in line and " 3 " in line for line in driver.lines))
        assert "members" in driver.text
        assert before


async def test_entries_that_nobody_else_has_are_counted(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    await farm.product("Carrots")
    async with driving(farm) as driver:
        await driver.sees("3 entries to send")
        await driver.press("3")
        await driver.sees("3 entries of ours that no peer has yet")


async def test_peers_are_shown_with_how_far_behind_we_are(village: Village, size: tuple[int, int]) -> None:
    hub = await village.home("Hub", "hub")
    with closing(live.node_lock(hub.node.home)) as lock:
        assert lock.try_acquire()
        be_network(hub, ('["Farm", ""]', "connected", "", 1234, ""), ('["Group"]', "offline", "", 0, ""))
        async with driving(hub, size) as driver:
            await driver.sees("● 1 peer")
            await driver.press("3")
            await driver.sees("Farm, household", "● connected", "1234", "○ not connected")
            await driver.sees("/ip4/127.0.0.1/tcp/4001", "12D3Koo")


async def test_the_first_line_says_that_nobody_is_there_yet(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    with closing(live.node_lock(hub.node.home)) as lock:
        assert lock.try_acquire()
        be_network(hub)
        async with driving(hub) as driver:
            await driver.sees("◌ connecting")
            await driver.press("3")
            await driver.sees("No peer found yet", "foodhub circuit invite --role ROLE")


async def test_what_was_refused_from_peers_is_counted(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(count_refusal, "bad_signature", "a peer")
    await hub.write(count_refusal, "bad_signature", "a peer")
    async with driving(hub) as driver:
        await driver.press("3")
        await driver.sees("2 runs: bad signature (2)")


async def test_a_network_process_that_runs_already_is_used(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    with closing(live.node_lock(hub.node.home)) as lock:
        assert lock.try_acquire()
        be_network(hub, ('["Farm"]', "connected", "", 0, ""))
        async with driving(hub, network=True) as driver:
            await driver.sees("● 1 peer")
            assert driver.app.main.said_wrong == ""
        found = live.process(hub.node.home)
        assert found is not None
        assert found.pid == os.getpid()


async def test_a_network_process_that_cannot_start_is_said_with_what_to_do(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    (hub.node.home / "bootstrap_peers.toml").write_text("peers = 7\n")
    async with driving(hub, (200, 40), network=True) as driver:
        await driver.sees("bootstrap_peers.toml holds no list of peers", "Write: peers", "○ offline")


async def test_the_network_process_is_started_after_the_first_paint_and_ends_with_the_interface(
    village: Village,
) -> None:
    hub = await village.home("Hub", "hub")
    async with driving(hub, network=True) as driver:
        await driver.sees("◌ connecting")
        assert live.is_running(hub.node.home)
    assert not live.is_running(hub.node.home)


async def test_a_network_process_that_dies_is_started_again(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    async with driving(hub, network=True) as driver:
        await driver.sees("◌ connecting")
        first = live.process(hub.node.home)
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        await driver.until(lambda: (second := live.process(hub.node.home)) is not None and second.pid != first.pid)
        await driver.sees("◌ connecting")


async def test_outside_of_a_circuit_no_network_process_is_started(village: Village) -> None:
    farm = await village.newcomer("Farm", "producer")
    async with driving(farm, network=True) as driver:
        await driver.sees("This home is in no circuit yet.", "foodhub circuit join INVITE", "○ offline")
        assert not (farm.node.home / "live.db").exists()


async def test_what_takes_away_the_effect_of_all_that_is_signed_stands_on_every_screen(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    with closing(live.node_lock(farm.node.home)) as lock:
        assert lock.try_acquire()
        be_network(farm, ('["Hub"]', "refused", "device_retired", 0, ""))
        async with driving(farm, (80, 24)) as driver:
            await driver.sees("Other nodes turn this one away", "foodhub device enrol CODE")
            await driver.press("2")
            await driver.sees("Other nodes turn this one away", "3  Network !")
            await driver.press("3")
            await driver.sees("never asked back", "recover --check")
    (key,) = (farm.node.home / "keys").glob("*.key")
    key.rename(farm.node.home / "key")
    async with driving(farm) as driver:
        await driver.sees("The keys of this home are gone")


async def test_the_cursor_goes_from_the_logs_up_into_the_peers(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    with closing(live.node_lock(hub.node.home)) as lock:
        assert lock.try_acquire()
        be_network(hub, ('["Farm"]', "connected", "", 0, ""))
        async with driving(hub) as driver:
            await driver.press("3")
            network = driver.app.main.network
            await driver.until(lambda: driver.app.focused is network.logs or driver.app.focused is network.peers)
            await driver.press("home", "up")
            await driver.until(lambda: driver.app.focused is network.peers)
            await driver.press("down")
            await driver.until(lambda: driver.app.focused is network.logs)


async def test_a_log_that_forked_shows_where_and_what_to_do(village: Village, size: tuple[int, int]) -> None:
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    await farm.product("Carrots")
    await village.gossip()
    await fork(village, farm, 1, 1)
    async with driving(hub, size) as driver:
        await driver.press("3")
        await driver.sees("Logs of others that say two different things at one place: 1.", "foodhub status")
        await driver.sees("entries of ours that no peer has yet")
        if size[0] > 100:
            await driver.sees("forked at 2")
    async with driving(farm, (120, 40)) as driver:
        await driver.press("3")
        await driver.sees("This device signed two different entries", "forked at 2")
