"""Reading a home without an event loop: one look, then done, so that `foodhub status` answers at once.

It takes no lock and changes no entry; whoever watches a home, or writes, opens it with `application.open_node` instead.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from foodhub.node.home import DATABASE
from foodhub.store.database import open_database
from foodhub.store.schema import FOLD_VERSION

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def open_reading(home: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of a home for a few reading functions; views of an older program are made anew first.

    Raises:
        NotSetUpError: nothing is set up there. FoodhubError: it can't be opened.
    """
    with closing(open_database(home / DATABASE)) as db:
        row = db.execute("SELECT value FROM meta WHERE key = 'fold_version'").fetchone()
        if row is None or int(row[0]) < FOLD_VERSION:
            _refold(home)
        yield db


def read(home: Path, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one reading function of `foodhub.node` on a home."""
    with open_reading(home) as db:
        return work(db, *args, **kwargs)


def _refold(home: Path) -> None:
    """Open the home as a writer would, which brings its views up to date."""
    import asyncio

    from foodhub.node.application import open_node

    async def opened() -> None:
        async with open_node(home):
            pass

    asyncio.run(opened())
