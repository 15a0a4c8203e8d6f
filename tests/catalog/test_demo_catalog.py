"""The catalogs that the demo imports: files like those that a market garden, a dairy and a baker have today."""

from importlib.resources import files

import pytest

from foodhub.catalog.ofn import Sheet, read, to_product
from foodhub.catalog.product import check, product_id

NAMES = ["market_garden.csv", "dairy.csv", "bakery.csv"]


def sheet(name: str) -> Sheet:
    return read(files("foodhub").joinpath("demo_catalog", name).read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_catalog_has_no_fault_and_one_producer(name: str) -> None:
    catalog = sheet(name)
    assert catalog.faults == ()
    assert len(catalog.producers) == 1
    for row in catalog.rows:
        check(to_product(row, local=b"\x07" * 16, version=1))


def test_the_demo_catalogs_hold_at_least_75_products_of_three_producers() -> None:
    rows = [row for name in NAMES for row in sheet(name).rows]
    producers = {row.producer: row.producer.encode().ljust(32)[:32] for row in rows}
    ids = {
        product_id(row.sku, producers[row.producer], row.name, row.variant, row.unit, row.unit_value) for row in rows
    }
    assert len(ids) == len(rows) >= 75
    assert len(producers) == 3
    assert {row.unit for row in rows} == {"g", "ml", "piece"}
    assert any(row.on_demand for row in rows)
    assert any(row.on_hand for row in rows)


def test_the_demo_catalogs_show_the_forms_that_farmers_files_have() -> None:
    assert {sheet(name).delimiter for name in NAMES} == {",", ";"}
    assert sheet("market_garden.csv").ignored_columns == ("available_on",)
