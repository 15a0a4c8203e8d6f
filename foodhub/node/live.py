"""`live.db`: what the network process knows of its peers, and what front ends ask of it.

It is no truth: it is emptied when a network process starts and needs no durability. It is a file of its own so that a
heartbeat wakes nobody who waits for news in the home's database.
"""

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from foodhub.errors import N_, FoodhubError
from foodhub.node.trouble import trouble
from foodhub.store.database import BUSY_MS, switch_to_wal
from foodhub.store.lock import FileLock

_TABLES = """
CREATE TABLE IF NOT EXISTS process (pid INTEGER, started INTEGER, addresses TEXT, state TEXT, error TEXT, refusal TEXT);
CREATE TABLE IF NOT EXISTS peer (
    id TEXT PRIMARY KEY, members TEXT, address TEXT, state TEXT, since INTEGER, contact INTEGER,
    behind INTEGER, ahead INTEGER, reason TEXT
);
CREATE TABLE IF NOT EXISTS request (id INTEGER PRIMARY KEY, kind TEXT, value TEXT, answer TEXT);
"""


GONE, STRANGER_GONE = 3_600_000, 600_000
"""So long (ms) after its last contact a peer is still listed that is none of a member otherwise listed."""


class PeerRow(msgspec.Struct, frozen=True):
    """A peer as it is listed; `behind` counts entries it has to send us, `ahead` the reverse; `contact` in ms."""

    id: str
    members: list[str]
    address: str
    state: str
    contact: int
    behind: int
    ahead: int
    reason: str


@dataclass(frozen=True, slots=True)
class Process:
    """The network process of a home: `state` is starting, running or failed; `error` is JSON of what it failed with."""

    pid: int
    addresses: list[str]
    state: str
    error: str
    refusal: str


@contextmanager
def open_live(home: Path) -> Iterator[sqlite3.Connection]:
    """Open `live.db` for one look or one note."""
    with closing(sqlite3.connect(home / "live.db", isolation_level=None, timeout=BUSY_MS / 1000)) as db:
        # Who waits for a network process looks here while that one makes the file.
        switch_to_wal(db)
        db.execute("PRAGMA synchronous=OFF")
        db.executescript(_TABLES)
        yield db


def start(home: Path, pid: int) -> None:
    """Begin anew: called by a network process once it holds the node lock."""
    with open_live(home) as db:
        db.executescript("DELETE FROM process; DELETE FROM peer; DELETE FROM request;")
        db.execute("INSERT INTO process VALUES (?, ?, '[]', 'starting', '', '')", (pid, int(time.time() * 1000)))


def node_lock(home: Path) -> FileLock:
    """Return the lock that a network process holds as long as it lives."""
    return FileLock(home / "node.lock")


def is_running(home: Path) -> bool:
    """Say whether a network process runs on this home."""
    try:
        handle = os.open(home / "node.lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        # Shared, so that of two who ask at one moment neither takes the other for a network process.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def process(home: Path) -> Process | None:
    """Return the network process of this home, None when none runs."""
    return last_process(home) if is_running(home) else None


def last_process(home: Path) -> Process | None:
    """Return what the last network process left behind, also when it has ended."""
    if not (home / "live.db").exists():
        return None
    with open_live(home) as db:
        row = db.execute("SELECT pid, addresses, state, error, refusal FROM process").fetchone()
    return Process(row[0], json.loads(row[1]), *row[2:]) if row else None


def peers(home: Path) -> list[PeerRow]:
    """Return the peers of the running network process, the connected ones first; none when none runs."""
    if not is_running(home):
        return []
    with open_live(home) as db:
        rows = db.execute(
            "SELECT id, members, address, state, contact, behind, ahead, reason FROM peer"
            " ORDER BY state != 'connected', contact DESC, id"
        ).fetchall()
    return _worth_a_line([PeerRow(row[0], json.loads(row[1]), *row[2:]) for row in rows], int(time.time() * 1000))


def look(home: Path) -> tuple[Process | None, list[PeerRow]]:
    """Return the network process of this home and its peers.

    Raises:
        FoodhubError: they can't be read, such as on a disk that became full before they were written.
    """
    try:
        found = process(home)
        return found, peers(home) if found else []
    except (sqlite3.Error, OSError) as error:
        message = N_("What the network process knows can't be read: {reason}.")
        raise trouble(error, home) or FoodhubError("live_unreadable", message, reason=str(error)) from error


def _worth_a_line(rows: Sequence[PeerRow], now: int) -> list[PeerRow]:
    """Leave out who has gone long ago: strangers, and peers of members that have another one in the list."""
    found: list[PeerRow] = []
    for row in rows:
        away = row.state in {"offline", "refused", "turned_away"}
        known = any(row.members) and row.members not in [each.members for each in found]
        if not away or known or now - row.contact < (GONE if any(row.members) else STRANGER_GONE):
            found.append(row)
    return found


def refusals(home: Path) -> list[str]:
    """Return why members' nodes turned this one away, as the network process has heard it, or the last one that ran.

    What somebody says who has not proved to be of a member is nobody's word.
    """
    if not (home / "live.db").exists():
        return []
    said = "SELECT DISTINCT reason FROM peer WHERE state = 'refused' AND members != '[]'"
    with open_live(home) as db:
        return [reason for (reason,) in db.execute(said)]


def forget_refusal(home: Path) -> None:
    """Forget why a door refused us, before knocking with another invite."""
    if (home / "live.db").exists():
        with open_live(home) as db:
            db.execute("UPDATE process SET refusal = ''")


def ask(home: Path, kind: str, value: str = "") -> None:
    """Leave a request for the network process: `dial` an address, or `sync` now."""
    with open_live(home) as db:
        db.execute("INSERT INTO request (kind, value, answer) VALUES (?, ?, '')", (kind, value))


def take_requests(db: sqlite3.Connection) -> Sequence[tuple[str, str]]:
    """Return the requests left so far and remove them; called by the network process, with its connection."""
    return db.execute("DELETE FROM request RETURNING kind, value").fetchall()
