"""Purchase orders: sent by themselves after the close, answered once, and what lacks is shared among the customers."""

import sqlite3

import pytest

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.statements import Case, Stock, product_id
from foodhub.circuit.invite import read_code
from foodhub.circuit.statements import Join, charter_hash, proof_of_join
from foodhub.errors import NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.node import setup
from foodhub.node.allotments import allot
from foodhub.node.closing import reopen_cycle
from foodhub.node.cycles import in_ms
from foodhub.node.hat import Hat
from foodhub.node.planning import bring
from foodhub.node.purchase_answers import answer_purchase, mark_seen
from foodhub.node.purchased import is_purchased
from foodhub.node.purchases import PurchaseRow, find_purchase, list_purchases
from foodhub.node.purchasing import ANEW, GRACE, purchases_due, send_purchases
from foodhub.node.trade_alerts import UNSEEN, Waiting, trade_alerts
from foodhub.orders.exchanges import Incoming
from foodhub.orders.hands import Contact
from foodhub.orders.statements import derived_id
from tests.homes import HOUR, Home, Village
from tests.node.desks import cancels, changes, households, stall, wants
from tests.pens import CHARTER, Paper, Pen, changed
from tests.vectors.seeds import carrots

pytestmark = pytest.mark.anyio
CLOSES = 24 * HOUR


async def market(village: Village) -> tuple[Home, Home, Home, Home]:
    """Return a hub, a farm with carrots and with juice in cases of 6, and two households that ordered."""
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    ann, bob = [await village.home(name, "household") for name in ("Ann", "Bob")]
    carrots = id_bytes(await farm.product("Carrots", on_hand=9))
    juice = id_bytes(await farm.product("Juice", on_hand=None))
    await farm.sign(Log.CATALOG, Case(juice, 1, 6, 0, "carton", broken=False))
    await village.open_cycle(hub, closes=CLOSES)
    await farm.write(allot, farm.hat, await farm.cycle(), {carrots: 5})
    await village.gossip()
    await ann.order(("Carrots", "3"), ("Juice", "4"))
    await village.gossip()
    await bob.order(("Carrots", "2"), ("Juice", "3+2"))
    await village.gossip()
    return hub, farm, ann, bob


async def close(village: Village, later: int = 0) -> None:
    village.clock.now += CLOSES + later
    await village.gossip()


async def purchases(home: Home) -> list[PurchaseRow]:
    return await home.read(list_purchases, home.hat, home.clock.now)


def ordered(row: PurchaseRow) -> dict[str, tuple[int, int, int]]:
    return {line.product: (line.quantity, line.cases, line.case) for line in row.lines}


async def test_it_goes_by_itself_a_while_after_the_close_in_whole_cases(village: Village) -> None:
    hub, farm, ann, _ = await market(village)
    await close(village)
    assert await purchases(hub) == []
    village.clock.now += GRACE
    await village.gossip()
    (row,) = await purchases(farm)
    assert ordered(row) == {"Carrots": (5, 0, 0), "Juice": (6, 1, 6)}
    assert (row.state, row.hub, row.producer) == ("sent", "Hub", "Farm")
    assert [each.id for each in await purchases(hub)] == [row.id]
    assert await purchases(ann) == []


async def test_where_a_case_is_broken_it_says_so_many_full_ones_and_what_is_above(village: Village) -> None:
    place = await stall(village)
    _, juice = await place.add("Juice")
    await place.farm.sign(Log.CATALOG, Case(juice, 1, 6, 0, "carton", broken=True))
    await village.gossip()
    await place.rule(place.hub, "Juice", leftover="open")
    (ann,) = await households(village, "Ann")
    await wants(ann, ("Juice", "9"))
    await village.gossip()
    await place.close()
    village.clock.now += GRACE
    await village.gossip()
    (row,) = await purchases(place.farm)
    assert ordered(row) == {"Juice": (9, 1, 6)}


async def test_a_coordinator_can_send_it_sooner_but_not_before_the_close(village: Village) -> None:
    hub, farm, ann, _ = await market(village)
    cycle = await hub.cycle()
    with pytest.raises(RefusedError) as raised:
        await hub.write(send_purchases, hub.hat, cycle)
    assert raised.value.code == "cycle_still_open"
    await close(village)
    assert await hub.write(send_purchases, hub.hat, cycle, "Gate code 1234") == 1
    assert await hub.write(send_purchases, hub.hat, cycle) == 0
    with pytest.raises(RefusedError) as raised:
        await ann.write(send_purchases, ann.hat, cycle)
    assert raised.value.code == "not_your_cycle"
    await village.gossip()
    assert [row.comment for row in await purchases(farm)] == ["Gate code 1234"]


async def sent(village: Village) -> tuple[Home, Home, Home, Home, PurchaseRow]:
    hub, farm, ann, bob = await market(village)
    await close(village)
    await hub.write(send_purchases, hub.hat, await hub.cycle())
    await village.gossip()
    return hub, farm, ann, bob, (await purchases(farm))[0]


async def test_the_hub_learns_that_its_producer_looked_at_it(village: Village) -> None:
    hub, farm, _, _, row = await sent(village)
    assert await farm.write(mark_seen, farm.hat, row)
    await village.gossip()
    assert [each.state for each in await purchases(hub)] == ["seen"]
    (row,) = await purchases(farm)
    assert not await farm.write(mark_seen, farm.hat, row)


async def test_accepted_whole_it_says_so_line_by_line(village: Village) -> None:
    hub, farm, _, _, row = await sent(village)
    assert await farm.write(answer_purchase, farm.hat, row, {}) == "accepted"
    await village.gossip()
    (row,) = await purchases(hub)
    assert [(line.accepted, line.quantity) for line in row.lines] == [
        (line.quantity, line.quantity) for line in row.lines
    ]


async def test_what_is_not_accepted_is_shared_and_the_customers_are_told(village: Village) -> None:
    hub, farm, ann, bob, row = await sent(village)
    carrots = next(line.product for line in row.statement.lines if line.name == "Carrots")
    with pytest.raises(RefusedError) as raised:
        await farm.write(answer_purchase, farm.hat, row, {carrots: 4})
    assert raised.value.code == "reason_needed"
    assert await farm.write(answer_purchase, farm.hat, row, {carrots: 4}, "hail") == "part"
    await village.gossip()
    (row,) = await purchases(hub)
    assert {line.product: (line.accepted, line.reason) for line in row.lines} == {
        "Carrots": (4, "hail"),
        "Juice": (6, ""),
    }
    shares = [
        next(
            (line.confirmed, line.share, line.reason)
            for line in (await home.orders())[0].lines
            if line.product == "Carrots"
        )
        for home in (ann, bob)
    ]
    assert shares == [(3, 3, ""), (2, 1, "producer_short")]


async def test_nobody_accepts_by_the_way_what_it_said_it_has_not_got(village: Village) -> None:
    market = await stall(village)
    keys = [await market.add("Eggs", aside=6), await market.add("Honey", aside=4)]
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "6"), ("Honey", "4"))
    await village.gossip()
    await market.shortfall("Eggs", 5, "fox")
    await market.close()
    farm, hub = market.farm, market.hub
    await hub.write(send_purchases, hub.hat, await hub.cycle(), "")
    await village.gossip()
    (row,) = await farm.read(list_purchases, farm.hat, village.clock.now)
    assert await farm.write(answer_purchase, farm.hat, row, {keys[1][1]: 3}, "frost") == "part"
    await village.gossip()
    for who in (farm, hub):
        (row,) = await who.read(list_purchases, who.hat, village.clock.now)
        assert {line.product: (line.accepted, line.reason) for line in row.lines} == {
            "Eggs": (5, "fox"),
            "Honey": (3, "frost"),
        }
    assert (await market.confirmed(home, "Eggs")).note == "fox"


async def test_refused_nobody_gets_anything_of_it(village: Village) -> None:
    _, farm, ann, _, row = await sent(village)
    nothing = {line.product: 0 for line in row.statement.lines}
    assert await farm.write(answer_purchase, farm.hat, row, nothing, "fire") == "refused"
    await village.gossip()
    assert {line.share for line in (await ann.orders())[0].lines} == {0}
    (row,) = await purchases(farm)
    assert {(line.accepted, line.reason, line.total) for line in row.lines} == {(0, "fire", 0)}


async def test_it_is_answered_once_and_by_its_producer_alone(village: Village) -> None:
    hub, farm, _, _, row = await sent(village)
    with pytest.raises(RefusedError) as raised:
        await hub.write(answer_purchase, hub.hat, row, {})
    assert raised.value.code == "not_your_purchase"
    juice = next(line.product for line in row.statement.lines if line.name == "Juice")
    with pytest.raises(RefusedError) as raised:
        await farm.write(answer_purchase, farm.hat, row, {juice: 7}, "more")
    assert raised.value.code == "accepted_too_much"
    await farm.write(answer_purchase, farm.hat, row, {})
    (row,) = await purchases(farm)
    with pytest.raises(RefusedError) as raised:
        await farm.write(answer_purchase, farm.hat, row, {}, "again")
    assert raised.value.code == "purchase_answered"


async def test_it_is_found_by_its_number_its_producer_and_its_cycle(village: Village) -> None:
    hub, farm, _, _, row = await sent(village)
    for home in (hub, farm):
        for text in (row.number, "farm", row.cycle.upper()):
            assert (await home.read(find_purchase, home.hat, text, village.clock.now)).number == row.number
    with pytest.raises(NotThereError):
        await hub.read(find_purchase, hub.hat, "Week 1", village.clock.now)


async def bought_anew(village: Village, hub: Home, ann: Home) -> None:
    """Open the cycle again for a carton of juice more, and close and order anew."""
    cycle = await hub.cycle()
    await hub.write(reopen_cycle, hub.hat, cycle, village.clock.now + HOUR)
    await village.gossip()
    await ann.order(("Juice", "6"))
    await village.gossip()
    village.clock.now += HOUR + GRACE
    await village.gossip()


async def test_who_opens_a_cycle_again_and_changes_nothing_orders_nothing_anew(village: Village) -> None:
    hub, farm, _, _, _ = await sent(village)
    (before,) = await purchases(farm)
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    village.clock.now += HOUR + GRACE
    await village.gossip()
    assert not await hub.read(purchases_due, hub.hat, village.clock.now)
    assert [row.version for row in await purchases(farm)] == [before.version]
    assert await hub.read(is_purchased, hub.hat.member, (await hub.cycle()).key)


async def test_who_sends_after_a_reopening_in_which_nothing_changed_says_that_it_stands(village: Village) -> None:
    hub, farm, _, _, row = await sent(village)
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    village.clock.now += HOUR
    await village.gossip()
    with pytest.raises(RefusedError) as raised:
        await farm.write(answer_purchase, farm.hat, row, {})
    assert raised.value.code == "cycle_open_again"
    assert await hub.write(send_purchases, hub.hat, await hub.cycle()) == 1
    assert await hub.write(send_purchases, hub.hat, await hub.cycle()) == 0
    await village.gossip()
    (row,) = await purchases(farm)
    assert await farm.write(answer_purchase, farm.hat, row, {}) == "accepted"


async def test_weeks_after_the_close_nothing_goes_anew_by_itself(village: Village) -> None:
    hub, farm, ann, _, _ = await sent(village)
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    await ann.order(("Juice", "6"))
    await village.gossip()
    village.clock.now += HOUR + ANEW + GRACE
    await village.gossip()
    assert [row.version for row in await purchases(farm)] == [1]
    assert await hub.write(send_purchases, hub.hat, await hub.cycle()) == 1


async def test_of_what_nobody_wants_any_more_its_producer_hears_that_nothing_is_ordered(village: Village) -> None:
    hub, farm, ann, bob, _ = await sent(village)
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    for home in (ann, bob):
        await cancels(home)
    await village.gossip()
    village.clock.now += HOUR + GRACE
    await village.gossip()
    (row,) = await purchases(farm)
    assert {line.quantity for line in row.lines} == {0}
    assert await farm.write(answer_purchase, farm.hat, row, {}) == "accepted"


async def test_a_product_that_nobody_wants_any_more_stays_on_the_purchase_order_with_nothing(village: Village) -> None:
    hub, farm, ann, bob, _ = await sent(village)
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await village.gossip()
    await changes(ann, ("Carrots", "0"))
    await changes(bob, ("Carrots", "0"))
    await village.gossip()
    village.clock.now += HOUR + GRACE
    await village.gossip()
    (row,) = await purchases(farm)
    assert {name: amounts[0] for name, amounts in ordered(row).items()} == {"Carrots": 0, "Juice": 6}


async def test_they_go_anew_also_where_a_fast_clock_had_sent_the_first(village: Village) -> None:
    hub, farm, ann, _ = await market(village)
    await close(village)
    village.clock.now += 12 * HOUR
    await hub.write(send_purchases, hub.hat, await hub.cycle())
    village.clock.now -= 12 * HOUR
    await village.gossip()
    await bought_anew(village, hub, ann)
    (row,) = await purchases(farm)
    assert (row.version, ordered(row)["Juice"][0]) == (2, 12)


async def test_a_yes_holds_for_what_the_producer_saw_and_not_for_what_was_ordered_since(village: Village) -> None:
    hub, farm, ann, _, row = await sent(village)
    await hub.write(reopen_cycle, hub.hat, await hub.cycle(), village.clock.now + HOUR)
    await farm.write(answer_purchase, farm.hat, row, {})  # it has not heard of the reopening
    await village.gossip()
    with pytest.raises(RefusedError) as raised:
        await farm.write(answer_purchase, farm.hat, row, {})
    assert raised.value.code == "cycle_open_again"
    await ann.order(("Juice", "6"))
    await village.gossip()
    village.clock.now += HOUR + GRACE
    await village.gossip()
    for home in (hub, farm):
        (row,) = await purchases(home)
        assert (row.state, ordered(row)["Juice"][0]) == ("sent", 12)
    assert "purchase_waits" in [code for code, _ in await waiting(farm)]
    assert await farm.write(answer_purchase, farm.hat, row, {}) == "accepted"


async def test_what_an_earlier_answer_lacked_is_no_shortfall_once_all_is_accepted(village: Village) -> None:
    hub, farm, ann, _, row = await sent(village)
    nothing = {line.product: 0 for line in row.statement.lines}
    assert await farm.write(answer_purchase, farm.hat, row, nothing, "fire") == "refused"
    await village.gossip()
    await bought_anew(village, hub, ann)
    (row,) = await purchases(farm)
    assert await farm.write(mark_seen, farm.hat, row)
    (row,) = await purchases(farm)
    assert await farm.write(answer_purchase, farm.hat, row, {}) == "accepted"
    await village.gossip()
    lines = [line for order in await ann.orders() for line in order.lines]
    assert [(line.confirmed, line.share) for line in lines] == [(line.confirmed, line.confirmed) for line in lines]


async def waiting(home: Home) -> list[tuple[str, str]]:
    return [
        (code, details.get("phone", "")) for code, _, details in await home.read(list_alerts, home.hat, home.clock.now)
    ]


def list_alerts(db: sqlite3.Connection, hat: Hat, now: int) -> list[Waiting]:
    return list(trade_alerts(db, hat, now))


async def test_a_purchase_order_that_nobody_saw_is_an_alert_with_the_phone_of_its_producer(village: Village) -> None:
    hub, farm, _, _, row = await sent(village)
    assert await waiting(hub) == []
    assert await waiting(farm) == [("purchase_waits", "")]
    card = Contact(derived_id(b"contact"), 1, "Farm", "+33 6 00", "")
    await farm.sign(Log.TRADE, card, readers=[hub.hat.member])
    await village.gossip()
    village.clock.now += UNSEEN + 1
    assert await waiting(hub) == [("purchase_unseen", "+33 6 00")]
    await farm.write(mark_seen, farm.hat, row)
    await village.gossip()
    assert (await waiting(hub), await waiting(farm)) == ([], [("purchase_waits", "")])
    (row,) = await purchases(farm)
    await farm.write(answer_purchase, farm.hat, row, {})
    assert await waiting(farm) == []


async def test_nobody_waits_an_hour_where_the_producer_has_less_time_than_that(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=6)
    (home,) = await households(village, "A")
    hub, cycle = market.hub, await market.hub.cycle()
    lead = in_ms(cycle.closes) + HOUR // 2
    await hub.write(bring, hub.hat, cycle.key[1], Incoming(market.farm.hat.member, [], "Door", 0, lead))
    await wants(home, ("Eggs", "6"))
    await village.gossip()
    await market.close()
    await hub.write(send_purchases, hub.hat, cycle, "")
    assert await waiting(hub) == []
    village.clock.now = lead
    assert await waiting(hub) == [("purchase_unseen", "")]


async def without_a_key(village: Village, name: str) -> tuple[Pen, list[Paper]]:
    """Let a producer in who sells milk, and of whose log 0 only the join is here; return the rest of it."""
    founder = village.homes[0]
    read = read_code(await founder.write(setup.invite, founder.hat, ["producer"], []))
    pen, accepted = Pen(name, "producer", circuit=read.circuit), charter_hash(CHARTER)
    proof = read.key.sign("invite", proof_of_join(read.circuit, pen.id, pen.roles, accepted))
    joined = pen.write(0, Join(pen.inception, pen.roles, accepted, read.key.public, proof), at=village.clock.now)
    milk = changed(carrots(), local=product_id("", pen.id, "Milk", "", "piece", 1), sku="", name="Milk", variant="")
    milk = changed(milk, unit="piece", unit_value=1)
    sold = pen.write(1, milk, Stock(milk.local, 1, "on_demand", 0), at=village.clock.now)
    await founder.take([joined, sold])
    await village.gossip()
    return pen, [pen.write(0, pen.epoch, at=village.clock.now)]


async def test_a_producer_without_a_key_gets_its_own_when_that_comes_and_its_hub_is_told_meanwhile(
    village: Village,
) -> None:
    hub, farm, ann, _ = await market(village)
    dairy, later = await without_a_key(village, "Dairy")
    await ann.order(("Milk", "2"))
    await village.gossip()
    await close(village, GRACE)
    assert [row.producer_id for row in await purchases(hub)] == [base32_id(farm.hat.member)]
    (told,) = [each for each in await hub.read(list_alerts, hub.hat, village.clock.now) if each[0] == "purchase_unsent"]
    assert told[2]["cycle"] == "Week 39"
    assert not await hub.read(purchases_due, hub.hat, village.clock.now)
    first = await purchases(hub)
    await hub.take(later)
    await village.gossip()
    assert [
        each for each in await hub.read(list_alerts, hub.hat, village.clock.now) if each[0] == "purchase_unsent"
    ] == []
    (row,) = [row for row in await purchases(hub) if row.producer_id == base32_id(dairy.id)]
    assert ordered(row) == {"Milk": (2, 0, 0)}
    assert [row for row in await purchases(hub) if row.producer_id != base32_id(dairy.id)] == first
