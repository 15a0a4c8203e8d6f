"""The opening of a cycle: which catalog statements it offers. They are named by device, so that all nodes see the same.

A duty of the device that answers the cycle. It names of each device that sells the time of its last entry; a later
price is for the next cycle, however old its author says it is.
"""

import sqlite3
from collections.abc import Mapping

import msgspec

from foodhub.log.header import Log
from foodhub.node.cycles import CycleRow, in_ms, unclosed_cycles
from foodhub.node.devices import desk_of
from foodhub.node.exchanges import plan_of
from foodhub.node.hat import Hat
from foodhub.node.waking import is_waking
from foodhub.orders.exchanges import Opening
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

ON_TIME = 60_000
"""Until so long (ms) after the opening it is what stands here that is on offer; afterwards what was stamped before."""
_openings = msgspec.msgpack.Decoder(Opening)


def pins_of(db: sqlite3.Connection, cycle: tuple[bytes, bytes]) -> Mapping[bytes, int]:
    """Return by device the time (ms) of the last of its statements that a cycle (owner, local id) offers."""
    row = db.execute(
        "SELECT o.body FROM opening o JOIN member m ON m.ref = o.owner WHERE m.id = ? AND o.local = ?", cycle
    ).fetchone()
    return dict(_openings.decode(row[0]).pins) if row else {}


def next_opening(db: sqlite3.Connection, hat: Hat, now: int) -> int | None:
    """Return when (ms) the next cycle that this device answers opens, or has opened without being noted yet."""
    return min((in_ms(cycle.opens) for cycle in _unopened(db, hat, now)), default=None)


def opening_due(db: sqlite3.Connection, hat: Hat, now: int) -> list[CycleRow]:
    """Return the cycles whose opening this device has to sign at `now` (ms)."""
    if is_waking(db):
        return []
    return [cycle for cycle in _unopened(db, hat, now) if cycle.state == "open"]


def write_openings(tx: Transaction, hat: Hat) -> int:
    """Sign the openings that are due; return how many."""
    due = opening_due(tx.db, hat, tx.now)
    if due:
        openings = [Opening(cycle.key[1], 1, _pins(tx.db, cycle, tx.now)) for cycle in due]
        tx.append(hat.member, Log.CATALOG, openings)
    return len(due)


def _unopened(db: sqlite3.Connection, hat: Hat, now: int) -> list[CycleRow]:
    rows = db.execute("SELECT o.local FROM opening o JOIN member m ON m.ref = o.owner WHERE m.id = ?", (hat.member,))
    opened = {local for (local,) in rows}
    return [
        cycle
        for cycle in unclosed_cycles(db, hat.member, now)
        if cycle.state != "closed" and cycle.key[1] not in opened and desk_of(db, cycle.device) == hat.device
    ]


def _pins(db: sqlite3.Connection, cycle: CycleRow, now: int) -> list[tuple[bytes, int]]:
    """Return (device, time of its last entry) for the logs in which what producers of the cycle sell now stands."""
    producers = {each.producer for each in plan_of(db, cycle).incoming}
    rows = db.execute(
        "SELECT DISTINCT l.ref, l.author, l.timestamp, l.seq, q.id FROM product p JOIN party q ON q.ref = p.owner"
        " JOIN log l ON l.ref = p.place >> ? WHERE NOT p.withdrawn ORDER BY l.author",
        (SEQ_BITS,),
    ).fetchall()
    opens, pins = in_ms(cycle.opens), dict[bytes, int]()
    for ref, author, timestamp, seq, producer in rows:
        if producers and producer not in producers:
            continue
        at = timestamp if now - opens < ON_TIME else _last_until(db, ref, seq, opens)
        if at is not None:
            pins[author] = at
    return sorted(pins.items())


def _last_until(db: sqlite3.Connection, ref: int, seq: int, opens: int) -> int | None:
    """Return when (ms) the last entry of a log was stamped that is not later than the opening."""
    first = ref << SEQ_BITS
    (found,) = db.execute(
        "SELECT max(timestamp) FROM entry WHERE place BETWEEN ? AND ? AND timestamp <= ?",
        (first + 1, first + seq, opens),
    ).fetchone()
    return None if found is None else int(found)
