"""The rule for a product's cases as one types it."""

import pytest

from foodhub.errors import UsageError
from foodhub.orders.exchanges import DEFAULT_RULE, ProductRule
from foodhub.orders.rule_words import read_rule, rule_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hub", DEFAULT_RULE),
        ("group, round-up", ProductRule("group", "round_up", "queue", "queue")),
        ("fair,proportional", ProductRule("hub", "cut", "fair", "proportional")),
        ("spread:fair,sharing:by_hand", ProductRule("hub", "cut", "fair", "by_hand")),
        ("filled:household,leftover:ask", ProductRule("household", "ask", "queue", "queue")),
    ],
)
def test_words_change_a_part_of_a_rule_each(text: str, expected: ProductRule) -> None:
    assert read_rule(text) == expected
    assert read_rule(rule_text(expected)) == expected


def test_a_word_of_two_parts_sets_both_and_what_is_not_said_stays() -> None:
    base = ProductRule("group", "open", "fair", "equal")
    assert read_rule("queue", base) == ProductRule("group", "open", "queue", "queue")
    assert read_rule("sharing:queue", base) == ProductRule("group", "open", "fair", "queue")


@pytest.mark.parametrize("text", ["", "sideways", "filled:cut", ":fair", "spread:", "group,,cut"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_rule(text)
    assert caught.value.code == "bad_rule"


def test_two_words_that_contradict_each_other_are_refused_by_name() -> None:
    with pytest.raises(UsageError) as caught:
        read_rule("cut,round_up")
    assert (caught.value.details["word"], caught.value.details["other"]) == ("cut", "round_up")
    assert read_rule("cut,cut") == DEFAULT_RULE
    assert read_rule("queue,fair") == ProductRule("hub", "cut", "fair", "queue")
