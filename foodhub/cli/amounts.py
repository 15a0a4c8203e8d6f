"""Times and contents as people read them in tables. Programs get the plain values."""

from datetime import datetime

from foodhub.saying import quantity
from foodhub.words import _, moment


def content(value: int, unit: str, per: str, name: str) -> str:
    """Write what one piece holds: "250 g", "bunch"; nothing for goods by weight."""
    if per != "piece":
        return ""
    if unit == "piece":
        return f"{value} {name}".strip() if value != 1 else name
    return " ".join(part for part in (quantity(value, unit), name) if part)


def span(begins: datetime, ends: datetime) -> str:
    """Write from when to when: "2026-11-27 17:00 to 19:00"; the day of the end only where it is another one."""
    last = f"{ends:%H:%M}" if begins.date() == ends.date() else moment(ends)
    return _("{begins} to {ends}").format(begins=moment(begins), ends=last)
