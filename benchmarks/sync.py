"""Catching up: many entries from one network process to another over libp2p on loopback, views included."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from sqlite3 import Connection

from benchmarks.disk import Pen
from benchmarks.figure import Figure, Measurement, at_least, below, percentile
from benchmarks.homes import PAYLOAD, fill, founded, joined
from benchmarks.live import connect, wait_for
from benchmarks.stream import carry_alone
from foodhub.node import live
from foodhub.node.application import Node
from foodhub.node.hat import Hat
from foodhub.node.network import network

ENTRIES = 100_000
LINE = 45
"""Bytes that a run needs for each entry beside its payload."""


def resident(home: Path, field: str = "VmRSS") -> float:
    """Return the resident memory of a home's network process in MB (1,000,000 bytes), with `VmHWM` its highest."""
    found = live.process(home)
    assert found is not None
    lines = Path(f"/proc/{found.pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{field}:"))


def processor_seconds(home: Path) -> float:
    """Return how long a home's network process has been computing, all its threads together."""
    found = live.process(home)
    assert found is not None
    fields = Path(f"/proc/{found.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _entries_of_others(db: Connection, device: bytes) -> int:
    return int(db.execute("SELECT sum(seq) FROM log WHERE log = 1 AND author != ?", (device,)).fetchone()[0])


@asynccontextmanager
async def _full_and_empty(folder: Path, entries: int, logs: int) -> AsyncIterator[tuple[Node, Node, Hat]]:
    """Run a node that holds the logs of many producers, and one that has just joined; they are not connected."""
    async with (
        founded(folder / "hub") as (full, inviter),
        joined(folder / "farm", full, inviter, "Farm", "producer") as (empty, hat),
    ):
        await fill(full, inviter, entries, logs)
        async with network(full.home), network(empty.home):
            yield full, empty, hat


async def _transfer(full: Node, empty: Node, hat: Hat) -> float:
    """Connect the two; return the seconds from the order to dial until all entries were committed, views included.

    It looks often and lightly, since every look takes from what is measured.
    """
    found = live.process(full.home)
    assert found is not None
    wanted = await full.read(_entries_of_others, hat.device)
    began = time.perf_counter()
    live.ask(empty.home, "dial", found.addresses[0])
    async with asyncio.timeout(600):
        while await empty.read(_entries_of_others, hat.device) < wanted:  # noqa: ASYNC110 - what is waited for is elsewhere
            await asyncio.sleep(0.02)
    return time.perf_counter() - began


def _products(db: Connection) -> int:
    return int(db.execute("SELECT count(*) FROM product").fetchone()[0])


async def _sync(folder: Path, entries: int, logs: int) -> list[Figure]:
    alone = await carry_alone(entries * (PAYLOAD + LINE)) / (PAYLOAD + LINE)
    async with _full_and_empty(folder, entries, logs) as (full, empty, hat):
        before = [processor_seconds(node.home) for node in (empty, full)]
        rate = entries / await _transfer(full, empty, hat)
        costs = [processor_seconds(node.home) - was for node, was in zip((empty, full), before, strict=True)]
        assert await empty.read(_products) == entries
        most = resident(empty.home, "VmHWM")
    name = "sync_one_log" if logs == 1 else f"sync_{logs}_logs"
    # On a machine with other work this says more than the rate.
    receiver, sender = (round(cost / entries * 1e6) for cost in costs)
    detail = f"μs of computing for each entry: {receiver} by the receiver, {sender} by the sender"
    figures = [Figure(name, rate, "per_s", at_least(25_000), "sync_stream_alone", rate / alone, detail)]
    if logs == 1:
        figures += [
            Figure(
                "sync_stream_alone", alone, "per_s", detail="the same bytes through py-libp2p's stream, uncompressed"
            )
        ]
        figures += [Figure("sync_rss", most, "MB", below(150), detail="the most that the receiver had")]
    return figures


async def _busy(folder: Path, entries: int) -> list[Figure]:
    async with _full_and_empty(folder, entries, 1) as (full, empty, hat):
        own = Pen(empty, hat)
        await own.begin()
        syncing = asyncio.create_task(_transfer(full, empty, hat))
        while not syncing.done():
            await own.write()
            await asyncio.sleep(0.01)
        await syncing
        assert await empty.read(_products) == entries + 1
    delays = own.delays
    return [
        Figure(
            "append_p95_busy", percentile(delays, 0.95), "ms", below(40), detail=f"{len(delays)} beside a running sync"
        )
    ]


async def _resident(folder: Path, entries: int) -> list[Figure]:
    async with founded(folder / "hub") as (hub, inviter):
        await fill(hub, inviter, entries)
        async with (
            joined(folder / "farm", hub, inviter, "Farm", "producer") as (farm, _),
            network(hub.home),
            network(farm.home),
        ):
            await connect(farm.home, hub.home)
            await wait_for(lambda: all(peer.state == "connected" for peer in live.peers(hub.home)))
            most = max(resident(hub.home), resident(farm.home))
            assert await farm.read(_products) == entries
    return [Figure("node_rss_100k", most, "MB", below(130), detail="the larger of two that are connected and equal")]


async def _million(folder: Path, entries: int, logs: int, products: int) -> list[Figure]:
    async with (
        founded(folder / "hub") as (full, inviter),
        joined(folder / "farm", full, inviter, "Farm", "producer") as (empty, hat),
    ):
        await fill(full, inviter, entries, logs, products)
        async with network(full.home), network(empty.home):
            seconds = await _transfer(full, empty, hat)
            most = resident(empty.home, "VmHWM")
        assert await empty.read(_products) == logs * products
    detail = f"the most that the receiver had; {entries / seconds:,.0f} entries per s, {logs * products:,} products"
    return [Figure("sync_1m_rss", most, "MB", below(200), detail=detail)]


def million(folder: Path, entries: int = 1_000_000, logs: int = 200, products: int = 100) -> list[Figure]:
    """Measure the memory of catching up with very many entries."""
    return asyncio.run(_million(folder, entries, logs, products))


def one_log(folder: Path, entries: int = ENTRIES) -> list[Figure]:
    """Measure catching up with one long log."""
    return asyncio.run(_sync(folder, entries, 1))


def many_logs(folder: Path, entries: int = ENTRIES, logs: int = 200) -> list[Figure]:
    """Measure catching up with many logs."""
    return asyncio.run(_sync(folder, entries, logs))


def busy(folder: Path, entries: int = ENTRIES) -> list[Figure]:
    """Measure own appends beside a running sync."""
    return asyncio.run(_busy(folder, entries))


def memory(folder: Path, entries: int = ENTRIES) -> list[Figure]:
    """Measure the memory of a network process with many entries."""
    return asyncio.run(_resident(folder, entries))


MEASUREMENTS = (
    Measurement(("node_rss_100k",), memory),
    Measurement(("sync_one_log", "sync_stream_alone", "sync_rss"), one_log),
    Measurement(("sync_200_logs",), many_logs),
    Measurement(("append_p95_busy",), busy),
    Measurement(("sync_1m_rss",), million),
)
