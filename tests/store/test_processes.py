"""Several processes on one home, and processes that are killed."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from itertools import chain, groupby
from pathlib import Path
from random import Random

import pytest

from foodhub.log.header import Log
from foodhub.node import setup
from foodhub.node.application import open_node
from foodhub.node.hat import choose_hat, hats
from foodhub.node.state import list_members
from foodhub.node.verifying import verify_logs
from foodhub.orders.statements import Profile
from foodhub.store.entries import log_row
from foodhub.store.guard import Guard
from foodhub.store.keyring import read_key_files
from tests.homes import Home, Village
from tests.pens import Pen, stranger_with

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
KILLS = 6
MOST_IN_A_TURN = 4
"""Commits of one process before another one has its turn, on the average: one, where nothing else runs on a machine."""


def start(home: Path, *what: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store.appending", str(home), *what]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def outcome(process: subprocess.Popen[str]) -> list[int]:
    """Wait for a process; return the seqs that it printed."""
    with process:
        out, _ = process.communicate(timeout=120)
    return [int(line) for line in out.splitlines()]


def is_whole(db: sqlite3.Connection) -> bool:
    *_, found = verify_logs(db)
    return not found.faults


def why_not_sign(home: Path) -> str | None:
    path = home / "foodhub.db"
    with sqlite3.connect(path) as db:
        (file,) = read_key_files(home / "keys")
        reason = Guard(path, file).reason(db)
    db.close()
    return reason


async def test_a_process_killed_between_appends_loses_nothing_it_had_said(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    home, chance, said = hub.node.home, Random(7), 0
    for _ in range(KILLS):
        with start(home, "100000") as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(chance.randint(1, 40))]
            await asyncio.sleep(chance.random() * 0.01)  # not a wait for anything: the moment of the kill is chance
            os.kill(process.pid, signal.SIGKILL)
            lines += process.stdout.readlines()
        whole = [int(line) for line in lines if line.endswith("\n")]
        assert whole[0] > said
        said = whole[-1]
        head = await hub.read(log_row, hub.hat.device, Log.CATALOG)
        assert head is not None
        assert head.seq >= said
        assert await hub.read(is_whole)
        assert why_not_sign(home) is None
    await hub.write(lambda tx: tx.append(hub.hat.member, Log.CATALOG, [Profile(10**6, "Hub")]))
    assert await hub.read(is_whole)
    assert (await hub.rows("SELECT name FROM profile"))[0] == ("Hub",)


async def test_a_process_killed_while_it_sets_a_home_up_leaves_one_that_can_be_set_up(village: Village) -> None:
    chance = Random(11)
    for number in range(KILLS):
        home = village.folder / f"new {number}"
        with start(home, "init") as process:
            assert process.stdout is not None
            process.stdout.readline()
            await asyncio.sleep(chance.random() * 0.04)  # not a wait for anything: the moment of the kill is chance
            process.kill()
        async with open_node(home, create=True) as node:
            if not await node.read(hats):
                await node.write(setup.make_member, home, "Hub", ["hub"], always_on=False)
            hat = await node.read(choose_hat, None)
            await node.write(setup.found, hat, "Circuit", None, "EUR")
            assert await node.read(is_whole)
            assert len(await node.read(list_members)) == 1


async def test_three_processes_append_at_once_and_take_turns(village: Village) -> None:
    """Without a lock that queues, one of them appends twenty times and more while the others wait."""
    hub = await village.home("Hub", "hub")
    processes = [start(hub.node.home, "150", "wait") for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
    found = [outcome(process) for process in processes]
    assert sorted(chain(*found)) == list(range(2, 452))
    assert [process.returncode for process in processes] == [0, 0, 0]
    together = range(max(each[0] for each in found), min(each[-1] for each in found))
    writers = [next(number for number, each in enumerate(found) if seq in each) for seq in together]
    assert len(writers) <= MOST_IN_A_TURN * len(list(groupby(writers)))
    assert await hub.read(is_whole)
    assert why_not_sign(hub.node.home) is None


async def test_processes_append_beside_a_running_ingest(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm = await guest(hub)
    processes = [start(hub.node.home, "40") for _ in range(2)]
    taken = meanwhile = 0
    while any(process.poll() is None for process in processes):
        paper = farm.write(1, *[Profile(taken + 1, f"Farm {n}") for n in range(200)])
        assert await hub.take([paper]) == [None]
        taken += 1
        head = await hub.read(log_row, hub.hat.device, Log.CATALOG)
        meanwhile += head is not None and 1 < head.seq < 81
    found = [outcome(process) for process in processes]
    assert sorted(chain(*found)) == list(range(2, 82))
    assert [len(each) for each in found] == [40, 40]
    assert meanwhile <= MOST_IN_A_TURN * 80
    assert await hub.read(is_whole)
    assert (
        await hub.rows("SELECT count(*) FROM entry JOIN log ON ref = place >> 32 WHERE author = ?", farm.device)
    ) == [(taken + 1,)]


async def guest(hub: Home) -> Pen:
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    farm, join = stranger_with(code, "farm")
    assert await hub.take([join]) == [None]
    return farm
