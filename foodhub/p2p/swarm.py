"""The trio side of a host: connections and streams by libp2p over our own sockets (`wire`).

Only this module and `stack` below it load libp2p. It must never let an exception leave a stream handler (py-libp2p
would end the whole host), never listen or dial where it was not asked to, and never cancel what the library can't bear
to be cancelled in.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast
from weakref import WeakSet

import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.identity.identify_push.identify_push import ID_PUSH
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.utils.address_validation import expand_wildcard_address
from multiaddr import Multiaddr

from foodhub.p2p.frames import PARTING, FrameLimits, FrameStream, open_frames
from foodhub.p2p.stack import UPGRADE, Presence, YamuxBytes, make_swarm, no_handshake, no_route, raw
from foodhub.p2p.wire import Reason, Target, Unreachable, Wire, listening_address

log = logging.getLogger(__name__)

STREAMS_PER_PEER = 4
"""Streams of our protocol that one peer may keep open to us; one more is reset."""

STREAMS_PER_CONNECTION = 16
"""The same for streams of any kind, those that never say their protocol included."""

UNPROVED = 64
"""Accepted sockets that have not proved a key yet; with one more, the oldest is closed."""

UNREAD = 32 * 1024 * 1024
"""Bytes that may wait inside one connection: py-libp2p does not hold a peer to the windows it was given."""

GOODBYE = 0.7
"""Seconds for telling a peer that we go; then its sockets are closed."""

ANYWHERE = Multiaddr("/ip4/0.0.0.0")
"""Named by the library in its log when an accepted connection comes to nothing."""


class Events(Protocol):
    """Who is told what happens here; called in the trio thread, and must neither wait nor raise."""

    loop: asyncio.AbstractEventLoop

    def tell_ready(self) -> None:
        """Say that peers can come and be called."""

    def tell_stream(self, stream: FrameStream) -> None:
        """Hand over a stream that a peer has opened."""

    def tell_change(self, peer: str, up: bool) -> None:
        """Say that a peer has its first connection, or lost its last."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a host is opened with: a 32-byte seed, open sockets, our protocol's name, limits."""

    seed: bytes
    listening: Sequence[socket.socket]
    protocol: str
    limits: FrameLimits
    max_connections: int


class Node:
    """The trio side of a host: every method runs in the trio thread."""

    def __init__(self, settings: Settings, events: Events) -> None:
        """Prepare; nothing runs or listens before `serve`."""
        self._settings = settings
        self._events = events
        self._swarm = make_swarm(settings.seed, settings.max_connections)
        self._wires: WeakSet[Wire] = WeakSet()
        self._unproved: dict[Wire, None] = {}
        self._streams: Counter[Hashable] = Counter()
        self._calls: set[trio.CancelScope] = set()
        self._listening = trio.CancelScope()
        self._stopping = trio.Event()

    async def serve(self) -> None:
        """Accept and keep connections until `stop`."""
        self._host = self._make_host()
        async with self._host.run(listen_addrs=[]), trio.open_nursery() as self._tasks:
            self._tasks.start_soon(self._listen)
            self._tasks.start_soon(self._watch_memory)
            self._events.tell_ready()
            await self._stopping.wait()
            self._listening.cancel()
            # Before the streams are cancelled: one that writes to a peer that takes nothing ends with its socket only.
            await self._say_goodbye()
            self._tasks.cancel_scope.cancel()

    async def _listen(self) -> None:
        listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in self._settings.listening]
        if listeners:
            with self._listening:
                await trio.serve_listeners(self._accept, listeners, handler_nursery=self._tasks)

    def _make_host(self) -> BasicHost:
        listening = [Multiaddr(listening_address(each)) for each in self._settings.listening]
        swarm, kept = self._swarm, list(self._swarm.notifees)
        host = BasicHost(swarm, addrs_factory=lambda _: listening, disable_identify_address_discovery=True)
        # We answer who asks (identify, ping) but ask nobody, and nobody tells us addresses to remember.
        swarm.notifees[:] = [*kept, Presence(swarm, self._events.tell_change)]
        host.remove_stream_handler(ID_PUSH)
        host.set_stream_handler(TProtocol(self._settings.protocol), self._take_frames)
        swarm.set_stream_handler(partial(self._take_stream, swarm.common_stream_handler))
        return host

    @property
    def peer_id(self) -> str:
        """Our own id, base58."""
        return str(self._swarm.get_peer_id())

    def addresses(self) -> list[str]:
        """The multiaddrs of our sockets, of each interface where one listens on all, ending in /p2p/ and our id."""
        bound = [Multiaddr(listening_address(each)) for each in self._settings.listening]
        return [f"{each}/p2p/{self.peer_id}" for address in bound for each in expand_wildcard_address(address)]

    async def stop(self) -> None:
        """Have `serve` come to its end."""
        self._stopping.set()
        for scope in self._calls:
            scope.cancel()

    async def dial(self, target: Target, seconds: float) -> str:
        """Connect, unless we are connected, and return the peer's id; raises Unreachable."""
        peer = _peer(target.peer, target.address)
        if peer == self._swarm.get_peer_id():
            raise Unreachable(Reason.OURSELVES, target.address)
        with self._call(target.address, seconds):
            if not self._connections(peer):
                await self._connect(target, peer)
        return str(peer)

    async def _connect(self, target: Target, peer: ID) -> None:
        try:
            stream = await trio.open_tcp_stream(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(no_route(error), target.address) from error
        wire = Wire(stream)
        wire.peer = str(peer)
        self._wires.add(wire)
        try:
            await self._swarm.upgrade_outbound_raw_conn(raw(wire, True), peer)
        except BaseException as error:
            await wire.cut()
            if isinstance(error, Exception):
                raise Unreachable(no_handshake(error), target.address) from error
            raise

    async def open_stream(self, name: str) -> FrameStream:
        """Open a stream on the newest connection to a peer; raises Unreachable."""
        with self._call(name, UPGRADE):
            connections = self._connections(_peer(name, name))
            if not connections:
                raise Unreachable(Reason.NOT_CONNECTED, name)
            try:
                stream = await self._agree(cast(SwarmConn, connections[-1]))
            except Exception as error:
                raise Unreachable(Reason.NO_PROTOCOL, name) from error
            face, pump = open_frames(name, YamuxBytes(stream), self._settings.limits, self._events.loop)
            self._tasks.start_soon(pump.run)
        return face

    async def _agree(self, connection: SwarmConn) -> INetStream:
        stream = await connection.new_stream()
        try:
            asked = [TProtocol(self._settings.protocol)]
            await self._host.multiselect_client.select_one_of(asked, MultiselectCommunicator(stream), UPGRADE)
        except BaseException:
            with trio.CancelScope(deadline=trio.current_time() + PARTING, shield=True):
                await stream.reset()
            raise
        return stream

    async def disconnect(self, name: str) -> None:
        """Close what connects us to a peer, politely for a second."""
        await self._part(_peer(name, name))

    async def _part(self, peer: ID) -> None:
        # Not to be cancelled: a connection closed by half stays in the library's books for ever.
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cut_later, str(peer))
                with suppress(Exception):
                    await self._swarm.close_peer(peer)
                nursery.cancel_scope.cancel()

    async def _cut_later(self, name: str) -> None:
        await trio.sleep(GOODBYE)
        for wire in list(self._wires):
            if wire.peer == name:
                await wire.cut()

    async def _say_goodbye(self) -> None:
        async with trio.open_nursery() as nursery:
            for peer in list(self._swarm.connections):
                nursery.start_soon(self._part, peer)
        await self._host.close()

    async def _accept(self, stream: trio.SocketStream) -> None:
        """Keep one accepted socket until it closes; never raises."""
        wire = Wire(stream)
        self._wires.add(wire)
        self._unproved[wire] = None
        try:
            if len(self._unproved) > UNPROVED:
                oldest = next(iter(self._unproved))
                del self._unproved[oldest]
                await oldest.cut()
            muxed = await self._swarm.upgrade_inbound_raw_conn(raw(wire, False), ANYWHERE)
            wire.peer = str(muxed.peer_id)
            self._unproved.pop(wire, None)
            await wire.closed.wait()
        except Exception as error:  # noqa: BLE001 - strangers may send anything
            log.debug("a connection came to nothing: %r", error)
        finally:
            self._unproved.pop(wire, None)

    async def _take_stream(self, negotiate: Callable[[INetStream], Awaitable[None]], stream: INetStream) -> None:
        """Bound the streams of a connection, and let no exception out, which would end the whole host."""
        try:
            with self._place(stream.muxed_conn, STREAMS_PER_CONNECTION):
                await negotiate(stream)
        except Exception as error:  # noqa: BLE001 - strangers may send anything
            log.debug("a stream came to nothing: %r", error)
            with trio.move_on_after(PARTING), suppress(Exception):
                await stream.reset()

    async def _take_frames(self, stream: INetStream) -> None:
        peer = str(stream.muxed_conn.peer_id)
        with self._place(peer, STREAMS_PER_PEER):
            face, pump = open_frames(peer, YamuxBytes(stream), self._settings.limits, self._events.loop)
            self._events.tell_stream(face)
            await pump.run()

    @contextmanager
    def _place(self, holder: Hashable, places: int) -> Iterator[None]:
        """Count a stream while it is open; raises when its holder has too many."""
        if self._streams[holder] >= places:
            raise OverflowError("too many streams")
        self._streams[holder] += 1
        try:
            yield
        finally:
            self._streams[holder] -= 1
            if not self._streams[holder]:
                del self._streams[holder]

    @contextmanager
    def _call(self, target: str, seconds: float) -> Iterator[None]:
        """Bound a call in time and end it when the host stops; raises Unreachable."""
        with trio.move_on_after(seconds) as scope:
            self._calls.add(scope)
            try:
                if self._stopping.is_set():
                    raise Unreachable(Reason.STOPPED, target)
                yield
            finally:
                self._calls.remove(scope)
        if scope.cancelled_caught:
            raise Unreachable(Reason.STOPPED if self._stopping.is_set() else Reason.TIMEOUT, target)

    def _connections(self, peer: ID) -> list[INetConn]:
        """Open connections to a peer, the newest last."""
        return [each for each in self._swarm.get_connections(peer) if not each.is_closed]

    async def _watch_memory(self) -> None:
        while True:
            await trio.sleep(1)
            for connection in self._swarm.get_connections():
                muxed = cast(Yamux, connection.muxed_conn)
                if sum(map(len, muxed.stream_buffers.values())) > UNREAD:
                    log.warning("peer %s sent more than it was allowed to; disconnected", muxed.peer_id)
                    self._tasks.start_soon(self._part, muxed.peer_id)


def _peer(name: str, target: str) -> ID:
    try:
        return ID.from_string(name)
    except Exception as error:
        raise Unreachable(Reason.BAD_ADDRESS, target) from error
