"""The outside of an Open Food Network file: from bytes to a header and numbered records.

Files come from spreadsheets of every age and country, and from strangers: whatever they hold, reading one ends, in
bounded memory, with records or with one clear error. It never judges what stands in a cell.
"""

import csv
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final

from msgspec import Struct

from foodhub.catalog.texts import clean
from foodhub.errors import N_, UsageError

COLUMNS: Final = (
    *("producer", "sku", "name", "display_name", "category", "description", "units", "unit_type", "variant_unit_name"),
    *("price", "on_hand", "on_demand", "shipping_category", "tax_category"),
)
"""The columns that are read, in the order of Open Food Network's template."""
REQUIRED: Final = ("producer", "name", "category", "units", "price", "shipping_category")
EITHER: Final = (("unit_type", "variant_unit_name"), ("on_hand", "on_demand"))

MAX_BYTES: Final = 64 * 2**20
MAX_ROWS: Final = 200_000
MAX_RECORD: Final = 2**18
"""Characters in one row, over however many lines: more than any catalog needs, little enough for any machine."""

_DELIMITERS: Final = (",", ";", "\t")
_FEWEST_KNOWN: Final = 3


class Record(Struct, frozen=True):
    """A row as it stands in the file, first and last physical line; `cells` is None where its quotes do not pair up."""

    line: int
    last_line: int
    cells: list[str] | None


class Table(Struct, frozen=True):
    """A decoded file: where each known column stands, and what was ignored."""

    text: str
    encoding: str
    delimiter: str
    width: int
    places: dict[str, int]
    ignored: tuple[str, ...]

    def records(self) -> Iterator[Record]:
        """Yield the rows below the header that are not blank.

        Raises:
            UsageError: `too_many_rows` or `line_too_long`, when the file passes a limit.
        """
        records = _records(self.text, self.delimiter)
        next(records)
        for count, record in enumerate(records, start=1):
            if count > MAX_ROWS:
                raise UsageError("too_many_rows", N_("The file has more than {most} rows."), _SPLIT, most=MAX_ROWS)
            yield record


_SPLIT: Final = N_("Split it into several files.")


def open_table(data: bytes) -> Table:
    """Decode a file, find its delimiter and read its header.

    Raises:
        UsageError: `file_too_large`, `empty_file`, `bad_encoding`, `not_a_table`, `missing_columns` or
            `duplicate_column`.
    """
    if len(data) > MAX_BYTES:
        raise UsageError("file_too_large", N_("The file is larger than {most} MiB."), _SPLIT, most=MAX_BYTES // 2**20)
    text, encoding = _decode(data)
    if not text.strip():
        raise UsageError("empty_file", N_("The file is empty."), N_("Choose a CSV file with a header line."))
    delimiter, header = max(((mark, _header(text, mark)) for mark in _DELIMITERS), key=lambda found: _known(found[1]))
    if _known(header) < _FEWEST_KNOWN:
        columns = ", ".join(COLUMNS)
        raise UsageError(
            "not_a_table",
            N_("The file has no header line that names the columns of a product list."),
            N_("Save it as CSV, with these columns in the first line: {columns}."),
            columns=columns,
        )
    _check_header(header)
    places = {name: index for index, name in enumerate(header) if name in COLUMNS}
    ignored = tuple(name for name in header if name and name not in COLUMNS)
    return Table(text, encoding, delimiter, len(header), places, ignored)


def _decode(data: bytes) -> tuple[str, str]:
    """Return the text and its encoding; Latin-1 takes any bytes, and a stray one then shows as a fault of its cell."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        try:
            return data.decode("utf-16"), "utf-16"
        except UnicodeDecodeError:
            raise UsageError(
                "bad_encoding", N_("The file begins as UTF-16 and is something else."), N_("Save it as CSV in UTF-8.")
            ) from None
    for encoding in ("utf-8-sig" if data.startswith(BOM_UTF8) else "utf-8", "cp1252"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def _header(text: str, delimiter: str) -> list[str]:
    """Return the column names of the first row that is not blank, spelled as in `COLUMNS`; none if it can't be read."""
    try:
        record = next(_records(text[:MAX_RECORD], delimiter), None)
    except UsageError:
        return []
    cells = (record.cells if record else None) or []
    names = [re.sub(r"[\s_-]+", "_", clean(cell).casefold()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _known(header: Sequence[str]) -> int:
    return len(set(header).intersection(COLUMNS))


def _check_header(header: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    missing += [f"{one}/{other}" for one, other in EITHER if one not in header and other not in header]
    if missing:
        raise UsageError(
            "missing_columns",
            N_("The header lacks {columns}."),
            N_("Add them to the first line."),
            columns=", ".join(missing),
        )
    for name in COLUMNS:
        if header.count(name) > 1:
            raise UsageError("duplicate_column", N_("The header names {column} twice."), N_("Remove one."), column=name)


class _Lines:
    """The physical lines of a text; refuses a record that goes on without end, as an unclosed quote makes it."""

    def __init__(self, text: str) -> None:
        # With newline="" a line ends at \n, \r\n or \r and keeps its end, which is what the csv module asks for.
        self._lines = StringIO(text, newline="")
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        # One character more than the limit tells a long line apart without holding all of it.
        line = self._lines.readline(MAX_RECORD + 1)
        if not line:
            raise StopIteration
        self.taken += len(line)
        if self.taken > MAX_RECORD:
            raise UsageError(
                "line_too_long",
                N_("The file has a row of more than {most} characters."),
                N_("Look for a double quote that is not closed."),
                most=MAX_RECORD,
            )
        return line


def _records(text: str, delimiter: str) -> Iterator[Record]:
    """Yield the records that are not blank."""
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken, first = 0, reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Record(first, reader.line_num, None)
            continue
        if any(map(str.strip, cells)):
            yield Record(first, reader.line_num, cells)
