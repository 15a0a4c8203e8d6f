"""The guard of a simulated home: the real one, but that it stands on no file.

What it remembers stays outside of the disk, as the state file stays outside of the home: it outlives a disk that is set
back, unless the scenario takes it away as well.
"""

import sqlite3
from pathlib import Path

from foodhub.log.header import Log
from foodhub.store.entries import log_row
from foodhub.store.guard import Guard
from foodhub.store.keyring import KeyFile
from foodhub.store.place import file_identity, machine
from foodhub.store.schema import SEQ_BITS
from tests.pens import Pen

NOT_THE_ONE = frozenset({"copied", "restored", "known_elsewhere"})
"""Why a home may not sign that is not, or not any more, the one that wrote last."""
_SOME_FILE = Path(__file__)
"""The real guard compares files: this one stands for the database of every home that is where it was made."""


class Watch(Guard):
    """Watches over the logs of one device; `copied` is a home that stands elsewhere than its keys were made for."""

    def __init__(self, pen: Pen, *, copied: bool = False) -> None:
        made_for = file_identity(_SOME_FILE) + copied
        super().__init__(_SOME_FILE, KeyFile(pen.id, pen.keys, machine(), made_for))
        self.device = pen.device
        self.state: dict[str, tuple[int, str]] = {}

    def _written(self) -> dict[str, tuple[int, str]]:
        return dict(self.state)

    def remember(self, db: sqlite3.Connection) -> None:
        """Remember how far our logs go; called after each entry of our own."""
        for log in Log:
            row = log_row(db, self.device, log)
            if row is not None and row.held:
                place = (row.ref << SEQ_BITS) + row.held
                (identity,) = db.execute("SELECT hex(id) FROM entry WHERE place = ?", (place,)).fetchone()
                self.state[str(int(log))] = row.held, identity
