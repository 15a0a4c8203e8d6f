"""What hubs and groups say in the open about a cycle: who brings what, who sells it how, when it is closed (log 1).

A cycle (see `statements.Cycle`) says its window; these facts say the rest, each by its owner: the coordinator who comes
in with what and who takes part, each aggregator (hub or group) its own outgoing exchange. Times in ms.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from foodhub.catalog.texts import text_fault
from foodhub.log.encoding import LATEST, Count, Key, LocalId, Moment, Seq
from foodhub.orders.statements import SALES, Cycle, Sale, derived_id

Filled = Literal["hub", "group", "household"]
"""Where a case is filled: over all customers of the hub, within each group, by each household alone."""
Leftover = Literal["cut", "round_up", "open", "ask"]
"""What becomes of what no case holds."""
Spread = Literal["queue", "fair"]
"""How tolerance is given out: first come first served, or one unit each in turn."""
Sharing = Literal["queue", "proportional", "equal", "by_hand"]
"""How a shortfall is shared."""
Buying = Literal["as_one", "households"]
MAX_PLACE = 200


class Incoming(msgspec.Struct, frozen=True, array_like=True):
    """What a producer brings into a cycle: `products` (all of them when empty), weighed in at `place` at `weighed`.

    Until `lead` the producer takes the purchase order; 0 stands for "not said" in both times.
    """

    producer: Key
    products: list[LocalId]
    place: str
    weighed: Moment
    lead: Moment


class Plan(msgspec.Struct, frozen=True, array_like=True, tag="plan"):
    """How the cycle with the same local id is run: the incoming exchanges, the other hubs, and the deputies.

    A deputy's close counts while the coordinator signed none. In a `pooled` cycle the other hubs order from the
    coordinator, so that cases pool; else each is for itself. Without any incoming exchange every producer may bring.
    """

    local: LocalId
    version: Seq
    incoming: list[Incoming]
    hubs: list[Key]
    pooled: bool
    deputies: list[Key]


class Opening(msgspec.Struct, frozen=True, array_like=True, tag="opening"):
    """What was on offer when the cycle with this local id opened: (device, timestamp of its last entry in log 1).

    Statements of that device stamped later are for the next cycle.
    """

    local: LocalId
    version: Seq
    pins: list[tuple[Key, Moment]]


class ProductRule(msgspec.Struct, frozen=True, array_like=True):
    """How the cases of a product are filled and its lack is shared."""

    filled: Filled
    leftover: Leftover
    spread: Spread
    sharing: Sharing


DEFAULT_RULE = ProductRule("hub", "cut", "queue", "queue")


class Pickup(msgspec.Struct, frozen=True, array_like=True):
    """Where and when goods are picked up, in [opens, closes)."""

    place: str
    opens: Moment
    closes: Moment


class Outgoing(msgspec.Struct, frozen=True, array_like=True, tag="outgoing"):
    """What a hub or group sells in a cycle, and how: one for each aggregator and cycle.

    `supplier` is the aggregator that it orders from; a hub that is supplied by producers names itself. A group says how
    it `buying`s, a hub its `sale`; the other stands for nothing. `device` answers. `products` empty means all.
    With `by_hand` a person confirms each order, with `shown` all customers may read all wishes.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    supplier: Key
    device: Key
    closes: Moment
    sale: Sale
    buying: Buying
    by_hand: bool
    shown: bool
    products: list[tuple[Key, LocalId]]
    rule: ProductRule
    rules: list[tuple[Key, LocalId, ProductRule]]
    pickups: list[Pickup]


class Close(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """The close of a cycle as its coordinator, or a deputy, signed it; with `open` the cycle was opened again.

    `at` is until when orders counted.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    at: Moment
    open: bool


class Draft(msgspec.Struct, frozen=True, array_like=True, tag="draft"):
    """A cycle that its maker keeps to itself (sealed in log 2): what it will say in log 1 when it publishes it."""

    local: LocalId
    version: Seq
    ended: bool
    cycle: Cycle
    plan: Plan
    outgoing: list[Outgoing]


class Repeat(msgspec.Struct, frozen=True, array_like=True, tag="repeat"):
    """A cycle that comes again every `weeks` weeks, sealed to its maker in log 2; `cycle` is the one to begin from.

    Weeks whose opening falls on a day of `skipped` (year · 10,000 + month · 100 + day, in the cycle's zone) are left
    out; none opens after `until` (ms, 0: no end).
    """

    local: LocalId
    version: Seq
    cycle: LocalId
    weeks: Seq
    skipped: list[Count]
    until: Moment
    ended: bool


def plan_faults(plan: Plan) -> str | None:
    """Judge a plan: nobody stands twice in a list, and places can be shown."""
    if _twice(each.producer for each in plan.incoming) or _twice(plan.hubs) or _twice(plan.deputies):
        return "named_twice"
    return next((fault for each in plan.incoming if (fault := text_fault("place", each.place, 0, MAX_PLACE))), None)


def opening_faults(opening: Opening) -> str | None:
    """Judge an opening: one time for each device."""
    return "named_twice" if _twice(device for device, _ in opening.pins) else None


def outgoing_faults(outgoing: Outgoing) -> str | None:
    """Judge an outgoing exchange: one for each cycle, with one rule for each product."""
    if outgoing.local != derived_id(b"outgoing", outgoing.cycle_owner, outgoing.cycle):
        return "other_id"
    if not 0 < outgoing.closes < LATEST or outgoing.sale not in SALES:
        return "time_range"
    if _twice((producer, product) for producer, product, _ in outgoing.rules) or _twice(outgoing.products):
        return "named_twice"
    for pickup in outgoing.pickups:
        fault = text_fault("place", pickup.place, 1, MAX_PLACE)
        if fault:
            return fault
        if pickup.opens >= pickup.closes:
            return "closes_before_it_opens"
    return None


def close_faults(close: Close) -> str | None:
    """Judge a close: one for each cycle."""
    return None if close.local == derived_id(b"close", close.cycle_owner, close.cycle) else "other_id"


def _twice(keys: Iterable[object]) -> bool:
    found = list(keys)
    return len(set(found)) < len(found)
