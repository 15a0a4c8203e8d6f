"""The network process as a child: started when a front end needs one, stopped when it leaves, never two at once."""

import asyncio
import fcntl
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from foodhub.errors import ExitCode, FoodhubError
from foodhub.node import live
from foodhub.node.network import network
from tests.homes import Home, Village
from tests.nodes import Networks, process_row, program, until

pytestmark = pytest.mark.anyio

FRONT_END = """
import asyncio, sys
from pathlib import Path
from threading import Thread
from foodhub.node.network import network

async def main():
    async with network(Path(sys.argv[1])):
        print("running", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def pid(home: Home) -> int:
    found = live.process(home.node.home)
    return found.pid if found else 0


async def test_a_front_end_starts_a_process_and_stops_it_on_leaving(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    folder = hub.node.home
    assert live.process(folder) is None
    async with network(folder) as ours:
        assert ours
        found = live.process(folder)
        assert found is not None
        assert found.state == "running"
        assert found.addresses[0].startswith("/ip4/127.0.0.1/tcp/")
        async with network(folder) as again:
            assert not again
        assert pid(hub) == found.pid
    assert not live.is_running(folder)
    assert live.peers(folder) == []


async def test_of_two_front_ends_that_start_at_once_one_uses_the_other_s_process(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    both_in, seen = asyncio.Barrier(2), []

    async def front_end() -> None:
        async with network(hub.node.home) as ours:
            seen.append((ours, pid(hub)))
            await both_in.wait()

    await asyncio.gather(front_end(), front_end())
    assert sorted(ours for ours, _ in seen) == [False, True]
    assert len({number for _, number in seen}) == 1
    assert not live.is_running(hub.node.home)


async def test_a_failure_is_raised_as_the_process_met_it(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    with closing(sqlite3.connect(hub.node.home / "foodhub.db")) as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(FoodhubError) as caught:
        async with network(hub.node.home):
            raise AssertionError("it runs on a home that it does not understand")
    assert caught.value.code == "home_is_newer"
    assert caught.value.exit_code == ExitCode.FAILED
    assert "999" in str(caught.value)


async def test_an_error_of_an_earlier_process_is_not_taken_for_one_of_this(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    live.start(hub.node.home, 1)
    with live.open_live(hub.node.home) as db:
        db.execute("UPDATE process SET state = 'failed', error = '{}'")
    (hub.node.home / "keys" / "transport.seed").mkdir()
    with pytest.raises(FoodhubError) as caught:
        async with network(hub.node.home):
            raise AssertionError("it runs without a key")
    assert caught.value.code == "network_failed"


async def test_a_child_ends_when_whoever_started_it_is_killed(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    front_end = program(FRONT_END, str(hub.node.home))
    try:
        assert front_end.stdout is not None
        assert await asyncio.to_thread(front_end.stdout.readline) == "running\n"
        assert pid(hub)
    finally:
        front_end.send_signal(signal.SIGKILL)
        front_end.communicate()
    await until(lambda: not live.is_running(hub.node.home), "the orphan has ended")


async def test_looking_whether_a_process_runs_never_looks_like_one(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    path = hub.node.home / "node.lock"
    with path.open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not live.is_running(hub.node.home)
    with path.open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        assert live.is_running(hub.node.home)
    assert not live.is_running(hub.node.home)


def test_who_looks_at_live_db_while_it_is_being_made_waits_and_then_sees_it(tmp_path: Path) -> None:
    """SQLite itself does not wait here: it is what kept a network process from starting beside one who looked."""
    failed: list[BaseException] = []

    def look() -> None:
        try:
            assert live.last_process(tmp_path) is None
        except BaseException as error:  # noqa: BLE001 - it is what the test is about
            failed.append(error)

    looking = Thread(target=look)
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as maker:
        maker.execute("BEGIN IMMEDIATE")
        maker.execute("CREATE TABLE of_another (name)")
        looking.start()
        looking.join(0.1)
        waits = looking.is_alive()
        maker.execute("COMMIT")
    looking.join()
    assert failed == []
    assert waits


async def test_a_process_starts_while_others_keep_looking_whether_one_runs(
    village: Village, networks: Networks
) -> None:
    hub = await village.home("Hub", "hub")
    starting = networks.launch(hub)

    async def started() -> bool:
        for _ in range(50):
            live.is_running(hub.node.home)
        return starting.running or starting.process.poll() is not None

    await until(started, "it has started or given up")
    assert starting.running
    assert process_row(hub.node.home)[0][0] == starting.process.pid
