"""Checkpoints of our own catalog logs: a device restates what still holds once much behind it does not any more.

A duty of each device for its own log 1, so that whoever comes later starts there. It says nothing new: what is shown is
the same before and after, here and everywhere.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from foodhub.catalog.checkpoint import Said, due, live, worthwhile
from foodhub.log.body import Unread
from foodhub.log.header import Kind, Log
from foodhub.node.hat import Hat
from foodhub.node.opening import pins_of
from foodhub.orders.hands import Behalf
from foodhub.store.behalf import standing
from foodhub.store.facts import FACTS, Stated, fault_of
from foodhub.store.fold import read_catalog
from foodhub.store.pruning import prunable, prune
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction, checkpoint_bodies

TERMS_KEPT = 30 * 24 * 3_600_000
"""How long (ms) after a cycle's close the terms of its products can still be asked for."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """An own log 1: where what counts begins and ends, and what lies behind its last checkpoint."""

    ref: int
    base: int
    head: int
    entries: int
    size: int


def checkpoint_due(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether the catalog log of this device has grown so far that a checkpoint may be worth it."""
    found = _behind(db, hat)
    return found is not None and due(found.entries, found.size)


def write_checkpoint(tx: Transaction, hat: Hat) -> int:
    """Write a checkpoint if one is due and worth its bytes; return how many statements it restates, 0 for none."""
    found = _behind(tx.db, hat)
    if found is None or not due(found.entries, found.size):
        return 0
    said = read_log(tx.db, found.ref, found.base, found.head)
    restated = (
        [(each.stamp, each.statement) for each in live(said, openings(tx.db, hat.device, tx.now))] if said else []
    )
    behind = payloads_of(tx.db, found.ref, found.head - found.entries, found.head)
    if not restated or not worthwhile(behind, checkpoint_bodies(restated)):
        # Asked again once a quarter more was said, so that looking never costs more than writing does.
        tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_key(hat), found.head + found.entries // 4 + 1))
        return 0
    tx.append_checkpoint(hat.member, restated)
    return len(restated)


def read_log(db: sqlite3.Connection, ref: int, first: int, last: int) -> list[Said]:
    """Return the statements of a catalog log that count, in order; none at all if one is of a newer program.

    What a program does not understand it can't restate.
    """
    rows = db.execute(
        "SELECT place, timestamp, payload, kind FROM entry WHERE place BETWEEN ? AND ? AND payload IS NOT NULL"
        " ORDER BY place",
        ((ref << SEQ_BITS) + first, (ref << SEQ_BITS) + last),
    )
    author = db.execute(
        "SELECT d.member FROM log l JOIN device d ON d.key = l.author WHERE l.ref = ?", (ref,)
    ).fetchone()
    writer, said = author[0] if author else b"", []
    for place, timestamp, payload, kind in rows:
        for stamp, statement in read_catalog(payload, kind, timestamp):
            if isinstance(statement, Unread) and statement.reason == "unknown":
                return []
            each = _said(db, writer, place - (ref << SEQ_BITS), stamp, statement)
            said += [each] if each else []
    return said


def _said(db: sqlite3.Connection, writer: bytes, seq: int, stamp: int, statement: Any) -> Said | None:
    """Return a statement that keeps its rules, None for another.

    Of what was written for somebody else, what counts and what does not stand apart: neither takes the other's place.
    """
    inner = statement.statement if isinstance(statement, Behalf) else None
    fact = FACTS.get(type(statement if inner is None else inner))
    if fact is None or fact.log != Log.CATALOG or fault_of(statement) is not None:
        return None
    if inner is None:
        return Said(seq, stamp, statement)
    found = standing(db, "", statement, Stated(0, frozenset(), 0, b"", stamp, 0, b"", writer))
    leave = found if isinstance(found, str) else ""
    return Said(seq, stamp, statement, inner, (statement.owner, statement.mandate, leave))


def payloads_of(db: sqlite3.Connection, ref: int, after: int, last: int) -> list[bytes]:
    """Return the payloads that are here of a log's entries behind `after` up to `last`."""
    rows = db.execute(
        "SELECT payload FROM entry WHERE place > ? AND place <= ? AND payload IS NOT NULL ORDER BY place",
        ((ref << SEQ_BITS) + after, (ref << SEQ_BITS) + last),
    )
    return [payload for (payload,) in rows]


def openings(db: sqlite3.Connection, device: bytes, now: int) -> list[int]:
    """Return the times (ms) before which what a device stated may still be asked for at `now` (ms).

    They are the openings of the circuit's cycles, and for those that pin what this device had stated, its pins.
    """
    rows = db.execute(
        "SELECT c.opens, m.id, c.local FROM cycle c JOIN member m ON m.ref = c.owner WHERE c.closes > ?",
        (now - TERMS_KEPT,),
    ).fetchall()
    pins = (pins_of(db, (owner, local)).get(device) for _, owner, local in rows)
    return sorted({opens for opens, _, _ in rows} | {pin + 1 for pin in pins if pin is not None})


def prune_slice(tx: Transaction) -> int:
    """Drop one slice of what lies before the last two checkpoints of all catalog logs; return how many entries went."""
    return prune(tx)


def prunable_entries(db: sqlite3.Connection) -> int:
    """Return how many entries pruning would drop."""
    return prunable(db)


def _behind(db: sqlite3.Connection, hat: Hat) -> _Stretch | None:
    """Return what lies behind the last checkpoint of our own log 1; None where there is nothing to look at."""
    row = db.execute(
        'SELECT ref, base, seq FROM log WHERE author = ? AND log = ? AND "limit" = 0 AND seq >= coalesce('
        "(SELECT value FROM meta WHERE key = ?), 0)",
        (hat.device, int(Log.CATALOG), _key(hat)),
    ).fetchone()
    if row is None:
        return None
    ref, base, head = row
    first = ref << SEQ_BITS
    (end,) = (
        db.execute(
            "SELECT place FROM entry WHERE place >= ? AND kind = ? ORDER BY place LIMIT 1",
            (first + base, int(Kind.CHECKPOINT_END)),
        ).fetchone()
        if base
        else (first,)
    )
    (size,) = db.execute(
        "SELECT coalesce(sum(size), 0) FROM entry WHERE place > ? AND place <= ?", (end, first + head)
    ).fetchone()
    return _Stretch(ref, max(base, 1), head, first + head - end, size)


def _key(hat: Hat) -> str:
    """Return the key in `meta` of the seq from which on a checkpoint is looked for again."""
    return f"checkpoint {hat.device.hex()}"
