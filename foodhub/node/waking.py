"""Whether this home may act on the clock: not while it has slept and may not have heard what the others said.

The network process notes when it begins or wakes, and that it is in step again once a round with a peer is over or it
has waited long enough. Where none ever ran, nobody waits. A node that slept through the closing time would else leave
out orders that were sent in time.
"""

import sqlite3

from foodhub.store.transaction import Transaction

WAIT = 30_000
"""So long (ms) a node that woke waits for a round with a peer."""
_KEY = "waking"


def note_waking(tx: Transaction) -> None:
    """Note that this home may have missed what the others said."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, tx.now))


def note_in_step(tx: Transaction) -> None:
    """Note that this home has heard the others, or waited long enough."""
    tx.db.execute("DELETE FROM meta WHERE key = ?", (_KEY,))


def is_waking(db: sqlite3.Connection) -> bool:
    """Say whether what the clock makes due has to wait."""
    return db.execute("SELECT 1 FROM meta WHERE key = ?", (_KEY,)).fetchone() is not None
