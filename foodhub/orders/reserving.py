"""What a producer and a hub say about stock set aside, besides `Allot`: more, less, given back, lacking (log 2).

Quantities in g, ml or pieces, absolute, never differences. Each is sealed to the other side alone; after which
deliveries its stock was counted, a producer says to itself alone.
"""

import msgspec

from foodhub.catalog.texts import text_fault
from foodhub.log.encoding import Count, Key, LocalId, Seq
from foodhub.orders.statements import derived_id

MAX_REASON = 200


class AllotRequest(msgspec.Struct, frozen=True, array_like=True, tag="allot_request"):
    """A hub asks a producer to set `quantity` aside in all, what it gave back included; 0 takes the request back."""

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    producer: Key
    product: LocalId
    quantity: Count


class Lower(msgspec.Struct, frozen=True, array_like=True, tag="lower"):
    """A producer asks a hub to give back what it can of what was set aside, until `quantity` is left there.

    With `override` it does not wait for a silent hub: from now on it counts only `quantity` as set aside, or what it
    was told is promised if that is more. What the hub promised besides and has not told may be promised twice then.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    hub: Key
    device: Key
    product: LocalId
    quantity: Count
    override: bool


class Return(msgspec.Struct, frozen=True, array_like=True, tag="return"):
    """What the device `device` of a hub gave back, in all, of what was set aside for it; it can only grow."""

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    device: Key
    producer: Key
    product: LocalId
    returned: Count


class Shortfall(msgspec.Struct, frozen=True, array_like=True, tag="shortfall"):
    """A producer has only `available` of what was promised at a hub; it withdraws no promise, the hub has to share."""

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    hub: Key
    product: LocalId
    available: Count
    reason: str


class DeliveredRow(msgspec.Struct, frozen=True, array_like=True):
    """Counts of a product from the version `stock` of its stock on are without `held` of what was set aside.

    So much was held when `given` had been given in all: what is given later is still on the shelf. 0 says that nothing
    had left.
    """

    product: LocalId
    stock: Seq
    given: Count
    held: Count


class Delivered(msgspec.Struct, frozen=True, array_like=True, tag="delivered"):
    """Part `part` of what has left a producer of the goods set aside for the device `device` in a cycle.

    What a count is without is claimed here, with the count or after it, and by nothing else. Sealed to itself alone.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    device: Key
    part: Seq
    rows: list[DeliveredRow]


def delivered_id(cycle: tuple[bytes, bytes], device: bytes, part: int) -> bytes:
    """Return the local id of a part of what left of the goods for a device in a cycle (owner, local id)."""
    return derived_id(b"delivered", *cycle, device, part.to_bytes(8, "big"))


def allot_request_faults(request: AllotRequest) -> str | None:
    """Judge a request: one for each cycle and product."""
    parts = (request.cycle_owner, request.cycle, request.producer, request.product)
    return None if request.local == derived_id(b"allot_request", *parts) else "other_id"


def lower_faults(lower: Lower) -> str | None:
    """Judge a request to give back: one for each cycle, device and product."""
    parts = (lower.cycle_owner, lower.cycle, lower.device, lower.product)
    return None if lower.local == derived_id(b"lower", *parts) else "other_id"


def return_faults(returned: Return) -> str | None:
    """Judge a return: one for each cycle, device and product."""
    parts = (returned.cycle_owner, returned.cycle, returned.device, returned.producer, returned.product)
    return None if returned.local == derived_id(b"return", *parts) else "other_id"


def shortfall_faults(shortfall: Shortfall) -> str | None:
    """Judge a shortfall: one for each cycle, hub and product, with a reason."""
    parts = (shortfall.cycle_owner, shortfall.cycle, shortfall.hub, shortfall.product)
    if shortfall.local != derived_id(b"shortfall", *parts):
        return "other_id"
    return text_fault("reason", shortfall.reason, 1, MAX_REASON)


def delivered_faults(delivered: Delivered) -> str | None:
    """Judge what has left: each product once in a part."""
    if delivered.local != delivered_id((delivered.cycle_owner, delivered.cycle), delivered.device, delivered.part):
        return "other_id"
    products = [row.product for row in delivered.rows]
    return "named_twice" if len(set(products)) < len(products) else None
