"""What every test shares: the event loop of the async ones, and how hard hypothesis tries."""

import os

import pytest
from hypothesis import settings

from foodhub import words

# No deadline: a slow machine is no fault of the code. CI draws the same examples each time, so that its "no" can be
# repeated.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# Tests read what is said in English, whatever the developer speaks; so do the programs they start.
os.environ["FOODHUB_LANG"] = "en"
words.use()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests (`pytestmark = pytest.mark.anyio`) run on asyncio, as the program does."""
    return "asyncio"
