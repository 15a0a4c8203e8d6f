"""The membership as rows: recomputed from all logs 0 whenever one of them grew, and read by everything else.

The pass itself is pure (`circuit.membership`); this module feeds it with entries and writes down what it found.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from foodhub.circuit.membership import Act, Limit, Member, Membership, founding_holds, membership
from foodhub.circuit.statements import CircuitStatement, Enrol, Found, Join, Recover
from foodhub.log.body import StatementReader, Unread, open_payload
from foodhub.log.encoding import MAX_SEQ
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.store.erasures import Span
from foodhub.store.keyring import Keyring
from foodhub.store.limits import vouched_head
from foodhub.store.schema import SEQ_BITS

_reader = StatementReader(CircuitStatement)
CIRCUIT_ARRIVAL = "circuit_arrival"
"""The key in `meta` of the arrival number at which the membership was last worked out, by whichever process."""
_COLUMNS = ("roles", "invited_by", "joined", "admitted", "removed", "recovery")
_UPSERT_MEMBER = (
    f"INSERT INTO member (ref, id, {', '.join(_COLUMNS)}, arrival)"  # noqa: S608 - names of ours
    " SELECT ref, id, ?, ?, ?, ?, ?, ?, ? FROM party WHERE id = ? ON CONFLICT (id) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in [*_COLUMNS, 'arrival'])}"
    f" WHERE ({', '.join(f'excluded.{name}' for name in _COLUMNS)})"
    f" != ({', '.join(f'member.{name}' for name in _COLUMNS)})"
)
_MADE_ANEW = ("guest", "spare_epoch", "device", "epoch", "invite", "ticket", "keeper", "cut", "erased")


@dataclass(frozen=True, slots=True)
class _Top:
    """Up to where a log 0 is held below its fork, which id that names there, whether all up to there is signed for."""

    ref: int
    seq: int
    named: bytes | None
    signed: bool


@dataclass(frozen=True, slots=True)
class _Standing:
    """What decides how a member's entries fold: its roles, devices and box keys."""

    roles: str = ""
    devices: frozenset[bytes] = frozenset()
    epochs: tuple[bytes, ...] = ()


_NOBODY = _Standing()


@dataclass(frozen=True, slots=True)
class MemberRow:
    """What folding has to know of a member."""

    ref: int
    id: bytes
    roles: frozenset[str]


class CircuitView:
    """The rows that say who is in the circuit of one database, with which devices, and what logs 0 cut and erase."""

    def __init__(self, db: sqlite3.Connection, keyring: Keyring, circuit: bytes, arrival: int) -> None:
        self.db = db
        self.keyring = keyring
        self.circuit = circuit
        self.arrival = arrival
        self._by_device: dict[bytes, MemberRow | None] = {}

    def member_of(self, device: bytes) -> MemberRow | None:
        """Return the member that a device belongs to, None when it is nobody's."""
        if device not in self._by_device:
            row = self.db.execute(
                "SELECT m.ref, m.id, m.roles FROM device d JOIN member m ON m.id = d.member WHERE d.key = ?",
                (device,),
            ).fetchone()
            self._by_device[device] = MemberRow(row[0], row[1], frozenset(row[2].split())) if row else None
        return self._by_device[device]

    def devices_of(self, member: bytes) -> list[bytes]:
        """Return the devices of a member."""
        return [row[0] for row in self.db.execute("SELECT key FROM device WHERE member = ? ORDER BY key", (member,))]

    def clear(self) -> None:
        """Forget the rows, so that the next `recompute` reports every member."""
        for table in ("member", "circuit", *_MADE_ANEW):
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        self._by_device.clear()

    def recompute(self) -> dict[bytes, frozenset[bytes]]:
        """Run the pass and write its result; return the members of whom something changed, with all their devices.

        What counts is a change of roles, devices or box keys; a device that was the member's before is returned too.
        """
        found, acts = self._pass()
        before = self._snapshot()
        self._write(found)
        self._write_guests(found, acts)
        self._learn_circuit(acts)
        self._by_device.clear()
        self.keyring.forget_pairs()
        opened = self._learn_keys(found)
        after = self._snapshot()
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (CIRCUIT_ARRIVAL, self.arrival))
        # A key that opens something may open what anybody wrote.
        changed = [member for member in {**after, **before} if opened or before.get(member) != after.get(member)]
        return {member: before.get(member, _NOBODY).devices | after.get(member, _NOBODY).devices for member in changed}

    def _pass(self) -> tuple[Membership, dict[bytes, list[Act]]]:
        """Work out the membership from all logs 0 up to their forks; the pass itself applies the cuts."""
        acts: dict[bytes, list[Act]] = {}
        tops: dict[bytes, _Top] = {}
        logs = self.db.execute(
            'SELECT l.ref, l.author, l.seq, l."limit", l.held, f.seq, f.backlink FROM log l'
            " LEFT JOIN fork_proof f ON f.author = l.author AND f.log = l.log WHERE l.log = ? ORDER BY l.ref",
            (int(Log.CIRCUIT),),
        ).fetchall()
        for ref, author, head, limit, held, fork, backlink in logs:
            signed = not (limit or fork or held != head)
            tops[author] = _Top(ref, min(held, fork - 1) if fork else held, backlink, signed)
            rows = self.db.execute(
                "SELECT place, id, timestamp, payload FROM entry WHERE place > ? AND place <= ? ORDER BY place",
                (ref << SEQ_BITS, (ref << SEQ_BITS) + tops[author].seq),
            )
            acts[author] = [act for row in rows for act in _acts_of(*row)]

        def vouched(device: bytes, cut: Limit | None) -> int:
            """The same question that `limits.settle` asks, so that what counts here is what the frontier says."""
            top = tops[device]
            if cut is None and top.signed:
                return top.seq
            upto = top.seq if cut is None else min(top.seq, cut.seq)
            return vouched_head(self.db, top.ref, upto, top.named if upto == top.seq else None)[0]

        return membership(self.circuit, acts, vouched), acts

    def _learn_keys(self, found: Membership) -> bool:
        """Open the box keys that are sealed to devices of this home; say whether one was not open before."""
        opened = False
        for member in found.members.values():
            publics = {epoch.number: epoch.public for epoch in member.epochs}
            for spare in member.spares:
                opened |= self.keyring.learn_spare(member.id, spare.public, spare.sealed)
            for epoch in member.epochs:
                opened |= self.keyring.learn_epoch(member.id, epoch.number, epoch.public, epoch.sealed)
            for share in member.shares:
                for number, sealed in share.sealed:
                    to = [(share.device, sealed)]
                    if number in publics:
                        opened |= self.keyring.learn_epoch(member.id, number, publics[number], to)
                    for spare in member.spares:
                        if spare.number == number:
                            opened |= self.keyring.learn_spare(member.id, spare.public, to)
        return opened

    def _snapshot(self) -> "dict[bytes, _Standing]":
        devices: defaultdict[bytes, set[bytes]] = defaultdict(set)
        epochs: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for member, key in self.db.execute("SELECT member, key FROM device"):
            devices[member].add(key)
        keys = "SELECT member, public, number FROM epoch UNION ALL SELECT member, public, -1 FROM spare_epoch"
        for member, public, _ in self.db.execute(f"{keys} ORDER BY member, number, public"):
            epochs[member].append(public)
        rows = self.db.execute("SELECT id, roles FROM member")
        return {member: _Standing(roles, frozenset(devices[member]), tuple(epochs[member])) for member, roles in rows}

    def _write(self, found: Membership) -> None:
        db, members = self.db, list(found.members.values())
        gone = [(row[0],) for row in db.execute("SELECT id FROM member") if row[0] not in found.members]
        db.executemany("DELETE FROM member WHERE id = ?", gone)
        self._write_members(members)
        self._fill("keeper", [(member.id, *keeper) for member in members for keeper in member.keepers.items()])
        self._fill("epoch", [(member.id, epoch.number, epoch.public) for member in members for epoch in member.epochs])
        self._fill("spare_epoch", [(member.id, epoch.public) for member in members for epoch in member.spares])
        invites = found.invites.values()
        self._fill(
            "invite", [(i.public, i.issuer, " ".join(i.roles), i.expires, i.revoked, i.used_by) for i in invites]
        )
        self._fill("ticket", [(t.public, t.member, t.device, t.expires, t.used_by) for t in found.tickets.values()])
        self._fill("cut", [(*key, min(cut.seq + 1, MAX_SEQ), cut.id) for key, cut in found.cuts.items()])
        self._fill("erased", joined(found.erased))

    def _write_members(self, members: Sequence[Member]) -> None:
        self.db.executemany("INSERT OR IGNORE INTO party (id) VALUES (?)", [(member.id,) for member in members])
        self.db.executemany(
            _UPSERT_MEMBER,
            [
                (
                    " ".join(sorted(member.roles)),
                    member.invited_by,
                    member.joined_at,
                    member.admitted,
                    member.removed,
                    member.inception.recovery_signing,
                    self.arrival,
                    member.id,
                )
                for member in members
            ],
        )
        self._fill(
            "device",
            [
                (d.device.signing, member.id, d.device.box, d.device.always_on, d.position, d.retired, d.heir)
                for member in members
                for d in member.devices
            ],
        )

    def _fill(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Let a table hold these rows and no others; of two with one key the last stands.

        Where it holds them already it is left alone. Most entries of logs 0 change few tables or none, and whatever is
        written anew goes to disk.
        """
        if set(self.db.execute(f"SELECT * FROM {table}")) == set(rows):  # noqa: S608 - names of ours
            return
        self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self.db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608 - names of ours

    def _write_guests(self, found: Membership, acts: dict[bytes, list[Act]]) -> None:
        """Take note whose logs 0 stand on something that counts though they are no devices: not yet, or not any more.

        The others are in nobody's frontier: who did not take them before what they stood on was cut, never will.
        """
        devices = {each.device.signing for member in found.members.values() for each in member.devices}
        outside = {author: log[0] for author, log in acts.items() if author not in devices and log}
        joiners = {
            said.inception.id
            for first in outside.values()
            if isinstance(said := first.statement, Join) and stands(found, first)
        }
        self._fill("guest", [(author,) for author, first in outside.items() if stands(found, first, joiners)])

    def _learn_circuit(self, acts: dict[bytes, list[Act]]) -> None:
        for author, log in acts.items():
            first = log[0].statement if log and log[0].seq == 1 else None
            if isinstance(first, Found) and founding_holds(self.circuit, author, first):
                row = (self.circuit, first.name, first.currency, first.founding.charter)
                self.db.execute("INSERT OR REPLACE INTO circuit VALUES (?, ?, ?, ?)", row)

    def erased(self) -> set[Span]:
        """Return all spans that logs 0 have erased."""
        return set(self.db.execute("SELECT author, log, first, last FROM erased"))

    def recovery_key(self, member: bytes) -> bytes | None:
        """Return the public key of a member's recovery words, None while its first entry is not held."""
        row = self.db.execute("SELECT recovery FROM member WHERE id = ?", (member,)).fetchone()
        return row[0] if row else None

    def charter(self) -> str:
        """Return the charter's text, "" while no founding document is held."""
        row = self.db.execute("SELECT charter FROM circuit").fetchone()
        return row[0] if row else ""


def stands(found: Membership, first: Act, joiners: Collection[bytes] = ()) -> bool:
    """Say whether the first statement of a log 0 stands on an invite, a ticket or a member that counts.

    A recovery may stand on one of the `joiners`, who are no members now: it may be its own cut that leaves nothing of
    the member here, for want of a signature, and others have to hear of it to send that.
    """
    match first.statement:
        case Join(invite=invite):
            return invite in found.invites
        case Enrol(member=member, ticket=ticket):
            return (ticket, member) in found.tickets
        case Recover(member=member):
            return member in found.members or member in joiners
    return False


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that overlap or touch as one."""
    found: list[Span] = []
    for device, log, first, last in sorted(spans):
        before = found[-1] if found else None
        if before and before[:2] == (device, log) and first <= before[3] + 1:
            found[-1] = (device, log, before[2], max(before[3], min(last, MAX_SEQ)))
        elif first <= MAX_SEQ:
            found.append((device, log, first, min(last, MAX_SEQ)))
    return found


def _acts_of(place: int, entry: bytes, timestamp: int, payload: bytes | None) -> list[Act]:
    """Read the statements of one entry of a log 0."""
    if payload is None:
        return []
    try:
        statements = _reader.read(open_payload(payload))
    except PeerFault:
        return []
    seq = place & ((1 << SEQ_BITS) - 1)
    return [
        Act(seq, entry, timestamp, statement, position)
        for position, statement in enumerate(statements)
        if not isinstance(statement, Unread)
    ]
