"""What the text of a product may be made of; it will stand on other people's screens, and in bytes that are hashed."""

import re
from typing import Final
from unicodedata import normalize

# Besides control characters: line separators and direction overrides, with which a name could draw over its neighbours,
# and lone surrogates, which are no text at all.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` in normal form C without white space around it: how texts are to be before they are signed."""
    stripped = text.strip()
    return stripped if stripped.isascii() else normalize("NFC", stripped)


def forbidden(text: str, *, lines: bool = False) -> str:
    """Return the first character of `text` that no text of a product may hold, or ""; `lines` allows line feeds."""
    if text.isprintable():
        return ""
    match = _FORBIDDEN.search(text.replace("\n", "") if lines else text)
    return match[0] if match else ""


def text_fault(field: str, text: str, least: int, most: int) -> str | None:
    """Return `FIELD_length` or `FIELD_characters` for a text of one line that breaks the rule, else None."""
    if not least <= len(text) <= most:
        return f"{field}_length"
    return f"{field}_characters" if forbidden(text) else None
