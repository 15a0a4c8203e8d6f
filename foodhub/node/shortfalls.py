"""A producer has less than it promised, through hail or a broken oven: always allowed, with a reason.

It withdraws no promise. The hub has to share what there is and to tell its customers.
"""

import sqlite3
from collections.abc import Mapping

import msgspec

from foodhub.catalog.naming import base32_id, full_name
from foodhub.errors import N_, RefusedError
from foodhub.node.allotments import place_of, tell_hub
from foodhub.node.bought import Bought
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import exchange_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import product_statement
from foodhub.node.sellers import in_name_of, seller_of
from foodhub.node.standing import require_standing
from foodhub.orders.reserving import MAX_REASON, Shortfall, shortfall_faults
from foodhub.orders.statements import derived_id
from foodhub.quantity import COUNTED_IN
from foodhub.store.transaction import Transaction


class ShortfallRow(msgspec.Struct, frozen=True):
    """What there is of a product for a hub in a cycle (pieces, g or ml), and why not more.

    `ordered` and `promised` are what the hub told: the sum of what is ordered, and what it promised, which of goods on
    demand or by the case it does with its purchase order. `written_by` says who wrote it for the producer, "" where
    that one did itself, and `told` how it had said it.
    """

    product: str
    product_id: str
    producer: str
    producer_id: str
    hub: str
    hub_id: str
    unit: str
    available: int
    ordered: int
    promised: int
    reason: str
    written_by: str = ""
    told: str = ""


def declare_shortfall(
    tx: Transaction,
    hat: Hat,
    cycle: CycleRow,
    wanted: Mapping[bytes, int],
    reason: str,
    hub: bytes | None = None,
    *,
    seller: Buyer | None = None,
) -> int:
    """Tell a hub of a cycle (None: its owner) that there is only so much of our products; return how many are new.

    With a `seller` they are that one's products, for whom we write.

    Raises:
        RefusedError: a product is not ours, the hub is not in the cycle or orders from another, or `bad_reason`.
    """
    require_standing(tx.db, hat)
    seller = seller or seller_of(tx.db, hat)
    own = in_name_of(tx.db, hat, seller)
    hub, _device = place_of(tx.db, cycle, hub)
    _require_supplied(tx.db, cycle, hub)
    statements = []
    for product, available in wanted.items():
        if product_statement(tx.db, own.member, product) is None:
            raise RefusedError("not_your_product", N_("{name} sells no such product."), name=own.name)
        local = derived_id(b"shortfall", *cycle.key, hub, product)
        version, *before = _said(tx.db, own, local)
        if [available, reason] != before:
            statements.append(Shortfall(local, version + 1, *cycle.key, hub, product, available, reason))
    for each in statements:
        if shortfall_faults(each) is not None:
            raise RefusedError(
                "bad_reason",
                N_("A reason is needed that can be shown, of up to {most} characters."),
                N_("Write it like: --reason hail"),
                most=MAX_REASON,
            )
    if statements:
        tell_hub(tx, hat, seller, hub, statements)
    return len(statements)


def _require_supplied(db: sqlite3.Connection, cycle: CycleRow, hub: bytes) -> None:
    """Make sure that a hub orders from producers: one that another supplies has nothing of ours to share.

    Raises:
        RefusedError: `supplied_by_another`.
    """
    exchange = exchange_of(db, hub, cycle)
    supplier = exchange
    while supplier is not None and supplier.above is not None:
        supplier = supplier.above
    if exchange is not None and supplier is not None and not exchange.own_supplier:
        raise RefusedError(
            "supplied_by_another",
            N_('{hub} orders from {supplier} in "{cycle}", not from producers.'),
            N_('Tell whoever orders from you: --to "{first}"'),
            hub=shown_name(db, hub),
            supplier=shown_name(db, exchange.supplier),
            first=shown_name(db, supplier.aggregator),
            cycle=cycle.name,
        )


def _said(db: sqlite3.Connection, hat: Hat, local: bytes) -> tuple[int, ...]:
    row = db.execute(
        "SELECT s.version, s.available, s.reason FROM shortfall s JOIN party m ON m.ref = s.owner"
        " WHERE m.id = ? AND s.local = ?",
        (hat.member, local),
    ).fetchone()
    return row or (0,)


def list_shortfalls(db: sqlite3.Connection, cycle: CycleRow) -> list[ShortfallRow]:
    """Return what producers lack in a cycle, as far as this home was told, by product."""
    found = db.execute(
        "SELECT m.id, s.hub, s.product, s.available, s.reason, s.told, w.id FROM shortfall s"
        " JOIN party m ON m.ref = s.owner LEFT JOIN party w ON w.ref = s.spoken"
        " WHERE s.cycle_owner = ? AND s.cycle = ?",
        cycle.key,
    ).fetchall()
    bought = Bought(db, [cycle])
    rows = []
    for producer, hub, product, available, reason, told, writer in found:
        statement = product_statement(db, producer, product)
        if statement is not None:
            ordered, promised = _sums(db, cycle, hub, (producer, product))
            rows.append(
                ShortfallRow(
                    product=full_name(statement.name, statement.variant),
                    product_id=base32_id(product),
                    producer=shown_name(db, producer),
                    producer_id=base32_id(producer),
                    hub=shown_name(db, hub),
                    hub_id=base32_id(hub),
                    unit=COUNTED_IN[statement.price_per],
                    available=available,
                    ordered=ordered,
                    promised=bought.promised(cycle.key, hub, (producer, product), promised),
                    reason=reason,
                    written_by=shown_name(db, writer) if writer else "",
                    told=told,
                )
            )
    return sorted(rows, key=lambda row: (row.producer, row.product, row.hub))


def _sums(db: sqlite3.Connection, cycle: CycleRow, hub: bytes, product: tuple[bytes, bytes]) -> tuple[int, int]:
    """Return how much a hub told that is ordered and promised of a product."""
    local = derived_id(b"total", *cycle.key, *product)
    row = db.execute(
        "SELECT t.ordered, t.promised FROM total t JOIN party h ON h.ref = t.owner WHERE h.id = ? AND t.local = ?",
        (hub, local),
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def shortfall_of(
    db: sqlite3.Connection, hub: bytes, cycle: tuple[bytes, bytes]
) -> dict[tuple[bytes, bytes], tuple[int, str]]:
    """Return how much there is of what a hub promised in a cycle, and why, by (producer, product)."""
    rows = db.execute(
        "SELECT m.id, s.product, s.available, s.reason FROM shortfall s JOIN party m ON m.ref = s.owner"
        " WHERE s.cycle_owner = ? AND s.cycle = ? AND s.hub = ?",
        (*cycle, hub),
    )
    return {(producer, product): (available, reason) for producer, product, available, reason in rows}
