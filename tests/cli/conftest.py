"""Homes for the tests of the command line."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foodhub.node import setup
from foodhub.node.application import open_node
from tests.cli.program import HEADER, Foodhub, starter


@pytest.fixture(scope="session", autouse=True)
def _end_of_starter() -> Iterator[None]:
    yield
    if starter.cache_info().currsize:
        starter().close()


@pytest.fixture
def empty(tmp_path: Path) -> Foodhub:
    """A home in which nothing is set up."""
    return Foodhub(tmp_path / "home")


def _founded(folder: Path) -> Foodhub:
    """Make a home as `foodhub init` and `foodhub circuit found` do, without a process for each."""
    foodhub = Foodhub(folder / "home")

    async def found() -> None:
        async with open_node(foodhub.home, create=True) as node:
            roles = ["hub", "producer"]
            hat, _words = await node.write(setup.make_member, foodhub.home, "Hub", roles, always_on=True)
            await node.write(setup.found, hat, "Circuit", None, "EUR")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", foodhub.environment["XDG_STATE_HOME"])
        asyncio.run(found())
    return foodhub


@pytest.fixture
def founded(tmp_path: Path) -> Foodhub:
    """A home with one member, hub and producer, that has founded a circuit."""
    return _founded(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Foodhub:
    """The same, shared by the tests of a module that do not get into each other's way."""
    return _founded(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def file_with(tmp_path: Path) -> Callable[..., Path]:
    """Write a product list of these rows, and return its path."""

    def write(*rows: str, header: str = HEADER, encoding: str = "utf-8", newline: str = "\n") -> Path:
        path = tmp_path / "products.csv"
        path.write_bytes(newline.join([header, *rows, ""]).encode(encoding))
        return path

    return write
