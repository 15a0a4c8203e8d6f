"""What is free of a product, from numbers alone, by how its stock is counted.

A count says what lies on the shelf, and its producer says after which deliveries it was taken: what had left by then is
in the count already, what was set aside and had not lies there still. Quantities in g, ml or pieces. No time enters
here: goods do not leave because an hour has come.
"""

from collections.abc import Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from foodhub.catalog.statements import StockMode

K = TypeVar("K", bound=Hashable)


class Left(NamedTuple):
    """What its producer says has left of goods set aside: counts from the version `stock` on are without it.

    It was the `held` that was left when `given` had been given in all.
    """

    stock: int = 0
    given: int = 0
    held: int = 0


NOTHING = Left()
"""What has left of goods of which nothing was said."""


class Taken(NamedTuple, Generic[K]):
    """What one cycle holds of a product, and how much of it lies on the shelf by the count in force."""

    cycle: K
    quantity: int
    lies: int


def lying(given: int, held: int, left: Left, stock: int) -> int:
    """Return how much of what is set aside lies on the shelf by a count of this version of a stock.

    What was added since goods left, be it that more was given or that less is taken back, is not among them.
    """
    return held if left.stock > stock else min(held, max(given - left.given, held - left.held, 0))


def free(mode: StockMode, on_hand: int, taken: Iterable[Taken[K]], cycle: K | None = None) -> int | None:
    """Return how much can still be set aside; None without a limit, below zero where more is set aside than there is.

    Of goods with a quantity for each cycle it is what is free in `cycle`.
    """
    if mode == "on_demand":
        return None
    if mode == "counted":
        return on_hand - sum(each.lies for each in taken)
    return on_hand - sum(each.quantity for each in taken if each.cycle == cycle)


def left_with(given: int, returned: int, lowered: int | None, told: int) -> int:
    """Return what a hub holds of `given`, as its producer counts it.

    Where the producer took back all but `lowered` without waiting for the hub, that is what counts, or what it was
    `told` is promised there if that is more.
    """
    held = max(given - returned, 0)
    return held if lowered is None else min(held, max(lowered, told))


def to_return(given: int, returned: int, kept: int) -> int:
    """Return how much a hub has given back in all once it keeps no more than `kept`; it never takes back."""
    return max(returned, given - kept)
