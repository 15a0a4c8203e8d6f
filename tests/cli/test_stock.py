"""`foodhub stock`, `allot` with its commands, and `shortfall`, as one types them."""

import pytest

from tests.cli.program import Foodhub
from tests.cli.terminal import at_terminal


@pytest.fixture
def farm(founded: Foodhub) -> Foodhub:
    """A home of a hub that sells carrots by weight, juice and eggs by the piece, with an open cycle of its own."""
    founded("product", "add", "Carottes", "--price", "2,45", "--per", "kg", "--step", "500g", "--on-hand", "12kg")
    founded("product", "add", "Jus de pomme", "--variant", "1 l", "--price", "3,20", "--on-hand", "20")
    founded("product", "add", "Œufs", "--price", "2,60", "--on-hand", "5")
    founded("cycle", "new", "Week 48", "--closes", "+3d", "--sale", "resale", "--yes")
    return founded


def there_is(foodhub: Foodhub) -> dict[str, tuple[str, int | None]]:
    return {row["product"]: (row["mode"], row["on_hand"]) for row in foodhub.json("stock", "show")}


def test_stock_is_set_in_its_mode_and_shown(farm: Foodhub) -> None:
    rows = farm.json("stock", "set", "Œufs=40", "Carottes=8kg")
    assert [(row["product"], row["on_hand"], row["free"]) for row in rows] == [
        ("Carottes", 8000, 8000),
        ("Œufs", 40, 40),
    ]
    farm("stock", "set", "Jus de pomme=60", "--capped")
    farm("stock", "set", "Œufs", "--on-demand")
    farm("stock", "set", "Carottes=30kg", "--mode", "per_cycle")
    assert there_is(farm) == {
        "Carottes": ("per_cycle", 30_000),
        "Jus de pomme, 1 l": ("capped", 60),
        "Œufs": ("on_demand", None),
    }
    text = farm("stock", "show").out
    assert "per cycle" in text
    assert "30 kg" in text


def test_bad_counts_are_said_and_change_nothing(farm: Foodhub) -> None:
    before = farm.json("log", "show")
    assert farm.fails(2, "stock", "set", "Carottes=8")["code"] == "bare_quantity"
    assert farm.fails(2, "stock", "set", "Œufs=8kg")["code"] == "wrong_unit"
    assert farm.fails(2, "stock", "set", "Œufs=3", "Oeufs=4")["code"] == "product_twice"
    assert farm.fails(2, "stock", "set", "Œufs=3", "--on-demand")["code"] == "count_on_demand"
    assert farm.fails(2, "stock", "set", "Œufs=3", "--capped", "--counted")["code"] == "two_modes"
    assert farm.fails(2, "stock", "set", "Œufs")["code"] == "bad_pair"
    assert farm.fails(3, "stock", "set", "Leeks=3")["code"] == "no_such_product"
    assert "Dry run" in farm("stock", "set", "Œufs=3", "--dry-run").err
    assert farm.json("log", "show") == before


def test_a_withdrawn_product_is_not_counted(farm: Foodhub) -> None:
    farm("product", "withdraw", "Œufs")
    assert farm.fails(6, "stock", "set", "Œufs=3")["code"] == "product_withdrawn"


def test_a_case_is_said_in_the_producers_own_word(farm: Foodhub) -> None:
    row = farm.json("stock", "case", "Jus de pomme=6", "--word", "carton", "--minimum", "12", "--broken")
    assert (row["case"], row["minimum"], row["word"], row["broken"]) == (6, 12, "carton", True)
    assert "carton of 6, at least 12, also broken" in farm("stock", "show").out
    assert (
        "nothing was signed"
        in farm("stock", "case", "Jus de pomme=6", "--word", "carton", "--minimum", "12", "--broken").err
    )
    assert farm.json("stock", "case", "Jus de pomme=0")["case"] == 0
    assert farm.fails(6, "stock", "case", "Œufs=6", "--word", "x" * 60)["code"] == "bad_case"


def test_a_pasted_list_is_counted(farm: Foodhub) -> None:
    rows = farm.json("stock", "paste", "2 jus 3 oeufs 1,5kg carottes")
    assert {row["product"]: row["on_hand"] for row in rows} == {"Carottes": 1500, "Jus de pomme, 1 l": 2, "Œufs": 3}
    farm("stock", "paste", given=b"carottes 4 kg; oeufs x7\n")
    assert there_is(farm)["Carottes"] == ("counted", 4000)
    assert there_is(farm)["Œufs"] == ("counted", 7)


def test_what_is_not_sure_is_listed_and_not_guessed_where_nobody_answers(farm: Foodhub) -> None:
    before = farm.json("log", "show")
    error = farm.fails(6, "stock", "paste", "2 pommes, 3 oeufs, 4 bières")
    assert error["code"] == "not_sure"
    assert [each["text"] for each in error["details"]["unsure"]] == ["2 pommes", "4 bières"]
    assert [each["product"] for each in error["details"]["unsure"][0]["candidates"]] == ["Jus de pomme, 1 l"]
    assert farm.fails(6, "stock", "paste", "2 oeufs 3 oeufs")["code"] == "product_twice"
    assert farm.fails(2, "stock", "paste", " ")["code"] == "nothing_pasted"
    assert farm.json("log", "show") == before


def test_on_a_terminal_what_is_not_sure_is_asked(farm: Foodhub) -> None:
    with at_terminal(farm, "stock", "paste", "2 pommes, 3 oeufs, 4 bières") as terminal:
        terminal.until('"2 pommes": what is meant?')
        terminal.until("Jus de pomme, 1 l")
        terminal.type("1")
        terminal.until('"4 bières": what is meant?')
        terminal.type("leave")
        preview = terminal.until("Go on?")
        terminal.type("y")
    assert "Jus de pomme" in preview
    assert terminal.code == 0
    assert there_is(farm)["Jus de pomme, 1 l"] == ("counted", 2)
    assert there_is(farm)["Œufs"] == ("counted", 3)


def test_stock_is_set_aside_asked_back_and_given_back(farm: Foodhub) -> None:
    farm("allot", "Week 48", "Carottes=10kg")
    assert farm.fails(6, "allot", "Week 48", "Carottes=13kg")["code"] == "not_enough_stock"
    said = farm("allot", "lower", "Week 48", "Carottes=4kg", "--yes")
    assert "gives back what it has not promised" in said.err
    (row,) = (row for row in farm.json("stock", "show") if row["product"] == "Carottes")
    assert (row["set_aside"], row["free"], row["aside"][0]["returned"]) == (4000, 8000, 6000)
    assert farm.fails(6, "allot", "lower", "Week 48", "Carottes=5kg")["code"] == "not_lower"
    assert "Week 48" in farm("stock", "show", "Carottes").out
    warned = farm("allot", "lower", "Week 48", "Carottes=1kg", "--override", "--yes").err
    assert "promised twice" in warned
    assert farm("allot", "--dry-run", "Week 48", "--all").code == 0


def test_more_can_be_counted_than_a_line_of_an_order_can_be(farm: Foodhub) -> None:
    assert "12000" in farm("stock", "set", "Œufs=12000").out
    assert farm.fails(6, "order", "place", "Week 48", "Œufs=12000")["code"] == "too_much"


def test_who_has_less_than_is_set_aside_is_told_what_to_do(farm: Foodhub) -> None:
    farm("allot", "Week 48", "Œufs=5")
    farm("order", "place", "Week 48", "Œufs=3")
    text = farm("stock", "set", "Œufs=2").out
    assert "Short of Œufs: 3 more" in text
    (row,) = farm.json("stock", "show", "Œufs")
    lowers, shortfall = f'allot lower "Week 48" {row["product_id"][:8]}=3 --to "Hub"', 'shortfall "Week 48"'
    assert (lowers in text, shortfall in text) == (True, True)
    text = farm("stock", "set", "Œufs=4").out
    assert (f"{row['product_id'][:8]}=4" in text, shortfall in text) == (True, False)


def test_a_hub_that_asks_for_less_than_it_holds_is_told_so(farm: Foodhub) -> None:
    farm("allot", "Week 48", "Œufs=5")
    assert "9" in farm("allot", "request", "Week 48", "Œufs=9").out
    said = farm("allot", "request", "Week 48", "Œufs=4")
    assert (said.out, "You hold 5 of Œufs already" in said.err) == ("", True)
    assert farm.json("allot", "list") == []
    farm("allot", "request", "Week 48", "Œufs=9")
    assert "Nothing is asked any more." in farm("allot", "request", "Week 48", "Œufs=0").out


def test_a_hub_asks_and_its_producer_grants(farm: Foodhub) -> None:
    assert farm.json("allot", "request", "Week 48", "Œufs=9") == {"changed": 1}
    (asked,) = farm.json("allot", "list")
    assert (asked["product"], asked["requested"], asked["grant"]) == ("Œufs", 9, 5)
    assert "allot list" in farm("stock", "show").err
    assert farm.fails(3, "allot", "grant", "Week 48", "Carottes")["code"] == "no_such_request"
    said = farm("allot", "grant", "--yes")
    assert "not granted whole" in said.err
    assert farm.json("allot", "rule")["auto"] is False
    assert farm.json("allot", "rule", "--auto", "on")["auto"] is True
    farm("stock", "set", "Œufs=20")
    assert farm.json("allot", "list") == []
    assert {row["product"]: row["set_aside"] for row in farm.json("stock", "show")}["Œufs"] == 9


def test_a_shortfall_is_said_with_a_reason(farm: Foodhub) -> None:
    farm("allot", "Week 48", "Carottes=10kg")
    said = farm.json("shortfall", "Week 48", "Carottes=8kg", "--reason", "grêle", "--yes")
    assert [(row["product"], row["available"], row["reason"]) for row in said["shortfalls"]] == [
        ("Carottes", 8000, "grêle")
    ]
    assert farm.fails(2, "shortfall", "Week 48", "Carottes=8kg")["code"] == "missing"
    assert farm.fails(6, "shortfall", "Week 48", "Carottes=8kg", "--reason", " ")["code"] == "bad_reason"


def test_a_lower_count_says_plainly_what_is_short(farm: Foodhub) -> None:
    farm("allot", "Week 48", "Carottes=10kg")
    assert "Short of Carottes: 2 kg more is set aside than there is." in farm("stock", "set", "Carottes=8kg").out


def test_a_cycle_may_bear_the_name_of_no_command(farm: Foodhub) -> None:
    assert farm.fails(3, "allot", "rules", "--all")["code"] == "no_such_cycle"
    assert "request" in farm("allot", "--help").out
    assert farm.fails(2, "allot")["code"] == "missing"


def test_a_count_says_what_it_takes_as_still_on_the_shelf_and_what_as_gone(farm: Foodhub) -> None:
    farm("allot", "Week 48", "Œufs=5")
    farm("order", "place", "Week 48", "Œufs=5", "--yes")
    still = "Œufs, Week 48: 5 set aside for Hub, taken as still on the shelf"
    counted = farm("stock", "set", "Œufs=8", "--yes")
    assert still in counted.err
    assert "--delivered" not in counted.err
    assert farm.fails(6, "stock", "set", "Œufs=8", "--delivered", "Week 48")["code"] == "cycle_still_open"
    assert farm.fails(3, "stock", "set", "Œufs=8", "--delivered", "Week 12")["code"] == "no_such_cycle"
    farm("cycle", "close", "Week 48", "--yes")
    counted = farm("stock", "set", "Œufs=8")
    assert still in counted.err
    assert "add: --delivered CYCLE" in counted.err
    assert {row["product"]: row["free"] for row in farm.json("stock", "show")}["Œufs"] == 3
    assert "taken as gone" in farm("stock", "set", "Œufs=8", "--delivered", "Week 48", "--dry-run").err
    assert {row["product"]: row["free"] for row in farm.json("stock", "show")}["Œufs"] == 3
    assert "taken as gone" in farm("stock", "paste", "8 oeufs", "--delivered", "Week 48").err
    assert {row["product"]: row["free"] for row in farm.json("stock", "show")}["Œufs"] == 8
    assert "set aside" not in farm("stock", "set", "Œufs=7").err


def test_on_a_terminal_a_count_in_doubt_is_asked_about(farm: Foodhub) -> None:
    farm("allot", "Week 48", "Œufs=5")
    farm("order", "place", "Week 48", "Œufs=5", "--yes")
    farm("cycle", "close", "Week 48", "--yes")
    with at_terminal(farm, "stock", "set", "Œufs=8") as terminal:
        terminal.until("taken as still on the shelf")
        terminal.until("Go on?")
        terminal.type("n")
    assert terminal.code != 0
    assert there_is(farm)["Œufs"] == ("counted", 5)
