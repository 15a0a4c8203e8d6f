"""Slips: everybody works out its own share again, and two that can't both be true are found by comparing them."""

from typing import Any

import msgspec
import pytest

from foodhub.errors import FoodhubError, NotThereError, UsageError
from foodhub.log.header import Log
from foodhub.node.exchanges import exchange_of
from foodhub.node.placing import place_order
from foodhub.node.slips import compare, export_slips, list_slips, read_slips
from foodhub.node.wanted import read_lines
from foodhub.orders.closing import Confirmation
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry
from tests.node.desks import stall, wants
from tests.node.test_purchases import market

pytestmark = pytest.mark.anyio
CLOSES = 24 * HOUR
changed = msgspec.structs.replace


async def closed(village: Village) -> tuple[Home, Home, Home]:
    """Return the hub and two households with a confirmation each."""
    hub, _, ann, bob = await market(village)
    village.clock.now += CLOSES
    await village.gossip()
    return hub, ann, bob


async def test_everybody_sees_its_own_slips_and_that_they_are_right(village: Village) -> None:
    hub, ann, bob = await closed(village)
    cycle = await ann.cycle()
    shown = {row.product: row for row in await ann.read(list_slips, ann.hat, cycle)}
    juice = shown["Juice"]
    assert (juice.units, juice.quantity, juice.tolerance, juice.share, juice.fault) == (6, 7, 2, 4, "")
    assert juice.rows == [(4, 0, 0, 0)]
    assert {row.fault for row in await bob.read(list_slips, bob.hat, cycle)} == {""}
    assert await hub.read(list_slips, hub.hat, cycle) == []


async def export(home: Home) -> bytes:
    return await home.write(export_slips, home.hat, await home.cycle())


async def test_honest_slips_do_not_contradict_each_other(village: Village) -> None:
    hub, ann, bob = await closed(village)
    mine, theirs = await export(ann), await export(bob)
    owner, said = await bob.read(read_slips, mine)
    assert (owner, said.buyer) == (hub.hat.member, ann.hat.member)
    assert await bob.read(compare, await bob.cycle(), mine, theirs) == []


async def test_two_customers_at_one_place_of_the_queue_prove_a_lie(village: Village) -> None:
    hub, ann, bob = await closed(village)
    body = (await hub.rows("SELECT body FROM confirmation WHERE buyer = ?", bob.hat.member))[0][0]
    said = msgspec.msgpack.decode(body, type=Confirmation)

    def lie(line: Any) -> Any:
        return changed(
            line, slips=[changed(each, rows=[changed(r, quantity_before=0) for r in each.rows]) for each in line.slips]
        )

    await hub.sign(
        Log.TRADE, changed(said, version=2, lines=[lie(line) for line in said.lines]), readers=[bob.hat.member]
    )
    await carry(hub, bob)  # an honest program would take it back as soon as it does its duties
    found = await ann.read(compare, await ann.cycle(), await export(ann), await export(bob))
    assert ("Juice", "cases", "same_place") in {(each.product, each.about, each.code) for each in found}


async def test_who_ordered_at_two_says_whose_slips_to_show_and_compares_those(village: Village) -> None:
    shop = await stall(village)
    await shop.add("Eggs", aside=9)
    group, (ann, bob) = await shop.group("Group", "Ann", "Bob")
    for home in (ann, bob):
        await wants(home, ("Eggs", "1"))
    cycle = await ann.cycle()

    def place(tx: Transaction) -> bytes:
        seller = exchange_of(tx.db, shop.hub.hat.member, cycle)
        return place_order(tx, ann.hat, cycle, read_lines(tx.db, cycle, [("Eggs", "1")]), None, seller=seller)

    await ann.write(place)
    await village.gossip()
    await shop.close()
    with pytest.raises(UsageError) as raised:
        await export(ann)
    assert (raised.value.code, raised.value.details["names"]) == ("which_hub", "Group, Hub")
    of_hub, of_group = [await ann.write(export_slips, ann.hat, cycle, each.hat.member) for each in (shop.hub, group)]
    assert await ann.read(compare, cycle, of_group, await export(bob)) == []
    with pytest.raises(UsageError) as raised:
        await ann.read(compare, cycle, of_hub, await export(bob))
    assert (raised.value.details["one"], raised.value.details["other"]) == ("Hub", "Group")


async def test_what_is_no_slip_is_refused_with_a_sentence(village: Village) -> None:
    hub, ann, bob = await closed(village)
    mine = await export(ann)
    for bad in (b"", b"\x93\x01\x02\x03", mine[:-1], mine.replace(mine[40:44], b"\0\0\0\0", 1)):
        with pytest.raises(FoodhubError) as raised:
            await bob.read(read_slips, bad)
        assert raised.value.code == "bad_slips"
    with pytest.raises(FoodhubError) as raised:
        await bob.read(compare, None, mine, mine)
    assert raised.value.code == "other_slips"
    with pytest.raises(NotThereError):
        await export(hub)
