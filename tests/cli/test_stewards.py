"""What stewards type, what is set aside, and what a home says of its own state."""

import pytest

from foodhub.catalog.naming import base32_id
from tests.cli.program import Foodhub
from tests.homes import Home, Village
from tests.node.forking import fork
from tests.node.laptops import laptop, member

pytestmark = pytest.mark.anyio


def program(home: Home) -> Foodhub:
    return Foodhub(home.node.home)


async def test_a_member_is_removed_after_showing_what_will_still_count(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    await farm.product("Carrots")
    await village.gossip()
    foodhub = program(hub)
    tried = foodhub("circuit", "remove", "Farm", "--dry-run")
    assert "catalog" in tried.out
    assert "days ago" in tried.out
    assert "Dry run" in tried.err
    asked = foodhub.on_terminal("circuit", "remove", "Farm", answers=["n"])
    assert "Remove Farm for ever. Of its logs counts what is held here:" in asked.err
    assert "members: 1 entry, signed 2026-09-21" in asked.err
    assert "catalog: 2 entries, the last one signed 2026-09-21" in asked.err
    assert [row["removed"] for row in foodhub.json("circuit", "members")] == [False, False]
    data = foodhub.json("circuit", "remove", "Farm")
    assert data["removed"]
    assert [(row["log"], row["entries"]) for row in data["kept"]] == [("circuit", 1), ("catalog", 2)]
    assert [(row["name"], row["removed"], row["rank"]) for row in foodhub.json("circuit", "members")] == [
        ("Hub", False, 1),
        ("Farm", True, 0),
    ]
    assert "removed" in foodhub("circuit", "members").out
    assert foodhub.fails(6, "circuit", "remove", "Farm")["code"] == "removed_already"
    assert foodhub.json("circuit", "show")["members"] == 1


async def test_the_removed_one_is_told_by_every_command_that_signs(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer", "hub")
    program(hub)("circuit", "remove", "Farm")
    await village.gossip()
    foodhub = program(farm)
    for words in (
        ("product", "add", "Eggs", "--price", "2"),
        ("cycle", "new", "Week", "--closes", "+3d", "--sale", "direct"),
        ("circuit", "grant", "Hub", "group"),
        ("circuit", "invite", "--role", "group"),
        ("circuit", "uninvite", "foodhub1x"),
        ("disputed", "reissue"),
    ):
        error = foodhub.fails(6, *words)
        assert error["code"] == "removed"
        assert "was removed from the circuit by Hub" in error["message"]
    assert "removed from the circuit by Hub" in foodhub("status").err
    assert foodhub.json("status")["warnings"][0]["code"] == "removed"


async def test_roles_are_given_and_taken(village: Village) -> None:
    hub, farm = await village.home("Hub", "hub"), await village.home("Farm", "producer")
    foodhub = program(hub)
    assert foodhub.json("circuit", "grant", "Farm", "steward") == {
        "member": "Farm",
        "member_id": base32_id(farm.hat.member),
        "changed": True,
        "roles": ["producer", "steward"],
    }
    assert not foodhub.json("circuit", "grant", "Farm", "Steward")["changed"]
    assert "Farm is now: producer." in foodhub("circuit", "revoke", "Farm", "steward").out
    assert "It was so already" in foodhub("circuit", "revoke", "Farm", "steward").err
    gone = foodhub("circuit", "revoke", "Farm", "producer").out
    again = gone.partition("foodhub circuit grant ")[2].split()[0]
    assert "Farm has no role now." in gone
    foodhub("circuit", "grant", again, "producer")
    assert "Farm" in foodhub("circuit", "members").out
    assert foodhub("circuit", "grant", "Farm", "hub", "--dry-run").out == ""
    assert foodhub.fails(2, "circuit", "grant", "Farm", "king")["code"] == "bad_role"
    assert foodhub.fails(3, "circuit", "revoke", "Nobody", "hub")["code"] == "no_such_member"
    assert foodhub.fails(6, "circuit", "remove", "Hub")["code"] == "not_oneself"


async def test_what_is_set_aside_is_listed_and_said_again(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    farm, _ = await member(village, "Farm", "producer")
    await farm.product("Carrots")
    barn = await laptop(village, "Barn", farm)
    here = program(barn)
    assert "Nothing is set aside." in here("disputed").err
    assert "Nothing of yours is set aside." in here("disputed", "reissue").err
    await fork(village, farm, 1, 1)
    listed = here("disputed").out
    assert "product: Carrots; stock count: Carrots" in listed
    assert "forked at 2" in listed
    (row,) = program(hub).json("disputed")
    assert (row["member"], row["log"], row["seq"], row["why"]) == ("Farm", "catalog", 2, "forked")
    logs = program(hub)("log", "show")
    assert "forked at 2" in logs.out
    assert "Some logs have a limit" in logs.err
    assert "foodhub disputed" in program(hub)("status").err
    assert program(farm).fails(6, "disputed", "reissue")["code"] == "log_forked"
    planned = here("disputed", "reissue", "--dry-run")
    assert planned.out.count("is said again") == 1
    assert "foodhub device retire" in planned.err
    assert here.json("disputed", "reissue", "--dry-run")["signed"] == 0
    assert here.json("disputed", "reissue")["signed"] == 1
    assert [row["name"] for row in here.json("product", "list")] == ["Carrots"]
    assert here.json("disputed", "reissue")["signed"] == 0


async def test_nothing_but_reissue_may_follow_disputed(village: Village) -> None:
    hub = await village.home("Hub", "hub")
    assert program(hub).fails(2, "disputed", "everything")["code"] == "bad_choice"


async def test_a_device_that_does_not_keep_a_right_names_the_one_that_does(village: Village) -> None:
    hub, _ = await member(village, "Hub", "hub", "producer")
    second = await laptop(village, "Second", hub)
    error = program(second).fails(6, "cycle", "new", "Week", "--closes", "+3d", "--sale", "direct")
    assert error["code"] == "not_the_keeper"
    assert "foodhub device hand-over desk" in error["hint"]
    error = program(second).fails(6, "product", "add", "Eggs", "--price", "2", "--on-hand", "3")
    assert "foodhub device hand-over stock" in error["hint"]
