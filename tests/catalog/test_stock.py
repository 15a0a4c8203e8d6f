"""What is free of a product by the mode of its stock, and what a hub holds and gives back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.statements import StockMode
from foodhub.catalog.stock import Taken, free, left_with, to_return

AMOUNTS = st.integers(0, 1000)
BEFORE, AT_THE_COUNT, LATER = 99, 100, 101


def taken(*quantities: tuple[str, int | None, int]) -> list[Taken[str]]:
    return [Taken(*each) for each in quantities]


def test_a_count_says_what_was_delivered_before_it_and_not_what_is_taken_later() -> None:
    held = taken(("a", BEFORE, 5), ("b", AT_THE_COUNT, 7), ("c", LATER, 11), ("unknown", None, 13))
    assert free("counted", 40, 100, held) == 40 - 7 - 11 - 13


@pytest.mark.parametrize("mode", ["per_cycle", "capped"])
def test_a_quantity_for_each_cycle_is_taken_by_that_cycle_alone(mode: StockMode) -> None:
    held = taken(("a", BEFORE, 5), ("a", LATER, 2), ("b", LATER, 7))
    assert free(mode, 40, 100, held, "a") == 33
    assert free(mode, 40, 100, held, "b") == 33
    assert free(mode, 40, 100, held) == 40


def test_what_is_made_on_demand_has_no_limit() -> None:
    assert free("on_demand", 0, 100, taken(("a", LATER, 5)), "a") is None


def test_more_set_aside_than_counted_is_short() -> None:
    assert free("counted", 3, 100, taken(("a", LATER, 5))) == -2


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_hub_never_holds_less_than_nothing(given_: int, returned: int, told: int) -> None:
    assert left_with(given_, returned, None, told) == max(given_ - returned, 0)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_what_was_taken_back_without_waiting_leaves_what_was_told_to_be_promised(
    given_: int, returned: int, lowered: int, told: int
) -> None:
    held = left_with(given_, returned, lowered, told)
    assert held <= max(given_ - returned, 0)
    assert held >= min(told, max(given_ - returned, 0))


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_what_is_given_back_only_grows_and_leaves_what_is_kept(given_: int, returned: int, kept: int) -> None:
    now = to_return(given_, returned, kept)
    assert now >= returned
    assert given_ - now >= min(kept, given_ - returned)
