"""`foodhub erase`: what goes is shown first, what has to stay is refused, and nobody is left in doubt."""

import time

import pytest

from foodhub.cli.erase import read_range
from foodhub.errors import UsageError
from tests.cli.program import Foodhub
from tests.homes import Village
from tests.node.test_erase_requests import ask, settle
from tests.node.test_erasing import market


@pytest.mark.parametrize(("text", "found"), [("3", (3, 3)), ("3-17", (3, 17)), (" 1-1 ", (1, 1))])
def test_a_range_is_one_number_or_two(text: str, found: tuple[int, int]) -> None:
    assert read_range(text) == found


@pytest.mark.parametrize("text", ["", "0", "17-3", "a", "3-", "-3", "1" * 16, "³", "1,2"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_range(text)
    assert caught.value.code == "bad_range"


def test_superseded_entries_of_a_product_go_and_what_holds_stays(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2", "--on-hand", "10")
    founded("product", "set", "Carrots", "--price", "3")
    assert founded.json("erase", "product", "Carrots") == {"erased": [], "kept": 2}
    founded("product", "set", "Carrots", "--on-hand", "7")
    planned = founded.json("erase", "product", "Carrots", "--dry-run")
    assert [(row["log"], row["seq"], row["says"]) for row in planned["erased"]] == [
        ("catalog", 2, ["product", "stock"])
    ]
    done = founded.json("erase", "product", "Carrots")
    assert done == planned
    assert done["kept"] == 2
    (row,) = founded.json("product", "list")
    assert (row["price"], row["on_hand"]) == (300, 7)
    assert "nothing was signed" in founded("erase", "product", "Carrots").err
    founded("log", "verify")


def test_what_has_to_stay_is_refused_with_what_to_do(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2", "--on-hand", "10")
    assert founded.fails(6, "erase", "entries", "--log", "catalog", "--seq", "2")["code"] == "entry_holds"
    assert founded.fails(6, "erase", "entries", "--log", "circuit", "--seq", "1")["code"] == "entry_lasting"
    assert founded.fails(3, "erase", "entries", "--log", "trade", "--seq", "1-9")["code"] == "nothing_to_erase"
    assert founded.fails(2, "erase", "entries", "--log", "trade", "--seq", "9-1")["code"] == "bad_range"
    assert founded.fails(2, "erase", "entries", "--log", "weather", "--seq", "1")["code"] == "bad_log_name"
    error = founded.fails(6, "erase", "entries", "--log", "catalog", "--seq", "1", "--device", "zzzz")
    assert error["code"] == "not_your_device"
    assert founded.fails(3, "erase", "order", "ABCD-EFGH")["code"] == "no_such_order"


def test_the_question_shows_what_will_be_gone_and_no_leaves_it(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2")
    founded("product", "set", "Carrots", "--price", "3", "--on-demand")
    founded("product", "set", "Carrots", "--price", "4", "--on-hand", "1")
    done = founded.on_terminal("erase", "product", "Carrots", answers=["n"])
    assert done.code != 0
    for said in ("Erase 2 entries", "catalog 2", "gone for ever", "can't be undone", "Nothing was signed"):
        assert said in done.err
    assert len(founded.json("erase", "product", "Carrots", "--dry-run")["erased"]) == 2
    assert founded.on_terminal("erase", "product", "Carrots", answers=["y"]).code == 0
    assert founded.json("erase", "product", "Carrots", "--dry-run")["erased"] == []


def test_an_order_is_erased_after_its_cycle_only(founded: Foodhub) -> None:
    founded("product", "add", "Carrots", "--price", "2", "--on-hand", "10")
    founded("cycle", "new", "Week", "--closes", "+1d", "--sale", "direct")
    founded("order", "place", "Week", "Carrots=1")
    (order,) = founded.json("order", "list")
    assert founded.fails(6, "erase", "order", order["number"])["code"] == "order_in_open_cycle"
    assert len(founded.json("order", "list")) == 1


def test_only_others_who_answer_orders_can_be_asked(founded: Foodhub) -> None:
    assert founded.fails(6, "erase", "request", "Hub")["code"] == "nothing_to_ask_for"
    assert founded.fails(3, "erase", "request", "Nobody")["code"] == "no_such_member"
    assert founded.json("erase", "list") == []
    assert "Nobody asked" in founded("erase", "list").err


@pytest.mark.anyio
async def test_a_request_that_came_too_soon_is_not_called_done_in_part(village: Village) -> None:
    village.clock.now = int(time.time() * 1000)
    _hub, _farm, group, _carrots = await market(village)
    await ask(group, "Hub")
    await settle(village)
    foodhub = Foodhub(group.node.home)
    again = foodhub("erase", "request", "Hub")
    assert "so already" in again.err
    for shown in (again.out, foodhub("erase", "list").out):
        assert "not all yet" in shown
        assert "all of it on" in shown
        assert "in part" not in shown
