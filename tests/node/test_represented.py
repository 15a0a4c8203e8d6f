"""Members without a computer: who may write for them, and that everything shows who did."""

from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import RefusedError
from foodhub.node.amending import cancel_order
from foodhub.node.buyers import Buyer
from foodhub.node.groups import group_row, join_group, leave_group
from foodhub.node.hat import member_name, shown_name
from foodhub.node.households import group_of, households_of, reader_of
from foodhub.node.placing import place_order
from foodhub.node.represented import (
    RepresentedRow,
    add_represented,
    behalf,
    end_represented,
    find_represented,
    list_represented,
)
from foodhub.node.wanted import read_lines
from foodhub.store.transaction import Transaction
from tests.homes import Home, Village

pytestmark = pytest.mark.anyio


async def place(home: Home, cycle: Any, who: str | None, *wanted: tuple[str, str], told: Any = "") -> bytes:
    def work(tx: Transaction) -> bytes:
        buyer: Buyer = behalf(tx.db, home.hat, who, told)
        return place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), None, buyer=buyer)

    return await home.write(work)


async def refusal(work: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        await work
    return caught.value.code


async def add(home: Home, name: str, role: Any = "household", **more: str) -> RepresentedRow:
    return await home.write(add_represented, home.hat, name, role, **more)


async def test_a_represented_member_has_a_card_and_a_group_and_is_read_for_by_its_group(village: Village) -> None:
    group = await village.home("Group", "group")
    denise = await add(group, "Denise", phone="06 12", address="1 rue du Val")
    assert (denise.name, denise.phone, denise.role, denise.ended) == ("Denise", "06 12", "household", False)
    member = id_bytes(denise.id)
    assert await group.read(reader_of, member) == group.hat.member
    assert await group.read(group_of, member) == group.hat.member
    (household,) = await group.read(households_of, group.hat.member)
    assert (household.name, household.number, household.represented) == ("Denise", 1, True)
    assert await refusal(add(group, "denise")) == "name_taken"


async def test_nobody_else_learns_of_a_represented_household(village: Village) -> None:
    group, other = await village.home("Group", "group"), await village.home("Other", "group")
    member = id_bytes((await add(group, "Denise")).id)
    await village.gossip()
    assert await other.read(member_name, member) is None
    assert await other.read(reader_of, member) is None
    assert await other.rows("SELECT count(*) FROM contact") == [(0,)]


async def test_the_name_of_a_represented_producer_is_public(village: Village) -> None:
    group, other = await village.home("Hub", "hub"), await village.home("Other", "group")
    member = id_bytes((await add(group, "Ferme sans machine", "producer")).id)
    await village.gossip()
    assert await other.read(shown_name, member) == "Ferme sans machine"


async def test_only_a_group_or_hub_represents(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    assert await refusal(add(farm, "Denise")) == "not_a_representative"


async def test_an_order_typed_for_a_member_is_its_own_and_shows_who_wrote_it_down(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await farm.product("Carrots")
    await village.open_cycle(hub)
    denise = await add(hub, "Denise")
    await place(hub, await hub.cycle(), "Denise", ("Carrots", "2"), told="phone")
    (order,) = await hub.orders()
    assert (order.customer, order.customer_id, order.hub) == ("Denise", denise.id, "Hub")
    assert (order.written_by, order.told) == ("Hub", "phone")
    assert await refusal(hub.write(end_represented, hub.hat, denise)) == "order_stands"
    await hub.write(lambda tx: cancel_order(tx, hub.hat, order, behalf(tx.db, hub.hat, "Denise")))
    await hub.write(end_represented, hub.hat, denise)


async def test_who_is_represented_no_more_can_not_be_written_for_and_leaves_its_group(village: Village) -> None:
    group = await village.home("Group", "group")
    denise = await add(group, "Denise")
    await group.write(end_represented, group.hat, denise)
    (row,) = await group.read(list_represented, group.hat)
    assert row.ended
    assert await refusal(group.read(behalf, group.hat, "Denise")) == "represented_no_more"
    assert await refusal(group.write(end_represented, group.hat, row)) == "ended_already"
    assert (await group.read(group_row, group.hat.member)).households == []
    again = await add(group, "Denise")
    assert (await group.read(find_represented, group.hat, "Denise")).id == again.id != denise.id


async def test_a_household_joins_a_group_and_leaves_it(village: Village) -> None:
    group, other = await village.home("Group", "group"), await village.home("Other", "group")
    house = await village.home("House", "household")
    assert await house.write(join_group, house.hat, group.hat.member)
    assert not await house.write(join_group, house.hat, group.hat.member)
    await village.gossip()
    assert [each.id for each in await group.read(households_of, group.hat.member)] == [house.hat.member]
    assert await other.read(households_of, group.hat.member) == []
    assert await refusal(house.write(join_group, house.hat, other.hat.member)) == "other_group"
    assert await house.write(leave_group, house.hat) == group.hat.member
    await village.gossip()
    assert await group.read(households_of, group.hat.member) == []
    assert await refusal(house.write(leave_group, house.hat)) == "no_group"
    assert await house.write(join_group, house.hat, group.hat.member)
    assert await house.read(group_of, house.hat.member) == group.hat.member


async def test_only_a_household_joins_and_only_a_group(village: Village) -> None:
    group, house = await village.home("Group", "group"), await village.home("House", "household")
    farm = await village.home("Farm", "producer")
    assert await refusal(farm.write(join_group, farm.hat, group.hat.member)) == "not_a_household"
    assert await refusal(house.write(join_group, house.hat, farm.hat.member)) == "not_a_group"
    assert base32_id(house.hat.member)
