"""Keeps a network process running on the home while the interface is open: another's if there is one, else a child.

The network process is never loaded here: it is a program of its own, met in the database alone.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from foodhub.errors import FoodhubError
from foodhub.node import live
from foodhub.node.network import network

LOOK_EVERY = 1.0
"""Seconds between two looks at whether the network process still runs."""
TRY_AGAIN = 10.0
"""Seconds between two attempts to start one."""


class Connection:
    """Starts the network process and stops its own at the end; `changed` is called when there is something to say."""

    def __init__(self, home: Path, changed: Callable[[], None]) -> None:
        self.starting = False
        self.error: FoodhubError | None = None
        self._home = home
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep one running; does nothing the second time."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Stop our own network process, if there is one, and wait until it has gone."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _say(self, error: FoodhubError | None, *, starting: bool) -> None:
        self.error, self.starting = error, starting
        self._changed()

    async def _keep(self) -> None:
        while True:
            # What went wrong the last time stays to be read until it goes right.
            self._say(self.error, starting=True)
            try:
                async with network(self._home):
                    self._say(None, starting=False)
                    while await asyncio.to_thread(live.is_running, self._home):  # noqa: ASYNC110 - nothing tells its end
                        await asyncio.sleep(LOOK_EVERY)
            except FoodhubError as error:
                self._say(error, starting=False)
                await asyncio.sleep(TRY_AGAIN)
