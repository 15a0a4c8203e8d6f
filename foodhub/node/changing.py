"""Whether what counts at a desk can still become more after its close; nothing here signs.

It can't once purchase orders rest on it, nor once whoever supplies it has closed.
"""

import sqlite3

from foodhub.errors import N_, RefusedError
from foodhub.node.counting import closed_at
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import shown_name
from foodhub.node.purchased import is_purchased


def require_no_purchase(db: sqlite3.Connection, aggregator: bytes, cycle: CycleRow) -> None:
    """Make sure that no purchase order of an aggregator rests on what counts now.

    Raises:
        RefusedError: `purchase_sent`.
    """
    if is_purchased(db, aggregator, cycle.key):
        raise RefusedError(
            "purchase_sent",
            N_('The purchase orders of "{cycle}" have gone: what counts can\'t change any more.'),
            N_("Take it into the next cycle."),
            cycle=cycle.name,
        )


def require_changeable(db: sqlite3.Connection, exchange: Exchange, cycle: CycleRow, now: int) -> None:
    """Make sure that after the close more can still be had at `now` (ms): from producers, or from the supplier.

    Raises:
        RefusedError: `purchase_sent` or `supplier_closed`.
    """
    require_no_purchase(db, exchange.aggregator, cycle)
    above = exchange.above
    if above is not None and (now >= above.closes or closed_at(db, above, cycle, now) is not None):
        raise RefusedError(
            "supplier_closed",
            N_('{hub} has closed "{cycle}": it delivers no more than what was ordered from it.'),
            N_("Take it into the next cycle."),
            hub=shown_name(db, exchange.supplier),
            cycle=cycle.name,
        )


def is_changeable(db: sqlite3.Connection, exchange: Exchange, cycle: CycleRow, now: int) -> bool:
    """Say whether after the close more can still be had at `now` (ms)."""
    try:
        require_changeable(db, exchange, cycle, now)
    except RefusedError:
        return False
    return True
