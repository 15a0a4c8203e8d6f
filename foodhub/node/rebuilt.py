"""Whether the views are what the logs say: they are made again in a copy of the database and compared.

The home itself is not touched. What only says when a row came here may differ; nothing else may.
"""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

from foodhub.node.home import DATABASE
from foodhub.store.fold import SHADOW, Entry, Fold
from foodhub.store.keyring import Keyring, read_key_files
from foodhub.store.snapshot import snapshot

_NO_VIEWS = frozenset({"meta", "entry", "own", "address", "refused", "fork_proof"})
"""Tables that a rebuild reads or leaves alone. All others are compared, so that a new view is never forgotten."""
_NOT_COMPARED = frozenset({"arrival"})


def differing_views(home: Path, seen: Callable[[int, int], None] = lambda _done, _total: None) -> list[str]:
    """Return the names of the tables that a rebuild would change; `seen` is told how many entries are folded of all.

    Raises:
        RefusedError: another process makes a copy right now. FoodhubError: the database is damaged.
        OSError: the disk is full.
    """
    with snapshot(home / DATABASE) as copy, closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA journal_mode=OFF")
        before = _digests(db)
        keyring = Keyring(read_key_files(home / "keys"))
        db.execute("BEGIN")
        _Followed(db, keyring, seen).rebuild()
        db.execute("COMMIT")
        after = _digests(db)
    return sorted(name for name in before if before[name] != after[name])


class _Followed(Fold):
    """A fold that tells how far it is."""

    def __init__(self, db: sqlite3.Connection, keyring: Keyring, seen: Callable[[int, int], None]) -> None:
        circuit = db.execute("SELECT value FROM meta WHERE key = 'circuit'").fetchone()
        super().__init__(db, keyring, circuit[0] if circuit else b"", 0)
        (self._total,) = db.execute(
            "SELECT coalesce(sum(seq - max(base - 1, 0)), 0) FROM log WHERE log != 0"
        ).fetchone()
        self._done = 0
        self._seen = seen

    def add(self, author: bytes, log: int, entries: Iterable[Entry]) -> None:
        """Fold entries and tell how far that is."""
        part = list(entries)
        super().add(author, log, part)
        self._done += len(part)
        self._seen(min(self._done, self._total), self._total)


def _digests(db: sqlite3.Connection) -> dict[str, bytes]:
    """Return a hash of the rows of every table that is compared."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    compared = [name for name in names if name not in _NO_VIEWS and not name.startswith((SHADOW, "sqlite_"))]
    return {name: _digest(db, name) for name in compared}


def _digest(db: sqlite3.Connection, table: str) -> bytes:
    found = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    columns = ", ".join(f'"{name}"' for name in found if name not in _NOT_COMPARED)
    total = blake2b(digest_size=32)
    for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}"):  # noqa: S608 - names of ours
        total.update(repr(row).encode())
    return total.digest()
