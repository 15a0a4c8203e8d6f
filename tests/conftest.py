"""What every test shares: the event loop of the async ones, how hard hypothesis tries, a village, network processes."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from foodhub import words
from tests.homes import Village

if TYPE_CHECKING:
    from tests.nodes import Networks

# No deadline: a slow machine is no fault of the code. CI draws the same examples each time, so that its "no" can be
# repeated.
SLOW = [HealthCheck.too_slow]
settings.register_profile("here", deadline=None, suppress_health_check=SLOW)
settings.register_profile("ci", deadline=None, suppress_health_check=SLOW, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# Tests read what is said in English, whatever the developer speaks; so do the programs they start.
os.environ["FOODHUB_LANG"] = "en"
words.use()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests (`pytestmark = pytest.mark.anyio`) run on asyncio, as the program does."""
    return "asyncio"


@pytest.fixture
async def village(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Village]:
    """A place without homes; what the homes remember of themselves outside their folders lies in the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with AsyncExitStack() as stack:
        yield Village(tmp_path, stack)


@pytest.fixture
def networks() -> Iterator["Networks"]:
    """Network processes, all of which the end of the test ends."""
    from tests.nodes import Networks  # it loads libp2p, which most tests do without

    with closing(Networks()) as started:
        yield started
