"""A represented member that comes to have a home of its own goes on under its old id, at its old place in the queue."""

from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import FoodhubError
from foodhub.log.header import Log
from foodhub.node.amending import amend_order
from foodhub.node.buyers import as_itself
from foodhub.node.claims import claim, confirm_claim
from foodhub.node.cycles import list_cycles
from foodhub.node.exchanges import exchange_of
from foodhub.node.groups import group_row, join_group, leave_group
from foodhub.node.hat import member_name
from foodhub.node.households import group_of, households_of, reader_of
from foodhub.node.offering import Offer, sell
from foodhub.node.orders import OrderRow
from foodhub.node.placing import place_order
from foodhub.node.represented import RepresentedRow, add_represented, behalf, find_represented
from foodhub.node.slips import export_slips, list_slips
from foodhub.node.wanted import read_changes, read_lines
from foodhub.node.wishes import set_wish, wisher
from foodhub.orders.hands import ClaimConfirmed
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village

pytestmark = pytest.mark.anyio


async def market(village: Village) -> tuple[Home, Home, Home]:
    """Return hub, group and a household that has a home since a moment ago; the group types for Denise."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group, house = await village.home("Group", "group"), await village.home("House", "household")
    await farm.product("Eggs", price=260, on_hand=None)
    await village.open_cycle(hub)
    await group.write(sell, group.hat, await group.cycle(), Offer(closes=village.clock.now + 20 * HOUR))
    await group.write(add_represented, group.hat, "Denise", "household")
    await village.gossip()
    return hub, group, house


async def wish(home: Home, who: str | None, quantity: str, told: Any = "") -> int:
    def work(tx: Transaction, cycle: Any) -> int:
        buyer = wisher(tx.db, home.hat, who, told)
        return set_wish(tx, home.hat, cycle, buyer, read_changes(tx.db, cycle, [("Eggs", quantity)]))

    return await home.write(work, await home.cycle())


async def denise(group: Home) -> RepresentedRow:
    return await group.read(find_represented, group.hat, "Denise")


async def become(village: Village, group: Home, house: Home) -> bytes:
    member = id_bytes((await denise(group)).id)
    await house.write(claim, house.hat, member, group.hat.member)
    await village.gossip()
    await group.write(confirm_claim, group.hat, await denise(group))
    await village.gossip()
    return member


async def code(work: Any) -> str:
    with pytest.raises(FoodhubError) as caught:
        await work
    return caught.value.code


async def only(home: Home) -> OrderRow:
    """Return the only order of Denise that a home knows of."""
    (row,) = (order for order in await home.orders() if order.customer == "Denise")
    return row


async def test_until_it_is_confirmed_a_claim_changes_nothing(village: Village) -> None:
    _hub, group, house = await market(village)
    member = id_bytes((await denise(group)).id)
    row = await house.write(claim, house.hat, member, group.hat.member)
    assert not row.confirmed
    await village.gossip()
    assert (await denise(group)).waiting
    assert (await house.read(as_itself, house.hat)).member == house.hat.member
    assert await wish(group, "Denise", "2") == 1


async def test_of_several_who_say_so_a_person_names_the_one_and_nobody_takes_its_place(village: Village) -> None:
    _hub, group, house = await market(village)
    member = id_bytes((await denise(group)).id)
    await house.write(claim, house.hat, member, group.hat.member)
    other = await village.home("Other", "household")
    village.clock.now += 1000
    await other.write(claim, other.hat, member, group.hat.member)
    await village.gossip()
    row = await denise(group)
    assert {id_bytes(each) for each in row.waiting} == {house.hat.member, other.hat.member}
    assert await code(group.write(confirm_claim, group.hat, row)) == "several_claims"
    assert await code(group.write(confirm_claim, group.hat, row, "nobody")) == "no_claim"
    row = await group.write(confirm_claim, group.hat, row, base32_id(house.hat.member))
    assert id_bytes(row.claimed_by) == house.hat.member


async def test_once_confirmed_it_has_its_card_its_group_and_what_was_typed_for_it(village: Village) -> None:
    _hub, group, house = await market(village)
    await wish(group, "Denise", "2", told="phone")
    await village.gossip()
    member = await become(village, group, house)
    assert (await house.read(as_itself, house.hat)).member == member
    assert await house.read(member_name, member) == "Denise"
    assert await house.read(group_of, member) == group.hat.member
    assert await group.read(reader_of, member) == house.hat.member
    order = await only(house)
    assert (order.customer, order.written_by, order.told) == ("Denise", "Group", "phone")
    assert [each.represented for each in (await group.read(group_row, group.hat.member)).households] == [False]
    assert await code(group.read(behalf, group.hat, "Denise")) == "has_own_home"


async def test_its_own_entry_replaces_the_typed_one_and_keeps_the_place(village: Village) -> None:
    _hub, group, house = await market(village)
    await wish(group, "Denise", "2", told="phone")
    await village.gossip()
    before = await only(group)
    member = await become(village, group, house)
    assert await wish(house, None, "3") == 1
    await village.gossip()
    order = await only(house)
    assert (order.id, order.written_by, order.state) == (before.id, "", "received")
    assert [line.ordered for line in order.lines] == [3]
    receipts = await group.rows("SELECT placement_version FROM answer a WHERE a.buyer = ?", member)
    assert receipts == [(2,)]
    (place,) = await group.rows("SELECT DISTINCT receipt, position FROM answer WHERE buyer = ?", member)
    first = await group.rows("SELECT entry FROM receipt ORDER BY timestamp, place LIMIT 1")
    assert place == (first[0][0], 0)

    def amend(tx: Transaction, cycle: Any) -> int:
        return amend_order(tx, house.hat, order, read_changes(tx.db, cycle, [("Eggs", "1")]))

    assert await house.write(amend, await house.cycle()) == 1
    await village.gossip()
    assert [line.ordered for line in (await only(group)).lines] == [1]


async def test_elsewhere_it_orders_under_its_own_id(village: Village) -> None:
    hub, group, house = await market(village)
    await become(village, group, house)
    village.clock.now += 1000

    def place(tx: Transaction, cycle: Any) -> bytes:
        seller = exchange_of(tx.db, hub.hat.member, cycle)
        return place_order(tx, house.hat, cycle, read_lines(tx.db, cycle, [("Eggs", "1")]), None, seller=seller)

    await house.write(place, await house.cycle())
    await village.gossip()
    (order,) = await hub.orders()
    assert id_bytes(order.customer_id) == house.hat.member
    assert [each.state for each in await house.orders()] == ["received"]


async def test_it_keeps_its_basket_and_can_leave_the_group(village: Village) -> None:
    _hub, group, house = await market(village)
    village.clock.now += 1000
    await group.write(add_represented, group.hat, "Zoe", "household")
    member = await become(village, group, house)
    numbers = {each.id: each.number for each in await group.read(households_of, group.hat.member)}
    assert numbers[member] == 1
    assert [each.id for each in await house.read(households_of, group.hat.member)] == [member]
    assert await house.write(leave_group, house.hat) == group.hat.member
    await village.gossip()
    assert await group.read(group_of, member) is None
    assert await house.read(group_of, member) is None
    assert await house.write(join_group, house.hat, group.hat.member)
    await village.gossip()
    assert await group.read(group_of, member) == group.hat.member


async def test_a_claim_of_what_is_nobodys_is_refused(village: Village) -> None:
    _hub, group, house = await market(village)
    member = id_bytes((await denise(group)).id)
    assert await code(house.write(claim, house.hat, group.hat.member, group.hat.member)) == "not_represented"
    assert await code(group.write(claim, group.hat, member, group.hat.member)) == "not_represented"
    assert await code(group.write(confirm_claim, group.hat, await denise(group))) == "no_claim"
    await become(village, group, house)
    assert await code(house.write(claim, house.hat, b"\1" * 32, group.hat.member)) == "claimed_already"


async def test_what_it_was_told_through_its_representative_is_told_again_of_the_cycles_that_run_and_the_last(
    village: Village,
) -> None:
    hub, group, house = await market(village)
    for _ in range(2):
        await wish(group, "Denise", "2", "phone")
        village.clock.now += 1
        await village.gossip()
        village.clock.now += 25 * HOUR
        await village.gossip()
        await village.open_cycle(hub)
        await group.write(sell, group.hat, await group.cycle(), Offer(closes=village.clock.now + 20 * HOUR))
        await village.gossip()
    await wish(group, "Denise", "3", "phone")
    await village.gossip()
    typed = await group.orders()
    before = [row for row in typed if row.customer == "Denise"]
    assert [row.state for row in before] == ["received", "confirmed", "confirmed"]
    member = await become(village, group, house)
    seen = [row for row in await house.orders() if id_bytes(row.customer_id) == member]
    assert [(row.id, row.state, row.lines) for row in seen] == [(row.id, row.state, row.lines) for row in before[:2]]
    last = next(each for each in await house.read(list_cycles, village.clock.now) if each.id == seen[1].cycle_id)
    assert [row.fault for row in await house.read(list_slips, house.hat, last)] == [""]
    assert await house.write(export_slips, house.hat, last)
    after = [row for row in await group.orders() if row.customer == "Denise"]
    assert [(row.id, row.state, row.lines) for row in after] == [(row.id, row.state, row.lines) for row in before]
    head = await group.rows("SELECT max(seq) FROM log WHERE author = ?", group.hat.device)
    await village.gossip()
    assert await group.rows("SELECT max(seq) FROM log WHERE author = ?", group.hat.device) == head


async def test_who_named_the_wrong_representative_first_names_the_right_one_then(village: Village) -> None:
    hub, group, house = await market(village)
    member = id_bytes((await denise(group)).id)
    await house.write(claim, house.hat, member, hub.hat.member)
    await become(village, group, house)
    assert (await house.read(as_itself, house.hat)).member == member
    signed = await house.rows("SELECT seq FROM log WHERE author = ? AND log = 2", house.hat.device)
    await house.write(claim, house.hat, member, group.hat.member)
    assert await house.rows("SELECT seq FROM log WHERE author = ? AND log = 2", house.hat.device) == signed


async def test_a_part_of_an_id_and_who_represents_nobody_are_refused(village: Village) -> None:
    _hub, group, house = await market(village)
    member = id_bytes((await denise(group)).id)
    farm = village.homes[1].hat.member
    assert await code(house.write(claim, house.hat, member[:5], group.hat.member)) == "id_not_whole"
    assert await code(house.write(claim, house.hat, member, farm)) == "represents_nobody"
    assert await house.rows("SELECT seq FROM log WHERE author = ? AND log = 2", house.hat.device) == []


async def test_a_representative_confirms_one_claim_and_names_nobody_else_after_it(village: Village) -> None:
    _hub, group, house = await market(village)
    spy = await village.home("Spy", "household")
    member = await become(village, group, house)
    await spy.write(claim, spy.hat, member, group.hat.member)
    await village.gossip()
    row = await denise(group)
    assert (id_bytes(row.claimed_by), row.waiting) == (house.hat.member, [])
    assert await code(group.write(confirm_claim, group.hat, row)) == "has_own_home"
    await wish(house, None, "3")
    await group.sign(Log.TRADE, ClaimConfirmed(row.key, 1, spy.hat.member), readers=[spy.hat.member])
    await village.gossip()
    assert await group.read(reader_of, member) == house.hat.member
    assert [line.ordered for line in (await only(group)).lines] == [3]
    assert await spy.rows("SELECT count(*) FROM answer") == [(0,)]
