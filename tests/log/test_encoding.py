from contextlib import suppress
from typing import Any
from unicodedata import is_normalized

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.encoding import LATEST, LIMIT, Key, Moment, decode, encode, normal
from foodhub.log.faults import FAULTS, PeerFault


class Inner(msgspec.Struct, frozen=True, array_like=True):
    text: str
    flag: bool


class Outer(msgspec.Struct, frozen=True, array_like=True):
    key: Key
    when: Moment
    inner: list[Inner]
    pairs: list[tuple[Key, str]]


decoder = msgspec.msgpack.Decoder(Outer)
keys = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
inners = st.builds(Inner, texts, st.booleans())
outers = st.builds(
    Outer,
    keys,
    st.integers(0, LATEST - 1),
    st.lists(inners, max_size=3),
    st.lists(st.tuples(keys, texts), max_size=3),
)


def fault_of(data: bytes) -> str:
    with pytest.raises(PeerFault) as raised:
        decode(decoder, data)
    return raised.value.code


@given(outers)
def test_a_value_is_read_from_its_encoding_if_its_texts_are_normal_and_else_refused(value: Outer) -> None:
    if normal(value):
        assert decode(decoder, encode(value)) == value
    else:
        assert fault_of(encode(value)) == "not_canonical"


@given(outers, st.integers(0), st.integers(1, 255))
def test_other_bytes_are_another_value_or_none(value: Outer, place: int, flip: int) -> None:
    data = bytearray(encode(value))
    data[place % len(data)] ^= flip
    with suppress(PeerFault):
        found = decode(decoder, bytes(data))
        assert found != value
        assert encode(found) == data


@given(st.binary(max_size=64))
def test_no_bytes_make_the_decoder_raise_anything_else(data: bytes) -> None:
    assert fault_of(data) == "not_canonical"


def test_bytes_nested_without_end_are_refused() -> None:
    assert fault_of(b"\x91" * 100_000) == "not_canonical"


@given(st.lists(st.text("aeo \u0301\u0323\u0344\u00e5\u212b\u1100\u1161\u11a8\uac00"), max_size=4))
def test_texts_are_normal_together_if_each_is_by_itself(parts: list[str]) -> None:
    assert normal(parts) == all(is_normalized("NFC", part) for part in parts)


@pytest.mark.parametrize(("text", "expected"), [("Café", True), ("Cafe\u0301", False), ("\u212b", False), ("", True)])
def test_a_text_is_normal_in_one_form(text: str, *, expected: bool) -> None:
    assert normal(text) is expected
    assert normal((b"bytes", [Inner(text, flag=False)])) is expected


@pytest.mark.parametrize(
    "value",
    [
        [bytes(32), LATEST, [], []],
        [bytes(32), LIMIT, [], []],
        [bytes(32), -1, [], []],
        [bytes(32), 1.0, [], []],
        [bytes(32), None, [], []],
        [bytes(31), 1, [], []],
        [bytes(33), 1, [], []],
        ["k" * 32, 1, [], []],
        [bytes(32), 1, [["a", 1]], []],
        [bytes(32), 1, [["a"]], []],
        [bytes(32), 1, [], [], 0],
        [bytes(32), 1, {}, []],
    ],
)
def test_a_field_of_the_wrong_kind_or_range_is_refused(value: Any) -> None:
    assert fault_of(msgspec.msgpack.encode(value)) == "not_canonical"


def test_every_fault_has_a_sentence() -> None:
    for code, sentence in FAULTS.items():
        assert str(PeerFault(code)) == sentence
        assert sentence.endswith(".")
