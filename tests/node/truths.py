"""What has to be so after every cycle of a season, whoever slept and whatever was late: each of these asserts it."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Stock
from foodhub.log.header import Log
from foodhub.node.closing import close_of
from foodhub.node.comparison import shared_rows
from foodhub.node.confirmations import confirmation_of, confirmations_of
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.duties import due
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.orders import list_orders
from foodhub.node.purchases import list_purchases
from foodhub.node.reworking import rework
from foodhub.node.shelf import asides_for
from foodhub.node.standing import roles_of
from foodhub.orders.cases import pool_of
from foodhub.orders.closing import Confirmation, ConfirmedLine, Slip
from foodhub.orders.reserving import Return
from foodhub.orders.slips import fault_of, overlap, share_of
from foodhub.orders.statements import Allot, Answer
from foodhub.store.facts import FACTS
from foodhub.store.fold import READERS, read_catalog
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction
from tests.homes import Home
from tests.node.bazaar import open_all
from tests.shelf import rows

Key = tuple[bytes, bytes]
"""(producer, product)"""
SAME = sorted({fact.table for fact in FACTS.values() if fact.log == Log.TRADE} - {"contact", "tally"})
"""Views of what is sealed that two homes show alike where both show it; of these two an old reader has an old one."""
OVER = {"confirmed", "refused", "cancelled", "late"}


async def all_show_the_same(homes: Sequence[Home]) -> None:
    """Whoever shares a view shows the same in it: what is public to all, what is sealed to those who read it."""
    assert len({str(await home.read(shared_rows)) for home in homes}) == 1
    told: dict[tuple[Any, ...], Any] = {}
    public = [await home.read(_public) for home in homes]
    assert all(each == public[0] for each in public)
    for home in homes:
        found = await home.read(rows)
        for table in SAME:
            for row in found[table]:
                assert told.setdefault((table, *row[:2]), row) == row
        assert found["unread"] == []


def _public(db: sqlite3.Connection) -> dict[str, Any]:
    found = rows(db)
    return {fact.table: found[fact.table] for fact in FACTS.values() if fact.log == Log.CATALOG}


async def a_rebuild_changes_nothing(home: Home) -> None:
    before = await home.read(rows)
    await home.write(lambda tx: tx.fold.rebuild())
    assert await home.read(rows) == before


async def nothing_is_left_open(
    homes: Sequence[Home], cycle: CycleRow, gone: Collection[bytes] = (), deaf: Collection[bytes] = ()
) -> None:
    """No duty waits, and every order of the cycle has come to its end, with a word on each of its lines.

    Of what was ordered from those who are `gone`, or from whom they supply, an end may lack; then nobody was told one.
    What was sent to those who lack a key, the `deaf`, may stay unread.
    """
    for home in homes:
        assert not await home.read(due, home.clock.now), home.hat.name
        for row in await home.read(list_orders, home.hat, home.clock.now):
            if row.cycle_id == cycle.id:
                told = await home.read(confirmation_of, id_bytes(row.hub_id), id_bytes(row.customer_id), cycle.key)
                waits = told is None and await _waits_for(home, id_bytes(row.hub_id), cycle, gone)
                waits = waits or (row.state == "sent" and id_bytes(row.hub_id) in deaf)
                assert row.state in OVER or waits, (home.hat.name, row)
                assert row.state != "confirmed" or all(line.confirmed is not None for line in row.lines), row


async def _waits_for(home: Home, aggregator: bytes, cycle: CycleRow, gone: Collection[bytes]) -> bool:
    """Say whether an aggregator is gone, or supplied by one who is, or whoever had to close the cycle."""
    how = await home.read(exchange_of, aggregator, cycle)
    unclosed = cycle.key[0] in gone and await home.read(close_of, cycle) is None
    return unclosed or (how is not None and bool({aggregator, how.supplier} & set(gone)))


def exchange(db: sqlite3.Connection, home: Home, cycle: CycleRow) -> Exchange | None:
    return exchange_of(db, home.hat.member, cycle)


async def confirmed_by(home: Home, cycle: CycleRow) -> tuple[Exchange, dict[bytes, Confirmation]] | None:
    """Return how a hub or group sold, and what it confirmed to whom; None where it took no part."""
    found = await home.read(exchange, home, cycle)
    return None if found is None else (found, await home.read(confirmations_of, found))


def summed(confirmations: Iterable[Confirmation], field: str = "confirmed") -> dict[Key, int]:
    sums: defaultdict[Key, int] = defaultdict(int)
    for each in confirmations:
        for line in each.lines:
            sums[line.producer, line.product] += getattr(line, field)
    return {key: amount for key, amount in sums.items() if amount}


async def no_more_is_confirmed_than_there_is(desks: Sequence[Home], cycle: CycleRow) -> None:
    """A hub confirms no more than was set aside for it, another aggregator no more than it was confirmed itself."""
    told = {desk.hat.member: await confirmed_by(desk, cycle) for desk in desks}
    for desk in desks:
        found = told[desk.hat.member]
        if found is None:
            continue
        how, confirmations = found
        given, shared = summed(confirmations.values()), summed(confirmations.values(), "share")
        limits = await _limits(desk, how, cycle, told)
        for key in {*limits, *given} if not how.own_supplier else limits:
            held = limits.get(key)
            assert given.get(key, 0) <= (held.confirmed if held else 0), (desk.hat.name, key)
            assert shared.get(key, 0) <= (held.share if held else 0), (desk.hat.name, key)
        assert all(line.share <= line.confirmed for each in confirmations.values() for line in each.lines)


async def everybody_works_out_the_same_allocation(homes: Sequence[Home], cycle: CycleRow) -> int:
    """Whoever may read all wishes comes to the fingerprint that it was told; return how often that was so."""
    found = [row for home in homes for row in await home.read(rework, home.hat, cycle, home.clock.now)]
    assert [row for row in found if row.state not in {"same", "not_shown"}] == []
    return sum(row.state == "same" for row in found)


async def _limits(desk: Home, how: Exchange, cycle: CycleRow, told: Mapping[bytes, Any]) -> dict[Key, ConfirmedLine]:
    if how.own_supplier:
        asides = await desk.read(asides_for, desk.hat.member)
        return {
            (producer, each.product): ConfirmedLine(producer, each.product, 0, 0, each.given, each.given, "", "", [])
            for producer, each in asides
            if each.cycle == cycle.key
        }
    above = await desk.read(confirmation_of, how.supplier, desk.hat.member, cycle.key)
    if how.supplier in told:  # else its device is gone for good: what it said last is what its customer holds
        assert above == told[how.supplier][1].get(desk.hat.member), desk.hat.name
    lines = above.lines if above else []
    return {(line.producer, line.product): line for line in lines}


async def slips_hold(desks: Sequence[Home], cycle: CycleRow) -> int:
    """Every slip can be worked out from itself alone, and no two tell of the same place; return how many there are."""
    seen = 0
    for desk in desks:
        found = await confirmed_by(desk, cycle)
        if found is None:
            continue
        how, confirmations = found
        pools: defaultdict[tuple[Any, ...], list[Slip]] = defaultdict(list)
        for buyer, each in confirmations.items():
            aggregator = bool({"group", "hub"} & await desk.read(roles_of, buyer))
            for line in each.lines:
                filled = how.rule(line.producer, line.product).filled
                for slip in line.slips:
                    assert fault_of(slip, line) is None, (desk.hat.name, fault_of(slip, line))
                    assert share_of(slip) == slip.share
                    pool = pool_of(filled, buyer, aggregator=aggregator) if slip.about == "cases" else b""
                    pools[each.fingerprint, line.producer, line.product, slip.about, pool].append(slip)
        for slips in pools.values():
            assert not [overlap(one, other) for one, other in combinations(slips, 2) if overlap(one, other)]
            assert sum(slip.share for slip in slips) <= slips[0].units
            seen += len(slips)
    return seen


async def purchases_are_what_was_confirmed(hubs: Sequence[Home], cycle: CycleRow) -> int:
    """Return how many purchase orders there are; what they order is what the customers of their hub were confirmed."""
    seen = 0
    for hub in hubs:
        found = await confirmed_by(hub, cycle)
        sent = [row for row in await hub.read(list_purchases, hub.hat, hub.clock.now) if row.cycle_id == cycle.id]
        sent = [row for row in sent if row.statement.producer != hub.hat.member]
        if found is None or not found[0].own_supplier:
            assert sent == []
            continue
        ordered = {
            (row.statement.producer, line.product): line.quantity
            for row in sent
            for line in row.statement.lines
            if line.quantity
        }
        assert ordered == summed(found[1].values()), hub.hat.name
        assert {row.statement.fingerprint for row in sent} <= {each.fingerprint for each in found[1].values()}
        seen += len(sent)
    return seen


async def promises_stay_within_what_is_set_aside(hub: Home) -> None:
    """I1: at every entry of a desk's log, what was set aside for it less what it gave back covers what it promises."""
    given, orders = await hub.read(_given), await hub.read(_cycles_of_orders)
    sold = [(cycle.key, await hub.read(exchange, hub, cycle)) for cycle in await hub.read(list_cycles, 0)]
    supplied = {key for key, how in sold if how is not None and not how.own_supplier}
    promised: defaultdict[tuple[Key, Key], dict[tuple[bytes, bytes], int]] = defaultdict(dict)
    returned: defaultdict[tuple[Key, Key], int] = defaultdict(int)
    for said in await hub.write(own_words, hub):
        if isinstance(said, Return):
            returned[(said.cycle_owner, said.cycle), (said.producer, said.product)] = said.returned
        elif isinstance(said, Answer) and (said.buyer, said.order) in orders:
            for amounts in promised.values():
                amounts.pop((said.buyer, said.order), None)  # an answer restates all of an order
            for line in said.lines:
                place = orders[said.buyer, said.order], (line.producer, line.product)
                promised[place][said.buyer, said.order] = line.promised
        for place in {*promised, *returned}:
            if place[0] in supplied:
                continue  # what it promises there, its supplier has promised it
            held = given.get((hub.hat.member, *place), 0)
            assert held - returned[place] - sum(promised[place].values()) >= 0, (hub.hat.name, said)


def _given(db: sqlite3.Connection) -> dict[tuple[bytes, Key, Key], int]:
    query = "SELECT a.hub, a.cycle_owner, a.cycle, p.id, a.product, a.quantity FROM allotment a JOIN party p"
    return {
        (hub, (owner, cycle), (producer, product)): quantity
        for hub, owner, cycle, producer, product, quantity in db.execute(f"{query} ON p.ref = a.owner")
    }


def _cycles_of_orders(db: sqlite3.Connection) -> dict[tuple[bytes, bytes], Key]:
    query = "SELECT p.id, f.local, f.cycle_owner, f.cycle FROM placement f JOIN party p ON p.ref = f.owner"
    return {(buyer, order): (owner, cycle) for buyer, order, owner, cycle in db.execute(query)}


def own_words(tx: Transaction, home: Home) -> list[Any]:
    """Return all that a home said in its log 2, in order."""
    found = [(entry[1], body) for entry, body in open_all(tx).items() if entry[0] == home.hat.device]
    return [said for _, body in sorted(found) for said in READERS[Log.TRADE].read(body)]


async def no_more_is_set_aside_than_was_counted(farm: Home) -> None:
    """I2: whenever the farm gave, what it had counted covers what it had given for that cycle and not got back.

    Of what is counted on the shelf all cycles weigh; each has left before the next count here.
    """
    counts: dict[bytes, Stock] = {}
    since: dict[bytes, set[bytes]] = {}
    given: dict[tuple[bytes, bytes, bytes], Allot] = {}
    opened = await farm.write(open_all)
    returns = [
        (*entry, said)
        for entry, body in opened.items()
        for said in READERS[Log.TRADE].read(body)
        if isinstance(said, Return)
    ]
    for said in await farm.read(_in_time, farm, opened):
        if isinstance(said, Stock):
            counts[said.local], since[said.local] = said, set()
            continue
        given[said.cycle, said.device, said.product] = said
        since.setdefault(said.product, set()).add(said.cycle)
        cycles = since[said.product] if counts[said.product].mode == "counted" else {said.cycle}
        taken = [each for each in given.values() if each.product == said.product and each.cycle in cycles]
        left = [each.quantity - _returned_by(returns, each) for each in taken]
        assert sum(left) <= counts[said.product].on_hand


def _in_time(db: sqlite3.Connection, farm: Home, opened: Mapping[tuple[bytes, int], bytes]) -> list[Any]:
    """Return the counts and allotments of a farm in the order of their times; a count goes before what rests on it."""
    query = (
        f"SELECT l.log, e.place & {(1 << SEQ_BITS) - 1}, e.timestamp, e.payload, e.kind FROM log l"  # noqa: S608
        f" JOIN entry e ON e.place >> {SEQ_BITS} = l.ref WHERE l.author = ? AND l.log > 0"
    )
    found: list[tuple[tuple[int, int, int], Any]] = []
    for log, seq, at, payload, kind in db.execute(query, (farm.hat.device,)).fetchall():
        if log == Log.CATALOG:
            said = [each for _, each in read_catalog(payload, kind, at)]
        else:
            said = list(READERS[Log.TRADE].read(opened[farm.hat.device, seq]))
        found += [((at, log, seq), each) for each in said if isinstance(each, Stock | Allot)]
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _returned_by(returns: Iterable[tuple[bytes, int, Return]], allot: Allot) -> int:
    """Return what the farm knew that a device had given back when it gave again: up to the entry that it names."""
    place = (allot.device, allot.cycle, allot.product)
    known = [
        said.returned
        for device, seq, said in returns
        if (device, said.cycle, said.product) == place and seq <= allot.seen
    ]
    return max(known, default=0)
