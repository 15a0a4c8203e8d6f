"""Runs on their way: sent within the credit that the receiver gave, received within the credit that it granted.

The receiver grants again only after a commit, so what a peer can make us hold is bounded, and its reading never stops.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.frontier import NO_LIMIT
from foodhub.log.header import Log
from foodhub.log.run import MAX_ENTRIES, MAX_RUN_BYTES, CheckedRun, Run, check_run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Command, Commit, Faulty, LoadRun, Progress, Send

WINDOW = 8 * 1024 * 1024
"""Bytes of run frames, unpacked, that may be on the way before the receiver has committed any."""
RUN_ROOM = MAX_RUN_BYTES + 32 * 1024
"""What the frames of one run cost at most: a run is only sent when so much credit is left, so it is never overdrawn."""
PAYLOAD_FRAME = 256 * 1024
ANNOUNCED_BYTES = 1024 * 1024
"""Payload bytes of announcements that may wait for their commit; a round brings what comes beyond."""


class Stretch(NamedTuple):
    """A part of a log that the peer lacks: behind `after`, up to `upto`; nothing of it may reach the peer's `limit`."""

    author: bytes
    log: int
    after: int
    upto: int
    limit: int = NO_LIMIT


class Sending:
    """What the peer lacks, sent run by run; methods return the commands that follow. `owed` counts entries to send."""

    def __init__(self) -> None:
        self.credit = WINDOW
        self.open = False
        self.owed = 0
        self._queue: list[Stretch] = []
        self._loading: Stretch | None = None

    def begin(self, lacking: Sequence[Stretch]) -> list[Command]:
        """Begin to send; logs 0 go first, and within a log number the order is kept."""
        self._queue += sorted(lacking, key=lambda part: part.log)
        self.open = True
        self.owed = sum(part.upto - part.after for part in self._queue)
        return [*([_send(m.Totals(self.owed))] if lacking else []), *self.go_on()]

    def go_on(self) -> list[Command]:
        """Ask for the next run while there is credit; say when all has been sent."""
        if self._loading is not None:
            return []
        if self._queue:
            if self.credit < RUN_ROOM:
                return []
            self._loading = self._queue.pop(0)
            return [LoadRun(self._loading.author, self._loading.log, self._loading.after)]
        if not self.open:
            return []
        self.open = False
        self.owed = 0
        return [_send(m.Sent())]

    def refill(self, size: int) -> list[Command]:
        """Take credit from the peer, never more than the window."""
        self.credit = min(self.credit + size, WINDOW)
        return self.go_on()

    def loaded(self, run: Run | None, payloads: Sequence[bytes]) -> list[Command]:
        """Send the run that was asked for; None when there is none (any more).

        It may begin further on than was asked for, at a checkpoint: what it passes over is not owed any more, and the
        peer is told what is left.
        """
        part, self._loading = self._loading, None
        commands: list[Command] = []
        if part and (run is None or not _may_go(run, part)):
            self.owed -= part.upto - part.after
        elif part and run:
            last = run.first + len(run.lines) - 1
            passed_over = min(run.first - 1, part.upto) - part.after
            self.owed -= min(last, part.upto) - part.after
            if passed_over > 0:
                # Since the items were compared our log may have gone on, to a checkpoint beyond all that was owed.
                commands.append(_send(m.Totals(self.owed + max(min(last, part.upto) - run.first + 1, 0))))
            commands += self._send_run(run, payloads)
            if last < part.upto:
                self._queue.insert(0, part._replace(after=last))
        return commands + self.go_on()

    def _send_run(self, run: Run, payloads: Sequence[bytes]) -> list[Command]:
        parts: list[list[bytes]] = [[]]
        size = 0
        for payload in payloads:
            if parts[-1] and size + len(payload) > PAYLOAD_FRAME:
                parts.append([])
                size = 0
            parts[-1].append(payload)
            size += len(payload)
        packed = [m.write_payloads(part, pack=run.log != Log.TRADE) for part in parts]
        return [self._spend(message) for message in (m.Headers(run), *packed)]

    def _spend(self, message: m.Message) -> Send:
        frame = encode(message)
        self.credit -= m.cost(message, len(frame))
        return Send(frame)


@dataclass(slots=True)
class _Inbox:
    """The run whose headers came and whose payloads are coming; `run` is None while a refused one is skipped."""

    run: CheckedRun | None = None
    log: int = 0
    entries: int = 0
    missing: int = 0
    payloads: list[bytes | None] = field(default_factory=list)
    cost: int = 0


class Receiving:
    """What the peer sends; a bad run is skipped, with what follows it in its log, and the others go on."""

    def __init__(self, circuit: bytes) -> None:
        self.commits = 0
        """What is with the store and not answered yet: a round goes on when there is none of it."""
        self.skipped: set[tuple[bytes, int]] = set()
        self._circuit = circuit
        self._inbox = _Inbox()
        self._granted = WINDOW
        self._announced = 0
        self._coming = False
        self._done = 0
        self._total = 0

    def wait_for(self, change: int) -> None:
        """Count something else that the store has to take before a round goes on."""
        self.commits += change

    def expect(self, entries: int) -> None:
        """Take note of how many entries will come: for the progress bar, and for nothing else.

        While entries are coming it says how many are left, and can only become less: a checkpoint passed some over.
        """
        if self._coming:
            self._total = min(self._total, self._done + entries)
        else:
            self._coming, self._done, self._total = True, 0, entries

    def complete(self) -> list[Command]:
        """Take note that all has been sent, whatever was announced."""
        done, total = self._done, self._total
        self._coming, self._done, self._total = False, 0, 0
        return [Progress(total, total)] if done < total else []

    def frame(self, message: m.Headers | m.Payloads | m.Packed, cost: int, allowed: Sequence[int]) -> list[Command]:
        """Take a frame of a run of one of the logs `allowed`.

        Raises:
            PeerFault: `over_credit`, or `bad_message` for a frame that may not come now.
        """
        self._granted -= cost
        if self._granted < 0:
            raise PeerFault("over_credit")
        if isinstance(message, m.Headers):
            return self._take_headers(message, cost, allowed)
        box = self._inbox
        payloads = m.unpack(message) if isinstance(message, m.Packed) else message.payloads
        if not 0 < len(payloads) <= box.missing or (box.log == Log.TRADE and isinstance(message, m.Packed)):
            raise PeerFault("bad_message")
        box.missing -= len(payloads)
        box.cost += cost
        commands = self._take_payloads(box, payloads)
        if not box.missing:
            self._inbox = _Inbox()
            commands += self._arrived(box)
        return commands

    def _take_headers(self, message: m.Headers, cost: int, allowed: Sequence[int]) -> list[Command]:
        """Check a run's headers; a bad one is told of and skipped."""
        run, count = message.run, len(message.run.lines)
        if self._inbox.missing or not 0 < count <= MAX_ENTRIES:
            raise PeerFault("bad_message")
        self._inbox = _Inbox(None, run.log, count, count, [], cost)
        if (run.author, run.log) in self.skipped:
            return []
        try:
            if run.log not in allowed:
                raise PeerFault("bad_message")
            self._inbox.run = check_run(self._circuit, run)
        except PeerFault as fault:
            return self._skip(run, fault.code)
        return []

    def _take_payloads(self, box: _Inbox, payloads: list[bytes]) -> list[Command]:
        """Put payloads into the box; the first that is not as long as its header says spoils the run."""
        if box.run is None:
            return []
        box.payloads += [payload or None for payload in payloads]
        if _fits(box.run, box.payloads):
            return []
        refused, box.run, box.payloads = box.run, None, []
        return self._skip(refused, "bad_payload")

    def _skip(self, run: Run | CheckedRun, code: str) -> list[Command]:
        self.skipped.add((run.author, run.log))
        return [Faulty(code)]

    def _arrived(self, box: _Inbox) -> list[Command]:
        self._done += box.entries
        self._total = max(self._total, self._done)
        progress = Progress(self._done, self._total)
        if box.run is None:
            return [self._grant(box.cost), progress]
        self.commits += 1
        return [Commit(box.run, box.payloads, box.cost), progress]

    def announced(self, run: CheckedRun, payloads: list[bytes | None]) -> list[Command]:
        """Take an announced run with its payloads; nothing when too many wait already, and a round has to bring it.

        Raises:
            PeerFault: `bad_payload` when the payloads are not those of the run.
        """
        if not (len(payloads) == len(run.ids) and _fits(run, payloads)):
            raise PeerFault("bad_payload")
        size = sum(run.sizes)
        if self._announced + size > ANNOUNCED_BYTES:
            return []
        self.commits += 1
        self._announced += size
        return [Commit(run, payloads, 0)]

    def committed(self, run: CheckedRun, size: int) -> list[Command]:
        """Take note that a run has been dealt with, and give its credit back."""
        self.commits -= 1
        if size:
            return [self._grant(size)]
        self._announced -= sum(run.sizes)
        return []

    def _grant(self, size: int) -> Send:
        self._granted += size
        return _send(m.Credit(size))


def _send(message: m.Message) -> Send:
    return Send(encode(message))


def _may_go(run: Run, part: Stretch) -> bool:
    """Say whether a run brings the peer on, and nothing at or above its limit."""
    last = run.first + len(run.lines) - 1
    return last > part.after and (part.limit == NO_LIMIT or last < part.limit)


def _fits(run: CheckedRun, payloads: Sequence[bytes | None]) -> bool:
    """Say whether the first payloads of a run are as long as its headers say."""
    return all(payload is None or len(payload) == size for payload, size in zip(payloads, run.sizes, strict=False))
