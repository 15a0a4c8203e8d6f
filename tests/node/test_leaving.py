"""A home that only knocked at a circuit is free to go to another one."""

from pathlib import Path

import pytest

from foodhub.errors import RefusedError
from foodhub.node import setup, state
from foodhub.node.application import open_node

pytestmark = pytest.mark.anyio


async def test_a_home_that_signed_nothing_may_turn_to_another_circuit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    codes = []
    for name in ("one", "two"):
        async with open_node(tmp_path / name, create=True) as hub:
            hat, _ = await hub.write(setup.make_member, hub.home, name, ["hub"], always_on=True)
            await hub.write(setup.found, hat, name, "Charter", "EUR")
            codes.append(await hub.write(setup.invite, hat, ["producer"], []))
    async with open_node(tmp_path / "farm", create=True) as farm:
        hat, _ = await farm.write(setup.make_member, farm.home, "Farm", ["producer"], always_on=False)
        await farm.write(setup.prepare_join, farm.home, hat, codes[0])
        await farm.write(setup.prepare_join, farm.home, hat, codes[1])
        await farm.write(setup.found, hat, "My own", "Charter", "EUR")
        assert (await farm.read(state.status, "", 0, "")).circuit == "My own"
        with pytest.raises(RefusedError, match="My own") as refused:
            await farm.write(setup.prepare_join, farm.home, hat, codes[0])
        assert refused.value.code == "other_circuit"
