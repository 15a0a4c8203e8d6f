"""A circuit to simulate: a founder, members with pens, and the ledger of everything that was ever signed in it.

The ledger stands outside of all nodes: it is how a forged entry is told from a true one.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from foodhub.circuit.statements import Device, Epoch, Join, Role, charter_hash, proof_of_join
from foodhub.log.header import Kind
from foodhub.log.keys import SigningKey
from foodhub.log.run import CheckedRun, check_run, write_run
from foodhub.orders.statements import Profile
from tests.pens import CHARTER, Paper, Pen, changed, invite_key
from tests.simulator import pages
from tests.simulator.disk import Disk

Place = tuple[bytes, int, int]
"""Author, log, seq."""
ROLES: tuple[Role, ...] = ("producer", "group", "household", "hub")
Entry = tuple[int, int, bytes]
"""Kind, timestamp, payload."""


class Member(Pen):
    """A pen whose recovery words are known, and in which nothing is left to chance: a sealed box would be."""

    def __init__(self, name: str, *roles: Role, circuit: bytes = b"") -> None:
        super().__init__(name, *roles, circuit=circuit)
        self.words = SigningKey(self._seed("recovery words"))
        self.inception = changed(self.inception, recovery_signing=self.words.public)

    @property
    def epoch(self) -> Epoch:
        """Return the first box key of the member, sealed to nobody."""
        return Epoch(1, self.box.public, [], b"")


class Laptop(Pen):
    """A further device of a member."""

    def __init__(self, member: Pen, name: str) -> None:
        super().__init__(name, *member.roles, circuit=member.circuit)
        self.member = member
        self.box = member.box

    @property
    def id(self) -> bytes:
        """Return the id of the member."""
        return self.member.id

    @property
    def keys_stated(self) -> Device:
        """Return the public keys as an enrolment states them."""
        return self.inception.device


class Circuit:
    """The members of a scenario, by number; number 0 is the founder."""

    def __init__(self, seed: int, size: int) -> None:
        self.chance = Random(f"circuit {seed}")
        self.founder = Member(f"{seed}/0", "hub")
        self.ledger: dict[bytes, tuple[Place, bytes]] = {}
        """By id: where each entry stands that anybody ever signed, and its payload."""
        founding = self.founder.found()
        self.id = self.founder.circuit
        self.members = [self.founder]
        self.invites: list[Paper] = [founding]
        self.joins: list[Paper] = []
        for number in range(1, size):
            name = f"{seed}/{number}"
            member = Member(name, *self.chance.sample(ROLES, self.chance.randint(1, 3)), circuit=self.id)
            self.invites.append(self.founder.invite(name, *member.roles))
            self.joins.append(member.join(invite_key(name)))
            self.members.append(member)
        for paper in (*self.invites, *self.joins):
            self.note(paper)

    def note(self, paper: Paper) -> CheckedRun:
        """Put a paper on record as truly signed."""
        run, payloads = paper
        checked = check_run(self.id, run)
        for seq, (identity, payload) in enumerate(zip(checked.ids, payloads, strict=True), run.first):
            self.ledger[identity] = ((run.author, run.log, seq), payload)
        return checked

    def disks(self) -> tuple[Disk, Disk]:
        """Return a disk that holds everything so far, and one that holds the founder's log alone."""
        young = Disk(self.id)
        young.shelf.take_together(self.invites)
        old = young.copy()
        old.shelf.take_together(self.joins)
        return old, young

    def sign(self, pen: Pen, log: int, after: tuple[int, bytes], entries: Sequence[Entry]) -> Paper:
        """Sign entries behind a place, one run long, whatever else was signed there."""
        run, _ = write_run(self.id, pen.keys.signing, log, after, entries)
        paper = run, [payload for _, _, payload in entries]
        self.note(paper)
        return paper

    def append(self, disk: Disk, pen: Pen, log: int, at: int, bodies: Sequence[tuple[int, bytes]]) -> str | None:
        """Sign bodies (kind, body) behind what a disk holds of a log, and take them; return why not, or None."""
        seq, identity, timestamp = disk.head(pen.device, log)
        entries = [(kind, max(at, timestamp), self.chance.randbytes(16) + body) for kind, body in bodies]
        return disk.append(self.sign(pen, log, (seq, identity), entries))

    def say(self, disk: Disk, pen: Pen, at: int, *statements: Any) -> str | None:
        """Sign statements in log 0."""
        return self.append(disk, pen, 0, at, [(Kind.LASTING, pages.body(*statements))])

    def join(self, disk: Disk, member: Member, key: SigningKey, at: int) -> None:
        """Sign the first entries of a newcomer, who holds the invite."""
        accepted = charter_hash(CHARTER)
        proof = key.sign("invite", proof_of_join(self.id, member.id, member.roles, accepted))
        joining = Join(member.inception, member.roles, accepted, key.public, proof)
        refusal = self.say(disk, member, at, joining, member.epoch)
        name = [(int(Kind.ERASABLE), pages.body(Profile(1, member.name)))]
        refusal = refusal or self.append(disk, member, 1, at, name)
        assert refusal is None, f"{member.name} could not join: {refusal}"
        self.members.append(member)

    def write(self, disk: Disk, pen: Pen, log: int, count: int, at: int) -> str | None:
        """Write so many entries, drawn by chance, one run long; return why they can't be, or None."""
        seq, identity, timestamp = disk.head(pen.device, log)
        entries = []
        for number in range(seq + 1, seq + 1 + count):
            lasting = log == 0 or self.chance.random() < 0.1
            payload = self._payload(pen, log, number)
            entries.append((int(Kind.LASTING if lasting else Kind.ERASABLE), max(at, timestamp), payload))
        return disk.append(self.sign(pen, log, (seq, identity), entries))

    def fork(self, disk: Disk, pen: Pen, log: int, common: int, count: int) -> Paper:
        """Sign another branch of a log in one run: the first `common` entries are those that a disk holds."""
        held = disk.entries(pen.device, log, max(common, 1 if log == 0 else 0))
        at = held[-1][1] if held else 0
        if log == 0 and not common:
            # The same first statement, signed at another time: whose log this is, both branches say.
            held = [(kind, at + 5, payload) for kind, at, payload in held]
        kind = int(Kind.LASTING if log == 0 else Kind.ERASABLE)
        fresh = [(kind, at + 5, self._payload(pen, log, len(held) + n)) for n in range(1, count + 1)]
        return self.sign(pen, log, (0, b""), [*held, *fresh])

    def _payload(self, pen: Pen, log: int, seq: int) -> bytes:
        if log == 2:
            reader = self.chance.choice(self.members)
            return pages.sealed_payload(self.chance, pen, reader, (self.id, pen.device, log, seq))
        if log == 1:
            return pages.open_payload(self.chance, pages.catalog_body(self.chance, pen))
        return pages.open_payload(self.chance, pages.circuit_body(self.chance, self.members))
