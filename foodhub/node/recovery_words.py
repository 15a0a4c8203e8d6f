"""The 24 recovery words (BIP-39, English): making them, reading what somebody typed, and naming the word that is wrong.

They are shown once and never stored; only the public halves of the two keys that follow from them stand in the log.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache

from foodhub.errors import N_, UsageError
from foodhub.log.keys import BoxKey, SigningKey, digest

COUNT = 24
_DISTINCT = 4
"""The first four letters tell any two words of the list apart."""


@dataclass(frozen=True, slots=True)
class RecoveryKeys:
    """The two keys of a member that follow from its recovery words."""

    signing: SigningKey = field(repr=False)
    box: BoxKey = field(repr=False)


def new_words() -> tuple[list[str], SigningKey, BoxKey]:
    """Make 24 new recovery words and the two keys that follow from them."""
    from mnemonic import Mnemonic

    entropy = secrets.token_bytes(32)
    keys = _keys(entropy)
    return Mnemonic("english").to_mnemonic(entropy).split(), keys.signing, keys.box


def _keys(entropy: bytes) -> RecoveryKeys:
    return RecoveryKeys(SigningKey(digest(entropy, b"foodhub-rec-sign")), BoxKey(digest(entropy, b"foodhub-rec-box")))


@cache
def _list() -> Sequence[str]:
    from mnemonic import Mnemonic

    words: Sequence[str] = Mnemonic("english").wordlist
    return words


def read_word(number: int, text: str) -> str:
    """Return the word of the list that somebody typed as the one of this number; its first four letters are enough.

    Raises:
        UsageError: `bad_word`, with near words in the hint.
    """
    wanted = text.strip().lower()
    if wanted in _list():
        return wanted
    found = [word for word in _list() if word.startswith(wanted)] if len(wanted) >= _DISTINCT else []
    if len(found) == 1:
        return found[0]
    near = ", ".join(get_close_matches(wanted, _list(), n=3))
    raise UsageError(
        "bad_word",
        N_('Word {number}, "{text}", is none of the recovery words.'),
        N_("Near it: {near}.") if near else N_("Look at the paper again."),
        number=number,
        text=text.strip()[:30],
        near=near,
    )


def read_words(typed: Sequence[str]) -> RecoveryKeys:
    """Return the keys that follow from 24 words as they were typed.

    Raises:
        UsageError: `word_count`, `bad_word`, or `words_do_not_fit` when they are all in the list but not together.
    """
    from mnemonic import Mnemonic

    if len(typed) != COUNT:
        raise UsageError("word_count", N_("Words found: {found}. Needed: {most}."), found=len(typed), most=COUNT)
    words = " ".join(read_word(number, text) for number, text in enumerate(typed, 1))
    known = Mnemonic("english")
    if not known.check(words):
        raise UsageError(
            "words_do_not_fit",
            N_("Each of these words is in the list, but they do not belong together."),
            N_("One is wrong, or two stand in each other's place: compare them with the paper, one by one."),
        )
    return _keys(bytes(known.to_entropy(words)))
