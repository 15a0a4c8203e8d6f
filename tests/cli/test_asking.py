"""Questions are asked on a terminal, and nowhere else."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.cli.program import GOOD, Foodhub
from tests.cli.terminal import at_terminal


def shown_words(text: str) -> list[str]:
    """Return the recovery words that stand on a terminal, in their order."""
    found = dict(re.findall(r"(?m)(?:^| )\s*(\d{1,2}) ([a-z]{3,8})(?= |$)", text))
    return [found[str(number)] for number in range(1, 25)]


def test_the_recovery_words_are_shown_on_a_terminal_and_three_are_asked_back(empty: Foodhub) -> None:
    with at_terminal(empty, "init", "--name", "Hub", "--role", "hub") as terminal:
        words = shown_words(terminal.until("asked back"))
        for _ in range(3):
            number = re.findall(r"Word (\d+):", terminal.until(": "))[-1]
            terminal.type(words[int(number) - 1])
    assert terminal.code == 0
    assert "The recovery words are on paper." in terminal.said
    assert empty.json("status")["warnings"] == []


def test_words_that_nobody_can_say_again_stay_unconfirmed_until_all_are_typed(empty: Foodhub) -> None:
    with at_terminal(empty, "init", "--name", "Hub", "--role", "hub") as terminal:
        words = shown_words(terminal.until("asked back"))
        terminal.until(": ")
        for _ in range(3):
            terminal.type("aple")
    assert terminal.code == 0
    assert "is none of the recovery words" in terminal.said
    assert [warning["code"] for warning in empty.json("status")["warnings"]] == ["words_unconfirmed"]
    assert empty.fails(2, "recover", "--check")["code"] == "word_count"
    wrong = [*words[1:], words[0]]
    done = empty("recover", "--check", code=None, given=" ".join(wrong).encode())
    assert done.code != 0
    said = empty.on_terminal("recover", "--check", answers=[" ".join(words[:10]), *words[10:]])
    assert said.code == 0
    assert "the recovery words of Hub" in said.err
    assert empty.json("status")["warnings"] == []


def test_what_is_signed_is_shown_with_the_hat_and_only_yes_signs(empty: Foodhub) -> None:
    empty("init", "--name", "Hub", "--role", "hub", "--json")
    said = empty.on_terminal("circuit", "found", "Circuit", answers=["n"])
    assert said.code == 1
    assert "Hub signs this" in said.err
    assert "Nothing was signed." in said.err
    assert empty.json("status")["circuit"] is None
    assert empty.on_terminal("circuit", "found", "Circuit", answers=["y"]).code == 0
    assert empty.json("status")["circuit"] == "Circuit"


def test_yes_is_said_in_the_language_spoken(empty: Foodhub) -> None:
    empty("init", "--name", "Hub", "--role", "hub", "--json")
    said = empty.on_terminal("circuit", "found", "Circuit", "--lang", "fr", answers=["oui"])
    assert said.code == 0
    assert empty.json("status")["circuit"] == "Circuit"


def test_with_yes_nothing_is_asked(empty: Foodhub) -> None:
    empty("init", "--name", "Hub", "--role", "hub", "--json")
    said = empty.on_terminal("circuit", "found", "Circuit", "--yes")
    assert said.code == 0
    assert "signs this" not in said.err


def test_where_nobody_can_be_asked_nothing_is_signed_without_yes(empty: Foodhub) -> None:
    empty("init", "--name", "Hub", "--role", "hub", "--json")
    for given in (b"", b"y\n"):
        done = empty("circuit", "found", "Circuit", "--json", asked=True, given=given, code=2)
        assert done.error["code"] == "nobody_asked"
    assert empty("circuit", "join", "foodhub1abc", "--json", asked=True, code=2).error["code"] == "nobody_asked"
    assert empty("circuit", "found", "Circuit", "--dry-run", asked=True).code == 0
    assert empty.json("status")["circuit"] is None
    empty("circuit", "found", "Circuit", "-y", asked=True)
    assert empty.json("status")["circuit"] == "Circuit"


def test_what_promises_nobody_anything_asks_nothing_where_nobody_can_answer(founded: Foodhub) -> None:
    for words in (
        "product add Eggs --price 2,60 --on-hand 3",
        "product set Eggs --price 3",
        "stock set Eggs=5",
        "circuit invite --role group",
        "status",
        "product list",
        "device list",
        "disputed",
    ):
        founded(*words.split(), asked=True)


def test_the_sale_is_asked_and_the_times_are_shown_before(founded: Foodhub) -> None:
    said = founded.on_terminal("cycle", "new", "Week", "--closes", "2030-11-28 20h", answers=["resale", "y"])
    assert said.code == 0
    assert said.err.index("Thursday 2030-11-28 20:00") < said.err.index("Who sells to whom?")
    assert founded.json("cycle", "list")[0]["sale"] == "resale"
    asked = founded.on_terminal("cycle", "new", "Other", "--closes", "+1d", answers=["barter", ""])
    assert (asked.code, "one of: direct, agency, resale" in asked.err) == (2, True)


def test_a_producer_of_another_name_is_asked_about(founded: Foodhub, file_with: Callable[..., Path]) -> None:
    file = str(file_with(GOOD.replace("Hub,", "Ferme du Val,")))
    said = founded.on_terminal("product", "import", file, answers=["no"])
    assert said.code == 1
    assert 'The file says producer "Ferme du Val"' in said.err
    assert "Import 1 row:" in said.err
    assert founded.json("product", "list") == []
    assert founded.on_terminal("product", "import", file, answers=["yes"]).code == 0
    assert len(founded.json("product", "list")) == 1


def test_data_goes_to_stdout_while_the_question_is_on_the_terminal(founded: Foodhub) -> None:
    said = founded.on_terminal("circuit", "invite", "--role", "group", out=False)
    assert said.code == 0
    assert said.out.startswith("foodhub1")
    assert "The invite holds no address" in said.err


def test_a_table_on_a_terminal_fits_its_width(founded: Foodhub) -> None:
    founded("product", "add", "Carrots " * 12, "--price", "2", "--description", "x")
    said = founded.on_terminal("product", "list")
    shown = said.err.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert max(map(len, shown.splitlines())) <= 100
    assert shown.count("Carrots") == 12


def test_what_was_typed_before_a_question_is_no_answer_to_it(empty: Foodhub) -> None:
    empty("init", "--name", "Farm", "--role", "producer", "--json")
    with at_terminal(empty, "circuit", "found", "Circuit") as terminal:
        terminal.type("y")
        terminal.until("Go on? [y/N] ")
        terminal.type("n")
    assert "Nothing was signed." in terminal.said
    assert empty.json("status")["circuit"] is None
