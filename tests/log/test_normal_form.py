import sys
from hashlib import blake2b
from unicodedata import category, combining, decomposition, unidata_version

import pytest

from foodhub.log.normal_form import LATER, VERSION, is_normal

SINCE_14 = {character for each in LATER for character in each}
COMBINING_IN_14 = "dcf45b4d05d3db513f8602ec6704f36e"


def test_all_that_combines_is_what_combined_in_unicode_14_or_is_left_alone() -> None:
    """If this fails, this Python knows characters that combine and that `LATER` lacks: two nodes would not agree."""
    known = [
        f"{character:x} {combining(chr(character))} {decomposition(chr(character))}"
        for character in range(sys.maxunicode + 1)
        if combining(chr(character)) or decomposition(chr(character))[:1] not in {"", "<"}
    ]
    found = "\n".join(each for each in known if int(each.split()[0], 16) not in SINCE_14)
    assert blake2b(found.encode(), digest_size=16).hexdigest() == COMBINING_IN_14


@pytest.mark.skipif(unidata_version != VERSION, reason="only these tables say what Unicode 14.0 lacks")
def test_nothing_that_unicode_14_knows_is_left_alone() -> None:
    assert {category(chr(character)) for character in SINCE_14} == {"Cn"}


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Caf\u00e9", True),
        ("Cafe\u0301", False),
        ("q\u0323\u0307", True),
        ("q\u0307\u0323", False),
        ("q\U0001e08f\u0323", True),  # a combining letter of 15.0 above, then a dot below: out of order since 15.0
        ("q\U0001e08f\u0307\u0323", False),
        ("\U00016d67\U00016d67", True),  # one vowel sign since 16.0
    ],
)
def test_a_text_is_judged_by_unicode_14_on_every_python(text: str, normal: bool) -> None:
    assert is_normal(text) is normal
