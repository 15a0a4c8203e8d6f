"""What is wrong with a disk or a file when the database or the system refuses, as a sentence with the way out.

Nothing is said to be damaged that may only be full or write-protected: whoever believes it throws a sound home away.
"""

import errno
import os
import sqlite3
from pathlib import Path

from foodhub.errors import N_, FoodhubError
from foodhub.node.home import DATABASE

LITTLE = 256 * 1024
"""Bytes that SQLite may need for its next step: with fewer left, what fails is for want of room."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SHUT = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def trouble(error: BaseException, home: Path) -> FoodhubError | None:
    """Return what an error of SQLite or of the system tells of the disk of a home, None where it tells nothing."""
    if isinstance(error, sqlite3.Error):
        return _of_database(getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error), home)
    if isinstance(error, OSError):
        return _of_system(error, home)
    return None


def out_of_room(home: Path) -> FoodhubError | None:
    """Return that the disk of a home is full, None while there is room."""
    return _full(home) if _is_full(home) else None


def _of_database(code: int, reason: str, home: Path) -> FoodhubError | None:
    if code == sqlite3.SQLITE_FULL or (code in {sqlite3.SQLITE_IOERR, *_SHUT} and _is_full(home)):
        return _full(home)
    if code in _SHUT:
        return _unopened(home, reason) if _is_writable(home) else _write_protected(home)
    if code == sqlite3.SQLITE_IOERR:
        message = N_("The disk of this home does not read or write as it should: {reason}.")
        hint = N_("Make a backup elsewhere (foodhub backup FILE) and look after the disk; then: foodhub doctor")
        return FoodhubError("disk_fails", message, hint, reason=reason)
    if code in _DAMAGED:
        message = N_("The database of this home is damaged: {reason}.")
        hint = N_("See what helps: foodhub doctor")
        return FoodhubError("home_damaged", message, hint, reason=reason)
    if code in _HELD:
        message, hint = N_("Another program is at work in {home}."), N_("Try again in a moment; nothing was changed.")
        return FoodhubError("home_busy", message, hint, home=str(home))
    return None


def _of_system(error: OSError, home: Path) -> FoodhubError | None:
    place = Path(str(error.filename)).parent if error.filename else home
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _full(place)
    if error.errno == errno.EROFS:
        return _write_protected(place)
    return None


def _is_writable(home: Path) -> bool:
    database = home / DATABASE
    return os.access(home, os.W_OK) and (not database.exists() or os.access(database, os.W_OK))


def _is_full(home: Path) -> bool:
    try:
        disk = os.statvfs(home)
    except OSError:
        return False
    return not disk.f_flag & os.ST_RDONLY and disk.f_bavail * disk.f_frsize < LITTLE


def _full(place: Path) -> FoodhubError:
    message = N_("The disk is full, so nothing can be written to {folder}.")
    hint = N_("Make room; nothing was lost. A command that failed can be run again.")
    return FoodhubError("disk_full", message, hint, folder=str(place))


def _unopened(home: Path, reason: str) -> FoodhubError:
    message = N_("The database of {home} can't be opened: {reason}.")
    hint = N_("Look whether foodhub.db there is a file, and still the one with which this began; then run this again.")
    return FoodhubError("home_unopened", message, hint, home=str(home), reason=reason)


def _write_protected(place: Path) -> FoodhubError:
    message = N_("{folder} can't be written to: the disk is read-only, or the rights of the folder forbid it.")
    hint = N_(
        "Nothing is damaged. See to the rights, or find out why the disk is read-only, then run this again. If the disk"
        " fails, save the home to another one first: foodhub backup FILE"
    )
    return FoodhubError("home_unwritable", message, hint, folder=str(place))
