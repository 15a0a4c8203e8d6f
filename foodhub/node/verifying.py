"""Checking the logs of a home again, from their bytes: every id, every link, every signature. Changes nothing."""

import sqlite3
from collections.abc import Iterator

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.log.encoding import encode
from foodhub.log.header import VERSION, entry_id, payload_hash
from foodhub.log.keys import verify
from foodhub.node.hat import circuit_id, shown_name
from foodhub.node.state import LOG_NAMES
from foodhub.store.schema import SEQ_BITS

_SLICE = 500


class LogFault(msgspec.Struct, frozen=True):
    """The first thing wrong with a log: `gap`, `bad_entry`, `bad_signature`, `unsigned_head` or `bad_head`."""

    author: str
    member: str
    log: str
    seq: int
    code: str


class Verified(msgspec.Struct, frozen=True):
    """What a check of all logs found."""

    entries: int
    logs: int
    signatures: int
    faults: list[LogFault]


def verify_logs(db: sqlite3.Connection) -> Iterator[Verified]:
    """Check log after log; yield what was found so far after each, so that progress can be shown.

    Raises:
        NotSetUpError: the home is in no circuit.
    """
    circuit = circuit_id(db)
    entries, logs, signatures, faults = 0, 0, 0, []
    rows = db.execute("SELECT ref, author, log, seq, id FROM log WHERE seq > 0 ORDER BY ref").fetchall()
    for ref, author, log, seq, head in rows:
        chain = _Chain(circuit, author, log)
        code = chain.check(db, ref, seq, head)
        if code:
            row = db.execute("SELECT member FROM device WHERE key = ?", (author,)).fetchone()
            name = shown_name(db, row[0]) if row else ""
            faults.append(LogFault(base32_id(author), name, LOG_NAMES[log], chain.seq, code))
        entries, logs, signatures = entries + seq, logs + 1, signatures + chain.signatures
        yield Verified(entries, logs, signatures, list(faults))
    if not rows:
        yield Verified(0, 0, 0, [])


class _Chain:
    """One log, walked from its first entry; `seq` is the place that was looked at last."""

    def __init__(self, circuit: bytes, author: bytes, log: int) -> None:
        self._circuit = circuit
        self._author = author
        self._log = log
        self._before = b""
        self._signed = False
        self.seq = 0
        self.signatures = 0

    def check(self, db: sqlite3.Connection, ref: int, last: int, head: bytes) -> str | None:
        """Walk the log numbered `ref` up to `last`; return the code of the first fault, None when all is well."""
        while self.seq < last:
            place = (ref << SEQ_BITS) + self.seq
            rows = db.execute(
                "SELECT place, id, kind, timestamp, size, hash, payload, signature FROM entry"
                " WHERE place > ? AND place <= ? ORDER BY place LIMIT ?",
                (place, (ref << SEQ_BITS) + last, _SLICE),
            ).fetchall()
            if not rows:
                self.seq += 1
                return "gap"
            for place, *entry in rows:
                self.seq += 1
                code = "gap" if place != (ref << SEQ_BITS) + self.seq else self._check_entry(*entry)
                if code:
                    return code
        if self._before != head:
            return "bad_head"
        return None if self._signed else "unsigned_head"

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
        return None
