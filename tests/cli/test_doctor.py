"""`doctor` as it is typed: sentences and what to do for people, codes for scripts, an exit code for both."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

from foodhub.node.home import DATABASE
from tests.cli.program import Foodhub

FIXTURES = Path(__file__).parents[1] / "store" / "fixtures"


def test_a_home_that_is_well_is_said_to_be(founded: Foodhub) -> None:
    done = founded("doctor")
    assert "The database file is whole." in done.out
    assert "All is as it was signed. Entries: " in done.out
    assert done.out.endswith("Bad: 0. Warnings: 1.\n")
    assert "recovery words" in done.out


def test_what_is_bad_is_said_with_what_to_do_and_ends_with_1(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2.45", "--on-hand", "3")
    with closing(sqlite3.connect(founded.home / DATABASE, isolation_level=None)) as db:
        db.execute("UPDATE product SET price = 1")
    done = founded("doctor", code=1)
    assert "bad      What is shown is not what the logs say, in: product." in done.out
    assert "foodhub rebuild" in done.out
    founded("rebuild")
    assert founded("doctor").code == 0


def test_a_script_gets_every_check_with_its_code(founded: Foodhub) -> None:
    (key,) = (founded.home / "keys").glob("*.key")
    key.chmod(0o644)
    done = founded("doctor", "--json", "--quick", code=1)
    assert done.err == ""
    assert done.data["state"] == "bad"
    findings = {each["check"]: each for each in done.data["findings"]}
    assert set(findings["keys"]) == {"check", "code", "state", "message", "hint", "details"}
    assert (findings["keys"]["code"], findings["keys"]["details"]["files"]) == ("key_permissions", [key.name])
    assert key.name in findings["keys"]["message"]
    assert {name for name, each in findings.items() if each["state"] == "skipped"} == {"logs", "views"}


def test_on_a_terminal_it_shows_how_far_it_is_and_no_bar_stays(founded: Foodhub) -> None:
    done = founded.on_terminal("doctor")
    assert "Checking the logs…" in done.err
    assert "100 %" in done.err
    assert "\r\x1b[K\x1b[32mok\x1b[0m       What is shown is what the logs say." in done.err.rpartition("%")[2]


def test_without_a_home_there_is_nothing_to_examine(empty: Foodhub) -> None:
    assert empty.fails(4, "doctor")["code"] == "not_set_up"


def test_a_home_that_can_not_be_read_is_still_examined(founded: Foodhub) -> None:
    database = founded.home / DATABASE
    content = bytearray(database.read_bytes())
    content[100:4096] = b"\xff" * 3996
    database.write_bytes(content)
    done = founded("doctor", "--json", code=1)
    assert [each["code"] for each in done.data["findings"]] == ["unreadable"]
    assert "foodhub restore FILE --home DIR" in done.data["findings"][0]["hint"]


def test_a_home_of_an_older_program_is_examined_as_it_is(empty: Foodhub) -> None:
    empty.home.mkdir()
    (empty.home / DATABASE).write_bytes(gzip.decompress((FIXTURES / "version_2.db.gz").read_bytes()))
    done = empty("doctor", "--json", code=None)
    codes = {each["check"]: each["code"] for each in done.data["findings"]}
    assert codes["version"] == "home_is_older"
    with closing(sqlite3.connect(empty.home / DATABASE)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
