"""What is set aside above a limit: listed for those who may read it, and said again by its author from elsewhere."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.errors import RefusedError
from foodhub.node.allotments import allot
from foodhub.node.closing import close_cycle, close_of
from foodhub.node.comparison import shared_rows
from foodhub.node.cycles import list_cycles
from foodhub.node.devices import retire
from foodhub.node.disputed import DisputedRow, deal_with, disputed, other_branches
from foodhub.node.drafts import draft_cycle, draft_rows
from foodhub.node.exchanges import exchange_of, plan_of
from foodhub.node.hat import Hat
from foodhub.node.offering import Offer, sell
from foodhub.node.planning import Changes, set_cycle
from foodhub.node.products import list_products, set_product
from foodhub.node.reissue import AgainRow, plan_reissue, reissue
from foodhub.node.remarks import set_remark
from foodhub.node.removal import remove_member
from foodhub.node.repeating import list_repeats, repeat_cycle
from foodhub.node.represented import buyer_of
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.state import find_member, list_logs, status
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village
from tests.node.desks import represent, wants
from tests.node.forking import fork
from tests.node.laptops import laptop, member, recover, row_of

pytestmark = pytest.mark.anyio


async def rows(home: Home) -> list[DisputedRow]:
    return await home.node.rehearse(disputed)


def short(found: list[DisputedRow]) -> list[tuple[str, str, int, str, list[tuple[str, str]]]]:
    return [(each.member, each.log, each.seq, each.why, [(s.kind, s.name) for s in each.says]) for each in found]


async def plan(home: Home) -> list[tuple[str, str, int, str]]:
    def timed(tx: Transaction) -> list[AgainRow]:
        tx.now = home.clock.now
        return plan_reissue(tx, home.hat)

    return [(each.kind, each.name, each.version, each.state) for each in await home.node.rehearse(timed)]


async def codes(home: Home) -> set[str]:
    return {each.code for each in (await home.read(status, "", 0, "stopped")).warnings} - {"words_unconfirmed"}


async def farm_with_two_laptops(village: Village) -> tuple[Home, Home, Home, str]:
    """Return a hub, a farm that signed its name (1), carrots (2) and leeks (3), and the farm's second laptop."""
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    carrots = await farm.product("Carrots")
    await farm.product("Leeks", on_hand=None)
    barn = await laptop(village, "Barn", farm)
    return hub, farm, barn, carrots


async def test_what_stands_above_a_fork_counts_nowhere_and_is_listed_everywhere(village: Village) -> None:
    hub, farm, barn, _ = await farm_with_two_laptops(village)
    assert await rows(hub) == []
    await fork(village, farm, 1, 2)
    for home in (hub, farm, barn):
        assert [row.name for row in await home.read(list_products)] == ["Carrots"]
        assert short(await rows(home)) == [("Farm", "catalog", 3, "forked", [("product", "Leeks"), ("stock", "Leeks")])]
        (log,) = [each for each in await home.read(list_logs) if each.limit]
        assert (log.limit, log.aside, log.why, log.entries) == (3, 1, "forked", 2)
    assert [(await rows(home))[0].own for home in (hub, farm, barn)] == [False, True, True]


async def test_everybody_is_warned_and_the_owner_is_told_what_to_do(village: Village) -> None:
    hub, farm, barn, carrots = await farm_with_two_laptops(village)
    assert await codes(hub) == await codes(farm) == set()
    await fork(village, farm, 1, 2)
    assert await codes(hub) == {"logs_forked"}
    assert await codes(barn) == {"device_forked"}
    assert await codes(farm) == {"log_forked"}
    with pytest.raises(RefusedError) as raised:
        await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": 1})
    assert raised.value.code == "log_forked"
    assert "foodhub device add" in raised.value.hint
    await barn.write(set_product, barn.hat, id_bytes(carrots), {"price": 1})


async def test_what_is_wanted_is_said_again_from_another_device(village: Village) -> None:
    hub, farm, barn, carrots = await farm_with_two_laptops(village)
    village.clock.now += 1
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": 300})
    await village.gossip()
    await fork(village, farm, 1, 2)
    assert await plan(barn) == [
        ("product", "Carrots", 3, "again"),
        ("product", "Leeks", 2, "again"),
        ("stock", "Leeks", 0, "other_device"),
    ]
    assert await barn.write(reissue, barn.hat) == 2
    await village.gossip()
    for home in (hub, farm, barn):
        assert [(row.name, row.price) for row in await home.read(list_products)] == [("Carrots", 300), ("Leeks", 245)]
    assert {state for *_, state in await plan(barn)} == {"same", "other_device"}
    assert await barn.write(reissue, barn.hat) == 0
    assert await hub.read(shared_rows) == await farm.read(shared_rows) == await barn.read(shared_rows)


async def test_what_a_retired_device_left_is_warned_of_until_it_was_dealt_with(village: Village) -> None:
    _hub, farm, barn, carrots = await farm_with_two_laptops(village)
    await barn.write(set_product, barn.hat, id_bytes(carrots), {"price": 300})
    await village.gossip()
    await fork(village, barn, 1, 0)
    await farm.write(retire, farm.hat, await row_of(farm, barn))
    assert await codes(farm) == {"entries_aside"}
    assert await farm.read(other_branches) == [("Farm", "catalog", 1)]
    assert not any(row.again for row in await rows(farm))
    await farm.write(reissue, farm.hat)
    await farm.write(deal_with, farm.hat)
    assert await codes(farm) == set()
    assert await farm.read(other_branches) == []
    assert all(row.again for row in await rows(farm))


async def test_another_description_alone_is_said_again_too(village: Village) -> None:
    hub, farm, barn, carrots = await farm_with_two_laptops(village)
    for text in ("Sandy.", "Clayey"):
        await farm.write(set_product, farm.hat, id_bytes(carrots), {"description": text})
    await village.gossip()
    await fork(village, farm, 1, 4)
    assert await plan(barn) == [("product", "Carrots", 4, "again")]
    assert await barn.write(reissue, barn.hat) == 1
    await village.gossip()
    for home in (hub, farm, barn):
        assert [row.description for row in await home.read(list_products)] == ["Clayey", ""]
    assert await plan(barn) == [("product", "Carrots", 0, "same")]


async def test_a_laptop_that_is_recovered_in_place_says_again_all_that_it_had_said(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, keys = await member(village, "Farm", "producer")
    await farm.product("Carrots")
    await farm.product("Leeks", on_hand=7)
    await village.gossip()
    await fork(village, farm, 1, 2)
    village.homes.remove(farm)
    anew = await recover(village, "Farm", keys, hub)
    await village.gossip()
    assert await plan(anew) == [("product", "Leeks", 2, "again"), ("stock", "Leeks", 2, "again")]
    assert await anew.write(reissue, anew.hat) == 2
    await village.gossip()
    assert [(row.name, row.on_hand) for row in await hub.read(list_products)] == [("Carrots", 40), ("Leeks", 7)]


async def test_what_was_said_anew_since_is_not_said_again(village: Village) -> None:
    _hub, farm, barn, carrots = await farm_with_two_laptops(village)
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": 300})
    await village.gossip()
    await barn.write(set_product, barn.hat, id_bytes(carrots), {"price": 400})
    await village.gossip()
    await fork(village, farm, 1, 3)
    assert await plan(barn) == [("product", "Carrots", 0, "superseded")]
    assert await barn.write(reissue, barn.hat) == 0


async def test_the_device_that_forked_says_nothing_again(village: Village) -> None:
    _hub, farm, _barn, _ = await farm_with_two_laptops(village)
    await fork(village, farm, 1, 2)
    with pytest.raises(RefusedError) as raised:
        await farm.write(reissue, farm.hat)
    assert raised.value.code == "log_forked"


async def test_an_order_comes_back_to_its_place_in_the_queue(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group, _ = await member(village, "Group", "group")
    desk = await laptop(village, "Desk", group)
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await group.order(("Carrots", "3"))
    await village.gossip()
    await fork(village, group, 2, 0)
    assert [await home.orders() for home in (hub, group, desk)] == [[], [], []]
    (own,) = short(await rows(desk))
    assert (own[0], own[1], own[2], own[3], own[4][0][0]) == ("Group", "trade", 1, "forked", "order")
    assert short(await rows(hub)) == [own]
    assert await rows(farm) == []
    # Its goods are free until it is said again.
    await village.gossip()
    assert await farm.rows("SELECT ordered, promised FROM total") == [(0, 0)]
    assert [state for *_, state in await plan(desk)] == ["again"]
    assert await desk.write(reissue, desk.hat) == 1
    await village.gossip()
    (order,) = await desk.orders()
    assert (order.state, order.lines[0].confirmed, order.revision) == ("received", 3, 2)


async def test_an_order_of_a_closed_cycle_is_not_said_again(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group, _ = await member(village, "Group", "group")
    desk = await laptop(village, "Desk", group)
    await farm.product("Carrots")
    await village.open_cycle(hub, closes=10)
    await group.order(("Carrots", "3"))
    await village.gossip()
    await fork(village, group, 2, 0)
    village.clock.now += 10

    assert [state for *_, state in await plan(desk)] == ["closed"]
    assert await desk.write(reissue, desk.hat) == 0


async def test_rights_that_were_spent_are_never_said_again(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    barn = await laptop(village, "Barn", farm)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await fork(village, farm, 2, 0)
    assert await plan(barn) == [("allot", "Carrots", 0, "spent")]
    assert await barn.write(reissue, barn.hat) == 0


async def test_a_cycle_said_again_is_answered_where_it_is_said(village: Village) -> None:
    hub, _ = await member(village, "Hub", "hub")
    farm = await village.home("Farm", "producer")
    second = await laptop(village, "Hub 2", hub)
    await village.open_cycle(hub)
    await fork(village, hub, 1, 1)
    assert await farm.rows("SELECT 1 FROM cycle") == []
    assert await plan(second) == [
        ("cycle", "Week 39", 0, "other_device"),
        ("opening", "Week 39", 0, "other_device"),
    ]


async def test_a_cycle_said_again_by_the_heir_keeps_what_was_set_aside_for_it(village: Village) -> None:
    hub, words = await member(village, "Hub", "hub")
    farm, group = await village.home("Farm", "producer"), await village.home("Group", "group")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await group.order(("Carrots", "3"))
    await village.gossip()
    await fork(village, hub, 1, 1)
    assert await group.rows("SELECT 1 FROM cycle") == []
    village.homes.remove(hub)
    anew = await recover(village, "Hub", words, farm)
    await village.gossip()
    assert await plan(anew) == [("cycle", "Week 39", 2, "again"), ("opening", "Week 39", 2, "again")]
    assert await anew.write(reissue, anew.hat) == 2
    await village.gossip()
    await group.order(("Carrots", "2"))
    await village.gossip()
    (order,) = await group.orders()
    assert (order.cycle, order.lines[0].confirmed) == ("Week 39", 5)


async def test_all_that_a_coordinator_said_of_a_cycle_is_said_again_by_its_heir(village: Village) -> None:
    hub, words = await member(village, "Hub", "hub")
    farm = await village.home("Farm", "producer")
    await village.open_cycle(hub)
    cycle = await hub.cycle()
    await hub.write(set_cycle, hub.hat, cycle.key[1], Changes(deputies=[farm.hat.member]))
    await hub.write(sell, hub.hat, cycle, Offer(by_hand=True))
    await hub.write(repeat_cycle, hub.hat, cycle.key[1], 1)
    now = village.clock.now
    await hub.write(draft_cycle, hub.hat, "Draft", now, now + 9 * HOUR, "Europe/Paris", "resale")
    await hub.write(close_cycle, hub.hat, cycle)
    await village.gossip()
    await fork(village, hub, 1, 1)
    village.homes.remove(hub)
    anew = await recover(village, "Hub", words, farm)
    await village.gossip()
    kinds = {kind: state for kind, name, _, state in await plan(anew) if name == "Week 39"}
    assert kinds == dict.fromkeys(("cycle", "plan", "outgoing", "opening", "close"), "again")
    await anew.write(reissue, anew.hat)
    await village.gossip()
    (row,) = [each for each in await farm.read(list_cycles, now) if each.name == "Week 39"]
    exchange = await farm.read(exchange_of, hub.hat.member, row)
    assert exchange is not None
    assert (exchange.by_hand, exchange.device) == (True, row.device)
    assert (await farm.read(plan_of, row)).deputies == [farm.hat.member]
    assert await farm.read(close_of, row) == now
    assert [each.name for each in await anew.read(draft_rows, hub.hat.member, now)] == ["Draft"]
    assert len(await anew.read(list_repeats, hub.hat.member)) == 1


async def test_what_a_removed_member_signed_above_the_cut_is_listed_with_who_removed_it(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, group = await village.home("Farm", "producer"), await village.home("Group", "group")
    village.homes.remove(hub)
    await farm.product("Carrots")
    await village.gossip()
    await hub.write(remove_member, hub.hat, await hub.read(find_member, "Farm"))
    village.homes.append(hub)
    await village.gossip()
    (found,) = await rows(group)
    assert (found.why, found.by, found.log, found.limit) == ("removed", "Hub", "catalog", 2)
    (log,) = [each for each in await group.read(list_logs) if each.aside]
    assert log.why == "removed"


async def test_what_was_written_for_others_is_said_again_in_its_envelope_with_what_only_few_may_read(
    village: Village,
) -> None:
    hub = await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer")
    group, _ = await member(village, "Group", "group")
    await farm.product("Juice", on_hand=None)
    await village.open_cycle(hub)
    barn = await laptop(village, "Barn", group)
    (dora,) = await represent(group, "Dora")
    local = await wants(group, ("Juice", "3"), who="Dora")
    await group.write(set_remark_for, group.hat, dora, local, hub.hat.member)
    await village.gossip()
    (before,) = await hub.orders()
    assert (before.customer, before.comment, before.told) == ("Dora", "No glass", "phone")
    await fork(village, group, 2, 0)
    await village.gossip()
    assert await hub.orders() == []
    wanted = {(kind, state) for kind, _, _, state in await plan(barn)}
    assert wanted == {(kind, "again") for kind in ("represented", "contact", "belong", "order", "remark")}
    assert await barn.write(reissue, barn.hat) == len(wanted)
    await village.gossip()
    (after,) = await hub.orders()
    assert (after.customer, after.comment, after.told) == ("Dora", "No glass", "phone")
    assert (after.id, after.customer_id) == (before.id, before.customer_id)
    assert [row for row in await plan(barn) if row[-1] != "same"] == []


def set_remark_for(tx: Transaction, hat: Hat, member: bytes, order: bytes, hub: bytes) -> bool:
    return set_remark(tx, hat, order, hub, comment="No glass", buyer=buyer_of(tx.db, hat, member))


async def test_what_nobody_can_know_to_hold_still_is_left_to_a_person(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    local = id_bytes(await farm.product("Carrots"))
    await village.open_cycle(hub)
    barn = await laptop(village, "Barn", farm)
    await farm.write(declare_shortfall, farm.hat, await farm.cycle(), {local: 3}, "hail")
    await village.gossip()
    await fork(village, farm, 2, 0)
    assert await plan(barn) == [("shortfall", "Carrots", 0, "anew")]
    assert await barn.write(reissue, barn.hat) == 0
