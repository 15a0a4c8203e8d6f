"""What is wrong with a home is named, one thing at a time, and whatever it is the other checks are still made."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from foodhub.circuit.statements import Erase
from foodhub.errors import FoodhubError, NotSetUpError
from foodhub.log.header import Log, payload_hash
from foodhub.log.keys import BoxKey, DeviceKeys, SigningKey
from foodhub.node import live, setup
from foodhub.node.backup import back_up, restore
from foodhub.node.doctor import CHECKS, DAY_MS, examine
from foodhub.node.finding import Finding
from foodhub.node.home import DATABASE
from foodhub.orders.statements import Profile
from foodhub.store.backup import Cost
from foodhub.store.keyring import KeyFile, write_key_file
from foodhub.store.schema import SEQ_BITS
from foodhub.store.snapshot import COPY, snapshot
from tests.homes import Home, Village
from tests.pens import stranger_with

pytestmark = pytest.mark.anyio
NAMES = [check.name for check in CHECKS]


def found(home: Home | Path, *, now: int = 0, quick: bool = False) -> list[Finding]:
    path = home if isinstance(home, Path) else home.node.home
    return list(examine(path, now or 1_790_000_000_000, lambda _check, _done, _total: None, quick=quick))


def wrong(home: Home | Path, *, now: int = 0, quick: bool = False) -> list[tuple[str, str]]:
    """Return state and code of all that is not well, but for the recovery words, which no test home confirms."""
    return [
        (each.state, each.code)
        for each in found(home, now=now, quick=quick)
        if each.state != "ok" and each.check != "words"
    ]


def touch(home: Home, change: str, *values: object) -> None:
    """Change the database behind the program's back."""
    with closing(sqlite3.connect(home.node.home / DATABASE, isolation_level=None)) as db:
        db.execute(change, values)


@pytest.fixture
async def hub(village: Village) -> Home:
    """A hub in a circuit of two, with a product, a cycle and an order."""
    hub = await village.home("hub", "hub", "producer")
    group = await village.home("group", "group")
    product = await hub.product("Carrots")
    await village.open_cycle(hub)
    await group.order((product, "3"))
    await village.gossip()
    return hub


async def place(home: Home, log: int, seq: int) -> int:
    ((ref,),) = await home.rows("SELECT l.ref FROM log l JOIN own o ON o.device = l.author WHERE l.log = ?", log)
    return int((ref << SEQ_BITS) + seq)


async def test_a_home_as_it_should_be_has_nothing_wrong(hub: Home) -> None:
    every = found(hub)
    assert [each.check for each in every] == NAMES
    assert wrong(hub) == []
    (logs,) = [each for each in every if each.check == "logs"]
    assert logs.details["entries"] > 6
    assert logs.details["entries"] == logs.details["signatures"]


async def test_an_examination_changes_nothing(hub: Home) -> None:
    def everything() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in hub.node.home.iterdir() if path.is_file()}

    (hub.node.home / "copy.lock").touch()
    before = everything()
    assert wrong(hub) == []
    assert everything() == before


async def test_long_checks_tell_how_far_they_are(hub: Home) -> None:
    seen: list[tuple[str, int, int]] = []
    list(examine(hub.node.home, 1_790_000_000_000, lambda *step: seen.append(step)))
    done = [step for step in seen if step[0] == "logs" and step[2]]
    assert done[-1][1] == done[-1][2]
    assert {name for name, _, _ in seen} == set(NAMES)


async def test_a_quick_look_leaves_out_signatures_and_views(hub: Home) -> None:
    touch(hub, "UPDATE entry SET signature = zeroblob(64)")
    touch(hub, "DELETE FROM product")
    assert wrong(hub, quick=True) == [("skipped", "logs"), ("skipped", "views")]
    assert ("bad", "bad_signature") in wrong(hub)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE entry SET payload = zeroblob(size) WHERE place = ?", "bad_entry"),
        ("UPDATE entry SET kind = 0 WHERE place = ?", "bad_entry"),
        ("UPDATE entry SET signature = zeroblob(64) WHERE place = ?", "bad_signature"),
        ("DELETE FROM entry WHERE place = ?", "gap"),
    ],
)
async def test_an_entry_that_was_touched_is_named_with_its_place(hub: Home, change: str, code: str) -> None:
    touch(hub, change, await place(hub, 1, 2))
    (fault,) = [each for each in found(hub) if each.check == "logs"]
    assert (fault.state, fault.code) == ("bad", code)
    assert {name: fault.details[name] for name in ("log", "member", "seq")} == {
        "log": "catalog",
        "member": "hub",
        "seq": 2,
    }


async def test_a_content_that_is_gone_without_a_reason_is_named(hub: Home) -> None:
    key = await place(hub, 1, 2)
    ((payload,),) = await hub.rows("SELECT payload FROM entry WHERE place = ?", key)
    touch(hub, "UPDATE entry SET payload = NULL, hash = ? WHERE place = ?", payload_hash(payload), key)
    assert ("bad", "payload_missing") in wrong(hub)
    touch(hub, "INSERT INTO wanted VALUES (?)", key)
    assert [each.code for each in found(hub) if each.check == "logs"] == ["logs"]
    (wanted,) = [each for each in found(hub) if each.check == "wanted"]
    assert (wanted.state, wanted.details) == ("warning", {"count": 1})


async def test_what_was_erased_is_well(hub: Home) -> None:
    await hub.product("Leeks")
    await hub.sign(Log.CIRCUIT, Erase([(hub.hat.device, 1, 2, 2)]))
    assert (await hub.rows("SELECT payload FROM entry WHERE place = ?", await place(hub, 1, 2))) == [(None,)]
    assert wrong(hub) == []


async def test_nobody_is_told_to_rebuild_from_damaged_logs(hub: Home) -> None:
    touch(hub, "DELETE FROM entry WHERE place = ?", await place(hub, 1, 2))
    assert wrong(hub) == [("bad", "gap"), ("skipped", "views")]


@pytest.mark.parametrize(
    ("change", "tables"),
    [
        ("UPDATE product SET price = price + 1", ["product"]),
        ("DELETE FROM placement", ["placement"]),
        ("DELETE FROM epoch", ["epoch"]),
        ("INSERT INTO erased VALUES (x'00', 1, 1, 2)", ["erased"]),
        ("UPDATE member SET roles = 'steward'", ["member"]),
        ("UPDATE stock SET arrival = 99", []),
    ],
)
async def test_views_that_differ_from_the_logs_are_named(hub: Home, change: str, tables: list[str]) -> None:
    touch(hub, change)
    (views,) = [each for each in found(hub) if each.check == "views"]
    assert views.details.get("tables", []) == tables
    assert (views.state, views.code) == (("bad", "views_differ") if tables else ("ok", "views"))
    assert "foodhub rebuild" in views.hint or not tables
    await hub.write(lambda tx: tx.fold.rebuild())
    assert wrong(hub) == []


async def test_a_file_that_is_damaged_is_named_and_the_other_checks_are_made(hub: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(hub.node.home / "keys", copy / "keys")
    await hub.rows("VACUUM INTO ?", str(copy / DATABASE))
    with closing(sqlite3.connect(copy / DATABASE)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entry'").fetchone()
    content = bytearray((copy / DATABASE).read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    (copy / DATABASE).write_bytes(content)
    every = {each.check: each for each in found(copy)}
    assert list(every) == NAMES
    bad = {name: each.code for name, each in every.items() if each.state == "bad"}
    assert bad == {"file": "unreadable", "guard": "copied", "logs": "unreadable"}


async def test_an_index_that_has_lost_rows_is_named_by_the_long_check(hub: Home) -> None:
    other = "CREATE INDEX absent ON entry (place) WHERE payload IS NOT NULL"
    with closing(sqlite3.connect(hub.node.home / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'absent'", (other,))
    (file,) = [each for each in found(hub) if each.check == "file"]
    assert (file.state, file.code) == ("bad", "file_damaged")
    assert "missing from index" in file.details["faults"][0]


async def test_a_file_that_can_not_even_be_opened_is_named(hub: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    await hub.rows("VACUUM INTO ?", str(copy / DATABASE))
    content = bytearray((copy / DATABASE).read_bytes())
    content[100:4096] = b"\xff" * 3996
    (copy / DATABASE).write_bytes(content)
    assert wrong(copy) == [("bad", "unreadable")]


def key_of(home: Home) -> Path:
    (path,) = (home.node.home / "keys").glob("*.key")
    return path


def _readable(home: Home) -> None:
    key_of(home).chmod(0o644)


def _torn(home: Home) -> None:
    path = key_of(home)
    path.write_text(path.read_text()[:40])


def _gone(home: Home) -> None:
    key_of(home).unlink()


def _foreign(home: Home) -> None:
    keys = DeviceKeys(SigningKey(bytes(32)), BoxKey(bytes(32)))
    write_key_file(home.node.home / "keys", KeyFile(bytes(32), keys, "", 0))


@pytest.mark.parametrize(
    ("damage", "state", "code"),
    [
        (_readable, "bad", "key_permissions"),
        (_torn, "bad", "key_unreadable"),
        (_gone, "bad", "key_missing"),
        (_foreign, "warning", "key_foreign"),
    ],
)
async def test_what_is_wrong_with_a_key_file_is_named(
    hub: Home, damage: Callable[[Home], None], state: str, code: str
) -> None:
    damage(hub)
    keys = [each for each in found(hub) if each.check == "keys"]
    assert (state, code) in [(each.state, each.code) for each in keys]


async def test_who_may_sign_is_said_by_name_where_another_lacks_its_keys(hub: Home) -> None:
    await hub.node.write(setup.make_member, hub.node.home, "Farm", ["producer"], always_on=False)
    next((hub.node.home / "keys").glob("*.key")).unlink()
    said = [each for each in found(hub) if each.check == "guard"]
    assert len(said) == 1
    assert said[0].state == "ok"
    assert len(said[0].details["names"]) == 1
    for file in (hub.node.home / "keys").glob("*.key"):
        file.unlink()
    assert [each.state for each in found(hub) if each.check == "guard"] == ["skipped"]


async def test_keys_that_the_log_does_not_know_are_named(hub: Home) -> None:
    touch(hub, "UPDATE device SET box = zeroblob(32)")
    assert ("bad", "key_mismatch") in wrong(hub)


async def test_no_finding_holds_a_secret(hub: Home) -> None:
    _torn(hub)
    _foreign(hub)
    said = repr(found(hub))
    assert "signing" not in said
    assert bytes(32).hex() not in said.replace(f"{bytes(32).hex()}-", "")


async def test_a_home_that_may_not_sign_is_named_with_the_reason(hub: Home, tmp_path: Path) -> None:
    touch(hub, "INSERT INTO meta VALUES ('read_only', 'known_elsewhere')")
    assert wrong(hub) == [("bad", "known_elsewhere")]
    copy = tmp_path / "copied"
    touch(hub, "DELETE FROM meta WHERE key = 'read_only'")
    copy.mkdir()
    await hub.rows("VACUUM INTO ?", str(copy / DATABASE))
    shutil.copytree(hub.node.home / "keys", copy / "keys")
    assert wrong(copy) == [("bad", "copied")]


async def test_a_home_that_others_turn_away_is_warned_of(hub: Home) -> None:
    live.start(hub.node.home, 0)
    with live.open_live(hub.node.home) as db:
        row = ("x", '["Group"]', "", "refused", 0, 0, 0, 0, "device_retired")
        db.execute("INSERT INTO peer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert wrong(hub) == [("warning", "device_retired")]


async def test_a_restored_home_is_warned_of_and_well(hub: Home, tmp_path: Path) -> None:
    home = tmp_path / "new"

    def quiet(_what: str, _done: int, _total: int) -> None:
        """Follow no progress."""

    back_up(hub.node.home, tmp_path / "b", b"correct horse", quiet, cost=Cost(1, 8))
    restore(home, tmp_path / "b", b"correct horse", quiet)
    assert wrong(home) == [("warning", "restored_backup")]


async def test_recovery_words_that_nobody_confirmed_are_named(hub: Home) -> None:
    (words,) = [each for each in found(hub) if each.check == "words"]
    assert (words.state, words.details) == ("warning", {"names": ["hub"]})


async def test_a_fork_is_named_and_its_proof_is_checked(hub: Home) -> None:
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    farm, joined = stranger_with(code, "Farm", "producer")
    first = farm.write(1, Profile(1, "Farm"))
    before = farm.heads[1]
    branch = farm.write(1, Profile(2, "One farm"))
    farm.heads[1] = before
    other = farm.write(1, Profile(2, "Another farm"))
    assert await hub.take([joined, first, branch, other]) == [None, None, None, "forked"]
    (fork,) = [each for each in found(hub) if each.check == "disputed"]
    assert (fork.state, fork.code) == ("warning", "forked")
    assert fork.details == {"log": "catalog", "member": "Farm", "seq": 2, "count": 1}
    assert wrong(hub) == [("warning", "forked")]
    touch(hub, "UPDATE fork_proof SET seq = 1, backlink = x''")
    assert ("bad", "bad_fork_proof") in wrong(hub)
    touch(hub, "UPDATE fork_proof SET proof = x'90'")
    assert ("bad", "bad_fork_proof") in wrong(hub)


async def test_a_clock_behind_the_newest_entries_is_named_with_who_wrote_them(hub: Home) -> None:
    begun = 1_790_000_000_000
    (clock,) = [each for each in found(hub, now=begun - 3 * DAY_MS - 5) if each.check == "clock"]
    assert (clock.state, clock.code, clock.details["days"]) == ("warning", "clock_behind", 3)
    assert clock.details["day"] == "2026-09-21"
    assert sorted(clock.details["names"]) == ["group", "hub"]
    assert ("warning", "clock_behind") not in wrong(hub, now=begun - 600_000)


async def test_statements_of_a_newer_program_ask_for_an_upgrade(hub: Home) -> None:
    touch(hub, "INSERT INTO unread VALUES (1, 0, 'unknown')")
    (unread,) = [each for each in found(hub) if each.check == "unread"]
    assert (unread.state, unread.details) == ("warning", {"count": 1})


async def test_an_older_home_is_said_to_be_one_and_not_examined_with_rules_of_today(hub: Home) -> None:
    touch(hub, "UPDATE meta SET value = 0 WHERE key = 'fold_version'")
    touch(hub, "DELETE FROM product")
    assert wrong(hub) == [("warning", "views_are_older"), ("skipped", "views")]
    touch(hub, "PRAGMA user_version = 2")
    assert ("warning", "home_is_older") in wrong(hub)
    assert ("skipped", "logs") in wrong(hub)


async def test_while_a_backup_is_made_the_views_are_left_out(hub: Home) -> None:
    with snapshot(hub.node.home / DATABASE):
        assert wrong(hub) == [("skipped", "copy_busy")]
    assert not (hub.node.home / COPY).exists()


async def test_a_home_without_a_circuit_is_well(village: Village) -> None:
    home = await village.newcomer("alone", "producer")
    assert {state for state, _code in wrong(home)} == {"skipped"}


async def test_nothing_is_examined_where_no_home_is(tmp_path: Path) -> None:
    with pytest.raises(NotSetUpError):
        found(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"a letter" * 500)
    with pytest.raises(FoodhubError) as caught:
        found(tmp_path)
    assert caught.value.code == "not_a_home"
