"""What is free of a product, from numbers alone, by how its stock is counted.

A count says what lies on the shelf at its moment. What left the shelf before that moment is in the count already; what
leaves it later still lies there, set aside. Quantities in g, ml or pieces, times in ms.
"""

from collections.abc import Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from foodhub.catalog.statements import StockMode

K = TypeVar("K", bound=Hashable)


class Taken(NamedTuple, Generic[K]):
    """What one cycle holds of a product, which leaves the shelf at `leaves`; None for a cycle that is not known."""

    cycle: K
    leaves: int | None
    quantity: int


def weighs_on(taken: Taken[K], mode: StockMode, counted_at: int, cycle: K | None) -> bool:
    """Say whether what a cycle holds is taken from what there is: of a count, or of the quantity for `cycle`."""
    if mode == "counted":
        return taken.leaves is None or taken.leaves >= counted_at
    return mode != "on_demand" and taken.cycle == cycle


def free(
    mode: StockMode, on_hand: int, counted_at: int, taken: Iterable[Taken[K]], cycle: K | None = None
) -> int | None:
    """Return how much can still be set aside; None without a limit, below zero where more is set aside than there is.

    Of goods with a quantity for each cycle it is what is free in `cycle`.
    """
    if mode == "on_demand":
        return None
    return on_hand - sum(each.quantity for each in taken if weighs_on(each, mode, counted_at, cycle))


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
