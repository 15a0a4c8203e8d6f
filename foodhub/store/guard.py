"""The guard: a home that was copied or restored never signs again, because two pens on one log fork it for ever.

The key file remembers the machine and the file it was made for; a state file outside the home remembers how far each of
our logs was written. The database ahead of the state is normal (a kill in between); the state ahead of the database is
not. A device that was retired, or waits to be certified, does not sign either: nobody would count it.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from foodhub.errors import N_, RefusedError
from foodhub.store.keyring import KeyFile
from foodhub.store.place import READ_ONLY, is_behind, is_moved, remember_written, written
from foodhub.store.schema import SEQ_BITS

_HINT = N_(
    "What it holds can still be read. To sign again it has to become a new device: foodhub device add on another laptop"
    " of yours, then foodhub device enrol CODE here; without another laptop: foodhub recover"
)
_WAIT = N_("Let the device that showed the code run, and this one too: foodhub node run")
_REMOVED = N_("What is held here can still be read. To take part again, join as a new member on a new invite.")
SENTENCES = {
    "copied": N_(
        "This home was copied from elsewhere, so it may not sign: two homes with one key would contradict each other."
    ),
    "restored": N_(
        "This home is older than what it has already signed, so it may not sign: it was restored from a copy."
    ),
    "known_elsewhere": N_(
        "Another node holds entries of this home that are not here, so it may not sign: it was restored from a copy."
    ),
    "restored_backup": N_(
        "This home was restored from a backup, which holds no keys, so it may not sign, and what was sealed to its"
        " members is missing from what it shows."
    ),
    "keys_missing": N_("The keys of this home are gone or can't be read, so it may not sign."),
    "forked": N_(
        "Two branches of the log of this home are known, so it may not sign: nothing behind that place counts."
    ),
    "retired": N_("This device was retired, so it may not sign: nothing that it wrote now would count."),
    "removed": N_(
        "This member was removed from the circuit, so it may not sign: nothing that it wrote now would count."
    ),
    "waiting": N_("This device has not been certified yet, so it may not sign."),
}


def refused(reason: str) -> RefusedError:
    """Return why a home or a device may not sign, as `Guard.reason` names it."""
    hint = {"waiting": _WAIT, "removed": _REMOVED}.get(reason, _HINT)
    return RefusedError("home_read_only", SENTENCES[reason], hint, reason=reason)


def no_pen(db: sqlite3.Connection, member: bytes) -> Exception:
    """Return why there are no keys to sign with for a member: its home came without them, or it is none of ours."""
    if db.execute("SELECT 1 FROM own WHERE member = ?", (member,)).fetchone() is None:
        return LookupError("no such member in this home")
    found = db.execute("SELECT value FROM meta WHERE key = ?", (READ_ONLY,)).fetchone()
    return refused(str(found[0]) if found else "keys_missing")


def not_read_only(db: sqlite3.Connection, others: Iterable[bytes]) -> None:
    """Let a home sign again, since a device got new keys; the `others`, which kept theirs, still may not."""
    found = db.execute("SELECT value FROM meta WHERE key = ?", (READ_ONLY,)).fetchone()
    if found:
        rows = [(f"{READ_ONLY}:{device.hex()}", found[0]) for device in others]
        db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", rows)
        db.execute("DELETE FROM meta WHERE key = ?", (READ_ONLY,))


def begins(db: sqlite3.Connection, device: bytes) -> None:
    """Let a device write the entry with which it becomes one of its member; `begun` ends this in one transaction."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, 1)", (_begins(device),))


def begun(db: sqlite3.Connection, device: bytes) -> None:
    """End what `begins` allowed."""
    db.execute("DELETE FROM meta WHERE key = ?", (_begins(device),))


def _begins(device: bytes) -> str:
    return f"begins:{device.hex()}"


class Guard:
    """Watches over the logs of one device of this home."""

    def __init__(self, database: Path, file: KeyFile) -> None:
        self._database = database
        self._file = file
        self._device = file.keys.signing.public

    def check(self, db: sqlite3.Connection) -> None:
        """Refuse to write if this is not the home that wrote last.

        Raises:
            RefusedError: `home_read_only`, and why.
        """
        reason = self.reason(db)
        if reason:
            raise refused(reason)

    def reason(self, db: sqlite3.Connection) -> str | None:
        """Return why this device may not sign, None when it may."""
        keys = (READ_ONLY, f"{READ_ONLY}:{self._device.hex()}")
        found = db.execute("SELECT value FROM meta WHERE key IN (?, ?)", keys).fetchone()
        if found:
            return str(found[0])
        if is_moved(self._database, self._file.machine, self._file.inode):
            return "copied"
        if is_behind(db, self._device, self._written()):
            return "restored"
        return self._unfit(db)

    def _unfit(self, db: sqlite3.Connection) -> str | None:
        """Return why what this device writes would not count: its log forks, it is retired, removed, or none yet.

        Of a log with a limit it would also take a place at which it has signed already.
        """
        if db.execute("SELECT 1 FROM fork_proof WHERE author = ?", (self._device,)).fetchone():
            return "forked"
        query = "SELECT d.retired, m.removed FROM device d JOIN member m ON m.id = d.member WHERE d.key = ?"
        row = db.execute(query, (self._device,)).fetchone()
        if row:
            return "removed" if row[1] else "retired" if row[0] else None
        member = db.execute("SELECT 1 FROM member WHERE id = ?", (self._file.member,)).fetchone()
        begins = db.execute("SELECT 1 FROM meta WHERE key = ?", (_begins(self._device),)).fetchone()
        return "waiting" if member and not begins else None

    def _written(self) -> dict[str, tuple[int, str]]:
        return written(self._device)

    def remember(self, db: sqlite3.Connection) -> None:
        """Remember how far our logs go; called after each commit."""
        rows = db.execute(
            "SELECT l.log, l.held, hex(e.id) FROM log l JOIN entry e ON e.place = (l.ref << ?) + l.held"
            " WHERE l.author = ? AND l.held > 0",
            (SEQ_BITS, self._device),
        )
        remember_written(self._device, {str(log): (seq, identity) for log, seq, identity in rows})
