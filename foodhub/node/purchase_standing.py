"""What stands around a purchase order: until when to answer it, whose phone to ring, and whether it may still change.

Nothing here signs.
"""

import sqlite3
from datetime import datetime
from typing import NamedTuple

from foodhub.catalog.naming import id_bytes
from foodhub.node.contacts import card_of
from foodhub.node.cycles import cycle_at, in_ms
from foodhub.node.exchanges import plan_of
from foodhub.node.purchases import PurchaseRow
from foodhub.node.reopened import Outdated, outdated


class PurchaseStanding(NamedTuple):
    """Until when its producer takes a purchase order (None: nobody said), its phone ("": not known here).

    `outdated` says why it may still change ("": it is to be answered as it is), and `until` until when.
    """

    lead: datetime | None
    phone: str
    outdated: str = ""
    until: datetime | None = None


def purchase_standing(db: sqlite3.Connection, row: PurchaseRow, now: int) -> PurchaseStanding:
    """Return what stands around a purchase order at `now` (ms)."""
    producer = id_bytes(row.producer_id)
    cycle = cycle_at(db, (row.statement.cycle_owner, row.statement.cycle), now)
    incoming = plan_of(db, cycle).incoming if cycle is not None else []
    lead = next((each.lead for each in incoming if each.producer == producer and each.lead), None)
    card = card_of(db, producer)
    found = may_change(db, row, now)
    return PurchaseStanding(
        lead=in_zone_of(row, lead) if lead else None,
        phone=card.phone if card else "",
        outdated=found.why if found else "",
        until=in_zone_of(row, found.until) if found else None,
    )


def may_change(db: sqlite3.Connection, row: PurchaseRow, now: int) -> Outdated | None:
    """Say whether a purchase order may still change at `now` (ms), since its cycle was opened again after it."""
    return outdated(db, (row.statement.cycle_owner, row.statement.cycle), in_ms(row.sent_at), now)


def in_zone_of(row: PurchaseRow, timestamp: int) -> datetime:
    """Return a time (ms) in the zone in which a purchase order is shown."""
    return datetime.fromtimestamp(timestamp / 1000, row.sent_at.tzinfo)
