"""Money as integers in minor units (cents), and the one way this project rounds.

Nothing here ever goes through a float, and nothing that a person typed is rounded: what does not fit is an error.
"""

import re
from typing import Final, Literal

from foodhub.errors import N_, UsageError

PricePer = Literal["piece", "kg", "l"]

MONEY_LIMIT: Final = 2**53
"""Amounts stay below this, as every integer that is signed does."""

_DIGITS: Final = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}

_LONGEST: Final = 60
_GROUP: Final = "[ \u00a0\u2009\u202f'’]"
_MARK: Final = r"[^\d\s.,+'’-]{1,3}"
_AMOUNT: Final = re.compile(
    rf"(?P<before>{_MARK})?\s*(?P<whole>[0-9]{{1,16}}|[0-9]{{1,3}}(?:{_GROUP}[0-9]{{3}}){{1,5}})"
    rf"(?:[.,](?P<part>[0-9]{{1,9}}))?\s*(?P<after>{_MARK})?"
)
_BOTH_MARKS: Final = re.compile(r"(?<![0-9])[0-9]{1,3}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*(?!\1)[.,][0-9]+")


def round_half_up(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to the nearest integer, halves away from zero.

    Raises:
        ValueError: the denominator is not positive.
    """
    if denominator <= 0:
        raise ValueError("the denominator has to be positive")
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -rounded if numerator < 0 else rounded


def digits(currency: str) -> int:
    """Return how many decimals the currency (ISO 4217 code) has: 2 for most."""
    return _DIGITS.get(currency, 2)


def parse_money(text: str, currency: str) -> int:
    """Read an amount as people write it ("2,45", "€2.45", "1 234,50") and return it in minor units of `currency`.

    Raises:
        UsageError: `bad_money` when it is no amount, negative, in another currency, or has too many decimals for it.
    """
    # The length first: on a whole page of digits and points the search for thousands would take for ever.
    match = _AMOUNT.fullmatch(_without_thousands(text.strip())) if len(text) <= _LONGEST else None
    if match is None or not _is_mark_of(currency, match["before"], match["after"]):
        raise _bad_money(text, currency)
    places = digits(currency)
    whole, part = re.sub(_GROUP, "", match["whole"]), match["part"] or ""
    # Three decimals too many to be cents may be thousands ("1.500"): the reader must not choose between them.
    if len(part) > places and (len(part) == 3 or part[places:].strip("0")):
        raise _bad_money(text, currency)
    amount = int(whole + part[:places].ljust(places, "0"))
    if amount >= MONEY_LIMIT:
        raise _bad_money(text, currency)
    return amount


def format_money(amount: int, currency: str) -> str:
    """Write an amount of minor units as a plain decimal with a point: "2.45"."""
    places = digits(currency)
    sign, text = "-" if amount < 0 else "", str(abs(amount)).rjust(places + 1, "0")
    return f"{sign}{text[:-places]}.{text[-places:]}" if places else f"{sign}{text}"


def line_amount(price: int, price_per: PricePer, quantity: int) -> int:
    """Return what `quantity` pieces, g or ml cost at `price` for a piece, kg or l: minor units, rounded half up."""
    return price * quantity if price_per == "piece" else round_half_up(price * quantity, 1000)


def _without_thousands(text: str) -> str:
    """Drop the thousands mark where a point and a comma both stand, as only one reading is left: "1.234,50"."""
    match = _BOTH_MARKS.search(text)
    return text.replace(match[1], "") if match else text


def _is_mark_of(currency: str, before: str | None, after: str | None) -> bool:
    if before and after:
        return False
    mark = before or after
    return mark is None or mark.upper() == currency or mark == _SYMBOLS.get(currency)


def _bad_money(text: str, currency: str) -> UsageError:
    return UsageError(
        "bad_money",
        N_('"{text}" is not an amount in {currency}.'),
        N_("Write it like {example}: no sign in front, and no more decimals than the currency has."),
        text=text[:_LONGEST],
        currency=currency,
        example=format_money(1245, currency),
    )
