import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.keys import BoxKey, SigningKey, digest, holds, is_box_key, seal_to, verify

WYCHEPROOF = Path(__file__).parents[3] / "shared" / "data" / "wycheproof_ed25519.json"
KEY = SigningKey(b"s" * 32)
seeds = st.binary(min_size=32, max_size=32)
SMALL = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]
"""The points of small order of Curve25519, as libsodium lists them."""


@pytest.mark.skipif(not WYCHEPROOF.exists(), reason="needs the shared test data")
def test_signatures_are_judged_as_wycheproof_says() -> None:
    count = 0
    for group in json.loads(WYCHEPROOF.read_text())["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            assert holds(public, message, signature) == (case["result"] == "valid"), case["comment"]
            count += 1
    assert count > 100


@given(seeds, st.binary(max_size=64))
def test_a_signature_holds_for_its_key_its_use_and_its_message(seed: bytes, message: bytes) -> None:
    key = SigningKey(seed)
    signature = key.sign("entry", message)
    assert verify("entry", key.public, message, signature)
    assert not verify("session", key.public, message, signature)
    assert not verify("entry", key.public, message + b"\x00", signature)
    assert not verify("entry", KEY.public, message, signature) or key == KEY


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_malformed_keys_and_signatures_never_hold_and_never_raise(public: bytes, signature: bytes) -> None:
    assert not verify("entry", public, b"message", signature)
    assert not verify("entry", KEY.public, b"message", signature)


def test_a_byte_moved_from_the_signature_to_the_message_does_not_hold() -> None:
    signature = KEY.sign("entry", b"message")
    assert not verify("entry", KEY.public, signature[63:] + b"message", signature[:63])


@given(seeds, seeds)
def test_two_keys_share_one_secret_from_either_side(one: bytes, other: bytes) -> None:
    assert BoxKey(one).shared(BoxKey(other).public) == BoxKey(other).shared(BoxKey(one).public)


@pytest.mark.parametrize("public", SMALL)
def test_a_point_of_small_order_is_no_box_key(public: bytes) -> None:
    assert not is_box_key(public)
    with pytest.raises(ValueError, match="bad box key"):
        BoxKey(b"b" * 32).shared(public)


@given(seeds)
def test_the_public_half_of_any_secret_is_a_box_key(secret: bytes) -> None:
    assert is_box_key(BoxKey(secret).public)


@given(seeds, st.binary(max_size=64))
def test_what_is_sealed_to_a_key_opens_with_it_alone(secret: bytes, message: bytes) -> None:
    sealed = seal_to(BoxKey(secret).public, message)
    assert BoxKey(secret).open(sealed) == message
    assert BoxKey(digest(secret, b"another")).open(sealed) is None
    assert BoxKey(secret).open(sealed[:-1]) is None


@given(st.binary(max_size=80))
def test_opening_any_bytes_never_raises(sealed: bytes) -> None:
    assert BoxKey(b"b" * 32).open(sealed) is None


def test_secrets_do_not_show_in_a_log_line() -> None:
    assert "ssss" not in repr(KEY)
    assert "bbbb" not in repr(BoxKey(b"b" * 32))
