"""Taking in what arrives on all links: runs queue up and are committed together, few where others write here too.

One transaction for many runs is what makes catching up fast, and short transactions are what lets an own append in
between; a peer learns of its run's fate only after the commit.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foodhub.node.application import Node, Transaction
from foodhub.node.exchange import Arrival, held_already, take_runs

log = logging.getLogger(__name__)
ENTRIES_PER_COMMIT = 1024
"""So many at first; then as many as fit into `WORK_SECONDS`, by how long the last ones took."""
FEWEST, MOST = 64, 4096
WORK_SECONDS = 0.015
"""Work inside a transaction; writing it to disk comes on top."""
ALONE_SECONDS = 0.12
"""The same while no other process of this home writes: writing fewer, longer commits to disk costs much less."""
POLITE_SECONDS = 2.0
"""So long commits stay short after another process wrote."""
MANY = 256
"""From so many entries on nobody looks first whether they are held: the transaction finds out by itself."""
Done = Callable[[str | None], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrival: Arrival
    done: Done


class Pace:
    """How many entries go into one commit, learned from how long the last ones took."""

    def __init__(self) -> None:
        self.entries = ENTRIES_PER_COMMIT
        self._polite_until = 0.0

    def learn(self, entries: int, seconds: float, *, others_wrote: bool, now: float) -> None:
        """Take note that so many entries took so long, and whether others wrote before; too few of them say nothing.

        `now` is any clock that only goes forward, in seconds.
        """
        if others_wrote:
            self._polite_until = now + POLITE_SECONDS
        if entries >= FEWEST:
            aim = WORK_SECONDS if now < self._polite_until else ALONE_SECONDS
            fitting = int(entries * aim / max(seconds, 1e-6))
            wanted = fitting if fitting < self.entries else (self.entries + fitting) // 2
            self.entries = max(FEWEST, min(MOST, wanted))


class Intake:
    """The queue in front of the store; `run` serves it."""

    def __init__(self, node: Node) -> None:
        self.pace = Pace()
        self._node = node
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()

    @property
    def busy(self) -> bool:
        """Say whether more waits than is being committed."""
        return not self._queue.empty()

    def put(self, arrival: Arrival, done: Done) -> None:
        """Queue a run; `done` is called with None after its commit, or with the code of why it was refused."""
        self._queue.put_nowait(_Waiting(arrival, done))

    async def run(self) -> None:
        """Commit what comes, in order, until cancelled."""
        while True:
            batch = [await self._queue.get()]
            self._fill(batch)
            for waiting, result in zip(batch, await self._take(batch), strict=True):
                waiting.done(result)

    def _fill(self, batch: list[_Waiting]) -> None:
        entries = last = _entries(batch)
        # Runs come whole, and mostly of one size: the last one is too much as often as one more would have been.
        while entries + last // 2 < self.pace.entries and not self._queue.empty():
            batch.append(self._queue.get_nowait())
            last = len(batch[-1].arrival.run.ids)
            entries += last

    async def _take(self, batch: list[_Waiting]) -> list[str | None]:
        """Commit what is new of a batch; neighbours often tell the same news, and that costs no transaction."""
        if _entries(batch) >= MANY:
            return await self._commit(batch)
        held = await self._node.read(held_already, [waiting.arrival.run for waiting in batch])
        results = iter(await self._commit([waiting for waiting, known in zip(batch, held, strict=True) if not known]))
        return [None if known else next(results) for known in held]

    async def _commit(self, batch: list[_Waiting]) -> list[str | None]:
        """Commit a batch; where that fails, run by run, so that only the one with the fault pays for it."""
        if not batch:
            return []
        try:
            results, seconds = await self._node.write(_timed, [waiting.arrival for waiting in batch])
        except Exception:
            if len(batch) == 1:
                log.exception("a run could not be taken")
                return ["not_taken"]
            return [result for waiting in batch for result in await self._commit([waiting])]
        self.pace.learn(_entries(batch), seconds, others_wrote=self._node.store.others_wrote, now=time.monotonic())
        return results


def _timed(tx: Transaction, arrivals: Sequence[Arrival]) -> tuple[list[str | None], float]:
    """Take runs and fold them; return also how many seconds that took."""
    began = time.perf_counter()
    results = take_runs(tx, arrivals)
    tx.fold.flush()
    return results, time.perf_counter() - began


def _entries(batch: Sequence[_Waiting]) -> int:
    return sum(len(waiting.arrival.run.ids) for waiting in batch)
