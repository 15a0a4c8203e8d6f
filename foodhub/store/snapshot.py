"""A consistent copy of a home's database, for work that takes longer than a reader may keep others waiting.

The copy lies in the home, readable by its owner alone, and is removed when the work is done; one that a killed process
left behind is removed by the next. It holds what the database holds and nothing that was deleted from it: free pages,
in which erased payloads could still be read, are left out.
"""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from foodhub.errors import N_, FoodhubError, RefusedError
from foodhub.store.database import open_database
from foodhub.store.lock import FileLock

COPY = "copy.unfinished"
_STEPS = 10_000
"""Steps of SQLite's machine between two calls of `seen`."""


@contextmanager
def snapshot(database: Path, seen: Callable[[int], None] = lambda _: None) -> Iterator[Path]:
    """Copy a home's database for the length of the block; `seen` is told now and then how many bytes are written.

    Raises:
        NotSetUpError: there is no database. RefusedError: another process makes a copy right now.
        FoodhubError: the database is damaged, or of a newer program. OSError: the disk is full.
    """
    copy = database.parent / COPY
    with (
        _damage_named(copy),
        closing(open_database(database, read_only=True)) as db,
        closing(_only_one(database.parent)),
    ):
        try:
            _forget(copy)
            os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            db.set_progress_handler(lambda: seen(copy.stat().st_size), _STEPS)
            db.execute("PRAGMA query_only=OFF")  # it stands in the way of writing to the copy as well
            db.execute("VACUUM INTO ?", (str(copy),))
            yield copy
        finally:
            _forget(copy)


def _only_one(home: Path) -> FileLock:
    lock = FileLock(home / "copy.lock")
    if lock.try_acquire():
        return lock
    lock.close()
    raise RefusedError(
        "copy_busy",
        N_("Another backup or doctor is at work on this home."),
        N_("Wait until it is done, then try again."),
    )


@contextmanager
def _damage_named(copy: Path) -> Iterator[None]:
    """Say in our words what SQLite says of a full disk or a damaged file."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(copy)) from None
        if code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise FoodhubError(
                "home_damaged",
                N_("The database of this home is damaged: {reason}."),
                N_("See what is wrong with: foodhub doctor --quick"),
                reason=str(error),
            ) from None
        raise


def _forget(copy: Path) -> None:
    for name in (copy, copy.with_name(f"{copy.name}-journal"), copy.with_name(f"{copy.name}-wal")):
        name.unlink(missing_ok=True)
    copy.with_name(f"{copy.name}-shm").unlink(missing_ok=True)
