from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.ofn_units import FACTORS, in_base_units, parse_number


@pytest.mark.parametrize(
    ("number", "unit_type", "expected"),
    [
        ("500", "g", ("g", 500)),
        ("2", "kg", ("g", 2000)),
        ("0,125", "kg", ("g", 125)),
        ("750", "ml", ("ml", 750)),
        ("75", "cl", ("ml", 750)),
        ("5", "dl", ("ml", 500)),
        ("1.5", "l", ("ml", 1500)),
        ("2", "kl", ("ml", 2_000_000)),
        ("1", "gal", ("ml", 4546)),
        ("1", "oz", ("g", 28)),
        ("10", "oz", ("g", 284)),
        ("1", "lb", ("g", 454)),
        ("10", "lb", ("g", 4536)),
        ("1", "t", ("g", 1_000_000)),
        ("500", "mg", ("g", 1)),
        ("499", "mg", ("g", 0)),
        ("1500", "mg", ("g", 2)),
    ],
)
def test_units_become_whole_grams_and_millilitres(number: str, unit_type: str, expected: tuple[str, int]) -> None:
    parsed = parse_number(number)
    assert parsed is not None
    assert in_base_units(parsed, unit_type) == expected


@given(st.integers(1, 10**9), st.integers(0, 3), st.sampled_from(sorted(FACTORS)), st.sampled_from([".", ","]))
def test_the_rounding_is_never_off_by_more_than_half_a_unit(value: int, places: int, unit_type: str, mark: str) -> None:
    digits = str(value).rjust(places + 1, "0")
    number = parse_number(f"{digits[:-places]}{mark}{digits[-places:]}" if places else digits)
    assert number == Fraction(value, 10**places)
    _, factor, divisor = FACTORS[unit_type]
    _, amount = in_base_units(number, unit_type)
    assert abs(amount - Fraction(value * factor, 10**places * divisor)) <= Fraction(1, 2)


@pytest.mark.parametrize("text", ["", "x", "1.", ".5", "1e3", "1 2", "١", "²", "1,2,3", "9" * 13, "--1", "1\n"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_negative_numbers_are_read_so_that_they_can_be_refused_by_name() -> None:
    assert parse_number("-0,5") == Fraction(-1, 2)
    assert parse_number("-1 500") == -1500
