"""A home that is killed in the middle of its work, for the tests of crashes.

`python -m tests.store.crashing` reads lines `HOME POINT` and answers each with what came of it. For each line it makes
a process that tells a short story in that home and kills itself right before its POINTth touch of the disk: a statement
to SQLite, a file opened, written, moved, removed or brought to the disk. What the story was told is done, it notes at
once in a file beside the home. POINT 0 lets it live, and the answer is the number of points.

The counting needs no help from the program: Python tells a profiler of every call of a C function.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.ofn import read
from foodhub.log.encoding import encode
from foodhub.log.run import read_run
from foodhub.node import setup
from foodhub.node.allotments import allot
from foodhub.node.application import Node, open_node
from foodhub.node.catalog_import import import_slice
from foodhub.node.cycles import list_cycles, new_cycle
from foodhub.node.duties import perform
from foodhub.node.exchange import Arrival, take_runs
from foodhub.node.hat import Hat
from foodhub.node.products import add_product
from foodhub.orders.statements import Profile
from tests.homes import HOUR
from tests.pens import Paper, stranger_with

TOUCHES = frozenset(
    {"execute", "executemany", "fsync", "ftruncate", "mkdir", "open", "rename", "replace", "unlink", "write"}
)
LIST = (
    "producer,sku,name,category,description,units,unit_type,price,on_hand,on_demand,shipping_category\n"
    "Farm,CAR-1,Carottes,Légumes,,500,g,2.45,40,,Default\nFarm,POM-1,Pommes,Fruits,,1,kg,3.10,12,,Default\n"
)


class Fate:
    """Counts touches of the disk, in all threads, and kills the process before the one that is meant."""

    def __init__(self, point: int) -> None:
        self.point = point
        self.count = 0

    def watch(self) -> None:
        """Begin to count."""
        threading.setprofile(self._called)
        sys.setprofile(self._called)

    def _called(self, _frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__ in TOUCHES:
            self.count += 1
            if self.count == self.point:
                os.kill(os.getpid(), signal.SIGKILL)


class Story:
    """One home, and the note of what it was told is done: how far each own log goes, and with which id."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._note = os.open(noted(home), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def tell(self) -> None:
        """Set a home up, say something in all three logs, take a neighbour in, and make the views again."""
        async with open_node(self.home, create=True) as node:
            hat, _ = await node.write(setup.make_member, self.home, "Farm", ["producer", "hub"], always_on=False)
            await node.write(setup.found, hat, "Circuit", "We own it together.", "EUR")
            await self.done(node)
            code = await node.write(setup.invite, hat, ["producer"], [])
            await self.done(node)
            await self.sell(node, hat)
            await self.take(node, code)
            await node.write(perform)
            await self.done(node)
            await node.write(lambda tx: tx.fold.rebuild())
            await node.write(add_product, hat, "Poireaux", price=190, price_per="piece", on_hand=5, more={})
            await self.done(node)

    async def sell(self, node: Node, hat: Hat) -> None:
        """Publish products one by one and from a list, open a cycle and set goods aside."""
        added = await node.write(add_product, hat, "Pain", price=480, price_per="piece", on_hand=9, more={})
        await self.done(node)
        rows = [(row, bytes([number]) * 16) for number, row in enumerate(read(LIST.encode()).rows, 1)]
        await node.write(import_slice, hat, rows)
        await self.done(node)
        now = setup_time()
        await node.write(new_cycle, hat, "Week", now, now + HOUR, "Europe/Paris", "resale")
        (cycle,) = await node.read(list_cycles, now)
        await node.write(allot, hat, cycle, {id_bytes(added): 5})
        await self.done(node)

    async def take(self, node: Node, code: str) -> None:
        """Let a neighbour join and take in what it says."""
        pen, join = stranger_with(code, "a neighbour", "producer")
        papers = [join, pen.write(1, *[Profile(n, f"Neighbour {n}") for n in range(1, 30)]), pen.write(2, body=b"\x90")]
        assert await node.write(take_runs, [arrival(pen.circuit, paper) for paper in papers]) == [None] * 3

    async def done(self, node: Node) -> None:
        """Note what stands in our logs now: it may have been sent, so it must never be missing."""
        heads = await node.read(own_heads)
        os.write(self._note, (json.dumps(heads) + "\n").encode())


def arrival(circuit: bytes, paper: Paper) -> Arrival:
    """Return a paper as it comes in."""
    run, payloads = paper
    return Arrival(read_run(circuit, encode(run)), list(payloads), "a peer")


def setup_time() -> int:
    """Return the time, in ms: the story happens now."""
    import time

    return int(time.time() * 1000)


def own_heads(db: sqlite3.Connection) -> list[tuple[str, int, int, str]]:
    """Return how far our own logs go: author, log, seq, id."""
    query = "SELECT hex(author), log, seq, hex(id) FROM log WHERE author IN (SELECT device FROM own) ORDER BY 1, 2"
    return db.execute(query).fetchall()


def noted(home: Path) -> Path:
    """Return the file in which a story notes what is done."""
    return home.with_suffix(".done")


def run(home: Path, point: int) -> str:
    """Tell the story in a process of its own; return how it ended."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        story, fate = Story(home), Fate(point)
        fate.watch()
        asyncio.run(story.tell())
        sys.setprofile(None)
        os.write(theirs, str(fate.count).encode())
        os._exit(0)
    os.close(theirs)
    _, status = os.waitpid(process, 0)
    answer = os.read(ours, 100).decode()
    os.close(ours)
    return answer or ("killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else "failed")


def main() -> None:
    """Answer line after line."""
    for line in sys.stdin:
        home, point = line.rsplit(" ", 1)
        sys.stdout.write(run(Path(home), int(point)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
