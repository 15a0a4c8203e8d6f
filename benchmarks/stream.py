"""What py-libp2p's stream alone carries: meaningless frames between two processes over Noise and Yamux on loopback.

`python -m benchmarks.stream` is the receiving end; it prints its address and answers a frame of one byte with how many
bytes came before it.
"""

import asyncio
import secrets
import sys
import time

from foodhub.p2p.host import FrameStream, open_host, quiet_libp2p_logging

PROTOCOL = "/foodhub-bench/1"
ANYWHERE = "/ip4/127.0.0.1/tcp/0"
FRAME = 64 * 1024
MAX_FRAME = 1024 * 1024


async def _count(stream: FrameStream) -> None:
    counted = 0
    while (frame := await stream.receive()) is not None:
        counted += len(frame)
        if len(frame) == 1:
            await stream.send(str(counted - 1).encode())


async def _ignore(_stream: FrameStream) -> None:
    return


async def _receive() -> None:
    seed = secrets.token_bytes(32)
    async with open_host(
        seed=seed, listen=[ANYWHERE], protocol=PROTOCOL, on_stream=_count, max_frame=MAX_FRAME
    ) as host:
        print(host.addresses[0], flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def carry_alone(size: int) -> float:
    """Send `size` bytes to another process; return how many bytes a second arrived there."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.stream", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    address = (await child.stdout.readline()).decode().strip()
    seed = secrets.token_bytes(32)
    async with open_host(seed=seed, listen=[], protocol=PROTOCOL, on_stream=_ignore, max_frame=MAX_FRAME) as host:
        stream = await host.open_stream(await host.dial(address, 5))
        frame = secrets.token_bytes(FRAME)
        frames = max(1, size // FRAME)
        began = time.perf_counter()
        for _ in range(frames):
            await stream.send(frame)
        await stream.send(b".")
        assert await stream.receive() == str(frames * FRAME).encode()
        seconds = time.perf_counter() - began
        await stream.close()
    child.stdin.close()
    await child.wait()
    return frames * FRAME / seconds


if __name__ == "__main__":
    quiet_libp2p_logging()
    asyncio.run(_receive())
