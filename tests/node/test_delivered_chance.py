"""Nothing is free that a hub may still promise, on real homes and in any order: the goods themselves are the measure.

A seeded story: a farm with two laptops counts what really lies there, or lets its hub count; the cycle closes, goods
leave and it opens again, and who hears of whom is left to chance.
"""

from collections.abc import Callable, Coroutine, Sequence
from random import Random

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.errors import RefusedError
from foodhub.node.closing import close_cycle, close_of
from foodhub.node.deliveries import UNWEIGHED
from foodhub.node.devices import hand_over
from foodhub.node.mandates import give_mandate, set_stock_for
from foodhub.node.placing import place_order
from foodhub.node.shelf import Aside, shelf_of
from foodhub.node.stock import set_stock
from foodhub.node.wanted import read_lines
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry
from tests.node.laptops import laptop, row_of
from tests.node.test_stock_deliveries import Market

pytestmark = pytest.mark.anyio
ROUNDS = 3
Deed = Callable[[], Coroutine[None, None, object]]


class Story:
    """A market, its eggs as they really lie on the shelf, and how many have left it."""

    def __init__(self, market: Market, second: Home, seed: int) -> None:
        self.market = market
        self.keeper, self.other = market.farm, second
        self.chance = Random(seed)
        self.eggs = id_bytes(market.eggs)
        self.shelf, self.out = 40, 0

    async def aside(self, home: Home) -> Aside:
        (found,) = (await home.read(shelf_of, self.market.farm.hat.member)).asides[self.eggs]
        return found

    async def closed(self) -> bool:
        return await self.market.hub.read(close_of, await self.market.hub.cycle()) is not None

    async def hold(self) -> int:
        """Return how many the hub may have promised or may still promise, or has had."""
        return (await self.aside(self.keeper)).given - (await self.aside(self.market.hub)).returned

    async def play(self) -> None:
        """Let the cycle close and open again a few times, with what happens in between left to chance."""
        sells: list[Deed] = [self.give, self.order, self.hear, self.count]
        leaves: list[Deed] = [self.leave, self.leave, self.count, self.let_count, self.hear, self.hand_over]
        for _ in range(ROUNDS):
            await self.some([*sells, self.rebuild])
            await self.close()
            await self.some([*leaves, *leaves])
            await self.reopen()
        await self.some(sells)

    async def some(self, deeds: Sequence[Deed]) -> None:
        """Do some of these in any order, and look after each."""
        for deed in self.chance.sample(deeds, self.chance.randint(2, len(deeds))):
            self.market.village.clock.now += self.chance.choice([0, 1, HOUR])
            await deed()
            await self.look()

    async def look(self) -> None:
        free = (await self.keeper.read(shelf_of, self.market.farm.hat.member)).free(self.eggs)
        assert free is not None
        assert max(free, 0) + await self.hold() - self.out <= self.shelf

    async def give(self) -> None:
        shelf = await self.keeper.read(shelf_of, self.market.farm.hat.member)
        held, free = shelf.asides[self.eggs][0].quantity, shelf.free(self.eggs) or 0
        self.market.farm = self.keeper
        try:
            await self.market.give(held + self.chance.randint(0, max(free, 0)))
        except RefusedError as error:
            assert error.code == "cycle_closed"  # noqa: PT017 - no other reason is right

    async def order(self) -> None:
        home, wanted = self.market.home, [("Eggs", str(self.chance.randint(1, 6)))]
        cycle = await home.cycle()

        def place(tx: Transaction) -> bytes:
            return place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), None)

        try:
            await home.write(place)
        except RefusedError as error:
            assert error.code == "cycle_closed"  # noqa: PT017 - no other reason is right

    async def close(self) -> None:
        if not await self.closed():
            await self.market.hub.write(close_cycle, self.market.hub.hat, await self.market.hub.cycle())

    async def reopen(self) -> None:
        if await self.closed():
            await self.market.reopen(10_000 * HOUR)

    async def leave(self) -> None:
        """Let all leave that was sold, once the hub has given back the rest."""
        await self.market.village.gossip()
        held, sold = await self.hold(), (await self.aside(self.market.hub)).promised
        if await self.closed() and held == sold:
            self.shelf, self.out = self.shelf - (held - self.out), held

    async def count(self) -> None:
        gone = await self.closed() and await self.hold() == self.out
        cycle = await self.keeper.cycle()
        said = [cycle] if gone and await self.keeper.read(close_of, cycle) is not None else []
        await self.keeper.write(set_stock, self.keeper.hat, {self.eggs: self.shelf}, None, said)

    async def let_count(self) -> None:
        """Let the hub count a week after the goods have left."""
        if await self.closed() and await self.hold() == self.out:
            await self.market.village.gossip()
            self.market.village.clock.now += UNWEIGHED + 10_000 * HOUR
            hub = self.market.hub
            await hub.write(set_stock_for, hub.hat, self.keeper.hat.member, {self.eggs: self.shelf})
            await carry(hub, self.keeper)

    async def hand_over(self) -> None:
        await self.market.village.gossip()
        await self.keeper.write(hand_over, self.keeper.hat, "stock", await row_of(self.keeper, self.other))
        self.keeper, self.other = self.other, self.keeper
        await self.market.village.gossip()

    async def rebuild(self) -> None:
        await self.keeper.write(lambda tx: tx.fold.rebuild())

    async def hear(self) -> None:
        giver, taker = self.chance.sample(self.market.village.homes, 2)
        await carry(giver, taker)
        await taker.duties()


async def play(village: Village, seed: int) -> Story:
    """Play a story from its beginning."""
    market = await Market(village).begin()
    second = await laptop(village, "farm 2", market.farm)
    until = village.clock.now + 10**13
    await market.farm.write(give_mandate, market.farm.hat, market.hub.hat.member, ["stock"], until)
    await village.gossip()
    story = Story(market, second, seed)
    try:
        await story.play()
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise
    return story


@pytest.mark.parametrize("seed", [3, 8, 12])
async def test_nothing_is_free_that_a_hub_may_still_promise(village: Village, seed: int) -> None:
    assert (await play(village, seed)).out


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 160))
async def test_it_holds_in_many_stories(village: Village, seed: int) -> None:
    assert (await play(village, seed)).shelf
