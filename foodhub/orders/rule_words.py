"""The rule for a product's cases as one types it: "group,round_up,spread:fair". Pure."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from foodhub.errors import N_, UsageError
from foodhub.orders.exchanges import DEFAULT_RULE, Filled, Leftover, ProductRule, Sharing, Spread

_WORDS: Mapping[str, tuple[str, ...]] = {
    "filled": get_args(Filled),
    "leftover": get_args(Leftover),
    "spread": get_args(Spread),
    "sharing": get_args(Sharing),
}


def read_rule(text: str, base: ProductRule = DEFAULT_RULE) -> ProductRule:
    """Return a rule from words, such as "group,round_up" or "spread:fair,sharing:equal"; the rest is as in `base`.

    A word that fits several of them sets all of these.

    Raises:
        UsageError: `bad_rule`.
    """
    changes: dict[str, Any] = {}
    alone: set[str] = set()  # what a word was about that is about nothing else
    for part in text.replace("-", "_").split(","):
        field, colon, word = part.strip().rpartition(":")
        fits = [name for name, words in _WORDS.items() if word in words and field in ("", name)]
        if not fits or (colon and not field):
            raise UsageError(
                "bad_rule",
                N_('"{word}" is no part of a rule.'),
                N_("Filled: {filled}. Leftover: {leftover}. Spread: {spread}. Sharing: {sharing}."),
                word=part.strip()[:40],
                **{name: ", ".join(words) for name, words in _WORDS.items()},
            )
        for name in fits:
            if name in alone and changes[name] != word:
                raise UsageError(
                    "bad_rule",
                    N_('"{word}" and "{other}" contradict each other.'),
                    N_("Write one of them."),
                    word=changes[name],
                    other=word,
                )
        alone |= set(fits) if len(fits) == 1 else set()
        changes |= dict.fromkeys(fits, word)
    return msgspec.structs.replace(base, **changes)


def rule_text(rule: ProductRule) -> str:
    """Return a rule in the words in which it is typed."""
    return f"{rule.filled},{rule.leftover},spread:{rule.spread},sharing:{rule.sharing}"
