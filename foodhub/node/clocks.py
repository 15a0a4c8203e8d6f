"""Whether what a device signs now would be of today: a log never goes back in time, so a clock that was ahead shows.

Deadlines and counts go by what entries say of their time. What would be of another day is not signed unawares.
"""

from datetime import UTC, datetime

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.hat import Hat
from foodhub.store.entries import log_row
from foodhub.store.transaction import Transaction

AHEAD = 3_600_000
"""So far (ms) clocks may differ: a stamp that is further ahead is of no moment that was."""


def signs_at(tx: Transaction, hat: Hat, log: Log) -> int:
    """Return the timestamp (ms) of what this device would sign now."""
    head = log_row(tx.db, hat.device, log)
    return max(tx.now, head.timestamp if head else 0)


def require_clock(tx: Transaction, hat: Hat) -> None:
    """Make sure that a count signed now is of today: whatever is delivered before its date is taken as gone.

    Raises:
        RefusedError: `clock_was_ahead`.
    """
    at = signs_at(tx, hat, Log.CATALOG)
    if at > tx.now + AHEAD:
        raise _was_ahead(at)


def require_in_time(tx: Transaction, hat: Hat, closes: int) -> None:
    """Make sure that an order signed now bears a time before its deadline (ms), while that has not passed.

    Raises:
        RefusedError: `clock_was_ahead`.
    """
    at = signs_at(tx, hat, Log.TRADE)
    if tx.now < closes <= at:
        raise _was_ahead(at)


def _was_ahead(at: int) -> RefusedError:
    return RefusedError(
        "clock_was_ahead",
        N_("The clock of this device was ahead once: until {until}, all that it signs is of that date, not of now."),
        N_("Wait until then, or do it on another device: foodhub device --help"),
        until=datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="minutes"),
    )
