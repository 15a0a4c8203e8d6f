import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from foodhub.errors import ExitCode
from foodhub.node import live, setup
from foodhub.node.home import DATABASE
from foodhub.tui.app import run
from foodhub.tui.commands import COMMANDS, SCREENS, shown_at
from tests.homes import Home, Village
from tests.tui.driving import DEADLINE, driving

pytestmark = pytest.mark.anyio


def command(home: Home, as_name: str | None) -> list[str]:
    """The interface as a program of its own."""
    call = f"run(Path({str(home.node.home)!r}), {as_name!r})"
    return [
        sys.executable,
        "-c",
        f"from pathlib import Path; from foodhub.tui.app import run; raise SystemExit({call})",
    ]


def test_a_home_where_nothing_is_set_up_is_said_before_anything_is_painted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "home", None) == ExitCode.NOT_SET_UP
    shown = capsys.readouterr()
    assert "Nothing is set up" in shown.err
    assert "foodhub init" in shown.err
    assert shown.out == ""


async def test_a_member_that_is_not_there_is_said_before_anything_is_painted(
    village: Village,
) -> None:
    farm = await village.home("Farm", "producer")
    done = subprocess.run(command(farm, "Nobody"), capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.NOT_THERE
    assert 'No member of this home is called "Nobody".' in done.stderr


async def test_without_products_the_market_says_how_to_publish_some(village: Village, size: tuple[int, int]) -> None:
    farm = await village.home("Farm", "producer")
    async with driving(farm, size) as driver:
        await driver.sees("No products yet.", "foodhub product import FILE")
        await farm.product("Carrots")
        await driver.sees("Carrots")
        assert "No products yet." not in driver.text
        assert driver.app.focused is driver.app.main.market.table


async def test_a_home_that_joins_a_circuit_shows_it_at_once(village: Village) -> None:
    founder = await village.home("Hub", "hub")
    farm = await village.newcomer("Farm", "producer")
    async with driving(farm) as driver:
        await driver.sees("no circuit yet", "foodhub circuit found NAME")
        code = await founder.write(setup.invite, founder.hat, ["producer"], [])
        await village.join(farm, code)
        await driver.sees("Short circuit · Farm", "foodhub product import FILE")


async def test_orders_tell_a_home_in_no_circuit_to_go_into_one_first(village: Village) -> None:
    await village.home("Founder", "hub")
    hub = await village.newcomer("Hub", "hub")
    async with driving(hub) as driver:
        await driver.press("2")
        await driver.sees("foodhub circuit found NAME")
        assert "foodhub cycle new" not in driver.text
        await village.join(hub, await village.homes[0].write(setup.invite, village.homes[0].hat, ["hub"], []))
        await driver.sees("foodhub cycle new NAME")


async def test_an_interface_whose_home_a_newer_program_upgraded_says_to_start_it_again(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    await farm.product("Carrots")
    async with driving(farm) as driver:
        await driver.sees("Carrots")
        with closing(sqlite3.connect(farm.node.home / DATABASE)) as db:
            db.execute("PRAGMA user_version = 999")
        await driver.sees("This home was upgraded by a newer foodhub", "Restart with the newer program")
        assert "Carrots" in driver.text


async def test_one_two_three_and_tab_go_from_screen_to_screen(village: Village, size: tuple[int, int]) -> None:
    farm = await village.home("Farm", "producer")
    async with driving(farm, size) as driver:
        for key, part in (
            ("2", "No orders of Farm"),
            ("3", "Logs held here"),
            ("1", "No products yet."),
            ("tab", "No orders of Farm"),
            ("tab", "Logs held here"),
            ("tab", "No products yet."),
            ("shift+tab", "Logs held here"),
        ):
            await driver.press(key)
            await driver.sees(part)


async def test_the_help_page_names_every_key_of_every_bottom_line(village: Village, size: tuple[int, int]) -> None:
    farm = await village.home("Farm", "producer")
    async with driving(farm, size) as driver:
        for key in ("question_mark", "f1"):
            await driver.press(key)
            await driver.sees("Keys", "Esc closes this", "foodhub order place CYCLE PRODUCT=2")
            for command in COMMANDS:
                assert not command.sentence or command.sentence in driver.text
            await driver.press("escape")
            await driver.until(lambda: driver.app.screen is driver.app.main)


@pytest.mark.parametrize("place", SCREENS)
def test_help_and_quit_stand_on_every_bottom_line(place: str) -> None:
    assert {"help", "app.quit"} <= {command.action for command in shown_at(place, several_members=False)}


async def test_the_bottom_line_shows_the_keys_that_work_here(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    await farm.product("Carrots")
    async with driving(farm) as driver:
        await driver.sees(" /  Filter", " Enter  Details", " ?  Help", " q  Quit")
        assert "Next member" not in driver.text
        await driver.press("slash")
        await driver.sees(" Esc  Clear", " Enter  To the list")
        assert " q  Quit" not in driver.text


async def test_the_next_member_of_the_home_acts_at_the_press_of_a_key(village: Village, size: tuple[int, int]) -> None:
    farm = await village.home("Farm", "producer")
    await farm.node.write(setup.make_member, farm.node.home, "Group", ["group"], always_on=False)
    async with driving(farm, size) as driver:
        await driver.press("2")
        await driver.sees("· Farm", "Next member", "No orders of Farm")
        await driver.press("a")
        await driver.sees("· Group", "No orders yet.")
        await driver.press("a")
        await driver.sees("· Farm", "No orders of Farm")


async def test_a_click_does_what_its_key_does(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    async with driving(farm) as driver:
        await driver.sees("2  Orders")
        await driver._pilot.click("#tabs", offset=(driver.row("2  Orders").index("Orders") + 1, 0))
        await driver.sees("No orders of Farm")


async def test_a_home_that_may_only_be_read_says_why(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    async with driving(farm) as driver:
        await farm.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'known_elsewhere')"))
        await driver.sees("Another node holds entries of this home")


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_a_key_leaves(village: Village, key: str) -> None:
    farm = await village.home("Farm", "producer")
    async with driving(farm) as driver:
        await driver.press(key)
        await driver.until(lambda: not driver.app.is_running or driver.app._exit)
        assert driver.app.return_code == 0


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Read what is painted until something stands there; b"" as the wanted text waits for the end."""
    painted, end = b"", time.monotonic() + DEADLINE
    while not wanted or wanted not in painted:
        assert time.monotonic() < end, re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", painted).decode(errors="replace")
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                painted += os.read(terminal, 65536)
            except OSError:
                return painted
    return painted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_on_a_real_terminal_and_its_network_process_with_it(
    village: Village, number: signal.Signals
) -> None:
    farm = await village.home("Farm", "producer")
    await farm.product("Carrots")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(farm, None),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )  # fmt: skip
    os.close(theirs)
    try:
        read_until(ours, b"Carrots")
        read_until(ours, b"connecting")
        process.send_signal(number)
        read_until(ours, b"")
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert not live.is_running(farm.node.home)
