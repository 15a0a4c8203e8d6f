"""Recovery by the 24 words: of a member that lost all laptops, of a home set back, over the head of an older laptop."""

import asyncio
import os
import shutil

import pytest

from foodhub.errors import FoodhubError, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node import devices, enrolling, knocking, recovery, setup
from foodhub.node.devices import keeper_of
from foodhub.node.exchange import identity, note_elsewhere, visitor
from foodhub.node.hat import hats
from foodhub.node.recovery_words import RecoveryKeys, new_words, read_word, read_words
from foodhub.orders.statements import Profile
from tests.homes import Home, Village, carry
from tests.node.laptops import begin_recovery, code_of, enrol, fetch, knock, laptop, member, recover, row_of, rows_of
from tests.node.test_devices import refused, secret, secrets_read
from tests.nodes import finished, program, until

pytestmark = pytest.mark.anyio


async def farm_and_neighbour(village: Village) -> tuple[Home, Home, RecoveryKeys]:
    neighbour = await village.home("Neighbour", "hub")
    first, keys = await member(village, "Hub", "hub")
    await secret(first, 1)
    await secret(neighbour, 2, to=first)
    await village.gossip()
    return neighbour, first, keys


async def test_who_lost_all_laptops_begins_anew_and_reads_what_it_could_read(village: Village) -> None:
    neighbour, first, keys = await farm_and_neighbour(village)
    second = await laptop(village, "Hub 2", first)
    village.homes[:] = [neighbour]
    third = await recover(village, "Hub 3", keys, neighbour)
    await village.gossip()
    assert third.hat.member == first.hat.member
    assert (third.hat.name, third.hat.roles) == ("Hub", ("hub",))
    assert [row.key for row in await rows_of(third) if row.state == "active"] == [third.hat.device]
    assert {row.key for row in await rows_of(third) if row.state == "retired"} == {first.hat.device, second.hat.device}
    assert await secrets_read(third) == {1, 2}
    await secret(neighbour, 3, to=third)
    await secret(third, 4, to=neighbour)
    await village.gossip()
    assert await secrets_read(third) == {1, 2, 3, 4}
    assert await neighbour.read(keeper_of, third.hat.member, "desk") == third.hat.device
    assert await third.read(recovery.unconfirmed) == []


async def test_what_a_lost_laptop_says_after_the_recovery_counts_nowhere_and_it_reads_nothing_new(
    village: Village,
) -> None:
    neighbour, first, keys = await farm_and_neighbour(village)
    village.homes.remove(first)
    third = await recover(village, "Hub 3", keys, neighbour)
    await secret(first, 7, to=neighbour)
    await village.gossip()
    await carry(first, neighbour)
    assert 7 not in await secrets_read(neighbour)
    await secret(neighbour, 8, to=third)
    await carry(neighbour, first)
    await carry(third, first)
    assert 8 not in await secrets_read(first)
    assert await refused(first, lambda tx: tx.append(first.hat.member, Log.CATALOG, [])) == "home_read_only"


async def test_a_younger_laptop_gets_rid_of_an_older_one_with_the_words(village: Village) -> None:
    neighbour, first, keys = await farm_and_neighbour(village)
    second = await laptop(village, "Hub 2", first)
    old = second.hat.device
    village.homes[:] = [neighbour]
    again = await recover(village, "Hub 2", keys, neighbour)
    await village.gossip()
    assert again.hat.device != old
    states = {row.key: row.state for row in await rows_of(again)}
    assert states == {again.hat.device: "active", old: "retired", first.hat.device: "retired"}
    assert await secrets_read(again) == {1, 2}
    await secret(again, 5)
    assert len(list((again.node.home / "keys").glob("*.retired"))) == 1


async def test_a_home_that_was_set_back_is_recovered_with_what_others_hold_of_it(village: Village) -> None:
    neighbour, first, keys = await farm_and_neighbour(village)
    await first.node.store.close()
    backup = village.folder / "backup.db"
    shutil.copy(first.node.home / "foodhub.db", backup)
    later = Home(await village.open("Hub"), first.hat, village.clock)
    await secret(later, 6)
    await carry(later, neighbour)
    await later.node.store.close()
    (first.node.home / "foodhub.db").write_bytes(backup.read_bytes())
    village.homes[:] = [neighbour]
    again = await recover(village, "Hub", keys, neighbour)
    await village.gossip()
    assert await secrets_read(again) == {1, 2, 6}
    assert (await neighbour.rows("SELECT value FROM meta WHERE key = 'read_only'")) == []
    await secret(again, 9)


async def test_a_second_recovery_ends_the_first(village: Village) -> None:
    neighbour, _, keys = await farm_and_neighbour(village)
    village.homes[:] = [neighbour]
    third = await recover(village, "Hub 3", keys, neighbour)
    await village.gossip()
    fourth = await recover(village, "Hub 4", keys, neighbour)
    await village.gossip()
    states = {row.key: row.state for row in await rows_of(neighbour_as(neighbour, fourth))}
    assert (states[third.hat.device], states[fourth.hat.device]) == ("retired", "active")
    assert await secrets_read(fourth) == {1, 2}


def neighbour_as(home: Home, other: Home) -> Home:
    """Look at another member's devices in a home."""
    return Home(home.node, other.hat, home.clock)


async def test_a_recovered_member_takes_further_laptops_in(village: Village) -> None:
    neighbour, _, keys = await farm_and_neighbour(village)
    village.homes[:] = [neighbour]
    third = await recover(village, "Hub 3", keys, neighbour)
    await village.gossip()
    fourth = await laptop(village, "Hub 4", third)
    assert await secrets_read(fourth) == {1, 2}
    await secret(fourth, 3)
    await village.gossip()
    assert await secrets_read(third) == {1, 2, 3}


async def test_a_copied_home_enrols_with_new_keys_and_never_writes_to_the_old_log(village: Village) -> None:
    neighbour, first, _ = await farm_and_neighbour(village)
    shutil.copytree(first.node.home, village.folder / "copy", ignore=shutil.ignore_patterns("bells"))
    copy = Home(await village.open("copy"), first.hat, village.clock)
    assert await refused(copy, lambda tx: tx.append(first.hat.member, Log.CATALOG, [])) == "home_read_only"
    assert await refused(first, enrolling.prepare_enrolment, first.node.home, await code_of(first)) == "device_in_use"
    second = await knock(village, "copy", first, await code_of(first))
    assert second.hat.device != first.hat.device
    await enrol(second)
    village.homes.append(second)
    await village.gossip()
    assert await secrets_read(second) == {1, 2}
    heads = await first.rows("SELECT log, seq FROM log WHERE author = ?", first.hat.device)
    await secret(second, 3)
    await village.gossip()
    assert await first.rows("SELECT log, seq FROM log WHERE author = ?", first.hat.device) == heads
    assert await secrets_read(first) == await secrets_read(neighbour) | {1, 3}


async def two_members(village: Village) -> tuple[Home, Home]:
    """A home that holds a hub and its garden, each a member of the circuit, as it is seen by either."""
    neighbour = await village.home("Neighbour", "hub")
    hub, _ = await member(village, "Hub", "hub")
    hat, _ = await hub.node.write(setup.make_member, hub.node.home, "Garden", ["producer"], always_on=False)
    text = await neighbour.write(setup.invite, neighbour.hat, ["producer"], [])
    await village.gossip()
    code = await hub.write(setup.prepare_join, hub.node.home, hat, text)
    await hub.write(setup.join, hat, code)
    knocking.end_joining(hub.node.home)
    await village.gossip()
    return hub, Home(hub.node, hat, village.clock)


async def test_each_of_two_members_in_one_home_has_devices_of_its_own(village: Village) -> None:
    hub, garden = await two_members(village)
    await secret(hub, 1)
    other = await laptop(village, "Laptop", garden)
    assert [row.key for row in await rows_of(hub)] == [hub.hat.device]
    assert [row.key for row in await rows_of(garden)] == [garden.hat.device, other.hat.device]
    assert await secrets_read(other) == set()
    both = await knock(village, "Laptop", hub, await code_of(hub))
    await enrol(both)
    await village.gossip()
    assert {hat.name for hat in await other.read(hats)} == {"Hub", "Garden"}
    assert await secrets_read(both) == {1}
    found = await other.read(identity, other.node.home)
    assert found is not None
    assert {key.public for key in found.devices} == {both.hat.device, other.hat.device}


async def test_of_two_members_in_a_copied_home_the_one_that_did_not_enrol_still_may_not_sign(village: Village) -> None:
    hub, garden = await two_members(village)
    shutil.copytree(hub.node.home, village.folder / "copy", ignore=shutil.ignore_patterns("bells"))
    copy = Home(await village.open("copy"), garden.hat, village.clock)
    await copy.write(lambda tx: tx.db.execute("INSERT INTO meta VALUES ('read_only', 'known_elsewhere')"))
    second = await knock(village, "copy", garden, await code_of(garden))
    await enrol(second)
    await carry(second, garden)
    await garden.duties()
    await carry(garden, second)
    await second.sign(Log.CATALOG, Profile(2, "Our garden"))
    still = Home(second.node, hub.hat, village.clock)
    assert await refused(still, lambda tx: tx.append(hub.hat.member, Log.CATALOG, [])) == "home_read_only"


async def test_a_recovery_that_was_interrupted_leaves_nothing_and_is_begun_anew(village: Village) -> None:
    neighbour, first, keys = await farm_and_neighbour(village)
    village.homes[:] = [neighbour]
    home = Home(await village.open("Hub 3"), neighbour.hat, village.clock)
    path = home.node.home / "keys" / "recovering.json"
    with recovery.hold_recovery(home.node.home):
        await fetch(home, keys, neighbour)
        assert path.stat().st_mode & 0o777 == 0o600
        assert recovery.recovering(home.node.home) is not None
        left = path.read_bytes()
        with pytest.raises(RefusedError, match="Another command"), recovery.hold_recovery(home.node.home):
            pass
        assert recovery.recovering(home.node.home) is not None
    assert not path.exists()
    path.write_bytes(left)
    assert recovery.recovering(home.node.home) is None
    assert not path.exists()
    third = await recover(village, "Hub 3", keys, neighbour)
    await village.gossip()
    assert [row.state for row in await rows_of(third)] == ["active", "retired"]
    assert (await row_of(third, first)).state == "retired"


KILLED = """
import sys, time
from pathlib import Path
from foodhub.node import recovery
home = Path(sys.argv[1])
with recovery.hold_recovery(home):
    (home / "keys" / "recovering.json").write_text(sys.argv[2])
    print("begun", flush=True)
    time.sleep(60)
"""


async def test_what_a_killed_recovery_left_is_removed_even_while_its_number_lives_on(village: Village) -> None:
    neighbour, _, keys = await farm_and_neighbour(village)
    home = Home(await village.open("Hub 3"), neighbour.hat, village.clock)
    folder = home.node.home
    path = folder / "keys" / "recovering.json"
    with recovery.hold_recovery(folder):
        await fetch(home, keys, neighbour)
        left = path.read_text("utf-8")
    process = program(KILLED, str(folder), left)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "begun\n"
    assert recovery.recovering(folder) is not None
    process.kill()
    # Not waited for: its number is still taken, as it would be by another process later on.
    await until(lambda: recovery.recovering(folder) is None, "its lock is free")
    os.kill(process.pid, 0)
    assert not path.exists()
    await finished(process)


async def test_a_recovery_that_reached_nobody_goes_on_with_its_device(village: Village) -> None:
    neighbour, _, keys = await farm_and_neighbour(village)
    village.homes[:] = [neighbour]
    third = await recover(village, "Hub 3", keys, neighbour)
    again = await recover(village, "Hub 3", keys, neighbour)
    assert again.hat == third.hat
    await again.write(note_elsewhere, [(again.hat.device, 0, 1)], False)
    assert (await recover(village, "Hub 3", keys, neighbour)).hat.device != third.hat.device


async def test_the_door_serves_whoever_proves_the_words_and_nobody_else(village: Village) -> None:
    neighbour, first, keys = await farm_and_neighbour(village)
    home = await begin_recovery(village, "Hub 3", keys, neighbour)
    found = await home.read(identity, home.node.home)
    assert found is not None
    proved = [key.public for key in found.devices]
    assert (len(proved), found.invite) == (2, None)

    async def seen(devices_proved: list[bytes], invite: bytes = b"") -> tuple[str | None, str]:
        visit = await neighbour.read(visitor, devices_proved, invite, village.clock.now)
        return visit.standing, visit.refusal

    assert await seen(proved) == ("member", "")
    assert await seen(proved[:1]) == (None, "unknown_author")
    assert await seen(proved[:1], proved[1]) == ("joiner", "")
    assert await seen(proved[:1], proved[0]) == (None, "invite_unknown")
    assert await seen([first.hat.device]) == ("member", "")


async def test_the_door_turns_a_retired_device_away_by_name(village: Village) -> None:
    neighbour, first, _ = await farm_and_neighbour(village)
    second = await laptop(village, "Hub 2", first)
    await first.write(devices.retire, first.hat, await row_of(first, second))
    await village.gossip()
    visit = await neighbour.read(visitor, [second.hat.device], b"", village.clock.now)
    assert (visit.standing, visit.refusal) == (None, "device_retired")
    both = await neighbour.read(visitor, [second.hat.device, first.hat.device], b"", village.clock.now)
    assert (both.standing, both.names) == ("member", ("Hub",))


async def test_words_of_nobody_and_a_home_without_a_circuit_are_refused(village: Village) -> None:
    neighbour, first, keys = await farm_and_neighbour(village)
    strange = read_words(new_words()[0])
    empty = Home(await village.open("empty"), first.hat, village.clock)
    assert await refused(empty, recovery.begin_recovery, empty.node.home, keys, None, []) == "circuit_unknown"
    with pytest.raises(FoodhubError) as raised:
        await begin_recovery(village, "Hub 3", strange, neighbour)
    assert raised.value.code == "words_of_no_member"
    with pytest.raises(FoodhubError) as raised:
        await first.read(recovery.whose_words, strange)
    assert raised.value.code == "words_of_nobody"
    assert (await first.read(recovery.whose_words, keys)) == first.hat


async def test_words_are_unconfirmed_until_they_were_asked_back(village: Village) -> None:
    home = await village.newcomer("Hub", "hub")
    assert await home.read(recovery.unconfirmed) == ["Hub"]
    await home.write(recovery.confirm_words, home.hat.member)
    assert await home.read(recovery.unconfirmed) == []


def test_words_read_back_as_the_keys_they_gave() -> None:
    words, signing, box = new_words()
    keys = read_words([word.upper()[:4] if len(word) > 4 else word for word in words])
    assert (keys.signing, keys.box) == (signing, box)
    assert repr(keys.box.secret) not in repr(keys)


@pytest.mark.parametrize(
    ("change", "code"), [("missing", "word_count"), ("unknown", "bad_word"), ("swapped", "words_do_not_fit")]
)
def test_words_that_are_wrong_are_refused_with_a_hint(change: str, code: str) -> None:
    words = ("abandon " * 23 + "art").split()
    read_words(words)
    if change == "missing":
        words.pop()
    elif change == "unknown":
        words[6] = "aple"
    else:
        words[0], words[-1] = words[-1], words[0]
    with pytest.raises(UsageError) as raised:
        read_words(words)
    error = raised.value
    assert error.code == code
    if change == "unknown":
        assert (error.details["number"], "apple" in str(error.details["near"])) == (7, True)


@pytest.mark.parametrize("text", ["", "zz", "absu!", "a b"])
def test_a_word_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_word(1, text)


async def test_whom_words_would_bring_into_a_home_is_known_before(village: Village) -> None:
    hub, own = await member(village, "Hub", "hub")
    household, other = await member(village, "Ann", "household")
    strange = new_words()
    found = await hub.read(recovery.known_member, own)
    assert found is not None
    assert (found[0], found[2]) == (hub.hat.member, [])
    found = await hub.read(recovery.known_member, other)
    assert found is not None
    assert (found[0], found[2]) == (household.hat.member, ["Hub"])
    assert not await hub.read(recovery.is_named, household.hat.member)
    assert await hub.read(recovery.known_member, read_words(strange[0])) is None
