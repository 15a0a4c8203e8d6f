"""Canonical msgpack: every value has exactly one encoding, so that a hash or a signature means one thing.

Decoding is typed and strict: the value is encoded again and has to give the same bytes. Types that are signed use
arrays (no maps, so no key order to agree on), integers below 2^53, byte strings, NFC text and booleans; never float,
nil or ext.
"""

from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from foodhub.log.faults import PeerFault
from foodhub.log.normal_form import is_normal

LIMIT = 2**53
MAX_SEQ = 2**31
"""No log grows beyond this: its entries stay within bounds that every store can keep."""
LATEST = 2**47
"""Times stay below this many ms (the year 6429): every program can show them, in every time zone."""

Count = Annotated[int, msgspec.Meta(ge=0, lt=LIMIT)]
Seq = Annotated[int, msgspec.Meta(ge=1, lt=LIMIT)]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
LocalId = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Moment = Annotated[int, msgspec.Meta(ge=0, lt=LATEST)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
NO_ID = bytes(32)
"""Stands for "no entry" where an id is due."""

T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
"""Encode a value made of structs, tuples, lists, integers, bytes, text and booleans; canonical for the types of this
project.
"""


def decode(decoder: "msgspec.msgpack.Decoder[T]", data: bytes) -> T:
    """Decode `data` strictly.

    Raises:
        PeerFault: `not_canonical` for bytes that are no such value, or not its one encoding.
    """
    try:
        value = decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise PeerFault("not_canonical") from None
    kind: Any = decoder.type
    if _encoder.encode(value) != data or (_may_hold_text(kind) and not normal(value)):
        raise PeerFault("not_canonical")
    return value


def normal(value: Any) -> bool:
    """Say whether every text inside `value` is in Unicode's normal form C."""
    # One question for all of them, since it is asked of every statement: no character composes with a space, so texts
    # with a space in between are normal together if each is by itself.
    text = " ".join(_texts(value))
    return text.isascii() or is_normal(text)


def _texts(value: Any) -> Iterable[str]:
    """Return the texts inside `value`."""
    kind: Any = type(value)
    return _way_to_texts(kind)(value)


@cache
def _way_to_texts(kind: Any) -> Callable[[Any], Iterable[str]]:
    """Return what finds the texts in values of a type; found once, since every statement that arrives is looked at."""
    if kind is str:
        return lambda value: (value,)
    if kind is list or kind is tuple:
        return lambda value: chain.from_iterable(map(_texts, value))
    if not issubclass(kind, msgspec.Struct):
        return lambda _: ()
    fields = [field for field in msgspec.structs.fields(kind) if _may_hold_text(field.type)]
    names = [field.name for field in fields]
    if len(names) > 1 and all(field.type is str for field in fields):
        return attrgetter(*names)
    return lambda value: chain.from_iterable(_texts(getattr(value, name)) for name in names)


@cache
def _may_hold_text(kind: Any) -> bool:
    """Say whether a value of this type may hold text, so that thousands of hashes need not be looked at one by one.

    A `Literal` is a word of our own.
    """
    if kind in _NO_TEXT or get_origin(kind) is Literal:
        return False
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any(_may_hold_text(field.type) for field in msgspec.structs.fields(kind))
    inside = get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)
    return any(map(_may_hold_text, inside)) if inside else True


_NO_TEXT = {int, bytes, bool}
