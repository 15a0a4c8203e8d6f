"""Checking the logs of a home again, from their bytes: every id, every link, every signature. Changes nothing.

What counts of a log is checked: from where it was pruned up to its head. What is set aside beyond the head counts for
nothing and need not even hang together, since parts of several branches may lie there.
"""

import sqlite3
from collections.abc import Iterator

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.log.encoding import encode
from foodhub.log.header import VERSION, Kind, entry_id, payload_hash
from foodhub.log.keys import verify
from foodhub.node.hat import circuit_id, shown_name
from foodhub.node.state import LOG_NAMES
from foodhub.store.erasures import Erased
from foodhub.store.limits import named_id
from foodhub.store.schema import SEQ_BITS

_SLICE = 500


class LogFault(msgspec.Struct, frozen=True):
    """The first thing wrong with a log.

    `gap`, `bad_entry`, `bad_signature`, `payload_missing`, `unsigned_head` or `bad_head`.
    """

    author: str
    member: str
    log: str
    seq: int
    code: str


class Verified(msgspec.Struct, frozen=True):
    """What a check of all logs found so far; `aside` entries are held, count for nothing and were not looked at."""

    entries: int
    logs: int
    signatures: int
    faults: list[LogFault]
    aside: int = 0


def to_verify(db: sqlite3.Connection) -> int:
    """Count the entries that `verify_logs` will look at, to show how far it is."""
    return int(db.execute("SELECT coalesce(sum(max(seq - pruned, 0)), 0) FROM log").fetchone()[0])


def verify_logs(db: sqlite3.Connection) -> Iterator[Verified]:
    """Check log after log; yield now and then what was found so far, so that progress can be shown.

    Raises:
        NotSetUpError: the home is in no circuit.
    """
    circuit = circuit_id(db)
    entries, logs, signatures, aside = 0, 0, 0, 0
    faults: list[LogFault] = []
    for _, author, log in db.execute("SELECT ref, author, log FROM log WHERE held > 0 ORDER BY ref").fetchall():
        chain = _Chain(db, circuit, author, log)
        for checked in chain.walk():
            yield Verified(entries + checked, logs, signatures, list(faults), aside)
        if chain.fault:
            row = db.execute("SELECT member FROM device WHERE key = ?", (author,)).fetchone()
            name = shown_name(db, row[0]) if row else ""
            faults.append(LogFault(base32_id(author), name, LOG_NAMES[log], chain.seq, chain.fault))
        entries, logs, signatures = entries + chain.checked, logs + 1, signatures + chain.signatures
        aside += chain.aside
    yield Verified(entries, logs, signatures, list(faults), aside)


class _Chain:
    """One log, walked from where it begins here up to its head; `seq` is the place that was looked at last."""

    def __init__(self, db: sqlite3.Connection, circuit: bytes, author: bytes, log: int) -> None:
        self._db = db
        self._circuit = circuit
        self._author = author
        self._log = log
        ref, self._head, self._head_id, self._limit, self._base, pruned, pruned_id = db.execute(
            'SELECT ref, seq, id, "limit", base, pruned, pruned_id FROM log WHERE author = ? AND log = ?', (author, log)
        ).fetchone()
        self._first = ref << SEQ_BITS
        self._before = pruned_id
        # Where nothing behind the pruned part is held, there is nothing to hold a signature against.
        self._signed = 0 < pruned == self._head
        self._erased = Erased(db, author, log)
        self._begin = self.seq = pruned
        self.signatures = 0
        self.fault: str | None = None

    @property
    def checked(self) -> int:
        """Return how many entries were looked at."""
        return int(self.seq - self._begin)

    @property
    def aside(self) -> int:
        """Return how many entries are held beyond the head."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM entry WHERE place > ? AND place < ?",
            (self._first + self._head, self._first + (1 << SEQ_BITS)),
        ).fetchone()
        return int(count)

    def walk(self) -> Iterator[int]:
        """Check the entries in slices, up to the first fault; yield after each slice how many were checked."""
        while self.fault is None and self.seq < self._head:
            self._slice()
            yield self.checked
        if self.fault is None and self._head >= self._begin:
            self.fault = self._check_head()

    def _slice(self) -> None:
        rows = self._db.execute(
            "SELECT place, id, kind, timestamp, size, hash, payload, signature FROM entry"
            " WHERE place > ? AND place <= ? ORDER BY place LIMIT ?",
            (self._first + self.seq, self._first + self._head, _SLICE),
        ).fetchall()
        if not rows:
            self.seq, self.fault = self.seq + 1, "gap"
        for place, *entry in rows:
            self.seq += 1
            self.fault = "gap" if place != self._first + self.seq else self._check_entry(*entry)
            if self.fault:
                return

    def _check_entry(
        self,
        identity: bytes,
        kind: int,
        timestamp: int,
        size: int,
        stored: bytes | None,
        payload: bytes | None,
        signature: bytes | None,
    ) -> str | None:
        named = stored if payload is None else payload_hash(payload)
        place = (kind, self.seq, self._before, timestamp, size, named)
        header = encode((VERSION, self._circuit, self._author, self._log, *place))
        if named is None or entry_id(header) != identity or (payload is not None and len(payload) != size):
            return "bad_entry"
        if signature is not None:
            self.signatures += 1
            if not verify("entry", self._author, header, signature):
                return "bad_signature"
        self._before, self._signed = identity, signature is not None
        return "payload_missing" if payload is None and not self._may_lack(kind) else None

    def _may_lack(self, kind: int) -> bool:
        """Say whether something explains that the payload of this entry is not here."""
        if self.seq < self._base or (kind == Kind.ERASABLE and self._erased.holds(self.seq)):
            return True
        wanted = "SELECT 1 FROM wanted WHERE place = ?"
        return self._db.execute(wanted, (self._first + self.seq,)).fetchone() is not None

    def _check_head(self) -> str | None:
        """Return what is wrong with the head: it has to be the last entry, and somebody has to vouch for it."""
        if self._before != self._head_id or (self._limit and self._head >= self._limit):
            return "bad_head"
        if self._signed or self._head == 0:
            return None
        named = named_id(self._db, self._author, self._log, self._head + 1)
        return None if self._head_id == named else "unsigned_head"
