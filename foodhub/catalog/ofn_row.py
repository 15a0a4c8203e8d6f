"""One row of an Open Food Network file: its cells as values, or everything that is wrong with them."""

import re
from typing import Final

from msgspec import Struct

from foodhub.catalog.ofn_faults import Fault, fault
from foodhub.catalog.ofn_file import REQUIRED
from foodhub.catalog.ofn_units import FACTORS, in_base_units, parse_number
from foodhub.catalog.product import LENGTHS
from foodhub.catalog.texts import forbidden
from foodhub.errors import UsageError
from foodhub.money import PricePer, parse_money
from foodhub.quantity import QUANTITY_LIMIT, Unit

_YES: Final = frozenset({"1", "true", "t", "yes", "y", "oui", "o", "vrai", "x"})
_NO: Final = frozenset({"", "0", "false", "f", "no", "n", "non", "faux"})
_MOST: Final = {
    "producer": 200,
    "sku": LENGTHS["sku"][1],
    "name": LENGTHS["name"][1],
    "display_name": LENGTHS["variant"][1],
    "category": LENGTHS["category"][1],
    "description": LENGTHS["description"][1],
    "variant_unit_name": LENGTHS["unit_name"][1],
    "tax_category": LENGTHS["tax_category"][1],
    "shipping_category": LENGTHS["shipping_category"][1],
}
_UNREADABLE: Final = 0
"""Stands for a value whose fault is already noted; such a row never becomes a `Row`."""


class Row(Struct, frozen=True):
    """A packed piece as its producer lists it; `price` in minor units, `on_hand` in pieces, None when on demand."""

    line: int
    producer: str
    sku: str
    name: str
    variant: str
    category: str
    description: str
    unit: Unit
    unit_value: int
    unit_name: str
    price: int
    price_per: PricePer
    on_hand: int | None
    on_demand: bool
    tax_category: str
    shipping_category: str


class RowReader:
    """Reads the cells of one row and keeps every fault it meets, so that all of them can be mended in one go."""

    __slots__ = ("_cells", "_currency", "_line", "faults")

    def __init__(self, line: int, cells: dict[str, str], currency: str) -> None:
        """Take the cells by column name, cleaned; columns that the file lacks are empty."""
        self._line = line
        self._cells = cells
        self._currency = currency
        self.faults: list[Fault] = []

    def row(self) -> Row | None:
        """Return the row, or None once `faults` says why not."""
        producer, sku, name = self._text("producer"), self._text("sku"), self._text("name")
        variant, category, description = self._text("display_name"), self._text("category"), self._text("description")
        unit, unit_value = self._contents()
        unit_name = self._text("variant_unit_name")
        price = self._price()
        on_demand = self._on_demand()
        on_hand = None if on_demand else self._on_hand()
        shipping, tax = self._text("shipping_category"), self._text("tax_category")
        if self.faults:
            return None
        texts = (self._line, producer, sku, name, variant, category, description)
        return Row(*texts, unit, unit_value, unit_name, price, "piece", on_hand, on_demand, tax, shipping)

    def _fault(self, column: str, code: str, **details: object) -> None:
        value = self._cells.get(column, "")
        self.faults.append(fault(self._line, column, code, value=value[:60], **details))

    def _text(self, column: str) -> str:
        text = self._cells.get(column, "")
        if not text:
            if column in REQUIRED:
                self._fault(column, "missing")
            return text
        lines = column == "description"
        if lines:
            text = re.sub(r"\r\n?", "\n", text).replace("\t", " ")
        if len(text) > _MOST[column]:
            self._fault(column, "too_long", found=len(text), most=_MOST[column])
        if character := forbidden(text, lines=lines):
            self._fault(column, "characters", character=f"U+{ord(character):04X}")
        return text

    def _price(self) -> int:
        text = self._cells["price"]
        if not text:
            self._fault("price", "missing")
            return _UNREADABLE
        try:
            return parse_money(text, self._currency)
        except UsageError:
            self._fault("price", "negative_price" if self._is_negative(text) else "bad_price", currency=self._currency)
            return _UNREADABLE

    def _is_negative(self, text: str) -> bool:
        try:
            return text[0] in "-−" and parse_money(text[1:], self._currency) >= 0
        except UsageError:
            return False

    def _contents(self) -> tuple[Unit, int]:
        """Return what one piece holds: (unit, amount)."""
        text, unit_type = self._cells["units"], self._cells.get("unit_type", "").lower()
        if unit_type and unit_type not in FACTORS:
            self._fault("unit_type", "unknown_unit", known=", ".join(FACTORS))
        elif not unit_type and not self._cells.get("variant_unit_name"):
            self._fault("unit_type", "no_unit")
        number = parse_number(text)
        if number is None:
            self._fault("units", "bad_units" if text else "missing")
        elif number <= 0:
            self._fault("units", "units_not_positive")
        elif unit_type in FACTORS:
            unit, amount = in_base_units(number, unit_type)
            if not 1 <= amount < QUANTITY_LIMIT:
                code = "units_too_large" if amount else "units_too_small"
                self._fault("units", code, unit_type=unit_type, unit=unit)
            return unit, amount
        elif number.denominator == 1:
            return "piece", number.numerator
        elif not unit_type:
            self._fault("units", "units_not_whole")
        return "piece", _UNREADABLE

    def _on_demand(self) -> bool:
        text = self._cells.get("on_demand", "").casefold()
        if text not in _YES and text not in _NO:
            self._fault("on_demand", "bad_on_demand")
            return True  # what it says about the stock is unknown: one fault is enough
        return text in _YES

    def _on_hand(self) -> int:
        text = self._cells.get("on_hand", "")
        number = parse_number(text)
        if number is None:
            self._fault("on_hand", "bad_on_hand" if text else "missing_on_hand")
        elif number < 0:
            self._fault("on_hand", "negative_on_hand")
        elif number.denominator != 1:
            self._fault("on_hand", "fraction_on_hand")
        else:
            return number.numerator
        return _UNREADABLE
