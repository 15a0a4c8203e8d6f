"""The membership as rows: recomputed from all logs 0 whenever one of them grew, and read by everything else.

The pass itself is pure (`circuit.membership`); this module feeds it with entries and writes down what it found.
"""

import sqlite3
from collections import defaultdict
from dataclasses import dataclass

from foodhub.circuit.membership import Act, Member, Membership, founding_holds, membership
from foodhub.circuit.statements import CircuitStatement, Found
from foodhub.log.body import StatementReader, Unread, open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.store.keyring import Keyring
from foodhub.store.schema import SEQ_BITS

_reader = StatementReader(CircuitStatement)


CIRCUIT_ARRIVAL = "circuit_arrival"
"""The key in `meta` of the arrival number at which the membership was last worked out, by whichever process."""


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
    """The rows `member`, `device`, `epoch`, `invite` and `circuit` of one database."""

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
        for table in ("member", "device", "epoch", "invite", "circuit"):
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        self._by_device.clear()

    def recompute(self) -> dict[bytes, frozenset[bytes]]:
        """Run the pass and write its result; return the members of whom something changed, with all their devices.

        What counts is a change of roles, devices or box keys; a device that was the member's before is returned too.
        """
        acts = self._acts()
        found = membership(self.circuit, acts)
        before = self._snapshot()
        self._write(found)
        self._learn_circuit(acts)
        self._by_device.clear()
        self.keyring.forget_pairs()
        for member in found.members.values():
            for epoch in member.epochs:
                self.keyring.learn_epoch(member.id, epoch.number, epoch.sealed)
        after = self._snapshot()
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (CIRCUIT_ARRIVAL, self.arrival))
        changed = [member for member in {**after, **before} if before.get(member) != after.get(member)]
        return {member: before.get(member, _NOBODY).devices | after.get(member, _NOBODY).devices for member in changed}

    def _acts(self) -> dict[bytes, list[Act]]:
        acts: dict[bytes, list[Act]] = {}
        logs = self.db.execute(
            'SELECT ref, author, "limit" FROM log WHERE log = ? ORDER BY ref', (int(Log.CIRCUIT),)
        ).fetchall()
        for ref, author, limit in logs:
            last = (ref << SEQ_BITS) + (limit - 1 if limit else (1 << SEQ_BITS) - 1)
            rows = self.db.execute(
                "SELECT place, id, timestamp, payload FROM entry WHERE place > ? AND place <= ? ORDER BY place",
                (ref << SEQ_BITS, last),
            )
            acts[author] = [act for row in rows for act in _acts_of(*row)]
        return acts

    def _snapshot(self) -> "dict[bytes, _Standing]":
        devices: defaultdict[bytes, set[bytes]] = defaultdict(set)
        epochs: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for member, key in self.db.execute("SELECT member, key FROM device"):
            devices[member].add(key)
        for member, public in self.db.execute("SELECT member, public FROM epoch ORDER BY member, number"):
            epochs[member].append(public)
        rows = self.db.execute("SELECT id, roles FROM member")
        return {member: _Standing(roles, frozenset(devices[member]), tuple(epochs[member])) for member, roles in rows}

    def _write(self, found: Membership) -> None:
        db = self.db
        for table in ("device", "epoch", "invite"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        gone = [(row[0],) for row in db.execute("SELECT id FROM member") if row[0] not in found.members]
        db.executemany("DELETE FROM member WHERE id = ?", gone)
        for member in found.members.values():
            self._write_member(member)
        db.executemany(
            "INSERT INTO invite VALUES (?, ?, ?, ?, ?, ?)",
            [(i.public, i.issuer, " ".join(i.roles), i.expires, i.revoked, i.used_by) for i in found.invites.values()],
        )

    def _write_member(self, member: Member) -> None:
        db = self.db
        db.execute("INSERT OR IGNORE INTO party (id) VALUES (?)", (member.id,))
        db.execute(
            "INSERT INTO member SELECT ref, id, ?, ?, ?, ?, ? FROM party WHERE id = ? ON CONFLICT (id) DO UPDATE SET"
            " roles = excluded.roles, invited_by = excluded.invited_by, joined = excluded.joined,"
            " admitted = excluded.admitted, arrival = excluded.arrival"
            " WHERE (excluded.roles, excluded.invited_by, excluded.joined, excluded.admitted)"
            " != (member.roles, member.invited_by, member.joined, member.admitted)",
            (
                " ".join(sorted(member.roles)),
                member.invited_by,
                member.joined_at,
                member.admitted,
                self.arrival,
                member.id,
            ),
        )
        for device in member.devices:
            db.execute(
                "INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?)",
                (device.signing, member.id, device.box, device.always_on),
            )
        for epoch in member.epochs:
            db.execute("INSERT OR REPLACE INTO epoch VALUES (?, ?, ?)", (member.id, epoch.number, epoch.public))

    def _learn_circuit(self, acts: dict[bytes, list[Act]]) -> None:
        for author, log in acts.items():
            first = log[0].statement if log and log[0].seq == 1 else None
            if isinstance(first, Found) and founding_holds(self.circuit, author, first):
                row = (self.circuit, first.name, first.currency, first.founding.charter)
                self.db.execute("INSERT OR REPLACE INTO circuit VALUES (?, ?, ?, ?)", row)

    def charter(self) -> str:
        """Return the charter's text, "" while no founding document is held."""
        row = self.db.execute("SELECT charter FROM circuit").fetchone()
        return row[0] if row else ""


def _acts_of(place: int, entry: bytes, timestamp: int, payload: bytes | None) -> list[Act]:
    """Read the statements of one entry of a log 0."""
    if payload is None:
        return []
    try:
        statements = _reader.read(open_payload(payload))
    except PeerFault:
        return []
    seq = place & ((1 << SEQ_BITS) - 1)
    return [Act(seq, entry, timestamp, statement) for statement in statements if not isinstance(statement, Unread)]
