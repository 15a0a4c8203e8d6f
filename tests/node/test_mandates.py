"""Mandates: what a holder may write for a farm, until when, and that the farm's own word holds."""

from typing import Any

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Stock
from foodhub.errors import FoodhubError, RefusedError
from foodhub.log.encoding import LATEST, LIMIT
from foodhub.log.header import Kind, Log
from foodhub.node.checkpoints import write_checkpoint
from foodhub.node.mandates import (
    end_mandate,
    give_mandate,
    list_mandates,
    owner_named,
    set_product_for,
    set_stock_for,
)
from foodhub.node.products import find_product, product_statement, set_product
from foodhub.node.stock import set_stock
from foodhub.node.terms import terms_in_cycle
from foodhub.orders.hands import MOST_VERSION, Behalf, Mandate
from foodhub.orders.statements import Allot, derived_id
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, refusal
from tests.node.desks import stall
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def market(village: Village) -> tuple[Home, Home, str]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    carrots = await farm.product("Carrots")
    await village.gossip()
    return hub, farm, carrots


async def give(farm: Home, hub: Home, *fields: str, hours: int = 24) -> None:
    await farm.write(give_mandate, farm.hat, hub.hat.member, fields, farm.clock.now + hours * HOUR)


async def set_for(home: Home, product: str, on_hand: Any = None, **fields: Any) -> str:
    def work(tx: Transaction) -> str:
        owner = owner_named(tx.db, home.hat, "Farm")
        more = {} if on_hand is None else {"on_hand": on_hand}
        return set_product_for(tx, home.hat, owner, id_bytes(product), fields, **more)

    return await home.write(work)


async def code(work: Any) -> str:
    with pytest.raises(FoodhubError) as caught:
        await work
    return caught.value.code


async def seen(home: Home) -> tuple[int, int | None, str]:
    row = await home.read(find_product, "Carrots")
    return row.price, row.on_hand, row.producer


async def test_a_holder_prices_and_counts_for_a_farm(village: Village) -> None:
    hub, farm, carrots = await market(village)
    await give(farm, hub, "price", "stock")
    await village.gossip()
    assert await set_for(hub, carrots, on_hand=7, price=300) == "changed"
    assert await set_for(hub, carrots, on_hand=7, price=300) == "unchanged"
    await village.gossip()
    assert await seen(farm) == await seen(hub) == (300, 7, "Farm")
    assert await hub.write(set_stock_for, hub.hat, farm.hat.member, {id_bytes(carrots): 9}) == 1
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": 310})
    await village.gossip()
    assert await seen(farm) == await seen(hub) == (310, 9, "Farm")
    row = await farm.read(find_product, "Carrots")
    assert (row.written_by, row.counted_by) == ("", "Hub")


async def test_nothing_is_signed_that_the_mandate_does_not_cover(village: Village) -> None:
    hub, farm, carrots = await market(village)
    assert await code(set_for(hub, carrots, price=300)) == "no_mandate"
    await give(farm, hub, "price", hours=1)
    await village.gossip()
    assert await code(set_for(hub, carrots, on_hand=3)) == "no_mandate"
    assert await code(set_for(hub, carrots, name="Roots")) == "no_mandate"
    assert await set_for(hub, carrots, price=300) == "changed"
    village.clock.now += HOUR
    assert await code(set_for(hub, carrots, price=320)) == "no_mandate"


async def test_an_ended_mandate_leaves_what_was_written(village: Village) -> None:
    hub, farm, carrots = await market(village)
    await give(farm, hub, "price")
    await village.gossip()
    await set_for(hub, carrots, price=300)
    await village.gossip()
    village.clock.now += 1000
    await farm.write(end_mandate, farm.hat, "Hub")
    await village.gossip()
    assert [row.state for row in await hub.read(list_mandates, hub.hat, village.clock.now)] == ["ended"]
    assert await code(set_for(hub, carrots, price=320)) == "no_mandate"
    assert await seen(farm) == await seen(hub) == (300, 40, "Farm")
    assert await code(farm.write(end_mandate, farm.hat, "Hub")) == "no_mandate"


async def test_a_bad_mandate_is_refused(village: Village) -> None:
    hub, farm, _ = await market(village)
    assert await code(give(farm, hub, "weather")) == "bad_field"
    assert await code(give(farm, farm, "price")) == "bad_holder"
    assert await code(give(farm, hub, "price", hours=0)) == "until_past"


async def test_the_terms_of_a_cycle_are_those_written_under_the_mandate_before_it_opened(village: Village) -> None:
    hub, farm, carrots = await market(village)
    await give(farm, hub, "price")
    await village.gossip()
    await set_for(hub, carrots, price=300)
    village.clock.now += 1000
    await village.open_cycle(hub)
    village.clock.now += 1000
    await set_for(hub, carrots, price=400)
    await village.gossip()
    for home in (hub, farm):
        terms = await home.read(terms_in_cycle, farm.hat.member, id_bytes(carrots), await home.cycle())
        assert terms is not None
        assert terms.price == 300


async def test_a_checkpoint_restates_what_was_written_for_others(village: Village) -> None:
    hub, farm, carrots = await market(village)
    await give(farm, hub, "price")
    await village.gossip()
    for price in range(1, 230):
        await set_for(hub, carrots, price=price)
    assert await hub.write(write_checkpoint, hub.hat) > 0
    await village.gossip()
    assert await seen(farm) == await seen(hub) == (229, 40, "Farm")
    await farm.write(lambda tx: tx.fold.rebuild())
    assert await seen(farm) == (229, 40, "Farm")
    kinds = await hub.rows("SELECT count(*) FROM entry WHERE kind = ?", int(Kind.CHECKPOINT_END))
    assert kinds == [(1,)]


async def test_what_is_written_without_leave_shows_nowhere(village: Village) -> None:
    hub, farm, carrots = await market(village)
    held = await farm.read(product_statement, farm.hat.member, id_bytes(carrots))
    assert held is not None
    forged = Behalf(farm.hat.member, bytes(16), "producer", b"x" * 16, "", changed(held, version=9, price=1))
    await hub.sign(Log.CATALOG, forged)
    await village.gossip()
    assert (await seen(farm))[0] == (await seen(hub))[0] == held.price
    assert ("no_mandate",) in await farm.rows("SELECT reason FROM unread")


async def test_nobody_sets_stock_aside_for_somebody_else(village: Village) -> None:
    market = await stall(village)
    key, other = await market.add("Eggs", aside=0), await village.home("Other", "hub")
    assert await refusal(market.farm, give_mandate, other.hat.member, ["allot", "stock"], LATEST - 1) == "spent_by_one"
    mandate = Mandate(b"m" * 16, 1, other.hat.member, ["stock", "price", "label", "accept"], LATEST - 1, ended=False)
    await market.farm.sign(Log.CATALOG, mandate)
    await village.gossip()
    cycle = await market.hub.cycle()
    place = (*cycle.key, market.hub.hat.member, market.hub.hat.device, key[1])
    aside = Allot(derived_id(b"allot", *cycle.key, market.hub.hat.device, key[1]), 1, *place, 10, 0)
    said = Behalf(key[0], bytes(16), "producer", mandate.local, "", aside)
    await other.sign(Log.TRADE, said, readers=[market.hub.hat.member, key[0]])
    await village.gossip()
    assert await market.hub.rows("SELECT quantity FROM allotment") == []
    assert ("mandate_field",) in await market.hub.rows("SELECT reason FROM unread")


async def test_a_holder_leaves_its_giver_a_version_to_speak_in(village: Village) -> None:
    market = await stall(village)
    key, other = await market.add("Eggs", aside=0), await village.home("Other", "hub")
    await market.farm.write(give_mandate, market.farm.hat, other.hat.member, ["stock"], village.clock.now + HOUR)
    ((mandate,),) = await market.farm.rows("SELECT local FROM mandate")
    await village.gossip()

    def counts(version: int) -> Behalf:
        return Behalf(key[0], bytes(16), "producer", mandate, "", Stock(key[1], version, "counted", 3))

    with pytest.raises(RefusedError) as raised:
        await other.sign(Log.CATALOG, counts(MOST_VERSION))
    assert raised.value.code == "version_range"
    await other.sign(Log.CATALOG, counts(MOST_VERSION - 1))
    await village.gossip()
    assert await market.hub.rows("SELECT version, on_hand FROM stock") == [(MOST_VERSION - 1, 3)]
    assert await refusal(other, set_stock_for, key[0], {key[1]: 7}) == "version_range"
    await market.farm.write(set_stock, market.farm.hat, {key[1]: 50})
    await village.gossip()
    assert await market.hub.rows("SELECT version, on_hand FROM stock") == [(MOST_VERSION, 50)]


async def test_no_command_ends_in_a_bare_error_where_versions_are_used_up(village: Village) -> None:
    market = await stall(village)
    key = await market.add("Eggs", aside=0)
    await market.farm.sign(Log.CATALOG, Stock(key[1], LIMIT - 1, "counted", 3))
    assert await refusal(market.farm, set_stock, {key[1]: 50}) == "version_range"
