"""Two levels by chance: whoever hears whom when, nobody promises more than it was given, and no promise shrinks."""

from random import Random

import msgspec
import pytest

from foodhub.catalog.naming import base32_id
from foodhub.errors import RefusedError
from foodhub.node.allotments import allot, set_aside
from foodhub.orders.statements import AnswerLine
from tests.homes import Home, Village, carry
from tests.node.desks import Stall, cancels, changes, own_orders, stall, wants

pytestmark = pytest.mark.anyio
_lines = msgspec.msgpack.Decoder(list[AnswerLine])
STEPS = 45


class Chance:
    """Homes that do something by chance, and what was promised to whom so far."""

    def __init__(self, market: Stall, group: Home, customers: list[Home], seed: int) -> None:
        self.market = market
        self.group = group
        self.customers = customers
        self.chance = Random(seed)
        self.homes = [market.hub, market.farm, group, *customers]
        self.given: dict[tuple[bytes, bytes, bytes, int], int] = {}
        self.aside = 6

    async def act(self) -> None:
        await self.chance.choice([self.order, self.order, self.hear, self.hear, self.hear, self.work, self.raise_it])()

    async def order(self) -> None:
        home = self.chance.choice(self.customers)
        standing = [row for row in await own_orders(home) if row.state != "cancelled"]
        amount = str(self.chance.randint(1, 4))
        try:
            if not standing:
                await wants(home, ("Eggs", amount))
            elif self.chance.random() < 0.2 and len(await own_orders(home)) == 1:
                await cancels(home)
            else:
                await changes(home, ("Eggs", amount))
        except RefusedError as error:
            if error.code != "wrong_state":
                raise

    async def hear(self) -> None:
        one, other = self.chance.sample(self.homes, 2)
        await carry(one, other)

    async def work(self) -> None:
        await self.chance.choice([self.market.hub, self.group]).duties()

    async def raise_it(self) -> None:
        farm = self.market.farm
        self.aside += self.chance.randint(0, 1)
        await farm.write(allot, farm.hat, await farm.cycle(), {self.market.products["Eggs"][1]: self.aside})

    async def answers(self, home: Home) -> dict[tuple[bytes, bytes], tuple[int, int]]:
        """Return by placement what an aggregator promised, and for which version."""
        rows = await home.rows(
            "SELECT a.buyer, a.placement, a.placement_version, a.lines FROM answer a JOIN party o ON o.ref = a.owner"
            " WHERE o.id = ?",
            home.hat.member,
        )
        return {(buyer, local): (sum(x.promised for x in _lines.decode(said)), of) for buyer, local, of, said in rows}

    async def check(self) -> None:
        hub, group = self.market.hub, self.group
        by_hub, by_group = await self.answers(hub), await self.answers(group)
        cycle = await hub.cycle()
        aside = await hub.read(set_aside, hub.hat.member, hub.hat.device, cycle)
        assert sum(amount for amount, _ in by_hub.values()) <= sum(aside.values())
        got = sum(amount for (buyer, _), (amount, _) in by_hub.items() if buyer == group.hat.member)
        assert sum(amount for amount, _ in by_group.values()) <= got
        for who, said in ((hub, by_hub), (group, by_group)):
            for place, (amount, version) in said.items():
                key = (who.hat.member, *place, version)
                assert amount >= self.given.get(key, 0), "a promise shrank by itself"
                self.given[key] = amount


@pytest.mark.parametrize("seed", range(4))
async def test_no_order_of_arrival_promises_more_than_there_is_or_takes_a_promise_back(
    village: Village, seed: int
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    group, homes = await market.group("Group", "A", "B", "C")
    alone = await village.home("E", "household")
    chance = Chance(market, group, [*homes, alone], seed)
    for _ in range(STEPS):
        await chance.act()
        await chance.check()
    await village.gossip()
    await chance.check()
    rows = [row for home in chance.customers for row in await own_orders(home) if row.state != "cancelled"]
    wanted = sum(row.lines[0].ordered for row in rows)
    held = [row.lines[0].confirmed or 0 for row in rows]
    # In the end nothing that somebody wants is left lying.
    assert sum(held) == min(wanted, chance.aside)
    await market.close()
    for home in chance.customers:
        for row in await own_orders(home):
            if row.state == "confirmed":
                by = group if row.hub_id == base32_id(group.hat.member) else market.hub
                assert (await market.confirmed(home, "Eggs", by=by)).confirmed == row.lines[0].confirmed
