"""Where a home lies and how far it has signed: what tells it from a copy of it.

The key file remembers the machine and the database that it was made for; a state file outside the home remembers how
far each of our logs was written. `status` asks this and answers at once: nothing here may load keys or entries.
"""

import hashlib
import json
import os
import platform
import sqlite3
import uuid
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_state_path

from foodhub.store.schema import SEQ_BITS

READ_ONLY = "read_only"
"""The key in `meta` of why this home may not sign; with `:` and a device in hex behind it, why that device may not."""


def machine() -> str:
    """Return what tells this machine from others, hashed so that it says nothing else."""
    try:
        name = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        card = uuid.getnode()
        # Where there is no network card, Python makes a number up, in each process another one; a bit of it says so.
        name = platform.node() if card >> 40 & 1 else f"{card:x}"
    return hashlib.blake2b(name.encode(), digest_size=16, person=b"foodhub-machine").hexdigest()


def file_identity(database: Path) -> int:
    """Return what tells this database file from a copy of it."""
    return database.stat().st_ino


def is_moved(database: Path, made_on: str, made_for: int) -> bool:
    """Say whether this is another machine, or another file, than the one that keys were made for."""
    return made_on != machine() or made_for != file_identity(database)


def key_file(folder: Path, member: bytes, device: bytes) -> Path:
    """Return where the key file of a device of this home lies."""
    return folder / f"{member.hex()}-{device.hex()[:8]}.key"


def knock_file(home: Path) -> Path:
    """Return where an invite or a code lies that a home still knocks with."""
    return home / "keys" / "joining.json"


def knocks(db: sqlite3.Connection) -> bool:
    """Say whether a home still waits to be let in somewhere."""
    return knock_file(Path(db.execute("PRAGMA database_list").fetchone()[2]).parent).exists()


def written(device: bytes) -> dict[str, tuple[int, str]]:
    """Return of each log of a device how far it was written, by number: the seq and the id of its last entry."""
    try:
        found = json.loads(_state_file(device).read_text("utf-8"))
        return {log: (seq, identity) for log, (seq, identity) in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def remember_written(device: bytes, far: Mapping[str, tuple[int, str]]) -> None:
    """Remember how far the logs of a device were written."""
    path = _state_file(device)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(far), "utf-8")
    temporary.replace(path)


def _state_file(device: bytes) -> Path:
    return user_state_path("foodhub") / f"{device.hex()}.json"


def is_behind(db: sqlite3.Connection, device: bytes, far: Mapping[str, tuple[int, str]]) -> bool:
    """Say whether a home lacks something that a device of it has signed."""
    query = "SELECT hex(e.id) FROM log l JOIN entry e ON e.place = (l.ref << ?) + ? WHERE l.author = ? AND l.log = ?"
    return any(
        db.execute(f"{query} AND l.held >= ?", (SEQ_BITS, seq, device, int(log), seq)).fetchone() != (identity,)
        for log, (seq, identity) in far.items()
    )


def misplaced(db: sqlite3.Connection) -> dict[str, str]:
    """Return which members may not sign in this home, for being a copy or for lack of keys, and why.

    The reasons are those of `guard.SENTENCES`; "" stands for a home that has no members.
    """
    rows = db.execute("SELECT member, device, name FROM own ORDER BY name, member").fetchall()
    found = db.execute("SELECT value FROM meta WHERE key = ?", (READ_ONLY,)).fetchone()
    if found:
        return {name: str(found[0]) for *_keys, name in rows} or {"": str(found[0])}
    database = Path(db.execute("PRAGMA database_list").fetchone()[2])
    reasons = {name: _misplaced(db, database, member, device) for member, device, name in rows}
    return {name: reason for name, reason in reasons.items() if reason}


def _misplaced(db: sqlite3.Connection, database: Path, member: bytes, device: bytes) -> str:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (f"{READ_ONLY}:{device.hex()}",)).fetchone()
    if row:
        return str(row[0])
    try:
        made = json.loads(key_file(database.parent / "keys", member, device).read_text("utf-8"))
        if is_moved(database, made["machine"], made["inode"]):
            return "copied"
    except (OSError, ValueError, LookupError, TypeError):
        return "keys_missing"
    return "restored" if is_behind(db, device, written(device)) else ""
