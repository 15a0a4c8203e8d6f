"""The one function that opens a home's database, with every pragma; and what makes a new or an older file current.

WAL, `synchronous=FULL`: what a command has said "done" about survives a power cut. Checkpoints are ours to time (see
`writer`).
"""

import os
import sqlite3
import time
from pathlib import Path

from foodhub.errors import N_, FoodhubError, NotSetUpError
from foodhub.store.schema import APPLICATION_ID, FOLD_VERSION, MIGRATIONS, SCHEMA_VERSION, TRUTH, VIEWS

BUSY_MS = 10_000
# Without it Python looks for a way to write each bool, finds none, and then writes it as the integer that it is.
sqlite3.register_adapter(bool, int)
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "sshfs", "fuse.sshfs", "9p", "afs", "davfs"})


def open_database(path: Path, *, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """Open the database of a home; `create` makes a new one.

    Raises:
        NotSetUpError: there is none.
        FoodhubError: it is on a network file system, is of another program, or of a newer version of this one; or it is
            gone, and the keys are there.
    """
    _look_at_folder(path.parent, create=create)
    if not path.exists():
        _require_new(path, create=create)
    try:
        db = _connect(path, read_only=read_only)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise _not_a_home(path) from None
        raise
    try:
        if _is_empty(db):
            _require_new(path, create=create)
            path.chmod(0o600)
            _bring_here(db)
        check_version(db, path)
        if not read_only:
            _bring_here(db)
    except BaseException:
        db.close()
        raise
    return db


def _look_at_folder(home: Path, *, create: bool) -> None:
    """Make sure that a home is a folder, and make it if it is new."""
    if home.exists() and not home.is_dir():
        raise FoodhubError(
            "not_a_folder",
            N_("{home} is a file and no folder, so it can't be a home."),
            N_("Name a folder with --home, or in FOODHUB_HOME."),
            home=str(home),
        )
    if create:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_network_file_system(home)


def _require_new(path: Path, *, create: bool) -> None:
    """Make sure that a home without a database is one that is to be made, and not one that lost it."""
    if any((path.parent / "keys").glob("*.key")):
        raise FoodhubError(
            "database_gone",
            N_("The database of {home} is gone or empty, and the keys of its member are still there."),
            N_(
                "Move the folder away, then make the home anew: foodhub restore FILE from a backup, foodhub device"
                " enrol CODE with another laptop, or foodhub recover with the recovery words."
            ),
            home=str(path.parent),
        )
    if not create:
        raise NotSetUpError(
            "not_set_up",
            N_("Nothing is set up in {home} yet."),
            N_("Begin with: foodhub init --name NAME --role producer|group|hub|household"),
            home=str(path.parent),
        )


def _not_a_home(path: Path) -> FoodhubError:
    return FoodhubError(
        "not_a_home", N_("{path} is not a database of foodhub."), N_("Name another folder with --home."), path=str(path)
    )


def _is_empty(db: sqlite3.Connection) -> bool:
    """Say whether nothing was ever made in this file: it is new, or whoever made it was killed before the commit."""
    return db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0 and _version(db) == 0


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    db = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000, cached_statements=256
    )
    switch_to_wal(db)
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA fullfsync=ON")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("PRAGMA mmap_size=0")
    db.execute("PRAGMA secure_delete=ON")  # what is erased is not to be found in the file any more
    db.execute("PRAGMA cache_size=-16000")
    if read_only:
        db.execute("PRAGMA query_only=ON")
    return db


def switch_to_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL; ask again for `BUSY_MS`, as SQLite itself does not wait where two programs switch a new file."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that this program may not touch; asked at opening and inside every write transaction.

    Raises:
        FoodhubError: `not_a_home` or `home_is_newer`.
    """
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise _not_a_home(path)
    _refuse_newer(_version(db), SCHEMA_VERSION)
    row = db.execute("SELECT value FROM meta WHERE key = 'fold_version'").fetchone()
    _refuse_newer(int(row[0]) if row else 0, FOLD_VERSION)


def needs_refold(db: sqlite3.Connection) -> bool:
    """Say whether the views were made by an older program (see `refold`)."""
    row = db.execute("SELECT value FROM meta WHERE key = 'fold_version'").fetchone()
    return row is None or int(row[0]) < FOLD_VERSION


def _refuse_newer(found: int, known: int) -> None:
    if found > known:
        raise FoodhubError(
            "home_is_newer",
            N_("This home was upgraded by a newer foodhub (format {found}; this program knows {known})."),
            N_("Restart with the newer program; nothing was changed."),
            found=found,
            known=known,
        )


_SEEDS = f"INSERT INTO meta VALUES ('fold_version', {FOLD_VERSION}), ('arrival', 0)"  # noqa: S608 - numbers of ours
_FIRST = f"{TRUTH}{VIEWS}{_SEEDS};PRAGMA application_id={APPLICATION_ID};"


def _bring_here(db: sqlite3.Connection) -> None:
    """Bring a new or an older database to this version, step by step, all of them in one transaction or none."""
    if _version(db) == SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    # Asked again now that nobody else can write: another process may have been faster.
    for version in range(_version(db), SCHEMA_VERSION):
        for statement in ({0: _FIRST} | MIGRATIONS)[version].split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version={version + 1}")
    db.execute("COMMIT")


def _refuse_network_file_system(folder: Path) -> None:
    kind = _file_system(folder)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise FoodhubError(
            "network_file_system",
            N_("{folder} is on a network file system ({kind}), where the database could be damaged."),
            N_("Choose a folder on this machine's own disk with --home."),
            folder=str(folder),
            kind=kind,
        )


def _file_system(folder: Path) -> str:
    """Return the type of the file system a folder is on, "" where the system does not say."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    resolved, best, kind = os.path.realpath(folder), "", ""
    for line in mounts:
        point, name = line.split(" ")[1:3]
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind
