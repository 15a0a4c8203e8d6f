"""What devices say in log 0: who is in the circuit, with which keys, let in by whom. No personal data stands here.

A member (an "enterprise" in the protocol) is an id and roles; its id is the hash of its inception.
"""

from typing import Literal

import msgspec

from foodhub.log.encoding import Count, Key, LocalId, Moment, Seq, Signature, encode
from foodhub.log.keys import digest

FORMAT = 1
MAX_CHARTER = 48 * 1024
"""The longest charter, in bytes of UTF-8: it travels in one payload."""

Role = Literal["steward", "producer", "group", "household", "hub"]
ROLES: tuple[Role, ...] = ("producer", "group", "household", "hub")
"""The roles that an invite can carry; `steward` comes by a grant alone."""

Right = Literal["stock", "desk"]
RIGHTS: tuple[Right, ...] = ("stock", "desk")
"""What one device of a member alone may do: set stock aside and count it; open cycles and answer their orders."""


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


class Revoke(msgspec.Struct, frozen=True, array_like=True, tag="revoke"):
    """Take a role from a member that ranks below."""

    member: Key
    role: Role


class Cut(msgspec.Struct, frozen=True, array_like=True):
    """The last entry of a log that still counts; `seq` is 0 and `id` is `NO_ID` where nothing of it does.

    It never reaches the first entry of a log 0, which stays on record to say whose device it is.
    """

    device: Key
    log: Count
    seq: Count
    id: Key


class Remove(msgspec.Struct, frozen=True, array_like=True, tag="remove"):
    """Remove a member that ranks below, with a cut for each of its logs; of a log that is not named nothing counts."""

    member: Key
    cuts: list[Cut]


class Ticket(msgspec.Struct, frozen=True, array_like=True, tag="ticket"):
    """The public half of a code with which a further device of the same member enrols; `expires` as with an invite."""

    public: Key
    expires: Moment


class Enrol(msgspec.Struct, frozen=True, array_like=True, tag="enrol"):
    """The first statement of a further device; `proof` is the ticket key's signature over `proof_of_enrolment`."""

    member: Key
    device: Device
    ticket: Key
    proof: Signature


def proof_of_enrolment(circuit: bytes, member: bytes, device: Device) -> bytes:
    """Return what the ticket key signs for a further device (use `enrol`)."""
    return encode((circuit, member, device))


class Certify(msgspec.Struct, frozen=True, array_like=True, tag="certify"):
    """Take the device that enrolled on a ticket of the writing device into the member; from then on its logs count."""

    device: Key


class Share(msgspec.Struct, frozen=True, array_like=True, tag="share"):
    """The secrets of box keys for a device of the same member: (number of the epoch, secret sealed to its box key)."""

    device: Key
    sealed: list[tuple[Count, bytes]]


class Retire(msgspec.Struct, frozen=True, array_like=True, tag="retire"):
    """Retire a device of the same member that ranks below the writing one, or that one itself.

    The cuts are for its logs (log 0 of a device that retires itself ends with the retiring entry); `heir` takes over
    what it kept.
    """

    device: Key
    cuts: list[Cut]
    heir: Key


class Recover(msgspec.Struct, frozen=True, array_like=True, tag="recover"):
    """The first statement of a device made with the recovery words; it retires all others of the member.

    `number` is 1 + the highest that its writer knew; `proof` is the recovery key's signature over `proof_of_recovery`.
    """

    member: Key
    number: Seq
    device: Device
    cuts: list[Cut]
    proof: Signature


def proof_of_recovery(circuit: bytes, member: bytes, number: int, device: Device, cuts: list[Cut]) -> bytes:
    """Return what the recovery key signs (use `recover`)."""
    return encode((circuit, member, number, device, cuts))


class Keeper(msgspec.Struct, frozen=True, array_like=True, tag="keeper"):
    """Hand a right over to another device of the same member; it counts when written by who holds the turn before.

    `heads` are the last entries (log, seq) of its logs 1 and 2 that the writer had signed by then: whoever spends a
    right of the member holds these first.
    """

    right: Right
    turn: Seq
    device: Key
    heads: list[tuple[Count, Seq]]


class Erase(msgspec.Struct, frozen=True, array_like=True, tag="erase"):
    """Erase the payloads of erasable entries of the same member: (device, log, first seq, last seq)."""

    spans: list[tuple[Key, Count, Seq, Seq]]


CircuitStatement = (
    Found
    | Join
    | Epoch
    | Invite
    | Uninvite
    | Admit
    | Grant
    | Revoke
    | Remove
    | Ticket
    | Enrol
    | Certify
    | Share
    | Retire
    | Recover
    | Keeper
    | Erase
)
