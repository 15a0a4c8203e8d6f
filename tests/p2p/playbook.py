"""Two sessions in one thread: no socket, no clock. A test reads as a conversation; a seed repeats every accident.

What a session asks for (a look-up, a read, a commit) waits here as a pending act, just as it does in a link. Acts of
one kind keep their order; between kinds, a seeded `chance` chooses who is next, so that every interleaving can come.
"""

import random
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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
from foodhub.log.faults import PeerFault
from foodhub.log.frontier import Item
from foodhub.log.header import RANDOM_BYTES, VERSION, Kind
from foodhub.log.keys import BoxKey, SigningKey, seal_to
from foodhub.log.run import MAX_ENTRIES, MAX_RUN_BYTES, CheckedRun, Line, Run, check_payloads, check_run, write_run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import (
    CheckStanding,
    Command,
    Commit,
    End,
    Faulty,
    Held,
    LoadFrontier,
    LoadRun,
    Look,
    Progress,
    Send,
    Settled,
    Standing,
)
from foodhub.p2p.proof import Party
from foodhub.p2p.session import Session, State
from foodhub.store.entries import take_run
from foodhub.store.fold import Fold
from foodhub.store.keyring import Keyring
from foodhub.store.outgoing import frontier, read_run
from foodhub.store.schema import TRUTH, VIEWS

CIRCUIT = b"circuit".ljust(32, b".")
SPRING = 1_900_000_000_000
Place = tuple[bytes, int]
"""(author, log)"""
C = TypeVar("C")


class Shelf(Protocol):
    """What a session needs of a store."""

    circuit: bytes

    def frontier(self) -> list[Item]: ...

    def read_run(self, author: bytes, log: int, after: int) -> tuple[Run, list[bytes]] | None: ...

    def take(self, run: CheckedRun, payloads: Sequence[bytes | None]) -> str | None:
        """Take a run; return the code of why not, or None."""
        ...


@dataclass(slots=True)
class Kept:
    """One entry of a log in memory."""

    kind: int
    timestamp: int
    size: int
    hash: bytes
    payload: bytes | None
    id: bytes
    signature: bytes | None = None


@dataclass
class MemoryShelf:
    """A store in memory that takes the logs of anybody (or of `known` authors), for circuits of thousands of logs."""

    circuit: bytes = CIRCUIT
    known: set[bytes] | None = None
    logs: dict[Place, list[Kept]] = field(default_factory=dict)
    order: list[Place] = field(default_factory=list)
    """One item for each run taken: which log it was of."""

    def frontier(self) -> list[Item]:
        return [Item(*place, len(log), log[-1].id) for place, log in self.logs.items()]

    def read_run(
        self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES
    ) -> tuple[Run, list[bytes]] | None:
        kept = self.logs.get((author, log), [])
        rows = kept[after : after + MAX_ENTRIES]
        end = size = 0
        for index, row in enumerate(rows, 1):
            size += row.size
            if size <= most and row.signature is not None:
                end = index
        if not end:
            return None
        lines: list[Line] = []
        before = 0
        for row in rows[:end]:
            lines.append((row.kind, row.timestamp - before, row.size, row.hash))
            before = row.timestamp
        backlink = kept[after - 1].id if after else b""
        run = Run(VERSION, author, log, after + 1, backlink, lines, rows[end - 1].signature or b"")
        return run, [row.payload or b"" for row in rows[:end]]

    def take(self, run: CheckedRun, payloads: Sequence[bytes | None]) -> str | None:
        place = (run.author, run.log)
        kept = self.logs.get(place, [])
        if self.known is not None and run.author not in self.known:
            return "unknown_author"
        if run.first > len(kept) + 1:
            return "gap"
        skip = len(kept) + 1 - run.first
        if any(kept[run.first - 1 + n].id != run.ids[n] for n in range(min(skip, len(run.ids)))):
            return "forked"
        if skip >= len(run.ids):
            return None
        if run.first == len(kept) + 1 and run.backlink != (kept[-1].id if kept else b""):
            return "forked"
        try:
            check_payloads(run, payloads)
        except PeerFault as fault:
            return fault.code
        rows = zip(run.kinds, run.timestamps, run.sizes, run.hashes, payloads, run.ids, strict=True)
        new = [Kept(*row) for row in rows][skip:]
        new[-1].signature = run.signature
        self.logs.setdefault(place, []).extend(new)
        self.order.append(place)
        return None

    def size(self) -> int:
        """How many entries lie here."""
        return sum(map(len, self.logs.values()))

    def copy(self) -> "MemoryShelf":
        return MemoryShelf(self.circuit, self.known, {place: [*log] for place, log in self.logs.items()})


class StoreShelf:
    """The real store's tables and rules, in memory and without a home around them."""

    def __init__(self, circuit: bytes) -> None:
        self.circuit = circuit
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript(TRUTH + VIEWS)
        self._keyring = Keyring(())
        self._arrival = 0

    def frontier(self) -> list[Item]:
        return frontier(self.db)

    def read_run(self, author: bytes, log: int, after: int) -> tuple[Run, list[bytes]] | None:
        return read_run(self.db, author, log, after)

    def take(self, run: CheckedRun, payloads: Sequence[bytes | None]) -> str | None:
        self._arrival += 1
        self.db.execute("BEGIN")
        fold = Fold(self.db, self._keyring, self.circuit, self._arrival)
        try:
            take_run(fold, run, payloads, frozenset())
            fold.flush()
        except PeerFault as fault:
            return fault.code
        finally:
            self.db.execute("COMMIT")
        return None

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

    def write(self, shelf: Shelf, log: int, bodies: Iterable[bytes]) -> CheckedRun:
        """Append one entry for each body, under one signature."""
        place = (self.key.public, log)
        head = next(((item.seq, item.id) for item in shelf.frontier() if (item.author, item.log) == place), (0, b""))
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
        self.wire: Wire = straight
        self.incoming: deque[bytes] = deque()
        self.looks: deque[CheckStanding] = deque()
        self.reads: deque[LoadFrontier | LoadRun | Look] = deque()
        self.commits: deque[Commit] = deque()
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
        session, shelf = side.session, side.shelf
        match act:
            case "frame":
                return session.frame(side.incoming.popleft())
            case "look":
                side.looks.popleft()
                return session.stand(*side.verdict)
            case "commit":
                commit = side.commits.popleft()
                side.waiting_bytes -= sum(commit.run.sizes)
                return session.committed(commit.run, commit.size, shelf.take(commit.run, commit.payloads))
        read = side.reads.popleft()
        if isinstance(read, LoadFrontier):
            return session.frontier(shelf.frontier())
        if isinstance(read, Look):
            heads = {(item.author, item.log): item.seq for item in shelf.frontier()}
            return session.sync() if heads.get((read.author, read.log), 0) < read.seq else []
        found = shelf.read_run(read.author, read.log, read.after)
        return session.loaded(*(found or (None, ())))

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
                case LoadFrontier() | LoadRun() | Look():
                    side.reads.append(command)
                case Commit():
                    side.commits.append(command)
                    side.waiting_bytes += sum(command.run.sizes)
                    side.most_waiting_bytes = max(side.most_waiting_bytes, side.waiting_bytes)
                case Held() | Progress() | Settled() | Faulty() | End():
                    pass

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
