"""A hub's desk for tests: a farm, its products, a cycle, and customers who want them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.node.allotments import allot
from foodhub.node.amending import amend_order, cancel_order
from foodhub.node.confirmations import confirmation_of
from foodhub.node.counting import counted_of
from foodhub.node.cycles import in_ms
from foodhub.node.exchanges import exchange_of
from foodhub.node.groups import join_group
from foodhub.node.offering import Offer, sell
from foodhub.node.orders import OrderRow
from foodhub.node.placing import place_order
from foodhub.node.represented import add_represented, behalf
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.supplies import sum_orders
from foodhub.node.wanted import read_changes, read_lines
from foodhub.orders.closing import ConfirmedLine
from foodhub.orders.exchanges import DEFAULT_RULE, ProductRule
from foodhub.orders.statements import Order, OrderLine
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, set_case
from tests.pens import changed

Key = tuple[bytes, bytes]
MINUTE = 60_000


class Stall:
    """Hub "Hub" and farm "Farm" in a village, and a cycle of a day that is open."""

    def __init__(self, village: Village, hub: Home, farm: Home) -> None:
        self.village = village
        self.hub = hub
        self.farm = farm
        self.products: dict[str, Key] = {}

    async def add(self, name: str, *, aside: int | None = None, case: int = 0, minimum: int = 0, **more: Any) -> Key:
        """Sell a product: so much of it set aside, or on demand when None."""
        local = id_bytes(await self.farm.product(name, on_hand=None if aside is None else aside + 50, **more))
        if case or minimum:
            await self.farm.write(set_case, self.farm.hat, local, case, minimum, "carton", broken=False)
        await self.village.gossip()
        if aside:
            await self.farm.write(allot, self.farm.hat, await self.farm.cycle(), {local: aside})
            await self.village.gossip()
        self.products[name] = (self.farm.hat.member, local)
        return self.products[name]

    async def rule(self, who: Home, name: str, **rule: Any) -> ProductRule:
        """Let a hub or group have another rule for a product."""
        made = changed(DEFAULT_RULE, **rule)
        await self.sells(who, rules={self.products[name]: made})
        return made

    async def sells(self, who: Home, **offer: Any) -> None:
        """Change how a hub or group sells."""
        await who.write(sell, who.hat, await who.cycle(), Offer(**offer))
        await self.village.gossip()

    async def group(self, name: str, *members: str, closes: int = 20 * HOUR, **offer: Any) -> tuple[Home, list[Home]]:
        """Make a group that sells in the cycle, with households that have homes."""
        group = await self.village.home(name, "group")
        await self.sells(group, closes=self.village.clock.now + closes, **offer)
        homes = [await self.village.home(each, "household") for each in members]
        for each in homes:
            await each.write(join_group, each.hat, group.hat.member)
        await self.village.gossip()
        return group, homes

    async def shortfall(self, name: str, available: int, reason: str = "hail") -> None:
        cycle = await self.farm.cycle()
        await self.farm.write(declare_shortfall, self.farm.hat, cycle, {self.products[name][1]: available}, reason)
        await self.village.gossip()

    async def close(self) -> None:
        """Let the cycle close, and everybody hear of it."""
        self.village.clock.now = in_ms((await self.hub.cycle()).closes) + MINUTE
        await self.village.gossip()

    async def confirmed(self, home: Home, name: str, *, by: Home | None = None, who: bytes = b"") -> ConfirmedLine:
        """Return what a customer reads in its confirmation of a product."""
        seller, member = (by or self.hub).hat.member, who or home.hat.member
        found = await home.read(confirmation_of, seller, member, (await home.cycle()).key)
        assert found is not None
        (line,) = [each for each in found.lines if (each.producer, each.product) == self.products[name]]
        return line


async def stall(village: Village) -> Stall:
    """Open a cycle of a hub, with a farm beside it."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await village.open_cycle(hub)
    return Stall(village, hub, farm)


async def wants(home: Home, *wanted: tuple[str, str], who: str | None = None) -> bytes:
    """Place an order at whoever sells to a home (or to `who`, for whom it writes), a moment after the last."""
    home.clock.now += 1
    cycle = await home.cycle()

    def place(tx: Transaction) -> bytes:
        buyer = behalf(tx.db, home.hat, who, "phone" if who else "")
        return place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), None, buyer=buyer)

    return await home.write(place)


async def changes(home: Home, *wanted: tuple[str, str]) -> int:
    """Change the only order of a home."""
    home.clock.now += 1
    cycle, (order,) = await home.cycle(), await own_orders(home)
    return await home.write(lambda tx: amend_order(tx, home.hat, order, read_changes(tx.db, cycle, wanted)))


async def cancels(home: Home) -> int:
    home.clock.now += 1
    (order,) = await own_orders(home)
    return await home.write(cancel_order, home.hat, order)


async def own_orders(home: Home) -> list[OrderRow]:
    """Return the orders that a home gave."""
    return [row for row in await home.orders() if row.customer_id == base32_id(home.hat.member)]


async def order_at(home: Home, customer: Home) -> OrderRow:
    """Return the order of a customer as the aggregator sees it."""
    (found,) = [row for row in await home.orders() if row.customer_id == base32_id(customer.hat.member)]
    return found


async def states(homes: Sequence[Home]) -> list[tuple[str, int | None, str]]:
    """Return of each home's only order: its state, and what is promised of its first line, and why not all."""
    found: list[tuple[str, int | None, str]] = []
    for home in homes:
        (row,) = await own_orders(home)
        found.append((row.state, row.lines[0].confirmed, row.lines[0].reason))
    return found


async def promised(homes: Sequence[Home]) -> list[int | None]:
    """Return what each home is promised of the first line of its only order."""
    return [amount for _state, amount, _reason in await states(homes)]


async def represent(home: Home, *names: str) -> list[bytes]:
    """Let a hub or group write for households without a computer; return their ids."""
    return [id_bytes((await home.write(add_represented, home.hat, name, "household")).id) for name in names]


async def households(village: Village, *names: str) -> list[Home]:
    """Let households come to a village."""
    return [await village.home(name, "household") for name in names]


async def placed(home: Home) -> Order:
    """Return the only order of a home as it signed it."""
    ((local, version, when, owner, cycle, hub, lines),) = await home.rows(
        "SELECT local, version, placed, cycle_owner, cycle, hub, lines FROM placement"
    )
    read = msgspec.msgpack.decode(lines, type=list[OrderLine])
    return Order(local, version, when, owner, cycle, hub, cancelled=False, lines=read)


async def sum_of(group: Home) -> list[tuple[str, int, int]]:
    """Return the lines of a group's order to its hub: name, quantity, tolerance."""
    exchange = await group.read(exchange_of, group.hat.member, await group.cycle())
    assert exchange is not None
    orders = await group.read(sum_orders, exchange)
    standing = [line for order in orders if not order.cancelled for line in order.lines]
    return [(line.name, line.quantity, line.tolerance) for line in standing]


async def late_comer(market: Stall, home: Home, *wanted: tuple[str, str]) -> None:
    """Let a home sign an order in time that nobody hears of before the close."""
    village = market.village
    village.homes.remove(home)
    await wants(home, *wanted)
    await market.close()
    village.homes.append(home)
    await village.gossip()


async def counted_at(home: Home) -> dict[tuple[bytes, bytes], int]:
    """Return which version of each placement (buyer, order) counted at a desk."""
    found = await home.read(counted_of, home.hat.member, (await home.cycle()).key)
    assert found is not None
    return found.versions
