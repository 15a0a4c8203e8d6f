"""The close at a desk: what counts, what is late, what a person decides, and what customers are told."""

import pytest

from foodhub.circuit.statements import Erase
from foodhub.log.header import Log
from foodhub.node import devices
from foodhub.node.allotments import allot
from foodhub.node.closing import close_cycle, reopen_cycle
from foodhub.node.counting import counted_of
from foodhub.node.deciding import accept_late, confirm_order, decide, decline_order, set_shares
from foodhub.node.desk_view import desk_row, list_desks
from foodhub.node.purchasing import send_purchases
from foodhub.node.remarks import set_remark
from foodhub.node.settling import settlement_of
from foodhub.node.substituting import Substitution, substitute
from tests.homes import HOUR, Home, Village, carry, refusal
from tests.node import laptops
from tests.node.desks import (
    Stall,
    changes,
    counted_at,
    households,
    late_comer,
    order_at,
    own_orders,
    placed,
    promised,
    stall,
    states,
    wants,
)
from tests.pens import changed

pytestmark = pytest.mark.anyio


async def test_a_late_order_counts_once_it_is_accepted_at_the_end_of_the_queue(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    await market.add("Juice", case=6)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "3"), ("Juice", "4"))
    await village.gossip()
    await late_comer(market, homes[1], ("Eggs", "3"), ("Juice", "2"))
    assert [state for state, *_ in await states(homes)] == ["confirmed", "late"]
    assert (await market.confirmed(homes[0], "Juice")).confirmed == 0
    order = await order_at(market.hub, homes[1])
    assert await market.hub.write(accept_late, market.hub.hat, order) == 1
    await village.gossip()
    assert [(await market.confirmed(home, "Eggs")).confirmed for home in homes] == [3, 2]
    assert [(await market.confirmed(home, "Juice")).confirmed for home in homes] == [4, 2]
    assert [state for state, *_ in await states(homes)] == ["confirmed", "confirmed"]
    assert len(await counted_at(market.hub)) == 2
    assert await refusal(market.hub, accept_late, order) == "not_late"


async def test_an_order_of_which_a_part_is_late_says_so_until_that_is_accepted(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    await market.add("Milk", aside=9)
    (ann,) = await households(village, "A")
    await wants(ann, ("Eggs", "3"))
    await village.gossip()
    await late_comer(market, ann, ("Eggs", "1"), ("Milk", "2"))
    (order,) = await own_orders(ann)
    assert (order.state, order.partly) == ("confirmed", ["late"])
    lines = [(line.product, line.ordered, line.confirmed, line.reason) for line in order.lines]
    assert lines == [("Eggs", 3, 3, ""), ("Eggs", 1, 0, "late"), ("Milk", 2, 0, "late")]
    await market.hub.write(accept_late, market.hub.hat, await order_at(market.hub, ann))
    await village.gossip()
    (order,) = await own_orders(ann)
    assert (order.state, order.partly, [line.share for line in order.lines]) == ("confirmed", [], [4, 2])


async def test_a_late_change_leaves_what_counted_until_it_is_accepted(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "3"))
    await village.gossip()
    village.homes.remove(homes[0])
    await changes(homes[0], ("Eggs", "5"))
    await market.close()
    village.homes.append(homes[0])
    await village.gossip()
    assert await counted_at(market.hub) == {(home.hat.member, (await placed(home)).local): 1 for home in homes}
    assert (await market.confirmed(homes[0], "Eggs")).confirmed == 3
    order = await order_at(market.hub, homes[0])
    assert (order.state, order.partly) == ("confirmed", ["late_change"])
    await market.hub.write(accept_late, market.hub.hat, order)
    await village.gossip()
    assert (await order_at(market.hub, homes[0])).partly == []
    assert (await market.confirmed(homes[0], "Eggs")).confirmed == 5
    assert sorted((await counted_at(market.hub)).values()) == [1, 2]


async def test_nothing_is_accepted_that_was_signed_too_late_or_by_somebody_else_or_after_the_purchase(
    village: Village,
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "1"))
    await village.gossip()
    await late_comer(market, homes[1], ("Eggs", "3"))
    order = await placed(homes[0])
    await homes[0].sign(Log.TRADE, changed(order, local=bytes(16)), readers=[order.hub])
    await village.gossip()
    assert await homes[0].rows("SELECT outcome, reason FROM answer WHERE placement = ?", bytes(16)) == [
        ("refused", "late")
    ]
    late = await order_at(market.hub, homes[1])
    assert await refusal(homes[1], accept_late, late) == "not_your_desk"
    assert await refusal(market.hub, accept_late, await order_at(market.hub, homes[0])) == "signed_too_late"
    assert await market.hub.write(send_purchases, market.hub.hat, await market.hub.cycle()) == 1
    assert await refusal(market.hub, accept_late, late) == "purchase_sent"


async def test_what_a_hub_that_works_by_hand_confirms_joins_the_queue_then(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    await market.add("Juice")
    await market.sells(market.hub, by_hand=True)
    homes = await households(village, "A", "B", "C")
    for home in homes:
        await wants(home, ("Eggs", "3"), ("Juice", "1"))
    await village.gossip()
    assert await states(homes) == [("received", None, "by_hand")] * 3
    for home in (homes[1], homes[0]):
        assert await market.hub.write(confirm_order, market.hub.hat, await order_at(market.hub, home)) == 1
        await village.gossip()
    assert await promised(homes[:2]) == [2, 3]
    assert await states(homes[2:]) == [("received", None, "by_hand")]


async def test_who_is_declined_keeps_what_was_confirmed_and_silence_is_no_yes(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    await market.sells(market.hub, by_hand=True)
    homes = await households(village, "A", "B", "C")
    for home in homes:
        await wants(home, ("Eggs", "4"))
    await village.gossip()
    for home in homes[:2]:
        await market.hub.write(confirm_order, market.hub.hat, await order_at(market.hub, home))
    await village.gossip()
    assert await promised(homes[:2]) == [4, 1]
    await changes(homes[0], ("Eggs", "5"))
    await village.gossip()
    assert await states(homes[:1]) == [("received", 4, "by_hand")]
    await market.hub.write(decline_order, market.hub.hat, await order_at(market.hub, homes[0]))
    await village.gossip()
    assert await states(homes[:2]) == [("received", 4, "declined"), ("received", 1, "allotment_exhausted")]
    for home in homes[:2]:
        assert await refusal(market.hub, confirm_order, await order_at(market.hub, home)) == "not_by_hand"
    # What is declined stays so when something else is said of the order, and is asked anew when it is changed.
    await changes(homes[0], ("Eggs", "6"))
    await village.gossip()
    assert await states(homes[:1]) == [("received", 4, "by_hand")]
    await market.hub.write(decline_order, market.hub.hat, await order_at(market.hub, homes[0]))
    await market.farm.write(allot, market.farm.hat, await market.farm.cycle(), {market.products["Eggs"][1]: 6})
    await village.gossip()
    assert await states(homes[:2]) == [("received", 4, "declined"), ("received", 2, "allotment_exhausted")]
    await market.close()
    counted = {(home.hat.member, (await placed(home)).local) for home in homes[:2]}
    assert set(await counted_at(market.hub)) == counted
    assert [(await market.confirmed(home, "Eggs")).confirmed for home in homes[:2]] == [4, 2]


async def test_who_is_declined_before_anything_was_confirmed_is_refused(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=5)
    await market.sells(market.hub, by_hand=True)
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "4"))
    await village.gossip()
    await market.hub.write(decline_order, market.hub.hat, await order_at(market.hub, homes[0]))
    await village.gossip()
    assert await states(homes) == [("refused", 0, "declined"), ("received", None, "by_hand")]
    await market.close()
    assert not await counted_at(market.hub)


async def test_a_cycle_that_is_opened_again_takes_in_who_was_late_and_closes_anew(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "3"))
    await village.gossip()
    await late_comer(market, homes[1], ("Eggs", "3"))
    now = village.clock.now
    await market.hub.write(reopen_cycle, market.hub.hat, await market.hub.cycle(), now + HOUR)
    await village.gossip()
    assert [state for state, *_ in await states(homes)][1] == "received"
    await changes(homes[0], ("Eggs", "4"))
    await village.gossip()
    assert await promised([homes[1]]) == [3]
    await market.close()
    assert [(await market.confirmed(home, "Eggs")).confirmed for home in homes] == [4, 3]
    assert len(await counted_at(market.hub)) == 2


async def test_a_person_may_close_before_the_hour_and_what_comes_then_is_refused(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "3"))
    await village.gossip()
    await market.hub.write(close_cycle, market.hub.hat, await market.hub.cycle())
    village.clock.now += 1
    village.homes.remove(market.hub)
    await wants(homes[1], ("Eggs", "1"))
    village.homes.append(market.hub)
    await village.gossip()
    assert await states(homes) == [("confirmed", 3, ""), ("refused", 0, "late")]


async def test_a_hub_that_slept_counts_what_was_stamped_in_time_by_the_buyers_clock(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "3"))
    await village.gossip()
    village.homes.remove(market.hub)
    await wants(homes[1], ("Eggs", "1"))
    village.clock.now += 25 * HOUR
    await carry(homes[1], market.hub)
    village.homes.append(market.hub)
    await village.gossip()
    found = await market.hub.read(counted_of, market.hub.hat.member, (await market.hub.cycle()).key)
    assert found is not None
    assert {place[0]: row.by_clock for place, row in found.rows.items()} == {
        homes[0].hat.member: False,
        homes[1].hat.member: True,
    }
    assert (await market.confirmed(homes[1], "Eggs")).confirmed == 1


async def test_what_no_case_holds_is_asked_and_silence_cuts(village: Village) -> None:
    market = await stall(village)
    for name in ("Juice", "Milk", "Beer"):
        await market.add(name, case=6)
    for name in ("Juice", "Milk"):
        await market.rule(market.hub, name, leftover="ask")
    (home,) = await households(village, "A")
    await wants(home, ("Juice", "8"), ("Milk", "8"), ("Beer", "8"))
    await village.gossip()
    cycle = await market.hub.cycle()
    row = await market.hub.read(desk_row, market.hub.hat, cycle, village.clock.now)
    assert {each.product: each.asks for each in row.products} == {"Juice": True, "Milk": True, "Beer": False}
    await market.hub.write(decide, market.hub.hat, cycle, market.products["Juice"], "round_up")
    assert await refusal(market.hub, decide, cycle, market.products["Beer"], "round_up") == "not_asked"
    await market.close()
    assert await refusal(market.hub, decide, await market.hub.cycle(), market.products["Milk"], "open") == (
        "closed_already"
    )
    found = await market.hub.read(settlement_of, market.hub.hat.member, cycle, village.clock.now)
    assert found is not None
    bought = {name: found.allocation.products[key] for name, key in market.products.items()}
    assert {name: (each.units, each.leftover) for name, each in bought.items()} == {
        "Juice": (12, 4),
        "Milk": (6, 0),
        "Beer": (6, 0),
    }
    assert [(await market.confirmed(home, name)).confirmed for name in bought] == [8, 6, 6]


async def test_a_least_quantity_is_met_by_all_together_or_nobody_gets_any(village: Village) -> None:
    market = await stall(village)
    await market.add("Flour", minimum=10)
    await market.add("Salt", minimum=3)
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Flour", "4"), ("Salt", "2"))
    await village.gossip()
    assert await promised(homes) == [None, None]
    await market.close()
    lines = [await market.confirmed(home, "Flour") for home in homes]
    assert [(line.confirmed, line.reason) for line in lines] == [(0, "minimum_not_met")] * 2
    assert [(await market.confirmed(home, "Salt")).confirmed for home in homes] == [2, 2]


@pytest.mark.parametrize(
    ("sharing", "expected"), [("queue", [4, 1, 0]), ("proportional", [2, 2, 1]), ("equal", [2, 2, 1])]
)
async def test_what_came_short_is_shared_by_the_rule_of_the_product(
    village: Village, sharing: str, expected: list[int]
) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    await market.rule(market.hub, "Eggs", sharing=sharing)
    homes = await households(village, "A", "B", "C")
    for home, amount in zip(homes, ("4", "3", "2"), strict=True):
        await wants(home, ("Eggs", amount))
        await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 5)
    assert [(await market.confirmed(home, "Eggs")).share for home in homes] == expected


async def test_by_hand_a_person_shares_and_nobody_is_told_before(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9)
    await market.rule(market.hub, "Eggs", sharing="by_hand")
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "4"))
        await village.gossip()
    hub, cycle = market.hub, await market.hub.cycle()
    shares = {homes[0].hat.member: 1, homes[1].hat.member: 4}
    assert await refusal(hub, set_shares, cycle, eggs, shares) == "not_settled"
    await market.close()
    cycle = await hub.cycle()
    assert await refusal(hub, set_shares, cycle, eggs, shares) == "not_short"
    await market.shortfall("Eggs", 5)
    assert [(await market.confirmed(home, "Eggs")).share for home in homes] == [4, 4]
    (row,) = await hub.read(list_desks, hub.hat, village.clock.now)
    assert [each.short for each in row.products] == [5]
    for wrong, code in (({homes[0].hat.member: 5}, "share_too_large"), ({homes[0].hat.member: 1}, "shares_differ")):
        assert await refusal(hub, set_shares, cycle, eggs, wrong) == code
    assert await hub.write(set_shares, hub.hat, cycle, eggs, shares) == 2
    await village.gossip()
    assert [(await market.confirmed(home, "Eggs")).share for home in homes] == [1, 4]
    assert await hub.read(list_desks, hub.hat, village.clock.now) == []
    await market.shortfall("Eggs", 6)
    # Another quantity has to be shared anew.
    (row,) = await hub.read(list_desks, hub.hat, village.clock.now)
    assert [each.short for each in row.products] == [6]


async def test_another_product_is_given_only_as_far_as_the_buyer_agreed_and_costs_no_more(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9, price=200)
    ducks = await market.add("Duck eggs", aside=9, price=150)
    dear = await market.add("Goose eggs", aside=9, price=900)
    homes = await households(village, "A", "B")
    hub = market.hub
    for home in homes:
        await wants(home, ("Eggs", "4"))
    order = await placed(homes[0])
    await homes[0].write(set_remark, homes[0].hat, order.local, order.hub, consents={eggs: "cheaper"})
    await village.gossip()
    await market.close()
    await market.shortfall("Eggs", 6)
    assert (await market.confirmed(homes[1], "Eggs")).share == 2
    first, second = await order_at(hub, homes[0]), await order_at(hub, homes[1])
    for row, wanted, code in (
        (second, Substitution(eggs, 2, ducks, 2), "no_consent"),
        (first, Substitution(eggs, 2, dear, 2), "dearer"),
        (first, Substitution(eggs, 2, ducks, 3), "dearer"),
        (first, Substitution(eggs, 5, ducks, 1), "no_such_line"),
        (first, Substitution(eggs, 4, eggs, 1), "ordered_already"),
    ):
        assert await refusal(hub, substitute, row, wanted) == code
    await hub.write(substitute, hub.hat, first, Substitution(eggs, 2, ducks, 2))
    await village.gossip()
    line, more = [await market.confirmed(homes[0], name) for name in ("Eggs", "Duck eggs")]
    assert (line.confirmed, line.share, line.reason) == (4, 2, "substituted")
    assert (more.ordered, more.confirmed, more.share, more.reason) == (0, 2, 2, "substituted")
    # What a person decided stays when something else is worked out anew.
    await market.shortfall("Duck eggs", 8)
    await market.shortfall("Eggs", 7)
    assert (await market.confirmed(homes[0], "Duck eggs")).share == 2
    assert (await market.confirmed(homes[1], "Eggs")).share == 3


async def test_a_buyer_that_wants_to_be_asked_is_asked(village: Village) -> None:
    market = await stall(village)
    eggs = await market.add("Eggs", aside=9, price=200)
    ducks = await market.add("Duck eggs", aside=1, price=150)
    (home,) = await households(village, "A")
    await wants(home, ("Eggs", "4"))
    order = await placed(home)
    await home.write(set_remark, home.hat, order.local, order.hub, consents={eggs: "ask"})
    await village.gossip()
    await market.close()
    row = await order_at(market.hub, home)
    assert await refusal(market.hub, substitute, row, Substitution(eggs, 1, ducks, 1)) == "not_asked_yet"
    await market.hub.write(substitute, market.hub.hat, row, Substitution(eggs, 1, ducks, 1, asked=True))
    await village.gossip()
    assert (await market.confirmed(home, "Duck eggs")).share == 1


async def test_what_was_counted_stays_when_its_buyer_erases_its_order(village: Village) -> None:
    market = await stall(village)
    await market.add("Juice", case=6)
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Juice", "3"))
    await village.gossip()
    await erase_trade(homes[0])
    await village.gossip()
    await market.close()
    assert (await market.confirmed(homes[1], "Juice")).confirmed == 3
    found = await market.hub.read(settlement_of, market.hub.hat.member, await market.hub.cycle(), village.clock.now)
    assert found is not None
    assert found.allocation.products[market.products["Juice"]].units == 6


async def erase_trade(home: Home) -> None:
    """Erase all that a home signed in its trade log so far."""
    ((head,),) = await home.rows("SELECT seq FROM log WHERE author = ? AND log = 2", home.hat.device)
    await home.sign(Log.CIRCUIT, Erase([(home.hat.device, 2, 1, head)]))


async def test_everybody_hears_once_and_doing_it_again_signs_nothing(village: Village) -> None:
    market = await stall(village)
    await market.add("Eggs", aside=9)
    homes = await households(village, "A", "B")
    for home in homes:
        await wants(home, ("Eggs", "3"))
    await village.gossip()
    await market.close()
    before = await market.hub.rows("SELECT author, log, seq FROM log")
    assert await market.hub.rows("SELECT version FROM confirmation") == [(1,), (1,)]
    await market.hub.write(lambda tx: tx.fold.rebuild())
    await market.hub.duties()
    await village.gossip()
    assert await market.hub.rows("SELECT author, log, seq FROM log") == before


async def test_the_heir_of_a_desk_closes_and_confirms_what_the_lost_one_took_in(village: Village) -> None:
    await village.home("Founder", "hub")
    hub, _ = await laptops.member(village, "Hub", "hub")
    farm = await village.home("Farm", "producer")
    await village.open_cycle(hub)
    market = Stall(village, hub, farm)
    await market.add("Eggs", aside=5)
    second = await laptops.laptop(village, "Hub 2", hub)
    homes = await households(village, "A", "B")
    await wants(homes[0], ("Eggs", "3"))
    await village.gossip()
    await hub.write(devices.retire, hub.hat, await laptops.row_of(hub, hub), second.hat.device)
    await village.gossip()
    village.homes.remove(hub)
    await wants(homes[1], ("Eggs", "3"))
    await village.gossip()
    assert await promised(homes) == [3, 2]
    await market.close()
    assert [(await market.confirmed(home, "Eggs", by=second)).confirmed for home in homes] == [3, 2]
