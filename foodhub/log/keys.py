"""Hashes, keys and signatures: the only place that chooses algorithms.

BLAKE2b-256 with a personal tag for each use, Ed25519 for signatures, X25519 for boxes. Secrets are handed in and never
kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

from nacl import bindings
from nacl.exceptions import CryptoError

_SIGNATURE_TAG = {
    "entry": b"foodhub/1/entry\x00",
    "invite": b"foodhub/1/invite\x00",
    "session": b"foodhub/1/session\x00",
    "enrol": b"foodhub/1/enrol\x00",
    "recover": b"foodhub/1/recover\x00",
}


def digest(data: bytes, person: bytes, size: int = 32) -> bytes:
    """Return the BLAKE2b hash of `data` for one use, named by `person` (at most 16 bytes)."""
    return blake2b(data, digest_size=size, person=person).digest()


def hasher(person: bytes) -> Callable[[bytes], bytes]:
    """Return what does the same for one use, for what is hashed by the thousands."""
    begun = blake2b(digest_size=32, person=person).copy

    def hashed(data: bytes) -> bytes:
        copy = begun()
        copy.update(data)
        return copy.digest()

    return hashed


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair made from a 32-byte seed."""

    seed: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """Return the 32-byte public key."""
        return bindings.crypto_sign_seed_keypair(self.seed)[0]

    def sign(self, use: str, message: bytes) -> bytes:
        """Sign `message` for one use (`entry`, `invite`, `session`, `enrol`, `recover`); 64 bytes."""
        secret = bindings.crypto_sign_seed_keypair(self.seed)[1]
        return bindings.crypto_sign(_SIGNATURE_TAG[use] + message, secret)[:64]


def verify(use: str, public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether `signature` is one of `public` over `message` for this use; malformed input is False."""
    return holds(public, _SIGNATURE_TAG[use] + message, signature)


def holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verify as libsodium does: s below the order of the group, no key or R of small order, no cofactor."""
    if len(signature) != 64 or len(public) != 32:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class BoxKey:
    """An X25519 key pair; the 32-byte secret is any random string."""

    secret: bytes = field(repr=False)

    @property
    def public(self) -> bytes:
        """Return the 32-byte public key."""
        return bindings.crypto_scalarmult_base(self.secret)

    def shared(self, public: bytes) -> bytes:
        """Return the 32-byte secret that this key and `public` share.

        Raises:
            ValueError: `public` is a point of small order, which no honest member has.
        """
        try:
            point = bindings.crypto_scalarmult(self.secret, public)
        except (CryptoError, TypeError) as error:
            raise ValueError("bad box key") from error
        first, second = sorted((self.public, public))
        return digest(point + first + second, b"foodhub-pair")

    def open(self, sealed: bytes) -> bytes | None:
        """Open what was sealed to this key, or return None."""
        try:
            return bindings.crypto_box_seal_open(sealed, self.public, self.secret)
        except (CryptoError, ValueError, TypeError):
            return None


@lru_cache(4096)
def is_box_key(public: bytes) -> bool:
    """Say whether others can share a secret with the holder of this X25519 key: it is no point of small order."""
    try:
        BoxKey(bytes(32)).shared(public)
    except ValueError:
        return False
    return True


def seal_to(public: bytes, message: bytes) -> bytes:
    """Seal `message` so that only the holder of `public` opens it, without saying who sealed it (48 bytes longer)."""
    return bindings.crypto_box_seal(message, public)


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """The two keys of one device, made on one disk and never copied."""

    signing: SigningKey
    box: BoxKey
