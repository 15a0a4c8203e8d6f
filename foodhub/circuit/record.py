"""What the membership pass reads and what it finds: values only, and what a value says to people.

Nothing here decides who counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from foodhub.circuit.statements import CircuitStatement, Device, Epoch, Inception, Right, Role, Share
from foodhub.log.encoding import NO_ID

LOGS = (0, 1, 2)
"""The logs of a device; a cut that names another one says nothing."""

Span = tuple[bytes, int, int, int]
"""(device, log, first seq, last seq)"""


@dataclass(frozen=True, slots=True)
class Act:
    """One statement of a log 0: the entry it stands in, its place in that entry, and what it says."""

    seq: int
    entry: bytes
    timestamp: int
    statement: CircuitStatement
    position: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """The last entry of a log that counts: its seq and its id; 0 and `NO_ID` where nothing of the log does."""

    seq: int
    id: bytes


NOTHING = Limit(0, NO_ID)


Vouched = Callable[[bytes, Limit | None], int]
"""Up to where somebody vouches for the log 0 of a device, below a cut or without one: the last entry that is signed, or
that the cut names.
"""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device of a member as the pass found it.

    `position` is its rank among the member's devices, 0 the highest. `heir` takes over what it kept (b"" for none);
    `certified_by` is the device that took it in (b"" for a root: the device of the inception or of a recovery).
    """

    device: Device
    position: int
    retired: bool
    heir: bytes
    certified_by: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the pass found it; `invited_by` is empty for the founder.

    Devices stand in the order of their ranks. `keepers` says which device holds which right, `recoveries` is the
    highest number of a recovery that counts (0 for none), `shares` are what its devices said to each other. Of a
    member that was removed all stays on record but the role `steward`.
    """

    id: bytes
    roles: frozenset[Role]
    inception: Inception
    devices: tuple[DeviceState, ...]
    epochs: tuple[Epoch, ...]
    invited_by: bytes
    joined_at: int
    admitted: bool
    removed: bool
    keepers: dict[Right, bytes]
    recoveries: int
    shares: tuple[Share, ...]
    spares: tuple[Epoch, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenInvite:
    """An invite as the pass found it; `used_by` is the member that came in on it."""

    public: bytes
    issuer: bytes
    roles: tuple[Role, ...]
    expires: int
    revoked: bool = False
    used_by: bytes = b""


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """A ticket as the pass found it: whose it is, which device gave it, and which one was certified on it (or b"")."""

    public: bytes
    member: bytes
    device: bytes
    expires: int
    used_by: bytes = b""


@dataclass(slots=True)
class Membership:
    """The result: members by id, invites by public key, tickets by (public key, member), limits by (device, log).

    `cuts` has all three logs of every device that was retired and of every device of a member that was removed.
    """

    members: dict[bytes, Member] = field(default_factory=dict)
    invites: dict[bytes, OpenInvite] = field(default_factory=dict)
    tickets: dict[tuple[bytes, bytes], OpenTicket] = field(default_factory=dict)
    cuts: dict[tuple[bytes, int], Limit] = field(default_factory=dict)
    erased: list[Span] = field(default_factory=list)
