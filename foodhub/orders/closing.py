"""What an aggregator (hub or group) says of its customers' orders besides receipts and answers (log 2).

Live: the tally, for its customers. At the close: which order versions count, for itself, and for each customer one
confirmation with the slips from which that customer checks its own share. Quantities in g, ml or pieces.
"""

import re
from typing import Final, Literal

import msgspec

from foodhub.catalog.texts import text_fault
from foodhub.log.encoding import Count, Key, LocalId, Moment, Seq
from foodhub.orders.cases import Terms
from foodhub.orders.exchanges import ProductRule, Sharing, Spread
from foodhub.orders.reserving import MAX_REASON
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

    @property
    def terms(self) -> Terms:
        """Return on what terms it is allocated."""
        return Terms(self.rule, self.size, self.minimum, self.broken, self.step, self.part)


def goods_on(terms: Terms, product: tuple[bytes, bytes], units: int | None) -> CountedGoods:
    """Return how a product (producer, product) is allocated, and how much there is of it, None for no limit."""
    return CountedGoods(
        *product,
        rule=terms.rule,
        size=terms.size,
        minimum=terms.minimum,
        broken=terms.broken,
        step=terms.step,
        part=terms.part,
        limited=units is not None,
        units=units or 0,
    )


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

    A product given instead of another has nothing ordered, and the reason `substituted`. `note` is what its producer
    said of the lack, "" where there is none.
    """

    producer: Key
    product: LocalId
    ordered: Count
    tolerance: Count
    confirmed: Count
    share: Count
    reason: str
    note: str
    slips: list[Slip]


class Confirmation(msgspec.Struct, frozen=True, array_like=True, tag="confirmation"):
    """Part `part` of `of` of what an aggregator confirms to one customer in a cycle, for its close at `at`.

    All parts have one version; what is put together again is part 1 of 1. `fingerprint` is that of the whole
    allocation.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    buyer: Key
    at: Moment
    part: Seq
    of: Seq
    fingerprint: Key
    lines: list[ConfirmedLine]


class Baskets(msgspec.Struct, frozen=True, array_like=True, tag="baskets"):
    """Part `part` of `of` of what is in each numbered basket of a group that buys for its households.

    It is what their hub needs, without names. All parts have one version; a long basket comes again under its number.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    part: Seq
    of: Seq
    rows: list[tuple[Seq, list[tuple[Key, LocalId, Count]]]]


def tally_faults(tally: Tally) -> str | None:
    """Judge a tally: one for each cycle."""
    return None if tally.local == derived_id(b"tally", tally.cycle_owner, tally.cycle) else "other_id"


def counted_id(cycle: tuple[bytes, bytes], part: int) -> bytes:
    """Return the local id of a part of the list of what counts in a cycle (owner, local id)."""
    return derived_id(b"counted", *cycle, part.to_bytes(8, "big"))


def confirmation_id(buyer: bytes, cycle: tuple[bytes, bytes], part: int) -> bytes:
    """Return the local id of a part of what is confirmed to a customer in a cycle (owner, local id)."""
    return derived_id(b"confirmation", buyer, *cycle, part.to_bytes(8, "big"))


def baskets_id(cycle: tuple[bytes, bytes], part: int) -> bytes:
    """Return the local id of a part of the baskets in a cycle (owner, local id)."""
    return derived_id(b"baskets", *cycle, part.to_bytes(8, "big"))


def counted_faults(counted: Counted) -> str | None:
    """Judge a part of the list at the close."""
    if counted.local != counted_id((counted.cycle_owner, counted.cycle), counted.part):
        return "other_id"
    return None if counted.part <= counted.of else "part_of"


def confirmation_faults(confirmation: Confirmation) -> str | None:
    """Judge a part of a confirmation: each product once, no share above what is confirmed."""
    cycle = (confirmation.cycle_owner, confirmation.cycle)
    if confirmation.local != confirmation_id(confirmation.buyer, cycle, confirmation.part):
        return "other_id"
    if confirmation.part > confirmation.of:
        return "part_of"
    keys = [(line.producer, line.product) for line in confirmation.lines]
    if len(set(keys)) < len(keys):
        return "line_twice"
    if not all(_REASON.fullmatch(line.reason) for line in confirmation.lines):
        return "reason_characters"
    if any(line.share > line.confirmed for line in confirmation.lines):
        return "share_too_large"
    faults = (text_fault("note", line.note, 0, MAX_REASON) for line in confirmation.lines)
    return next((fault for fault in faults if fault), None)


def baskets_faults(baskets: Baskets) -> str | None:
    """Judge a part of baskets."""
    if baskets.local != baskets_id((baskets.cycle_owner, baskets.cycle), baskets.part):
        return "other_id"
    return None if baskets.part <= baskets.of else "part_of"
