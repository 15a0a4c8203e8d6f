"""Times and contents as people read them in tables. Programs get the plain values."""

from datetime import datetime
from typing import Final

from foodhub.errors import N_
from foodhub.saying import quantity
from foodhub.words import _

_DAYS: Final = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)


def content(value: int, unit: str, per: str, name: str) -> str:
    """Write what one piece holds: "250 g", "bunch"; nothing for goods by weight."""
    if per != "piece":
        return ""
    if unit == "piece":
        return f"{value} {name}".strip() if value != 1 else name
    return " ".join(part for part in (quantity(value, unit), name) if part)


def moment(time: datetime) -> str:
    """Write a time for a table: "2026-11-26 20:00"."""
    return time.strftime("%Y-%m-%d %H:%M")


def full_moment(time: datetime, zone: str) -> str:
    """Write a time so that nothing about it is left open: "Thursday 2026-11-26 20:00 (Europe/Paris)"."""
    return f"{day_name(time)} {moment(time)} ({zone})"


def day_name(time: datetime) -> str:
    """Return the day of the week in the user's language."""
    return _(_DAYS[time.weekday()])
