"""What a coordinator tells its members of a cycle, in their chat: gathered here, put into words by a front end."""

import sqlite3
from datetime import datetime

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.node.arranging import arrangement_of
from foodhub.node.cycles import CycleRow, in_ms, moment, own_cycles
from foodhub.node.exchanges import Exchange, exchange_of, exchanges_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import ProductRow, list_products
from foodhub.node.standing import roles_of
from foodhub.node.terms import first_stated
from foodhub.orders.exchanges import Pickup

MOST_NEW = 12
"""So many new products are named; more than people read in a chat would push the rest away."""


class PickupRow(msgspec.Struct, frozen=True):
    """Where and when goods are picked up."""

    place: str
    opens: datetime
    closes: datetime


class GroupClose(msgspec.Struct, frozen=True):
    """Until when members of a group order from it."""

    name: str
    closes: datetime


class Announcement(msgspec.Struct, frozen=True):
    """A cycle as it is announced by one of its hubs or groups; times carry the cycle's zone.

    `new` are products that were first stated since the cycle before opened, `more` says how many else there are;
    `closes` is until when one orders from `seller`.
    """

    cycle: str
    seller: str
    opens: datetime
    closes: datetime
    zone: str
    new: list[str]
    more: int
    products: int
    groups: list[GroupClose]
    pickups: list[PickupRow]
    id: str


def announce(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, now: int) -> Announcement:
    """Return what there is to tell of a cycle, or of a draft of ours, to the customers of a hat."""
    seller = None if cycle.draft else exchange_of(db, hat.member, cycle)
    if seller is None and not cycle.draft:
        seller = exchange_of(db, cycle.key[0], cycle)
    sold = _sold(db, seller)
    new = _new(db, sold, _before(db, cycle, now))
    groups = [
        GroupClose(shown_name(db, each.aggregator), moment(each.closes, cycle.zone))
        for each in ([] if cycle.draft else exchanges_of(db, cycle))
        if seller is not None and each.supplier == seller.aggregator and "group" in roles_of(db, each.aggregator)
        if each.aggregator != seller.aggregator
    ]
    return Announcement(
        cycle=cycle.name,
        seller=shown_name(db, seller.aggregator) if seller else cycle.hub,
        opens=cycle.opens,
        closes=moment(seller.closes, cycle.zone) if seller else cycle.closes,
        zone=cycle.zone,
        new=new[:MOST_NEW],
        more=max(len(new) - MOST_NEW, 0),
        products=len(sold),
        groups=groups,
        pickups=pickup_rows(_pickups(db, cycle, seller), cycle.zone),
        id=base32_id(cycle.key[1]),
    )


def pickup_rows(pickups: list[Pickup], zone: str) -> list[PickupRow]:
    """Return pickups as people of a zone read them."""
    return [PickupRow(each.place, moment(each.opens, zone), moment(each.closes, zone)) for each in pickups]


def _pickups(db: sqlite3.Connection, cycle: CycleRow, seller: Exchange | None) -> list[Pickup]:
    if seller is not None:
        return list(seller.pickups)
    made = arrangement_of(db, *cycle.key)
    return list(made.outgoing.pickups) if made and made.outgoing else []


def _before(db: sqlite3.Connection, cycle: CycleRow, now: int) -> int:
    """Return when (ms) the coordinator's cycle before this one opened; where there was none, nothing is new."""
    opened = [in_ms(each.opens) for each in own_cycles(db, cycle.key[0], now) if each.opens < cycle.opens]
    return max(opened, default=1 << 62)


def _sold(db: sqlite3.Connection, seller: Exchange | None) -> list[ProductRow]:
    return [row for row in list_products(db) if seller is None or seller.sells(*_key(row))]


def _key(row: ProductRow) -> tuple[bytes, bytes]:
    return id_bytes(row.producer_id), id_bytes(row.id)


def _new(db: sqlite3.Connection, sold: list[ProductRow], since: int) -> list[str]:
    """Return the names of the products that were first stated at `since` (ms) or later."""
    rows = db.execute(
        "SELECT q.id, p.local, p.version FROM product p JOIN party q ON q.ref = p.owner WHERE p.timestamp >= ?",
        (since,),
    )
    lately = {(producer, local): version for producer, local, version in rows}
    found = [
        " ".join(part for part in (row.name, row.variant) if part)
        for row in sold
        if (key := _key(row)) in lately and (lately[key] == 1 or first_stated(db, *key) >= since)
    ]
    return sorted(found)
