"""Several devices of one member: each right has one spender, and the heir of a retired one goes on where it stood."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.circuit.statements import Certify
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.log.seal import unseal
from foodhub.node import devices
from foodhub.node.allotments import allot, list_allotments
from foodhub.node.amending import cancel_order
from foodhub.node.answering import has_work
from foodhub.node.cycles import new_cycle
from foodhub.node.exchange import take_payloads
from foodhub.node.products import add_product, list_products, new_product, put_product, set_product
from foodhub.node.rights import awaited, desks, go_on, keeps, line_of, to_go_on_without
from foodhub.orders.statements import Answer
from foodhub.store.fold import READERS
from foodhub.store.outgoing import payloads_at, wanted
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry, runs_of
from tests.node.laptops import code_of, enrol, knock, laptop, member, recover, row_of

pytestmark = pytest.mark.anyio


async def refusal(home: Home, work: Any, *args: Any, **more: Any) -> RefusedError:
    """Return why a write is refused; it must not have changed anything."""
    before = await home.rows("SELECT author, log, seq FROM log")
    with pytest.raises(RefusedError) as raised:
        await home.write(work, *args, **more)
    assert await home.rows("SELECT author, log, seq FROM log") == before
    return raised.value


async def desk(village: Village) -> tuple[Home, Home, Home, str]:
    """Return a hub with an open cycle, its second laptop, a farm, and its carrots, of which 5 are set aside."""
    await village.home("Founder", "hub")
    hub, _ = await member(village, "Hub", "hub")
    farm = await village.home("Farm", "producer")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    second = await laptop(village, "Hub 2", hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    return hub, second, farm, carrots


async def retire(village: Village, who: Home, by: Home, heir: Home | None = None) -> None:
    """Retire a laptop; it takes no further part."""
    if who in village.homes:
        village.homes.remove(who)
    await by.write(devices.retire, by.hat, await row_of(by, who), heir.hat.device if heir else b"")


async def promised(homes: Iterable[Home]) -> list[int | None]:
    found = []
    for home in homes:
        (order,) = await home.orders()
        found.append(order.lines[0].confirmed)
    return found


def sums_promised(tx: Transaction, line: Iterable[bytes]) -> list[int]:
    """Return what stood promised after each entry of these devices' trade logs, one log behind the other."""
    held: dict[tuple[bytes, bytes], int] = {}
    found = [0]
    for device in line:
        row = tx.db.execute("SELECT ref, seq FROM log WHERE author = ? AND log = 2", (device,)).fetchone()
        (owner,) = tx.db.execute("SELECT member FROM device WHERE key = ?", (device,)).fetchone()
        for seq in range(1, row[1] + 1 if row else 1):
            (payload,) = tx.db.execute("SELECT payload FROM entry WHERE place = ?", ((row[0] << 32) + seq,)).fetchone()
            body = unseal(payload, (tx.circuit, device, 2, seq), tx.keyring.opening_secrets(tx.db, owner))
            for said in READERS[Log.TRADE].read(body) if body is not None else ():
                if isinstance(said, Answer):
                    held[said.buyer, said.order] = sum(line.promised for line in said.lines)
            found.append(sum(held.values()))
    return found


async def test_a_cycle_is_answered_by_the_device_that_it_names_and_by_no_other(village: Village) -> None:
    hub, second, _farm, _ = await desk(village)
    group = await village.home("Group", "group")
    village.homes.remove(hub)
    await group.order(("Carrots", "3"))
    await village.gossip()
    assert await promised([group]) == [None]
    assert not await second.read(has_work, second.hat, village.clock.now)
    assert await second.read(desks, second.hat) == []
    village.homes.append(hub)
    await village.gossip()
    assert await promised([group]) == [3]
    assert await second.orders() == await hub.orders()


async def test_the_heir_goes_on_from_what_the_retired_device_promised(village: Village) -> None:
    hub, second, farm, carrots = await desk(village)
    first, last = await village.home("First", "group"), await village.home("Last", "group")
    await first.order(("Carrots", "3"))
    await village.gossip()
    await second_by_words(village, hub, second)
    await last.order(("Carrots", "4"))
    await village.gossip()
    assert await promised([first, last]) == [3, 2]
    sums = await second.write(sums_promised, [hub.hat.device, second.hat.device])
    assert max(sums) == sums[-1] == 5
    # What is set aside later names the same device, and its heir inherits it.
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 7})
    await village.gossip()
    assert await promised([first, last]) == [3, 4]
    rows = await second.read(list_allotments, await second.cycle())
    assert [(row.set_aside, row.promised, row.ordered) for row in rows] == [(7, 7, 7)]
    assert await farm.rows("SELECT ordered, promised FROM total") == [(7, 7)]


async def second_by_words(village: Village, hub: Home, second: Home) -> None:
    """Let the first laptop of the hub hand all over to the second, as its owner does before selling it."""
    await hub.write(devices.retire, hub.hat, await row_of(hub, hub), second.hat.device)
    await village.gossip()
    village.homes.remove(hub)
    assert await second.read(line_of, hub.hat.device) == [hub.hat.device, second.hat.device]
    assert await second.read(desks, second.hat) == [hub.hat.device]


async def test_an_older_place_in_the_queue_stays_older_with_the_heir(village: Village) -> None:
    hub, second, farm, carrots = await desk(village)
    groups = [await village.home(name, "group") for name in ("A", "B", "C")]
    for group in groups[:2]:
        await group.order(("Carrots", "4"))
        await village.gossip()
    await second_by_words(village, hub, second)
    await groups[2].order(("Carrots", "4"))
    await village.gossip()
    assert await promised(groups) == [4, 1, 0]
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 8})
    await village.gossip()
    assert await promised(groups) == [4, 4, 0]


async def test_an_heir_waits_until_it_holds_all_that_was_promised(village: Village) -> None:
    hub, second, _farm, _ = await desk(village)
    first, last = await village.home("First", "group"), await village.home("Last", "group")
    village.homes.remove(second)
    await first.order(("Carrots", "3"))
    await village.gossip()
    await hub.write(devices.retire, hub.hat, await row_of(hub, hub), second.hat.device)
    await last.order(("Carrots", "4"))
    await village.gossip()
    # It hears that it is the heir, and of the orders, before what its predecessor had answered.
    await carry(hub, second, logs=(0,))
    await carry(last, second, logs=(0,))
    for buyer in (first, last):
        await second.take(await buyer.read(runs_of, buyer.hat.device, 2))
    assert await second.read(awaited, second.hat.member) == hub.hat.device
    assert await second.read(desks, second.hat) == []
    assert not await second.read(has_work, second.hat, village.clock.now)
    village.homes.remove(hub)
    village.homes.append(second)
    await village.gossip()
    assert await promised([first, last]) == [3, 2]


async def robbed(village: Village) -> tuple[Home, Home, Home, Home, Home]:
    """An heir without the content of what its predecessor answered, which nobody has any more.

    Return hub, heir, farm, the buyer that was answered, and one that was not. Of 5 carrots 3 are promised.
    """
    hub, second, farm, _ = await desk(village)
    first, last = await village.home("First", "group"), await village.home("Last", "group")
    village.homes.remove(second)
    await first.order(("Carrots", "3"))
    await village.gossip()
    await hub.write(devices.retire, hub.hat, await row_of(hub, hub), second.hat.device)
    await village.gossip()
    village.homes.remove(hub)
    for giver, log in ((hub, 0), (farm, 2), (first, 0), (first, 2), (last, 0)):
        await second.take(await giver.read(runs_of, giver.hat.device, log))
    runs = await hub.read(runs_of, hub.hat.device, 2)
    assert set(await second.take([(run, [b""] * len(payloads)) for run, payloads in runs])) == {None}
    return hub, second, farm, first, last


async def test_an_heir_goes_on_without_what_nobody_has_once_its_owner_says_so(village: Village) -> None:
    hub, second, _farm, _first, last = await robbed(village)
    village.homes[:] = [last, second]
    village.clock.now += 1000
    await last.order(("Carrots", "4"))
    await village.gossip()
    assert await promised([last]) == [None]
    now = village.clock.now
    cycle = ("Next", now, now + HOUR, "Europe/Paris", "resale")
    error = await refusal(second, new_cycle, second.hat, *cycle)
    assert (error.code, error.details["device"]) == ("predecessor_missing", base32_id(hub.hat.device)[:8])
    lacking = await second.write(go_on, second.hat, await row_of(second, hub))
    (count,) = (await second.rows("SELECT count(*) FROM wanted"))[0]
    assert (lacking.device, lacking.entries, lacking.payloads) == (hub.hat.device, 0, count)
    assert count > 0
    assert await second.read(awaited, second.hat.member) is None
    assert await second.read(desks, second.hat) == [hub.hat.device]
    await village.gossip()
    # It has the older order itself, if not the answer to it.
    assert await promised([last]) == [2]
    await second.write(new_cycle, second.hat, *cycle)


async def test_who_went_on_still_takes_what_comes_after_all(village: Village) -> None:
    hub, second, farm, first, last = await robbed(village)
    await second.write(go_on, second.hat, await row_of(second, hub))
    found = await second.read(wanted, 1 << 20)
    payloads = await hub.read(payloads_at, found, 1 << 20)
    assert await second.write(take_payloads, payloads, "a peer") == len(payloads) > 0
    village.homes[:] = [farm, first, last, second]
    village.clock.now += 1000
    await last.order(("Carrots", "4"))
    await village.gossip()
    assert await promised([first, last]) == [3, 2]


async def test_only_the_heir_goes_on_and_only_where_something_is_missing(village: Village) -> None:
    hub, second, _farm, _first, _last = await robbed(village)
    village.homes[:] = [second]
    third = await laptop(village, "Hub 3", second)
    assert (await refusal(second, go_on, second.hat, await row_of(second, third))).code == "not_retired"
    assert (await refusal(hub, go_on, hub.hat, await row_of(hub, hub))).code == "nothing_missing"
    assert await third.read(awaited, third.hat.member) == hub.hat.device
    assert (await refusal(third, go_on, third.hat, await row_of(third, hub))).code == "not_the_keeper"
    await second.write(go_on, second.hat, await row_of(second, hub))
    assert (await refusal(second, go_on, second.hat, await row_of(second, hub))).code == "nothing_missing"


async def test_a_log_that_has_not_come_at_all_is_counted_by_its_entries(village: Village) -> None:
    hub, second, _farm, _ = await desk(village)
    first = await village.home("First", "group")
    village.homes.remove(second)
    await first.order(("Carrots", "3"))
    await village.gossip()
    before = (await second.rows("SELECT seq FROM log WHERE author = ? AND log = 2", hub.hat.device)) or [(0,)]
    after = await hub.rows("SELECT seq FROM log WHERE author = ? AND log = 2", hub.hat.device)
    await hub.write(devices.retire, hub.hat, await row_of(hub, hub), second.hat.device)
    await carry(hub, second, logs=(0,))
    lacking = await second.read(to_go_on_without, second.hat, await row_of(second, hub))
    assert (lacking.entries, lacking.payloads) == (after[0][0] - before[0][0], 0)
    assert lacking.entries > 0


async def test_a_new_cycle_is_made_where_the_desk_is(village: Village) -> None:
    hub, second, _farm, _ = await desk(village)
    now = village.clock.now
    cycle = ("Next", now, now + HOUR, "Europe/Paris", "resale")
    error = await refusal(second, new_cycle, second.hat, *cycle)
    assert (error.code, error.details["device"]) == ("not_the_keeper", base32_id(hub.hat.device)[:8])
    assert error.details["own"] == base32_id(second.hat.device)[:8]
    await hub.write(devices.hand_over, hub.hat, "desk", await row_of(hub, second))
    await village.gossip()
    assert (await refusal(hub, new_cycle, hub.hat, *cycle)).code == "not_the_keeper"
    await second.write(new_cycle, second.hat, *cycle)
    await village.gossip()
    assert await second.read(desks, second.hat) == [second.hat.device]
    # The older cycle stays where it was made.
    assert await hub.read(desks, hub.hat) == [hub.hat.device]


async def test_stock_is_counted_and_set_aside_on_one_device(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    barn = await laptop(village, "Barn", farm)
    cycle = await barn.cycle()
    assert (await refusal(barn, allot, barn.hat, cycle, {id_bytes(carrots): 5})).code == "not_the_keeper"
    assert (await refusal(barn, set_product, barn.hat, id_bytes(carrots), {}, 50)).code == "not_the_keeper"
    # Prices are no right that is spent: any device of the farm sets them.
    await barn.write(set_product, barn.hat, id_bytes(carrots), {"price": 300})
    # Nor is publishing, as long as it says nothing of how much there is.
    new: dict[str, Any] = {"price": 400, "price_per": "piece", "on_hand": 0, "more": {}}
    assert (await refusal(barn, add_product, barn.hat, "Bread", **new)).code == "not_the_keeper"
    assert not await barn.read(keeps, barn.hat, "stock")

    def publish(tx: Transaction) -> bytes:
        product = new_product(tx.db, barn.hat.member, "Bread", price=400, price_per="piece", more={})
        put_product(tx, barn.hat, product, None)
        return product.local

    bread = await barn.write(publish)
    await village.gossip()
    assert [(row.name, row.on_hand) for row in await hub.read(list_products) if row.name == "Bread"] == [("Bread", 0)]
    await farm.write(set_product, farm.hat, bread, {}, 7)
    await farm.write(devices.hand_over, farm.hat, "stock", await row_of(farm, barn))
    await village.gossip()
    await barn.write(allot, barn.hat, cycle, {id_bytes(carrots): 5})
    assert (await refusal(farm, allot, farm.hat, cycle, {id_bytes(carrots): 6})).code == "not_the_keeper"


async def test_what_a_lost_laptop_had_set_aside_is_known_before_more_is(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    carrots = await farm.product("Carrots", on_hand=10)
    await village.open_cycle(hub)
    barn = await laptop(village, "Barn", farm)
    cycle = await barn.cycle()
    village.homes.remove(barn)
    await farm.write(allot, farm.hat, cycle, {id_bytes(carrots): 8})
    await farm.write(devices.retire, farm.hat, await row_of(farm, farm), barn.hat.device)
    await village.gossip()
    await carry(hub, barn, logs=(0,))
    assert (await refusal(barn, allot, barn.hat, cycle, {id_bytes(carrots): 9})).code == "predecessor_missing"
    await carry(hub, barn)
    assert (await refusal(barn, allot, barn.hat, cycle, {id_bytes(carrots): 11})).code == "not_enough_stock"
    await barn.write(allot, barn.hat, cycle, {id_bytes(carrots): 9})


async def test_a_retired_device_signs_nothing_more(village: Village) -> None:
    hub, second, _farm, _ = await desk(village)
    await second_by_words(village, hub, second)
    now = village.clock.now
    error = await refusal(hub, new_cycle, hub.hat, "Next", now, now + HOUR, "Europe/Paris", "resale")
    assert error.code == "retired"


async def test_an_heir_that_can_not_read_what_was_promised_answers_only_its_own_cycles(village: Village) -> None:
    founder = await village.home("Founder", "hub")
    hub, _ = await member(village, "Hub", "hub")
    farm, group = await village.home("Farm", "producer"), await village.home("Group", "group")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await group.order(("Carrots", "4"))
    await village.gossip()
    second = await knock(village, "Hub 2", hub, await code_of(hub))
    await enrol(second)
    await carry(second, hub, logs=(0,))
    # Certified without the member's keys, as a program might that has a fault.
    await hub.sign(Log.CIRCUIT, Certify(second.hat.device))
    await hub.write(devices.retire, hub.hat, await row_of(hub, hub), second.hat.device)
    await village.gossip()
    village.homes[village.homes.index(hub)] = second
    await village.gossip()
    await group.order(("Carrots", "1"))
    await village.gossip()
    assert await second.read(line_of, hub.hat.device) == [hub.hat.device, second.hat.device]
    assert not await second.read(has_work, second.hat, village.clock.now)
    assert len(await group.rows("SELECT 1 FROM answer")) == 1
    lacking = await second.read(to_go_on_without, second.hat, await row_of(second, hub))
    assert (lacking.entries, lacking.payloads, lacking.unreadable) == (0, 0, True)
    assert await second.read(desks, second.hat) == []
    now = village.clock.now
    await second.write(new_cycle, second.hat, "Next", now, now + 48 * HOUR, "Europe/Paris", "resale")
    await village.gossip()
    await group.order(("Carrots", "1"))
    await village.gossip()
    assert [order.state for order in await group.orders() if order.cycle == "Next"] == ["received"]
    assert await founder.orders() == []
    await second.write(go_on, second.hat, await row_of(second, hub))
    await village.gossip()
    assert set(await second.read(desks, second.hat)) == {hub.hat.device, second.hat.device}


async def test_whoever_recovers_a_lost_hub_answers_again_what_the_cut_left_out(village: Village) -> None:
    founder = await village.home("Founder", "hub")
    hub, words = await member(village, "Hub", "hub")
    farm = await village.home("Farm", "producer")
    first, last = await village.home("First", "group"), await village.home("Last", "group")
    carrots = await farm.product("Carrots")
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    village.homes.remove(founder)
    await first.order(("Carrots", "4"))
    await village.gossip()
    assert await promised([first]) == [4]
    village.homes.remove(hub)
    # Who helps has never seen that answer.
    anew = await recover(village, "Hub anew", words, founder)
    village.homes.append(founder)
    await last.order(("Carrots", "4"))
    await village.gossip()
    assert sorted(filter(None, await promised([first, last]))) == [1, 4]
    sums = await anew.write(sums_promised, [hub.hat.device, anew.hat.device])
    assert max(sums) == 5
    assert await farm.rows("SELECT ordered, promised FROM total") == [(8, 5)]


@pytest.mark.parametrize("seed", range(4))
async def test_promises_never_exceed_what_was_set_aside_whoever_answers(village: Village, seed: int) -> None:
    chance = Random(seed)
    hub, second, farm, carrots = await desk(village)
    groups = [await village.home(name, "group") for name in ("A", "B", "C")]
    line, aside, changed = [hub.hat.device], 5, False
    for step in range(10):
        village.clock.now += 1000
        group = chance.choice(groups)
        orders = [order for order in await group.orders() if order.state != "cancelled"]
        match chance.choice(("order", "order", "cancel", "raise", "apart")):
            case "order":
                await group.order(("Carrots", str(chance.randint(1, 4))))
            case "cancel" if orders:
                await group.write(cancel_order, group.hat, orders[0])
            case "raise":
                aside += chance.randint(1, 3)
                await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): aside})
            case "apart" if group in village.homes:
                village.homes.remove(group)
        if step == 5:
            # Retired with what the second one holds, or by itself: either way with a cut.
            await village.gossip()
            await retire(village, hub, hub, second)
            await carry(hub, second, logs=(0,))
            line, changed = [hub.hat.device, second.hat.device], True
            if chance.random() < 0.5:
                village.homes.insert(1, hub)
        if chance.random() < 0.7:
            await village.gossip()
    village.homes += [group for group in groups if group not in village.homes]
    village.homes = [home for home in village.homes if home is not hub or not changed]
    await village.gossip()
    sums = await second.write(sums_promised, line)
    assert max(sums) <= aside
    assert sums[-1] == sum(row[0] for row in await farm.rows("SELECT promised FROM total"))


async def test_who_was_handed_the_stock_waits_for_what_was_set_aside_before(village: Village) -> None:
    """Logs travel each for itself: the hand-over may come before the allotments that it rests on (I2)."""
    _, _, farm, carrots = await desk(village)
    second = await laptop(village, "Farm 2", farm)
    wanted = {id_bytes(carrots): 30}
    await farm.write(allot, farm.hat, await farm.cycle(), wanted)
    await farm.write(devices.hand_over, farm.hat, "stock", await row_of(farm, second))
    await carry(farm, second, logs=(0,))
    assert (await refusal(second, allot, second.hat, await second.cycle(), wanted)).code == "predecessor_missing"
    assert await second.read(awaited, farm.hat.member) == farm.hat.device
    assert (await second.read(to_go_on_without, second.hat, await row_of(second, farm))).entries == 1
    await carry(farm, second)
    assert await second.read(awaited, farm.hat.member) is None
    assert await second.write(allot, second.hat, await second.cycle(), {id_bytes(carrots): 31}) == 1


async def test_a_hand_over_is_waited_for_until_somebody_decides_to_go_on(village: Village) -> None:
    _, _, farm, carrots = await desk(village)
    second = await laptop(village, "Farm 2", farm)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 30})
    await farm.write(devices.hand_over, farm.hat, "stock", await row_of(farm, second))
    await carry(farm, second, logs=(0,))
    assert (await second.write(go_on, second.hat, await row_of(second, farm))).entries == 1
    assert await second.write(allot, second.hat, await second.cycle(), {id_bytes(carrots): 31}) == 1
