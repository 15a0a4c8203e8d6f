from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.errors import UsageError
from foodhub.money import digits, format_money, line_amount, parse_money, round_half_up

amounts = st.integers(min_value=0, max_value=2**53 - 1)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(5, 2, 3), (-5, 2, -3), (1, 2, 1), (-1, 2, -1), (249, 100, 2), (250, 100, 3), (0, 7, 0), (7, 1, 7)],
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_up(numerator, denominator) == rounded


@given(st.integers(), st.integers(min_value=1))
def test_rounding_is_within_half_and_symmetric(numerator: int, denominator: int) -> None:
    rounded = round_half_up(numerator, denominator)
    assert abs(2 * (rounded * denominator - numerator)) <= denominator
    assert round_half_up(-numerator, denominator) == -rounded


@given(st.integers(-(10**12), 10**12), st.sampled_from([1, 2, 4, 5, 8, 10, 100, 1000]))
def test_rounding_agrees_with_decimal(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / Decimal(denominator)
    assert round_half_up(numerator, denominator) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize("denominator", [0, -3])
def test_a_denominator_that_is_not_positive_is_our_fault(denominator: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        round_half_up(1, denominator)


@pytest.mark.parametrize(
    ("currency", "places"), [("EUR", 2), ("JPY", 0), ("XOF", 0), ("TND", 3), ("KWD", 3), ("CHF", 2)]
)
def test_currencies_have_their_own_decimals(currency: str, places: int) -> None:
    assert digits(currency) == places


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2,45", 245),
        ("2.45", 245),
        ("2", 200),
        ("2,4", 240),
        ("0", 0),
        ("0,05", 5),
        (" 2.45 ", 245),
        ("€2.45", 245),
        ("2,45 €", 245),
        ("2,45\u00a0€", 245),
        ("EUR 2.45", 245),
        ("2.45eur", 245),
        ("1 234,50", 123450),
        ("1\u202f234,50", 123450),
        ("1'234.50", 123450),
        ("1.234,50", 123450),
        ("1,234.50", 123450),
        ("1.234.567,8", 123456780),
        ("2.4500", 245),
        ("007", 700),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, amount: int) -> None:
    assert parse_money(text, "EUR") == amount


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "abc",
            "-2",
            "−2",
            "+2",
            "2.",
            ",5",
            ".",
            "2,455",
            "2.4501",
            "1,234",
            "1.234.567",
            "1 23",
            "12 34,00",
        ),
        *(
            "$2.45",
            "2.45 USD",
            "€2.45 €",
            "2.45 2",
            "1e3",
            "2 . 45",
            "NaN",
            "٢",
            "²",
            "91234.567,8",
            "1.23,45",
            "2,45\n3",
        ),
        *("9" * 16, "9" * 5000, "1.111" * 30000, "0x10", "2_000"),
    ],
)
def test_what_is_no_amount_is_refused_and_never_rounded(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_money(text, "EUR")
    assert caught.value.code == "bad_money"
    assert str(caught.value)
    assert "12.45" in caught.value.hint.format(**caught.value.details)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("120", "JPY", 120), ("¥120", "JPY", 120), ("120.0", "JPY", 120), ("1,234", "TND", 1234), ("2", "TND", 2000)],
)
def test_the_currency_decides_what_a_decimal_is(text: str, currency: str, amount: int) -> None:
    assert parse_money(text, currency) == amount


def test_a_currency_without_cents_takes_no_cents() -> None:
    with pytest.raises(UsageError):
        parse_money("120.5", "JPY")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(245, "EUR", "2.45"), (0, "EUR", "0.00"), (-5, "EUR", "-0.05"), (120, "JPY", "120"), (-7, "TND", "-0.007")],
)
def test_money_is_written_as_a_plain_decimal(amount: int, currency: str, text: str) -> None:
    assert format_money(amount, currency) == text


@given(amounts, st.sampled_from(["EUR", "JPY", "TND"]))
def test_what_is_written_is_read_again(amount: int, currency: str) -> None:
    text = format_money(amount, currency)
    assert parse_money(text, currency) == amount
    assert parse_money(text.replace(".", ","), currency) == amount


@given(st.text())
def test_any_text_is_an_amount_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert 0 <= parse_money(text, "EUR") < 2**53


@pytest.mark.parametrize(("quantity", "amount"), [(1700, 417), (1300, 319), (800, 196), (2500, 613), (5500, 1348)])
def test_goods_by_weight_are_rounded_once_and_half_up(quantity: int, amount: int) -> None:
    """Carrots at 2.45 a kilogram; 1.3 kg are 3.185, which is 3.19 by itself."""
    assert line_amount(245, "kg", quantity) == amount


def test_pieces_and_litres_have_their_own_prices() -> None:
    assert line_amount(320, "piece", 9) == 2880
    assert line_amount(320, "l", 750) == 240
