"""What a disk does to a home is said as what it is, and never as damage where there is none."""

import errno
import sqlite3
from pathlib import Path

import pytest

from foodhub.errors import FoodhubError
from foodhub.node.trouble import trouble
from foodhub.store.database import open_database
from foodhub.store.place import key_file


def code_of(error: BaseException, home: Path) -> str:
    found = trouble(error, home)
    return found.code if found else ""


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_CORRUPT, "home_damaged"),
        (sqlite3.SQLITE_NOTADB, "home_damaged"),
        (sqlite3.SQLITE_FULL, "disk_full"),
        (sqlite3.SQLITE_READONLY | 4 << 8, "home_unopened"),
        (sqlite3.SQLITE_CANTOPEN, "home_unopened"),
        (sqlite3.SQLITE_IOERR, "disk_fails"),
        (sqlite3.SQLITE_BUSY, "home_busy"),
        (sqlite3.SQLITE_ERROR, ""),
    ],
)
def test_what_sqlite_says_is_told_apart(tmp_path: Path, code: int, said: str) -> None:
    assert code_of(of_sqlite(code), tmp_path) == said


def test_only_where_nothing_can_be_written_the_rights_are_named(tmp_path: Path) -> None:
    for code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        assert code_of(of_sqlite(code), tmp_path / "none") == "home_unwritable"
    (tmp_path / "foodhub.db").mkdir()
    with pytest.raises(sqlite3.OperationalError) as raised:
        open_database(tmp_path / "foodhub.db")
    assert code_of(raised.value, tmp_path) == "home_unopened"


def test_what_the_system_says_of_the_disk_is_known_and_the_rest_is_left_to_others(tmp_path: Path) -> None:
    assert code_of(OSError(errno.ENOSPC, "no space"), tmp_path) == "disk_full"
    assert code_of(OSError(errno.EROFS, "read-only", str(tmp_path / "x")), tmp_path) == "home_unwritable"
    assert code_of(OSError(errno.ENOENT, "none"), tmp_path) == ""
    assert code_of(ValueError("x"), tmp_path) == ""
    assert code_of(sqlite3.ProgrammingError("x"), tmp_path) == ""


def test_a_file_that_is_truncated_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "foodhub.db"
    open_database(path, create=True).close()
    path.write_bytes(path.read_bytes()[: 8 * 1024])
    with pytest.raises(sqlite3.DatabaseError) as raised:
        open_database(path).execute("SELECT * FROM entry")
    assert code_of(raised.value, tmp_path) == "home_damaged"


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("left", [None, b""])
def test_a_home_that_has_keys_and_no_database_is_not_taken_for_a_new_one(
    tmp_path: Path, left: bytes | None, create: bool
) -> None:
    key = key_file(tmp_path / "keys", b"m" * 32, b"d" * 32)
    key.parent.mkdir()
    key.write_text("{}")
    if left is not None:
        (tmp_path / "foodhub.db").write_bytes(left)
    with pytest.raises(FoodhubError) as raised:
        open_database(tmp_path / "foodhub.db", create=create)
    assert raised.value.code == "database_gone"
    assert (tmp_path / "foodhub.db").exists() is (left is not None)


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FoodhubError) as raised:
        open_database(tmp_path / "file" / "foodhub.db", create=True)
    assert raised.value.code == "not_a_folder"
