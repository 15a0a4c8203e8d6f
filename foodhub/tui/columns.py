"""How a table's columns share the width of the terminal, and how a text is cut to its cell.

Widths are in terminal cells, where a Chinese character or an emoji takes two. They never depend on the rows,
so a table stands still while rows arrive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from unicodedata import category

from rich.cells import cell_len, set_cell_size

from foodhub.errors import Unnamed
from foodhub.words import _, unnamed

T = TypeVar("T")
GAP: Final = 2
"""Cells between two columns."""
MORE: Final = "…"


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column: its title (a message id), what it shows of a row, how wide it is at least, and wants to be at most.

    A title that is longer in the language spoken may take more.
    Where there is too little room, the column with the highest rank goes first. A text that is cut keeps its last
    `tail` cells.
    """

    title: str
    text: Callable[[T], str]
    least: int
    most: int
    rank: int
    right: bool = False
    tail: int = 0


def fit(columns: Sequence[Column[T]], width: int) -> list[tuple[Column[T], int]]:
    """Return the columns that fit into `width` cells, each with its width; at least one stays.

    What is left of the room is shared equally, so that a column that wants little more than it has gets that.
    """
    shown = list(columns)
    while len(shown) > 1 and _needed(shown) > width:
        shown.remove(max(shown, key=lambda column: column.rank))
    room = max(width - _needed(shown), 0)
    wishes = [max(column.most, cell_len(_(column.title))) - column.least for column in shown]
    extra = [0] * len(shown)
    for left, index in zip(range(len(shown), 0, -1), sorted(range(len(shown)), key=wishes.__getitem__), strict=True):
        extra[index] = min(wishes[index], room // left)
        room -= extra[index]
    return [(column, min(column.least, width) + more) for column, more in zip(shown, extra, strict=True)]


def _needed(columns: Sequence[Column[T]]) -> int:
    return sum(column.least for column in columns) + GAP * (len(columns) - 1)


def printable(text: str) -> str:
    """Return a text that stays in its cell: line ends and the like become spaces, what steers the terminal goes."""
    if isinstance(text, Unnamed):
        return unnamed(text.id)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _instead(letter) for letter in text)


def _instead(letter: str) -> str:
    # Cf are formatting characters: some of them turn the direction of all that follows.
    return "" if category(letter) in {"Cf", "Cs", "Co"} else " "


def cell(text: str, width: int, *, right: bool = False, tail: int = 0) -> str:
    """Return the text padded or cut to exactly `width` cells; an ellipsis stands where it was cut.

    That is at the end, or where there is room for them before the last `tail` cells.
    """
    text = printable(text)
    taken = len(text) if text.isascii() else cell_len(text)
    if taken > width:
        return _cut(text, width, tail if 2 * tail < width else 0) if width > 0 else ""
    padding = " " * (width - taken)
    return padding + text if right else text + padding


def _cut(text: str, width: int, tail: int) -> str:
    last = text[len(text) - tail :]
    while cell_len(last) > tail:
        last = last[1:]
    return set_cell_size(text, width - 1 - cell_len(last)) + MORE + last
