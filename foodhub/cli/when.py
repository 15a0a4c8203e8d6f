"""Times as people type them: "thu 20h", "jeu 20h30", "tomorrow 18:00", "+3d", ISO 8601, or the language's own date.

The present and the zone are arguments. What was understood is shown back by the caller, with date and zone.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from foodhub.errors import N_, UsageError
from foodhub.words import read_day

_DAYS: Final = (
    ("mon", "monday", "lun", "lundi"),
    ("tue", "tues", "tuesday", "mar", "mardi"),
    ("wed", "wednesday", "mer", "mercredi"),
    ("thu", "thur", "thurs", "thursday", "jeu", "jeudi"),
    ("fri", "friday", "ven", "vendredi"),
    ("sat", "saturday", "sam", "samedi"),
    ("sun", "sunday", "dim", "dimanche"),
)
_WEEKDAYS: Final = {name: number for number, names in enumerate(_DAYS) for name in names}
_YEARS: Final = range(1971, 3000)
"""What can be signed, and more than anybody means."""
_NOW: Final = frozenset({"now", "maintenant"})
_AHEAD: Final = {"today": 0, "aujourd'hui": 0, "tomorrow": 1, "demain": 1}
_HOURS: Final = {"h": 3600, "min": 60, "m": 60}
_LONG: Final = {"d": 1, "j": 1, "w": 7, "sem": 7}
_STEP: Final = re.compile(r"\+\s*(?P<number>[0-9]{1,4})\s*(?P<unit>[a-z]+)")
_CLOCK: Final = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:\s*(?:h|:)\s*(?P<minute>[0-9]{2})?)?\s*(?P<half>am|pm)?",
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_AND_CLOCK: Final = re.compile(r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[ t]+(?P<clock>.+)")


def read_when(text: str, now: datetime, zone: tzinfo, *, end: bool = False) -> datetime:
    """Return the moment that `text` names, in `zone`; `now` is the present, in any zone.

    Without a zone of its own a time is one of `zone`; a day of the week, or a time of day alone, is the next one after
    `now`; a day without a time begins at 00:00, or where it says the `end` of something lasts until 23:59. A time that
    a change of the clocks skips is the moment as much later.

    Raises:
        UsageError: `bad_when`.
    """
    wanted = " ".join(text.lower().replace("’", "'").split())
    here, blank = now.astimezone(zone), time(23, 59) if end else time()
    try:
        found = (
            _iso(wanted, blank, zone)
            or _dated(wanted, blank, zone)
            or _stepped(wanted, here, zone)
            or _spoken(wanted, blank, here, zone)
        )
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise UsageError(
            "bad_when",
            N_('"{text}" is not a time.'),
            N_('Write it like "thu 20h", "tomorrow 18:00", "+3d" or 2026-11-26T20:00.'),
            text=text[:60],
        )
    if found.year not in _YEARS:
        raise UsageError(
            "bad_when",
            N_('"{text}" lies too far away.'),
            N_('Write it like "thu 20h", "tomorrow 18:00", "+3d" or 2026-11-26T20:00.'),
            text=text[:60],
        )
    return found


def read_span(first: str, last: str, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return from when to when something is; the end is counted from the beginning, and "19h" is of the same day.

    Raises:
        UsageError: `bad_when`, or `bad_span` where the end would not be behind the beginning.
    """
    begins = read_when(first, now, zone)
    ends = read_when(last, begins, zone)
    day = begins.astimezone(zone).date()
    said_alone = _clock(" ".join(last.lower().split())) is not None
    if ends <= begins or (said_alone and ends.date() != day):
        raise UsageError(
            "bad_span",
            N_('From "{first}" to "{last}": that would end before it begins.'),
            N_('Where it ends on another day, say which day, such as "sat 12h".'),
            first=first[:60],
            last=last[:60],
        )
    return begins, ends


def _iso(wanted: str, blank: time, zone: tzinfo) -> datetime | None:
    """Read ISO 8601, also with a space for the T and "20h" for the time; `blank` is that of a date alone."""
    if _DATE.fullmatch(wanted):
        return _at(date.fromisoformat(wanted), blank, zone)
    match = _DATE_AND_CLOCK.fullmatch(wanted)
    if match and (clock := _clock(match["clock"])) is not None:
        return _at(date.fromisoformat(match["date"]), clock, zone)
    if not re.match(r"[0-9]{4}-?[0-9w]", wanted):
        return None
    try:
        read = datetime.fromisoformat(wanted.upper())
    except ValueError:
        return None
    return _real(read.replace(tzinfo=zone)) if read.tzinfo is None else read.astimezone(zone)


def _dated(wanted: str, blank: time, zone: tzinfo) -> datetime | None:
    """Read a date as the language spoken writes it, such as is shown back, and a time of day behind it."""
    first, _space, rest = wanted.partition(" ")
    day = read_day(first)
    clock = _clock(rest.removeprefix("at ").removeprefix("à ")) if rest else blank
    return None if day is None or clock is None else _at(day, clock, zone)


def _stepped(wanted: str, here: datetime, zone: tzinfo) -> datetime | None:
    """Read "now" and "+3d", up to a whole minute: hours are time that passes, days are days of the calendar."""
    if wanted in _NOW:
        return here
    match = _STEP.fullmatch(wanted)
    if match is None:
        return None
    number, unit = int(match["number"]), match["unit"]
    if unit in _HOURS:
        return _minute((here.astimezone(UTC) + timedelta(seconds=number * _HOURS[unit])).astimezone(zone))
    return _minute(_real(here + timedelta(days=number * _LONG[unit]))) if unit in _LONG else None


def _minute(found: datetime) -> datetime:
    """Return the whole minute at or after a moment: what is shown has no seconds, so none may be hidden in it."""
    moment = found.astimezone(UTC)
    whole = moment.replace(second=0, microsecond=0)
    return (whole if whole == moment else whole + timedelta(minutes=1)).astimezone(found.tzinfo)


def _spoken(wanted: str, blank: time, here: datetime, zone: tzinfo) -> datetime | None:
    """Read a day and a time of day, either of which may be missing."""
    first, _space, rest = wanted.partition(" ")
    first = first.rstrip(".")
    if first not in _WEEKDAYS and first not in _AHEAD:
        clock = _clock(wanted) if re.search("[h:m]", wanted) else None
        return None if clock is None else _next(here, here.date(), clock, 1, zone)
    clock = _clock(rest.removeprefix("at ").removeprefix("à ")) if rest else blank
    if clock is None:
        return None
    if first in _AHEAD:
        return _at(here.date() + timedelta(days=_AHEAD[first]), clock, zone)
    days = (_WEEKDAYS[first] - here.weekday()) % 7
    return _next(here, here.date() + timedelta(days=days), clock, 7, zone)


def _next(here: datetime, day: date, clock: time, every: int, zone: tzinfo) -> datetime:
    """Return the time of day on `day`, or if that has passed as many days later as it comes again."""
    found = _at(day, clock, zone)
    return found if found > here else _at(day + timedelta(days=every), clock, zone)


def _clock(text: str) -> time | None:
    """Read "20h", "20h30", "20:30", "8pm" or "20"."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"] == "pm" else 0)
    minute = int(match["minute"] or 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _at(day: date, clock: time, zone: tzinfo) -> datetime:
    return _real(datetime.combine(day, clock, zone))


def _real(local: datetime) -> datetime:
    """Return a local time as one that exists: what the clocks skip in spring lies as much later."""
    return local.astimezone(UTC).astimezone(local.tzinfo)
