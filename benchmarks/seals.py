"""How fast a reader finds whether a private payload is for it: by the tags of the slots, and by trying to decrypt."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from nacl import bindings
from nacl.exceptions import CryptoError

from benchmarks.figure import Figure, Measurement, at_least
from foodhub.log.seal import MIN_SLOTS, seal, unseal

PLACE = (bytes(range(32)), bytes(32), 2, 1)
PAYLOADS = 4000
TRIED = 4000


def _rate(work: Callable[[], int]) -> float:
    began = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - began)


def _find(payloads: list[bytes], secret: bytes) -> int:
    assert not any(unseal(payload, PLACE, [secret]) for payload in payloads)
    return len(payloads) * MIN_SLOTS


def _try(secret: bytes) -> int:
    """Try to open so many wrapped keys as a reader would without tags: each authenticated for itself."""
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(32), b"", bytes(24), bytes(32))
    for _ in range(TRIED):
        try:
            bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, b"", bytes(24), secret)
        except CryptoError:
            continue
        raise AssertionError("a key that fits nothing opened a slot")
    return TRIED


def measure(_folder: Path) -> list[Figure]:
    """Measure how many slots of payloads for others a reader with one key looks through in a second."""
    secret = random.randbytes(32)
    payloads = [
        seal(random.randbytes(200), PLACE, [random.randbytes(32) for _ in range(MIN_SLOTS)], random.randbytes)
        for _ in range(PAYLOADS)
    ]
    tried = _rate(lambda: _try(secret))
    found = max(_rate(lambda: _find(payloads, secret)) for _ in range(3))
    detail = f"payloads with {MIN_SLOTS} slots, none for the reader"
    return [
        Figure("slots_by_tag", found, "per_s", at_least(500_000), "slots_tried", found / tried, detail),
        Figure("slots_tried", tried, "per_s", detail="decrypting each slot"),
    ]


MEASUREMENTS = (Measurement(("slots_by_tag", "slots_tried"), measure),)
