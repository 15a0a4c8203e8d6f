"""Quantities as integers: grams, millilitres or pieces, as people write them and as they are shown.

Never a float, and never a silent rounding: half a gram is an error.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from foodhub.errors import N_, UsageError

Unit = Literal["g", "ml", "piece"]

COUNTED_IN: Final[Mapping[str, Unit]] = {"piece": "piece", "kg": "g", "l": "ml"}
"""In what goods are counted, by what their price is for."""
QUANTITY_LIMIT: Final = 2**53
"""Quantities stay below this, as every integer that is signed does."""

_UNITS: Final[dict[str, tuple[int, Unit]]] = {
    "g": (1, "g"),
    "kg": (1000, "g"),
    "t": (1_000_000, "g"),
    "ml": (1, "ml"),
    "cl": (10, "ml"),
    "dl": (100, "ml"),
    "l": (1000, "ml"),
    "hl": (100_000, "ml"),
    **dict.fromkeys(("piece", "pieces", "pièce", "pièces"), (1, "piece")),
}
_LARGE: Final = {"g": "kg", "ml": "l"}
_QUANTITY: Final = re.compile(
    "(?P<whole>[0-9]{1,16}|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3}){1,4})(?:[.,](?P<part>[0-9]{1,9}))?"
    "\\s*(?P<unit>[a-zè]*)"
)


def parse_quantity(text: str) -> tuple[int, Unit | None]:
    """Read a quantity: "1,5kg" is (1500, "g"), "75cl" is (750, "ml"), a bare "2" is (2, None).

    Raises:
        UsageError: `bad_quantity` for what is no quantity or is negative, `unknown_unit`, and `fraction_of_unit` for
            what is no whole number of g, ml or pieces.
    """
    match = _QUANTITY.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(
            "bad_quantity",
            N_('"{text}" is not a quantity.'),
            N_("Write it like 3, 500g, 1.5kg or 75cl."),
            text=text[:60],
        )
    name = match["unit"]
    if name and name not in _UNITS:
        raise UsageError(
            "unknown_unit", N_('"{text}" has an unknown unit.'), N_("Known are {units}."), text=text[:60], units=_KNOWN
        )
    factor, unit = _UNITS[name] if name else (1, None)
    part = match["part"] or ""
    amount, rest = divmod(int(re.sub(r"\s", "", match["whole"]) + part) * factor, 10 ** len(part))
    if rest or amount >= QUANTITY_LIMIT:
        raise UsageError(
            "fraction_of_unit" if rest else "bad_quantity",
            N_('"{text}" is no whole number of pieces, grams or millilitres, or too large.'),
            N_("Write a whole number of pieces, or a weight or volume with its unit, such as 1.5kg."),
            text=text[:60],
        )
    return amount, unit


def format_quantity(amount: int, unit: Unit, decimal_mark: str = ".") -> str:
    """Show a quantity of base units: "1.5 kg" from 1000 up, "500 g" below; of pieces only the number."""
    if unit == "piece":
        return str(amount)
    if abs(amount) < 1000:
        return f"{amount} {unit}"
    whole, part = divmod(abs(amount), 1000)
    decimals = f"{decimal_mark}{part:03}".rstrip("0") if part else ""
    return f"{'-' if amount < 0 else ''}{whole}{decimals} {_LARGE[unit]}"


_KNOWN: Final = ", ".join(name for name in _UNITS if not name.startswith("pi"))
