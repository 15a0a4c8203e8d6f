"""Folding: from counted entries to the rows of the views.

A row is a pure function of all counted statements about its fact. Arrival folds what arrived; an erasure, a cut, a key
that opens something or an upgrade of the program folds the logs of the members concerned anew, and `rebuild` those of
all. No clock may enter here, and no statement can stop it: one that breaks a rule stays in the log, does not count, and
the reason is on record.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from foodhub.catalog.statements import Part
from foodhub.circuit.statements import CircuitStatement
from foodhub.log.body import StatementReader, Unread, open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Kind, Log
from foodhub.log.seal import unseal
from foodhub.orders.hands import Behalf, ClaimConfirmed, Mandate, Successor, represented_id
from foodhub.store.behalf import (
    Standing,
    confirmed_by,
    party_ref,
    speaking_of,
    spoken_for,
    standing,
)
from foodhub.store.circuit_view import CircuitView
from foodhub.store.erasures import erase, want_again
from foodhub.store.facts import FACTS, Fact, Stated, fault_of, statements_of
from foodhub.store.keyring import Keyring
from foodhub.store.limits import settle
from foodhub.store.schema import FOLD_VERSION, SEQ_BITS

READERS: dict[int, StatementReader] = {
    Log.CIRCUIT: StatementReader(CircuitStatement),
    Log.CATALOG: StatementReader(statements_of(Log.CATALOG)),
    Log.TRADE: StatementReader(statements_of(Log.TRADE)),
}
Entry = tuple[int, bytes, int, bytes | None, int]
"""What folding needs of an entry: place, id, timestamp, payload, kind."""
_Changed = Mapping[bytes, tuple[frozenset[bytes], frozenset[int]]]
"""Members to be folded anew: with all devices that they have or had, and the numbers of the logs concerned."""
REASONS_KEPT = 16
"""Of one entry, so many statements that do not count are put on record: nonsense should not fill our disk."""
AT_ONCE = 2000
"""Entries that are folded before their rows are written, so that a long log never stands in memory whole."""
SHADOW = "shadow_"
"""What stands before the name of a view's table while its rows are made anew beside the old ones."""
_UPSERTS = {prefix: {kind: fact.upsert(prefix) for kind, fact in FACTS.items()} for prefix in ("", SHADOW)}


def restated(statements: Sequence[Any], kind: int) -> Sequence[int] | None:
    """Return when each statement was first stated (ms; 0 for the first, which says so), None for no checkpoint."""
    if kind < Kind.CHECKPOINT or not statements or not isinstance(first := statements[0], Part):
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


class _Waiting(NamedTuple):
    """What somebody wrote for another, until it is judged: in which log, where, and at which position there."""

    behalf: Behalf
    log: int
    stated: Stated
    position: int


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
        self._spoke: set[tuple[bytes, int]] = set()
        self._waiting: list[_Waiting] = []
        self._judge_again: set[bytes] = set()
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
        ref, roles, arrival, writer = member.ref, member.roles, self.arrival, member.id
        read, is_open = READERS[log].read, log == Log.CATALOG
        for place, identity, timestamp, payload, kind in entries:
            if payload is None:
                continue
            try:
                body = open_payload(payload) if is_open else self._unseal(author, writer, payload, place)
                statements = read(body) if body is not None else ()
            except PeerFault as fault:
                self._unread.append((place, 0, fault.code))
            except Exception as error:  # noqa: BLE001 - see below
                self._unread.append((place, 0, f"unforeseen: {type(error).__name__}"))
            else:
                stated = Stated(ref, roles, place, identity, timestamp, arrival, payload, writer)
                self._add_statements(statements, log, stated, kind)

    def _add_statements(self, statements: Sequence[Any], log: int, stated: Stated, kind: int) -> None:
        """Gather the rows of one entry's statements, and why some of them do not count."""
        refused: list[tuple[int, int, str]] = []
        stamps = restated(statements, kind)
        for position, statement in enumerate(statements):
            if stamps is not None:
                if position == 0:
                    continue
                stated = msgspec.structs.replace(stated, timestamp=stamps[position])
            if isinstance(statement, Behalf):
                reason = self._add_behalf(statement, log, stated, position)
            else:
                reason = self._add_statement(statement, log, stated)
            if reason:
                refused.append((stated.place, position, reason))
        self._unread += refused[:REASONS_KEPT]

    def _add_behalf(self, behalf: Behalf, log: int, stated: Stated, position: int) -> str | None:
        """Gather what somebody wrote for another; what depends on facts of others waits until all rows are written."""
        fact = FACTS[type(behalf.statement)]
        reason = "wrong_log" if fact.log != log else fault_of(behalf)
        if reason:
            return reason
        self._spoke.add((behalf.owner, stated.place >> SEQ_BITS))
        self._waiting.append(_Waiting(behalf, log, stated, position))
        return None

    def _add_for(self, behalf: Behalf, log: int, stated: Stated, found: Standing) -> str | None:
        owner, told = (0, "") if found.own else (stated.owner, behalf.told)
        at = msgspec.structs.replace(
            stated, owner=party_ref(self.db, behalf.owner), roles=found.roles, spoken=owner, told=told
        )
        return self._add_statement(behalf.statement, log, at)

    def _judge_waiting(self) -> None:
        """Judge what waited for facts of others, now that these are written."""
        waiting, self._waiting = self._waiting, []
        refused: Counter[int] = Counter()
        for behalf, log, stated, position in waiting:
            found = standing(self.db, self.prefix, behalf, stated)
            reason = found if isinstance(found, str) else self._add_for(behalf, log, stated, found)
            if reason and refused[stated.place] < REASONS_KEPT:
                refused[stated.place] += 1
                self._unread.append((stated.place, position, reason))
        self._write()

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
                self._note_leave(statement, stated)
        except Exception as error:  # noqa: BLE001 - folding is total: what we did not foresee is on record and folded again later
            return f"unforeseen: {type(error).__name__}"
        return reason

    def _note_leave(self, statement: Any, stated: Stated) -> None:
        """Take note of a fact on which it depends whether somebody may write for another."""
        if isinstance(statement, Mandate):
            self._judge_again.add(stated.writer)
        elif isinstance(statement, ClaimConfirmed):
            self._judge_again.add(represented_id(stated.writer, statement.local, "household"))
        elif isinstance(statement, Successor):
            self._judge_again.add(represented_id(stated.writer, statement.local, "producer"))

    def _unseal(self, author: bytes, member: bytes, payload: bytes, place: int) -> bytes | None:
        secrets = self.keyring.opening_secrets(self.db, member)
        if not secrets:
            return None
        seq = place & ((1 << SEQ_BITS) - 1)
        return unseal(payload, (self.circuit, author, int(Log.TRADE), seq), secrets)

    def flush(self) -> bool:
        """Write all gathered rows, and the membership if a log 0 was touched; return whether one was."""
        self._write()
        self._judge_waiting()
        circuit = self._circuit_touched
        if circuit or self._limits_touched or self._again:
            self._refold(self.work_out(circuit=circuit))
        asked, self._judge_again = self._judge_again, set()
        self._refold_owners(asked)
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
        if self._spoke:
            self.db.executemany(f"INSERT OR IGNORE INTO {self.prefix}spoke VALUES (?, ?)", sorted(self._spoke))  # noqa: S608 - names of ours
            self._spoke.clear()

    def refold(self, member: bytes, devices: Iterable[bytes], logs: Iterable[int] = _FACT_LOGS) -> None:
        """Fold anew what counts in these logs of a member, of whom something changed; it has or had these devices."""
        self._refold({member: (frozenset(devices), frozenset(logs))})

    def _refold(self, changed: _Changed) -> None:
        """Fold anew these logs of these members: their rows go and come again, and so do those for whom they wrote.

        A row holds only the statement that won, so whoever else wrote for one of these is read again too.
        """
        asked = self._judge_again
        logs, own = dict.fromkeys(spoken_for(self.db, self.prefix, changed), _FACT_LOGS), set[tuple[bytes, int]]()
        for member, (devices, wanted) in changed.items():
            own |= {(device, log) for device in devices for log in wanted & _FACT_LOGS}
            others = speaking_of(self.db, self.prefix, [member])
            logs[member] = _FACT_LOGS if others else logs.get(member, wanted & _FACT_LOGS)
        again = {(device, log) for owner in logs for device in self.view.devices_of(owner) for log in logs[owner]}
        again |= speaking_of(self.db, self.prefix, logs)
        self._forget(logs, own | again)
        for author, log in sorted(again):
            counted = self.counted(author, log)
            while part := list(islice(counted, AT_ONCE)):
                self.add(author, log, part)
                self._write()
        self._judge_waiting()
        # What was read again without having gone says nothing new: only who was confirmed by what came back may be.
        self._judge_again = asked - logs.keys()
        self._refold_owners(confirmed_by(self.db, self.prefix, logs) - logs.keys())

    def _refold_owners(self, owners: Iterable[bytes]) -> None:
        """Fold anew those of these members for whom others wrote, since their leave to do so came or changed."""
        found = [owner for owner in owners if speaking_of(self.db, self.prefix, [owner])]
        if found:
            self._refold({owner: (frozenset(self.view.devices_of(owner)), _FACT_LOGS) for owner in found})

    def _forget(self, owners: Mapping[bytes, Collection[int]], places: Collection[tuple[bytes, int]]) -> None:
        """Delete the rows that members own from these logs, and what is on record of the logs (author, number)."""
        for log in sorted(_FACT_LOGS):
            refs = [(party_ref(self.db, owner),) for owner, logs in owners.items() if log in logs]
            for table in (fact.table for fact in FACTS.values() if fact.log == log):
                self.db.executemany(f"DELETE FROM {self.prefix}{table} WHERE owner = ?", refs)  # noqa: S608 - names of ours
        for place in places:
            for (ref,) in self.db.execute("SELECT ref FROM log WHERE author = ? AND log = ?", place).fetchall():
                unread = f"DELETE FROM {self.prefix}unread WHERE place > ? AND place < ?"  # noqa: S608 - names of ours
                self.db.execute(unread, (ref << SEQ_BITS, (ref + 1) << SEQ_BITS))
                self.db.execute(f"DELETE FROM {self.prefix}spoke WHERE log = ?", (ref,))  # noqa: S608 - names of ours

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
        self.db.execute("DELETE FROM spoke")
        self.view.clear()
        self._circuit_touched = True
        self.flush()
        self.db.execute("INSERT OR REPLACE INTO meta VALUES ('fold_version', ?)", (FOLD_VERSION,))
