import pytest

from foodhub.orders.cycle import Phase, outcome, phase
from foodhub.orders.statements import Outcome

OPENS, CLOSES = 100, 200


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0, "upcoming"), (99, "upcoming"), (100, "open"), (199, "open"), (200, "closed"), (999, "closed")],
)
def test_a_cycle_is_open_from_its_opening_until_just_before_its_close(now: int, expected: Phase) -> None:
    assert phase(OPENS, CLOSES, now) == expected


@pytest.mark.parametrize(
    ("signed", "taken_in", "expected", "reason"),
    [
        (100, 100, "received", ""),
        (150, 199, "received", ""),
        (199, 200, "late", "late"),
        (150, 5000, "late", "late"),
        (200, 200, "refused", "late"),
        (200, 150, "refused", "late"),
        (99, 150, "refused", "not_open_yet"),
        (99, 250, "refused", "not_open_yet"),
    ],
)
def test_signed_and_taken_in_before_the_close_is_received(
    signed: int, taken_in: int, expected: Outcome, reason: str
) -> None:
    assert outcome(OPENS, CLOSES, signed, taken_in) == (expected, reason)
