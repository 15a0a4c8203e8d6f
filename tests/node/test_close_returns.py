"""A close that goes with the laptop that signed it, and comes back: what was taken in meanwhile counts too."""

import pytest

from foodhub.catalog.statements import Stock
from foodhub.circuit.statements import Cut, Retire
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.closing import close_cycle, close_of
from foodhub.node.counting import GOODS
from foodhub.node.devices import cuts_of, hand_over
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import GRACE, send_purchases
from foodhub.node.shelf import asides_of
from tests.homes import Home, Village
from tests.node.desks import Stall, cancels, changes, counted_at, households, own_orders, placed, stall, wants
from tests.node.laptops import laptop, row_of
from tests.node.truths import promises_stay_within_what_is_set_aside
from tests.pens import changed
from tests.vectors.seeds import carrots

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


async def gone(village: Village, *, purchased: bool = False, aside: int | None = 9, more: int = 0) -> Gone:
    """Let Ann and Bob order eggs, and be confirmed; then the close goes, if `purchased` after the purchase order.

    Bob orders so many other products, too.
    """
    market = await stall(village)
    hub = market.hub
    await market.add("Eggs", aside=aside)
    homes = await households(village, "Ann", "Bob", "Cleo")
    second, third = await laptop(village, "hub 2", hub), await laptop(village, "hub 3", hub)
    await hub.write(hand_over, hub.hat, "desk", await row_of(hub, third))
    await village.gossip()
    others = [changed(carrots(), local=number.to_bytes(16), name=f"Goods {number}") for number in range(more)]
    stock = [Stock(each.local, 1, "on_demand", 0) for each in others]
    for first in range(0, more, 100):
        await market.farm.sign(Log.CATALOG, *others[first : first + 100], *stock[first : first + 100])
    await village.gossip()
    await wants(homes[0], ("Eggs", "3"))
    await wants(homes[1], ("Eggs", "3"), *((each.name, "1") for each in others))
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
    found = await gone(village, purchased=True, aside=None)
    farm = found.market.farm
    await wants(found.homes[2], ("Eggs", "2"))
    await village.gossip()
    await found.comes_back()
    village.clock.now += GRACE
    await village.gossip()
    (row,) = await farm.read(list_purchases, farm.hat, village.clock.now)
    assert (row.version, row.lines[0].quantity) == (2, 8)


async def test_a_list_that_gets_shorter_is_signed_once(village: Village) -> None:
    found = await gone(village, more=GOODS)
    (parts,) = await found.market.hub.rows("SELECT count(*) FROM counted")
    assert parts == (3,), "one of orders, two of goods"
    await cancels(found.homes[1])
    await village.gossip()
    await found.comes_back()
    assert await found.counts() == {"Ann": 3}
    assert set(await found.market.hub.rows("SELECT version FROM counted")) == {(2,)}


async def test_nothing_that_was_promised_meanwhile_is_given_back_before_it_is_counted(village: Village) -> None:
    found = await gone(village, purchased=True, aside=18)
    hub, farm = found.market.hub, found.market.farm
    await farm.write(allot, farm.hat, await farm.cycle(), {found.market.products["Eggs"][1]: 12})
    await village.gossip()
    await changes(found.homes[0], ("Eggs", "8"))
    await village.gossip()
    assert (await own_orders(found.homes[0]))[0].lines[0].confirmed == 8
    await found.comes_back()
    village.clock.now += GRACE
    await village.gossip()
    assert await found.counts() == {"Ann": 8, "Bob": 3}
    await promises_stay_within_what_is_set_aside(hub)
    assert [each.quantity for each in await farm.read(asides_of, farm.hat.member)] == [11]


async def test_it_is_counted_anew_also_where_something_may_be_given_back(village: Village) -> None:
    found = await gone(village)
    await found.market.add("Pears", aside=18, case=6)
    await wants(found.homes[2], ("Eggs", "2"), ("Pears", "1"))
    await village.gossip()
    await found.comes_back()
    assert await found.counts() == {"Ann": 3, "Bob": 3, "Cleo": 2}


async def test_what_was_promised_more_while_a_close_was_gone_is_kept(village: Village) -> None:
    found = await gone(village, aside=4)
    assert await found.counts() == {}
    farm = found.market.farm
    await farm.write(allot, farm.hat, await farm.cycle(), {found.market.products["Eggs"][1]: 6})
    await village.gossip()
    await found.comes_back()
    assert await found.counts() == {"Ann": 3, "Bob": 3}
