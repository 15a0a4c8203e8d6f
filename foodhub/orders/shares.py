"""How units are shared among customers who lack some: level by level, in proportion, or by hand.

Pure; the customers stand in the order of their first receipts, which breaks every tie. Nobody gets more than its cap,
and together they get all there is, as far as their caps go.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foodhub.errors import N_, RefusedError


@dataclass(frozen=True, slots=True)
class Turns:
    """A sharing: what each customer gets, and what slips say of it (see `closing.Slip`).

    `rest` is the same for all, `levels` and `ranks` have one for each customer.
    """

    shares: Sequence[int]
    rest: int
    levels: Sequence[int]
    ranks: Sequence[int]


def in_turn(caps: Sequence[int], units: int, step: int) -> Turns:
    """Share `units`, one step each in turn: all get up to one level, then `rest` is given out, a step each.

    `rank` is how much those before could take of `rest`, so that a part of a step goes to the one whose turn it is.
    """
    units = min(units, sum(caps))
    top = -(-max(caps, default=0) // step)
    full = bisect_right(range(top + 1), units, key=lambda steps: _up_to(caps, steps * step)) - 1
    level = full * step
    rest = left = units - _up_to(caps, level)
    shares, ranks, taken = [], [], 0
    for cap in caps:
        if cap <= level:
            shares.append(cap)
            ranks.append(0)
            continue
        room = min(step, cap - level)
        more = min(room, left)
        shares.append(level + more)
        ranks.append(taken)
        left -= more
        taken += room
    return Turns(shares, rest, [level] * len(caps), ranks)


def _up_to(caps: Sequence[int], level: int) -> int:
    return sum([min(cap, level) for cap in caps])


def in_proportion(weights: Sequence[int], units: int, step: int) -> Turns:
    """Share `units` by weight in whole steps, by the largest remainder; what is under a step goes to the first.

    `units` are not more than all weights together. `rest` is how many get one step more, `rank` whose turn it is, and
    `level` what a customer gets besides: what is under a step, as far as the first has room for it.
    """
    total, steps = max(1, sum(weights)), units // step
    given = [steps * weight // total * step for weight in weights]
    # Who has no room for a whole step more has no turn: an order of 250 g is never given 300 g.
    order = sorted(
        (each for each, weight in enumerate(weights) if weight - given[each] >= step),
        key=lambda each: (-(steps * weights[each] % total), each),
    )
    rest = min(steps - sum(given) // step, len(order))
    ranks = [len(weights)] * len(weights)
    for rank, each in enumerate(order):
        ranks[each] = rank
        given[each] += step if rank < rest else 0
    left = units - sum(given)
    levels = []
    for weight, amount in zip(weights, given, strict=True):
        levels.append(min(left, weight - amount))
        left -= levels[-1]
    return Turns([amount + more for amount, more in zip(given, levels, strict=True)], rest, levels, ranks)


def by_hand(buyers: Sequence[bytes], caps: Sequence[int], units: int, shares: Mapping[bytes, int]) -> Turns:
    """Return what a person set for each customer; who is not named gets nothing.

    Raises:
        RefusedError: `share_too_large` for more than a cap or less than nothing, `not_in_queue` for somebody who has
            no share, `shares_differ` where all together are not what there is.
    """
    levels = [shares.get(buyer, 0) for buyer in buyers]
    if any(shares[buyer] for buyer in shares.keys() - set(buyers)):
        raise RefusedError(
            "not_in_queue",
            N_("One of these customers was confirmed nothing of this product."),
            N_("Share it among those who were confirmed some."),
        )
    if not all(0 <= level <= cap for level, cap in zip(levels, caps, strict=True)):
        raise RefusedError(
            "share_too_large",
            N_("A share is larger than what was confirmed."),
            N_("Give each customer at most what was confirmed."),
        )
    due = min(units, sum(caps))
    if sum(levels) != due:
        raise RefusedError(
            "shares_differ",
            N_("The shares are {sum} together, but there is {units} to share."),
            N_("Change the shares so that they add up to it."),
            sum=sum(levels),
            units=due,
        )
    return Turns(levels, 0, levels, [0] * len(buyers))
