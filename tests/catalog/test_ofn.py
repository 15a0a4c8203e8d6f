import csv
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.ofn import MAX_FAULTS, Sheet, read, to_product, to_stock
from foodhub.catalog.ofn_faults import SENTENCES, Fault
from foodhub.catalog.product import faults as product_faults
from foodhub.catalog.product import stock_faults
from foodhub.errors import UsageError

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "ofn_products_120.csv"

CARROTS = {
    "producer": "Ferme des Trois Chênes",
    "sku": "",
    "name": "Carottes",
    "display_name": "botte",
    "category": "Légumes",
    "description": "",
    "units": "500",
    "unit_type": "g",
    "variant_unit_name": "",
    "price": "2.45",
    "on_hand": "40",
    "available_on": "",
    "on_demand": "",
    "shipping_category": "Frais",
    "tax_category": "TVA 5,5 %",
}


def text_of(*rows: dict[str, str], delimiter: str = ",") -> str:
    out = StringIO()
    writer = csv.DictWriter(out, list(CARROTS), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**CARROTS, **row} for row in rows)
    return out.getvalue()


def sheet_of(*rows: dict[str, str], currency: str = "EUR") -> Sheet:
    return read(text_of(*rows).encode(), currency)


def said(fault: Fault) -> str:
    return f"{fault.message.format(**fault.details)} {fault.hint.format(**fault.details)}"


def test_a_row_becomes_a_packed_piece() -> None:
    sheet = sheet_of({"sku": "TC-1", "description": "Lavées."})
    assert sheet.faults == ()
    (row,) = sheet.rows
    assert (row.line, row.producer, row.sku, row.name, row.variant) == (
        2,
        "Ferme des Trois Chênes",
        "TC-1",
        "Carottes",
        "botte",
    )
    assert (row.category, row.description, row.shipping_category, row.tax_category) == (
        "Légumes",
        "Lavées.",
        "Frais",
        "TVA 5,5 %",
    )
    assert (row.unit, row.unit_value, row.unit_name, row.price, row.price_per) == ("g", 500, "", 245, "piece")
    assert (row.on_hand, row.on_demand) == (40, False)


@pytest.mark.parametrize(
    ("cells", "unit", "value"),
    [
        ({"units": "500", "unit_type": "g"}, "g", 500),
        ({"units": "2", "unit_type": "kg"}, "g", 2000),
        ({"units": "0,5", "unit_type": "KG"}, "g", 500),
        ({"units": "750", "unit_type": "ml"}, "ml", 750),
        ({"units": "75", "unit_type": "cL"}, "ml", 750),
        ({"units": "1", "unit_type": "oz"}, "g", 28),
        ({"units": "1", "unit_type": "", "variant_unit_name": "bags"}, "piece", 1),
        ({"units": "6,0", "unit_type": "", "variant_unit_name": "œufs"}, "piece", 6),
    ],
)
def test_contents_are_whole_base_units(cells: dict[str, str], unit: str, value: int) -> None:
    (row,) = sheet_of(cells).rows
    assert (row.unit, row.unit_value, row.unit_name) == (unit, value, cells.get("variant_unit_name", ""))


@pytest.mark.parametrize(
    ("cells", "on_hand", "on_demand"),
    [
        ({"on_hand": "0"}, 0, False),
        ({"on_hand": "12,0"}, 12, False),
        ({"on_hand": "3", "on_demand": "0"}, 3, False),
        ({"on_hand": "3", "on_demand": "non"}, 3, False),
        ({"on_hand": "", "on_demand": "1"}, None, True),
        ({"on_hand": "12", "on_demand": "oui"}, None, True),
        ({"on_hand": "-4", "on_demand": "TRUE"}, None, True),
    ],
)
def test_stock_is_counted_or_on_demand(cells: dict[str, str], on_hand: int | None, on_demand: bool) -> None:
    (row,) = sheet_of(cells).rows
    assert (row.on_hand, row.on_demand) == (on_hand, on_demand)


@pytest.mark.parametrize(
    ("price", "amount"), [("2,45", 245), ("2.45", 245), ("2", 200), ("€3", 300), ("0", 0), ("1 234,5 €", 123450)]
)
def test_prices_are_read_as_farmers_write_them(price: str, amount: int) -> None:
    assert [row.price for row in sheet_of({"price": price}).rows] == [amount]


def test_prices_are_in_the_currency_asked_for() -> None:
    assert [row.price for row in sheet_of({"price": "2,450"}, currency="TND").rows] == [2450]


FAULTS = [
    ({"name": ""}, "name", "missing"),
    ({"producer": " "}, "producer", "missing"),
    ({"category": ""}, "category", "missing"),
    ({"shipping_category": ""}, "shipping_category", "missing"),
    ({"price": ""}, "price", "missing"),
    ({"units": ""}, "units", "missing"),
    ({"name": "x" * 201}, "name", "too_long"),
    ({"description": "x" * 2001}, "description", "too_long"),
    ({"name": "Carottes\x07"}, "name", "characters"),
    ({"name": "Car\nottes"}, "name", "characters"),
    ({"display_name": "\u202eettob"}, "display_name", "characters"),
    ({"description": "a\x00b"}, "description", "characters"),
    ({"price": "cher"}, "price", "bad_price"),
    ({"price": "2,455"}, "price", "bad_price"),
    ({"price": "$2.45"}, "price", "bad_price"),
    ({"price": "-x"}, "price", "bad_price"),
    ({"price": "-2,45"}, "price", "negative_price"),
    ({"price": "−1 €"}, "price", "negative_price"),
    ({"units": "a few"}, "units", "bad_units"),
    ({"units": "0"}, "units", "units_not_positive"),
    ({"units": "-1"}, "units", "units_not_positive"),
    ({"units": "0.4"}, "units", "units_too_small"),
    ({"units": "999999999999", "unit_type": "t"}, "units", "units_too_large"),
    ({"units": "1.5", "unit_type": "", "variant_unit_name": "bunch"}, "units", "units_not_whole"),
    ({"unit_type": "stone"}, "unit_type", "unknown_unit"),
    ({"unit_type": ""}, "unit_type", "no_unit"),
    ({"on_hand": ""}, "on_hand", "missing_on_hand"),
    ({"on_hand": "", "on_demand": "0"}, "on_hand", "missing_on_hand"),
    ({"on_hand": "plenty"}, "on_hand", "bad_on_hand"),
    ({"on_hand": "9" * 16}, "on_hand", "bad_on_hand"),
    ({"on_hand": "-1"}, "on_hand", "negative_on_hand"),
    ({"on_hand": "1.5"}, "on_hand", "fraction_on_hand"),
    ({"on_demand": "maybe"}, "on_demand", "bad_on_demand"),
]


@pytest.mark.parametrize(("cells", "column", "code"), FAULTS)
def test_each_fault_is_said_with_its_line_its_column_and_what_is_right(
    cells: dict[str, str], column: str, code: str
) -> None:
    sheet = sheet_of({"name": "Panais"}, cells, {"name": "Navets"})
    assert [(fault.line, fault.column, fault.code) for fault in sheet.faults] == [(3, column, code)]
    assert [row.name for row in sheet.rows] == ["Panais", "Navets"]
    assert "{" not in said(sheet.faults[0])
    assert sheet.faults[0].hint


def test_an_unknown_unit_lists_the_known_ones() -> None:
    (fault,) = sheet_of({"unit_type": "stone"}).faults
    assert "stone" in said(fault)
    assert "mg, g, kg, oz, lb, t, ml, cl, dl, l, kl, gal" in said(fault)


def test_all_faults_of_a_row_and_of_all_rows_are_told_at_once() -> None:
    bad = {"name": "", "price": "x", "units": "0", "unit_type": "stone", "on_hand": "-1", "shipping_category": ""}
    sheet = sheet_of(bad, {}, {"name": "Panais", "category": ""})
    told = [(fault.line, fault.column) for fault in sheet.faults]
    assert told[:6] == [
        (2, "name"),
        (2, "unit_type"),
        (2, "units"),
        (2, "price"),
        (2, "on_hand"),
        (2, "shipping_category"),
    ]
    assert told[6:] == [(4, "category")]
    assert [row.line for row in sheet.rows] == [3]


@pytest.mark.parametrize(
    ("first", "second", "column", "code"),
    [
        ({}, {"price": "9"}, "name", "twice"),
        ({"sku": "A"}, {"sku": "B"}, "name", "twice"),
        ({"sku": "A"}, {}, "name", "twice"),
        ({"sku": "A"}, {"sku": "A", "name": "Panais"}, "sku", "same_sku"),
        ({"units": "500"}, {"units": "0,5", "unit_type": "kg"}, "name", "twice"),
        ({"name": "Ce\u0301leri"}, {"name": "Céleri "}, "name", "twice"),
        (
            {"units": "1", "unit_type": "", "variant_unit_name": "botte"},
            {"units": "1", "unit_type": "", "variant_unit_name": "bouquet"},
            "name",
            "twice",
        ),
    ],
)
def test_of_two_rows_for_one_product_the_second_is_the_fault(
    first: dict[str, str], second: dict[str, str], column: str, code: str
) -> None:
    sheet = sheet_of(first, {"name": "Navets"}, second)
    assert [(fault.line, fault.column, fault.code) for fault in sheet.faults] == [(4, column, code)]
    assert sheet.faults[0].details["first_line"] == 2
    assert "line 2" in said(sheet.faults[0])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"display_name": "sachet"}),
        ({}, {"units": "1000"}),
        ({}, {"unit_type": "ml"}),
        ({}, {"producer": "Ferme du Lac"}),
        ({"sku": "A"}, {"sku": "A", "producer": "Ferme du Lac"}),
        (
            {"sku": "A", "units": "1", "unit_type": "", "variant_unit_name": "botte"},
            {"sku": "B", "units": "1", "unit_type": "", "variant_unit_name": "pièce"},
        ),
    ],
)
def test_what_differs_by_variant_content_or_producer_is_another_product(
    first: dict[str, str], second: dict[str, str]
) -> None:
    sheet = sheet_of(first, second)
    assert sheet.faults == ()
    assert len(sheet.rows) == 2


@pytest.mark.parametrize(
    "cells", ["Ferme,x", "a" + "," * 15 + "surplus", "Ferme,A,Carottes,,Légumes,,500,g,,2,45,40,,,Frais,TVA"]
)
def test_a_row_of_the_wrong_width_is_a_fault_of_the_whole_row(cells: str) -> None:
    header = text_of().strip()
    sheet = read(f"{header}\n{cells}\n".encode())
    assert sheet.rows == ()
    (fault,) = sheet.faults
    assert (fault.line, fault.column, fault.code) == (2, "", "columns")
    assert "15" in said(fault)


def test_empty_cells_beyond_the_header_do_no_harm() -> None:
    text = "\n".join(f"{line},,," for line in text_of({}).splitlines())
    assert len(read(text.encode()).rows) == 1


def test_blank_rows_do_no_harm_and_count_as_lines() -> None:
    header, row = text_of({}).splitlines()
    text = f"\n{header}\n\n{',' * 14}\n   \n{row}\n\n"
    (found,) = read(text.encode()).rows
    assert found.line == 6


def test_lines_are_those_of_the_file_also_after_a_cell_of_several_lines() -> None:
    sheet = sheet_of(
        {"description": "Lavées.\r\nÀ la main.\n\tSans fanes."}, {"name": ""}, {"name": "Navets", "price": "x"}
    )
    assert sheet.rows[0].line == 2
    assert sheet.rows[0].description == "Lavées.\nÀ la main.\n Sans fanes."
    assert [fault.line for fault in sheet.faults] == [5, 6]


def test_a_quote_in_the_wrong_place_spoils_its_own_row_only() -> None:
    header, row, other = text_of({}, {"name": "Navets"}).splitlines()
    broken = row.replace("Carottes", '"Carottes "de sable""')
    sheet = read(f"{header}\n{broken}\n{other}".encode())
    assert [(fault.line, fault.column, fault.code) for fault in sheet.faults] == [(2, "", "quotes")]
    assert [(found.line, found.name) for found in sheet.rows] == [(3, "Navets")]


def test_a_quote_that_is_never_closed_is_said_where_it_began() -> None:
    header, *rows = text_of(
        *({"name": name, "tax_category": ""} for name in ("Panais", "Navets", "Radis", "Ail"))
    ).splitlines()
    rows[1] = rows[1].replace("Navets", '"Navets')
    sheet = read("\n".join([header, *rows]).encode())
    assert [(fault.line, fault.code) for fault in sheet.faults] == [(3, "quotes")]
    assert "line 5" in said(sheet.faults[0])
    assert len(sheet.rows) == 1


def test_the_producers_of_a_file_are_told_in_their_order_also_of_bad_rows() -> None:
    sheet = sheet_of({"producer": "B"}, {"producer": "A", "price": "x"}, {"producer": "B", "name": "Navets"})
    assert sheet.producers == ("B", "A")


def test_every_fault_in_the_table_has_a_case_here() -> None:
    assert {code for _, _, code in FAULTS} | {"twice", "same_sku", "columns", "quotes"} == set(SENTENCES)


def test_a_file_of_nothing_but_faults_is_given_up_before_it_fills_the_memory() -> None:
    row = "x" + "," * 14
    text = "\n".join([text_of().strip(), *[row] * (MAX_FAULTS // 7 + 1)])
    with pytest.raises(UsageError) as caught:
        read(text.encode())
    assert caught.value.code == "too_many_faults"


cells = st.fixed_dictionaries(
    {},
    optional={
        column: st.one_of(st.text(max_size=8), st.sampled_from(["1", "2,45", "0.5", "kg", "l", "g", "-1", "oui", ""]))
        for column in CARROTS
    },
)


@given(st.lists(cells, max_size=4))
def test_whatever_stands_in_cells_a_row_is_good_or_has_a_fault(rows: list[dict[str, str]]) -> None:
    data = text_of(*rows).encode("utf-8", "replace")
    sheet = read(data)
    places = [(fault.line, fault.column) for fault in sheet.faults]
    assert places == sorted(places, key=lambda place: place[0])
    assert {row.line for row in sheet.rows}.isdisjoint(line for line, _ in places)
    for row in sheet.rows:
        product = to_product(row, local=b"\x07" * 16, version=1)
        assert product_faults(product) is None
        assert stock_faults(to_stock(row, local=b"\x07" * 16, version=1)) is None
    assert all("{" not in fault.hint.format(**fault.details) for fault in sheet.faults)


def test_a_row_becomes_statements_that_keep_the_rules() -> None:
    counted, on_demand = sheet_of({}, {"name": "Jus", "on_demand": "1"}).rows
    product = to_product(counted, local=b"\x07" * 16, version=3)
    assert (product.version, product.name, product.unit_value, product.price, product.currency) == (
        3,
        "Carottes",
        500,
        245,
        "EUR",
    )
    assert (product.step, product.withdrawn) == (1, False)
    assert to_stock(counted, local=b"\x07" * 16, version=3).on_hand == 40
    stock = to_stock(on_demand, local=b"\x07" * 16, version=3)
    assert (stock.mode, stock.on_hand) == ("on_demand", 0)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample file of Open Food Network is not beside this project")
def test_the_sample_file_of_open_food_network_is_read_whole() -> None:
    sheet = read(SAMPLE.read_bytes(), "EUR")
    assert sheet.faults == ()
    assert sheet.producers == ("User Enterprise",)
    assert len(sheet.rows) == 120
    for number, row in enumerate(sheet.rows, start=1):
        assert (row.sku, row.name, row.variant) == (str(number), f"Imported Product {number}", "Orange Tree")
        assert (row.unit, row.unit_value, row.price, row.on_hand) == ("g", number, (number + 1) * 100, number + 99)
