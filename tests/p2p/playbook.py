"""Two sessions in one thread: no socket, no clock. A test reads as a conversation; a seed repeats every accident.

What a session asks for (a look-up, a read, a commit) waits here as a pending act, just as it does in a link. Acts of
one kind keep their order; between kinds, a seeded `chance` chooses who is next, so that every interleaving can come.
"""

import random
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from foodhub.circuit.statements import (
    Device,
    Epoch,
    Found,
    Founding,
    Inception,
    Invite,
    Join,
    charter_hash,
    proof_of_join,
)
from foodhub.log.encoding import encode
from foodhub.log.forks import ForkProof
from foodhub.log.frontier import Item
from foodhub.log.header import RANDOM_BYTES, Kind
from foodhub.log.keys import BoxKey, SigningKey, seal_to
from foodhub.log.run import CheckedRun, Run, check_run, write_run
from foodhub.node.exchange import Arrival, take_branch, take_forks, take_payloads, take_runs
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
from foodhub.p2p.lacking import Payload, Wanted
from foodhub.p2p.proof import Party
from foodhub.p2p.session import Session, State
from foodhub.store.database import _bring_here
from foodhub.store.keyring import Keyring
from foodhub.store.outgoing import (
    fork_proofs,
    frontier,
    ids_at,
    new_proofs,
    payloads_at,
    read_branch,
    read_run,
    wanted,
)
from foodhub.store.transaction import Transaction
from tests.p2p.memory import CIRCUIT, MemoryShelf, Place

SPRING = 1_900_000_000_000
C = TypeVar("C")
T = TypeVar("T")


class Shelf(Protocol):
    """What a session needs of a store."""

    circuit: bytes

    def frontier(self) -> list[Item]: ...

    def read_run(self, author: bytes, log: int, after: int) -> tuple[Run, list[bytes]] | None: ...

    def ids_at(self, author: bytes, log: int, seqs: Sequence[int]) -> list[bytes]: ...

    def read_branch(self, author: bytes, log: int, after: int) -> Run | None: ...

    def fork_proofs(self, logs: Sequence[Place]) -> list[ForkProof]: ...

    def wanted(self, most: int) -> list[Wanted]: ...

    def payloads_at(self, places: Sequence[Wanted], most: int) -> list[Payload]: ...

    def take(self, run: CheckedRun, payloads: Sequence[bytes | None]) -> str | None:
        """Take a run; return the code of why not, or None."""
        ...

    def take_branch(self, run: Run) -> str | None: ...

    def take_forks(self, proofs: Sequence[ForkProof]) -> list[str | None]: ...

    def take_payloads(self, payloads: Sequence[Payload]) -> int: ...


class StoreShelf:
    """The real store's tables and rules, in memory and without a home around them."""

    def __init__(self, circuit: bytes) -> None:
        self.circuit = circuit
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        _bring_here(self.db)
        self._keyring = Keyring(())

    def frontier(self) -> list[Item]:
        return frontier(self.db)

    def read_run(self, author: bytes, log: int, after: int) -> tuple[Run, list[bytes]] | None:
        return read_run(self.db, author, log, after)

    def ids_at(self, author: bytes, log: int, seqs: Sequence[int]) -> list[bytes]:
        return ids_at(self.db, author, log, seqs)

    def read_branch(self, author: bytes, log: int, after: int) -> Run | None:
        return read_branch(self.db, author, log, after)

    def fork_proofs(self, logs: Sequence[Place]) -> list[ForkProof]:
        return fork_proofs(self.db, logs)

    def proofs(self) -> list[ForkProof]:
        """All proofs held."""
        return new_proofs(self.db, 0)

    def wanted(self, most: int) -> list[Wanted]:
        return wanted(self.db, most)

    def payloads_at(self, places: Sequence[Wanted], most: int) -> list[Payload]:
        return payloads_at(self.db, places, most)

    def take(self, run: CheckedRun, payloads: Sequence[bytes | None]) -> str | None:
        return self._write(lambda tx: take_runs(tx, [Arrival(run, payloads, "a peer")]))[0]

    def take_branch(self, run: Run) -> str | None:
        return self._write(lambda tx: take_branch(tx, run, "a peer"))

    def take_forks(self, proofs: Sequence[ForkProof]) -> list[str | None]:
        return self._write(lambda tx: take_forks(tx, proofs, "a peer"))

    def take_payloads(self, payloads: Sequence[Payload]) -> int:
        return self._write(lambda tx: take_payloads(tx, payloads, "a peer"))

    def _write(self, work: Callable[[Transaction], T]) -> T:
        self.db.execute("BEGIN")
        tx = Transaction(self.db, self._keyring, {}, self.circuit, SPRING)
        try:
            result = work(tx)
            tx.fold.flush()
        finally:
            self.db.execute("COMMIT")
        return result

    def entries(self) -> list[tuple[bytes, int, int, bytes, bytes | None]]:
        """Everything held: author, log, seq, id, payload."""
        everything = (
            "SELECT author, log, place & 0xFFFFFFFF, entry.id, payload FROM log JOIN entry ON place >> 32 = ref"
            " ORDER BY 1, 2, 3"
        )
        return self.db.execute(everything).fetchall()

    def members(self) -> int:
        (count,) = self.db.execute("SELECT count(*) FROM member").fetchone()
        return int(count)


@dataclass
class Pen:
    """Writes a device's logs onto a shelf."""

    key: SigningKey
    chance: random.Random

    def write(self, shelf: Shelf, log: int, bodies: Iterable[bytes], kind: Kind | None = None) -> CheckedRun:
        """Append one entry for each body, under one signature."""
        place = (self.key.public, log)
        head = next(((item.seq, item.id) for item in shelf.frontier() if (item.author, item.log) == place), (0, b""))
        if kind is None:
            kind = Kind.LASTING if log == 0 else Kind.ERASABLE
        payloads = [self.chance.randbytes(RANDOM_BYTES) + body for body in bodies]
        entries = [(int(kind), SPRING + head[0] + n, payload) for n, payload in enumerate(payloads)]
        _, run = write_run(shelf.circuit, self.key, log, head, entries)
        assert shelf.take(run, payloads) is None
        return run


def pen(number: int) -> Pen:
    return Pen(SigningKey(number.to_bytes(32, "big")), random.Random(number))


def shelf_of(logs: Iterable[tuple[int, int]], entries: int = 1) -> MemoryShelf:
    """A shelf with these logs: (number of the author, log)."""
    shelf = MemoryShelf()
    for number, log in logs:
        pen(number).write(shelf, log, [b"body %d" % n for n in range(entries)])
    return shelf


def branches(common: int, ours: int, theirs: int, log: int = 1, number: int = 1) -> tuple[MemoryShelf, MemoryShelf]:
    """Two shelves that agree on so many entries of a log, behind which each has so many of its own."""
    one = MemoryShelf()
    grow(one, pen(number), log, common)
    other = one.copy()
    grow(one, Pen(pen(number).key, random.Random("ours")), log, ours)
    grow(other, Pen(pen(number).key, random.Random("theirs")), log, theirs)
    return one, other


def grow(shelf: Shelf, by: Pen, log: int, entries: int) -> None:
    """Append so many entries, at most 100 to a signature."""
    for start in range(0, entries, 100):
        by.write(shelf, log, [encode([])] * min(100, entries - start))


@dataclass
class Village:
    """A founder and invited members, as real statements, each with a pen and a shelf of its own."""

    circuit: bytes
    pens: list[Pen]
    shelves: list[StoreShelf]


def village(size: int) -> Village:
    """Found a circuit of `size` members; each shelf holds the founding, all invites and its own member's joining."""
    pens = [pen(1000 + number) for number in range(size)]
    inceptions = [_inception(each) for each in pens]
    founding = Founding(bytes(16), "Our charter", inceptions[0], 1)
    shelves = [StoreShelf(founding.circuit) for _ in pens]
    invites = [SigningKey(bytes([9, number]) * 16) for number in range(size)]
    first = encode([Found(founding, "Village", "EUR", ["hub"]), _epoch(pens[0])])
    opened = encode([Invite(key.public, ["producer"], SPRING * 2) for key in invites[1:]])
    pens[0].write(shelves[0], 0, [first, opened])
    for number in range(1, size):
        copy_log(shelves[0], shelves[number], pens[0].key.public, 0)
        accepted = charter_hash(founding.charter)
        signed = proof_of_join(founding.circuit, inceptions[number].id, ["producer"], accepted)
        proof = invites[number].sign("invite", signed)
        join = Join(inceptions[number], ["producer"], accepted, invites[number].public, proof)
        pens[number].write(shelves[number], 0, [encode([join, _epoch(pens[number])])])
    return Village(founding.circuit, pens, shelves)


def copy_log(one: Shelf, other: Shelf, author: bytes, log: int, after: int = 0) -> None:
    """Copy a run from one shelf to the other, as a sync would."""
    found = one.read_run(author, log, after)
    assert found is not None
    run, payloads = found
    assert other.take(check_run(one.circuit, run), [payload or None for payload in payloads]) is None


def _inception(each: Pen) -> Inception:
    device = Device(each.key.public, _box(each).public, always_on=False)
    return Inception(each.key.public[:16], device, each.key.public, _box(each).public)


def _box(each: Pen) -> BoxKey:
    return BoxKey(each.key.seed)


def _epoch(each: Pen) -> Epoch:
    box = _box(each)
    return Epoch(1, box.public, [(each.key.public, seal_to(box.public, box.secret))], seal_to(box.public, box.secret))


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
