"""Invites as people pass them on: one line of text that holds a secret key, the circuit's id and where its nodes are.

Whoever holds the line can join once. It is written to be copied through a chat or read out: lowercase base32 in one
word, with a checksum, so that a slip of the hand is noticed and named.
"""

from base64 import b32decode, b32encode

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.log.encoding import Key, Moment, decode, encode
from foodhub.log.faults import PeerFault
from foodhub.log.keys import SigningKey, digest

PREFIX = "foodhub1"
_CHECK_BYTES = 4


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
    data = encode(code)
    return PREFIX + b32encode(data + digest(data, b"foodhub-code", _CHECK_BYTES)).decode().rstrip("=").lower()


def read_code(text: str) -> InviteCode:
    """Read an invite; white space and line breaks inside it do not matter.

    Raises:
        RefusedError: `invite_unreadable` when it is not whole.
    """
    word = "".join(text.split()).lower()
    unreadable = RefusedError(
        "invite_unreadable",
        N_("This is not a whole invite."),
        N_("Copy the invite again, from its first to its last letter; it begins with {prefix}."),
        prefix=PREFIX,
    )
    if not word.startswith(PREFIX):
        raise unreadable
    body = word[len(PREFIX) :].upper()
    try:
        data = b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raise unreadable from None
    data, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if digest(data, b"foodhub-code", _CHECK_BYTES) != check:
        raise unreadable
    try:
        return decode(_decoder, data)
    except PeerFault:
        raise unreadable from None
