import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.orders.cases import Filling, Terms, cases_of, fill, missing_of, part_of, pool_of
from foodhub.orders.exchanges import Leftover, ProductRule

amounts, sizes = st.integers(0, 60), st.integers(1, 12)
leftovers: tuple[Leftover, ...] = ("cut", "round_up", "open", "ask")


def terms(leftover: Leftover = "cut", size: int = 6, minimum: int = 0, *, broken: bool = False, step: int = 1) -> Terms:
    return Terms(ProductRule("hub", leftover, "queue", "queue"), size, minimum, broken, step)


@pytest.mark.parametrize(
    ("quantity", "tolerance", "cases"),
    [(0, 2, 0), (0, 5, 0), (2, 2, 1), (4, 2, 1), (4, 4, 1), (5, 3, 2), (5, 4, 2)],
)
def test_cases_of_four(quantity: int, tolerance: int, cases: int) -> None:
    assert cases_of(quantity, tolerance, 4) == cases


@pytest.mark.parametrize(("quantity", "tolerance", "cases"), [(4, 0, 0), (9, 1, 10), (12, 1, 12), (0, 99, 0)])
def test_a_minimum_is_reached_with_tolerance_or_nothing_is_delivered(quantity: int, tolerance: int, cases: int) -> None:
    assert cases_of(quantity, tolerance, 1, 10) == cases


def test_a_minimum_is_rounded_up_to_whole_cases() -> None:
    assert [cases_of(quantity, 1, 4, 10) for quantity in (10, 11, 12)] == [0, 3, 3]


@pytest.mark.parametrize(
    ("quantity", "tolerance", "minimum", "missing"),
    [(7, 0, 0, 5), (2, 2, 0, 2), (5, 2, 0, 0), (8, 3, 0, 1), (9, 5, 0, 0), (6, 0, 0, 0), (2, 1, 20, 21), (0, 3, 0, 0)],
)
def test_what_lacks_for_the_next_case_of_six(quantity: int, tolerance: int, minimum: int, missing: int) -> None:
    assert missing_of(quantity, tolerance, 6, minimum) == missing


@given(amounts, amounts, sizes, amounts)
def test_cases_are_full_wanted_and_enough(quantity: int, tolerance: int, size: int, minimum: int) -> None:
    units = cases_of(quantity, tolerance, size, minimum) * size
    assert units <= quantity + tolerance
    assert units == 0 or units >= minimum
    opened = quantity > units - size
    assert opened or units - size < minimum  # the last case holds something wanted, or is due to the minimum
    if units < quantity:
        assert quantity + tolerance < max(units + size, -(-minimum // size) * size)


@given(amounts, amounts, sizes, amounts)
def test_what_lacks_is_just_what_lacks(quantity: int, tolerance: int, size: int, minimum: int) -> None:
    missing = missing_of(quantity, tolerance, size, minimum)
    more = quantity + missing
    assert cases_of(more, tolerance, size, minimum) * size >= more
    if missing:
        assert missing_of(more - 1, tolerance, size, minimum) == 1


@pytest.mark.parametrize(
    ("leftover", "broken", "filling"),
    [
        ("cut", True, Filling(6, "case_not_full")),
        ("round_up", False, Filling(12)),
        ("open", True, Filling(8)),
        ("open", False, Filling(6, "case_not_full")),
        ("ask", False, Filling(6, "case_not_full", undecided=True)),
    ],
)
def test_what_no_case_holds_is_cut_bought_delivered_open_or_asked_about(
    leftover: Leftover, broken: bool, filling: Filling
) -> None:
    assert fill(8, 1, terms(leftover, broken=broken)) == filling


@pytest.mark.parametrize("leftover", leftovers)
def test_nothing_is_left_over_when_tolerance_completes_the_case(leftover: Leftover) -> None:
    assert fill(8, 4, terms(leftover)) == Filling(12)


def test_under_a_minimum_only_rounding_up_helps() -> None:
    assert fill(4, 0, terms(size=0, minimum=10)) == Filling(0, "minimum_not_met")
    assert fill(4, 0, terms("open", minimum=10, broken=True)) == Filling(0, "minimum_not_met")
    assert fill(4, 0, terms("round_up", minimum=10)) == Filling(12)


def test_goods_without_a_case_are_ordered_exactly() -> None:
    assert fill(9500, 400, terms(size=0)) == Filling(9500)


def test_of_a_limited_supply_whole_cases_are_ordered() -> None:
    assert fill(13, 0, terms(), 11) == Filling(6, "allotment_exhausted")
    assert fill(5, 1, terms(), 11) == Filling(6)
    assert fill(13, 0, terms("open", broken=True), 11) == Filling(11, "allotment_exhausted")
    assert fill(13, 0, terms("round_up"), 13) == Filling(12, "allotment_exhausted")
    assert fill(13, 0, terms(minimum=8), 7) == Filling(0, "allotment_exhausted")


def test_of_a_limited_supply_without_a_case_whole_steps_are_ordered() -> None:
    assert fill(2000, 0, terms(size=0, step=500), 1700) == Filling(1500, "allotment_exhausted")


@given(amounts, amounts, st.sampled_from(leftovers), st.integers(0, 12), amounts, st.booleans(), st.none() | amounts)
def test_what_is_ordered_keeps_within_case_minimum_and_supply(
    quantity: int, tolerance: int, leftover: Leftover, size: int, minimum: int, broken: bool, limit: int | None
) -> None:
    about = terms(leftover, size, minimum, broken=broken)
    filling = fill(quantity, tolerance, about, limit)
    assert filling.units == 0 or filling.units >= minimum
    assert limit is None or filling.units <= limit
    assert (filling.units < quantity) == (filling.reason != "")
    if leftover != "round_up":
        assert filling.units <= quantity + tolerance
    if size and not (broken and leftover == "open"):
        assert filling.units % size == 0


def test_who_fills_cases_with_whom() -> None:
    assert [pool_of("hub", b"g", aggregator=True), pool_of("hub", b"a", aggregator=False)] == [b"", b""]
    assert [pool_of("group", b"g", aggregator=True), pool_of("group", b"a", aggregator=False)] == [b"g", b""]
    assert [pool_of("household", b"g", aggregator=True), pool_of("household", b"a", aggregator=False)] == [b"g", b"a"]


def test_goods_by_weight_are_given_out_by_a_hundred_grams() -> None:
    assert [part_of("kg"), part_of("l"), part_of("piece")] == [100, 100, 1]
