"""Payloads and the statements in them.

A payload is 16 random bytes and a body; an open body is a canonical msgpack array of statements, each an array that
begins with its name. A statement that this program does not know, or that is not in canonical form, is kept and does
not count; the others of its body do.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from foodhub.log.encoding import decode, encode, normal
from foodhub.log.faults import PeerFault
from foodhub.log.header import MAX_PAYLOAD, RANDOM_BYTES
from foodhub.log.nesting import too_deep

_raw_list = msgspec.msgpack.Decoder(list[msgspec.Raw])
MAX_STATEMENTS = 2000
"""A body with more statements is read only if all of them are known and canonical: nonsense is to cost us little."""
ROOM = MAX_PAYLOAD - 4096
"""What bodies are filled up to: it leaves room for the slots and the padding of a private payload."""


class Unread(msgspec.Struct, frozen=True):
    """A statement that does not count, and why: `unknown` or `not_canonical`."""

    reason: str


class StatementReader:
    """Reads the statements of a body; `union` is the union of the statement structs that may stand in it."""

    def __init__(self, union: Any) -> None:
        """Prepare the decoders."""
        self._one: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(union)
        self._all: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(list[union])

    def read(self, body: bytes) -> Sequence[Any]:
        """Return the statements of a body in order, an `Unread` in the place of each that does not count.

        Raises:
            PeerFault: `not_canonical` when the body is not even a list, `too_large` for a long one with faults.
        """
        try:
            statements = self._all.decode(body)
            if encode(statements) == body and normal(statements):
                return statements  # type: ignore[no-any-return]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass
        return [self._read_one(bytes(raw)) for raw in _split(body)]

    def _read_one(self, raw: bytes) -> Any:
        try:
            return decode(self._one, raw)
        except PeerFault:
            return Unread("unknown" if self._is_unknown(raw) else "not_canonical")

    def _is_unknown(self, raw: bytes) -> bool:
        try:
            self._one.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return True
        return False


def _split(body: bytes) -> list[msgspec.Raw]:
    if too_deep(body):
        raise PeerFault("not_canonical")
    try:
        parts = _raw_list.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise PeerFault("not_canonical") from None
    if len(encode(parts)) != len(body):
        raise PeerFault("not_canonical")
    if len(parts) > MAX_STATEMENTS:
        raise PeerFault("too_large")
    return parts


def bodies(statements: Iterable[Any], room: int = ROOM) -> Iterator[bytes]:
    """Pack statements, in order, into as few bodies as fit into a payload each.

    Raises:
        ValueError: one statement alone is too large.
    """
    parts: list[msgspec.Raw] = []
    size = 0
    for statement in statements:
        part = encode(statement)
        if len(part) > room:
            raise ValueError("a statement larger than a payload")
        if size + len(part) > room:
            yield encode(parts)
            parts, size = [], 0
        parts.append(msgspec.Raw(part))
        size += len(part)
    if parts:
        yield encode(parts)


def open_payload(payload: bytes) -> bytes:
    """Return the body of an open payload."""
    return payload[RANDOM_BYTES:]
