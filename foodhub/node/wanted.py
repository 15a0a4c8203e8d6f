"""What somebody wants of which products, as typed: read, checked against the terms of a cycle, and made into lines.

Nothing here signs; what can't be understood or breaks a rule of its product is refused with what would be right.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from foodhub.catalog.naming import find, id_bytes
from foodhub.catalog.product import ordered_quantity, ordered_unit
from foodhub.catalog.statements import Product
from foodhub.errors import N_, NotThereError, RefusedError, UsageError
from foodhub.node.cycles import CycleRow
from foodhub.node.products import ProductRow, find_product, list_products
from foodhub.node.terms import terms_in_cycle
from foodhub.orders.statements import OrderLine
from foodhub.quantity import format_quantity, parse_quantity


class Wanted(NamedTuple):
    """A product as it was typed, at its terms, and how much of it: pieces, g or ml."""

    row: ProductRow
    terms: Product
    amount: int
    tolerance: int = 0


def read_lines(db: sqlite3.Connection, cycle: CycleRow, wanted: Sequence[tuple[str, str]]) -> list[Wanted]:
    """Read what somebody wants to order, (product, QUANTITY or QUANTITY+TOLERANCE) as typed.

    Raises:
        NotThereError, UsageError: a product or a quantity is not understood. RefusedError: a quantity breaks the
            product's steps, it is not sold in the cycle, or has no case for a tolerance to complete.
    """
    lines: dict[str, Wanted] = {}
    for name, quantity in wanted:
        row, terms = _sold(db, cycle, name)
        amount, tolerance = _amounts(db, row, terms, quantity)
        held = lines.get(row.id)
        lines[row.id] = Wanted(
            row, terms, amount + (held.amount if held else 0), tolerance + (held.tolerance if held else 0)
        )
    return list(lines.values())


def read_products(db: sqlite3.Connection, wanted: Sequence[tuple[str, str]]) -> list[Wanted]:
    """Read products and quantities outside any cycle, at what their producers state now; raises like `read_lines`."""
    lines = []
    for name, quantity in wanted:
        row = find_product(db, name)
        lines.append(Wanted(row, _stated(row), *_amounts(db, row, _stated(row), quantity)))
    return lines


def read_changes(db: sqlite3.Connection, cycle: CycleRow, wanted: Sequence[tuple[str, str]]) -> list[Wanted]:
    """Read what an order is to hold from now on, like `read_lines`; a quantity of 0 takes the product out.

    What is sold no more is read too, since there can be less of it; its terms say `withdrawn`.
    """
    lines: list[Wanted] = []
    for name, quantity in wanted:
        row = _find(db, name)
        require_once(any(each.row.id == row.id for each in lines), row.name)
        terms = terms_in_cycle(db, id_bytes(row.producer_id), id_bytes(row.id), cycle) or _stated(row)
        lines.append(read_change(db, row, terms, quantity))
    return lines


def read_change(db: sqlite3.Connection, row: ProductRow, terms: Product, quantity: str) -> Wanted:
    """Read how much of a product an order is to hold, as typed, at the terms of its sale; see `read_changes`."""
    return Wanted(row, terms, *((0, 0) if _is_zero(quantity) else _amounts(db, row, terms, quantity)))


def require_once(known: bool, name: str) -> None:
    """Make sure that a product that is named was not named before.

    Raises:
        UsageError: `product_twice`.
    """
    if known:
        raise UsageError(
            "product_twice",
            N_("{name} stands there twice."),
            N_("Name each product once, with all of it."),
            name=name,
        )


def require_offered(lines: Iterable[Wanted], cycle: CycleRow) -> None:
    """Make sure that none of these products is sold no more.

    Raises:
        RefusedError: `not_in_cycle`.
    """
    for each in lines:
        if each.terms.withdrawn:
            raise _not_sold(each.row, cycle)


def _is_zero(text: str) -> bool:
    head, mark, _ = text.partition("+")
    return not mark and parse_quantity(head)[0] == 0


def _stated(row: ProductRow) -> Product:
    """Return a product as its producer states it now, as far as orders need it."""
    texts = {"sku": row.sku, "name": row.name, "variant": row.variant, "category": "", "description": ""}
    more = {"unit_name": "", "tax_category": "", "shipping_category": ""}
    return Product(
        local=id_bytes(row.id),
        version=row.version,
        unit=row.unit,  # type: ignore[arg-type]
        unit_value=row.unit_value,
        price=row.price,
        price_per=row.price_per,  # type: ignore[arg-type]
        currency=row.currency,
        step=row.step,
        withdrawn=True,
        **texts,
        **more,
    )


def _sold(db: sqlite3.Connection, cycle: CycleRow, name: str) -> tuple[ProductRow, Product]:
    row = _find(db, name)
    terms = terms_in_cycle(db, id_bytes(row.producer_id), id_bytes(row.id), cycle)
    if terms is None:
        raise _not_sold(row, cycle)
    return row, terms


def _not_sold(row: ProductRow, cycle: CycleRow) -> RefusedError:
    return RefusedError(
        "not_in_cycle",
        N_('{name} is not sold in "{cycle}".'),
        N_('What is: foodhub cycle show "{cycle}"'),
        name=row.name,
        cycle=cycle.name,
    )


def _find(db: sqlite3.Connection, name: str) -> ProductRow:
    """Return the product that somebody named; one that was withdrawn where nothing else is called so."""
    try:
        return find_product(db, name)
    except NotThereError:
        return find(list_products(db, withdrawn=True), name, lambda row: row.named, "product")


def _amounts(db: sqlite3.Connection, row: ProductRow, terms: Product, text: str) -> tuple[int, int]:
    quantity, mark, tolerance = text.partition("+")
    if mark and (not quantity.strip() or parse_quantity(quantity)[0] == 0):
        raise _tolerance_alone(terms, tolerance)
    amount = ordered_quantity(terms, quantity)
    if not mark:
        return amount, 0
    more = ordered_quantity(terms, tolerance)
    if not has_case(db, id_bytes(row.producer_id), id_bytes(row.id)):
        raise RefusedError(
            "no_case",
            N_("{name} comes in no case, so a tolerance completes nothing."),
            N_("Write the quantity alone: {quantity}"),
            name=row.name,
            quantity=quantity,
        )
    return amount, more


def _tolerance_alone(terms: Product, tolerance: str) -> RefusedError:
    least = format_quantity(terms.step, ordered_unit(terms)).replace(" ", "")
    return RefusedError(
        "tolerance_alone",
        N_("Of {name} something has to be wanted: a tolerance alone opens no case."),
        N_("Write at least {least} before the tolerance: {example}"),
        name=terms.name,
        least=least,
        example=f"{least}+{tolerance.strip()}",
    )


def has_case(db: sqlite3.Connection, producer: bytes, product: bytes) -> bool:
    """Say whether a product leaves its producer by the case."""
    row = db.execute(
        "SELECT 1 FROM case_size c JOIN party p ON p.ref = c.owner WHERE p.id = ? AND c.local = ? AND c.size > 0",
        (producer, product),
    ).fetchone()
    return row is not None


def order_line(wanted: Wanted, code: str) -> OrderLine:
    """Return the line of an order; `code` is the circuit's currency.

    Raises:
        RefusedError: `other_currency`.
    """
    row, terms = wanted.row, wanted.terms
    if terms.currency != code:
        raise RefusedError(
            "other_currency",
            N_("{name} is priced in {found}, the circuit counts in {currency}."),
            name=row.name,
            found=terms.currency,
            currency=code,
        )
    head = (id_bytes(row.producer_id), id_bytes(row.id), terms.version, terms.sku, terms.name, terms.variant)
    price = (terms.unit, terms.unit_value, terms.price, terms.price_per, terms.currency)
    return OrderLine(*head, *price, wanted.amount, wanted.tolerance)
