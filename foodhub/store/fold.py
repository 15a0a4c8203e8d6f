"""Folding: from counted entries to the rows of the views.

A row is a pure function of all counted statements about its fact. Arrival folds what arrived; an erasure, a cut, a key
that opens something or an upgrade of the program folds the logs of the members concerned anew, and `rebuild` those of
all. No clock may enter here, and no statement can stop it: one that breaks a rule stays in the log, does not count, and
the reason is on record.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from foodhub.catalog.statements import Part, Product, Stock
from foodhub.circuit.statements import CircuitStatement
from foodhub.log.body import StatementReader, Unread, open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Kind, Log
from foodhub.log.seal import unseal
from foodhub.orders.statements import Cycle, Profile, TradeStatement
from foodhub.store.circuit_view import CircuitView
from foodhub.store.erasures import erase, want_again
from foodhub.store.facts import FACTS, Fact, Stated
from foodhub.store.keyring import Keyring
from foodhub.store.limits import settle
from foodhub.store.schema import FOLD_VERSION, SEQ_BITS

READERS: dict[int, StatementReader] = {
    Log.CIRCUIT: StatementReader(CircuitStatement),
    Log.CATALOG: StatementReader(Profile | Product | Stock | Cycle | Part),
    Log.TRADE: StatementReader(TradeStatement),
}
Entry = tuple[int, bytes, int, bytes | None, int]
"""What folding needs of an entry: place, id, timestamp, payload, kind."""
REASONS_KEPT = 16
"""Of one entry, so many statements that do not count are put on record: nonsense should not fill our disk."""
AT_ONCE = 2000
"""Entries that are folded before their rows are written, so that a long log never stands in memory whole."""
SHADOW = "shadow_"
"""What stands before the name of a view's table while its rows are made anew beside the old ones."""
_UPSERTS = {prefix: {kind: fact.upsert(prefix) for kind, fact in FACTS.items()} for prefix in ("", SHADOW)}


def restated(statements: Sequence[Any], kind: int) -> Sequence[int] | None:
    """Return when each statement was first stated (ms; 0 for the first, which says so), None for no checkpoint."""
    first = statements[0] if statements else None
    if kind not in {Kind.CHECKPOINT, Kind.CHECKPOINT_END} or not isinstance(first, Part):
        return None
    return [0, *first.stamps] if len(first.stamps) == len(statements) - 1 else None


def read_catalog(payload: bytes, kind: int, timestamp: int) -> list[tuple[int, Any]]:
    """Return the statements of an entry of a log 1, each with when it was first stated (ms)."""
    try:
        statements = READERS[Log.CATALOG].read(open_payload(payload))
    except PeerFault:
        return []
    stamps = restated(statements, kind)
    if stamps is None:
        return [(timestamp, each) for each in statements]
    return list(zip(stamps[1:], statements[1:], strict=True))


_FACT_LOGS = frozenset({int(Log.CATALOG), int(Log.TRADE)})


class Fold:
    """Folds entries within one write transaction; `flush` writes the rows gathered so far.

    With the prefix `SHADOW` the rows go to tables beside the views (see `refold`).
    """

    def __init__(
        self, db: sqlite3.Connection, keyring: Keyring, circuit: bytes, arrival: int, prefix: str = ""
    ) -> None:
        self.prefix = prefix
        self.db = db
        self.keyring = keyring
        self.circuit = circuit
        self.arrival = arrival
        self.view = CircuitView(db, keyring, circuit, arrival)
        self._rows: defaultdict[type, list[tuple[Any, ...]]] = defaultdict(list)
        self._unread: list[tuple[int, int, str]] = []
        self._circuit_touched = False
        self._limits_touched = False
        self._again: set[tuple[bytes, int]] = set()
        self.erased_some = False

    def limits_touched(self, log: int) -> None:
        """Take note that a fork proof of a log of this number came: limits have to be worked out anew."""
        self._limits_touched = True
        self._circuit_touched = self._circuit_touched or log == Log.CIRCUIT

    def again(self, author: bytes, log: int) -> None:
        """Take note that something of this log does not count any more: such logs of its member are folded anew."""
        self._again.add((author, log))

    def add(self, author: bytes, log: int, entries: Iterable[Entry]) -> None:
        """Fold entries of one log that now count."""
        if log == Log.CIRCUIT:
            self._circuit_touched = True
            return
        member = self.view.member_of(author)
        if member is None:
            return
        for place, identity, timestamp, payload, kind in entries:
            if payload is not None:
                stated = Stated(member.ref, member.roles, place, identity, timestamp, self.arrival)
                self._add_entry(author, member.id, log, payload, stated, kind)

    def _add_entry(self, author: bytes, member: bytes, log: int, payload: bytes, stated: Stated, kind: int) -> None:
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
        stamps = restated(statements, kind)
        for position, statement in enumerate(statements):
            if stamps is not None:
                if position == 0:
                    continue
                stated = msgspec.structs.replace(stated, timestamp=stamps[position])
            reason = self._add_statement(statement, log, stated)
            if reason:
                refused.append((stated.place, position, reason))
        self._unread += refused[:REASONS_KEPT]

    def _add_statement(self, statement: Any, log: int, stated: Stated) -> str | None:
        """Gather one statement's row; return why it does not count, or None."""
        fact: Fact | None = FACTS.get(type(statement))
        if fact is None:
            return statement.reason if isinstance(statement, Unread) else "not_a_checkpoint"
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
        circuit = self._circuit_touched
        if not (circuit or self._limits_touched or self._again):
            return False
        for member, (devices, logs) in self.work_out(circuit=circuit).items():
            self.refold(member, devices, logs)
        self._write()
        return circuit

    def work_out(self, *, circuit: bool) -> dict[bytes, tuple[frozenset[bytes], frozenset[int]]]:
        """Work out membership, limits and erasures.

        Return the members to be folded anew, each with all its devices, and the numbers of the logs concerned.
        """
        self._circuit_touched, self._limits_touched = False, False
        before = self.view.erased() if circuit else set()
        changed = (
            {member: (devices, _FACT_LOGS) for member, devices in self.view.recompute().items()} if circuit else {}
        )
        again, self._again = self._again | set(settle(self.db, self.arrival)), set()
        erased = self.view.erased() if circuit else set()
        if erased != before:
            gone = erase(self.db, erased - before)
            self.erased_some = self.erased_some or bool(gone)
            again |= gone
        want_again(self.db, again | {(author, log) for author, log, *_ in before - erased})
        for author, log in again:
            member = self.view.member_of(author)
            if member is not None:
                devices, logs = changed.get(member.id, (frozenset(self.view.devices_of(member.id)), frozenset[int]()))
                changed[member.id] = devices, logs | {log}
        return changed

    def _write(self) -> None:
        for kind, rows in self._rows.items():
            self.db.executemany(_UPSERTS[self.prefix][kind], rows)
        self._rows.clear()
        if self._unread:
            unread = f"INSERT OR REPLACE INTO {self.prefix}unread VALUES (?, ?, ?)"  # noqa: S608 - names of ours
            self.db.executemany(unread, self._unread)
            self._unread.clear()

    def refold(self, member: bytes, devices: Iterable[bytes], logs: Iterable[int] = _FACT_LOGS) -> None:
        """Fold anew what counts in these logs of a member, of whom something changed; it has or had these devices."""
        owner = self.db.execute("SELECT ref FROM party WHERE id = ?", (member,)).fetchone()
        wanted = sorted(set(logs) & _FACT_LOGS)
        for fact in FACTS.values():
            if fact.log in wanted:
                self.db.execute(f"DELETE FROM {self.prefix}{fact.table} WHERE owner = ?", owner or (0,))  # noqa: S608 - names of ours
        for key in ((author, log) for author in devices for log in wanted):
            refs = self.db.execute("SELECT ref FROM log WHERE author = ? AND log = ?", key).fetchall()
            places = [(ref << SEQ_BITS, (ref + 1) << SEQ_BITS) for (ref,) in refs]
            gone = f"DELETE FROM {self.prefix}unread WHERE place > ? AND place < ?"  # noqa: S608 - names of ours
            self.db.executemany(gone, places)
        for author in self.view.devices_of(member):
            for log in wanted:
                counted = self.counted(author, log)
                while part := list(islice(counted, AT_ONCE)):
                    self.add(author, log, part)
                    self._write()

    def counted(self, author: bytes, log: int, after: int = 0) -> Iterator[Entry]:
        """Yield the entries of a log that count, behind the seq `after`, in order."""
        row = self.db.execute("SELECT ref, base, seq FROM log WHERE author = ? AND log = ?", (author, log)).fetchone()
        if row:
            ref, base, head = row
            yield from self.db.execute(
                "SELECT place, id, timestamp, payload, kind FROM entry WHERE place >= ? AND place <= ? ORDER BY place",
                ((ref << SEQ_BITS) + max(base, after + 1), (ref << SEQ_BITS) + head),
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
