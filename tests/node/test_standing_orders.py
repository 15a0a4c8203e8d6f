"""Standing orders: placed once at every opening, at its terms, until they are paused or ended."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.errors import RefusedError
from foodhub.node import setup
from foodhub.node.standing_orders import add_standing, change_standing, find_standing, list_standing, standing_due
from foodhub.node.wanted import read_products
from foodhub.orders.statements import Cycle
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village
from tests.pens import keyless_with

pytestmark = pytest.mark.anyio


async def shop(village: Village) -> tuple[Home, Home, Home]:
    """Return a hub, a farm and a household with a standing order of two products."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    ann = await village.home("Ann", "household")
    for name in ("Carrots", "Eggs"):
        await farm.product(name, on_hand=None)
    await village.gossip()

    def add(tx: Transaction) -> str:
        return add_standing(tx, ann.hat, hub.hat.member, read_products(tx.db, [("Carrots", "2"), ("Eggs", "1")]))

    await ann.write(add)
    return hub, farm, ann


async def next_week(village: Village, hub: Home) -> None:
    village.clock.now += 7 * 24 * HOUR
    await village.open_cycle(hub)


async def ordered(home: Home) -> list[dict[str, int]]:
    return [{line.product: line.ordered for line in row.lines} for row in reversed(await home.orders())]


async def test_it_is_ordered_at_every_opening_and_only_once(village: Village) -> None:
    hub, _, ann = await shop(village)
    both = {"Carrots": 2, "Eggs": 1}
    await village.open_cycle(hub)
    assert await ordered(ann) == await ordered(hub) == [both]
    await village.gossip()
    assert len(await ann.rows("SELECT 1 FROM placement")) == 1
    await next_week(village, hub)
    assert await ordered(hub) == [both, both]


async def test_what_is_sold_no_more_is_left_out(village: Village) -> None:
    hub, farm, ann = await shop(village)
    from foodhub.node.products import set_product

    eggs = (await farm.rows("SELECT local FROM product WHERE name = 'Eggs'"))[0][0]
    await farm.write(set_product, farm.hat, eggs, {"withdrawn": True})
    await village.open_cycle(hub)
    assert await ordered(ann) == [{"Carrots": 2}]


async def test_a_paused_one_waits_and_goes_on_with_the_next_opening(village: Village) -> None:
    hub, _, ann = await shop(village)
    row = (await ann.read(list_standing, ann.hat))[0]
    assert await ann.write(change_standing, ann.hat, row, paused=True)
    await village.open_cycle(hub)
    assert await ordered(ann) == []
    row = await ann.read(find_standing, ann.hat, row.id)
    village.clock.now += HOUR
    assert await ann.write(change_standing, ann.hat, row)
    await village.gossip()
    assert await ordered(ann) == []
    await next_week(village, hub)
    assert await ordered(ann) == [{"Carrots": 2, "Eggs": 1}]


async def test_an_ended_one_is_gone_and_its_orders_stay(village: Village) -> None:
    hub, _, ann = await shop(village)
    await village.open_cycle(hub)
    row = (await ann.read(list_standing, ann.hat))[0]
    assert await ann.write(change_standing, ann.hat, row, ended=True)
    assert await ann.read(list_standing, ann.hat) == []
    await next_week(village, hub)
    assert len(await ordered(ann)) == 1


async def test_nobody_else_reads_a_standing_order(village: Village) -> None:
    hub, farm, ann = await shop(village)
    await village.gossip()
    assert [len(await home.rows("SELECT 1 FROM standing")) for home in (hub, farm, ann)] == [0, 0, 1]


async def test_an_order_that_was_cancelled_is_not_placed_again(village: Village) -> None:
    from foodhub.node.amending import cancel_order

    hub, _, ann = await shop(village)
    await village.open_cycle(hub)
    (row,) = await ann.orders()
    await ann.write(cancel_order, ann.hat, row)
    await village.gossip()
    assert [row.state for row in await ann.orders()] == ["cancelled"]
    assert id_bytes(row.id)


async def test_a_hub_that_lost_its_keys_stops_no_other_duty(village: Village) -> None:
    hub, _, ann = await shop(village)
    pen, papers, proof = keyless_with(await hub.write(setup.invite, hub.hat, ["hub"], []), "Evil", "hub")
    await hub.take(papers)
    await village.gossip()
    await ann.write(lambda tx: add_standing(tx, ann.hat, pen.id, read_products(tx.db, [("Carrots", "2")])))
    now = village.clock.now
    cycle = Cycle(bytes(16), 1, "Week", now, now + 24 * HOUR, "Europe/Paris", "resale", pen.device)
    assert await ann.take([pen.write(1, cycle, at=now)]) == [None]
    assert await ann.write(lambda tx: tx.take_proof(proof))
    await village.open_cycle(hub)
    assert await ordered(hub) == [{"Carrots": 2, "Eggs": 1}]
    assert not await ann.read(standing_due, ann.hat, now)


async def test_nobody_orders_at_every_opening_of_who_sells_to_nobody(village: Village) -> None:
    _, farm, ann = await shop(village)
    with pytest.raises(RefusedError) as raised:
        await ann.write(lambda tx: add_standing(tx, ann.hat, farm.hat.member, read_products(tx.db, [("Eggs", "1")])))
    assert (raised.value.code, raised.value.details["name"]) == ("takes_no_orders", "Farm")
