"""Which names some words may mean: by words without accents, case and plurals, in French and in English.

It ranks and says how it came to it; it never decides for a person.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from foodhub.catalog.naming import fold

_WORD: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?|[^\W\d_]+")
_EMPTY: Final = frozenset(
    "de d du des la le les l of the a an au aux et and en un une pour svp stp please".split()  # noqa: SIM905 - words
)
_LINKS: Final = re.compile(r"\b(?:de|du|des|aux?|of|d)\b")
_SHORTEST: Final = 3
"""Letters of a word that are enough to stand for a longer one."""
_CLOSE: Final = 0.8
"""How alike two words are that may be one, mistyped."""
_APART: Final = 2
"""Letters by which they differ in length at most: nobody forgets three."""
_EXACT, _BEGINNING, _MISTYPED = 3, 2, 1


def words_of(text: str) -> list[str]:
    """Return the words of a text that mean something, without accents, case and plurals; numbers are words too."""
    found = _WORD.findall(fold(text))
    return [_singular(word) for word in found if word not in _EMPTY]


def _singular(word: str) -> str:
    """Cut a word down to a form that its singular and its plural share; it need not be a word."""
    if len(word) <= _SHORTEST:
        return word
    if word.endswith("aux") and not word.endswith("eaux"):
        return f"{word[:-3]}al"
    word = word.removesuffix("s") if word.endswith("s") else word.removesuffix("x")
    if word.endswith("ie") and len(word) > _SHORTEST:
        return f"{word[:-2]}y"
    return word[:-1] if word.endswith("oe") and len(word) > _SHORTEST else word


class Likely(NamedTuple):
    """The names (by index) that some words may mean: all of them, likeliest first, and those that no word parts.

    `named` are those whose thing itself the words name: "jus" is a juice of apples, "pommes" may be something else.
    `exact` says that all words stand so in the best ones, and name one of them.
    """

    ranked: tuple[int, ...]
    best: tuple[int, ...]
    named: frozenset[int]
    exact: bool


class Words:
    """The words of many names, each a name and what tells namesakes apart."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        """Take names and variants; what is found is an index into them."""
        self._names = [frozenset(words_of(name)) for name, _ in names]
        self._all = [own | frozenset(words_of(variant)) for own, (_, variant) in zip(self._names, names, strict=True)]
        self._heads = [_head(name) for name, _ in names]
        self._where: dict[str, list[int]] = {}
        for index, own in enumerate(self._all):
            for word in own:
                self._where.setdefault(word, []).append(index)
        self._near: dict[str, dict[str, int]] = {}

    def like(self, text: str) -> Likely:
        """Return what the words of `text` may mean."""
        wanted = frozenset(words_of(text))
        scores: dict[int, dict[str, int]] = {}
        for word in wanted:
            for known, score in self._alike(word).items():
                for index in self._where[known]:
                    held = scores.setdefault(index, {})
                    held[word] = max(held.get(word, 0), score)
        ranked = sorted(scores, key=lambda index: self._key(index, wanted, scores[index]))
        exact = [i for i in ranked if len(scores[i]) == len(wanted) and min(scores[i].values()) == _EXACT]
        whole = [index for index in exact if wanted in (self._names[index], self._all[index])]
        named = frozenset(index for index in ranked if self._heads[index] <= wanted)
        if exact:
            best = whole or exact
            return Likely(tuple(ranked), tuple(best), named, exact=not named.isdisjoint(best))
        top = [index for index in ranked if self._fit(wanted, scores[index]) == self._fit(wanted, scores[ranked[0]])]
        return Likely(tuple(ranked), tuple(top), named, exact=False)

    def _alike(self, word: str) -> dict[str, int]:
        """Return the known words that a word may be, with how surely."""
        if word not in self._near:
            self._near[word] = {known: score for known in self._where if (score := _likeness(word, known))}
        return self._near[word]

    def _key(self, index: int, wanted: frozenset[str], held: dict[str, int]) -> tuple[int, ...]:
        own, every = self._names[index], self._all[index]
        other = not self._heads[index] <= wanted
        return *self._fit(wanted, held), other, len(own - wanted), len(every - wanted), index

    @staticmethod
    def _fit(wanted: frozenset[str], held: dict[str, int]) -> tuple[int, int]:
        return len(wanted) - len(held), -sum(held.values())


def _head(name: str) -> frozenset[str]:
    """Return the word that says what a thing is: the first one, before any "de" or "of"; numbers say it of nothing."""
    for part in _LINKS.split(fold(name)):
        words = [word for word in words_of(part) if not word[0].isdigit()]
        if words:
            return frozenset(words[:1])
    return frozenset()


def _likeness(word: str, known: str) -> int:
    if word == known:
        return _EXACT
    if not (word.isalpha() and known.isalpha()) or min(len(word), len(known)) < _SHORTEST:
        return 0
    if known.startswith(word) or word.startswith(known):
        return _BEGINNING
    if abs(len(word) - len(known)) > _APART:
        return 0
    matcher = SequenceMatcher(None, _ending(word), _ending(known))
    if matcher.real_quick_ratio() < _CLOSE or matcher.quick_ratio() < _CLOSE:
        return 0
    return _MISTYPED if matcher.ratio() >= _CLOSE else 0


def _ending(word: str) -> str:
    """Return a word with one ending for -al and -eau, whose plurals people write alike: poireaux, poiraux."""
    return next((f"{word.removesuffix(end)}au" for end in ("eau", "al") if word.endswith(end)), word)
