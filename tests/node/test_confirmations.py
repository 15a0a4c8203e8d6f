"""What is confirmed and too long for one entry goes in parts: nothing is left out, and it counts once all are there."""

import msgspec
import pytest

from foodhub.log.header import Log
from foodhub.node.baskets import baskets_of, tell_baskets
from foodhub.node.confirmations import confirmation_of, parts_of
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.settling import send
from foodhub.node.slips import export_slips, list_slips, read_slips
from foodhub.orders.closing import Confirmation
from tests.homes import Home, Village, carry
from tests.node.desks import Stall, own_orders, stall, wants
from tests.orders.test_parts import line

pytestmark = pytest.mark.anyio
changed = msgspec.structs.replace


async def settled(village: Village) -> tuple[Stall, Home, Home, Confirmation]:
    """Return a market after the close, a group and its household, and a long confirmation of that one's order."""
    market = await stall(village)
    await market.add("Eggs", aside=9)
    group, (ann,) = await market.group("Group", "Ann", buying="households")
    await wants(ann, ("Eggs", "2"))
    await village.gossip()
    await market.close()
    told = await ann.read(confirmation_of, group.hat.member, ann.hat.member, (await ann.cycle()).key)
    assert told is not None
    more = sorted([*told.lines, *map(line, range(1200))], key=lambda each: (each.producer, each.product))
    return market, group, ann, changed(told, version=2, lines=more)


async def sells(home: Home) -> Exchange:
    found = await home.read(exchange_of, home.hat.member, await home.cycle())
    assert found is not None
    return found


async def test_a_long_confirmation_arrives_whole_with_its_slips_and_so_do_the_baskets(village: Village) -> None:
    market, group, ann, long = await settled(village)
    await group.write(send, group.hat, [long])
    assert await group.write(tell_baskets, group.hat, await sells(group)) > 1
    assert await group.write(tell_baskets, group.hat, await sells(group)) == 0
    await carry(group, ann)
    await carry(group, market.hub)
    cycle = await ann.cycle()
    assert await ann.read(confirmation_of, group.hat.member, ann.hat.member, cycle.key) == long
    assert len(await ann.read(list_slips, ann.hat, cycle)) == len(long.lines)
    (basket,) = await market.hub.read(baskets_of, group.hat.member, cycle.key)
    assert basket == (1, [(each.producer, each.product, each.share) for each in long.lines])
    file = await ann.write(export_slips, ann.hat, cycle)
    assert await market.hub.read(read_slips, file) == (group.hat.member, long)


async def test_an_order_is_confirmed_once_every_part_is_here(village: Village) -> None:
    _, group, ann, long = await settled(village)
    await group.write(send, group.hat, [long])
    await carry(group, ann)
    for part in parts_of(changed(long, version=3)):
        await group.sign(Log.TRADE, part, readers=[ann.hat.member])
        (order,) = await own_orders(ann)
        assert (order.state == "confirmed") == (part.part == 1), "until the first part came"
        await carry(group, ann)
    (order,) = await own_orders(ann)
    assert (order.state, order.lines[0].share) == ("confirmed", 2)
