"""Real network processes for tests: started on homes of a village, waited for with a deadline, always ended."""

import asyncio
import inspect
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foodhub.node import live, network
from foodhub.node.exchange import note_elsewhere, remember
from foodhub.node.knocking import end_joining, remember_addresses
from foodhub.p2p.frames import FrameStream
from foodhub.p2p.host import open_host
from foodhub.p2p.messages import MAX_FRAME
from foodhub.p2p.process import PROTOCOL, transport_seed
from foodhub.store.outgoing import frontier
from tests.homes import Home
from tests.ports import kept_port

PATIENCE = 60.0
"""Seconds until what has to happen is taken for not happening: much, as a machine may be slow and busy."""
PROJECT = Path(__file__).parents[1]


async def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> None:
    """Wait until a condition, which may be async, holds."""
    begin = time.monotonic()
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return
        if time.monotonic() - begin > patience:
            raise AssertionError(f"not within {patience:g} s: {what}")
        await asyncio.sleep(0.01)


@dataclass
class Network:
    """The network process of one home."""

    home: Path
    process: "subprocess.Popen[str]"

    @property
    def state(self) -> live.Process | None:
        """What this process, and not one before it, says of itself."""
        found = live.last_process(self.home)
        return found if found and found.pid == self.process.pid else None

    @property
    def running(self) -> bool:
        return self.state is not None and self.state.state == "running"

    def begun(self) -> bool:
        """Say whether it runs, or has given up."""
        return self.running or self.process.poll() is not None

    @property
    def addresses(self) -> list[str]:
        return self.state.addresses if self.state else []

    @property
    def peer(self) -> str:
        return self.addresses[0].rpartition("/")[2]

    @property
    def refusal(self) -> str:
        return self.state.refusal if self.state else ""

    @property
    def log(self) -> str:
        return (self.home / "node.log").read_text("utf-8")

    def connected(self) -> set[str]:
        """The peers with which a round was completed."""
        return {peer.id for peer in live.peers(self.home) if peer.state == "connected"}

    def troubles(self) -> list[str]:
        """The lines of the log that tell of trouble, tracebacks too; libp2p calls it an error when a peer leaves."""
        harmless = re.compile(r"\S+ \S+ ((DEBUG|INFO) |(WARNING|ERROR) libp2p)")
        return [line for line in self.log.splitlines() if not harmless.match(line)]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self, patience: float = PATIENCE) -> int:
        """Ask it to end; return its exit code."""
        self.process.terminate()
        return self.process.wait(patience)


@dataclass
class Networks:
    """All network processes of a test."""

    started: list[Network] = field(default_factory=list)
    _kept: ExitStack = field(default_factory=ExitStack)

    def launch(self, home: Home | Path, *arguments: str) -> Network:
        """Start a process and do not wait for it."""
        folder = home if isinstance(home, Path) else home.node.home
        command = [*network.command(folder, log=folder / "node.log"), *arguments]
        process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        found = Network(folder, process)
        self.started.append(found)
        return found

    async def start(self, *homes: Home | Path) -> list[Network]:
        """Start processes side by side and wait until all listen."""
        started = [self.launch(home) for home in homes]
        for each in started:
            await until(each.begun, "a network process listens")
            assert each.running, each.log
        return started

    async def place(self, home: Home) -> str:
        """Choose the port of a home's network process; return the address at which it will be."""
        where = self.keep_port()
        await home.write(remember, "listen", where)
        async with open_host(
            seed=transport_seed(home.node.home),
            listen=[],
            protocol=PROTOCOL,
            on_stream=FrameStream.close,
            max_frame=MAX_FRAME,
        ) as host:
            return f"{where}/p2p/{host.peer_id}"

    def keep_port(self, port: int = 0) -> str:
        """Keep a port, any if 0, to the end of the test; return its address."""
        return self._kept.enter_context(kept_port(port))

    async def meet(self, first: Home, *others: Home) -> list[Network]:
        """Start processes side by side, the others knowing where the first will be."""
        address = await self.place(first)
        for other in others:
            await introduce(other, address)
        return await self.start(first, *others)

    def close(self) -> None:
        """End what still runs, and let the ports go."""
        for each in self.started:
            if each.process.poll() is None:
                each.process.kill()
            each.process.communicate()
        self._kept.close()


async def introduce(home: Home, *addresses: str) -> None:
    """Tell a home where others may be reached, as an invite would have."""
    await home.write(remember_addresses, addresses, "invite")


async def settle_in(home: Home) -> None:
    """Let a home know that others have its joining, as after its first sync; until then it knocks as a newcomer."""
    await home.write(note_elsewhere, [(home.hat.device, 0, 1)], False)
    end_joining(home.node.home)


async def same(*homes: Home) -> bool:
    """Say whether all homes hold the same entries."""
    found = [sorted(await home.read(frontier)) for home in homes]
    return all(each == found[0] for each in found)


async def entries(home: Home) -> int:
    return sum(item.seq for item in await home.read(frontier))


def process_row(home: Path) -> tuple[Any, ...]:
    """What the network process of a home has noted of itself."""
    with closing(sqlite3.connect(home / "live.db")) as db:
        return tuple(db.execute("SELECT * FROM process").fetchall())


def error_code(home: Path) -> str:
    """The code of what the last network process of a home failed with."""
    found = live.last_process(home)
    return str(json.loads(found.error)["code"]) if found and found.error else ""


def program(script: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a small program of ours in a process of its own, as a command would be."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def finished(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for a program; return its exit code and what it wrote to stdout and stderr."""
    out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    return process.returncode, out, err
