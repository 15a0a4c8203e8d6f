"""Making the views anew after an upgrade, slice by slice, while the old rows are still shown.

The new rows gather in shadow tables beside the views; the last slice folds what arrived meanwhile and swaps them in, in
one transaction. Whoever is killed in between goes on, or lets another process go on, where the last slice ended.
"""

import sqlite3
from itertools import islice

import msgspec

from foodhub.store.database import needs_refold
from foodhub.store.facts import FACTS
from foodhub.store.fold import SHADOW, Fold
from foodhub.store.schema import FOLD_VERSION, SEQ_BITS
from foodhub.store.transaction import Transaction

ENTRIES_PER_SLICE = 400
"""About 25 ms of work."""
_TABLES = sorted({fact.table for fact in FACTS.values()} | {"unread", "spoke"})
_KEY = "refold"


class Refolding(msgspec.Struct, frozen=True):
    """How far it is: for which version, since which arrival number, up to which place, how many entries of how many."""

    version: int
    since: int
    place: int
    done: int
    total: int


_decoder = msgspec.json.Decoder(Refolding)


def refold_slice(tx: Transaction) -> Refolding | None:
    """Do one slice; return how far it is, None when the views are up to date."""
    db = tx.db
    if not needs_refold(db):
        return None
    state = _state(db)
    if state is None:
        return _begin(tx)
    fold = Fold(db, tx.keyring, tx.circuit, tx.arrival, SHADOW)
    author, log, part = _next(fold, state.place)
    if not part:
        _swap(tx, fold, state)
        return None
    fold.add(author, log, part)
    fold.flush()
    return _keep(db, msgspec.structs.replace(state, place=part[-1][0], done=min(state.done + len(part), state.total)))


def _state(db: sqlite3.Connection) -> Refolding | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    state = _decoder.decode(row[0]) if row else None
    return state if state and state.version == FOLD_VERSION else None


def _keep(db: sqlite3.Connection, state: Refolding) -> Refolding:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, msgspec.json.encode(state)))
    return state


def _begin(tx: Transaction) -> Refolding:
    """Work out the membership, which all else depends on, and make the shadow tables."""
    db = tx.db
    tx.fold.work_out(circuit=True)
    for table in _TABLES:
        db.execute(f"DROP TABLE IF EXISTS {SHADOW}{table}")
        (made,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        db.execute(
            made.replace(f"CREATE TABLE {table} ", f"CREATE TABLE {SHADOW}{table} ", 1).replace(
                f'CREATE TABLE "{table}" ', f"CREATE TABLE {SHADOW}{table} ", 1
            )
        )
    (total,) = db.execute("SELECT coalesce(sum(seq - max(base - 1, 0)), 0) FROM log WHERE log != 0").fetchone()
    return _keep(db, Refolding(FOLD_VERSION, tx.arrival, 0, 0, total))


def _next(fold: Fold, place: int) -> tuple[bytes, int, list[tuple[int, bytes, int, bytes | None, int]]]:
    """Return the next entries that count behind a place, all of one log: author, log, entries."""
    logs = fold.db.execute(
        "SELECT author, log, max(0, ? - (ref << ?)) FROM log WHERE ref >= ? AND log != 0 ORDER BY ref",
        (place, SEQ_BITS, place >> SEQ_BITS),
    )
    for author, log, after in logs:
        part = list(islice(fold.counted(author, log, after), ENTRIES_PER_SLICE))
        if part:
            return author, log, part
    return b"", 0, []


def _swap(tx: Transaction, fold: Fold, state: Refolding) -> None:
    """Fold anew the members of whom something arrived meanwhile, and let the new rows take the place of the old."""
    db = tx.db
    late = db.execute(
        "SELECT DISTINCT d.member FROM device d JOIN log l ON l.author = d.key WHERE l.arrival > ?"
        " UNION SELECT id FROM member WHERE arrival > ?",
        (state.since, state.since),
    ).fetchall()
    for (member,) in late:
        fold.refold(member, fold.view.devices_of(member))
    fold.flush()
    for table in _TABLES:
        indexes = db.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
        ).fetchall()
        db.execute(f"DROP TABLE {table}")
        db.execute(f"ALTER TABLE {SHADOW}{table} RENAME TO {table}")
        for (index,) in indexes:
            db.execute(index)
    db.execute("DELETE FROM meta WHERE key = ?", (_KEY,))
    db.execute("INSERT OR REPLACE INTO meta VALUES ('fold_version', ?)", (FOLD_VERSION,))
