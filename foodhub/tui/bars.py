"""The single lines at top and bottom: who and where, the screens, the keys. What can be pressed can be clicked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.widget import Widget

from foodhub.tui.columns import cell
from foodhub.tui.commands import SCREENS, TITLES, Command
from foodhub.words import _

_KEY = Style(bold=True, reverse=True)
_BOLD = Style(bold=True)


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a bar that can be clicked: its key, its word, what it does. `chosen` is None where nothing can be."""

    key: str
    label: str
    action: str
    chosen: bool | None = None
    rank: int = 0

    @property
    def styles(self) -> tuple[Style, Style]:
        """How key and word are drawn: keys stand out, and of items to choose from the chosen one does."""
        if self.chosen is None:
            return _KEY, Style.null()
        return (_KEY, _KEY) if self.chosen else (_BOLD, Style.null())

    @property
    def width(self) -> int:
        """How many cells it takes, with the space after it."""
        return cell_len(self.key) + cell_len(self.label) + 5


class Bar(Widget):
    """A line of items; those with the highest rank give way where there is too little room."""

    DEFAULT_CSS = "Bar { height: 1; padding: 0 1; }"

    def __init__(self, *, name: str) -> None:
        super().__init__(id=name)
        self.items: list[Item] = []

    def show_items(self, items: Sequence[Item]) -> None:
        """Replace the items."""
        if list(items) != self.items:
            self.items = list(items)
            self.refresh()

    def _fitting(self) -> list[Item]:
        shown = list(self.items)
        while len(shown) > 1 and sum(item.width for item in shown) > self.content_size.width + 2:
            shown.remove(max(shown, key=lambda item: item.rank))
        return shown

    def render(self) -> Text:
        """Draw the items that fit."""
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        for item in self._fitting():
            key, label = item.styles
            text.append(f" {item.key} ", key)
            text.append(f" {item.label} ", label)
            text.append(" ")
        return text

    async def on_click(self, event: events.Click) -> None:
        """Do what the clicked item does."""
        at = event.x - self.styles.padding.left
        for item in self._fitting():
            if 0 <= at < item.width - 2:
                await self.screen.run_action(item.action)
                return
            at -= item.width


def key_items(commands: Sequence[Command]) -> list[Item]:
    """Return the items of the line of keys."""
    return [Item(_(command.shown), _(command.label), command.action, rank=command.rank) for command in commands]


def tab_items(chosen: str, counts: Mapping[str, int], warned: Collection[str] = ()) -> list[Item]:
    """Return the items of the line of screens, with how much there is on each, and a mark where one is `warned`."""
    items = []
    for number, place in enumerate(SCREENS, 1):
        said = [_(TITLES[place]), str(counts.get(place) or ""), "!" if place in warned else ""]
        items.append(Item(str(number), " ".join(filter(None, said)), f"show('{place}')", chosen=place == chosen))
    return items


class HeadLine(Widget):
    """The first line: circuit and acting member on the left, the network and what is pending on the right."""

    DEFAULT_CSS = "HeadLine { height: 1; padding: 0 1; }"

    def __init__(self, *, name: str) -> None:
        super().__init__(id=name)
        self._left: tuple[str, str] = ("foodhub", "")
        self._right = ""

    def show_left(self, circuit: str, member: str) -> None:
        """Say which circuit this is, and who acts in it."""
        self._left = (circuit, member)
        self.refresh()

    def show_right(self, text: str) -> None:
        """Say how the network is."""
        if text != self._right:
            self._right = text
            self.refresh()

    def render(self) -> Text:
        """Draw both sides; the left one gives way."""
        room = max(self.content_size.width - cell_len(self._right) - 2, 0)
        circuit, member = self._left
        left = f"{circuit} · {member}" if member else circuit
        shown = cell(left, room)
        text = Text(f"{shown}  {self._right}", no_wrap=True, end="")
        text.stylize(_BOLD, 0, min(len(circuit), len(shown)))
        return text
