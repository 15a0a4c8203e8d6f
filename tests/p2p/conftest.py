"""The village in which the tests of the network process play."""

import pytest

from foodhub.node.application import now
from tests.homes import Village


@pytest.fixture
def village(village: Village) -> Village:
    """A place whose clock shows the time that network processes go by."""
    village.clock.now = now()
    return village
