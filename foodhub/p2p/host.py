"""A libp2p host for asyncio code: frames to and from peers that are known by their key.

What the rest of foodhub calls; libp2p itself (`swarm`) runs under trio in a thread of its own. It must never listen or
dial where it was not asked to, never write to stderr, and never decide anything about a peer: who they are is the
session's question.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import PurePath
from typing import TypeVar, TypeVarTuple

from foodhub.errors import N_, FoodhubError
from foodhub.p2p.bridge import ServiceEnded, TrioEnded, TrioThread, ending_with, to_the_end, trio_thread
from foodhub.p2p.frames import FrameLimits, FrameStream, StreamClosed
from foodhub.p2p.swarm import Node, Settings
from foodhub.p2p.wire import BadAddress, PortInUse, Reason, Unreachable, listening_socket, read_target

__all__ = [
    "BadAddress",
    "FrameStream",
    "Host",
    "PortInUse",
    "Reason",
    "StreamClosed",
    "Unreachable",
    "open_host",
    "quiet_libp2p_logging",
]

log = logging.getLogger(__name__)

STOPPING = 2.0
"""Seconds that libp2p has to end."""

HANDLERS = 0.3
"""Seconds that a handler of streams has to end by itself when the host closes, and again after it was cancelled."""

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
OnStream = Callable[[FrameStream], Awaitable[None]]
OnConnectionChange = Callable[[str, bool], None]


class Host:
    """A running host; made by `open_host`. Its methods belong to asyncio."""

    def __init__(self, thread: TrioThread, node: Node, present: dict[str, None]) -> None:
        """Take what `open_host` has made."""
        self.peer_id = node.peer_id
        """Our own id, base58."""
        self.addresses = node.addresses()
        """Where we listen, ending in /p2p/ and our id; where we listen on all interfaces, each of them."""
        self._thread = thread
        self._node = node
        self._present = present

    async def dial(self, address: str, timeout: float) -> str:  # noqa: ASYNC109 - it is kept on the trio side
        """Connect to /ip4/…/tcp/…/p2p/ID within `timeout` seconds and return the ID; at once when connected.

        Raises Unreachable. Connected means that the other end has proved the key of that ID.
        """
        return await self._ask(address, self._node.dial, read_target(address), timeout)

    async def open_stream(self, peer_id: str) -> FrameStream:
        """Open a stream to a connected peer; raises Unreachable."""
        opening = asyncio.ensure_future(self._ask(peer_id, self._node.open_stream, peer_id))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise

    async def disconnect(self, peer_id: str) -> None:
        """Close every connection to a peer; harmless when there is none."""
        with suppress(Unreachable):
            await self._ask(peer_id, self._node.disconnect, peer_id)

    def connected(self) -> list[str]:
        """The ids of the connected peers, in the order they came."""
        return list(self._present)

    async def _ask(
        self, target: str, function: Callable[[*Arguments], Awaitable[Result]], *arguments: *Arguments
    ) -> Result:
        try:
            return await self._thread.call(function, *arguments)
        except TrioEnded as error:
            raise Unreachable(Reason.STOPPED, target) from error


def _close_unwanted(opening: asyncio.Future[FrameStream]) -> None:
    """Close a stream whose opening nobody waits for any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().abandon()


class _Events:
    """What happens on the trio side, told on the asyncio side (`swarm.Events`)."""

    def __init__(self, on_stream: OnStream, on_connection_change: OnConnectionChange | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.ready = self.loop.create_future()
        self.present: dict[str, None] = {}
        self._on_stream = on_stream
        self._on_connection_change = on_connection_change or (lambda _peer, _up: None)
        self._handling: set[asyncio.Task[None]] = set()
        self._over = False

    def tell_ready(self) -> None:
        self._tell(self.ready.set_result, None)

    def tell_stream(self, stream: FrameStream) -> None:
        self._tell(self._take, stream)

    def tell_change(self, peer: str, up: bool) -> None:
        self._tell(self._change, peer, up)

    def _tell(self, function: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self.loop.call_soon_threadsafe(function, *arguments)

    def _take(self, stream: FrameStream) -> None:
        task = self.loop.create_task(self._handle(stream))
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)

    async def _handle(self, stream: FrameStream) -> None:
        try:
            await self._on_stream(stream)
        except Exception:
            log.exception("a stream from %s ended with a fault of ours", stream.peer_id)
        finally:
            stream.abandon()

    def _change(self, peer: str, up: bool) -> None:
        if up:
            self.present[peer] = None
        else:
            self.present.pop(peer, None)
        if not self._over:
            try:
                self._on_connection_change(peer, up)
            except Exception:
                log.exception("telling of a connection failed")

    def hush(self) -> None:
        """Tell of no more connections that come or go."""
        self._over = True

    async def settle(self) -> None:
        """Let the handlers of streams, which have all ended, run out; cancel those that do not."""
        for patience in (HANDLERS, HANDLERS):
            if self._handling:
                await asyncio.wait(self._handling, timeout=patience)
            for task in self._handling:
                task.cancel()


@asynccontextmanager
async def open_host(
    *,
    seed: bytes,
    listen: Sequence[str],
    protocol: str,
    on_stream: OnStream,
    max_frame: int,
    max_connections: int = 64,
    on_connection_change: OnConnectionChange | None = None,
) -> AsyncIterator[Host]:
    """Run a host whose Ed25519 key comes from a 32-byte seed, listening on the given multiaddrs and nowhere else.

    Each stream that a peer opens is handed to `on_stream` in a task of its own and closed when that returns.
    `on_connection_change(peer_id, up)` tells of a peer's first connection and of the loss of its last. It says nothing
    when a stream ends while the peer stays connected, as it may by a second connection.
    Raises PortInUse, BadAddress; FoodhubError `network_failed` into the block when libp2p breaks under it.
    """
    events = _Events(on_stream, on_connection_change)
    with ExitStack() as sockets:
        listening = [sockets.enter_context(listening_socket(each)) for each in dict.fromkeys(listen)]
        node = Node(Settings(seed, listening, protocol, FrameLimits(max_frame), max_connections), events)
        async with trio_thread("libp2p") as thread, _serving(thread, node, events):
            yield Host(thread, node, events.present)


@asynccontextmanager
async def _serving(thread: TrioThread, node: Node, events: _Events) -> AsyncIterator[None]:
    """Run the node for the length of a block."""
    service = asyncio.ensure_future(thread.call(node.serve))
    try:
        await asyncio.wait({service, events.ready}, return_when=asyncio.FIRST_COMPLETED)
        if service.done():
            raise ServiceEnded from service.exception()
        with ending_with(service):
            yield
    except ServiceEnded as error:
        raise FoodhubError(
            "network_failed",
            N_("The network part of foodhub stopped because of an error."),
            N_("Start the node again. If it happens again, report what the log says."),
        ) from error
    finally:
        events.hush()
        await to_the_end(_stop(thread, node, events, service))


async def _stop(thread: TrioThread, node: Node, events: _Events, service: asyncio.Future[None]) -> None:
    with suppress(TrioEnded):
        await thread.call(node.stop)
    await asyncio.wait({service}, timeout=STOPPING)
    await events.settle()
    if service.done() and not service.cancelled() and (error := service.exception()):
        log.error("libp2p ended with an error", exc_info=error)


class _Divert(logging.Filter):
    """Takes from the root logger what libp2p writes there, and gives it to a handler."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler

    def filter(self, record: logging.LogRecord) -> bool:
        if "libp2p" not in PurePath(record.pathname).parts:
            return True
        if record.levelno >= logging.WARNING:
            self._handler.handle(record)
        return False


def quiet_libp2p_logging(handler: logging.Handler | None = None) -> None:
    """Send the warnings of libp2p and trio to `handler`, or nowhere, instead of stderr; called before `open_host`."""
    handler = handler or logging.NullHandler()
    for name in ("libp2p", "trio", "multiaddr"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
    root = logging.getLogger()
    for each in [each for each in root.filters if isinstance(each, _Divert)]:
        root.removeFilter(each)
    root.addFilter(_Divert(handler))
    if not root.handlers:
        # Without one, `logging.debug(…)`, which libp2p calls, gives the root logger a handler that writes to stderr.
        root.addHandler(logging.NullHandler())
