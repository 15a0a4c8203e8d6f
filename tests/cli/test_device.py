"""Laptops of one member as one types it: real homes, real network processes on this machine, from code to recovery."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.node import devices, live
from foodhub.node.allotments import allot
from tests.cli.program import PATIENCE, Foodhub
from tests.cli.terminal import at_terminal
from tests.homes import Village, carry
from tests.node.forking import fork
from tests.node.laptops import laptop, member, row_of


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition holds; return what it gave."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)
    return value


@contextmanager
def running(foodhub: Foodhub) -> Iterator[None]:
    """Run the network process of a home for the length of the block."""
    command = [sys.executable, "-m", "foodhub", "node", "run", "--log", str(foodhub.home / "node.log")]
    with subprocess.Popen(command, env=foodhub.environment, stdin=subprocess.DEVNULL) as process:
        try:
            until(lambda: (found := live.process(foodhub.home)) and found.state == "running", "it listens")
            yield
        finally:
            process.terminate()


def this_device(foodhub: Foodhub) -> str:
    rows: list[dict[str, Any]] = foodhub.json("device", "list")
    return str(next(row["id"] for row in rows if row["this"]))


def states(foodhub: Foodhub) -> dict[str, str]:
    return {row["id"]: row["state"] for row in foodhub.json("device", "list")}


def test_a_farm_goes_from_one_laptop_to_two_loses_all_and_comes_back_with_its_words(
    founded: Foodhub, tmp_path: Path
) -> None:
    hub = founded
    farm, second, third = (Foodhub(tmp_path / name) for name in ("farm", "farm2", "farm3"))
    words = " ".join(farm.json("init", "--name", "Farm", "--role", "producer")["recovery_words"])
    with running(hub):
        invite = hub.json("circuit", "invite", "--role", "producer")["invite"]
        farm("circuit", "join", invite, "--wait", "50")
        farm("product", "add", "Eggs", "--price", "2,60", "--on-hand", "40")
        hub("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")
        with running(farm):
            until(lambda: farm.json("cycle", "list"), "the cycle has come")
            farm("allot", "Week", "--all")
            code = farm.json("device", "add")["code"]
            made = second.json("device", "enrol", code, "--always-on")
            assert made["member"] == "Farm"
            allotted = second.json("cycle", "show", "Week")["allotments"]
            assert [row["set_aside"] for row in allotted] == [40]
            assert {row["id"]: row["always_on"] for row in second.json("device", "list")} == {
                this_device(farm): False,
                made["device_id"]: True,
            }
            assert second.json("device", "enrol", code)["device_id"] == made["device_id"]
            assert third.fails(6, "device", "enrol", code)["code"] == "invite_used"
        card = hub.json("circuit", "card")["card"]
        new = Foodhub(tmp_path / "farm4")
        assert new.fails(4, "recover")["code"] == "circuit_unknown"
        assert not new.home.exists()
        done = new("recover", "--card", card, "--json", given=words.encode())
        assert done.data["known_elsewhere"] is True
        assert states(new) == {
            done.data["device_id"]: "active",
            this_device(farm): "retired",
            this_device(second): "retired",
        }
        assert [row["set_aside"] for row in new.json("cycle", "show", "Week")["allotments"]] == [40]
        assert list((new.home / "keys").glob("recovering*")) == []
        with running(second):
            until(lambda: [row for row in second.json("peers") if row["reason"] == "device_retired"], "it is told")
        assert new.json("status")["warnings"] == []


def test_a_laptop_waits_with_its_code_until_the_other_one_is_certified(founded: Foodhub, tmp_path: Path) -> None:
    second = Foodhub(tmp_path / "second")
    with at_terminal(founded, "device", "add", "--wait", "--yes") as terminal:
        terminal.until("foodhubdevice1")
        code = "foodhubdevice1" + terminal.until("\n").strip()
        terminal.until("Waiting for the other laptop")
        made = second.json("device", "enrol", code)
    assert terminal.code == 0
    assert made["device_id"] in terminal.said
    assert this_device(second) == made["device_id"]
    device = made["device_id"][:8]
    handed = founded.json("device", "hand-over", "desk", device)
    told = {"known_elsewhere": False, "cycles_staying": []}
    assert handed == {"right": "desk", "device_id": made["device_id"]} | told
    assert founded.fails(6, "device", "hand-over", "desk", device)["code"] == "not_the_keeper"
    before = founded.json("log", "show")
    dry = founded("device", "retire", device, "--dry-run", "--json")
    assert dry.data["device_id"] == made["device_id"]
    assert founded.json("log", "show") == before
    founded("device", "retire", device)
    assert states(founded)[made["device_id"]] == "retired"
    listed = founded("device", "list").out
    assert "(this one)" in listed
    assert "stock, desk: answering orders" in listed
    assert founded.fails(6, "device", "retire", "this")["code"] == "last_device"


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["device", "enrol", "foodhubdevice1nonsense"], "code_unreadable", 6),
        (["device", "enrol", "foodhub1nonsense"], "code_unreadable", 6),
        (["device", "retire", "zzzz"], "no_such_device", 3),
        (["device", "hand-over", "desk", "zzzz"], "no_such_device", 3),
        (["device", "hand-over", "crown", "this"], "bad_right", 2),
        (["device", "go-on", "zzzz"], "no_such_device", 3),
        (["device", "go-on", "this"], "not_retired", 6),
        (["recover", "--card", "foodhubcard1nonsense"], "card_unreadable", 6),
        (["recover"], "word_count", 2),
    ],
)
def test_bad_input_is_refused_with_its_code(shared: Foodhub, words: list[str], code: str, exit_code: int) -> None:
    before = shared.json("log", "show")
    assert shared.fails(exit_code, *words)["code"] == code
    assert shared.json("log", "show") == before


def test_a_code_that_is_shown_without_a_network_says_what_is_missing(shared: Foodhub) -> None:
    done = shared("device", "add", "--hours", "2")
    assert done.out.startswith("foodhubdevice1")
    assert "holds no address" in done.err
    assert shared("circuit", "card").out.startswith("foodhubcard1")


def test_a_home_that_nobody_lets_in_keeps_the_code_and_says_so(founded: Foodhub, tmp_path: Path) -> None:
    code = founded.json("device", "add")["code"]
    error = Foodhub(tmp_path / "second").fails(5, "device", "enrol", code, "--wait", "0")
    assert error["code"] == "no_peer"
    assert "--wait" in error["hint"]


@pytest.mark.anyio
async def test_an_heir_is_told_what_it_risks_before_it_goes_on_without_what_is_missing(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    village.clock.now = int(time.time() * 1000)
    carrots = await farm.product("Carrots", on_hand=10)
    await village.open_cycle(hub)
    barn = await laptop(village, "Barn", farm)
    village.homes.remove(barn)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 8})
    await farm.write(devices.retire, farm.hat, await row_of(farm, farm), barn.hat.device)
    await carry(farm, barn, logs=(0,))
    foodhub = Foodhub(barn.node.home)
    error = foodhub.fails(6, "allot", "Week 39", "Carrots=9")
    assert error["code"] == "predecessor_missing"
    device = error["details"]["device"]
    assert f"foodhub device go-on {device}" in error["hint"]
    asked = foodhub.on_terminal("device", "go-on", device, answers=["n"])
    assert "1 entry has not arrived here" in asked.err
    assert "that no more is promised than was set aside" in asked.err
    foodhub("device", "go-on", device, "--dry-run")
    assert foodhub.fails(6, "allot", "Week 39", "Carrots=9")["code"] == "predecessor_missing"
    done = foodhub.json("device", "go-on", device)
    assert (done["device_id"][:8], done["entries_missing"], done["payloads_missing"]) == (device, 1, 0)
    assert foodhub.fails(6, "device", "go-on", device)["code"] == "nothing_missing"
    foodhub("allot", "Week 39", "Carrots=9")


@pytest.mark.anyio
async def test_a_device_that_contradicts_itself_is_not_listed_as_in_use(village: Village) -> None:
    await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    await farm.product("Carrots")
    barn = await laptop(village, "Barn", farm)
    await fork(village, farm, 1, 1)
    foodhub = Foodhub(barn.node.home)
    assert set(states(foodhub).values()) == {"forked", "active"}
    (line,) = [line for line in foodhub("device", "list").out.splitlines() if "forked" in line]
    assert "in use" not in line
    error = foodhub.fails(6, "device", "retire", foodhub.json("device", "list")[0]["id"])
    assert (error["code"], "a device older than it" in error["hint"]) == ("device_ranks_above", True)
