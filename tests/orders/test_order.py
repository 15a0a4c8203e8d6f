from itertools import product
from typing import get_args

import pytest

from foodhub.errors import RefusedError
from foodhub.orders.order import TRANSITIONS, Act, OrderState, after, order_state, partly, placement_state
from tests.transitions import PAGE, page


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(None, "sent"), ("received", "received"), ("late", "late"), ("refused", "refused")],
)
def test_a_placement_is_what_the_hub_answered(outcome: str | None, expected: OrderState) -> None:
    assert placement_state(cancelled=False, outcome=outcome) == expected
    assert placement_state(cancelled=True, outcome=outcome) == "cancelled"


@pytest.mark.parametrize(
    ("placements", "expected"),
    [
        (["sent"], "sent"),
        (["received", "sent"], "sent"),
        (["received", "late"], "received"),
        (["late", "refused"], "late"),
        (["cancelled", "refused"], "refused"),
        (["cancelled", "received"], "received"),
        (["cancelled", "cancelled"], "cancelled"),
    ],
)
def test_an_order_is_where_the_last_of_its_standing_placements_is(
    placements: list[OrderState], expected: OrderState
) -> None:
    assert order_state(placements) == expected


@pytest.mark.parametrize(
    ("placements", "expected"),
    [
        (["confirmed"], []),
        (["confirmed", "late"], ["late"]),
        (["received", "refused", "cancelled"], ["refused"]),
        (["late", "refused"], ["refused"]),
        (["late"], []),
    ],
)
def test_an_order_says_besides_what_of_it_is_late_or_was_refused(
    placements: list[OrderState], expected: list[str]
) -> None:
    assert partly(placements, changed_late=False) == expected
    assert partly(placements, changed_late=True) == [*expected, "late_change"]


def test_what_the_table_does_not_have_is_refused_and_named() -> None:
    table = {(each.before, each.act): each.after for each in TRANSITIONS}
    assert len(table) == len(TRANSITIONS)
    for state, act in product(get_args(OrderState), get_args(Act)):
        if (state, act) in table:
            assert after(state, act) == table[state, act]
        else:
            with pytest.raises(RefusedError) as raised:
                after(state, act)
            assert raised.value.code == "wrong_state"


def test_every_state_can_be_reached_and_what_is_over_is_left_no_more() -> None:
    reached = {"draft"}
    for _ in TRANSITIONS:
        reached |= {each.after for each in TRANSITIONS if each.before in reached}
    assert reached == set(get_args(OrderState))
    assert {each.before for each in TRANSITIONS}.isdisjoint({"refused", "cancelled", "settled"})


def test_a_confirmed_placement_is_one_that_was_received() -> None:
    assert placement_state(cancelled=False, outcome="received", confirmed=True) == "confirmed"
    assert placement_state(cancelled=False, outcome="late", confirmed=True) == "late"
    assert placement_state(cancelled=False, outcome=None, confirmed=True) == "sent"


def test_the_page_of_transitions_is_drawn_from_the_table() -> None:
    assert PAGE.read_text("utf-8") == page()
