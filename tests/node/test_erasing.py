"""What a member erases is gone here and everywhere, and stays gone; what still does its work can't be erased."""

from collections.abc import Callable
from typing import Any

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.statements import Stock
from foodhub.errors import FoodhubError
from foodhub.log.header import Log
from foodhub.node.allotments import allot
from foodhub.node.amending import cancel_order
from foodhub.node.cycles import CycleRow, in_ms
from foodhub.node.deliveries import UNWEIGHED
from foodhub.node.erasable import EVER, HANDED_OVER, LAST_PICKUP, OwnEntry, Slices
from foodhub.node.erasing import choose_entries, choose_order, choose_product, erase, rows, spans
from foodhub.node.orders import find_order
from foodhub.node.products import list_products, set_product
from foodhub.node.stock import set_stock
from foodhub.node.verifying import verify_logs
from foodhub.orders.exchanges import DEFAULT_RULE, Incoming, Outgoing, Pickup, Plan
from foodhub.orders.statements import EraseRequest, derived_id
from foodhub.store.erasures import count_wanted
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, all_runs, carry, free_stock
from tests.node.laptops import laptop

pytestmark = pytest.mark.anyio
OVER = 25 * HOUR + HANDED_OVER
Choose = Callable[[Transaction], list[OwnEntry]]


async def erases(home: Home, choose: Choose) -> int:
    """Erase what is chosen; return how many entries that were."""
    return len(await home.write(lambda tx: erase(tx, home.hat, choose(tx))))


async def refused(home: Home, choose: Choose) -> str:
    """Return the code of why something can't be erased."""
    with pytest.raises(FoodhubError) as caught:
        await home.write(choose)
    return caught.value.code


def at(home: Home, log: str, *places: tuple[int, int], device: str | None = None) -> Choose:
    return lambda tx: choose_entries(tx, home.hat, log, places, device)


def of_order(home: Home, order: str) -> Choose:
    return lambda tx: choose_order(tx, home.hat, order)


def of_product(home: Home, product: str) -> Choose:
    return lambda tx: choose_product(tx, home.hat, product)[0]


async def payloads(home: Home, author: Home, log: int) -> list[bool]:
    """Return for each entry of a log whether its payload is here."""
    found = await home.rows(
        "SELECT e.payload IS NOT NULL FROM log l JOIN entry e ON e.place >> 32 = l.ref WHERE l.author = ? AND l.log = ?"
        " ORDER BY e.place",
        author.hat.device,
        log,
    )
    return [bool(held) for (held,) in found]


async def market(village: Village) -> tuple[Home, Home, Home, str]:
    """A hub with an open cycle, a farm with carrots set aside for it, and a group that ordered two."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    group = await village.home("Group", "group")
    carrots = await farm.product("Carrots")
    await village.gossip()
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await group.order((carrots, "2"))
    await village.gossip()
    return hub, farm, group, carrots


async def test_an_order_is_erased_after_the_close_and_is_gone_everywhere(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    (order,) = await group.orders()
    assert await refused(group, of_order(group, order.id)) == "order_in_open_cycle"
    village.clock.now += 25 * HOUR
    await village.gossip()
    assert await refused(group, of_order(group, order.id)) == "goods_owed"
    village.clock.now += HANDED_OVER
    assert await erases(group, of_order(group, order.id)) == 1
    assert await payloads(group, group, 2) == [False]
    assert await group.orders() == []
    await village.gossip()
    assert await payloads(hub, group, 2) == [False]
    assert await hub.orders() == []
    assert [await home.read(count_wanted) for home in village.homes] == [0, 0, 0]


def picked_up(aggregator: Home, cycle: CycleRow, closes: int) -> Outgoing:
    """Return how somebody says that it sells in a cycle, with a pickup that ends then (ms)."""
    hat, key = aggregator.hat, cycle.key
    head = (derived_id(b"outgoing", *key), 1, *key, hat.member, hat.device, in_ms(cycle.closes))
    pickups = [Pickup("Hall", closes - 1, closes)]
    return Outgoing(
        *head,
        "resale",
        "households",
        by_hand=False,
        shown=False,
        products=[],
        rule=DEFAULT_RULE,
        rules=[],
        pickups=pickups,
    )


async def test_who_sells_nothing_in_a_cycle_keeps_nobody_from_erasing_nor_lets_erase_sooner(village: Village) -> None:
    _hub, _farm, group, _carrots = await market(village)
    far, early = await village.home("Far", "group"), await village.home("Early", "group")
    cycle = await group.cycle()
    for other, closes in ((far, 2**47 - 1), (early, village.clock.now + 25 * HOUR)):
        await other.sign(Log.CATALOG, picked_up(other, cycle, closes))
    village.clock.now += 26 * HOUR
    await village.gossip()
    (order,) = await group.orders()
    assert await refused(group, of_order(group, order.id)) == "goods_owed"
    village.clock.now += HANDED_OVER
    assert await erases(group, of_order(group, order.id)) == 1


async def test_a_pickup_is_waited_for_but_none_that_is_long_after_the_close(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    await hub.sign(Log.CATALOG, picked_up(hub, await hub.cycle(), 2**47 - 1))
    village.clock.now += OVER
    await village.gossip()
    (order,) = await group.orders()
    assert await refused(group, of_order(group, order.id)) == "goods_owed"
    village.clock.now += LAST_PICKUP - HANDED_OVER
    assert await erases(group, of_order(group, order.id)) == 1


async def test_all_versions_of_an_order_go_together(village: Village) -> None:
    hub, _farm, group, carrots = await market(village)
    await group.order((carrots, "1"))
    (order,) = await group.orders()
    await group.write(cancel_order, group.hat, order)
    await village.gossip()
    village.clock.now += OVER
    assert await payloads(group, group, 2) == [True] * 4
    assert await refused(group, at(group, "trade", (3, 4))) == "older_version_left"
    assert await erases(group, of_order(group, order.id)) == 4
    await village.gossip()
    assert await payloads(hub, group, 2) == [False] * 4


async def test_a_hub_erases_its_answers_and_does_not_answer_again(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    (order,) = await hub.orders()
    assert await refused(hub, of_order(hub, order.id)) == "order_in_open_cycle"
    village.clock.now += OVER
    await village.gossip()
    said = await hub.rows("SELECT seq FROM log WHERE author = ? AND log = 2", hub.hat.device)
    assert await erases(hub, of_order(hub, order.id)) == 2  # the answer and the confirmation
    await village.gossip()
    assert await hub.rows("SELECT * FROM answer") == await group.rows("SELECT * FROM answer") == []
    assert await hub.rows("SELECT seq FROM log WHERE author = ? AND log = 2", hub.hat.device) == said
    assert await hub.rows("SELECT * FROM confirmation") == await group.rows("SELECT * FROM confirmation") == []
    assert sum(not held for held in await payloads(group, hub, 2)) == 2


async def test_nothing_erased_comes_back_from_a_peer_that_slept(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    sleeper = await village.home("Sleeper", "household")
    village.homes.remove(sleeper)
    before = await sleeper.read(all_runs)
    village.clock.now += OVER
    (order,) = await group.orders()
    await erases(group, of_order(group, order.id))
    await village.gossip()
    for home in (hub, group):
        await home.take(before)
        await carry(sleeper, home)
        assert await payloads(home, group, 2) == [False]
        assert await home.read(count_wanted) == 0
    newcomer = await village.home("Newcomer", "household")
    await carry(sleeper, newcomer)
    assert await payloads(newcomer, group, 2) == [False]
    await carry(hub, sleeper)
    assert await payloads(sleeper, group, 2) == [False]


async def test_the_headers_stay_and_the_logs_still_verify(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    village.clock.now += OVER
    (order,) = await group.orders()
    await erases(group, of_order(group, order.id))
    await village.gossip()
    for home in (hub, group):
        found = (await home.read(lambda db: list(verify_logs(db))))[-1]
        assert found.faults == []
        await home.write(lambda tx: tx.fold.rebuild())
        assert await home.orders() == []


async def test_the_bytes_of_what_is_erased_are_in_no_file_of_the_home(village: Village) -> None:
    _hub, farm, _group, carrots = await market(village)
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"description": "An old secret of the farm."})
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"description": "Sweet."})
    village.clock.now += 40 * 24 * HOUR
    assert await erases(farm, of_product(farm, "Carrots")) == 1

    def checkpoint(tx: Transaction) -> None:
        tx.db.execute("COMMIT")
        tx.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tx.db.execute("BEGIN IMMEDIATE")

    await farm.write(checkpoint)
    files = [path.read_bytes() for path in farm.node.home.iterdir() if path.is_file()]
    assert not any(b"An old secret" in content for content in files)
    assert any(b"Sweet." in content for content in files)


async def test_what_holds_in_the_catalog_stays_and_what_is_superseded_goes(village: Village) -> None:
    hub, farm, _group, carrots = await market(village)
    village.clock.now += HOUR
    for price in (300, 400, 500):
        await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": price})
    assert await payloads(farm, farm, 1) == [True] * 5
    assert await refused(farm, at(farm, "catalog", (5, 5))) == "entry_holds"
    assert await refused(farm, at(farm, "catalog", (1, 1))) == "entry_holds"
    assert await refused(farm, at(farm, "catalog", (2, 2))) == "entry_holds"  # the terms of the cycle, and the stock
    assert await refused(farm, at(farm, "catalog", (3, 3))) == "entry_holds"  # the first offer after the opening
    assert await erases(farm, of_product(farm, "Carrots")) == 1
    assert await payloads(farm, farm, 1) == [True, True, True, False, True]
    village.clock.now += 60 * 24 * HOUR
    assert await erases(farm, of_product(farm, "Carrots")) == 1  # the entry of the first price says the stock as well
    await farm.sign(Log.CATALOG, Stock(id_bytes(carrots), 2, "counted", 7))
    assert await erases(farm, of_product(farm, "Carrots")) == 1
    await village.gossip()
    assert await payloads(hub, farm, 1) == [True, False, False, False, True, True]
    assert [(row.price, row.on_hand) for row in await hub.read(list_products)] == [(500, 7)]


async def test_a_withdrawal_that_holds_can_not_be_erased(village: Village) -> None:
    _hub, farm, _group, carrots = await market(village)
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"withdrawn": True})
    village.clock.now += 60 * 24 * HOUR
    assert await refused(farm, at(farm, "catalog", (3, 3))) == "entry_holds"


async def counted(farm: Home, product: str, quantity: int) -> int | None:
    """Count a product of a farm; return how much of it is free then."""
    await farm.write(set_stock, farm.hat, {id_bytes(product): quantity})
    return await farm.read(free_stock, farm.hat.member, id_bytes(product))


async def place_in(home: Home, view: str) -> tuple[int, int]:
    """Return where in its log 2 the one statement of a view stands."""
    ((place,),) = await home.rows(f"SELECT place & 0xFFFFFFFF FROM {view}")  # noqa: S608 - names of ours
    return place, place


async def test_what_was_set_aside_stays_until_the_stock_is_counted_again(village: Village) -> None:
    _hub, farm, _group, carrots = await market(village)
    assert await refused(farm, at(farm, "trade", (1, 1))) == "entry_holds"
    village.clock.now += 25 * HOUR
    assert await refused(farm, at(farm, "trade", (1, 1))) == "entry_holds"
    assert await counted(farm, carrots, 40) == 35
    assert await refused(farm, at(farm, "trade", (1, 1))) == "entry_holds"
    village.clock.now += UNWEIGHED
    await village.gossip()
    assert await refused(farm, at(farm, "trade", (1, 1))) == "entry_holds"
    assert await counted(farm, carrots, 38) == 38
    said = await place_in(farm, "delivered")
    assert await refused(farm, at(farm, "trade", said)) == "entry_holds"
    assert await erases(farm, at(farm, "trade", (1, 1))) == 1
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 38
    assert await erases(farm, at(farm, "trade", said)) == 1
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 38


async def test_what_a_later_delivery_takes_stays_until_a_count_after_it(village: Village) -> None:
    hub, farm, _group, carrots = await market(village)
    cycle = await hub.cycle()
    coming = Incoming(farm.hat.member, [], "", village.clock.now + 40 * 24 * HOUR, 0)
    await hub.sign(Log.CATALOG, Plan(cycle.key[1], 1, [coming], [], pooled=False, deputies=[]))
    await village.gossip()
    village.clock.now += 30 * 24 * HOUR
    await village.gossip()
    assert await hub.rows("SELECT returned FROM returned") == [(3,)]
    assert await counted(farm, carrots, 40) == 38
    assert await refused(farm, at(farm, "trade", (1, 1))) == "entry_holds"
    village.clock.now += 20 * 24 * HOUR
    assert await counted(farm, carrots, 38) == 38
    await village.gossip()
    returned = await place_in(hub, "returned")
    assert await refused(hub, at(hub, "trade", returned)) == "entry_holds"
    assert await erases(farm, at(farm, "trade", (1, 1))) == 1
    await village.gossip()
    assert await erases(hub, at(hub, "trade", returned)) == 1
    assert await farm.read(free_stock, farm.hat.member, id_bytes(carrots)) == 38


async def test_what_was_set_aside_of_goods_by_the_cycle_stays_while_a_count_could_find_it_on_the_shelf(
    village: Village,
) -> None:
    _hub, farm, _group, carrots = await market(village)
    await farm.sign(Log.CATALOG, Stock(id_bytes(carrots), 2, "per_cycle", 40))
    village.clock.now += 25 * HOUR
    assert await refused(farm, at(farm, "trade", (1, 1))) == "entry_holds"
    village.clock.now += UNWEIGHED
    assert await erases(farm, at(farm, "trade", (1, 1))) == 1


async def test_places_that_can_not_be_erased_are_refused_by_name(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    assert await refused(group, at(group, "circuit", (1, 1))) == "entry_lasting"
    assert await refused(group, at(group, "trade", (7, 9))) == "nothing_to_erase"
    assert await refused(group, at(group, "weather", (1, 1))) == "bad_log_name"
    assert await refused(group, at(group, "trade", (1, 1), device=base32_id(hub.hat.device)[:8])) == "not_your_device"


async def test_a_lasting_entry_of_the_trade_log_survives(village: Village) -> None:
    _hub, _farm, group, _carrots = await market(village)
    village.clock.now += OVER

    def settle(tx: Transaction) -> None:
        local = derived_id(b"erase_request", tx.circuit, b"orders")
        tx.append(group.hat.member, Log.TRADE, [EraseRequest(local, 1, tx.circuit, "orders", True)], lasting=True)

    await group.write(settle)
    assert await refused(group, at(group, "trade", (1, 2))) == "entry_lasting"
    assert await erases(group, at(group, "trade", (1, 1))) == 1
    assert await payloads(group, group, 2) == [False, True]


async def test_another_laptop_of_the_member_erases_what_this_one_signed(village: Village) -> None:
    hub, _farm, group, _carrots = await market(village)
    second = await laptop(village, "Second", group)
    village.clock.now += OVER
    (order,) = await second.orders()
    assert await erases(second, of_order(second, order.id)) == 1
    await village.gossip()
    assert await payloads(group, group, 2) == await payloads(hub, group, 2) == [False]


async def test_a_stranger_finds_no_order_to_erase(village: Village) -> None:
    _hub, farm, group, _carrots = await market(village)
    (order,) = await group.orders()
    with pytest.raises(FoodhubError) as caught:
        await farm.read(find_order, farm.hat, order.id, village.clock.now)
    assert await refused(farm, of_order(farm, order.id)) == caught.value.code == "no_such_order"


def entry(seq: int, device: bytes = b"d", log: int = 2, said: Any = ()) -> OwnEntry:
    return OwnEntry(device, log, seq, 1, 0, 100, said)


def test_consecutive_places_are_one_span() -> None:
    found = [entry(3), entry(5), entry(4), entry(9), entry(10, b"e"), entry(10, log=1)]
    assert spans(found) == [(b"d", 1, 10, 10), (b"d", 2, 3, 5), (b"d", 2, 9, 9), (b"e", 2, 10, 10)]


def test_what_is_shown_names_the_statements() -> None:
    (row,) = rows([entry(3, said=[(0, Stock(bytes(16), 1, "counted", 1))])])
    assert (row.log, row.seq, row.says, row.bytes) == ("trade", 3, ["stock"], 100)


async def test_long_logs_are_read_in_slices_of_what_is_left(village: Village) -> None:
    hub, farm, group, carrots = await market(village)
    for _ in range(4):
        await group.order((carrots, "1"))

    def read(tx: Transaction, *readers: bytes) -> list[list[int]]:
        slices = Slices(tx, group.hat.member, [(group.hat.device, 2, EVER)], readers)
        at, found = 0, []
        while True:
            entries, at = slices.read(at, 2)
            found.append([each.seq for each in entries])
            if not at:
                return found

    assert await group.write(read) == [[1, 2], [3, 4], [5]]
    assert await group.write(read, hub.hat.member) == [[1, 2], [3, 4], [5]]
    assert await group.write(read, group.hat.member) == [[1, 2], [3, 4], [5]]
    assert await group.write(read, farm.hat.member, hub.hat.member) == [[1, 2], [3, 4], [5]]
    village.clock.now += OVER
    await erases(group, at(group, "trade", (2, 4)))
    assert await group.write(read) == [[1, 5], []]
    assert await group.write(read, farm.hat.member) == [[], []]
