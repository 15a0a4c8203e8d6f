"""A home that is not the one that wrote last never signs again, and still reads."""

import json
import shutil
from pathlib import Path

import pytest

from foodhub.circuit.statements import Remove
from foodhub.errors import ExitCode, RefusedError
from foodhub.log.header import Log
from foodhub.node import setup
from foodhub.node.application import Node
from foodhub.node.cycles import list_cycles
from foodhub.node.state import list_members, status
from foodhub.orders.statements import Profile
from foodhub.store.guard import SENTENCES, no_pen, not_read_only
from foodhub.store.keyring import KeyFile, read_key_files, set_aside
from foodhub.store.place import key_file, misplaced
from tests.homes import Home, Village, carry, runs_of

pytestmark = pytest.mark.anyio


async def say(home: Home, version: int) -> None:
    await home.write(lambda tx: tx.append(home.hat.member, Log.CATALOG, [Profile(version, f"Name {version}")]))


async def refused(home: Home) -> str:
    """Return the reason why a home does not sign; everything else about the refusal is checked here."""
    before = await home.rows("SELECT * FROM log")
    with pytest.raises(RefusedError) as raised:
        await say(home, 99)
    error = raised.value
    assert (error.code, error.exit_code) == ("home_read_only", ExitCode.REFUSED)
    assert str(error) == SENTENCES[str(error.details["reason"])]
    assert "device enrol" in error.hint
    assert "recover" in error.hint
    assert await home.rows("SELECT * FROM log") == before
    assert len(await home.read(list_members)) > 0
    assert isinstance(await home.read(list_cycles, home.clock.now), list)
    return str(error.details["reason"])


async def reopened(village: Village, home: Home, name: str | None = None) -> Home:
    node: Node = await village.open(name or home.node.home.name)
    return Home(node, home.hat, village.clock)


def overwrite(source: Path, target: Path) -> None:
    """Put a file's content back in place, as a backup program does: it stays the same file."""
    target.write_bytes(source.read_bytes())


async def set_back(village: Village) -> tuple[Home, Home]:
    """Return a home whose database was restored from before its last three entries, and a peer that has all of them."""
    hub = await village.home("Hub", "hub")
    peer = await village.home("Farm", "producer")
    await hub.node.store.close()
    backup = village.folder / "backup.db"
    shutil.copy(hub.node.home / "foodhub.db", backup)
    again = await reopened(village, hub)
    for version in (2, 3, 4):
        await say(again, version)
    await carry(again, peer)
    await again.node.store.close()
    overwrite(backup, hub.node.home / "foodhub.db")
    return await reopened(village, hub), peer


async def test_a_copied_home_does_not_sign_and_the_first_one_still_does(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    shutil.copytree(hub.node.home, village.folder / "copy", ignore=shutil.ignore_patterns("bells"))
    copy = await reopened(village, hub, "copy")
    assert await refused(copy) == "copied"
    await say(hub, 2)
    assert await refused(copy) == "copied"


async def test_a_home_that_was_only_moved_still_signs(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.node.store.close()
    hub.node.home.rename(village.folder / "moved")
    moved = await reopened(village, hub, "moved")
    await say(moved, 2)
    assert await moved.read(lambda db: db.execute("SELECT 1 FROM meta WHERE key = 'read_only'").fetchone()) is None


async def test_a_home_on_another_machine_does_not_sign(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    (path,) = (hub.node.home / "keys").glob("*.key")
    await hub.node.store.close()
    path.write_text(json.dumps({**json.loads(path.read_text()), "machine": "another"}))
    assert await refused(await reopened(village, hub)) == "copied"


async def test_a_restored_database_does_not_sign(village: Village) -> None:
    hub, _ = await set_back(village)
    assert await hub.read(misplaced) == {"Hub": "restored"}
    assert await refused(hub) == "restored"


async def test_a_database_that_forked_before_its_restore_does_not_sign(village: Village) -> None:
    """As long as it has the same length, and another entry at the same place."""
    hub = await village.home("Hub", "hub")
    state = next((village.folder / "state").rglob(f"{hub.hat.device.hex()}.json"))
    written = json.loads(state.read_text())
    seq, identity = written["1"]
    assert await hub.rows("SELECT hex(id) FROM log WHERE log = 1") == [(identity,)]
    state.write_text(json.dumps({**written, "1": [seq, "AB" * 32]}))
    assert await refused(hub) == "restored"


async def test_why_a_home_may_not_sign_is_known_before_anybody_tries(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    assert await hub.read(misplaced) == {}
    (path,) = (hub.node.home / "keys").glob("*.key")
    made = path.read_text()
    for content, reason in (
        (json.dumps({**json.loads(made), "machine": "another"}), "copied"),
        (json.dumps({**json.loads(made), "inode": 1}), "copied"),
        ("x", "keys_missing"),
        ("{}", "keys_missing"),
        ("[]", "keys_missing"),
        (made, ""),
    ):
        path.write_text(content)
        assert await hub.read(misplaced) == ({"Hub": reason} if reason else {})
    path.unlink()
    assert await hub.read(misplaced) == {"Hub": "keys_missing"}
    path.mkdir()
    assert await hub.read(misplaced) == {"Hub": "keys_missing"}
    assert read_key_files(path.parent) == []


async def test_of_several_members_those_that_may_not_sign_are_named(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(setup.make_member, hub.node.home, "Ann", ["household"], always_on=False)
    (hub.node.home / "keys" / key_file(Path(), hub.hat.member, hub.hat.device).name).unlink()
    seen = await hub.read(status, "", 0, "")
    assert (seen.read_only, seen.warnings[0].code) == ("", "member_read_only")
    assert seen.warnings[0].details == {"name": "Hub"}


async def test_a_damaged_key_file_is_as_one_that_is_gone(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    (path,) = (hub.node.home / "keys").glob("*.key")
    await hub.node.store.close()
    path.write_text("x")
    assert await refused(await reopened(village, hub)) == "keys_missing"
    set_aside(path.parent, hub.hat.member)
    assert not path.exists()


async def test_a_kill_before_the_state_was_written_is_no_reason_to_stop(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    state = next((village.folder / "state").rglob(f"{hub.hat.device.hex()}.json"))
    before = state.read_text()
    await say(hub, 2)
    state.write_text(before)
    await say(hub, 3)
    state.write_text("half a fi")
    await say(hub, 4)
    assert json.loads(state.read_text())["1"][0] == 4


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_an_entry_of_ours_that_we_do_not_hold_stops_us_wherever_its_run_begins(
    village: Village, after: int
) -> None:
    """The state file is lost too, so that only the peer knows: its run overlaps, comes next, or lies behind a gap."""
    hub, peer = await set_back(village)
    shutil.rmtree(village.folder / "state")
    assert await hub.take(await peer.read(runs_of, hub.hat.device, 1, after)) == ["own_log"]
    assert await refused(hub) == "known_elsewhere"
    await hub.node.store.close()
    assert await refused(await reopened(village, hub)) == "known_elsewhere"


async def test_a_fork_of_our_own_log_stops_us(village: Village) -> None:
    hub, peer = await set_back(village)
    shutil.rmtree(village.folder / "state")
    await say(hub, 9)
    assert await hub.take(await peer.read(runs_of, hub.hat.device, 1)) == ["own_log"]
    assert await refused(hub) == "known_elsewhere"


async def test_our_own_entries_shown_to_us_are_no_reason_to_stop(village: Village) -> None:
    hub, peer = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    assert set(await hub.take(await peer.read(runs_of, hub.hat.device, 1))) == {None}
    await say(hub, 2)


async def test_a_restored_home_still_takes_what_others_write(village: Village) -> None:
    hub, peer = await set_back(village)
    await say(peer, 7)
    assert await refused(hub) == "restored"
    await carry(peer, hub, logs=(0, 1))
    assert ("Name 7",) in await hub.rows("SELECT name FROM profile")


async def test_each_member_of_a_home_has_its_own_key_and_guard(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    second, _ = await hub.node.write(setup.make_member, hub.node.home, "Garden", ["producer"], always_on=False)
    files: list[KeyFile] = read_key_files(hub.node.home / "keys")
    assert {file.member for file in files} == {hub.hat.member, second.member}
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    read = await hub.write(setup.prepare_join, hub.node.home, second, code)
    await hub.write(setup.join, second, read)
    assert len(list((village.folder / "state").rglob("*.json"))) == 2
    assert len(await hub.read(list_members)) == 2


async def test_a_home_whose_keys_are_gone_says_so_and_a_member_of_nobody_is_a_fault_of_ours(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    error = await hub.read(no_pen, hub.hat.member)
    assert isinstance(error, RefusedError)
    assert (error.code, error.details["reason"]) == ("home_read_only", "keys_missing")
    await hub.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'restored_backup')"))
    error = await hub.read(no_pen, hub.hat.member)
    assert isinstance(error, RefusedError)
    assert error.details["reason"] == "restored_backup"
    assert isinstance(await hub.read(no_pen, bytes(32)), LookupError)


async def test_new_keys_lift_what_was_said_of_the_home_and_not_what_is_said_of_its_other_devices(
    village: Village,
) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'restored')"))
    await hub.write(lambda tx: not_read_only(tx.db, [bytes(32)]))
    await say(hub, 2)
    await hub.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'restored')"))
    await hub.write(lambda tx: not_read_only(tx.db, [hub.hat.device]))
    assert await refused(hub) == "restored"


async def test_a_device_that_was_retired_or_waits_does_not_sign(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(lambda tx: tx.db.execute("UPDATE device SET retired = 1"))
    assert await refused(hub) == "retired"
    await hub.write(lambda tx: tx.db.execute("DELETE FROM device"))
    with pytest.raises(RefusedError) as raised:
        await say(hub, 2)
    assert raised.value.details["reason"] == "waiting"
    assert "certif" in str(raised.value)


async def test_a_member_that_was_removed_does_not_sign_where_it_has_signed_already(village: Village) -> None:
    """What it signed above the cut is set aside, so its log seems to end earlier: another entry there would fork it."""
    hub = await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer")
    await say(farm, 2)
    await hub.sign(Log.CIRCUIT, Remove(farm.hat.member, []))
    await carry(hub, farm)
    held = await farm.rows("SELECT log, held FROM log JOIN own ON own.device = log.author WHERE seq < held")
    assert [log for log, _ in held] == [Log.CATALOG]
    with pytest.raises(RefusedError) as raised:
        await say(farm, 3)
    assert raised.value.details["reason"] == "removed"
    assert "new invite" in raised.value.hint
    assert await farm.rows("SELECT log, held FROM log JOIN own ON own.device = log.author WHERE seq < held") == held
