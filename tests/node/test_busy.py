"""Who signs while another process of the home is at work waits its turn, is told so, and loses nothing."""

import asyncio

import pytest

from foodhub.node.products import list_products
from foodhub.store.lock import FileLock
from tests.homes import Village

pytestmark = pytest.mark.anyio


async def test_who_has_to_wait_is_told_and_goes_on_when_the_other_is_done(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    waits, other = asyncio.Event(), FileLock(farm.node.home / "write.lock")
    farm.node.tell_when_busy(waits.set, after=0.01)
    with other:
        signing = asyncio.create_task(farm.product("Carrots"))
        await asyncio.wait_for(waits.wait(), 60)
        assert not signing.done()
        assert await farm.read(list_products) == []
    await asyncio.wait_for(signing, 60)
    other.close()
    assert [row.name for row in await farm.read(list_products)] == ["Carrots"]


async def test_who_does_not_wait_is_told_nothing(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    farm.node.tell_when_busy(lambda: pytest.fail("nobody is at work"), after=60)
    assert await farm.product("Carrots")
