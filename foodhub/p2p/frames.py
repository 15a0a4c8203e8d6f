"""Streams of whole frames between asyncio, where foodhub lives, and the trio thread, where libp2p lives.

A frame crosses once and whole, whatever its size: length prefixes are read and written on the trio side. This module
knows no libp2p; what it needs of a stream is `ByteStream`. It must never let one thread wait for the other: each side
leaves what it has in a queue bounded in bytes, rings the other's bell and goes on.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import trio

PREFIX = 4
"""Bytes of the big-endian length in front of each frame."""

FRAME_COST = 128
"""What a queued frame counts beyond its bytes, so that a flood of empty frames reaches the bound as well."""

BATCH = 256 * 1024
"""Bytes after which the writer stops collecting small frames and writes."""

LINGER = 5.0
"""Seconds that a closed stream waits for the peer to close its side, before it is reset."""

PARTING = 0.5
"""Seconds that the last word on a stream (end or reset) may take: a peer that reads nothing can't hold us longer."""


class StreamClosed(Exception):  # noqa: N818 - the name says what is the matter
    """The stream is gone: closed here or there, reset, or its connection lost."""


class ByteStream(Protocol):
    """What a frame stream stands on; used in the trio thread only."""

    @property
    def piece(self) -> int:
        """Bytes that one write should carry at most."""
        ...

    async def read(self) -> bytes:
        """Return some bytes, or none at the clean end; raise when the stream was reset or lost."""
        ...

    async def write(self, data: bytes | memoryview) -> None:
        """Write all of it; raise when the stream is gone."""
        ...

    async def finish(self) -> None:
        """Say that nothing more will be written; harmless when said twice."""
        ...

    async def abort(self) -> None:
        """Reset both directions; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Bounds in bytes: of one frame, of what waits for our reader, of what waits to be written."""

    frame: int
    incoming: int = 16 * 1024 * 1024
    outgoing: int = 2 * 1024 * 1024


class _LoopBell:
    """Wakes asyncio tasks from the trio thread; rings that come before the wake-up ran cost nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()
        self._rung = False

    def ring(self) -> None:
        if not self._rung:
            self._rung = True
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be woken
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._rung = False
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event.clear()


class _TrioBell:
    """Wakes one trio task from the asyncio thread; made in the trio thread."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._event = trio.Event()
        self._rung = False

    def ring(self) -> None:
        if not self._rung:
            self._rung = True
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._wake)

    def _wake(self) -> None:
        self._rung = False
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event = trio.Event()


class _Inbox:
    """Frames on their way from trio to asyncio.

    Each counter has one writer, so that no lock is needed: trio adds to `_put`, asyncio to `_taken`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, bound: int) -> None:
        self._frames: deque[bytes] = deque()
        self._bell = _LoopBell(loop)
        self._bound = bound
        self._put = 0
        self._taken = 0
        self._ended = False

    def put(self, frame: bytes) -> bool:
        """Trio: queue a frame; false when the reader is too far behind, and nothing was queued."""
        cost = len(frame) + FRAME_COST
        if self._put - self._taken + cost > self._bound + FRAME_COST:
            return False
        if not self._ended:
            self._put += cost
            self._frames.append(frame)
            self._bell.ring()
        return True

    def end(self) -> None:
        """Trio: no frame will follow."""
        self._ended = True
        self._bell.ring()

    def shut(self) -> None:
        """Asyncio: what is queued and what still arrives is of no interest."""
        self.end()
        while self._take() is not None:
            pass

    async def get(self) -> bytes | None:
        """Asyncio: return the next frame, or nothing at the end; one caller at a time."""
        while True:
            ended = self._ended  # looked at first: a frame may be queued and the end said between two lines here
            frame = self._take()
            if frame is not None or ended:
                return frame
            await self._bell.wait()

    def _take(self) -> bytes | None:
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self._taken += len(frame) + FRAME_COST
        return frame


class _Outbox:
    """Frames on their way from asyncio to trio; counters as in `_Inbox`, the other way round."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bound: int) -> None:
        self._frames: deque[bytes] = deque()
        self._room = _LoopBell(loop)
        self._work = _TrioBell()
        self._bound = bound
        self._put = 0
        self._written = 0
        self._closing = False
        self._gone = False

    async def put(self, frame: bytes) -> None:
        """Asyncio: queue a frame, waiting for room; raises StreamClosed."""
        while True:
            if self._closing or self._gone:
                raise StreamClosed
            waiting = self._put - self._written
            if waiting == 0 or waiting + len(frame) <= self._bound:
                break
            await self._room.wait()
        self._put += len(frame) + PREFIX
        self._frames.append(frame)
        self._work.ring()

    def shut(self) -> None:
        """Asyncio: take no more frames."""
        self._closing = True
        self._work.ring()

    async def flushed(self) -> None:
        """Asyncio: after `shut`, wait until all is written or the stream is gone."""
        while not self._gone:
            await self._room.wait()

    async def batch(self) -> bytes:
        """Trio: wait for frames and return some with their prefixes, or nothing when all is written after `shut`."""
        while not self._frames:
            if self._closing and not self._frames:
                return b""
            await self._work.wait()
        parts: list[bytes] = []
        size = 0
        while self._frames and size < BATCH:
            frame = self._frames.popleft()
            parts += (len(frame).to_bytes(PREFIX, "big"), frame)
            size += PREFIX + len(frame)
        return b"".join(parts)

    def wrote(self, size: int) -> None:
        """Trio: so many bytes of a batch are written."""
        self._written += size
        self._room.ring()

    def end(self) -> None:
        """Trio: nothing will be written any more."""
        self._gone = True
        self._room.ring()


class FrameStream:
    """One stream of frames to one peer: a 4-byte big-endian length and the body, both ways.

    Its methods belong to asyncio. One task may receive at a time; any number may send.
    """

    def __init__(self, peer_id: str, inbox: _Inbox, outbox: _Outbox, max_frame: int) -> None:
        """Made by `open_frames` only."""
        self.peer_id = peer_id
        self._inbox = inbox
        self._outbox = outbox
        self._max_frame = max_frame

    async def send(self, frame: bytes) -> None:
        """Queue a frame and return, waiting only while 2 MiB are unsent; raises StreamClosed.

        A frame is queued whole or, when this call is cancelled, not at all. Being queued is no receipt.
        """
        if len(frame) > self._max_frame:
            raise ValueError(f"a frame of {len(frame)} bytes, when {self._max_frame} are allowed")
        await self._outbox.put(frame)

    async def receive(self) -> bytes | None:
        """Return the next frame, or None for ever after the end.

        The end is the peer's close, a reset, a lost connection, a frame above the limit, or a reader here that is more
        than 16 MiB behind.
        """
        return await self._inbox.get()

    async def close(self) -> None:
        """Write what is queued, then end the stream, waiting 5 s at most; safe to call again, and when it is gone."""
        self.abandon()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                await self._outbox.flushed()

    def abandon(self) -> None:
        """Close without waiting for it."""
        self._inbox.shut()
        self._outbox.shut()


class FramePump:
    """The trio half of a FrameStream."""

    def __init__(self, raw: ByteStream, inbox: _Inbox, outbox: _Outbox, max_frame: int) -> None:
        """Made by `open_frames` only."""
        self._raw = raw
        self._inbox = inbox
        self._outbox = outbox
        self._max_frame = max_frame

    async def run(self) -> None:
        """Move frames until the stream ends or this is cancelled; then the stream is closed or reset. Never raises."""
        clean = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                with suppress(Exception):  # reset, lost: how a stream ended is no error here
                    clean = await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._outbox.end()  # first: who has received None must not be able to send any more
            self._inbox.end()
            with trio.CancelScope(deadline=trio.current_time() + PARTING, shield=True), suppress(Exception):
                await (self._raw.finish() if clean else self._raw.abort())

    async def _read(self) -> bool:
        """Read frames to the end; false when the peer broke the limits."""
        buffer = bytearray()
        while data := await self._raw.read():
            buffer += data
            while len(buffer) >= PREFIX:
                end = PREFIX + int.from_bytes(buffer[:PREFIX], "big")
                if end > PREFIX + self._max_frame:
                    return False
                if len(buffer) < end:
                    break
                with memoryview(buffer) as view:
                    frame = bytes(view[PREFIX:end])
                if not self._inbox.put(frame):
                    return False
                del buffer[:end]
        return True

    async def _write(self, scope: trio.CancelScope) -> None:
        """Write batches until the asyncio side closes; a failed write ends the whole stream."""
        try:
            while batch := await self._outbox.batch():
                piece = self._raw.piece
                view = memoryview(batch)
                for start in range(0, len(batch), piece):
                    part = view[start : start + piece]
                    await self._raw.write(part)
                    self._outbox.wrote(len(part))
            await self._raw.finish()
        except Exception:  # noqa: BLE001 - whatever broke, the stream is gone, and the reading task says so
            scope.cancel()
        else:
            scope.deadline = trio.current_time() + LINGER
            self._outbox.end()


def open_frames(
    peer_id: str, raw: ByteStream, limits: FrameLimits, loop: asyncio.AbstractEventLoop
) -> tuple[FrameStream, FramePump]:
    """Join the two halves of a frame stream; called in the trio thread."""
    inbox = _Inbox(loop, limits.incoming)
    outbox = _Outbox(loop, limits.outgoing)
    return FrameStream(peer_id, inbox, outbox, limits.frame), FramePump(raw, inbox, outbox, limits.frame)
