"""The desk while orders come in: the queue, promises, what is not permitted, and what survives an undone turn."""

from typing import Any

import pytest

from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.answering import answer_orders
from foodhub.node.book import read_book
from foodhub.node.cycles import list_cycles, new_cycle
from foodhub.node.desk import SLICE
from foodhub.node.devices import retire
from foodhub.node.duties import perform
from foodhub.node.placing import place_order
from foodhub.node.tallies import MANY, SELDOM, tally_of
from foodhub.node.waiting import has_work, note_served
from foodhub.node.wanted import read_lines
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Village, carry
from tests.node.desks import cancels, changes, households, own_orders, placed, promised, represent, stall, states, wants
from tests.node.laptops import laptop, row_of
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def test_what_an_order_adds_stands_behind_those_who_came_before(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "2"))
    await village.gossip()
    await wants(homes[1], ("Eggs", "4"))
    await village.gossip()
    await changes(homes[0], ("Eggs", "4"))
    await village.gossip()
    assert await promised(homes) == [2, 3]
    await changes(homes[1], ("Eggs", "1"))
    await village.gossip()
    assert await promised(homes) == [4, 1]


async def test_an_increase_waits_behind_a_row_that_lacks_something_though_its_order_is_older(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    homes = await households(village, "A", "B", "C")
    for home, amount in zip(homes, ("2", "2", "3"), strict=True):
        await wants(home, ("Eggs", amount))
        await village.gossip()
    await changes(homes[0], ("Eggs", "3"))
    await village.gossip()
    assert await promised(homes) == [2, 2, 1]
    await cancels(homes[1])
    await village.gossip()
    assert await promised([homes[0], homes[2]]) == [2, 3]


async def test_tolerance_of_goods_without_a_case_is_kept_and_changes_nothing(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=5)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "2"))
    order = await placed(home)
    await home.sign(
        Log.TRADE, changed(order, version=2, lines=[changed(order.lines[0], tolerance=2)]), readers=[order.hub]
    )
    await village.gossip()
    assert await states([home]) == [("received", 2, "")]
    book = await market.hub.read(read_book, market.hub.hat.member, await market.hub.cycle(), market.hub.hat.device)
    ((row,),) = book.queue().values()
    assert (row.quantity, row.tolerance) == (2, 2)
    await market.close()
    line = await market.confirmed(home, "Eggs")
    assert (line.ordered, line.tolerance, line.confirmed) == (2, 2, 2)
    assert eggs == (line.producer, line.product)


@pytest.mark.parametrize(
    "change",
    [{"quantity": 3}, {"tolerance": 1}, {"price": 1}, {"quantity": 2**41}, {"currency": "USD"}, {"unit_value": 7}],
)
async def test_a_line_that_breaks_a_rule_is_not_permitted_and_takes_nothing(
    village: Village, change: dict[str, Any]
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6, step=2)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "2"))
    order = await placed(homes[0])
    bad = changed(order, version=2, lines=[changed(order.lines[0], **change)])
    await homes[0].sign(Log.TRADE, bad, readers=[order.hub])
    await wants(homes[1], ("Eggs", "6"))
    await village.gossip()
    assert await states(homes) == [("refused", 0, "not_permitted"), ("received", 6, "")]


async def test_a_product_outside_the_exchange_is_not_permitted_whatever_the_buyer_runs(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=6)
    await market.add("Milk", aside=6)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "1"), ("Milk", "1"))
    await village.gossip()
    assert [line.confirmed for line in (await own_orders(home))[0].lines] == [1, 1]
    await market.sells(market.hub, products=[eggs])
    order = await placed(home)
    again = changed(order, local=bytes(16), version=1)
    await home.sign(Log.TRADE, again, readers=[order.hub])
    await village.gossip()
    answers = await home.rows("SELECT lines FROM answer WHERE placement = ?", bytes(16))
    assert answers
    (row,) = await own_orders(home)
    assert {line.product: line.confirmed for line in row.lines} == {"Eggs": 2, "Milk": 1}


async def test_an_undone_turn_leaves_nothing_behind_in_what_the_desk_remembers(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "3"))
    await village.gossip()
    village.homes.remove(market.hub)
    await wants(homes[1], ("Eggs", "3"))
    await village.gossip()
    village.homes.append(market.hub)

    def undone(tx: Transaction) -> None:
        assert answer_orders(tx, market.hub.hat) == 1
        raise RuntimeError("the disk is full")

    await carry(homes[1], market.hub)
    with pytest.raises(RuntimeError):
        await market.hub.write(undone)
    await village.gossip()
    assert await promised(homes) == [3, 2]
    rows = await market.hub.rows("SELECT ordered, promised FROM total")
    assert rows == [(6, 5)]


async def test_many_orders_that_came_together_are_taken_in_by_slices_in_the_order_of_signing(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=SLICE + 3)
    first, second = await households(village, "A", "B")
    for _ in range(SLICE // 2 + 3):
        await wants(first, ("Eggs", "1"))
        await wants(second, ("Eggs", "1"))
    await village.gossip()
    receipts = await market.hub.rows("SELECT count(*) FROM receipt")
    assert receipts == [(2,)]
    assert await promised([first, second]) == [SLICE // 2 + 2, SLICE // 2 + 1]


async def test_a_receipt_that_fits_no_entry_is_written_as_several(village: Village) -> None:
    market = await stall(village)
    for number in range(120):
        await market.farm.product(f"P{number}", on_hand=None)
    await village.gossip()
    (home,) = await households(village, "A")
    for _ in range(12):
        await wants(home, *((f"P{number}", "1") for number in range(120)))
    await village.gossip()
    assert (await market.hub.rows("SELECT count(*) FROM receipt"))[0][0] > 1
    assert await market.hub.rows("SELECT count(*) FROM answer WHERE outcome = 'received'") == [(12,)]
    cited = await market.hub.rows("SELECT DISTINCT receipt FROM answer")
    known = await market.hub.rows("SELECT entry FROM receipt")
    assert set(cited) == set(known)


async def test_many_customers_hear_of_the_cases_only_now_and_then(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6)
    hub = market.hub
    names = [f"H{number}" for number in range(MANY + 2)]
    await represent(hub, *names)
    for name in names:
        await wants(hub, ("Juice", "1+1"), who=name)
    await village.gossip()
    key = (await hub.cycle()).key
    first = await hub.read(tally_of, hub.hat.member, key)
    assert first is not None
    await wants(hub, ("Juice", "3"), who=names[0])
    await village.gossip()
    assert await hub.read(tally_of, hub.hat.member, key) == first
    village.clock.now += SELDOM
    await village.gossip()
    last = await hub.read(tally_of, hub.hat.member, key)
    assert last is not None
    (line,) = last[0].lines
    assert (line.quantity, line.tolerance, line.cases) == (MANY + 5, MANY + 2, 10)


async def test_two_cycles_of_one_hub_are_answered_side_by_side(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=5)
    homes = await households(village, "A", "B")
    now = village.clock.now
    await market.hub.write(new_cycle, market.hub.hat, "Other", now, now + HOUR, "Europe/Paris", "resale")
    await village.gossip()
    cycles = {cycle.name: cycle for cycle in await market.farm.read(list_cycles, now)}
    await market.farm.write(allot, market.farm.hat, cycles["Other"], {eggs[1]: 2})
    await village.gossip()
    for home in homes:
        for cycle in cycles.values():
            lines = await home.read(read_lines, cycle, [("Eggs", "3")])
            await home.write(place_order, home.hat, cycle, lines, None)
            await village.gossip()
    found = {(row.cycle, home.hat.name): row.lines[0].confirmed for home in homes for row in await home.orders()}
    assert found == {("Week 39", "A"): 3, ("Week 39", "B"): 2, ("Other", "A"): 2, ("Other", "B"): 0}


async def test_an_answer_says_which_place_in_which_receipt_and_a_change_keeps_it(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "2"))
    await village.gossip()
    before = await market.hub.rows("SELECT buyer, receipt, position FROM answer ORDER BY position")
    assert [position for *_, position in before] == [0, 1]
    await changes(homes[1], ("Eggs", "3"))
    await village.gossip()
    assert await market.hub.rows("SELECT buyer, receipt, position FROM answer ORDER BY position") == before


async def test_nobody_orders_in_the_name_of_an_aggregator_what_its_households_did_not_want(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, _ = await market.group("Group", "A")
    with pytest.raises(RefusedError) as raised:
        await wants(group, ("Eggs", "1"))
    assert raised.value.code == "order_is_the_sum"


async def test_nobody_changes_by_hand_what_an_aggregator_orders_for_its_households(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, (home,) = await market.group("Group", "A")
    await wants(home, ("Eggs", "3"))
    await village.gossip()
    before = await group.rows("SELECT * FROM placement")
    for change in (changes(group, ("Eggs", "1")), cancels(group)):
        with pytest.raises(RefusedError) as raised:
            await change
        assert raised.value.code == "order_is_the_sum"
    assert await group.rows("SELECT * FROM placement") == before


async def test_what_is_signed_beside_a_look_at_the_desk_is_looked_at_as_well(village: Village) -> None:
    """Hub and group may be members of one home: their duties are done in one transaction."""
    hub = await village.home("Hub", "hub")
    now = village.clock.now

    def look_and_sign(tx: Transaction) -> None:
        note_served(tx, hub.hat)
        new_cycle(tx, hub.hat, "Week 40", now, now + 24 * HOUR, "Europe/Paris", "resale")

    await hub.write(look_and_sign)
    assert await hub.read(has_work, hub.hat, now)
    await hub.duties()
    assert not await hub.read(has_work, hub.hat, now)


async def test_who_goes_on_from_a_laptop_whose_clock_was_ahead_tells_a_tally_once(village: Village) -> None:
    market = await stall(village)
    hub = market.hub
    await market.add("Juice", case=6)
    second = await laptop(village, "hub 2", hub)
    (ann,) = await households(village, "Ann")
    village.clock.now += HOUR
    await wants(ann, ("Juice", "2"))
    await village.gossip()
    village.clock.now -= HOUR
    await hub.write(retire, hub.hat, await row_of(hub, hub), second.hat.device)
    await village.gossip()
    await changes(ann, ("Juice", "3"))
    await carry(ann, second)
    turns = 0
    while await second.write(perform):
        turns += 1
        assert turns < 20, "it never ends"
    assert await second.rows("SELECT version FROM tally") == [(2,)]
