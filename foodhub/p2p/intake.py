"""Taking in what arrives on all links: runs queue up and are committed together, about 25 ms of work at a time.

One transaction for many runs is what makes catching up fast; a peer learns of its run's fate only after the commit.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from foodhub.node.application import Node
from foodhub.node.exchange import Arrival, held_already, take_runs

log = logging.getLogger(__name__)
ENTRIES_PER_COMMIT = 1024
Done = Callable[[str | None], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrival: Arrival
    done: Done


class Intake:
    """The queue in front of the store; `run` serves it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()

    def put(self, arrival: Arrival, done: Done) -> None:
        """Queue a run; `done` is called with None after its commit, or with the code of why it was refused."""
        self._queue.put_nowait(_Waiting(arrival, done))

    async def run(self) -> None:
        """Commit what comes, in order, until cancelled."""
        while True:
            batch = [await self._queue.get()]
            entries = len(batch[0].arrival.run.ids)
            while entries < ENTRIES_PER_COMMIT and not self._queue.empty():
                batch.append(self._queue.get_nowait())
                entries += len(batch[-1].arrival.run.ids)
            held = await self._node.read(held_already, [waiting.arrival.run for waiting in batch])
            fresh = [waiting for waiting, known in zip(batch, held, strict=True) if not known]
            results = iter(await self._commit(fresh))
            for waiting, known in zip(batch, held, strict=True):
                waiting.done(None if known else next(results))

    async def _commit(self, batch: list[_Waiting]) -> list[str | None]:
        """Commit a batch; where that fails, run by run, so that only the one with the fault pays for it."""
        if not batch:
            return []
        try:
            return await self._node.write(take_runs, [waiting.arrival for waiting in batch])
        except Exception:
            if len(batch) == 1:
                log.exception("a run could not be taken")
                return ["not_taken"]
        return [result for waiting in batch for result in await self._commit([waiting])]
