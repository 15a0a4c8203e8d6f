"""What a producer sets aside for a hub in a cycle, and what of it is promised.

Invariant I2 is kept here: no allotment may take more than was counted. I1, that a hub promises no more than it was
given, is kept by `answering`. Together they make overselling impossible, in any partition and any order of arrival.
"""

import sqlite3
from collections.abc import Mapping

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.catalog.product import ordered_unit
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.cycles import CycleRow, require_hub
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import product_statement, stock_statement
from foodhub.node.rights import require_right
from foodhub.node.standing import require_standing
from foodhub.orders.statements import Allot, derived_id
from foodhub.quantity import format_quantity
from foodhub.store.entries import log_row
from foodhub.store.transaction import Transaction


class AllotmentRow(msgspec.Struct, frozen=True):
    """A product of a cycle as its producer and the hub see it: set aside, promised, ordered (in pieces, g or ml)."""

    product: str
    product_id: str
    producer: str
    producer_id: str
    unit: str
    set_aside: int
    promised: int
    ordered: int


def list_allotments(db: sqlite3.Connection, cycle: CycleRow) -> list[AllotmentRow]:
    """Return what this home may know of a cycle's products: as their producer, or as the hub."""
    owner, local = cycle.key
    aside = {
        (producer, product): quantity
        for producer, product, quantity in db.execute(
            "SELECT m.id, a.product, a.quantity FROM allotment a JOIN member m ON m.ref = a.owner"
            " WHERE a.cycle_owner = ? AND a.cycle = ?",
            (owner, local),
        )
    }
    totals = {
        (producer, product): (ordered, promised)
        for producer, product, ordered, promised in db.execute(
            "SELECT t.producer, t.product, t.ordered, t.promised FROM total t JOIN member m ON m.ref = t.owner"
            " WHERE t.cycle_owner = ? AND t.cycle = ? AND m.id = ?",
            (owner, local, owner),
        )
    }
    rows = []
    for producer, product in {*aside, *totals}:
        found = _product(db, producer, product)
        if found:
            name, variant, per = found
            ordered, promised = totals.get((producer, product), (0, 0))
            unit = {"piece": "piece", "kg": "g", "l": "ml"}[per]
            label = f"{name}, {variant}" if variant else name
            head = (label, base32_id(product), shown_name(db, producer), base32_id(producer), unit)
            rows.append(AllotmentRow(*head, aside.get((producer, product), 0), promised, ordered))
    return sorted(rows, key=lambda row: (row.producer, row.product, row.product_id))


def _product(db: sqlite3.Connection, producer: bytes, product: bytes) -> tuple[str, str, str] | None:
    row: tuple[str, str, str] | None = db.execute(
        "SELECT p.name, p.variant, p.price_per FROM product p JOIN member m ON m.ref = p.owner"
        " WHERE m.id = ? AND p.local = ?",
        (producer, product),
    ).fetchone()
    return row


def free_stock(db: sqlite3.Connection, producer: bytes, product: bytes) -> int | None:
    """Return how much counted stock is not set aside (pieces, g or ml); None on demand.

    It is below zero after a lower recount. What was set aside in a cycle that had closed before the stock was counted
    has left the shelf, and the count says so already.
    """
    stock = db.execute(
        "SELECT s.mode, s.on_hand, s.timestamp FROM stock s JOIN member m ON m.ref = s.owner"
        " WHERE m.id = ? AND s.local = ?",
        (producer, product),
    ).fetchone()
    if stock is None:
        return 0
    mode, on_hand, counted_at = stock
    if mode == "on_demand":
        return None
    (aside,) = db.execute(
        "SELECT coalesce(sum(a.quantity), 0) FROM allotment a JOIN member m ON m.ref = a.owner"
        " LEFT JOIN member h ON h.id = a.cycle_owner LEFT JOIN cycle c ON c.owner = h.ref AND c.local = a.cycle"
        " WHERE m.id = ? AND a.product = ? AND coalesce(c.closes, ?) > ?",
        (producer, product, counted_at + 1, counted_at),
    ).fetchone()
    return int(on_hand) - int(aside)


def everything_free(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> dict[bytes, int]:
    """Return, for each of our counted products, what could be set aside for the cycle in all."""
    wanted = {}
    rows = db.execute(
        "SELECT p.local FROM product p JOIN member m ON m.ref = p.owner"
        " JOIN stock s ON s.owner = p.owner AND s.local = p.local"
        " WHERE m.id = ? AND NOT p.withdrawn AND s.mode = 'counted' ORDER BY p.name, p.local",
        (hat.member,),
    )
    for (local,) in rows.fetchall():
        free = free_stock(db, hat.member, local)
        if free is not None and free > 0:
            wanted[local] = _held(db, hat, cycle, local)[1] + free
    return wanted


def _held(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, product: bytes) -> tuple[int, int]:
    """Return version and quantity of what is set aside for the cycle already."""
    row = db.execute(
        "SELECT a.version, a.quantity FROM allotment a JOIN member m ON m.ref = a.owner WHERE m.id = ? AND a.local = ?",
        (hat.member, _allot_id(cycle, product)),
    ).fetchone()
    return row or (0, 0)


def _allot_id(cycle: CycleRow, product: bytes) -> bytes:
    return derived_id(b"allot", *cycle.key, cycle.device, product)


def allot(tx: Transaction, hat: Hat, cycle: CycleRow, wanted: Mapping[bytes, int]) -> int:
    """Set quantities of our own products aside for the hub of a cycle; return how many changed.

    The quantities are totals, not additions. They are for the device that the cycle names, and for its heir.

    Raises:
        RefusedError: another device keeps the stock, the hub was removed, the cycle is closed, a product is on demand,
            there is not so much free, or it would lower what was given.
    """
    require_standing(tx.db, hat)
    require_right(tx.db, hat, "stock")
    require_hub(tx.db, cycle)
    if cycle.phase_at(tx.now) == "closed":
        raise RefusedError("cycle_closed", N_('The cycle "{cycle}" is closed.'), cycle=cycle.name)
    hub = cycle.key[0]
    head = log_row(tx.db, cycle.device, Log.TRADE)
    statements = []
    for product, quantity in wanted.items():
        version, held = _held(tx.db, hat, cycle, product)
        if quantity != held:
            _check(tx.db, hat, product, held, quantity)
            seen = head.seq if head else 0
            local = _allot_id(cycle, product)
            statements.append(Allot(local, version + 1, hub, cycle.key[1], hub, cycle.device, product, quantity, seen))
    if statements:
        try:
            tx.append(hat.member, Log.TRADE, statements, readers=[hub])
        except LookupError:
            raise RefusedError(
                "no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=cycle.hub
            ) from None
    return len(statements)


def _check(db: sqlite3.Connection, hat: Hat, product: bytes, held: int, quantity: int) -> None:
    statement, stock = product_statement(db, hat.member, product), stock_statement(db, hat.member, product)
    if statement is None:
        raise LookupError("the caller found it in the same home")
    unit = ordered_unit(statement)
    if stock is not None and stock.mode == "on_demand":
        raise RefusedError(
            "on_demand",
            N_("{name} is made on demand: there is no stock to set aside."),
            N_("It can be ordered without; or count it with: foodhub product set {name} --on-hand N"),
            name=statement.name,
        )
    if quantity < held:
        raise RefusedError(
            "allotment_only_raised",
            N_("{held} of {name} is set aside already, and only the hub can give it back."),
            N_("Set at least {held} aside."),
            name=statement.name,
            held=format_quantity(held, unit),
        )
    free = free_stock(db, hat.member, product) or 0
    if quantity - held > free:
        raise RefusedError(
            "not_enough_stock",
            N_("Only {free} of {name} is free, besides {held} that is set aside already."),
            N_("Set at most {most} aside, or count the stock again with: foodhub product set {name} --on-hand N"),
            name=statement.name,
            free=format_quantity(max(free, 0), unit),
            held=format_quantity(held, unit),
            most=format_quantity(held + max(free, 0), unit),
        )
