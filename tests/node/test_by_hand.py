"""A hub that works by hand is told who waits for its word, and can always say no."""

import pytest

from foodhub.errors import RefusedError
from foodhub.node.deciding import confirm_order, decline_order
from foodhub.node.desk_view import list_desks
from foodhub.node.purchasing import GRACE
from foodhub.node.trade_alerts import by_hand, trade_alerts
from tests.homes import Home, Village
from tests.node.desks import counted_at, households, order_at, stall, states, wants

pytestmark = pytest.mark.anyio


async def waiting(hub: Home) -> list[str]:
    return await hub.read(lambda db: [code for code, *_ in trade_alerts(db, hub.hat, hub.clock.now)])


async def test_who_still_waits_after_the_purchase_orders_went_can_be_declined(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    await market.sells(market.hub, by_hand=True)
    homes = await households(village, "A", "B", "C")
    for home in homes:
        await wants(home, ("Eggs", "2"))
        await village.gossip()
    hub = market.hub
    assert "orders_wait" in await waiting(hub)
    (desk,) = await hub.read(list_desks, hub.hat, hub.clock.now)
    assert [each.customer_id for each in desk.orders] == [(await order_at(hub, home)).customer_id for home in homes]
    await hub.write(confirm_order, hub.hat, await order_at(hub, homes[0]))
    await market.close()
    village.clock.now += GRACE
    await village.gossip()
    counted = await counted_at(hub)
    assert await hub.read(by_hand, hub.hat.member, 0) == [("Week 39", 2)]
    (desk,) = await hub.read(list_desks, hub.hat, hub.clock.now)
    assert [each.state for each in desk.orders] == ["by_hand", "by_hand"]
    for home in homes[1:]:
        await hub.write(decline_order, hub.hat, await order_at(hub, home))
        await village.gossip()
    assert await states(homes) == [("confirmed", 2, ""), *[("refused", 0, "declined")] * 2]
    assert await counted_at(hub) == counted
    assert "orders_wait" not in await waiting(hub)
    assert await hub.read(list_desks, hub.hat, hub.clock.now) == []
    with pytest.raises(RefusedError) as raised:
        await hub.write(confirm_order, hub.hat, await order_at(hub, homes[1]))
    assert "declined the order" in str(raised.value)
