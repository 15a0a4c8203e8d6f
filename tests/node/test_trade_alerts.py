"""Who gets less is told, and nobody's order comes to stand under another bargain than it was signed."""

import pytest

from foodhub.errors import RefusedError
from foodhub.node.checking import check_cycle_of
from foodhub.node.offering import Offer, sell
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.purchase_answers import answer_purchase
from foodhub.node.purchases import list_purchases
from foodhub.node.purchasing import GRACE
from foodhub.node.trade_alerts import trade_alerts
from tests.homes import Home, Village
from tests.node.desks import households, stall, wants

pytestmark = pytest.mark.anyio


async def alerts(home: Home) -> dict[str, object]:
    """Return by code what an alert of a home is about."""
    found = await home.read(lambda db: list(trade_alerts(db, home.hat, home.clock.now)))
    return {code: details.get("products", details.get("reason")) for code, _, details in found}


async def test_hub_and_buyer_are_told_when_a_producer_accepts_less(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9)
    (ann,) = await households(village, "Ann")
    await wants(ann, ("Eggs", "7"))
    await village.gossip()
    await market.close()
    village.clock.now += GRACE
    await village.gossip()
    (row,) = await market.farm.read(list_purchases, market.farm.hat, village.clock.now)
    assert await alerts(ann) == {}
    assert await market.farm.write(answer_purchase, market.farm.hat, row, {eggs[1]: 5}, "fox") == "part"
    await village.gossip()
    assert (await alerts(market.hub))["purchase_turned_down"] == ["fox"]
    assert await alerts(ann) == {"gets_less": ["Eggs"]}


async def test_who_owes_what_to_whom_does_not_change_under_an_order(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    coop = await village.home("Coop", "hub")
    hub, cycle = market.hub, await market.hub.cycle()
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(hubs=[coop.hat.member]))
    await village.gossip()
    await market.sells(coop, sale="resale")
    group, (ann,) = await market.group("Group", "Ann")
    for offer in (Offer(buying="households"), Offer(buying="as_one")):
        await group.write(sell, group.hat, cycle, offer)
    await wants(ann, ("Eggs", "1"))
    await village.gossip()
    for offer in (Offer(buying="households"), Offer(supplier=coop.hat.member)):
        with pytest.raises(RefusedError) as raised:
            await group.write(sell, group.hat, cycle, offer)
        assert raised.value.code == "ordered_already"
    for changes in (Changes(hubs=[]), Changes(pooled=True)):
        with pytest.raises(RefusedError) as raised:
            await hub.write(set_cycle, hub.hat, cycle.key[1], changes)
        assert raised.value.code == "hub_sells_already"


async def test_a_rule_that_asks_for_a_broken_case_is_doubted_where_none_is_delivered(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6)
    hub, cycle = market.hub, await market.hub.cycle()
    assert "case_unbroken" not in {each.code for each in await hub.read(check_cycle_of, hub.hat, cycle)}
    await market.rule(hub, "Juice", leftover="open")
    assert "case_unbroken" in {each.code for each in await hub.read(check_cycle_of, hub.hat, await hub.cycle())}
