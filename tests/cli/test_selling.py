"""`foodhub product add`, `set`, `withdraw` and `allot`: one product at a time."""

from tests.cli.program import Foodhub


def test_a_product_by_weight_is_counted_and_stepped_in_grams(founded: Foodhub) -> None:
    row = founded.json(
        "product", "add", "Carrots", "--price", "2,45", "--per", "kg", "--step", "500g", "--on-hand", "40kg"
    )
    assert (row["unit"], row["price"], row["price_per"], row["step"], row["on_hand"]) == ("g", 245, "kg", 500, 40_000)
    assert "2.45 €/kg" in founded("product", "list").out
    assert founded.fails(2, "product", "set", "Carrots", "--on-hand", "30")["code"] == "bare_quantity"
    assert founded.json("product", "set", "Carrots", "--on-hand", "30,5kg")["on_hand"] == 30_500
    assert founded.json("product", "set", "Carrots", "--on-hand", "0")["on_hand"] == 0


def test_a_product_by_the_piece_is_counted_in_pieces(founded: Foodhub) -> None:
    row = founded.json(
        "product", "add", "Eggs", "--price", "€2.60", "--content", "6", "--unit-name", "eggs", "--on-hand", "40"
    )
    assert (row["unit"], row["unit_value"], row["price"], row["on_hand"], row["step"]) == ("piece", 6, 260, 40, 1)
    assert founded.fails(2, "product", "set", "Eggs", "--on-hand", "4kg")["code"] == "wrong_unit"
    assert founded.fails(2, "product", "set", "Eggs", "--price", "much")["code"] == "bad_money"
    assert founded.fails(2, "product", "set", "Eggs")["code"] == "nothing_to_set"
    assert founded.fails(2, "product", "set", "Eggs", "--on-hand", "1", "--on-demand")["code"] == "two_stocks"
    after = founded.json("product", "set", "Eggs", "--price", "2,70", "--category", "Farm")
    assert (after["id"], after["price"], after["category"], after["on_hand"]) == (row["id"], 270, "Farm", 40)
    assert founded.json("product", "set", "Eggs", "--on-demand")["on_hand"] is None


def test_setting_what_is_so_already_signs_nothing(founded: Foodhub) -> None:
    founded("product", "add", "Eggs", "--price", "2,60")
    before = founded.json("log", "show")
    assert "nothing was signed" in founded("product", "set", "Eggs", "--price", "2.60").err
    assert founded.json("log", "show") == before


def test_a_product_that_is_priced_anew_per_kg_has_to_be_counted_anew(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2", "--content", "1kg", "--on-hand", "10")
    assert founded.fails(2, "product", "set", "Carrots", "--per", "kg")["code"] == "count_again"
    row = founded.json("product", "set", "Carrots", "--per", "kg", "--on-hand", "12kg")
    assert (row["unit"], row["unit_value"], row["price_per"], row["step"], row["on_hand"]) == (
        "g",
        1,
        "kg",
        100,
        12_000,
    )


def test_a_withdrawn_product_is_gone_and_can_come_back(founded: Foodhub) -> None:
    founded("product", "add", "Eggs", "--price", "2,60")
    founded("product", "withdraw", "Eggs")
    assert founded.json("product", "list") == []
    assert [row["withdrawn"] for row in founded.json("product", "list", "--withdrawn")] == [True]
    assert founded.fails(3, "product", "withdraw", "Eggs")["code"] == "no_such_product"
    assert founded.json("product", "add", "Eggs", "--price", "3")["withdrawn"] is False


def test_allotments_are_totals_and_are_only_raised(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2", "--per", "kg", "--on-hand", "10kg")
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "resale")
    assert founded.fails(2, "allot", "Week")["code"] == "what_to_allot"
    assert founded.fails(2, "allot", "Week", "Carrots=1kg", "--all")["code"] == "what_to_allot"
    assert founded.fails(3, "allot", "Week", "Carrots=1kg", "--to", "Nobody")["code"] == "no_such_member"
    assert founded.json("allot", "Week", "Carrots=4kg")["allotments"][0]["set_aside"] == 4000
    assert founded.json("allot", "Week", "Carrots=4kg")["changed"] == 0
    assert founded.fails(6, "allot", "Week", "Carrots=3kg")["code"] == "allotment_only_raised"
    assert founded.json("allot", "Week", "--all")["allotments"][0]["set_aside"] == 10_000
    assert "10 kg" in founded("cycle", "show", "Week").out


def test_a_cycle_shows_its_times_back_and_needs_its_sale(founded: Foodhub) -> None:
    assert founded.fails(2, "cycle", "new", "Week", "--closes", "+1d")["code"] == "sale_needed"
    assert founded.fails(2, "cycle", "new", "Week", "--closes", "+1d", "--sale", "barter")["code"] == "bad_sale"
    assert founded.fails(2, "cycle", "new", "Week", "--closes", "soon", "--sale", "direct")["code"] == "bad_when"
    assert founded.fails(2, "cycle", "new", "Week", "--closes", "+1d", "--zone", "Mars/Base")["code"] == "bad_zone"
    done = founded(
        "cycle", "new", "Week", "--opens", "2030-11-25T08:00", "--closes", "2030-11-28 20h", "--sale", "direct"
    )
    assert "closes Thursday 2030-11-28 20:00 (Europe/Paris)" in done.err
    (cycle,) = founded.json("cycle", "list")
    assert (cycle["opens"], cycle["state"]) == ("2030-11-25T08:00:00+01:00", "upcoming")
