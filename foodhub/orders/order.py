"""The states of an order as everybody sees them, from the buyer's placement and the hub's answer to it."""

from typing import Literal

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

_OF_OUTCOME: dict[str, OrderState] = {"received": "received", "late": "late", "refused": "refused"}


def placement_state(*, cancelled: bool, outcome: str | None) -> OrderState:
    """Return the state of one placement; `outcome` is the hub's answer, None while there is none."""
    if cancelled:
        return "cancelled"
    return _OF_OUTCOME[outcome] if outcome else "sent"


def order_state(placements: list[OrderState]) -> OrderState:
    """Return the state of an order: of its placements that still stand, the one that lags behind most."""
    for state in ("sent", "received", "late", "refused"):
        if state in placements:
            return state
    return "cancelled"
