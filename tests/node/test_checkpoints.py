"""A device restates its catalog when much of it is superseded; others drop what lies before, and nobody notices."""

from secrets import token_bytes
from typing import Any

import pytest

from foodhub.catalog.checkpoint import MOST_ENTRIES
from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Stock
from foodhub.log.header import Kind, Log
from foodhub.node.checkpoints import prunable_entries, prune_slice
from foodhub.node.products import list_products, set_product
from foodhub.node.terms import terms_in_cycle
from foodhub.store import outgoing
from foodhub.store.pruning import prune
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, carry, runs_of
from tests.node.laptops import laptop
from tests.shelf import rows

pytestmark = pytest.mark.anyio


async def count_again(farm: Home, product: str, times: int, first: int = 2) -> None:
    """Count a product so many times, in an entry each."""

    def count(tx: Transaction) -> None:
        for version in range(first, first + times):
            tx.append(farm.hat.member, Log.CATALOG, [Stock(id_bytes(product), version, "counted", version)])

    await farm.write(count)


async def three_times(village: Village, farm: Home, product: str) -> None:
    """Let a farm say so much that it restates three times, before the eyes of everybody."""
    for turn in range(3):
        await count_again(farm, product, MOST_ENTRIES + 10, first=2 + turn * (MOST_ENTRIES + 10))
        for home in village.homes:
            await carry(farm, home)
        await village.gossip()


async def kinds(home: Home, farm: Home) -> list[int]:
    """Return the kinds of the entries of the farm's catalog log from its first checkpoint on."""
    found = await home.rows(
        "SELECT e.kind FROM log l JOIN entry e ON e.place >> 32 = l.ref WHERE l.author = ? AND l.log = 1"
        " ORDER BY e.place",
        farm.hat.device,
    )
    return [kind for (kind,) in found]


async def log_row(home: Home, farm: Home) -> dict[str, int]:
    names = ("seq", "base", "pruned", "held")
    query = "SELECT seq, base, pruned, held FROM log WHERE author = ? AND log = 1"
    return dict(zip(names, (await home.rows(query, farm.hat.device))[0], strict=True))


async def shared(home: Home) -> dict[str, list[Any]]:
    """Return all rows without where their statements stand, which a checkpoint moves."""
    found = await home.read(rows)
    del found["unread"]
    return {name: sorted((row[:-2] for row in each), key=repr) for name, each in found.items()}


async def place(village: Village) -> tuple[Home, Home, str]:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    return hub, farm, await farm.product("Carrots", price=200)


async def test_a_log_of_which_most_is_superseded_gets_a_checkpoint_and_no_second_one(village: Village) -> None:
    _hub, farm, carrots = await place(village)
    await count_again(farm, carrots, MOST_ENTRIES - 5)
    await farm.duties()
    assert set(await kinds(farm, farm)) == {Kind.ERASABLE}
    before = await shared(farm)
    await count_again(farm, carrots, 10, first=MOST_ENTRIES)
    await farm.duties()
    await farm.duties()
    assert (await kinds(farm, farm))[-1] == Kind.CHECKPOINT_END
    assert (await kinds(farm, farm)).count(Kind.CHECKPOINT_END) == 1
    after = await shared(farm)
    assert {name for name in after if after[name] != before[name]} == {"stock"}


async def test_a_checkpoint_changes_nothing_that_is_shown_here_or_elsewhere(village: Village) -> None:
    hub, farm, carrots = await place(village)
    await count_again(farm, carrots, MOST_ENTRIES + 10)
    await carry(farm, hub)
    before = [await shared(home) for home in (farm, hub)]
    await village.gossip()
    assert (await log_row(hub, farm))["base"] > MOST_ENTRIES
    assert [await shared(home) for home in (farm, hub)] == before
    for home in (farm, hub):
        await home.write(lambda tx: tx.fold.rebuild())
    assert [await shared(home) for home in (farm, hub)] == before


async def test_a_log_in_which_everything_still_holds_is_not_restated(village: Village) -> None:
    _hub, farm, _carrots = await place(village)

    def publish(tx: Transaction) -> None:
        for _ in range(MOST_ENTRIES + 20):
            known = [Stock(token_bytes(16), 1, "counted", 1) for _ in range(9)]
            tx.append(farm.hat.member, Log.CATALOG, known)

    await farm.write(publish)
    await farm.duties()
    assert Kind.CHECKPOINT_END not in await kinds(farm, farm)
    looked = await farm.rows("SELECT value FROM meta WHERE key LIKE 'checkpoint %'")
    assert looked
    await farm.duties()
    assert await farm.rows("SELECT value FROM meta WHERE key LIKE 'checkpoint %'") == looked


async def test_the_terms_of_open_cycles_outlive_the_checkpoint(village: Village) -> None:
    hub, farm, carrots = await place(village)
    village.clock.now += HOUR
    await village.open_cycle(hub, closes=48 * HOUR)
    for price in (300, 400):
        village.clock.now += HOUR
        await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": price})
    await count_again(farm, carrots, MOST_ENTRIES + 10)
    await village.gossip()
    assert (await log_row(hub, farm))["base"] > 0
    for home in (hub, farm):
        terms = await home.read(terms_in_cycle, farm.hat.member, id_bytes(carrots), await home.cycle())
        assert terms is not None
        assert terms.price == 200
        assert [row.price for row in await home.read(list_products)] == [400]


async def test_a_newcomer_begins_at_the_checkpoint_and_shows_the_same(village: Village) -> None:
    hub, farm, carrots = await place(village)
    await count_again(farm, carrots, MOST_ENTRIES + 10)
    await village.gossip()
    late = await village.home("Late", "household")
    row = await log_row(late, farm)
    assert row["pruned"] == row["base"] - 1 > MOST_ENTRIES
    assert (await shared(late))["product"] == (await shared(hub))["product"]
    assert (await shared(late))["stock"] == (await shared(hub))["stock"]


async def test_pruning_keeps_the_last_two_checkpoints_and_changes_no_row(village: Village) -> None:
    hub, farm, carrots = await place(village)
    await three_times(village, farm, carrots)
    before, frontier = await hub.read(rows), await hub.read(outgoing.frontier)
    assert (await kinds(hub, farm)).count(Kind.CHECKPOINT_END) == 3
    waits = await hub.read(prunable_entries)
    dropped = 0
    while step := await hub.write(prune_slice):
        dropped += step
    assert dropped == waits > 2 * MOST_ENTRIES
    assert (await kinds(hub, farm)).count(Kind.CHECKPOINT_END) == 2
    assert (await kinds(hub, farm))[0] in {Kind.CHECKPOINT, Kind.CHECKPOINT_END}
    assert await hub.read(rows) == before
    assert await hub.read(outgoing.frontier) == frontier
    await hub.write(lambda tx: tx.fold.rebuild())
    assert await hub.read(rows) == before


async def test_a_pruned_node_serves_newcomers_and_takes_what_comes_next(village: Village) -> None:
    hub, farm, carrots = await place(village)
    await three_times(village, farm, carrots)
    while await hub.write(prune_slice):
        pass
    village.homes.remove(farm)
    late = await village.home("Late", "household")
    village.homes.append(farm)
    assert (await shared(late))["stock"] == (await shared(farm))["stock"]
    await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": 999})
    await village.gossip()
    assert [[row.price for row in await home.read(list_products)] for home in (hub, late)] == [[999], [999]]


async def test_a_sleeping_peer_that_holds_everything_brings_nothing_back_to_a_pruned_one(village: Village) -> None:
    hub, farm, carrots = await place(village)
    await three_times(village, farm, carrots)
    while await hub.write(prune_slice):
        pass
    before = await log_row(hub, farm)
    everything = await farm.read(runs_of, farm.hat.device, 1, 0)
    await hub.take(everything)
    await carry(farm, hub)
    assert await log_row(hub, farm) == before


async def test_a_slice_of_pruning_may_end_anywhere(village: Village) -> None:
    hub, farm, carrots = await place(village)
    await three_times(village, farm, carrots)
    before = await hub.read(rows)
    assert [await hub.write(prune, 100), await hub.write(prune, 7)] == [100, 7]
    assert (await log_row(hub, farm))["pruned"] == 107
    late = await village.home("Late", "household")
    assert (await shared(late))["stock"] == [row[:-2] for row in before["stock"]]


async def test_what_one_laptop_withdrew_does_not_come_back_from_the_log_of_the_other(village: Village) -> None:
    _hub, farm, carrots = await place(village)
    second = await laptop(village, "Second", farm)
    await second.write(set_product, second.hat, id_bytes(carrots), {"withdrawn": True})
    await village.gossip()
    for turn, home in enumerate((farm, second, farm)):
        await count_again(home, carrots, MOST_ENTRIES + 10, first=2 + turn * (MOST_ENTRIES + 10))
        for other in village.homes:
            await carry(home, other)
        await village.gossip()
    assert [(await log_row(farm, home))["base"] > 0 for home in (farm, second)] == [True, True]
    for home in village.homes:
        while await home.write(prune_slice):
            pass
    await village.home("Late", "household")
    for home in village.homes:
        await home.write(lambda tx: tx.fold.rebuild())
        assert await home.read(list_products) == []
        (row,) = await home.read(list_products, withdrawn=True)
        assert (row.version, row.on_hand) == (2, 1 + 3 * (MOST_ENTRIES + 10))
