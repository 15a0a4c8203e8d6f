"""`foodhub member`, `contact`, `group`, `wish` and `mandate`: who acts for whom, from outside."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from foodhub.circuit.invite import read_code
from foodhub.node import setup
from foodhub.node.application import open_node
from tests.cli.program import GOOD, HEADER, Foodhub


def _settle(foodhub: Foodhub) -> None:
    """Let a hub and farm, a group and a household share a home, as the members of one kitchen table do."""

    async def found() -> None:
        async with open_node(foodhub.home, create=True) as node:
            make = node.write
            hub, _ = await make(setup.make_member, foodhub.home, "Hub", ["hub", "producer"], always_on=True)
            await make(setup.found, hub, "Circuit", None, "EUR")
            for name, role in (("Group", "group"), ("House", "household")):
                hat, _ = await make(setup.make_member, foodhub.home, name, [role], always_on=False)
                code = await make(setup.invite, hub, [role], [])
                await make(setup.join, hat, read_code(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", foodhub.environment["XDG_STATE_HOME"])
        asyncio.run(found())


@pytest.fixture
def table(empty: Foodhub) -> Foodhub:
    """A home with a hub that sells juice by the case and eggs in a cycle in which a group takes part."""
    _settle(empty)
    closes = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="minutes")
    for name, price in (("Apple juice", "3,20"), ("Eggs", "2,60")):
        empty("product", "add", name, "--price", price, "--on-demand", "--as", "Hub")
    empty("stock", "case", "Apple juice=6", "--as", "Hub")
    empty("cycle", "new", "Week 48", "--closes", closes, "--sale", "resale", "--as", "Hub")
    empty("cycle", "sell", "Week 48", "--buys", "as_one", "--as", "Group")
    return empty


def cells(rows: Any) -> dict[str, list[tuple[int, int]]]:
    return {row["household"]: [(each["quantity"], each["tolerance"]) for each in row["cells"]] for row in rows}


def test_a_group_writes_for_a_member_without_a_computer(table: Foodhub) -> None:
    added = ["member", "add", "Denise Roux", "--represented", "--phone", "06 12"]
    assert table.fails(6, *added, "--as", "House")["code"] == "not_a_representative"
    assert table.fails(2, *added[:3], "--as", "Group")["code"] == "say_represented"
    row = table.json(*added, "--as", "Group")
    assert (row["name"], row["role"], row["phone"], row["ended"]) == ("Denise Roux", "household", "06 12", False)
    assert table.fails(6, *added, "--as", "Group")["code"] == "name_taken"
    order = table.json(
        *("order", "place", "Week 48", "Eggs=2", "--for", "denise", "--by", "phone", "--as", "Group"),
    )
    assert (order["customer"], order["hub"], order["written_by"], order["told"], order["state"]) == (
        *("Denise Roux", "Group", "Group", "phone"),
        "received",
    )
    shown = table("order", "show", order["number"], "--as", "Group").out
    assert "written down by  Group, by phone" in shown
    amended = table.json("order", "amend", order["number"], "Eggs=3", "--by", "sms", "--as", "Group")
    assert ([line["ordered"] for line in amended["lines"]], amended["told"]) == ([3], "sms")
    assert table.json("order", "cancel", order["number"], "--as", "Group")["state"] == "cancelled"
    assert table.json("member", "end", "Denise", "--as", "Group")["ended"]
    late = table.fails(6, "order", "place", "Week 48", "Eggs=2", "--for", "Denise", "--as", "Group")
    assert late["code"] == "represented_no_more"
    assert "Denise Roux" in table("member", "list", "--as", "Group").out
    assert table.json("member", "show", "Denise", "--as", "Group")["id"] == row["id"]


def test_households_join_a_group_and_wish_side_by_side(table: Foodhub) -> None:
    joined = table("--json", "group", "join", "Group", "--as", "House")
    assert (joined.data["joined"], "Group sees no name of you" in joined.err) == (True, True)
    assert "nothing was signed" in table("group", "join", "Group", "--as", "House").err
    table("member", "add", "Denise", "--represented", "--as", "Group")
    table("contact", "set", "--name", "Ana", "--phone", "07", "--as", "House")
    assert [row["name"] for row in table.json("group", "show", "--as", "Group")["households"]] == ["House", "Denise"]
    missing = [row["household"] for row in table.json("wish", "missing", "Week 48", "--as", "Group")]
    assert missing == ["House", "Denise"]
    wishes = table.json("wish", "set", "Week 48", "Denise", "Apple juice=2+1", "--by", "phone", "--as", "Group")
    assert cells(wishes["households"]) == {"House": [], "Denise": [(2, 1)]}
    table("wish", "set", "Week 48", "Apple juice=3", "--as", "House")
    found = table.json("wish", "table", "Week 48", "--as", "Group")
    assert cells(found["households"]) == {"House": [(3, 0)], "Denise": [(2, 1)]}
    (juice,) = found["products"]
    assert (juice["quantity"], juice["tolerance"], juice["case"], juice["cases"]) == (5, 1, 6, 1)
    drawn = table("wish", "table", "Week 48", "--as", "Group").out
    assert "typed by Group, by phone" in drawn
    assert "2 + 1" in drawn
    assert "All households" in table("wish", "missing", "Week 48", "--as", "Group").err
    refused = table.fails(6, "wish", "set", "Week 48", "House", "Eggs=1", "--as", "Group")
    assert refused["code"] == "has_own_home"
    assert table.json("group", "leave", "--as", "House")["left"] == "Group"
    refused = table.fails(6, "wish", "set", "Week 48", "House", "Eggs=1", "--as", "Group")
    assert refused["code"] == "other_group"


def test_who_leaves_its_group_hears_of_the_order_that_stands_and_can_cancel_it(table: Foodhub) -> None:
    table("group", "join", "Group", "--as", "House")
    table("wish", "set", "Week 48", "Eggs=3", "--as", "House")
    (order,) = table.json("order", "list", "--as", "House")
    said = table("group", "leave", "--as", "House")
    assert order["number"] in said.err
    assert "stands" in said.err
    refused = table.fails(6, "order", "amend", order["number"], "Eggs=4", "--as", "House")
    assert refused["code"] == "other_group"
    assert table.json("order", "amend", order["number"], "Eggs=2", "--as", "House")["lines"][0]["ordered"] == 2
    assert table.json("order", "cancel", order["number"], "--as", "House")["state"] == "cancelled"


def test_wishes_come_from_a_file_or_a_message_all_of_them_or_none(table: Foodhub, tmp_path: Path) -> None:
    table("member", "add", "Denise", "--represented", "--as", "Group")
    file = tmp_path / "wishes.csv"
    file.write_text("household,product,quantity,tolerance\nDenise,Eggs,2,\nZoe,Eggs,1,\nDenise,Pears,1,\n")
    bad = table.fails(2, "wish", "import", "Week 48", file, "--as", "Group")
    assert [(each["line"], each["column"]) for each in bad["details"]["faults"]] == [(3, "household"), (4, "product")]
    assert cells(table.json("wish", "table", "Week 48", "--as", "Group")["households"]) == {"Denise": []}
    file.write_text("household,product,quantity,tolerance\nDenise,Eggs,2,\nDenise,Apple juice,1,2\n")
    rehearsed = table("wish", "import", "Week 48", file, "--by", "paper", "--dry-run", "--as", "Group")
    assert "nothing was signed" in rehearsed.err
    done = table.json("wish", "import", "Week 48", file, "--by", "paper", "--as", "Group")
    assert cells(done["households"]) == {"Denise": [(2, 0), (1, 2)]}
    pasted = table.json("wish", "paste", "Week 48", "Denise", "3 eggs", "--by", "sms", "--as", "Group")
    assert cells(pasted["households"]) == {"Denise": [(3, 0), (1, 2)]}
    assert table.fails(6, "wish", "paste", "Week 48", "Denise", "3 pears", "--as", "Group")["code"] == "not_sure"
    assert table.json("group", "close", "Week 48", "--as", "Group")["closed"]
    assert table.fails(6, "wish", "set", "Week 48", "Denise", "Eggs=1", "--as", "Group")["code"] == "cycle_closed"


def test_a_card_is_written_shown_and_erased(table: Foodhub) -> None:
    assert table.fails(2, "contact", "set", "--as", "House")["code"] == "nothing_to_set"
    row = table.json("contact", "set", "--name", "Ana", "--phone", "07 00", "--as", "House")
    assert (row["name"], row["phone"]) == ("Ana", "07 00")
    assert table.json("contact", "set", "--address", "1 rue du Val", "--as", "House")["phone"] == "07 00"
    assert "07 00" in table("contact", "show", "--as", "House").out
    assert len(table.json("contact", "erase", "--as", "House")["erased"]) == 2
    assert table.fails(3, "contact", "show", "--as", "House")["code"] == "no_card"
    assert table.fails(3, "contact", "erase", "--as", "House")["code"] == "no_card"


def test_a_mandate_lets_another_member_price_and_count(table: Foodhub) -> None:
    table("product", "add", "Bread", "--price", "4", "--on-hand", "10", "--as", "Hub")
    change = ["product", "set", "Bread", "--price", "5", "--for", "Hub", "--as", "Group"]
    assert table.fails(6, *change)["code"] == "no_mandate"
    given = table.json("mandate", "give", "Group", "price", "stock", "--until", "+3d", "--as", "Hub")
    assert (given["holder"], given["fields"], given["state"]) == ("Group", ["price", "stock"], "holds")
    assert table.json(*change)["price"] == 500
    (counted,) = table.json("stock", "set", "Bread=7", "--for", "Hub", "--as", "Group")
    assert counted["on_hand"] == 7
    assert (counted["set_aside"], counted["free"], counted["aside"]) == (None, None, [])  # nobody told the holder
    (shown,) = table.json("stock", "show", "Bread", "--for", "Hub", "--as", "Group")
    assert (shown["on_hand"], shown["set_aside"], shown["free"]) == (7, None, None)
    (own,) = table.json("stock", "show", "Bread", "--as", "Hub")
    assert (own["on_hand"], own["set_aside"], own["free"]) == (7, 0, 7)
    assert table.fails(6, "product", "set", "Bread", "--name", "Loaf", "--for", "Hub", "--as", "Group")["code"]
    assert [row["state"] for row in table.json("mandate", "list", "--as", "Group")] == ["holds"]
    assert [row["state"] for row in table.json("mandate", "end", "Group", "--as", "Hub")] == ["ended"]
    assert table.fails(6, *change[:4], "6", *change[5:])["code"] == "no_mandate"
    assert "ended" in table("mandate", "list", "--as", "Hub").out


def test_a_member_claims_who_it_was_and_goes_on_by_itself(table: Foodhub) -> None:
    denise = table.json("member", "add", "Denise", "--represented", "--as", "Group")
    table("wish", "set", "Week 48", "Denise", "Eggs=2", "--as", "Group")
    (order,) = (each for each in table.json("order", "list", "--as", "Group") if each["customer"] == "Denise")
    assert "written down by  Group\n" in table("order", "show", order["number"], "--as", "Group").out
    assert table.fails(2, "member", "claim", "what", "Group", "--as", "House")["code"] == "bad_id"
    assert not table.json("member", "claim", denise["id"], "Group", "--as", "House")["confirmed"]
    assert "says it is this member" in table("member", "list", "--as", "Group").out
    assert 'then: foodhub member confirm "Denise"' in table("status").err
    assert table.json("member", "confirm", "Denise", "--as", "Group")["claimed_by"]
    assert "member confirm" not in table("status").err
    found = table.json("wish", "set", "Week 48", "Eggs=3", "--as", "House")
    assert cells(found["households"]) == {"Denise": [(3, 0)]}
    assert table.fails(6, "wish", "set", "Week 48", "Denise", "Eggs=1", "--as", "Group")["code"] == "has_own_home"
    elsewhere = table.json("order", "place", "Week 48", "Apple juice=1", "--hub", "Hub", "--as", "House")
    assert (elsewhere["hub"], elsewhere["customer"]) == ("Hub", "House")


def test_a_group_that_shares_a_home_with_its_hub_is_told_and_tells_its_households_at_once(table: Foodhub) -> None:
    table("member", "add", "Denise", "--represented", "--as", "Group")
    table("wish", "set", "Week 48", "Denise", "Apple juice=3", "--as", "Group")
    table("order", "place", "Week 48", "Apple juice=3", "--hub", "Hub", "--as", "House")
    table("group", "close", "Week 48", "--as", "Group")
    table("cycle", "close", "Week 48", "--as", "Hub")
    assert table.json("desk", "show", "Week 48", "--as", "Group")[0]["state"] == "confirmed"


def test_the_products_of_a_represented_producer_are_typed_for_it(table: Foodhub) -> None:
    table("member", "add", "Old farm", "--represented", "--role", "producer", "--as", "Hub")
    row = table.json("product", "add", "Honey", "--price", "9", "--on-hand", "5", "--for", "Old farm", "--as", "Hub")
    assert (row["producer"], row["on_hand"]) == ("Old farm", 5)
    assert table.json("product", "set", "Honey", "--price", "10", "--for", "Old farm", "--as", "Hub")["price"] == 1000
    assert table.json("stock", "set", "Honey", "--on-demand", "--for", "Old farm", "--as", "Hub")
    assert table.json("product", "list", "--producer", "Old farm")[0]["on_hand"] is None
    order = table.json("order", "place", "Week 48", "Honey=2", "--hub", "Hub", "--as", "House")
    assert [line["product"] for line in order["lines"]] == ["Honey"]


def test_all_of_the_stock_of_a_represented_producer_is_written_for_it(table: Foodhub, tmp_path: Path) -> None:
    farm = ("--for", "Old farm", "--as", "Hub")
    table("member", "add", "Old farm", "--represented", "--role", "producer", "--as", "Hub")
    file = tmp_path / "old.csv"
    file.write_text(f"{HEADER}\n{GOOD.replace('Hub', 'Old farm')}\n")
    assert table.json("product", "import", file, *farm)["new"] == 1
    done = table("product", "import", file, *farm)
    assert "1 unchanged" in done.out
    assert "become products of" not in done.err
    (row,) = table.json("product", "list", "--producer", "Old farm")
    (case,) = [table.json("stock", "case", "Carrots=10", "--word", "crate", *farm)]
    assert (case["product_id"], case["case"], case["word"]) == (row["id"], 10, "crate")
    (pasted,) = table.json("stock", "paste", "9 carrots", *farm)
    assert (pasted["on_hand"], pasted["free"]) == (9, 9)
    assert [each["on_hand"] for each in table.json("stock", "show", *farm)] == [9]
    table("cycle", "new", "Week 49", "--closes", "+3d", "--sale", "resale", "--draft", "--as", "Hub")
    table("cycle", "bring", "Week 49", "Old farm", "Carrots", "--as", "Hub")
    assert table.fails(6, "cycle", "bring", "Week 49", "House", "--as", "Hub")["code"] == "not_a_producer"
    assert table.json("product", "withdraw", "Carrots", *farm)["withdrawn"]


def test_a_represented_producer_sells_counted_goods_and_answers_by_phone(table: Foodhub) -> None:
    farm, by = ("--for", "Old farm", "--as", "Hub"), ("--by", "phone")
    table("member", "add", "Old farm", "--represented", "--role", "producer", "--as", "Hub")
    table("member", "add", "Denise", "--represented", "--as", "Group")
    table("product", "add", "Honey", "--price", "9", "--on-hand", "5", *farm)
    (aside,) = table.json("allot", "Week 48", "Honey=4", *by, *farm)["allotments"]
    assert (aside["producer"], aside["set_aside"], aside["written_by"], aside["told"]) == (
        "Old farm",
        4,
        "Hub",
        "phone",
    )
    assert "Old farm, by phone" in table("allot", "Week 48", "Honey=5", *by, *farm).out
    assert table.json("allot", "lower", "Week 48", "Honey=3", *by, *farm)["changed"] == 1
    assert table.json("allot", "list", *farm) == []
    assert table("allot", "grant", *farm).err
    assert table.fails(6, "allot", "Week 48", "Honey=4", "--for", "Denise", "--as", "Hub")["code"] == "not_represented"
    assert table.fails(6, "allot", "Week 48", "Honey=4", "--for", "Denise", "--as", "Group")["code"] == "not_a_producer"
    assert table.fails(6, "allot", "Week 48", "Honey=4", *farm[:2], "--as", "Group")["code"] == "not_represented"

    table("order", "place", "Week 48", "Honey=3", "--hub", "Hub", "--as", "House")
    table("cycle", "close", "Week 48", "--as", "Hub")
    table("purchase", "send", "Week 48", "--as", "Hub")
    (row,) = table.json("purchase", "list", *farm)
    assert (row["producer"], row["state"], [line["quantity"] for line in row["lines"]]) == ("Old farm", "sent", [3])
    assert table.fails(6, "purchase", "accept", row["number"], "--as", "Hub")["code"] == "not_your_purchase"
    assert table.fails(3, "purchase", "show", row["number"], "--for", "Hub", "--as", "Hub")["code"]
    assert table.json("purchase", "show", row["number"], *farm)["state"] == "sent"
    answer = table.json("purchase", "accept", row["number"], "Honey=2", "--reason", "bear", *by, *farm)
    assert (answer["state"], answer["written_by"], answer["told"]) == ("part", "Hub", "phone")
    shown = table("purchase", "show", row["number"], "--as", "Hub").out
    assert "Old farm, by phone" in shown
    assert "written down by" in shown
    (short,) = table.json("shortfall", "Week 48", "Honey=1", "--reason", "bees", *by, *farm)["shortfalls"]
    assert (short["producer"], short["available"], short["told"]) == ("Old farm", 1, "phone")
    table("member", "end", "Old farm", "--as", "Hub")
    late = table.fails(6, "shortfall", "Week 48", "Honey=0", "--reason", "bees", *farm)
    assert late["code"] == "represented_no_more"


def test_a_rule_for_cases_leaves_how_a_lack_is_shared_to_the_hub(table: Foodhub) -> None:
    def sharing() -> dict[str, str]:
        found = {each["name"]: each for each in table.json("cycle", "show", "Week 48")["exchanges"]}
        return {each["product"]: each["sharing"] for each in found["Group"]["rules"]}

    table("cycle", "sell", "Week 48", "--rule", "Eggs=equal", "--rule", "Apple juice=by_hand", "--as", "Hub")
    table("cycle", "sell", "Week 48", "--rule", "Eggs=group", "--rule", "Apple juice=round_up", "--as", "Group")
    assert sharing() == {"Eggs": "equal", "Apple juice": "queue"}
    table("cycle", "sell", "Week 48", "--rule", "Eggs=sharing:queue", "--as", "Group")
    assert sharing() == {"Eggs": "queue", "Apple juice": "queue"}


def test_a_card_that_was_typed_is_erased_from_either_side(table: Foodhub) -> None:
    row = table.json("member", "add", "Denise", "--represented", "--phone", "06 12", "--as", "Group")
    table("member", "claim", row["id"], "Group", "--as", "House")
    table("member", "confirm", "Denise", "--as", "Group")
    done = table("contact", "erase", "--as", "House")
    assert "Group is asked to erase what it typed" in done.out
    assert [each["scope"] for each in table.json("erase", "list", "--as", "House")] == ["card"]
    assert "the contact card that it typed" in table("erase", "list", "--as", "Group").out
    assert table.fails(3, "contact", "show", "--as", "House")["code"] == "no_card"
    assert "06 12" not in table("member", "list", "--as", "Group").out
    table("member", "add", "Zoe", "--represented", "--phone", "05", "--as", "Group")
    table("member", "end", "Zoe", "--as", "Group")
    assert len(table.json("contact", "erase", "--for", "Zoe", "--as", "Group")["erased"]) == 1
    assert "Zoe" not in table("member", "list", "--as", "Group").out
