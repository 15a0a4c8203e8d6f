"""Which hubs are told of which households: those from which a group buys for them, while it does, and each once.

A duty that has signed is not due again, and no member stops it for another one.
"""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.errors import RefusedError
from foodhub.node import setup
from foodhub.node.belonging import belong_of, told_belong
from foodhub.node.buyers import as_itself
from foodhub.node.claims import claim, confirm_claim
from foodhub.node.cycles import CycleRow, list_cycles, new_cycle
from foodhub.node.duties import due, perform
from foodhub.node.groups import belongs_due, join_group, leave_group, share_belongs
from foodhub.node.households import group_of, households_of
from foodhub.node.offering import Offer, sell
from foodhub.node.represented import add_represented, end_represented, find_represented
from foodhub.orders.exchanges import DEFAULT_RULE, Buying, Outgoing
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry
from tests.node.laptops import laptop
from tests.pens import Pen, keyless_with

pytestmark = pytest.mark.anyio


async def street(village: Village) -> tuple[Home, Home, Home]:
    """Return a hub, a group with a represented household, and a household that has joined it."""
    hub, group = await village.home("Hub", "hub"), await village.home("Group", "group")
    house = await village.home("House", "household")
    await house.write(join_group, house.hat, group.hat.member)
    village.clock.now += 1000
    await group.write(add_represented, group.hat, "Denise", "household")
    await village.gossip()
    return hub, group, house


async def buy(village: Village, hub: Home, group: Home, buying: Buying) -> CycleRow:
    """Let a hub make a cycle in which the group buys."""
    now = village.clock.now
    await hub.write(new_cycle, hub.hat, f"Week {now}", now, now + 24 * HOUR, "Europe/Paris", "resale")
    await village.gossip()
    cycle = max(await group.read(list_cycles, now), key=lambda row: row.opens)
    await group.write(sell, group.hat, cycle, Offer(buying=buying))
    await village.gossip()
    return cycle


async def names(home: Home, group: Home) -> list[int]:
    return [each.number for each in await home.read(households_of, group.hat.member)]


async def written(*homes: Home) -> list[int]:
    """Return how many entries each home has in its own log 2."""
    found = [await each.rows("SELECT seq FROM log WHERE author = ? AND log = 2", each.hat.device) for each in homes]
    return [row[0][0] if row else 0 for row in found]


async def comes_to_rest(home: Home) -> bool:
    """Do what is due, a few turns long; say whether nothing is left."""
    for _turn in range(4):
        if not await home.write(perform):
            break
    return not await home.read(due, home.clock.now)


async def become_denise(village: Village, group: Home, house: Home) -> bytes:
    """Let a household be confirmed to be the represented one of the group; return that one's id."""
    member = id_bytes((await group.read(find_represented, group.hat, "Denise")).id)
    await house.write(claim, house.hat, member, group.hat.member)
    await village.gossip()

    def confirm(tx: Transaction) -> None:
        confirm_claim(tx, group.hat, find_represented(tx.db, group.hat, "Denise"))

    await group.write(confirm)
    await village.gossip()
    return member


async def test_a_hub_is_told_of_all_when_a_group_begins_to_buy_for_them_and_once(village: Village) -> None:
    hub, group, house = await street(village)
    before = [each.id for each in await group.read(households_of, group.hat.member)]
    assert await names(hub, group) == []
    await buy(village, hub, group, "households")
    assert [each.id for each in await hub.read(households_of, group.hat.member)] == before
    assert (await names(hub, group), await names(group, group)) == ([0, 0], [1, 2])
    entries = await written(group, house)
    village.clock.now += HOUR
    await buy(village, hub, group, "households")
    assert not await house.read(belongs_due, house.hat, village.clock.now)
    assert await house.write(share_belongs, house.hat) == 0
    assert (await written(house))[0] == entries[1]


async def test_a_hub_of_a_group_that_buys_as_one_is_told_of_nobody(village: Village) -> None:
    hub, group, _house = await street(village)
    await buy(village, hub, group, "as_one")
    assert await names(hub, group) == []


async def test_a_hub_whose_exchange_is_over_is_told_of_nobody_who_came_since(village: Village) -> None:
    hub, group, _house = await street(village)
    await buy(village, hub, group, "households")
    village.clock.now += 24 * HOUR
    late = await village.home("Late", "household")
    await late.write(join_group, late.hat, group.hat.member)
    await village.gossip()
    assert await hub.read(group_of, late.hat.member) is None
    assert (await names(hub, group), await names(group, group)) == ([0, 0], [1, 2, 3])
    await buy(village, hub, group, "households")
    assert await hub.read(group_of, late.hat.member) == group.hat.member


async def test_who_was_told_that_a_household_is_in_a_group_hears_that_it_left(village: Village) -> None:
    hub, group, house = await street(village)
    await buy(village, hub, group, "households")
    village.clock.now += 48 * HOUR
    await house.write(leave_group, house.hat)
    await group.write(end_represented, group.hat, await group.read(find_represented, group.hat, "Denise"))
    await village.gossip()
    assert await names(hub, group) == []
    said = await hub.read(belong_of, house.hat.member, group.hat.member)
    assert said is not None
    assert (said.version, said.left) == (2, True)
    told = await house.read(told_belong, house.hat.member, group.hat.member)
    assert told == {group.hat.member: 2, hub.hat.member: 2}


async def test_a_basket_keeps_its_number_when_others_leave_and_when_its_household_comes_back(village: Village) -> None:
    _, group, house = await street(village)
    other = await village.home("Other", "household")
    village.clock.now += HOUR
    await other.write(join_group, other.hat, group.hat.member)
    await village.gossip()
    before = {each.id: each.number for each in await group.read(households_of, group.hat.member)}
    await house.write(leave_group, house.hat)
    await village.gossip()
    left = {each.id: each.number for each in await group.read(households_of, group.hat.member)}
    assert left == {each: number for each, number in before.items() if each != house.hat.member}
    village.clock.now += HOUR
    await house.write(join_group, house.hat, group.hat.member)
    await village.gossip()
    assert {each.id: each.number for each in await group.read(households_of, group.hat.member)} == before


async def test_who_joined_before_it_was_confirmed_to_be_another_tells_a_hub_of_both_and_once(village: Village) -> None:
    hub, group, house = await street(village)
    denise = await become_denise(village, group, house)
    assert (await house.read(as_itself, house.hat)).member == denise
    now = village.clock.now
    await hub.write(new_cycle, hub.hat, "Week", now, now + 24 * HOUR, "Europe/Paris", "resale")
    await carry(hub, group)
    await group.write(sell, group.hat, (await group.read(list_cycles, now))[0], Offer(buying="households"))
    await carry(hub, house)
    await carry(group, house)
    assert await house.read(belongs_due, house.hat, now)
    assert await comes_to_rest(house)
    await carry(house, hub)
    assert await hub.read(belong_of, house.hat.member, group.hat.member) is not None
    for member in (house.hat.member, denise):
        assert (await house.read(told_belong, member, group.hat.member))[hub.hat.member] == 1


async def keyless_group(village: Village) -> tuple[Home, Home, Pen]:
    """Return a hub, a household, and its group, which buys for it there and has forked its keys away since."""
    hub, house = await village.home("Hub", "hub"), await village.home("House", "household")
    code = await hub.write(setup.invite, hub.hat, ["group"], [])
    pen, papers, proof = keyless_with(code, "Evil", "group")
    await hub.take(papers)
    await village.gossip()
    await house.write(join_group, house.hat, pen.id)
    await village.gossip()
    now = village.clock.now
    await hub.write(new_cycle, hub.hat, "Week", now, now + 24 * HOUR, "Europe/Paris", "resale")
    await village.gossip()
    key = (await house.cycle()).key
    head = (derived_id(b"outgoing", *key), 1, *key, hub.hat.member, pen.device, now + 20 * HOUR)
    said = Outgoing(*head, "resale", "households", False, False, [], DEFAULT_RULE, [], [])
    assert await house.take([pen.write(1, said, at=now)]) == [None]
    assert await house.write(lambda tx: tx.take_proof(proof))
    return hub, house, pen


async def test_a_group_without_keys_stops_no_duty_of_its_households(village: Village) -> None:
    hub, house, pen = await keyless_group(village)
    assert await house.read(belongs_due, house.hat, village.clock.now)
    assert await comes_to_rest(house)
    assert (await house.read(told_belong, house.hat.member, pen.id))[hub.hat.member] == 1


async def test_a_group_without_keys_can_be_left_and_not_joined(village: Village) -> None:
    _, house, pen = await keyless_group(village)
    assert await house.write(leave_group, house.hat) == pen.id
    assert await comes_to_rest(house)
    assert await house.read(group_of, house.hat.member) is None
    with pytest.raises(RefusedError) as caught:
        await house.write(join_group, house.hat, pen.id)
    assert caught.value.code == "no_box_key"


async def told_by_one_laptop(village: Village) -> tuple[Home, Home, Home, Home]:
    """Return a hub, a group, and the two laptops of a household: the first told the hub, in a cycle that is over."""
    hub, group, house = await street(village)
    second = await laptop(village, "House 2", house)
    await buy(village, hub, group, "households")
    assert await second.read(told_belong, house.hat.member, group.hat.member) == {}
    village.clock.now += 48 * HOUR
    return hub, group, house, second


async def test_a_hub_that_one_laptop_told_hears_from_another_that_the_household_left(village: Village) -> None:
    hub, group, house, second = await told_by_one_laptop(village)
    village.homes.remove(house)
    await second.write(leave_group, second.hat)
    await village.gossip()
    said = await hub.read(belong_of, house.hat.member, group.hat.member)
    assert said is not None
    assert (said.version, said.left) == (2, True)
    assert await comes_to_rest(second)


async def test_who_told_a_hub_says_that_another_laptop_left_which_knew_nothing_of_it(village: Village) -> None:
    hub, group, house = await street(village)
    second = await laptop(village, "House 2", house)
    village.homes.remove(second)
    await buy(village, hub, group, "households")
    await second.write(leave_group, second.hat)
    village.homes.append(second)
    await village.gossip()
    said = await hub.read(belong_of, house.hat.member, group.hat.member)
    assert said is not None
    assert (said.version, said.left) == (2, True)
    assert await comes_to_rest(house)
    assert await comes_to_rest(second)
    await buy(village, await village.home("Other hub", "hub"), group, "households")
    assert await village.homes[-1].read(belong_of, house.hat.member, group.hat.member) is None
