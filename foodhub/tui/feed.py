"""Follows the home: reads what is new and hands it to the main screen as messages. It draws nothing and signs nothing.

Every reading runs on the node's reading thread; what arrives in a burst is shown in a few steps, not row by row.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.message import Message

from foodhub.node import knocking, state
from foodhub.node.application import Node, now
from foodhub.node.cycles import list_cycles
from foodhub.node.hat import Hat, hats
from foodhub.node.orders import OrderRow, list_orders
from foodhub.node.products import products_since
from foodhub.node.state import LogRow, StatusRow
from foodhub.tui.market import Line, make_lines

PAUSE = 0.1
"""Seconds between two looks at a home that changes all the time."""


@dataclass
class HomeSeen(Message):
    """The home at a glance, its members, and whether it is on its way into a circuit."""

    status: StatusRow
    hats: list[Hat]
    joining: bool


@dataclass
class MarketSeen(Message):
    """All products in their order."""

    lines: Sequence[Line]

    def can_replace(self, message: Message) -> bool:
        """Only the newest state is worth drawing."""
        return isinstance(message, MarketSeen)


@dataclass
class OrdersSeen(Message):
    """All orders of a member, the newest first."""

    orders: Sequence[OrderRow]
    hat: Hat


@dataclass
class LogsSeen(Message):
    """The logs held here, and what was refused from peers: code, how often, when last (ms), by whom last."""

    logs: list[LogRow]
    refusals: list[tuple[str, int, int, str]]


class Feed:
    """Reads for one screen; `post` takes its messages."""

    def __init__(self, node: Node, hat: Hat, post: Callable[[Message], object]) -> None:
        self.hat = hat
        self.logs_wanted = False
        self._node = node
        self._post = post
        self._turn = asyncio.Lock()
        self._names: object = None
        self._cycles: object = None
        self._seen_products = 0
        self._seen_orders = 0
        self._lines: dict[str, Line] = {}
        self._orders: dict[str, OrderRow] = {}

    async def follow(self) -> None:
        """Look at the home now and after every change, until cancelled."""
        async with self._node.news() as news:
            while True:
                await news.wait()
                async with self._turn:
                    await self._look()
                await asyncio.sleep(PAUSE)

    async def wear(self, hat: Hat) -> None:
        """Show the orders of another member of this home."""
        async with self._turn:
            self.hat = hat
            self._seen_orders = 0
            await self._look_at_orders()

    async def look_at_logs(self) -> None:
        """Read how far each log is held; the sums go over all entries, so it is only done while they are in view."""
        self._post(LogsSeen(await self._node.read(state.list_logs), await self._node.read(state.refusals)))

    async def _look(self) -> None:
        await self._look_at_home()
        await self._look_at_products()
        await self._look_at_orders()
        if self.logs_wanted:
            await self.look_at_logs()

    async def _look_at_home(self) -> None:
        status = await self._node.read(state.status, str(self._node.home), 0, "")
        names = {member.id: member.name for member in await self._node.read(state.list_members)}
        cycles = {cycle.key: (cycle.name, cycle.zone) for cycle in await self._node.read(list_cycles, now())}
        if names != self._names:
            # A name stands in many rows that have not changed themselves.
            self._names, self._seen_products, self._seen_orders = names, 0, 0
        if cycles != self._cycles:
            self._cycles, self._seen_orders = cycles, 0
        joining = status.circuit is None and knocking.joining(self._node.home) is not None
        self._post(HomeSeen(status, await self._node.read(hats), joining))

    async def _look_at_products(self) -> None:
        before = self._seen_products
        news = await self._node.read(products_since, before)
        if not before or not self._merge(await asyncio.to_thread(make_lines, news.rows), news.count):
            # The first time; or rows went without a word, which they do when a member no longer counts.
            news = await self._node.read(products_since, 0) if before else news
            self._lines.clear()
            self._merge(await asyncio.to_thread(make_lines, news.rows), news.count)
        elif not news.rows:
            self._seen_products = news.arrival
            return
        self._seen_products = news.arrival
        self._post(MarketSeen(sorted(self._lines.values(), key=lambda line: line.order)))

    def _merge(self, lines: Sequence[Line], count: int) -> bool:
        """Take changed products in; say whether that makes as many as there are."""
        for line in lines:
            if line.row.withdrawn:
                self._lines.pop(line.key, None)
            else:
                self._lines[line.key] = line
        return len(self._lines) == count

    async def _look_at_orders(self) -> None:
        arrival = await self._node.read(state.arrival)
        found = await self._node.read(list_orders, self.hat, now(), self._seen_orders)
        if not self._seen_orders:
            self._orders.clear()
        elif not found:
            self._seen_orders = arrival
            return
        self._seen_orders = arrival
        self._orders.update((order.id, order) for order in found)
        ordered = sorted(self._orders.values(), key=lambda order: (order.sent_at, order.id), reverse=True)
        self._post(OrdersSeen(ordered, self.hat))
