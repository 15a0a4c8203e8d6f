from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.body import ROOM, StatementReader, Unread, bodies, open_payload
from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault


class One(msgspec.Struct, frozen=True, array_like=True, tag="one"):
    number: int


class Two(msgspec.Struct, frozen=True, array_like=True, tag="two"):
    text: str


reader = StatementReader(One | Two)
statements = st.lists(st.builds(One, st.integers(0, 2**40)) | st.builds(Two, st.text("abé", max_size=5)), max_size=6)


@given(statements)
def test_a_body_is_read_as_it_was_written(given_statements: list[Any]) -> None:
    assert list(reader.read(encode(given_statements))) == given_statements


@given(statements, st.integers(0, 6))
def test_what_is_not_known_does_not_keep_its_neighbours_from_counting(given_statements: list[Any], place: int) -> None:
    place = min(place, len(given_statements))
    raw = [msgspec.Raw(encode(each)) for each in given_statements]
    for part, reason in [
        (["three", 1], "unknown"),
        (["two", "e\u0301"], "not_canonical"),
        (7, "unknown"),
        (None, "unknown"),
    ]:
        body = encode([*raw[:place], msgspec.Raw(msgspec.msgpack.encode(part)), *raw[place:]])
        found = list(reader.read(body))
        assert found.pop(place) == Unread(reason)
        assert found == given_statements


@given(st.binary(max_size=40))
def test_bytes_that_are_no_list_are_refused_and_nothing_else_is_raised(body: bytes) -> None:
    with suppress(PeerFault):
        found = reader.read(body)
        assert all(isinstance(each, Unread | One | Two) for each in found)


@pytest.mark.parametrize(
    "body", [b"", b"\xdc\x00\x00", b"\xdd\x00\x00\x00\x00", b"\x90\x00", b"\x81\x01\x02", b"\x91" * 70_000]
)
def test_a_body_that_is_not_the_one_form_of_a_list_is_refused(body: bytes) -> None:
    with pytest.raises(PeerFault, match="canonical"):
        reader.read(body)


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(310, 900))
def test_statements_are_packed_in_order_into_bodies_that_fit(sizes: list[int], room: int) -> None:
    given_statements = [Two("x" * size) for size in sizes]
    packed = list(bodies(given_statements, room))
    assert [each for body in packed for each in reader.read(body)] == given_statements
    assert all(len(body) <= room + 5 for body in packed)
    assert len(packed) <= 1 + 2 * sum(len(encode(each)) for each in given_statements) // (room - 310 + 1)


def test_a_statement_that_fits_into_no_payload_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than a payload"):
        list(bodies([Two("x" * ROOM)]))


def test_an_open_payload_is_sixteen_bytes_and_a_body() -> None:
    assert open_payload(bytes(16) + b"body") == b"body"
