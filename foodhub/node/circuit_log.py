"""What devices said in their logs 0, for the few questions that no view answers: first statements, sealed box keys.

It reads what counts and decides nothing: who is a member, and with which devices, is for the pass to say.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

from foodhub.circuit.statements import CircuitStatement, Epoch, Found, Inception, Join, Share
from foodhub.log.body import StatementReader, Unread, open_payload
from foodhub.log.faults import PeerFault
from foodhub.store.schema import SEQ_BITS

_reader = StatementReader(CircuitStatement)
_BEGINNINGS = "SELECT e.payload FROM log l JOIN entry e ON e.place = (l.ref << ?) + 1 WHERE l.log = 0 AND l.seq > 0"


def statements(db: sqlite3.Connection, device: bytes) -> Iterator[Any]:
    """Yield what counts of a device's log 0, in order."""
    rows = db.execute(
        "SELECT payload FROM log CROSS JOIN entry ON place > (ref << ?) AND place <= (ref << ?) + seq"
        " WHERE author = ? AND log = 0 ORDER BY place",
        (SEQ_BITS, SEQ_BITS, device),
    ).fetchall()
    for (payload,) in rows:
        yield from _read(payload)


def first_statement(db: sqlite3.Connection, device: bytes) -> Any:
    """Return the statement with which a device began, None when nothing that counts is held of it."""
    row = db.execute(f"{_BEGINNINGS} AND l.author = ?", (SEQ_BITS, device)).fetchone()
    return next(iter(_read(row[0])), None) if row else None


def inceptions(db: sqlite3.Connection) -> Iterator[Inception]:
    """Yield how each member began, and those who came no further than to say so."""
    for (payload,) in db.execute(_BEGINNINGS, (SEQ_BITS,)).fetchall():
        match next(iter(_read(payload)), None):
            case Found(founding=founding):
                yield founding.inception
            case Join(inception=inception):
                yield inception


def inception_of(db: sqlite3.Connection, member: bytes) -> Inception | None:
    """Return how a member began; its id is the hash of that, so nobody can say anything else for it."""
    devices = db.execute("SELECT key FROM device WHERE member = ? ORDER BY position", (member,)).fetchall()
    for (device,) in devices:
        match first_statement(db, device):
            case Found(founding=founding) if founding.inception.id == member:
                return founding.inception
            case Join(inception=inception) if inception.id == member:
                return inception
    return next((inception for inception in inceptions(db) if inception.id == member), None)


def all_epochs_of(db: sqlite3.Connection, member: bytes) -> list[Epoch]:
    """Return the box keys of a member by number, also those whose number another one has: each as it was first said."""
    counted = dict(db.execute("SELECT number, public FROM epoch WHERE member = ?", (member,)).fetchall())
    spares = {public for (public,) in db.execute("SELECT public FROM spare_epoch WHERE member = ?", (member,))}
    found: dict[tuple[int, bytes], Epoch] = {}
    for device in _devices(db, member):
        for each in statements(db, device):
            if isinstance(each, Epoch) and each.number in counted and each.public in {counted[each.number], *spares}:
                found.setdefault((each.number, each.public), each)
    return [found[place] for place in sorted(found)]


def shares_of(db: sqlite3.Connection, member: bytes) -> list[Share]:
    """Return what the devices of a member handed each other of its box keys."""
    return [each for device in _devices(db, member) for each in statements(db, device) if isinstance(each, Share)]


def _devices(db: sqlite3.Connection, member: bytes) -> list[bytes]:
    return [key for (key,) in db.execute("SELECT key FROM device WHERE member = ? ORDER BY position", (member,))]


def _read(payload: bytes | None) -> list[Any]:
    if payload is None:
        return []
    try:
        found = _reader.read(open_payload(payload))
    except PeerFault:
        return []
    return [each for each in found if not isinstance(each, Unread)]
