"""What came too late, as one types and reads it: the buyer, the desk, and whoever accepts it all the same."""

import time

import pytest

from foodhub.node.closing import close_cycle
from tests.cli.program import Foodhub
from tests.homes import Home, Village
from tests.node.desks import Stall, changes, households, stall, wants

pytestmark = pytest.mark.anyio


def program(home: Home) -> Foodhub:
    return Foodhub(home.node.home)


async def closed_unheard(village: Village, *, changed: bool) -> tuple[Stall, Home]:
    """Close a cycle, of today, before its hub has heard what a household orders, or how it changes its order."""
    village.clock.now = int(time.time() * 1000) - 600_000
    market = await stall(village)
    await market.add("Eggs", aside=9)
    (ann,) = await households(village, "Ann")
    if changed:
        await wants(ann, ("Eggs", "3"))
        await village.gossip()
    village.homes.remove(ann)
    await (changes(ann, ("Eggs", "5")) if changed else wants(ann, ("Eggs", "5")))
    village.clock.now += 60_000
    await market.hub.write(close_cycle, market.hub.hat, await market.hub.cycle())
    village.homes.append(ann)
    await village.gossip()
    return market, ann


async def test_a_change_that_came_too_late_is_shown_and_accepted_with_its_new_confirmation(village: Village) -> None:
    market, ann = await closed_unheard(village, changed=True)
    hub, buyer = program(market.hub), program(ann)
    (order,) = buyer.json("order", "list")
    shown = buyer("order", "show", order["number"]).out
    assert "it came too late: the order stands as it was" in shown
    assert "5 instead came too late" in shown
    assert f"Your change of the order {order['number']} came too late" in buyer("status").err
    command = f"foodhub order accept-late {order['number']}"
    assert command in hub("desk", "show").out
    assert 'foodhub desk show "Week 39"' in hub("status").err
    done = hub("order", "accept-late", order["number"])
    assert "The late change" in done.err
    assert "This is the new confirmation, sealed to" in done.err
    (line,) = hub.json("order", "show", order["number"])["lines"]
    assert (line["ordered"], line["confirmed"], line["late"]) == (5, 5, None)
    assert command not in hub("desk", "show", "Week 39").out


async def test_a_late_order_is_accepted_and_its_first_confirmation_shown(village: Village) -> None:
    market, ann = await closed_unheard(village, changed=False)
    hub = program(market.hub)
    number = program(ann).json("order", "list")[0]["number"]
    assert f"Your order {number} came too late" in program(ann)("status").err
    before = hub.json("order", "show", number)
    tried = hub("order", "accept-late", number, "--dry-run")
    assert "accepted" not in tried.err
    assert hub.json("order", "show", number) == before
    done = hub("order", "accept-late", number)
    assert f"The late order {number} is accepted: it counts now." in done.err
    assert hub.json("order", "show", number)["state"] == "confirmed"
    assert hub.fails(6, "order", "accept-late", number)["code"] == "not_late"
