"""A contact card that is erased is readable nowhere any more, whoever had typed it."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.errors import NotThereError
from foodhub.node.buyers import as_itself
from foodhub.node.card_erasing import ErasedCard, erase_card
from foodhub.node.claims import claim, confirm_claim
from foodhub.node.contacts import card_of, set_card
from foodhub.node.erase_requests import list_requests
from foodhub.node.represented import add_represented, end_represented, find_represented
from tests.homes import Home, Village

pytestmark = pytest.mark.anyio
PHONE = "06 12 34 56 78"


async def group_with(village: Village) -> tuple[Home, Home, bytes]:
    """Return a group, a home, and the id of Denise, whose card the group typed."""
    group, house = await village.home("Group", "group"), await village.home("House", "household")
    row = await group.write(add_represented, group.hat, "Denise", "household", PHONE)
    await village.gossip()
    return group, house, id_bytes(row.id)


async def claimed(village: Village) -> tuple[Home, Home, bytes]:
    """Return the same, Denise having the home by now."""
    group, house, member = await group_with(village)
    await house.write(claim, house.hat, member, group.hat.member)
    await village.gossip()
    await group.write(confirm_claim, group.hat, await group.read(find_represented, group.hat, "Denise"))
    await village.gossip()
    assert await house.read(card_of, member) is not None
    return group, house, member


async def erase_it(home: Home, who: str | None = None) -> ErasedCard:
    return await home.write(erase_card, home.hat, who)


async def cards(*homes: Home) -> list[int]:
    """Return how many cards each of these homes can read."""
    return [(await home.rows("SELECT count(*) FROM contact"))[0][0] for home in homes]


async def test_who_was_represented_erases_what_was_typed_for_it(village: Village) -> None:
    group, house, _member = await claimed(village)
    done = await erase_it(house)
    assert (done.erased, done.asked) == ([], "Group")
    await village.gossip()
    assert await cards(group, house) == [0, 0]
    assert [(row.scope, row.state) for row in await group.read(list_requests, group.hat)] == [("card", "done")]
    with pytest.raises(NotThereError):
        await erase_it(house)


async def test_with_its_own_versions_go_those_that_were_typed_for_it(village: Village) -> None:
    group, house, _member = await claimed(village)
    await house.write(lambda tx: set_card(tx, house.hat, as_itself(tx.db, house.hat), None, "07 77", None))
    await village.gossip()
    done = await erase_it(house)
    assert (len(done.erased), done.asked) == (1, "Group")
    await village.gossip()
    assert await cards(group, house) == [0, 0]


async def test_what_it_writes_before_the_other_has_erased_stays(village: Village) -> None:
    group, house, member = await claimed(village)
    await erase_it(house)
    await house.write(lambda tx: set_card(tx, house.hat, as_itself(tx.db, house.hat), "Denise", "07 77", None))
    await village.gossip()
    for home in (group, house):
        row = await home.read(card_of, member)
        assert row is not None
        assert row.phone == "07 77"
    assert not any(PHONE in str(row) for row in await group.rows("SELECT * FROM contact"))


async def test_the_card_that_it_had_under_its_own_id_goes_as_well(village: Village) -> None:
    group, house, _member = await group_with(village)
    await house.write(lambda tx: set_card(tx, house.hat, as_itself(tx.db, house.hat), "House", None, None))
    await house.write(claim, house.hat, _member, group.hat.member)
    await village.gossip()
    await group.write(confirm_claim, group.hat, await group.read(find_represented, group.hat, "Denise"))
    await village.gossip()
    done = await erase_it(house)
    assert (len(done.erased), done.asked) == (1, "Group")
    await village.gossip()
    assert await cards(group, house) == [0, 0]


async def test_whoever_typed_it_erases_it_after_the_claim_too(village: Village) -> None:
    group, house, _member = await claimed(village)
    done = await erase_it(group, "Denise")
    assert (len(done.erased), done.asked) == (2, "")
    await village.gossip()
    assert await cards(group, house) == [0, 0]


async def test_whoever_typed_it_erases_it_once_it_writes_no_more_for_that_one(village: Village) -> None:
    group, _house, _member = await group_with(village)
    await group.write(end_represented, group.hat, await group.read(find_represented, group.hat, "Denise"))
    assert len((await erase_it(group, "Denise")).erased) == 1
    assert await cards(group) == [0]


async def test_another_card_of_the_group_stays(village: Village) -> None:
    group, house, _member = await claimed(village)
    await group.write(add_represented, group.hat, "Zoe", "household", "05")
    await erase_it(house)
    await village.gossip()
    assert await cards(group) == [1]
