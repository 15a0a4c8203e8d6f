"""What the network process asks of a home: who knocks, with what we knock, who has what."""

import pytest

from foodhub.circuit.invite import read_code
from foodhub.node import setup
from foodhub.node.exchange import identity, not_noted, note_elsewhere, visitor
from foodhub.node.state import pending
from tests.homes import Home, Village, carry

pytestmark = pytest.mark.anyio
DAY = 86_400_000


async def invited(village: Village) -> tuple[Home, Home, str]:
    """A hub, a group that has been invited and holds the founding document, and the invite."""
    hub = await village.home("Hub", "hub")
    group = await village.newcomer("Group", "group")
    text = await hub.write(setup.invite, hub.hat, ["group"], [])
    await group.write(setup.prepare_join, group.node.home, group.hat, text)
    await carry(hub, group, logs=(0,))
    return hub, group, text


async def seen(home: Home, device: bytes, invite: bytes = b"", later: int = 0) -> tuple[str | None, str]:
    found = await home.read(visitor, [device], invite, home.clock.now + later)
    return found.standing, found.refusal


async def test_a_home_in_no_circuit_has_nothing_to_prove(village: Village) -> None:
    group = await village.newcomer("Group", "group")
    assert await group.read(identity, group.node.home) is None


async def test_a_member_proves_its_devices_and_a_newcomer_its_invite(village: Village) -> None:
    hub, group, text = await invited(village)
    member = await hub.read(identity, hub.node.home)
    assert member is not None
    assert ([key.public for key in member.devices], member.invite) == ([hub.hat.device], None)
    joiner = await group.read(identity, group.node.home)
    assert joiner is not None
    assert ([key.public for key in joiner.devices], joiner.invite) == ([group.hat.device], read_code(text).key)
    assert joiner.circuit == member.circuit


async def test_who_has_signed_knocks_with_the_invite_until_somebody_else_has_that(village: Village) -> None:
    hub, group, text = await invited(village)
    await group.write(setup.join, group.hat, read_code(text))
    before = await group.read(identity, group.node.home)
    assert before is not None
    assert before.invite is not None
    assert await seen(hub, group.hat.device) == (None, "unknown_author")
    assert await seen(hub, group.hat.device, before.invite.public) == ("joiner", "")
    await carry(group, hub, logs=(0,))
    await group.write(note_elsewhere, [(group.hat.device, 0, 1)], False)
    after = await group.read(identity, group.node.home)
    assert after is not None
    assert after.invite is None
    assert await seen(hub, group.hat.device) == ("member", "")


async def test_the_door_says_why_it_stays_shut(village: Village) -> None:
    hub, group, text = await invited(village)
    key = read_code(text).key.public
    stranger = b"stranger".ljust(32)
    assert await seen(hub, stranger) == (None, "unknown_author")
    assert await seen(hub, stranger, stranger) == (None, "invite_unknown")
    assert await seen(hub, stranger, key) == ("joiner", "")
    assert await seen(hub, stranger, key, later=15 * DAY) == (None, "invite_expired")
    other = await hub.write(setup.invite, hub.hat, ["group"], [])
    await hub.write(setup.uninvite, hub.hat, other)
    assert await seen(hub, stranger, read_code(other).key.public) == (None, "invite_revoked")
    await group.write(setup.join, group.hat, read_code(text))
    await carry(group, hub, logs=(0,))
    assert await seen(hub, stranger, key) == (None, "invite_used")
    assert await seen(hub, group.hat.device, key) == ("joiner", "")


async def test_a_home_with_two_members_proves_both_once_both_are_in(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    second, _ = await hub.write(setup.make_member, hub.node.home, "Household", ["household"], always_on=False)
    text = await hub.write(setup.invite, hub.hat, ["household"], [])
    code = await hub.write(setup.prepare_join, hub.node.home, second, text)
    joining = await hub.read(identity, hub.node.home)
    assert joining is not None
    await hub.write(setup.join, second, code)
    both = await hub.read(identity, hub.node.home)
    assert both is not None
    assert {key.public for key in both.devices} == {hub.hat.device, second.device}
    assert (await hub.read(visitor, [second.device, hub.hat.device], b"", 0)).standing == "member"


async def test_nobody_has_more_of_our_logs_than_we_wrote_whatever_it_says(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    boast = [(hub.hat.device, 0, 2**50), (hub.hat.device, 1, 2**50)]
    assert await hub.read(not_noted, boast, False) == boast
    await hub.write(note_elsewhere, boast, False)
    assert await hub.read(pending) == 0
    assert await hub.read(not_noted, boast, False) == []
    await hub.write(setup.invite, hub.hat, ["group"], [])
    assert await hub.read(pending) == 1


async def test_what_an_always_on_node_has_is_noted_apart(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    head = [(hub.hat.device, 0, 1)]
    rows = "SELECT elsewhere, always_on FROM log WHERE log = 0"
    await hub.write(note_elsewhere, head, False)
    assert await hub.rows(rows) == [(1, 0)]
    assert await hub.read(not_noted, head, False) == []
    assert await hub.read(not_noted, head, True) == head
    await hub.write(note_elsewhere, head, True)
    assert await hub.rows(rows) == [(1, 1)]


async def test_logs_of_others_are_none_of_our_concern_here(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    assert await hub.read(not_noted, [(farm.hat.device, 0, 1)], False) == []
