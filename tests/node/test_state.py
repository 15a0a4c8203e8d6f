"""What a home says of itself at a glance."""

import pytest

from foodhub.node import state
from foodhub.node.exchange import note_elsewhere
from tests.homes import Village
from tests.node.forking import fork

pytestmark = pytest.mark.anyio


async def test_of_a_log_that_forked_peers_never_lack_less_than_nothing(village: Village) -> None:
    await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer")
    for name in ("Carrots", "Eggs", "Leeks"):
        await farm.product(name)
    await village.gossip()
    heads = await farm.rows("SELECT author, log, seq FROM log WHERE author = ?", farm.hat.device)
    await farm.write(note_elsewhere, heads, always_on=False)
    assert await farm.read(state.pending) == 0
    await fork(village, farm, 1, 1)
    assert await farm.rows("SELECT seq < elsewhere FROM log WHERE author = ? AND log = 1", farm.hat.device) == [(1,)]
    assert await farm.read(state.pending) == 0
