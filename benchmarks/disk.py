"""What a home takes on disk, how long making its views anew takes, and how long an own append."""

import asyncio
import time
from pathlib import Path
from sqlite3 import Connection, OperationalError

from benchmarks.figure import Figure, Measurement, below, percentile
from benchmarks.homes import PAYLOAD, fill, founded
from foodhub.catalog.naming import id_bytes
from foodhub.node import products
from foodhub.node.application import Node
from foodhub.node.hat import Hat
from foodhub.store.transaction import Transaction


def _parts(db: Connection) -> dict[str, int]:
    """Return how many bytes the tables take, their indices included, the larger ones by name."""
    try:
        rows = db.execute(
            "SELECT s.tbl_name, sum(pgsize) FROM dbstat d JOIN sqlite_master s USING (name) GROUP BY 1"
        ).fetchall()
    except OperationalError:
        # `dbstat` is not in every build of SQLite; then the whole is all that is known.
        return {}
    return dict(rows)


async def _disk(folder: Path, entries: int) -> list[Figure]:
    async with founded(folder / "hub") as (hub, hat):
        await fill(hub, hat, entries)
        path = hub.home / "foodhub.db"
        await hub.read(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
        parts = await hub.read(_parts)
        (held,) = await hub.read(lambda db: db.execute("SELECT count(*) FROM product").fetchone())
        assert held == entries
    largest = sorted(parts.items(), key=lambda part: -part[1])[:2]
    detail = ", ".join([f"payload {PAYLOAD}", *(f"table {name} {size / entries:.0f}" for name, size in largest)])
    return [Figure("disk_per_entry", path.stat().st_size / entries, "bytes", below(650), detail=detail)]


async def _rebuild(folder: Path, entries: int) -> list[Figure]:
    async with founded(folder / "hub") as (hub, hat):
        await fill(hub, hat, entries)
        before = await hub.read(_product_rows)
        began = time.perf_counter()
        await hub.write(_rebuild_views)
        seconds = time.perf_counter() - began
        assert await hub.read(_product_rows) == before
        assert len(before) == entries
    return [Figure("rebuild_200k", seconds, "s", below(10), detail=f"{entries:,} entries, a product each")]


def _rebuild_views(tx: Transaction) -> None:
    tx.fold.rebuild()


def _product_rows(db: Connection) -> list[tuple[bytes, int, int, int]]:
    query = "SELECT local, price, description_at, description_size FROM product ORDER BY owner, local"
    return db.execute(query).fetchall()


class Pen:
    """Changes the price of one product again and again; `delays` (ms) is how long each took until it was on disk."""

    def __init__(self, node: Node, hat: Hat) -> None:
        self.delays: list[float] = []
        self._node = node
        self._hat = hat
        self._local = b""

    async def begin(self) -> None:
        """Publish the product."""
        added = await self._node.write(
            products.add_product, self._hat, "Carottes", price=100, price_per="piece", on_hand=1, more={}
        )
        self._local = id_bytes(added)

    async def write(self) -> None:
        """Change its price."""
        price = {"price": 200 + len(self.delays)}
        began = time.perf_counter()
        assert await self._node.write(products.set_product, self._hat, self._local, price) == "changed"
        self.delays.append((time.perf_counter() - began) * 1000)


async def _append(folder: Path, times: int) -> list[Figure]:
    async with founded(folder / "hub") as (hub, hat):
        own = Pen(hub, hat)
        await own.begin()
        for _ in range(times):
            await own.write()
            await asyncio.sleep(0.002)
    detail = f"half of {times} under {percentile(own.delays, 0.5):.1f} ms"
    return [Figure("append_p95", percentile(own.delays, 0.95), "ms", below(20), detail=detail)]


def disk(folder: Path, entries: int = 100_000) -> list[Figure]:
    """Measure the bytes on disk for each entry, its row of the view included."""
    return asyncio.run(_disk(folder, entries))


def rebuild(folder: Path, entries: int = 200_000) -> list[Figure]:
    """Measure making all views again."""
    return asyncio.run(_rebuild(folder, entries))


def append(folder: Path, times: int = 500) -> list[Figure]:
    """Measure own durable appends, with nothing else going on."""
    return asyncio.run(_append(folder, times))


MEASUREMENTS = (
    Measurement(("append_p95",), append),
    Measurement(("rebuild_200k",), rebuild),
    Measurement(("disk_per_entry",), disk),
)
