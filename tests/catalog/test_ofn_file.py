"""The outside of a file: encodings, delimiters, headers and limits; what stands in cells is tested beside `ofn`."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.ofn import read
from foodhub.catalog.ofn_file import MAX_BYTES, MAX_RECORD, MAX_ROWS, open_table
from foodhub.errors import UsageError

HEADER = (
    "producer,sku,name,display_name,category,description,units,unit_type,variant_unit_name,price,on_hand,on_demand,"
    "shipping_category"
)
ROW = 'Fermé,1,Crème,,Laits,"Épaisse, crue",25,cl,,"2,10",3,0,Frais'
TEXT = f"{HEADER}\n{ROW}\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-be").join([b"\xfe\xff", b""]), "utf-16"),
        (TEXT.encode("latin-1"), "cp1252"),
        (TEXT.replace("crue", "3 €").encode("cp1252"), "cp1252"),
    ],
)
def test_every_usual_encoding_is_read(data: bytes, encoding: str) -> None:
    sheet = read(data)
    assert sheet.encoding == encoding
    assert sheet.faults == ()
    assert [(row.producer, row.name, row.unit_value, row.price) for row in sheet.rows] == [("Fermé", "Crème", 250, 210)]


def test_a_byte_that_no_encoding_has_is_a_fault_of_its_cell() -> None:
    sheet = read(TEXT.encode("latin-1").replace(b"crue", b"cr\x9de"))
    assert sheet.encoding == "latin-1"
    assert [(fault.line, fault.column, fault.code) for fault in sheet.faults] == [(2, "description", "characters")]


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("price", ["2,10", '"2,10"', "2.10"])
def test_semicolons_and_tabs_part_columns_as_well(delimiter: str, price: str) -> None:
    cells = ["Fermé", "1", "Crème", "", "Laits", "Épaisse, crue", "25", "cl", "", price, "3", "0", "Frais"]
    text = f"{HEADER.replace(',', delimiter)}\n{delimiter.join(cells)}\n"
    sheet = read(text.encode())
    assert sheet.delimiter == delimiter
    assert [(row.price, row.description) for row in sheet.rows] == [(210, "Épaisse, crue")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(end: str) -> None:
    sheet = read((TEXT + ROW.replace("Crème", "").replace(",1,", ",2,")).replace("\n", end).encode())
    assert [row.line for row in sheet.rows] == [2]
    assert [(fault.line, fault.column) for fault in sheet.faults] == [(3, "name")]


def test_header_names_may_be_written_with_capitals_and_spaces() -> None:
    header = HEADER.replace("display_name", " Display Name ").replace("on_hand", "ON HAND").replace("price", '"Price"')
    assert len(read(f"{header}\n{ROW}\n".encode()).rows) == 1


def test_columns_may_stand_in_any_order_and_unknown_ones_are_told() -> None:
    text = "Bio;available_on;shipping_category;on_hand;price;unit_type;units;category;name;producer\n"
    sheet = read((text + "oui;;Frais;3;2,10;kg;1;Légumes;Panais;Ferme\n").encode())
    assert [(row.name, row.on_hand, row.sku) for row in sheet.rows] == [("Panais", 3, "")]
    assert sheet.ignored_columns == ("bio", "available_on")


def test_a_header_alone_is_an_empty_list() -> None:
    sheet = read(f"{HEADER}\n".encode())
    assert (sheet.rows, sheet.faults, sheet.producers) == ((), (), ())


def refusal(data: bytes) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(data)
    assert "{" not in str(caught.value)
    assert caught.value.hint.format(**caught.value.details)
    return caught.value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf \r\n\n", "empty_file"),
        (ROW.encode(), "not_a_table"),
        (b"PK\x03\x04\x14\x00\x06\x00" + bytes(range(256)) * 20, "not_a_table"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not_a_table"),
        (b"Dear all,\nhere is our price list.\n", "not_a_table"),
        (TEXT.encode("utf-16-le"), "not_a_table"),
        (b'"never closed, ' * 50, "not_a_table"),
        (b"\xff\xfea", "bad_encoding"),
        (b"producer,name,units\nx,y,1\n", "missing_columns"),
        (TEXT.replace("sku", "Name").encode(), "duplicate_column"),
    ],
)
def test_a_file_that_is_no_product_list_is_one_clear_error(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_missing_columns_are_named() -> None:
    error = refusal(b"producer,name,units\nx,y,1\n")
    assert (
        error.details["columns"] == "category, price, shipping_category, unit_type/variant_unit_name, on_hand/on_demand"
    )


def test_a_file_that_is_too_large_is_not_read() -> None:
    assert refusal(bytes(MAX_BYTES + 1)).code == "file_too_large"


def test_a_file_of_too_many_rows_is_refused() -> None:
    table = open_table((f"{HEADER}\n" + "x\n" * (MAX_ROWS + 1)).encode())
    records = table.records()
    assert sum(1 for _ in zip(range(MAX_ROWS), records, strict=False)) == MAX_ROWS
    with pytest.raises(UsageError) as caught:
        next(records)
    assert caught.value.code == "too_many_rows"


@pytest.mark.parametrize("row", ["," * (MAX_RECORD + 1), "x" * (MAX_RECORD + 1), '"a\n",' * MAX_RECORD])
def test_a_row_without_end_is_refused(row: str) -> None:
    error = refusal(f"{HEADER}\n{ROW}\n{row}\n".encode())
    assert error.code == "line_too_long"


def test_a_header_without_end_is_refused() -> None:
    assert refusal(HEADER.encode() + b"," * MAX_RECORD + b"\n").code == "line_too_long"
    assert refusal(b"x" * MAX_RECORD + HEADER.encode()).code == "not_a_table"


def test_a_quote_that_swallows_much_of_the_file_does_not_swallow_the_rest() -> None:
    rows = "".join(f"Ferme,,Produit {number},,Divers,,1,kg,,1,1,0,Frais\n" for number in range(6000))
    sheet = read(f"{HEADER}\n{rows}".replace("Produit 9,", '"Produit 9,').encode())
    assert [(fault.line, fault.code) for fault in sheet.faults] == [(11, "quotes")]
    last_line = sheet.faults[0].details["last_line"]
    assert isinstance(last_line, int)
    assert len(sheet.rows) == 6000 - (last_line - 10)
    assert last_line < 5000


def test_a_cell_that_the_csv_reader_gives_up_is_a_fault() -> None:
    sheet = read(f"{HEADER}\n{'x' * 140_000}\n{ROW}\n".encode())
    assert [fault.line for fault in sheet.faults] == [2]
    assert len(sheet.rows) == 1


@given(st.binary(max_size=300))
def test_any_bytes_below_a_header_give_rows_and_faults(data: bytes) -> None:
    sheet = read(f"{HEADER}\n".encode() + data)
    assert len(sheet.rows) <= data.count(b"\n") + data.count(b"\r") + 1


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_a_usage_error(data: bytes) -> None:
    with suppress(UsageError):
        assert read(data).rows == ()
