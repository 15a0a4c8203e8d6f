"""Cycles as one types them: drafts, who brings what, selling, checking, closing, opening again, copies, announcing."""

from pathlib import Path

import pytest

import foodhub as package
from tests.cli.program import Foodhub

DAIRY = Path(package.__file__).parent / "demo_catalog" / "dairy.csv"
NEW = ("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")


@pytest.fixture
def farming(founded: Foodhub) -> Foodhub:
    """A home that is hub and producer, and sells 24 products."""
    founded("product", "import", DAIRY)
    return founded


def codes(found: dict[str, object]) -> set[str]:
    findings = found["findings"]
    assert isinstance(findings, list)
    return {finding["code"] for finding in findings}


def test_a_draft_is_changed_checked_and_published(farming: Foodhub) -> None:
    draft = farming.json(*NEW, "--draft")
    assert (draft["draft"], draft["state"]) == (True, "upcoming")
    assert farming.json("cycle", "list") == [draft]
    assert "draft" in farming("cycle", "list").out
    assert farming.json("cycle", "set", "Week", "--name", "Market", "--closes", "+2d")["name"] == "Market"
    farming("cycle", "bring", "Market", "Hub", "VO-LAI-1", "Lait ribot", "--place", "Back door", "--lead", "+1h")
    shown = farming.json("cycle", "show", "Market")
    ((brought),) = shown["incoming"]
    assert (brought["producer"], len(brought["products"]), brought["place"]) == ("Hub", 2, "Back door")
    assert brought["lead"] > shown["closes"]
    checked = farming.json("cycle", "check", "Market")
    assert (checked["state"], codes(checked)) == ("warning", {"no_pickup"})
    assert farming("cycle", "check", "Market").out.startswith("warning")
    published = farming.json("cycle", "publish", "Market")
    assert (published["id"], published["draft"], published["state"]) == (draft["id"], False, "open")
    assert [row["id"] for row in farming.json("cycle", "list")] == [draft["id"]]
    assert farming.fails(6, "cycle", "publish", "Market")["code"] == "not_a_draft"


def test_a_draft_is_dropped_and_two_of_one_name_are_not_made(farming: Foodhub) -> None:
    farming(*NEW, "--draft")
    farming("cycle", "new", "Other", *NEW[3:], "--draft")
    for again in ([*NEW, "--draft"], [*NEW], ["cycle", "set", "Other", "--name", "Week"]):
        assert farming.fails(6, *again)["code"] == "draft_exists"
    assert farming.json("cycle", "drop", "Week")["draft"]
    assert [row["name"] for row in farming.json("cycle", "list")] == ["Other"]
    farming(*NEW)
    refused = farming.fails(6, "cycle", "drop", "Week")
    assert (refused["code"], "cycle close" in refused["hint"]) == ("not_a_draft", True)


def test_the_answer_to_a_change_shows_what_was_changed(farming: Foodhub) -> None:
    for words in ([*NEW], [*NEW[:2], "Draft", *NEW[3:], "--draft"]):
        farming(*words)
        name = words[2]
        assert farming.json("cycle", "bring", name, "Hub", "--place", "Back door")["incoming"][0]["producer"] == "Hub"
        assert "Back door" in farming("cycle", "set", name, "--closes", "+2d").out
        (brought,) = farming.json("cycle", "bring", name, "Hub", "VO-LAI-1", "--lead", "+1h")["incoming"]
        assert (brought["place"], len(brought["products"])) == ("Back door", 1)
        (brought,) = farming.json("cycle", "bring", name, "Hub", "--all-products", "--place", "Front")["incoming"]
        assert (brought["place"], brought["products"], brought["lead"] is not None) == ("Front", [], True)
        assert farming.fails(6, "cycle", "set", name, "--deputy", "Hub")["code"] == "you_coordinate"
        assert farming.fails(6, "cycle", "set", name, "--hub", "Hub")["code"] == "you_coordinate"
        assert farming.fails(6, "cycle", "set", name, "--pooled")["code"] == "nobody_to_pool_with"


def test_a_pickup_ends_on_its_day_unless_another_one_is_said_and_its_end_is_shown(farming: Foodhub) -> None:
    farming(*NEW)
    refused = farming.fails(2, "cycle", "sell", "Week", "--pickup", "Hall; fri 19h; 17h")
    assert refused["code"] == "bad_span"
    assert "19:00 to 21:30" in farming("cycle", "sell", "Week", "--pickup", "Hall; fri 19h; 21h30").out
    assert "12:00" in farming("cycle", "sell", "Week", "--pickup", "Hall; fri 19h; sat 12h").out


def test_what_keeps_a_cycle_from_working_is_said_with_exit_code_6(founded: Foodhub) -> None:
    founded(*NEW)
    error = founded("cycle", "check", "Week", "--json", code=6)
    assert error.data["state"] == "bad"
    assert codes(error.data) == {"no_incoming", "nothing_sold", "no_pickup"}
    founded("product", "import", DAIRY)
    assert codes(founded.json("cycle", "check", "Week")) == {"no_incoming", "no_pickup", "no_allotment"}


def test_how_one_sells_is_said_with_rules_and_pickups(farming: Foodhub) -> None:
    farming(*NEW)
    said = farming.json(
        *("cycle", "sell", "Week", "--by-hand", "--open", "--rules", "group,spread:fair"),
        *("--rule", "Lait ribot=round_up,equal", "--pickup", "Town hall; +1d; +2h"),
    )
    ((mine),) = said["exchanges"]
    assert (mine["by_hand"], mine["open"], mine["rule"]) == (True, True, "group,cut,spread:fair,sharing:queue")
    assert [(rule["filled"], rule["leftover"], rule["sharing"]) for rule in mine["rules"]] == [
        ("group", "round_up", "equal")
    ]
    assert [pickup["place"] for pickup in mine["pickups"]] == ["Town hall"]
    assert mine["pickups"][0]["opens"] > said["closes"]
    shown = farming("cycle", "show", "Week").out
    assert "Town hall" in shown
    assert "by hand" in shown
    assert farming.fails(2, "cycle", "sell", "Week", "--rules", "sideways")["code"] == "bad_rule"
    assert farming.fails(2, "cycle", "sell", "Week", "--pickup", "Town hall")["code"] == "pickup_unreadable"
    assert farming.fails(6, "cycle", "sell", "Week", "--closes", "+1h")["code"] == "closes_with_cycle"
    assert farming.fails(6, "cycle", "sell", "Week", "--buys", "as_one")["code"] == "buying_of_group"
    assert farming.fails(2, "cycle", "set", "Week")["code"] == "nothing_to_set"


def test_a_cycle_is_closed_by_hand_and_opened_again(farming: Foodhub) -> None:
    farming(*NEW)
    closed = farming.json("cycle", "close", "Week")
    assert closed["state"] == "closed"
    assert farming.json("cycle", "show", "Week")["closed_at"] < closed["closes"]
    assert farming.fails(6, "cycle", "close", "Week")["code"] == "closed_already"
    assert farming.fails(6, "cycle", "set", "Week", "--closes", "+3d")["code"] == "cycle_closed"
    assert farming.fails(6, "cycle", "reopen", "Week", "--closes", "2020-01-01")["code"] == "bad_window"
    again = farming.json("cycle", "reopen", "Week", "--closes", "+3d")
    assert again["state"] == "open"
    assert again["closes"] > closed["closes"]
    assert farming.fails(6, "cycle", "reopen", "Week", "--closes", "+3d")["code"] == "not_closed"


def test_a_cycle_is_copied_and_comes_again(farming: Foodhub) -> None:
    week = farming.json(*NEW)
    copied = farming.json("cycle", "clone", "Week", "--weeks", "2", "--name", "Later")
    assert (copied["name"], copied["state"], copied["opens"] > week["closes"]) == ("Later", "upcoming", True)
    found = farming.json("cycle", "repeat", "Week", "--every", "2", "--skip", "2027-01-01")
    assert (found["weeks"], len(found["next"])) == (2, 4)
    assert found["next"][0][11:16] == copied["opens"][11:16]
    assert "Week opens again" in farming("cycle", "repeat", "Week").out.replace('"', "")
    assert "was made already" in farming("cycle", "repeat", "Week", "--every", "3").err
    farming("cycle", "repeat", "Week")
    assert len(farming.json("cycle", "show", "Week")["repeats"]) == 3
    assert farming.fails(2, "cycle", "repeat", "Week", "--skip", "Christmas")["code"] == "bad_day"
    farming("cycle", "repeat", "Week", "--end")
    assert farming.json("cycle", "show", "Week")["repeats"] == []
    assert farming.fails(6, "cycle", "repeat", "Week", "--end")["code"] == "no_repeat"


def test_an_announcement_says_in_both_languages_when_and_how_to_order(farming: Foodhub) -> None:
    farming(*NEW)
    farming("cycle", "sell", "Week", "--pickup", "Town hall; +1d; +2h")
    english = farming("cycle", "announce", "Week").out
    for text in ("Week", "24 products", "Order from", "until", "Pickup: Town hall", 'foodhub order place "Week"'):
        assert text in english
    french = farming("cycle", "announce", "Week", "--lang", "fr").out
    assert "Town hall" in french
    assert farming.json("cycle", "announce", "Week")["text"].strip() == english.strip()


def test_a_group_sells_in_the_cycle_of_its_hub(founded: Foodhub) -> None:
    founded("init", "--name", "AMAP", "--role", "group", "--json")
    invite = founded.json("circuit", "invite", "--role", "group", "--as", "Hub")["invite"]
    founded("circuit", "join", invite, "--as", "AMAP")
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "direct", "--as", "Hub")
    pickup = ("--pickup", "Town hall; +1d; +2h")
    said = founded.json("cycle", "sell", "Week", "--closes", "+20h", *pickup, "--supplier", "Hub", "--as", "AMAP")
    assert [(each["name"], each["supplier"], each["buying"]) for each in said["exchanges"]] == [
        ("Hub", "Hub", None),
        ("AMAP", "Hub", "households"),
    ]
    late = founded.fails(6, "cycle", "sell", "Week", "--closes", "+2d", "--as", "AMAP")
    assert late["code"] == "group_after_hub"
    assert founded.fails(6, "cycle", "sell", "Week", "--buys", "as_one", "--as", "AMAP")["code"] == "as_one_in_direct"
    assert founded.fails(6, "cycle", "set", "Week", "--pooled", "--as", "AMAP")["code"] == "not_your_cycle"
    founded("cycle", "new", "Fair", "--closes", "+1d", "--sale", "resale", "--as", "Hub")
    refused = founded.fails(2, "cycle", "sell", "Fair", "--as", "AMAP")
    assert (refused["code"], "--buys" in refused["hint"]) == ("buying_needed", True)
    founded("cycle", "sell", "Fair", "--buys", "households", "--as", "AMAP")
    assert founded.json("cycle", "sell", "Fair", "--open", "--as", "AMAP")["exchanges"][1]["buying"] == "households"
    repeat = ("cycle", "repeat", "Fair", "--as", "AMAP")
    assert founded.json("cycle", "show", "Fair")["again"] == ["AMAP"]
    assert "you sell nothing in it" in founded(*repeat, "--end").out
    assert founded.json("cycle", "show", "Fair")["again"] == []
    assert founded.fails(2, *repeat, "--every", "2")["code"] == "coordinator_says"
    assert "likewise" in founded(*repeat).out
    text = founded("cycle", "announce", "Week", "--as", "AMAP").out
    assert text.startswith("AMAP")
