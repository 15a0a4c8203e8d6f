from typing import Any

import msgspec
import pytest

from foodhub.log.encoding import decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import Header, entry_id, payload_hash
from tests.vectors.reading import cases, read

decoder = msgspec.msgpack.Decoder(Header)
BYTES = ("circuit", "author", "backlink", "payload_hash")


@pytest.mark.parametrize("case", cases("headers", "good"))
def test_a_header_has_these_bytes_and_this_id(case: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        name: bytes.fromhex(case[name]) if name in BYTES else case[name] for name in Header.__struct_fields__
    }
    data = bytes.fromhex(case["bytes"])
    assert encode(Header(**fields)) == data
    assert decode(decoder, data).id.hex() == entry_id(data).hex() == case["id"]


def test_a_header_names_its_payload_by_this_hash() -> None:
    vectors = read("headers")
    assert payload_hash(bytes.fromhex(vectors["payload"])).hex() == vectors["good"][0]["payload_hash"]


@pytest.mark.parametrize("case", cases("headers", "bad"))
def test_other_bytes_are_no_header(case: dict[str, Any]) -> None:
    with pytest.raises(PeerFault) as raised:
        decode(decoder, bytes.fromhex(case["bytes"]))
    assert raised.value.code == case["fault"]
