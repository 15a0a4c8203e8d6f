"""Folding: from counted entries to the rows of the views.

A row is a pure function of all counted statements about its fact. Arrival folds what arrived; an erasure, a cut, a key
that opens something or an upgrade of the program folds the logs of the members concerned anew, and `rebuild` those of
all. No clock may enter here, and no statement can stop it: one that breaks a rule stays in the log, does not count, and
the reason is on record.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from foodhub.catalog.statements import Product, Stock
from foodhub.circuit.statements import CircuitStatement
from foodhub.log.body import StatementReader, Unread, open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.log.seal import unseal
from foodhub.orders.statements import Cycle, Profile, TradeStatement
from foodhub.store.circuit_view import CircuitView
from foodhub.store.facts import FACTS, Fact, Stated
from foodhub.store.keyring import Keyring
from foodhub.store.schema import FOLD_VERSION, SEQ_BITS

READERS: dict[int, StatementReader] = {
    Log.CIRCUIT: StatementReader(CircuitStatement),
    Log.CATALOG: StatementReader(Profile | Product | Stock | Cycle),
    Log.TRADE: StatementReader(TradeStatement),
}
Entry = tuple[int, bytes, int, bytes | None]
"""What folding needs of an entry: place, id, timestamp, payload."""
REASONS_KEPT = 16
"""Of one entry, so many statements that do not count are put on record: nonsense should not fill our disk."""
AT_ONCE = 2000
"""Entries that are folded before their rows are written, so that a long log never stands in memory whole."""
_UPSERTS = {kind: fact.upsert for kind, fact in FACTS.items()}


class Fold:
    """Folds entries within one write transaction; `flush` writes the rows gathered so far."""

    def __init__(self, db: sqlite3.Connection, keyring: Keyring, circuit: bytes, arrival: int) -> None:
        self.db = db
        self.keyring = keyring
        self.circuit = circuit
        self.arrival = arrival
        self.view = CircuitView(db, keyring, circuit, arrival)
        self._rows: defaultdict[type, list[tuple[Any, ...]]] = defaultdict(list)
        self._unread: list[tuple[int, int, str]] = []
        self._circuit_touched = False

    def add(self, author: bytes, log: int, entries: Iterable[Entry]) -> None:
        """Fold entries of one log that now count."""
        if log == Log.CIRCUIT:
            self._circuit_touched = True
            return
        member = self.view.member_of(author)
        if member is None:
            return
        for place, identity, timestamp, payload in entries:
            if payload is not None:
                stated = Stated(member.ref, member.roles, place, identity, timestamp, self.arrival)
                self._add_entry(author, member.id, log, payload, stated)

    def _add_entry(self, author: bytes, member: bytes, log: int, payload: bytes, stated: Stated) -> None:
        try:
            body = open_payload(payload) if log == Log.CATALOG else self._unseal(author, member, payload, stated.place)
            statements = READERS[log].read(body) if body is not None else ()
        except PeerFault as fault:
            self._unread.append((stated.place, 0, fault.code))
            return
        except Exception as error:  # noqa: BLE001 - see below
            self._unread.append((stated.place, 0, f"unforeseen: {type(error).__name__}"))
            return
        refused = []
        for position, statement in enumerate(statements):
            reason = self._add_statement(statement, log, stated)
            if reason:
                refused.append((stated.place, position, reason))
        self._unread += refused[:REASONS_KEPT]

    def _add_statement(self, statement: Any, log: int, stated: Stated) -> str | None:
        """Gather one statement's row; return why it does not count, or None."""
        fact: Fact | None = FACTS.get(type(statement))
        if fact is None:
            return statement.reason if isinstance(statement, Unread) else "unknown"
        if fact.log != log:
            return "wrong_log"
        if fact.roles.isdisjoint(stated.roles):
            return "not_permitted"
        try:
            reason = fact.rule(statement)
            if reason is None:
                self._rows[type(statement)].append(fact.values(statement, stated))
        except Exception as error:  # noqa: BLE001 - folding is total: what we did not foresee is on record and folded again later
            return f"unforeseen: {type(error).__name__}"
        return reason

    def _unseal(self, author: bytes, member: bytes, payload: bytes, place: int) -> bytes | None:
        secrets = self.keyring.opening_secrets(self.db, member)
        if not secrets:
            return None
        seq = place & ((1 << SEQ_BITS) - 1)
        return unseal(payload, (self.circuit, author, int(Log.TRADE), seq), secrets)

    def flush(self) -> bool:
        """Write all gathered rows, and the membership if a log 0 was touched; return whether one was."""
        self._write()
        if not self._circuit_touched:
            return False
        self._circuit_touched = False
        for member, devices in self.view.recompute().items():
            self._refold(member, devices)
        self._write()
        return True

    def _write(self) -> None:
        for kind, rows in self._rows.items():
            self.db.executemany(_UPSERTS[kind], rows)
        self._rows.clear()
        if self._unread:
            self.db.executemany("INSERT OR REPLACE INTO unread VALUES (?, ?, ?)", self._unread)
            self._unread.clear()

    def _refold(self, member: bytes, devices: Iterable[bytes]) -> None:
        """Fold anew all that counts of a member, of whom something changed; it has or had these devices."""
        owner = self.db.execute("SELECT ref FROM party WHERE id = ?", (member,)).fetchone()
        for fact in FACTS.values():
            self.db.execute(f"DELETE FROM {fact.table} WHERE owner = ?", owner or (0,))  # noqa: S608 - names of ours
        for author in devices:
            refs = self.db.execute("SELECT ref FROM log WHERE author = ?", (author,)).fetchall()
            places = [(ref << SEQ_BITS, (ref + 1) << SEQ_BITS) for (ref,) in refs]
            self.db.executemany("DELETE FROM unread WHERE place > ? AND place < ?", places)
        for author in self.view.devices_of(member):
            for log in (Log.CATALOG, Log.TRADE):
                counted = self._counted(author, log)
                while part := list(islice(counted, AT_ONCE)):
                    self.add(author, log, part)
                    self._write()

    def _counted(self, author: bytes, log: int) -> Iterator[Entry]:
        """Yield the entries of a log that count, in order."""
        row = self.db.execute('SELECT ref, "limit" FROM log WHERE author = ? AND log = ?', (author, log)).fetchone()
        if row:
            ref, limit = row
            last = (ref << SEQ_BITS) + (limit - 1 if limit else (1 << SEQ_BITS) - 1)
            yield from self.db.execute(
                "SELECT place, id, timestamp, payload FROM entry WHERE place > ? AND place <= ? ORDER BY place",
                (ref << SEQ_BITS, last),
            )

    def rebuild(self) -> None:
        """Make every view again from the log."""
        for fact in FACTS.values():
            self.db.execute(f"DELETE FROM {fact.table}")  # noqa: S608 - names of ours
        self.db.execute("DELETE FROM unread")
        self.view.clear()
        self._circuit_touched = True
        self.flush()
        self.db.execute("INSERT OR REPLACE INTO meta VALUES ('fold_version', ?)", (FOLD_VERSION,))
