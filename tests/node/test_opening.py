"""What a cycle offers: what stood at its hub when it opened, whatever came, or was dated back, later."""

import pytest

from foodhub.catalog.checkpoint import live
from foodhub.catalog.naming import id_bytes
from foodhub.log.header import Log
from foodhub.node.checkpoints import openings, read_log
from foodhub.node.cycles import CycleRow
from foodhub.node.drafts import Copy, clone_cycle
from foodhub.node.duties import next_due
from foodhub.node.opening import ON_TIME, pins_of
from foodhub.node.planning import bring
from foodhub.node.products import product_statement, set_product
from foodhub.node.terms import first_stated, terms_in_cycle
from foodhub.node.waking import note_in_step, note_waking
from foodhub.orders.exchanges import Incoming
from foodhub.orders.hands import Behalf, Mandate
from foodhub.orders.statements import Profile
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def shop(village: Village) -> tuple[Home, Home, bytes, CycleRow]:
    """Return a hub, a farm and its carrots for 2.00, and a cycle that opens in three hours."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    carrots = id_bytes(await farm.product("Carrots", price=200))
    village.clock.now += 1
    await village.open_cycle(hub, opens=3 * HOUR, closes=30 * HOUR)
    return hub, farm, carrots, await hub.cycle()


async def prices(farm: Home, carrots: bytes, cycle: CycleRow, *homes: Home) -> list[int | None]:
    found = [await home.read(terms_in_cycle, farm.hat.member, carrots, cycle) for home in homes]
    return [terms.price if terms else None for terms in found]


async def reprice(farm: Home, carrots: bytes, price: int) -> None:
    await farm.write(set_product, farm.hat, carrots, {"price": price})


async def test_the_hub_pins_what_stands_in_the_logs_that_sell_when_it_opens(village: Village) -> None:
    hub, farm, _, cycle = await shop(village)
    opens = village.clock.now + 3 * HOUR
    assert await hub.read(next_due, village.clock.now) == opens
    village.clock.now += 2 * HOUR
    await farm.sign(Log.CATALOG, Profile(2, "Farm"))
    await village.gossip()
    assert await farm.read(pins_of, cycle.key) == {}
    village.clock.now = opens
    await village.gossip()
    assert await farm.read(pins_of, cycle.key) == {farm.hat.device: opens - HOUR}
    village.clock.now += HOUR
    await village.gossip()
    assert len(await farm.rows("SELECT 1 FROM opening")) == 1


async def test_a_price_that_came_to_the_hub_after_the_opening_is_for_the_next_cycle(village: Village) -> None:
    hub, farm, carrots, cycle = await shop(village)
    village.homes.remove(farm)
    village.clock.now += HOUR
    await reprice(farm, carrots, 300)
    village.clock.now += 2 * HOUR
    await village.gossip()
    village.homes.append(farm)
    await village.gossip()
    assert await prices(farm, carrots, cycle, hub, farm) == [200, 200]
    following = await hub.write(clone_cycle, hub.hat, cycle.key[1], Copy())
    village.clock.now += 8 * 24 * HOUR
    await village.gossip()
    assert await prices(farm, carrots, following, hub, farm) == [300, 300]


async def test_a_price_that_was_there_at_the_opening_holds_however_its_author_dates_the_next(village: Village) -> None:
    hub, farm, carrots, cycle = await shop(village)
    village.clock.now += HOUR
    await reprice(farm, carrots, 300)
    await village.gossip()
    village.clock.now += 2 * HOUR
    await village.gossip()
    held = await farm.read(product_statement, farm.hat.member, carrots)
    assert held is not None
    village.clock.now -= HOUR
    await farm.sign(Log.CATALOG, changed(held, version=3, price=900))
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert await prices(farm, carrots, cycle, hub, farm) == [300, 300]


async def test_a_hub_that_comes_late_to_its_opening_pins_what_was_stamped_before(village: Village) -> None:
    hub, farm, carrots, cycle = await shop(village)
    village.clock.now += 2 * HOUR
    await reprice(farm, carrots, 300)
    village.clock.now += HOUR + ON_TIME
    await reprice(farm, carrots, 400)
    for giver, taker in ((farm, hub), (hub, farm)):
        await carry(giver, taker)
    await village.gossip()
    pins = await farm.read(pins_of, cycle.key)
    assert pins == {farm.hat.device: village.clock.now - HOUR - ON_TIME}
    assert await prices(farm, carrots, cycle, hub, farm) == [300, 300]


async def test_a_hub_that_slept_hears_the_others_before_it_says_what_is_on_offer(village: Village) -> None:
    hub, farm, _, cycle = await shop(village)
    await hub.write(note_waking)
    village.clock.now += 3 * HOUR
    await village.gossip()
    assert await hub.read(pins_of, cycle.key) == {}
    await hub.write(note_in_step)
    await village.gossip()
    assert set(await farm.read(pins_of, cycle.key)) == {farm.hat.device}


async def test_only_who_brings_something_is_pinned(village: Village) -> None:
    hub, farm, _, cycle = await shop(village)
    dairy = await village.home("Dairy", "producer")
    await dairy.product("Milk")
    await village.gossip()
    await hub.write(bring, hub.hat, cycle.key[1], Incoming(dairy.hat.member, [], "", 0, 0))
    village.clock.now += 3 * HOUR
    await village.gossip()
    assert set(await farm.read(pins_of, cycle.key)) == {dairy.hat.device}


async def test_a_product_that_came_later_has_its_first_terms(village: Village) -> None:
    hub, farm, _, cycle = await shop(village)
    village.clock.now += 3 * HOUR
    await village.gossip()
    village.clock.now += HOUR
    leeks = id_bytes(await farm.product("Leeks", price=100))
    stated = village.clock.now
    village.clock.now += HOUR
    await reprice(farm, leeks, 150)
    await village.gossip()
    assert await prices(farm, leeks, cycle, hub, farm) == [100, 100]
    assert await hub.read(first_stated, farm.hat.member, leeks) == stated


async def test_a_checkpoint_keeps_what_is_pinned(village: Village) -> None:
    hub, farm, carrots, cycle = await shop(village)
    village.homes.remove(farm)
    village.clock.now += HOUR
    await reprice(farm, carrots, 300)
    village.clock.now += 2 * HOUR
    await village.gossip()
    village.homes.append(farm)
    await village.gossip()

    def restate(tx: Transaction) -> None:
        db = tx.db
        ((ref, seq),) = db.execute("SELECT ref, seq FROM log WHERE author = ? AND log = 1", (farm.hat.device,))
        kept = live(read_log(db, ref, 1, seq), openings(db, farm.hat.device, village.clock.now))
        tx.append_checkpoint(farm.hat.member, [(each.stamp, each.statement) for each in kept])

    await farm.write(restate)
    await village.gossip()
    assert await prices(farm, carrots, cycle, hub, farm) == [200, 200]


async def test_a_price_that_a_mandate_lets_another_state_counts_as_the_owners(village: Village) -> None:
    hub, farm, carrots, cycle = await shop(village)
    coop = await village.home("Coop", "hub")
    mandate = Mandate(bytes([5]) * 16, 1, coop.hat.member, ["price"], village.clock.now + 90 * HOUR, ended=False)
    await farm.sign(Log.CATALOG, mandate)
    await village.gossip()
    held = await coop.read(product_statement, farm.hat.member, carrots)
    assert held is not None

    async def stated(version: int, price: int) -> None:
        said = changed(held, version=version, price=price)
        await coop.sign(Log.CATALOG, Behalf(farm.hat.member, bytes(16), "producer", mandate.local, "phone", said))
        await village.gossip()

    village.clock.now += HOUR
    await stated(2, 250)
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert set(await farm.read(pins_of, cycle.key)) == {coop.hat.device}
    village.clock.now += HOUR
    await stated(3, 500)
    assert await prices(farm, carrots, cycle, hub, farm, coop) == [250, 250, 250]
