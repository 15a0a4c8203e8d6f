from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.circuit.device_code import (
    CARD_PREFIX,
    PREFIX,
    Card,
    DeviceCode,
    read_card,
    read_device_code,
    write_card,
    write_device_code,
)
from foodhub.circuit.invite import InviteCode, read_code, write_code
from foodhub.errors import RefusedError

keys = st.binary(min_size=32, max_size=32)
addresses = st.lists(st.text("/abc49", max_size=20), max_size=3)
roles: Any = st.lists(st.sampled_from(["producer", "group", "household", "hub"]), max_size=4, unique=True)
codes = st.builds(
    DeviceCode, keys, keys, keys, st.integers(0, 2**47 - 1), st.text("abcé ", max_size=20), roles, addresses
)
cards = st.builds(Card, keys, addresses)


@given(codes, st.integers(0))
def test_a_code_is_one_word_that_reads_back_whatever_the_spaces_and_capitals(code: DeviceCode, place: int) -> None:
    word = write_device_code(code)
    assert word.isalnum()
    place %= len(word)
    assert read_device_code(f"{word[:place].upper()}\n {word[place:]}") == code


@given(cards)
def test_a_card_is_one_word_that_reads_back(card: Card) -> None:
    word = write_card(card)
    assert word.startswith(CARD_PREFIX)
    assert read_card(word) == card


@given(codes, st.integers(len(PREFIX)), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_wrong_letter_is_noticed(code: DeviceCode, place: int, letter: str) -> None:
    word = write_device_code(code)
    place = len(PREFIX) + place % (len(word) - len(PREFIX) - 1)
    if word[place] != letter:
        with pytest.raises(RefusedError) as raised:
            read_device_code(word[:place] + letter + word[place + 1 :])
        assert raised.value.code == "code_unreadable"


@given(st.text(max_size=60))
def test_any_other_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    for read, prefix, code in (
        (read_device_code, PREFIX, "code_unreadable"),
        (read_card, CARD_PREFIX, "card_unreadable"),
    ):
        for tried in (text, prefix + text):
            with pytest.raises(RefusedError) as raised:
                read(tried)
            assert raised.value.code == code


def test_an_invite_a_code_and_a_card_are_never_taken_for_each_other() -> None:
    code = write_device_code(DeviceCode(b"c" * 32, b"m" * 32, b"s" * 32, 1, "Farm", ["producer"], []))
    invite = write_code(InviteCode(b"c" * 32, b"s" * 32, 1, []))
    card = write_card(Card(b"c" * 32, []))
    for read, own in ((read_device_code, code), (read_code, invite), (read_card, card)):
        for word in {code, invite, card} - {own}:
            with pytest.raises(RefusedError):
                read(word)


def test_the_secret_does_not_show_in_a_log_line() -> None:
    code = DeviceCode(b"c" * 32, b"m" * 32, b"s" * 32, 1, "Farm", ["producer"], [])
    assert code.seed.hex() not in repr(code)
    assert "ssss" not in repr(code)
