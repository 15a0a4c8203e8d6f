"""A street for tests of bad input: a cycle in which one who checks nothing signs beside one who does."""

import msgspec

from foodhub.catalog.naming import id_bytes
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.cycles import new_cycle
from foodhub.node.groups import join_group
from foodhub.node.offering import Offer, sell
from foodhub.node.wanted import order_line, read_lines
from foodhub.orders.statements import Order, OrderLine, derived_id
from tests.homes import HOUR, Home, Village
from tests.node.bazaar import join
from tests.shelf import rows

CLOSES = 24 * HOUR


class Street:
    """A hub with a cycle, a hub outside it, a farm and another one, and two groups with a household each."""

    def __init__(self, village: Village) -> None:
        self.village = village
        self.homes: dict[str, Home] = {}
        self.local: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> Home:
        return self.homes[name]

    async def begin(self, *, opens: int = 0, sale: str = "resale") -> "Street":
        """Bring everybody together; the cycle opens so many ms from now."""
        roles = {"Hub": "hub", "Outside": "hub", "Farm": "producer", "Other": "producer", "G": "group", "G2": "group"}
        for name in (*roles, "Ann", "Bob", "Eve"):
            self.homes[name] = await join(self.village, name, roles.get(name, "household"))
        self.local["Carrots"] = id_bytes(await self["Farm"].product("Carrots", on_hand=40, step=2))
        self.local["Eggs"] = id_bytes(await self["Farm"].product("Eggs", on_hand=40))
        self.local["Cheese"] = id_bytes(await self["Other"].product("Cheese", on_hand=10))
        now, hub = self.village.clock.now, self["Hub"]
        await hub.write(new_cycle, hub.hat, "Week 39", now + opens, now + CLOSES, "Europe/Paris", sale)
        await self.village.gossip()
        for name in ("G", "G2"):
            group = self[name]
            await group.write(sell, group.hat, await group.cycle(), Offer(closes=now + CLOSES - HOUR))
        await self.village.gossip()
        for name, joined in (("Ann", "G"), ("Bob", "G2")):
            await self[name].write(join_group, self[name].hat, self[joined].hat.member)
        farm = self["Farm"]
        await farm.write(allot, farm.hat, await farm.cycle(), {self.local["Carrots"]: 20, self.local["Eggs"]: 20})
        await self.village.gossip()
        return self

    async def lines(self, name: str, *wanted: tuple[str, str]) -> list[OrderLine]:
        """Return the lines of an order as the program would write them."""
        home = self[name]
        cycle = await home.cycle()
        return await home.read(lambda db: [order_line(each, "EUR") for each in read_lines(db, cycle, wanted)])

    async def signs(self, name: str, lines: list[OrderLine], *, to: str = "Hub", version: int = 1) -> bytes:
        """Let a home sign an order as a program would that checks nothing."""
        home = self[name]
        cycle, local = await home.cycle(), derived_id(b"bad", home.hat.member)
        order = Order(local, version, home.clock.now, *cycle.key, self[to].hat.member, False, lines)
        await home.sign(Log.TRADE, order, readers=[self[to].hat.member])
        return local

    async def said(self, name: str) -> tuple[str, str, dict[str, tuple[int, str]]]:
        """Return what a buyer was answered: outcome, reason, and by product what is promised and why not more."""
        home = self[name]
        query = "SELECT a.outcome, a.reason, a.lines FROM answer a WHERE a.buyer = ? ORDER BY a.timestamp DESC LIMIT 1"
        ((outcome, reason, lines),) = await home.rows(query, home.hat.member)
        names = {local: product for product, local in self.local.items()}
        told = msgspec.msgpack.decode(lines)
        return outcome, reason, {names.get(line[1], "?"): (line[3], line[5]) for line in told}

    async def eve_is_served(self) -> None:
        """Assert that somebody who orders as one should gets what it orders, and that all homes are sound."""
        await self["Eve"].order(("Eggs", "3"))
        await self.village.gossip()
        assert await self.said("Eve") == ("received", "", {"Eggs": (3, "")})
        for home in self.homes.values():
            before = await home.read(rows)
            await home.write(lambda tx: tx.fold.rebuild())
            assert await home.read(rows) == before
