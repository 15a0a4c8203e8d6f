"""The frontier: how far each log goes on a node, and how two nodes find out cheaply where they differ.

Pure comparison of two sets of items; nothing here is believed of a peer before the entries behind it have been checked.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

from foodhub.log.encoding import Count, Key, encode

ALL_AT_ONCE = 350
"""Up to so many logs the items themselves are sent; above, only those of the buckets that differ."""
NO_LIMIT = 0


class Item(msgspec.Struct, frozen=True, array_like=True, order=True):
    """How far one log counts: the last entry below its limit, and that limit, the first seq that does not count.

    `limit` is `NO_LIMIT` where there is none. There is no item for a log of which nothing counts.
    """

    author: Key
    log: Count
    seq: Count
    id: Key
    limit: Count = NO_LIMIT


def frontier_digest(items: Iterable[Item]) -> bytes:
    """Return the 16-byte digest of a set of items: equal digests, equal frontiers."""
    return blake2b(encode(sorted(items)), digest_size=16, person=b"foodhub-frontier").digest()


def bucket_count(items: int) -> int:
    """Return into how many buckets so many items are split: 0 (no buckets, all items at once) or 64 to 1,024."""
    if items <= ALL_AT_ONCE:
        return 0
    return min(1024, max(64, 1 << (items // 16).bit_length()))


def bucket_of(author: bytes, buckets: int, salt: bytes) -> int:
    """Return the bucket of an author's logs; the salt of the session keeps anyone from aiming at one bucket."""
    return int.from_bytes(blake2b(author, digest_size=4, key=salt).digest(), "big") % buckets


def bucket_digests(items: Iterable[Item], buckets: int, salt: bytes) -> bytes:
    """Return the 8-byte digests of all buckets, one behind the other."""
    filled: list[list[Item]] = [[] for _ in range(buckets)]
    for item in items:
        filled[bucket_of(item.author, buckets, salt)].append(item)
    return b"".join(blake2b(encode(sorted(bucket)), digest_size=8, key=salt).digest() for bucket in filled)


def differing(items: Sequence[Item], digests: bytes, salt: bytes) -> tuple[list[Item], set[int]]:
    """Return our items in the buckets that differ from the other side's `digests`, and which buckets these are."""
    buckets = len(digests) // 8
    if not buckets:
        return sorted(items), set()
    ours = bucket_digests(items, buckets, salt)
    numbers = {n for n in range(buckets) if ours[8 * n : 8 * n + 8] != digests[8 * n : 8 * n + 8]}
    return sorted(item for item in items if bucket_of(item.author, buckets, salt) in numbers), numbers
