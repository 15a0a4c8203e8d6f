"""Real hosts on loopback: what they carry, whom they refuse, how they stop, and what strangers can't do to them."""

import asyncio
import itertools
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from foodhub.errors import FoodhubError
from foodhub.p2p import swarm
from foodhub.p2p.host import (
    BadAddress,
    FrameStream,
    Host,
    PortInUse,
    Reason,
    StreamClosed,
    Unreachable,
    open_host,
    quiet_libp2p_logging,
)
from foodhub.p2p.wire import STALL
from tests.ports import kept_port

pytestmark = pytest.mark.anyio

LOOPBACK = "/ip4/127.0.0.1/tcp/0"
PROTOCOL = "/foodhub-test/1"
MAX_FRAME = 1024 * 1024
PATIENCE = 60.0
"""Seconds until what has to happen is taken for not happening."""
SOONER = STALL * 0.9
"""Seconds in which a host closes though a peer takes nothing: fewer than after which a connection is given up."""
INTERRUPTED = 7
seeds = (number.to_bytes(32, "big") for number in itertools.count(1))

ECHO = f"""
import asyncio
import signal
from foodhub.p2p.host import open_host, quiet_libp2p_logging

async def echo(stream):
    while (frame := await stream.receive()) is not None:
        await stream.send(frame)

async def main():
    quiet_libp2p_logging()
    async with open_host(seed=bytes(32), listen=["{LOOPBACK}"], protocol="{PROTOCOL}", on_stream=echo,
                         max_frame={MAX_FRAME}) as host:
        print(host.addresses[0], flush=True)
        await asyncio.Event().wait()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
try:
    asyncio.run(main())
except KeyboardInterrupt:
    raise SystemExit({INTERRUPTED})
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    quiet_libp2p_logging()
    yield
    quiet_libp2p_logging()


@pytest.fixture
async def hosts() -> AsyncIterator[Callable[..., Awaitable[Host]]]:
    """Open hosts that the end of the test closes."""
    async with AsyncExitStack() as stack:

        async def start(on_stream: Callable[[FrameStream], Awaitable[None]], **options: Any) -> Host:
            return await stack.enter_async_context(opened(on_stream, **options))

        yield start


def opened(on_stream: Callable[[FrameStream], Awaitable[None]], **options: Any) -> Any:
    """A host on a free port with a key of its own."""
    options = {"seed": next(seeds), "listen": [LOOPBACK], "max_frame": MAX_FRAME, **options}
    return open_host(protocol=PROTOCOL, on_stream=on_stream, **options)


async def echo(stream: FrameStream) -> None:
    while (frame := await stream.receive()) is not None:
        await stream.send(frame)


async def hold(stream: FrameStream) -> None:
    """Keep the stream open and read nothing."""
    await asyncio.Event().wait()


async def joined(one: Host, other: Host) -> FrameStream:
    """A stream from one host to the other."""
    return await one.open_stream(await one.dial(other.addresses[0], PATIENCE))


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.005)


async def answer(stream: FrameStream, frame: bytes) -> bytes | None:
    await stream.send(frame)
    async with asyncio.timeout(PATIENCE):
        return await stream.receive()


@contextmanager
def server(*, reuse_port: bool = False) -> Iterator[socket.socket]:
    """A plain listening socket of another program."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def port_of(host: Host) -> int:
    return int(host.addresses[0].split("/")[4])


@asynccontextmanager
async def echo_process() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A host in a process of its own, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ECHO,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            address = (await process.stdout.readline()).decode().strip()
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_frames_of_every_size_arrive_whole_and_in_order(hosts: Callable[..., Awaitable[Host]]) -> None:
    stream = await joined(await hosts(hold), await hosts(echo))
    sent = [os.urandom(size) for size in (0, 1, 300, 65_503, 65_504, 65_507, 65_508, 200_000, MAX_FRAME, 0, MAX_FRAME)]
    sending = asyncio.create_task(send_all(stream, sent))
    async with asyncio.timeout(PATIENCE):
        assert [await stream.receive() for _ in sent] == sent
    await sending


async def send_all(stream: FrameStream, frames: list[bytes]) -> None:
    for frame in frames:
        await stream.send(frame)


async def test_the_side_that_was_called_may_speak_first(hosts: Callable[..., Awaitable[Host]]) -> None:
    async def greet(stream: FrameStream) -> None:
        await stream.send(b"welcome, " + stream.peer_id.encode())

    caller = await hosts(hold, listen=[])
    stream = await joined(caller, await hosts(greet))
    async with asyncio.timeout(PATIENCE):
        assert await stream.receive() == b"welcome, " + caller.peer_id.encode()
        assert await stream.receive() is None


async def test_what_was_sent_before_a_close_still_arrives(hosts: Callable[..., Awaitable[Host]]) -> None:
    received: list[bytes] = []
    ended = asyncio.Event()

    async def collect(stream: FrameStream) -> None:
        while (frame := await stream.receive()) is not None:
            received.append(frame)
        ended.set()

    stream = await joined(await hosts(hold), await hosts(collect))
    for number in range(40):
        await stream.send(bytes([number]) * 100_000)
    await stream.close()
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    assert [frame[0] for frame in received] == list(range(40))


async def test_a_closed_stream_takes_no_frame_and_gives_none(hosts: Callable[..., Awaitable[Host]]) -> None:
    stream = await joined(await hosts(hold), await hosts(echo))
    await stream.close()
    await stream.close()
    assert await stream.receive() is None
    with pytest.raises(StreamClosed):
        await stream.send(b"too late")


async def test_a_frame_above_our_own_limit_is_a_fault_of_ours(hosts: Callable[..., Awaitable[Host]]) -> None:
    stream = await joined(await hosts(hold, max_frame=100), await hosts(echo))
    with pytest.raises(ValueError, match="101 bytes"):
        await stream.send(bytes(101))
    assert await answer(stream, bytes(100)) == bytes(100)


async def test_a_frame_above_the_limit_of_the_peer_ends_only_its_own_stream(
    hosts: Callable[..., Awaitable[Host]],
) -> None:
    caller, called = await hosts(hold), await hosts(echo, max_frame=1000)
    good, bad = await joined(caller, called), await joined(caller, called)
    assert await answer(bad, bytes(1001)) is None
    with pytest.raises(StreamClosed):
        await bad.send(b"more")
    assert await answer(good, bytes(1000)) == bytes(1000)


async def test_a_reader_too_far_behind_loses_its_stream_and_no_other(hosts: Callable[..., Awaitable[Host]]) -> None:
    first = asyncio.Event()

    async def sleep_on_the_first(stream: FrameStream) -> None:
        if first.is_set():
            await echo(stream)
        first.set()
        await hold(stream)

    caller, called = await hosts(hold), await hosts(sleep_on_the_first)
    stream = await joined(caller, called)
    with pytest.raises(StreamClosed):
        await send_all(stream, [bytes(MAX_FRAME)] * 24)
    assert await answer(await joined(caller, called), b"still there") == b"still there"


async def test_a_fault_in_a_handler_ends_its_stream_and_nothing_else(
    hosts: Callable[..., Awaitable[Host]], caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(stream: FrameStream) -> None:
        if await stream.receive() == b"fail":
            raise ZeroDivisionError
        await stream.send(b"fine")

    caller, called = await hosts(hold), await hosts(fail)
    assert await answer(await joined(caller, called), b"fail") is None
    assert await answer(await joined(caller, called), b"work") == b"fine"
    assert "fault of ours" in caplog.text


@pytest.mark.parametrize("reuse_port", [False, True], ids=["another program", "another libp2p node"])
async def test_a_port_in_use_is_said_at_the_start(reuse_port: bool) -> None:
    with server(reuse_port=reuse_port) as other:
        address = f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}"
        with pytest.raises(PortInUse) as caught:
            async with opened(hold, listen=[LOOPBACK, address]):
                pass
    assert (caught.value.code, caught.value.details) == ("port_in_use", {"address": address})


async def test_a_second_host_on_the_port_of_the_first_is_refused(hosts: Callable[..., Awaitable[Host]]) -> None:
    first = await hosts(hold)
    with pytest.raises(PortInUse):
        await hosts(hold, listen=[f"/ip4/127.0.0.1/tcp/{port_of(first)}"])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:4001",
        "/ip4/127.0.0.1",
        "/ip4/127.0.0.1/tcp/x",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/::1/tcp/0",
        "/ip4/127.0.0.1/udp/0/quic-v1",
        "/ip4/127.0.0.1/tcp/0/ws",
        "/dns4/localhost/tcp/0",
        "/ip4/198.51.100.1/tcp/0",
    ],
)
async def test_what_is_no_address_of_ours_is_refused(address: str) -> None:
    with pytest.raises(BadAddress) as caught:
        async with opened(hold, listen=[address]):
            pass
    assert caught.value.code == "bad_address"


async def test_a_host_listens_where_it_was_asked_to_and_nowhere_else(hosts: Callable[..., Awaitable[Host]]) -> None:
    with kept_port() as free:
        silent, twice = await hosts(hold, listen=[]), await hosts(hold, listen=[LOOPBACK, free, free])
    assert silent.addresses == []
    assert len(twice.addresses) == 2
    assert twice.addresses[1] == f"{free}/p2p/{twice.peer_id}"
    for address in twice.addresses:
        assert await silent.dial(address, PATIENCE) == twice.peer_id
        await silent.disconnect(twice.peer_id)


async def test_the_same_seed_is_the_same_identity() -> None:
    ids = []
    for seed in (bytes(32), bytes(32), b"x" * 32):
        async with opened(hold, seed=seed) as host:
            ids.append(host.peer_id)
    assert ids[0] == ids[1] != ids[2]


async def test_both_sides_learn_who_came_and_who_went(hosts: Callable[..., Awaitable[Host]]) -> None:
    changes: list[tuple[str, bool]] = []
    called = await hosts(hold, on_connection_change=lambda peer, up: changes.append((peer, up)))
    async with opened(hold) as caller:
        await caller.dial(called.addresses[0], PATIENCE)
        assert await caller.dial(called.addresses[0], PATIENCE) == called.peer_id
        assert caller.connected() == [called.peer_id]
        await until(lambda: called.connected() == [caller.peer_id])
        await caller.disconnect(called.peer_id)
        await caller.disconnect(called.peer_id)
        assert caller.connected() == []
        await until(lambda: called.connected() == [])
    assert changes == [(caller.peer_id, True), (caller.peer_id, False)]


async def test_a_fault_in_the_callback_of_connections_is_logged(
    hosts: Callable[..., Awaitable[Host]], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(peer: str, up: bool) -> None:
        raise ZeroDivisionError

    called = await hosts(echo, on_connection_change=fail)
    assert await answer(await joined(await hosts(hold), called), b"on") == b"on"
    assert "ZeroDivisionError" in caplog.text


async def test_the_key_at_the_other_end_must_be_the_one_that_was_named(hosts: Callable[..., Awaitable[Host]]) -> None:
    caller, called, third = await hosts(hold), await hosts(hold), await hosts(hold)
    wrong = called.addresses[0].replace(called.peer_id, third.peer_id)
    assert await failure(caller, wrong) is Reason.WRONG_PEER
    assert caller.connected() == called.connected() == []
    assert await caller.dial(called.addresses[0], PATIENCE) == called.peer_id


async def failure(host: Host, address: str, patience: float = PATIENCE) -> Reason:
    with pytest.raises(Unreachable) as caught:
        await host.dial(address, patience)
    assert caught.value.target == address
    return caught.value.reason


async def test_a_dead_port_is_known_at_once_and_may_be_dialed_again_when_it_lives(
    hosts: Callable[..., Awaitable[Host]],
) -> None:
    caller = await hosts(hold)
    seed = next(seeds)
    with kept_port() as free:
        async with opened(hold, seed=seed, listen=[free]) as called:
            address = called.addresses[0]
        assert await failure(caller, address) is Reason.REFUSED
        await hosts(hold, seed=seed, listen=[free])
    assert address.endswith(await caller.dial(address, PATIENCE))


async def test_a_program_that_is_no_node_is_told_apart_from_one_that_is_silent(
    hosts: Callable[..., Awaitable[Host]],
) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    caller, other = await hosts(hold), await hosts(hold)
    with server() as silent:
        address = f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}/p2p/{other.peer_id}"
        assert await failure(caller, address, 0.2) is Reason.TIMEOUT
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as web:
        address = f"/ip4/127.0.0.1/tcp/{web.sockets[0].getsockname()[1]}/p2p/{other.peer_id}"
        assert await failure(caller, address) is Reason.NOT_A_NODE


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:4001",
        LOOPBACK,
        "/ip4/127.0.0.1/tcp/4001/p2p/",
        "/ip4/127.0.0.1/tcp/4001/p2p/0OIl",
        "/ip4/127.0.0.1/tcp/0/p2p/12D3KooWMbbPVGsZYh3ChQjue712NHHGNybRRXwnuSpezYjGbCDS",
        "/ip4/127.0.0.1/udp/1/quic-v1/p2p/12D3KooWMbbPVGsZYh3ChQjue712NHHGNybRRXwnuSpezYjGbCDS",
    ],
)
async def test_an_address_without_place_or_key_is_not_dialed(
    hosts: Callable[..., Awaitable[Host]], address: str
) -> None:
    assert await failure(await hosts(hold, listen=[]), address) is Reason.BAD_ADDRESS


async def test_we_do_not_call_ourselves(hosts: Callable[..., Awaitable[Host]]) -> None:
    host = await hosts(hold)
    assert await failure(host, host.addresses[0]) is Reason.OURSELVES


async def test_a_stream_needs_a_connection_and_a_common_protocol(hosts: Callable[..., Awaitable[Host]]) -> None:
    caller, called = await hosts(hold), await hosts(hold)
    with pytest.raises(Unreachable, match="not_connected"):
        await caller.open_stream(called.peer_id)
    async with open_host(
        seed=next(seeds), listen=[LOOPBACK], protocol="/other/1", on_stream=hold, max_frame=10
    ) as other:
        await caller.dial(other.addresses[0], PATIENCE)
        with pytest.raises(Unreachable, match="no_protocol"):
            await caller.open_stream(other.peer_id)


async def test_the_same_identity_on_a_new_port_is_found_again(hosts: Callable[..., Awaitable[Host]]) -> None:
    caller, seed = await hosts(hold), next(seeds)
    with kept_port() as free:
        async with opened(echo, seed=seed) as before:
            old = before.addresses
            stream = await joined(caller, before)
        async with asyncio.timeout(PATIENCE):
            assert await stream.receive() is None
        await until(lambda: not caller.connected())
        after = await hosts(echo, seed=seed, listen=[free])
    assert after.addresses != old
    assert await answer(await joined(caller, after), b"again") == b"again"


async def test_places_are_free_again_when_connections_close(hosts: Callable[..., Awaitable[Host]]) -> None:
    called = await hosts(echo, max_connections=1)
    for _ in range(3):
        async with opened(hold, listen=[]) as caller:
            assert await answer(await joined(caller, called), b"next") == b"next"
        await until(lambda: not called.connected())


async def test_a_connection_too_many_is_refused_and_the_others_stay(hosts: Callable[..., Awaitable[Host]]) -> None:
    called = await hosts(echo, max_connections=1)
    stream = await joined(await hosts(hold), called)
    assert await failure(await hosts(hold), called.addresses[0]) is Reason.NOT_A_NODE
    assert await answer(stream, b"mine") == b"mine"


async def test_garbage_and_idle_sockets_keep_nobody_out(hosts: Callable[..., Awaitable[Host]]) -> None:
    called = await hosts(echo)
    noise = [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(5000), b"\x13/multistream/1.0.0\n" + os.urandom(500)]
    idle = swarm.UNPROVED + 20
    sockets = [socket.create_connection(("127.0.0.1", port_of(called))) for _ in range(idle)]
    try:
        for number, each in enumerate(sockets[-20:]):
            each.sendall(noise[number % len(noise)])
        assert await answer(await joined(await hosts(hold), called), b"hello") == b"hello"
        assert len(called._node._unproved) <= swarm.UNPROVED
    finally:
        for each in sockets:
            each.close()


async def test_a_peer_may_open_so_many_streams_and_no_more(hosts: Callable[..., Awaitable[Host]]) -> None:
    caller, called = await hosts(hold), await hosts(echo)
    streams = [await joined(caller, called) for _ in range(swarm.STREAMS_PER_PEER)]
    assert [await answer(stream, b"?") for stream in streams] == [b"?"] * swarm.STREAMS_PER_PEER
    assert await refused(caller, called.peer_id)
    assert [await answer(stream, b"!") for stream in streams] == [b"!"] * swarm.STREAMS_PER_PEER
    await streams[0].close()
    await until(lambda: called._node._streams[caller.peer_id] < swarm.STREAMS_PER_PEER)
    assert await answer(await joined(caller, called), b"free again") == b"free again"


async def refused(caller: Host, peer: str) -> bool:
    """Whether a stream can't be opened, or ends before it has carried anything."""
    try:
        return await answer(await caller.open_stream(peer), b"?") is None
    except (Unreachable, StreamClosed):
        return True


async def raw_stream(host: Host, peer: str) -> Any:
    """A stream of the library itself, for mischief; its methods belong to the trio thread."""
    connections = [each for each in host._node._swarm.get_connections() if str(each.muxed_conn.peer_id) == peer]
    return await host._thread.call(connections[0].new_stream)


async def test_streams_that_speak_nonsense_end_and_the_host_stays(hosts: Callable[..., Awaitable[Host]]) -> None:
    caller, called = await hosts(hold), await hosts(echo)
    kept = await joined(caller, called)
    for nonsense in (b"\x05\xff\xfe\xfd\xfc\n", b"\xff" * 40, b"\x05abcd\n", b"\x13/multistream/1.0.0\n\x03\xff\xff\n"):
        stream = await raw_stream(caller, called.peer_id)
        await caller._thread.call(stream.write, nonsense)
    await until(
        lambda: sum(called._node._streams.values()) == 2
    )  # the kept one, counted for its peer and its connection
    assert await answer(kept, b"sense") == b"sense"


async def test_streams_that_never_speak_take_no_more_than_their_places(
    hosts: Callable[..., Awaitable[Host]],
) -> None:
    caller, called = await hosts(hold), await hosts(echo)
    kept = await joined(caller, called)
    for _ in range(3 * swarm.STREAMS_PER_CONNECTION):
        await raw_stream(caller, called.peer_id)
    assert await answer(kept, b"here") == b"here"
    assert max(called._node._streams.values()) == swarm.STREAMS_PER_CONNECTION
    assert await answer(await joined(await hosts(hold), called), b"and I") == b"and I"


async def test_a_peer_that_sends_beyond_its_windows_is_disconnected(hosts: Callable[..., Awaitable[Host]]) -> None:
    caller, called = await hosts(hold), await hosts(echo)
    await joined(caller, called)
    identify = caller._node._swarm.get_connections()[0].muxed_conn.peer_id, ["/ipfs/id/1.0.0"]
    stream: Any = await caller._thread.call(caller._node._host.new_stream, *identify)  # type: ignore[arg-type]
    stream.muxed_stream.send_window = 10 * swarm.UNREAD
    flood = asyncio.create_task(caller._thread.call(stream.write, bytes(swarm.UNREAD + MAX_FRAME)))
    await until(lambda: not called.connected())
    await asyncio.wait({flood})
    assert flood.done()


async def test_a_killed_peer_is_noticed_at_once(hosts: Callable[..., Awaitable[Host]]) -> None:
    changes: list[bool] = []
    caller = await hosts(hold, on_connection_change=lambda _peer, up: changes.append(up))
    async with echo_process() as (process, address):
        stream = await caller.open_stream(await caller.dial(address, PATIENCE))
        assert await answer(stream, bytes(MAX_FRAME)) == bytes(MAX_FRAME)
        process.send_signal(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            assert await stream.receive() is None
        await until(lambda: changes == [True, False])
    with pytest.raises(StreamClosed):
        await stream.send(b"anyone?")


async def test_a_peer_that_has_fallen_asleep_does_not_hold_up_the_end() -> None:
    async with echo_process() as (process, address):
        async with opened(hold) as caller:
            stream = await caller.open_stream(await caller.dial(address, PATIENCE))
            process.send_signal(signal.SIGSTOP)
            filling = asyncio.create_task(flood(stream))
            await until(lambda: stream._outbox._put - stream._outbox._written > MAX_FRAME)
            began = time.monotonic()
        assert time.monotonic() - began < SOONER
        async with asyncio.timeout(PATIENCE):
            await filling


async def test_an_interrupted_host_says_goodbye_and_nothing_else() -> None:
    async with echo_process() as (process, address), opened(hold) as caller:
        stream = await caller.open_stream(await caller.dial(address, PATIENCE))
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            assert await stream.receive() is None
            _, errors = await process.communicate()
    assert (process.returncode, errors) == (INTERRUPTED, b"")


async def test_a_host_closes_quickly_and_quietly_while_frames_fly(capfd: pytest.CaptureFixture[str]) -> None:
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(opened(echo)) for _ in range(3)]
        async with opened(echo) as called:
            streams = [await joined(caller, called) for caller in callers for _ in range(2)]
            flying = [asyncio.create_task(flood(stream)) for stream in streams]
            await until(lambda: all(stream._inbox._taken > 2 * MAX_FRAME for stream in streams))
            began = time.monotonic()
        assert time.monotonic() - began < SOONER
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*flying)
    assert capfd.readouterr() == ("", "")


async def flood(stream: FrameStream) -> None:
    """Send and receive until the stream ends, which must not be an error."""

    async def send() -> None:
        try:
            while True:
                await stream.send(bytes(100_000))
        except StreamClosed:
            pass

    sending = asyncio.create_task(send())
    while await stream.receive() is not None:
        pass
    await sending


async def test_a_cancelled_host_closes_all_the_same(hosts: Callable[..., Awaitable[Host]]) -> None:
    called = await hosts(echo)
    dialed = asyncio.Event()

    async def run() -> None:
        async with opened(hold) as host:
            await joined(host, called)
            dialed.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await dialed.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not called.connected())


async def test_a_closed_host_leaves_no_thread_and_no_socket_behind() -> None:
    before = set(threading.enumerate())
    async with opened(echo) as called, opened(hold) as caller:
        stream = await joined(caller, called)
        assert await answer(stream, b"x") == b"x"
        port = port_of(called)
    assert set(threading.enumerate()) <= before
    with socket.socket() as again, pytest.raises(ConnectionRefusedError):
        again.connect(("127.0.0.1", port))
    with pytest.raises(Unreachable, match="stopped"):
        await caller.dial(called.addresses[0], PATIENCE)
    with pytest.raises(StreamClosed):
        await stream.send(b"y")


async def test_calls_under_way_end_when_the_host_closes() -> None:
    with server() as silent:
        async with opened(hold) as other, opened(hold) as caller:
            address = f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}/p2p/{other.peer_id}"
            dialing = asyncio.create_task(failure(caller, address, 60))
            await until(lambda: caller._node._calls)
        assert await dialing is Reason.STOPPED


async def test_a_call_that_its_caller_gives_up_leaves_the_host_in_order(hosts: Callable[..., Awaitable[Host]]) -> None:
    came: list[FrameStream] = []

    async def count(stream: FrameStream) -> None:
        came.append(stream)
        await echo(stream)

    caller, called = await hosts(hold), await hosts(count)
    peer = await caller.dial(called.addresses[0], PATIENCE)
    for _ in range(3):
        opening = asyncio.create_task(caller.open_stream(peer))
        await asyncio.sleep(0)
        opening.cancel()
    await until(lambda: len(came) == 3 and not called._node._streams)
    assert await answer(await caller.open_stream(peer), b"still") == b"still"


async def test_many_streams_in_turn_leave_nothing_behind(hosts: Callable[..., Awaitable[Host]]) -> None:
    caller, called = await hosts(hold), await hosts(echo)
    for _ in range(30):
        stream = await joined(caller, called)
        assert await answer(stream, b"x") == b"x"
        await stream.close()
    for host in (caller, called):
        (connection,) = host._node._swarm.get_connections()
        await until(lambda kept=connection.muxed_conn: not kept.streams and not kept.stream_buffers)  # type: ignore[misc]
        await until(lambda kept=connection.muxed_conn: not kept.stream_events)  # type: ignore[misc]
        assert not host._node._streams


async def test_a_failure_of_libp2p_ends_the_block_and_says_so() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def run() -> None:
        async with opened(hold) as host:
            host._thread._portal.call(host._node._tasks.start_soon, fail)
            await asyncio.Event().wait()

    with pytest.raises(FoodhubError) as caught:
        await run()
    assert caught.value.code == "network_failed"


async def test_nothing_of_libp2p_reaches_stderr_and_a_handler_gets_its_warnings(
    hosts: Callable[..., Awaitable[Host]], capfd: pytest.CaptureFixture[str]
) -> None:
    quiet_libp2p_logging(heard := Heard())
    caller, called = await hosts(hold), await hosts(hold)
    await failure(caller, called.addresses[0].replace(called.peer_id, (await hosts(hold)).peer_id))
    assert any(record.name.startswith("libp2p") for record in heard.records)
    assert capfd.readouterr() == ("", "")


def test_what_libp2p_says_to_the_root_logger_is_diverted_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    quiet_libp2p_logging(heard := Heard())
    for path, message in (
        ("/x/libp2p/network/connection/swarm_connection.py", "theirs"),
        ("/x/foodhub/log.py", "ours"),
    ):
        record = logging.LogRecord("root", logging.WARNING, path, 1, message, None, None)
        logging.getLogger().handle(record)
    assert [record.message for record in caplog.records] == ["ours"]
    assert [record.getMessage() for record in heard.records] == ["theirs"]


class Heard(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
