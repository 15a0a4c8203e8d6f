"""Two sessions in one thread: no socket, no clock. A test reads as a conversation; a seed repeats every accident.

What a session asks for (a look-up, a read, a commit) waits here as a pending act, just as it does in a link. Acts of
one kind keep their order; between kinds, a seeded `chance` chooses who is next, so that every interleaving can come.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from foodhub.log.encoding import encode
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import (
    CheckStanding,
    Command,
    Commit,
    End,
    Faulty,
    Held,
    Load,
    LoadBranch,
    LoadForks,
    LoadFrontier,
    LoadIds,
    LoadPayloads,
    LoadRun,
    LoadWanted,
    Look,
    Progress,
    Send,
    Settled,
    Standing,
    Take,
    TakeBranch,
    TakeForks,
    TakePayloads,
)
from foodhub.p2p.proof import Party
from foodhub.p2p.session import Session, State
from tests.p2p.memory import CIRCUIT, MemoryShelf
from tests.p2p.shelves import Shelf, shelf_of

C = TypeVar("C")
Verdict = tuple[Standing | None, str]
Wire = Callable[[bytes], list[bytes]]


def straight(frame: bytes) -> list[bytes]:
    """The wire that loses nothing."""
    return [frame]


class Side:
    """One of the two: its session, its shelf and what it still has to do."""

    def __init__(self, shelf: Shelf, party: Party, verdict: Verdict = ("member", "")) -> None:
        self.shelf = shelf
        self.session = Session(party)
        self.verdict = verdict
        self.judge: Callable[[], Verdict] = lambda: self.verdict
        self.wire: Wire = straight
        self.incoming: deque[bytes] = deque()
        self.looks: deque[CheckStanding] = deque()
        self.reads: deque[Load] = deque()
        self.commits: deque[Take] = deque()
        self.commands: list[Command] = []
        self.waiting_bytes = 0
        self.most_waiting_bytes = 0

    def did(self, kind: type[C]) -> list[C]:
        """The commands of one kind so far."""
        return [command for command in self.commands if isinstance(command, kind)]

    def said(self) -> list[m.Message]:
        """The messages it has sent so far."""
        return [m.read_message(command.frame) for command in self.did(Send)]

    def spoke(self, kind: type[C]) -> list[C]:
        """The messages of one kind that it has sent so far."""
        return [message for message in self.said() if isinstance(message, kind)]

    def bytes_after_proof(self) -> int:
        """Bytes of all frames behind the proof, with their length prefixes."""
        frames = [command.frame for command in self.did(Send)]
        return sum(len(f) + 4 for f in frames if not isinstance(m.read_message(f), m.Hello | m.Proof))

    @property
    def ended(self) -> bool:
        return self.session.state is State.ENDED

    def acts(self) -> list[str]:
        """What could happen next on this side."""
        pending = {"frame": self.incoming, "look": self.looks, "read": self.reads, "commit": self.commits}
        return [name for name, queue in pending.items() if queue]


class Playbook:
    """A conversation; `settle` lets it go on until nothing is left to do."""

    def __init__(self, one: Side, other: Side, seed: int | None = None) -> None:
        self.one = one
        self.other = other
        self._chance = random.Random(seed) if seed is not None else None
        self.obey(one, one.session.start())
        self.obey(other, other.session.start())

    def settle(self, most: int = 1_000_000) -> "Playbook":
        for _ in range(most):
            if not self.step():
                return self
        raise AssertionError("they never come to an end")

    def step(self) -> bool:
        """Let one thing happen; say whether there was one."""
        acts = [(side, act) for side in (self.one, self.other) for act in side.acts()]
        if not acts:
            return False
        side, act = self._chance.choice(acts) if self._chance else acts[0]
        self.obey(side, self._act(side, act))
        return True

    def _act(self, side: Side, act: str) -> list[Command]:
        session = side.session
        match act:
            case "frame":
                return session.frame(side.incoming.popleft())
            case "look":
                side.looks.popleft()
                return session.stand(*side.judge())
            case "commit":
                return self._take(side, side.commits.popleft())
        return self._read(side, side.reads.popleft())

    def _take(self, side: Side, take: Take) -> list[Command]:
        session, shelf = side.session, side.shelf
        match take:
            case Commit(run, payloads, size):
                side.waiting_bytes -= sum(run.sizes)
                return session.committed(run, size, shelf.take(run, payloads))
            case TakeBranch(branch):
                return session.branch_taken(shelf.take_branch(branch))
            case TakeForks(proofs):
                return session.forks_taken(shelf.take_forks(proofs))
            case TakePayloads(found):
                return session.payloads_taken(shelf.take_payloads(found))

    def _read(self, side: Side, read: Load) -> list[Command]:
        session, shelf = side.session, side.shelf
        match read:
            case LoadFrontier():
                return session.frontier(shelf.frontier())
            case LoadRun(author, log, after):
                return session.loaded(*(shelf.read_run(author, log, after) or (None, ())))
            case LoadIds(author, log, seqs):
                return session.ids(shelf.ids_at(author, log, seqs))
            case LoadBranch(author, log, after):
                return session.branch(shelf.read_branch(author, log, after))
            case LoadForks(logs):
                return session.forks(shelf.fork_proofs(logs))
            case LoadWanted(most):
                return session.wanted(shelf.wanted(most))
            case LoadPayloads(places, most):
                return session.payloads(shelf.payloads_at(places, most))
            case Look(author, log, seq):
                heads = {(item.author, item.log): item.seq for item in shelf.frontier()}
                return session.sync() if heads.get((author, log), 0) < seq else []

    def obey(self, side: Side, commands: list[Command]) -> None:
        """Carry out what a session wants, as a link would."""
        side.commands += commands
        for command in commands:
            match command:
                case Send(frame):
                    to = self.other if side is self.one else self.one
                    to.incoming.extend(side.wire(frame))
                case CheckStanding():
                    side.looks.append(command)
                case Commit():
                    side.commits.append(command)
                    side.waiting_bytes += sum(command.run.sizes)
                    side.most_waiting_bytes = max(side.most_waiting_bytes, side.waiting_bytes)
                case TakeBranch() | TakeForks() | TakePayloads():
                    side.commits.append(command)
                case Held() | Progress() | Settled() | Faulty() | End():
                    pass
                case _:
                    side.reads.append(command)

    def announce(self, side: Side, author: bytes, log: int, after: int, *, payloads: bool = True) -> None:
        """Let a side tell what is behind `after` in a log of its shelf."""
        found = side.shelf.read_run(author, log, after)
        assert found is not None
        self.obey(side, side.session.announce(found[0], found[1] if payloads else []))


def parties(circuit: bytes = CIRCUIT, invite: SigningKey | None = None) -> tuple[Party, Party]:
    """Two parties that fit together; the first dials, and with an invite it is a joiner."""
    dialer = Party(circuit, True, "peer-one", "peer-two", b"1" * 32, (SigningKey(b"d" * 32),), invite)
    answerer = Party(circuit, False, "peer-two", "peer-one", b"2" * 32, (SigningKey(b"a" * 32),))
    return dialer, answerer


def talk(one: Shelf, other: Shelf, seed: int | None = None, verdict: Verdict = ("member", "")) -> Playbook:
    """Two sides that have just opened a stream, `one` being the dialer."""
    invite = SigningKey(b"i" * 32) if verdict[0] == "joiner" else None
    dialer, answerer = parties(one.circuit, invite)
    return Playbook(Side(one, dialer, verdict), Side(other, answerer, verdict), seed)


def ready(one: Shelf, other: Shelf, seed: int | None = None) -> Playbook:
    """Two sides that have settled."""
    return talk(one, other, seed).settle()


def forged(run: Run) -> Run:
    """The same run under a signature that does not fit."""
    return Run(run.version, run.author, run.log, run.first, run.backlink, run.lines, bytes(64))


def kinds(messages: list[m.Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def refusals(side: Side) -> set[str]:
    return {message.code for message in side.spoke(m.Refuse)} | {end.code for end in side.did(End)}


def in_state(state: State, *, dialer: bool) -> tuple[Session, MemoryShelf]:
    """A session that has come to this state."""
    shelf = shelf_of([(1, 0), (2, 1)])
    book = talk(shelf, shelf.copy()) if dialer else talk(shelf.copy(), shelf)
    side = book.one if dialer else book.other
    other = book.other if dialer else book.one
    if state is State.ENDED:
        side.session.frame(b"")
    elif state is State.READY:
        book.settle()
    elif state is not State.HELLO:
        book.obey(other, other.session.frame(other.incoming.popleft()))
        for _ in range(1 if state is State.PROOF else 2):
            book.obey(side, side.session.frame(side.incoming.popleft()))
        if state is State.STRANGER:
            book.obey(side, side.session.stand("stranger"))
    assert side.session.state is state
    return side.session, shelf


def with_runs_changed(book: Playbook, change: Callable[[Run], Run]) -> Playbook:
    """Change the runs that the dialer sends."""

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        return [encode(m.Headers(change(message.run))) if isinstance(message, m.Headers) else frame]

    book.one.wire = wire
    return book


def starving(one: MemoryShelf, other: MemoryShelf) -> Playbook:
    """Let everything happen but commits on the answering side, until nothing else is left."""
    book = talk(one, other)
    while acts := [(side, act) for side in (book.one, book.other) for act in side.acts() if act != "commit"]:
        book.obey(acts[0][0], book._act(*acts[0]))
    return book
