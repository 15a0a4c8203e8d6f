"""Questions are asked on a terminal, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

from tests.cli.program import GOOD, Foodhub


def test_the_recovery_words_are_shown_on_a_terminal(empty: Foodhub) -> None:
    said = empty.on_terminal("init", "--name", "Hub", "--role", "hub")
    assert said.code == 0
    assert "Recovery words" in said.err
    assert " 24 " in said.err


def test_what_is_signed_is_shown_with_the_hat_and_only_yes_signs(empty: Foodhub) -> None:
    empty("init", "--name", "Hub", "--role", "hub")
    said = empty.on_terminal("circuit", "found", "Circuit", answers=["n"])
    assert said.code == 1
    assert "Hub signs this" in said.err
    assert "Nothing was signed." in said.err
    assert empty.json("status")["circuit"] is None
    assert empty.on_terminal("circuit", "found", "Circuit", answers=["y"]).code == 0
    assert empty.json("status")["circuit"] == "Circuit"


def test_yes_is_said_in_the_language_spoken(empty: Foodhub) -> None:
    empty("init", "--name", "Hub", "--role", "hub")
    said = empty.on_terminal("circuit", "found", "Circuit", "--lang", "fr", answers=["oui"])
    assert said.code == 0
    assert empty.json("status")["circuit"] == "Circuit"


def test_with_yes_nothing_is_asked(empty: Foodhub) -> None:
    empty("init", "--name", "Hub", "--role", "hub")
    said = empty.on_terminal("circuit", "found", "Circuit", "--yes")
    assert said.code == 0
    assert "signs this" not in said.err


def test_the_sale_is_asked_and_the_times_are_shown_before(founded: Foodhub) -> None:
    said = founded.on_terminal("cycle", "new", "Week", "--closes", "2030-11-28 20h", answers=["resale", "y"])
    assert said.code == 0
    assert said.err.index("Thursday 2030-11-28 20:00") < said.err.index("Who sells to whom?")
    assert founded.json("cycle", "list")[0]["sale"] == "resale"
    assert founded.on_terminal("cycle", "new", "Other", "--closes", "+1d", answers=["barter"]).code == 2


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
    assert "No other node has this invite yet" in said.err


def test_a_table_on_a_terminal_is_cut_to_its_width(founded: Foodhub) -> None:
    founded("product", "add", "Carrots " * 12, "--price", "2", "--description", "x")
    said = founded.on_terminal("product", "list")
    assert max(map(len, said.err.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= 100
    assert "…" in said.err
