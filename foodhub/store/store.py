"""A home's store: reading through aiosqlite, writing on one connection in a thread, under the lock of the home.

A reading function takes a `sqlite3.Connection`, a writing one a `Transaction`; both are plain functions, so the same
rules serve a command, the interface and the network process. A write is about 25 ms of work at the most: long work
comes in slices.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite

from foodhub.circuit.statements import CircuitStatement, Epoch, Share
from foodhub.log.body import StatementReader, open_payload
from foodhub.log.faults import PeerFault
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.database import BUSY_MS, check_version, needs_refold, open_database
from foodhub.store.doorbell import ring
from foodhub.store.guard import Guard
from foodhub.store.keyring import Keyring, read_key_files
from foodhub.store.lock import FileLock
from foodhub.store.refold import refold_slice
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)
WAL_LIMIT = 16 * 1024 * 1024
"""Bytes after which the write-ahead log is emptied: a page that was written many times is copied once by then."""
ERASED_IN_WAL = "erased_in_wal"
"""The key in `meta` that says that the write-ahead log may still hold what was erased."""
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
        self._stale = False
        self._refolding = asyncio.Lock()
        self.busy: Callable[[], None] | None = None
        """Called when a write has waited, or worked, for `patience` seconds."""
        self.patience = 1.0

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
            store._stale = await store.read(needs_refold)
        except BaseException:
            await store.close()
            raise
        return store

    async def bring_up_to_date(self, told: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        """Make the views anew if an older program made them, slice by slice; meanwhile the old rows can be read.

        `told` is called after each slice with how many entries of how many are done.
        """
        async with self._refolding:
            while self._stale:
                state = await self._run(refold_slice)
                self._stale = state is not None
                if state is not None:
                    told(state.done, state.total)

    async def close(self) -> None:
        """Close all connections; closing again does nothing."""
        await self._reader.close()
        writer, self._writer = self._writer, None
        if writer is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, writer.close)
        self._thread.shutdown()

    async def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a reading function; it sees one state of the database if it asks in one statement."""
        return await self._reader.run(lambda db: _carried(work, db, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function in a transaction, which is committed when it returns and undone when it raises.

        Where an older program made the views, they are made anew first: rules are not asked of old rows.
        """
        if self._stale:
            await self.bring_up_to_date()
        return await self._run(work, *args, **kwargs)

    async def _run(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        done = asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._transact(work, args, kwargs))
        if self.busy is not None:
            await asyncio.wait([done], timeout=self.patience)
            if not done.done():
                self.busy()
        return await done

    def _transact(self, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        writer = self._writer = self._writer or _Writer(self.home)
        result = _carried(writer.transact, work, args, kwargs)
        if writer.wal_is_long():
            # A turn of its own, behind whoever waits for the lock by now: nobody waits for a commit and for this.
            self._thread.submit(self._shorten_wal)
        return result

    def _shorten_wal(self) -> None:
        writer = self._writer
        if writer is not None:  # else this store is being closed, and the next commit of anybody sees to it
            writer.shorten_wal()

    @property
    def others_wrote(self) -> bool:
        """Whether another process committed between our last two writes."""
        return self._writer is not None and self._writer.others_wrote

    async def require_current(self) -> None:
        """Make sure that no newer program has upgraded the home meanwhile.

        Raises:
            FoodhubError: `home_is_newer`.
        """
        await self.read(check_version, self.home / DATABASE)

    async def data_version(self) -> int:
        """Return a number that changes when another connection has committed."""
        return await self._reader.run(lambda db: int(db.execute("PRAGMA data_version").fetchone()[0]))


def _carried(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in another thread: a StopIteration would reach nobody, who would wait for ever."""
    try:
        return work(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("a function asked for an item that is not there") from error


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
        self._version = self._db.execute("PRAGMA data_version").fetchone()[0]
        self.others_wrote = False

    def close(self) -> None:
        self._db.close()
        self._lock.close()

    def load_keys(self) -> None:
        """Read the key files and open the box keys of their members."""
        files = read_key_files(self._keys)
        self._keyring = Keyring(files)
        self._guards = {file.keys.signing.public: Guard(self._path, file) for file in files}
        for file in files:
            learn_epochs(self._db, self._keyring, file.member)

    def transact(self, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._lock:
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            self.others_wrote, self._version = version != self._version, version
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
            if tx.fold.erased_some:
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, 1)", (ERASED_IN_WAL,))
            self._circuit_seen = self._circuit_arrival()
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._circuit_seen = -1  # the keyring may know what was undone
            raise
        for device in tx.wrote:
            self._remember(device)
        self._let_go_of_erased()
        return result

    def _remember(self, device: bytes) -> None:
        """Let the guard remember how far a device wrote; if it can't, that is no failure: all is on disk already."""
        try:
            self._guards[device].remember(self._db)
        except OSError:
            log.warning("the guard could not remember how far this home wrote", exc_info=True)

    def _circuit_arrival(self) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
        return int(row[0]) if row else 0

    def wal_is_long(self) -> bool:
        """Say whether the write-ahead log should be emptied."""
        return self._wal.stat().st_size > WAL_LIMIT

    def shorten_wal(self) -> None:
        """Empty the write-ahead log if nobody did so meanwhile."""
        with self._lock:
            if self.wal_is_long():
                self._empty_wal()
        time.sleep(0)

    def _let_go_of_erased(self) -> None:
        """Empty the write-ahead log if it may still hold what was erased."""
        if self._db.execute("SELECT 1 FROM meta WHERE key = ?", (ERASED_IN_WAL,)).fetchone() and self._empty_wal():
            self._db.execute("DELETE FROM meta WHERE key = ?", (ERASED_IN_WAL,))

    def _empty_wal(self) -> bool:
        """Empty the write-ahead log; return whether it is: while somebody reads from it, a later commit has to."""
        self._db.execute("PRAGMA busy_timeout=20")
        busy, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        return not busy


_circuit_reader = StatementReader(CircuitStatement)


def learn_epochs(db: sqlite3.Connection, keyring: Keyring, member: bytes) -> None:
    """Open the box keys that stand in the logs 0 of one of our members, for one of our devices."""
    rows = db.execute(
        # The order is said, since SQLite would read all entries first.
        "SELECT payload FROM device d CROSS JOIN log l ON l.author = d.key AND l.log = 0"
        " CROSS JOIN entry ON place BETWEEN (l.ref << ?) + 1 AND (l.ref << ?) + l.seq WHERE d.member = ?",
        (SEQ_BITS, SEQ_BITS, member),
    )
    publics = dict(db.execute("SELECT number, public FROM epoch WHERE member = ?", (member,)))
    spares = [public for (public,) in db.execute("SELECT public FROM spare_epoch WHERE member = ?", (member,))]
    for (payload,) in rows.fetchall():
        for number, sealed in _sealed_epochs(payload):
            if number in publics:
                keyring.learn_epoch(member, number, publics[number], sealed)
            for public in spares:
                keyring.learn_spare(member, public, sealed)


def _sealed_epochs(payload: bytes) -> Iterator[tuple[int, list[tuple[bytes, bytes]]]]:
    """Yield the secrets of box keys that an entry of a log 0 hands out: number, and to which device sealed how."""
    try:
        statements = _circuit_reader.read(open_payload(payload))
    except PeerFault:
        return
    for statement in statements:
        if isinstance(statement, Epoch):
            yield statement.number, statement.sealed
        elif isinstance(statement, Share):
            yield from ((number, [(statement.device, sealed)]) for number, sealed in statement.sealed)
