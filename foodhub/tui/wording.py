"""How quantities, money, times and states are said on the screen; the decimal mark is that of the language spoken.

It never decides anything: it turns values into words, and every value it does not know is shown as it is.
"""

from datetime import datetime
from typing import Final, cast

from foodhub.errors import N_
from foodhub.money import format_money
from foodhub.node.products import ProductRow
from foodhub.quantity import Unit, format_quantity
from foodhub.words import _, ngettext

_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}
_COUNTED_IN: Final[dict[str, Unit]] = {"piece": "piece", "kg": "g", "l": "ml"}


def decimal_mark() -> str:
    """Return the mark between whole and part in the language spoken."""
    # Translators: one and a half, as a number is written; only the mark between the digits is used.
    return _("1.5")[1]


def money(amount: int, currency: str) -> str:
    """Say an amount of minor units: "2.45 €"."""
    return f"{format_money(amount, currency).replace('.', decimal_mark())} {_SYMBOLS.get(currency, currency)}"


def price(amount: int, currency: str, per: str) -> str:
    """Say a price: "2.45 €" for a piece, "2.45 €/kg" for goods by weight or volume."""
    said = money(amount, currency)
    return said if per == "piece" else f"{said}/{per}"


def quantity(amount: int, unit: str) -> str:
    """Say a quantity of g, ml or pieces."""
    return format_quantity(amount, cast("Unit", unit), decimal_mark())


def ordered(amount: int, per: str) -> str:
    """Say how much is ordered of goods with a price per piece, kg or l."""
    return quantity(amount, _COUNTED_IN.get(per, "piece"))


def packing(product: ProductRow) -> str:
    """Say what one piece of a product is, or in which steps goods by weight or volume are sold."""
    if product.price_per != "piece":
        # Translators: goods that are weighed or poured out for the buyer, in steps of 100 g or the like.
        return _("by {step}").format(step=ordered(product.step, product.price_per))
    if product.unit != "piece":
        content = quantity(product.unit_value, product.unit)
        return f"{product.unit_name} {content}" if product.unit_name else content
    name = product.unit_name or _("piece")
    return name if product.unit_value == 1 else f"{product.unit_value} × {name}"


def on_hand(amount: int | None, per: str) -> str:
    """Say how much of a product is there; None is on demand."""
    return _("on demand") if amount is None else ordered(amount, per)


def when(moment: datetime, now: datetime) -> str:
    """Say a time in at most 11 characters: the hour today, day and hour this year, else the date."""
    today = now.astimezone(moment.tzinfo)
    if moment.date() == today.date():
        # Translators: formats of strftime, month and day as your readers write them; at most 11 characters when shown.
        return moment.strftime(_("today %H:%M"))
    return moment.strftime(_("%m-%d %H:%M") if moment.year == today.year else _("%Y-%m-%d"))


def full_time(moment: datetime) -> str:
    """Say a time with its year and its zone."""
    return moment.strftime(_("%Y-%m-%d %H:%M (%Z)"))


def ago(timestamp: int, now: int) -> str:
    """Say how long ago something was; both in ms, 0 for never."""
    if timestamp <= 0:
        return _("never")
    seconds = max(now - timestamp, 0) // 1000
    if seconds < 2:
        return _("now")
    if seconds < 90:
        return _("{n} s ago").format(n=seconds)
    if seconds < 90 * 60:
        return _("{n} min ago").format(n=seconds // 60)
    if seconds < 48 * 3600:
        return _("{n} h ago").format(n=seconds // 3600)
    return _("{n} days ago").format(n=seconds // 86400)


def size(count: int) -> str:
    """Say a number of bytes."""
    if count < 1000:
        return _("{n} bytes").format(n=count)
    if count < 1_000_000:
        return _("{n} kB").format(n=count // 1000)
    whole, part = divmod(count // 100_000, 10)
    return _("{n} MB").format(n=f"{whole}{decimal_mark()}{part}")


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
ORDER_SENTENCES: Final = {
    "sent": N_("Signed; the hub has not answered yet."),
    "received": N_("The hub has received it."),
    "late": N_("It reached the hub after the cycle had closed."),
    "refused": N_("The hub did not take it: it was signed outside the cycle."),
    "cancelled": N_("The buyer has cancelled it."),
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
    "refused": N_("refused"),
    "offline": N_("not connected"),
}
REFUSALS: Final = {
    "invite_unknown": N_("invite unknown"),
    "invite_used": N_("invite used"),
    "invite_revoked": N_("invite taken back"),
    "invite_expired": N_("invite expired"),
}
LOGS: Final = {
    "circuit": N_("members"),
    "catalog": N_("catalog"),
    "trade": N_("orders"),
}


def said(table: dict[str, str], code: str) -> str:
    """Say a code of one of the tables above; one that is not in it as it is."""
    return _(table[code]) if code in table else code.replace("_", " ")


def entries(count: int) -> str:
    """Say a number of entries."""
    return ngettext("{n} entry", "{n} entries", count).format(n=count)
