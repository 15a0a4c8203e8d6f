"""A copy of the database is whole, private, without what was deleted, and gone when it has served."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from foodhub.errors import FoodhubError, NotSetUpError, RefusedError
from foodhub.store.database import open_database
from foodhub.store.snapshot import COPY, snapshot


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "foodhub.db"
    with closing(open_database(path, create=True)) as db:
        db.execute("INSERT INTO address VALUES ('somewhere', 1, 'test')")
    return path


def rows(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [address for (address,) in db.execute("SELECT address FROM address ORDER BY address")]


def test_a_copy_holds_what_was_committed_when_it_was_made(database: Path) -> None:
    with closing(open_database(database)) as writer:
        writer.execute("INSERT INTO address VALUES ('in the log', 1, 'test')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO address VALUES ('not yet', 1, 'test')")
        with snapshot(database) as copy:
            writer.execute("COMMIT")
            assert rows(copy) == ["in the log", "somewhere"]
            with closing(open_database(copy, read_only=True)) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert rows(database) == ["in the log", "not yet", "somewhere"]


def test_only_its_owner_may_read_a_copy_and_it_is_removed(database: Path) -> None:
    with snapshot(database) as copy:
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with pytest.raises(sqlite3.OperationalError), snapshot(database) as copy, closing(sqlite3.connect(copy)) as db:
        db.execute("SELECT * FROM nothing")
    assert sorted(path.name for path in database.parent.iterdir()) == ["copy.lock", "foodhub.db"]


def test_what_a_killed_process_left_behind_is_removed_by_the_next(database: Path) -> None:
    for name in (COPY, f"{COPY}-wal", f"{COPY}-shm", f"{COPY}-journal"):
        (database.parent / name).write_bytes(b"left behind")
    with snapshot(database) as copy:
        assert rows(copy) == ["somewhere"]
    assert not list(database.parent.glob("copy.unfinished*"))


def test_two_copies_at_a_time_do_not_get_into_each_others_way(database: Path) -> None:
    with snapshot(database) as copy:
        with pytest.raises(RefusedError) as caught, snapshot(database):
            pass
        assert caught.value.code == "copy_busy"
        assert rows(copy) == ["somewhere"]


def test_what_was_deleted_is_not_in_a_copy(database: Path) -> None:
    with closing(open_database(database)) as db:
        db.execute("PRAGMA secure_delete=OFF")
        db.executemany("INSERT INTO address VALUES (?, 1, ?)", [(f"erased {n}", "x" * 900) for n in range(200)])
        db.execute("DELETE FROM address WHERE address LIKE 'erased%'")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"erased 7" in database.read_bytes()
        with snapshot(database) as copy:
            assert b"erased 7" not in copy.read_bytes()


def test_a_home_that_is_not_there_or_damaged_is_named(database: Path, tmp_path: Path) -> None:
    with pytest.raises(NotSetUpError), snapshot(tmp_path / "foodhub.db"):
        pass
    content = bytearray(database.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    database.write_bytes(content)
    with pytest.raises(FoodhubError) as caught, snapshot(database):
        pass
    assert caught.value.code == "home_damaged"
    assert not (database.parent / COPY).exists()


def test_how_far_a_copy_is_can_be_followed(database: Path) -> None:
    with closing(open_database(database)) as db:
        db.executemany("INSERT INTO address VALUES (?, 1, ?)", [(f"{n}", "x" * 900) for n in range(20_000)])
    seen: list[int] = []
    with snapshot(database, seen.append) as copy:
        assert len(rows(copy)) == 20_001
    assert seen == sorted(seen)
    assert seen
