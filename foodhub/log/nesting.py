"""How deep arrays and maps stand in one another, told without recursion.

What a reader skips is anybody's bytes, and how deep a recursive reader comes depends on the machine and on who calls
it. Whether a body is read may depend on neither: so there is one bound, and it is looked at here first.
"""

from collections.abc import Mapping

MOST = 64
"""So many arrays and maps may stand in one another, the outermost counted."""

_FIXED: Mapping[int, int] = {
    0xCA: 4,
    0xCB: 8,
    **{0xCC + n: 1 << n for n in range(4)},
    **{0xD0 + n: 1 << n for n in range(4)},
    **{0xD4 + n: (1 << n) + 1 for n in range(5)},
    **{0xA0 + n: n for n in range(32)},
}
"""By the first byte of a value: how many bytes follow, of numbers, fixext and short texts."""
_SIZED: Mapping[int, tuple[int, int]] = {
    **{0xC4 + n: (1 << n, 0) for n in range(3)},
    **{0xC7 + n: (1 << n, 1) for n in range(3)},
    **{0xD9 + n: (1 << n, 0) for n in range(3)},
}
"""Of bytes, ext and long texts: how many bytes the length has, and how many stand between it and the content."""
_GROUPS: Mapping[int, tuple[int, int]] = {
    **{0x80 + n: (0, 2 * n) for n in range(16)},
    **{0x90 + n: (0, n) for n in range(16)},
    0xDC: (2, 1),
    0xDD: (4, 1),
    0xDE: (2, 2),
    0xDF: (4, 2),
}
"""Of arrays and maps: how many bytes the length has; how many values stand inside, or for each unit of that length."""


def too_deep(data: bytes) -> bool:
    """Say whether arrays and maps nest deeper than `MOST` in MessagePack, as far as it is well-formed."""
    to_come, at = [1], 0
    while to_come and at < len(data):
        if not to_come[-1]:
            to_come.pop()
            continue
        to_come[-1] -= 1
        code = data[at]
        at += 1
        if code in _GROUPS:
            length, inside = _GROUPS[code]
            to_come.append(inside * int.from_bytes(data[at : at + length], "big") if length else inside)
            at += length
            if len(to_come) > MOST + 1:
                return True
        elif code in _SIZED:
            length, between = _SIZED[code]
            at += length + between + int.from_bytes(data[at : at + length], "big")
        else:
            at += _FIXED.get(code, 0)
    return False
