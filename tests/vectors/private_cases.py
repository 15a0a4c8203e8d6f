"""Vectors of private payloads: who opens them, who does not, and what is none."""

from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec
from nacl import bindings

from foodhub.log.encoding import encode
from foodhub.log.seal import Sealed, seal
from foodhub.orders.statements import Profile
from tests.vectors.seeds import CIRCUIT, FARM, FARM_BOX, HUB_BOX, STRANGER_BOX, Json, payload, seed


def chance(name: str) -> Callable[[int], bytes]:
    """Return a source of bytes that are the same each time."""
    count = iter(range(1_000_000))

    def draw(size: int) -> bytes:
        block = b"".join(seed(f"{name} {next(count)}", 64) for _ in range(-(-size // 64)))
        return block[:size]

    return draw


def private_payloads() -> Json:
    """Sealed payloads: who opens them, who does not, and what is no sealed payload."""
    place = (CIRCUIT, FARM.public, 2, 7)
    pair, own = FARM_BOX.shared(HUB_BOX.public), FARM_BOX.shared(FARM_BOX.public)
    secrets = [own, pair]
    noise = [seed(f"another reader {n}") for n in range(3)]
    good = [
        ("a short body", b"a body", secrets),
        ("an empty body", b"", secrets),
        ("a body that fills its padding", b"x" * 252, secrets),
        ("a body one byte longer", b"x" * 253, secrets),
        ("five readers in eight slots", b"a body", [*noise, *secrets]),
    ]
    first = seal(b"a body", place, secrets, chance("bad"))
    return {
        "about": "Keys are X25519; farm and hub share the secret `pair`; the place is (circuit, author, log, seq).",
        "circuit": CIRCUIT.hex(),
        "author": FARM.public.hex(),
        "log": 2,
        "seq": 7,
        "keys": {
            name: {"secret": key.secret.hex(), "public": key.public.hex()}
            for name, key in (("farm", FARM_BOX), ("hub", HUB_BOX), ("stranger", STRANGER_BOX))
        },
        "pair": pair.hex(),
        "farm_with_itself": own.hex(),
        "stranger_pair": STRANGER_BOX.shared(FARM_BOX.public).hex(),
        "good": [
            {"name": name, "body": body.hex(), "payload": seal(body, place, keys, chance(name)).hex()}
            for name, body, keys in good
        ],
        "loose": [
            {"name": name, "body": b"a body".hex(), "payload": data.hex()} for name, data in loose_private(first, pair)
        ],
        "not_ours": {"name": "nobody's slot is ours", "payload": seal(b"a body", place, noise, chance("others")).hex()},
        "bad": [
            {"name": name, "fault": "not_canonical", "seq": seq, "payload": data.hex()}
            for name, seq, data in bad_private(first, place)
        ],
    }


def loose_private(first: bytes, pair: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and payload of what nobody should write and its readers open, whichever secret they try first."""
    salt, sealed = first[:16], msgspec.msgpack.decode(first[16:], type=Sealed)
    slots = [sealed.slots[at : at + 40] for at in range(0, len(sealed.slots), 40)]
    tag = blake2b(salt, digest_size=8, key=pair, person=b"foodhub-tag").digest()
    for name, others in {
        "slots in another order": slots[::-1],
        "five slots": [*slots, seed("a fifth slot", 40)],
        "another slot of the pair before its own": [tag + seed("no key"), *slots],
        "the pair's slot opens nothing": [tag + bytes(32) if slot.startswith(tag) else slot for slot in slots],
    }.items():
        yield name, salt + encode(msgspec.structs.replace(sealed, slots=b"".join(others)))


def bad_private(first: bytes, place: tuple[bytes, bytes, int, int]) -> Iterator[tuple[str, int, bytes]]:
    """Yield name, seq at which it is opened, and payload of what the hub must refuse."""
    sealed = msgspec.msgpack.decode(first[16:], type=Sealed)
    pair = FARM_BOX.shared(HUB_BOX.public)
    changed = msgspec.structs.replace
    other = {
        "another key than the commitment's": changed(sealed, commitment=seed("another key")),
        "three slots": changed(sealed, slots=sealed.slots[:120]),
        "513 slots": changed(sealed, slots=sealed.slots + seed("noise", 40) * 509),
        "half a slot": changed(sealed, slots=sealed.slots + bytes(20)),
        "a text cut short": changed(sealed, text=sealed.text[:-1]),
        "a text too short for its check": changed(sealed, text=b"short"),
        "no text": changed(sealed, text=b""),
        "a bit of the text flipped": changed(sealed, text=bytes([sealed.text[0] ^ 1]) + sealed.text[1:]),
    }
    yield "opened at another place", 8, first
    yield "other random bytes and so no slot, but no sealed payload either", 7, first[:16] + b"\x93"
    for name, case in other.items():
        yield name, 7, first[:16] + encode(case)
    yield "an array of 16-bit length", 7, first[:16] + b"\xdc\x00\x03" + first[17:]
    yield "an open body", 7, payload("open", encode([Profile(1, "Farm")]))
    yield "a length beyond the text", 7, lying(place, pair)


def lying(place: tuple[bytes, bytes, int, int], pair: bytes) -> bytes:
    """Return a payload sealed to the pair whose inner length is larger than what is there."""
    salt, key = seed("lying salt", 16), seed("lying key")
    tag = blake2b(salt, digest_size=8, key=pair, person=b"foodhub-tag").digest()
    pad = blake2b(salt, digest_size=32, key=pair, person=b"foodhub-wrap").digest()
    slot = tag + bytes(a ^ b for a, b in zip(key, pad, strict=True))
    plain_text = (253).to_bytes(4, "big") + bytes(252)
    text = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain_text, encode(place), salt + bytes(8), key)
    commitment = blake2b(key, digest_size=32, person=b"foodhub-commit").digest()
    slots = b"".join(sorted([slot, *(seed(f"lying noise {n}", 40) for n in range(3))]))
    return salt + encode(Sealed(commitment, slots, text))
