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
from foodhub.errors import N_, UsageError
from foodhub.quantity import Unit, parse_quantity

K = TypeVar("K", bound=Hashable)

Name = tuple[K, str, str, Unit]
"""A product that may be meant: its key, name, variant, and the unit in which it is counted."""

LISTED: Final = 5
"""How many candidates of a pair are kept."""
MAX_PASTED: Final = 20_000
"""Characters of a message."""

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
_UNIT: Final = rf"(?:\s?(?P<unit>{'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![\w'’]))?"
_AMOUNT: Final = re.compile(
    r"(?:(?<!\+)(?P<plus>\+\s?)|(?<![\w.,/⁄+°#–−-])(?P<before>[x×*]\s?)?)"
    rf"(?P<number>{_NUMBER})(?:\+(?P<more>{_NUMBER}))?"
    rf"{_UNIT}(?P<after>\s?[x×*](?!\w))?(?![\w/⁄%]|\+(?!\s?[0-9]))",
    re.IGNORECASE,
)
_SIGNED: Final = re.compile(r"(?<!\w)[-–−+][0-9]")
"""A number that is neither a quantity nor one in a name, as 2-3 and -1 are: what it means, nobody knows."""
# A comma between digits belongs to a number.
_BREAK: Final = re.compile(r"[;|\n\r]+|(?<![0-9]),|,(?![0-9])")
_THOUSANDS: Final = re.compile(r"[.,][0-9]{3}$")
"""How a thousand may be written, which else would be read as one."""
_BULLET: Final = re.compile(r"^\s*(?:[-*•–—]\s+)+")


class Quantity(NamedTuple):
    """How much, as it was written: a number, maybe a tolerance behind a plus, maybe a unit, maybe another for that."""

    number: str
    more: str
    unit: str
    more_unit: str = ""

    def base(self, unit: Unit) -> tuple[int, int] | None:
        """Return amount and tolerance of something counted in `unit`; None where that does not fit."""
        own = self.unit or _BARE[unit]
        amounts = [_base(self.number, own), _base(self.more or "0", self.more_unit or own)]
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
    """A piece of text: words, or an amount, which an x may mark as one; `plus` says that it stands behind a plus."""

    text: str
    quantity: Quantity | None = None
    marked: bool = False
    plus: bool = False


class _Pair(NamedTuple):
    """A quantity and words; `whole` is false where a number is left over that nobody understands."""

    quantity: Quantity | None
    text: str
    words: str
    whole: bool


def read_message(text: str, names: Sequence[Name[K]]) -> list[Pasted[K]]:
    """Read a message as `read_pasted` does, where there has to be something to read.

    Raises:
        UsageError: `nothing_pasted`, `pasted_too_long`.
    """
    if len(text) > MAX_PASTED:
        raise UsageError(
            "pasted_too_long",
            N_("That is too long to be a list: {count} characters."),
            N_("Paste at most {most}."),
            count=len(text),
            most=MAX_PASTED,
        )
    found = read_pasted(text, names)
    if not found:
        raise UsageError(
            "nothing_pasted", N_("There is nothing to read."), N_('Write it like "2 jus 3 oeufs 1,5kg carottes".')
        )
    return found


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
            yield _Token(between.strip(" ()"))
        quantity = Quantity(match["number"], match["more"] or "", _UNITS.get((match["unit"] or "").lower(), ""))
        marked = bool(match["before"] or match["after"] or match["more"])
        yield _Token(match[0].strip(), quantity, marked, plus=bool(match["plus"]))
        at = match.end()
    if words_of(segment[at:]):
        yield _Token(segment[at:].strip(" ()"))


def _readings(tokens: list[_Token]) -> list[list[_Pair]]:
    """Return the ways to read a segment: each quantity before its words, or behind them.

    What stands behind a plus is a tolerance ("2 jus +1"), or the next thing that is wanted ("2 jus + 3 oeufs").
    """
    amounts = [token for token in tokens if token.quantity]
    if len(amounts) <= 1:
        return [[_pair(tokens, amounts[0] if amounts else None)]]
    readings = [[_pair(group, group[0]) for group in _groups(tokens)]]
    next_ones = list(_next_ones(tokens))
    if next_ones != tokens:
        readings.append([_pair(group, group[0]) for group in _groups(next_ones)])
    behind = [_pair(group[::-1], group[0]) for group in _groups(_with_tolerance(tokens)[::-1])]
    return [*readings, behind[::-1]]


def _next_ones(tokens: Sequence[_Token]) -> Iterator[_Token]:
    """Yield the tokens, those behind a plus that words follow as quantities of their own."""
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        joins = token.plus and after is not None and after.quantity is None and token is not tokens[0]
        yield token._replace(marked=True, plus=False) if joins else token


def _with_tolerance(tokens: Sequence[_Token]) -> list[_Token]:
    """Return the tokens, each quantity as one with the tolerance right behind it."""
    joined: list[_Token] = []
    for token in tokens:
        last = joined[-1] if joined else None
        whole = _widened(last.quantity, token) if last is not None and token.plus and not last.plus else None
        if last is not None and whole is not None:
            joined[-1] = _Token(f"{last.text} {token.text}", whole, marked=True)
        else:
            joined.append(token)
    return joined


def _widened(quantity: Quantity | None, more: _Token) -> Quantity | None:
    """Return a quantity with what stands behind a plus as its tolerance; None where one of them can't be that."""
    if quantity is None or more.quantity is None or quantity.more or more.quantity.more:
        return None
    return quantity._replace(more=more.quantity.number, more_unit=more.quantity.unit)


def _groups(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Group tokens so that each group begins with its quantity; what stands before the first is a group without one.

    A quantity that no words follow belongs to the words before it ("2 jus 1 l"), and one right behind another to the
    words after it ("3 250g beurre"), unless an x marks it. A tolerance begins no group.
    """
    group: list[_Token] = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        alone = len(group) == 1 and group[0].quantity is not None
        begins = not group or token.marked or (not alone and after is not None and after.quantity is None)
        if token.quantity and not token.plus and begins and group:
            yield group
            group = []
        group.append(token)
    yield group


def _pair(group: Sequence[_Token], quantity: _Token | None) -> _Pair:
    """Return what a group of tokens says; `quantity` is the token that says how much, if any does."""
    tolerances = [token for token in group if token.plus]
    said = quantity.quantity if quantity is not None and not quantity.plus else None
    widened = _widened(said, tolerances[0]) if len(tolerances) == 1 else None
    rest = [token for token in group if token is not quantity and not token.plus]
    whole = (not tolerances or widened is not None) and not any(_SIGNED.search(token.text) for token in rest)
    # Of "1 kg carottes + 500" nobody said in which unit the 500 are meant.
    whole = whole and not (widened and widened.unit and not widened.more_unit)
    # Of "jus x6 + 3 salade" the 3 are more likely another thing.
    whole = whole and not (quantity and quantity.marked and tolerances and group[-1] is not tolerances[-1])
    return _Pair(
        widened or said, " ".join(token.text for token in group), " ".join(token.text for token in rest), whole
    )


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
    sure = pair.whole and likely.exact and amount is not None and len(fits) == 1 and not guessed
    candidates = tuple(names[index][0] for index in order[:LISTED])
    return Pasted(pair.text, pair.quantity, amount, tolerance, unit, candidates, sure=sure)


def _base(number: str, unit: str) -> tuple[int, Unit | None] | None:
    if unit in {"g", "ml", "piece"} and _THOUSANDS.search(number):
        return None
    try:
        return parse_quantity(number + unit)
    except UsageError:
        return None


def _worth(reading: Sequence[Pasted[K]]) -> tuple[int, int]:
    """Return how well a reading fits the products: its worst pair first, then all."""
    worths = [3 if each.sure else (each.amount is not None) + bool(each.candidates) for each in reading]
    return min(worths), sum(worths) * 100 // len(worths)
