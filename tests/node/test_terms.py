"""At which terms a product is sold in a cycle: a later price is for the next one."""

from typing import Any

import msgspec
import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.log.encoding import encode
from foodhub.log.header import Kind, Log
from foodhub.node.allotments import allot
from foodhub.node.products import list_products, product_statement, set_product
from foodhub.node.terms import terms_in_cycle
from foodhub.orders.statements import AnswerLine, Order, OrderLine
from tests.homes import HOUR, Home, Village
from tests.node.forking import fork
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def price(home: Home, farm: Home, product: str, cycle: Any = None) -> int | None:
    cycle = cycle or await home.cycle()
    terms = await home.read(terms_in_cycle, farm.hat.member, id_bytes(product), cycle)
    return terms.price if terms else None


async def place(village: Village) -> tuple[Home, Home, str]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    return hub, farm, await farm.product("Carrots", price=200)


async def reprice(village: Village, farm: Home, product: str, **fields: Any) -> None:
    village.clock.now += HOUR
    await farm.write(set_product, farm.hat, id_bytes(product), fields)
    await village.gossip()


async def test_a_later_price_is_for_the_next_cycle(village: Village) -> None:
    hub, farm, carrots = await place(village)
    village.clock.now += HOUR
    await village.open_cycle(hub, closes=5 * HOUR)
    first = await hub.cycle()
    await reprice(village, farm, carrots, price=300)
    await reprice(village, farm, carrots, price=400)
    assert [row.price for row in await hub.read(list_products)] == [400]
    village.clock.now += 4 * HOUR
    await village.open_cycle(hub)
    assert [await price(home, farm, carrots, first) for home in (hub, farm)] == [200, 200]
    assert await price(hub, farm, carrots) == 400


async def test_the_last_price_before_the_opening_holds_also_when_the_cycle_was_made_long_before(
    village: Village,
) -> None:
    hub, farm, carrots = await place(village)
    await village.open_cycle(hub, opens=3 * HOUR, closes=9 * HOUR)
    await reprice(village, farm, carrots, price=300)
    await reprice(village, farm, carrots, price=350)
    await reprice(village, farm, carrots, price=400)
    await reprice(village, farm, carrots, price=500)
    assert await price(hub, farm, carrots) == 350


async def test_a_product_that_came_after_the_opening_is_sold_at_its_first_terms(village: Village) -> None:
    hub, farm, _ = await place(village)
    await village.open_cycle(hub)
    village.clock.now += HOUR
    leeks = await farm.product("Leeks", price=100)
    await village.gossip()
    assert await price(hub, farm, leeks) == 100
    await reprice(village, farm, leeks, price=150)
    await reprice(village, farm, leeks, price=170)
    assert await price(hub, farm, leeks) == 100


async def test_a_withdrawn_product_is_sold_no_more_and_comes_back_at_the_terms_of_the_opening(village: Village) -> None:
    hub, farm, carrots = await place(village)
    village.clock.now += HOUR
    await village.open_cycle(hub)
    await reprice(village, farm, carrots, withdrawn=True)
    assert await price(hub, farm, carrots) is None
    await reprice(village, farm, carrots, withdrawn=False, price=300)
    assert await price(hub, farm, carrots) == 200


async def test_a_product_that_was_withdrawn_at_the_opening_is_sold_at_the_terms_with_which_it_came_back(
    village: Village,
) -> None:
    hub, farm, carrots = await place(village)
    await reprice(village, farm, carrots, withdrawn=True)
    village.clock.now += HOUR
    await village.open_cycle(hub)
    await reprice(village, farm, carrots, withdrawn=False, price=300)
    await reprice(village, farm, carrots, price=400)
    assert await price(hub, farm, carrots) == 300


async def test_an_order_at_another_price_is_answered_with_no_promise(village: Village) -> None:
    hub, farm, carrots = await place(village)
    village.clock.now += HOUR
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    cycle = await hub.cycle()
    terms = await farm.read(product_statement, farm.hat.member, id_bytes(carrots))
    assert terms is not None
    head = (farm.hat.member, terms.local, 1, terms.sku, terms.name, terms.variant, terms.unit, terms.unit_value)
    line = OrderLine(*head, terms.price, terms.price_per, "EUR", 2, 0)
    now = village.clock.now
    odd = [
        changed(line, price=1),
        changed(line, currency="USD"),
        changed(line, unit="ml"),
        changed(line, producer=bytes(32)),
        changed(line, product=bytes(16)),
        line,
    ]
    for number, each in enumerate(odd):
        order = Order(bytes([number]) * 16, 1, now, *cycle.key, cycle.key[0], cancelled=False, lines=[each])
        await farm.sign(Log.TRADE, order, readers=[cycle.key[0]])
    await village.gossip()
    answered = await farm.rows("SELECT placement, lines FROM answer ORDER BY placement")
    said = [msgspec.msgpack.decode(lines, type=list[AnswerLine])[0] for _, lines in answered]
    assert [(each.promised, each.reason) for each in said] == [(0, "not_permitted")] * 5 + [(2, "")]
    assert len(await hub.orders()) == 1


async def test_earlier_statements_that_broke_a_rule_are_nobodys_terms(village: Village) -> None:
    hub, farm, carrots = await place(village)
    held = await farm.read(product_statement, farm.hat.member, id_bytes(carrots))
    assert held is not None
    bad = changed(held, version=2, price=1, currency="eur")

    def append_raw(tx: Any) -> None:
        """Sign it as a program without our rules would."""
        file = tx.keyring.of_member(farm.hat.member)
        for body in ([encode([bad])], [carrots_in_nonsense(held.local)]):
            tx._append_run(file, Log.CATALOG, [(Kind.ERASABLE, each, []) for each in body])

    await farm.write(append_raw)
    village.clock.now += HOUR
    await village.open_cycle(hub)
    await reprice(village, farm, carrots, price=300)
    assert await price(hub, farm, carrots) == 200


async def test_a_checkpoint_changes_no_terms(village: Village) -> None:
    hub, farm, carrots = await place(village)
    first = village.clock.now
    village.clock.now += HOUR
    await village.open_cycle(hub)
    before = await farm.read(product_statement, farm.hat.member, id_bytes(carrots))
    await reprice(village, farm, carrots, price=300)
    after = await farm.read(product_statement, farm.hat.member, id_bytes(carrots))
    said = village.clock.now
    village.clock.now += HOUR
    await farm.write(lambda tx: tx.append_checkpoint(farm.hat.member, [(first, before), (said, after)]))
    await village.gossip()
    for home in (hub, farm):
        ((base,),) = await home.rows("SELECT base FROM log WHERE author = ? AND log = 1", farm.hat.device)
        assert base > 0
        assert await price(home, farm, carrots) == 200
        assert [row.price for row in await home.read(list_products)] == [300]


async def test_what_a_checkpoint_left_out_is_nobodys_terms_any_more(village: Village) -> None:
    hub, farm, carrots = await place(village)
    village.clock.now += HOUR
    await village.open_cycle(hub)
    await reprice(village, farm, carrots, price=300)
    after = await farm.read(product_statement, farm.hat.member, id_bytes(carrots))
    said = village.clock.now
    await farm.write(lambda tx: tx.append_checkpoint(farm.hat.member, [(said, after)]))
    await village.gossip()
    assert [await price(home, farm, carrots) for home in (hub, farm)] == [300, 300]


async def test_what_stands_above_the_limit_of_a_log_is_nobodys_terms(village: Village) -> None:
    hub, farm, carrots = await place(village)
    group = await village.home("Group", "group")
    await reprice(village, farm, carrots, price=300)
    village.clock.now += HOUR
    await village.open_cycle(hub)
    await reprice(village, farm, carrots, price=400)
    assert await price(hub, farm, carrots) == 300
    await fork(village, farm, 1, 2)
    assert [await price(home, farm, carrots) for home in (hub, farm, group)] == [200] * 3


def carrots_in_nonsense(local: bytes) -> bytes:
    """Return a body that is no list, and yet holds the product's id."""
    return b"\xc4\x10" + local
