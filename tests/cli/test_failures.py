"""What a command says and how it ends when it can't do what it was told."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.program import Foodhub


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("nonsense", "no_such_command"),
        ("product lst", "no_such_command"),
        ("status --loud", "no_such_option"),
        ("status extra", "usage"),
        ("init --name", "bad_option"),
        ("init --role hub", "missing"),
        ("order place Week", "missing"),
        ("product add Eggs --price 2 --per dozen", "bad_choice"),
        ("circuit invite --role hub --days many", "bad_number"),
        ("product import .", "bad_value"),
    ],
)
def test_words_that_are_not_understood_are_a_usage_error_with_a_code(empty: Foodhub, words: str, code: str) -> None:
    assert empty.fails(2, *words.split())["code"] == code
    said = empty(*words.split(), code=2)
    assert said.out == ""
    assert "Usage" not in said.err


def test_what_stands_behind_the_last_argument_is_named_in_our_own_words(empty: Foodhub) -> None:
    said = empty("status", "extra", "words", code=2).err
    assert "That is more than the command takes: extra words" in said
    assert "has to be a file, and no folder" in empty("product", "import", ".", code=2).err


def test_a_slip_of_the_hand_is_met_with_what_is_near(empty: Foodhub) -> None:
    assert "product" in empty("prodct", code=2).err
    assert "--json" in empty("status", "--jsn", code=2).err


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "product list",
        "order list",
        "cycle list",
        "log show",
        "peers",
        "circuit members",
        "node run",
        "rebuild",
        "circuit found X",
        "product add Eggs --price 2",
        "order place Week Eggs=1",
        "circuit join foodhub1x",
    ],
)
def test_before_anything_is_set_up_a_command_says_how_to_begin(empty: Foodhub, words: str) -> None:
    error = empty.fails(4, *words.split())
    assert error["code"] == "not_set_up"
    assert "foodhub init" in error["hint"]
    assert not empty.home.exists()


def test_no_member_is_made_where_nobody_would_see_its_recovery_words(empty: Foodhub) -> None:
    refused = empty("init", "--name", "Farm", "--role", "producer", code=2)
    assert "recovery words" in refused.err
    assert not empty.home.exists()
    assert len(empty.json("init", "--name", "Farm", "--role", "producer")["recovery_words"]) == 24


def test_what_is_no_role_and_which_numbers_there_are_is_said(shared: Foodhub) -> None:
    refused = shared.fails(2, "circuit", "invite", "--role", "bishop")
    assert refused["message"] == '"bishop" is no role.'
    assert "household" in refused["hint"]
    assert shared.fails(2, "circuit", "invite", "--role", "hub", "--days", "-1")["message"] == (
        "--days is a number from 1 to 365."
    )
    assert "(1 to 365)" in shared("circuit", "invite", "--help").out


def test_times_in_sentences_are_said_with_day_and_zone(shared: Foodhub) -> None:
    past = ["cycle", "new", "Past", "--closes", "2020-01-01T20:00", "--sale", "resale", "--zone", "Europe/Paris"]
    assert "Wednesday 2020-01-01 20:00 (Europe/Paris)" in shared.fails(6, *past)["message"]
    assert "mercredi 01/01/2020 20:00 (Europe/Paris)" in shared.fails(6, *past, "--lang", "fr")["message"]
    assert shared.fails(6, *past)["details"]["closes"] == "2020-01-01T20:00:00+01:00"


def test_without_a_circuit_a_command_says_how_to_get_into_one(empty: Foodhub) -> None:
    empty("init", "--name", "Farm", "--role", "producer", "--json")
    for words in (
        ["product", "add", "Eggs", "--price", "2"],
        ["circuit", "show"],
        ["circuit", "invite", "--role", "hub"],
    ):
        assert empty.fails(4, *words)["code"] == "no_circuit"
    assert empty.json("status")["circuit"] is None
    assert empty.json("circuit", "members") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("product show Gold", "no_such_product"),
        ("product list --producer Nobody", "no_such_member"),
        ("cycle show Never", "no_such_cycle"),
        ("order show ABCD-EFGH", "no_such_order"),
        ("order cancel ABCD-EFGH", "no_such_order"),
        ("order place Never Eggs=1", "no_such_cycle"),
        ("product import nowhere.csv", "no_such_file"),
        ("circuit found Other --charter nowhere.md", "no_such_file"),
    ],
)
def test_what_is_named_and_not_there_is_exit_code_3(shared: Foodhub, words: str, code: str) -> None:
    assert shared.fails(3, *words.split())["code"] == code


@pytest.mark.parametrize("words", ["product list", "cycle list", "circuit members", "log show", "paths"])
def test_also_what_only_reads_knows_nobody_by_a_name_that_is_not_here(shared: Foodhub, words: str) -> None:
    assert shared.fails(3, *words.split(), "--as", "Nobody")["code"] == "no_such_hat"
    shared(*words.split(), "--as", "Hub")


@pytest.mark.parametrize("words", ["product list", "order list", "cycle list", "peers"])
def test_an_empty_list_is_no_failure_and_says_what_to_do_next(shared: Foodhub, words: str) -> None:
    done = shared(*words.split(), "--json")
    assert done.data == []
    assert "foodhub" in done.err
    assert shared(*words.split()).out == ""


def test_a_rule_that_says_no_is_exit_code_6(founded: Foodhub) -> None:
    assert founded.fails(6, "circuit", "found", "Other")["code"] == "other_circuit"
    assert founded.fails(6, "init", "--name", "hub", "--role", "hub")["code"] == "name_taken"
    founded("product", "add", "Eggs", "--price", "2,60", "--on-hand", "10")
    assert founded.fails(6, "product", "add", "Eggs", "--price", "2")["code"] == "product_exists"
    founded("product", "add", "Bread", "--price", "4", "--on-demand")
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "agency")
    assert founded.fails(6, "cycle", "new", "Week", "--closes", "+1d", "--sale", "agency")["code"] == "cycle_exists"
    assert (
        founded.fails(6, "cycle", "new", "Past", "--closes", "2020-01-01", "--sale", "agency")["code"] == "bad_window"
    )
    assert founded.fails(6, "allot", "Week", "Eggs=11")["code"] == "not_enough_stock"
    assert founded.fails(6, "allot", "Week", "Bread=1")["code"] == "on_demand"
    founded("cycle", "new", "Later", "--opens", "+1d", "--closes", "+2d", "--sale", "agency")
    assert founded.fails(6, "order", "place", "Later", "Eggs=1")["code"] == "cycle_not_open"
    founded("order", "place", "Week", "Eggs=1", "--ref", "a")
    assert founded.fails(6, "order", "place", "Week", "Eggs=2", "--ref", "a")["code"] == "ref_used"


def test_names_and_quantities_that_can_be_read_in_two_ways_are_asked_back(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2,45", "--per", "kg", "--step", "500g", "--on-hand", "40kg")
    founded("product", "add", "Carrot juice", "--price", "3", "--on-hand", "5")
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")
    founded("allot", "Week", "--all")
    error = founded.fails(2, "order", "place", "Week", "carrot=1")
    assert error["code"] == "ambiguous"
    assert {row["name"] for row in error["details"]["candidates"]} == {"Carrots", "Carrot juice"}
    error = founded.fails(2, "order", "place", "Week", "Carrots=2")
    assert error["code"] == "bare_quantity"
    assert "2kg" in error["hint"]
    assert "2g" in error["hint"]
    assert founded.fails(2, "order", "place", "Week", "Carrots")["code"] == "bad_pair"
    assert founded.fails(2, "order", "place", "Week", "Carrot juice=1kg")["code"] == "wrong_unit"
    assert founded.fails(6, "order", "place", "Week", "Carrots=0.7kg")["code"] == "not_in_steps"
    order = founded.json("order", "place", "Week", "Carrots=1,5kg")
    assert (order["lines"][0]["ordered"], order["total"]) == (1500, 368)


def test_codes_stay_when_the_language_changes(shared: Foodhub) -> None:
    english, french = (
        shared("product", "show", "Gold", "--json", "--lang", lang, code=3).error for lang in ("en", "fr")
    )
    assert english["code"] == french["code"]
    assert english["message"] != french["message"]
    assert "produit" in french["message"]


def test_what_nobody_foresaw_is_one_sentence_and_a_file(founded: Foodhub) -> None:
    with closing(sqlite3.connect(founded.home / "foodhub.db", isolation_level=None)) as db:
        db.execute("DROP TABLE own")
    said = founded("status", code=1)
    assert "Traceback" not in said.err
    (file,) = founded.home.glob("error-*.txt")
    assert str(file) in said.err
    assert "Traceback" in file.read_text("utf-8")
    assert file.stat().st_mode & 0o077 == 0
    assert founded.fails(1, "status")["code"] == "unforeseen"


def test_a_reader_that_leaves_early_is_no_error(founded: Foodhub) -> None:
    read, write = os.pipe()
    os.close(read)
    child = subprocess.run(
        [sys.executable, "-m", "foodhub", "paths"],
        env=founded.environment,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert child.stderr == b""
    assert child.returncode == 1


def test_bytes_that_are_no_text_are_said_without_harm(shared: Foodhub) -> None:
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"foodhub", b"product", b"show", b"caf\xe9\x1b[2J", b"--json"],
        env=shared.environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert b"\x1b" not in done.stderr
    assert b"no_such_product" in done.stderr


def test_a_network_process_that_is_asked_for_in_vain_is_not_started(empty: Foodhub, tmp_path: Path) -> None:
    empty.fails(4, "node", "run", "--log", tmp_path / "log")
    assert not (tmp_path / "log").exists()
