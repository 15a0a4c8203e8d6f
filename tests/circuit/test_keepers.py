"""Which device holds a right: handed over, inherited, recovered."""

import pytest

from foodhub.circuit.statements import RIGHTS
from tests.circuit.story import Story


def farm() -> Story:
    """A farm with three devices: farm, a, b."""
    return Story().newcomer("farm").add("farm", "farm", "a", "b")


def test_the_first_device_holds_every_right_until_it_hands_one_over() -> None:
    story = farm()
    assert [story.keeper_of(right, "farm") for right in RIGHTS] == ["farm", "farm"]
    story.keeper("farm", "stock", 1, "a")
    assert [story.keeper_of(right, "farm") for right in RIGHTS] == ["a", "farm"]


def test_a_right_moves_on_and_comes_back_turn_by_turn() -> None:
    story = farm().keeper("farm", "desk", 1, "a").keeper("a", "desk", 2, "b").keeper("b", "desk", 3, "farm")
    assert story.keeper_of("desk", "farm") == "farm"
    assert story.keeper("farm", "desk", 4, "a").keeper_of("desk", "farm") == "a"


def test_who_does_not_hold_the_turn_before_hands_over_nothing() -> None:
    story = farm().keeper("a", "stock", 1, "a").keeper("farm", "stock", 2, "b").keeper("a", "stock", 2, "b")
    assert story.keeper_of("stock", "farm") == "farm"


def test_of_two_that_a_holder_names_for_one_turn_the_first_that_is_a_device_counts() -> None:
    story = farm().newcomer("other").keeper("farm", "stock", 1, "other").keeper("farm", "stock", 1, "stranger")
    assert story.keeper_of("stock", "farm") == "farm"
    assert story.keeper("farm", "stock", 1, "b").keeper("farm", "stock", 1, "a").keeper_of("stock", "farm") == "b"


def test_the_heir_takes_over_what_a_retired_device_kept() -> None:
    story = farm().keeper("farm", "stock", 1, "a").retire("farm", "a", ("a", 0, 1), heir="b")
    assert [story.keeper_of(right, "farm") for right in RIGHTS] == ["b", "farm"]
    assert story.keeper("b", "stock", 3, "farm").keeper_of("stock", "farm") == "farm"


def test_what_a_retired_holder_handed_over_below_its_cut_stays_handed_over() -> None:
    story = farm().keeper("farm", "stock", 1, "a").keeper("a", "stock", 2, "b")
    assert story.retire("farm", "a", ("a", 0, 2), heir="farm").keeper_of("stock", "farm") == "b"
    assert story.retire("farm", "a", ("a", 0, 1)).keeper_of("stock", "farm") == "farm"


@pytest.mark.parametrize("heir", ["", "other", "a"])
def test_without_an_heir_of_the_member_the_highest_device_that_is_left_takes_over(heir: str) -> None:
    story = farm().newcomer("other").keeper("farm", "stock", 1, "a").retire("farm", "a", heir=heir)
    assert story.keeper_of("stock", "farm") == "farm"
    assert story.retire("farm", "farm", heir=heir).keeper_of("stock", "farm") == "b"


def test_an_heir_that_is_retired_too_passes_it_on() -> None:
    story = farm().add("farm", "farm", "c").keeper("farm", "stock", 1, "a")
    story.retire("farm", "a", heir="b").retire("farm", "b", heir="c")
    assert story.keeper_of("stock", "farm") == "c"


def test_a_loop_of_heirs_ends_at_the_highest_device_that_is_left() -> None:
    story = farm().keeper("farm", "stock", 1, "a").retire("farm", "a", heir="b").retire("farm", "b", heir="a")
    assert story.keeper_of("stock", "farm") == "farm"


def test_where_all_devices_are_retired_somebody_keeps_it() -> None:
    story = farm().retire("farm", "a", heir="b").retire("farm", "b", heir="a").retire("farm", "farm", heir="a")
    assert story.keeper_of("stock", "farm") == "b"


def test_a_right_handed_to_a_retired_device_goes_to_its_heir() -> None:
    story = farm().retire("farm", "a", heir="b").keeper("farm", "desk", 1, "a")
    assert story.keeper_of("desk", "farm") == "b"


def test_a_recovery_takes_every_right_back() -> None:
    story = farm().keeper("farm", "stock", 1, "b")
    story.recover("new", "farm", 1, ("farm", 0, story.head("farm")), ("a", 0, 1), ("b", 0, 1))
    assert [story.keeper_of(right, "farm") for right in RIGHTS] == ["new", "new"]
