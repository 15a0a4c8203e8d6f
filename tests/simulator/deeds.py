"""What members do in a scenario besides living on: write, erase, restate, add and retire devices, remove each other.

Each deed is done at one desk with what its disk holds just then, which may be much less than others know.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from foodhub.catalog.checkpoint import live
from foodhub.circuit.statements import (
    Certify,
    Cut,
    Enrol,
    Erase,
    Recover,
    Remove,
    Retire,
    Ticket,
    proof_of_enrolment,
    proof_of_recovery,
)
from foodhub.log.encoding import NO_ID
from foodhub.log.header import Kind, Log
from foodhub.node.checkpoints import read_log
from tests.pens import Pen, invite_key
from tests.simulator import pages
from tests.simulator.circuit import Circuit, Laptop
from tests.simulator.disk import Disk


class Desk(Protocol):
    """Where somebody writes: a disk, and the pen of one device."""

    @property
    def name(self) -> str: ...

    @property
    def pen(self) -> Pen: ...

    @property
    def disk(self) -> Disk: ...


Deed = Callable[[Any, int], None]
"""Something done at a desk, at a time in ms by its own clock."""


class Deeds:
    """Does one deed after another; `arrive` is called with a new laptop, and the node whose disk it begins with."""

    def __init__(self, circuit: Circuit, chance: Random, arrive: Callable[[Laptop, Any], None]) -> None:
        self.circuit = circuit
        self.chance = chance
        self.arrive = arrive
        self._laptops = 0

    def write(self, desk: Desk, at: int) -> None:
        """Write entries in any log, in one run or several."""
        log = self.chance.choice([0, 1, 1, 1, 1, 1, 2, 2])
        count = self.chance.choice([1, 1, 1, 2, 5, 300 if self.chance.random() < 0.05 else 3])
        while count > 0:
            self._check(desk, log, self.circuit.write(desk.disk, desk.pen, log, min(count, 100), at))
            count -= 100

    def erase(self, desk: Desk, at: int) -> None:
        """Erase a part of a log of one's own, or some of it that is not written yet, or of somebody else's in vain."""
        whose = desk.pen if self.chance.random() < 0.8 else self.chance.choice(self.circuit.members)
        log = self.chance.choice([1, 1, 2])
        head, _, _ = desk.disk.head(whose.device, log)
        first = self.chance.randint(1, head + 3)
        span = (whose.device, log, first, self.chance.randint(first, head + 5))
        self._say(desk, at, Erase([span]))

    def checkpoint(self, desk: Desk, at: int) -> None:
        """Restate what holds of one's own catalog, each part perhaps under a signature of its own; or leave off."""
        bodies = pages.checkpoint_bodies(self.chance, self.live(desk))
        kinds = [Kind.CHECKPOINT] * (len(bodies) - 1) + [Kind.CHECKPOINT_END]
        parts = [(int(kind), body) for kind, body in zip(kinds, bodies, strict=True)]
        if self.chance.random() < 0.1:
            parts.pop(self.chance.randrange(len(parts)))
        if self.chance.random() < 0.5:
            for part in parts:
                self._check(desk, 1, self.circuit.append(desk.disk, desk.pen, 1, at, [part]))
        elif parts:
            self._check(desk, 1, self.circuit.append(desk.disk, desk.pen, 1, at, parts))

    def live(self, desk: Desk) -> list[tuple[int, object]]:
        """Return what of a node's own catalog has to be restated: (first stated, statement)."""
        row = desk.disk.db.execute(
            "SELECT ref, base, seq FROM log WHERE author = ? AND log = 1", (desk.pen.device,)
        ).fetchone()
        said = read_log(desk.disk.db, row[0], row[1], row[2]) if row else []
        return [(each.stamp, each.statement) for each in live(said, [])]

    def remove(self, desk: Desk, at: int) -> None:
        """Remove a member, with cuts at what this node holds, or below; it counts where a steward says so."""
        whom = self.chance.choice(self.circuit.members[1:])
        devices = [key for (key,) in desk.disk.db.execute("SELECT key FROM device WHERE member = ?", (whom.id,))]
        self._say(desk, at, Remove(whom.id, [cut for key in sorted(devices) for cut in self.cuts(desk, key)]))

    def cuts(self, desk: Desk, device: bytes) -> list[Cut]:
        """Return cuts for the logs of a device; some are lower, at an entry that nobody signed, or missing."""
        cuts = []
        for log in Log:
            seq, identity, _ = desk.disk.head(device, log)
            if seq > 1 and self.chance.random() < 0.3:
                seq = self.chance.randint(1, seq)
                identity = desk.disk.ids(device, log, [seq])[0] or NO_ID
            if identity not in (b"", NO_ID) and self.chance.random() < 0.9:
                cuts.append(Cut(device, int(log), seq, identity))
        return cuts

    def enrol(self, desk: Desk, at: int) -> None:
        """Take a second laptop into the member of this desk."""
        member, laptop = self._member(desk.pen), self._laptop(desk.pen)
        key = invite_key(f"ticket of {laptop.name}")
        proof = key.sign("enrol", proof_of_enrolment(self.circuit.id, member.id, laptop.keys_stated))
        said = Enrol(member.id, laptop.keys_stated, key.public, proof)
        if self._say(desk, at, Ticket(key.public, at)) and self.circuit.say(desk.disk, laptop, at, said) is None:
            self.arrive(laptop, desk)
            self._say(desk, at, Certify(laptop.device))

    def retire(self, desk: Desk, at: int) -> None:
        """Retire a device of the same member, maybe this one, with an heir."""
        query = "SELECT key FROM device WHERE member = ? ORDER BY position"
        devices = [key for (key,) in desk.disk.db.execute(query, (self._member(desk.pen).id,))]
        if devices:
            whom, heir = self.chance.choice(devices), self.chance.choice([*devices, NO_ID])
            self._say(desk, at, Retire(whom, self.cuts(desk, whom), heir))

    def recover(self, desk: Desk, at: int) -> None:
        """Begin anew with the recovery words of a member, on what this desk, somebody else's, holds."""
        member = self.chance.choice(self.circuit.members)
        laptop = self._laptop(member)
        devices = [key for (key,) in desk.disk.db.execute("SELECT key FROM device WHERE member = ?", (member.id,))]
        cuts = [cut for key in sorted(devices) for cut in self.cuts(desk, key)]
        number = self.chance.choice([1, 1, 2])
        text = proof_of_recovery(self.circuit.id, member.id, number, laptop.keys_stated, cuts)
        said = Recover(member.id, number, laptop.keys_stated, cuts, member.words.sign("recover", text))
        if self.circuit.say(desk.disk, laptop, at, said) is None:
            self.arrive(laptop, desk)

    def _member(self, pen: Pen) -> Pen:
        return pen.member if isinstance(pen, Laptop) else pen

    def _laptop(self, pen: Pen) -> Laptop:
        self._laptops += 1
        return Laptop(self._member(pen), f"{pen.name} again {self._laptops}")

    def _say(self, desk: Desk, at: int, *statements: object) -> bool:
        refusal = self.circuit.say(desk.disk, desk.pen, at, *statements)
        self._check(desk, 0, refusal)
        return refusal is None

    def _check(self, desk: Desk, log: int, refusal: str | None) -> None:
        """Who may write can: only a limit, or not being a member, keeps an entry out of its writer's own log."""
        barred = desk.disk.limited(desk.pen.device, log) or not desk.disk.standing(desk.pen.device)
        assert refusal is None or barred, f"{desk.name} could not write its own log {log}: {refusal}"
