"""What is free of a product by the mode of its stock, and what a hub holds and gives back."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.statements import StockMode
from foodhub.catalog.stock import NOTHING, Left, Taken, free, left_with, lying, to_return

AMOUNTS = st.integers(0, 1000)
VERSIONS = st.integers(1, 5)


def taken(*quantities: tuple[str, int, int]) -> list[Taken[str]]:
    return [Taken(*each) for each in quantities]


def test_a_count_says_what_was_delivered_before_it_and_not_what_lies_there_set_aside() -> None:
    assert free("counted", 40, taken(("a", 5, 0), ("b", 7, 7), ("c", 11, 3))) == 40 - 7 - 3


@pytest.mark.parametrize("mode", ["per_cycle", "capped"])
def test_a_quantity_for_each_cycle_is_taken_by_that_cycle_alone(mode: StockMode) -> None:
    held = taken(("a", 5, 0), ("a", 2, 2), ("b", 7, 7))
    assert free(mode, 40, held, "a") == 33
    assert free(mode, 40, held, "b") == 33
    assert free(mode, 40, held) == 40


def test_what_is_made_on_demand_has_no_limit() -> None:
    assert free("on_demand", 0, taken(("a", 5, 5)), "a") is None


def test_more_set_aside_than_counted_is_short() -> None:
    assert free("counted", 3, taken(("a", 5, 5))) == -2


# What lies on the shelf.


@given(AMOUNTS, AMOUNTS, VERSIONS)
def test_what_is_set_aside_lies_on_the_shelf_until_it_is_said_to_have_left(given_: int, held: int, stock: int) -> None:
    assert lying(given_ + held, held, NOTHING, stock) == held
    assert lying(given_ + held, held, Left(stock), stock) == held


@given(AMOUNTS, AMOUNTS, VERSIONS, VERSIONS)
def test_what_left_is_in_all_counts_from_then_on_and_in_none_before(
    given_: int, held: int, said: int, stock: int
) -> None:
    left = Left(said, given_ + held, held)
    assert lying(given_ + held, held, left, stock) == (held if stock < said else 0)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, VERSIONS)
def test_what_is_given_after_goods_left_lies_on_the_shelf_whatever_is_given_back(
    given_: int, returned: int, more: int, back: int, stock: int
) -> None:
    held = max(given_ - returned, 0)
    left, now = Left(stock, given_, held), max(given_ + more - returned - back, 0)
    lies = lying(given_ + more, now, left, stock)
    assert min(more, now) <= lies <= now


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, VERSIONS)
def test_what_is_taken_back_less_after_goods_left_lies_on_the_shelf(
    given_: int, lowered: int, more: int, told: int, stock: int
) -> None:
    before, now = left_with(given_, 0, lowered, told), left_with(given_, 0, lowered + more, told)
    assert lying(given_, now, Left(stock, given_, before), stock) == now - before


@dataclass
class Farm:
    """A shelf with real goods, and a hub to which some are given; what the farm knows, and what is so."""

    shelf: int = 40
    counted: int = 40
    version: int = 1
    given: int = 0
    returned: int = 0
    heard: int = 0
    promised: int = 0
    out: int = 0
    left: Left = NOTHING

    @property
    def free(self) -> int:
        held = left_with(self.given, self.heard, None, 0)
        found = free("counted", self.counted, [Taken("a", held, lying(self.given, held, self.left, self.version))])
        assert found is not None
        return found

    def give(self, quantity: int) -> None:
        self.given += min(quantity, max(self.free, 0))

    def promise(self, quantity: int) -> None:
        self.promised += min(quantity, self.given - self.returned - self.promised)

    def give_back(self, quantity: int) -> None:
        self.returned += min(quantity, self.given - self.returned - self.promised)

    def hear(self, _: int) -> None:
        self.heard = self.returned

    def deliver(self, _: int) -> None:
        """The cycle closes: what was not promised comes back, and the rest leaves."""
        self.returned = self.given - self.promised
        self.shelf -= self.promised - self.out
        self.out = self.promised

    def count(self, says: int) -> None:
        """Count what lies there, after the delivery or not; nothing is said to have left that has not."""
        self.counted, self.version = self.shelf, self.version + 1
        if says % 2 and self.out == self.promised == self.given - self.returned:
            self.left = Left(self.version, self.given, left_with(self.given, self.heard, None, 0))


DEEDS = st.sampled_from(["give", "promise", "give_back", "hear", "deliver", "count"])


@given(st.lists(st.tuples(DEEDS, st.integers(1, 12)), max_size=40))
def test_nothing_is_free_that_a_hub_may_still_promise_however_often_a_cycle_opens_again(
    deeds: list[tuple[str, int]],
) -> None:
    farm = Farm()
    for deed, quantity in deeds:
        getattr(farm, deed)(quantity)
        assert max(farm.free, 0) + farm.given - farm.returned - farm.out <= farm.shelf


# What a hub holds.


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
