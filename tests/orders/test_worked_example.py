"""The worked example of the trade: one week of a hub, a group and five households; here its quantities.

Its money (prices, fees, deposits, documents, who owes whom) gets its own tests at the end of this file, once money is
settled; the tables here are what they start from.
"""

from dataclasses import replace

import pytest

from foodhub.orders.allocation import Allocation, Supply, allocate, share_out
from foodhub.orders.cases import Terms
from foodhub.orders.closing import SlipRow
from foodhub.orders.exchanges import ProductRule
from foodhub.orders.queue import promise, queue_of
from foodhub.orders.slips import share_of
from foodhub.orders.tally import tally_lines
from tests.orders.desks import Desk, Village, Wish, confirmed, goods, named, receipt

CARROTS, JUICE, EGGS = goods("P1", "F1"), goods("P2", "F1"), goods("P3", "F1")
CHICKEN, YOGHURT = goods("P4", "F2"), goods("P5", "F2")
BY_QUEUE = ProductRule("hub", "cut", "queue", "queue")
TERMS = {
    CARROTS: Terms(ProductRule("hub", "cut", "queue", "proportional"), step=500, part=100),
    JUICE: Terms(BY_QUEUE, size=6),
    EGGS: Terms(BY_QUEUE),
    CHICKEN: Terms(BY_QUEUE),
    YOGHURT: Terms(BY_QUEUE, size=6),
}
SUPPLY = {CARROTS: Supply(12_000), EGGS: Supply(5), CHICKEN: Supply(6)}
HOUSEHOLDS = ("A", "B", "C", "D")

A: Wish = {CARROTS: (2000, 0), JUICE: (2, 2), EGGS: (1, 0), CHICKEN: (1, 0)}
B: Wish = {CARROTS: (1500, 0), JUICE: (3, 0), EGGS: (2, 0), YOGHURT: (2, 0)}
E: Wish = {CARROTS: (3000, 0), JUICE: (3, 1), EGGS: (2, 0), CHICKEN: (1, 0), YOGHURT: (2, 0)}
C: Wish = {CARROTS: (2000, 0), JUICE: (1, 2), YOGHURT: (1, 0)}
D: Wish = {CARROTS: (1000, 0), EGGS: (1, 0), CHICKEN: (1, 0), YOGHURT: (1, 0)}
WEEK: tuple[tuple[str, Wish, tuple[int, int, int, int]], ...] = (
    ("G/A", A, (2, 2, 0, 2)),
    ("G/B", B, (5, 2, 1, 0)),
    ("E", E, (8, 3, 1, 1)),
    ("G/C", C, (9, 5, 2, 0)),
    ("G/D", D, (9, 5, 2, 0)),
    ("E", {**E, YOGHURT: (3, 0)}, (9, 5, 2, 0)),
    ("G/B", {**B, EGGS: (1, 0)}, (9, 5, 2, 0)),
    ("G/C", {**C, JUICE: (2, 2), EGGS: (1, 0)}, (10, 5, 2, 0)),
)
"""Who orders what, in the order of the receipts, and of the juice: quantity, tolerance, cases and what lacks."""


def after(receipts: int, terms: dict[tuple[bytes, bytes], Terms] = TERMS) -> Village:
    village = Village(Desk(terms, frozenset([named("G")])), {"G": Desk(terms)})
    for household, wish, _ in WEEK[:receipts]:
        village.receive(household, wish)
    return village


def closed(terms: dict[tuple[bytes, bytes], Terms] = TERMS) -> tuple[Allocation, Allocation]:
    """Return the allocation of the hub and that of the group."""
    at_hub, groups = after(len(WEEK), terms).allocate(SUPPLY)
    return at_hub, groups["G"]


@pytest.mark.parametrize("receipts", range(1, len(WEEK) + 1))
def test_the_tally_of_the_juice_after_each_receipt(receipts: int) -> None:
    village = after(receipts)
    at_hub = {(line.producer, line.product): line for line in tally_lines(village.hub.queue(), TERMS)}
    line = at_hub[JUICE]
    assert (line.quantity, line.tolerance, line.cases, line.missing) == WEEK[receipts - 1][2]
    in_group = tally_lines(village.groups["G"].queue(), TERMS, above=at_hub)
    assert line in in_group


def test_an_egg_that_is_given_back_is_promised_to_who_waits_for_it() -> None:
    at_hub: dict[tuple[bytes, bytes], int] = {}
    in_group: dict[tuple[bytes, bytes], int] = {}
    found = []
    for receipts in range(1, len(WEEK) + 1):
        village = after(receipts)
        at_hub = promise(village.hub.queue()[EGGS], at_hub, 5)
        of_group = next(amount for (buyer, _), amount in at_hub.items() if buyer == named("G"))
        in_group = promise(village.groups["G"].queue()[EGGS], in_group, of_group)
        found.append([amount for _, amount in sorted(in_group.items())])
    assert found == [[1], [1, 2], [1, 2], [1, 2], [1, 2, 0], [1, 2, 0], [1, 1, 1], [1, 1, 0, 1]]


@pytest.mark.parametrize(
    ("product", "in_group", "of_group", "of_e", "units", "cases"),
    [
        (CARROTS, [2000, 1500, 2000, 1000], 6500, 3000, 9500, 0),
        (JUICE, [4, 3, 2, 0], 9, 3, 12, 2),
        (EGGS, [1, 1, 0, 1], 3, 2, 5, 0),
        (CHICKEN, [1, 0, 0, 1], 2, 1, 3, 0),
        (YOGHURT, [0, 2, 1, 1], 4, 2, 6, 1),
    ],
    ids=["carrots", "juice", "eggs", "chicken", "yoghurt"],
)
def test_what_is_confirmed_and_what_is_ordered(
    product: tuple[bytes, bytes], in_group: list[int], of_group: int, of_e: int, units: int, cases: int
) -> None:
    at_hub, at_group = closed()
    assert confirmed(at_hub, product, ("G", "E")) == [of_group, of_e]
    assert confirmed(at_group, product, HOUSEHOLDS) == in_group
    result = at_hub.products[product]
    assert (result.units, result.cases, result.leftover) == (units, cases, 0)
    assert at_group.products[product].leftover == 0


def test_spread_fairly_the_tolerance_for_juice_goes_round() -> None:
    terms = {**TERMS, JUICE: replace(TERMS[JUICE], rule=ProductRule("hub", "cut", "fair", "queue"))}
    at_hub, at_group = closed(terms)
    assert confirmed(at_hub, JUICE, ("G", "E")) == [8, 4]
    assert confirmed(at_group, JUICE, HOUSEHOLDS) == [3, 3, 2, 0]


def test_who_gets_less_is_told_why() -> None:
    at_hub, at_group = closed()
    short = {(line.product, line.reason) for line in at_hub.lines[named("E")] if line.reason}
    assert short == {(YOGHURT[1], "case_not_full")}
    short = {(line.product, line.reason) for line in at_group.lines[named("C")] if line.reason}
    assert short == {(EGGS[1], "allotment_exhausted")}


def test_the_slip_of_c_for_juice() -> None:
    _, at_group = closed()
    (line,) = (line for line in at_group.lines[named("C")] if line.product == JUICE[1])
    (slip,) = line.slips
    assert (slip.quantity, slip.tolerance, slip.units) == (7, 4, 9)
    assert slip.rows == [SlipRow(1, 2, 5, 2), SlipRow(1, 0, 6, 4)]
    assert share_of(slip) == slip.share == line.confirmed == 2


def test_eight_kilos_of_carrots_are_shared_in_proportion_at_both_levels() -> None:
    village = after(len(WEEK))
    at_hub, at_group = closed()
    slips = share_out(village.hub.queue()[CARROTS], amounts(at_hub, ("G", "E")), 8000, "proportional", 100)
    assert [slips[named(buyer)].share for buyer in ("G", "E")] == [5500, 2500]
    slips = share_out(village.groups["G"].queue()[CARROTS], amounts(at_group, HOUSEHOLDS), 5500, "proportional", 100)
    assert [slips[named(buyer)].share for buyer in HOUSEHOLDS] == [1700, 1300, 1700, 800]
    assert all(share_of(slip) == slip.share for slip in slips.values())


def amounts(allocation: Allocation, buyers: tuple[str, ...]) -> dict[bytes, int]:
    return dict(zip(map(named, buyers), confirmed(allocation, CARROTS, buyers), strict=True))


def test_what_comes_after_the_close_does_not_count() -> None:
    village = after(len(WEEK))
    before = closed()
    counted = village.hub.counted(), village.groups["G"].counted()
    village.groups["G"].receive("C", {**C, CARROTS: (9000, 0)})
    village.hub.receive("E", {**E, JUICE: (9, 0)})
    queues = [
        queue_of(desk.receipts, versions)
        for desk, versions in zip((village.hub, village.groups["G"]), counted, strict=True)
    ]
    supply = {product: SUPPLY.get(product, Supply(None)) for product in TERMS}
    assert allocate(queues[0], TERMS, supply, village.hub.groups) == before[0]
    assert queues[1] == after(len(WEEK)).groups["G"].queue()


def test_who_orders_only_after_the_close_is_not_in_the_queue() -> None:
    receipts = [receipt(("A", 1, A)), receipt(("B", 1, B))]
    queue = queue_of(receipts, {(named("A"), b"order".ljust(16, b".")): 1})
    assert {row.buyer for rows in queue.values() for row in rows} == {named("A")}


# The money of the example stands here, once fees, deposits and payments are settled.
