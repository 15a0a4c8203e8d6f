"""The village in which the tests of the interface play."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.homes import Village


@pytest.fixture
async def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Village]:
    """A place without homes; what the homes remember of themselves outside their folders lies in the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with AsyncExitStack() as stack:
        yield Village(tmp_path, stack)


@pytest.fixture(params=[(80, 24), (120, 40)], ids=["80x24", "120x40"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """The terminals that have to do: the smallest that is usual, and a comfortable one."""
    columns, lines = request.param
    return columns, lines
