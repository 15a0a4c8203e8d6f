import pytest

from foodhub.orders.order import OrderState, order_state, placement_state


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
