"""The market: all products of the circuit, and the filter above them. It shows what it is given and signs nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from foodhub.catalog.naming import fold, full_name
from foodhub.errors import N_
from foodhub.node.products import ProductRow
from foodhub.saying import price
from foodhub.tui.columns import Column
from foodhub.tui.table import RowTable
from foodhub.tui.wording import on_hand, packing
from foodhub.words import _, ngettext


@dataclass(frozen=True, slots=True)
class Line:
    """A product with the place it takes in the list and the text in which the filter looks."""

    row: ProductRow
    key: str
    order: tuple[str, str, str, str]
    text: str


def make_lines(rows: Iterable[ProductRow]) -> list[Line]:
    """Prepare products for the list; of 10,000 this takes some 100 ms, so it belongs in a thread."""
    folded = lru_cache(4096)(fold)
    lines = []
    for row in rows:
        producer, name, variant = folded(row.producer), fold(row.name), folded(row.variant)
        text = f"{name} {variant} {producer} {folded(row.category)} {row.sku.casefold()}"
        # Another producer may use an id of ours again: only both together name a product.
        lines.append(Line(row, row.producer_id + row.id, (producer, name, variant, row.id), text))
    return lines


def product_name(row: ProductRow) -> str:
    """Say what a product is called, with what tells it from its namesakes."""
    return full_name(row.name, row.variant)


COLUMNS: tuple[Column[Line], ...] = (
    Column(N_("Product"), lambda line: product_name(line.row), 24, 44, 1),
    Column(N_("Producer"), lambda line: line.row.producer, 14, 30, 4),
    Column(N_("Packing"), lambda line: packing(line.row), 8, 12, 5),
    Column(
        N_("Price"), lambda line: price(line.row.price, line.row.currency, line.row.price_per), 10, 11, 2, right=True
    ),
    Column(N_("On hand"), lambda line: on_hand(line.row.on_hand, line.row.price_per), 9, 9, 3, right=True),
    Column(N_("Category"), lambda line: line.row.category, 14, 26, 6),
)


class Filter(Input):
    """The filter: what is typed narrows the list at once."""

    DEFAULT_CSS = """
    Filter:ansi > .input--cursor { background: ansi_default; color: ansi_default; text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.to_list", show=False),
        Binding("escape", "screen.back", show=False),
    ]


class Market(Vertical):
    """The list of products under its filter, or what to do when there is nothing to list."""

    DEFAULT_CSS = """
    Market {
        #filter-line { height: 1; padding: 0 1; }
        #filter-label { width: auto; padding-right: 1; }
        #filter { width: 1fr; }
        #count { width: auto; padding-left: 2; }
        #market-table { height: 1fr; padding-left: 1; }
        #market-empty { padding: 1 2; display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="market")
        self.lines: Sequence[Line] = ()
        self.table: RowTable[Line] = RowTable(COLUMNS, lambda line: line.key, name="market-table")
        self.filter = Filter(
            placeholder=_("a part of a name, producer or category"), compact=True, id="filter", select_on_focus=False
        )
        self._count = Static(id="count")
        self._empty = Static(id="market-empty")
        self._nothing = ""

    def compose(self) -> ComposeResult:
        """Filter above, list below."""
        with Horizontal(id="filter-line"):
            yield Static(_("Filter:"), id="filter-label")
            yield self.filter
            yield self._count
        yield self.table
        yield self._empty

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Replace the products, sorted; the filter stays as it is."""
        self.lines = lines
        self.table.show_rows(self._fitting())
        self._say()

    def say_nothing_yet(self, text: str) -> None:
        """Say what to show while there is no product."""
        self._nothing = text
        self._say()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list to what is typed."""
        event.stop()
        self.table.begin_at(self._fitting())
        self._say()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to the list."""
        event.stop()
        self.table.focus()

    def clear(self) -> None:
        """Clear the filter and return to the list."""
        self.filter.value = ""
        self.table.focus()

    def _fitting(self) -> Sequence[Line]:
        words = fold(self.filter.value).split()
        if not words:
            return self.lines
        return [line for line in self.lines if all(word in line.text for word in words)]

    def _say(self) -> None:
        shown, total = len(self.table.rows), len(self.lines)
        if shown == total:
            count = ngettext("{n} product", "{n} products", total).format(n=total)
        else:
            count = ngettext("{shown} of {n} product", "{shown} of {n} products", total).format(shown=shown, n=total)
        self._count.update(Content(count))
        text = "" if shown else self._nothing
        if total and not shown:
            text = _('No product has "{text}" in its name, producer or category.\nEsc clears the filter.').format(
                text=self.filter.value
            )
        self._empty.update(Content(text))
        self._empty.display = bool(text)
        self.table.appear(bool(shown))
        self.query_one("#filter-line").display = bool(total)
