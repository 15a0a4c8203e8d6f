from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from foodhub.node.products import ProductRow
from foodhub.saying import ago, price, quantity
from foodhub.tui.wording import case, on_hand, packing, size, when

BAG = ProductRow(
    id="p", producer="Farm", producer_id="f", sku="", name="Carrots", variant="", category="", unit="g", unit_value=500,
    price=245, price_per="piece", currency="EUR", on_hand=4, on_demand=False, unit_name="", step=1, description="",
    withdrawn=False, version=1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("product", "words"),
    [
        (BAG, "500 g"),
        (replace(BAG, unit_name="bag"), "bag 500 g"),
        (replace(BAG, unit="ml", unit_value=1500), "1.5 l"),
        (replace(BAG, unit="piece", unit_value=1), "piece"),
        (replace(BAG, unit="piece", unit_value=1, unit_name="bunch"), "bunch"),
        (replace(BAG, unit="piece", unit_value=6, unit_name="egg"), "6 × egg"),
        (replace(BAG, unit_value=1, price_per="kg", step=250), "by 250 g"),
    ],
)
def test_packing_says_what_one_piece_is(product: ProductRow, words: str) -> None:
    assert packing(product) == words


def test_a_product_that_goes_by_the_case_says_how_much_one_holds() -> None:
    assert case(BAG) == ""
    assert case(replace(BAG, case=6, case_word="carton")).startswith("carton of 6: ")
    assert case(replace(BAG, case=10_000, price_per="kg")).startswith("case of 10 kg: ")


def test_prices_and_amounts_carry_their_unit() -> None:
    assert price(245, "EUR", "piece") == "2.45 €"
    assert price(1250, "EUR", "kg") == "12.50 €/kg"
    assert price(245, "CHF", "l") == "2.45 CHF/l"
    assert quantity(12500, "g") == "12.5 kg"
    assert on_hand(None, "piece") == "on demand"
    assert on_hand(0, "piece") == "0"
    assert on_hand(1500, "kg") == "1.5 kg"


def test_a_time_is_as_short_as_its_distance_allows() -> None:
    now = datetime(2026, 5, 12, 18, 0, tzinfo=UTC)
    assert when(datetime(2026, 5, 12, 9, 5, tzinfo=UTC), now) == "today 09:05"
    assert when(datetime(2026, 5, 2, 9, 5, tzinfo=UTC), now) == "05-02 09:05"
    assert when(datetime(2025, 5, 2, 9, 5, tzinfo=UTC), now) == "2025-05-02"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (30, "30 s ago"), (120, "2 min ago"), (7300, "2 h ago"), (200_000, "2 days ago"), (-5, "now")],
)
def test_a_distance_in_time_is_said_in_its_unit(seconds: int, words: str) -> None:
    assert ago(10**12, 10**12 + seconds * 1000) == words


def test_what_never_was_is_said_so() -> None:
    assert ago(0, 10**12) == "never"


def test_sizes_are_said_in_bytes_kilobytes_and_megabytes() -> None:
    assert [size(999), size(12_345), size(3_456_789)] == ["999 bytes", "12 kB", "3.4 MB"]
