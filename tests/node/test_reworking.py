"""Working an allocation out again: whoever may read all wishes comes to the fingerprint that everybody was told."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from foodhub.catalog.naming import base32_id
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.closing import reopen_cycle
from foodhub.node.confirmations import confirmation_of
from foodhub.node.deciding import accept_late
from foodhub.node.groups import join_group
from foodhub.node.removal import grant_role, remove_member
from foodhub.node.reworking import ReworkRow, rework
from foodhub.node.state import find_member
from foodhub.node.wishes import wish_table
from foodhub.orders.closing import Confirmation
from foodhub.orders.shown_queue import Queue
from tests.homes import HOUR, Home, Village
from tests.node.desks import Stall, order_at, stall, wants
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def reworked(home: Home) -> ReworkRow:
    """Return what a home works out of the only aggregator that confirmed anything to it."""
    (row,) = await home.read(rework, home.hat, await home.cycle(), home.clock.now)
    return row


async def states_of(*homes: Home) -> list[str]:
    return [(await reworked(home)).state for home in homes]


async def an_open_group(village: Village) -> tuple[Stall, Home, list[Home]]:
    """Let two households of an open group, and one beside it, want more than there is."""
    market = await stall(village)
    await market.add("Juice", case=6)
    await market.add("Eggs", aside=5)
    group, homes = await market.group("Open", "A", "B", shown=True)
    homes.append(await village.home("C", "household"))
    for home in homes:
        await wants(home, ("Juice", "3+1"), ("Eggs", "2"))
        await village.gossip()
    return market, group, homes


async def lie(teller: Home, about: Home, table: str, change: Callable[[Any], Any]) -> None:
    """Let an aggregator sign another version of a confirmation, or of the queue that it showed."""
    kind = {"queue": Queue, "confirmation": Confirmation}[table]
    bodies = await teller.rows(
        f"SELECT body FROM {table} WHERE owner = (SELECT ref FROM party WHERE id = ?)",  # noqa: S608 - names of ours
        teller.hat.member,
    )
    said = [msgspec.msgpack.decode(body, type=kind) for (body,) in bodies]
    (first, *_) = [each for each in said if table == "queue" or each.buyer == about.hat.member]
    lied = changed(change(first), version=first.version + 1)
    await teller.write(lambda tx: tx.append(teller.hat.member, Log.TRADE, [lied], readers=[about.hat.member]))


async def test_the_members_of_an_open_group_work_out_the_same_fingerprint(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.close()
    rows = [await reworked(home) for home in homes[:2]]
    assert [(row.state, row.products, row.customers, row.unseen) for row in rows] == [("same", 2, 2, 0)] * 2
    assert {row.reworked for row in rows} == {rows[0].fingerprint}
    assert await group.rows("SELECT version FROM queue") == [(1,)]


async def test_an_aggregator_works_it_out_beside_what_it_was_confirmed_itself(village: Village) -> None:
    market, group, _ = await an_open_group(village)
    await market.close()
    assert await states_of(market.hub) == ["same"]
    rows = await group.read(rework, group.hat, await group.cycle(), group.clock.now)
    assert [(row.hub, row.state) for row in rows] == [("Open", "same"), ("Hub", "not_shown")]


async def test_nobody_works_it_out_where_wishes_are_not_shown(village: Village) -> None:
    market, _, homes = await an_open_group(village)
    await market.close()
    row = await reworked(homes[2])
    assert (row.hub, row.state, row.reworked, row.products) == ("Hub", "not_shown", "", 0)
    assert await homes[2].rows("SELECT 1 FROM queue") == []


async def test_the_customers_of_an_open_hub_do_so_whatever_there_is(village: Village) -> None:
    market = await stall(village)
    await market.sells(market.hub, shown=True)
    await market.add("Juice", case=6)
    await market.add("Eggs", aside=5)
    homes = [await village.home(name, "household") for name in "ABC"]
    for home in homes:
        await wants(home, ("Juice", "3+1"), ("Eggs", "2"))
        await village.gossip()
    await market.close()
    assert await states_of(*homes, market.hub) == ["same"] * 4
    # A ordered before the others, so it read all receipts; C came last, and has two wishes on the word of the hub.
    assert [(await reworked(home)).unseen for home in homes] == [0, 1, 2]


async def test_who_joins_an_open_group_late_still_works_it_out(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    late = await village.home("D", "household")
    await late.write(join_group, late.hat, group.hat.member)
    await village.gossip()
    await wants(late, ("Eggs", "1"))
    await village.gossip()
    await market.close()
    assert await states_of(*homes[:2], late) == ["same"] * 3
    assert (await reworked(late)).unseen == 2


async def test_a_shortfall_changes_nothing_of_the_allocation(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.close()
    before = await reworked(homes[0])
    await market.shortfall("Eggs", 1)
    assert await reworked(homes[0]) == before
    assert await group.rows("SELECT version FROM queue") == [(1,)]


async def test_an_order_accepted_late_is_in_the_queue_that_is_shown_anew(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    group, homes = await market.group("Open", "A", "B", closes=2 * HOUR, shown=True)
    await wants(homes[0], ("Eggs", "2"))
    await village.gossip()
    village.homes.remove(homes[1])
    await wants(homes[1], ("Eggs", "2"))
    village.clock.now += 3 * HOUR
    await village.gossip()
    village.homes.append(homes[1])
    await village.gossip()
    await group.write(accept_late, group.hat, await order_at(group, homes[1]))
    await market.close()
    assert await states_of(*homes) == ["same", "same"]
    assert (await reworked(homes[0])).customers == 2


async def test_what_was_shown_before_a_cycle_was_reopened_is_not_taken_for_the_next_close(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.close()
    hub = market.hub
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    await market.sells(group, closes=village.clock.now + HOUR // 2)
    await wants(homes[0], ("Eggs", "1"))
    await village.gossip()
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert await states_of(*homes[:2]) == ["same", "same"]
    assert await group.rows("SELECT version FROM queue") == [(2,)]


async def test_a_group_that_shows_another_queue_than_it_shared_by_is_found_out(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.close()

    def more_for_the_first(queue: Queue) -> Queue:
        first, *rest = queue.goods
        (place, quantity, tolerance), *others = first.rows
        return changed(queue, goods=[changed(first, rows=[(place, quantity + 1, tolerance), *others]), *rest])

    await lie(group, homes[1], "queue", more_for_the_first)
    await village.gossip()
    row = await reworked(homes[1])
    assert row.state == "other"
    assert row.reworked != row.fingerprint
    assert {each.code for each in row.differences} == {"other_share", "other_receipt"}
    assert await states_of(homes[0]) == ["same"]


async def test_a_group_that_confirms_less_than_follows_is_found_out(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.close()
    found = await homes[1].read(confirmation_of, group.hat.member, homes[1].hat.member, (await homes[1].cycle()).key)
    assert found is not None

    def less(said: Confirmation) -> Confirmation:
        return changed(said, lines=[changed(line, confirmed=1, share=1) for line in said.lines])

    await lie(group, homes[1], "confirmation", less)
    await village.gossip()
    row = await reworked(homes[1])
    assert (row.state, row.reworked) == ("other", row.fingerprint)
    assert {each.code for each in row.differences} == {"other_share"}


async def seen_by(home: Home) -> list[tuple[str | None, list[tuple[int, int]]]]:
    """Return whose wishes a home is shown, and what they are."""
    table = await home.read(wish_table, home.hat, await home.cycle())
    return [(row.household, sorted((cell.quantity, cell.tolerance) for cell in row.cells)) for row in table.households]


async def test_members_of_an_open_group_see_all_wishes_side_by_side_before_the_close_and_after(
    village: Village,
) -> None:
    market, group, homes = await an_open_group(village)
    wish = [(2, 0), (3, 1)]
    assert await seen_by(homes[0]) == [("A", wish), (None, wish)]
    await market.close()
    assert await seen_by(homes[1]) == [("B", wish), (None, wish)]
    assert await seen_by(group) == [(None, wish)] * 2


async def test_members_of_other_groups_see_their_own_wish_alone(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    _, homes = await market.group("Closed", "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "2"))
        await village.gossip()
    await market.close()
    assert await seen_by(homes[0]) == [("A", [(2, 0)])]


async def test_wishes_that_were_given_in_confidence_are_never_opened_to_all(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    group, homes = await market.group("Closed", "A", "B")
    await wants(homes[0], ("Eggs", "2"))
    await village.gossip()
    with pytest.raises(RefusedError) as raised:
        await market.sells(group, shown=True)
    assert raised.value.code == "wishes_confided"
    await market.sells(group, shown=False)
    await market.close()
    assert await homes[1].rows("SELECT 1 FROM queue") == []


async def test_an_open_group_may_go_on_being_open_and_may_close_itself(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.sells(group, shown=True)
    await market.sells(group, shown=False)
    await market.close()
    assert await states_of(*homes[:2]) == ["not_shown", "not_shown"]


async def test_a_customer_that_becomes_a_group_after_the_close_changes_nothing(village: Village) -> None:
    market = await stall(village)
    await market.sells(market.hub, shown=True)
    await market.add("Juice", case=6)
    await market.rule(market.hub, "Juice", filled="group")
    homes = [await village.home(name, "household") for name in "AB"]
    for home in homes:
        await wants(home, ("Juice", "3"))
        await village.gossip()
    await market.close()
    steward = market.hub
    found = await steward.read(find_member, base32_id(homes[0].hat.member))
    await steward.write(grant_role, steward.hat, found, "group")
    await village.gossip()
    village.clock.now += 40 * 24 * HOUR
    await village.gossip()
    assert await states_of(*homes, steward) == ["same"] * 3
    assert (await market.confirmed(homes[1], "Juice")).share == 3


async def test_while_something_is_on_its_way_nobody_is_accused(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.close()

    def of_another_allocation(said: Confirmation | Queue) -> Confirmation | Queue:
        return changed(said, fingerprint=bytes(32))

    await lie(group, homes[0], "confirmation", of_another_allocation)
    await lie(group, homes[1], "queue", of_another_allocation)
    await village.gossip()
    assert await states_of(*homes[:2]) == ["apart", "apart"]


async def test_a_member_that_was_removed_is_shown_nothing_more(village: Village) -> None:
    market, _, homes = await an_open_group(village)
    found = await market.hub.read(find_member, base32_id(homes[1].hat.member))
    await market.hub.write(remove_member, market.hub.hat, found)
    await village.gossip()
    await market.close()
    assert await homes[0].rows("SELECT 1 FROM queue") == [(1,)]
    assert await homes[1].rows("SELECT 1 FROM queue") == []


async def test_a_queue_that_has_not_arrived_is_said_to_be_missing(village: Village) -> None:
    market, group, homes = await an_open_group(village)
    await market.close()

    def of_two(queue: Queue) -> Queue:
        return changed(queue, of=2)

    await lie(group, homes[0], "queue", of_two)
    await village.gossip()
    assert await states_of(*homes[:2]) == ["not_shown", "same"]
