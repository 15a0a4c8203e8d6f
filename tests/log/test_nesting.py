import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.body import StatementReader
from foodhub.log.faults import PeerFault
from foodhub.log.nesting import MOST, too_deep
from tests.log.test_body import One, Two

reader = StatementReader(One | Two)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=40)
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 9), inner, max_size=3)
)


def nested(depth: int) -> bytes:
    """Return a body with something unknown in it, so many arrays deep."""
    return b"\x91" * (depth - 1) + b"\x90"


def at_stack_depth(depth: int, body: bytes) -> object:
    """Read a body deep inside other calls."""
    return reader.read(body) if depth == 0 else at_stack_depth(depth - 1, body)


@given(values, st.integers(1, MOST + 3))
def test_only_what_nests_deeper_than_the_bound_is_too_deep(value: object, depth: int) -> None:
    inner = msgspec.msgpack.encode([value])
    assert not too_deep(inner)
    around = b"".join(b"\x92" + msgspec.msgpack.encode("x" * (40 * n)) for n in range(depth - 1))
    assert too_deep(around + b"\x90") == (depth > MOST)
    assert not too_deep(inner[:-1])


@pytest.mark.parametrize("head", [b"\x81\x01", b"\xdc\x00\x01", b"\xdd\x00\x00\x00\x01", b"\xde\x00\x01\x01"])
def test_maps_and_long_forms_count_alike(head: bytes) -> None:
    assert not too_deep(head * MOST + b"\x01")
    assert too_deep(head * MOST + b"\x90")


def test_whether_a_body_is_read_does_not_depend_on_who_reads_it() -> None:
    limit = sys.getrecursionlimit()
    for depth in (MOST, MOST + 1, 300, 2 * limit):
        found = []
        for stack in (0, limit - 400):
            try:
                found.append(repr(at_stack_depth(stack, nested(depth))))
            except PeerFault as fault:
                found.append(fault.code)
        assert found[0] == found[1]
        assert (found[0] == "not_canonical") == (depth > MOST)
