"""Where a moment stands in an order cycle, its three deadlines, and when a cycle that repeats comes again.

Pure: worked out when shown, never stored. The zone of a cycle is an argument, since which zones exist depends on the
machine. Times in ms.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from typing import Literal

from foodhub.orders.rules import MAX_NAME
from foodhub.orders.statements import Outcome

Phase = Literal["upcoming", "open", "closed"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEK = 7 * 24 * 3_600_000
"""About a week, in ms: some have an hour more or less."""
MOST_YEARS = 100
"""A rule that leaves out every week for so long has no further date."""


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


def deadline_fault(closes: int, group: int = 0, lead: int = 0) -> str | None:
    """Return which deadline is out of order: group <= hub <= until when the producer takes its order; 0: not said."""
    if group > closes:
        return "group_after_hub"
    return "lead_before_close" if lead and lead < closes else None


def in_zone(time: int, zone: tzinfo) -> datetime:
    """Return a moment as people of a zone read it."""
    return (_EPOCH + timedelta(milliseconds=time)).astimezone(zone)


def days_later(time: int, days: int, zone: tzinfo) -> int:
    """Return the same hour of the zone `days` days later; 0, which says nothing, stays.

    An hour that the clocks skip is the moment as much later; of one that comes twice it is the first.
    """
    if not time:
        return 0
    later = in_zone(time, zone) + timedelta(days=days)
    # By way of UTC: a local time that does not exist names the moment that lies as much behind the gap.
    return (later.replace(fold=0).astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def day_number(time: int, zone: tzinfo) -> int:
    """Return the day of a moment in a zone as year · 10,000 + month · 100 + day."""
    day = in_zone(time, zone)
    return day.year * 10_000 + day.month * 100 + day.day


def name_again(name: str, opens: int, again: int, zone: tzinfo) -> str:
    """Return what a cycle is called that comes again: its week number or its date at the end of the name moves on.

    Where the name has neither, the date of the opening is put behind it. Both times in ms.
    """
    before, after = in_zone(opens, zone), in_zone(again, zone)
    for old, new in ((f"{before:%Y-%m-%d}", f"{after:%Y-%m-%d}"), (_week(before), _week(after))):
        head, _, last = name.rpartition(" ")
        if last == old and head:
            return f"{head} {new}"
    return f"{name[: MAX_NAME - 11]} {after:%Y-%m-%d}"


def _week(day: datetime) -> str:
    return str(day.isocalendar().week)


def returns(
    opens: int, weeks: int, zone: tzinfo, skipped: Collection[int] = (), until: int = 0, since: int = 0
) -> Iterator[int]:
    """Yield after how many weeks a cycle that opens at `opens` comes again, every `weeks` weeks (1 or more).

    Weeks whose opening falls on a day of `skipped` (see `day_number`) are left out; none opens after `until` (0: ever).
    The first is one or two turns before `since` (ms), where that is later.
    """
    left_out = frozenset(skipped)
    passed = max(since - opens, 0) // (weeks * WEEK)
    for number in count(max(passed - 1, 1) * weeks, weeks):
        try:
            again = days_later(opens, 7 * number, zone)
        except OverflowError:
            return
        if (until and again > until) or number > MOST_YEARS * 52:
            return
        if day_number(again, zone) not in left_out:
            yield number
