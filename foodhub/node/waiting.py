"""Whether a desk has to be looked at: orders came, or something on which promises, the close or shares rest.

Asked after every change of the home, without writing anything. A turn that finds nothing left to do notes up to which
arrival number it has seen everything; from there on only what came later is a reason to look again, or the clock.
"""

import sqlite3

from foodhub.log.header import Log
from foodhub.node.counting import closed_at, is_counted
from foodhub.node.cycles import CycleRow, list_cycles
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat
from foodhub.node.rights import desks
from foodhub.node.tallies import next_tally
from foodhub.node.waking import is_waking
from foodhub.orders.sums import sum_id
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

_NEWS = (
    "SELECT 1 FROM placement WHERE hub = ?1 AND arrival > ?2",
    "SELECT 1 FROM answer WHERE buyer = ?1 AND arrival > ?2",
    "SELECT 1 FROM confirmation WHERE buyer = ?1 AND arrival > ?2",
    "SELECT 1 FROM allotment WHERE hub = ?1 AND arrival > ?2",
    "SELECT 1 FROM shortfall WHERE hub = ?1 AND arrival > ?2",
    "SELECT 1 FROM tally WHERE arrival > ?2",
    "SELECT 1 FROM cycle WHERE arrival > ?2",
    "SELECT 1 FROM plan WHERE arrival > ?2",
    "SELECT 1 FROM outgoing WHERE arrival > ?2",
    "SELECT 1 FROM close WHERE arrival > ?2",
    "SELECT 1 FROM case_size WHERE arrival > ?2",
)
"""What a desk looks at, by the aggregator (1) and the arrival number up to which it has seen everything (2)."""


def has_work(db: sqlite3.Connection, hat: Hat, now: int) -> bool:
    """Say whether something waits for this device at `now` (ms), or came since it looked at its desk last.

    What a removal takes out of the queue is free again.
    """
    ours = desks(db, hat) if {"hub", "group"} & set(hat.roles) else []
    if not ours:
        return False
    since = _served(db, hat)
    if _circuit_changed(db, since) or _signed_since(db, hat, since):
        return True
    tally = next_tally(db, hat)
    if tally is not None and tally <= now:
        return True
    if any(db.execute(f"{query} LIMIT 1", (hat.member, since)).fetchone() for query in _NEWS):
        return True
    return not is_waking(db) and any(True for _ in closings(db, hat, ours, now))


def closings(db: sqlite3.Connection, hat: Hat, ours: list[bytes], now: int) -> list[CycleRow]:
    """Return the cycles in which a member has closed by `now` (ms) and not signed yet what counts."""
    return [
        cycle
        for cycle, exchange in exchanges_at(db, hat, ours, now)
        if (at := closed_at(db, exchange, cycle, now)) is not None and not is_counted(db, hat.member, cycle.key, at)
    ]


def exchanges_at(db: sqlite3.Connection, hat: Hat, ours: list[bytes], now: int) -> list[tuple[CycleRow, Exchange]]:
    """Return the cycles that one of these devices answers for a member, with its exchange in each.

    A cycle that is over is left out until something comes that concerns it.
    """
    busy = (cycle for cycle in list_cycles(db, now) if not (cycle.state == "closed" and _is_over(db, hat, cycle)))
    found = ((cycle, exchange_of(db, hat.member, cycle)) for cycle in busy)
    return [(cycle, exchange) for cycle, exchange in found if exchange is not None and exchange.device in ours]


_LATER = (
    "SELECT 1 FROM placement WHERE hub = :hub AND arrival > :since AND cycle = :cycle",
    "SELECT 1 FROM confirmation WHERE buyer = :hub AND arrival > :since AND cycle = :cycle",
    "SELECT 1 FROM answer WHERE buyer = :hub AND arrival > :since AND placement = :sum",
    "SELECT 1 FROM shortfall WHERE hub = :hub AND arrival > :since AND cycle = :cycle",
    "SELECT 1 FROM outgoing WHERE arrival > :since AND cycle = :cycle",
    "SELECT 1 FROM close WHERE arrival > :since AND cycle = :cycle",
    "SELECT 1 FROM cycle WHERE arrival > :since AND local = :cycle",
)
"""What can make work again in a cycle that is over."""


def _is_over(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> bool:
    """Say whether everybody was told all of a cycle, and nothing has come since that changes it."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_over_key(hat, cycle.key),)).fetchone()
    if row is None:
        return False
    values = {"hub": hat.member, "since": row[0], "cycle": cycle.key[1], "sum": sum_id(hat.member, cycle.key, 0)}
    return not any(db.execute(f"{query} LIMIT 1", values).fetchone() for query in _LATER)


def note_over(tx: Transaction, hat: Hat, cycle: tuple[bytes, bytes]) -> None:
    """Note that nothing is left to do in a cycle (owner, local id) that is counted."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_over_key(hat, cycle), _seen(tx)))


def _seen(tx: Transaction) -> int:
    """Return up to which arrival number all is seen: this transaction may write more, for others of this home."""
    return int(tx.arrival) - 1


def note_changed(tx: Transaction, hat: Hat, cycle: tuple[bytes, bytes]) -> None:
    """Note that a person decided something in a cycle, so that it is to be looked at again."""
    tx.db.execute("DELETE FROM meta WHERE key = ?", (_over_key(hat, cycle),))


def _over_key(hat: Hat, cycle: tuple[bytes, bytes]) -> str:
    return f"over {hat.member.hex()} {cycle[0].hex()[:16]} {cycle[1].hex()}"


def _circuit_changed(db: sqlite3.Connection, since: int) -> bool:
    """Say whether members may have gone since an arrival number: logs 0 came, or a log got a limit."""
    circuit = db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
    if circuit is not None and circuit[0] > since:
        return True
    return db.execute('SELECT 1 FROM log WHERE "limit" > 0 AND arrival > ? LIMIT 1', (since,)).fetchone() is not None


def _signed_since(db: sqlite3.Connection, hat: Hat, since: int) -> bool:
    """Say whether this device has signed something of the trade since: a turn that was cut short is gone on with."""
    row = db.execute(
        "SELECT 1 FROM log WHERE author = ? AND log = ? AND arrival > ?", (hat.device, int(Log.TRADE), since)
    ).fetchone()
    return row is not None


def _served(db: sqlite3.Connection, hat: Hat) -> int:
    """Return the arrival number at which the desk was last looked at."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_served_key(hat),)).fetchone()
    return row[0] if row else 0


def newest_erased(db: sqlite3.Connection, hat: Hat) -> int:
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
    """Note that the desk has been looked at as it is now, and nothing is left to do."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_served_key(hat), _seen(tx)))


def _served_key(hat: Hat) -> str:
    return f"served {hat.member.hex()}"
