"""What an aggregator (hub or group) says of its customers' orders besides receipts and answers (log 2).

Live: the tally, for its customers. At the close: which order versions count, for itself, and for each customer one
confirmation with the slips from which that customer checks its own share. Quantities in g, ml or pieces.
"""

import re
from typing import Final, Literal

import msgspec

from foodhub.log.encoding import Count, Key, LocalId, Moment, Seq
from foodhub.orders.exchanges import ProductRule, Sharing, Spread
from foodhub.orders.statements import derived_id

_REASON: Final = re.compile("[a-z_]{0,40}")


class TallyLine(msgspec.Struct, frozen=True, array_like=True):
    """Of one product so far: what is wanted, what is tolerated besides, and how many cases of `size` that fills.

    `missing` is what lacks for the next case.
    """

    producer: Key
    product: LocalId
    quantity: Count
    tolerance: Count
    size: Count
    cases: Count
    missing: Count


class Tally(msgspec.Struct, frozen=True, array_like=True, tag="tally"):
    """How far the cases of a cycle are filled at an aggregator: the live bar of its customers."""

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    lines: list[TallyLine]


class CountedRow(msgspec.Struct, frozen=True, array_like=True):
    """One placement that counts, in which version; `by_clock` where it came after the close but was signed before."""

    buyer: Key
    order: LocalId
    version: Seq
    by_clock: bool


class CountedGoods(msgspec.Struct, frozen=True, array_like=True):
    """How a product is allocated at the close: its rule, its case, its steps, and what there is of it.

    Where it is not `limited` there is as much as is ordered, or as the supplier confirms. What its producer states
    later changes nothing of it.
    """

    producer: Key
    product: LocalId
    rule: ProductRule
    size: Count
    minimum: Count
    broken: bool
    step: Seq
    part: Seq
    limited: bool
    units: Count


class Counted(msgspec.Struct, frozen=True, array_like=True, tag="counted"):
    """Part `part` of `of` of what counts at the close of an aggregator: order versions, and the goods they are of.

    Views count exactly these.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    at: Moment
    part: Seq
    of: Seq
    rows: list[CountedRow]
    goods: list[CountedGoods]


# A close makes hundreds of thousands of these at once, and none can be part of a circle: the collector need not look.
class SlipRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of the queue: what its owner wanted and tolerated, and what stood before it of both."""

    quantity: Count
    tolerance: Count
    quantity_before: Count
    tolerance_before: Count


class Slip(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a customer needs to work out its own share of `units`; `share` is the result.

    For `about` = `cases` the units to share at the close; for `shortfall` what there is, and the rows are what was
    confirmed. `quantity` and `tolerance` are those of the whole queue. With the rule `queue` the rows say it all.
    `fair` (tolerance, once quantities are given by the queue) and `equal` (both) give everybody up to `level`, then
    `rest` units, up to one `step` each; `rank` is how much of these those before could take. `proportional` gives
    floor(floor(units / step) · weight / quantity) steps, one more to those of rank below `rest`, and `level` besides
    (what is under a step); weight is the sum of the rows' quantities. `by_hand` gives `level`.
    """

    about: Literal["cases", "shortfall"]
    rule: Sharing | Spread
    units: Count
    quantity: Count
    tolerance: Count
    step: Seq
    level: Count
    rank: Count
    rest: Count
    rows: list[SlipRow]
    share: Count


class ConfirmedLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of one product: wanted, tolerated, confirmed at the close, and the share of what there is (if less).

    A product given instead of another has nothing ordered, and the reason `substituted`.
    """

    producer: Key
    product: LocalId
    ordered: Count
    tolerance: Count
    confirmed: Count
    share: Count
    reason: str
    slips: list[Slip]


class Confirmation(msgspec.Struct, frozen=True, array_like=True, tag="confirmation"):
    """What an aggregator confirms to one customer in a cycle, for its close at `at`.

    `fingerprint` is that of the whole allocation.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    buyer: Key
    at: Moment
    fingerprint: Key
    lines: list[ConfirmedLine]


class Baskets(msgspec.Struct, frozen=True, array_like=True, tag="baskets"):
    """What is in each numbered basket of a group that buys for its households: what their hub needs, without names."""

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    rows: list[tuple[Seq, list[tuple[Key, LocalId, Count]]]]


def tally_faults(tally: Tally) -> str | None:
    """Judge a tally: one for each cycle."""
    return None if tally.local == derived_id(b"tally", tally.cycle_owner, tally.cycle) else "other_id"


def counted_faults(counted: Counted) -> str | None:
    """Judge a part of the list at the close."""
    local = derived_id(b"counted", counted.cycle_owner, counted.cycle, counted.part.to_bytes(8, "big"))
    if counted.local != local:
        return "other_id"
    return None if counted.part <= counted.of else "part_of"


def confirmation_faults(confirmation: Confirmation) -> str | None:
    """Judge a confirmation: one for each customer and cycle, each product once, no share above what is confirmed."""
    parts = (confirmation.buyer, confirmation.cycle_owner, confirmation.cycle)
    if confirmation.local != derived_id(b"confirmation", *parts):
        return "other_id"
    keys = [(line.producer, line.product) for line in confirmation.lines]
    if len(set(keys)) < len(keys):
        return "line_twice"
    if not all(_REASON.fullmatch(line.reason) for line in confirmation.lines):
        return "reason_characters"
    return "share_too_large" if any(line.share > line.confirmed for line in confirmation.lines) else None


def baskets_faults(baskets: Baskets) -> str | None:
    """Judge baskets: one list for each cycle, each number once."""
    if baskets.local != derived_id(b"baskets", baskets.cycle_owner, baskets.cycle):
        return "other_id"
    numbers = [number for number, _ in baskets.rows]
    return "named_twice" if len(set(numbers)) < len(numbers) else None
