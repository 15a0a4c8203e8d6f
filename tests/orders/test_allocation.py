import random
from dataclasses import replace
from itertools import combinations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from foodhub.orders.allocation import (
    Allocation,
    Supply,
    allocate,
    confirmed_rows,
    fingerprint,
    order_up,
    share_out,
    waits_for_a_person,
)
from foodhub.orders.cases import Terms, pool_of
from foodhub.orders.closing import Slip
from foodhub.orders.exchanges import Filled, Leftover, ProductRule, Sharing, Spread
from foodhub.orders.queue import Product, Row
from foodhub.orders.slips import fault_of, overlap, share_of
from tests.orders.desks import NO_LIMIT, Desk, Village, Wish, confirmed, goods, named, rows_of

JUICE = goods("juice")
G = frozenset([named("G")])


def terms(filled: Filled = "hub", leftover: Leftover = "cut", size: int = 6, minimum: int = 0) -> Terms:
    return Terms(ProductRule(filled, leftover, "queue", "queue"), size, minimum)


def shares(*rows: tuple[str, int, int], about: Terms, supply: Supply = NO_LIMIT) -> dict[str, int]:
    allocation = allocate({JUICE: rows_of(JUICE, *rows)}, {JUICE: about}, {JUICE: supply}, G)
    return {buyer.rstrip(b".").decode(): line.confirmed for buyer, (line,) in allocation.lines.items()}


def result(*rows: tuple[str, int, int], about: Terms, supply: Supply = NO_LIMIT) -> tuple[int, int, int, bool]:
    allocation = allocate({JUICE: rows_of(JUICE, *rows)}, {JUICE: about}, {JUICE: supply}, G)
    found = allocation.products[JUICE]
    return found.units, found.cases, found.leftover, found.undecided


def test_the_end_of_the_queue_loses_what_no_case_holds() -> None:
    rows = ("a", 3, 0), ("b", 4, 1)
    assert shares(*rows, about=terms()) == {"a": 3, "b": 3}
    assert result(*rows, about=terms()) == (6, 1, 0, False)


def test_who_raised_its_wish_last_loses_it_first() -> None:
    assert shares(("a", 2, 0), ("b", 2, 0), ("a", 2, 0), about=terms(size=5)) == {"a": 3, "b": 2}


def test_what_is_rounded_up_is_stock_of_who_orders() -> None:
    rows = ("a", 3, 0), ("b", 4, 1)
    assert shares(*rows, about=terms(leftover="round_up")) == {"a": 3, "b": 5}
    assert result(*rows, about=terms(leftover="round_up")) == (12, 2, 4, False)


def test_what_a_person_has_to_decide_is_said() -> None:
    rows = rows_of(JUICE, ("a", 3, 0), ("b", 4, 1))
    assert result(("a", 3, 0), ("b", 4, 1), about=terms(leftover="ask")) == (6, 1, 0, True)
    assert result(("a", 3, 0), ("b", 3, 1), about=terms(leftover="ask")) == (6, 1, 0, False)
    assert waits_for_a_person(rows, terms(leftover="ask"))
    assert not waits_for_a_person(rows, terms(leftover="ask"), supplied=True)
    assert waits_for_a_person(rows, terms("group", "ask"), supplied=True)
    assert not waits_for_a_person(rows, terms())


def test_each_household_fills_its_own_case() -> None:
    rows = ("a", 7, 0), ("b", 5, 1), ("c", 5, 0)
    assert shares(*rows, about=terms("household")) == {"a": 6, "b": 6, "c": 0}
    assert result(*rows, about=terms("household")) == (12, 2, 0, False)


def test_a_group_keeps_its_whole_cases_when_others_break_theirs() -> None:
    rows = ("a", 3, 0), ("G", 6, 0), ("b", 2, 0)
    assert shares(*rows, about=terms("group")) == {"a": 0, "G": 6, "b": 0}
    assert shares(*rows, about=terms("hub")) == {"a": 3, "G": 3, "b": 0}


def test_a_minimum_is_asked_of_all_together() -> None:
    rows = ("a", 6, 0), ("b", 6, 0)
    assert shares(*rows, about=terms("household", minimum=12)) == {"a": 6, "b": 6}
    assert shares(*rows, about=terms("household", minimum=13)) == {"a": 0, "b": 0}


def test_an_allotment_is_given_in_the_order_of_the_queue() -> None:
    rows = ("a", 2, 0), ("b", 2, 0), ("c", 2, 0)
    assert shares(*rows, about=terms(size=0), supply=Supply(5)) == {"a": 2, "b": 2, "c": 1}
    assert shares(*rows, about=terms("household", size=2), supply=Supply(5)) == {"a": 2, "b": 2, "c": 0}


def test_what_another_aggregator_gave_is_all_shared_whatever_the_case() -> None:
    given_seven = Supply(7, given=True, reason="case_not_full")
    rows = ("a", 6, 0), ("b", 5, 1)
    assert shares(*rows, about=terms(), supply=given_seven) == {"a": 6, "b": 1}
    assert shares(*rows, about=terms("household"), supply=given_seven) == {"a": 6, "b": 1}
    assert result(*rows, about=terms(), supply=Supply(18, given=True)) == (18, 3, 6, False)


def test_who_gets_less_is_told_why_and_who_gets_all_is_told_nothing() -> None:
    queue = {JUICE: rows_of(JUICE, ("a", 6, 0), ("b", 2, 0))}
    lines = [
        allocate(queue, {JUICE: about}, {JUICE: supply}).lines[named(buyer)][0].reason
        for buyer, about, supply in (
            ("a", terms(), NO_LIMIT),
            ("b", terms(), NO_LIMIT),
            ("b", terms(minimum=30), NO_LIMIT),
            ("b", terms(size=0), Supply(7)),
            ("b", terms(), Supply(7, given=True, reason="producer_refused")),
            ("b", terms(), Supply(7, given=True, reason="")),
        )
    ]
    *said, silent = lines
    assert said == ["", "case_not_full", "minimum_not_met", "allotment_exhausted", "producer_refused"]
    assert silent == "allotment_exhausted"


def test_what_a_group_orders_is_its_sum_or_its_whole_cases() -> None:
    rows = rows_of(JUICE, ("a", 5, 2), ("b", 4, 0))
    assert order_up(rows, terms("hub")) == (9, 2)
    assert order_up(rows, terms("group")) == (6, 0)
    assert order_up(rows, terms("group", "round_up")) == (12, 0)
    assert order_up(rows, terms("household")) == (6, 0)


def test_a_shortfall_takes_tolerance_before_what_was_wanted() -> None:
    rows = rows_of(JUICE, ("a", 3, 2), ("b", 1, 3), ("c", 1, 0))
    amounts = {named("a"): 4, named("b"): 1, named("c"): 1}
    slips = share_out(rows, amounts, 4, "queue")
    assert [slip.share for slip in slips.values()] == [3, 1, 0]
    assert [slip.share for slip in share_out(rows, amounts, 1, "queue").values()] == [1, 0, 0]
    assert [slip.share for slip in share_out(rows, amounts, 3, "equal").values()] == [1, 1, 1]
    assert [slip.share for slip in share_out(rows, amounts, 99, "equal").values()] == [4, 1, 1]


def test_who_was_confirmed_nothing_has_no_part_in_a_shortfall() -> None:
    rows = rows_of(JUICE, ("a", 3, 0), ("b", 3, 0))
    assert set(share_out(rows, {named("a"): 3, named("b"): 0}, 2, "equal")) == {named("a")}


def test_what_was_confirmed_is_of_the_oldest_rows_and_wanted_before_tolerated() -> None:
    rows = rows_of(JUICE, ("a", 2, 2), ("b", 1, 0), ("a", 2, 1))
    amounts = {named("a"): 5, named("b"): 1}
    assert [(row.quantity, row.tolerance) for row in confirmed_rows(rows, amounts)] == [(2, 1), (1, 0), (2, 0)]
    assert [(row.quantity, row.tolerance) for row in confirmed_rows(rows, {named("a"): 3})] == [(2, 0), (1, 0)]


filled: st.SearchStrategy[Filled] = st.sampled_from(["hub", "group", "household"])
leftovers: st.SearchStrategy[Leftover] = st.sampled_from(["cut", "round_up", "open", "ask"])
spreads: st.SearchStrategy[Spread] = st.sampled_from(["queue", "fair"])
sharings: st.SearchStrategy[Sharing] = st.sampled_from(["queue", "proportional", "equal"])
any_terms = st.builds(
    Terms,
    rule=st.builds(ProductRule, filled, leftovers, spreads, sharings),
    size=st.integers(0, 7),
    minimum=st.integers(0, 15),
    broken=st.booleans(),
    part=st.integers(1, 3),
)
rows_drawn = st.tuples(st.sampled_from("abcdG"), st.integers(0, 9), st.integers(0, 5)).filter(lambda row: any(row[1:]))
queues = st.lists(rows_drawn, min_size=1, max_size=9).map(lambda rows: rows_of(JUICE, *rows))
supplies = st.builds(Supply, st.none() | st.integers(0, 60)) | st.builds(
    Supply, st.integers(0, 60), given=st.just(True)
)


def slips_in(allocation: Allocation, product: Product = JUICE) -> dict[bytes, Slip]:
    return {
        buyer: line.slips[0]
        for buyer, lines in allocation.lines.items()
        for line in lines
        if (line.producer, line.product) == product
    }


def assert_slips_hold(allocation: Allocation, about: Terms, product: Product = JUICE) -> None:
    for lines in allocation.lines.values():
        for line in lines:
            assert [fault_of(slip, line) for slip in line.slips] == [None]
    for (one, slip), (other, their) in combinations(slips_in(allocation, product).items(), 2):
        pools = {pool_of(about.rule.filled, buyer, aggregator=buyer in G) for buyer in (one, other)}
        if len(pools) == 1:
            assert overlap(slip, their) is None


@given(queues, any_terms, supplies)
def test_no_share_exceeds_the_wish_and_all_shares_are_what_there_is(
    queue: list[Row], about: Terms, supply: Supply
) -> None:
    allocation = allocate({JUICE: queue}, {JUICE: about}, {JUICE: supply}, G)
    found = allocation.products[JUICE]
    lines = [line for lines in allocation.lines.values() for line in lines]
    assert all(0 <= line.confirmed <= line.ordered + line.tolerance for line in lines)
    assert sum(line.confirmed for line in lines) + found.leftover == found.units
    assert found.leftover >= 0
    assert supply.units is None or found.units <= supply.units
    assert {line.reason for line in lines if line.confirmed >= line.ordered} <= {""}
    assert "" not in {line.reason for line in lines if line.confirmed < line.ordered}
    if not supply.given:
        assert found.units == 0 or found.units >= about.minimum
        assert found.leftover == 0 or about.rule.leftover == "round_up"
    assert_slips_hold(allocation, about)


@given(queues, any_terms, supplies, sharings, st.integers(0, 40), st.integers(1, 3))
def test_of_a_shortfall_nobody_gets_more_than_was_confirmed_and_all_is_shared(
    queue: list[Row], about: Terms, supply: Supply, sharing: Sharing, available: int, part: int
) -> None:
    lines = allocate({JUICE: queue}, {JUICE: about}, {JUICE: supply}, G).lines
    amounts = {buyer: line.confirmed for buyer, (line,) in lines.items()}
    slips = share_out(queue, amounts, available, sharing, part)
    assert sum(slip.share for slip in slips.values()) == min(available, sum(amounts.values()))
    for buyer, slip in slips.items():
        (line,) = lines[buyer]
        assert fault_of(slip, msgspec.structs.replace(line, share=slip.share)) is None
    assert {overlap(*pair) for pair in combinations(slips.values(), 2)} <= {None}


@given(queues, queues, any_terms, any_terms, st.randoms(use_true_random=False))
def test_an_allocation_does_not_depend_on_the_order_in_which_products_are_held(
    one: list[Row], other: list[Row], about: Terms, also: Terms, rng: random.Random
) -> None:
    milk = goods("milk", "dairy")
    queue = {JUICE: one, milk: [Row(row.buyer, row.order, *milk, row.quantity, row.tolerance) for row in other]}
    of_product, supply = {JUICE: about, milk: also}, {JUICE: NO_LIMIT, milk: Supply(9)}
    allocation = allocate(queue, of_product, supply, G)
    mixed = {product: queue[product] for product in rng.sample([JUICE, milk], 2)}
    assert allocate(mixed, of_product, supply, G) == allocation
    assert fingerprint(mixed, of_product, allocation) == fingerprint(queue, of_product, allocation)


@given(queues, any_terms)
def test_the_fingerprint_says_rule_rows_and_results(queue: list[Row], about: Terms) -> None:
    allocations = [allocate({JUICE: queue}, {JUICE: about}, {JUICE: supply}, G) for supply in (NO_LIMIT, Supply(0))]
    found = {
        fingerprint({JUICE: queue}, {JUICE: about}, allocations[0]),
        fingerprint({JUICE: queue}, {JUICE: Terms(about.rule, about.size + 1)}, allocations[0]),
        fingerprint({JUICE: [*queue, *rows_of(JUICE, ("e", 1, 0))]}, {JUICE: about}, allocations[0]),
    }
    assert len(found) == 3
    one, none = (fingerprint({JUICE: queue}, {JUICE: about}, allocation) for allocation in allocations)
    assert (one == none) == (allocations[0] == allocations[1])


stories = st.lists(
    st.tuples(
        st.sampled_from(["G/a", "G/b", "G/c", "H/a", "H/d", "e", "f"]), st.tuples(st.integers(0, 9), st.integers(0, 5))
    ),
    min_size=1,
    max_size=12,
)


@given(stories, any_terms, any_terms, st.none() | st.integers(0, 60))
def test_nested_allocation_equals_its_slips(
    story: list[tuple[str, tuple[int, int]]], of_hub: Terms, of_group: Terms, limit: int | None
) -> None:
    about = replace(of_hub, rule=of_group.rule)
    groups = {"G": Desk({JUICE: about}), "H": Desk({JUICE: about})}
    village = Village(Desk({JUICE: of_hub}, frozenset(map(named, groups))), groups)
    for household, wish in story:
        wishes: Wish = {JUICE: wish}
        village.receive(household, wishes)
    at_hub, in_groups = village.allocate({JUICE: Supply(limit)})
    for slip in slips_in(at_hub).values():
        assert share_of(slip) == slip.share
    for name, allocation in in_groups.items():
        slips = slips_in(allocation)
        (got,) = confirmed(at_hub, JUICE, [name])
        kept = allocation.products[JUICE].leftover if slips else 0
        assert sum(share_of(slip) for slip in slips.values()) + kept == got
        # What a household sees before its own place and what it gets is what its group has.
        assert {slip.units for slip in slips.values() if about.rule.filled == "hub"} <= {got}
        if about.rule.leftover != "round_up":
            assert kept == 0
        assert_slips_hold(allocation, about)


@given(stories, any_terms)
def test_a_group_that_is_never_short_gives_its_households_what_they_want(
    story: list[tuple[str, tuple[int, int]]], about: Terms
) -> None:
    loose = Terms(about.rule)
    desk = Desk({JUICE: loose})
    village = Village(Desk({JUICE: loose}, G), {"G": desk})
    for household, wish in story:
        village.receive(f"G/{household[-1]}", {JUICE: wish})
    _, in_groups = village.allocate({})
    wanted = {buyer: wish[JUICE][0] for buyer, wish in desk.wishes.items()}
    assert confirmed(in_groups["G"], JUICE, sorted(wanted)) == [wanted[buyer] for buyer in sorted(wanted)]
