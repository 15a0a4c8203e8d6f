"""Who reads what: a farm learns totals and no order, a member that is no party learns nothing."""

import sqlite3
from itertools import permutations

import pytest

from foodhub.catalog.naming import id_bytes
from foodhub.log.header import Log
from foodhub.node.allotments import allot, list_allotments
from foodhub.node.comparison import frontier_of, shared_rows
from foodhub.orders.statements import Receipt
from foodhub.store.fold import READERS
from foodhub.store.keyring import read_key_files
from tests.homes import Home, Village, all_runs
from tests.shelf import rows

pytestmark = pytest.mark.anyio
PRIVATE = ("allotment", "placement", "receipt", "answer", "total")


async def street(village: Village) -> tuple[Home, Home, Home, Home, Home]:
    """Return hub, farm, two groups that ordered, and a household that did not; everybody holds every entry."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    one, two = await village.home("Group one", "group"), await village.home("Group two", "group")
    house = await village.home("The Martins", "household")
    carrots = await farm.product("Carrots", on_hand=40)
    await village.open_cycle(hub)
    await farm.write(allot, farm.hat, await farm.cycle(), {id_bytes(carrots): 5})
    await village.gossip()
    await one.order(("Carrots", "3"))
    await two.order(("Carrots", "4"))
    await village.gossip()
    return hub, farm, one, two, house


async def counts(home: Home) -> tuple[int, ...]:
    found = await home.read(rows)
    return tuple(len(found[name]) for name in PRIVATE)


async def test_each_reads_what_concerns_it_and_nothing_else(village: Village) -> None:
    hub, farm, one, two, house = await street(village)
    assert {name: await counts(home) for name, home in zip("hf12m", (hub, farm, one, two, house), strict=True)} == {
        "h": (1, 2, 1, 2, 1),
        "f": (1, 0, 0, 0, 1),
        "1": (0, 1, 0, 1, 0),
        "2": (0, 1, 0, 1, 0),
        "m": (0, 0, 0, 0, 0),
    }
    for home in (hub, farm, one, two, house):
        assert await home.rows("SELECT * FROM unread") == []


async def test_all_hold_the_same_entries_and_show_the_same_shared_rows(village: Village) -> None:
    homes = await street(village)
    assert len({await home.read(frontier_of) for home in homes}) == 1
    assert len({str(await home.read(shared_rows)) for home in homes}) == 1
    shown = [await home.read(rows) for home in homes]
    for one, other in permutations(shown, 2):
        assert {name: one[name] for name in one if name not in PRIVATE} == {
            name: other[name] for name in other if name not in PRIVATE
        }


async def test_a_farm_learns_totals_and_no_buyer(village: Village) -> None:
    _, farm, one, two, _ = await street(village)
    (row,) = await farm.read(list_allotments, await farm.cycle())
    assert (row.set_aside, row.ordered, row.promised) == (5, 7, 5)
    assert await farm.orders() == []
    buyers = [one.hat.member, two.hat.member]
    shown = await farm.read(rows)
    opened = [value for name in PRIVATE for row in shown[name] for value in row if isinstance(value, bytes)]
    assert not any(buyer in value for buyer in buyers for value in opened)


async def test_a_receipt_lists_what_was_taken_in_with_the_entries_it_was_read_from(village: Village) -> None:
    hub, _, one, two, _ = await street(village)
    listed = []
    for (body,) in await hub.rows("SELECT body FROM receipt ORDER BY place"):
        (receipt,) = READERS[Log.TRADE].read(b"\x91" + body)
        assert isinstance(receipt, Receipt)
        assert len(receipt.basis) == 1
        listed += [(row.buyer, row.entry) for row in receipt.rows]
    placed = await hub.rows("SELECT m.id, p.entry FROM placement p JOIN member m ON m.ref = p.owner")
    assert sorted(listed) == sorted(placed)
    assert {buyer for buyer, _ in listed} == {one.hat.member, two.hat.member}


async def test_the_file_of_a_member_that_is_no_party_holds_no_word_of_a_trade(village: Village) -> None:
    """Carrots are public; that somebody ordered three bunches of them is not, and neither is an allotment."""
    hub, _, one, two, house = await street(village)
    await house.node.store.close()
    content = b"".join(path.read_bytes() for path in house.node.home.glob("foodhub.db*"))
    for (local,) in await hub.rows("SELECT local FROM placement UNION SELECT local FROM allotment"):
        assert local not in content
    assert one.hat.member in content
    assert two.hat.member in content


async def test_the_name_of_a_household_stays_in_its_home(village: Village) -> None:
    hub, *_, house = await street(village)
    await hub.node.store.close()
    content = b"".join(path.read_bytes() for path in hub.node.home.glob("foodhub.db*"))
    assert b"The Martins" not in content
    assert b"Group one" in content
    assert house.hat.member in content


async def test_no_payload_of_a_trade_log_is_open(village: Village) -> None:
    hub, _, one, two, _ = await street(village)
    plain = [home.hat.member for home in (hub, one, two)]
    sealed = [payload for run, payloads in await hub.read(all_runs) if run.log == 2 for payload in payloads]
    assert len(sealed) >= 7
    assert not any(member in payload for member in plain for payload in sealed)
    assert {len(payload) % 256 for payload in sealed} == {len(sealed[0]) % 256}


async def test_a_made_again_home_reads_no_more_than_before(village: Village) -> None:
    homes = await street(village)
    for home in homes:
        before = await counts(home)
        await home.write(lambda tx: tx.fold.rebuild())
        assert await counts(home) == before


async def test_keys_never_stand_in_the_database(village: Village) -> None:
    hub, *_ = await street(village)
    (file,) = read_key_files(hub.node.home / "keys")

    def dump(db: sqlite3.Connection) -> bytes:
        return db.serialize()

    content = await hub.read(dump)
    assert file.keys.signing.public in content
    assert file.keys.signing.seed not in content
    assert file.keys.box.secret not in content
