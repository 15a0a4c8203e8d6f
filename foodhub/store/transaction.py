"""One write transaction: everything that may change a home goes through here.

An append is: guard, own head, seal, sign, insert, fold. All of it happens in one transaction, so nothing can be sent
that is not on disk, and a kill at any moment leaves either all of it or nothing.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from foodhub.log.body import bodies
from foodhub.log.encoding import normal
from foodhub.log.faults import PeerFault
from foodhub.log.header import RANDOM_BYTES, Kind, Log
from foodhub.log.run import MAX_ENTRIES, MAX_RUN_BYTES, CheckedRun, write_run
from foodhub.log.seal import seal
from foodhub.store.entries import LogRow, insert, log_row, take_run
from foodhub.store.facts import FACTS
from foodhub.store.fold import Fold
from foodhub.store.guard import Guard
from foodhub.store.keyring import KeyFile, Keyring


class Transaction:
    """What a writing function gets: the database, the time (ms) and the pen."""

    def __init__(
        self, db: sqlite3.Connection, keyring: Keyring, guards: dict[bytes, Guard], circuit: bytes, now: int
    ) -> None:
        self.db = db
        self.keyring = keyring
        self.now = now
        self.circuit = circuit
        self.wrote: set[bytes] = set()
        self._guards = guards
        (self.arrival,) = db.execute(
            "UPDATE meta SET value = value + 1 WHERE key = 'arrival' RETURNING value"
        ).fetchone()
        self.fold = Fold(db, keyring, circuit, self.arrival)

    def enter(self, circuit: bytes) -> None:
        """Bind this home to a circuit; called before its first entry is written or taken."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES ('circuit', ?)", (circuit,))
        self.circuit = circuit
        self.fold = Fold(self.db, self.keyring, circuit, self.arrival)

    def leave(self) -> None:
        """Forget the circuit, all its entries included; only for a home that has signed nothing in it."""
        for table in ("entry", "log", "fork"):
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        self.db.execute("DELETE FROM meta WHERE key = 'circuit'")
        self.fold.rebuild()
        self.circuit = b""

    def append(self, member: bytes, log: Log, statements: Iterable[Any], readers: Iterable[bytes] = ()) -> list[bytes]:
        """Sign statements in a log of one of our members and fold them; return the ids of the entries written.

        In log 2 they are sealed to `readers` and the member itself.

        Raises:
            RefusedError: this home may not sign any more.
            LookupError: this home has no such member, or a reader has no box key yet.
            ValueError: a statement breaks a rule of its own, or is larger than a payload.
        """
        file = self.keyring.of_member(member)
        if file is None:
            raise LookupError("no such member in this home")
        device = file.keys.signing.public
        self._guards[device].check(self.db)
        kind = Kind.LASTING if log == Log.CIRCUIT else Kind.ERASABLE
        wanted = list(bodies(_countable(statements)))
        shared = self.keyring.sealing_secrets(self.db, member, readers) if log == Log.TRADE else []
        ids: list[bytes] = []
        for chunk in _chunks(wanted):
            ids += self._append_run(file, log, kind, chunk, shared)
        self.fold.flush()
        self.wrote.add(device)
        return ids

    def _append_run(
        self, file: KeyFile, log: Log, kind: Kind, chunk: Sequence[bytes], shared: Sequence[bytes]
    ) -> list[bytes]:
        device = file.keys.signing.public
        at = log_row(self.db, device, log) or LogRow(0, 0, b"", 0)
        timestamp = max(self.now, at.timestamp)
        payloads = [
            seal(body, (self.circuit, device, int(log), at.seq + n), shared, secrets.token_bytes)
            if log == Log.TRADE
            else secrets.token_bytes(RANDOM_BYTES) + body
            for n, body in enumerate(chunk, 1)
        ]
        entries = [(int(kind), timestamp, payload) for payload in payloads]
        _, run = write_run(self.circuit, file.keys.signing, int(log), (at.seq, at.id), entries)
        insert(self.fold, run, payloads, at)
        return run.ids

    def take(self, run: CheckedRun, payloads: Sequence[bytes | None]) -> int:
        """Take a checked run from a peer; return how many entries were new.

        Raises:
            PeerFault: why it is refused; nothing was changed then, but for what is on record about the peer.
        """
        try:
            return take_run(self.fold, run, payloads, frozenset(self._guards))
        except PeerFault as fault:
            if fault.code == "own_log":
                self.db.execute("INSERT OR IGNORE INTO meta VALUES ('read_only', 'known_elsewhere')")
            raise

    def count_refusal(self, code: str, peer: str) -> None:
        """Put on record that a peer's bytes were refused."""
        self.db.execute(
            "INSERT INTO refused VALUES (?, 1, ?, ?) ON CONFLICT DO UPDATE"
            " SET times = times + 1, last = excluded.last, peer = excluded.peer",
            (code, self.now, peer),
        )


def _countable(statements: Iterable[Any]) -> Iterator[Any]:
    """Pass our own statements on; one that breaks a rule would be signed for ever and never count.

    Raises:
        ValueError: which rule one breaks.
    """
    for statement in statements:
        fact = FACTS.get(type(statement))
        fault = (fact.rule(statement) if fact else None) or (None if normal(statement) else "not_canonical")
        if fault:
            raise ValueError(f"{type(statement).__name__} breaks a rule: {fault}")
        yield statement


def _chunks(wanted: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    """Split bodies into runs; a sealed payload is a little larger than its body, hence the margin."""
    chunk: list[bytes] = []
    size = 0
    for body in wanted:
        length = len(body) + 8192
        if chunk and (len(chunk) == MAX_ENTRIES or size + length > MAX_RUN_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(body)
        size += length
    if chunk:
        yield chunk
