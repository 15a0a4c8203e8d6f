"""The terminals on which the tests of the interface play."""

import pytest


@pytest.fixture(params=[(80, 24), (120, 40)], ids=["80x24", "120x40"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """The terminals that have to do: the smallest that is usual, and a comfortable one."""
    columns, lines = request.param
    return columns, lines
