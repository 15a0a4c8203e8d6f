"""Reading a home without an event loop: one look, then done, so that `foodhub status` answers at once.

It takes no lock and changes no entry; whoever watches a home, or writes, opens it with `application.open_node` instead.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection, DatabaseError
from typing import Concatenate, ParamSpec, TypeVar

from foodhub.errors import FoodhubError
from foodhub.node.home import DATABASE
from foodhub.store.database import needs_refold, open_database

__all__ = ["Connection", "open_reading", "read"]
P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def open_reading(home: Path, told: Callable[[int, int], None] = lambda _done, _total: None) -> Iterator[Connection]:
    """Open the database of a home for a few reading functions; views of an older program are made anew first.

    `told` is called while that is done, with how many entries of how many are.

    Raises:
        NotSetUpError: nothing is set up there. FoodhubError: it can't be opened.
    """
    with closing(open_database(home / DATABASE)) as db:
        if needs_refold(db):
            _refold(home, told)
        yield db


def views_are_old(home: Path) -> bool:
    """Say whether an older program made what this home shows; False where nothing is set up, or it can't be opened."""
    if not (home / DATABASE).exists():
        return False
    try:
        with closing(open_database(home / DATABASE)) as db:
            return needs_refold(db)
    except (FoodhubError, DatabaseError):
        return False  # the command itself will say what is wrong


def read(home: Path, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one reading function of `foodhub.node` on a home."""
    with open_reading(home) as db:
        return work(db, *args, **kwargs)


def _refold(home: Path, told: Callable[[int, int], None]) -> None:
    """Open the home as a writer would, and bring its views up to date."""
    import asyncio

    from foodhub.node.application import open_node

    async def opened() -> None:
        async with open_node(home, told=told):
            pass

    asyncio.run(opened())
