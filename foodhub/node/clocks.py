"""Whether what a device signs now would be of today: a log never goes back in time, so a clock that was ahead shows.

Deadlines go by what entries say of their time. What would be of another day is not signed unawares.
"""

from datetime import UTC, datetime

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.hat import Hat
from foodhub.store.entries import log_row
from foodhub.store.transaction import Transaction

AHEAD = 3_600_000
"""So far (ms) clocks may differ: a stamp that is further ahead is of no moment that was."""


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
        until=datetime.fromtimestamp(at / 1000, UTC).astimezone(),
    )
