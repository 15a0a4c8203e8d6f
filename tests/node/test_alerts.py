"""What the user of a home is warned of, and when the warning ends."""

import pytest

from foodhub.errors import RefusedError
from foodhub.node import devices, recovery
from foodhub.node.alerts import Alert, alerts, turned_away
from foodhub.node.exchange import count_refusal
from foodhub.node.removal import grant_role, revoke_role
from foodhub.node.state import find_member
from tests.homes import Home, Village
from tests.node.forking import fork
from tests.node.laptops import laptop, member, recover, row_of

pytestmark = pytest.mark.anyio


async def codes(home: Home) -> list[str]:
    return [each.code for each in await home.read(alerts)]


async def test_recovery_words_that_were_never_asked_back_are_warned_of_until_they_are(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    assert await hub.read(recovery.unconfirmed) == ["Hub"]
    (alert,) = await hub.read(alerts)
    assert (alert.code, alert.details) == ("words_unconfirmed", {"name": "Hub"})
    await hub.write(recovery.confirm_words, hub.hat.member)
    assert await hub.read(recovery.unconfirmed) == []
    assert await codes(hub) == []


async def test_a_fork_is_warned_of_until_its_member_has_recovered(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, keys = await member(village, "Farm", "producer")
    await farm.product("Carrots")
    await village.gossip()
    await hub.write(recovery.confirm_words, hub.hat.member)
    await fork(village, farm, 1, 1)
    assert await codes(hub) == ["logs_forked"]
    village.homes.remove(farm)
    await recover(village, "Farm anew", keys, hub)
    await village.gossip()
    assert await codes(hub) == []


async def test_contents_that_have_not_arrived_are_counted(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(recovery.confirm_words, hub.hat.member)
    await hub.write(lambda tx: tx.db.execute("INSERT INTO wanted VALUES (1), (2)"))
    (alert,) = await hub.read(alerts)
    assert (alert.code, alert.details) == ("payloads_wanted", {"n": 2})


async def test_a_newer_program_is_warned_of_for_a_week(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    await hub.write(recovery.confirm_words, hub.hat.member)
    await hub.node.write(count_refusal, "bad_version", "a peer")
    (alert,) = await hub.read(alerts)
    assert (alert.code, alert.details) == ("newer_program", {"n": 1})
    await hub.node.write(lambda tx: tx.db.execute("UPDATE refused SET last = last - 8 * 86400000"))
    assert await codes(hub) == []


def test_what_peers_say_of_us_is_told_unless_the_log_says_it_already() -> None:
    removed = Alert("removed", "", "", {})
    assert [each.code for each in turned_away([], ["", "member_removed", "member_removed"])] == ["member_removed"]
    assert turned_away([removed], ["member_removed", "offline"]) == []
    assert [each.code for each in turned_away([removed], ["device_retired"])] == ["device_retired"]


async def test_whose_device_was_retired_is_told(village: Village) -> None:
    hub, _ = await member(village, "Hub", "hub")
    second = await laptop(village, "Hub 2", hub)
    await hub.write(devices.retire, hub.hat, await row_of(hub, second), b"")
    await village.gossip()
    (alert, *_) = await second.read(alerts)
    assert (alert.code, alert.details["name"]) == ("retired", "Hub")


async def test_a_member_whose_last_role_was_taken_is_told_how_it_comes_back(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    row = await hub.read(find_member, "Farm")
    await hub.write(revoke_role, hub.hat, row, "producer")
    await village.gossip()
    found = (await farm.read(alerts))[0]
    assert (found.code, found.details["name"]) == ("role_taken", "Farm")
    assert row.id.startswith(str(found.details["id"]))
    with pytest.raises(RefusedError) as raised:
        await farm.product("Carrots")
    assert raised.value.code == "role_taken"
    await hub.write(grant_role, hub.hat, row, "producer")
    await village.gossip()
    assert "role_taken" not in await codes(farm)
