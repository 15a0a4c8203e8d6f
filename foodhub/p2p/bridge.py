"""Calls from asyncio into a trio thread, and a service that runs there for the length of a block.

It must never lose the end of a service: a block is left only when what ran for it has stopped, even when the task is
cancelled meanwhile, and it is told when the service fails under it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar, TypeVarTuple

from anyio.from_thread import BlockingPortal, start_blocking_portal

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class TrioEnded(Exception):  # noqa: N818 - the name says what is the matter
    """The trio thread has ended, or ends: the call did not come to its result."""


class ServiceEnded(Exception):  # noqa: N818 - as above
    """A service ended under the block that it was running for."""


class TrioThread:
    """Calls into the trio thread; made by `trio_thread`."""

    def __init__(self, portal: BlockingPortal) -> None:
        """Keep the way in."""
        self._portal = portal

    async def call(self, function: Callable[[*Arguments], Awaitable[Result]], *arguments: *Arguments) -> Result:
        """Run an async function under trio and return or raise what it does; cancelling this cancels it.

        Raises TrioEnded.
        """
        try:
            future = self._portal.start_task_soon(function, *arguments)
        except RuntimeError as error:
            raise TrioEnded from error
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise TrioEnded from None


@asynccontextmanager
async def trio_thread(name: str) -> AsyncIterator[TrioThread]:
    """Keep a trio loop running in a thread of its own; what still runs in it at the end is cancelled."""
    with start_blocking_portal("trio", name=name) as portal:
        try:
            yield TrioThread(portal)
        finally:
            with suppress(RuntimeError):  # trio has ended by itself
                portal.call(portal.stop, True)


@contextmanager
def ending_with(service: asyncio.Future[None]) -> Iterator[None]:
    """Cancel the task in the block when the service ends under it, and raise ServiceEnded in its place."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("not in a task")
    before = task.cancelling()

    def cancel(_: object) -> None:
        task.cancel()

    service.add_done_callback(cancel)
    try:
        yield
    except asyncio.CancelledError:
        if service.done() and task.uncancel() <= before:
            raise ServiceEnded from service.exception()
        raise
    finally:
        service.remove_done_callback(cancel)


async def to_the_end(work: Coroutine[object, object, None]) -> None:
    """Wait for work that must be done even when we are cancelled meanwhile; the cancellation comes after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    await task
