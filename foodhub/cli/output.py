"""What goes to stdout: tables aligned for people, JSON for programs.

A table is fitted to the terminal's width and never cut otherwise; JSON keys are the names of the rows' fields and stay.
Names come from other people's nodes, so nothing that could steer a terminal is ever written.
"""

import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from unicodedata import category, combining, east_asian_width

import click

from foodhub.cli.call import Call
from foodhub.errors import Unnamed
from foodhub.words import unnamed

_INTERNAL = frozenset({"key", "device"})
_LONGEST = 16
"""So long a word of a table is never cut."""


def plain(row: Any) -> Any:
    """Return a row (or rows) of `foodhub.node` as what JSON knows, without the fields that only programs inside use."""
    import msgspec

    data = msgspec.to_builtins(row, builtin_types=(), enc_hook=str)
    if isinstance(data, list):
        return [_public(item) for item in data]
    return _public(data)


def _public(data: Any) -> Any:
    return {name: value for name, value in data.items() if name not in _INTERNAL} if isinstance(data, dict) else data


def show(call: Call, data: Any, draw: Callable[[], None]) -> None:
    """Print `data` (rows or plain values) as JSON, or draw it for people."""
    if call.json:
        write_json(plain(data))
    else:
        draw()


def write_json(data: Any) -> None:
    """Print plain data as JSON: indented for a terminal, else on one line."""
    import msgspec

    text = msgspec.json.encode(data)
    if sys.stdout.isatty():
        text = msgspec.json.format(text, indent=2)
    click.echo(text.decode())


def say(text: str = "") -> None:
    """Print a line of data for people."""
    click.echo(text)


def cell(value: object) -> str:
    """Return a value as text for a table: one line, without characters that a terminal would obey."""
    text = unnamed(value.id) if isinstance(value, Unnamed) else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() or category(c) == "Zs" else "�" for c in text)


def text_lines(text: str) -> str:
    """Return a text of several lines, without characters that a terminal would obey."""
    return "\n".join(cell(line) for line in text.expandtabs().split("\n"))


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, columns: int) -> str:
    """Shorten a text to so many columns; what is left out shows as "…"."""
    if width(text) <= columns:
        return text
    kept, used = "", 1
    for character in text:
        used += width(character)
        if used > columns:
            break
        kept += character
    return f"{kept}…"


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Fill a text up with spaces, on its left with `right`."""
    space = " " * (columns - width(text))
    return space + text if right else text + space


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[int] = ()) -> None:
    """Print rows under titles; the columns numbered in `right` hold numbers, and are never broken."""
    terminal = sys.stdout.isatty()
    cells = [list(titles), *([cell(value) for value in row] for row in rows)]
    room = shutil.get_terminal_size().columns if terminal else None
    head, *body = laid_out(cells, frozenset(right), room)
    for line in head:
        click.echo(click.style(line, bold=True) if terminal else line)
    click.echo("".join(f"{line}\n" for lines in body for line in lines), nl=False)


def laid_out(rows: Sequence[Sequence[str]], numbers: frozenset[int], room: int | None) -> list[list[str]]:
    """Return the lines of each row, the first of which are the titles, in columns that fit into `room` if they can.

    What does not fit beside the rest goes on below, word by word: nothing of it is lost.
    """
    across = list(zip(*rows, strict=True))
    columns = [max(map(width, column)) for column in across]
    if room is not None:
        _shrink(columns, [_least(column, whole=place in numbers) for place, column in enumerate(across)], room)
    return [_lines(row, columns, numbers) for row in rows]


def _least(column: Sequence[str], *, whole: bool) -> int:
    """Return how narrow a column may get: as its longest word, or its widest cell where they stay `whole`."""
    title, *cells = column
    if whole:
        return max([*map(width, title.split(" ")), *map(width, cells)])
    return max(min(width(word), _LONGEST) for text in column for word in text.split(" "))


def _lines(row: Sequence[str], columns: Sequence[int], numbers: frozenset[int]) -> list[str]:
    cells = [_broken(text, columns[place]) for place, text in enumerate(row)]
    height = max(map(len, cells))
    return [
        "  ".join(
            pad(lines[number] if number < len(lines) else "", columns[place], right=place in numbers)
            for place, lines in enumerate(cells)
        ).rstrip()
        for number in range(height)
    ]


def _broken(text: str, columns: int) -> list[str]:
    """Break a text between its words into lines of so many columns; a word that is longer is cut."""
    if width(text) <= columns:
        return [text]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and width(lines[-1]) + 1 + width(word) <= columns:
            lines[-1] += f" {word}"
        else:
            lines.append(cut(word, columns))
    return lines


def _shrink(columns: list[int], least: Sequence[int], room: int) -> None:
    """Take from the widest column that can give, again and again, until the table fits or none can."""
    while sum(columns) + 2 * (len(columns) - 1) > room:
        able = [place for place, narrow in enumerate(least) if columns[place] > narrow]
        if not able:
            return
        columns[max(able, key=lambda place: columns[place])] -= 1


def facts(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; on a terminal a long value goes on below its beginning."""
    pairs = [(name, cell(value)) for name, value in rows]
    widest = max((width(name) for name, _value in pairs), default=0)
    room = shutil.get_terminal_size().columns - widest - 2 if sys.stdout.isatty() else None
    for name, value in pairs:
        first, *rest = _folded(value, room)
        click.echo("\n".join([f"{pad(name, widest)}  {first}".rstrip(), *(f"{'':{widest}}  {line}" for line in rest)]))


def _folded(text: str, columns: int | None) -> list[str]:
    """Return the lines of a text of so many columns, or of any number; no word is cut, since it may be an id."""
    lines = [""]
    for word in text.split(" "):
        if columns is not None and lines[-1] and width(lines[-1]) + 1 + width(word) > columns:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return lines if columns is not None else [text]
