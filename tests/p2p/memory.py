"""A store in memory that takes the logs of anybody: quick enough for circuits of thousands of logs.

It knows forks, limits, absent payloads and checkpoints of one run, each in the simplest way that the protocol allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from foodhub.log.encoding import NO_ID
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof, check_fork, prove_fork
from foodhub.log.frontier import Item
from foodhub.log.header import VERSION, Kind, Log, payload_hash
from foodhub.log.run import MAX_ENTRIES, MAX_RUN_BYTES, CheckedRun, Line, Run
from foodhub.p2p.lacking import Payload, Wanted
from foodhub.store.forks import as_run

CIRCUIT = b"circuit".ljust(32, b".")
Place = tuple[bytes, int]
"""(author, log)"""
CHECKPOINT = {Kind.CHECKPOINT, Kind.CHECKPOINT_END}


@dataclass(slots=True)
class Kept:
    """One entry of a log in memory; one that a checkpoint passed over has no id."""

    kind: int
    timestamp: int
    size: int
    hash: bytes
    payload: bytes | None
    id: bytes
    signature: bytes | None = None


@dataclass
class MemoryShelf:
    """A store in memory that takes the logs of anybody, or of `known` authors."""

    circuit: bytes = CIRCUIT
    known: set[bytes] | None = None
    logs: dict[Place, list[Kept]] = field(default_factory=dict)
    order: list[Place] = field(default_factory=list)
    """One item for each run taken: which log it was of."""
    forks: dict[Place, ForkProof] = field(default_factory=dict)
    begins: dict[Place, int] = field(default_factory=dict)
    """Where the last checkpoint begins."""

    # Reading

    def limit(self, place: Place) -> int:
        return self.forks[place].one.first if place in self.forks else 0

    def head(self, place: Place) -> int:
        """The seq of the last entry that counts."""
        kept, limit = self.logs.get(place, []), self.limit(place)
        upto = min(len(kept), limit - 1) if limit else len(kept)
        while upto and not (kept[upto - 1].signature or self._named(place, upto, kept[upto - 1].id)):
            upto -= 1
        return upto

    def _named(self, place: Place, seq: int, identity: bytes) -> bool:
        return self.limit(place) == seq + 1 and self.forks[place].one.backlink == identity

    def frontier(self) -> list[Item]:
        items = []
        for place, kept in self.logs.items():
            head, limit = self.head(place), self.limit(place)
            if head or limit:
                items.append(Item(*place, head, kept[head - 1].id if head else NO_ID, limit))
        return items

    def read_run(
        self, author: bytes, log: int, after: int, most: int = MAX_RUN_BYTES
    ) -> tuple[Run, list[bytes]] | None:
        place = (author, log)
        after = max(after, self.begins.get(place, 1) - 1)
        head = self.head(place)
        rows = self.logs.get(place, [])[after : min(after + MAX_ENTRIES, head)]
        end = size = 0
        for index, row in enumerate(rows, 1):
            size += row.size
            if size <= most and (row.signature or self._named(place, after + index, row.id)):
                end = index
        return (self._run(place, after, end), [row.payload or b"" for row in rows[:end]]) if end else None

    def _run(self, place: Place, after: int, count: int) -> Run:
        kept = self.logs[place]
        rows = kept[after : after + count]
        lines: list[Line] = []
        before = 0
        for row in rows:
            lines.append((row.kind, row.timestamp - before, row.size, row.hash))
            before = row.timestamp
        return Run(VERSION, *place, after + 1, self._id(place, after), lines, rows[-1].signature or b"")

    def _id(self, place: Place, seq: int) -> bytes:
        return self.logs[place][seq - 1].id if seq else b""

    def ids_at(self, author: bytes, log: int, seqs: Sequence[int]) -> list[bytes]:
        head = self.head((author, log))
        return [self._id((author, log), seq) if seq <= head else b"" for seq in seqs]

    def read_branch(self, author: bytes, log: int, after: int) -> Run | None:
        rows = self.logs.get((author, log), [])[after : after + MAX_ENTRIES]
        count = next((n for n, row in enumerate(rows, 1) if row.signature), 0)
        return self._run((author, log), after, count) if count else None

    def fork_proofs(self, logs: Sequence[Place]) -> list[ForkProof]:
        return [self.forks[place] for place in logs if place in self.forks]

    def wanted(self, most: int) -> list[Wanted]:
        found: dict[Place, list[int]] = {}
        for place, kept in self.logs.items():
            for seq, row in enumerate(kept[: self.head(place)], 1):
                if row.payload is None and row.id and row.size <= most:
                    most -= row.size
                    found.setdefault(place, []).append(seq)
        return [(*place, seqs) for place, seqs in found.items()]

    def payloads_at(self, places: Sequence[Wanted], most: int) -> list[Payload]:
        found: list[Payload] = []
        for author, log, seqs in places:
            for seq in seqs:
                payload = self.logs[author, log][seq - 1].payload if seq <= self.head((author, log)) else None
                if payload is not None and len(payload) <= most:
                    most -= len(payload)
                    found.append((author, log, seq, payload))
        return found

    def size(self) -> int:
        """How many entries lie here."""
        return sum(map(len, self.logs.values()))

    def copy(self) -> "MemoryShelf":
        logs = {place: [replace(row) for row in log] for place, log in self.logs.items()}
        return MemoryShelf(self.circuit, self.known, logs, [], dict(self.forks), dict(self.begins))

    # Taking

    def take(self, run: CheckedRun, payloads: Sequence[bytes | None]) -> str | None:
        place = (run.author, run.log)
        head, limit = self.head(place), self.limit(place)
        if self.known is not None and run.author not in self.known:
            return "unknown_author"
        if run.first > head + 1:
            return self._jump(run, payloads, head)
        kept = self.logs.get(place, [])
        skip = min(head + 1 - run.first, len(run.ids))
        ours = [kept[run.first - 1 + n].id for n in range(skip)]
        if ours != run.ids[:skip] or ((kept or run.backlink) and self._id(place, run.first - 1) != run.backlink):
            return self._part(run)
        if skip == len(run.ids):
            return None
        if limit and run.last >= limit:
            return "above_limit"
        if not run.signature and not self._named(place, run.last, run.ids[-1]):
            return "unsigned"
        return self._keep(run, payloads, kept[: run.first - 1 + skip], skip)

    def _jump(self, run: CheckedRun, payloads: Sequence[bytes | None], head: int) -> str | None:
        if run.log != Log.CATALOG or run.kinds[0] not in CHECKPOINT:
            return "gap"
        kept = self.logs.get((run.author, run.log), [])[:head]
        kept += [Kept(0, 0, 0, b"", None, b"") for _ in range(run.first - 1 - head)]
        kept[-1].id = run.backlink
        kept[-1].payload = b"passed over"
        return self._keep(run, payloads, kept, 0)

    def _keep(self, run: CheckedRun, payloads: Sequence[bytes | None], before: list[Kept], skip: int) -> str | None:
        for kind, size, expected, payload in zip(run.kinds, run.sizes, run.hashes, payloads, strict=True):
            if payload is None and not (kind == Kind.ERASABLE or run.log == Log.TRADE):
                return "payload_missing"
            if payload is not None and (len(payload), payload_hash(payload)) != (size, expected):
                return "bad_payload"
        place = (run.author, run.log)
        rows = zip(run.kinds, run.timestamps, run.sizes, run.hashes, payloads, run.ids, strict=True)
        new = [Kept(*row) for row in rows][skip:]
        new[-1].signature = run.signature or None
        self.logs[place] = before
        self.logs[place] += new
        if run.log == Log.CATALOG and Kind.CHECKPOINT_END in run.kinds:
            self.begins[place] = run.first + next(n for n, kind in enumerate(run.kinds) if kind in CHECKPOINT)
        self.order.append(place)
        return None

    def _part(self, run: CheckedRun) -> str:
        if self._id((run.author, run.log), run.first - 1) != run.backlink or not run.signature:
            return "branched"
        return "branched" if self.take_branch(as_run(run)) else "forked"

    def take_branch(self, run: Run) -> str | None:
        at = run.first
        while at < run.first + len(run.lines) and (ours := self.read_branch(run.author, run.log, at - 1)):
            if proof := prove_fork(self.circuit, ours, run):
                self.take_forks([proof])
                return None
            at += len(ours.lines)
        return "bad_fork"

    def take_forks(self, proofs: Sequence[ForkProof]) -> list[str | None]:
        return [self._take_fork(proof) for proof in proofs]

    def _take_fork(self, proof: ForkProof) -> str | None:
        try:
            fork = check_fork(self.circuit, proof)
        except PeerFault as fault:
            return fault.code
        place = (fork.author, fork.log)
        if 0 < self.limit(place) <= fork.seq:
            return "known"
        self.forks[place] = proof
        self.logs.setdefault(place, [])
        return None

    def take_payloads(self, payloads: Sequence[Payload]) -> int:
        taken = 0
        for author, log, seq, payload in payloads:
            row = self.logs[author, log][seq - 1]
            if row.payload is None and (len(payload), payload_hash(payload)) == (row.size, row.hash):
                row.payload = payload
                taken += 1
        return taken
