"""Many nodes in one thread, many seeds: whatever befalls a circuit, honest nodes end up with the same.

`SIM_SEED=123 pytest tests/simulator` plays one seed again; `SOAK_SEEDS=5000 pytest -m soak tests/simulator` plays many.
"""

import os

import pytest

from foodhub.log.frontier import frontier_digest
from foodhub.node.comparison import shared_rows
from tests.simulator.scenario import Scenario

LIGHT = (2, 6, 8, 18, 19, 20, 21, 23, 26, 28, 29, 31, 32, 36, 37, 39, 42, 43, 49, 53, 54, 57)
"""Seeds that take less than half a second each: `make soak` plays those that take more, too."""
FOUND = (1068, 1513, 1757, 2062, 3273, 4038)
"""Seeds that once found something: a removed member that signed again where it had signed; a newcomer that lacked the
signature below a cut, and stayed apart; a fork below a checkpoint, for which honest nodes blamed each other; a count of
less than nothing that was left to send, since the log had gone on to a checkpoint; a recovery that was turned
away, since the cut of an earlier one left nothing of its member; one of which nobody was told, for the same reason."""
TOLD = (10, 22, 59)
"""Seeds of which it is known that newcomers come and homes are copied and set back."""
SEEDS = (*LIGHT, *FOUND)
FIRST_SOAKED, AT_ONCE = 1000, 20
SOAKED = int(os.environ.get("SOAK_SEEDS", "1000"))
LARGE = 60
LARGEST = 200
CHOSEN = os.environ.get("SIM_SEED")
SIZE = os.environ.get("SIM_NODES")


def play(seed: int, size: int | None = None) -> Scenario:
    """Play a seed; on failure, say which it was."""
    scenario = Scenario(seed, int(SIZE) if SIZE else size)
    try:
        scenario.play()
    except BaseException as error:
        again = f"SIM_NODES={size} " if size else ""
        error.add_note(f"play it again: SIM_SEED={seed} {again}pytest tests/simulator")
        raise
    return scenario


@pytest.mark.parametrize("seed", [int(CHOSEN)] if CHOSEN else SEEDS)
def test_honest_nodes_end_up_with_the_same_whatever_befalls_them(seed: int) -> None:
    assert play(seed).alike > 0


@pytest.mark.skipif(CHOSEN is not None, reason="one seed was asked for")
def test_a_seed_plays_alike_every_time() -> None:
    one, other = play(22), play(22)
    assert one.clock.happened == other.clock.happened
    for mine, theirs in zip(one.nodes, other.nodes, strict=True):
        assert frontier_digest(mine.disk.frontier()) == frontier_digest(theirs.disk.frontier())
        assert shared_rows(mine.disk.db) == shared_rows(theirs.disk.db)


@pytest.mark.skipif(CHOSEN is not None, reason="one seed was asked for")
def test_newcomers_get_in_and_homes_that_were_copied_or_set_back_notice() -> None:
    """What these stand for is judged in every seed; here it is seen that it happens."""
    played = [play(seed) for seed in TOLD]
    steps = {node.door.step for one in played for node in one.arrivals.newcomers if node.door}
    reasons = {node.watch.reason(node.disk.db) for one in played for node in one.nodes if node.watch}
    assert "inside" in steps
    assert len(steps) > 1
    assert {None, "copied"} <= reasons
    assert {"restored", "known_elsewhere"} & reasons


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FIRST_SOAKED, FIRST_SOAKED + SOAKED, AT_ONCE))
def test_many_seeds_end_well(first: int) -> None:
    assert all(play(seed).alike > 0 for seed in range(first, min(first + AT_ONCE, FIRST_SOAKED + SOAKED)))


@pytest.mark.soak
@pytest.mark.parametrize(("seed", "size"), [(1, LARGE), (2, LARGE), (3, LARGEST)])
def test_large_circuits_end_well_too(seed: int, size: int) -> None:
    assert play(seed, size).alike > 0
