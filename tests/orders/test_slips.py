from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from foodhub.orders.closing import ConfirmedLine, Slip, SlipRow
from foodhub.orders.queue import Row
from foodhub.orders.slips import Rule, fault_of, overlap, share_of, slips_of
from tests.orders.desks import goods, named, rows_of

JUICE = goods("juice")
RULES: tuple[Rule, ...] = ("queue", "fair", "proportional", "equal")
changed = msgspec.structs.replace

wishes = st.tuples(st.sampled_from("abcde"), st.integers(0, 8), st.integers(0, 5)).filter(lambda row: any(row[1:]))
queues = st.lists(wishes, min_size=1, max_size=9).map(lambda rows: rows_of(JUICE, *rows))
rules, steps = st.sampled_from(RULES), st.integers(1, 3)


def weighed(queue: list[Row], rule: Rule) -> list[Row]:
    """Return a queue as a rule meets it: goods that are shared in proportion have no tolerance."""
    return [replace(row, tolerance=0) for row in queue if row.quantity] if rule == "proportional" else queue


def line_of(slip: Slip, ordered: int | None = None) -> ConfirmedLine:
    quantity, tolerance = sum(row.quantity for row in slip.rows), sum(row.tolerance for row in slip.rows)
    amount = quantity if ordered is None else ordered
    return ConfirmedLine(*JUICE, amount, tolerance, slip.share, slip.share, "", "", [slip])


def by_name(slips: dict[bytes, Slip]) -> dict[str, int]:
    return {buyer.rstrip(b".").decode(): slip.share for buyer, slip in slips.items()}


def test_two_passes_over_the_queue() -> None:
    queue = rows_of(JUICE, ("a", 3, 2), ("b", 1, 3), ("c", 1, 0))
    shares = [list(by_name(slips_of(queue, units, "queue")).values()) for units in (6, 4, 1, 0, 99)]
    assert shares == [[4, 1, 1], [3, 1, 0], [1, 0, 0], [0, 0, 0], [5, 4, 1]]


def test_what_was_raised_later_waits_behind_who_came_between() -> None:
    queue = rows_of(JUICE, ("a", 2, 0), ("b", 2, 0), ("a", 2, 0))
    assert by_name(slips_of(queue, 5, "queue")) == {"a": 3, "b": 2}


def test_tolerance_goes_round_one_each_by_the_fair_rule() -> None:
    queue = rows_of(JUICE, ("a", 1, 4), ("b", 1, 1), ("c", 1, 4))
    assert by_name(slips_of(queue, 8, "fair")) == {"a": 3, "b": 2, "c": 3}
    assert by_name(slips_of(queue, 7, "fair")) == {"a": 3, "b": 2, "c": 2}
    assert by_name(slips_of(queue, 2, "fair")) == {"a": 1, "b": 1, "c": 0}


def test_equal_shares_do_not_look_at_who_wants_more() -> None:
    queue = rows_of(JUICE, ("a", 9, 0), ("b", 1, 0), ("c", 4, 0))
    assert by_name(slips_of(queue, 8, "equal", "shortfall")) == {"a": 4, "b": 1, "c": 3}


def test_a_share_by_hand_stands_on_the_slip() -> None:
    queue = rows_of(JUICE, ("a", 3, 0), ("b", 3, 0))
    slips = slips_of(queue, 4, "by_hand", "shortfall", shares={named("a"): 1, named("b"): 3})
    assert by_name(slips) == {"a": 1, "b": 3}
    assert overlap(*slips.values()) is None


def expanded(rows: Sequence[Row], units: int) -> Counter[bytes]:
    """Give unit by unit to the first who still wants one, then to the first who tolerates one: the slow way."""
    wanted = [row.buyer for row in rows for _ in range(row.quantity)]
    tolerated = [row.buyer for row in rows for _ in range(row.tolerance)]
    return Counter([*wanted, *tolerated][:units])


@given(queues, st.integers(0, 60))
def test_the_formula_of_the_queue_gives_what_giving_unit_by_unit_gives(queue: list[Row], units: int) -> None:
    slips = slips_of(queue, units, "queue")
    assert +Counter({buyer: slip.share for buyer, slip in slips.items()}) == expanded(queue, units)


@given(queues, st.integers(0, 60), rules, steps)
def test_the_parts_are_the_whole_and_nobody_gets_more_than_wanted_and_tolerated(
    queue: list[Row], units: int, rule: Rule, step: int
) -> None:
    slips = slips_of(queue, units, rule, step=step)
    most = sum(row.quantity + (row.tolerance if rule != "proportional" else 0) for row in queue)
    assert sum(slip.share for slip in slips.values()) == min(units, most)
    for slip in slips.values():
        assert 0 <= slip.share <= sum(row.quantity + row.tolerance for row in slip.rows)


@given(queues, st.integers(0, 60), rules, steps)
def test_with_more_to_share_nobody_gets_less(queue: list[Row], units: int, rule: Rule, step: int) -> None:
    assume(rule != "proportional")  # the largest remainder has its well-known paradox
    few, more = slips_of(queue, units, rule, step=step), slips_of(queue, units + 1, rule, step=step)
    assert all(few[buyer].share <= more[buyer].share for buyer in few)


@given(queues, st.integers(0, 60), rules, steps, st.sampled_from(["cases", "shortfall"]))
def test_honest_slips_hold_each_by_itself_and_together(
    queue: list[Row], units: int, rule: Rule, step: int, about: Literal["cases", "shortfall"]
) -> None:
    slips = slips_of(weighed(queue, rule), units, rule, about, step)
    for slip in slips.values():
        assert share_of(slip) == slip.share
        line = line_of(slip)
        if about == "shortfall":
            line = changed(line, confirmed=sum(row.quantity + row.tolerance for row in slip.rows))
        assert fault_of(slip, line) is None
    assert [overlap(*pair) for pair in combinations(slips.values(), 2)] == [None] * (len(slips) * (len(slips) - 1) // 2)


@given(queues, st.integers(0, 60), rules, st.data())
def test_a_row_that_was_moved_is_found_by_comparing_with_the_others(
    queue: list[Row], units: int, rule: Rule, data: st.DataObject
) -> None:
    slips = slips_of(queue, units, rule)
    buyer = data.draw(st.sampled_from(sorted(slips)))
    slip = slips.pop(buyer)
    place = data.draw(st.integers(0, len(slip.rows) - 1))
    row = slip.rows[place]
    assume(row.quantity)
    elsewhere = st.integers(0, slip.quantity - row.quantity).filter(lambda before: before != row.quantity_before)
    assume(slip.quantity > row.quantity)
    moved = changed(row, quantity_before=data.draw(elsewhere))
    lie = with_rows(slip, [*slip.rows[:place], moved, *slip.rows[place + 1 :]])
    assert fault_of(lie, line_of(lie)) == "same_place" or "same_place" in {
        overlap(lie, other) for other in slips.values()
    }


def with_rows(slip: Slip, rows: list[SlipRow]) -> Slip:
    """Return a slip that lies consistently: its share follows from it."""
    lie = changed(slip, rows=rows)
    return changed(lie, share=min(share_of(lie), lie.units))


@given(queues, st.integers(1, 60), rules, st.sampled_from(["units", "quantity", "tolerance", "step", "rest"]))
def test_two_slips_that_tell_of_different_queues_are_a_proof(
    queue: list[Row], units: int, rule: Rule, field: str
) -> None:
    slips = list(slips_of(queue, units, rule).values())
    assume(len(slips) > 1)
    lie = changed(slips[0], **{field: getattr(slips[0], field) + 1})
    assert overlap(lie, slips[1]) == overlap(slips[1], lie) == "other_totals"


@given(queues, st.integers(0, 60), rules, st.integers(1, 5))
def test_a_share_that_does_not_follow_from_its_slip_is_found(
    queue: list[Row], units: int, rule: Rule, more: int
) -> None:
    for slip in slips_of(weighed(queue, rule), units, rule).values():
        assert fault_of(changed(slip, share=slip.share + more), line_of(slip)) in {"other_share", "too_much"}
        assert fault_of(slip, changed(line_of(slip), confirmed=slip.share + more)) == "other_line"
        assert fault_of(slip, line_of(slip, sum(row.quantity for row in slip.rows) + more)) == "other_wish"


@pytest.mark.parametrize("rule", ["fair", "equal"])
def test_two_who_have_the_same_turn_are_a_proof(rule: Rule) -> None:
    first, second = slips_of(rows_of(JUICE, ("a", 1, 3), ("b", 1, 3)), 5, rule).values()
    assert overlap(first, second) is None
    assert overlap(first, with_rows(changed(second, rank=first.rank), second.rows)) in {"same_rank", "too_much"}
    third = slips_of(rows_of(JUICE, ("a", 1, 3), ("b", 1, 3), ("c", 1, 3)), 4, "fair")
    swapped = changed(third[named("b")], rank=0), changed(third[named("a")], rank=1)
    assert overlap(*swapped) == "same_rank"


def test_a_turn_that_goes_to_the_smaller_remainder_is_a_proof() -> None:
    slips = slips_of(rows_of(JUICE, ("a", 2000, 0), ("b", 1500, 0), ("d", 1000, 0)), 4000, "proportional", step=100)
    a, b, d = (slips[named(name)] for name in "abd")
    assert [slip.rank for slip in (a, b, d)] == [1, 2, 0]
    assert [overlap(*pair) for pair in combinations((a, b, d), 2)] == [None] * 3
    assert overlap(changed(a, rank=0), changed(d, rank=1)) == "same_rank"
    assert overlap(changed(a, rank=0), d) == "same_rank"


def test_what_is_under_a_step_is_for_the_first_alone() -> None:
    slips = slips_of(rows_of(JUICE, ("a", 500, 0), ("b", 500, 0)), 850, "proportional", step=100)
    first, second = slips.values()
    assert (first.level, second.level) == (50, 0)
    lie = changed(second, level=50, share=second.share + 50)
    assert overlap(changed(first, level=0, share=first.share - 50), lie) == "same_rank"
    assert overlap(first, lie) == "too_much"


def test_a_row_beyond_the_queue_is_found() -> None:
    (slip,) = slips_of(rows_of(JUICE, ("a", 2, 1)), 2, "queue").values()
    beyond = changed(slip, rows=[SlipRow(2, 1, 0, 1)])
    assert fault_of(beyond, line_of(beyond)) == "outside"


def test_less_than_all_though_there_is_enough_is_found() -> None:
    first, _ = slips_of(rows_of(JUICE, ("a", 1, 3), ("b", 1, 3)), 8, "fair").values()
    assert first.share == 4
    lie = with_rows(changed(first, level=1), first.rows)
    assert fault_of(lie, line_of(lie)) == "other_share"


numbers = st.integers(0, 2**53 - 1) | st.integers(0, 3)
any_row: Any = st.builds(SlipRow, numbers, numbers, numbers, numbers)
any_slip: Any = st.builds(
    Slip,
    about=st.sampled_from(["cases", "shortfall"]),
    rule=st.sampled_from([*RULES, "by_hand"]),
    units=numbers,
    quantity=numbers,
    tolerance=numbers,
    step=st.integers(1, 2**53 - 1),
    level=numbers,
    rank=numbers,
    rest=numbers,
    rows=st.lists(any_row, max_size=4),
    share=numbers,
)


@given(any_slip, any_slip)
def test_no_slip_from_elsewhere_breaks_its_reader(one: Slip, other: Slip) -> None:
    assert share_of(one) >= 0
    assert fault_of(one, line_of(one)) in {None, "outside", "same_place", "too_much", "other_share", "other_wish"}
    same = changed(other, **{name: getattr(one, name) for name in ("about", "rule", "units", "quantity", "step")})
    assert overlap(one, same) in {None, "other_totals", "same_place", "too_much", "same_rank"}
