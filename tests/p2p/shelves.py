"""What a side of a session holds: a shelf in memory or a real store, pens that write on it, and a small circuit."""

import random
import sqlite3
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
from foodhub.p2p.lacking import Payload, Wanted
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
from tests.p2p.memory import MemoryShelf, Place

SPRING = 1_900_000_000_000
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


def same(one: Shelf, other: Shelf) -> bool:
    """Say whether both hold the same logs."""
    return sorted(one.frontier()) == sorted(other.frontier())
