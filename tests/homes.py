"""Real homes for tests: each is a folder with database, keys and state file, as a user has it, but without a network.

Runs are carried from home to home by hand, through the same functions that the network process uses. Time is the
village's own: it stands still until a test moves it.
"""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest

from foodhub.catalog.statements import Case
from foodhub.errors import RefusedError
from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.log.run import Run, read_run
from foodhub.node import setup
from foodhub.node.application import Node, open_node
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import CycleRow, list_cycles, new_cycle
from foodhub.node.duties import due, perform
from foodhub.node.exchange import Arrival, take_runs
from foodhub.node.hat import Hat
from foodhub.node.orders import OrderRow, list_orders
from foodhub.node.placing import place_order
from foodhub.node.products import add_product
from foodhub.node.shelf import shelf_of
from foodhub.node.stock import state_case
from foodhub.node.wanted import read_lines
from foodhub.store import outgoing
from foodhub.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
BEGIN = 1_790_000_000_000
"""When every story begins, in ms: in September 2026."""
HOUR = 3_600_000


@dataclass(slots=True)
class Clock:
    """The time of a village, in ms."""

    now: int = BEGIN


class Home:
    """A member's home."""

    def __init__(self, node: Node, hat: Hat, clock: Clock, code: str = "") -> None:
        self.node = node
        self.hat = hat
        self.clock = clock
        self.code = code

    async def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.node.read(work, *args, **kwargs)

    async def write(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def timed(tx: Transaction) -> T:
            tx.now = self.clock.now
            return work(tx, *args, **kwargs)

        return await self.node.write(timed)

    async def rows(self, query: str, *values: Any) -> list[Any]:
        return await self.read(lambda db: db.execute(query, values).fetchall())

    async def take(self, runs: Iterable[tuple[Run, list[bytes]]]) -> list[str | None]:
        """Take runs as they come from a peer: as bytes, checked, then through the store."""
        circuit = (await self.rows("SELECT value FROM meta WHERE key = 'circuit'"))[0][0]
        results: list[str | None] = []
        for run, payloads in runs:
            try:
                checked = read_run(circuit, encode(run))
            except PeerFault as fault:
                results.append(fault.code)
                continue
            arrival = Arrival(checked, [payload or None for payload in payloads], "a peer")
            results += await self.write(take_runs, [arrival])
        return results

    async def sign(self, log: Log, *statements: Any, readers: Iterable[bytes] = ()) -> None:
        """Append whatever statements a test wants, as the program does."""
        await self.write(lambda tx: tx.append(self.hat.member, log, statements, readers))

    async def duties(self) -> None:
        while await self.read(due, self.clock.now):
            if not await self.write(perform):
                break

    async def orders(self) -> list[OrderRow]:
        return await self.read(list_orders, self.hat, self.clock.now)

    async def cycle(self) -> CycleRow:
        return (await self.read(list_cycles, self.clock.now))[0]

    async def product(self, name: str, *, price: int = 245, on_hand: int | None = 40, **more: Any) -> str:
        per = more.pop("per", "piece")
        return await self.write(add_product, self.hat, name, price=price, price_per=per, on_hand=on_hand, more=more)

    async def order(self, *wanted: tuple[str, str], ref: str | None = None) -> bytes:
        cycle = await self.cycle()

        def place(tx: Transaction) -> bytes:
            return place_order(tx, self.hat, cycle, read_lines(tx.db, cycle, wanted), ref)

        return await self.write(place)


class Village:
    """Homes of one circuit; the first that is made founds it."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.clock = Clock()
        self.homes: list[Home] = []
        self.stack = stack

    async def open(self, name: str) -> Node:
        return await self.stack.enter_async_context(open_node(self.folder / name, create=True))

    async def newcomer(self, name: str, *roles: str) -> Home:
        """Make a home that is in no circuit yet."""
        node = await self.open(name)
        hat, _ = await node.write(setup.make_member, node.home, name, roles, always_on=False)
        return Home(node, hat, self.clock)

    async def home(self, name: str, *roles: str) -> Home:
        """Make a home and bring it into the circuit, everybody knowing everything."""
        home = await self.newcomer(name, *roles)
        if not self.homes:
            await home.write(setup.found, home.hat, "Short circuit", "We own it together.", "EUR")
        else:
            code = await self.homes[0].write(setup.invite, self.homes[0].hat, roles, [])
            await self.join(home, code)
        self.homes.append(home)
        await self.gossip()
        return home

    async def join(self, home: Home, text: str) -> None:
        """Walk in on an invite, by the door of the founder."""
        code = await home.write(setup.prepare_join, home.node.home, home.hat, text)
        await carry(self.homes[0], home, logs=(0,))
        await home.write(setup.join, home.hat, code)
        home.code = text

    async def gossip(self) -> None:
        """Let everybody tell everybody, and do their duties, until nobody has news."""
        news = True
        while news:
            for home in self.homes:
                await home.duties()
            news = False
            for giver in self.homes:
                for taker in self.homes:
                    if giver is not taker:
                        news = await carry(giver, taker) > 0 or news

    async def open_cycle(self, hub: Home, *, opens: int = 0, closes: int = 24 * HOUR) -> str:
        """Open a cycle of a hub; times are ms from now."""
        now = self.clock.now
        made = await hub.write(new_cycle, hub.hat, "Week 39", now + opens, now + closes, "Europe/Paris", "resale")
        await self.gossip()
        return made


def runs_of(db: sqlite3.Connection, author: bytes, log: int, after: int = 0) -> list[tuple[Run, list[bytes]]]:
    """Return a log behind `after` as the runs in which it is sent."""
    runs = []
    while found := outgoing.read_run(db, author, log, after):
        runs.append(found)
        after += len(found[0].lines)
    return runs


def all_runs(db: sqlite3.Connection) -> list[tuple[Run, list[bytes]]]:
    """Return everything that a home holds, in the order in which its logs were begun."""
    return [run for item in outgoing.frontier(db) for run in runs_of(db, item.author, item.log)]


async def carry(giver: Home, taker: Home, logs: tuple[int, ...] = (0, 1, 2)) -> int:
    """Bring the taker what it lacks, logs 0 first; return how many runs it took."""
    held = {(item.author, item.log): item.seq for item in await taker.read(outgoing.frontier)}
    offered = await giver.read(outgoing.frontier)
    taken = 0
    for item in sorted(offered, key=lambda item: item.log):
        known = held.get((item.author, item.log), 0)
        if item.log in logs and item.seq > known:
            results = await taker.take(await giver.read(runs_of, item.author, item.log, known))
            taken += results.count(None)
    return taken


def free_stock(db: sqlite3.Connection, producer: bytes, product: bytes) -> int | None:
    """Return how much of a product is not set aside; None on demand, below zero when short."""
    return shelf_of(db, producer).free(product, None)


def set_case(tx: Transaction, hat: Hat, product: bytes, size: int, minimum: int, word: str, *, broken: bool) -> bool:
    """Say in which case a product of one's own leaves, `size` 0 for none; return whether that is new."""
    return state_case(tx, hat, Case(product, 1, size, minimum, word, broken), Buyer(hat.member))


async def refusal(home: Home, work: Any, *args: Any, **more: Any) -> str:
    """Return why a home refuses to do something; it must not have signed anything."""
    before = await home.rows("SELECT author, log, seq FROM log")
    with pytest.raises(RefusedError) as raised:
        await home.write(work, home.hat, *args, **more)
    assert await home.rows("SELECT author, log, seq FROM log") == before
    return raised.value.code
