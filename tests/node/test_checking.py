"""What is missing before a cycle opens, and what is told of it in a chat."""

from datetime import datetime

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Case, Stock
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.announcing import announce
from foodhub.node.arranging import Arrangement, arrangement_of, published
from foodhub.node.checking import check_cycle_of
from foodhub.node.cycles import CycleRow
from foodhub.node.drafts import Copy, clone_cycle
from foodhub.node.offering import Offer, sell
from foodhub.node.overview import overview
from foodhub.node.planning import Changes, bring, set_cycle
from foodhub.node.products import product_statement
from foodhub.node.removal import remove_member
from foodhub.node.state import find_member
from foodhub.orders.exchanges import DEFAULT_RULE, Incoming, Outgoing, Pickup
from foodhub.orders.rule_words import read_rule
from foodhub.orders.statements import derived_id
from tests.homes import HOUR, Home, Village
from tests.pens import changed

pytestmark = pytest.mark.anyio
DAY = 24 * HOUR


async def market(village: Village) -> tuple[Home, Home, CycleRow]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await village.open_cycle(hub, opens=HOUR, closes=DAY)
    return hub, farm, await hub.cycle()


async def found(hub: Home, cycle: CycleRow) -> dict[str, str]:
    return {each.code: each.state for each in await hub.read(check_cycle_of, hub.hat, cycle)}


async def test_a_cycle_in_which_nothing_is_missing_has_no_findings(village: Village) -> None:
    hub, farm, cycle = await market(village)
    carrots = await farm.product("Carrots")
    await village.gossip()
    await hub.write(bring, hub.hat, cycle.key[1], Incoming(farm.hat.member, [], "Back door", 0, 0))
    now = village.clock.now
    await hub.write(sell, hub.hat, cycle, Offer(pickups=[Pickup("Hall", now + 2 * DAY, now + 3 * DAY)]))
    await village.gossip()
    assert await found(hub, cycle) == {"no_allotment": "warning"}
    # What is set aside is between farm and hub.
    assert await found(farm, cycle) == {}
    await farm.write(allot, farm.hat, cycle, {id_bytes(carrots): 5})
    await village.gossip()
    assert await found(hub, cycle) == {}


async def test_what_lacks_is_found_one_by_one(village: Village) -> None:
    hub, farm, cycle = await market(village)
    dairy = await village.home("Dairy", "producer")
    assert await found(hub, cycle) == {"no_incoming": "warning", "nothing_sold": "bad", "no_pickup": "warning"}
    await farm.product("Carrots", on_hand=0)
    await village.gossip()
    for home in (farm, dairy):
        await hub.write(bring, hub.hat, cycle.key[1], Incoming(home.hat.member, [], "", 0, 0))
    assert await found(hub, cycle) == {"no_products": "warning", "no_stock": "warning", "no_pickup": "warning"}
    row = await hub.read(find_member, "Dairy")
    await hub.write(remove_member, hub.hat, row)
    assert (await found(hub, cycle))["producer_removed"] == "bad"


async def test_a_rule_for_cases_of_a_product_that_has_none_is_found(village: Village) -> None:
    hub, farm, cycle = await market(village)
    juice = id_bytes(await farm.product("Juice"))
    await farm.sign(Log.CATALOG, Stock(juice, 2, "on_demand", 0))
    await village.gossip()
    await hub.write(sell, hub.hat, cycle, Offer(rules={(farm.hat.member, juice): read_rule("group")}))
    assert await found(hub, cycle) == {"no_incoming": "warning", "no_pickup": "warning", "no_case": "warning"}
    await farm.sign(Log.CATALOG, Case(juice, 1, 6, 0, "carton", broken=False))
    await village.gossip()
    assert await found(hub, cycle) == {"no_incoming": "warning", "no_pickup": "warning"}


async def test_a_rule_that_only_says_how_a_lack_is_shared_needs_no_case(village: Village) -> None:
    hub, farm, cycle = await market(village)
    carrots = id_bytes(await farm.product("Carrots"))
    await village.gossip()
    await hub.write(sell, hub.hat, cycle, Offer(rules={(farm.hat.member, carrots): read_rule("proportional")}))
    assert "no_case" not in await found(hub, cycle)


async def test_a_group_is_told_of_what_it_shares_in_another_way_than_its_hub(village: Village) -> None:
    hub, farm, cycle = await market(village)
    group = await village.home("Group", "group")
    carrots, eggs = [(farm.hat.member, id_bytes(await farm.product(name))) for name in ("Carrots", "Eggs")]
    await village.gossip()
    rules = {carrots: read_rule("proportional"), eggs: read_rule("equal")}
    await hub.write(sell, hub.hat, cycle, Offer(rules=rules))
    await village.gossip()
    await group.write(sell, group.hat, cycle, Offer(buying="as_one"))
    assert "other_sharing" not in await found(group, cycle)
    await group.write(sell, group.hat, cycle, Offer(rules={eggs: read_rule("sharing:queue")}))
    (said,) = [each for each in await group.read(check_cycle_of, group.hat, cycle) if each.code == "other_sharing"]
    assert (said.state, said.details["hub"], said.details["products"]) == ("warning", "Hub", ["Eggs"])
    await village.gossip()
    assert "other_sharing" not in await found(hub, cycle)


async def test_a_pickup_before_the_close_or_before_the_goods_are_there_is_found(village: Village) -> None:
    hub, farm, cycle = await market(village)
    group = await village.home("Group", "group")
    await farm.product("Carrots")
    await village.gossip()
    now = village.clock.now
    await hub.write(bring, hub.hat, cycle.key[1], Incoming(farm.hat.member, [], "", now + 3 * DAY, 0))
    await hub.write(sell, hub.hat, cycle, Offer(pickups=[Pickup("Hall", now + 2 * DAY, now + 4 * DAY)]))
    assert (await found(hub, cycle))["pickup_before_weighed"] == "warning"
    await hub.write(sell, hub.hat, cycle, Offer(pickups=[Pickup("Hall", now, now + 4 * DAY)]))
    assert (await found(hub, cycle))["pickup_before_close"] == "bad"
    await village.gossip()
    assert {"no_pickup", "pickup_before_close"}.isdisjoint(await found(group, cycle))
    await group.write(sell, group.hat, cycle, Offer())
    assert (await found(group, cycle))["no_pickup"] == "warning"


async def test_what_no_command_lets_one_say_is_found_where_it_was_said_all_the_same(village: Village) -> None:
    hub, farm, cycle = await market(village)
    group = await village.home("Group", "group")
    milk = id_bytes(await farm.product("Milk"))
    held = await farm.read(product_statement, farm.hat.member, milk)
    assert held is not None
    await farm.sign(Log.CATALOG, changed(held, local=bytes(16), currency="CHF"))
    made = await hub.read(arrangement_of, hub.hat.member, cycle.key[1])
    assert made is not None
    early = village.clock.now + 2 * HOUR
    incoming = [Incoming(farm.hat.member, [], "", early, early)]
    plan = changed(made.plan, incoming=incoming, hubs=[group.hat.member, bytes(32)])
    wrong = Arrangement(changed(made.cycle, sale="direct"), plan, None)
    await hub.sign(Log.CATALOG, *published(made, wrong))
    local = derived_id(b"outgoing", *cycle.key)
    owner, number = cycle.key
    said = Outgoing(
        local=local,
        version=1,
        cycle_owner=owner,
        cycle=number,
        supplier=owner,
        device=group.hat.device,
        closes=early,
        sale="direct",
        buying="as_one",
        by_hand=False,
        shown=False,
        products=[],
        rule=DEFAULT_RULE,
        rules=[],
        pickups=[],
    )
    await group.sign(Log.CATALOG, said)
    await village.gossip()
    states = await found(hub, cycle)
    assert {code for code, state in states.items() if state == "bad"} == {
        *("lead_before_close", "weighed_before_close", "two_currencies", "unknown_hub")
    }
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(name="Other", closes=early - 1, hubs=[]))
    assert (await found(hub, await hub.cycle()))["as_one_in_direct"] == "bad"


async def test_an_announcement_says_what_is_new_until_when_and_where_for_whoever_tells_it(village: Village) -> None:
    hub, farm, first = await market(village)
    group = await village.home("Group", "group")
    await farm.product("Carrots")
    await village.gossip()
    following = await hub.write(clone_cycle, hub.hat, first.key[1], Copy())
    village.clock.now += 2 * HOUR
    await farm.product("Leeks")
    await village.gossip()
    now = village.clock.now
    await hub.write(sell, hub.hat, following, Offer(pickups=[Pickup("Back door", now + 9 * DAY, now + 10 * DAY)]))
    closes = now + 8 * DAY - 3 * HOUR
    hall = Pickup("Hall", now + 11 * DAY, now + 11 * DAY + HOUR)
    await village.gossip()
    await group.write(sell, group.hat, following, Offer(closes=closes, pickups=[hall]))
    await village.gossip()
    ours = await hub.read(announce, hub.hat, following, now)
    theirs = await group.read(announce, group.hat, following, now)
    assert (ours.seller, ours.new, ours.products, ours.closes) == ("Hub", ["Leeks"], 2, following.closes)
    assert [(each.name, int(each.closes.timestamp() * 1000)) for each in ours.groups] == [("Group", closes)]
    assert [each.place for each in ours.pickups] == ["Back door"]
    assert (theirs.seller, theirs.groups, theirs.zone) == ("Group", [], "Europe/Paris")
    assert [each.place for each in theirs.pickups] == ["Hall"]
    assert theirs.closes < ours.closes
    assert (await hub.read(announce, hub.hat, first, now)).new == []


async def test_an_overview_shows_what_was_said_by_everybody(village: Village) -> None:
    hub, farm, cycle = await market(village)
    carrots = id_bytes(await farm.product("Carrots"))
    coop, group = await village.home("Coop", "hub"), await village.home("Group", "group")
    now = village.clock.now
    local = cycle.key[1]
    await hub.write(set_cycle, hub.hat, local, Changes(hubs=[coop.hat.member], deputies=[coop.hat.member]))
    await hub.write(bring, hub.hat, local, Incoming(farm.hat.member, [carrots], "Back door", 0, now + 2 * DAY))
    await village.gossip()
    await coop.write(sell, coop.hat, cycle, Offer(sale="agency"))
    rules = {(farm.hat.member, carrots): read_rule("household")}
    await group.write(sell, group.hat, cycle, Offer(shown=True, rules=rules))
    await village.gossip()
    found = await group.read(overview, await group.cycle())
    assert (found.hubs, found.deputies, found.pooled, found.closed_at) == (["Coop"], ["Coop"], False, None)
    ((farmer,),) = (found.incoming,)
    assert (farmer.producer, farmer.products, farmer.weighed) == ("Farm", ["Carrots"], None)
    assert isinstance(farmer.lead, datetime)
    said = [(each.name, each.supplier, each.sale, each.buying, each.open) for each in found.exchanges]
    assert said == [
        ("Hub", "Hub", "resale", None, False),
        ("Coop", "Coop", "agency", None, False),
        ("Group", "Hub", None, "as_one", True),
    ]
    assert [(rule.product, rule.filled) for rule in found.exchanges[2].rules] == [("Carrots", "household")]
