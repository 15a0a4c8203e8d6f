"""Invites and codes as somebody hands them over: long, often broken into pieces, or in a file."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from foodhub.cli.command import argument


def in_pieces(metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the argument `pieces`: an invite or a code, however it is broken; "-" for what stdin holds."""
    return argument("pieces", nargs=-1, required=True, metavar=metavar)


def joined(pieces: Sequence[str]) -> str:
    """Return an invite or a code in one piece."""
    return "".join((sys.stdin.read() if list(pieces) == ["-"] else "".join(pieces)).split())
