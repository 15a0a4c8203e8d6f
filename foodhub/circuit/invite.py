"""Invites as people pass them on: one line of text that holds a secret key, the circuit's id and where its nodes are.

Whoever holds the line can join once. It is written to be copied through a chat or read out: lowercase base32 in one
word, with a checksum, so that a slip of the hand is noticed and named.
"""

from base64 import b32decode, b32encode
from typing import TypeVar

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.log.encoding import Key, Moment, decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.keys import SigningKey, digest

PREFIX = "foodhub1"
_CHECK_BYTES = 4
T = TypeVar("T")


class InviteCode(msgspec.Struct, frozen=True, array_like=True):
    """What an invite says: the invite key's secret half, libp2p multiaddrs, until when (ms) a door lets in on it."""

    circuit: Key
    seed: Key
    expires: Moment
    addresses: list[str]

    @property
    def key(self) -> SigningKey:
        """Return the invite key."""
        return SigningKey(self.seed)

    def __repr__(self) -> str:
        """Name the invite without its secret."""
        return f"<invite to circuit {self.circuit.hex()[:8]}>"


_decoder = msgspec.msgpack.Decoder(InviteCode)


def write_code(code: InviteCode) -> str:
    """Return the invite as one word."""
    return write_word(PREFIX, encode(code))


def read_code(text: str) -> InviteCode:
    """Read an invite; white space and line breaks inside it do not matter.

    Raises:
        RefusedError: `invite_unreadable` when it is not whole.
    """
    found = read_word(PREFIX, text, _decoder)
    if found is None:
        raise RefusedError(
            "invite_unreadable",
            N_("This is not a whole invite."),
            N_("Copy the invite again, from its first to its last letter; it begins with {prefix}."),
            prefix=PREFIX,
        )
    return found


def write_word(prefix: str, data: bytes) -> str:
    """Return bytes as one word that people can pass on: a prefix, then base32 with a checksum at its end."""
    return prefix + b32encode(data + digest(data, b"foodhub-code", _CHECK_BYTES)).decode().rstrip("=").lower()


def read_word(prefix: str, text: str, decoder: "msgspec.msgpack.Decoder[T]") -> T | None:
    """Read what `write_word` wrote, whatever the white space and capitals in it; None when it is not whole."""
    word = "".join(text.split()).lower()
    body = word[len(prefix) :].upper()
    try:
        data = b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        return None
    data, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if not word.startswith(prefix) or digest(data, b"foodhub-code", _CHECK_BYTES) != check:
        return None
    try:
        return decode(decoder, data)
    except PeerFault:
        return None
