"""A log that was touched by anything but the program is found out, at the place where it was touched."""

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from foodhub.errors import RefusedError
from foodhub.log.header import payload_hash
from foodhub.node import setup
from foodhub.node.application import Transaction, open_node
from foodhub.node.hat import Hat
from foodhub.node.home import DATABASE
from foodhub.node.products import add_product
from foodhub.node.reading import open_reading, read
from foodhub.node.state import status
from foodhub.node.verifying import Verified, verify_logs
from foodhub.store import store
from foodhub.store.schema import SEQ_BITS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose catalog log has four entries."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    home = tmp_path / "home"

    def add(tx: Transaction, hat: Hat, name: str) -> None:
        add_product(tx, hat, name, price=245, price_per="piece", on_hand=3, more={})

    async with open_node(home, create=True) as node:
        hat, _words = await node.write(setup.make_member, home, "Farm", ["producer"], always_on=False)
        await node.write(setup.found, hat, "Circuit", None, "EUR")
        for name in ("Carrots", "Leeks", "Eggs"):
            await node.write(add, hat, name)
    return home


def verified(home: Path) -> Verified:
    with open_reading(home) as db:
        return list(verify_logs(db))[-1]


def touched(home: Path, change: str, *values: object) -> list[tuple[str, int, str]]:
    """Change the database behind the program's back; return what is found."""
    with closing(sqlite3.connect(home / DATABASE, isolation_level=None)) as db:
        db.execute(change, values)
    return [(fault.log, fault.seq, fault.code) for fault in verified(home).faults]


def place(home: Path, seq: int) -> int:
    """Return the key of an entry of the catalog log."""
    (ref,) = read(home, lambda db: db.execute("SELECT ref FROM log WHERE log = 1").fetchone())
    return int((ref << SEQ_BITS) + seq)


async def test_untouched_logs_hold_together(home: Path) -> None:
    found = verified(home)
    assert (found.entries, found.logs, found.faults) == (5, 2, [])
    assert found.signatures == 5


@pytest.mark.parametrize(
    ("change", "seq", "code"),
    [
        ("UPDATE entry SET payload = zeroblob(size) WHERE place = ?", 2, "bad_entry"),
        ("UPDATE entry SET timestamp = timestamp + 1 WHERE place = ?", 3, "bad_entry"),
        ("UPDATE entry SET signature = zeroblob(64) WHERE place = ?", 4, "bad_signature"),
        ("UPDATE entry SET signature = NULL WHERE place = ?", 4, "unsigned_head"),
        ("DELETE FROM entry WHERE place = ?", 3, "gap"),
        ("DELETE FROM entry WHERE place = ?", 4, "gap"),
    ],
)
async def test_whatever_is_touched_is_found_at_its_place(home: Path, change: str, seq: int, code: str) -> None:
    assert touched(home, change, place(home, seq)) == [("catalog", seq, code)]


async def test_a_head_that_is_not_the_last_entry_is_found(home: Path) -> None:
    assert touched(home, "UPDATE log SET id = zeroblob(32) WHERE log = 1") == [("catalog", 4, "bad_head")]


async def test_a_payload_may_be_absent_when_something_explains_it(home: Path) -> None:
    key = place(home, 2)
    (payload,) = read(home, lambda db: db.execute("SELECT payload FROM entry WHERE place = ?", (key,)).fetchone())
    absent = "UPDATE entry SET payload = NULL, hash = ? WHERE place = ?"
    assert touched(home, absent, payload_hash(payload), key) == [("catalog", 2, "payload_missing")]
    erased = "INSERT INTO erased SELECT author, 1, 2, 2 FROM log WHERE log = 1"
    assert touched(home, erased) == []
    assert touched(home, "DELETE FROM erased") == [("catalog", 2, "payload_missing")]
    assert touched(home, "INSERT INTO wanted VALUES (?)", key) == []
    assert touched(home, absent, bytes(32), key) == [("catalog", 2, "bad_entry")]


async def test_what_was_pruned_may_be_missing_and_the_rest_hangs_on_it(home: Path) -> None:
    prune = "UPDATE log SET base = 3, pruned = 2, pruned_id = (SELECT id FROM entry WHERE place = ?) WHERE log = 1"
    assert touched(home, prune, place(home, 2)) == []
    assert touched(home, "DELETE FROM entry WHERE place IN (?, ?)", place(home, 1), place(home, 2)) == []
    assert verified(home).entries == 3
    assert touched(home, "UPDATE log SET pruned_id = zeroblob(32) WHERE log = 1") == [("catalog", 3, "bad_entry")]


async def test_what_lies_beyond_the_head_is_counted_and_not_held_against_the_log(home: Path) -> None:
    shorten = 'UPDATE log SET seq = 3, id = (SELECT id FROM entry WHERE place = ?), "limit" = 4 WHERE log = 1'
    assert touched(home, shorten, place(home, 3)) == []
    assert touched(home, "UPDATE entry SET payload = zeroblob(size) WHERE place = ?", place(home, 4)) == []
    found = verified(home)
    assert (found.entries, found.aside) == (4, 1)


async def test_a_head_that_nobody_signed_has_to_be_named(home: Path) -> None:
    shorten = 'UPDATE log SET seq = 3, id = (SELECT id FROM entry WHERE place = ?), "limit" = 4 WHERE log = 1'
    touched(home, shorten, place(home, 3))
    unsign = "UPDATE entry SET signature = NULL WHERE place = ?"
    assert touched(home, unsign, place(home, 3)) == [("catalog", 3, "unsigned_head")]
    name = """INSERT INTO fork_proof SELECT author, 1, "limit", id, x'', 0 FROM log WHERE log = 1"""
    assert touched(home, name) == []
    assert touched(home, 'UPDATE log SET "limit" = 3 WHERE log = 1') == [("catalog", 3, "bad_head")]


async def test_a_look_without_an_event_loop_makes_old_views_anew(home: Path) -> None:
    with closing(sqlite3.connect(home / DATABASE, isolation_level=None)) as db:
        db.execute("UPDATE meta SET value = 0 WHERE key = 'fold_version'")
        db.execute("DELETE FROM product")
    rows = await anyio.to_thread.run_sync(
        lambda: read(home, lambda db: db.execute("SELECT name FROM product").fetchall())
    )
    assert sorted(name for (name,) in rows) == ["Carrots", "Eggs", "Leeks"]
    assert read(home, status, str(home), 0, "stopped").entries == 5


def test_readers_and_writers_mean_the_same_file() -> None:
    assert store.DATABASE == DATABASE


async def test_a_rehearsal_keeps_every_rule_and_leaves_no_trace(home: Path) -> None:
    async with open_node(home) as node:
        hat = await node.hat()
        before = await node.read(status, "", 0, "")

        def add(tx: Transaction, name: str) -> str:
            return add_product(tx, hat, name, price=1, price_per="piece", on_hand=1, more={})

        assert len(await node.rehearse(add, "Bread")) == 26
        assert await node.read(status, "", 0, "") == before
        with pytest.raises(RefusedError, match="in your catalog"):
            await node.rehearse(add, "Carrots")
        assert len(await node.write(add, "Bread")) == 26
