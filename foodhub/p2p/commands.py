"""What a session wants done: it does no I/O itself, and is told afterwards what came of it.

Commands of one kind are answered in the order in which they came; forks are taken before runs that came after them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from foodhub.log.encoding import encode
from foodhub.log.forks import ForkProof
from foodhub.log.run import CheckedRun, Run
from foodhub.p2p.messages import Message

Standing = Literal["member", "joiner", "stranger"]
"""Who the peer is: a member is served all logs, a joiner (who proved the key of an invite) logs 0 alone.

A stranger is somebody we dialed and do not know (yet): we take logs 0, which prove themselves, and serve nothing.
"""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this frame."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class CheckStanding:
    """Find out who the proven devices and the proven invite key (b"" for none) are, then call `stand`.

    Of a stranger it is asked again, once its logs 0 have been taken.
    """

    devices: tuple[bytes, ...]
    invite: bytes
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadFrontier:
    """Read the frontier, logs in the order in which they were taken, then call `frontier`."""


@dataclass(frozen=True, slots=True)
class LoadRun:
    """Read the run of this log that begins behind `after`, then call `loaded`."""

    author: bytes
    log: int
    after: int


@dataclass(frozen=True, slots=True)
class LoadIds:
    """Read the ids at these places of a log, b"" where none is held or none counts, then call `ids`."""

    author: bytes
    log: int
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LoadBranch:
    """Read the headers of this log behind `after` up to their next signature, then call `branch`."""

    author: bytes
    log: int
    after: int


@dataclass(frozen=True, slots=True)
class LoadForks:
    """Read the fork proofs that are held for these logs (author, log), then call `forks`."""

    logs: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True)
class LoadWanted:
    """Read which payloads are wanted, at most `most` bytes of them by their headers, then call `wanted`."""

    most: int


@dataclass(frozen=True, slots=True)
class LoadPayloads:
    """Read those payloads that are held of (author, log, seqs), at most `most` bytes, then call `payloads`."""

    places: tuple[tuple[bytes, int, list[int]], ...]
    most: int


@dataclass(frozen=True, slots=True)
class Look:
    """Find out whether this log goes as far as `seq` here; if it does not, call `sync`."""

    author: bytes
    log: int
    seq: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Take this run, then call `committed`. `size` is what it cost of the credit, 0 for an announcement."""

    run: CheckedRun
    payloads: list[bytes | None]
    size: int


@dataclass(frozen=True, slots=True)
class TakeBranch:
    """Make and keep the fork proof that this run (unchecked) and our own branch make, then call `branch_taken`."""

    run: Run


@dataclass(frozen=True, slots=True)
class TakeForks:
    """Take these fork proofs (unchecked), then call `forks_taken`."""

    proofs: list[ForkProof]


@dataclass(frozen=True, slots=True)
class TakePayloads:
    """Take these payloads (author, log, seq, payload; unchecked), then call `payloads_taken`."""

    payloads: list[tuple[bytes, int, int, bytes]]


@dataclass(frozen=True, slots=True)
class Held:
    """The peer has committed these logs up to these seqs: (author, log, seq)."""

    logs: tuple[tuple[bytes, int, int], ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """So many entries of so many have come."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A round is over."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """The peer broke a rule after its proof; what a commit refused is not told of here, whoever refused it knows."""

    code: str


@dataclass(frozen=True, slots=True)
class End:
    """Close the stream: refused by the peer (`theirs`) or by us."""

    code: str
    theirs: bool = False


Load = LoadFrontier | LoadRun | LoadIds | LoadBranch | LoadForks | LoadWanted | LoadPayloads | Look
"""What is read, each answered in its turn."""
Take = Commit | TakeBranch | TakeForks | TakePayloads
"""What is written, each answered in its turn."""
Command = Send | CheckStanding | Load | Take | Held | Progress | Settled | Faulty | End


class Outbox:
    """The commands gathered while one input is dealt with."""

    def __init__(self) -> None:
        self._commands: list[Command] = []

    def add(self, command: Command) -> None:
        """Add a command."""
        self._commands.append(command)

    def extend(self, commands: Iterable[Command]) -> None:
        """Add commands, in order."""
        self._commands.extend(commands)

    def send(self, message: Message) -> None:
        """Add a message to be sent."""
        self._commands.append(Send(encode(message)))

    def flush(self) -> list[Command]:
        """Return what was gathered, and begin anew."""
        commands, self._commands = self._commands, []
        return commands
