"""The sockets below libp2p: addresses read, ports opened, bytes moved by trio.

They are ours because py-libp2p's listener shares its port with any other libp2p program (SO_REUSEPORT) and keeps a task
and a place for every connection it ever accepted, and its dialer sleeps, retries and blocks peers. This module knows no
libp2p. It must never listen where it was not asked to, and never cut a write that has begun: both ends of a connection
count its encrypted messages, and half of one spoils all that follow.
"""

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

import trio

from foodhub.errors import N_, FoodhubError, UsageError

STALL = 20.0
"""Seconds in which a peer must take one message (64 KiB) off the wire, before the connection is given up."""

READ_SIZE = 64 * 1024
"""Bytes asked of the system at once: about one message of Noise."""

SILENCE = (
    ("SO_KEEPALIVE", 1),
    ("TCP_KEEPIDLE", 15),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 30_000),
)
"""Socket options, where the system has them: a peer that vanished without a word (a closed lid) is noticed in 30 s."""


class PortInUse(FoodhubError):  # noqa: N818 - the name says what is the matter
    """Another program listens on that port, be it one that speaks libp2p or not."""

    def __init__(self, address: str) -> None:
        super().__init__(
            "port_in_use",
            N_("The port of {address} is in use by another program."),
            N_("Choose another port with --listen, or stop the other program: it may be a node that runs already."),
            address=address,
        )


class BadAddress(UsageError):  # noqa: N818 - as above
    """What should be listened on is no address of this computer (`elsewhere`), or none that we may listen on."""

    def __init__(self, address: str, *, elsewhere: bool = False) -> None:
        super().__init__(
            "bad_address",
            N_("{address} is no address of this computer.") if elsewhere else N_("Cannot listen on {address}."),
            N_("All that it has is meant by 0.0.0.0, such as: --listen /ip4/0.0.0.0/tcp/4001")
            if elsewhere
            else N_("It should look like /ip4/0.0.0.0/tcp/4001, with a port above 1023."),
            address=address,
        )


class Reason(StrEnum):
    """Why a peer could not be reached: data about the network, for a table or a log."""

    BAD_ADDRESS = "bad_address"
    FULL = "full"
    NO_PROTOCOL = "no_protocol"
    NO_ROUTE = "no_route"
    NOT_A_NODE = "not_a_node"
    NOT_CONNECTED = "not_connected"
    OURSELVES = "ourselves"
    REFUSED = "refused"
    STOPPED = "stopped"
    TIMEOUT = "timeout"
    WRONG_PEER = "wrong_peer"


class Unreachable(Exception):  # noqa: N818 - as above
    """A peer could not be reached; `reason` says why, `target` which address or peer was meant."""

    def __init__(self, reason: Reason, target: str) -> None:
        super().__init__(f"{target}: {reason}")
        self.reason = reason
        self.target = target


@dataclass(frozen=True, slots=True)
class Target:
    """Where to dial, and whose key must be there."""

    address: str
    host: str
    port: int
    peer: str


def read_target(address: str) -> Target:
    """Read an address to dial, such as /ip4/192.0.2.1/tcp/4001/p2p/12D3…; raises Unreachable."""
    match address.split("/"):
        case ["", "ip4" | "ip6" | "dns" | "dns4" | "dns6" as kind, host, "tcp", port, "p2p", peer] if peer:
            if _is_host(kind, host) and _is_port(port) and port != "0":
                return Target(address, host, int(port), peer)
    raise Unreachable(Reason.BAD_ADDRESS, address)


def listening_socket(address: str) -> socket.socket:
    """Open a socket for /ip4/…/tcp/… or /ip6/…/tcp/… that shares its port with nobody; raises PortInUse, BadAddress."""
    match address.split("/"):
        case ["", "ip4" | "ip6" as kind, host, "tcp", port] if _is_host(kind, host) and _is_port(port):
            pass
        case _:
            raise BadAddress(address)
    listening = socket.socket(socket.AF_INET if kind == "ip4" else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        # Lets a restarted node have its port back at once; unlike SO_REUSEPORT, it does not let two programs listen.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == "ip6":
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, int(port)))
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(address) from error
        raise BadAddress(address, elsewhere=error.errno == errno.EADDRNOTAVAIL) from error
    return listening


def listening_address(listening: socket.socket) -> str:
    """The multiaddr of a listening socket, with the port it was given."""
    host, port = listening.getsockname()[:2]
    return f"/{'ip4' if listening.family == socket.AF_INET else 'ip6'}/{host}/tcp/{port}"


def _is_host(kind: str, host: str) -> bool:
    if kind.startswith("dns"):
        return bool(host)
    try:
        return ip_address(host).version == int(kind[2:])
    except ValueError:
        return False


def _is_port(port: str) -> bool:
    return port.isascii() and port.isdecimal() and int(port) < 65_536


class Wire:
    """One TCP connection as libp2p's Noise uses it: one task reads, and Yamux lets one task write at a time."""

    def __init__(self, stream: trio.SocketStream) -> None:
        """Take over a connected stream."""
        self.peer: str | None = None
        """The id proved at the other end, once it is."""
        self.closed = trio.Event()
        self._stream = stream
        self._buffer = bytearray()
        for name, value in SILENCE:
            if (option := getattr(socket, name, None)) is not None:
                with suppress(OSError):
                    stream.setsockopt(socket.SOL_SOCKET if name[:2] == "SO" else socket.IPPROTO_TCP, option, value)

    async def read(self, n: int | None = None) -> bytes:
        """Return `n` bytes, fewer only at the end; raises ConnectionResetError.

        Libp2p asks for two bytes and then for a message: with a buffer that is one system call, and a message that
        comes in a hundred small packets does not use up the library's hundred attempts.
        """
        buffer = self._buffer
        while len(buffer) < (1 if n is None else n):
            try:
                data = await self._stream.receive_some(READ_SIZE)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise ConnectionResetError("connection closed") from error
            if not data:
                break
            buffer += data
        with memoryview(buffer) as view:
            taken = bytes(view[:n])
        del buffer[: len(taken)]
        return taken

    async def write(self, data: bytes) -> None:
        """Write all of it, even when the task is cancelled meanwhile; raises ConnectionResetError."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + STALL) as scope:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise ConnectionResetError("connection closed") from error
        if scope.cancelled_caught:
            await self.cut()
            raise ConnectionResetError("connection closed: the peer takes nothing any more")

    async def close(self) -> None:
        """Close the connection."""
        self.closed.set()
        await self._stream.aclose()

    async def cut(self) -> None:
        """Close the connection at once; a write that waits for the peer fails."""
        self.closed.set()
        await trio.aclose_forcefully(self._stream)

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return host and port of the other end, or nothing when it is gone."""
        try:
            host, port = self._stream.socket.getpeername()[:2]
        except OSError:
            return None
        return host, port
