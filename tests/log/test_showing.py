"""Showing a sealed entry: whoever gets it sees what was said and that it was signed, and nothing can be made up."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.keys import SigningKey
from foodhub.log.run import write_run
from foodhub.log.seal import seal
from foodhub.log.showing import Shown, look, show

CIRCUIT, SECRET, OTHER = bytes(range(32)), bytes([7]) * 32, bytes([8]) * 32
KEY = SigningKey(bytes([1]) * 32)
BODY = b"\x91\x01"
_shown = msgspec.msgpack.Decoder(Shown)


def shown() -> bytes:
    """Return an entry that is shown, the first of a run of two."""
    payload = seal(BODY, (CIRCUIT, KEY.public, 2, 5), [SECRET], bytes)
    run, _ = write_run(CIRCUIT, KEY, 2, (4, bytes(32)), [(1, 1000, payload), (1, 1005, bytes(16))])
    found = show(run, payload, [OTHER, SECRET])
    assert found is not None
    return found


def test_whoever_gets_it_sees_what_was_said_where_when_and_by_whom() -> None:
    seen = look(CIRCUIT, shown())
    assert (seen.author, seen.log, seen.seq, seen.timestamp, seen.body) == (KEY.public, 2, 5, 1000, BODY)


def test_who_can_not_open_it_can_not_show_it() -> None:
    held = _shown.decode(shown())
    assert show(held.run, held.payload, [OTHER]) is None


@given(st.data())
def test_nothing_in_it_can_be_changed(data: st.DataObject) -> None:
    whole = bytearray(shown())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PeerFault):
        look(CIRCUIT, bytes(whole))


def test_it_is_of_one_circuit_and_signed() -> None:
    held = _shown.decode(shown())
    unsigned = msgspec.structs.replace(held, run=msgspec.structs.replace(held.run, signature=b""))
    with pytest.raises(PeerFault) as raised:
        look(CIRCUIT, encode(unsigned))
    assert raised.value.code == "unsigned"
    with pytest.raises(PeerFault) as raised:
        look(bytes(32), shown())
    assert raised.value.code == "bad_signature"


@given(st.binary(max_size=200))
def test_garbage_shows_nothing(garbage: bytes) -> None:
    with pytest.raises(PeerFault):
        look(CIRCUIT, garbage)
