"""Stewards remove members and give and take roles; what that leaves of a member, and what its own node says then."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.circuit.statements import Invite
from foodhub.errors import FoodhubError, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node import setup
from foodhub.node.allotments import allot
from foodhub.node.amending import cancel_order
from foodhub.node.cycles import new_cycle
from foodhub.node.exchange import visitor
from foodhub.node.products import list_products, products_since, set_product
from foodhub.node.ranks import ranks, removal_of, stewards
from foodhub.node.removal import KeptRow, grant_role, kept_of, remove_member, revoke_role
from foodhub.node.state import MemberRow, find_member, list_members, status
from foodhub.node.terms import terms_in_cycle
from tests.homes import HOUR, Home, Village
from tests.pens import invite_key

pytestmark = pytest.mark.anyio


async def row(home: Home, name: str) -> MemberRow:
    return await home.read(find_member, name)


async def remove(home: Home, name: str) -> list[KeptRow]:
    return await home.write(remove_member, home.hat, await row(home, name))


async def grant(home: Home, name: str, role: str) -> bool:
    return await home.write(grant_role, home.hat, await row(home, name), role)


async def revoke(home: Home, name: str, role: str) -> bool:
    return await home.write(revoke_role, home.hat, await row(home, name), role)


async def refused(home: Home, work: object, *args: object) -> str:
    """Return the code with which a write is refused; it must not have changed anything."""
    before = await home.rows("SELECT author, log, seq FROM log")
    with pytest.raises(FoodhubError) as raised:
        await home.write(work, *args)  # type: ignore[arg-type]
    assert str(raised.value)
    assert raised.value.hint
    assert await home.rows("SELECT author, log, seq FROM log") == before
    return raised.value.code


async def market(village: Village) -> tuple[Home, Home, Home, str]:
    """Return hub, farm and group; of the farm's carrots 5 are set aside, of which the group has 3."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group = await village.home("Group", "group")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await group.order(("Carrots", "3"))
    await village.gossip()
    return hub, farm, group, carrots


async def test_a_removed_producer_sells_nothing_more_and_its_past_orders_stay(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    await remove(hub, "Farm")
    await village.gossip()
    for home in (hub, group, farm):
        assert await home.read(list_products) == []
        assert [each.withdrawn for each in await home.read(list_products, withdrawn=True)] == [True]
        assert await home.read(terms_in_cycle, farm.hat.member, id_bytes(carrots), await home.cycle()) is None
    (order,) = await group.orders()
    assert (order.state, order.lines[0].confirmed) == ("received", 3)
    assert await hub.orders() == [order]
    with pytest.raises(FoodhubError):
        await group.order(("Carrots", "1"))


async def test_whoever_watches_the_catalog_sees_the_products_of_a_removed_member_go(village: Village) -> None:
    hub, _farm, group, _ = await market(village)
    before = await group.read(products_since, 0)
    assert (before.count, len(before.rows)) == (1, 1)
    await remove(hub, "Farm")
    await village.gossip()
    news = await group.read(products_since, before.arrival)
    assert (news.count, [each.withdrawn for each in news.rows]) == (0, [True])


async def test_what_the_removed_one_signs_later_counts_nowhere(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    village.homes.remove(farm)
    await remove(hub, "Farm")
    await village.gossip()
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": 1})
    village.homes.append(farm)
    await village.gossip()
    shown = [await home.read(list_products, withdrawn=True) for home in (hub, group, farm)]
    assert [[each.price for each in rows] for rows in shown] == [[245]] * 3


async def test_the_removed_ones_own_node_says_so_and_signs_nothing_more(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    await remove(hub, "Farm")
    await remove(hub, "Group")
    await village.gossip()
    (warning,) = [each for each in (await farm.read(status, "", 0, "stopped")).warnings if each.code == "removed"]
    assert warning.text.format(**warning.details) == (
        "Farm was removed from the circuit by Hub: what it signs counts nowhere."
    )
    now = village.clock.now
    assert await refused(farm, set_product, farm.hat, id_bytes(carrots), {"price": 1}) == "removed"
    assert await refused(farm, allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 6}) == "removed"
    assert await refused(group, new_cycle, group.hat, "W", now, now + HOUR, "Europe/Paris", "direct") == "removed"
    (order,) = await group.orders()
    assert await refused(group, cancel_order, group.hat, order) == "removed"
    assert await refused(farm, remove_member, farm.hat, await row(farm, "Group")) == "removed"


async def test_nobody_lets_a_removed_member_in(village: Village) -> None:
    hub, farm, group, _ = await market(village)
    await remove(hub, "Farm")
    await village.gossip()
    assert (await group.read(visitor, [farm.hat.device], b"", village.clock.now)).standing is None
    assert (await group.read(visitor, [hub.hat.device], b"", village.clock.now)).standing == "member"


async def test_a_hub_that_was_removed_takes_no_orders_and_nothing_is_set_aside_for_it(village: Village) -> None:
    founder = await village.home("Founder", "hub")
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    assert (await farm.cycle()).state == "open"
    await remove(founder, "Hub")
    await village.gossip()
    assert (await farm.cycle()).state == "closed"
    assert await refused(farm, allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5}) == "hub_removed"
    with pytest.raises(RefusedError) as raised:
        await farm.order(("Carrots", "1"))
    assert raised.value.code == "hub_removed"


async def test_what_was_promised_to_an_order_above_the_cut_is_free_again(village: Village) -> None:
    founder = await village.home("Founder", "hub")
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    first, second = await village.home("First", "group"), await village.home("Second", "group")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    village.homes.remove(founder)
    for group in (first, second):
        await group.order(("Carrots", "4"))
        await village.gossip()
    village.homes.remove(first)
    # The founder has never seen the order of the first, so the cut leaves it out.
    await remove(founder, "First")
    village.homes.append(founder)
    await village.gossip()
    (order,) = await second.orders()
    assert order.lines[0].confirmed == 4
    totals = await farm.rows("SELECT ordered, promised FROM total")
    assert totals == [(4, 4)]


async def test_what_will_still_count_is_shown_with_its_age(village: Village) -> None:
    hub, farm, _, _ = await market(village)
    kept = await hub.read(kept_of, farm.hat.member)
    assert [(each.log, each.entries, each.last.timestamp() * 1000) for each in kept] == [
        ("circuit", 1, village.clock.now),
        ("catalog", 2, village.clock.now),
        ("trade", 1, village.clock.now),
    ]
    assert await remove(hub, "Farm") == kept


async def test_who_may_not_remove_whom_is_told_why(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    homes = {name: await village.home(name, "group") for name in ("A", "B", "C")}
    await grant(hub, "A", "steward")
    village.clock.now += 1
    await village.gossip()
    await grant(homes["A"], "B", "steward")
    await village.gossip()
    a, b, c = homes["A"], homes["B"], homes["C"]
    codes = [
        (c, "B", "not_a_steward"),
        (hub, "Hub", "not_oneself"),
        (a, "Hub", "founder"),
        (b, "A", "outranked"),
        (b, "B", "not_oneself"),
    ]
    for home, name, code in codes:
        assert await refused(home, remove_member, home.hat, await row(home, name)) == code
    await remove(b, "C")
    await village.gossip()
    assert await refused(hub, remove_member, hub.hat, await row(hub, "C")) == "removed_already"
    assert await refused(hub, grant_role, hub.hat, await row(hub, "C"), "hub") == "removed_already"
    assert await refused(hub, grant_role, hub.hat, await row(hub, "A"), "king") == "bad_role"


async def test_stewards_are_listed_by_rank_and_the_removed_come_last(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    homes = {name: await village.home(name, "group") for name in ("A", "B", "C")}
    await grant(hub, "B", "steward")
    await village.gossip()
    await grant(homes["B"], "A", "steward")
    await village.gossip()
    await remove(homes["A"], "C")
    await village.gossip()
    for home in (hub, *homes.values()):
        found = [(each.name, each.rank, each.removed) for each in await home.read(list_members)]
        assert found == [("A", 3, False), ("B", 2, False), ("Hub", 1, False), ("C", 0, True)]
        by = await home.read(removal_of, homes["C"].hat.member)
        assert by == (homes["A"].hat.member, village.clock.now)
    await remove(hub, "A")
    await village.gossip()
    assert await hub.read(stewards) == [hub.hat.member, homes["B"].hat.member]
    assert len(await hub.read(ranks)) == 3


async def test_two_stewards_who_remove_each_other_end_the_same_everywhere(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    a, b, c = [await village.home(name, "group") for name in ("A", "B", "C")]
    await grant(hub, "A", "steward")
    await grant(hub, "B", "steward")
    await village.gossip()
    higher, lower = (a, b) if (await hub.read(stewards))[1] == a.hat.member else (b, a)
    # Each before it knows of the other: the lower one may not, and the higher one's word holds wherever it arrives.
    assert await refused(lower, remove_member, lower.hat, await row(lower, higher.hat.name)) == "outranked"
    await remove(higher, lower.hat.name)
    await remove(lower, "C")
    await village.gossip()
    for home in (hub, a, b, c):
        gone = {each.name for each in await home.read(list_members) if each.removed}
        assert gone == {lower.hat.name}


async def test_a_role_that_is_given_works_and_one_that_is_taken_does_not(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    group = await village.home("Group", "group")
    assert await grant(hub, "Group", "producer")
    assert not await grant(hub, "Group", "producer")
    await village.gossip()
    await group.product("Jam")
    await village.gossip()
    assert [each.name for each in await hub.read(list_products)] == ["Jam"]
    assert await revoke(hub, "Group", "producer")
    assert not await revoke(hub, "Group", "producer")
    await village.gossip()
    assert await hub.read(list_products) == []
    with pytest.raises(RefusedError):
        await group.product("Bread")
    assert await revoke(hub, "Group", "group")
    await village.gossip()
    now = village.clock.now
    assert await refused(group, new_cycle, group.hat, "W", now, now + HOUR, "Europe/Paris", "direct") == "not_a_hub"


async def test_a_steward_can_not_overrule_a_higher_one(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    a, _b = await village.home("A", "group"), await village.home("B", "group")
    await grant(hub, "A", "steward")
    await grant(hub, "B", "producer")
    await village.gossip()
    assert await refused(a, revoke_role, a.hat, await row(a, "B"), "producer") == "overruled"
    assert await revoke(hub, "B", "producer")
    await village.gossip()
    assert await refused(a, grant_role, a.hat, await row(a, "B"), "producer") == "overruled"


async def test_an_unknown_role_is_a_usage_error(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await village.home("A", "group")
    with pytest.raises(UsageError):
        await grant(hub, "A", "boss")


async def test_whom_a_removed_steward_let_in_before_stays(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    a = await village.home("A", "group")
    await grant(hub, "A", "steward")
    await village.gossip()
    code = await a.write(setup.invite, a.hat, ["group"], [])
    await village.gossip()
    b = await village.newcomer("B", "group")
    await village.join(b, code)
    village.homes.append(b)
    await village.gossip()
    await remove(hub, "A")
    # A does not know yet: from then on its own guard would keep it from signing.
    await a.sign(Log.CIRCUIT, Invite(invite_key("late").public, ["group"], village.clock.now + HOUR))
    await village.gossip()
    assert [(each.name, each.removed) for each in await b.read(list_members)] == [
        ("B", False),
        ("Hub", False),
        ("A", True),
    ]
    assert await hub.rows("SELECT 1 FROM invite WHERE public = ?", invite_key("late").public) == []
