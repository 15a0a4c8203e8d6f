"""Killed at any touch of the disk, a home is whole: nothing that was said to be done is missing, and it goes on.

`CRASH_SEED=7 pytest tests/store/test_crash.py` kills at the same points again.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from foodhub.errors import NotSetUpError
from foodhub.node import setup
from foodhub.node.application import Node, open_node
from foodhub.node.hat import Hat, hats
from foodhub.node.products import add_product
from foodhub.node.verifying import verify_logs
from foodhub.store.guard import Guard
from foodhub.store.keyring import read_key_files
from tests.shelf import rows
from tests.store.crashing import noted, own_heads

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
KILLS = 40
"""Points at which `make test` kills; `make soak` takes all there are."""
PARTS = 10
SEED = int(os.environ.get("CRASH_SEED", "0" if os.environ.get("CI") else str(Random().randrange(10**6))))


class Teller:
    """The process that tells stories and kills them."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self.folder = folder
        self._process = process

    def tell(self, point: int) -> tuple[Path, str]:
        """Tell the story in a new home; return the home and how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        home = self.folder / f"home-{point}"
        self._process.stdin.write(f"{home} {point}\n")
        self._process.stdin.flush()
        return home, self._process.stdout.readline().strip()


@pytest.fixture
def teller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Teller]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    command = [sys.executable, "-m", "tests.store.crashing"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Teller(tmp_path, process)
        assert process.stdin is not None
        process.stdin.close()


async def test_a_home_that_is_not_killed_comes_to_the_end_of_its_story(teller: Teller) -> None:
    home, points = teller.tell(0)
    assert int(points) > 100
    assert len(noted(home).read_text("utf-8").splitlines()) == 7
    await check(home)
    async with open_node(home) as node:
        assert await node.read(lambda db: db.execute("SELECT count(*) FROM member").fetchone()) == (2,)
        assert await node.read(lambda db: db.execute("SELECT count(*) FROM product").fetchone()) == (5,)


async def test_a_home_killed_at_some_touches_of_the_disk_is_whole(teller: Teller) -> None:
    """The points lie evenly, from a beginning that chance chooses; and some are anywhere."""
    sys.stdout.write(f"CRASH_SEED={SEED}\n")
    chance, points = Random(SEED), int(teller.tell(0)[1])
    stride = -(-points // KILLS)
    even = range(1 + chance.randrange(stride), points + 1, stride)
    await kill_at(teller, sorted({*even, *chance.sample(range(1, points + 1), 5)}))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_home_killed_at_any_touch_of_the_disk_is_whole(teller: Teller, part: int) -> None:
    await kill_at(teller, list(range(1 + part, int(teller.tell(0)[1]) + 1, PARTS)))


async def kill_at(teller: Teller, points: list[int]) -> None:
    killed = 0
    for point in points:
        home, ended = teller.tell(point)
        assert ended == "killed" or ended.isdigit(), f"at point {point}: {ended}"
        killed += ended == "killed"
        try:
            await check(home)
        except BaseException as error:
            error.add_note(f"killed at point {point}")
            raise
    assert killed >= 0.9 * len(points)


async def check(home: Path) -> None:
    """Open a home as its user would and see that it is whole; then go on working with it."""
    said = [json.loads(line) for line in noted(home).read_text("utf-8").splitlines()]
    try:
        async with open_node(home) as node:
            await is_whole(node, said[-1] if said else [])
    except NotSetUpError:
        assert not said
    async with open_node(home, create=True) as node:
        await go_on(node)
        await is_whole(node, [])


async def is_whole(node: Node, said: list[Any]) -> None:
    """See that nothing is damaged, missing, or other than what the logs say."""
    assert await node.read(lambda db: db.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
    held = {(author, log): (seq, identity) for author, log, seq, identity in await node.read(own_heads)}
    for author, log, seq, identity in said:
        assert held[author, log][0] >= seq
        assert await node.read(id_at, author, log, seq) == identity
    own = await node.read(hats)
    keys = {file.member: file for file in read_key_files(node.home / "keys")}
    for hat in own:
        assert keys[hat.member].keys.signing.public == hat.device
        assert await node.read(Guard(node.home / "foodhub.db", keys[hat.member]).reason) is None
    if held:
        *_, found = await node.read(lambda db: list(verify_logs(db)))
        assert found.faults == []
    before = await node.read(rows)
    await node.write(lambda tx: tx.fold.rebuild())
    assert await node.read(rows) == before


def id_at(db: sqlite3.Connection, author: str, log: int, seq: int) -> str:
    query = "SELECT hex(entry.id) FROM log JOIN entry ON place = (ref << 32) + ? WHERE hex(author) = ? AND log = ?"
    return str(db.execute(query, (seq, author, log)).fetchone()[0])


async def go_on(node: Node) -> None:
    """Do what a user would do next: set up what is not there yet, and publish something."""
    own = await node.read(hats)
    hat = own[0] if own else await begin(node)
    if await node.read(lambda db: db.execute("SELECT 1 FROM member WHERE id = ?", (hat.member,)).fetchone()) is None:
        await node.write(setup.found, hat, "Circuit", None, "EUR")
    await node.write(add_product, hat, "Miel", price=700, price_per="piece", on_hand=3, more={})


async def begin(node: Node) -> Hat:
    hat, _ = await node.write(setup.make_member, node.home, "Farm", ["producer", "hub"], always_on=False)
    return hat
