"""What a cycle that was opened again does to those who were told before: producers, customers, groups."""

import pytest

from foodhub.errors import RefusedError
from foodhub.node.closing import close_cycle, reopen_cycle
from foodhub.node.cycles import in_ms
from foodhub.node.exchanges import exchange_of
from foodhub.node.placing import place_order
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.purchase_answers import answer_purchase, mark_seen
from foodhub.node.purchase_standing import purchase_standing
from foodhub.node.purchases import PurchaseRow, find_purchase, list_purchases
from foodhub.node.purchasing import GRACE, send_purchases
from foodhub.node.reopened import confirmed_before
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.trade_alerts import trade_alerts
from foodhub.node.wanted import read_lines
from foodhub.node.wishes import close_group
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village
from tests.node.desks import MINUTE, Stall, cancels, changes, households, stall, wants

pytestmark = pytest.mark.anyio


async def codes(home: Home) -> list[str]:
    return await home.read(lambda db: [code for code, *_ in trade_alerts(db, home.hat, home.clock.now)])


async def purchase(home: Home) -> PurchaseRow:
    (row,) = await home.read(list_purchases, home.hat, home.clock.now)
    return row


async def ordered(village: Village) -> tuple[Stall, Home]:
    """Let a hub order eggs for its only customer, and open the cycle again a minute later."""
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (ann,) = await households(village, "Ann")
    await wants(ann, ("Eggs", "3"))
    await village.gossip()
    await market.close()
    await market.hub.write(send_purchases, market.hub.hat, await market.hub.cycle())
    await village.gossip()
    village.clock.now += MINUTE
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    return market, ann


async def outdated(home: Home) -> str:
    row = await purchase(home)
    return (await home.read(purchase_standing, row, home.clock.now)).outdated


async def test_an_outdated_purchase_order_is_accepted_by_nobody_until_it_came_anew(village: Village) -> None:
    market, ann = await ordered(village)
    hub, farm = market.hub, market.farm
    assert (await outdated(farm), await codes(farm)) == ("open", ["purchase_may_change"])
    await cancels(ann)
    await village.gossip()
    village.clock.now += MINUTE
    await hub.write(close_cycle, hub.hat, await hub.cycle())
    await village.gossip()
    assert (await outdated(farm), await codes(farm)) == ("closed", ["purchase_may_change"])
    with pytest.raises(RefusedError) as raised:
        await farm.write(answer_purchase, farm.hat, await purchase(farm), {})
    assert raised.value.code == "cycle_open_again"
    village.clock.now += GRACE
    await village.gossip()
    assert (await outdated(farm), await codes(farm)) == ("", ["purchase_empty"])
    assert {line.quantity for line in (await purchase(farm)).lines} == {0}
    await farm.write(mark_seen, farm.hat, await purchase(farm))
    assert await codes(farm) == []


async def test_both_are_told_of_a_yes_that_crossed_with_the_reopening(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (ann,) = await households(village, "Ann")
    await wants(ann, ("Eggs", "3"))
    await village.gossip()
    await market.close()
    village.clock.now += GRACE
    await village.gossip()
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), village.clock.now + HOUR)
    await market.farm.write(answer_purchase, market.farm.hat, await purchase(market.farm), {})
    assert "accepted_before" not in await codes(market.hub)
    await village.gossip()
    assert (await codes(market.hub), await codes(market.farm)) == (["accepted_before"], ["accepted_before"])


async def test_what_is_wanted_no_more_is_no_part_of_an_answer(village: Village) -> None:
    market = await stall(village)
    for name in ("Eggs", "Milk"):
        await market.add(name)
    (ann,) = await households(village, "Ann")
    await wants(ann, ("Eggs", "3"), ("Milk", "2"))
    await village.gossip()
    await market.close()
    village.clock.now += GRACE
    await village.gossip()
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    await changes(ann, ("Milk", "0"))
    village.clock.now += HOUR + GRACE
    await village.gossip()
    row = await purchase(market.farm)
    assert {line.quantity for line in row.lines} >= {3}
    nothing = {line.product: 0 for line in row.statement.lines}
    assert await market.farm.write(answer_purchase, market.farm.hat, row, nothing, "fire") == "refused"


async def test_a_producer_names_its_purchase_order_by_the_hub_and_a_hub_by_the_producer(village: Village) -> None:
    market, _ann = await ordered(village)
    for home, text in ((market.farm, "Hub"), (market.hub, "Farm"), (market.farm, "Week 39"), (market.farm, "Farm")):
        row = await home.read(find_purchase, home.hat, text, village.clock.now)
        assert row.id == (await purchase(home)).id


async def test_a_purchase_order_that_did_not_change_is_accepted_once_nothing_came(village: Village) -> None:
    market, _ann = await ordered(village)
    before = await purchase(market.farm)
    village.clock.now = in_ms((await market.hub.cycle()).closes) + GRACE
    await village.gossip()
    assert (await purchase(market.farm)).version == before.version
    assert (await outdated(market.farm), await codes(market.farm)) == ("", ["purchase_waits"])
    assert await market.farm.write(answer_purchase, market.farm.hat, before, {}) == "accepted"


async def test_who_was_confirmed_something_is_told_that_it_counts_no_more(village: Village) -> None:
    market, ann = await ordered(village)
    (bob,) = await households(village, "Bob")
    cycle = await market.hub.cycle()
    assert (await codes(ann), await codes(bob), await codes(market.hub)) == (["order_open_again"], [], [])
    assert await market.hub.read(confirmed_before, market.hub.hat.member, cycle.key) == 1
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert await codes(ann) == []


async def test_a_group_that_closed_after_the_reopening_is_not_taken_for_one_that_missed_it(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, (ann,) = await market.group("Group", "Ann")
    await wants(ann, ("Eggs", "1"))
    await village.gossip()
    await market.close()
    village.clock.now += MINUTE
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), village.clock.now + 9 * HOUR)
    await village.gossip()
    assert "opened_again" in await codes(group)
    assert "opened again" in await refused(ann)
    village.clock.now += MINUTE
    await market.sells(group, closes=village.clock.now + HOUR)
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert "opened_again" not in await codes(group)
    assert "opened again" not in await refused(ann)


async def test_a_group_whose_supplier_did_not_open_again_is_told_to_ask_that_one(village: Village) -> None:
    market = await stall(village)
    coop = await village.home("Coop", "hub")
    cycle = await market.hub.cycle()
    await market.hub.write(set_cycle, market.hub.hat, cycle.key[1], Changes(hubs=[coop.hat.member]))
    await village.gossip()
    assert "supplier_waits" in await codes(coop)
    await market.sells(coop, sale="resale")
    assert "supplier_waits" not in await codes(coop)
    group, _ = await market.group("Group", supplier=coop.hat.member)
    await market.add("Eggs", aside=2)
    to_group = {market.products["Eggs"][1]: 1}
    with pytest.raises(RefusedError) as raised:
        await market.farm.write(declare_shortfall, market.farm.hat, cycle, to_group, "hail", group.hat.member)
    assert raised.value.code == "supplied_by_another"
    await market.close()
    village.clock.now += MINUTE
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), village.clock.now + 9 * HOUR)
    await village.gossip()
    assert [hint for _, hint in await opened(group)] == ["Ask {supplier} to sell again first; then you can, too."]
    await market.sells(coop, closes=village.clock.now + HOUR)
    assert await opened(coop) == []
    assert "cycle sell" in (await opened(group))[0][1]


async def test_another_hub_whose_producer_said_yes_is_told_and_closes_its_own_sale_again(village: Village) -> None:
    market = await stall(village)
    await market.add("Milk")
    coop, (ann,) = await village.home("Coop", "hub"), await households(village, "Ann")
    hub, cycle = market.hub, await market.hub.cycle()
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(hubs=[coop.hat.member]))
    await village.gossip()
    await market.sells(coop, sale="resale")

    def place(tx: Transaction) -> bytes:
        seller = exchange_of(tx.db, coop.hat.member, cycle)
        return place_order(tx, ann.hat, cycle, read_lines(tx.db, cycle, [("Milk", "2")]), None, seller=seller)

    await ann.write(place)
    await village.gossip()
    await hub.write(close_cycle, hub.hat, cycle)
    await village.gossip()
    village.clock.now += GRACE
    await village.gossip()
    village.homes.remove(hub)
    await market.farm.write(answer_purchase, market.farm.hat, await purchase(market.farm), {})
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), in_ms(cycle.closes))
    village.homes.append(hub)
    await village.gossip()
    assert ("accepted_before" in await codes(coop), "accepted_before" in await codes(hub)) == (True, False)
    await coop.write(close_group, coop.hat, await coop.cycle())
    village.clock.now += MINUTE
    await village.gossip()
    with pytest.raises(RefusedError) as raised:
        await cancels(ann)
    assert raised.value.code == "cycle_closed"


async def opened(home: Home) -> list[tuple[str, str]]:
    """Return the texts of the alert that one's sale in a cycle was not opened again with it."""
    found = await home.read(lambda db: list(trade_alerts(db, home.hat, home.clock.now)))
    return [texts for code, texts, _ in found if code == "opened_again"]


async def refused(home: Home) -> str:
    """Return what a home reads that may order no more."""
    cycle = await home.cycle()

    def place(tx: Transaction) -> bytes:
        return place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, [("Eggs", "1")]), None)

    with pytest.raises(RefusedError) as raised:
        await home.write(place)
    assert raised.value.code == "cycle_closed"
    return f"{raised.value} {raised.value.hint}"
