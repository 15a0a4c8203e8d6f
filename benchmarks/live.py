"""How soon others see what one says: between network processes over loopback, watched from outside of both.

Watching from outside adds two doorbells and two looks at a database to what the nodes themselves need, so no figure is
less than what its name says.
"""

import asyncio
import csv
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from sqlite3 import Connection
from statistics import median

from benchmarks.figure import Figure, Measurement, below, percentile
from benchmarks.homes import founded, joined
from benchmarks.terminal import interface
from foodhub.catalog.naming import id_bytes
from foodhub.node import live, products
from foodhub.node.application import Node
from foodhub.node.hat import Hat
from foodhub.node.network import network

PATIENCE = 120.0
COLUMNS = (
    "producer",
    "sku",
    "name",
    "category",
    "units",
    "unit_type",
    "price",
    "on_hand",
    "on_demand",
    "shipping_category",
)


@asynccontextmanager
async def farm_and_hub(folder: Path) -> AsyncIterator[tuple[Node, Hat, Node]]:
    """Run a farm and a hub, each with a network process, connected and with nothing left to tell each other."""
    async with (
        founded(folder / "hub") as (hub, inviter),
        joined(folder / "farm", hub, inviter, "Farm", "producer") as (farm, hat),
        network(hub.home),
        network(farm.home),
    ):
        await connect(farm.home, hub.home)
        yield farm, hat, hub


async def connect(dialer: Path, dialed: Path) -> None:
    """Let one network process dial another, and wait until both have completed a round."""
    found = live.process(dialed)
    assert found is not None
    live.ask(dialer, "dial", found.addresses[0])
    await wait_for(
        lambda: all(any(peer.state == "connected" for peer in live.peers(home)) for home in (dialer, dialed))
    )


async def wait_for(seen: Callable[[], bool], every: float = 0.02) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it did not come to be.
    """
    async with asyncio.timeout(PATIENCE):
        while not seen():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(every)


async def until(node: Node, seen: Callable[[Connection], bool]) -> float:
    """Wait, by the doorbell, until a home holds something; return when it did (`time.perf_counter`).

    Raises:
        TimeoutError: it never did.
    """
    async with asyncio.timeout(PATIENCE), node.news() as news:
        while True:
            if await node.read(seen):
                return time.perf_counter()
            await news.wait()


def foodhub(home: Path, *words: str) -> None:
    """Run the command line on a home; it has to succeed."""
    command = [sys.executable, "-m", "foodhub", "--home", str(home), *words]
    done = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL, text=True)
    assert done.returncode == 0, done.stderr


async def _add(farm: Node, hat: Hat, name: str) -> bytes:
    added = await farm.write(products.add_product, hat, name, price=100, price_per="piece", on_hand=1, more={})
    return id_bytes(added)


def _has_version(local: bytes, version: int) -> Callable[[Connection], bool]:
    def seen(db: Connection) -> bool:
        return (
            db.execute("SELECT 1 FROM product WHERE local = ? AND version >= ?", (local, version)).fetchone()
            is not None
        )

    return seen


async def _publish(folder: Path, times: int) -> list[Figure]:
    async with farm_and_hub(folder) as (farm, hat, hub):
        local = await _add(farm, hat, "Carottes")
        await until(hub, _has_version(local, 1))
        delays = []
        for n in range(2, times + 2):
            watching = asyncio.create_task(until(hub, _has_version(local, n)))
            await asyncio.sleep(0.03)
            assert await farm.write(products.set_product, hat, local, {"price": 100 + n}) == "changed"
            committed = time.perf_counter()
            delays.append((await watching - committed) * 1000)
        shown = await hub.read(products.list_products)
        assert [row.price for row in shown] == [100 + times + 1]
    detail = f"{times} times, seen from outside"
    return [
        Figure("publish_visible_p50", median(delays), "ms", below(20), detail=detail),
        Figure(
            "publish_visible_p95", percentile(delays, 0.95), "ms", below(50), detail=f"slowest {max(delays):.1f} ms"
        ),
    ]


def write_catalog(path: Path, rows: int) -> None:
    """Write a file in Open Food Network's form."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for n in range(rows):
            name = f"{('Carotte', 'Poireau', 'Tomate cœur de bœuf', 'Fromage de chèvre')[n % 4]} n° {n}"
            price = f"{1 + n % 20}.{n % 100:02}"
            writer.writerow(("Farm", f"F-{n:05}", name, "Légumes", 500, "g", price, n % 300, 0, "Frais"))


async def _import(folder: Path, rows: int) -> list[Figure]:
    path = folder / "catalog.csv"
    write_catalog(path, rows)
    async with farm_and_hub(folder) as (farm, _, hub):
        watching = asyncio.create_task(
            until(hub, lambda db: db.execute("SELECT count(*) FROM product").fetchone()[0] == rows)
        )
        await asyncio.sleep(0.03)
        began = time.perf_counter()
        await asyncio.to_thread(foodhub, farm.home, "product", "import", str(path), "--yes")
        imported = time.perf_counter() - began
        await watching
        listed = await hub.read(products.list_products)
        seconds = time.perf_counter() - began
        assert len({row.sku for row in listed}) == rows
    detail = f"{rows:,} rows; the command itself took {imported:.2f} s"
    return [Figure("import_10k_visible", seconds, "s", below(5), detail=detail)]


async def _screen(folder: Path, times: int) -> list[Figure]:
    async with farm_and_hub(folder) as (farm, hat, hub):
        added = [await _add(farm, hat, f"Carottes {n:02}") for n in range(20)]
        await until(hub, _has_version(added[-1], 1))
        delays = await asyncio.to_thread(_watch_screen, farm.home, hub.home, times)
    detail = f"{times} times, Python's start included; half of them under {median(delays):.0f} ms"
    return [Figure("cli_to_screen_p95", percentile(delays, 0.95), "ms", below(500), detail=detail)]


def _watch_screen(farm: Path, hub: Path, times: int) -> list[float]:
    """Change a price by command on one node; return how long each took until the other's terminal showed it."""
    delays = []
    with interface(hub) as terminal:
        terminal.until("Carottes 07")
        for n in range(times):
            began = time.perf_counter()
            command = [sys.executable, "-m", "foodhub", "--home", str(farm), "product", "set", "Carottes 07"]
            with subprocess.Popen([*command, "--price", f"{20 + n}.50"], stdout=subprocess.DEVNULL) as setting:
                delays.append((terminal.until("Carottes 07", f"{20 + n}.50") - began) * 1000)
            assert setting.returncode == 0
    return delays


def publish(folder: Path, times: int = 200) -> list[Figure]:
    """Measure from an own commit to the committed row in a connected network process."""
    return asyncio.run(_publish(folder, times))


def import_visible(folder: Path, rows: int = 10_000) -> list[Figure]:
    """Measure from `product import` to the list on a second node."""
    return asyncio.run(_import(folder, rows))


def screen(folder: Path, times: int = 20) -> list[Figure]:
    """Measure from a command on one node to the row on the screen of the other."""
    return asyncio.run(_screen(folder, times))


MEASUREMENTS = (
    Measurement(("import_10k_visible",), import_visible),
    Measurement(("publish_visible_p50", "publish_visible_p95"), publish),
    Measurement(("cli_to_screen_p95",), screen),
)
