"""The libp2p stack as we use it: Noise, Yamux, its bookkeeping of connections, and what its errors mean.

Here stands what we set, replace or go around in the library; `swarm` says what is done with it. It must never dial or
listen by itself, and never trust a peer to keep to the windows it was given.
"""

from collections.abc import Callable, Iterator
from typing import cast

from libp2p import create_identity_from_seed
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key
from libp2p.custom_types import TProtocol
from libp2p.io.abc import ReadWriteCloser
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.stream.net_stream import NetStream
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.exceptions import MuxedStreamEOF
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux, YamuxStream
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr

from foodhub.p2p.wire import Reason, Wire

UPGRADE = 5
"""Seconds in which a new connection must prove its key and agree on Yamux, and a new stream on its protocol."""

WINDOW = 4 * 1024 * 1024
"""What a peer may send ahead on a stream: enough that a fast link is never empty."""

CREDIT = 64 * 1024
"""Bytes read after which the peer may send as many more: py-libp2p gives up a stream that got no credit for 5 s."""

PIECE = 65_507
"""With the header of Yamux this fills one message of Noise, which a cancelled task can't cut in the middle."""


class YamuxBytes:
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
        """Return what has come, b"" at the clean end."""
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
        """Write all of it."""
        await self._yamux.write(cast(bytes, data))

    async def finish(self) -> None:
        """Say that nothing more will be written."""
        await self._stream.close()

    async def abort(self) -> None:
        """Reset both directions."""
        await self._stream.reset()


class Presence(INotifee):
    """Says when a peer has got its first connection and when it has lost its last."""

    def __init__(self, swarm: Swarm, changed: Callable[[str, bool], None]) -> None:
        self._swarm = swarm
        self._changed = changed
        self._present: set[str] = set()

    async def connected(self, _: INetwork, conn: INetConn) -> None:
        """Tell of a peer's first connection."""
        peer = str(conn.muxed_conn.peer_id)
        if peer not in self._present:
            self._present.add(peer)
            self._changed(peer, True)

    async def disconnected(self, _: INetwork, conn: INetConn) -> None:
        """Tell of the loss of a peer's last connection."""
        peer = str(conn.muxed_conn.peer_id)
        if peer in self._present and not self._swarm.get_connections(conn.muxed_conn.peer_id):
            self._present.remove(peer)
            self._changed(peer, False)

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        """Nothing to tell."""

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        """Nothing to tell."""

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Nothing to tell."""

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Nothing to tell."""


class _NoDialer(AutoConnector):
    """In the place of the library's own, which dials whomever it has heard of."""

    async def maybe_connect(self) -> None: ...


def make_swarm(seed: bytes, max_connections: int) -> Swarm:
    """The library's bookkeeping of connections: Noise and Yamux, no transport of its own, nobody dialed by itself."""
    identity = create_identity_from_seed(seed)
    peer = ID.from_pubkey(identity.public_key)
    store = PeerStore()
    store.add_key_pair(peer, identity)
    noise = Noise(identity, noise_privkey=create_noise_key().private_key)
    config = ConnectionConfig(
        max_connections=max_connections,
        high_watermark=max_connections,
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


def raw(wire: Wire, initiator: bool) -> RawConnection:
    """Hand one of our sockets to the library; `initiator` if we dialed."""
    return RawConnection(cast(ReadWriteCloser, wire), initiator)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from."""
    yield error
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _causes(inner)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)


def no_route(error: Exception) -> Reason:
    """Say why no socket could be opened."""
    refused = any(isinstance(each, ConnectionRefusedError) for each in _causes(error))
    return Reason.REFUSED if refused else Reason.NO_ROUTE


def no_handshake(error: Exception) -> Reason:
    """Say why a socket that was opened did not become a connection."""
    for each in _causes(error):
        if isinstance(each, PeerIDMismatchesPubkey) or "Peer ID mismatch" in str(each):
            return Reason.WRONG_PEER
        if "Maximum connections" in str(each):
            return Reason.FULL
    return Reason.NOT_A_NODE
