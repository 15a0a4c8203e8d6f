"""How many cases a queue fills, and what becomes of what no case holds.

Pure; quantities in g, ml or pieces. Tolerance completes a case, it never opens one.
"""

from dataclasses import dataclass
from typing import Final

from foodhub.money import PricePer
from foodhub.orders.exchanges import DEFAULT_RULE, Filled, ProductRule

_PART_OF_BULK: Final = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """How a product is allocated: its rule, its case (`size` 0 for none), the least that its producer delivers.

    `broken`: the producer delivers a case that is not full. `step` is what every order is a multiple of, `part` what
    is given out at a time where goods are shared (`part_of`).
    """

    rule: ProductRule = DEFAULT_RULE
    size: int = 0
    minimum: int = 0
    broken: bool = False
    step: int = 1
    part: int = 1

    @property
    def unit(self) -> int:
        """Return what is ordered at a time from the producer, in base units: a case, or the least there is."""
        return self.size or 1

    @property
    def least(self) -> int:
        """Return the least that the producer delivers, in whole cases."""
        return _whole(self.minimum, self.unit) * self.unit


@dataclass(frozen=True, slots=True)
class Filling:
    """What a queue fills: units to order, and why this is less than what is wanted (a reason of a line, or "").

    `undecided`: the rule asks a person what becomes of what no case holds; the units are as if it were cut.
    """

    units: int
    reason: str = ""
    undecided: bool = False


def part_of(price_per: PricePer) -> int:
    """Return what is given out at a time: 100 g or ml of goods sold by weight or volume, else a piece."""
    return 1 if price_per == "piece" else _PART_OF_BULK


def pool_of(filled: Filled, buyer: bytes, *, aggregator: bool) -> bytes:
    """Return with whom a customer fills its cases: b"" for those who do it together, its own id for who does alone.

    `aggregator`: the customer is itself a group or hub.
    """
    return buyer if filled == "household" or (filled == "group" and aggregator) else b""


def cases_of(quantity: int, tolerance: int, size: int, minimum: int = 0) -> int:
    """Return how many cases of `size` (at least 1) are full, where the producer delivers `minimum` units or nothing."""
    least = _whole(minimum, size)
    if quantity + tolerance < least * size:
        return 0
    if 0 < quantity < least * size:
        return least
    full, rest = divmod(quantity, size)
    return full + 1 if rest and rest + tolerance >= size else full


def missing_of(quantity: int, tolerance: int, size: int, minimum: int = 0) -> int:
    """Return what lacks for the next case that somebody waits for; 0 when all that is wanted has its case."""
    full = cases_of(quantity, tolerance, size, minimum)
    if quantity <= full * size:
        return 0
    return max(full + 1, _whole(minimum, size)) * size - quantity - tolerance


def fill(quantity: int, tolerance: int, terms: Terms, limit: int | None = None) -> Filling:
    """Return what is ordered for a queue that wants and tolerates this much; whole cases, within `limit` if any."""
    filling = _without_limit(quantity, tolerance, terms)
    if limit is None or limit >= filling.units:
        return filling
    opens = terms.rule.leftover == "open" and terms.broken
    whole = terms.step if opens or not terms.size else terms.size
    units = limit - limit % whole
    if units < terms.least:
        units = 0
    return Filling(units, "allotment_exhausted" if units < quantity else "", undecided=filling.undecided)


def _without_limit(quantity: int, tolerance: int, terms: Terms) -> Filling:
    units = cases_of(quantity, tolerance, terms.unit, terms.minimum) * terms.unit
    if units >= quantity:
        return Filling(units)
    enough = quantity + tolerance >= terms.least
    match terms.rule.leftover:
        case "round_up":
            return Filling(max(terms.least, _whole(quantity, terms.unit) * terms.unit))
        case "open" if terms.broken and enough:
            return Filling(quantity)
    reason = "case_not_full" if enough or terms.least <= terms.size else "minimum_not_met"
    return Filling(units, reason, undecided=terms.rule.leftover == "ask")


def _whole(units: int, size: int) -> int:
    """Return how many cases hold `units`."""
    return -(-units // size)
