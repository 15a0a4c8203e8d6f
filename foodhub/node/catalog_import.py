"""Importing a catalog: which row is which product, what would change, and signing it slice by slice."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.ofn import Row, to_product, to_stock
from foodhub.catalog.statements import Product, Stock, product_id
from foodhub.node.buyers import Buyer
from foodhub.node.hat import Hat, currency
from foodhub.node.products import (
    ProductRow,
    differences,
    list_products,
    require_seller,
    sign_products,
    stock_statement,
)
from foodhub.node.standing import require_standing
from foodhub.quantity import Unit
from foodhub.store.transaction import Transaction

IMPORT_SLICE = 250
"""Rows of an import that one transaction takes: about 25 ms of work."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do: for each row its product, and how many would be new, changed, unchanged or set to 0."""

    rows: tuple[tuple[Row, bytes], ...]
    zeroed: tuple[bytes, ...]
    new: int
    changed: int
    unchanged: int


def plan_import(
    db: sqlite3.Connection, hat: Hat, rows: Sequence[Row], *, zero_missing: bool, seller: Buyer | None = None
) -> ImportPlan:
    """Match rows with our own products by sku, else by name, variant, unit and content; change nothing.

    With a `seller` they are that one's products, for whom we write.

    Raises:
        RefusedError: this member sells nothing.
    """
    producer = _seller(db, hat, seller).member
    own = list_products(db, producer=producer, withdrawn=True)
    by_sku = {row.sku: row.id for row in own if row.sku}
    claimed = {by_sku[row.sku] for row in rows if row.sku in by_sku}
    by_contents = {_contents(row): row.id for row in own if row.id not in claimed}
    ids = {row.id: id_bytes(row.id) for row in own}
    planned, counts = [], {"new": 0, "changed": 0, "unchanged": 0}
    code = currency(db)
    for row in rows:
        # What was made from such a row comes before a namesake, which may be another row's; no product is two rows'.
        first = product_id(row.sku, producer, *_contents(row))
        made = base32_id(first) if base32_id(first) in ids else None
        known = by_sku.get(row.sku) or made or by_contents.pop(_contents(row), None)
        local = ids[known] if known else first
        planned.append((row, local))
        counts[differences(db, producer, *_statements(row, local, code))[1] if known else "new"] += 1
    listed = {base32_id(local) for _, local in planned}
    zeroed = tuple(ids[row.id] for row in own if zero_missing and row.on_hand and row.id not in listed)
    return ImportPlan(tuple(planned), zeroed, **counts)


def _seller(db: sqlite3.Connection, hat: Hat, seller: Buyer | None) -> Buyer:
    """Return in whose name a hat sells, made sure that it may.

    Raises:
        RefusedError: this member sells nothing, or what it signs counts no more.
    """
    if seller is None or seller.member == hat.member:
        require_seller(db, hat)
        return Buyer(hat.member)
    require_standing(db, hat)
    return seller


def _contents(row: Row | ProductRow) -> tuple[str, str, Unit, int]:
    """Return what a product without a sku is known by."""
    return row.name, row.variant, row.unit, row.unit_value  # type: ignore[return-value]


def _statements(row: Row, local: bytes, code: str) -> tuple[Product, Stock]:
    return to_product(row, local=local, version=1, currency=code), to_stock(row, local=local, version=1)


def import_slice(tx: Transaction, hat: Hat, rows: Sequence[tuple[Row, bytes]], seller: Buyer | None = None) -> int:
    """Sign one slice of a planned import; return how many statements that took (0 when nothing had changed)."""
    voice = _seller(tx.db, hat, seller)
    code = currency(tx.db)
    statements: list[Any] = []
    for row, local in rows:
        statements += differences(tx.db, voice.member, *_statements(row, local, code))[0]
    sign_products(tx, hat, [voice.enclose(each) for each in statements])
    return len(statements)


def zero_stock(tx: Transaction, hat: Hat, locals_: Sequence[bytes], seller: Buyer | None = None) -> None:
    """Set the stock of our own products to zero."""
    voice = _seller(tx.db, hat, seller)
    statements = []
    for local in locals_:
        held = stock_statement(tx.db, voice.member, local)
        if held and held.on_hand:
            statements.append(voice.enclose(Stock(local, held.version + 1, held.mode, 0)))
    sign_products(tx, hat, statements)
