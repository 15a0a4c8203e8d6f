from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.circuit.invite import PREFIX, InviteCode, read_code, write_code
from foodhub.errors import RefusedError
from tests.vectors.reading import cases

keys = st.binary(min_size=32, max_size=32)
codes = st.builds(
    InviteCode, keys, keys, st.integers(0, 2**47 - 1), st.lists(st.text("/abc49", max_size=20), max_size=3)
)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@given(codes)
def test_a_code_is_one_word_that_reads_back(code: InviteCode) -> None:
    word = write_code(code)
    assert word.isalnum()
    assert word.islower()
    assert read_code(word) == code


@given(codes, st.integers(0), st.sampled_from(" \n\t"))
def test_white_space_and_capitals_do_not_matter(code: InviteCode, place: int, space: str) -> None:
    word = write_code(code)
    place %= len(word)
    assert read_code(f" {word[:place].upper()}{space}{word[place:]}\n") == code


@given(codes, st.integers(0), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_noticed(code: InviteCode, place: int, letter: str) -> None:
    word = write_code(code)
    place %= len(word)
    slip = word[:place] + letter + word[place + 1 :]
    with suppress(RefusedError):
        assert read_code(slip) == code
        assert slip == word or place == len(word) - 1


@given(st.text(max_size=60))
def test_any_other_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    for tried in (text, PREFIX + text):
        with pytest.raises(RefusedError) as raised:
            read_code(tried)
        assert raised.value.code == "invite_unreadable"


def test_the_secret_does_not_show_in_a_log_line() -> None:
    code = InviteCode(b"c" * 32, b"s" * 32, 1, [])
    assert "ss" not in repr(code).replace("<invite", "")
    assert code.seed.hex() not in repr(code)


@pytest.mark.parametrize("case", cases("invites", "good"))
def test_a_good_invite_of_the_vectors_says_this(case: dict[str, Any]) -> None:
    circuit, seed = bytes.fromhex(case["circuit"]), bytes.fromhex(case["seed"])
    assert read_code(case["text"]) == InviteCode(circuit, seed, case["expires"], case["addresses"])


@pytest.mark.parametrize("case", cases("invites", "bad"))
def test_a_bad_invite_of_the_vectors_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as raised:
        read_code(case["text"])
    assert raised.value.code == case["code"]
