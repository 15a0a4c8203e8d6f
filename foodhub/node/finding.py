"""What an examination of a home finds: values that a front end says, with the sentence and what to do."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

State = Literal["ok", "warning", "bad", "skipped"]
Seen = Callable[[str, int, int], None]
"""Told how far a check is: its name, how much of how much is done (0 of 0 where that is not known)."""


class Finding(msgspec.Struct, frozen=True):
    """What a check found. `message` and `hint` are message ids over `details`, as those of a `FoodhubError`.

    `code` says what it is for programs: the name of the check where there is nothing to say of it.
    """

    check: str
    code: str
    state: State
    message: str
    hint: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Examined:
    """What is examined: a home, its database opened for reading, and the time (ms).

    `bad` names the checks so far that found something bad.
    """

    home: Path
    db: sqlite3.Connection
    now: int
    seen: Seen
    quick: bool
    bad: set[str] = field(default_factory=set)


def ok(check: str, message: str, **details: Any) -> Finding:
    """Return that a check found nothing wrong."""
    return Finding(check, check, "ok", message, "", details)


def skipped(check: str, message: str, hint: str = "", *, code: str = "", **details: Any) -> Finding:
    """Return that a check was not made, and why."""
    return Finding(check, code or check, "skipped", message, hint, details)


def warning(check: str, message: str, hint: str, *, code: str, **details: Any) -> Finding:
    """Return something that should be seen to and stops nothing yet."""
    return Finding(check, code, "warning", message, hint, details)


def bad(check: str, message: str, hint: str = "", *, code: str, **details: Any) -> Finding:
    """Return something that is wrong with the home."""
    return Finding(check, code, "bad", message, hint, details)
