"""Which steward ranks where, and who removed whom: read from the logs 0 as far as they count.

The pass over all logs 0 (`circuit.membership`) decides what counts; this only finds the words behind what it decided,
so that people can be told. It never decides anything itself.
"""

import heapq
import sqlite3
from collections.abc import Iterator
from typing import Any

from foodhub.circuit.statements import CircuitStatement, Grant, Remove, Revoke
from foodhub.log.body import StatementReader, open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.store.schema import SEQ_BITS

_reader = StatementReader(CircuitStatement)
_COUNTED = (
    "SELECT e.id, e.timestamp, e.payload FROM device d JOIN log l ON l.author = d.key AND l.log = ?"
    " CROSS JOIN entry e ON e.place BETWEEN (l.ref << ?) + 1 AND (l.ref << ?) + l.seq"
    " WHERE d.member = ? AND instr(e.payload, ?) ORDER BY d.position, e.place"
)


def founder(db: sqlite3.Connection) -> bytes | None:
    """Return the member that founded the circuit: the only one whom nobody invited."""
    row = db.execute("SELECT id FROM member WHERE invited_by = x'' LIMIT 1").fetchone()
    return row[0] if row else None


def ranks(db: sqlite3.Connection) -> list[bytes]:
    """Return everybody who is a steward, or was one until it was removed, the highest rank first."""
    first = founder(db)
    waiting: list[tuple[int, bytes, bytes]] = [] if first is None else [(0, b"", first)]
    taken: list[bytes] = []
    decided: set[bytes] = set()
    while waiting:
        length, _, member = heapq.heappop(waiting)
        if member in taken:
            continue
        taken.append(member)
        words = {
            said.member: (entry, said)
            for entry, _at, said in _said(db, member, b"steward")
            if isinstance(said, Grant | Revoke) and said.role == "steward" and said.member not in taken
        }
        for to, (entry, said) in words.items():
            if to not in decided and isinstance(said, Grant):
                heapq.heappush(waiting, (length + 1, entry, to))
        decided |= set(words)
    return taken


def stewards(db: sqlite3.Connection) -> list[bytes]:
    """Return the stewards of the circuit, the highest rank first."""
    current = {member for member, roles in db.execute("SELECT id, roles FROM member") if "steward" in roles.split()}
    return [member for member in ranks(db) if member in current]


def removal_of(db: sqlite3.Connection, member: bytes) -> tuple[bytes, int] | None:
    """Return who removed a member, and when (ms); None when nobody did, or it is not known here who."""
    for steward in ranks(db):
        if steward == member:
            return None
        for _entry, at, said in _said(db, steward, member):
            if isinstance(said, Remove) and said.member == member:
                return steward, at
    return None


def _said(db: sqlite3.Connection, member: bytes, holding: bytes) -> Iterator[tuple[bytes, int, Any]]:
    """Yield what a member said in its logs 0, in entries whose bytes hold `holding`: entry, time (ms), statement."""
    for entry, at, payload in db.execute(_COUNTED, (int(Log.CIRCUIT), SEQ_BITS, SEQ_BITS, member, holding)).fetchall():
        try:
            statements = _reader.read(open_payload(payload))
        except PeerFault:
            continue
        for statement in statements:
            yield entry, at, statement
