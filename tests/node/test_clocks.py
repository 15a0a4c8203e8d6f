"""What tells that this machine's clock is wrong, what does not, and what may rest on a clock that was ahead."""

import pytest

from foodhub.catalog.naming import base32_id
from foodhub.errors import RefusedError
from foodhub.log.header import Kind, Log
from foodhub.node.allotments import allot
from foodhub.node.clocks import doubt
from foodhub.node.erasable import Judge, OwnEntry
from foodhub.node.products import add_product
from foodhub.node.removal import remove_member
from foodhub.node.state import find_member
from foodhub.node.stock import list_stock, set_stock
from foodhub.orders.hands import Contact
from foodhub.orders.statements import Allot, derived_id
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, refusal
from tests.node.desks import cancels, changes, households, stall, wants

pytestmark = pytest.mark.anyio
YEAR = 365 * 24 * HOUR


async def doubted(home: Home) -> str | None:
    found = await home.read(doubt, home.hat, home.clock.now)
    return None if found is None else found.code


async def test_a_clock_that_is_behind_those_of_several_others_is_doubted_and_not_for_one_of_many(
    village: Village,
) -> None:
    homes = [await village.home(name, "producer") for name in ("A", "B", "C")]
    for home, expected in zip(homes[1:], (None, "clock_behind"), strict=True):
        village.clock.now += 2 * HOUR
        await home.write(add_product, home.hat, "Leeks", price=100, price_per="piece", on_hand=1, more={})
        await village.gossip()
        village.clock.now -= 2 * HOUR
        assert await doubted(homes[0]) == expected
    village.clock.now += 2 * HOUR
    assert [await doubted(home) for home in homes] == [None] * 3


async def test_a_few_who_stamp_as_they_like_make_nobody_doubt_and_most_do(village: Village) -> None:
    homes = [await village.home(name, "producer") for name in ("A", "B", "C", "D", "E", "F")]
    village.clock.now += 10 * YEAR
    for number, home in enumerate(homes[1:4]):
        await home.write(add_product, home.hat, "Leeks", price=100, price_per="piece", on_hand=1, more={})
        await village.gossip()
        village.clock.now -= 10 * YEAR
        assert await doubted(homes[0]) == ("clock_behind" if number == 2 else None)
        village.clock.now += 10 * YEAR


async def test_who_was_removed_tells_nothing_of_the_time(village: Village) -> None:
    homes = [await village.home(name, "producer") for name in ("A", "B", "C", "D", "E")]
    village.clock.now += 2 * HOUR
    for home in homes[1:3]:
        await home.write(add_product, home.hat, "Leeks", price=100, price_per="piece", on_hand=1, more={})
        await village.gossip()
    village.clock.now -= 2 * HOUR
    assert await doubted(homes[0]) == "clock_behind"
    for home in homes[1:3]:
        row = await homes[0].read(find_member, base32_id(home.hat.member))
        await homes[0].write(remove_member, homes[0].hat, row)
    assert await doubted(homes[0]) is None


async def test_where_there_is_one_other_its_clock_is_enough(village: Village) -> None:
    home, other = await village.home("A", "producer"), await village.home("B", "producer")
    village.clock.now += 2 * HOUR
    await other.write(add_product, other.hat, "Leeks", price=100, price_per="piece", on_hand=1, more={})
    await village.gossip()
    assert await doubted(home) is None
    village.clock.now -= 2 * HOUR
    assert await doubted(home) == "clock_behind"
    assert await doubted(other) is None


async def test_a_clock_that_is_ahead_is_doubted_once_an_order_is_answered_before_it_was_signed(
    village: Village,
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (ann,) = await households(village, "A")
    village.homes.remove(ann)
    village.clock.now += 3 * HOUR
    await wants(ann, ("Eggs", "1"))
    signed = village.clock.now
    village.clock.now -= 3 * HOUR
    village.homes.append(ann)
    await village.gossip()
    village.clock.now = signed
    assert await doubted(ann) == "clock_ahead"
    assert await doubted(market.hub) is None
    # A day later, or once the clock is set right, nothing says so any more.
    village.clock.now = signed - 3 * HOUR
    assert await doubted(ann) is None
    village.clock.now = signed + 25 * HOUR
    assert await doubted(ann) is None


async def test_a_count_of_a_clock_that_was_ahead_takes_nothing_as_gone(village: Village) -> None:
    market = await stall(village)
    key, farm = await market.add("Eggs", aside=10), market.farm
    village.clock.now += YEAR
    await farm.write(set_stock, farm.hat, {key[1]: 40})
    village.clock.now -= YEAR
    # The deadline of the cycle was past by that clock; but nobody has closed it.
    cycle = await farm.cycle()
    assert await refusal(farm, allot, cycle, {key[1]: 41}) == "not_enough_stock"
    (row,) = await farm.read(list_stock, farm.hat, village.clock.now)
    assert (row.set_aside, row.free) == (10, 30)


async def test_no_order_is_signed_that_would_be_late_for_a_clock_that_was_ahead(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "1"))
    await village.gossip()
    village.clock.now += YEAR
    await home.sign(Log.TRADE, Contact(derived_id(b"contact"), 1, "A", "", ""))
    village.clock.now -= YEAR
    for work in (wants(home, ("Eggs", "2")), changes(home, ("Eggs", "2")), cancels(home)):
        with pytest.raises(RefusedError) as raised:
            await work
        assert raised.value.code == "clock_was_ahead"


async def test_nothing_is_free_to_be_erased_on_which_a_count_of_a_wrong_clock_may_rest(village: Village) -> None:
    market = await stall(village)
    key, farm = await market.add("Eggs", aside=10), market.farm
    village.clock.now += YEAR
    await farm.write(set_stock, farm.hat, {key[1]: 40})
    village.clock.now -= YEAR
    await market.close()
    aside = Allot(b"a" * 16, 1, *(await market.hub.cycle()).key, market.hub.hat.member, b"d" * 32, key[1], 10, 0)

    def judge(tx: Transaction) -> str:
        entry = OwnEntry(farm.hat.device, Log.TRADE, 1, Kind.ERASABLE, tx.now, 100, [(tx.now, aside)])
        return Judge(tx, farm.hat.member).judge(entry).code

    assert await farm.write(judge) == "holds"
