"""Amending, cancelling and remarking: what is left keeps its place, and nothing is signed that would be refused."""

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Case
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.amending import amend_order, cancel_order
from foodhub.node.orders import OrderRow
from foodhub.node.products import set_product
from foodhub.node.remarks import consents_in, remark_of, set_remark
from foodhub.node.wanted import read_changes
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village

pytestmark = pytest.mark.anyio


async def shop(village: Village) -> tuple[Home, Home, Home, Home]:
    """Return a hub, a farm that set 5 carrots and 4 eggs aside, and two households."""
    hub = await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer")
    ann, bob = [await village.home(name, "household") for name in ("Ann", "Bob")]
    products = [id_bytes(await farm.product(name, on_hand=9)) for name in ("Carrots", "Eggs")]
    await village.open_cycle(hub)
    cycle = await farm.cycle()
    await farm.write(allot, farm.hat, cycle, dict(zip(products, (5, 4), strict=True)))
    await village.gossip()
    return hub, farm, ann, bob


async def amend(home: Home, *wanted: tuple[str, str]) -> int:
    (row,) = await home.orders()
    cycle = await home.cycle()

    def work(tx: Transaction) -> int:
        return amend_order(tx, home.hat, row, read_changes(tx.db, cycle, wanted))

    return await home.write(work)


def said(row: OrderRow) -> dict[str, tuple[int, int | None]]:
    return {line.product: (line.ordered, line.confirmed) for line in row.lines}


async def test_an_amendment_sets_what_the_order_holds(village: Village) -> None:
    _, _, ann, _ = await shop(village)
    await ann.order(("Carrots", "2"), ("Eggs", "1"))
    await village.gossip()
    assert await amend(ann, ("Carrots", "3"), ("Eggs", "0")) == 1
    (row,) = await ann.orders()
    assert row.state == "sent"
    assert said(row)["Carrots"][0] == 3
    await village.gossip()
    (row,) = await ann.orders()
    assert (row.state, said(row)) == ("received", {"Carrots": (3, 3)})


async def test_an_amendment_over_several_placements_takes_from_the_newest_first(village: Village) -> None:
    _, _, ann, _ = await shop(village)
    await ann.order(("Carrots", "2"))
    await ann.order(("Carrots", "2"), ("Eggs", "1"))
    await village.gossip()
    assert await amend(ann, ("Carrots", "1")) == 2
    await village.gossip()
    (row,) = await ann.orders()
    assert (row.state, said(row)) == ("received", {"Carrots": (1, 1), "Eggs": (1, 1)})


async def test_what_an_amendment_takes_out_goes_to_whoever_waits(village: Village) -> None:
    _, _, ann, bob = await shop(village)
    await ann.order(("Carrots", "4"))
    await village.gossip()
    await bob.order(("Carrots", "3"))
    await village.gossip()
    assert said((await bob.orders())[0]) == {"Carrots": (3, 1)}
    await amend(ann, ("Carrots", "2"))
    await village.gossip()
    assert said((await bob.orders())[0]) == {"Carrots": (3, 3)}


async def test_an_amendment_that_changes_nothing_signs_nothing(village: Village) -> None:
    _, _, ann, _ = await shop(village)
    await ann.order(("Carrots", "2"))
    await village.gossip()
    before = await ann.rows("SELECT count(*) FROM entry")
    assert await amend(ann, ("Carrots", "2")) == 0
    assert await ann.rows("SELECT count(*) FROM entry") == before


async def test_a_cancelled_order_can_be_amended_no_more(village: Village) -> None:
    _, _, ann, _ = await shop(village)
    await ann.order(("Carrots", "2"))
    (row,) = await ann.orders()
    await ann.write(cancel_order, ann.hat, row)
    with pytest.raises(RefusedError) as raised:
        await amend(ann, ("Carrots", "1"))
    assert raised.value.code == "wrong_state"
    assert "was cancelled" in str(raised.value)


async def test_after_the_close_nothing_is_amended(village: Village) -> None:
    _, _, ann, _ = await shop(village)
    await ann.order(("Carrots", "2"))
    await village.gossip()
    village.clock.now += 25 * HOUR
    with pytest.raises(RefusedError) as raised:
        await amend(ann, ("Carrots", "1"))
    assert raised.value.code == "cycle_closed"
    assert said((await ann.orders())[0])["Carrots"][0] == 2


async def test_a_tolerance_needs_a_case(village: Village) -> None:
    hub, farm, ann, _ = await shop(village)
    with pytest.raises(RefusedError) as raised:
        await ann.order(("Carrots", "2+1"))
    assert raised.value.code == "no_case"
    assert await ann.orders() == []
    juice = id_bytes(await farm.product("Juice", on_hand=None))
    await farm.sign(Log.CATALOG, Case(juice, 1, 6, 0, "carton", broken=False))
    await village.gossip()
    await ann.order(("Juice", "2+1"))
    await village.gossip()
    (line,) = (await hub.orders())[0].lines
    assert (line.ordered, line.tolerance, line.confirmed) == (2, 1, None)


async def test_an_amendment_can_still_take_out_what_is_sold_no_more(village: Village) -> None:
    _, farm, ann, _ = await shop(village)
    await ann.order(("Carrots", "2"), ("Eggs", "1"))
    await village.gossip()
    (carrots,) = await farm.rows("SELECT local FROM product WHERE name = 'Carrots'")
    await farm.write(set_product, farm.hat, carrots[0], {"withdrawn": True})
    await village.gossip()
    eggs = (await ann.rows("SELECT local FROM product WHERE name = 'Eggs'"))[0][0]
    assert await amend(ann, ("Eggs", "2")) == 1
    assert eggs


async def test_a_remark_reaches_the_hub_and_changes_no_place(village: Village) -> None:
    hub, farm, ann, bob = await shop(village)
    order = await ann.order(("Carrots", "3"))
    await village.gossip()
    (carrots,) = await ann.rows("SELECT local FROM product WHERE name = 'Carrots'")
    key = (farm.hat.member, carrots[0])
    assert await ann.write(
        set_remark, ann.hat, order, hub.hat.member, comment="No bag, please", consents={key: "cheaper"}
    )
    assert not await ann.write(set_remark, ann.hat, order, hub.hat.member, comment="No bag, please")
    await village.gossip()
    found = await hub.read(remark_of, ann.hat.member, order)
    assert found is not None
    assert found.comment == "No bag, please"
    placed_in = (hub.hat.member, (await hub.cycle()).key)
    assert await hub.read(consents_in, *placed_in) == {(ann.hat.member, *key): "cheaper"}
    assert await bob.read(remark_of, ann.hat.member, order) is None
    assert await ann.write(set_remark, ann.hat, order, hub.hat.member, consents={key: None})
    await village.gossip()
    assert await hub.read(consents_in, *placed_in) == {}


async def test_a_comment_that_is_too_long_is_refused(village: Village) -> None:
    hub, _, ann, _ = await shop(village)
    order = await ann.order(("Carrots", "3"))
    for bad in ("x" * 501, "two\nlines"):
        with pytest.raises(RefusedError) as raised:
            await ann.write(set_remark, ann.hat, order, hub.hat.member, comment=bad)
        assert raised.value.code == "bad_comment"


async def test_of_what_is_sold_no_more_there_can_be_less_but_not_more(village: Village) -> None:
    _, farm, ann, _ = await shop(village)
    await ann.order(("Carrots", "3"), ("Eggs", "1"))
    await village.gossip()
    (carrots,) = await farm.rows("SELECT local FROM product WHERE name = 'Carrots'")
    await farm.write(set_product, farm.hat, carrots[0], {"withdrawn": True})
    await village.gossip()
    with pytest.raises(RefusedError) as raised:
        await amend(ann, ("Carrots", "4"))
    assert raised.value.code == "not_in_cycle"
    assert await amend(ann, ("Carrots", "2")) == 1
    await village.gossip()
    assert said((await ann.orders())[0]) == {"Carrots": (2, 2), "Eggs": (1, 1)}
