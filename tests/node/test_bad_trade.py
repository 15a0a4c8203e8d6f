"""Bad input of the trade: typed, it is refused with what would be right; from a peer, it is kept and does not count.

What a peer signs goes past the checks of the command here, as a node of a neighbour's own making would do it. Somebody
else who orders beside it is served as if it were not there.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.node.allotments import allot, list_allotments
from foodhub.node.amending import amend_order
from foodhub.node.checking import check_cycle_of
from foodhub.node.counting import counted_of
from foodhub.node.exchanges import exchange_of
from foodhub.node.offering import Offer, sell
from foodhub.node.placing import place_order
from foodhub.node.planning import bring
from foodhub.node.products import product_statement, set_product
from foodhub.node.purchasing import GRACE
from foodhub.node.shelf import asides_for
from foodhub.node.shortfalls import declare_shortfall
from foodhub.node.wanted import read_changes, read_lines
from foodhub.orders.exchanges import DEFAULT_RULE, Incoming, Outgoing, Plan
from foodhub.orders.hands import Behalf
from foodhub.orders.statements import Allot, Order, derived_id
from foodhub.store.transaction import Transaction
from tests.homes import HOUR, Home, Village, free_stock
from tests.node.street import CLOSES, Street

pytestmark = pytest.mark.anyio


@pytest.fixture
async def street(village: Village) -> Street:
    return await Street(village).begin()


async def refused(home: Home, work: Callable[[], Awaitable[Any]], code: str) -> RefusedError:
    """Assert that something is refused with a sentence of its own, and that nothing was signed."""
    before = await home.rows("SELECT count(*) FROM entry")
    with pytest.raises(RefusedError) as raised:
        await work()
    assert raised.value.code == code
    assert str(raised.value)
    assert await home.rows("SELECT count(*) FROM entry") == before
    return raised.value


def said_of(error: RefusedError) -> str:
    """Return what a person reads: the sentence and the hint."""
    return f"{error} {error.hint.format(**error.details)}"


async def order(street: Street, name: str, *wanted: tuple[str, str], to: str | None = None) -> None:
    """Order as a command does; `to` names the aggregator."""
    home = street[name]
    cycle = await home.cycle()

    def work(tx: Transaction) -> bytes:
        seller = exchange_of(tx.db, street[to].hat.member, cycle) if to else None
        return place_order(tx, home.hat, cycle, read_lines(tx.db, cycle, wanted), None, seller=seller)

    await home.write(work)


# Quantities that break a multiple or a minimum


async def test_a_quantity_that_breaks_a_multiple_is_refused(street: Street) -> None:
    error = await refused(street["Eve"], lambda: order(street, "Eve", ("Carrots", "3")), "not_in_steps")
    assert "2" in said_of(error)
    await refused(street["Eve"], lambda: order(street, "Eve", ("Carrots", "1")), "not_in_steps")


@pytest.mark.parametrize("quantity", [1, 3, 2**41, 2**52])
async def test_a_peer_s_line_that_breaks_a_multiple_gets_nothing_and_the_others_are_served(
    street: Street, quantity: int
) -> None:
    carrots, eggs = await street.lines("Ann", ("Carrots", "2"), ("Eggs", "1"))
    await street.signs("Bob", [msgspec.structs.replace(carrots, quantity=quantity), eggs], to="G2")
    await street.village.gossip()
    assert await street.said("Bob") == ("received", "", {"Carrots": (0, "not_permitted"), "Eggs": (1, "")})
    await street.eve_is_served()


# An unknown or withdrawn product


async def test_a_withdrawn_product_is_refused(street: Street) -> None:
    farm = street["Farm"]
    await farm.write(set_product, farm.hat, street.local["Carrots"], {"withdrawn": True})
    await street.village.gossip()
    await refused(street["Eve"], lambda: order(street, "Eve", ("Carrots", "2")), "not_in_cycle")


@pytest.mark.parametrize("which", ["unknown", "withdrawn", "of another producer"])
async def test_a_peer_s_line_of_what_is_not_sold_gets_nothing(street: Street, which: str) -> None:
    farm = street["Farm"]
    carrots, eggs = await street.lines("Bob", ("Carrots", "2"), ("Eggs", "1"))
    if which == "unknown":
        carrots = msgspec.structs.replace(carrots, product=bytes(16))
    elif which == "of another producer":
        carrots = msgspec.structs.replace(carrots, producer=street["Other"].hat.member)
    else:
        await farm.write(set_product, farm.hat, street.local["Carrots"], {"withdrawn": True})
        await street.village.gossip()
    await street.signs("Bob", [carrots, eggs], to="G2")
    await street.village.gossip()
    outcome, reason, lines = await street.said("Bob")
    assert (outcome, reason, lines.pop("Eggs")) == ("received", "", (1, ""))
    assert list(lines.values()) == [(0, "not_permitted")]
    await street.eve_is_served()


async def test_a_peer_s_line_at_a_price_of_its_own_gets_nothing(street: Street) -> None:
    (carrots,) = await street.lines("Bob", ("Carrots", "2"))
    await street.signs("Bob", [msgspec.structs.replace(carrots, price=1)], to="G2")
    await street.village.gossip()
    assert await street.said("Bob") == ("refused", "not_permitted", {"Carrots": (0, "not_permitted")})
    await street.eve_is_served()


# Two currencies in one cycle


async def dollars(street: Street) -> None:
    """Let the other farm price its cheese in dollars."""
    other = street["Other"]
    (held,) = await other.rows("SELECT version FROM product WHERE local = ?", street.local["Cheese"])
    statement = await other.read(product_statement, other.hat.member, street.local["Cheese"])
    assert statement is not None
    await other.sign(Log.CATALOG, msgspec.structs.replace(statement, version=held[0] + 1, currency="USD"))
    await street.village.gossip()


async def test_two_currencies_in_one_cycle_are_refused(street: Street) -> None:
    hub = street["Hub"]
    await dollars(street)
    local = (await hub.cycle()).key[1]
    await hub.write(bring, hub.hat, local, Incoming(street["Farm"].hat.member, [], "", 0, 0))
    other = Incoming(street["Other"].hat.member, [], "", 0, 0)
    error = await refused(hub, lambda: hub.write(bring, hub.hat, local, other), "two_currencies")
    assert "EUR, USD" in str(error)


async def test_a_peer_s_cycle_with_two_currencies_sells_only_what_has_the_circuit_s(street: Street) -> None:
    hub = street["Hub"]
    (cheese, eggs) = await street.lines("Bob", ("Cheese", "1"), ("Eggs", "1"))
    await dollars(street)
    village = street.village
    village.clock.now += HOUR
    incoming = [Incoming(street[name].hat.member, [], "", 0, 0) for name in ("Farm", "Other")]
    await hub.sign(Log.CATALOG, Plan((await hub.cycle()).key[1], 1, incoming, [], pooled=False, deputies=[]))
    await village.gossip()
    stated = msgspec.structs.replace(cheese, currency="USD")
    await street.signs("Bob", [stated, eggs], to="G2")
    await village.gossip()
    assert await street.said("Bob") == ("received", "", {"Cheese": (0, "not_permitted"), "Eggs": (1, "")})
    await street.eve_is_served()


async def test_a_cycle_that_opens_with_a_price_in_another_currency_does_not_sell_that(village: Village) -> None:
    street = await Street(village).begin(opens=HOUR)
    (cheese, eggs) = await street.lines("Bob", ("Cheese", "1"), ("Eggs", "1"))
    await dollars(street)
    village.clock.now += 2 * HOUR
    await village.gossip()
    await refused(street["Eve"], lambda: order(street, "Eve", ("Cheese", "1")), "other_currency")
    await street.signs("Bob", [msgspec.structs.replace(cheese, currency="USD", version=2), eggs], to="G2")
    await village.gossip()
    assert await street.said("Bob") == ("received", "", {"Cheese": (0, "not_permitted"), "Eggs": (1, "")})
    await street.eve_is_served()


# Orders before the opening and after the close


async def test_orders_before_the_opening_and_after_the_close_are_refused(village: Village) -> None:
    street = await Street(village).begin(opens=HOUR)
    await refused(street["Eve"], lambda: order(street, "Eve", ("Eggs", "1")), "cycle_not_open")
    village.clock.now += CLOSES
    await refused(street["Eve"], lambda: order(street, "Eve", ("Eggs", "1")), "cycle_closed")


async def test_a_peer_s_order_from_before_the_opening_is_refused_when_it_is_taken_in(village: Village) -> None:
    street = await Street(village).begin(opens=HOUR)
    lines = await street.lines("Bob", ("Eggs", "1"))
    await street.signs("Bob", lines, to="G2")
    village.clock.now += 2 * HOUR
    await village.gossip()
    assert await street.said("Bob") == ("refused", "not_open_yet", {"Eggs": (0, "not_permitted")})
    await street.eve_is_served()


async def test_a_peer_s_order_from_after_the_close_is_refused(street: Street) -> None:
    lines = await street.lines("Eve", ("Eggs", "1"))
    await street["Ann"].order(("Eggs", "2"))
    await street.village.gossip()
    street.village.clock.now += CLOSES + HOUR
    await street.signs("Eve", lines)
    await street.village.gossip()
    assert await street.said("Eve") == ("refused", "late", {"Eggs": (0, "late")})
    (row,) = await street["Eve"].orders()
    assert (row.state, row.lines[0].reason) == ("refused", "late")
    (row,) = await street["Ann"].orders()
    assert row.state == "confirmed"


# An allotment for another's product, or to a hub outside the cycle


async def test_an_allotment_of_another_s_product_or_outside_the_cycle_is_refused(street: Street) -> None:
    farm, outside = street["Farm"], street["Outside"].hat.member
    cycle = await farm.cycle()
    foreign = {street.local["Cheese"]: 1}
    await refused(farm, lambda: farm.write(allot, farm.hat, cycle, foreign), "not_your_product")
    eggs = {street.local["Eggs"]: 1}
    await refused(farm, lambda: farm.write(allot, farm.hat, cycle, eggs, outside), "hub_not_in_cycle")


async def test_a_peer_s_allotment_of_another_s_product_is_not_promised_to_anybody(street: Street) -> None:
    other, hub = street["Other"], street["Hub"]
    cycle = await other.cycle()
    local = derived_id(b"allot", *cycle.key, hub.hat.device, street.local["Eggs"])
    said = Allot(local, 1, *cycle.key, hub.hat.member, hub.hat.device, street.local["Eggs"], 500, 0)
    await other.sign(Log.TRADE, said, readers=[hub.hat.member])
    await street.village.gossip()
    assert await hub.rows("SELECT count(*) FROM allotment") == [(3,)]
    reasons = {row.set_aside: row.reason for row in await hub.read(list_allotments, cycle)}
    assert (reasons.pop(500), set(reasons.values())) == ("other_product", {""})
    await street["Eve"].order(("Eggs", "30"))
    await street.village.gossip()
    assert await street.said("Eve") == ("received", "", {"Eggs": (20, "allotment_exhausted")})
    assert await street["Farm"].read(free_stock, street["Farm"].hat.member, street.local["Eggs"]) == 20


async def test_a_peer_s_allotment_to_a_hub_outside_the_cycle_is_held_by_that_one_and_sold_by_nobody(
    street: Street,
) -> None:
    farm, outside = street["Farm"], street["Outside"]
    cycle = await farm.cycle()
    local = derived_id(b"allot", *cycle.key, outside.hat.device, street.local["Eggs"])
    said = Allot(local, 1, *cycle.key, outside.hat.member, outside.hat.device, street.local["Eggs"], 15, 0)
    await farm.sign(Log.TRADE, said, readers=[outside.hat.member])
    await street.village.gossip()
    assert await outside.read(exchange_of, outside.hat.member, await outside.cycle()) is None
    assert len(await outside.read(asides_for, outside.hat.member)) == 1
    (seen,) = await outside.read(list_allotments, cycle)
    assert (seen.set_aside, seen.reason) == (15, "hub_not_in_cycle")
    lines = await street.lines("Bob", ("Eggs", "1"))
    await street.signs("Bob", lines, to="Outside")
    await street.village.gossip()
    assert await outside.rows("SELECT count(*) FROM answer") == [(0,)]
    (row,) = await street["Bob"].orders()
    assert row.state == "sent"
    # The farm gave it away, as far as it counts: nothing of it can be given to somebody else as well.
    assert await farm.read(free_stock, farm.hat.member, street.local["Eggs"]) == 5
    await street.eve_is_served()


# A wish for a household of another group


async def test_a_wish_for_a_household_of_another_group_is_refused(street: Street) -> None:
    error = await refused(street["Ann"], lambda: order(street, "Ann", ("Eggs", "1"), to="G2"), "other_group")
    assert said_of(error) == "Ann does not buy through G2. Its own group is G."


async def test_a_peer_s_wish_at_another_group_is_refused_by_that_group(street: Street) -> None:
    await street.signs("Ann", await street.lines("Ann", ("Eggs", "1")), to="G2")
    await street.village.gossip()
    assert await street.said("Ann") == ("refused", "not_permitted", {"Eggs": (0, "not_permitted")})
    assert await street["G2"].rows("SELECT count(*) FROM placement WHERE hub = ?", street["Hub"].hat.member) == [(0,)]
    await street.eve_is_served()


async def test_a_group_that_writes_for_a_household_that_it_does_not_represent_is_not_heard(street: Street) -> None:
    group, cycle = street["G2"], await street["G2"].cycle()
    lines = await street.lines("G2", ("Eggs", "1"))
    wish = Order(bytes(16), 1, group.clock.now, *cycle.key, group.hat.member, False, lines)
    behalf = Behalf(street["Ann"].hat.member, bytes(16), "household", b"", "phone", wish)
    await group.sign(Log.TRADE, behalf)
    await street.village.gossip()
    assert await group.rows("SELECT reason FROM unread") == [("not_represented",)]
    assert await street["G2"].orders() == []
    await group.write(lambda tx: tx.fold.rebuild())
    assert await group.rows("SELECT reason FROM unread") == [("not_represented",)]
    await street["Eve"].order(("Eggs", "3"))
    await street.village.gossip()
    assert await street.said("Eve") == ("received", "", {"Eggs": (3, "")})


# An amendment that races the close


async def race(street: Street, after: int) -> None:
    """Let Eve have ordered 2 eggs and amend to 5, signed so long after the close, but nobody hears it before that."""
    village, eve = street.village, street["Eve"]
    local = await street.signs("Eve", await street.lines("Eve", ("Eggs", "2")))
    await village.gossip()
    village.homes.remove(eve)
    village.clock.now += CLOSES + after
    (eggs,) = await street.lines("Eve", ("Eggs", "5"))
    assert await street.signs("Eve", [eggs], version=2) == local
    village.clock.now += max(0, -after) + 1
    await village.gossip()
    village.homes.append(eve)
    await village.gossip()


@pytest.mark.parametrize("after", [-1, 0, HOUR])
async def test_an_amendment_that_races_the_close_changes_nothing_and_its_buyer_is_told(
    street: Street, after: int
) -> None:
    await race(street, after)
    outcome, reason, _ = await street.said("Eve")
    assert (outcome, reason) == ("received", "late")
    (row,) = await street["Eve"].orders()
    assert (row.state, [(line.confirmed, line.share) for line in row.lines]) == ("confirmed", [(2, 2)])
    hub = street["Hub"]
    counted = await hub.read(counted_of, hub.hat.member, (await hub.cycle()).key)
    assert counted is not None
    assert set(counted.versions.values()) == {1}


async def test_an_amendment_after_the_close_is_refused(street: Street) -> None:
    eve = street["Eve"]
    await eve.order(("Eggs", "2"))
    await street.village.gossip()
    street.village.clock.now += CLOSES
    (row,), cycle = await eve.orders(), await eve.cycle()

    def work(tx: Transaction) -> int:
        return amend_order(tx, eve.hat, row, read_changes(tx.db, cycle, [("Eggs", "5")]))

    await refused(eve, lambda: eve.write(work), "cycle_closed")


# A group as one under a direct sale


async def test_a_group_as_one_under_a_direct_sale_is_refused(village: Village) -> None:
    street = await Street(village).begin(sale="direct")
    group = street["G"]
    cycle = await group.cycle()
    await refused(group, lambda: group.write(sell, group.hat, cycle, Offer(buying="as_one")), "as_one_in_direct")


async def test_a_peer_s_group_as_one_under_a_direct_sale_takes_no_part(village: Village) -> None:
    street = await Street(village).begin(sale="direct")
    group = street["G"]
    cycle = await group.cycle()
    made = Outgoing(
        local=derived_id(b"outgoing", *cycle.key),
        version=9,
        cycle_owner=cycle.key[0],
        cycle=cycle.key[1],
        supplier=cycle.key[0],
        device=group.hat.device,
        closes=village.clock.now + CLOSES - HOUR,
        sale="direct",
        buying="as_one",
        by_hand=False,
        shown=False,
        products=[],
        rule=DEFAULT_RULE,
        rules=[],
        pickups=[],
    )
    await group.sign(Log.CATALOG, made)
    await village.gossip()
    assert await street["Ann"].read(exchange_of, group.hat.member, await street["Ann"].cycle()) is None
    hub = street["Hub"]
    findings = await hub.read(check_cycle_of, hub.hat, await hub.cycle())
    assert "as_one_in_direct" in {finding.code for finding in findings}
    await street.eve_is_served()


# What a farm has not


async def test_what_a_farm_lacks_is_never_given_back(street: Street) -> None:
    """A shortfall withdraws no promise, so what was promised is not free for anybody else (I1)."""
    village, farm = street.village, street["Farm"]
    await street["Eve"].order(("Eggs", "20"))
    await village.gossip()
    village.clock.now += CLOSES
    await village.gossip()
    await farm.write(declare_shortfall, farm.hat, await farm.cycle(), {street.local["Eggs"]: 14}, "fox")
    village.clock.now += GRACE
    await village.gossip()
    (row,) = await street["Eve"].orders()
    assert [(line.confirmed, line.share) for line in row.lines] == [(20, 14)]
    assert await farm.rows("SELECT 1 FROM purchase") == [(1,)]
    assert await farm.rows("SELECT 1 FROM returned WHERE product = ?", street.local["Eggs"]) == []
    assert await farm.read(free_stock, farm.hat.member, street.local["Eggs"]) == 20
