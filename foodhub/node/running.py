"""Whether orders may still come in at a hub or group: after its close nothing more is promised."""

import sqlite3

from foodhub.errors import N_, RefusedError
from foodhub.node.closing import close_of
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange


def is_running(db: sqlite3.Connection, cycle: CycleRow, exchange: Exchange, now: int) -> bool:
    """Say whether orders may still come in at a hub or group at `now` (ms)."""
    return cycle.phase_at(now) != "closed" and exchange.closes > now and close_of(db, cycle) is None


def require_running(db: sqlite3.Connection, cycle: CycleRow, exchange: Exchange, now: int) -> None:
    """Make sure that orders may still come in at a hub.

    Raises:
        RefusedError: `cycle_closed`.
    """
    if not is_running(db, cycle, exchange, now):
        raise RefusedError("cycle_closed", N_('The cycle "{cycle}" is closed.'), cycle=cycle.name)
