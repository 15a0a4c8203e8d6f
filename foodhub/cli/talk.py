"""Talk: what is said to people on stderr, folded at the width of their terminal; a program reads it unfolded."""

import re
import shutil
import sys
import textwrap
from typing import Final

import click

_BEGINNING: Final = re.compile(r"\s*(?:[0-9]{1,2}\. )?")


def talk(text: str) -> None:
    """Say something to people: lines of their own, never broken inside a word or a code."""
    click.echo(folded(text) if sys.stderr.isatty() else text, err=True)


def folded(text: str) -> str:
    """Return a text folded at the width of the terminal, each line under its beginning, behind a number like "12. "."""
    width = shutil.get_terminal_size().columns
    return "\n".join(_line(line, width) for line in text.split("\n"))


def _line(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    begins = _BEGINNING.match(line)
    margin = " " * (begins.end() if begins else 0)
    return textwrap.fill(
        line, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
