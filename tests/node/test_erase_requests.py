"""A member asks a hub to erase what it answered; the hub's node honours it, or says from when on it may."""

from datetime import UTC, datetime

import pytest

from foodhub.errors import FoodhubError
from foodhub.node.erasable import HANDED_OVER, own_entries
from foodhub.node.erase_requests import (
    KEPT_AFTER_CLOSE,
    RequestRow,
    answer_requests,
    list_requests,
    request_erase,
    requests_due,
)
from foodhub.node.erasing import choose_order, erase
from foodhub.node.placing import place_order
from foodhub.node.represented import add_represented, behalf
from foodhub.node.state import find_member
from foodhub.node.wanted import read_lines
from foodhub.orders.closing import Confirmation
from foodhub.orders.statements import Answer
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village
from tests.node.test_claims import become, wish
from tests.node.test_claims import market as claims_market
from tests.node.test_erasing import market, payloads

pytestmark = pytest.mark.anyio


async def ask(home: Home, whom: str, *, withdraw: bool = False) -> RequestRow:
    about = await home.read(find_member, whom)
    return await home.write(lambda tx: request_erase(tx, home.hat, about, withdraw=withdraw))


async def settle(village: Village) -> None:
    """Let everybody answer at the village's time, and hear of it."""
    await village.gossip()
    for home in village.homes:
        await home.write(answer_requests, home.hat)
    await village.gossip()


async def seen(home: Home) -> list[tuple[str, str, bool]]:
    return [(row.requester, row.state, row.own) for row in await home.read(list_requests, home.hat)]


async def test_a_request_is_honoured_once_the_cycle_closed_long_ago(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    village.clock.now += 25 * HOUR
    await village.gossip()
    said = await payloads(hub, hub, 2)
    village.clock.now += KEPT_AFTER_CLOSE
    asked = await ask(group, "Hub")
    assert (asked.state, asked.own, asked.about) == ("asked", True, "Hub")
    await settle(village)
    assert await seen(group) == [("Group", "done", True)]
    assert await seen(hub) == [("Group", "done", False)]
    assert [await home.rows("SELECT * FROM answer") for home in (hub, group)] == [[], []]
    assert await hub.rows("SELECT * FROM confirmation") == await group.rows("SELECT * FROM confirmation") == []
    # The receipt holds the queue of all, and the total no buyer: both stay until the hub's own retention.
    left = await payloads(hub, hub, 2)
    assert (left.count(False), left) == (2, await payloads(group, hub, 2))
    assert len(left) == len(said) + 1  # its answer to the request
    assert await group.read(requests_due, group.hat, village.clock.now) is False
    assert await hub.read(requests_due, hub.hat, village.clock.now) is False


async def test_too_soon_it_is_answered_with_the_date_and_honoured_by_itself_then(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    closes = (await hub.cycle()).closes
    await ask(group, "Hub")
    await settle(village)
    (row,) = await group.read(list_requests, group.hat)
    assert row.state == "later"
    assert row.earliest is not None
    assert row.earliest == closes.astimezone(UTC).replace(microsecond=row.earliest.microsecond) + (
        datetime.fromtimestamp(KEPT_AFTER_CLOSE / 1000, UTC) - datetime.fromtimestamp(0, UTC)
    )
    assert len(await hub.rows("SELECT * FROM answer")) == 1
    said = await hub.rows("SELECT sum(seq) FROM log")
    await settle(village)
    assert await hub.rows("SELECT sum(seq) FROM log") == said
    village.clock.now += 24 * HOUR + KEPT_AFTER_CLOSE
    await settle(village)
    assert await seen(group) == [("Group", "done", True)]
    assert await hub.rows("SELECT * FROM answer") == []


async def test_it_is_honoured_also_when_the_member_has_erased_its_orders_first(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    village.clock.now += 25 * HOUR + HANDED_OVER
    (order,) = await group.orders()

    def erase_own(tx: Transaction) -> None:
        erase(tx, group.hat, choose_order(tx, group.hat, order.id))

    await group.write(erase_own)
    await ask(group, "Hub")
    await settle(village)
    assert await seen(group) == [("Group", "later", True)]
    village.clock.now += KEPT_AFTER_CLOSE
    await settle(village)
    assert await seen(group) == [("Group", "done", True)]
    assert await hub.rows("SELECT * FROM answer") == []


async def test_asking_again_asks_anew_only_when_it_was_done(village: Village) -> None:
    _hub, _farm, group, _carrots = await market(village)
    village.clock.now += 24 * HOUR + KEPT_AFTER_CLOSE
    first, same = await ask(group, "Hub"), await ask(group, "Hub")
    assert first == same
    await settle(village)
    assert (await ask(group, "Hub")).state == "asked"
    await settle(village)
    assert await seen(group) == [("Group", "done", True)]
    assert await group.rows("SELECT version, request_version FROM erase_answer") == [(2, 2)]


async def test_a_request_that_was_taken_back_is_not_honoured(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    await ask(group, "Hub")
    assert (await ask(group, "Hub", withdraw=True)).state == "withdrawn"
    village.clock.now += 24 * HOUR + KEPT_AFTER_CLOSE
    await settle(village)
    assert await seen(hub) == [("Group", "withdrawn", False)]
    assert len(await hub.rows("SELECT * FROM answer")) == 1
    with pytest.raises(FoodhubError, match="nothing"):
        await ask(group, "Hub", withdraw=True)
    assert (await ask(group, "Hub")).state == "asked"


async def test_only_who_answers_orders_can_be_asked(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    for home, whom in ((group, "Farm"), (group, "Group"), (hub, "Hub")):
        with pytest.raises(FoodhubError) as caught:
            await ask(home, whom)
        assert caught.value.code == "nothing_to_ask_for"


async def test_what_others_were_answered_stays(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    await farm.order((carrots, "1"))
    await village.gossip()
    assert len(await hub.rows("SELECT * FROM answer")) == 2
    village.clock.now += 24 * HOUR + KEPT_AFTER_CLOSE
    await ask(group, "Hub")
    await settle(village)
    assert await hub.rows("SELECT buyer FROM answer") == [(farm.hat.member,)]
    assert [order.state for order in await farm.orders()] == ["confirmed"]
    assert await hub.rows("SELECT buyer FROM confirmation") == [(farm.hat.member,)]


async def test_nobody_else_reads_who_asked_for_what(village: Village) -> None:
    _hub, farm, group, _carrots = await market(village)
    village.clock.now += 24 * HOUR + KEPT_AFTER_CLOSE
    await ask(group, "Hub")
    await settle(village)
    assert await farm.rows("SELECT * FROM erase_request") == await farm.rows("SELECT * FROM erase_answer") == []
    assert await seen(farm) == []


async def test_who_was_confirmed_to_be_somebody_has_also_erased_what_was_told_to_its_representative(
    village: Village,
) -> None:
    hub, group = await village.home("Hub", "hub"), await village.home("Group", "hub")
    house, farm = await village.home("House", "household"), await village.home("Farm", "producer")
    await farm.product("Eggs")
    await group.write(add_represented, group.hat, "Denise", "household")
    await village.open_cycle(hub)
    cycle = await group.cycle()

    def typed(tx: Transaction) -> bytes:
        buyer = behalf(tx.db, group.hat, "Denise", "phone")
        return place_order(tx, group.hat, cycle, read_lines(tx.db, cycle, [("Eggs", "1")]), None, buyer=buyer)

    await group.write(typed)
    await village.gossip()
    denise = await become(village, group, house)
    await house.order(("Eggs", "3"))
    await village.gossip()
    village.clock.now += 25 * HOUR
    await village.gossip()

    def told(tx: Transaction) -> int:
        said = own_entries(tx, hub.hat.member, (hub.hat.device, 2))
        found = [each for entry in said for each in entry.statements if isinstance(each, Answer | Confirmation)]
        return sum(each.buyer == denise for each in found)

    assert await hub.write(told) == 4  # one answer twice: to its representative, and again to itself
    village.clock.now += KEPT_AFTER_CLOSE
    await ask(house, "Hub")
    await settle(village)
    assert await seen(house) == [("House", "done", True)]
    assert await hub.write(told) == 0
    for view in ("answer", "confirmation"):
        assert await house.rows(f"SELECT * FROM {view} WHERE buyer = ?", denise) == []  # noqa: S608 - names of ours


async def test_what_a_group_erased_for_whom_it_represented_is_not_confirmed_to_it_again(village: Village) -> None:
    _hub, group, house = await claims_market(village)
    await wish(group, "Denise", "2", told="phone")
    await village.gossip()
    denise = await become(village, group, house)
    await wish(house, None, "3")
    await village.gossip()
    for hours in (25, 3, 24):
        village.clock.now += hours * HOUR
        await village.gossip()
    confirmed = "SELECT count(*) FROM confirmation WHERE buyer = ?"
    assert await house.rows(confirmed, denise) == [(1,)]
    village.clock.now += KEPT_AFTER_CLOSE
    await ask(house, "Group")
    await settle(village)
    await settle(village)
    assert [await home.rows(confirmed, denise) for home in (group, house)] == [[(0,)], [(0,)]]
