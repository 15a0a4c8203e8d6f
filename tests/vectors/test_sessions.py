"""The vectors of sessions against the code that speaks them."""

from typing import Any

import pytest
from nacl import bindings

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.showing import look
from foodhub.p2p import messages as m
from foodhub.p2p.commands import End
from foodhub.p2p.session import Session
from tests.vectors.reading import cases, read
from tests.vectors.seeds import CIRCUIT, plain
from tests.vectors.session_cases import parties

VECTORS = read("sessions")


def bytes_of(case: dict[str, Any]) -> bytes:
    """Return the bytes of a case: hex, maybe with zeros behind."""
    said = case["bytes"]
    return bytes.fromhex(said) if isinstance(said, str) else bytes.fromhex(said[0]) + bytes(said[1])


def code_of(act: Any, *args: Any) -> str:
    with pytest.raises(PeerFault) as raised:
        act(*args)
    return raised.value.code


def test_every_message_is_shown() -> None:
    assert [case["number"] for case in VECTORS["messages"]] == [*range(len(m.Message.__args__))]


@pytest.mark.parametrize("case", cases("sessions", "messages"))
def test_a_message_is_read_and_written_as_it_stands_there(case: dict[str, Any]) -> None:
    message: Any = m.read_message(bytes_of(case))
    assert encode(message).hex() == case["bytes"]
    assert type(message).__name__ == case["name"]
    assert {name: plain(getattr(message, name)) for name in message.__struct_fields__} == case["fields"]
    if "cost" in case:
        assert m.cost(message, len(case["bytes"]) // 2) == case["cost"]
    if isinstance(message, m.Packed):
        assert sum(map(len, m.unpack(message))) > 0


def test_a_faulty_message_is_refused() -> None:
    for case in VECTORS["bad"]:
        assert code_of(m.read_message, bytes_of(case)) == case["fault"], case["name"]


def test_what_does_not_unpack_is_refused() -> None:
    for case in VECTORS["bad_packed"]:
        message = m.read_message(bytes_of(case))
        assert isinstance(message, m.Packed)
        assert code_of(m.unpack, message) == case["fault"], case["name"]


def test_both_sides_prove_what_stands_there() -> None:
    dialer, answerer = parties(joining=True)
    said = VECTORS["proofs"]
    for party, other, name in ((dialer, answerer, "dialer"), (answerer, dialer, "answerer")):
        proof = m.read_message(bytes.fromhex(said[name]))
        assert isinstance(proof, m.Proof)
        assert encode(party.prove(other.nonce)).hex() == said[name]
        assert other.check_proof(party.nonce, proof).devices == tuple(key for key, _ in proof.devices)
        assert party.salt(other.nonce).hex() == said["salt"]
    for case in said["bad"]:
        proof = m.read_message(bytes_of(case))
        assert isinstance(proof, m.Proof)
        assert code_of(answerer.check_proof, dialer.nonce, proof) == case["fault"], case["name"]


@pytest.mark.parametrize("case", VECTORS["proofs"]["bad_hellos"], ids=lambda case: str(case["name"]))
def test_a_bad_hello_ends_the_session(case: dict[str, Any]) -> None:
    session = Session(parties()[1])
    session.start()
    assert session.frame(bytes_of(case))[-1] == End(case["fault"])


def test_what_is_shown_is_opened_or_refused() -> None:
    good = VECTORS["shown"]["good"]
    seen = look(CIRCUIT, bytes_of(good))
    assert (seen.author.hex(), seen.seq, seen.body.hex()) == (good["author"], good["seq"], good["body"])
    for case in VECTORS["shown"]["bad"]:
        assert code_of(look, CIRCUIT, bytes_of(case)) == case["fault"], case["name"]


def test_a_sealed_box_is_opened() -> None:
    case = {name: bytes.fromhex(each) for name, each in VECTORS["sealed_box"].items()}
    opened = bindings.crypto_box_seal_open(case["sealed"], case["public_of_reader"], case["secret_of_reader"])
    assert opened == case["message"]
