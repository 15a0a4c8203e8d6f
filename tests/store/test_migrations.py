"""Homes of older programs, kept as files: opened by today's program they show what they showed, and can go on."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from foodhub.node.application import Node, open_node
from foodhub.node.hat import choose_hat
from foodhub.node.orders import list_orders
from foodhub.node.products import add_product, list_products
from foodhub.node.rebuilt import differing_views
from foodhub.node.verifying import verify_logs
from foodhub.store.database import needs_refold
from foodhub.store.place import machine
from foodhub.store.schema import SCHEMA_VERSION
from tests.shelf import FACTS, rows

pytestmark = pytest.mark.anyio
FIXTURES = Path(__file__).parent / "fixtures"
SHOWN: tuple[str, ...] = ("member", "device", "epoch", "invite", "circuit", "profile", "product", "stock", "cycle")
SHOWN += ("allotment", "placement", "answer", "total")
# The receipts of that program named neither their cycle nor what was ordered: they are kept, and count no more.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A farm's home of schema 2, with its keys, as if it had been made on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    database = home / "foodhub.db"
    database.write_bytes(gzip.decompress((FIXTURES / "version_2.db.gz").read_bytes()))
    key = json.loads((FIXTURES / "version_2.key").read_text("utf-8"))
    key |= {"machine": machine(), "inode": database.stat().st_ino}
    (home / "keys" / "farm.key").write_text(json.dumps(key), "utf-8")
    return home


MOVED = {"arrival", "description"}
"""When a row came is nobody's fact; what products are described with has a test of its own."""


def columns(db: sqlite3.Connection) -> dict[str, str]:
    """Return the columns of each view that every version has."""
    found = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in SHOWN}
    return {name: ", ".join(each for each in names if each not in MOVED) for name, names in found.items()}


def shown(db: sqlite3.Connection, wanted: dict[str, str]) -> dict[str, list[Any]]:
    queries = {name: f"SELECT {names} FROM {name}" for name, names in wanted.items()}  # noqa: S608 - names of ours
    return {name: sorted(db.execute(query).fetchall(), key=repr) for name, query in queries.items()}


async def test_a_home_of_schema_2_is_brought_here_and_shows_what_it_showed(home: Path) -> None:
    with closing(sqlite3.connect(home / "foodhub.db")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        wanted = columns(db)
        before = shown(db, wanted)
        entries = db.execute("SELECT id, timestamp, payload, signature FROM entry ORDER BY place").fetchall()
    async with open_node(home, told=lambda _done, _total: None) as node:
        assert await node.read(lambda db: db.execute("PRAGMA user_version").fetchone()) == (SCHEMA_VERSION,)
        assert await node.read(shown, wanted) == before
        kept = "SELECT id, timestamp, payload, signature FROM entry ORDER BY place"
        assert await node.read(lambda db: db.execute(kept).fetchall()) == entries
    assert all(before.values())


async def test_a_home_of_schema_2_shows_its_facts_before_its_views_are_made_anew(home: Path) -> None:
    with closing(sqlite3.connect(home / "foodhub.db")) as db:
        wanted = {name: names for name, names in columns(db).items() if name in FACTS}
        before = shown(db, wanted)
    async with open_node(home) as node:
        assert await node.read(shown, wanted) == before


@pytest.mark.parametrize("refolded", [False, True])
async def test_a_home_of_schema_3_describes_its_products_as_before(tmp_path: Path, *, refolded: bool) -> None:
    database = tmp_path / "foodhub.db"
    database.write_bytes(gzip.decompress((FIXTURES / "version_3.db.gz").read_bytes()))
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        before = dict(db.execute("SELECT name, description FROM product").fetchall())
    async with open_node(tmp_path, told=(lambda _done, _total: None) if refolded else None) as node:
        assert await node.read(needs_refold) != refolded
        assert {row.name: row.description for row in await node.read(list_products)} == before
        ways = await node.read(lambda db: db.execute("SELECT name, description_at FROM product").fetchall())
    assert [name for name, description in before.items() if not description] == ["Poireaux"]
    assert dict(ways)["Navets"] == dict(ways)["Panais"] > 1


async def test_a_home_of_schema_2_verifies_and_shows_the_same_when_its_views_are_made_again(home: Path) -> None:
    async with open_node(home, told=lambda _done, _total: None) as node:
        assert await faults(node) == []
        assert differing_views(home) == []
        before = await node.read(rows)
        await node.write(lambda tx: tx.fold.rebuild())
        assert await node.read(rows) == before


async def test_a_home_of_schema_2_can_go_on(home: Path) -> None:
    async with open_node(home) as node:
        hat = await node.read(choose_hat, None)
        assert hat.name == "La Ferme"
        assert [order.state for order in await node.read(list_orders, hat, 1_790_000_000_000)] == ["received"]
        await node.write(add_product, hat, "Poireaux", price=190, price_per="piece", on_hand=5, more={})
        names = await node.read(lambda db: db.execute("SELECT name FROM product ORDER BY name").fetchall())
        assert names == [("Carottes",), ("Pain",), ("Poireaux",), ("Pommes",)]
        assert await faults(node) == []


async def faults(node: Node) -> list[Any]:
    *_, found = await node.read(lambda db: list(verify_logs(db)))
    return list(found.faults)
