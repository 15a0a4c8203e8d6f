"""What both front ends say alike: money, quantities, and the words for states, reasons and roles.

It never decides anything: it turns values into words, and a code that it does not know is shown as it is.
"""

from collections.abc import Iterable
from typing import Final, cast

from foodhub.errors import N_
from foodhub.money import digits, format_money
from foodhub.quantity import Unit, format_quantity
from foodhub.words import _

_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}
_COUNTED_IN: Final[dict[str, Unit]] = {"piece": "piece", "kg": "g", "l": "ml"}

ROLES: Final = {
    "steward": N_("steward"),
    "producer": N_("producer"),
    "group": N_("group"),
    "household": N_("household"),
    "hub": N_("hub"),
}
PHASES: Final = {"upcoming": N_("upcoming"), "open": N_("open"), "closed": N_("closed")}
ORDER_STATES: Final = {
    "draft": N_("draft"),
    "sent": N_("sent"),
    "received": N_("received"),
    "late": N_("late"),
    "refused": N_("refused"),
    "cancelled": N_("cancelled"),
    "confirmed": N_("confirmed"),
    "packed": N_("packed"),
    "handed_over": N_("handed over"),
    "uncollected": N_("uncollected"),
    "settled": N_("settled"),
}
REASONS: Final = {
    "allotment_exhausted": N_("not enough set aside"),
    "not_permitted": N_("not sold at these terms"),
    "late": N_("too late"),
    "not_open_yet": N_("too early"),
    "case_not_full": N_("case not full"),
    "minimum_not_met": N_("minimum not met"),
    "producer_short": N_("producer is short"),
    "producer_refused": N_("producer refused"),
    "substituted": N_("substituted"),
    "damaged": N_("damaged"),
    "uncollected": N_("uncollected"),
}
PEER_STATES: Final = {
    "connecting": N_("connecting"),
    "syncing": N_("syncing"),
    "connected": N_("connected"),
    "refused": N_("turned away"),
    "offline": N_("not connected"),
}
PROCESS_STATES: Final = {
    "starting": N_("starting"),
    "running": N_("running"),
    "failed": N_("failed"),
    "stopped": N_("stopped"),
}


def said(table: dict[str, str], code: str) -> str:
    """Say a code of one of the tables above; one that is not in it as it is."""
    return _(table[code]) if code in table else code.replace("_", " ")


def roles(codes: Iterable[str]) -> str:
    """Say the roles of a member."""
    return ", ".join(said(ROLES, code) for code in codes)


def decimal_mark() -> str:
    """Return the mark between whole and part in the language spoken."""
    # Translators: one and a half, as a number is written; only the mark between the digits is used.
    return _("1.5")[1]


def money(amount: int, currency: str) -> str:
    """Say an amount of minor units: "2.45 €"."""
    text = format_money(amount, currency)
    return f"{text.replace('.', decimal_mark()) if digits(currency) else text} {_SYMBOLS.get(currency, currency)}"


def price(amount: int, currency: str, per: str) -> str:
    """Say a price: "2.45 €" for a piece, "2.45 €/kg" for goods by weight or volume."""
    return money(amount, currency) if per == "piece" else f"{money(amount, currency)}/{per}"


def quantity(amount: int, unit: str) -> str:
    """Say a quantity of g, ml or pieces."""
    return format_quantity(amount, cast("Unit", unit), decimal_mark())


def counted(amount: int, per: str) -> str:
    """Say how much there is, or is ordered, of goods with a price per piece, kg or l: "44", "12.5 kg"."""
    return quantity(amount, _COUNTED_IN.get(per, "piece"))
