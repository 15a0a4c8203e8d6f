"""The states of an order as everybody sees them, and who may bring it from one to the next: one table for all.

A state is never stored: it follows from the buyer's placement, the aggregator's answer to it and its confirmation.
What the table does not have nobody may do, and doing it changes nothing.
"""

from typing import Literal, NamedTuple

from foodhub.errors import N_, RefusedError

OrderState = Literal[
    "draft",
    "sent",
    "received",
    "late",
    "refused",
    "cancelled",
    "confirmed",
    "packed",
    "handed_over",
    "uncollected",
    "settled",
]
Act = Literal[
    "place",
    "receive",
    "take_in_late",
    "refuse",
    "amend",
    "cancel",
    "accept_late",
    "confirm",
    "decline",
    "close",
    "pack",
    "hand_over",
    "leave",
    "settle",
]
Actor = Literal["buyer", "aggregator", "desk", "derived"]

Apart = Literal["late", "refused", "late_change", "by_clock"]
"""What may have become of a part of an order besides its state: it is late, was refused, its change came late, or it
came after the close and counts since by its buyer's clock it was signed before."""


class Transition(NamedTuple):
    """From which state, by which act of whom, to which state; `when` is what else has to be so (for people)."""

    before: OrderState
    act: Act
    actor: Actor
    after: OrderState
    when: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition("draft", "place", "buyer", "sent", N_("the cycle is open at the aggregator")),
    Transition("sent", "receive", "aggregator", "received", N_("signed and taken in before the close")),
    Transition("sent", "take_in_late", "aggregator", "late", N_("signed before the close, taken in after it")),
    Transition("sent", "refuse", "aggregator", "refused", N_("signed before the opening or after the close")),
    Transition("sent", "amend", "buyer", "sent", N_("before the aggregator's deadline")),
    Transition("received", "amend", "buyer", "sent", N_("before the aggregator's deadline")),
    Transition("sent", "cancel", "buyer", "cancelled", N_("before the aggregator's deadline")),
    Transition("received", "cancel", "buyer", "cancelled", N_("before the aggregator's deadline")),
    Transition("received", "confirm", "aggregator", "received", N_("the hub works by hand")),
    Transition("received", "decline", "aggregator", "refused", N_("the hub works by hand")),
    Transition("late", "accept_late", "aggregator", "received", N_("no purchase order has gone yet")),
    Transition("received", "close", "aggregator", "confirmed", N_("the cycle's coordinator has closed it")),
    Transition("confirmed", "pack", "desk", "packed", ""),
    Transition("packed", "hand_over", "desk", "handed_over", ""),
    Transition("packed", "leave", "desk", "uncollected", ""),
    Transition("handed_over", "settle", "derived", "settled", N_("the balance is 0")),
    Transition("uncollected", "settle", "derived", "settled", N_("the balance is 0")),
)
"""Everything that can happen to an order; packing and what follows belongs to the desk."""

_TABLE = {(each.before, each.act): each.after for each in TRANSITIONS}
_OF_OUTCOME: dict[str, OrderState] = {"received": "received", "late": "late", "refused": "refused"}


def after(state: OrderState, act: Act) -> OrderState:
    """Return the state that an act leads to.

    Raises:
        RefusedError: `wrong_state`; nothing changes.
    """
    found = _TABLE.get((state, act))
    if found is None:
        raise RefusedError(
            "wrong_state",
            N_("That can't be done with this order any more, or not yet."),
            N_("See where it stands: foodhub order show ORDER"),
            state=state,
            act=act,
        )
    return found


def placement_state(*, cancelled: bool, outcome: str | None, confirmed: bool = False) -> OrderState:
    """Return the state of one placement; `outcome` is the aggregator's answer, None while there is none."""
    if cancelled:
        return "cancelled"
    if not outcome:
        return "sent"
    return after("received", "close") if confirmed and outcome == "received" else _OF_OUTCOME[outcome]


def order_state(placements: list[OrderState]) -> OrderState:
    """Return the state of an order: of its placements that still stand, the one that lags behind most."""
    for state in ("sent", "received", "confirmed", "late", "refused"):
        if state in placements:
            return state
    return "cancelled"


def partly(placements: list[OrderState], *, changed_late: bool, by_clock: bool = False) -> list[Apart]:
    """Return what has to be said besides the state of an order.

    `changed_late`: a buyer changed a placement that counts, which came too late. `by_clock`: one came after the close,
    and counts by its buyer's clock.
    """
    state = order_state(placements)
    apart: tuple[Apart, ...] = ("late", "refused")
    found: list[Apart] = [each for each in apart if each in placements and each != state]
    found += ["late_change"] if changed_late else []
    return [*found, "by_clock"] if by_clock else found
