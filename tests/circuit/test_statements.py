from typing import Any

import msgspec
import pytest

from foodhub.circuit.membership import founding_holds, join_holds
from foodhub.circuit.statements import (
    CircuitStatement,
    Found,
    Founding,
    Inception,
    charter_hash,
    proof_of_join,
)
from foodhub.log.encoding import decode
from foodhub.orders.statements import derived_id
from tests.vectors.reading import cases, read

VECTORS = read("members")
statement_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(CircuitStatement)


def founding() -> Founding:
    return decode(msgspec.msgpack.Decoder(Founding), bytes.fromhex(VECTORS["founding"]["bytes"]))


def test_a_member_has_the_id_of_its_inception() -> None:
    found = decode(msgspec.msgpack.Decoder(Inception), bytes.fromhex(VECTORS["inception"]["bytes"]))
    assert found.id.hex() == VECTORS["inception"]["id"]
    assert found.device.box.hex() == VECTORS["inception"]["device"]["box"]


def test_a_circuit_has_the_id_of_its_founding_document() -> None:
    assert founding().circuit.hex() == VECTORS["founding"]["circuit"]
    assert charter_hash(founding().charter).hex() == VECTORS["charter_hash"]


def test_a_join_holds_in_its_own_log_for_its_circuit() -> None:
    case = VECTORS["join"]
    join = decode(statement_decoder, bytes.fromhex(case["bytes"]))
    text = proof_of_join(founding().circuit, join.inception.id, join.roles, join.charter)
    assert text.hex() == case["proof_text"]
    author, charter = bytes.fromhex(case["author"]), bytes.fromhex(VECTORS["charter_hash"])
    assert join_holds(founding().circuit, author, charter, join)
    assert not join_holds(bytes(32), author, charter, join)


@pytest.mark.parametrize("case", cases("members", "bad_joins"))
def test_a_bad_join_of_the_vectors_does_not_hold(case: dict[str, Any]) -> None:
    join = decode(statement_decoder, bytes.fromhex(case["bytes"]))
    author, charter = bytes.fromhex(case["author"]), bytes.fromhex(VECTORS["charter_hash"])
    assert not join_holds(founding().circuit, author, charter, join)


def test_a_founding_holds_in_the_log_of_its_first_device_and_in_a_known_format() -> None:
    document = founding()
    author = document.inception.device.signing
    statement = Found(document, "Circuit", "EUR", [])
    assert founding_holds(document.circuit, author, statement)
    assert not founding_holds(document.circuit, bytes(32), statement)
    assert not founding_holds(bytes(32), author, statement)
    later = msgspec.structs.replace(document, format=2)
    assert not founding_holds(later.circuit, author, Found(later, "Circuit", "EUR", []))


def test_derived_ids_are_these() -> None:
    for case in VECTORS["derived_ids"]:
        assert derived_id(*map(bytes.fromhex, case["parts"])).hex() == case["id"]
