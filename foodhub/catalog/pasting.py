"""Reading what somebody wrote in a message: "2 jus 3 oeufs 1,5kg carottes", or "carottes 1,5 kg; oeufs x3".

What is read here gets signed, so nothing is guessed silently: each pair of a quantity and words comes back with the
products that it may mean, best first, and with whether it can mean anything else. No text is ever dropped: what was
not understood comes back as a pair that is not sure.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, NamedTuple, TypeVar
from unicodedata import normalize

from foodhub.catalog.likeness import Words, words_of
from foodhub.errors import UsageError
from foodhub.quantity import Unit, parse_quantity

K = TypeVar("K", bound=Hashable)

Name = tuple[K, str, str, Unit]
"""A product that may be meant: its key, name, variant, and the unit in which it is counted."""

LISTED: Final = 5
"""How many candidates of a pair are kept."""

_UNITS: Final[dict[str, str]] = {
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogramme", "kilogrammes"), "kg"),
    **dict.fromkeys(("g", "gr", "gramme", "grammes", "gram", "grams"), "g"),
    **dict.fromkeys(("l", "litre", "litres", "liter", "liters"), "l"),
    **dict.fromkeys(("pièce", "pièces", "piece", "pieces", "pce", "pces", "pc", "pcs"), "piece"),
    **{unit: unit for unit in ("t", "ml", "cl", "dl", "hl")},
}
_BARE: Final[dict[Unit, str]] = {"g": "kg", "ml": "l", "piece": "piece"}
"""In what a bare number of something is most likely meant."""
_NUMBER: Final = "[0-9]{1,12}(?:[.,][0-9]{1,6})?"
_AMOUNT: Final = re.compile(
    rf"(?<![\w.,/⁄+°#-])(?P<before>[x×*]\s?)?(?P<number>{_NUMBER})(?:\+(?P<more>{_NUMBER}))?"
    rf"(?:\s?(?P<unit>{'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![\w'’]))?"
    r"(?P<after>\s?[x×*](?!\w))?(?![\w/⁄%+])",
    re.IGNORECASE,
)
# A comma between digits belongs to a number.
_BREAK: Final = re.compile(r"[;|\n\r]+|(?<![0-9]),|,(?![0-9])")
_BULLET: Final = re.compile(r"^\s*(?:[-*•–—]\s+)+")


class Quantity(NamedTuple):
    """How much, as it was written: a number, maybe a tolerance behind a plus, maybe a unit."""

    number: str
    more: str
    unit: str

    def base(self, unit: Unit) -> tuple[int, int] | None:
        """Return amount and tolerance of something counted in `unit`; None where that does not fit."""
        amounts = [_base(number, self.unit or _BARE[unit]) for number in (self.number, self.more or "0")]
        if any(each is None or each[1] != unit for each in amounts):
            return None
        amount, tolerance = (each[0] for each in amounts if each)
        return amount, tolerance


@dataclass(frozen=True, slots=True)
class Pasted(Generic[K]):
    """One pair as it was read: its text, and how much (`amount`, `tolerance`) of which of `candidates`, best first.

    The amounts are those of the first candidate, in its `unit`; `amount` is None where the text says none that fits.
    `sure` is false where it may mean something else, or was not understood: then somebody has to be asked.
    """

    text: str
    quantity: Quantity | None
    amount: int | None
    tolerance: int
    unit: Unit | None
    candidates: tuple[K, ...]
    sure: bool

    def amounts_in(self, unit: Unit) -> tuple[int, int] | None:
        """Return amount and tolerance for a product that is counted in `unit`; None where that does not fit.

        A bare number of goods by weight or volume is taken as kg or l.
        """
        return self.quantity.base(unit) if self.quantity else None


class _Token(NamedTuple):
    """A piece of text: words, or an amount, which an x may mark as one."""

    text: str
    quantity: Quantity | None = None
    marked: bool = False


class _Pair(NamedTuple):
    quantity: Quantity | None
    text: str
    words: str


def read_pasted(text: str, names: Sequence[Name[K]]) -> list[Pasted[K]]:
    """Read all pairs of a text, in its order, against the products that may be meant."""
    words = Words([(name, variant) for _, name, variant, _ in names])
    found: list[Pasted[K]] = []
    for part in _BREAK.split(normalize("NFKC", text)):
        segment = " ".join(_BULLET.sub("", part).split())
        if words_of(segment):
            found += _read(segment, names, words)
    return found


def _read(segment: str, names: Sequence[Name[K]], words: Words) -> list[Pasted[K]]:
    """Read a segment in each way in which it can be read, and take the one that fits the products best."""
    readings = [[_match(pair, names, words) for pair in pairs] for pairs in _readings(list(_tokens(segment)))]
    best = max(readings, key=_worth)
    if any(_worth(reading) == _worth(best) and reading != best for reading in readings):
        return [replace(each, sure=False) for each in best]
    return best


def _tokens(segment: str) -> Iterator[_Token]:
    """Split a segment into amounts and what stands between them."""
    at = 0
    for match in _AMOUNT.finditer(segment):
        between = segment[at : match.start()]
        if words_of(between):
            yield _Token(between.strip())
        quantity = Quantity(match["number"], match["more"] or "", _UNITS.get((match["unit"] or "").lower(), ""))
        yield _Token(match[0].strip(), quantity, marked=bool(match["before"] or match["after"] or match["more"]))
        at = match.end()
    if words_of(segment[at:]):
        yield _Token(segment[at:].strip())


def _readings(tokens: list[_Token]) -> list[list[_Pair]]:
    """Return the ways to read a segment: each quantity before its words, or behind them."""
    if sum(token.quantity is not None for token in tokens) <= 1:
        return [[_pair(tokens, next((token for token in tokens if token.quantity), None))]]
    before = [_pair(group, group[0]) for group in _groups(tokens)]
    behind = [_pair(group[::-1], group[0]) for group in _groups(tokens[::-1])]
    return [before, behind[::-1]]


def _groups(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Group tokens so that each group begins with its quantity; what stands before the first is a group without one.

    A quantity that no words follow belongs to the words before it ("2 jus 1 l"), and one right behind another to the
    words after it ("3 250g beurre"), unless an x marks it.
    """
    group: list[_Token] = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        alone = len(group) == 1 and group[0].quantity is not None
        begins = not group or token.marked or (not alone and after is not None and after.quantity is None)
        if token.quantity and begins and group:
            yield group
            group = []
        group.append(token)
    yield group


def _pair(group: Sequence[_Token], quantity: _Token | None) -> _Pair:
    words = " ".join(token.text for token in group if token is not quantity or token.quantity is None)
    return _Pair(quantity.quantity if quantity else None, " ".join(token.text for token in group), words)


def _match(pair: _Pair, names: Sequence[Name[K]], words: Words) -> Pasted[K]:
    """Find the products that a pair may mean."""
    likely = words.like(pair.words)
    amounts = [pair.quantity.base(names[index][3]) if pair.quantity else None for index in likely.ranked]
    fits = {index for index, amount in zip(likely.ranked, amounts, strict=True) if amount is not None} & {*likely.best}
    # In which unit a bare number of goods by weight is meant, nobody said.
    guessed = {index for index in fits if pair.quantity and not pair.quantity.unit and names[index][3] != "piece"}
    order = sorted(fits, key=lambda index: (index not in likely.named, index in guessed, likely.ranked.index(index)))
    order += [index for index in likely.ranked if index not in order]
    if not order:
        return Pasted(pair.text, pair.quantity, None, 0, None, (), sure=False)
    unit = names[order[0]][3]
    amount, tolerance = (pair.quantity.base(unit) if pair.quantity else None) or (None, 0)
    sure = likely.exact and amount is not None and len(fits) == 1 and not guessed
    candidates = tuple(names[index][0] for index in order[:LISTED])
    return Pasted(pair.text, pair.quantity, amount, tolerance, unit, candidates, sure=sure)


def _base(number: str, unit: str) -> tuple[int, Unit | None] | None:
    try:
        return parse_quantity(number + unit)
    except UsageError:
        return None


def _worth(reading: Sequence[Pasted[K]]) -> tuple[int, int]:
    """Return how well a reading fits the products: its worst pair first, then all."""
    worths = [3 if each.sure else (each.amount is not None) + bool(each.candidates) for each in reading]
    return min(worths), sum(worths) * 100 // len(worths)
