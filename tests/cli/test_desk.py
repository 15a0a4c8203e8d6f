"""The desk as one types it: what waits for a person, deciding, and sharing by hand."""

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
    assert "1 of 1 customer has its confirmation" in selling("desk", "show", "Week").out
    assert selling.json("desk", "show") == []


def test_a_hub_that_works_by_hand_confirms_and_declines(selling: Foodhub) -> None:
    selling("cycle", "sell", "Week", "--by-hand")
    number = selling.json("order", "place", "Week", "Eggs=4")["number"]
    assert [each["state"] for each in desk(selling)["orders"]] == ["by_hand"]
    assert "waits for your word" in selling("desk", "show").out
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
    shown = selling.json("cycle", "decide", "Week", "Juice", "round_up")
    assert [each["asks"] for each in shown["products"]] == [False]
    selling("cycle", "close", "Week")
    assert desk(selling)["products"][0]["confirmed"] == 8


def test_what_came_short_is_shared_by_hand(selling: Foodhub) -> None:
    selling("cycle", "sell", "Week", "--rule", "Eggs=by_hand")
    selling("order", "place", "Week", "Eggs=4")
    assert selling.fails(6, "desk", "share", "Week", "Eggs", "Hub=3")["code"] == "not_settled"
    selling("cycle", "close", "Week")
    selling("shortfall", "Week", "Eggs=3", "--reason", "The fox came")
    assert "foodhub desk share" in selling("desk", "show").out
    assert selling.fails(3, "desk", "share", "Week", "Eggs", "Nobody=3")["code"] == "no_such_customer"
    assert selling.fails(6, "desk", "share", "Week", "Eggs", "Hub=2")["code"] == "shares_differ"
    shown = selling.json("desk", "share", "Week", "Eggs", "Hub=3")
    assert shown["products"][0]["short"] is None
    (order,) = selling.json("order", "list")
    assert order["lines"][0]["share"] == 3


def test_another_product_is_given_in_the_place_of_a_line(selling: Foodhub) -> None:
    selling("product", "add", "Duck eggs", "--price", "2.50", "--on-hand", "20")
    selling("allot", "Week", "Duck eggs=2")
    number = selling.json("order", "place", "Week", "Eggs=4")["number"]
    selling("order", "remark", number, "--substitute", "Eggs=cheaper")
    selling("cycle", "close", "Week")
    error = selling.fails(6, "order", "substitute", number, "Eggs", "1", "Duck eggs", "2")
    assert error["code"] == "dearer"
    order = selling.json("order", "substitute", number, "Eggs", "1", "Duck eggs", "1")
    assert {(line["product"], line["reason"]) for line in order["lines"]} >= {("Eggs", "substituted")}
