"""A table of any number of rows that draws only those in view.

Rows are replaced as a whole; the cursor stays on its row and the rows in view stay where they are. It never asks where
rows come from. Textual's own DataTable measures and keeps every cell, which takes seconds for 10,000 rows.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from foodhub.tui.columns import GAP, Column, cell, fit
from foodhub.words import _

T = TypeVar("T")


class RowTable(ScrollView, Generic[T], can_focus=True):
    """A table with a heading and a cursor; `key` tells one row from all others, for as long as it exists."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rowtable--head", "rowtable--cursor"}
    DEFAULT_CSS = """
    RowTable {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size: 0 1;
        & > .rowtable--head { text-style: bold underline; }
        & > .rowtable--cursor { text-style: bold; }
        &:focus > .rowtable--cursor { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home", "to_end(-1)", show=False),
        Binding("end", "to_end(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """The row under the cursor was asked for, by Enter or a second click."""

        def __init__(self, table: Widget) -> None:
            super().__init__()
            self.table = table

    class Left(Message):
        """The cursor was moved beyond the first (-1) or the last row (1)."""

        def __init__(self, table: Widget, direction: int) -> None:
            super().__init__()
            self.table = table
            self.direction = direction

    def __init__(self, columns: Sequence[Column[T]], key: Callable[[T], str], *, name: str) -> None:
        super().__init__(id=name)
        self._columns = columns
        self._key = key
        self._rows: Sequence[T] = ()
        self._fitted: list[tuple[Column[T], int]] = []
        self._at = 0

    @property
    def rows(self) -> Sequence[T]:
        """The rows, as they were last given."""
        return self._rows

    @property
    def current(self) -> T | None:
        """The row under the cursor."""
        return self._rows[self._at] if self._rows else None

    def show_rows(self, rows: Sequence[T]) -> None:
        """Replace the rows; cursor and view stay on the rows where they were, if these are still there."""
        held, top = self.current, self.scroll_offset.y
        seen = top <= self._at < top + self._visible
        anchor = held if seen or not self._rows else self._rows[min(top, len(self._rows) - 1)]
        before = self._index(self._rows, anchor, self._at)
        self._at = self._index(rows, held, min(self._at, max(len(rows) - 1, 0)))
        moved = self._index(rows, anchor, before) - before
        self._rows = rows
        self._measure()
        # At the very top the view stays there: who looks at the beginning wants to see what is new at the beginning.
        self.scroll_to(y=top + moved if top else 0, animate=False)
        if seen:
            self._reveal()
        self.refresh()

    def begin_at(self, rows: Sequence[T]) -> None:
        """Replace the rows by others that somebody asked for; the cursor stays on its row or goes to the first."""
        self._at = self._index(rows, self.current, 0)
        self._rows = rows
        self._measure()
        self._reveal()
        self.refresh()

    def show_columns(self, columns: Sequence[Column[T]]) -> None:
        """Show other columns of the same rows."""
        if columns != self._columns:
            self._columns = columns
            self._measure()
            self.refresh()

    def appear(self, shown: bool) -> None:
        """Show or hide the table; hidden it leaves the focus to nobody, where Textual would choose the next widget."""
        if not shown and self.has_focus:
            self.screen.set_focus(None)
        self.display = shown

    def _index(self, rows: Sequence[T], wanted: T | None, otherwise: int) -> int:
        """Return where a row is by its key, `otherwise` when it is not there."""
        if wanted is None:
            return otherwise
        key = self._key(wanted)
        return next((index for index, row in enumerate(rows) if self._key(row) == key), otherwise)

    @property
    def _visible(self) -> int:
        """How many rows there is room for below the heading."""
        return max(self.scrollable_content_region.height - 1, 1)

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        self._fitted = fit(self._columns, width)
        self.virtual_size = Size(width, len(self._rows) + 1)

    def on_resize(self) -> None:
        """Share the new width out."""
        self._measure()
        self._reveal()
        self.refresh()

    def _reveal(self) -> None:
        """Scroll as little as needed for the cursor to be in view."""
        top = self.scroll_offset.y
        if self._at < top:
            self.scroll_to(y=self._at, animate=False)
        elif self._at >= top + self._visible:
            self.scroll_to(y=self._at - self._visible + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        """Draw one line of the view: the heading, then the rows."""
        width = self.scrollable_content_region.width
        if y == 0:
            return self._strip([_(column.title) for column, _width in self._fitted], "rowtable--head", width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        texts = [column.text(self._rows[index]) for column, _width in self._fitted]
        return self._strip(texts, "rowtable--cursor" if index == self._at else "", width)

    def _strip(self, texts: Sequence[str], component: str, width: int) -> Strip:
        style = self.get_component_rich_style(component) if component else self.rich_style
        segments = []
        for number, ((column, wide), text) in enumerate(zip(self._fitted, texts, strict=True)):
            if number:
                segments.append(Segment(" " * GAP, style))
            shown = cell(text, wide, right=column.right, tail=column.tail)
            segments.append(Segment(shown, style))
        return Strip(segments).adjust_cell_length(width, style)

    def _go(self, index: int) -> None:
        self._at = min(max(index, 0), max(len(self._rows) - 1, 0))
        self._reveal()
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor up or down; at either end say so."""
        if not 0 <= self._at + by < len(self._rows):
            self.post_message(self.Left(self, by))
        self._go(self._at + by)

    def action_page(self, by: int) -> None:
        """Move the cursor a page up or down."""
        self._go(self._at + by * self._visible)

    def action_to_end(self, direction: int) -> None:
        """Move the cursor to the first or the last row."""
        self._go(0 if direction < 0 else len(self._rows) - 1)

    def action_choose(self) -> None:
        """Ask for the row under the cursor."""
        if self._rows:
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row that was clicked; a second click asks for it."""
        index = event.y - 1 + self.scroll_offset.y
        if event.y >= 1 and index < len(self._rows):
            self._go(index)
            if event.chain == 2:
                self.action_choose()
