"""Where a moment stands in an order cycle, and what that means for an order: worked out when shown, never stored."""

from typing import Literal

from foodhub.orders.statements import Outcome

Phase = Literal["upcoming", "open", "closed"]


def phase(opens: int, closes: int, now: int) -> Phase:
    """Return the phase of a cycle at `now` (all in ms): it is open in [opens, closes)."""
    if now < opens:
        return "upcoming"
    return "open" if now < closes else "closed"


def outcome(opens: int, closes: int, signed: int, now: int) -> tuple[Outcome, str]:
    """Return what becomes of an order signed at `signed` that a hub takes in at `now` (ms), and why if not received."""
    at_signing = phase(opens, closes, signed)
    if at_signing == "upcoming":
        return "refused", "not_open_yet"
    if at_signing == "closed":
        return "refused", "late"
    if phase(opens, closes, now) == "closed":
        return "late", "late"
    return "received", ""
