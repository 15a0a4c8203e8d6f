"""What a simulated node has on disk: the real store in memory, read and written as the network process does it.

A restart loses nothing of it. Bad members overwrite how it is read, never how it is kept.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from foodhub.log.encoding import encode
from foodhub.log.forks import ForkProof
from foodhub.log.frontier import Item
from foodhub.log.run import MAX_RUN_BYTES, Run
from foodhub.log.run import read_run as read_checked
from foodhub.node.exchange import (
    Arrival,
    Visitor,
    changed_logs,
    head,
    held_already,
    take_branch,
    take_forks,
    take_payloads,
    take_runs,
    visitor,
)
from foodhub.p2p.lacking import Payload, Wanted
from foodhub.store.entries import log_row
from foodhub.store.guard import Guard
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
from foodhub.store.pruning import prune
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction
from tests.pens import MORNING, Paper
from tests.shelf import Shelf


class Disk:
    """The store of one node."""

    def __init__(self, circuit: bytes) -> None:
        self.circuit = circuit
        self.shelf = Shelf(circuit)
        self.db = self.shelf.db
        self.guards: dict[bytes, Guard] = {}
        """Of the devices whose home this is: what others bring of their logs is not taken."""

    def copy(self) -> "Disk":
        """Return a disk with the same on it, of the same kind, that nobody guards."""
        other = type(self)(self.circuit)
        self.db.backup(other.db)
        return other

    @contextmanager
    def writing(self, *, own: bool = False) -> Iterator[Transaction]:
        """One write transaction, as the store makes it; in an `own` one our logs may grow."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            guards = {} if own else self.guards
            tx = Transaction(self.db, self.shelf.keyring, guards, self.circuit, MORNING)
            yield tx
            tx.fold.flush()
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def append(self, paper: Paper) -> str | None:
        """Take a paper of our own; return why it can't be, or None."""
        run, payloads = paper
        result = self.take([Arrival(read_checked(self.circuit, encode(run)), list(payloads), "we")], own=True)[0]
        if run.author in self.guards:
            self.guards[run.author].remember(self.db)
        return result

    def take(self, arrivals: Sequence[Arrival], *, own: bool = False) -> list[str | None]:
        """Take runs together, leaving out those that are held; return for each None, or why it was refused."""
        known = held_already(self.db, [arrival.run for arrival in arrivals])
        fresh = [arrival for arrival, held in zip(arrivals, known, strict=True) if not held]
        results: Iterator[str | None] = iter(())
        if fresh:
            with self.writing(own=own) as tx:
                results = iter(take_runs(tx, fresh))
        return [None if held else next(results) for held in known]

    def take_branch(self, branch: Run, peer: str) -> str | None:
        """Make a fork proof of a branch; return why it makes none, or None."""
        with self.writing() as tx:
            return take_branch(tx, branch, peer)

    def take_forks(self, proofs: Sequence[ForkProof], peer: str) -> list[str | None]:
        """Take fork proofs; say of each what came of it."""
        with self.writing() as tx:
            return take_forks(tx, proofs, peer)

    def take_payloads(self, payloads: Sequence[Payload], peer: str) -> int:
        """Take payloads that were wanted; return how many were."""
        with self.writing() as tx:
            return take_payloads(tx, payloads, peer)

    def entries(self, author: bytes, log: int, last: int) -> list[tuple[int, int, bytes]]:
        """Return the first entries of a log: kind, timestamp, payload."""
        query = (
            "SELECT e.kind, e.timestamp, e.payload FROM entry e JOIN log l ON l.ref = e.place >> ?"
            " WHERE l.author = ? AND l.log = ? ORDER BY e.place LIMIT ?"
        )
        return self.db.execute(query, (SEQ_BITS, author, log, last)).fetchall()

    def limited(self, author: bytes, log: int) -> bool:
        """Say whether somebody set a limit to a log."""
        row = log_row(self.db, author, log)
        cut = self.db.execute("SELECT 1 FROM cut WHERE author = ? AND log = ?", (author, log)).fetchone()
        return bool(cut or (row and row.limit))

    def standing(self, device: bytes) -> bool:
        """Say whether a device is one of a member, and neither is it retired nor the member removed."""
        query = "SELECT 1 FROM device d JOIN member m ON m.id = d.member WHERE key = ? AND NOT retired AND NOT removed"
        return self.db.execute(query, (device,)).fetchone() is not None

    def prune(self) -> int:
        """Let go of what lies before the last two checkpoints."""
        with self.writing() as tx:
            return prune(tx)

    def head(self, author: bytes, log: int) -> tuple[int, bytes, int]:
        """Return seq, id and timestamp of the last entry of a log; (0, b"", 0) when nothing of it is held."""
        row = log_row(self.db, author, log)
        return (row.seq, row.id, row.timestamp) if row else (0, b"", 0)

    def held(self, author: bytes, log: int) -> int:
        """Return the seq of the last entry of a log that is here, whether it counts or not."""
        row = log_row(self.db, author, log)
        return row.held if row else 0

    # What peers ask for: bad members answer in other ways

    def frontier(self) -> list[Item]:
        """Return how far each log goes."""
        return frontier(self.db)

    def run(self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES) -> Paper | None:
        """Return the run behind a place."""
        return read_run(self.db, author, log, after, most)

    def ids(self, author: bytes, log: int, seqs: Sequence[int]) -> list[bytes]:
        """Return the ids at places of a log."""
        return ids_at(self.db, author, log, seqs)

    def branch(self, author: bytes, log: int, after: int) -> Run | None:
        """Return the headers behind a place."""
        return read_branch(self.db, author, log, after)

    def forks(self, logs: Sequence[tuple[bytes, int]]) -> list[ForkProof]:
        """Return the fork proofs of these logs."""
        return fork_proofs(self.db, logs)

    def new_forks(self, since: int) -> list[ForkProof]:
        """Return the fork proofs that came after an arrival number."""
        return new_proofs(self.db, since)

    def wanted(self, most: int) -> list[Wanted]:
        """Return which payloads are wanted."""
        return wanted(self.db, most)

    def payloads(self, places: Sequence[Wanted], most: int) -> list[Payload]:
        """Return payloads that somebody wants."""
        return payloads_at(self.db, places, most)

    def goes_to(self, author: bytes, log: int, seq: int) -> bool:
        """Say whether a log goes as far as this."""
        return head(self.db, author, log) >= seq

    def visitor(self, devices: Sequence[bytes], invite: bytes) -> Visitor:
        """Say who proved these devices."""
        return visitor(self.db, devices, invite, MORNING)

    def news(self, since: int) -> tuple[int, list[tuple[bytes, int, int]]]:
        """Return the newest arrival number, and which logs grew after `since`."""
        return changed_logs(self.db, since)
