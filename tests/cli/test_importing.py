"""`foodhub product import`: every way in which a farmer's file may be right or wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import GOOD, HEADER, Foodhub

OFN = Path(__file__).parents[3] / "shared" / "data" / "ofn_products_120.csv"
Write = Callable[..., Path]


def test_the_same_file_again_appends_nothing(founded: Foodhub, file_with: Write) -> None:
    file = file_with(GOOD)
    assert founded.json("product", "import", file) == {
        "new": 1, "changed": 0, "unchanged": 0, "zeroed": 0, "skipped": 0, "faults": [],
    }  # fmt: skip
    before = founded.json("log", "show")
    assert founded.json("product", "import", file)["unchanged"] == 1
    assert founded.json("log", "show") == before


def test_a_changed_row_changes_its_product_and_keeps_its_id(founded: Foodhub, file_with: Write) -> None:
    founded("product", "import", file_with(GOOD))
    (before,) = founded.json("product", "list")
    assert founded.json("product", "import", file_with(GOOD.replace("2.45", "2.60")))["changed"] == 1
    (after,) = founded.json("product", "list")
    assert (after["id"], after["price"]) == (before["id"], 260)


def test_a_product_without_a_sku_stays_itself_beside_a_namesake_with_one(founded: Foodhub, file_with: Write) -> None:
    rows = [GOOD.replace(",g,,", ",g,bag,"), GOOD.replace("S1", "").replace(",g,,", ",g,box,")]
    assert founded.json("product", "import", file_with(*rows))["new"] == 2
    assert founded.json("product", "import", file_with(*rows))["unchanged"] == 2
    assert founded.json("product", "import", file_with(*reversed(rows)))["unchanged"] == 2


def test_a_product_that_gets_a_sku_stays_the_same_product(founded: Foodhub, file_with: Write) -> None:
    founded("product", "import", file_with(GOOD.replace("S1", "")))
    (before,) = founded.json("product", "list")
    assert founded.json("product", "import", file_with(GOOD))["changed"] == 1
    (after,) = founded.json("product", "list")
    assert (after["id"], after["sku"]) == (before["id"], "S1")


BAD = {
    "missing": (GOOD.replace("Carrots", ""), "name"),
    "bad_price": (GOOD.replace("2.45", "cheap"), "price"),
    "negative_price": (GOOD.replace("2.45", "-1"), "price"),
    "bad_units": (GOOD.replace("500", "some"), "units"),
    "units_not_positive": (GOOD.replace("500", "0"), "units"),
    "unknown_unit": (GOOD.replace(",g,", ",stone,"), "unit_type"),
    "no_unit": (GOOD.replace(",g,", ",,"), "unit_type"),
    "bad_on_hand": (GOOD.replace(",12,", ",many,"), "on_hand"),
    "negative_on_hand": (GOOD.replace(",12,", ",-3,"), "on_hand"),
    "fraction_on_hand": (GOOD.replace(",12,", ",1.5,"), "on_hand"),
    "bad_on_demand": (GOOD.replace(",0,Chilled", ",maybe,Chilled"), "on_demand"),
    "columns": (GOOD.removesuffix(",Chilled,"), ""),
    "quotes": (GOOD.replace("bag", '"bag" x'), ""),
}


@pytest.mark.parametrize("code", BAD)
def test_a_fault_is_listed_with_its_place_and_what_would_be_right(shared: Foodhub, file_with: Write, code: str) -> None:
    row, column = BAD[code]
    error = shared.fails(2, "product", "import", file_with(GOOD.replace("S1", "S0").replace("Carrots", "Leeks"), row))
    assert error["code"] == "bad_rows"
    (fault,) = error["details"]["faults"]
    assert (fault["line"], fault["column"], fault["code"]) == (3, column, code)
    assert fault["message"]
    assert fault["hint"]
    assert "{" not in fault["message"] + fault["hint"]


def test_with_a_bad_row_nothing_is_imported_and_every_fault_is_told(founded: Foodhub, file_with: Write) -> None:
    rows = [GOOD, *(row.replace("S1", f"S{n}") for n, (row, _column) in enumerate(BAD.values(), 2))]
    done = founded("product", "import", file_with(*rows), code=2)
    assert done.out == ""
    for line in range(3, 3 + len(BAD)):
        assert f"line {line}" in done.err
    assert f"Rows with faults: {len(BAD)}." in done.err
    assert founded.json("product", "list") == []


def test_the_good_rows_come_in_when_bad_ones_are_skipped(founded: Foodhub, file_with: Write) -> None:
    file = file_with(GOOD, BAD["bad_price"][0].replace("S1", "S2"))
    done = founded("product", "import", file, "--skip-bad", "--json")
    assert (done.data["new"], done.data["skipped"]) == (1, 1)
    assert [fault["code"] for fault in done.data["faults"]] == ["bad_price"]
    assert "1 row skipped" in founded("product", "import", file, "--skip-bad").out


def test_what_is_missing_is_set_to_zero_only_if_asked(founded: Foodhub, file_with: Write) -> None:
    other = GOOD.replace("S1", "S2").replace("Carrots", "Leeks")
    founded("product", "import", file_with(GOOD, other))
    file = file_with(GOOD)
    assert founded.json("product", "import", file)["zeroed"] == 0
    assert founded.json("product", "import", file, "--zero-missing", "--dry-run")["zeroed"] == 1
    assert founded.json("product", "import", file, "--zero-missing")["zeroed"] == 1
    assert founded.json("product", "import", file, "--zero-missing")["zeroed"] == 0
    assert {row["name"]: row["on_hand"] for row in founded.json("product", "list")} == {"Carrots": 12, "Leeks": 0}


def test_a_bad_row_is_never_taken_for_a_missing_product(founded: Foodhub, file_with: Write) -> None:
    founded("product", "import", file_with(GOOD))
    bad = file_with(BAD["bad_price"][0])
    error = founded.fails(6, "product", "import", bad, "--zero-missing", "--skip-bad")
    assert error["code"] == "zero_missing_with_bad_rows"
    assert founded.json("product", "list")[0]["on_hand"] == 12


def test_another_name_in_the_producer_column_is_taken_with_a_warning(founded: Foodhub, file_with: Write) -> None:
    done = founded("product", "import", file_with(GOOD.replace("Hub,", "Ferme du Val,")))
    assert 'The file says producer "Ferme du Val"; its rows become products of Hub.' in done.err
    assert founded.json("product", "list")[0]["producer"] == "Hub"
    assert "The file says" not in founded("product", "import", file_with(GOOD.replace("Hub,", "HUB,"))).err


def test_of_several_producers_one_has_to_be_chosen(founded: Foodhub, file_with: Write) -> None:
    file = file_with(GOOD, GOOD.replace("Hub,S1", "Ferme du Val,S2").replace("Carrots", "Leeks"))
    error = founded.fails(6, "product", "import", file)
    assert error["code"] == "several_producers"
    assert error["details"]["producers"] == ["Hub", "Ferme du Val"]
    assert founded.fails(3, "product", "import", file, "--producer", "Nobody")["code"] == "no_such_producer"
    assert founded.json("product", "import", file, "--producer", "ferme du val")["new"] == 1
    assert [row["name"] for row in founded.json("product", "list")] == ["Leeks"]


@pytest.mark.parametrize(
    ("encoding", "newline", "delimiter"),
    [
        ("utf-8-sig", "\r\n", ","),
        ("latin-1", "\n", ";"),
        ("cp1252", "\r\n", ";"),
        ("utf-16", "\n", "\t"),
        ("utf-8", "\r", ","),
    ],
)
def test_files_from_every_spreadsheet_are_read(
    founded: Foodhub, file_with: Write, encoding: str, newline: str, delimiter: str
) -> None:
    row = GOOD.replace("Carrots", "Crème fraîche").replace(",", delimiter)
    if delimiter != ",":
        row = row.replace("2.45", "2,45")
    file = file_with(row, header=HEADER.replace(",", delimiter), encoding=encoding, newline=newline)
    assert founded.json("product", "import", file)["new"] == 1
    (product,) = founded.json("product", "list")
    assert (product["name"], product["price"], product["unit_value"]) == ("Crème fraîche", 245, 500)


def test_older_files_lack_a_column_and_are_read_too(founded: Foodhub, file_with: Write) -> None:
    file = file_with(GOOD.replace(",12,,0,", ",12,0,"), header=HEADER.replace("available_on,", ""))
    assert founded.json("product", "import", file)["new"] == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"hello\nworld\n", "not_a_table"), (b"producer,name,price\nA,B,1\n", "missing_columns")],
)
def test_a_file_that_is_no_product_list_is_refused_as_a_whole(
    shared: Foodhub, tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert shared.fails(2, "product", "import", path)["code"] == code


def test_a_file_may_come_through_a_pipe(founded: Foodhub) -> None:
    assert founded("product", "import", "-", "--json", given=f"{HEADER}\n{GOOD}\n".encode()).data["new"] == 1


def test_only_who_sells_can_import(empty: Foodhub, file_with: Write) -> None:
    empty("init", "--name", "AMAP", "--role", "group", "--json")
    empty("circuit", "found", "Circuit")
    assert empty.fails(6, "product", "import", file_with(GOOD))["code"] == "not_a_producer"


@pytest.mark.skipif(not OFN.exists(), reason="the shared data is not here")
def test_the_sample_file_of_open_food_network_comes_in_whole(founded: Foodhub) -> None:
    assert founded.json("product", "import", OFN)["new"] == 120
    assert len(founded.json("product", "list")) == 120
    assert founded.json("product", "import", OFN)["unchanged"] == 120
