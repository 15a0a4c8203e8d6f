import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.errors import RefusedError
from foodhub.orders.shares import Turns, by_hand, in_proportion, in_turn

caps_of = st.lists(st.integers(0, 40), max_size=7)
steps = st.integers(1, 7)


def round_by_round(caps: list[int], units: int, step: int) -> list[int]:
    """Give one step each in turn, as a person would."""
    given, left = [0] * len(caps), min(units, sum(caps))
    while left:
        for each, cap in enumerate(caps):
            more = min(step, cap - given[each], left)
            given[each] += more
            left -= more
    return given


def shared(caps: list[int], turns: Turns, step: int) -> list[int]:
    """Return the shares, and see that they follow from what slips say of them."""
    said = [
        min(cap, level) + min(max(turns.rest - rank, 0), step, max(0, cap - level))
        for cap, level, rank in zip(caps, turns.levels, turns.ranks, strict=True)
    ]
    assert said == turns.shares
    return said


@given(caps_of, st.integers(0, 300), steps)
def test_in_turn_gives_what_going_round_gives(caps: list[int], units: int, step: int) -> None:
    assert shared(caps, in_turn(caps, units, step), step) == round_by_round(caps, units, step)


def test_in_turn_by_the_piece() -> None:
    assert shared([5, 1, 3], in_turn([5, 1, 3], 6, 1), 1) == [3, 1, 2]


def by_weight(weights: list[int], units: int, step: int) -> list[int]:
    turns = in_proportion(weights, units, step)
    total = max(1, sum(weights))
    said = [
        units // step * weight // total * step + (step if rank < turns.rest else 0) + level
        for weight, rank, level in zip(weights, turns.ranks, turns.levels, strict=True)
    ]
    assert said == turns.shares
    return said


def test_in_proportion_by_the_largest_remainder() -> None:
    assert by_weight([2000, 1500, 2000, 1000], 5500, 100) == [1700, 1300, 1700, 800]


def test_equal_remainders_go_to_who_came_first() -> None:
    assert by_weight([500, 500, 500], 800, 100) == [300, 300, 200]


def test_what_is_under_a_step_goes_to_the_first() -> None:
    assert by_weight([500, 500], 850, 100) == [450, 400]
    assert by_weight([500, 500], 50, 100) == [50, 0]


def test_nobody_gets_a_step_that_its_order_has_no_room_for() -> None:
    assert by_weight([150, 150, 150], 440, 100) == [150, 150, 140]


def test_a_zero_stays_zero() -> None:
    assert by_weight([0, 500, 0], 450, 100) == [0, 450, 0]
    assert shared([0, 5, 0], in_turn([0, 5, 0], 4, 1), 1) == [0, 4, 0]
    assert by_weight([0, 0], 0, 100) == [0, 0]


@given(caps_of, st.integers(0, 300), steps)
def test_in_proportion_the_parts_are_the_whole_and_none_is_too_large(weights: list[int], units: int, step: int) -> None:
    units = min(units, sum(weights))
    shares = by_weight(weights, units, step)
    assert sum(shares) == units
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=7), st.integers(0, 28_000), st.sampled_from([1, 100]))
def test_orders_of_whole_steps_get_their_part_within_a_step(steps_of: list[int], units: int, step: int) -> None:
    weights = [each * step for each in steps_of]
    units = min(units, sum(weights)) // step * step
    shares = by_weight(weights, units, step)
    assert all(share % step == 0 for share in shares)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - units * weight) < step * max(1, sum(weights))


@given(st.lists(st.integers(1, 40), min_size=2, max_size=7), st.integers(0, 280), steps)
def test_of_equal_orders_the_earlier_never_gets_less(weights: list[int], units: int, step: int) -> None:
    weights[1] = weights[0]
    shares = by_weight(weights, min(units, sum(weights)), step)
    assert shares[0] >= shares[1]


def test_shares_by_hand_stand_as_they_are() -> None:
    assert list(by_hand([b"a", b"b"], [3, 3], 4, {b"a": 1, b"b": 3}).levels) == [1, 3]
    assert list(by_hand([b"a", b"b"], [3, 3], 3, {b"b": 3, b"c": 0}).levels) == [0, 3]


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        ({b"a": 4}, "share_too_large"),
        ({b"a": -1, b"b": 3}, "share_too_large"),
        ({b"a": 1, b"b": 1}, "shares_differ"),
        ({b"a": 3, b"b": 3}, "shares_differ"),
        ({b"a": 1, b"b": 1, b"c": 2}, "not_in_queue"),
    ],
)
def test_shares_by_hand_that_can_not_be_are_refused(shares: dict[bytes, int], code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        by_hand([b"a", b"b"], [3, 3], 4, shares)
    assert refused.value.code == code
