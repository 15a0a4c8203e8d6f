"""What has to hold of every cycle once it is closed and all have met: nothing open, shares within what there is, slips.

The checks are those of `tests.node.truths`, which ask real homes; here a simulated home stands in for one.
"""

from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, TypeVar

from foodhub.node.cycles import CycleRow
from tests import homes
from tests.node.truths import (
    everybody_works_out_the_same_allocation,
    no_more_is_confirmed_than_there_is,
    nothing_is_left_open,
    purchases_are_what_was_confirmed,
    slips_hold,
)
from tests.simulator.stall import Stall

T = TypeVar("T")


class Seat(homes.Home):
    """A simulated home as checks of real ones see it: nothing in it ever waits."""

    def __init__(self, node: Stall) -> None:
        self._disk = node.disk
        self.hat = node.disk.hat
        self.clock = homes.Clock(node.time)

    async def read(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a reading function."""
        return self._disk.read(work, *args, **kwargs)

    async def write(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a writing function in one transaction."""
        return self._disk.write(work, *args, **kwargs)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return what comes of something that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("a simulated home waits for nothing")


def judge_cycle(
    nodes: Sequence[Stall],
    desks: Sequence[Stall],
    cycle: CycleRow,
    gone: Collection[bytes] = (),
    deaf: Collection[bytes] = (),
) -> int:
    """Check a cycle that is closed; return how many slips it has.

    `desks` are those that answer for hubs and groups; `gone` are members for whom nobody will ever answer again, `deaf`
    those who may not be able to read all that was sent to them.
    """
    seats = [Seat(node) for node in desks]
    at_once(nothing_is_left_open([Seat(node) for node in nodes], cycle, gone, deaf))
    at_once(no_more_is_confirmed_than_there_is(seats, cycle))
    at_once(purchases_are_what_was_confirmed([seat for seat in seats if "hub" in seat.hat.roles], cycle))
    at_once(everybody_works_out_the_same_allocation([Seat(node) for node in nodes], cycle))
    return at_once(slips_hold(seats, cycle))
