"""A home that only knocked at a circuit is free to go to another one."""

from pathlib import Path

import pytest

from foodhub.errors import RefusedError
from foodhub.node import knocking, setup, state
from foodhub.node.application import open_node
from tests.homes import Village, carry

pytestmark = pytest.mark.anyio


async def test_a_home_that_signed_nothing_may_turn_to_another_circuit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    codes = []
    for port, name in enumerate(("one", "two"), 1):
        async with open_node(tmp_path / name, create=True) as hub:
            hat, _ = await hub.write(setup.make_member, hub.home, name, ["hub"], always_on=True)
            await hub.write(setup.found, hat, name, "Charter", "EUR")
            codes.append(await hub.write(setup.invite, hat, ["producer"], [f"/ip4/127.0.0.1/tcp/{port}/p2p/{name}"]))
    async with open_node(tmp_path / "farm", create=True) as farm:
        hat, _ = await farm.write(setup.make_member, farm.home, "Farm", ["producer"], always_on=False)
        await farm.write(setup.prepare_join, farm.home, hat, codes[0])
        await farm.write(setup.prepare_join, farm.home, hat, codes[1])
        assert await farm.read(knocking.remembered_addresses) == ["/ip4/127.0.0.1/tcp/2/p2p/two"]
        await farm.write(setup.found, hat, "My own", "Charter", "EUR")
        assert (await farm.read(state.status, "", 0, "")).circuit == "My own"
        with pytest.raises(RefusedError, match="My own") as refused:
            await farm.write(setup.prepare_join, farm.home, hat, codes[0])
        assert refused.value.code == "other_circuit"


async def test_a_home_that_read_a_charter_and_signed_nothing_is_in_no_circuit(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.newcomer("Farm", "producer")
    code = await hub.write(setup.invite, hub.hat, ["producer"], [])
    await farm.write(setup.prepare_join, farm.node.home, farm.hat, code)
    await carry(hub, farm, logs=(0,))
    seen = await farm.read(state.status, "", 0, "")
    assert (seen.circuit, seen.looked_at, seen.knocking) == (None, "Short circuit", True)
    await village.join(farm, code)
    seen = await farm.read(state.status, "", 0, "")
    assert (seen.circuit, seen.looked_at, seen.not_joined) == ("Short circuit", None, [])


async def test_a_member_of_the_home_that_has_not_joined_is_named(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(setup.make_member, hub.node.home, "Household", ["household"], always_on=False)
    seen = await hub.read(state.status, "", 0, "")
    assert (seen.circuit, set(seen.members), seen.not_joined) == ("Short circuit", {"Hub", "Household"}, ["Household"])
