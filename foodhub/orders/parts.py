"""What is too long for one entry goes in parts: cut up where it is written, put together where it is read.

Pure. The parts of somebody else come as that one likes: putting them together may never raise, nor cost more than they
are long.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from foodhub.log.encoding import encode

T = TypeVar("T", bound=Any)


def in_parts(items: Iterable[T], room: int) -> list[list[T]]:
    """Cut a list up so that what is encoded of each part has so many bytes at most, or is one item; none for none."""
    parts: list[list[T]] = []
    size = 0
    for item in items:
        length = len(encode(item))
        if not parts or size + length > room:
            parts.append([])
            size = 0
        parts[-1].append(item)
        size += length
    return parts


def whole(parts: Iterable[T]) -> list[T]:
    """Return statements that say `part` and `of` in their order, none while one is missing or too many."""
    found = sorted(parts, key=lambda each: each.part)
    fits = all((each.part, each.of) == (number, len(found)) for number, each in enumerate(found, 1))
    return found if fits else []


def newest(parts: Iterable[T]) -> list[T]:
    """Return the parts of the highest version in their order, none while one of them is missing."""
    parts = list(parts)
    version = max((each.version for each in parts), default=0)
    return whole(each for each in parts if each.version == version)
