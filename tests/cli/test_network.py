"""Two homes over loopback, from outside: joining, ordering with a wait, and every way in which the network says no."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from foodhub.circuit.invite import InviteCode, read_code, write_code
from tests.cli.program import PATIENCE, Foodhub
from tests.ports import kept_port

LONG = ("--wait", "50")
"""For what has to come, however slow and busy a machine is."""


@contextmanager
def running(foodhub: Foodhub, listen: str) -> Iterator[None]:
    """Run `foodhub node run` for the length of the block."""
    command = [sys.executable, "-m", "foodhub", "node", "run", "--listen", listen]
    with subprocess.Popen(command, env=foodhub.environment, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr is not None
            line = child.stderr.readline()
            assert "node runs" in line, line + child.stderr.read()
            yield
        finally:
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=PATIENCE)


def until(done: object, what: str) -> None:
    assert callable(done)
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a node that is started twice; nobody else is given its port meanwhile."""
    with kept_port() as kept:
        yield kept


@pytest.fixture
def group(tmp_path: Path) -> Foodhub:
    """A home of a buying group that is in no circuit yet."""
    group = Foodhub(tmp_path / "group")
    group("init", "--name", "AMAP", "--role", "group", "--json")
    return group


def test_a_member_joins_and_orders_and_what_is_not_received_is_kept(
    founded: Foodhub, group: Foodhub, address: str
) -> None:
    founded("product", "add", "Eggs", "--price", "2,60", "--on-hand", "10")
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")
    founded("allot", "Week", "--all")
    with running(founded, address):
        assert founded.json("status")["network"] == "running"
        assert founded("node", "run", code=1).err.startswith("A network process runs on this home already")
        invite = founded.json("circuit", "invite", "--role", "group")["invite"]
        said = group.on_terminal("circuit", "join", invite, *LONG, answers=["y"])
        assert said.code == 0
        assert "The members of this circuit own it together." in said.err
        assert 'The charter of "Circuit":\n' in said.err
        assert 'Join the circuit "Circuit" and sign its charter.\nAMAP signs this.' in said.err
        until(lambda: "AMAP" in [row["name"] for row in founded.json("circuit", "members")], "the group is a member")
        assert founded.json("circuit", "invite", "--role", "group")["known_elsewhere"] is False
        # What a home has not seen yet, waiting brings.
        order = group.json("order", "place", "Week", "Eggs=4", *LONG)
        assert (order["state"], order["lines"][0]["confirmed"], order["total"]) == ("received", 4, 1040)

        late = Foodhub(group.home.parent / "late")
        late("init", "--name", "Late", "--role", "group", "--json")
        assert late.fails(6, "circuit", "join", invite, *LONG)["code"] == "invite_used"
        taken = founded.json("circuit", "invite", "--role", "group")["invite"]
        founded("circuit", "uninvite", taken)
        assert late.fails(6, "circuit", "join", taken, *LONG)["code"] == "invite_revoked"
        other = founded.json("circuit", "invite", "--role", "producer")["invite"]
        assert late.fails(6, "circuit", "join", other, *LONG)["code"] == "invite_role"
        good = founded.json("circuit", "invite", "--role", "group")["invite"]

    # The hub's node is off now.
    assert late.fails(5, "circuit", "join", good, "--wait", "0.5")["code"] == "no_peer"
    done = group("order", "place", "Week", "Eggs=2", "--wait", "0.5", "--json", code=7)
    assert (done.data["state"], done.error["code"]) == ("sent", "not_received")
    assert done.error["details"]["order"] == done.data["id"] == order["id"]
    assert group.json("status")["pending"] > 0

    with running(founded, address):
        joined = late.json("circuit", "join", good, *LONG)
        assert (joined["name"], joined["member"]) == ("Circuit", "Late")
        more = group.json("order", "place", "Week", "Eggs=1", *LONG)
        assert (more["id"], more["lines"][0]["confirmed"]) == (order["id"], 7)
        assert founded.json("order", "show", order["number"])["lines"] == more["lines"]
        assert group.json("order", "cancel", order["id"])["state"] == "cancelled"


def test_a_command_that_is_ended_leaves_no_network_process_behind(founded: Foodhub, group: Foodhub) -> None:
    made = read_code(founded.json("circuit", "invite", "--role", "group")["invite"])
    nowhere = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p"
    invite = write_code(InviteCode(made.circuit, made.seed, made.expires, [nowhere]))
    command = [sys.executable, "-m", "foodhub", "circuit", "join", invite, "--wait", "600", "--yes"]
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with subprocess.Popen(command, env=group.environment, stderr=subprocess.PIPE) as child:
            until(lambda: group.json("status")["network"] == "running", "the child process runs")
            child.send_signal(number)
            child.communicate(timeout=PATIENCE)
        assert child.returncode == code
        assert group.json("status")["network"] == "stopped"


def test_what_speaks_of_the_whole_home_takes_no_name_that_is_nobodys_there(shared: Foodhub) -> None:
    for command in ("status", "peers"):
        error = shared.fails(3, command, "--as", "nobody")
        assert (error["code"], error["details"]["names"]) == ("no_such_hat", "Hub")
        assert shared(command, "--as", "hub").code == 0


def test_a_home_that_is_brought_up_to_date_says_so_and_that_its_old_network_process_is_to_be_started_anew(
    founded: Foodhub, address: str
) -> None:
    older = "UPDATE meta SET value = 0 WHERE key = 'fold_version'"
    with running(founded, address):
        with closing(sqlite3.connect(founded.home / "foodhub.db")) as db, db:
            db.execute(older)
        said = founded("status").err
        assert "This home was brought up to date." in said
        assert "Start it anew: foodhub node run" in said
        assert "brought up to date" not in founded("status").err
    with closing(sqlite3.connect(founded.home / "foodhub.db")) as db, db:
        db.execute(older)
    said = founded("status").err
    assert "This home was brought up to date." in said
    assert "node run" not in said


def test_what_keeps_a_network_process_from_starting_is_said_once(founded: Foodhub, tmp_path: Path) -> None:
    refused = founded("node", "run", "--log", tmp_path / "nowhere" / "log", code=1).err
    assert refused.splitlines()[0] == f"The log can't be written to {tmp_path / 'nowhere' / 'log'}."
    assert "Traceback" not in refused
    refused = founded("node", "run", "--listen", "/ip4/198.51.100.1/tcp/4001", code=2).err
    assert refused.count("is no address of this computer") == 1
    assert "/ip4/0.0.0.0/tcp/4001" in refused
