"""Beginning: members, circuits, invites, and who may do what."""

import json
from typing import Any

import pytest

from foodhub.catalog.naming import base32_id
from foodhub.circuit.invite import InviteCode, read_code, write_code
from foodhub.errors import ExitCode, FoodhubError, NotThereError, RefusedError, UsageError
from foodhub.log.keys import SigningKey
from foodhub.node import knocking, setup
from foodhub.node.cycles import find_cycle, list_cycles, new_cycle
from foodhub.node.hat import choose_hat, hats
from foodhub.node.products import add_product
from foodhub.node.state import list_members, namesakes
from tests.homes import HOUR, Home, Village, carry

pytestmark = pytest.mark.anyio
DAY = 24 * HOUR


async def code_of(home: Home, work: Any, *args: Any, **kwargs: Any) -> str:
    """Return the code with which a write is refused; it must not have changed anything."""
    before = await home.rows("SELECT * FROM log")
    with pytest.raises(FoodhubError) as raised:
        await home.write(work, *args, **kwargs)
    assert await home.rows("SELECT * FROM log") == before
    assert str(raised.value)
    return raised.value.code


async def members(home: Home) -> set[tuple[str | None, str]]:
    return {(row.name, " ".join(row.roles)) for row in await home.read(list_members)}


async def hub_and_code(village: Village, *roles: str) -> tuple[Home, str]:
    hub = await village.home("Hub", "hub")
    return hub, await hub.write(setup.invite, hub.hat, roles or ("producer",), ["/ip4/127.0.0.1/tcp/1"])


async def test_a_founder_is_a_steward_and_its_circuit_has_name_charter_and_currency(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    assert await members(hub) == {("Hub", "hub steward")}
    assert await hub.rows("SELECT name, currency, charter FROM circuit") == [
        ("Short circuit", "EUR", "We own it together.")
    ]
    assert await code_of(hub, setup.found, hub.hat, "Second", None, "EUR") == "other_circuit"


async def test_a_newcomer_is_in_everywhere_once_its_join_has_spread(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm = await village.home("Farm", "producer", "household")
    house = await village.home("The Martins", "household")
    for home in (hub, farm):
        assert await members(home) == {("Hub", "hub steward"), ("Farm", "household producer"), (None, "household")}
    assert ("The Martins", "household") in await members(house)
    assert all(row.admitted for row in await house.read(list_members))


async def test_an_invite_is_for_one_member(village: Village) -> None:
    hub, text = await hub_and_code(village)
    first, second = await village.newcomer("First", "producer"), await village.newcomer("Second", "producer")
    await village.join(first, text)
    await carry(first, hub)
    code = await second.write(setup.prepare_join, second.node.home, second.hat, text)
    await carry(hub, second, logs=(0,))
    assert await code_of(second, setup.join, second.hat, code) == "invite_used"
    assert await code_of(hub, setup.uninvite, hub.hat, text) == "invite_used"


async def test_of_two_that_join_on_one_invite_at_once_the_admitted_one_stays(village: Village) -> None:
    hub, text = await hub_and_code(village)
    first, second = await village.newcomer("First", "producer"), await village.newcomer("Second", "producer")
    for home in (first, second):
        await village.join(home, text)
    await carry(first, hub)
    await hub.duties()
    await carry(second, hub)
    assert await members(hub) == {("Hub", "hub steward"), ("First", "producer")}
    await carry(hub, second)
    assert await members(second) == await members(hub)


async def test_an_invite_that_was_taken_back_is_refused(village: Village) -> None:
    hub, text = await hub_and_code(village)
    farm = await village.newcomer("Farm", "producer")
    code = await farm.write(setup.prepare_join, farm.node.home, farm.hat, text)
    await hub.write(setup.uninvite, hub.hat, text)
    await carry(hub, farm, logs=(0,))
    assert await code_of(farm, setup.join, farm.hat, code) == "invite_revoked"


async def test_an_expired_invite_is_refused(village: Village) -> None:
    _, text = await hub_and_code(village)
    farm = await village.newcomer("Farm", "producer")
    village.clock.now += setup.INVITE_DAYS * DAY
    assert await code_of(farm, setup.prepare_join, farm.node.home, farm.hat, text) == "invite_expired"
    village.clock.now -= 1
    await village.join(farm, text)


async def test_an_invite_for_other_roles_or_another_circuit_or_of_nobody_is_refused(village: Village) -> None:
    hub, text = await hub_and_code(village, "producer")
    hub2 = await village.newcomer("Other hub", "hub")
    await hub2.write(setup.found, hub2.hat, "Other circuit", None, "EUR")
    other = await hub2.write(setup.invite, hub2.hat, ["group"], [])
    group = await village.newcomer("Group", "group")
    code = await group.write(setup.prepare_join, group.node.home, group.hat, text)
    await carry(hub, group, logs=(0,))
    assert await code_of(group, setup.join, group.hat, code) == "invite_role"
    assert await code_of(hub, setup.prepare_join, hub.node.home, hub.hat, other) == "other_circuit"
    assert await code_of(group, setup.prepare_join, group.node.home, group.hat, text[:-3]) == "invite_unreadable"
    forged = InviteCode(code.circuit, SigningKey(bytes(32)).seed, code.expires, [])
    assert await code_of(group, setup.join, group.hat, forged) == "invite_unknown"
    assert await code_of(hub, setup.uninvite, hub.hat, write_code(forged)) == "no_such_invite"


async def test_a_home_that_only_knocked_at_a_circuit_may_knock_at_another_and_keeps_nothing_of_the_first(
    village: Village,
) -> None:
    hub, text = await hub_and_code(village, "group")
    elsewhere = Village(village.folder / "elsewhere", village.stack)
    second = await elsewhere.home("Other hub", "hub")
    other = await second.write(setup.invite, second.hat, ["group"], [])
    group = await village.newcomer("Group", "group")
    await group.write(setup.prepare_join, group.node.home, group.hat, text)
    await carry(hub, group)
    assert {name for name, _ in await members(group)} == {"Hub"}
    await elsewhere.join(group, other)
    await carry(second, group)
    assert {name for name, _ in await members(group)} == {"Other hub", "Group"}
    assert await group.rows("SELECT count(*) FROM log") == [(4,)]
    assert await code_of(group, setup.prepare_join, group.node.home, group.hat, text) == "other_circuit"


async def test_a_member_does_not_join_twice(village: Village) -> None:
    hub, text = await hub_and_code(village, "hub")
    assert await code_of(hub, setup.prepare_join, hub.node.home, hub.hat, text) == "member_already"


async def test_only_a_steward_invites(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    text = await hub.write(setup.invite, hub.hat, ["group"], [])
    await village.gossip()
    assert await code_of(farm, setup.invite, farm.hat, ["group"], []) == "not_a_steward"
    assert await code_of(farm, setup.uninvite, farm.hat, text) == "not_a_steward"
    for roles in ([], ["steward"], ["hub", "king"]):
        assert await code_of(hub, setup.invite, hub.hat, roles, []) == "bad_role"


async def test_before_it_is_in_a_circuit_a_member_signs_nothing(village: Village) -> None:
    hub, text = await hub_and_code(village)
    farm = await village.newcomer("Farm", "producer")
    product: Any = {"price": 1, "price_per": "piece", "on_hand": 1, "more": {}}
    assert await code_of(farm, add_product, farm.hat, "Carrots", **product) == "no_circuit"
    await farm.write(setup.prepare_join, farm.node.home, farm.hat, text)
    assert await code_of(farm, add_product, farm.hat, "Carrots", **product) == "no_circuit"
    await carry(hub, farm, logs=(0,))
    assert await code_of(farm, add_product, farm.hat, "Carrots", **product) == "not_a_member"
    assert await code_of(farm, setup.invite, farm.hat, ["group"], []) == "not_a_member"


async def test_a_role_says_what_a_member_may_sign(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    house = await village.home("House", "household")
    product: Any = {"price": 1, "price_per": "piece", "on_hand": 1, "more": {}}
    cycle = ("Week", village.clock.now, village.clock.now + DAY, "Europe/Paris", "resale")
    assert await code_of(house, add_product, house.hat, "Carrots", **product) == "not_a_producer"
    assert await code_of(farm, new_cycle, farm.hat, *cycle) == "not_a_hub"
    await hub.write(new_cycle, hub.hat, *cycle)
    assert await code_of(hub, new_cycle, hub.hat, *cycle) == "cycle_exists"


@pytest.mark.parametrize(
    ("opens", "closes", "sale", "code"),
    [(HOUR, HOUR, "resale", "bad_window"), (-DAY, 0, "resale", "bad_window"), (0, HOUR, "gift", "bad_sale")],
)
async def test_a_cycle_that_nobody_could_order_in_is_refused(
    village: Village, opens: int, closes: int, sale: str, code: str
) -> None:
    hub = await village.home("Hub", "hub")
    now = village.clock.now
    assert await code_of(hub, new_cycle, hub.hat, "Week", now + opens, now + closes, "Europe/Paris", sale) == code


async def test_of_cycles_of_one_name_the_one_that_still_runs_is_meant(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    first = await village.open_cycle(hub, closes=HOUR)
    village.clock.now += 2 * HOUR
    second = await village.open_cycle(hub)
    for text in ("Week 39", second, second[:8]):
        assert (await hub.read(find_cycle, text, village.clock.now)).id == second
    assert (await hub.read(find_cycle, first[:8], village.clock.now)).id == first
    with pytest.raises(NotThereError):
        await hub.read(find_cycle, "Week 40", village.clock.now)
    assert [row.state for row in await hub.read(list_cycles, village.clock.now)] == ["open", "closed"]


@pytest.mark.parametrize(("name", "shown"), [("  La   Ferme ", "La Ferme"), ("Cafe\u0301 Bio", "Café Bio")])
async def test_a_name_is_signed_in_its_one_form_and_counts(village: Village, name: str, shown: str) -> None:
    hub = await village.home(name, "hub")
    assert await hub.rows("SELECT name FROM profile") == [(shown,)]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x1b[2J", "a\u202eb"])
async def test_a_name_that_can_not_be_shown_is_refused(village: Village, name: str) -> None:
    node = await village.open("home")
    with pytest.raises(UsageError):
        await node.write(setup.make_member, node.home, name, ["hub"], always_on=False)
    assert list((node.home).glob("keys/*.key")) == []


async def test_a_home_holds_several_members_by_different_names(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    garden, _ = await hub.node.write(setup.make_member, hub.node.home, "Garden", ["producer"], always_on=True)
    with pytest.raises(RefusedError) as raised:
        await hub.node.write(setup.make_member, hub.node.home, "GARDEN", ["group"], always_on=False)
    assert raised.value.code == "name_taken"
    assert [hat.name for hat in await hub.read(hats)] == ["Garden", "Hub"]
    assert await hub.read(choose_hat, "garden") == garden
    assert await hub.read(choose_hat, "gard") == garden
    for name, code in ((None, "as_needed"), ("Nobody", "no_such_hat"), ("", "no_such_hat"), ("arden", "no_such_hat")):
        with pytest.raises(FoodhubError) as error:
            await hub.read(choose_hat, name)
        assert error.value.code == code


async def test_recovery_words_are_shown_once_and_stand_nowhere(village: Village) -> None:
    node = await village.open("home")
    hat, words = await node.write(setup.make_member, node.home, "Hub", ["hub"], always_on=False)
    assert len(words) == 24
    assert len(set(hat.roles)) == 1
    await node.store.close()
    for path in node.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert " ".join(words).encode() not in content
            assert not all(word.encode() in content for word in words)


async def test_what_a_home_is_joining_on_is_remembered_until_it_is_told_to_forget(village: Village) -> None:
    hub, text = await hub_and_code(village)
    farm = await village.newcomer("Farm", "producer")
    assert knocking.joining(farm.node.home) is None
    await farm.write(setup.prepare_join, farm.node.home, farm.hat, text)
    assert knocking.joining(farm.node.home) == (read_code(text), farm.hat.member)
    path = farm.node.home / "keys" / "joining.json"
    assert path.stat().st_mode & 0o777 == 0o600
    await carry(hub, farm, logs=(0,))
    await farm.write(setup.join, farm.hat, read_code(text))
    knocking.end_joining(farm.node.home)
    assert knocking.joining(farm.node.home) is None
    path.write_text(json.dumps({"code": text})[:-5])
    assert knocking.joining(farm.node.home) is None


async def test_a_refusal_exits_with_its_own_status(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    with pytest.raises(RefusedError) as raised:
        await hub.write(setup.found, hub.hat, "Second", None, "EUR")
    assert raised.value.exit_code == ExitCode.REFUSED
    assert base32_id(hub.hat.member).islower()


async def test_who_bears_the_name_of_another_member_is_named(village: Village) -> None:
    for name in ("Halle", "Farm", "HALLE"):
        await village.home(name, "hub")
    assert await village.homes[0].read(lambda db: [name.lower() for name in namesakes(list_members(db))]) == ["halle"]
