"""A close that goes with the laptop that signed it, and comes back: what was taken in meanwhile counts too."""

import pytest

from foodhub.circuit.statements import Cut, Retire
from foodhub.log.header import Log
from foodhub.node.closing import close_cycle, close_of
from foodhub.node.devices import cuts_of, hand_over
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import GRACE, send_purchases
from tests.homes import Home, Village
from tests.node.desks import Stall, cancels, counted_at, households, own_orders, placed, stall, wants
from tests.node.laptops import laptop, row_of

pytestmark = pytest.mark.anyio


class Gone:
    """A hub with three laptops: the third closed the cycle, and the second had not heard of it when it retired that."""

    def __init__(self, market: Stall, second: Home, homes: list[Home], known: list[Cut]) -> None:
        self.market, self.second, self.homes, self.known = market, second, homes, known

    async def comes_back(self) -> None:
        """Let the first laptop retire the second as it was before that: then the third counts, and its close."""
        hub, village = self.market.hub, self.market.village
        village.homes.remove(self.second)
        await hub.sign(Log.CIRCUIT, Retire(self.second.hat.device, self.known, hub.hat.device))
        await village.gossip()
        assert await hub.read(close_of, await hub.cycle()) is not None

    async def counts(self) -> dict[str, int]:
        """Return how much of the eggs everybody is confirmed, who ordered."""
        return {
            home.hat.name: order.lines[0].confirmed or 0
            for home in self.homes
            for order in await own_orders(home)
            if order.state == "confirmed"
        }


async def gone(village: Village, *, purchased: bool = False) -> Gone:
    """Let Ann and Bob order eggs, and be confirmed; then the close goes, if `purchased` after the purchase order."""
    market = await stall(village)
    hub = market.hub
    await market.add("Eggs", aside=None if purchased else 9)
    homes = await households(village, "Ann", "Bob", "Cleo")
    second, third = await laptop(village, "hub 2", hub), await laptop(village, "hub 3", hub)
    await hub.write(hand_over, hub.hat, "desk", await row_of(hub, third))
    await village.gossip()
    for home in homes[:2]:
        await wants(home, ("Eggs", "3"))
    await village.gossip()
    known = await hub.read(cuts_of, second.hat.device)
    village.homes.remove(second)
    village.clock.now += 1
    await third.write(close_cycle, third.hat, await third.cycle())
    await village.gossip()
    assert len(await counted_at(hub)) == 2
    if purchased:
        assert await hub.write(send_purchases, hub.hat, await hub.cycle()) == 1
        await village.gossip()
    # It says so without a box key of its own: what is sealed with one that goes again, nobody can read.
    cuts = await second.read(cuts_of, third.hat.device)
    await second.sign(Log.CIRCUIT, Retire(third.hat.device, cuts, second.hat.device))
    village.homes.append(second)
    village.homes.remove(third)
    await village.gossip()
    assert await hub.read(close_of, await hub.cycle()) is None
    return Gone(market, second, homes, known)


async def test_what_was_taken_in_while_a_close_was_gone_counts_when_it_is_back(village: Village) -> None:
    found = await gone(village)
    await wants(found.homes[2], ("Eggs", "2"))
    await village.gossip()
    (order,) = await own_orders(found.homes[2])
    assert (order.state, order.lines[0].confirmed) == ("received", 2)
    await found.comes_back()
    # It was signed after that close: but it was taken in, as of an open cycle, and stays.
    assert await found.counts() == {"Ann": 3, "Bob": 3, "Cleo": 2}
    assert (found.homes[2].hat.member, (await placed(found.homes[2])).local) in await counted_at(found.market.hub)


async def test_who_cancelled_while_a_close_was_gone_gets_nothing_when_it_is_back(village: Village) -> None:
    found = await gone(village)
    await cancels(found.homes[1])
    await village.gossip()
    await found.comes_back()
    assert await found.counts() == {"Ann": 3}


async def test_purchase_orders_from_before_go_anew_by_themselves(village: Village) -> None:
    found = await gone(village, purchased=True)
    farm = found.market.farm
    await wants(found.homes[2], ("Eggs", "2"))
    await village.gossip()
    await found.comes_back()
    village.clock.now += GRACE
    await village.gossip()
    (row,) = await farm.read(list_purchases, farm.hat, village.clock.now)
    assert (row.version, row.lines[0].quantity) == (2, 8)
