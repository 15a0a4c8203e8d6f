"""What a hub promises from what was set aside for it.

Pure: the queue goes in, promises come out. A promise once given is only lowered by its buyer; what is free, also what
somebody gave back, goes to the oldest row that still lacks something. What is added never takes the sum beyond what was
set aside.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Wish(Generic[K]):
    """One line in the queue: which product, how much is wanted, how much promised already, in which steps."""

    product: K
    wanted: int
    promised: int
    step: int = 1


def promise(queue: Sequence[Wish[K]], set_aside: Mapping[K, int]) -> list[int]:
    """Return what each line of the queue (oldest first) is promised, in the same order; in base units or pieces.

    Where more is promised already than was set aside, since its producer went back on it, promises stand and none is
    added.
    """
    kept = [min(wish.promised, wish.wanted) for wish in queue]
    free = dict(set_aside)
    for wish, amount in zip(queue, kept, strict=True):
        free[wish.product] = free.get(wish.product, 0) - amount
    for index, wish in enumerate(queue):
        more = max(0, min(wish.wanted - kept[index], free[wish.product]))
        more -= more % wish.step
        kept[index] += more
        free[wish.product] -= more
    return kept
