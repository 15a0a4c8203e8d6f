"""The header of an entry and its id: what a signature covers, and nothing else.

A log is one of three of a device: 0 circuit, 1 catalog, 2 trade. An entry's place is (author, log, seq).
"""

from enum import IntEnum

import msgspec

from foodhub.log.encoding import Count, Key, Moment, Seq, encode
from foodhub.log.keys import hasher

VERSION = 1
MAX_PAYLOAD = 64 * 1024
RANDOM_BYTES = 16
"""Every payload begins with random bytes, so that its hash says nothing about a body that could be guessed."""


class Log(IntEnum):
    """The three logs of a device: who keeps them and for how long differs."""

    CIRCUIT = 0
    CATALOG = 1
    TRADE = 2


class Kind(IntEnum):
    """How long an entry stands."""

    LASTING = 0
    ERASABLE = 1
    CHECKPOINT = 2
    CHECKPOINT_END = 3


class Header(msgspec.Struct, frozen=True, array_like=True):
    """An entry's header; field order is wire order. `timestamp` in ms since 1970 UTC, `backlink` empty at seq 1."""

    version: Count
    circuit: Key
    author: Key
    log: Count
    kind: Count
    seq: Seq
    backlink: bytes
    timestamp: Moment
    payload_size: Count
    payload_hash: Key

    @property
    def id(self) -> bytes:
        """Return the entry's 32-byte id."""
        return entry_id(encode(self))


entry_id = hasher(b"foodhub-entry")
"""Return the id of the entry with these header bytes."""
payload_hash = hasher(b"foodhub-payload")
"""Return the hash under which a header names its payload."""
