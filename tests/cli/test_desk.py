"""The desk as one types it: what waits for a person, deciding, and sharing by hand."""

from datetime import datetime
from typing import Any

import pytest

from tests.cli.program import Foodhub

NEW = ("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")


@pytest.fixture
def selling(founded: Foodhub) -> Foodhub:
    """A hub with eggs of its own, of which 10 are set aside, and juice by the case."""
    founded("product", "add", "Eggs", "--price", "2.60", "--on-hand", "20")
    founded("product", "add", "Juice", "--price", "3.20", "--on-demand")
    founded("stock", "case", "Juice=6", "--word", "carton")
    founded(*NEW)
    founded("allot", "Week", "Eggs=10")
    return founded


def desk(foodhub: Foodhub) -> Any:
    """Return the desk in the cycle as JSON shows it."""
    (row,) = foodhub.json("desk", "show", "Week")
    return row


def test_the_desk_shows_the_queue_and_what_a_case_lacks(selling: Foodhub) -> None:
    assert desk(selling)["products"] == []
    selling("order", "place", "Week", "Eggs=4", "Juice=2+1")
    shown = desk(selling)
    assert (shown["state"], shown["customers"], shown["orders"]) == ("open", 1, [])
    rows = {each["product"]: each for each in shown["products"]}
    assert (rows["Eggs"]["quantity"], rows["Eggs"]["promised"], rows["Eggs"]["size"]) == (4, 4, 0)
    assert (rows["Juice"]["quantity"], rows["Juice"]["tolerance"], rows["Juice"]["size"]) == (2, 1, 6)
    assert [(row["customer"], row["quantity"]) for row in rows["Eggs"]["rows"]] == [("Hub", 4)]
    text = selling("desk", "show").out
    assert "case of 6" in text
    assert "promised 4" in text
    selling("cycle", "close", "Week")
    assert "customers who have their confirmation: 1 of 1" in selling("desk", "show", "Week").out
    assert selling.json("desk", "show") == []


def test_the_desk_of_a_cycle_to_come_says_when_it_opens(founded: Foodhub) -> None:
    founded("cycle", "new", "Week", "--opens", "+1d", "--closes", "+2d", "--sale", "resale")
    opens = datetime.fromisoformat(desk(founded)["opens"]).strftime("%Y-%m-%d %H:%M")
    assert desk(founded)["state"] == "upcoming"
    assert all(text in founded("desk", "show").out for text in ("Week: not open yet", f"{opens} (Europe/Paris)"))


def test_a_hub_that_works_by_hand_confirms_and_declines(selling: Foodhub) -> None:
    selling("cycle", "sell", "Week", "--by-hand")
    number = selling.json("order", "place", "Week", "Eggs=4")["number"]
    assert [each["state"] for each in desk(selling)["orders"]] == ["by_hand"]
    shown = selling("desk", "show").out
    assert all(text in shown for text in ("waits for your word", "Eggs 4", "foodhub order confirm ORDER"))
    assert selling.fails(6, "order", "accept-late", number)["code"] == "not_late"
    before = desk(selling)
    selling("order", "confirm", number, "--dry-run")
    assert desk(selling) == before
    assert selling.json("order", "confirm", number)["lines"][0]["confirmed"] == 4
    assert selling.fails(6, "order", "decline", number)["code"] == "not_by_hand"


def test_what_no_case_holds_is_decided_before_the_close(selling: Foodhub) -> None:
    selling("order", "place", "Week", "Juice=8")
    assert selling.fails(6, "cycle", "decide", "Week", "Juice", "round_up")["code"] == "not_asked"
    selling("cycle", "sell", "Week", "--rule", "Juice=ask")
    assert "cycle decide" in selling("desk", "show", "Week").out
    refused = selling.fails(6, "cycle", "decide", "Week", "Juice", "open")
    assert (refused["code"], "opens no case of Juice" in refused["message"]) == ("case_unbroken", True)
    assert selling.fails(6, "cycle", "decide", "Week", "Eggs", "open")["code"] == "no_case"
    shown = selling.json("cycle", "decide", "Week", "Juice", "round_up")
    assert [each["asks"] for each in shown["products"]] == [False]
    assert "what no case holds: bought all the same" in selling("desk", "show", "Week").out
    assert selling.fails(2, "cycle", "decide", "Week", "Juice", "keep")["message"].startswith("Write one of: cut")
    selling("cycle", "close", "Week")
    assert desk(selling)["products"][0]["confirmed"] == 8
    assert "4 of it you buy for yourself" in selling("desk", "show", "Week").out


def test_what_came_short_is_shared_by_hand(selling: Foodhub) -> None:
    selling("cycle", "sell", "Week", "--rule", "Eggs=by_hand")
    selling("order", "place", "Week", "Eggs=4")
    assert selling.fails(6, "desk", "share", "Week", "Eggs", "Hub=3")["code"] == "not_settled"
    selling("cycle", "close", "Week")
    selling("shortfall", "Week", "Eggs=3", "--reason", "The fox came")
    assert "foodhub desk share" in selling("desk", "show").out
    assert selling.fails(3, "desk", "share", "Week", "Eggs", "Nobody=3")["code"] == "no_such_customer"
    assert selling.fails(6, "desk", "share", "Week", "Eggs", "Hub=2")["code"] == "shares_differ"
    assert selling.fails(2, "desk", "share", "Week", "Eggs", "Hub=9", "Hub=3")["code"] == "customer_twice"
    shown = selling.json("desk", "share", "Week", "Eggs", "hu=3")
    assert shown["products"][0]["short"] is None
    (order,) = selling.json("order", "list")
    assert (order["lines"][0]["share"], order["lines"][0]["note"]) == (3, "The fox came")
    assert "The fox came" in selling("order", "show", order["number"]).out


def test_what_came_short_is_shared_by_another_rule_and_the_desk_says_who_gets_what(selling: Foodhub) -> None:
    selling("order", "place", "Week", "Eggs=4")
    selling("cycle", "close", "Week")
    selling("shortfall", "Week", "Eggs=3", "--reason", "The fox came")
    assert "There is only 3; shared by the queue, the last in lose: The fox came" in selling("desk", "show", "Week").out
    assert selling.fails(2, "desk", "share", "Week", "Eggs")["code"] == "shares_or_rule"
    assert selling.fails(2, "desk", "share", "Week", "Eggs", "Hub=1", "Hub=2")["code"] == "customer_twice"
    answer = selling("desk", "share", "Week", "Eggs", "--rule", "equal").out
    assert "shared equally" in answer
    assert "gets" in answer
    refused = selling.fails(6, "cycle", "sell", "Week", "--rule", "Eggs=equal")
    assert (refused["code"], "foodhub desk share" in refused["hint"]) == ("cycle_closed", True)


def test_another_product_is_given_in_the_place_of_a_line(selling: Foodhub) -> None:
    selling("product", "add", "Duck eggs", "--price", "2.50", "--on-hand", "20")
    selling("allot", "Week", "Duck eggs=2")
    number = selling.json("order", "place", "Week", "Eggs=4")["number"]
    consents = ("--substitute", "Eggs=cheaper", "--substitute", "Eggs=ask")
    assert selling.fails(2, "order", "remark", number, *consents)["code"] == "product_twice"
    assert selling.fails(2, "order", "amend", number, "Eggs=1", "Eggs=2")["code"] == "product_twice"
    assert "may stand in" in selling("order", "remark", number, "--substitute", "Eggs=cheaper").out
    assert "an equal or cheaper one may stand in" in selling("desk", "show").out
    selling("cycle", "close", "Week")
    error = selling.fails(6, "order", "substitute", number, "Eggs", "1", "Duck eggs", "2")
    assert error["code"] == "dearer"
    order = selling.json("order", "substitute", number, "Eggs", "1", "Duck eggs", "1")
    assert {(line["product"], line["reason"]) for line in order["lines"]} >= {("Eggs", "substituted")}


def test_a_closed_cycle_says_when_it_closed_and_not_when_it_was_to_close(selling: Foodhub) -> None:
    selling("order", "place", "Week", "Eggs=4")
    before = selling.json("cycle", "show", "Week")
    assert "foodhub cycle close" in selling.fails(6, "desk", "share", "Week", "Eggs", "Hub=1")["hint"]
    selling("cycle", "close", "Week")
    told = selling.fails(6, "desk", "share", "Week", "Eggs", "Hub=1")
    assert (told["code"], "foodhub shortfall" in told["hint"]) == ("not_short", True)
    shown = selling("cycle", "show", "Week").out
    planned = datetime.fromisoformat(before["closes"]).strftime("%Y-%m-%d %H:%M")
    assert before["closed_at"] is None
    assert planned not in shown
    assert shown.count(datetime.fromisoformat(selling.json("cycle", "show", "Week")["closed_at"]).strftime("%H:%M")) > 1
