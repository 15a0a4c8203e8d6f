"""Key files on disk, and which payloads they open."""

from pathlib import Path

import pytest

from foodhub.circuit.invite import read_code
from foodhub.circuit.statements import Epoch
from foodhub.errors import RefusedError
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey
from foodhub.node import setup
from foodhub.node.hat import Hat
from foodhub.orders.statements import Total, derived_id
from foodhub.store.keyring import KeyFile, Keyring, read_key_files, set_aside, write_key_file
from foodhub.store.transaction import Transaction
from tests.homes import Home, Village, carry, runs_of
from tests.pens import MORNING, Pen, newcomer
from tests.shelf import Shelf
from tests.stories import Story


def test_a_key_file_is_read_as_written_and_by_its_owner_alone(tmp_path: Path) -> None:
    files = sorted((Pen(name).file for name in ("a", "b")), key=lambda file: file.member)
    for file in files:
        write_key_file(tmp_path / "keys", file)
    assert read_key_files(tmp_path / "keys") == files
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_key_file_is_never_written_over(tmp_path: Path) -> None:
    write_key_file(tmp_path, Pen("a").file)
    other = Pen("b").file
    (tmp_path / f"{other.member.hex()}-{other.keys.signing.public.hex()[:8]}.unfinished").symlink_to("elsewhere")
    with pytest.raises(FileExistsError):
        write_key_file(tmp_path, Pen("b").file)
    assert read_key_files(tmp_path) == [Pen("a").file]


def test_keys_that_were_set_aside_are_read_no_more_and_make_room_for_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_key_file(tmp_path, Pen(name).file)
    set_aside(tmp_path, Pen("a").id)
    assert read_key_files(tmp_path) == [Pen("b").file]
    assert len(list(tmp_path.glob("*.retired"))) == 1
    successor = KeyFile(Pen("a").id, Pen("c").keys, "", 0)
    write_key_file(tmp_path, successor)
    assert set(read_key_files(tmp_path)) == {Pen("b").file, successor}


def test_nothing_is_sealed_while_the_newest_key_of_the_writer_is_not_here() -> None:
    """What an older key seals, a retired device could read."""
    hub = Pen("hub", "hub")
    founding = hub.found()
    newer = BoxKey(b"n" * 32)
    with Shelf(hub.circuit, hub) as shelf:
        shelf.take(founding)
        assert len(shelf.keyring.sealing_secrets(shelf.db, hub.id, [])) == 1
        shelf.take(hub.write(0, Epoch(2, newer.public, [], b"")))
        with pytest.raises(RefusedError) as raised:
            shelf.keyring.sealing_secrets(shelf.db, hub.id, [])
        assert raised.value.code == "key_awaited"
        assert shelf.keyring.all_of(hub.id) == [hub.box]


def test_what_a_kill_left_of_a_key_file_is_no_key(tmp_path: Path) -> None:
    write_key_file(tmp_path, Pen("a").file)
    (tmp_path / f"{Pen('b').id.hex()}.unfinished").write_text('{"member": "half a')
    assert read_key_files(tmp_path) == [Pen("a").file]


def test_secrets_do_not_show_in_a_log_line() -> None:
    file = Pen("a").file
    assert repr(file.keys.signing.seed) not in repr(file)
    assert repr(file.keys.box.secret) not in repr(file)


def shared_total(hub: Pen) -> Total:
    local = bytes(16)
    return Total(derived_id(b"total", hub.id, local, hub.id, local), 1, hub.id, local, hub.id, local, 5, 3)


@pytest.mark.parametrize(("holder", "expected"), [("hub", 1), ("farm", 1), ("other", 0)])
def test_only_the_parties_read_a_private_payload(holder: str, expected: int) -> None:
    hub = Pen("hub", "hub")
    founding = hub.found()
    farm, papers = newcomer(hub, "farm")
    other, more = newcomer(hub, "other")
    holders = {"hub": hub, "farm": farm, "other": other}
    with Shelf(hub.circuit, holders[holder]) as shelf:
        shelf.take(founding, *papers, *more, hub.write(2, shared_total(hub), readers=[farm]))
        assert len(shelf.rows()["total"]) == expected
        assert shelf.reasons() == []


def test_a_payload_of_somebody_elses_log_does_not_open_when_it_is_copied_into_another() -> None:
    hub = Pen("hub", "hub")
    founding = hub.found()
    farm, papers = newcomer(hub, "farm", "hub")
    _, (payload,) = hub.write(2, shared_total(hub), readers=[farm])
    with Shelf(hub.circuit, farm) as shelf:
        shelf.take(founding, *papers, farm.write_payloads(2, [payload], MORNING, (0, b"")))
        assert shelf.rows()["total"] == []


def test_a_secret_that_a_rolled_back_transaction_taught_is_forgotten_with_the_keyring() -> None:
    story = Story(3)
    keyring = Keyring([story.founder.file])
    keyring.learn_epoch(story.founder.id, 1, story.founder.epoch.public, story.founder.epoch.sealed)
    with Shelf(story.founder.circuit) as shelf, pytest.raises(LookupError):
        Keyring(()).sealing_secrets(shelf.db, story.founder.id, [])
    assert keyring.of_member(story.founder.id) == story.founder.file
    assert keyring.of_member(bytes(32)) is None


def test_an_epoch_opens_for_its_own_member_alone() -> None:
    """Somebody else may seal a box key of theirs to our device; it must not become ours."""
    hub, farm = Pen("hub", "hub"), Pen("farm")
    keyring = Keyring([hub.file])
    keyring.learn_epoch(farm.id, 1, hub.epoch.public, hub.epoch.sealed)
    with Shelf(b"c" * 32) as shelf:
        assert keyring.opening_secrets(shelf.db, farm.id) == []


async def total_for(hub: Home, hat: Hat) -> None:
    local, member = bytes(16), hub.hat.member
    fact = derived_id(b"total", member, local, hat.member, local)
    await hub.sign(Log.TRADE, Total(fact, 1, member, local, hat.member, local, 5, 3), readers=[hat.member])


@pytest.mark.anyio
async def test_a_process_learns_of_box_keys_that_another_process_of_its_home_has_made(village: Village) -> None:
    """The network process runs already when a command joins; what is sealed to the newcomer has to open in both."""
    hub = await village.home("Hub", "hub")
    farm = await village.newcomer("Farm", "producer")
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    await farm.write(setup.prepare_join, farm.node.home, farm.hat, code)
    network = Home(await village.open("Farm"), farm.hat, village.clock)
    await carry(hub, network, logs=(0,))
    await farm.write(setup.join, farm.hat, read_code(code))
    await carry(farm, hub)
    await total_for(hub, farm.hat)
    assert await network.take(await hub.read(runs_of, hub.hat.device, 2)) == [None]
    assert await network.rows("SELECT ordered, promised FROM total") == [(5, 3)]


@pytest.mark.anyio
async def test_a_member_added_by_another_process_can_sign_in_this_one(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    other = Home(await village.open("Hub"), hub.hat, village.clock)
    second, _ = await other.node.write(setup.make_member, hub.node.home, "Garden", ["producer"], always_on=False)
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    await hub.write(setup.join, second, read_code(code))
    await total_for(hub, second)
    await total_for(other, second)
    assert len(await hub.rows("SELECT * FROM total")) == 1


@pytest.mark.anyio
async def test_a_transaction_that_failed_leaves_no_keys_behind(village: Village) -> None:
    hub = await village.newcomer("Hub", "hub")

    def found_and_fail(tx: Transaction) -> None:
        setup.found(tx, hub.hat, "Circuit", None, "EUR")
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await hub.write(found_and_fail)
    await hub.write(setup.found, hub.hat, "Circuit", None, "EUR")
    await total_for(hub, hub.hat)
    again = Home(await village.open("Hub"), hub.hat, village.clock)
    await again.write(lambda tx: tx.fold.rebuild())
    assert await again.rows("SELECT ordered FROM total") == [(5,)]
