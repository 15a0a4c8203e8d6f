"""Slips: from which a customer works out its own share without seeing the wishes of the others.

Pure. `slips_of` makes them; the rest is for their readers. A slip comes from somebody else's node: reading one may
never raise, however wrong its numbers are.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from foodhub.orders.closing import ConfirmedLine, Slip, SlipRow
from foodhub.orders.exchanges import Sharing, Spread
from foodhub.orders.queue import Row
from foodhub.orders.shares import Turns, by_hand, in_proportion, in_turn

Rule = Sharing | Spread


def slips_of(
    rows: Iterable[Row],
    units: int,
    rule: Rule,
    about: Literal["cases", "shortfall"] = "cases",
    step: int = 1,
    shares: Mapping[bytes, int] | None = None,
) -> dict[bytes, Slip]:
    """Share `units` among the rows of a queue; return the slip of each customer, in the order of their first rows.

    `step` is what is given at a time by the rules `fair`, `equal` and `proportional`; with `proportional` tolerance
    counts for nothing. `shares` are those of the rule `by_hand`.

    Raises:
        RefusedError: those of `shares.by_hand`.
    """
    claims: dict[bytes, list[SlipRow]] = {}
    quantity = tolerance = 0
    for row in rows:
        claim = SlipRow(row.quantity, row.tolerance, quantity, tolerance)
        if row.buyer in claims:
            claims[row.buyer].append(claim)
        else:
            claims[row.buyer] = [claim]
        quantity += row.quantity
        tolerance += row.tolerance
    if rule == "queue":
        return {
            buyer: Slip(about, rule, units, quantity, tolerance, step, 0, 0, 0, own, _by_queue(units, quantity, own))
            for buyer, own in claims.items()
        }
    turns = _turns(claims, units, quantity, rule, step, shares or {})
    each = zip(claims.items(), turns.shares, turns.levels, turns.ranks, strict=True)
    fair = rule == "fair"
    return {
        buyer: Slip(
            *(about, rule, units, quantity, tolerance, step, level, rank, turns.rest, own),
            share + _first_pass(units, own) if fair else share,
        )
        for (buyer, own), share, level, rank in each
    }


def _turns(
    claims: Mapping[bytes, Sequence[SlipRow]],
    units: int,
    quantity: int,
    rule: Rule,
    step: int,
    shares: Mapping[bytes, int],
) -> Turns:
    if rule == "fair":
        return in_turn([_tolerance(rows) for rows in claims.values()], max(0, units - quantity), step)
    if rule == "proportional":
        return in_proportion([_quantity(rows) for rows in claims.values()], min(units, quantity), step)
    caps = [_quantity(rows) + _tolerance(rows) for rows in claims.values()]
    return in_turn(caps, units, step) if rule == "equal" else by_hand(list(claims), caps, units, shares)


def share_of(slip: Slip) -> int:
    """Return the share that follows from the slip alone; it is to be `slip.share`."""
    match slip.rule:
        case "queue":
            return _by_queue(slip.units, slip.quantity, slip.rows)
        case "proportional":
            return _by_weight(slip)
        case "by_hand":
            return slip.level
        case "fair":
            return _first_pass(slip.units, slip.rows) + _in_turn(slip)
        case "equal":
            return _in_turn(slip)


def _by_queue(units: int, quantity: int, rows: Sequence[SlipRow]) -> int:
    """Return what the queue gives: quantities in its order, then tolerances in the same order."""
    share, left = _first_pass(units, rows), units - quantity
    for row in rows:
        if left > row.tolerance_before:
            share += min(left - row.tolerance_before, row.tolerance)
    return share


def _first_pass(units: int, rows: Sequence[SlipRow]) -> int:
    """Return what the queue gives of quantities."""
    share = 0
    for row in rows:
        if units > row.quantity_before:
            share += min(units - row.quantity_before, row.quantity)
    return share


def _in_turn(slip: Slip) -> int:
    """Return what is given one step each in turn: of tolerance, or (`equal`) of all that is wanted."""
    cap = _cap(slip)
    return min(cap, slip.level) + min(max(slip.rest - slip.rank, 0), _room(slip, cap))


def _cap(slip: Slip) -> int:
    return _tolerance(slip.rows) + (_quantity(slip.rows) if slip.rule == "equal" else 0)


def _room(slip: Slip, cap: int) -> int:
    """Return what one more turn could give."""
    return min(slip.step, max(0, cap - slip.level))


def _by_weight(slip: Slip) -> int:
    return (_steps(slip)[0] + (slip.rank < slip.rest)) * slip.step + slip.level


def _quantity(rows: Sequence[SlipRow]) -> int:
    return rows[0].quantity if len(rows) == 1 else sum(row.quantity for row in rows)


def _tolerance(rows: Sequence[SlipRow]) -> int:
    return rows[0].tolerance if len(rows) == 1 else sum(row.tolerance for row in rows)


def fault_of(slip: Slip, line: ConfirmedLine) -> str | None:
    """Return a short code for what is wrong with a slip of a confirmed line, or None.

    `other_wish`: its rows are not what was ordered (or confirmed, of a shortfall). `outside`: a row lies beyond the
    queue. `same_place`: two of its rows claim one place. `other_share`: another share follows from it. `other_line`:
    the line says another share. `too_much`: the share is more than its rows want and tolerate, or than there is.
    """
    quantity, tolerance = _quantity(slip.rows), _tolerance(slip.rows)
    cases = slip.about == "cases"
    wish = (quantity, tolerance) == (line.ordered, line.tolerance) if cases else quantity + tolerance == line.confirmed
    if not wish:
        return "other_wish"
    if any(not _inside(slip, row) for row in slip.rows):
        return "outside"
    if not _one_queue(slip.rows):
        return "same_place"
    if slip.share > min(quantity + tolerance, slip.units):
        return "too_much"
    # Where there is enough for everybody, no rule gives anybody less than all.
    least = quantity + tolerance if slip.units >= slip.quantity + slip.tolerance else 0
    if share_of(slip) != slip.share or slip.share < least:
        return "other_share"
    if cases:
        return None if slip.share == line.confirmed else "other_line"
    # Where something else stands in for a part of the line, it keeps less than its share of what there is.
    less = line.share < slip.share and line.reason == "substituted"
    return None if less or slip.share == line.share else "other_line"


def _inside(slip: Slip, row: SlipRow) -> bool:
    return (
        row.quantity_before + row.quantity <= slip.quantity and row.tolerance_before + row.tolerance <= slip.tolerance
    )


def overlap(one: Slip, other: Slip) -> str | None:
    """Return why two slips of different customers can't both be true, or None: a proof that their aggregator lied.

    They are to be of one aggregator, cycle, product and allocation, of customers of one pool (`cases.pool_of`; all are
    in one pool in a shortfall). `other_totals`: they tell of different queues or sharings. `same_place`: two rows claim
    one place. `same_rank`: both have one turn, or the later one the earlier. `too_much`: together more than there is.
    """
    if _head(one) != _head(other):
        return "other_totals"
    if not _one_queue([*one.rows, *other.rows]):
        return "same_place"
    if one.share + other.share > one.units:
        return "too_much"
    return None if _ranks_agree(*sorted((one, other), key=_place)) else "same_rank"


def _head(slip: Slip) -> tuple[object, ...]:
    level = slip.level if slip.rule in {"fair", "equal"} else 0
    return (slip.about, slip.rule, slip.units, slip.quantity, slip.tolerance, slip.step, level, slip.rest)


def _one_queue(rows: Iterable[SlipRow]) -> bool:
    """Say whether rows can stand in one queue: each wholly before the next, by quantity and by tolerance alike."""
    order = sorted(rows, key=lambda row: (row.quantity_before, row.tolerance_before))
    return all(
        one.quantity_before + one.quantity <= other.quantity_before
        and one.tolerance_before + one.tolerance <= other.tolerance_before
        for one, other in pairwise(order)
    )


def _place(slip: Slip) -> tuple[int, int]:
    """Return where the first row of a customer stands."""
    return min(((row.quantity_before, row.tolerance_before) for row in slip.rows), default=(0, 0))


def _ranks_agree(first: Slip, second: Slip) -> bool:
    """Say whether the turns of two customers, in the order of the queue, can both be true."""
    match first.rule:
        case "fair" | "equal":
            rooms = _room(first, _cap(first)), _room(second, _cap(second))
            return not all(rooms) or first.rank + rooms[0] <= second.rank
        case "proportional":
            return _weights_agree(first, second)
    return True


def _weights_agree(first: Slip, second: Slip) -> bool:
    """Say whether the larger remainder has the earlier turn, and the first is full before the second gets a part."""
    if second.level and first.share < _quantity(first.rows):
        return False
    if not (_has_turn(first) and _has_turn(second)):
        return True
    if _steps(first)[1] >= _steps(second)[1]:
        return first.rank < second.rank
    return second.rank < first.rank


def _has_turn(slip: Slip) -> bool:
    """Say whether there is room for a whole step more."""
    return _quantity(slip.rows) - _steps(slip)[0] * slip.step >= slip.step


def _steps(slip: Slip) -> tuple[int, int]:
    """Return how many whole steps a weight is due, and what remains of the division."""
    return divmod(min(slip.units, slip.quantity) // slip.step * _quantity(slip.rows), max(1, slip.quantity))
