"""What devices say in log 0: who is in the circuit, with which keys, let in by whom. No personal data stands here.

A member (an "enterprise" in the protocol) is an id and roles; its id is the hash of its inception.
"""

from typing import Literal

import msgspec

from foodhub.log.encoding import Count, Key, LocalId, Moment, Signature, encode
from foodhub.log.keys import digest

FORMAT = 1
MAX_CHARTER = 48 * 1024
"""The longest charter, in bytes of UTF-8: it travels in one payload."""

Role = Literal["steward", "producer", "group", "household", "hub"]
ROLES: tuple[Role, ...] = ("producer", "group", "household", "hub")
"""The roles that an invite can carry; `steward` comes by a grant alone."""


class Device(msgspec.Struct, frozen=True, array_like=True):
    """The public keys of one device, and whether it is meant to be always on."""

    signing: Key
    box: Key
    always_on: bool


class Inception(msgspec.Struct, frozen=True, array_like=True):
    """How a member begins: its first device and the public keys of its recovery words."""

    salt: LocalId
    device: Device
    recovery_signing: Key
    recovery_box: Key

    @property
    def id(self) -> bytes:
        """Return the 32-byte id of the member."""
        return digest(encode(self), b"foodhub-member")


class Founding(msgspec.Struct, frozen=True, array_like=True):
    """The founding document; its hash is the circuit's id."""

    salt: LocalId
    charter: str
    inception: Inception
    format: Count

    @property
    def circuit(self) -> bytes:
        """Return the 32-byte id of the circuit."""
        return digest(encode(self), b"foodhub-circuit")


def charter_hash(charter: str) -> bytes:
    """Return the hash that a newcomer signs when it joins."""
    return digest(charter.encode(), b"foodhub-charter")


class Found(msgspec.Struct, frozen=True, array_like=True, tag="found"):
    """The first statement of a circuit, by its founder, who is its first steward."""

    founding: Founding
    name: str
    currency: str
    roles: list[Role]


class Join(msgspec.Struct, frozen=True, array_like=True, tag="join"):
    """The first statement of a newcomer; `proof` is the invite key's signature over `proof_of_join`."""

    inception: Inception
    roles: list[Role]
    charter: Key
    invite: Key
    proof: Signature


def proof_of_join(circuit: bytes, member: bytes, roles: list[Role], charter: bytes) -> bytes:
    """Return what the invite key signs for a newcomer."""
    return encode((circuit, member, roles, charter))


class Epoch(msgspec.Struct, frozen=True, array_like=True, tag="epoch"):
    """A box key of the member: its secret, sealed to each device and to the recovery key."""

    number: Count
    public: Key
    sealed: list[tuple[Key, bytes]]
    recovery: bytes


class Invite(msgspec.Struct, frozen=True, array_like=True, tag="invite"):
    """The public half of a single-use invite; `expires` (ms) is a rule of the door, not of the log."""

    public: Key
    roles: list[Role]
    expires: Moment


class Uninvite(msgspec.Struct, frozen=True, array_like=True, tag="uninvite"):
    """Take back an invite that nobody was admitted on."""

    public: Key


class Admit(msgspec.Struct, frozen=True, array_like=True, tag="admit"):
    """Name the join that counts on an invite: the entry `join` of the member `member`."""

    member: Key
    join: Key


class Grant(msgspec.Struct, frozen=True, array_like=True, tag="grant"):
    """Give a member a role; `steward` makes it one who may invite, admit and grant."""

    member: Key
    role: Role


CircuitStatement = Found | Join | Epoch | Invite | Uninvite | Admit | Grant
