"""A simulated home: a disk with the keys of one device, which reads and signs by the functions that commands call.

It does what `foodhub.store.store` does around a transaction, without files, locks and threads. What is left to chance
there, salts and new box keys, says nothing in views: two homes with one story end up alike.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from foodhub.node.hat import Hat, hats
from foodhub.store.keyring import Keyring
from foodhub.store.store import learn_epochs
from foodhub.store.transaction import Transaction
from tests.pens import MORNING, Pen
from tests.simulator.disk import Disk
from tests.simulator.watch import Watch

P = ParamSpec("P")
T = TypeVar("T")


class Home(Disk):
    """The home of devices, one for each member; `now` says what its clock shows."""

    def __init__(self, circuit: bytes, *pens: Pen) -> None:
        super().__init__(circuit)
        self.pens = pens
        self.now: Callable[[], int] = lambda: MORNING
        self.guards = {pen.device: Watch(pen) for pen in pens}
        self.db.execute("INSERT INTO meta VALUES ('circuit', ?)", (circuit,))
        self.load_keys()

    def move_in(self, source: Disk, name: str) -> None:
        """Begin with what another disk holds, as the home of the one member here; views are made as it may read."""
        source.db.backup(self.db)
        (pen,) = self.pens
        self.db.execute("DELETE FROM own")
        self.enter_own(pen, name)
        self.load_keys()
        self.write(lambda tx: tx.fold.rebuild())

    def enter_own(self, pen: Pen, name: str) -> None:
        """Say that a member is at home here."""
        self.db.execute("INSERT INTO own VALUES (?, ?, ?, ?, x'')", (pen.id, pen.device, name, " ".join(pen.roles)))

    def load_keys(self) -> None:
        """Open the box keys of the members of this home."""
        self.shelf.keyring = Keyring([pen.file for pen in self.pens])
        for pen in self.pens:
            learn_epochs(self.db, self.shelf.keyring, pen.id)

    @property
    def hat(self) -> Hat:
        """Return the member that acts here, the first where there are several."""
        return hats(self.db)[0]

    @property
    def arrival(self) -> int:
        """Return the number of the last transaction."""
        (number,) = self.db.execute("SELECT value FROM meta WHERE key = 'arrival'").fetchone()
        return int(number)

    def read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a reading function of `foodhub.node`."""
        return work(self.db, *args, **kwargs)

    def write(self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function of `foodhub.node` in one transaction."""
        with self.writing() as tx:
            return work(tx, *args, **kwargs)

    @contextmanager
    def writing(self, *, own: bool = False) -> Iterator[Transaction]:
        """One write transaction, as the store makes it; in an `own` one our logs may grow from outside."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            tx = Transaction(self.db, self.shelf.keyring, {} if own else dict(self.guards), self.circuit, self.now())
            yield tx
            tx.fold.flush()
        except BaseException:
            self.db.execute("ROLLBACK")
            self.load_keys()  # they may know what was undone
            raise
        self.db.execute("COMMIT")
        for device in tx.wrote:
            self.guards[device].remember(self.db)
