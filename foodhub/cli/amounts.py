"""Money, quantities, times and the words for states as people read them. Programs get the plain values."""

from datetime import datetime
from typing import Final

from foodhub.errors import N_
from foodhub.money import digits, format_money
from foodhub.quantity import Unit, format_quantity
from foodhub.words import _

_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}
_UNITS: Final[dict[str, Unit]] = {"piece": "piece", "kg": "g", "l": "ml"}
_DAYS: Final = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
_WORDS: Final = {
    "steward": N_("steward"),
    "producer": N_("producer"),
    "group": N_("group"),
    "household": N_("household"),
    "hub": N_("hub"),
    "upcoming": N_("upcoming"),
    "open": N_("open"),
    "closed": N_("closed"),
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
    "allotment_exhausted": N_("no stock left in the cycle"),
    "not_permitted": N_("not sold at these terms"),
    "not_open_yet": N_("signed before the cycle opened"),
    "connected": N_("connected"),
    "connecting": N_("connecting"),
    "syncing": N_("syncing"),
    "turned_away": N_("turned away"),
    "offline": N_("not connected"),
    "starting": N_("starting"),
    "running": N_("running"),
    "failed": N_("failed"),
    "stopped": N_("stopped"),
    "circuit": N_("circuit"),
    "catalog": N_("catalog"),
    "trade": N_("trade"),
}


def word(code: str) -> str:
    """Return the word for a role, a state or a reason; a code that is not known stays as it is."""
    return _(_WORDS[code]) if code in _WORDS else code


def words(codes: list[str]) -> str:
    """Return the words for several codes."""
    return ", ".join(map(word, codes))


def mark() -> str:
    """Return the decimal mark."""
    # Translators: the decimal mark of your language: "." as in 2.45, or ",".
    return _(".")


def money(amount: int, currency: str) -> str:
    """Write an amount of minor units with its currency: "2.45 €"."""
    text = format_money(amount, currency)
    return f"{text.replace('.', mark()) if digits(currency) else text} {_SYMBOLS.get(currency, currency)}"


def price(amount: int, currency: str, per: str) -> str:
    """Write a price: "2.45 €" for a piece, "2.45 €/kg" for goods by weight."""
    return money(amount, currency) if per == "piece" else f"{money(amount, currency)}/{per}"


def count(amount: int, per: str) -> str:
    """Write how much there is of a product that is priced per piece, kg or l: "44", "12.5 kg"."""
    return format_quantity(amount, _UNITS[per], mark())


def content(value: int, unit: str, per: str, name: str) -> str:
    """Write what one piece holds: "250 g", "bunch"; nothing for goods by weight."""
    if per != "piece":
        return ""
    if unit == "piece":
        return f"{value} {name}".strip() if value != 1 else name
    return " ".join(part for part in (format_quantity(value, "g" if unit == "g" else "ml", mark()), name) if part)


def moment(time: datetime) -> str:
    """Write a time for a table: "2026-11-26 20:00"."""
    return time.strftime("%Y-%m-%d %H:%M")


def full_moment(time: datetime, zone: str) -> str:
    """Write a time so that nothing about it is left open: "Thursday 2026-11-26 20:00 (Europe/Paris)"."""
    return f"{_(_DAYS[time.weekday()])} {moment(time)} ({zone})"
