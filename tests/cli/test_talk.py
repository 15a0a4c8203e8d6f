"""What is said to people fits their terminal, and codes stay whole."""

import pytest

from foodhub.cli.talk import folded


def test_a_long_line_is_folded_between_words_and_keeps_its_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert folded("Have them at hand, then: foodhub recover --check") == (
        "Have them at hand,\nthen: foodhub\nrecover --check"
    )
    assert folded("    one two three four five") == "    one two three\n    four five"
    assert folded("12. one two three four five") == "12. one two three\n    four five"
    assert folded("short\n\n  also") == "short\n\n  also"


def test_a_code_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    code = "foodhub1" + "abc-" * 20
    assert folded(code) == code
    assert code in folded(f"Hand this over: {code}").split("\n")
