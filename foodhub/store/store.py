"""A home's store: reading through aiosqlite, writing on one connection in a thread, under the lock of the home.

A reading function takes a `sqlite3.Connection`, a writing one a `Transaction`; both are plain functions, so the same
rules serve a command, the interface and the network process. A write is about 25 ms of work at the most: long work
comes in slices.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite

from foodhub.circuit.statements import CircuitStatement, Epoch
from foodhub.log.body import StatementReader, open_payload
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.database import BUSY_MS, check_version, open_database
from foodhub.store.doorbell import ring
from foodhub.store.guard import Guard
from foodhub.store.keyring import Keyring, read_key_files
from foodhub.store.lock import FileLock
from foodhub.store.schema import FOLD_VERSION, SEQ_BITS
from foodhub.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
WAL_LIMIT = 4 * 1024 * 1024
DATABASE = "foodhub.db"


class _Reader(aiosqlite.Connection):
    """A reading connection that runs whole functions on its thread, not only single statements."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` with the connection."""
        result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return result


class Store:
    """The database of one home; make it with `Store.open`."""

    def __init__(self, home: Path, reader: _Reader) -> None:
        self.home = home
        self._reader = reader
        self._thread = ThreadPoolExecutor(1, "writer")
        self._writer: _Writer | None = None

    @classmethod
    async def open(cls, home: Path, *, create: bool = False) -> "Store":
        """Open the store of a home; `create` makes it.

        Raises:
            NotSetUpError: there is none. FoodhubError: it can't be opened, see `database.open_database`.
        """
        # Opened here and not on the reader's thread: one that never had a connection outlives the event loop, and
        # complains.
        db = open_database(home / DATABASE, create=create)
        reader = _Reader(lambda: db, 64)
        await reader
        store = cls(home, reader)
        try:
            if await store.read(_needs_rebuild):
                await store.write(lambda tx: tx.fold.rebuild())
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close all connections; closing again does nothing."""
        await self._reader.close()
        writer, self._writer = self._writer, None
        if writer is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, writer.close)
        self._thread.shutdown()

    async def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a reading function; it sees one state of the database if it asks in one statement."""
        return await self._reader.run(lambda db: work(db, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function in a transaction, which is committed when it returns and undone when it raises."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._transact(work, args, kwargs)
        )

    def _transact(self, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        if self._writer is None:
            self._writer = _Writer(self.home)
        return self._writer.transact(work, args, kwargs)

    async def data_version(self) -> int:
        """Return a number that changes when another connection has committed."""
        return await self._reader.run(lambda db: int(db.execute("PRAGMA data_version").fetchone()[0]))

    async def reload_keys(self) -> None:
        """Read the key files again, after a member was added to this home."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._reload)

    def _reload(self) -> None:
        if self._writer is not None:
            self._writer.load_keys()


class _Writer:
    """The one writing connection of a process; lives on the store's thread."""

    def __init__(self, home: Path) -> None:
        self._path = home / DATABASE
        self._bells = home / "bells"
        self._keys = home / "keys"
        self._wal = home / f"{DATABASE}-wal"
        self._lock = FileLock(home / "write.lock")
        self._db = open_database(self._path)
        self._keyring = Keyring(())
        self._guards: dict[bytes, Guard] = {}
        self._key_names: list[str] = []
        self._circuit_seen = 0

    def close(self) -> None:
        self._db.close()
        self._lock.close()

    def load_keys(self) -> None:
        """Read the key files and open the box keys of their members."""
        files = read_key_files(self._keys)
        self._keyring = Keyring(files)
        self._guards = {file.keys.signing.public: Guard(self._path, file) for file in files}
        for file in files:
            _learn_epochs(self._db, self._keyring, file.keys.signing.public, file.member)

    def transact(self, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._lock:
            result = self._locked(work, args, kwargs)
        ring(self._bells)
        # A queue is only fair to those who are in it: give another process the moment it needs to get there.
        time.sleep(0)
        return result

    def _locked(self, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        names = sorted(path.name for path in self._keys.glob("*.key"))
        if names != self._key_names:
            self.load_keys()
            self._key_names = names
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            check_version(db, self._path)
            if self._circuit_arrival() != self._circuit_seen:
                self.load_keys()  # another process of this home has learned of members and box keys
            row = db.execute("SELECT value FROM meta WHERE key = 'circuit'").fetchone()
            tx = Transaction(db, self._keyring, self._guards, row[0] if row else b"", int(time.time() * 1000))
            result = work(tx, *args, **kwargs)
            tx.fold.flush()
            self._circuit_seen = self._circuit_arrival()
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._circuit_seen = -1  # the keyring may know what was undone
            raise
        for device in tx.wrote:
            self._guards[device].remember(db)
        self._checkpoint()
        return result

    def _circuit_arrival(self) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
        return int(row[0]) if row else 0

    def _checkpoint(self) -> None:
        """Empty the write-ahead log once it is long, unless somebody still reads from it: then a later commit does."""
        if self._wal.stat().st_size > WAL_LIMIT:
            self._db.execute("PRAGMA busy_timeout=20")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def _needs_rebuild(db: sqlite3.Connection) -> bool:
    row = db.execute("SELECT value FROM meta WHERE key = 'fold_version'").fetchone()
    return row is None or int(row[0]) < FOLD_VERSION


_circuit_reader = StatementReader(CircuitStatement)


def _learn_epochs(db: sqlite3.Connection, keyring: Keyring, device: bytes, member: bytes) -> None:
    """Open the box keys that stand in our own log 0."""
    rows = db.execute(
        "SELECT payload FROM log JOIN entry ON place BETWEEN (ref << ?) AND (ref << ?) + seq"
        " WHERE author = ? AND log = 0",
        (SEQ_BITS, SEQ_BITS, device),
    )
    for (payload,) in rows.fetchall():
        for statement in _circuit_reader.read(open_payload(payload)):
            if isinstance(statement, Epoch):
                keyring.learn_epoch(member, statement.number, statement.sealed)
