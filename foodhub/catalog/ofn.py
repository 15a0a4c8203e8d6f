"""Open Food Network's product list: from the bytes of a file to rows, and to everything that is wrong with it.

A farmer mends a file once, not fault by fault, so nothing stops at the first one. It never opens a file, and
whose products the rows become is decided elsewhere.
"""

from typing import Final

from msgspec import Struct

from foodhub.catalog.ofn_faults import Fault, fault
from foodhub.catalog.ofn_file import Record, Table, open_table
from foodhub.catalog.ofn_row import Row, RowReader
from foodhub.catalog.product import Product, Stock, default_step
from foodhub.catalog.texts import clean
from foodhub.errors import N_, UsageError

__all__ = ["Fault", "Row", "Sheet", "read", "to_product", "to_stock"]

MAX_FAULTS: Final = 100_000
"""Nobody mends more than this; listing them all would only fill the memory."""

_Key = tuple[object, ...]


class Sheet(Struct, frozen=True):
    """A file as it was understood: the rows without fault, all faults in the order of lines, and how it was read."""

    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]
    producers: tuple[str, ...]
    encoding: str
    delimiter: str
    ignored_columns: tuple[str, ...]


def read(data: bytes, currency: str = "EUR") -> Sheet:
    """Read a product list; prices are taken as amounts in `currency`.

    Raises:
        UsageError: the file as a whole is no product list (`empty_file`, `not_a_table`, `missing_columns`,
            `duplicate_column`, `bad_encoding`) or passes a limit (`file_too_large`, `too_many_rows`, `line_too_long`,
            `too_many_faults`).
    """
    table = open_table(data)
    rows: list[Row] = []
    faults: list[Fault] = []
    producers: dict[str, None] = {}
    seen: dict[_Key, int] = {}
    for record in table.records():
        cells, found = _cells(table, record)
        if cells.get("producer"):
            producers[cells["producer"]] = None
        if not found:
            reader = RowReader(record.line, cells, currency)
            row = reader.row()
            found = reader.faults if row is None else _repeats(row, seen)
            if row is not None and not found:
                rows.append(row)
        faults += found
        if len(faults) > MAX_FAULTS:
            raise UsageError(
                "too_many_faults",
                N_("The file has more than {most} faults."),
                N_("Check that its columns stand under the right names."),
                most=MAX_FAULTS,
            )
    return Sheet(tuple(rows), tuple(faults), tuple(producers), table.encoding, table.delimiter, table.ignored)


def _cells(table: Table, record: Record) -> tuple[dict[str, str], list[Fault]]:
    """Return the known cells of a record by column, or the fault of its shape; empty cells at the end do no harm."""
    cells = record.cells
    if cells is None:
        return {}, [fault(record.line, "", "quotes", last_line=record.last_line)]
    if len(cells) < table.width or any(map(str.strip, cells[table.width :])):
        mark = "TAB" if table.delimiter == "\t" else table.delimiter
        return {}, [fault(record.line, "", "columns", found=len(cells), expected=table.width, delimiter=mark)]
    return {column: clean(cells[place]) for column, place in table.places.items()}, []


def _repeats(row: Row, seen: dict[_Key, int]) -> list[Fault]:
    """Note the row in `seen`; return a fault if an earlier row names the same product.

    By its sku, which makes its id, or by what Open Food Network updates a product by. Namesakes without a sku get one
    id, even if their pieces are called differently.
    """
    contents: _Key = (row.producer, row.name, row.variant, row.unit, row.unit_value)
    keys: list[_Key] = [(*contents, row.unit_name), (row.producer, row.sku) if row.sku else contents]
    first = seen.setdefault(keys[0], row.line)
    if first != row.line:
        return [fault(row.line, "name", "twice", value=row.name[:60], first_line=first)]
    first = seen.setdefault(keys[1], row.line)
    if first != row.line:
        column, code = ("sku", "same_sku") if row.sku else ("name", "twice")
        return [fault(row.line, column, code, value=(row.sku or row.name)[:60], first_line=first)]
    return []


def to_product(row: Row, *, local: bytes, version: int, currency: str = "EUR") -> Product:
    """Return the statement that a row makes of the product `local`."""
    return Product(
        local=local,
        version=version,
        sku=row.sku,
        name=row.name,
        variant=row.variant,
        category=row.category,
        description=row.description,
        unit=row.unit,
        unit_value=row.unit_value,
        unit_name=row.unit_name,
        price=row.price,
        price_per=row.price_per,
        currency=currency,
        step=default_step(row.price_per),
        tax_category=row.tax_category,
        shipping_category=row.shipping_category,
        withdrawn=False,
    )


def to_stock(row: Row, *, local: bytes, version: int) -> Stock:
    """Return the statement that a row makes of the stock of the product `local`."""
    return Stock(local, version, "on_demand" if row.on_demand else "counted", row.on_hand or 0)
