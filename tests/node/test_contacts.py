"""Contact cards: who reads them, and that nobody else ever learns a household's name."""

from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import NotThereError, UsageError
from foodhub.node.allotments import allot
from foodhub.node.card_erasing import erase_card
from foodhub.node.claims import claim, confirm_claim
from foodhub.node.contacts import card_of, find_person, set_card
from foodhub.node.duties import due, perform
from foodhub.node.groups import join_group
from foodhub.node.hat import member_name, shown_name
from foodhub.node.represented import add_represented, behalf, find_represented
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry
from tests.node.laptops import laptop, member, recover

pytestmark = pytest.mark.anyio


async def write_card(home: Home, name: str | None = None, who: str | None = None, **more: Any) -> None:
    def work(tx: Transaction) -> None:
        lines = {"phone": None, "address": None} | more
        set_card(tx, home.hat, behalf(tx.db, home.hat, who), name, **lines)

    await home.write(work)


async def names(homes: list[Home], member: bytes) -> list[str | None]:
    return [await home.read(member_name, member) for home in homes]


async def market(village: Village) -> tuple[Home, Home, Home, Home]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group, house = await village.home("Group", "group"), await village.home("House", "household")
    await farm.product("Carrots")
    await village.open_cycle(hub)
    return hub, farm, group, house


async def test_a_card_goes_to_the_group_and_to_nobody_else(village: Village) -> None:
    hub, farm, group, house = await market(village)
    await house.write(join_group, house.hat, group.hat.member)
    await write_card(house, "Ana", phone="06 12")
    await village.gossip()
    assert await names([hub, farm, group], house.hat.member) == [None, None, "Ana"]
    assert (await hub.read(shown_name, house.hat.member)).startswith("Household ")
    row = await group.read(card_of, house.hat.member)
    assert row is not None
    assert (row.name, row.phone, row.address) == ("Ana", "06 12", "")
    assert await group.read(find_person, "Ana") == house.hat.member


async def test_who_it_first_orders_from_later_gets_the_card_too(village: Village) -> None:
    hub, farm, _group, house = await market(village)
    await write_card(house, "Ana")
    await village.gossip()
    assert await names([hub, farm], house.hat.member) == [None, None]
    await house.order(("Carrots", "2"))
    await village.gossip()
    assert await names([hub, farm], house.hat.member) == ["Ana", None]
    assert [order.customer for order in await hub.orders()] == ["Ana"]
    entries = await house.rows("SELECT count(*) FROM entry")
    await house.duties()
    assert await house.rows("SELECT count(*) FROM entry") == entries


async def test_a_card_goes_to_a_new_hub_also_after_its_household_was_recovered(village: Village) -> None:
    hub, farm, _group, _house = await market(village)
    house, words = await member(village, "Ana", "household")
    await write_card(house, "Ana")
    await village.gossip()
    village.homes.remove(house)
    anew = await recover(village, "anew", words, farm)
    await village.gossip()
    await anew.order(("Carrots", "2"))
    await village.gossip()
    assert await names([hub, farm], house.hat.member) == ["Ana", None]
    entries = await anew.rows("SELECT count(*) FROM entry")
    await anew.duties()
    assert await anew.rows("SELECT count(*) FROM entry") == entries


async def test_a_card_of_who_was_confirmed_to_be_another_since_goes_under_its_own_id_and_once(village: Village) -> None:
    hub, _farm, group, house = await market(village)
    await write_card(house, "Ana")
    row = await group.write(add_represented, group.hat, "Denise", "household")
    await village.gossip()
    await house.write(claim, house.hat, id_bytes(row.id), group.hat.member)
    await village.gossip()
    await group.write(lambda tx: confirm_claim(tx, group.hat, find_represented(tx.db, group.hat, "Denise")))
    await village.gossip()

    await house.order(("Carrots", "2"))  # from a hub that does not know Denise
    assert await house.write(perform)
    assert not await house.read(due, village.clock.now)
    await village.gossip()
    assert await names([hub, group], house.hat.member) == ["Ana", None]

    village.clock.now += 1
    await write_card(house, "Ana Le Goff")  # as Denise, whom the hub does not know
    await village.gossip()
    assert await names([hub, group], house.hat.member) == ["Ana Le Goff", None]
    assert not await house.read(due, village.clock.now)


async def test_a_hub_to_which_a_producer_sells_reads_its_card(village: Village) -> None:
    hub, farm, group, house = await market(village)
    await write_card(farm, "Farm", phone="02 97")
    await village.gossip()
    assert await hub.read(card_of, farm.hat.member) is None
    carrots = (await farm.rows("SELECT local FROM product"))[0][0]
    await farm.write(allot, farm.hat, await farm.cycle(), {carrots: 3})
    await village.gossip()
    row = await hub.read(card_of, farm.hat.member)
    assert (row and row.phone, await group.read(card_of, farm.hat.member)) == ("02 97", None)
    assert await house.read(card_of, farm.hat.member) is None


async def test_two_laptops_of_who_was_represented_write_its_own_card_once_whatever_their_clocks_say(
    village: Village,
) -> None:
    _hub, _farm, group, house = await market(village)
    row = await group.write(add_represented, group.hat, "Denise", "household")
    await village.gossip()
    await house.write(claim, house.hat, id_bytes(row.id), group.hat.member)
    await village.gossip()
    await group.write(lambda tx: confirm_claim(tx, group.hat, find_represented(tx.db, group.hat, "Denise")))
    await village.gossip()
    await house.order(("Carrots", "2"))
    await village.gossip()
    second = await laptop(village, "second", house)
    village.homes.remove(house)
    village.clock.now += 24 * HOUR
    await write_card(house, "Denise Roux", phone="06")
    village.clock.now -= 24 * HOUR
    await carry(house, second)
    assert await second.write(perform)
    assert not await second.read(due, village.clock.now)
    assert not await second.write(perform)


async def test_a_telephone_number_has_digits(village: Village) -> None:
    *_, house = await market(village)
    with pytest.raises(UsageError) as raised:
        await write_card(house, "Ana", phone="abc")
    assert raised.value.code == "bad_phone"


async def test_what_is_left_out_of_a_card_stays_as_it_is(village: Village) -> None:
    *_, house = await market(village)
    await write_card(house, "Ana", phone="06 12")
    await write_card(house, address="1 rue du Val")
    row = await house.read(card_of, house.hat.member)
    assert row is not None
    assert (row.name, row.phone, row.address) == ("Ana", "06 12", "1 rue du Val")
    await write_card(house, phone="")
    row = await house.read(card_of, house.hat.member)
    assert row is not None
    assert (row.name, row.phone) == ("Ana", "")


async def test_a_card_that_is_erased_is_gone_with_its_reader_too(village: Village) -> None:
    *_, group, house = await market(village)
    await house.write(join_group, house.hat, group.hat.member)
    await write_card(house, "Ana")
    await write_card(house, "Ana Le Goff")
    await village.gossip()

    assert len((await house.write(erase_card, house.hat)).erased) == 2
    await village.gossip()
    assert await names([house, group], house.hat.member) == ["House", None]
    with pytest.raises(NotThereError):
        await house.write(erase_card, house.hat)


async def test_the_card_of_a_represented_member_is_erased_by_who_wrote_it(village: Village) -> None:
    *_, group, house = await market(village)
    row = await group.write(add_represented, group.hat, "Denise", "household", "06")
    member = id_bytes(row.id)
    assert await names([group, house], member) == ["Denise", None]
    await group.write(erase_card, group.hat, "Denise")
    assert await names([group], member) == [None]
    assert base32_id(member) == row.id


async def test_a_card_needs_a_name(village: Village) -> None:
    *_, house = await market(village)
    with pytest.raises(UsageError) as caught:
        await write_card(house, "   ")
    assert caught.value.code == "bad_name"
    assert await house.read(card_of, house.hat.member) is None
