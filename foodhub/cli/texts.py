"""Texts of one line that people type or paste."""

from foodhub.catalog.texts import clean, forbidden
from foodhub.errors import N_, UsageError


def one_line(text: str, most: int) -> str:
    """Return a text as it is signed, of `most` characters at most; see `joined`.

    Raises:
        UsageError: `bad_text`.
    """
    line = joined(text)
    if len(line) > most or forbidden(line):
        raise UsageError(
            "bad_text",
            N_("The text is too long, or holds characters that can't be shown."),
            N_("Use at most {most} characters."),
            most=most,
        )
    return line


def joined(text: str) -> str:
    """Return a text without white space around it; what was pasted on several lines stands on one."""
    return clean(" ".join(text.split()))
