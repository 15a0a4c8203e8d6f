"""One write transaction: everything that may change a home goes through here.

An append is: guard, own head, seal, sign, insert, fold. All of it happens in one transaction, so nothing can be sent
that is not on disk, and a kill at any moment leaves either all of it or nothing.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from foodhub.catalog.statements import Part
from foodhub.errors import N_, RefusedError
from foodhub.log.body import ROOM, Unread, bodies
from foodhub.log.encoding import LIMIT, encode, normal
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.header import RANDOM_BYTES, Kind, Log
from foodhub.log.run import MAX_ENTRIES, MAX_RUN_BYTES, CheckedRun, Run, write_run
from foodhub.log.seal import seal
from foodhub.orders.hands import MOST_VERSION, Behalf
from foodhub.store.entries import LogRow, insert, log_row, take_run
from foodhub.store.erasures import fill
from foodhub.store.facts import fault_of
from foodhub.store.fold import READERS, Fold
from foodhub.store.forks import MOST_STRANGERS, record_branch, record_proof, strangers_proved
from foodhub.store.guard import Guard, no_pen
from foodhub.store.keyring import KeyFile, Keyring

_Wanted = tuple[Kind, bytes, Sequence[bytes]]
"""An entry to be written: its kind, its body, and the secrets to which it is sealed in a log 2."""


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
        """Forget the circuit, its entries and where its nodes are; only for a home that has signed nothing in it."""
        for table in ("entry", "log", "fork_proof", "wanted", "address"):
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        self.db.execute("DELETE FROM meta WHERE key = 'circuit'")
        self.fold.rebuild()
        self.circuit = b""

    def may_sign(self, member: bytes) -> bool:
        """Say whether this home may sign for a member now."""
        file = self.keyring.of_member(member)
        return file is not None and self._guards[file.keys.signing.public].reason(self.db) is None

    def append(
        self,
        member: bytes,
        log: Log,
        statements: Iterable[Any],
        readers: Iterable[bytes] = (),
        *,
        lasting: bool = False,
    ) -> list[bytes]:
        """Sign statements in a log of one of our members and fold them; return the ids of the entries written.

        In log 2 they are sealed to `readers` and the member itself. What is `lasting` can never be erased; log 0 always
        is.

        Raises:
            RefusedError: this home may not sign (any more), or has no keys of this member.
            LookupError: this home has no such member, or a reader has no box key yet.
            ValueError: a statement breaks a rule of its own, or is larger than a payload.
        """
        file = self._pen(member)
        kind = Kind.LASTING if lasting or log == Log.CIRCUIT else Kind.ERASABLE
        shared = self.keyring.sealing_secrets(self.db, member, readers) if log == Log.TRADE else []
        return self._append_all(file, log, [(kind, body, shared) for body in _readable(log, statements)])

    def append_to_each(self, member: bytes, said: Mapping[bytes, Iterable[Any]]) -> list[bytes]:
        """Sign statements in a log 2 of one of our members, by reader, each sealed to that one: many for one signature.

        Returns the ids of the entries, and raises what `append` does.
        """
        file = self._pen(member)
        wanted: list[_Wanted] = []
        for reader, statements in said.items():
            shared = self.keyring.sealing_secrets(self.db, member, [reader])
            wanted += [(Kind.ERASABLE, body, shared) for body in _readable(Log.TRADE, statements)]
        return self._append_all(file, Log.TRADE, wanted)

    def append_checkpoint(self, member: bytes, stated: Sequence[tuple[int, Any]]) -> list[bytes]:
        """Restate in a checkpoint of a log 1 what of that log still holds: (when it was first stated in ms, statement).

        Whatever of the log is not restated does not count from then on. Raises the same as `append`.
        """
        file = self._pen(member)
        list(countable(statement for _, statement in stated))
        parts = checkpoint_bodies(stated)
        kinds = [Kind.CHECKPOINT] * (len(parts) - 1) + [Kind.CHECKPOINT_END]
        return self._append_all(file, Log.CATALOG, [(kind, part, []) for kind, part in zip(kinds, parts, strict=True)])

    def _pen(self, member: bytes) -> KeyFile:
        """Return the key file of a member of this home, if it may sign."""
        file = self.keyring.of_member(member)
        if file is None:
            raise no_pen(self.db, member)
        self._guards[file.keys.signing.public].check(self.db)
        return file

    def _append_all(self, file: KeyFile, log: Log, wanted: Sequence[_Wanted]) -> list[bytes]:
        ids: list[bytes] = []
        for chunk in _chunks(wanted):
            ids += self._append_run(file, log, chunk)
        self.fold.flush()
        self.wrote.add(file.keys.signing.public)
        return ids

    def _append_run(self, file: KeyFile, log: Log, chunk: Sequence[_Wanted]) -> list[bytes]:
        device = file.keys.signing.public
        at = log_row(self.db, device, log) or LogRow()
        timestamp = max(self.now, at.timestamp)
        payloads = [
            seal(body, (self.circuit, device, int(log), at.seq + n), shared, secrets.token_bytes)
            if log == Log.TRADE
            else secrets.token_bytes(RANDOM_BYTES) + body
            for n, (_, body, shared) in enumerate(chunk, 1)
        ]
        entries = [(int(kind), timestamp, payload) for (kind, *_), payload in zip(chunk, payloads, strict=True)]
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

    def take_proof(self, proof: ForkProof) -> bool:
        """Keep a fork proof if it is the lowest of its log; return whether it was.

        Raises:
            PeerFault: it does not hold, or is of somebody unknown.
        """
        author, log = proof.one.author, proof.one.log
        held = log_row(self.db, author, log)
        known = self.fold.view.member_of(author) is not None or (held and held.held)
        if not known and (log != Log.CIRCUIT or strangers_proved(self.db) >= MOST_STRANGERS):
            raise PeerFault("unknown_author")
        changed = record_proof(self.db, self.circuit, proof, self.arrival)
        if changed:
            self.fold.limits_touched(log)
        return changed

    def take_branch(self, branch: Run) -> bool:
        """Make a fork proof from headers that differ from what is held; return whether that made a new limit.

        Raises:
            PeerFault: it shows no fork, or is no run of this circuit.
        """
        changed = record_branch(self.db, self.circuit, branch, self.arrival)
        if changed:
            self.fold.limits_touched(branch.log)
        return changed

    def take_payload(self, author: bytes, log: int, seq: int, payload: bytes) -> bool:
        """Take a payload that was wanted; return whether it counts now.

        Raises:
            PeerFault: `bad_payload`.
        """
        self.fold.flush()  # what came before in this transaction may say what counts
        entry = fill(self.db, author, log, seq, payload)
        if entry is not None:
            self.fold.add(author, log, [entry])
        return entry is not None

    def count_refusal(self, code: str, peer: str) -> None:
        """Put on record that a peer's bytes were refused."""
        self.db.execute(
            "INSERT INTO refused VALUES (?, 1, ?, ?) ON CONFLICT DO UPDATE"
            " SET times = times + 1, last = excluded.last, peer = excluded.peer",
            (code, self.now, peer),
        )


def countable(statements: Iterable[Any]) -> Iterator[Any]:
    """Pass our own statements on; one that breaks a rule would be signed for ever and never count.

    Raises:
        RefusedError: `version_range`. ValueError: which other rule one breaks.
    """
    for statement in statements:
        _check_version(statement)
        fault = fault_of(statement) or (None if normal(statement) else "not_canonical")
        if fault:
            raise ValueError(f"{type(statement).__name__} breaks a rule: {fault}")
        yield statement


def _readable(log: Log, statements: Iterable[Any]) -> Iterator[bytes]:
    """Pack our own statements into bodies; what no node could read, such as an id of another length, is never signed.

    Raises:
        RefusedError, ValueError: see `countable`.
    """
    for body in bodies(countable(statements)):
        if any(isinstance(each, Unread) for each in READERS[log].read(body)):
            raise ValueError("a statement that nobody can read")
        yield body


def _check_version(statement: Any) -> None:
    """Make sure that a statement has a version that counts: whoever spoke before may have taken the highest."""
    inner, most = statement, LIMIT
    if isinstance(statement, Behalf):
        inner, most = statement.statement, MOST_VERSION if statement.mandate else LIMIT
    if getattr(inner, "version", 1) >= most:
        raise RefusedError(
            "version_range",
            N_("This was changed too often, or by a faulty program: it can't be changed any more."),
            N_("Make it anew, under another name or number."),
        )


def checkpoint_bodies(stated: Sequence[tuple[int, Any]]) -> list[bytes]:
    """Pack restated statements into the bodies of a checkpoint, in order."""
    parts: list[list[tuple[int, Any]]] = [[]]
    size = 0
    for stamp, statement in stated:
        length = len(encode(statement)) + 9  # its stamp has at most 9 bytes
        if parts[-1] and size + length > ROOM:
            parts.append([])
            size = 0
        parts[-1].append((stamp, statement))
        size += length
    return [
        encode([Part(number, len(parts), [stamp for stamp, _ in part]), *(statement for _, statement in part)])
        for number, part in enumerate(parts, 1)
    ]


def _chunks(wanted: Sequence[_Wanted]) -> Iterable[Sequence[_Wanted]]:
    """Split bodies into runs; a sealed payload is larger than its body by its slots, hence the margin."""
    chunk: list[_Wanted] = []
    size = 0
    for each in wanted:
        length = len(each[1]) + 8192
        if chunk and (len(chunk) == MAX_ENTRIES or size + length > MAX_RUN_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += length
    if chunk:
        yield chunk
