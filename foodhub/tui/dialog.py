"""What lies on top of a screen for a moment: a title, something to read, and how to close it."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from foodhub.tui.columns import printable
from foodhub.words import _


class Dialog(ModalScreen[None]):
    """A box with a title; Esc, Enter or q closes it, and it signs nothing."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        #box { width: 100; max-width: 100%; height: auto; max-height: 100%; border: round $primary; padding: 0 1; }
        #box { border-title-style: bold; border-subtitle-style: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", show=False),
        Binding("tab,shift+tab", "stay", show=False),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._heading = title

    def compose(self) -> ComposeResult:
        """Title, content, how to close it."""
        with Vertical(id="box") as box:
            box.border_title = Content(printable(self._heading))
            box.border_subtitle = Content(_("Esc closes this"))
            yield from self.content()

    def content(self) -> Iterable[Widget]:
        """What the box holds; for subclasses."""
        return ()

    def action_close(self) -> None:
        """Go back to the screen below."""
        self.dismiss(None)

    def action_stay(self) -> None:
        """Leave the focus where it is."""


class Reading(VerticalScroll):
    """A text that takes the room it needs in a box, and scrolls where there is less."""

    DEFAULT_CSS = "Reading { height: auto; }"

    def __init__(self, text: Content) -> None:
        super().__init__(Static(text), id="body")

    def on_mount(self) -> None:
        """Leave room for the edges of the box."""
        self.on_resize()

    def on_resize(self) -> None:
        """Leave room for the edges of the box."""
        self.styles.max_height = max(self.screen.size.height - 2, 1)


class Card(Dialog):
    """A dialog of labelled lines."""

    def __init__(self, title: str, fields: Sequence[tuple[str, str]]) -> None:
        super().__init__(title)
        self._fields = fields

    def content(self) -> Iterable[Widget]:
        """The lines, which scroll when there are too many."""
        yield Reading(labelled(self._fields))


def labelled(fields: Sequence[tuple[str, str]]) -> Content:
    """Return lines of a bold label and a text each; a field without a text is left out."""
    shown = [(label, text) for label, text in fields if text]
    width = max((len(label) for label, _text in shown), default=0)
    lines = [Content.assemble((label.ljust(width + 2), "bold"), _indented(text, width + 2)) for label, text in shown]
    return Content("\n").join(lines)


def _indented(text: str, by: int) -> str:
    return f"\n{' ' * by}".join(printable(line) for line in text.splitlines())
