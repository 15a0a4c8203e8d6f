"""How much two nodes have to say to find out that they are equal, or where they differ: the pure session, no sockets.

Counted from the moment when both have proved their devices; what the entries themselves take is counted apart.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, Measurement, below
from benchmarks.homes import START
from foodhub.log.frontier import Item
from foodhub.log.header import Kind, Log
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run, write_run
from foodhub.p2p.commands import CheckStanding, Command, Commit, LoadFrontier, LoadRun, LoadWanted, Send, Settled
from foodhub.p2p.proof import Party
from foodhub.p2p.session import Session

CIRCUIT = bytes(range(32))
PROOF_TAGS = {0, 1}
RUN_TAGS = {7, 8, 9}
"""Messages that prove devices (hello, proof), and those that carry entries (headers, payloads, packed payloads)."""


class Side:
    """One node: a session and a frontier, with just enough behind them to answer what the session asks."""

    def __init__(
        self, items: list[Item], runs: dict[tuple[bytes, int], tuple[Run, list[bytes]]], *, dialer: bool
    ) -> None:
        self.items = {(item.author, item.log): item for item in items}
        self.runs = runs
        names = ("a", "b") if dialer else ("b", "a")
        self.session = Session(
            Party(CIRCUIT, dialer, *names, random.randbytes(32), (SigningKey(random.randbytes(32)),))
        )
        self.ready = False
        self.settled = 0

    def do(self, commands: list[Command]) -> list[bytes]:
        """Carry commands out; return the frames to send."""
        frames: list[bytes] = []
        waiting = list(commands)
        while waiting:
            match waiting.pop(0):
                case Send(frame):
                    frames.append(frame)
                case CheckStanding():
                    self.ready = True
                    waiting += self.session.stand("member")
                case LoadFrontier():
                    waiting += self.session.frontier(list(self.items.values()))
                case LoadRun(author, log, _):
                    waiting += self.session.loaded(*self.runs[author, log])
                case Commit(run, _, size):
                    self.items[run.author, run.log] = Item(run.author, run.log, run.last, run.ids[-1])
                    waiting += self.session.committed(run, size, None)
                case LoadWanted():
                    waiting += self.session.wanted(())
                case Settled():
                    self.settled += 1
        return frames


@dataclass(slots=True)
class Talk:
    """What was said: bytes from the dialer and back to it, bytes of entries both ways, and the dialer's round trips."""

    there: int = 0
    back: int = 0
    entries: int = 0
    trips: int = 0

    def hear(self, there: list[bytes], back: list[bytes]) -> None:
        """Count one round trip."""
        plain = [frame for frame in there if frame[1] not in PROOF_TAGS | RUN_TAGS]
        answer = [frame for frame in back if frame[1] not in PROOF_TAGS | RUN_TAGS]
        self.there += sum(map(len, plain))
        self.back += sum(map(len, answer))
        self.entries += sum(len(frame) for frame in [*there, *back] if frame[1] in RUN_TAGS)
        self.trips += bool(plain and answer)


def converse(a: Side, b: Side) -> Talk:
    """Let the dialer `a` and `b` talk until neither has anything left to say."""
    talk = Talk()
    there, back = a.do(a.session.start()), b.do(b.session.start())
    while there or back:
        back += [answer for frame in there for answer in b.do(b.session.frame(frame))]
        talk.hear(there, back)
        there, back = [answer for frame in back for answer in a.do(a.session.frame(frame))], []
    assert a.settled, "the dialer completed its round"
    assert a.items == b.items
    return talk


def _items(authors: int, logs: int) -> list[Item]:
    found = []
    for _ in range(authors):
        author = random.randbytes(32)
        found += [Item(author, log, random.randrange(1, 500), random.randbytes(32)) for log in range(logs)]
    return found


def equal(_folder: Path, logs: int = 200) -> list[Figure]:
    """Measure two nodes that hold the same logs."""
    items = _items(logs, 1)
    talk = converse(Side(items, {}, dialer=True), Side(items, {}, dialer=False))
    assert talk.entries == 0
    return [
        Figure("equal_bytes", max(talk.there, talk.back), "bytes", below(300), detail=f"{logs} logs; each way"),
        Figure("equal_round_trips", talk.trips, "count", below(2)),
    ]


def _grown(count: int) -> tuple[list[Item], list[Item], dict[tuple[bytes, int], tuple[Run, list[bytes]]]]:
    """Return logs as they are on one node, and one entry longer on the other, and the runs in between."""
    before, after, runs = [], [], {}
    for _ in range(count):
        key = SigningKey(random.randbytes(32))
        payload = random.randbytes(300)
        _, first = write_run(CIRCUIT, key, Log.CATALOG, (0, b""), [(Kind.ERASABLE, START, payload)])
        run, second = write_run(CIRCUIT, key, Log.CATALOG, (1, first.ids[-1]), [(Kind.ERASABLE, START, payload)])
        before.append(Item(key.public, 1, 1, first.ids[-1]))
        after.append(Item(key.public, 1, 2, second.ids[-1]))
        runs[key.public, 1] = run, [payload]
    return before, after, runs


def differing(_folder: Path, logs: int = 10_000, changed: int = 10) -> list[Figure]:
    """Measure two nodes with many logs of which few differ, half of them on either side."""
    common = [
        Item(random.randbytes(32), 1, random.randrange(1, 500), random.randbytes(32)) for _ in range(logs - changed)
    ]
    before, after, runs = _grown(changed)
    half = changed // 2
    a = Side(common + before[:half] + after[half:], runs, dialer=True)
    b = Side(common + after[:half] + before[half:], runs, dialer=False)
    talk = converse(a, b)
    assert talk.entries > changed * 300
    detail = f"both ways; the entries themselves took {talk.entries:,} more"
    return [
        Figure("diff_10_of_10k_bytes", talk.there + talk.back, "bytes", below(20_000), detail=detail),
        Figure("diff_10_of_10k_round_trips", talk.trips, "count", below(4)),
    ]


MEASUREMENTS = (
    Measurement(("equal_bytes", "equal_round_trips"), equal),
    Measurement(("diff_10_of_10k_bytes", "diff_10_of_10k_round_trips"), differing),
)
