"""Up to where logs count: the lowest of fork proof and cut, applied to what is held.

What lies above a limit is set aside, never deleted. The head of a log is always an entry that its author vouches for:
it is signed, or the fork proof that makes the limit names it. A cut in the middle of a run ends at the signature before
it: whoever cuts can't put words into the mouth of whom it cuts.
"""

import sqlite3

from foodhub.log.header import Log
from foodhub.store.checkpoints import last_checkpoint
from foodhub.store.schema import SEQ_BITS

_LIMITED = (
    'SELECT l.ref, l.author, l.log, l."limit", l.seq, l.id, CASE WHEN l.jump THEN l.jump - 1 ELSE l.held END,'
    ' l.pruned, f.seq, f.backlink, c."limit" FROM log l'
    " LEFT JOIN fork_proof f ON f.author = l.author AND f.log = l.log"
    " LEFT JOIN cut c ON c.author = l.author AND c.log = l.log"
    ' WHERE f.seq IS NOT NULL OR c."limit" IS NOT NULL OR l."limit" > 0'
)


def named_id(db: sqlite3.Connection, author: bytes, log: int, limit: int) -> bytes | None:
    """Return the id that may stand unsigned right below a limit: the one that the fork proof of this place names."""
    query = "SELECT backlink FROM fork_proof WHERE author = ? AND log = ? AND seq = ?"
    row = db.execute(query, (author, log, limit)).fetchone()
    return row[0] if row else None


def known_limit(db: sqlite3.Connection, author: bytes, log: int) -> int:
    """Return the limit of a log of which nothing is held yet, 0 for none."""
    rows = db.execute(
        "SELECT seq FROM fork_proof WHERE author = ?1 AND log = ?2"
        ' UNION ALL SELECT "limit" FROM cut WHERE author = ?1 AND log = ?2',
        (author, log),
    )
    return min((limit for (limit,) in rows), default=0)


def settle(db: sqlite3.Connection, arrival: int) -> list[tuple[bytes, int]]:
    """Bring the limits and heads of all logs up to date; return the logs (author, log) of which another part counts."""
    changed = []
    for row in db.execute(_LIMITED).fetchall():
        ref, author, log, old, seq, identity, top, pruned, fork, backlink, cut = row
        limit = min((value for value in (fork, cut) if value is not None), default=0)
        upto = min(top, limit - 1) if limit else top
        head = vouched_head(db, ref, upto, backlink if limit and fork == limit else None)
        base = last_checkpoint(db, ref, head[0]) if log == Log.CATALOG else 0
        if pruned and not base:
            head = _without_gap(db, ref, head)
        if (limit, *head[:2]) == (old, seq, identity):
            continue
        db.execute(
            'UPDATE log SET "limit" = ?, seq = ?, id = ?, timestamp = ?, base = ?, arrival = ? WHERE ref = ?',
            (limit, *head, base, arrival, ref),
        )
        changed.append((author, log))
    return changed


def _without_gap(db: sqlite3.Connection, ref: int, head: tuple[int, bytes, int]) -> tuple[int, bytes, int]:
    """Return the head of a pruned log whose checkpoint does not count any more: what it skipped has to come first."""
    first = ref << SEQ_BITS
    held = "SELECT count(*) FROM entry WHERE place > ? AND place <= ?"
    (count,) = db.execute(held, (first, first + head[0])).fetchone()
    if count == head[0]:
        return head
    gap = (
        "SELECT coalesce(max(place), ?1) - ?1 FROM (SELECT place, row_number() OVER (ORDER BY place) AS number"
        " FROM entry WHERE place > ?1 AND place <= ?2) WHERE place - ?1 = number"
    )
    (upto,) = db.execute(gap, (first, first + head[0])).fetchone()
    return vouched_head(db, ref, upto, None)


def vouched_head(db: sqlite3.Connection, ref: int, upto: int, named: bytes | None) -> tuple[int, bytes, int]:
    """Return seq, id and timestamp of the last entry up to `upto` that is signed, or stands there and is `named`."""
    first = ref << SEQ_BITS
    row = db.execute("SELECT id, timestamp FROM entry WHERE place = ?", (first + upto,)).fetchone()
    if upto and row and row[0] == named:
        return upto, row[0], row[1]
    row = db.execute(
        "SELECT place, id, timestamp FROM entry WHERE place > ? AND place <= ? AND signature IS NOT NULL"
        " ORDER BY place DESC LIMIT 1",
        (first, first + upto),
    ).fetchone()
    return (row[0] - first, row[1], row[2]) if row else (0, b"", 0)
