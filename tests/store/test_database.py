"""Opening the file of a home: new, old, newer, half made, or something else."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from foodhub.errors import FoodhubError, NotSetUpError
from foodhub.store.database import BUSY_MS, check_version, open_database
from foodhub.store.schema import FOLD_VERSION, MIGRATIONS, SCHEMA_VERSION
from foodhub.store.store import Store
from tests.shelf import FACTS

VERSION_1 = Path(__file__).parent / "fixtures" / "version_1.sql"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "foodhub.db"


@pytest.fixture
def old(path: Path) -> Path:
    """A home as version 1 left it."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1.read_text(encoding="utf-8"))
    return path


def pragma(db: sqlite3.Connection, name: str) -> Any:
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def shape(db: sqlite3.Connection) -> set[tuple[str, str]]:
    rows = db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {(name, "".join(sql.split())) for name, sql in rows}


def content(db: sqlite3.Connection) -> dict[str, list[Any]]:
    columns = dict.fromkeys(("log", "entry", "meta"), "*") | {"product": "local, version, place, sku, name, price"}
    return {name: db.execute(f"SELECT {wanted} FROM {name}").fetchall() for name, wanted in columns.items()}  # noqa: S608 - names of ours


def code_of(path: Path, *, create: bool = False) -> str:
    with pytest.raises(FoodhubError) as raised:
        open_database(path, create=create)
    return raised.value.code


def test_a_new_home_is_made_for_its_owner_alone(path: Path) -> None:
    with closing(open_database(path, create=True)) as db:
        assert pragma(db, "user_version") == SCHEMA_VERSION
        assert db.execute("SELECT key, value FROM meta ORDER BY key").fetchall() == [
            ("arrival", 0),
            ("fold_version", FOLD_VERSION),
        ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_every_commit_is_on_disk_before_it_is_answered(path: Path) -> None:
    with closing(open_database(path, create=True)) as db:
        found = [
            pragma(db, name) for name in ("journal_mode", "synchronous", "fullfsync", "wal_autocheckpoint", "mmap_size")
        ]
        assert found == ["wal", 2, 1, 0, 0]
        assert pragma(db, "busy_timeout") == BUSY_MS


def test_a_home_that_is_not_there_is_not_made_by_reading(path: Path) -> None:
    with pytest.raises(NotSetUpError) as raised:
        open_database(path)
    assert "init" in raised.value.hint
    assert not path.parent.exists()


def test_an_empty_file_counts_as_not_set_up_and_can_be_set_up(path: Path) -> None:
    """It is what a kill at the very first moment leaves behind."""
    path.parent.mkdir()
    path.touch()
    assert code_of(path) == "not_set_up"
    open_database(path, create=True).close()
    open_database(path).close()


def test_a_file_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (name)")
    for create in (False, True):
        assert code_of(path, create=create) == "not_a_home"
    with closing(sqlite3.connect(path)) as db:
        assert [name for name, _ in shape(db)] == ["recipes"]
    path.write_bytes(b"no database at all, but long enough to be looked at" * 30)
    assert code_of(path) == "not_a_home"


@pytest.mark.parametrize("what", ["schema", "fold"])
def test_a_home_of_a_newer_program_is_refused_and_left_alone(path: Path, what: str) -> None:
    with closing(open_database(path, create=True)) as db:
        newer(db, what)
        before = list(db.iterdump())
    for create in (False, True):
        assert code_of(path, create=create) == "home_is_newer"
    with closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before


def newer(db: sqlite3.Connection, what: str) -> None:
    if what == "schema":
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    else:
        db.execute("UPDATE meta SET value = ? WHERE key = 'fold_version'", (FOLD_VERSION + 1,))


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["schema", "fold"])
async def test_a_running_program_stops_writing_once_its_home_was_upgraded(path: Path, what: str) -> None:
    store = await Store.open(path.parent, create=True)
    await store.write(lambda tx: tx.count_refusal("gap", "a peer"))
    with closing(open_database(path)) as db:
        newer(db, what)
    with pytest.raises(FoodhubError) as raised:
        await store.write(lambda tx: tx.count_refusal("gap", "a peer"))
    assert raised.value.code == "home_is_newer"
    with pytest.raises(FoodhubError) as raised:
        await store.require_current()
    assert raised.value.code == "home_is_newer"
    assert await store.read(lambda db: db.execute("SELECT times FROM refused").fetchall()) == [(1,)]
    await store.close()


def test_the_steps_lead_from_the_first_version_to_this_one() -> None:
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA_VERSION))


def test_a_home_of_version_1_is_brought_here_with_all_it_held(old: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        before = content(db)
        assert ("refused",) not in db.execute("SELECT name FROM sqlite_schema").fetchall()
    with closing(open_database(old)) as db, closing(open_database(tmp_path / "new.db", create=True)) as new:
        assert pragma(db, "user_version") == SCHEMA_VERSION
        assert shape(db) == shape(new)
        after = content(db)
        for name, rows in before.items():
            width = len(rows[0]) if rows else 0
            assert [row[:width] for row in after[name]] == rows, name
        assert len(before["product"]) == 1


def test_a_home_that_is_only_looked_at_is_not_migrated(old: Path) -> None:
    with closing(open_database(old, read_only=True)) as db:
        assert pragma(db, "user_version") == 1
        with pytest.raises(sqlite3.OperationalError):
            db.execute("DELETE FROM entry")


def test_programs_that_migrate_at_the_same_moment_do_not_get_into_each_others_way(old: Path) -> None:
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            open_database(old).close()
        except BaseException as error:  # noqa: BLE001 - it is what the test is about
            failed.append(error)

    threads = [Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with closing(open_database(old)) as db:
        assert pragma(db, "user_version") == SCHEMA_VERSION


def test_programs_that_set_up_one_home_at_the_same_moment_do_not_get_into_each_others_way(path: Path) -> None:
    failed: list[BaseException] = []

    def make_it() -> None:
        try:
            open_database(path, create=True).close()
        except BaseException as error:  # noqa: BLE001 - it is what the test is about
            failed.append(error)

    threads = [Thread(target=make_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_step_that_fails_leaves_the_home_as_it_was(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        db.execute("CREATE TABLE refused (other)")
        before = list(db.iterdump())
    with pytest.raises(sqlite3.OperationalError):
        open_database(old)
    with closing(sqlite3.connect(old)) as db:
        assert list(db.iterdump()) == before
        assert pragma(db, "user_version") == 1


@pytest.mark.anyio
async def test_views_of_an_older_program_are_made_again_from_the_log(old: Path, tmp_path: Path) -> None:
    shutil.copy(old, tmp_path / "untouched.db")
    with closing(sqlite3.connect(old)) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'fold_version'", (FOLD_VERSION - 1,))
        for name in (*FACTS, "member", "device", "invite", "circuit"):
            db.execute(f"DELETE FROM {name}")  # noqa: S608 - names of ours
        db.execute("INSERT INTO profile VALUES (1, x'', 1, 1, 1, 'nobody said this', 1)")
        db.commit()
    store = await Store.open(old.parent)
    assert await store.read(ask, "SELECT name FROM profile") == [("nobody said this",)]
    steps: list[tuple[int, int]] = []
    await store.bring_up_to_date(lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1] > 0
    with closing(sqlite3.connect(tmp_path / "untouched.db")) as before:
        for query in (
            "SELECT name FROM profile ORDER BY 1",
            "SELECT name, price, version FROM product",
            "SELECT roles FROM member ORDER BY 1",
        ):
            found = await store.read(ask, query)
            assert found == before.execute(query).fetchall()
            assert found
    fold_version = await store.read(
        lambda db: db.execute("SELECT value FROM meta WHERE key = 'fold_version'").fetchone()
    )
    assert fold_version == (FOLD_VERSION,)
    await store.close()


def ask(db: sqlite3.Connection, query: str) -> list[Any]:
    return db.execute(query).fetchall()


def test_a_version_is_asked_for_again_inside_a_transaction(path: Path) -> None:
    with closing(open_database(path, create=True)) as db:
        check_version(db, path)
        newer(db, "schema")
        with pytest.raises(FoodhubError, match="upgraded"):
            check_version(db, path)
