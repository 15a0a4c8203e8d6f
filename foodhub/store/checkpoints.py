"""Checkpoints of logs 1 as a home holds them: where one begins, when it is complete, and runs that jump to one.

A checkpoint restates what of its own log still holds. From a complete one on, what lies before it does not count, so
whoever lacks it need not fetch it. While one is incomplete, its parts are set aside and count for nothing.
"""

import sqlite3
from collections.abc import Sequence

from foodhub.catalog.statements import Part
from foodhub.log.body import StatementReader, open_payload
from foodhub.log.faults import PeerFault
from foodhub.log.header import Kind, Log
from foodhub.log.run import CheckedRun
from foodhub.store.facts import statements_of
from foodhub.store.schema import SEQ_BITS

_read = StatementReader(statements_of(Log.CATALOG)).read


def part_of(payload: bytes | None) -> Part | None:
    """Return the first statement of a payload if it is that of a part of a checkpoint.

    It is read as folding reads it, or one part would be a part here and none there.
    """
    try:
        first = next(iter(_read(open_payload(payload or b""))), None)
    except PeerFault:
        return None
    return first if isinstance(first, Part) else None


def begins_checkpoint(run: CheckedRun, payloads: Sequence[bytes | None]) -> bool:
    """Say whether a run begins with the first part of a checkpoint, and so may begin beyond our head."""
    if run.log != Log.CATALOG or run.kinds[0] not in {Kind.CHECKPOINT, Kind.CHECKPOINT_END}:
        return False
    part = part_of(payloads[0] if payloads else None)
    return part is not None and part.number == 1


def checkpoint_ending(db: sqlite3.Connection, ref: int, seq: int) -> int:
    """Return where the checkpoint begins that the entry at `seq` completes, 0 if it completes none."""
    place = (ref << SEQ_BITS) + seq
    row = db.execute("SELECT kind, payload FROM entry WHERE place = ?", (place,)).fetchone()
    last = part_of(row[1]) if row and row[0] == Kind.CHECKPOINT_END else None
    if last is None or last.number != last.of or last.of > seq:
        return 0
    # One by one, backwards: whoever claims a long checkpoint where there is none makes us look at one entry.
    rows = db.execute(
        "SELECT kind, payload FROM entry WHERE place >= ? AND place < ? ORDER BY place DESC",
        (place - last.of + 1, place),
    )
    number = last.of
    for kind, payload in rows:
        number -= 1
        part = part_of(payload) if kind == Kind.CHECKPOINT else None
        if part is None or (part.number, part.of) != (number, last.of):
            return 0
    return seq - last.of + 1 if number == 1 else 0


def last_checkpoint(db: sqlite3.Connection, ref: int, head: int) -> int:
    """Return where the last complete checkpoint up to `head` begins, 0 if there is none."""
    first = ref << SEQ_BITS
    ends = db.execute(
        "SELECT place FROM entry WHERE place > ? AND place <= ? AND kind = ? ORDER BY place DESC",
        (first, first + head, int(Kind.CHECKPOINT_END)),
    )
    return next((found for (place,) in ends if (found := checkpoint_ending(db, ref, place - first))), 0)


def ends_in(run: CheckedRun, skip: int = 0) -> list[int]:
    """Return the places in a run, behind `skip`, at which a checkpoint may end."""
    if run.log != Log.CATALOG:
        return []
    return [run.first + n for n, kind in enumerate(run.kinds) if n >= skip and kind == Kind.CHECKPOINT_END]
