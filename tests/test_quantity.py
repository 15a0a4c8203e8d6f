from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.errors import UsageError
from foodhub.quantity import Unit, format_quantity, parse_quantity

amounts = st.integers(min_value=0, max_value=2**53 - 1)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("2", 2, None),
        ("0", 0, None),
        ("2,0", 2, None),
        ("1.5kg", 1500, "g"),
        ("1,5kg", 1500, "g"),
        ("1,500 kg", 1500, "g"),
        ("500 g", 500, "g"),
        ("500g", 500, "g"),
        ("1 500 g", 1500, "g"),
        ("0.001kg", 1, "g"),
        ("2l", 2000, "ml"),
        ("2L", 2000, "ml"),
        ("75cl", 750, "ml"),
        ("7,5 dl", 750, "ml"),
        ("750ml", 750, "ml"),
        ("1t", 1_000_000, "g"),
        ("0kg", 0, "g"),
        ("3 pieces", 3, "piece"),
        ("3 pièces", 3, "piece"),
        ("1 piece", 1, "piece"),
    ],
)
def test_quantities_are_read_as_people_write_them(text: str, amount: int, unit: Unit | None) -> None:
    assert parse_quantity(text) == (amount, unit)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(
            (text, "bad_quantity")
            for text in ("", "-2", "-1kg", "+1", "kg", "1..5kg", "1,5,0", "1.5kg2", "two", "1e3", "2/3")
        ),
        *((text, "bad_quantity") for text in ("²", "٣", "9" * 16 + "kg", "9" * 5000, "1 50 g", "2.", ".5kg")),
        *((text, "unknown_unit") for text in ("2 lb", "3 bunches", "1.5m", "2 kgs")),
        *((text, "fraction_of_unit") for text in ("1.5", "0,5g", "1.2345kg", "0.01cl", "1,5 pieces")),
    ],
)
def test_what_is_no_whole_quantity_is_refused_with_its_reason(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_quantity(text)
    assert caught.value.code == code
    assert str(caught.value)
    assert caught.value.hint.format(**caught.value.details)


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (1500, "g", "1.5 kg"),
        (500, "g", "500 g"),
        (1000, "g", "1 kg"),
        (1001, "g", "1.001 kg"),
        (0, "g", "0 g"),
        (-1500, "g", "-1.5 kg"),
        (-500, "ml", "-500 ml"),
        (750, "ml", "750 ml"),
        (12_000, "ml", "12 l"),
        (3, "piece", "3"),
        (3000, "piece", "3000"),
    ],
)
def test_quantities_are_shown_in_the_larger_unit_from_a_thousand_up(amount: int, unit: Unit, text: str) -> None:
    assert format_quantity(amount, unit) == text


def test_the_decimal_mark_is_the_readers() -> None:
    assert format_quantity(1500, "g", decimal_mark=",") == "1,5 kg"


@given(amounts, st.sampled_from(["g", "ml"]), st.sampled_from([".", ","]))
def test_what_is_shown_is_read_again(amount: int, unit: Unit, mark: str) -> None:
    assert parse_quantity(format_quantity(amount, unit, mark)) == (amount, unit)


@given(st.text())
def test_any_text_is_a_quantity_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        amount, unit = parse_quantity(text)
        assert 0 <= amount < 2**53
        assert unit in {None, "g", "ml", "piece"}
