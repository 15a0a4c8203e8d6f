"""Bytes that are nearly right: values taken apart and put together wrongly, and values made up by their type.

All chance comes from a `Random` that is handed in, so that hypothesis can shrink what it found and a fuzzer can repeat
it. Nothing here knows which bytes are good.
"""

import struct
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import msgspec

MOST = 30_000
"""Bytes up to which a mutation may blow something up."""
INTEGERS = (
    0,
    1,
    2,
    3,
    4,
    15,
    16,
    127,
    128,
    255,
    256,
    2**16,
    2**32,
    2**47 - 1,
    2**47,
    2**53 - 1,
    2**53,
    2**63,
    -1,
    -(2**63),
)
SIZES = (0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 256)
TEXTS = (
    "",
    "a",
    "é",
    "e\u0301",
    "\x00",
    "\x1b[2J",
    "\u2028",
    "\u202e",
    "\U0001f955",
    "EUR",
    "../x",
    "x" * 300,
    "Å",
    "\u1e9b\u0323",
)
ANNOUNCED = (b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff")
"""An array, a text, bytes and a map of 4,294,967,295."""


def mutate(chance: Random, data: bytes) -> bytes:
    """Return a neighbour of `data`: as a msgpack value where it is one, else as bytes."""
    try:
        value = msgspec.msgpack.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return mutate_bytes(chance, data)
    if chance.randrange(8) == 0:
        return mutate_bytes(chance, data)
    changed = _change_somewhere(chance, value)
    try:
        return msgspec.msgpack.encode(changed) if chance.randrange(6) else pack(chance, changed)
    except (OverflowError, TypeError, RecursionError):
        return mutate_bytes(chance, data)


def mutate_bytes(chance: Random, data: bytes) -> bytes:
    """Return `data` with something cut out, put in, repeated or flipped."""
    at = chance.randrange(len(data) + 1)
    match chance.randrange(7):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + data[at + chance.choice((1, 2, 4, 16)) :]
        case 2:
            return data[:at] + chance.randbytes(chance.choice((1, 2, 4, 8))) + data[at:]
        case 3:
            return data[:at] + chance.choice(ANNOUNCED) + data[at:]
        case 4:
            return data[:at] + nest(chance.choice((10, 500, 5000))) + data[at:]
        case 5:
            end = at + chance.choice((1, 2, 8, 40))
            return (data[:at] + data[at:end] * chance.choice((2, 3, 100)) + data[end:])[:MOST]
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :] if at < len(data) else data


def shuffle(chance: Random, pieces: Sequence[bytes]) -> list[bytes]:
    """Return a row of values with one left out, one said twice, or all in another order."""
    changed = list(pieces)
    at = chance.randrange(len(changed)) if changed else 0
    match chance.randrange(4):
        case 0:
            del changed[at : at + 1]
        case 1:
            changed[at:at] = changed[at : at + 1] * chance.choice((1, 2, 20))
        case 2:
            chance.shuffle(changed)
    return changed


def nest(depth: int) -> bytes:
    """Return an array in an array in an array."""
    return b"\x91" * depth + b"\xc0"


def split(data: bytes) -> list[bytes]:
    """Cut a row of values apart: each has its length in front, in two bytes; what is too short is taken as it is."""
    pieces = []
    while data:
        size = int.from_bytes(data[:2], "big")
        pieces.append(data[2 : 2 + size])
        data = data[2 + size :]
    return pieces


def join(pieces: Sequence[bytes]) -> bytes:
    """Put a row of values together, as `split` takes it apart."""
    return b"".join(len(piece[:65535]).to_bytes(2, "big") + piece[:65535] for piece in pieces)


def _change_somewhere(chance: Random, value: Any) -> Any:
    """Walk down into a value by chance and change what is there."""
    if isinstance(value, list) and value and chance.randrange(5):
        at = chance.randrange(len(value))
        return [*value[:at], _change_somewhere(chance, value[at]), *value[at + 1 :]]
    if isinstance(value, list):
        return _change_list(chance, value)
    if chance.randrange(3) == 0:
        return anything(chance)
    if isinstance(value, int):
        return chance.choice((value + 1, value - 1, value * 2, -value, bool(value), float(value), *INTEGERS))
    if isinstance(value, bytes):
        return chance.choice(
            (mutate_bytes(chance, value), value[:-1], value + b"\0", value.hex(), chance.randbytes(len(value)))
        )
    return value + chance.choice(TEXTS) if isinstance(value, str) else anything(chance)


def _change_list(chance: Random, value: list[Any]) -> Any:
    at = chance.randrange(len(value) + 1)
    match chance.randrange(6):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return [*value[:at], anything(chance), *value[at:]]
        case 2:
            return value[:at] + value[at : at + 1] * chance.choice((2, 17, 257, 3000)) + value[at + 1 :]
        case 3:
            return value[::-1]
        case 4:
            return dict(enumerate(value))
    return anything(chance)


def anything(chance: Random) -> Any:
    """Return a value of any type that msgpack has."""
    return chance.choice(
        (
            None,
            chance.choice((True, False)),
            chance.choice(INTEGERS),
            1.5,
            chance.choice(TEXTS),
            bytes(chance.choice(SIZES)),
            [],
            [0] * chance.choice((1, 20, 20_000)),
            {"a": 1},
            msgspec.msgpack.Ext(1, b"x"),
            msgspec.Raw(nest(chance.choice((3, 900, 20_000)))),
            msgspec.Raw(chance.choice(ANNOUNCED)),
        )
    )


def pack(chance: Random, value: Any) -> bytes:
    """Encode a value, some of its parts in a longer form than they need."""
    longer = chance.randrange(3) == 0
    if isinstance(value, bool) or not isinstance(value, int | str | bytes | list):
        return msgspec.msgpack.encode(value)
    if isinstance(value, int):
        return b"\xcf" + struct.pack(">Q", value) if longer and 0 <= value < 2**64 else msgspec.msgpack.encode(value)
    if isinstance(value, list):
        head = (
            b"\xdd" + struct.pack(">I", len(value))
            if longer
            else msgspec.msgpack.encode([None] * len(value))[: -len(value) or None]
        )
        return head + b"".join(pack(chance, part) for part in value)
    mark, data = (b"\xdb", value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else (b"\xc6", value)
    return mark + struct.pack(">I", len(data)) + data if longer else msgspec.msgpack.encode(value)


class Inventor:
    """Makes up values of a type, well-formed by it and nearly always senseless; `known` are 32-byte values to use."""

    def __init__(self, chance: Random, known: Sequence[bytes] = ()) -> None:
        self.chance = chance
        self.known = known

    def make(self, kind: Any) -> Any:
        """Return a value of a type."""
        return self._make(msgspec.inspect.type_info(kind))

    def vary(self, kind: Any, value: Any) -> Any:
        """Return a value of a type that differs from this one in a place or two."""
        return self._vary(msgspec.inspect.type_info(kind), value)

    def _make(self, info: Any) -> Any:
        chance = self.chance
        match info:
            case msgspec.inspect.StructType(cls=kind, fields=fields):
                return kind(*(self._make(field.type) for field in fields))
            case msgspec.inspect.UnionType(types=types):
                return self._make(chance.choice(types))
            case msgspec.inspect.ListType(item_type=item):
                return [self._make(item) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
            case msgspec.inspect.TupleType(item_types=items):
                return tuple(self._make(item) for item in items)
            case msgspec.inspect.BytesType(min_length=size):
                return self._bytes(size)
            case msgspec.inspect.IntType(ge=least, lt=limit):
                return chance.choice([number for number in INTEGERS if (least or 0) <= number < (limit or 2**53)])
        return chance.choice(_choices(info))

    def _vary(self, info: Any, value: Any) -> Any:
        chance = self.chance
        match info:
            case msgspec.inspect.StructType(cls=kind, fields=fields) if fields:
                values = [getattr(value, field.name) for field in fields]
                return kind(*self._vary_one([field.type for field in fields], values))
            case msgspec.inspect.UnionType(types=types):
                of = next(each for each in types if isinstance(value, getattr(each, "cls", object)))
                return self._vary(of, value) if chance.randrange(8) else self._make(info)
            case msgspec.inspect.TupleType(item_types=items):
                return tuple(self._vary_one(items, list(value)))
            case msgspec.inspect.ListType(item_type=item) if value and chance.randrange(4):
                return self._vary_one([item] * len(value), list(value))
            case msgspec.inspect.ListType(item_type=item) if value:
                return chance.choice((value[1:], [*value, value[0]], [*value, self._make(item)], value * 3))
            case msgspec.inspect.IntType(ge=least, lt=limit) if chance.randrange(2):
                near = value + chance.choice((1, -1, 2, 1000))
                return near if (least or 0) <= near < (limit or 2**53) else value
        return self._make(info)

    def _vary_one(self, kinds: Sequence[Any], values: list[Any]) -> list[Any]:
        at = self.chance.randrange(len(values))
        values[at] = self._vary(kinds[at], values[at])
        return values

    def _bytes(self, size: int | None) -> bytes:
        chance = self.chance
        if size == 32 and self.known and chance.randrange(4):
            return chance.choice(self.known)
        return chance.choice((bytes, chance.randbytes))(chance.choice(SIZES) if size is None else size)


def _choices(info: Any) -> Sequence[Any]:
    """Return the values to choose from where there are few."""
    match info:
        case msgspec.inspect.LiteralType(values=values):
            return tuple(values)
        case msgspec.inspect.StrType():
            return TEXTS
        case msgspec.inspect.BoolType():
            return (True, False)
    raise TypeError(info)


def inflations(data: bytes) -> Iterator[bytes]:
    """Yield the value in `data` with one of its parts repeated until it is as large as anything that may come in."""
    try:
        value = msgspec.msgpack.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        yield (data * (MOST // max(len(data), 1) + 1))[:MOST]
        return
    for large in _inflated(value):
        yield msgspec.msgpack.encode(large)


def _inflated(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for at, part in enumerate(value):
            size = max(len(msgspec.msgpack.encode(part)), 1)
            yield [*value[:at], *[part] * (MOST // size), *value[at + 1 :]]
            yield from ([*value[:at], large, *value[at + 1 :]] for large in _inflated(part))
    elif isinstance(value, str | bytes):
        yield value * (MOST // max(len(value), 1))
