"""What a session wants done: it does no I/O itself, and is told afterwards what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from foodhub.log.encoding import encode
from foodhub.log.run import CheckedRun
from foodhub.p2p.messages import Message

Standing = Literal["member", "joiner"]
"""Who the peer is: a member is served all logs, a joiner (who proved the key of an invite) logs 0 alone."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this frame."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class CheckStanding:
    """Find out who the proven devices and the proven invite key (b"" for none) are, then call `stand`."""

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


Command = Send | CheckStanding | LoadFrontier | LoadRun | Look | Commit | Held | Progress | Settled | Faulty | End


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
