from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.texts import clean, forbidden


def test_texts_are_trimmed_and_composed() -> None:
    assert clean(" \u00a0Ce\u0301leri\t\n") == "Céleri"


@given(st.text())
def test_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert is_normalized("NFC", cleaned)


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\t", "\r", "\x7f", "\x9d", "\u2028", "\u202e", "\u2066", "\ud800"]
)
def test_characters_that_play_tricks_on_a_screen_are_found(character: str) -> None:
    assert forbidden(f"a{character}b") == character
    assert forbidden(f"a\n{character}b", lines=True) == character


@pytest.mark.parametrize("text", ["", "Œufs n° 3", "1 234 €", "soft\u00adhyphen", "zero\u200djoiner", "🥕"])
def test_ordinary_text_may_stand(text: str) -> None:
    assert forbidden(text) == ""


def test_a_line_feed_may_stand_where_lines_are_allowed() -> None:
    assert forbidden("a\nb") == "\n"
    assert forbidden("a\nb", lines=True) == ""
