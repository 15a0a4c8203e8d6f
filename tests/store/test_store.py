"""Transactions of a home: all or nothing, seen by others, and the write-ahead log kept short."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from foodhub.errors import NotSetUpError, RefusedError
from foodhub.log.header import Log
from foodhub.log.run import check_run, write_run
from foodhub.node import setup
from foodhub.node.exchange import Arrival, count_refusal, take_runs
from foodhub.node.verifying import verify_logs
from foodhub.orders.hands import Claim
from foodhub.orders.statements import Profile, derived_id
from foodhub.store.database import BUSY_MS
from foodhub.store.store import WAL_LIMIT, Store
from foodhub.store.transaction import Transaction
from tests.homes import Home, Village
from tests.pens import MORNING, Pen, stranger_with
from tests.shelf import rows

pytestmark = pytest.mark.anyio


async def test_a_store_that_is_not_there_is_not_made_by_opening(tmp_path: Path) -> None:
    with pytest.raises(NotSetUpError):
        await Store.open(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


async def test_a_failed_write_changes_nothing_and_the_next_one_succeeds(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    before = await hub.read(lambda db: list(db.iterdump()))

    def fail(tx: Transaction) -> None:
        tx.append(hub.hat.member, Log.CATALOG, [Profile(7, "Never")])
        setup.invite(tx, hub.hat, ["producer"], [])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await hub.write(fail)
    assert await hub.read(lambda db: list(db.iterdump())) == before
    await hub.write(lambda tx: tx.append(hub.hat.member, Log.CATALOG, [Profile(2, "Hub again")]))
    assert await hub.rows("SELECT name FROM profile") == [("Hub again",)]


async def test_a_function_that_asks_for_an_item_too_many_fails_and_does_not_wait_for_ever(village: Village) -> None:
    home = await village.home("Hub", "hub")
    for access in (home.read, home.write):
        with pytest.raises(RuntimeError, match="not there"):
            await access(lambda _: next(iter(())))


async def test_a_rolled_back_member_is_no_member_in_the_next_transaction(village: Village) -> None:
    """Nothing of an undone transaction may be remembered: neither who is a member nor what was folded."""
    hub = await village.home("Hub", "hub")
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    farm, (run, payloads) = stranger_with(code, "farm")
    profile = farm.write(1, Profile(1, "Farm"))

    def take_and_fail(tx: Transaction) -> None:
        tx.take(check_run(tx.circuit, run), payloads)
        tx.take(check_run(tx.circuit, profile[0]), profile[1])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await hub.write(take_and_fail)
    assert await hub.take([profile]) == ["unknown_author"]
    assert await hub.take([(run, payloads), profile]) == [None, None]
    assert {name for (name,) in await hub.rows("SELECT name FROM profile")} == {"Hub", "Farm"}


async def test_what_breaks_a_rule_is_never_signed(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    for statement in (Profile(2, ""), Profile(2, "\x1b[2J"), Profile(2, "Cafe\u0301")):
        with pytest.raises(ValueError, match="breaks a rule"):
            await hub.sign(Log.CATALOG, statement)
    assert (await hub.rows("SELECT seq FROM log WHERE log = 1")) == [(1,)]


async def test_what_nobody_could_read_is_never_signed(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    short = Claim(derived_id(b"claim", b"short"), 1, b"short")
    with pytest.raises(ValueError, match="nobody can read"):
        await hub.sign(Log.TRADE, short)
    assert await hub.rows("SELECT seq FROM log WHERE log = 2") == []


async def test_a_write_to_a_reader_without_a_box_key_is_refused(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    with pytest.raises(LookupError):
        await hub.write(lambda tx: tx.append(hub.hat.member, Log.TRADE, [], readers=[bytes(32)]))
    with pytest.raises(LookupError):
        await hub.write(lambda tx: tx.append(bytes(32), Log.CATALOG, [Profile(1, "Nobody")]))


async def test_a_change_shows_to_other_connections_and_rows_carry_rising_arrivals(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    version = await hub.node.store.data_version()
    (first,) = (await hub.rows("SELECT arrival FROM profile"))[0]
    assert await hub.node.store.data_version() == version
    await hub.write(lambda tx: tx.append(hub.hat.member, Log.CATALOG, [Profile(2, "Hub two")]))
    assert await hub.node.store.data_version() != version
    (second,) = (await hub.rows("SELECT arrival FROM profile"))[0]
    assert second > first


async def test_refusals_are_counted_by_code_with_the_last_peer(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    for code, peer in [("gap", "a"), ("gap", "b"), ("forked", "a")]:
        await hub.write(count_refusal, code, peer)
    assert await hub.rows("SELECT code, times, peer FROM refused ORDER BY code") == [
        ("forked", 1, "a"),
        ("gap", 2, "b"),
    ]


async def test_bad_runs_are_refused_and_counted_while_the_good_ones_beside_them_are_taken(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    farm, join = stranger_with(code, "farm")
    twin = Pen("evil", circuit=farm.circuit)
    good = [farm.write(1, Profile(n, f"Farm {n}")) for n in (1, 2, 3)]
    fork, _ = write_run(farm.circuit, farm.keys.signing, 1, (0, b""), [(1, MORNING, good[1][1][0])])
    papers = [
        twin.write(1, Profile(1, "Evil")),
        join,
        (good[0][0], [b"x" * 40]),
        good[0],
        good[2],
        good[1],
        (good[2][0], []),
        good[2],
        (fork, good[1][1]),
        good[2],
    ]

    def take(tx: Transaction) -> list[str | None]:
        circuit = tx.circuit
        return take_runs(
            tx, [Arrival(check_run(circuit, run), [p or None for p in ps], "a peer") for run, ps in papers]
        )

    assert await hub.write(take) == [
        *("unknown_author", None, "bad_payload", None, "gap", None, "payload_missing", None, "forked", "gap")
    ]
    assert await hub.rows("SELECT name FROM profile WHERE name LIKE 'Farm%'") == []
    assert {code for (code,) in await hub.rows("SELECT code FROM refused")} >= {
        "bad_payload",
        "forked",
        "payload_missing",
    }
    assert await hub.rows("SELECT seq FROM fork_proof") == [(1,)]
    *_, checked = await hub.read(lambda db: list(verify_logs(db)))
    assert checked.faults == []


async def test_a_long_write_ahead_log_is_emptied_and_stays_short(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    wal = hub.node.home / "foodhub.db-wal"
    await write_much(hub)
    await next_turn(hub)
    assert wal.stat().st_size < WAL_LIMIT
    assert await hub.read(lambda db: db.execute("SELECT count(*) FROM much").fetchone()) == (100,)


async def test_a_reader_does_not_hold_a_writer_up_while_the_log_is_long(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    with closing(sqlite3.connect(hub.node.home / "foodhub.db")) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM entry").fetchone()
        await write_much(hub)
        assert (hub.node.home / "foodhub.db-wal").stat().st_size > WAL_LIMIT
        db.execute("ROLLBACK")
    await hub.write(lambda tx: tx.count_refusal("gap", "a"))
    assert await next_turn(hub) == BUSY_MS
    assert (hub.node.home / "foodhub.db-wal").stat().st_size < WAL_LIMIT


async def test_a_store_that_is_closed_behind_a_long_write_loses_nothing(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "home", create=True)
    await store.write(lambda tx: tx.db.execute("CREATE TABLE much AS SELECT zeroblob(?) AS room", (2 * WAL_LIMIT,)))
    await store.close()
    assert not (tmp_path / "home" / "foodhub.db-wal").exists()
    with closing(sqlite3.connect(tmp_path / "home" / "foodhub.db")) as db:
        assert db.execute("SELECT length(room) FROM much").fetchall() == [(2 * WAL_LIMIT,)]


async def next_turn(hub: Home) -> int:
    """Wait for what the writing thread still has to do; return its patience with other connections (ms)."""
    return int(await hub.write(lambda tx: tx.db.execute("PRAGMA busy_timeout").fetchone()[0]))


async def write_much(hub: Home) -> None:
    """Write more than the log's limit, in 100 transactions."""
    await hub.write(lambda tx: tx.db.execute("CREATE TABLE much (room BLOB)"))
    for _ in range(100):
        await hub.write(lambda tx: tx.db.execute("INSERT INTO much VALUES (zeroblob(?))", (WAL_LIMIT // 90,)))


async def test_rebuilding_a_home_changes_no_row(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer")
    await farm.product("Carrots")
    await village.open_cycle(hub)
    await farm.order(("Carrots", "2"))
    await village.gossip()
    for home in (hub, farm):
        before = await home.read(rows)
        await home.write(lambda tx: tx.fold.rebuild())
        assert await home.read(rows) == before
        assert before["placement"]


async def test_a_member_of_the_home_that_may_not_sign_is_told_so(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'restored')"))
    with pytest.raises(RefusedError, match="older than what it has already signed"):
        await hub.write(lambda tx: tx.append(hub.hat.member, Log.CATALOG, [Profile(2, "Hub two")]))
