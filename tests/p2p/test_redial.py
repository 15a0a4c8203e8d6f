"""Redialing: patient with those who are away, quick with those who were there, and never stuck."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.p2p.redial import AT_ONCE, FIRST_WAIT, LONGEST_WAIT, Redial, peer_of


def address(peer: str, port: int = 4001) -> str:
    return f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer}"


def plan(*peers: str) -> Redial:
    made = Redial("us")
    made.learn(address(peer) for peer in peers)
    return made


def try_once(made: Redial, now: float) -> list[str]:
    due = made.due(now, [])
    for each in due:
        made.done(each, now)
    return [peer_of(each) for each in due]


def attempts(made: Redial, seconds: float, begin: float = 0.0) -> list[float]:
    """When an unreachable peer is dialed, looking every 50 ms, in seconds after `begin`."""
    return [tick / 20 for tick in range(int(seconds * 20)) if try_once(made, begin + tick / 20)]


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("/ip4/1.2.3.4/tcp/1/p2p/Qm", "Qm"),
        ("/ip4/1.2.3.4/tcp/1", ""),
        ("/p2p/Qm", ""),
        ("", ""),
        ("/ip4/1.2.3.4/tcp/1/p2p/", ""),
    ],
)
def test_the_peer_stands_at_the_end_of_an_address(text: str, peer: str) -> None:
    assert peer_of(text) == peer


def test_what_is_learned_is_due_at_once_and_only_once() -> None:
    made = plan("one", "two")
    assert made.due(0, []) == [address("one"), address("two")]
    assert made.due(0, []) == []


def test_nobody_dials_itself_or_an_address_without_a_peer() -> None:
    made = plan("us")
    made.learn(["/ip4/127.0.0.1/tcp/1", "nonsense", ""])
    assert made.due(0, []) == []


def test_who_is_linked_is_not_dialed() -> None:
    assert plan("one", "two").due(0, ["one"]) == [address("two")]


def test_a_peer_with_several_addresses_is_dialed_at_one_of_them_at_a_time() -> None:
    made = Redial("us")
    made.learn([address("one", 1), address("one", 2)])
    assert made.due(0, []) == [address("one", 1)]
    made.done(address("one", 1), 0)
    assert made.due(0.1, []) == [address("one", 2)]


def test_what_is_forgotten_is_dialed_no_more_though_a_dial_was_under_way() -> None:
    made = plan("one", "two")
    made.due(0, [])
    made.forget()
    made.done(address("one"), 1)
    assert made.due(100, []) == []


def test_few_dials_are_under_way_at_once() -> None:
    made = plan(*(f"peer{number}" for number in range(10)))
    first = made.due(0, [])
    assert len(first) == AT_ONCE
    assert made.due(0, []) == []
    made.done(first[0], 0)
    assert len(made.due(0, [])) == 1


def test_the_waits_grow_up_to_a_minute_and_it_is_never_given_up() -> None:
    made = plan("one")
    times = attempts(made, 900)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] == 0
    assert waits[0] == pytest.approx(FIRST_WAIT, abs=0.1)
    assert all(later >= earlier - 0.1 for earlier, later in pairwise(waits))
    assert max(waits) == pytest.approx(LONGEST_WAIT, abs=0.1)
    assert times[-1] > 900 - 1.1 * LONGEST_WAIT


@given(st.floats(0.1, 100))
def test_who_was_away_is_dialed_again_after_a_fraction_of_that_time(away: float) -> None:
    made = plan("one")
    made.settled("one")
    back = next(time for time in attempts(made, 400) if time >= away)
    assert back - away <= max(1.1, 0.45 * away)


@given(st.floats(0, 7))
def test_a_peer_away_for_a_restart_is_dialed_within_two_seconds(away: float) -> None:
    assert any(away <= time <= away + 2 for time in attempts(plan("one"), 10))


def test_a_peer_that_answers_and_refuses_is_dialed_ever_more_seldom_too() -> None:
    made = plan("one")
    assert len(attempts(made, 60)) < 20


def test_a_completed_round_makes_the_peer_due_at_once_when_it_is_lost() -> None:
    made = plan("one", "two")
    for number in range(30):
        try_once(made, number * 100.0)
    made.settled("one")
    assert try_once(made, 2901.0) == ["one"]


def test_hurrying_makes_one_or_all_due() -> None:
    made = plan("one", "two", "three")
    try_once(made, 0)
    assert made.due(0.1, []) == []
    made.hurry(address("two"))
    assert try_once(made, 0.1) == ["two"]
    made.hurry()
    assert sorted(try_once(made, 0.2)) == ["one", "three", "two"]


def test_learning_again_gives_nobody_a_new_turn() -> None:
    made = plan("one")
    try_once(made, 0)
    made.learn([address("one")])
    assert made.due(0.1, []) == []
