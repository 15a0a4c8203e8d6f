"""Bad members: each has a device of the circuit and breaks one promise, again and again, while it answers otherwise.

They hold what everybody holds; what they hand out is another matter. None of it may stop, mislead or swell an honest
node.
"""

from random import Random

from foodhub.log.frontier import Item
from foodhub.log.run import MAX_RUN_BYTES, Run, write_run
from tests.pens import Paper, Pen, changed
from tests.simulator.disk import Disk
from tests.simulator.node import Node
from tests.simulator.wire import Tamper

FLOOD = 40
"""So often a vandal may say the same thing in a row."""


class BadDisk(Disk):
    """A disk that is read by a bad member; `pen` is its own."""

    pen: Pen
    chance: Random


class Boaster(BadDisk):
    """Claims to have entries that nobody wrote, and other ids and limits than it holds."""

    def frontier(self) -> list[Item]:
        """Return items of which any part may be a lie."""
        return [self._lie(item) if self.chance.random() < 0.3 else item for item in super().frontier()]

    def _lie(self, item: Item) -> Item:
        seq = max(0, item.seq + self.chance.choice([-5, -1, 1, 3, 1000, 2**40]))
        lies = [
            changed(item, seq=seq),
            changed(item, id=self.chance.randbytes(32)),
            changed(item, seq=seq, id=self.chance.randbytes(32)),
            changed(item, author=self.chance.randbytes(32)),
            changed(item, limit=self.chance.randint(1, 2**40)),
            changed(item, seq=0, id=bytes(32), limit=1),
        ]
        return self.chance.choice(lies)


class Forger(BadDisk):
    """Hands out runs that were changed on the way, with signatures that do not fit."""

    def run(self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES) -> Paper | None:
        """Return a run with something wrong in it."""
        found = super().run(author, log, after, most)
        if found is None or self.chance.random() < 0.4:
            return found
        return self._spoil(*found)

    def _spoil(self, run: Run, payloads: list[bytes]) -> Paper:
        kind, delay, size, hashed = run.lines[-1]
        spoiled = [bytes(len(payloads[0])), *payloads[1:]]
        papers: list[Paper] = [
            (changed(run, signature=bytes(64)), payloads),
            (changed(run, signature=b""), payloads),
            (changed(run, lines=[*run.lines[:-1], (kind, delay, size, self.chance.randbytes(32))]), payloads),
            (changed(run, lines=[*run.lines[:-1], (kind, delay + 1, size, hashed)]), payloads),
            (changed(run, author=self.chance.randbytes(32)), payloads),
            (changed(run, first=run.first + 1, backlink=self.chance.randbytes(32)), payloads),
            (run, spoiled),
            (run, payloads[::-1]),
            (run, payloads[:-1]),
            (run, [*payloads, b"more"]),
        ]
        return self.chance.choice(papers)


class Impostor(BadDisk):
    """Writes in the name of others, with its own key."""

    def run(self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES) -> Paper | None:
        """Return a run that its author never wrote, signed by somebody else."""
        found = super().run(author, log, after, most)
        if found is None or author == self.pen.device or self.chance.random() < 0.4:
            return found
        run, payloads = found
        behind, entries = (run.first - 1, run.backlink), _entries(run, payloads)
        signed, _ = write_run(self.circuit, self.pen.keys.signing, log, behind, entries)
        return changed(signed, author=author), payloads


class Smuggler(BadDisk):
    """Replays what it and others wrote in another circuit, at the same places."""

    def run(self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES) -> Paper | None:
        """Return a run that is well signed, but for another circuit."""
        found = super().run(author, log, after, most)
        if found is None or self.chance.random() < 0.4:
            return found
        run, payloads = found
        behind, entries = (run.first - 1, run.backlink), _entries(run, payloads)
        signed, _ = write_run(bytes(32), self.pen.keys.signing, log, behind, entries)
        return signed, payloads


class Miser(BadDisk):
    """Passes entries on without payloads, where one may be absent and where it may not."""

    def run(self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES) -> Paper | None:
        """Return a run with payloads withheld."""
        found = super().run(author, log, after, most)
        if found is None:
            return None
        run, payloads = found
        return run, [payload if self.chance.random() < 0.3 else b"" for payload in payloads]


class Sloth(BadDisk):
    """Promises entries and then sends none."""

    def run(self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES) -> Paper | None:
        """Return nothing, most of the time."""
        return super().run(author, log, after, most) if self.chance.random() < 0.2 else None


def corrupt(node: Node) -> None:
    """Make a node bad, in one of the ways that there are."""
    node.honest = False
    kind = node.chance.choice([*KINDS, None])
    if kind is None:
        node.tamper = vandal(node.chance)
        return
    disk = kind(node.disk.circuit)
    node.disk.db.backup(disk.db)
    disk.pen, disk.chance = node.pen, node.chance
    node.disk = disk


KINDS: tuple[type[BadDisk], ...] = (Boaster, Forger, Impostor, Smuggler, Miser, Sloth)


def _entries(run: Run, payloads: list[bytes]) -> list[tuple[int, int, bytes]]:
    time, entries = 0, []
    for (kind, delay, size, _), payload in zip(run.lines, payloads, strict=True):
        time += delay
        entries.append((kind, time, payload or bytes(size)))
    return entries


def vandal(chance: Random) -> Tamper:
    """Return what sends garbage now and then: spoiled, cut, repeated, swallowed or invented frames."""

    def spoil(frame: bytes) -> list[bytes]:
        if chance.random() < 0.9 or not frame:
            return [frame]
        at = chance.randrange(len(frame))
        flipped = frame[:at] + bytes([frame[at] ^ (1 << chance.randrange(8))]) + frame[at + 1 :]
        invented = chance.randbytes(chance.randrange(100))
        return chance.choice(
            [[flipped], [frame[:at]], [frame, frame], [frame] * FLOOD, [], [invented, frame], [frame, invented]]
        )

    return spoil
