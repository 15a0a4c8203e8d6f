"""The trio side of a host: connections and streams by libp2p over our own sockets (`wire`).

The only module that loads libp2p. Of the library it uses Noise, Yamux, multistream, identify, ping and the bookkeeping
of connections. It must never let an exception leave a stream handler (py-libp2p would end the whole host), never listen
or dial where it was not asked to, and never cancel what the library can't bear to be cancelled in.
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
from libp2p import create_identity_from_seed
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.identity.identify_push.identify_push import ID_PUSH
from libp2p.io.abc import ReadWriteCloser
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.stream.net_stream import NetStream
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.exceptions import MuxedStreamEOF
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux, YamuxStream
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.utils.address_validation import expand_wildcard_address
from multiaddr import Multiaddr

from foodhub.p2p.frames import PARTING, FrameLimits, FrameStream, open_frames
from foodhub.p2p.wire import Reason, Target, Unreachable, Wire, listening_address

log = logging.getLogger(__name__)

STREAMS_PER_PEER = 4
"""Streams of our protocol that one peer may keep open to us; one more is reset."""

STREAMS_PER_CONNECTION = 16
"""The same for streams of any kind, those that never say their protocol included."""

UNPROVED = 64
"""Accepted sockets that have not proved a key yet; with one more, the oldest is closed."""

UPGRADE = 5
"""Seconds in which a new connection must prove its key and agree on Yamux, and a new stream on its protocol."""

UNREAD = 32 * 1024 * 1024
"""Bytes that may wait inside one connection: py-libp2p does not hold a peer to the windows it was given."""

WINDOW = 4 * 1024 * 1024
"""What a peer may send ahead on a stream: enough that a fast link is never empty."""

CREDIT = 64 * 1024
"""Bytes read after which the peer may send as many more: py-libp2p gives up a stream that got no credit for 5 s."""

PIECE = 65_507
"""With the header of Yamux this fills one message of Noise, which a cancelled task can't cut in the middle."""

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


class _YamuxBytes:
    """A Yamux stream as frames need it (`frames.ByteStream`).

    Reading goes past `YamuxStream.read`, which answers every read with a message of credit: for small frames that
    doubles the messages on the wire. Here a wide window is given at the start, and credit by the 64 KiB.
    """

    piece = PIECE

    def __init__(self, stream: INetStream) -> None:
        self._stream = stream
        self._yamux = cast(YamuxStream, cast(NetStream, stream).muxed_stream)
        self._owed = WINDOW - self._yamux.recv_window

    async def read(self) -> bytes:
        if self._owed >= CREDIT:
            owed, self._owed = self._owed, 0
            self._yamux.recv_window += owed
            await self._yamux.send_window_update(owed)
        try:
            data = await self._yamux.conn.read_stream(self._yamux.stream_id, WINDOW)
        except MuxedStreamEOF:
            if self._yamux.conn.event_shutting_down.is_set():
                raise
            return b""
        self._owed += len(data)
        return data

    async def write(self, data: bytes | memoryview) -> None:
        await self._yamux.write(cast(bytes, data))

    async def finish(self) -> None:
        await self._stream.close()

    async def abort(self) -> None:
        await self._stream.reset()


class _Presence(INotifee):
    """Says when a peer has got its first connection and when it has lost its last."""

    def __init__(self, swarm: Swarm, changed: Callable[[str, bool], None]) -> None:
        self._swarm = swarm
        self._changed = changed
        self._present: set[str] = set()

    async def connected(self, _: INetwork, conn: INetConn) -> None:
        peer = str(conn.muxed_conn.peer_id)
        if peer not in self._present:
            self._present.add(peer)
            self._changed(peer, True)

    async def disconnected(self, _: INetwork, conn: INetConn) -> None:
        peer = str(conn.muxed_conn.peer_id)
        if peer in self._present and not self._swarm.get_connections(conn.muxed_conn.peer_id):
            self._present.remove(peer)
            self._changed(peer, False)

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None: ...

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None: ...

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None: ...

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None: ...


class _NoDialer(AutoConnector):
    """In the place of the library's own, which dials whomever it has heard of."""

    async def maybe_connect(self) -> None: ...


def _make_swarm(settings: Settings) -> Swarm:
    """The library's bookkeeping of connections: Noise and Yamux, no transport of its own, nobody dialed by itself."""
    identity = create_identity_from_seed(settings.seed)
    peer = ID.from_pubkey(identity.public_key)
    store = PeerStore()
    store.add_key_pair(peer, identity)
    noise = Noise(identity, noise_privkey=create_noise_key().private_key)
    config = ConnectionConfig(
        max_connections=settings.max_connections,
        high_watermark=settings.max_connections,
        low_watermark=0,
        min_connections=0,
        inbound_upgrade_timeout=UPGRADE,
        outbound_upgrade_timeout=UPGRADE,
        inbound_stream_protocol_negotiation_timeout=UPGRADE,
    )
    upgrader = TransportUpgrader({NOISE: noise}, {TProtocol(YAMUX): Yamux}, UPGRADE)
    swarm = Swarm(peer, store, upgrader, transports=[], connection_config=config)
    swarm.auto_connector = _NoDialer(swarm)
    return swarm


class Node:
    """The trio side of a host: every method runs in the trio thread."""

    def __init__(self, settings: Settings, events: Events) -> None:
        """Prepare; nothing runs or listens before `serve`."""
        self._settings = settings
        self._events = events
        self._swarm = _make_swarm(settings)
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
        swarm.notifees[:] = [*kept, _Presence(swarm, self._events.tell_change)]
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
            raise Unreachable(_no_route(error), target.address) from error
        wire = Wire(stream)
        wire.peer = str(peer)
        self._wires.add(wire)
        try:
            await self._swarm.upgrade_outbound_raw_conn(_raw(wire, True), peer)
        except BaseException as error:
            await wire.cut()
            if isinstance(error, Exception):
                raise Unreachable(_no_handshake(error), target.address) from error
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
            face, pump = open_frames(name, _YamuxBytes(stream), self._settings.limits, self._events.loop)
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
            muxed = await self._swarm.upgrade_inbound_raw_conn(_raw(wire, False), ANYWHERE)
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
            face, pump = open_frames(peer, _YamuxBytes(stream), self._settings.limits, self._events.loop)
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


def _raw(wire: Wire, initiator: bool) -> RawConnection:
    return RawConnection(cast(ReadWriteCloser, wire), initiator)


def _peer(name: str, target: str) -> ID:
    try:
        return ID.from_string(name)
    except Exception as error:
        raise Unreachable(Reason.BAD_ADDRESS, target) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from."""
    yield error
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _causes(inner)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)


def _no_route(error: Exception) -> Reason:
    refused = any(isinstance(each, ConnectionRefusedError) for each in _causes(error))
    return Reason.REFUSED if refused else Reason.NO_ROUTE


def _no_handshake(error: Exception) -> Reason:
    for each in _causes(error):
        if isinstance(each, PeerIDMismatchesPubkey) or "Peer ID mismatch" in str(each):
            return Reason.WRONG_PEER
        if "Maximum connections" in str(each):
            return Reason.FULL
    return Reason.NOT_A_NODE
