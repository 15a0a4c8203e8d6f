"""Open Food Network's units of weight and volume, counted in whole grams and millilitres.

The factors are theirs, as exact fractions: an ounce is 28.35 g there, and two programs that import one file must agree.
"""

import re
from fractions import Fraction
from typing import Final

from foodhub.money import round_half_up
from foodhub.quantity import Unit

FACTORS: Final[dict[str, tuple[Unit, int, int]]] = {
    "mg": ("g", 1, 1000),
    "g": ("g", 1, 1),
    "kg": ("g", 1000, 1),
    "oz": ("g", 2835, 100),
    "lb": ("g", 4536, 10),
    "t": ("g", 1_000_000, 1),
    "ml": ("ml", 1, 1),
    "cl": ("ml", 10, 1),
    "dl": ("ml", 100, 1),
    "l": ("ml", 1000, 1),
    "kl": ("ml", 1_000_000, 1),
    "gal": ("ml", 454_609, 100),
}
"""Unit type: the base unit, and base units in one of it as numerator and denominator."""

_NUMBER: Final = re.compile("(-?[0-9]{1,12}|-?[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3}){1,3})(?:[.,]([0-9]{1,9}))?")


def parse_number(text: str) -> Fraction | int | None:
    """Read a decimal number with a point or a comma ("1.5", "1,5", "1 500"); None for anything else."""
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return int(text)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    whole, part = re.sub(r"\s", "", match[1]), match[2] or ""
    return Fraction(int(whole + part), 10 ** len(part))


def in_base_units(number: Fraction | int, unit_type: str) -> tuple[Unit, int]:
    """Return `number` of a unit type of `FACTORS` as (base unit, whole amount, rounded half up); it may become 0."""
    unit, factor, divisor = FACTORS[unit_type]
    return unit, round_half_up(number.numerator * factor, number.denominator * divisor)
