"""What is erased and what is wanted: payloads that may be gone for good, and those that somebody still has to bring.

An erase stands in log 0 and names places of its own member. The payload goes, the header stays; nothing that is erased
is taken again. A payload that is absent without such a reason is wanted.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from foodhub.log.faults import PeerFault
from foodhub.log.header import Kind, Log, payload_hash
from foodhub.store.schema import SEQ_BITS

Span = tuple[bytes, int, int, int]
"""(device, log, first seq, last seq)"""
MOST = (1 << SEQ_BITS) - 1
MOST_WANTED = 2000
"""Places that one question for payloads may name."""


def erase(db: sqlite3.Connection, spans: Iterable[Span]) -> set[tuple[bytes, int]]:
    """Let go of the erasable payloads in these spans; return the logs (device, log) of which something went.

    The bytes are overwritten in the file, not only unlinked (`secure_delete`, see `database`).
    """
    touched: set[tuple[bytes, int]] = set()
    for device, log, first, last in spans:
        row = db.execute("SELECT ref FROM log WHERE author = ? AND log = ?", (device, log)).fetchone()
        if row is None or log == Log.CIRCUIT:
            continue
        start = row[0] << SEQ_BITS
        found = db.execute(
            "SELECT place, payload FROM entry WHERE place BETWEEN ? AND ? AND kind = ? AND payload IS NOT NULL",
            (start + first, start + last, int(Kind.ERASABLE)),
        ).fetchall()
        db.executemany(
            "UPDATE entry SET payload = NULL, hash = ? WHERE place = ?",
            [(payload_hash(payload), place) for place, payload in found],
        )
        db.execute(
            "DELETE FROM wanted WHERE place BETWEEN ?1 AND ?2 AND place IN"
            " (SELECT place FROM entry WHERE place BETWEEN ?1 AND ?2 AND kind = ?3)",
            (start + first, start + min(last, MOST), int(Kind.ERASABLE)),
        )
        if found:
            touched.add((device, log))
    return touched


class Erased:
    """What is erased of one log; spans neither overlap nor touch."""

    def __init__(self, db: sqlite3.Connection, author: bytes, log: int) -> None:
        query = "SELECT first, last FROM erased WHERE author = ? AND log = ? ORDER BY first"
        self._spans = db.execute(query, (author, log)).fetchall()

    @property
    def any(self) -> bool:
        """Say whether anything is."""
        return bool(self._spans)

    def holds(self, seq: int) -> bool:
        """Say whether the payload at a seq is erased, if it can be."""
        at = bisect_right(self._spans, (seq, 1 << SEQ_BITS))
        return at > 0 and seq <= self._spans[at - 1][1]


def want_again(db: sqlite3.Connection, logs: Iterable[tuple[bytes, int]]) -> None:
    """Work out anew which payloads of these logs are wanted: those absent from what counts or may, and not erased."""
    for author, log in logs:
        row = db.execute("SELECT ref, base, held FROM log WHERE author = ? AND log = ?", (author, log)).fetchone()
        if row is None:
            continue
        start, erased = row[0] << SEQ_BITS, Erased(db, author, log)
        db.execute("DELETE FROM wanted WHERE place > ? AND place < ?", (start, start + (1 << SEQ_BITS)))
        absent = db.execute(
            "SELECT place, kind FROM entry INDEXED BY absent WHERE payload IS NULL AND place BETWEEN ? AND ?",
            (start + max(row[1], 1), start + row[2]),
        ).fetchall()
        lacking = [place for place, kind in absent if kind != Kind.ERASABLE or not erased.holds(place - start)]
        db.executemany("INSERT INTO wanted VALUES (?)", [(place,) for place in lacking])


def wanted(db: sqlite3.Connection, most: int) -> list[tuple[bytes, int, list[int]]]:
    """Return payloads that are wanted, with at most `most` bytes together: author, log, seqs.

    Chosen by chance, so that some which nobody has never keep the others from being asked for.
    """
    found: dict[tuple[bytes, int], list[int]] = {}
    for author, log, seq, size in db.execute(
        "SELECT l.author, l.log, w.place - (l.ref << ?), e.size FROM wanted w JOIN entry e ON e.place = w.place"
        " JOIN log l ON l.ref = w.place >> ? WHERE w.place <= (l.ref << ?) + l.seq ORDER BY random() LIMIT ?",
        (SEQ_BITS, SEQ_BITS, SEQ_BITS, MOST_WANTED),
    ):
        if size <= most:
            most -= size
            found.setdefault((author, log), []).append(seq)
    return [(*key, sorted(seqs)) for key, seqs in sorted(found.items())]


def count_wanted(db: sqlite3.Connection) -> int:
    """Count the payloads that are wanted."""
    return int(db.execute("SELECT count(*) FROM wanted").fetchone()[0])


def payloads_at(
    db: sqlite3.Connection, places: Iterable[tuple[bytes, int, Sequence[int]]], most: int
) -> list[tuple[bytes, int, int, bytes]]:
    """Return those of the payloads at these places that are held, with at most `most` bytes together."""
    found: list[tuple[bytes, int, int, bytes]] = []
    for author, log, seqs in places:
        row = db.execute("SELECT ref, seq FROM log WHERE author = ? AND log = ?", (author, log)).fetchone()
        for seq in (each for each in seqs if row and each <= row[1]):
            place = (row[0] << SEQ_BITS) + seq
            held = db.execute("SELECT payload FROM entry WHERE place = ?", (place,)).fetchone()
            if held and held[0] is not None:
                most -= len(held[0])
                if most < 0:
                    return found
                found.append((author, log, seq, held[0]))
    return found


def fill(
    db: sqlite3.Connection, author: bytes, log: int, seq: int, payload: bytes
) -> tuple[int, bytes, int, bytes, int] | None:
    """Take a payload that was wanted; return its entry (as `fold.Entry`), None when it was not, or does not count now.

    Raises:
        PeerFault: `bad_payload` when it is not the one that its header names.
    """
    row = db.execute(
        "SELECT e.place, e.id, e.timestamp, e.kind, e.size, e.hash, ?2 BETWEEN l.base AND l.seq FROM log l JOIN entry e"
        " ON e.place = (l.ref << ?1) + ?2 JOIN wanted w ON w.place = e.place"
        " WHERE l.author = ?3 AND l.log = ?4 AND ?2 <= l.held",
        (SEQ_BITS, seq, author, log),
    ).fetchone()
    if row is None:
        return None
    place, identity, timestamp, kind, size, hashed, counts = row
    if len(payload) != size or payload_hash(payload) != hashed:
        raise PeerFault("bad_payload")
    db.execute("UPDATE entry SET payload = ?, hash = NULL WHERE place = ?", (payload, place))
    db.execute("DELETE FROM wanted WHERE place = ?", (place,))
    return (place, identity, timestamp, payload, kind) if counts else None
