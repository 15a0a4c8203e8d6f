"""Wishes from a file: all of it is understood, or every fault is shown with its place and nothing done.

What is read here gets signed in the name of households, so nothing is guessed: a name or quantity that may mean two
things is a fault.
"""

import codecs
import csv
import io
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

import msgspec

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.ofn_faults import Fault
from foodhub.catalog.statements import Product
from foodhub.errors import N_, FoodhubError, RefusedError, UsageError
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.placing import require_sold
from foodhub.node.products import ProductRow, find_product
from foodhub.node.terms import terms_in_cycle
from foodhub.node.wanted import Wanted, read_change
from foodhub.node.wishes import wisher
from foodhub.orders.hands import Means

T = TypeVar("T")
COLUMNS = ("household", "product", "quantity", "tolerance")
MAX_FILE = 1_000_000
"""Bytes of a file of wishes."""


class HouseholdWish(msgspec.Struct, frozen=True):
    """What one household wants, as a file says it, and the lines of the file that say so."""

    household: str
    buyer: Buyer
    wanted: list[Wanted]


def read_wishes(
    db: sqlite3.Connection, hat: Hat, cycle: CycleRow, seller: Exchange, data: bytes, told: Means
) -> tuple[list[HouseholdWish], list[Fault]]:
    """Read a file of wishes (CSV with the columns `COLUMNS`): the wishes by household, and every fault.

    Raises:
        UsageError: it is no such file.
    """
    faults: list[Fault] = []
    found: dict[bytes, HouseholdWish] = {}
    seen: dict[tuple[bytes, str], int] = {}
    names = _Names(db, hat, cycle, seller, told)
    for number, row in _rows(data):
        buyer = _try(faults, number, "household", partial(names.buyer, row))
        wanted = _line(db, names, number, row, faults)
        if buyer is None or wanted is None:
            continue
        key = buyer.member, wanted.row.id
        if key in seen:
            faults.append(_twice(number, seen[key], wanted.row.name))
            continue
        seen[key] = number
        wish = found.setdefault(buyer.member, HouseholdWish(row["household"].strip(), buyer, []))
        wish.wanted.append(wanted)
    return list(found.values()), faults


class _Names:
    """What the names in a file mean, each looked up once: a file may name the same product for every household."""

    def __init__(self, db: sqlite3.Connection, hat: Hat, cycle: CycleRow, seller: Exchange, told: Means) -> None:
        self._db = db
        self._cycle = cycle
        self._seller = seller
        self._buyer = _once(lambda name: wisher(db, hat, name, told))
        self._product = _once(self._sold)

    def buyer(self, row: Mapping[str, str]) -> Buyer:
        """Return the household that a row names."""
        return self._buyer(_filled(row, "household"))

    def product(self, row: Mapping[str, str]) -> tuple[ProductRow, Product]:
        """Return the product that a row names, and at which terms it is sold."""
        return self._product(_filled(row, "product"))

    def _sold(self, name: str) -> tuple[ProductRow, Product]:
        found = find_product(self._db, name)
        terms = terms_in_cycle(self._db, id_bytes(found.producer_id), id_bytes(found.id), self._cycle)
        if terms is None:
            raise RefusedError(
                "not_in_cycle", N_('{name} is not sold in "{cycle}".'), name=name, cycle=self._cycle.name
            )
        require_sold(self._db, [Wanted(found, terms, 1)], self._seller, self._cycle)
        return found, terms


def _once(look_up: Callable[[str], T]) -> Callable[[str], T]:
    """Return a function that looks each name up once; what was wrong with it is wrong every time."""
    found: dict[str, T | FoodhubError] = {}

    def of(name: str) -> T:
        if name not in found:
            try:
                found[name] = look_up(name)
            except FoodhubError as error:
                found[name] = error
        known = found[name]
        if isinstance(known, FoodhubError):
            raise known
        return known

    return of


def _line(
    db: sqlite3.Connection, names: _Names, number: int, row: Mapping[str, str], faults: list[Fault]
) -> Wanted | None:
    """Read what one row wants; each column that can't be understood is a fault of its own."""
    product = _try(faults, number, "product", partial(names.product, row))
    if product is None:
        _try(faults, number, "quantity", lambda: _filled(row, "quantity"))
        return None
    quantity, tolerance = row["quantity"].strip(), row["tolerance"].strip()
    found = _try(faults, number, "quantity", lambda: read_change(db, *product, _filled(row, "quantity")))
    if found is None or tolerance in {"", "0"}:
        return found
    return _try(faults, number, "tolerance", lambda: read_change(db, *product, f"{quantity}+{tolerance}"))


def _filled(row: Mapping[str, str], column: str) -> str:
    text = row[column].strip()
    if not text:
        raise UsageError("missing", N_("{column} is empty."), N_("Fill it in."), column=column)
    return text


def _try(faults: list[Fault], number: int, column: str, work: Callable[[], T]) -> T | None:
    """Do something with a cell; what is wrong with it becomes a fault."""
    try:
        return work()
    except FoodhubError as error:
        faults.append(Fault(number, column, error.code, error.message, error.hint, error.details))
        return None


def _twice(number: int, first: int, name: str) -> Fault:
    message = N_("This household wants {name} in line {first_line} already.")
    return Fault(number, "product", "twice", message, N_("Write it in one row."), {"name": name, "first_line": first})


def _rows(data: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the rows below the header, each with its line; rows without any text are left out.

    Raises:
        UsageError: `bad_wish_file`.
    """
    if len(data) > MAX_FILE:
        raise _bad_file(N_("The file is larger than {most} bytes."), most=MAX_FILE)
    text = _text(data)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().casefold() for name in next(reader, [])]
        if any(names.count(column) != 1 for column in COLUMNS[:3]) or names.count("tolerance") > 1:
            raise _bad_file(N_("The first line does not name the columns: {columns}."), columns=", ".join(COLUMNS))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = dict.fromkeys(COLUMNS, "") | dict(zip(names, cells, strict=False))
                yield reader.line_num, row
    except csv.Error:
        raise _bad_file(N_("Line {line} can't be read: quotes that do not pair up."), line=reader.line_num) from None


def _text(data: bytes) -> str:
    """Return a file as text, in whatever of three ways a spreadsheet has written it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _bad_file(message: str, **details: object) -> UsageError:
    hint = N_("Save it as CSV with a first line: household,product,quantity,tolerance")
    return UsageError("bad_wish_file", message, hint, **details)
