"""Backing a home up and restoring it: all that it holds but its signing keys.

Keys are made on one disk and never leave it: a backup that carried them would give two homes one pen. So a restored
home can be read and cannot sign, until it is enrolled as a further device or recovered with the words; from then on it
reads what was sealed to its members, too. A restore puts everything in place or nothing.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from unicodedata import normalize

import msgspec

from foodhub import __version__
from foodhub.errors import N_, NotThereError, RefusedError, UsageError
from foodhub.node.home import BOOTSTRAP, DATABASE
from foodhub.store.backup import COST, BackupReader, Contents, Cost, damaged, newer, write_backup
from foodhub.store.database import needs_refold, open_database
from foodhub.store.keyring import Keyring
from foodhub.store.refold import Refolding, refold_slice
from foodhub.store.schema import APPLICATION_ID, FOLD_VERSION, SCHEMA_VERSION
from foodhub.store.snapshot import snapshot
from foodhub.store.transaction import Transaction

CARRIED = (BOOTSTRAP, DATABASE)
"""The files that a backup carries; the database, in which the settings are, last: with it a restored home is there."""
RESTORED = "restored_backup"
"""What `read_only` in `meta` says of a home that came out of a backup."""
LEAST = 8
_RESTORING = "restore.unfinished"

Progress = Callable[[str, int, int], None]
"""What is being done (`copy`, `key`, `write`, `read`, `check`, `fold`), and how much of how much is done."""


class Backup(msgspec.Struct, frozen=True):
    """What is in a backup: counts of the database, names of the home's members, when it was made (ms)."""

    file: str
    bytes: int
    made: int
    circuit: str
    members: list[str]
    entries: int
    logs: int


def clean_passphrase(text: str) -> bytes:
    """Return a passphrase as it goes into the key: the same on every keyboard.

    Raises:
        UsageError: it is too short.
    """
    clean = normalize("NFC", text)
    if len(clean) < LEAST:
        raise UsageError(
            "short_passphrase",
            N_("A passphrase has at least {least} characters."),
            N_("A few words in a row are easy to keep in mind."),
            least=LEAST,
        )
    return clean.encode()


def check_target(file: Path, *, force: bool) -> None:
    """Make sure that a backup may be written to a file.

    Raises:
        RefusedError: it is there already. NotThereError: its folder is not there.
    """
    if not file.parent.is_dir():
        raise NotThereError("no_such_folder", N_("There is no folder {folder}."), folder=str(file.parent))
    if file.is_dir() or (file.exists() and not force):
        raise RefusedError(
            "file_exists",
            N_("{file} is there already; nothing was written."),
            N_("Choose another name, or replace it with --force."),
            file=str(file),
        )


def back_up(
    home: Path, file: Path, passphrase: bytes, progress: Progress, *, force: bool = False, cost: Cost = COST
) -> Backup:
    """Write a backup of a home to a file, which has its name only when all of it is on disk.

    Raises:
        NotSetUpError: there is no such home. RefusedError: the file is there, or another backup is being made.
        FoodhubError: the database is damaged. OSError: the system says no.
    """
    check_target(file, force=force)
    size = _size(home / DATABASE)
    with (
        _readable(home, file.parent) as database,
        snapshot(database, lambda done: progress("copy", min(done, size), size)) as copy,
    ):
        found = {name: copy if name == DATABASE else home / name for name in CARRIED}
        paths = {name: path for name, path in found.items() if path.exists()}
        made = int(time.time() * 1000)
        contents = Contents(made, __version__, [(name, _size(path)) for name, path in paths.items()])
        total = sum(size for _name, size in contents.files)
        progress("key", 0, total)
        with _unfinished(file, force=force) as out:
            for done in write_backup(out, passphrase, contents, list(paths.values()), cost):
                progress("write", done, total)
        with closing(open_database(copy, read_only=True)) as db:
            return _look(db, file, made)


@contextmanager
def _readable(home: Path, beside: Path) -> Iterator[Path]:
    """Give a home's database, of a write-protected home a copy as long as the block: a disk that fails may be so.

    SQLite reads no database with a write-ahead log where it may write nothing.
    """
    if os.access(home, os.W_OK):
        yield home / DATABASE
        return
    with TemporaryDirectory(prefix=".foodhub-", dir=beside) as folder:
        for name in (DATABASE, f"{DATABASE}-wal"):
            if (home / name).exists():
                shutil.copyfile(home / name, Path(folder) / name)
        yield Path(folder) / DATABASE


@contextmanager
def _unfinished(file: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Write a file beside its place; it gets its name when the block ends, and is gone when the block fails."""
    path = file.with_name(f"{file.name}.unfinished")
    path.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out, _naming(path):
            yield out
            out.flush()
            os.fsync(out.fileno())
        check_target(file, force=force)
        path.rename(file)
        _sync(file.parent)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of the system while writing say which file it was about."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def restore(home: Path, file: Path, passphrase: bytes, progress: Progress) -> Backup:
    """Make a home from a backup; it is read-only, and shows what can be read without keys.

    Raises:
        RefusedError: there is something in the home, or the backup or the passphrase is not right; nothing is left
            behind then. FoodhubError: the home is on a network file system. OSError: the system says no.
    """
    check_free(home)
    with file.open("rb") as source, _new_home(home) as folder:
        progress("key", 0, 0)
        reader = BackupReader(source, passphrase)
        names = [name for name, _size in reader.contents.files]
        if not set(names) <= set(CARRIED):
            raise newer()
        if len(set(names)) < len(names) or DATABASE not in names:
            raise damaged()
        total = sum(size for _name, size in reader.contents.files)
        with _naming(folder):
            for done in reader.extract(folder):
                progress("read", done, total)
        progress("check", 0, 0)
        _make_current(folder / DATABASE, progress)
        with closing(open_database(folder / DATABASE, read_only=True)) as db:
            found = _look(db, file, reader.contents.made)
        for name in CARRIED:
            if name in names:
                (folder / name).rename(home / name)
    _sync(home)
    return found


def check_free(home: Path) -> None:
    """Make sure that a home may be made here: there is nothing but what a killed restore left.

    Raises:
        RefusedError: `home_not_empty`.
    """
    there = {path.name for path in home.iterdir()} if home.is_dir() else set()
    left = {_RESTORING, *CARRIED} - {DATABASE} if _RESTORING in there else set()
    if there - left or (home.exists() and not home.is_dir()):
        raise RefusedError(
            "home_not_empty",
            N_("There is something in {home} already; a backup is restored into a new home."),
            N_("Name another folder with --home."),
            home=str(home),
        )


@contextmanager
def _new_home(home: Path) -> Iterator[Path]:
    """Make a home and a folder in it to unpack in; when the block fails, all that it made is gone again."""
    made = [folder for folder in (home, *home.parents) if not folder.exists()]
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = home / _RESTORING
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    except BaseException:
        for name in CARRIED:
            (home / name).unlink(missing_ok=True)
        shutil.rmtree(folder)
        for empty in made:
            empty.rmdir()
        raise
    shutil.rmtree(folder)


def _make_current(database: Path, progress: Progress) -> None:
    """Check a database that was unpacked, bring it to this version and mark it as restored.

    Raises:
        RefusedError: it is damaged, no database of a home, or of a newer program.
    """
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as raw:
            (application,) = raw.execute("PRAGMA application_id").fetchone()
            (version,) = raw.execute("PRAGMA user_version").fetchone()
            (whole,) = raw.execute("PRAGMA integrity_check(1)").fetchone()
            (fold,) = raw.execute("SELECT value FROM meta WHERE key = 'fold_version'").fetchone()
    except (sqlite3.DatabaseError, TypeError):
        raise damaged() from None
    if application != APPLICATION_ID or whole != "ok" or version < 1:
        raise damaged()
    if version > SCHEMA_VERSION or fold > FOLD_VERSION:
        raise newer()
    with closing(open_database(database, create=True)) as db:
        _fold_without_keys(db, progress)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('read_only', ?)", (RESTORED,))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("rb") as written:
        os.fsync(written.fileno())


def _fold_without_keys(db: sqlite3.Connection, progress: Progress) -> None:
    """Make the views anew: what only the keys opened, that are not here, must not stand in them any more."""
    row = db.execute("SELECT value FROM meta WHERE key = 'circuit'").fetchone()
    db.execute("PRAGMA synchronous=OFF")  # all of it is written out at the end, before it has its name
    db.execute("DELETE FROM meta WHERE key = 'refold'")
    db.execute("INSERT OR REPLACE INTO meta VALUES ('fold_version', 0)")
    state: Refolding | None = None
    while state is not None or needs_refold(db):
        db.execute("BEGIN IMMEDIATE")
        state = refold_slice(Transaction(db, Keyring(()), {}, row[0] if row else b"", int(time.time() * 1000)))
        db.execute("COMMIT")
        if state is not None:
            progress("fold", state.done, state.total)


def _look(db: sqlite3.Connection, file: Path, made: int) -> Backup:
    """Count what is in a database that is backed up or restored."""
    circuit = db.execute("SELECT name FROM circuit").fetchone()
    entries, logs = db.execute("SELECT coalesce(sum(seq), 0), count(*) FROM log WHERE seq > 0").fetchone()
    members = [name for (name,) in db.execute("SELECT name FROM own ORDER BY name")]
    return Backup(str(file), file.stat().st_size, made, circuit[0] if circuit else "", members, entries, logs)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
