"""Slips: everybody works out its own share again, and two that can't both be true are found by comparing them."""

from typing import Any

import msgspec
import pytest

from foodhub.errors import FoodhubError, NotThereError
from foodhub.log.header import Log
from foodhub.node.slips import compare, export_slips, list_slips, read_slips
from foodhub.orders.closing import Confirmation
from tests.homes import HOUR, Home, Village, carry
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
