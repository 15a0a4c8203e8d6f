from contextlib import suppress
from hashlib import blake2b
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.faults import PeerFault
from foodhub.log.keys import BoxKey
from foodhub.log.seal import MAX_SLOTS, seal, unseal
from tests.vectors.private_cases import chance
from tests.vectors.reading import cases, read

PLACE = (b"c" * 32, b"a" * 32, 2, 7)
VECTORS = read("private_payloads")
THEIRS = (bytes.fromhex(VECTORS["circuit"]), bytes.fromhex(VECTORS["author"]), VECTORS["log"], VECTORS["seq"])
keys = st.binary(min_size=32, max_size=32)
bodies = st.binary(max_size=600)
seeds = st.integers(0, 2**32)


@given(bodies, st.lists(keys, min_size=1, max_size=9, unique=True), seeds)
def test_each_reader_opens_the_same_body_and_nobody_else_does(body: bytes, secrets: list[bytes], seed: int) -> None:
    payload = seal(body, PLACE, secrets, Random(seed).randbytes)
    for secret in secrets:
        assert unseal(payload, PLACE, [b"?" * 32, secret]) == body
    assert unseal(payload, PLACE, [b"?" * 32]) is None
    assert unseal(payload, PLACE, []) is None


@given(bodies, keys, seeds, st.sampled_from([(0, b"d" * 32), (1, b"b" * 32), (2, 1), (3, 8)]))
def test_a_payload_moved_to_another_place_does_not_open(body: bytes, secret: bytes, seed: int, change: Any) -> None:
    payload = seal(body, PLACE, [secret], Random(seed).randbytes)
    place: Any = [*PLACE]
    place[change[0]] = change[1]
    with pytest.raises(PeerFault):
        unseal(payload, tuple(place), [secret])


@given(bodies, keys, seeds, st.integers(0), st.integers(1, 255))
def test_no_changed_byte_changes_the_body(body: bytes, secret: bytes, seed: int, place: int, flip: int) -> None:
    payload = bytearray(seal(body, PLACE, [secret], Random(seed).randbytes))
    payload[place % len(payload)] ^= flip
    with suppress(PeerFault):
        assert unseal(bytes(payload), PLACE, [secret]) in {None, body}


@given(st.binary(max_size=300))
def test_no_bytes_make_opening_raise_anything_else(payload: bytes) -> None:
    with pytest.raises(PeerFault):
        unseal(payload, PLACE, [b"s" * 32])


@given(bodies, st.integers(1, 20), seeds)
def test_size_and_slots_say_only_roughly_how_much_and_to_how_many(body: bytes, readers: int, seed: int) -> None:
    secrets = [bytes([n]) * 32 for n in range(readers)]
    payload = seal(body, PLACE, secrets, Random(seed).randbytes)
    slots = max(4, 1 << (readers - 1).bit_length())
    padded = -(-(len(body) + 4) // 256) * 256
    assert 0 <= len(payload) - (16 + 1 + 34 + slots * 40 + padded + 16) <= 8


def test_one_reader_has_one_slot_however_often_it_is_named() -> None:
    assert len(seal(b"", PLACE, [b"s" * 32] * 9, Random(1).randbytes)) == len(
        seal(b"", PLACE, [b"s" * 32], Random(1).randbytes)
    )


def test_more_readers_than_slots_are_refused_by_the_writer() -> None:
    with pytest.raises(ValueError, match="more readers"):
        seal(b"", PLACE, [n.to_bytes(32, "big") for n in range(MAX_SLOTS + 1)], Random(1).randbytes)


def test_a_tag_is_found_behind_chance_bytes_that_look_like_it() -> None:
    """A slot's noise may hold the tag where no slot begins; the reader looks at the beginnings alone."""
    payload = seal(b"a body", PLACE, [b"s" * 32], Random(1).randbytes)
    start = payload.index(b"\xc4\xa0") + 2
    slots = [payload[start + n * 40 : start + n * 40 + 40] for n in range(4)]
    ours = next(n for n, slot in enumerate(slots) if unseal(payload, PLACE, [b"s" * 32]) and opens(payload, start, n))
    slots[0], slots[ours] = slots[ours], slots[0]
    decoy = bytes(3) + slots[0][:8] + bytes(29)
    moved = payload[:start] + decoy + slots[0] + slots[1] + slots[2] + payload[start + 160 :]
    assert unseal(moved, PLACE, [b"s" * 32]) == b"a body"


def opens(payload: bytes, start: int, number: int) -> bool:
    blanked = payload[: start + number * 40] + bytes(40) + payload[start + number * 40 + 40 :]
    return unseal(blanked, PLACE, [b"s" * 32]) is None


def secret_of(name: str) -> BoxKey:
    return BoxKey(bytes.fromhex(VECTORS["keys"][name]["secret"]))


def test_the_pairs_of_the_vectors_share_these_secrets() -> None:
    farm, hub, stranger = (secret_of(name) for name in ("farm", "hub", "stranger"))
    assert [key.public.hex() for key in (farm, hub, stranger)] == [each["public"] for each in VECTORS["keys"].values()]
    assert hub.shared(farm.public).hex() == VECTORS["pair"]
    assert farm.shared(farm.public).hex() == VECTORS["farm_with_itself"]
    assert farm.shared(stranger.public).hex() == VECTORS["stranger_pair"]


@pytest.mark.parametrize("case", cases("private_payloads", "good"))
def test_a_private_payload_of_the_vectors_opens_for_its_parties_alone(case: dict[str, Any]) -> None:
    payload = bytes.fromhex(case["payload"])
    for name in ("pair", "farm_with_itself"):
        body = unseal(payload, THEIRS, [bytes.fromhex(VECTORS[name])])
        assert body is not None
        assert body.hex() == case["body"]
    assert unseal(payload, THEIRS, [bytes.fromhex(VECTORS["stranger_pair"])]) is None


def test_a_private_payload_of_others_is_not_ours() -> None:
    assert unseal(bytes.fromhex(VECTORS["not_ours"]["payload"]), THEIRS, [bytes.fromhex(VECTORS["pair"])]) is None


@pytest.mark.parametrize("case", cases("private_payloads", "loose"))
def test_a_loose_private_payload_of_the_vectors_opens_whatever_is_tried_first(case: dict[str, Any]) -> None:
    own, pair = (bytes.fromhex(VECTORS[name]) for name in ("farm_with_itself", "pair"))
    for secrets in ([own, pair], [pair, own]):
        body = unseal(bytes.fromhex(case["payload"]), THEIRS, secrets)
        assert body is not None
        assert body.hex() == case["body"]


@pytest.mark.parametrize("case", cases("private_payloads", "bad"))
def test_a_bad_private_payload_of_the_vectors_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(PeerFault) as raised:
        unseal(bytes.fromhex(case["payload"]), (*THEIRS[:3], case["seq"]), [bytes.fromhex(VECTORS["pair"])])
    assert raised.value.code == case["fault"]


def test_chance_for_vectors_is_the_same_each_time() -> None:
    assert chance("x")(100) == chance("x")(100) != chance("y")(100)


def test_a_slot_that_opens_counts_whatever_other_slots_say() -> None:
    """Two devices of a reader may try their secrets in another order: both have to come to the same."""
    good, bad = b"g" * 32, b"b" * 32
    payload = seal(b"body", PLACE, [good, bad], Random(1).randbytes)
    salt = payload[:16]
    tag = blake2b(salt, digest_size=8, key=bad, person=b"foodhub-tag").digest()
    spoilt = bytearray(payload)
    spoilt[payload.index(tag) + 8] ^= 1
    assert unseal(bytes(spoilt), PLACE, [good, bad]) == unseal(bytes(spoilt), PLACE, [bad, good]) == b"body"
    with pytest.raises(PeerFault, match="canonical"):
        unseal(bytes(spoilt), PLACE, [bad])
