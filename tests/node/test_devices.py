"""The laptops of one member: added, certified, handed to, retired; and what each of them may read."""

import pytest

from foodhub.circuit.device_code import read_device_code
from foodhub.circuit.statements import Epoch
from foodhub.errors import FoodhubError
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey
from foodhub.node import devices, enrolling
from foodhub.node.application import open_node
from foodhub.node.devices import desk_of, keeper_of
from foodhub.node.duties import due
from foodhub.node.epochs import next_epoch
from foodhub.node.exchange import identity, visitor
from foodhub.node.recovery_words import RecoveryKeys
from foodhub.orders.statements import Profile, Total, derived_id
from tests.homes import HOUR, Home, Village, carry
from tests.node.forking import fork
from tests.node.laptops import code_of, enrol, knock, laptop, member, recover, row_of, rows_of

pytestmark = pytest.mark.anyio


async def secret(home: Home, number: int, to: Home | None = None) -> None:
    """Say something that only the member itself, and `to`, can read."""
    local, own = number.to_bytes(16, "big"), home.hat.member
    party = to.hat.member if to else own
    fact = derived_id(b"total", own, local, party, local)
    await home.sign(Log.TRADE, Total(fact, 1, own, local, party, local, number, number), readers=[party])


async def secrets_read(home: Home) -> set[int]:
    return {row[0] for row in await home.rows("SELECT ordered FROM total")}


async def refused(home: Home, work: object, *args: object, **kwargs: object) -> str:
    """Return the code with which a write is refused; it must not have changed anything."""
    before = await home.rows("SELECT author, log, seq FROM log")
    with pytest.raises(FoodhubError) as raised:
        await home.write(work, *args, **kwargs)  # type: ignore[arg-type]
    assert await home.rows("SELECT author, log, seq FROM log") == before
    assert str(raised.value)
    return raised.value.code


async def two_laptops(village: Village) -> tuple[Home, Home, Home]:
    """A neighbour who founded the circuit, and a hub with two laptops."""
    neighbour = await village.home("Neighbour", "hub")
    first, _ = await member(village, "Hub", "hub")
    return neighbour, first, await laptop(village, "Hub 2", first, always_on=True)


async def test_a_second_laptop_is_certified_and_reads_what_its_member_could_read(village: Village) -> None:
    neighbour = await village.home("Neighbour", "hub")
    first, _ = await member(village, "Hub", "hub")
    await secret(first, 1)
    await secret(neighbour, 2, to=first)
    await village.gossip()
    second = await laptop(village, "Hub 2", first, always_on=True)
    assert await secrets_read(second) == {1, 2}
    await secret(second, 3, to=neighbour)
    await secret(neighbour, 4, to=first)
    await village.gossip()
    assert await secrets_read(first) == await secrets_read(second) == {1, 2, 3, 4}
    assert await secrets_read(neighbour) == {2, 3, 4}
    for home in (first, second):
        rows = await rows_of(home)
        assert [(row.key, row.state, row.always_on, row.rights) for row in rows] == [
            (first.hat.device, "active", False, ["stock", "desk"]),
            (second.hat.device, "active", True, []),
        ]
        assert [row.this for row in rows] == [home is first, home is second]


async def test_until_it_is_certified_a_laptop_waits_and_signs_nothing_else(village: Village) -> None:
    await village.home("Neighbour", "producer")
    first, _ = await member(village, "Hub", "hub")
    second = await knock(village, "Hub 2", first, await code_of(first))
    assert await refused(second, lambda tx: tx.append(second.hat.member, Log.CATALOG, [])) == "home_read_only"
    await enrol(second)
    await enrol(second)
    assert await second.rows("SELECT seq FROM log WHERE author = ?", second.hat.device) == [(1,)]
    await carry(second, first)
    assert (await row_of(first, second)).state == "waiting"
    assert await refused(second, lambda tx: tx.append(second.hat.member, Log.CATALOG, [])) == "home_read_only"
    assert await refused(second, devices.add_device, second.hat, [], 1) == "not_certified"
    await first.duties()
    await carry(first, second)
    assert (await row_of(second, second)).state == "active"
    await secret(second, 1)


async def test_a_code_is_for_one_device_and_the_other_is_told_so(village: Village) -> None:
    await village.home("Neighbour", "producer")
    first, _ = await member(village, "Hub", "hub")
    code = await code_of(first)
    candidates = [await knock(village, f"Hub {n}", first, code) for n in (2, 3)]
    for each in candidates:
        await enrol(each)
        await carry(each, first)
    await first.duties()
    states = [(row.state, row.reason) for row in [await row_of(first, each) for each in candidates]]
    assert sorted(states) == [("active", ""), ("refused", "invite_used")]
    late = await knock(village, "Hub 4", first, code)
    assert await refused(late, enrolling.enrol, late.hat, read_device_code(code), always_on=False) == "invite_used"


async def test_who_comes_after_the_code_has_expired_is_not_certified_and_the_reason_is_on_record(
    village: Village,
) -> None:
    await village.home("Neighbour", "producer")
    first, _ = await member(village, "Hub", "hub")
    code = await code_of(first, hours=1)
    second = await knock(village, "Hub 2", first, code)
    await enrol(second)
    village.clock.now += HOUR
    await carry(second, first)
    await first.duties()
    row = await row_of(first, second)
    assert (row.state, row.reason) == ("refused", "invite_expired")
    assert not await first.read(enrolling.to_certify, first.hat)
    third = await village.newcomer("Third", "hub")
    assert await refused(third, enrolling.prepare_enrolment, third.node.home, code) == "invite_expired"
    assert await refused(third, enrolling.prepare_enrolment, third.node.home, code[:-2]) == "code_unreadable"


async def test_a_retired_laptop_signs_no_more_and_reads_nothing_new(village: Village) -> None:
    neighbour, first, second = await two_laptops(village)
    await secret(second, 1)
    await village.gossip()
    await first.write(devices.retire, first.hat, await row_of(first, second))
    await village.gossip()
    assert [row.state for row in await rows_of(first)] == ["active", "retired"]
    await secret(first, 2)
    await secret(neighbour, 3, to=first)
    await village.gossip()
    assert await secrets_read(first) == {1, 2, 3}
    assert await secrets_read(second) == {1}
    assert await refused(second, lambda tx: tx.append(second.hat.member, Log.CATALOG, [])) == "home_read_only"
    await second.duties()
    assert await refused(first, devices.retire, first.hat, await row_of(first, second)) == "not_active"
    assert await refused(first, devices.retire, first.hat, await row_of(first, first)) == "last_device"


async def test_an_older_laptop_is_not_retired_by_a_younger_one(village: Village) -> None:
    _, first, second = await two_laptops(village)
    with pytest.raises(FoodhubError) as raised:
        await second.write(devices.retire, second.hat, await row_of(second, first))
    assert raised.value.code == "device_ranks_above"
    assert "a device older than it" in raised.value.hint
    third = await laptop(village, "Hub 3", second)
    assert await refused(third, devices.retire, third.hat, await row_of(third, second)) == "device_ranks_above"
    await first.write(devices.retire, first.hat, await row_of(first, second))
    assert (await row_of(first, second)).state == "retired"


async def test_a_laptop_that_contradicts_itself_is_listed_as_forked_until_it_is_retired(village: Village) -> None:
    _, first, second = await two_laptops(village)
    await second.sign(Log.CATALOG, Profile(1, "Hub"))
    await village.gossip()
    await fork(village, second, 1, 0)
    for home in (first, second):
        assert [row.state for row in await rows_of(home)] == ["active", "forked"]
    assert await refused(first, devices.hand_over, first.hat, "desk", await row_of(first, second)) == "bad_heir"
    await first.write(devices.retire, first.hat, await row_of(first, second))
    assert [row.state for row in await rows_of(first)] == ["active", "retired"]


async def test_a_laptop_that_retires_itself_hands_over_and_another_renews_the_key(village: Village) -> None:
    neighbour, first, second = await two_laptops(village)
    assert await first.write(devices.retire, first.hat, await row_of(first, first)) == second.hat.device
    await village.gossip()
    for home in (first, second, neighbour):
        assert await home.read(keeper_of, first.hat.member, "desk") == second.hat.device
        assert await home.read(desk_of, first.hat.device) == second.hat.device
    assert await refused(first, lambda tx: tx.append(first.hat.member, Log.CATALOG, [])) == "home_read_only"
    await secret(second, 5)
    await village.gossip()
    assert await secrets_read(second) == {5}
    assert await secrets_read(first) == set()


async def test_a_right_is_handed_over_by_who_keeps_it_and_comes_back_by_the_next_turn(village: Village) -> None:
    neighbour, first, second = await two_laptops(village)
    assert (
        await refused(second, devices.hand_over, second.hat, "desk", await row_of(second, second)) == "not_the_keeper"
    )
    assert await refused(first, devices.hand_over, first.hat, "king", await row_of(first, second)) == "bad_right"
    assert await refused(first, devices.hand_over, first.hat, "desk", await row_of(first, first)) == "bad_heir"
    for giver, taker in ((first, second), (second, first), (first, second)):
        await giver.write(devices.hand_over, giver.hat, "desk", await row_of(giver, taker))
        await village.gossip()
        for home in (first, second, neighbour):
            assert await home.read(keeper_of, first.hat.member, "desk") == taker.hat.device
            assert await home.read(keeper_of, first.hat.member, "stock") == first.hat.device


async def test_a_right_that_came_by_inheritance_is_handed_on(village: Village) -> None:
    _, first, second = await two_laptops(village)
    third = await laptop(village, "Hub 3", second)
    await first.write(devices.retire, first.hat, await row_of(first, first), second.hat.device)
    await village.gossip()
    await second.write(devices.hand_over, second.hat, "desk", await row_of(second, third))
    await village.gossip()
    assert await third.read(keeper_of, first.hat.member, "desk") == third.hat.device
    await third.write(devices.retire, third.hat, await row_of(third, third))
    await village.gossip()
    assert await second.read(desk_of, third.hat.device) == second.hat.device
    assert await second.read(keeper_of, first.hat.member, "desk") == second.hat.device


async def test_a_device_is_named_by_the_beginning_of_its_id(village: Village) -> None:
    _, first, second = await two_laptops(village)
    row = await row_of(first, second)
    assert await first.read(devices.find_device, first.hat, row.id[:6].upper()) == row
    assert (await first.read(devices.find_device, first.hat, "this")).key == first.hat.device
    for text in ("zzzz1", row.id[:3], ""):
        with pytest.raises(FoodhubError) as raised:
            await first.read(devices.find_device, first.hat, text)
        assert raised.value.code == "no_such_device"


async def test_the_door_lets_in_on_a_code_until_it_was_used_or_has_expired(village: Village) -> None:
    neighbour = await village.home("Neighbour", "producer")
    first, _ = await member(village, "Hub", "hub")
    code = await code_of(first)
    await village.gossip()
    second = await knock(village, "Hub 2", first, code)
    found = await second.read(identity, second.node.home)
    assert found is not None
    assert found.invite is not None
    key, public = second.hat.device, found.invite.public

    async def seen(later: int = 0) -> tuple[str | None, str]:
        visit = await neighbour.read(visitor, [key], public, village.clock.now + later)
        return visit.standing, visit.refusal

    assert await seen() == ("joiner", "")
    assert await seen(24 * HOUR) == (None, "invite_expired")
    await enrol(second)
    village.homes.append(second)
    await village.gossip()
    assert await seen(24 * HOUR) == ("joiner", "")
    stranger = await knock(village, "Hub 3", first, code)
    visit = await neighbour.read(visitor, [stranger.hat.device], public, village.clock.now)
    assert visit.refusal == "invite_used"


async def test_a_laptop_that_missed_a_key_gets_it_from_the_highest(village: Village) -> None:
    """Two laptops speak unaware of each other: one starts an epoch while the other takes a third one in."""
    _, first, second = await two_laptops(village)
    third = await laptop(village, "Hub 3", first)
    fourth = await knock(village, "Hub 4", second, await code_of(second))
    await enrol(fourth)
    await carry(fourth, second)
    await second.duties()
    await first.write(devices.retire, first.hat, await row_of(first, third))
    village.homes.append(fourth)
    await village.gossip()
    await secret(first, 1)
    await village.gossip()
    assert await secrets_read(fourth) == {1}
    assert not await first.read(due)


async def new_key(home: Home) -> None:
    """Make the next box key of a member, as after a device was retired."""
    await home.write(lambda tx: tx.append(home.hat.member, Log.CIRCUIT, [next_epoch(tx.db, home.hat.member)]))


async def two_keys_of_one_number(village: Village) -> tuple[Home, Home, RecoveryKeys]:
    """Two laptops that made a box key each, unaware of each other, and sealed something with it."""
    await village.home("Neighbour", "hub")
    first, keys = await member(village, "Hub", "hub")
    second = await laptop(village, "Hub 2", first)
    for number, home in enumerate((first, second), 1):
        await new_key(home)
        await secret(home, number)
    return first, second, keys


async def reads_after_a_restart(home: Home) -> set[int]:
    """What a process reads that begins anew on a home: all its box keys come from the logs then."""
    await home.node.store.close()
    async with open_node(home.node.home) as node:
        await node.write(lambda tx: tx.fold.rebuild())
        return await secrets_read(Home(node, home.hat, home.clock))


async def test_a_new_laptop_gets_also_the_keys_that_lost_their_number(village: Village) -> None:
    first, second, _ = await two_keys_of_one_number(village)
    await village.gossip()
    third = await laptop(village, "Hub 3", first)
    assert await secrets_read(first) == await secrets_read(second) == await secrets_read(third) == {1, 2}
    assert not await first.read(due)
    assert await reads_after_a_restart(third) == {1, 2}


async def test_a_laptop_that_was_handed_one_of_two_keys_of_one_number_gets_the_other_too(village: Village) -> None:
    first, second, _ = await two_keys_of_one_number(village)
    third = await knock(village, "Hub 3", second, await code_of(second))
    await enrol(third)
    await carry(third, second)
    await second.duties()
    await carry(second, third)
    assert await secrets_read(third) == {2}
    village.homes.append(third)
    await village.gossip()
    assert await secrets_read(third) == {1, 2}
    await secret(third, 3)
    await village.gossip()
    assert await secrets_read(first) == await secrets_read(second) == {1, 2, 3}
    assert not await first.read(due)
    assert await reads_after_a_restart(third) == {1, 2, 3}


async def test_the_words_bring_back_the_keys_that_lost_their_number(village: Village) -> None:
    first, second, keys = await two_keys_of_one_number(village)
    await village.gossip()
    village.homes[:] = [village.homes[0]]
    third = await recover(village, "Hub 3", keys, village.homes[0])
    await village.gossip()
    assert await secrets_read(third) == {1, 2}
    village.homes[:] = [third]
    assert await secrets_read(await laptop(village, "Hub 4", third)) == {1, 2}
    assert {first.hat.device, second.hat.device}.isdisjoint(row.key for row in await rows_of(third) if not row.heir)


async def test_a_key_that_lost_its_number_and_opens_nothing_is_asked_about_once(village: Village) -> None:
    _, first, second = await two_laptops(village)
    await new_key(first)
    await second.sign(Log.CIRCUIT, Epoch(2, BoxKey(b"k" * 32).public, [(first.hat.device, b"nonsense")], b""))
    await village.gossip()
    assert len(await first.rows("SELECT 1 FROM spare_epoch")) == 1
    assert not await first.read(due)
    said = await first.rows("SELECT seq FROM log WHERE author = ? AND log = 0", first.hat.device)
    third = await laptop(village, "Hub 3", first)
    assert not await first.read(due)
    await secret(first, 1)
    await village.gossip()
    assert await secrets_read(third) == {1}
    after = await first.rows("SELECT seq FROM log WHERE author = ? AND log = 0", first.hat.device)
    assert after[0][0] <= said[0][0] + 3


async def test_a_key_that_opens_nothing_is_asked_about_once(village: Village) -> None:
    _, first, second = await two_laptops(village)
    await second.sign(Log.CIRCUIT, Epoch(2, BoxKey(b"k" * 32).public, [(first.hat.device, b"nonsense")], b""))
    await village.gossip()
    assert not await first.read(due)
    assert await first.rows("SELECT count(*) FROM meta WHERE key LIKE 'epoch_unusable:%'") == [(1,)]


async def test_a_second_laptop_of_a_steward_invites_and_admits_while_the_first_is_off(village: Village) -> None:
    first, _ = await member(village, "Hub", "hub")
    second = await laptop(village, "Hub 2", first)
    village.homes[:] = [second]
    farm, _ = await member(village, "Farm", "producer")
    assert await second.rows("SELECT admitted FROM member WHERE id = ?", farm.hat.member) == [(1,)]
    village.homes.append(first)
    await village.gossip()
    assert await first.rows("SELECT admitted FROM member WHERE id = ?", farm.hat.member) == [(1,)]
    assert not await first.read(due)
