"""Private payloads: a body that only its parties can open, wrapped to enterprises and not to devices.

A fresh key encrypts the padded body; each reader finds its slot by an 8-byte tag that only it and the writer can
compute, without trying to decrypt. A hash of the key stands in the payload, because the cipher does not commit to its
key. At least four slots, filled up with noise to a power of two, so that the number of readers shows only roughly.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

import msgspec
from nacl import bindings
from nacl.exceptions import CryptoError

from foodhub.log.encoding import Key, decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import RANDOM_BYTES
from foodhub.log.keys import digest

TAG_BYTES = 8
MIN_SLOTS = 4
MAX_SLOTS = 512
PADDING = 256
_SLOT = TAG_BYTES + 32
Place = tuple[bytes, bytes, int, int]
"""(circuit, author, log, seq): the only place at which a sealed body opens."""


class Sealed(msgspec.Struct, frozen=True, array_like=True):
    """What stands behind the random bytes of a private payload; `slots` are 40 bytes each: tag and wrapped key."""

    commitment: Key
    slots: bytes
    text: bytes


_decoder = msgspec.msgpack.Decoder(Sealed)


def seal(body: bytes, place: Place, secrets: Iterable[bytes], rng: Callable[[int], bytes]) -> bytes:
    """Return a payload with `body` sealed to the holders of the shared `secrets` (32 bytes each, see `BoxKey.shared`).

    Raises:
        ValueError: there are more readers than a payload has slots.
    """
    salt, key = rng(RANDOM_BYTES), rng(32)
    slots = [_tag(secret, salt) + _mask(secret, salt, key) for secret in dict.fromkeys(secrets)]
    if len(slots) > MAX_SLOTS:
        raise ValueError("more readers than a payload has slots")
    wanted = MIN_SLOTS
    while wanted < len(slots):
        wanted *= 2
    slots += [rng(_SLOT) for _ in range(wanted - len(slots))]
    slots.sort()
    plain = len(body).to_bytes(4, "big") + body
    plain += bytes(-len(plain) % PADDING)
    text = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, encode(place), _nonce(salt), key)
    return salt + encode(Sealed(digest(key, b"foodhub-commit"), b"".join(slots), text))


def unseal(payload: bytes, place: Place, secrets: Sequence[bytes]) -> bytes | None:
    """Return the body if one of the shared `secrets` opens the payload at this place, None when none does.

    Raises:
        PeerFault: `not_canonical` when it is no private payload, or is one of ours and lies about what is in it.
    """
    salt, sealed = _read(payload)
    key = _key(salt, sealed, secrets)
    return None if key is None else _open(sealed, place, salt, key)


def content_key(payload: bytes, secrets: Sequence[bytes]) -> bytes | None:
    """Return the key of the body if one of the shared `secrets` opens its slot, None when none does.

    Raises:
        PeerFault: `not_canonical`.
    """
    return _key(*_read(payload), secrets)


def open_with(payload: bytes, place: Place, key: bytes) -> bytes:
    """Return the body that the content key opens.

    Raises:
        PeerFault: `not_canonical` when it is no private payload, or the key is not the one it commits to.
    """
    salt, sealed = _read(payload)
    return _open(sealed, place, salt, key)


def _read(payload: bytes) -> tuple[bytes, Sealed]:
    salt, sealed = payload[:RANDOM_BYTES], decode(_decoder, payload[RANDOM_BYTES:])
    if len(sealed.slots) % _SLOT or not MIN_SLOTS <= len(sealed.slots) // _SLOT <= MAX_SLOTS:
        raise PeerFault("not_canonical")
    return salt, sealed


def _key(salt: bytes, sealed: Sealed, secrets: Sequence[bytes]) -> bytes | None:
    """Return the key that the payload commits to, from whichever slot; None when no slot is ours.

    In which order the secrets stand makes no difference: two devices of a reader may know them in another one.
    """
    slots, ours = sealed.slots, False
    for secret in secrets:
        tag = _tag(secret, salt)
        for at in range(0, len(slots) if tag in slots else 0, _SLOT):
            if slots.startswith(tag, at):
                key = _mask(secret, salt, slots[at + TAG_BYTES : at + _SLOT])
                if digest(key, b"foodhub-commit") == sealed.commitment:
                    return key
                ours = True
    if ours:
        raise PeerFault("not_canonical")
    return None


def _open(sealed: Sealed, place: Place, salt: bytes, key: bytes) -> bytes:
    if digest(key, b"foodhub-commit") != sealed.commitment:
        raise PeerFault("not_canonical")
    try:
        plain = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed.text, encode(place), _nonce(salt), key)
    except (CryptoError, ValueError):  # ValueError: too short to hold even its own check
        raise PeerFault("not_canonical") from None
    size = int.from_bytes(plain[:4], "big")
    if size > len(plain) - 4:
        raise PeerFault("not_canonical")
    return plain[4 : 4 + size]


def _tag(secret: bytes, salt: bytes) -> bytes:
    return blake2b(salt, digest_size=TAG_BYTES, key=secret, person=b"foodhub-tag").digest()


def _mask(secret: bytes, salt: bytes, key: bytes) -> bytes:
    """Wrap or unwrap a key: the pad is used once, since the salt is."""
    pad = blake2b(salt, digest_size=32, key=secret, person=b"foodhub-wrap").digest()
    return bytes(a ^ b for a, b in zip(key, pad, strict=True))


def _nonce(salt: bytes) -> bytes:
    """The key is fresh for every payload, so any nonce would do; this one needs no more room."""
    return salt + bytes(8)
