"""A producer without a computer sells like any other: its representative counts, sets aside and answers in its name."""

from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import FoodhubError
from foodhub.log.header import Log
from foodhub.node.allotments import AllotmentRow, allot, list_allotments
from foodhub.node.claims import claim, confirm_claim
from foodhub.node.closing import close_cycle, reopen_cycle
from foodhub.node.cycles import CycleRow, list_cycles, new_cycle
from foodhub.node.devices import hand_over
from foodhub.node.handover import successors_due
from foodhub.node.lowering import lower
from foodhub.node.mandates import answering_for, as_owner, set_stock_for
from foodhub.node.products import new_product, put_product, set_product, stock_of
from foodhub.node.purchase_answers import answer_purchase, mark_seen
from foodhub.node.purchases import PurchaseRow, list_purchases
from foodhub.node.purchasing import GRACE
from foodhub.node.represented import add_represented, end_represented, find_represented
from foodhub.node.reserving import grant, open_requests, request
from foodhub.node.sellers import holds_handover, in_name_of, require_stock, seller_of
from foodhub.node.shelf import shelf_of
from foodhub.node.shortfalls import list_shortfalls
from foodhub.node.trade_alerts import trade_alerts
from foodhub.orders.hands import Means, Successor
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry
from tests.node.laptops import laptop, row_of

pytestmark = pytest.mark.anyio
FARM = "Ferme du Lac"


class Lake:
    """A hub, a household, and a group that represents a farm with ten boxes of eggs."""

    def __init__(self, village: Village, hub: Home, group: Home, house: Home) -> None:
        self.village, self.hub, self.group, self.house = village, hub, group, house
        self.farm = self.eggs = b""

    async def cycle(self, home: Home) -> CycleRow:
        """Return the newest cycle."""
        return max(await home.read(list_cycles, self.village.clock.now), key=lambda row: row.opens)

    async def open_cycle(self, name: str) -> None:
        now = self.village.clock.now
        times = (now, now + 24 * HOUR)
        await self.hub.write(new_cycle, self.hub.hat, name, *times, "Europe/Paris", "resale")
        await self.village.gossip()

    async def allot(self, quantity: int, who: str | None = FARM, told: Means = "phone") -> int:
        hat = self.group.hat
        cycle = await self.cycle(self.group)

        def work(tx: Transaction) -> int:
            return allot(tx, hat, cycle, {self.eggs: quantity}, seller=seller_of(tx.db, hat, who, told))

        done = await self.group.write(work)
        await self.village.gossip()
        return done

    async def asides(self, home: Home) -> list[AllotmentRow]:
        return await home.read(list_allotments, await self.cycle(home))

    async def purchase(self, home: Home) -> PurchaseRow:
        (row,) = await home.read(list_purchases, home.hat, self.village.clock.now)
        return row

    async def close(self) -> None:
        self.village.clock.now += 24 * HOUR
        await self.village.gossip()
        self.village.clock.now += GRACE
        await self.village.gossip()


async def lake(village: Village) -> Lake:
    hub, group = await village.home("Hub", "hub"), await village.home("Group", "group")
    found = Lake(village, hub, group, await village.home("House", "household"))
    row = await group.write(add_represented, group.hat, FARM, "producer", phone="06 12")
    found.farm = id_bytes(row.id)

    def publish(tx: Transaction) -> bytes:
        seller = seller_of(tx.db, group.hat, FARM)
        product = new_product(tx.db, seller.member, "Eggs", price=260, price_per="piece", more={})
        put_product(tx, group.hat, product, stock_of(product.local, 10), seller)
        return product.local

    found.eggs = await group.write(publish)
    await found.open_cycle("Week 39")
    return found


async def code(work: Any) -> str:
    with pytest.raises(FoodhubError) as caught:
        await work
    return caught.value.code


async def waiting(home: Home) -> list[tuple[str, str]]:
    """Return what waits at a home about purchase orders, with the producers that are named."""
    found = await home.read(lambda db: list(trade_alerts(db, home.hat, home.clock.now)))
    return [(code, details.get("producer", "")) for code, _texts, details in found]


async def test_a_represented_farm_sells_what_was_counted_for_it(village: Village) -> None:
    place = await lake(village)
    hub, group = place.hub, place.group
    assert await place.allot(6) == 1
    assert [row.set_aside for row in await place.asides(hub)] == [6]
    assert [(row.producer, row.written_by, row.told) for row in await place.asides(hub)] == [(FARM, "Group", "phone")]

    await place.house.order(("Eggs", "4"))
    await village.gossip()
    (order,) = await place.house.orders()
    assert [line.confirmed for line in order.lines] == [4]
    assert [(row.promised, row.ordered) for row in await place.asides(group)] == [(4, 4)]

    def ask_back(tx: Transaction, cycle: CycleRow) -> int:
        return lower(tx, group.hat, cycle, {place.eggs: 5}, seller=seller_of(tx.db, group.hat, FARM))

    assert await group.write(ask_back, await place.cycle(group)) == 1
    await village.gossip()
    assert [(row.set_aside, row.returned) for row in await place.asides(group)] == [(5, 1)]
    assert (await group.read(shelf_of, place.farm)).free(place.eggs) == 5

    await place.close()
    assert await waiting(group) == [("purchase_waits", FARM)]
    village.clock.now += 2 * HOUR
    row = await place.purchase(group)
    assert (row.producer, row.state, [line.quantity for line in row.lines]) == (FARM, "sent", [4])
    assert await group.write(mark_seen, group.hat, row)
    await village.gossip()
    assert (await place.purchase(hub)).state == "seen"

    def answer(tx: Transaction) -> str:
        seller = answering_for(tx.db, group.hat, FARM, tx.now, "phone")
        return answer_purchase(tx, group.hat, row, {place.eggs: 3}, "hail", seller=seller)

    assert await group.write(answer) == "part"
    await village.gossip()
    told = await place.purchase(hub)
    assert (told.producer, told.state, told.written_by, told.told) == (FARM, "part", "Group", "phone")
    short = await hub.read(list_shortfalls, await place.cycle(hub))
    assert [(each.producer, each.available, each.written_by, each.told) for each in short] == [
        (FARM, 3, "Group", "phone")
    ]
    (order,) = await place.house.orders()
    assert [line.share for line in order.lines] == [3]
    assert await waiting(group) == []


async def test_a_hub_may_represent_the_farm_that_it_buys_from(village: Village) -> None:
    hub, house = await village.home("Hub", "hub"), await village.home("House", "household")
    place = Lake(village, hub, hub, house)
    place.farm = id_bytes((await hub.write(add_represented, hub.hat, FARM, "producer")).id)

    def publish(tx: Transaction) -> bytes:
        seller = seller_of(tx.db, hub.hat, FARM)
        product = new_product(tx.db, seller.member, "Eggs", price=260, price_per="piece", more={})
        put_product(tx, hub.hat, product, stock_of(product.local, 10), seller)
        return product.local

    place.eggs = await hub.write(publish)
    await place.open_cycle("Week 39")
    assert await place.allot(6) == 1
    await house.order(("Eggs", "4"))
    await village.gossip()
    await place.close()
    assert [(row.set_aside, row.promised, row.returned) for row in await place.asides(hub)] == [(4, 4, 2)]
    assert await waiting(hub) == [("purchase_waits", FARM)]


async def test_what_a_hub_asks_of_a_represented_farm_its_representative_grants(village: Village) -> None:
    place = await lake(village)
    hub, group = place.hub, place.group
    await hub.write(request, hub.hat, await place.cycle(hub), {(place.farm, place.eggs): 7})
    await village.gossip()

    def grant_all(tx: Transaction) -> int:
        seller = seller_of(tx.db, group.hat, FARM, "sms")
        rows = open_requests(tx.db, in_name_of(tx.db, group.hat, seller), tx.now)
        return grant(tx, group.hat, rows, seller)

    assert await group.write(grant_all) == 1
    await village.gossip()
    assert [(row.set_aside, row.told) for row in await place.asides(hub)] == [(7, "sms")]
    assert await code(place.allot(11)) == "not_enough_stock"


async def test_nobody_sells_for_whom_it_does_not_represent(village: Village) -> None:
    place = await lake(village)
    hub, group = place.hub, place.group
    await group.write(add_represented, group.hat, "Denise", "household")
    assert await code(place.allot(1, "Denise")) == "not_a_producer"
    assert await code(place.allot(1, "Nobody")) == "not_represented"
    assert await code(hub.read(seller_of, hub.hat, FARM)) == "not_represented"
    assert await code(hub.read(answering_for, hub.hat, FARM, 0)) == "not_represented"
    assert await code(hub.write(set_stock_for, hub.hat, place.farm, {place.eggs: 99})) == "not_represented"
    await group.write(end_represented, group.hat, await group.read(find_represented, group.hat, FARM))
    assert await code(place.allot(1)) == "represented_no_more"


async def test_its_stock_is_spent_by_the_device_that_keeps_that_of_its_representative(village: Village) -> None:
    place = await lake(village)
    first = place.group
    await place.allot(6)
    place.group = second = await laptop(village, "Group 2", first)
    assert await code(place.allot(7)) == "not_the_keeper"
    await first.write(hand_over, first.hat, "stock", await row_of(first, second))
    await village.gossip()
    assert await place.allot(7) == 1
    assert await code(place.allot(11)) == "not_enough_stock"
    place.group = first
    assert await code(place.allot(8)) == "not_the_keeper"
    place.group = second
    farmer = await become(place)
    # What the first device counted stands in the log that hands over, so the farmer holds it with the confirmation.
    (author,) = await second.rows("SELECT l.author FROM stock s JOIN log l ON l.ref = s.place >> 32")
    assert author == (second.hat.device,)
    await village.gossip()
    assert (await farmer.read(shelf_of, place.farm)).free(place.eggs) == 3


async def become(place: Lake) -> Home:
    """Let a newcomer say that it is the farm, and be confirmed."""
    village, group = place.village, place.group
    home = await village.home("Farmer", "producer")
    await home.write(claim, home.hat, place.farm, group.hat.member)
    await village.gossip()
    village.clock.now += 1000

    def confirm(tx: Transaction) -> None:
        confirm_claim(tx, group.hat, find_represented(tx.db, group.hat, FARM))

    await group.write(confirm)
    return home


async def test_who_is_confirmed_to_be_the_farm_goes_on_where_its_representative_stopped(village: Village) -> None:
    place = await lake(village)
    hub, group = place.hub, place.group
    await place.allot(6)
    await place.house.order(("Eggs", "4"))
    await village.gossip()
    farmer = await become(place)
    await village.gossip()

    assert (await farmer.read(as_owner, farmer.hat, None)).member == place.farm
    assert [(row.set_aside, row.promised) for row in await place.asides(farmer)] == [(6, 4)]
    assert (await farmer.read(shelf_of, place.farm)).free(place.eggs) == 4
    assert await code(place.allot(7)) == "has_own_home"

    async def set_aside(quantity: int) -> int:
        return await farmer.write(allot, farmer.hat, await place.cycle(farmer), {place.eggs: quantity})

    assert await code(set_aside(11)) == "not_enough_stock"
    assert await set_aside(7) == 1
    assert await farmer.write(set_stock_for, farmer.hat, place.farm, {place.eggs: 20}) == 1
    assert await set_aside(12) == 1
    await village.gossip()
    for home in (hub, group):
        assert (await home.read(shelf_of, place.farm)).stock(place.eggs).on_hand == 20
    assert [(row.set_aside, row.written_by) for row in await place.asides(hub)] == [(12, "")]

    await place.close()
    assert (await waiting(farmer), await waiting(group)) == ([("purchase_waits", "")], [])
    row = await place.purchase(farmer)
    assert await farmer.write(answer_purchase, farmer.hat, row, {}) == "accepted"
    await village.gossip()
    answered = await place.purchase(hub)
    assert (answered.producer, answered.state, answered.written_by) == (FARM, "accepted", "")
    assert (await farmer.read(shelf_of, place.farm)).free(place.eggs) == 16


async def test_it_sets_nothing_aside_before_it_holds_what_was_handed_over(village: Village) -> None:
    place = await lake(village)
    await place.allot(6)
    farmer = await become(place)
    await carry(place.group, farmer, logs=(0, 1))
    assert (await farmer.read(seller_of, farmer.hat)).member == place.farm
    assert not await farmer.read(holds_handover, farmer.hat, place.farm)
    seller = await farmer.read(seller_of, farmer.hat)
    assert await code(farmer.read(require_stock, farmer.hat, seller)) == "handover_missing"
    assert await code(farmer.write(set_stock_for, farmer.hat, place.farm, {place.eggs: 9})) == "handover_missing"
    await carry(place.group, farmer)
    await farmer.read(require_stock, farmer.hat, seller)
    assert [row.set_aside for row in await place.asides(farmer)] == [6]


async def test_a_purchase_order_that_the_representative_got_is_said_again_to_who_goes_on(village: Village) -> None:
    place = await lake(village)
    hub = place.hub
    await place.allot(6)
    await place.house.order(("Eggs", "4"))
    await village.gossip()
    await place.close()
    farmer = await become(place)
    assert await farmer.rows("SELECT count(*) FROM purchase") == [(0,)]
    await village.gossip()
    row = await place.purchase(farmer)
    assert (row.state, [line.quantity for line in row.lines]) == ("sent", [4])
    assert not await hub.read(successors_due, hub.hat)
    assert [(each.set_aside, each.returned) for each in await place.asides(farmer)] == [(4, 2)]


async def test_who_sells_something_itself_has_to_withdraw_it_first(village: Village) -> None:
    place = await lake(village)
    other = await village.home("Other", "producer")
    await other.product("Bread", on_hand=3)
    assert await code(other.write(claim, other.hat, place.farm, place.group.hat.member)) == "sells_itself"


async def test_who_began_to_sell_since_it_claimed_a_farm_is_not_confirmed_before_it_withdrew_that(
    village: Village,
) -> None:
    place = await lake(village)
    group, other = place.group, await village.home("Other", "producer")
    await other.write(claim, other.hat, place.farm, group.hat.member)
    bread = await other.product("Bread", on_hand=3)
    await village.gossip()

    def confirm(tx: Transaction) -> str:
        return confirm_claim(tx, group.hat, find_represented(tx.db, group.hat, FARM)).claimed_by

    assert await code(group.write(confirm)) == "sells_itself"
    await other.write(set_product, other.hat, id_bytes(bread), {"withdrawn": True})
    await village.gossip()
    assert await group.write(confirm) == base32_id(other.hat.member)


async def test_nobody_is_made_a_producer_against_its_will(village: Village) -> None:
    place = await lake(village)
    other = await village.home("Other", "producer")
    row = await place.group.read(find_represented, place.group.hat, FARM)
    await place.group.sign(Log.CATALOG, Successor(row.key, 1, other.hat.member, []))
    await village.gossip()
    assert (await other.read(seller_of, other.hat)).member == other.hat.member


async def test_its_representative_confirms_no_second_one_and_moves_its_stock_no_more(village: Village) -> None:
    place = await lake(village)
    hub, group = place.hub, place.group
    await place.allot(2)
    farmer = await become(place)
    other = await village.home("Other", "producer")
    await other.write(claim, other.hat, place.farm, group.hat.member)
    await village.gossip()
    assert await farmer.write(allot, farmer.hat, await place.cycle(farmer), {place.eggs: 9}) == 1
    row = await group.read(find_represented, group.hat, FARM)
    assert (id_bytes(row.claimed_by), row.waiting) == (farmer.hat.member, [])
    assert await code(group.write(confirm_claim, group.hat, row)) == "has_own_home"
    await group.sign(Log.CATALOG, Successor(row.key, 1, other.hat.member, []))
    await village.gossip()
    assert (await other.read(seller_of, other.hat)).member == other.hat.member
    for home in (hub, farmer, other):
        (successor,) = await home.rows('SELECT "by" FROM successor')
        assert successor == (farmer.hat.member,)
    assert [row.set_aside for row in await place.asides(hub)] == [9]


@pytest.mark.parametrize("mode", ["per_cycle", "capped"])
async def test_what_was_set_aside_in_a_cycle_that_opens_again_is_known_to_who_goes_on(
    village: Village, mode: Any
) -> None:
    place = await lake(village)
    hub, group = place.hub, place.group
    await group.write(set_stock_for, group.hat, place.farm, {place.eggs: 10}, mode)
    await place.allot(10)
    await place.house.order(("Eggs", "10"))
    await village.gossip()
    await hub.write(close_cycle, hub.hat, await place.cycle(hub))
    await village.gossip()
    farmer = await become(place)
    await hub.write(reopen_cycle, hub.hat, await place.cycle(hub), village.clock.now + 20 * HOUR)
    await village.gossip()
    cycle = await place.cycle(farmer)
    assert cycle.state == "open"
    assert [row.set_aside for row in await place.asides(farmer)] == [10]
    assert (await farmer.read(shelf_of, place.farm)).free(place.eggs, cycle.key) == 0
    assert await code(farmer.write(allot, farmer.hat, cycle, {place.eggs: 11})) == "not_enough_stock"


async def test_who_goes_on_waits_for_all_that_its_representative_may_have_signed_by_then(village: Village) -> None:
    place = await lake(village)
    group = place.group
    other = await village.home("Other", "producer")
    row = await group.read(find_represented, group.hat, FARM)
    await other.write(claim, other.hat, place.farm, group.hat.member)
    await group.sign(Log.CATALOG, Successor(row.key, 1, other.hat.member, [(place.hub.hat.device, 2**40)]))
    await village.gossip()
    assert (await other.read(seller_of, other.hat)).member == place.farm
    assert not await other.read(holds_handover, other.hat, place.farm)
