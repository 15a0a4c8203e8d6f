"""The story of a cycle on real homes: two hubs, two farms and a group, from the draft to opening it again."""

from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.closing import close_cycle, close_of, reopen_cycle
from foodhub.node.cycles import CycleRow, cycle_at, find_cycle, in_ms, list_cycles
from foodhub.node.drafts import Copy, clone_cycle, draft_cycle, draft_rows, find_own, publish
from foodhub.node.exchanges import Exchange, exchange_of, exchanges_of, plan_of
from foodhub.node.offering import Offer, sell
from foodhub.node.planning import Changes, bring, bring_no_more, set_cycle
from foodhub.node.products import product_statement
from foodhub.node.removal import remove_member
from foodhub.node.state import find_member
from foodhub.orders.exchanges import Incoming, Pickup
from foodhub.orders.purchase import Purchase, PurchaseAnswer, PurchaseLine, purchase_answer_id, purchase_id
from foodhub.orders.rule_words import read_rule
from tests.homes import HOUR, Home, Village
from tests.pens import changed

pytestmark = pytest.mark.anyio
DAY = 24 * HOUR


class Market:
    """A hub with a cycle for a day, two farms, a second hub and a group."""

    def __init__(self, village: Village, hub: Home, farms: list[Home], coop: Home, group: Home) -> None:
        self.village, self.hub, self.farms, self.coop, self.group = village, hub, farms, coop, group

    async def row(self, home: Home | None = None) -> CycleRow:
        return (await (home or self.hub).read(list_cycles, self.village.clock.now))[0]

    async def set(self, **changes: Any) -> None:
        local = (await self.row()).key[1]
        await self.hub.write(set_cycle, self.hub.hat, local, Changes(**changes))
        await self.village.gossip()

    async def brings(self, farm: Home, *products: str, **times: int) -> None:
        local = (await self.row()).key[1]
        incoming = Incoming(
            farm.hat.member,
            [id_bytes(product) for product in products],
            "Back door",
            times.get("weighed", 0),
            times.get("lead", 0),
        )
        await self.hub.write(bring, self.hub.hat, local, incoming)
        await self.village.gossip()

    async def sells(self, home: Home, **offer: Any) -> None:
        await home.write(sell, home.hat, await self.row(home), Offer(**offer))
        await self.village.gossip()

    async def exchange(self, home: Home) -> Exchange | None:
        return await self.hub.read(exchange_of, home.hat.member, await self.row())


async def market(village: Village, sale: str = "resale") -> Market:
    hub = await village.home("Hub", "hub")
    farms = [await village.home(name, "producer") for name in ("Farm", "Dairy")]
    made = Market(village, hub, farms, await village.home("Coop", "hub"), await village.home("Group", "group"))
    now = village.clock.now
    await hub.write(lambda tx: publish_new(tx, hub, now + HOUR, now + DAY, sale))
    await village.gossip()
    return made


def publish_new(tx: Any, hub: Home, opens: int, closes: int, sale: str) -> CycleRow:
    draft = draft_cycle(tx, hub.hat, "Week 39", opens, closes, "Europe/Paris", sale)
    return publish(tx, hub.hat, draft.key[1])


async def code(work: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        await work
    return caught.value.code


async def test_who_brings_what_is_said_of_an_open_cycle_and_what_was_ordered_stays_in(village: Village) -> None:
    story = await market(village)
    farm, dairy = story.farms
    carrots, leeks = await farm.product("Carrots"), await farm.product("Leeks")
    yoghurt, milk = await dairy.product("Yoghurt"), await dairy.product("Milk")
    village.clock.now += 2 * HOUR
    await village.gossip()
    home = await village.home("Ana", "household")
    await home.order((yoghurt, "2"), (carrots, "1"))
    await village.gossip()
    await story.brings(farm, leeks)
    found = await story.exchange(story.hub)
    assert found is not None
    offered = [(farm, carrots), (farm, leeks), (dairy, yoghurt), (dairy, milk)]
    assert [found.sells(who.hat.member, id_bytes(each)) for who, each in offered] == [True, True, True, False]


async def test_a_group_that_says_nothing_shares_what_lacks_as_its_hub_does(village: Village) -> None:
    story = await market(village)
    carrots, eggs, leeks = ((bytes(32), bytes([number]) * 16) for number in (1, 2, 3))
    rules = {carrots: read_rule("proportional"), eggs: read_rule("by_hand,round_up"), leeks: read_rule("equal")}
    await story.sells(story.hub, rules=rules)
    await story.sells(story.group, rules={leeks: read_rule("sharing:queue")})
    found = await story.exchange(story.group)
    assert found is not None
    assert [found.rule(*key).sharing for key in (carrots, eggs, leeks)] == ["proportional", "queue", "queue"]
    assert found.rule(*eggs).leftover == "cut"
    assert set(found.ruled) == {carrots, leeks}
    await story.sells(story.group, rule=read_rule("fair"))
    found = await story.exchange(story.group)
    assert found is not None
    assert found.rule(*carrots).sharing == "queue"


async def test_a_draft_is_its_makers_alone_until_it_is_published(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    now = village.clock.now
    draft = await hub.write(draft_cycle, hub.hat, "Week 39", now + HOUR, now + DAY, "Europe/Paris", "resale")
    local = draft.key[1]
    await hub.write(bring, hub.hat, local, Incoming(farm.hat.member, [], "Back door", 0, now + 2 * DAY))
    await hub.write(set_cycle, hub.hat, local, Changes(name="Market", closes=now + 2 * DAY))
    await hub.write(sell, hub.hat, draft, Offer(by_hand=True, rule=read_rule("group")))
    await village.gossip()
    assert [row.name for row in await hub.read(draft_rows, hub.hat.member, now)] == ["Market"]
    assert await farm.read(list_cycles, now) == await hub.read(list_cycles, now) == []
    assert (await hub.read(find_own, hub.hat, "market", now)).draft
    await hub.write(publish, hub.hat, local)
    await village.gossip()
    assert await hub.read(draft_rows, hub.hat.member, now) == []
    (row,) = await farm.read(list_cycles, now)
    assert (row.name, row.state, row.draft, row.key) == ("Market", "upcoming", False, draft.key)
    plan, exchange = await farm.read(plan_of, row), await farm.read(exchange_of, hub.hat.member, row)
    assert [each.lead for each in plan.incoming] == [now + 2 * DAY]
    assert exchange is not None
    assert (exchange.by_hand, exchange.closes, exchange.version) == (True, now + 2 * DAY, 1)
    assert exchange.rule(farm.hat.member, bytes(16)).filled == "group"


async def test_a_cycle_without_more_sells_everything_as_its_owner_says(village: Village) -> None:
    story = await market(village)
    row = await story.row(story.group)
    (exchange,) = await story.group.read(exchanges_of, row)
    assert exchange.own_supplier
    assert (exchange.device, exchange.closes, exchange.sale) == (row.device, in_ms(row.closes), "resale")
    assert (exchange.version, exchange.by_hand, exchange.removed) == (0, False, False)
    assert exchange.rule(bytes(32), bytes(16)) == read_rule("hub,cut,queue,sharing:queue")
    assert exchange.sells(bytes(32), bytes(16))


async def test_only_what_a_producer_brings_and_every_seller_up_to_the_hub_chose_is_sold(village: Village) -> None:
    story = await market(village)
    farm, dairy = story.farms
    milk, cheese = await dairy.product("Milk"), await dairy.product("Cheese")
    await village.gossip()
    await story.brings(farm)
    await story.brings(dairy, milk)
    await story.sells(story.hub, by_hand=True)
    await story.sells(story.group, products=[(farm.hat.member, bytes(16))], pickups=[Pickup("Hall", 5, 9)])
    hub, group = await story.exchange(story.hub), await story.exchange(story.group)
    assert hub is not None
    assert group is not None
    keys = [(dairy.hat.member, id_bytes(milk)), (dairy.hat.member, id_bytes(cheese)), (farm.hat.member, bytes(16))]
    assert [hub.sells(*key) for key in keys] == [True, False, True]
    assert [group.sells(*key) for key in keys] == [False, False, True]
    assert (group.supplier, group.own_supplier, group.buying) == (story.hub.hat.member, False, "as_one")
    assert [pickup.place for pickup in group.pickups] == ["Hall"]


async def test_cases_are_never_filled_wider_than_the_supplier_says(village: Village) -> None:
    story = await market(village)
    await story.sells(story.hub, rules={(bytes(32), bytes(16)): read_rule("group")})
    await story.sells(story.group, rule=read_rule("household,equal"))
    group = await story.exchange(story.group)
    assert group is not None
    assert group.rule(bytes(32), bytes(16)) == read_rule("household,equal")
    await story.sells(story.group, rule=read_rule("hub,fair"))
    group = await story.exchange(story.group)
    assert group is not None
    assert group.rule(bytes(32), bytes(16)) == read_rule("group,fair")
    assert group.rule(bytes(32), bytes([1]) * 16) == read_rule("hub,fair")


async def test_another_hub_sells_once_the_plan_names_it_and_pools_when_the_plan_says_so(village: Village) -> None:
    story = await market(village)
    assert await code(story.sells(story.coop)) == "not_in_cycle"
    await story.set(hubs=[story.coop.hat.member])
    assert await story.exchange(story.coop) is None
    assert await code(story.sells(story.group, supplier=story.coop.hat.member)) == "supplier_waits"
    closes = village.clock.now + 10 * HOUR
    await story.sells(story.coop, sale="agency", closes=closes)
    coop = await story.exchange(story.coop)
    assert coop is not None
    assert (coop.own_supplier, coop.sale, coop.closes, coop.device) == (True, "agency", closes, story.coop.hat.device)
    await story.sells(story.group, supplier=story.coop.hat.member)
    await story.set(pooled=True)
    coop, group = await story.exchange(story.coop), await story.exchange(story.group)
    assert coop is not None
    assert group is not None
    assert (coop.supplier, group.supplier) == (story.hub.hat.member, story.coop.hat.member)
    assert (coop.closes, group.closes) == (closes, closes - HOUR)
    found = await story.hub.read(exchanges_of, await story.row())
    assert [each.aggregator for each in found] == [home.hat.member for home in (story.hub, story.coop, story.group)]
    await story.set(hubs=[])
    assert [await story.exchange(home) for home in (story.coop, story.group)] == [None, None]


async def test_the_three_deadlines_keep_their_order(village: Village) -> None:
    story = await market(village)
    now = village.clock.now
    await story.brings(story.farms[0], lead=now + 26 * HOUR, weighed=now + 30 * HOUR)
    assert await code(story.set(closes=now + 27 * HOUR)) == "lead_before_close"
    assert await code(story.brings(story.farms[1], lead=now + 23 * HOUR)) == "lead_before_close"
    assert await code(story.brings(story.farms[1], weighed=now + 23 * HOUR)) == "weighed_before_close"
    assert await code(story.sells(story.group, closes=now + 25 * HOUR)) == "group_after_hub"
    await story.sells(story.group, closes=now + 23 * HOUR)
    await story.set(closes=now + 20 * HOUR)
    group = await story.exchange(story.group)
    assert group is not None
    assert group.closes == now + 20 * HOUR


async def test_what_makes_no_sense_is_refused_and_changes_nothing(village: Village) -> None:
    story = await market(village, sale="direct")
    now = village.clock.now
    before = await story.hub.rows("SELECT seq FROM log ORDER BY ref")
    assert await code(story.set(closes=now + HOUR)) == "bad_window"
    assert await code(story.set(hubs=[story.group.hat.member])) == "not_a_hub_there"
    assert await code(story.brings(story.group)) == "not_a_producer"
    assert await code(story.sells(story.group, buying="as_one")) == "as_one_in_direct"
    assert await code(story.sells(story.group, sale="agency")) == "sale_of_hub"
    assert await code(story.sells(story.farms[0])) == "not_in_cycle"
    assert await code(story.sells(story.hub, sale="agency")) == "sale_of_cycle"
    assert await code(story.sells(story.hub, supplier=story.coop.hat.member)) == "other_supplier"
    assert await code(story.sells(story.hub, pickups=[Pickup("Hall", 9, 9)])) == "bad_pickup"
    row = await story.row(story.coop)
    assert await code(story.coop.write(set_cycle, story.coop.hat, row.key[1], Changes(name="Mine"))) == "not_your_cycle"
    assert await code(story.coop.write(close_cycle, story.coop.hat, row)) == "not_your_cycle"
    assert await code(story.coop.write(reopen_cycle, story.coop.hat, row, now + DAY)) == "not_your_cycle"
    assert await story.hub.rows("SELECT seq FROM log ORDER BY ref") == before
    await story.sells(story.group)
    group = await story.exchange(story.group)
    assert group is not None
    assert group.buying == "households"


async def test_goods_in_two_currencies_are_kept_apart(village: Village) -> None:
    story = await market(village)
    farm, dairy = story.farms
    await farm.product("Carrots")
    euros = await dairy.product("Milk")
    milk = await dairy.read(product_statement, dairy.hat.member, id_bytes(euros))
    assert milk is not None
    francs = base32_id(bytes(16))
    await dairy.sign(Log.CATALOG, changed(milk, local=bytes(16), name="Cheese", currency="CHF"))
    await village.gossip()
    await story.brings(farm)
    assert await code(story.brings(dairy)) == "two_currencies"
    assert await code(story.brings(dairy, francs)) == "two_currencies"
    await story.brings(dairy, euros)
    assert len((await story.hub.read(plan_of, await story.row())).incoming) == 2


async def test_once_a_cycle_has_opened_its_opening_and_what_is_brought_stay(village: Village) -> None:
    story = await market(village)
    await story.brings(story.farms[0])
    village.clock.now += 2 * HOUR
    await village.gossip()
    local = (await story.row()).key[1]
    assert await code(story.set(opens=village.clock.now + HOUR)) == "opened_already"
    assert await code(story.set(sale="agency")) == "opened_already"
    farm = story.farms[0].hat.member
    assert await code(story.hub.write(bring_no_more, story.hub.hat, local, farm)) == "opened_already"
    await story.set(name="Week forty", closes=village.clock.now + HOUR)
    assert (await story.row(story.group)).name == "Week forty"
    assert (await story.hub.read(find_cycle, "Week forty", village.clock.now)).state == "open"


async def test_a_producer_is_taken_out_before_the_opening(village: Village) -> None:
    story = await market(village)
    farm, dairy = story.farms
    await story.brings(farm)
    local = (await story.row()).key[1]
    assert await code(story.hub.write(bring_no_more, story.hub.hat, local, dairy.hat.member)) == "brings_nothing"
    await story.hub.write(bring_no_more, story.hub.hat, local, farm.hat.member)
    assert (await story.hub.read(plan_of, await story.row())).incoming == []


async def test_after_its_close_a_group_changes_its_pickups_and_nothing_else(village: Village) -> None:
    story = await market(village)
    await story.sells(story.group, closes=village.clock.now + 10 * HOUR)
    village.clock.now += 11 * HOUR
    assert await code(story.sells(story.group, by_hand=True)) == "exchange_closed"
    await story.sells(story.group, pickups=[Pickup("Hall", 5, 9)])
    village.clock.now += 20 * HOUR
    await story.sells(story.hub, pickups=[Pickup("Hub", 5, 9)])
    assert await code(story.sells(story.hub, by_hand=True)) == "cycle_closed"
    assert await code(story.sells(story.group, by_hand=True)) == "cycle_closed"


async def test_a_copy_has_the_same_weekdays_and_hours_and_all_that_was_said(village: Village) -> None:
    story = await market(village)
    now = village.clock.now
    await story.brings(story.farms[0], lead=now + 26 * HOUR)
    await story.sells(story.hub, pickups=[Pickup("Hall", now + 40 * HOUR, now + 42 * HOUR)], by_hand=True)
    row = await story.row()
    copied = await story.hub.write(clone_cycle, story.hub.hat, row.key[1], Copy(weeks=6))
    assert (copied.opens.strftime("%a %H:%M"), copied.closes.strftime("%a %H:%M")) == (
        row.opens.strftime("%a %H:%M"),
        row.closes.strftime("%a %H:%M"),
    )
    assert (copied.opens.date() - row.opens.date()).days == 42
    assert (copied.opens.utcoffset(), row.opens.utcoffset()) != (row.opens.utcoffset(), row.opens.utcoffset())
    assert copied.name == "Week 45"
    plan = await story.hub.read(plan_of, copied)
    exchange = await story.hub.read(exchange_of, story.hub.hat.member, copied)
    later = 42 * DAY + HOUR  # winter has begun
    assert [each.lead for each in plan.incoming] == [now + 26 * HOUR + later]
    assert exchange is not None
    assert (exchange.by_hand, exchange.closes) == (True, in_ms(copied.closes))
    assert [pickup.opens for pickup in exchange.pickups] == [now + 40 * HOUR + later]
    assert await code(story.hub.write(clone_cycle, story.hub.hat, row.key[1], Copy(name="Week 39"))) == "cycle_exists"
    draft = await story.hub.write(
        clone_cycle, story.hub.hat, row.key[1], Copy("Feast", opens=now + 3 * DAY, closes=now + 4 * DAY, draft=True)
    )
    assert (draft.draft, in_ms(draft.opens), in_ms(draft.closes)) == (True, now + 3 * DAY, now + 4 * DAY)


async def test_what_comes_after_the_close_of_a_copy_moves_with_the_close(village: Village) -> None:
    story = await market(village)
    now, row = village.clock.now, await story.row()
    await story.brings(story.farms[0], lead=now + 26 * HOUR)
    await story.sells(story.hub, pickups=[Pickup("Hall", now + 40 * HOUR, now + 42 * HOUR)])
    times = in_ms(row.opens) + 3 * DAY, in_ms(row.closes) + 5 * DAY
    copied = await story.hub.write(clone_cycle, story.hub.hat, row.key[1], Copy("Long week", 1, *times, draft=False))
    exchange = await story.hub.read(exchange_of, story.hub.hat.member, copied)
    assert [each.lead for each in (await story.hub.read(plan_of, copied)).incoming] == [now + 26 * HOUR + 5 * DAY]
    assert exchange is not None
    assert [pickup.opens for pickup in exchange.pickups] == [now + 40 * HOUR + 5 * DAY]


async def test_a_closed_cycle_is_opened_again_until_a_producer_has_accepted(village: Village) -> None:
    story = await market(village)
    hub, farm = story.hub, story.farms[0]
    village.clock.now += 2 * HOUR
    await hub.write(close_cycle, hub.hat, await story.row())
    assert await code(hub.write(close_cycle, hub.hat, await story.row())) == "closed_already"
    await village.gossip()
    row = await story.row(story.group)
    assert (row.state, row.phase_at(village.clock.now), row.closed) == ("closed", "closed", True)
    assert await story.group.read(close_of, row) == village.clock.now
    village.clock.now += HOUR
    closes = village.clock.now + 2 * HOUR
    again = await hub.write(reopen_cycle, hub.hat, row, closes)
    await village.gossip()
    row = await story.row(story.group)
    assert row == await hub.read(cycle_at, row.key, village.clock.now) == again
    assert (row.state, in_ms(row.closes)) == ("open", closes)
    assert await story.group.read(close_of, row) is None
    village.clock.now = closes
    await village.gossip()
    assert await story.group.read(close_of, await story.row()) == closes
    local = purchase_answer_id(hub.hat.member, row.key, 1)
    owner, number = row.key
    answer = PurchaseAnswer(local, 1, hub.hat.member, owner, number, 1, 1, "accepted", "", [])
    await farm.sign(Log.TRADE, answer, readers=[hub.hat.member])
    await village.gossip()
    # A word about a purchase order that nobody sent hinders nobody.
    again = await hub.write(reopen_cycle, hub.hat, await story.row(), closes + 2 * HOUR)
    village.clock.now += 2 * HOUR
    await village.gossip()
    farmer = farm.hat.member
    line = PurchaseLine(bytes(16), 1, "", "Eggs", "", "piece", 1, 30, "piece", "EUR", 2, 0, 0)
    bought = Purchase(purchase_id(again.key, farmer, 1), 1, *again.key, farmer, 1, "", 0, "", bytes(32), [line])
    await hub.sign(Log.TRADE, bought, readers=[farmer])
    assert await code(hub.write(reopen_cycle, hub.hat, await story.row(), closes + 3 * HOUR)) == "accepted_already"
    assert await code(story.set(name="Other")) == "cycle_closed"


async def test_an_aggregator_that_was_removed_is_marked_so(village: Village) -> None:
    story = await market(village)
    await story.sells(story.group)
    row = await story.hub.read(find_member, "Group")
    await story.hub.write(remove_member, story.hub.hat, row)
    group, hub = await story.exchange(story.group), await story.exchange(story.hub)
    assert group is not None
    assert hub is not None
    assert (group.removed, hub.removed) == (True, False)
