"""Producers that could not be sent their purchase order, since no key of theirs is here: whom a person has to call.

A note of this home, made anew whenever purchase orders are looked at; what is said of it is asked by `alerts`, so
nothing here may load what signs.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from foodhub.node.hat import Hat
from foodhub.node.households import reader_of

CycleKey = tuple[bytes, bytes]
"""(owner, local id)"""


def note_mute(db: sqlite3.Connection, hat: Hat, cycle: CycleKey, producers: Sequence[bytes]) -> None:
    """Note which producers of a cycle could not be written to; none takes an earlier note back."""
    key = f"{_prefix(hat)}{cycle[0].hex()} {cycle[1].hex()}"
    db.execute("DELETE FROM meta WHERE key = ?", (key,))
    if producers:
        db.execute("INSERT INTO meta VALUES (?, ?)", (key, " ".join(producer.hex() for producer in producers)))


def noted(db: sqlite3.Connection, hat: Hat) -> Iterator[tuple[CycleKey, bytes, bool]]:
    """Yield the cycles and producers that were noted, and whether the producer can be written to by now."""
    prefix = _prefix(hat)
    rows = db.execute("SELECT key, value FROM meta WHERE key BETWEEN ? AND ? ORDER BY key", (prefix, f"{prefix}~"))
    for key, value in rows.fetchall():
        owner, local = map(bytes.fromhex, key.removeprefix(prefix).split())
        for producer in map(bytes.fromhex, value.split()):
            yield (owner, local), producer, reader_of(db, producer) is not None


def _prefix(hat: Hat) -> str:
    return f"mute {hat.member.hex()} "
