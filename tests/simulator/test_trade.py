"""Farms, hubs, groups and households on simulated nodes, many seeds: whatever befalls them, nothing is sold twice.

`TRADE_SEED=123 pytest tests/simulator/test_trade.py` plays one seed again; `SOAK_TRADES=2000 pytest -m soak
tests/simulator/test_trade.py` plays many.
"""

import os
from collections import Counter

import pytest

from foodhub.node.comparison import shared_rows
from tests.simulator.trading import Trading

LIGHT = (7, 54, 58)
"""Seeds that take less than a second each: `make soak` plays those that take more, too."""
FIRST_SOAKED, AT_ONCE = 1000, 10
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


@pytest.mark.soak
def test_a_trading_seed_plays_alike_every_time() -> None:
    one, other = play(LIGHT[0]), play(LIGHT[0])
    assert one.clock.happened == other.clock.happened
    assert one.dealings.done == other.dealings.done
    for mine, theirs in zip(one.nodes, other.nodes, strict=True):
        assert shared_rows(mine.disk.db) == shared_rows(theirs.disk.db)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FIRST_SOAKED, FIRST_SOAKED + SOAKED, AT_ONCE))
def test_it_holds_in_many_trading_seeds(first: int) -> None:
    """Of some tens of seeds each has everything that can befall a market; here it is seen that it happens."""
    played = [play(seed) for seed in range(first, first + AT_ONCE)]
    assert all(trading.alike > 0 for trading in played)
    done = sum((Counter(trading.dealings.done) for trading in played), Counter[str]())
    assert {"give", "ask_back", "ask_for", "order", "amend", "cancel"} <= set(done)
