"""The guard: a home that was copied or restored never signs again, because two pens on one log fork it for ever.

The key file remembers the machine and the file it was made for; a state file outside the home remembers how far each of
our logs was written. The database ahead of the state is normal (a kill in between); the state ahead of the database is
not.
"""

import hashlib
import json
import os
import sqlite3
import uuid
from pathlib import Path

from platformdirs import user_state_path

from foodhub.errors import N_, RefusedError
from foodhub.store.entries import log_row
from foodhub.store.keyring import KeyFile
from foodhub.store.schema import SEQ_BITS

_HINT = N_("Set up a new home with foodhub init and join with a new invite; what this home holds can still be read.")
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
}


def machine() -> str:
    """Return what tells this machine from others, hashed so that it says nothing else."""
    try:
        name = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        name = f"{uuid.getnode():x}"
    return hashlib.blake2b(name.encode(), digest_size=16, person=b"foodhub-machine").hexdigest()


def file_identity(database: Path) -> int:
    """Return what tells this database file from a copy of it."""
    return database.stat().st_ino


class Guard:
    """Watches over the logs of one device of this home."""

    def __init__(self, database: Path, file: KeyFile) -> None:
        self._database = database
        self._file = file
        self._device = file.keys.signing.public
        self._path = user_state_path("foodhub") / f"{self._device.hex()}.json"

    def check(self, db: sqlite3.Connection) -> None:
        """Refuse to write if this is not the home that wrote last.

        Raises:
            RefusedError: `home_read_only`, and why.
        """
        reason = self.reason(db)
        if reason:
            raise RefusedError("home_read_only", SENTENCES[reason], _HINT, reason=reason)

    def reason(self, db: sqlite3.Connection) -> str | None:
        """Return why this device may not sign, None when it may."""
        found = db.execute("SELECT value FROM meta WHERE key = 'read_only'").fetchone()
        if found:
            return str(found[0])
        if self._file.machine != machine() or self._file.inode != file_identity(self._database):
            return "copied"
        for log, (seq, identity) in self._written().items():
            row = log_row(db, self._device, int(log))
            if row is None or row.seq < seq:
                return "restored"
            place = (row.ref << SEQ_BITS) + seq
            if db.execute("SELECT hex(id) FROM entry WHERE place = ?", (place,)).fetchone()[0] != identity:
                return "restored"
        return None

    def _written(self) -> dict[str, tuple[int, str]]:
        try:
            return {log: (seq, identity) for log, (seq, identity) in json.loads(self._path.read_text("utf-8")).items()}
        except (FileNotFoundError, ValueError):
            return {}

    def remember(self, db: sqlite3.Connection) -> None:
        """Remember how far our logs go; called after each commit."""
        rows = db.execute("SELECT log, seq, hex(id) FROM log WHERE author = ? AND seq > 0", (self._device,))
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({str(log): (seq, identity) for log, seq, identity in rows}), "utf-8")
        temporary.replace(self._path)
