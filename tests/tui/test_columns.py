from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from foodhub.tui.columns import GAP, Column, cell, fit

COLUMNS: list[Column[str]] = [
    Column("name", str, 20, 40, 1),
    Column("producer", str, 10, 20, 3),
    Column("price", str, 8, 8, 2, right=True),
]


def titles(width: int) -> list[str]:
    return [column.title for column, _ in fit(COLUMNS, width)]


def test_the_column_with_the_highest_rank_goes_first() -> None:
    assert [titles(width) for width in (42, 41, 30, 29)] == [
        ["name", "producer", "price"],
        ["name", "price"],
        ["name", "price"],
        ["name"],
    ]


@given(st.integers(0, 300))
def test_columns_never_take_more_than_there_is(width: int) -> None:
    fitted = fit(COLUMNS, width)
    assert sum(wide for _, wide in fitted) + GAP * (len(fitted) - 1) <= width
    assert all(wide <= column.most for column, wide in fitted)


def test_room_is_used_until_every_column_is_as_wide_as_it_may_be() -> None:
    assert sum(wide for _, wide in fit(COLUMNS, 60)) + 2 * GAP == 60
    assert [wide for _, wide in fit(COLUMNS, 200)] == [40, 20, 8]


@given(st.text(), st.integers(0, 40), st.booleans(), st.integers(0, 8))
def test_a_cell_has_exactly_its_width_whatever_the_text(text: str, width: int, right: bool, tail: int) -> None:
    assert cell_len(cell(text, width, right=right, tail=tail)) == width


def test_a_cut_text_ends_in_an_ellipsis_and_wide_characters_count_twice() -> None:
    assert cell("Carottes", 8) == "Carottes"
    assert cell("Carottes", 7) == "Carott…"
    assert cell("豆腐豆腐", 6) == "豆腐 …"
    assert cell("12", 4, right=True) == "  12"


def test_names_that_differ_at_their_end_can_be_told_apart_when_they_are_cut() -> None:
    assert cell("Vente du jeudi 26", 10, tail=4) == "Vente…i 26"
    assert cell("Semaine 48", 10, tail=4) == "Semaine 48"
    assert cell("豆腐豆腐豆腐", 9, tail=4) == "豆腐…豆腐"
    assert cell("Semaine 48", 6, tail=4) == "Semai…"


def test_nothing_in_a_text_steers_the_terminal() -> None:
    assert cell("a\x1b[2Jb\nc\u202ed", 12) == "a [2Jb cd   "


def test_a_column_that_wants_little_more_gets_it_before_those_that_want_much() -> None:
    columns: list[Column[str]] = [Column("name", str, 20, 80, 1), Column("size", str, 9, 10, 2)]
    assert [wide for _, wide in fit(columns, 40)] == [28, 10]
    columns[1] = Column("a longer title", str, 4, 6, 2)
    assert [wide for _, wide in fit(columns, 120)] == [80, 14]
