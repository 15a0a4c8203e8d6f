"""Texts of one line that people type or paste."""

import pytest

from foodhub.cli.texts import one_line
from foodhub.errors import UsageError


def test_what_was_pasted_on_several_lines_stands_on_one() -> None:
    assert one_line("  Gate code 1234\r\n\tring twice \n", 40) == "Gate code 1234 ring twice"
    assert one_line("", 40) == ""


@pytest.mark.parametrize("text", ["12345", "12\x07", "12\u202e"])
def test_what_is_too_long_or_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        one_line(text, 4)
    assert raised.value.code == "bad_text"
