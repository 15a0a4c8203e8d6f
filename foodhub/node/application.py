"""The application: one home, opened. Front ends and the network process work through this and nothing below it.

Reading functions of `foodhub.node` take a database connection, writing ones a transaction; `read` and `write` run them.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from foodhub.node.duties import due, perform
from foodhub.node.hat import Hat, choose_hat
from foodhub.node.home import DATABASE, default_home, now
from foodhub.store.database import open_database
from foodhub.store.doorbell import Doorbell
from foodhub.store.store import Store
from foodhub.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
__all__ = ["News", "Node", "Transaction", "default_home", "now", "open_node"]
LOOK_EVERY = 0.05
"""Seconds between two looks for news when no doorbell rings."""


class _Rehearsed(Exception):  # noqa: N818 - no error: it carries a result out of a transaction that is undone
    def __init__(self, result: Any) -> None:
        self.result = result


class Node:
    """An opened home; make it with `open_node`."""

    def __init__(self, home: Path, store: Store) -> None:
        self.home = home
        self.store = store

    async def bring_up_to_date(self, told: Callable[[int, int], None]) -> None:
        """Make the views anew if an older program made them; the old rows can be read meanwhile, writing waits.

        `told` is called again and again with how many entries of how many are done.
        """
        await self.store.bring_up_to_date(told)

    def tell_when_busy(self, told: Callable[[], None], after: float = 1) -> None:
        """Call `told` whenever a write takes longer than `after` seconds: another process may be at it."""
        self.store.busy, self.store.patience = told, after

    async def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a reading function of `foodhub.node`."""
        return await self.store.read(work, *args, **kwargs)

    async def write(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function of `foodhub.node` in one transaction: all of it, or nothing when it raises."""
        return await self.store.write(work, *args, **kwargs)

    async def rehearse(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function under all its rules and undo it; nothing that it signed was seen by anybody."""

        def undone(tx: Transaction) -> None:
            raise _Rehearsed(work(tx, *args, **kwargs))

        try:
            await self.store.write(undone)
        except _Rehearsed as rehearsed:
            return rehearsed.result  # type: ignore[no-any-return]
        raise AssertionError("a rehearsal always ends by undoing")

    async def hat(self, name: str | None = None) -> Hat:
        """Return the member in whose name to act; see `choose_hat` for what it raises."""
        return await self.store.read(choose_hat, name)

    async def do_duties(self) -> int:
        """Do all that is due; return how much that was."""
        done = 0
        while await self.store.read(due):
            step = await self.store.write(perform)
            done += step
            if not step:
                break
        return done

    @asynccontextmanager
    async def news(self) -> AsyncIterator["News"]:
        """Watch the home: the value's `wait` returns when another process, or the network, has changed something."""
        bell = Doorbell(self.home / "bells")
        news = News(self.store, bell)
        loop = asyncio.get_running_loop()
        loop.add_reader(bell.fileno(), news.rang)
        try:
            yield news
        finally:
            loop.remove_reader(bell.fileno())
            bell.close()


class News:
    """Waits for commits of others: by the doorbell, and by a look every 50 ms in case a ring was lost."""

    def __init__(self, store: Store, bell: Doorbell) -> None:
        self._store = store
        self._bell = bell
        self._ring = asyncio.Event()
        self._seen = -1

    def rang(self) -> None:
        """Take note of a ring."""
        self._bell.drain()
        self._ring.set()

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - not an error when it runs out: there is no news
        """Wait for a change; return whether there was one before `timeout` (seconds) ran out.

        Raises:
            FoodhubError: `home_is_newer`: whoever goes on would misread what the newer program writes.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            version = await self._store.data_version()
            if version != self._seen:
                await self._store.require_current()
                self._seen = version
                self._ring.clear()
                return True
            left = LOOK_EVERY if end is None else min(LOOK_EVERY, end - time.monotonic())
            if left <= 0:
                return False
            # Not wait_for: it swallows a cancellation that comes together with the ring, and a SIGTERM would be lost.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._ring.wait()
            self._ring.clear()


@asynccontextmanager
async def open_node(
    home: Path, *, create: bool = False, told: Callable[[int, int], None] | None = None
) -> AsyncIterator[Node]:
    """Open a home for the length of the block; `create` makes it if it is not there.

    Views of an older program are made anew by whoever writes first. With `told` that is done before the block begins,
    and `told` is called again and again with how many entries of how many are done.

    Raises:
        NotSetUpError: nothing is set up there. FoodhubError: it can't be opened.
    """
    if not create:
        # A home that can't be opened is found here, before aiosqlite has a thread that would complain on its own.
        open_database(home / DATABASE).close()
    store = await Store.open(home, create=create)
    try:
        if told is not None:
            await store.bring_up_to_date(told)
        yield Node(home, store)
    finally:
        await store.close()
