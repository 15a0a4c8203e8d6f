"""Farms, hubs, groups and households on simulated nodes, many seeds: whatever befalls them, nothing is sold twice.

`TRADE_SEED=123 pytest tests/simulator/test_trade.py` plays one seed again; `FIRST_TRADE=20000 SOAK_TRADES=2000 pytest
-m soak tests/simulator/test_trade.py` plays many.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulator.footprint import footprint
from tests.simulator.trading import Trading

LIGHT = (2, 7, 54)
"""Seeds that take less than a second each: `make soak` plays those that take more, too."""
LOST = 119
"""A light seed in which a coordinator loses all laptops, and begins anew when the market is over."""
APART = 1054
"""A seed in which a hub began anew twice, neither laptop knowing of the other: the ids of their entries decide."""
FIRST_SOAKED, AT_ONCE = int(os.environ.get("FIRST_TRADE", "1000")), 10
SOAKED = int(os.environ.get("SOAK_TRADES", "300"))
CHOSEN = os.environ.get("TRADE_SEED")


def play(seed: int) -> Trading:
    """Play a seed; on failure, say which it was."""
    trading = Trading(seed)
    try:
        trading.play()
    except BaseException as error:
        error.add_note(f"play it again: TRADE_SEED={seed} pytest tests/simulator/test_trade.py")
        raise
    return trading


@pytest.mark.parametrize("seed", [int(CHOSEN)] if CHOSEN else LIGHT)
def test_no_more_is_promised_than_was_set_aside_nor_set_aside_than_counted(seed: int) -> None:
    trading = play(seed)
    assert trading.alike > 0
    assert trading.audit.acts > 0


def elsewhere(seed: int) -> str:
    """Return the footprint of a seed that is played by another process, with another hash seed."""
    hashed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    script = f"from tests.simulator.test_trade import *; print(footprint(play({seed})))"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": hashed},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


@pytest.mark.skipif(CHOSEN is not None, reason="one seed was asked for")
def test_a_trading_seed_plays_alike_in_every_process() -> None:
    played = play(LOST)
    assert {"lose all", "recover"} <= set(played.losses.happened)
    assert footprint(played) == elsewhere(LOST)


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(3))
def test_who_began_anew_twice_goes_on_with_the_laptop_that_the_seed_says(turn: int) -> None:
    """What the seed does not decide plays alike by chance, half of the time."""
    played = play(APART)
    assert played.losses.happened.count("recover") > 1
    assert footprint(played) == elsewhere(APART), turn


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FIRST_SOAKED, FIRST_SOAKED + SOAKED, AT_ONCE))
def test_it_holds_in_many_trading_seeds(first: int) -> None:
    """Of some tens of seeds each has everything that can befall a market; here it is seen that it happens."""
    played = [play(seed) for seed in range(first, first + AT_ONCE)]
    assert all(trading.alike > 0 for trading in played)
    done = sum((Counter(trading.dealings.done) for trading in played), Counter[str]())
    assert {"give", "ask_back", "ask_for", "order", "amend", "cancel", "buy", "deliver", "reopen"} <= set(done)
