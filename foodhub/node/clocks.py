"""Whether what a device signs now would be of today: a log never goes back in time, so a clock that was ahead shows.

Deadlines go by what entries say of their time. What would be of another day is not signed unawares. Of other clocks
nothing is known but what they stamped: a clock that is behind shows in entries of others that are of a time to come,
one that is ahead in an answer that is older than what it answers. Whose clock is wrong, that never tells.
"""

import sqlite3
from datetime import UTC, datetime

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.hat import Hat, shown_name
from foodhub.store.entries import log_row
from foodhub.store.transaction import Transaction

AHEAD = 3_600_000
"""So far (ms) clocks may differ: a stamp that is further ahead is of no moment that was."""
FAR = 31 * 86_400_000
"""A stamp that is further ahead (ms) is more likely invented, or of a broken clock, than of a time to come."""


def doubt(db: sqlite3.Connection, hat: Hat, now: int) -> RefusedError | None:
    """Return why this machine's clock, which says `now` (ms), may be wrong; None where nothing sound says so.

    One member of several whose entries are of a time to come has a clock that is ahead itself: only where several have,
    or there is no other, it may be ours that is behind. Entries of a time far to come say that only where most members
    have such: else a few who stamp as they like would make everybody doubt, for ever.
    """
    newest = dict(
        db.execute(
            "SELECT d.member, max(l.timestamp) FROM log l JOIN device d ON d.key = l.author"
            " JOIN member m ON m.id = d.member"
            " WHERE l.timestamp > 0 AND NOT d.retired AND NOT m.removed GROUP BY d.member"
        ).fetchall()
    )
    newest.pop(hat.member, None)
    to_come = {member: at for member, at in newest.items() if at > now + AHEAD}
    soon = [member for member, at in to_come.items() if at <= now + FAR]
    if len(soon) > 1 or 2 * len(to_come) > len(newest):
        who = max(soon or [min(to_come, key=lambda member: to_come[member])], key=lambda member: to_come[member])
        name, time = shown_name(db, who), _moment(to_come[who])
        return RefusedError("clock_behind", *_BEHIND, name=name, now=_moment(now), time=time)
    row = db.execute(
        "SELECT p.timestamp, a.timestamp, p.hub FROM placement p JOIN party b ON b.ref = p.owner"
        " JOIN party h ON h.id = p.hub JOIN answer a ON a.owner = h.ref AND a.placement = p.local AND a.buyer = b.id"
        " WHERE b.id = ? AND NOT p.spoken AND p.timestamp BETWEEN ? AND ? AND a.placement_version = p.version"
        " ORDER BY p.timestamp DESC LIMIT 1",
        (hat.member, now - _A_DAY, now),
    ).fetchone()
    if row is None or row[1] >= row[0] - AHEAD:
        return None
    signed, answered, hub = row
    name, time = shown_name(db, hub), _moment(answered)
    return RefusedError("clock_ahead", *_AHEAD, name=name, signed=_moment(signed), time=time)


_A_DAY = 86_400_000
"""What was signed longer ago (ms) says nothing of what the clock says now."""
_BEHIND = (
    N_("This machine's clock says {now}, but what {name} signed last is of {time}."),
    N_("What you sign bears this machine's time: set its clock if it is behind."),
)
_AHEAD = (
    N_("At {time} {name} answered what this machine's clock says you signed at {signed}."),
    N_("What you sign bears this machine's time: set its clock if it is ahead."),
)


def require_in_time(tx: Transaction, hat: Hat, closes: int) -> None:
    """Make sure that an order signed now bears a time before its deadline (ms), while that has not passed.

    Raises:
        RefusedError: `clock_was_ahead`.
    """
    at = _signed(tx, hat, Log.TRADE)
    if tx.now < closes <= at:
        raise _was_ahead(at)


def require_one_time(tx: Transaction, hat: Hat) -> None:
    """Make sure that what is signed now in log 2 is not dated after what is signed in log 1, which ends it.

    Raises:
        RefusedError: `clock_was_ahead`.
    """
    at = _signed(tx, hat, Log.TRADE)
    if at > max(tx.now, _signed(tx, hat, Log.CATALOG)):
        raise _was_ahead(at)


def _signed(tx: Transaction, hat: Hat, log: Log) -> int:
    """Return of when (ms) the last entry of a log of this device is, 0 for none."""
    head = log_row(tx.db, hat.device, log)
    return head.timestamp if head else 0


def _was_ahead(at: int) -> RefusedError:
    return RefusedError(
        "clock_was_ahead",
        N_("The clock of this device was ahead once: until {until}, all that it signs is of that date, not of now."),
        N_("Wait until then, or do it on another device: foodhub device --help"),
        until=_moment(at),
    )


def _moment(at: int) -> datetime:
    """Return a time (ms) as people at this machine read it."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone()
