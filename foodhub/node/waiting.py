"""What waits on a hub's desk: orders without an answer, and reasons to look at those that have one again.

Asked after every change of the home, without a clock and without writing anything.
"""

import sqlite3
from collections.abc import Sequence

from foodhub.log.header import Log
from foodhub.node.hat import Hat
from foodhub.node.rights import desks
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction


def has_work(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether orders wait for an answer of this device, or it has not looked since more was set aside or freed.

    What a removal, a cut, a fork or an erasure takes out of the queue is free again.
    """
    ours = desks(db, hat) if {"hub", "group"} & set(hat.roles) else []
    if not ours:
        return False
    served = _served(db, hat)
    more = db.execute(
        f"SELECT 1 FROM allotment WHERE hub = ? AND arrival > ? AND device IN ({_marks(ours)}) LIMIT 1",  # noqa: S608 - marks only
        (hat.member, served, *ours),
    ).fetchone()
    return more is not None or _something_went(db, served) or bool(waiting_orders(db, hat, ours, 1))


def _something_went(db: sqlite3.Connection, since: int) -> bool:
    """Say whether an order may count no more that did at an arrival number: logs 0 came, or a log got a limit."""
    circuit = db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
    if circuit is not None and circuit[0] > since:
        return True
    return db.execute('SELECT 1 FROM log WHERE "limit" > 0 AND arrival > ? LIMIT 1', (since,)).fetchone() is not None


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _served(db: sqlite3.Connection, hat: Hat) -> int:
    """Return the arrival number at which the desk was last looked at."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_served_key(hat),)).fetchone()
    return row[0] if row else 0


def waiting_orders(
    db: sqlite3.Connection, hat: Hat, ours: Sequence[bytes], most: int
) -> list[tuple[bytes, bytes, bytes]]:
    """Return (buyer, placement, cycle) of what waits for an answer, in the order in which a receipt takes it in.

    Answers are erased only after their cycle's close. So an order without one, in a cycle that closed before we last
    signed and opened before the newest entry that is erased, may have had it: it is not answered again.
    """
    (signed,) = db.execute("SELECT max(timestamp) FROM log WHERE author = ?", (hat.device,)).fetchone()
    rows = db.execute(
        "SELECT b.id, p.local, p.cycle FROM placement p JOIN member b ON b.ref = p.owner JOIN member h ON h.id = p.hub"  # noqa: S608 - marks only
        " LEFT JOIN answer a ON a.owner = h.ref AND a.buyer = b.id AND a.placement = p.local"
        " JOIN log l ON l.ref = p.place >> 32"
        " JOIN cycle c ON c.owner = h.ref AND c.local = p.cycle AND p.cycle_owner = p.hub"
        f" WHERE p.hub = ? AND c.device IN ({_marks(ours)})"
        " AND (a.placement_version IS NULL OR a.placement_version < p.version)"
        " AND NOT (a.placement_version IS NULL AND c.closes <= ? AND c.opens <= ?)"
        " AND EXISTS (SELECT 1 FROM epoch e WHERE e.member = b.id)"
        " ORDER BY p.timestamp, l.author, l.log, p.place LIMIT ?",
        (hat.member, *ours, signed or 0, _newest_erased(db, hat), most),
    )
    return rows.fetchall()


def _newest_erased(db: sqlite3.Connection, hat: Hat) -> int:
    """Return when the newest of our trade entries that are erased was signed (ms), -1 if none is."""
    (found,) = db.execute(
        "SELECT max(e.timestamp) FROM device d JOIN erased x ON x.author = d.key AND x.log = ?"
        " JOIN log l ON l.author = x.author AND l.log = x.log"
        " CROSS JOIN entry e ON e.place BETWEEN (l.ref << ?) + x.first AND (l.ref << ?) + min(x.last, l.held)"
        " WHERE d.member = ? AND e.payload IS NULL",
        (int(Log.TRADE), SEQ_BITS, SEQ_BITS, hat.member),
    ).fetchone()
    return -1 if found is None else int(found)


def note_served(tx: Transaction, hat: Hat) -> None:
    """Note that the desk has been looked at as it is now."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_served_key(hat), tx.arrival))


def _served_key(hat: Hat) -> str:
    return f"served {hat.member.hex()}"
