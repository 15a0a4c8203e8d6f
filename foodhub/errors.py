"""What can go wrong, as the user meets it.

An error carries a stable code for scripts, one sentence that says what is wrong, and a hint that says what to do. Both
are message ids marked with `N_`: they are translated and filled in by a front end, never here. A fault of a remote peer
is not an error of this kind: it is data, counted and shown.
"""

from enum import IntEnum
from typing import ClassVar


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "extract this, translate it later"
    """Mark a message for translation and return it unchanged."""
    return message


class Unnamed(str):
    """A household of which no name is known here: English, for logs and programs; front ends say it by its `id`."""

    __slots__ = ("id",)
    id: str

    def __new__(cls, identity: str) -> "Unnamed":
        """Return it by the beginning of its id in base32."""
        made = super().__new__(cls, f"Household {identity}")
        made.id = identity
        return made


class ExitCode(IntEnum):
    """What a command's exit status says; the numbers are part of the interface."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_THERE = 3
    NOT_SET_UP = 4
    NO_PEER = 5
    REFUSED = 6
    NOT_RECEIVED = 7


class FoodhubError(Exception):
    """Something the user should be told.

    `message` and `hint` are format strings over `details`; `code` never changes with the language.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, code: str, message: str, hint: str = "", **details: object) -> None:
        """Keep the parts apart, so that a front end can say them in the user's language."""
        super().__init__(code)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        """Say it in English, for log files and tracebacks."""
        return self.message.format(**self.details)


class UsageError(FoodhubError):
    """The command was not understood: a value has the wrong form."""

    exit_code = ExitCode.USAGE


class NotThereError(FoodhubError):
    """Something that was named is not there."""

    exit_code = ExitCode.NOT_THERE


class NotSetUpError(FoodhubError):
    """The home lacks what this needs first: a member, or a circuit."""

    exit_code = ExitCode.NOT_SET_UP


class NoPeerError(FoodhubError):
    """No other node could be reached."""

    exit_code = ExitCode.NO_PEER


class RefusedError(FoodhubError):
    """A rule of the circuit or of the trade says no; nothing was changed."""

    exit_code = ExitCode.REFUSED


class NotReceivedError(FoodhubError):
    """It is signed and kept here, and will be sent; its receipt has not come yet."""

    exit_code = ExitCode.NOT_RECEIVED
