"""Tables and JSON."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from foodhub import words
from foodhub.cli.amounts import content
from foodhub.cli.output import _folded, cell, cut, laid_out, pad, plain, table, width
from foodhub.node.cycles import CycleRow
from foodhub.saying import counted, money, price

OPENS = datetime(2026, 11, 26, 20, 0, tzinfo=ZoneInfo("Europe/Paris"))
CYCLE = CycleRow("abc", "Week", "Hub", "def", "open", OPENS, OPENS, "Europe/Paris", "resale", (b"a", b"b"), b"c")


def test_rows_become_json_with_zoned_times_and_without_inner_fields() -> None:
    data = plain([CYCLE])[0]
    assert set(data) == {
        "id",
        "name",
        "hub",
        "hub_id",
        "state",
        "opens",
        "closes",
        "zone",
        "sale",
        "closed",
        "closed_at",
        "draft",
    }
    assert data["opens"] == "2026-11-26T20:00:00+01:00"


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("crème", 5), ("日本", 4), ("e\u0301", 1), ("", 0)])
def test_the_width_of_a_text_is_that_of_its_characters(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize("text", ["carrots of the valley", "日本の人参です"])
def test_a_cut_text_fits_and_says_that_it_is_cut(text: str) -> None:
    for columns in range(2, width(text)):
        assert width(cut(text, columns)) <= columns
        assert cut(text, columns).endswith("…")
    assert cut(text, width(text)) == text


def test_padding_counts_columns_not_characters() -> None:
    assert pad("日本", 6) == "日本  "
    assert pad("1", 3, right=True) == "  1"


def test_nothing_in_a_table_can_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name"], [["a\x1b[2Jb\nc"]])
    assert capsys.readouterr().out == "name\na�[2Jb�c\n"
    assert cell(3) == "3"
    assert cell("1\u00a0kg\u202f!") == "1\u00a0kg\u202f!"


def test_a_table_off_a_terminal_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name", "n"], [["x" * 300, 7], ["y", 12]], right=[1])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "x" * 300 + "   7"
    assert lines[2] == "y" + " " * 299 + "  12"


def test_what_does_not_fit_goes_on_below_and_neither_numbers_nor_hours_are_lost() -> None:
    rows = [
        ["order", "customer", "until", "in all"],
        ["4AMX-HTYZ", "Groupe d'achat de la Gare", "2026-11-22 15:37", "12.5 kg"],
    ]
    assert laid_out(rows, frozenset({3}), None)[1] == [
        "4AMX-HTYZ  Groupe d'achat de la Gare  2026-11-22 15:37  12.5 kg"
    ]
    _head, body = laid_out(rows, frozenset({3}), 42)
    assert max(map(width, body)) <= 42
    assert sorted(" ".join(body).split()) == sorted(" ".join(rows[1]).split())
    assert body[0].endswith("12.5 kg")


def test_a_title_over_numbers_breaks_before_they_do() -> None:
    head, body = laid_out([["", "Jus de pomme, 1 l"], ["Ann", "2 + 1"]], frozenset({1}), 14)
    assert [line.split() for line in head] == [["Jus", "de"], ["pomme,", "1"], ["l"]]
    assert max(map(width, [*head, *body])) <= 14
    assert body[0].split() == ["Ann", "2", "+", "1"]


def test_amounts_are_written_as_the_language_writes_them() -> None:
    assert price(245, "EUR", "kg") == "2.45 €/kg"
    assert money(1200, "JPY") == "1200 JPY"
    assert counted(12500, "kg") == "12.5 kg"
    assert content(250, "g", "piece", "bag") == "250 g bag"
    assert content(1, "piece", "piece", "bunch") == "bunch"
    words.use("fr")
    try:
        assert price(245, "EUR", "piece") == "2,45 €"
        assert counted(12500, "kg") == "12,5 kg"
        assert words.full_moment(OPENS) == "jeudi 26/11/2026 20:00 (Europe/Paris)"
    finally:
        words.use("en")


def test_a_long_value_goes_on_below_its_beginning_and_no_word_of_it_is_cut() -> None:
    assert _folded("one two three", 7) == ["one two", "three"]
    assert _folded("abcdefghijkl mn", 5) == ["abcdefghijkl", "mn"]
    assert _folded("one  two", None) == ["one  two"]
    assert _folded("", 5) == [""]
