"""Pruning: letting go of what lies before the last two checkpoints of a log 1.

Nothing that is shown depends on it, and whoever lacks it begins at a checkpoint as well. Never under an open session,
which may be reading there: the network process prunes before it links, a command only while none runs.
"""

import sqlite3

from foodhub.log.header import Log
from foodhub.store.checkpoints import last_checkpoint
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

SLICE = 2000
"""Entries that one transaction drops: less than 25 ms of work."""


def prune(tx: Transaction, most: int = SLICE) -> int:
    """Drop at most `most` entries that lie before the last two checkpoints of their log; return how many were dropped.

    0 says that there is nothing to drop any more.
    """
    dropped = 0
    for ref, pruned, keep in _prunable(tx.db):
        last = min(keep - 1, pruned + most - dropped)
        dropped += _drop(tx.db, ref, pruned, last)
        if dropped >= most:
            break
    return dropped


def prunable(db: sqlite3.Connection) -> int:
    """Return how many entries `prune` would drop in all."""
    return sum(keep - 1 - pruned for _, pruned, keep in _prunable(db))


def _prunable(db: sqlite3.Connection) -> list[tuple[int, int, int]]:
    """Return the logs of which something can go: number, up to where it went already, the first entry to keep."""
    logs = db.execute("SELECT ref, base, pruned FROM log WHERE log = ? AND base > pruned + 1", (int(Log.CATALOG),))
    found = [(ref, pruned, last_checkpoint(db, ref, base - 1)) for ref, base, pruned in logs.fetchall()]
    return [(ref, pruned, keep) for ref, pruned, keep in found if keep > pruned + 1]


def _drop(db: sqlite3.Connection, ref: int, pruned: int, last: int) -> int:
    """Drop the entries of a log behind `pruned` up to `last`, and remember the id of the last of them."""
    first = ref << SEQ_BITS
    (identity,) = db.execute("SELECT id FROM entry WHERE place = ?", (first + last,)).fetchone()
    for table in ("entry", "wanted", "unread"):
        db.execute(f"DELETE FROM {table} WHERE place > ? AND place <= ?", (first + pruned, first + last))  # noqa: S608 - names of ours
    db.execute("UPDATE log SET pruned = ?, pruned_id = ? WHERE ref = ?", (last, identity, ref))
    return last - pruned
