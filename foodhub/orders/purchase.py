"""Purchase orders: what a hub orders from a producer after the close, and what the producer says to it (log 2)."""

from typing import Literal, NamedTuple

import msgspec

from foodhub.catalog.statements import LENGTHS
from foodhub.catalog.texts import text_fault
from foodhub.errors import N_, RefusedError
from foodhub.log.encoding import Count, Key, LocalId, Moment, Seq
from foodhub.orders.exchanges import MAX_PLACE
from foodhub.orders.statements import MAX_COMMENT, derived_id

PurchaseState = Literal["sent", "seen", "accepted", "part", "refused"]
PurchaseAct = Literal["look", "accept", "accept_part", "refuse"]
Said = Literal["seen", "accepted", "part", "refused"]
"""What a producer says; a purchase order of which it has said nothing is `sent`."""


class PurchaseTransition(NamedTuple):
    """From which state, by which act of whom, to which state; `when` is what else has to be so (for people)."""

    before: PurchaseState
    act: PurchaseAct
    actor: Literal["producer"]
    after: Said
    when: str


PURCHASE_TRANSITIONS: tuple[PurchaseTransition, ...] = (
    PurchaseTransition("sent", "look", "producer", "seen", ""),
    *(
        transition
        for before in ("sent", "seen")
        for transition in (
            PurchaseTransition(before, "accept", "producer", "accepted", ""),
            PurchaseTransition(before, "accept_part", "producer", "part", N_("with a reason")),
            PurchaseTransition(before, "refuse", "producer", "refused", N_("with a reason")),
        )
    ),
)
"""Everything that can happen to a purchase order before it is weighed in."""
_TABLE = {(each.before, each.act): each.after for each in PURCHASE_TRANSITIONS}


def purchase_after(state: PurchaseState, act: PurchaseAct) -> Said:
    """Return the state that an act of the producer leads to.

    Raises:
        RefusedError: `purchase_answered`; nothing changes.
    """
    found = _TABLE.get((state, act))
    if found is None:
        raise RefusedError(
            "purchase_answered",
            N_("This purchase order was answered before."),
            N_("If there is less now, or more, say so with: foodhub shortfall CYCLE PRODUCT=QUANTITY --reason TEXT"),
            state=state,
        )
    return found


class PurchaseLine(msgspec.Struct, frozen=True, array_like=True):
    """One product, restated: `quantity` in g, ml or pieces; `case` 0 where it does not go by the case.

    Else it is `cases` full ones, and what is above that comes in a broken one.
    """

    product: LocalId
    version: Seq
    sku: str
    name: str
    variant: str
    unit: Literal["g", "ml", "piece"]
    unit_value: Seq
    price: Count
    price_per: Literal["piece", "kg", "l"]
    currency: str
    quantity: Count
    case: Count
    cases: Count


class Purchase(msgspec.Struct, frozen=True, array_like=True, tag="purchase"):
    """What a hub orders from a producer in a cycle, to be weighed in at `place` at `weighed` (0: not said).

    What is too long for one entry goes in several parts, each a purchase order of its own.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    producer: Key
    part: Seq
    place: str
    weighed: Moment
    comment: str
    fingerprint: Key
    lines: list[PurchaseLine]


class PurchaseAnswerLine(msgspec.Struct, frozen=True, array_like=True):
    """How much of a product the producer accepts, and why not all."""

    product: LocalId
    accepted: Count
    reason: str


class PurchaseAnswer(msgspec.Struct, frozen=True, array_like=True, tag="purchase_answer"):
    """What a producer says to a purchase order of `hub`: seen, accepted, part of it, or refused; lines for `part`."""

    local: LocalId
    version: Seq
    hub: Key
    cycle_owner: Key
    cycle: LocalId
    part: Seq
    purchase_version: Seq
    state: Said
    reason: str
    lines: list[PurchaseAnswerLine]


def purchase_id(cycle: tuple[bytes, bytes], producer: bytes, part: int) -> bytes:
    """Return the local id of a part of the purchase order to a producer in a cycle (owner, local id)."""
    return derived_id(b"purchase", *cycle, producer, part.to_bytes(8, "big"))


def purchase_answer_id(hub: bytes, cycle: tuple[bytes, bytes], part: int) -> bytes:
    """Return the local id of what a producer says to a part of a purchase order."""
    return derived_id(b"purchase_answer", hub, *cycle, part.to_bytes(8, "big"))


def purchase_faults(purchase: Purchase) -> str | None:
    """Judge a purchase order: one for each cycle, producer and part, each product once, with fit texts."""
    if purchase.local != purchase_id((purchase.cycle_owner, purchase.cycle), purchase.producer, purchase.part):
        return "other_id"
    products = [line.product for line in purchase.lines]
    if len(set(products)) < len(products):
        return "line_twice"
    texts = [("place", purchase.place, (0, MAX_PLACE)), ("comment", purchase.comment, (0, MAX_COMMENT))]
    texts += [
        (name, getattr(line, name), LENGTHS[name]) for line in purchase.lines for name in ("sku", "name", "variant")
    ]
    return next((fault for name, text, bounds in texts if (fault := text_fault(name, text, *bounds))), None)


def purchase_answer_faults(answer: PurchaseAnswer) -> str | None:
    """Judge what a producer says: one for each purchase order, each product once."""
    if answer.local != purchase_answer_id(answer.hub, (answer.cycle_owner, answer.cycle), answer.part):
        return "other_id"
    products = [line.product for line in answer.lines]
    if len(set(products)) < len(products):
        return "line_twice"
    reasons = [answer.reason, *(line.reason for line in answer.lines)]
    return next((fault for text in reasons if (fault := text_fault("reason", text, 0, MAX_COMMENT))), None)
