"""The order by which a group or hub passes on what its customers want: what it is called, and so how it is recognized.

Pure. Who fills its cases alone as a `group` is decided by what stands in the queue: what becomes of somebody's roles
later changes nothing of what others get.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from foodhub.orders.queue import Row
from foodhub.orders.statements import derived_id

MOST_PARTS = 16
"""A sum that fits no entry goes on in further orders; so many of them are recognized."""


def sum_id(aggregator: bytes, cycle: tuple[bytes, bytes], part: int) -> bytes:
    """Return the local id of an aggregator's order to its supplier; what fits no entry goes on in further parts.

    It is another one for each: a hub that itself orders from another sees its own order beside those of its groups.
    """
    return derived_id(b"sum", aggregator, *cycle, *([part.to_bytes(8, "big")] if part else []))


def aggregators_in(queue: Iterable[Sequence[Row]], cycle: tuple[bytes, bytes]) -> frozenset[bytes]:
    """Return the customers in a queue of a cycle (owner, local id) whose orders are sums of what others want."""
    placed = {(row.buyer, row.order) for rows in queue for row in rows}
    return frozenset(buyer for buyer, order in placed if order in _sums_of(buyer, cycle))


@lru_cache(maxsize=4096)
def _sums_of(buyer: bytes, cycle: tuple[bytes, bytes]) -> frozenset[bytes]:
    return frozenset(sum_id(buyer, cycle, part) for part in range(MOST_PARTS))
