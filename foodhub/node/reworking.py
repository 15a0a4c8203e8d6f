"""Working an allocation out again from the queue that its aggregator showed, and comparing the fingerprints.

Only where wishes are open to all customers can anybody but the aggregator do so; elsewhere slips are compared. Nothing
here believes the aggregator more than what it signed for everybody.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.node.book import receipts_of
from foodhub.node.confirmations import confirmations_of
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import product_named
from foodhub.node.settling import settlement_of
from foodhub.node.shown_queues import shown_queue
from foodhub.node.slips import told_to
from foodhub.node.supplies import Key
from foodhub.orders.allocation import Allocation, Basis, allocate, fingerprint
from foodhub.orders.closing import Confirmation
from foodhub.orders.queue import Placement, Row, queue_of
from foodhub.orders.shown_queue import ShownQueue


class Difference(msgspec.Struct, frozen=True):
    """Of a product something else follows than was said.

    `code` is `other_wish` (the queue has another wish of ours than our confirmation), `other_share` (another quantity
    is ours) or `other_receipt` (its receipts said another wish of somebody).
    """

    product: str
    product_id: str
    code: str


class ReworkRow(msgspec.Struct, frozen=True):
    """The allocation of one aggregator, worked out again for what it confirmed to one customer.

    `state` is `same`, `other`, `not_shown` (it has not shown us all wishes, or not all has arrived) or `apart` (what it
    shows is of another allocation than it confirmed to us: one of them is still on its way). `fingerprint` is the one
    that it confirmed, `reworked` ours, "" for none. `unseen` orders count of which no receipt may be read here, so that
    for them there is only its word at the close.
    """

    hub: str
    hub_id: str
    buyer_id: str
    state: str
    fingerprint: str
    reworked: str = ""
    products: int = 0
    customers: int = 0
    unseen: int = 0
    differences: list[Difference] = []


def rework(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, now: int) -> list[ReworkRow]:
    """Work out again what a member and whom it represents were confirmed, and what it confirmed to others itself."""
    own = exchange_of(db, hat.member, cycle)
    rows = [_own(db, hat.member, own, cycle, now)] if own else []
    told = [_told(db, owner, cycle, said) for owner, said in told_to(db, hat, cycle) if owner != hat.member]
    return [*(row for row in rows if row is not None), *told]


def _own(db: sqlite3.Connection, member: bytes, exchange: Exchange, cycle: CycleRow, now: int) -> ReworkRow | None:
    """Return what a desk of ours works out, beside what it confirmed; None where it has confirmed nothing yet."""
    told = confirmations_of(db, exchange)
    found = settlement_of(db, member, cycle, now)
    if not told or found is None:
        return None
    said = {each.fingerprint for each in told.values()}
    other = next(iter(said - {found.fingerprint}), found.fingerprint)
    return _worked_out(_row(db, member, member, other), found.basis, found.fingerprint)


def _told(db: sqlite3.Connection, aggregator: bytes, cycle: CycleRow, said: Confirmation) -> ReworkRow:
    """Return what follows from the queue that an aggregator showed, beside what it confirmed to one of us."""
    row = _row(db, aggregator, said.buyer, said.fingerprint)
    shown = shown_queue(db, aggregator, cycle.key)
    if shown is None or shown.basis.at != said.at:
        return row
    if shown.fingerprint != said.fingerprint:
        return msgspec.structs.replace(row, state="apart")
    basis = shown.basis
    found = allocate(basis.queue, basis.terms, basis.supply, basis.aggregators)
    unseen, other = _beside_receipts(db, aggregator, cycle, shown)
    codes = [*_in_lines(found, said), *((key, "other_receipt") for key in other)]
    differences = [Difference(product_named(db, *key)[0], base32_id(key[1]), code) for key, code in codes]
    row = msgspec.structs.replace(row, unseen=unseen, differences=differences)
    return _worked_out(row, basis, fingerprint(basis.queue, basis.terms, found))


def _row(db: sqlite3.Connection, aggregator: bytes, buyer: bytes, said: bytes) -> ReworkRow:
    """Return what is confirmed with a fingerprint, before anything is worked out."""
    return ReworkRow(
        hub=shown_name(db, aggregator),
        hub_id=base32_id(aggregator),
        buyer_id=base32_id(buyer),
        state="not_shown",
        fingerprint=said.hex(),
    )


def _worked_out(row: ReworkRow, basis: Basis, found: bytes) -> ReworkRow:
    return msgspec.structs.replace(
        row,
        state="same" if found.hex() == row.fingerprint and not row.differences else "other",
        reworked=found.hex(),
        products=len(basis.queue),
        customers=len({each.buyer for rows in basis.queue.values() for each in rows}),
    )


def _in_lines(found: Allocation, said: Confirmation) -> Iterator[tuple[Key, str]]:
    """Yield of which products a confirmation says something else than follows, but for what stands in for others."""
    due = {(line.producer, line.product): line for line in found.lines.get(said.buyer, ())}
    told = {(line.producer, line.product): line for line in said.lines if line.ordered or line.tolerance}
    for key in sorted({*due, *told}):
        ours, its = due.get(key), told.get(key)
        if ours is None or its is None or (ours.ordered, ours.tolerance) != (its.ordered, its.tolerance):
            yield key, "other_wish"
        elif ours.confirmed != its.confirmed:
            yield key, "other_share"


def _beside_receipts(
    db: sqlite3.Connection, aggregator: bytes, cycle: CycleRow, shown: ShownQueue
) -> tuple[int, list[Key]]:
    """Return how many orders of a queue have no receipt here, and of which products receipts said another wish.

    In which places wishes stand is left to slips: who came later may read no earlier receipts.
    """
    wishes, exchange = _wishes(shown.basis.queue), exchange_of(db, aggregator, cycle)
    if exchange is None:
        return len(wishes), []
    receipts = [receipt for _, receipt in receipts_of(db, aggregator, cycle, exchange.device)]
    seen = {
        (row.buyer, row.order)
        for receipt in receipts
        for row in receipt.rows
        if row.version == shown.versions.get((row.buyer, row.order))
    }
    told = _wishes(queue_of(receipts, shown.versions))
    other = {key for place in seen for key in _apart(wishes.get(place, {}), told.get(place, {}))}
    return len(wishes.keys() - seen), sorted(other)


def _wishes(queue: Mapping[Key, Sequence[Row]]) -> dict[Placement, dict[Key, tuple[int, int]]]:
    """Return what each placement wants and tolerates of each product, over all its rows."""
    found: defaultdict[Placement, dict[Key, tuple[int, int]]] = defaultdict(dict)
    for key, rows in queue.items():
        for row in rows:
            quantity, tolerance = found[row.buyer, row.order].get(key, (0, 0))
            found[row.buyer, row.order][key] = (quantity + row.quantity, tolerance + row.tolerance)
    return found


def _apart(one: Mapping[Key, tuple[int, int]], other: Mapping[Key, tuple[int, int]]) -> Iterator[Key]:
    return (key for key in {*one, *other} if one.get(key) != other.get(key))
