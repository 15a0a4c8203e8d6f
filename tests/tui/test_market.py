import pytest
from msgspec.structs import replace

from foodhub.catalog.naming import id_bytes
from foodhub.node.products import set_product
from foodhub.tui.market import make_lines
from tests.homes import Home, Village
from tests.tui.driving import Driver, driving

pytestmark = pytest.mark.anyio

NAMES = ("Apples", "Beetroot", "Carrots", "Dill", "Épinards", "Fennel", "Garlic", "Horseradish")


async def farm_with(village: Village, *names: str) -> Home:
    farm = await village.home("Farm of Three Oaks", "producer")
    for name in names:
        await farm.product(name, variant="bag", category="Vegetables", unit="g", unit_value=500)
    return farm


async def many(home: Home, count: int) -> None:
    for number in range(count):
        await home.product(f"Product {number:03}")


def cursor_at(driver: Driver) -> str:
    line = driver.app.main.market.table.current
    return line.row.name if line else ""


def line_of(driver: Driver, part: str) -> int:
    return next(index for index, line in enumerate(driver.lines) if part in line)


async def test_the_market_lists_every_product_with_what_it_costs(village: Village, size: tuple[int, int]) -> None:
    farm = await farm_with(village, "Carrots")
    await farm.product("Milk", per="l", price=145, on_hand=12_500)
    await farm.product("Bread", on_hand=None)
    async with driving(farm, size) as driver:
        await driver.sees("Carrots, bag", "Milk", "Bread", "3 products")
        assert all(part in driver.row("Carrots") for part in ("500 g", "2.45 €", " 40 "))
        assert "1.45 €/l" in driver.row("Milk")
        assert "12.5 l" in driver.row("Milk")
        assert "on demand" in driver.row("Bread")
        assert all("Farm of" in driver.row(name) for name in ("Carrots", "Milk", "Bread"))


async def test_a_wide_terminal_shows_the_category_too(village: Village) -> None:
    farm = await farm_with(village, "Carrots")
    async with driving(farm, (120, 40)) as driver:
        await driver.sees("Category", "Vegetables")
    async with driving(farm, (80, 24)) as driver:
        await driver.sees("Carrots")
        assert "Category" not in driver.text


async def test_products_stand_in_the_order_of_the_alphabet_with_their_accents(village: Village) -> None:
    farm = await farm_with(village, "Fennel", "Épinards", "Dill")
    async with driving(farm) as driver:
        await driver.sees("Dill", "Épinards", "Fennel")
        assert line_of(driver, "Dill") < line_of(driver, "Épinards") < line_of(driver, "Fennel")


async def test_the_filter_narrows_while_typing_and_escape_clears_it(village: Village, size: tuple[int, int]) -> None:
    farm = await farm_with(village, *NAMES)
    async with driving(farm, size) as driver:
        await driver.sees("8 products")
        await driver.press("slash", "e", "p", "i")
        await driver.sees("1 of 8 products")
        assert "Épinards" in driver.text
        assert "Carrots" not in driver.text
        await driver.press("x")
        await driver.sees('No product has "epix"', "Esc clears the filter.")
        await driver.press("escape")
        await driver.sees("8 products", "Carrots")
        assert driver.app.focused is driver.app.main.market.table


async def test_the_filter_looks_at_producer_and_category_and_wants_every_word(village: Village) -> None:
    farm = await farm_with(village, *NAMES)
    async with driving(farm) as driver:
        await driver.sees("8 products")
        await driver.press("slash", *"oaks", "space", *"vege", "space", *"gar")
        await driver.sees("1 of 8 products", "Garlic")


async def test_the_filter_holds_for_what_arrives(village: Village) -> None:
    farm = await farm_with(village, *NAMES)
    async with driving(farm) as driver:
        await driver.press("slash", *"car")
        await driver.sees("1 of 8 products")
        await farm.product("Radish")
        await farm.product("Scarole")
        await driver.sees("2 of 10 products", "Scarole")
        assert "Radish" not in driver.text


async def test_letters_typed_into_the_filter_are_no_keys(village: Village) -> None:
    farm = await farm_with(village, *NAMES)
    async with driving(farm) as driver:
        await driver.sees("8 products")
        await driver.press("slash", "q", "2", "question_mark", "a")
        await driver.sees('No product has "q2?a"')


async def test_a_product_published_elsewhere_appears(village: Village) -> None:
    farm = await farm_with(village, *NAMES)
    async with driving(farm) as driver:
        await driver.sees("8 products")
        await farm.product("Aubergines")
        await driver.sees("Aubergines", "9 products")


async def test_the_cursor_stays_on_its_row_when_rows_arrive_above_it(village: Village, size: tuple[int, int]) -> None:
    farm = await farm_with(village, *NAMES)
    async with driving(farm, size) as driver:
        await driver.sees("8 products")
        await driver.press("down", "down")
        assert cursor_at(driver) == "Carrots"
        await farm.product("Aardvark beans")
        await farm.product("Zucchini")
        await driver.sees("10 products")
        assert cursor_at(driver) == "Carrots"


async def test_the_rows_in_view_stay_where_they_are_when_rows_arrive_above(village: Village) -> None:
    farm = await village.home("Farm", "producer")
    await many(farm, 60)
    async with driving(farm) as driver:
        await driver.sees("60 products")
        await driver.press("pagedown", "pagedown", "up")
        held = cursor_at(driver)
        before = line_of(driver, held)
        for name in ("Aaa", "Bbb", "Zzz"):
            await farm.product(name)
        await driver.sees("63 products")
        assert cursor_at(driver) == held
        assert line_of(driver, held) == before


async def test_the_cursor_goes_to_every_row_and_no_further(village: Village, size: tuple[int, int]) -> None:
    farm = await village.home("Farm", "producer")
    await many(farm, 60)
    async with driving(farm, size) as driver:
        await driver.sees("60 products")
        await driver.press("end")
        await driver.sees("Product 059")
        await driver.press("down")
        assert cursor_at(driver) == "Product 059"
        await driver.press("home", "up")
        await driver.sees("Product 000")
        assert cursor_at(driver) == "Product 000"


async def test_a_changed_product_changes_in_place_and_a_withdrawn_one_goes(village: Village) -> None:
    farm = await farm_with(village, "Apples", "Carrots")
    carrots = await farm.product("Cress")
    async with driving(farm) as driver:
        await driver.sees("3 products")
        await farm.write(set_product, farm.hat, id_bytes(carrots), {"price": 199}, 7)
        await driver.until(lambda: "1.99 €" in driver.row("Cress"))
        await farm.write(set_product, farm.hat, id_bytes(carrots), {"withdrawn": True})
        await driver.sees("2 products")
        assert not driver.row("Cress")


async def test_the_rows_of_a_member_go_when_they_no_longer_count(village: Village) -> None:
    farm = await farm_with(village, "Apples", "Carrots")
    async with driving(farm) as driver:
        await driver.sees("2 products")
        await farm.write(lambda tx: tx.db.execute("DELETE FROM product WHERE name = 'Apples'"))
        await driver.sees("1 product")
        assert not driver.row("Apples")


async def test_a_producer_that_says_its_name_later_is_shown_by_it(village: Village) -> None:
    farm = await farm_with(village, "Apples")
    async with driving(farm, (120, 40)) as driver:
        await driver.sees("Farm of Three Oaks")
        await farm.write(lambda tx: tx.db.execute("UPDATE profile SET name = 'Oak Farm'"))
        await driver.until(lambda: "Oak Farm" in driver.row("Apples"))


async def test_enter_shows_all_about_a_product_and_how_to_order_it(village: Village, size: tuple[int, int]) -> None:
    group = await village.home("Group", "group")
    farm = await village.home("Farm", "producer")
    made = await farm.product(
        "Carrots [new]", category="Roots", description="Washed by hand.", sku="C-1", per="kg", step=250
    )
    await village.gossip()
    async with driving(group, size) as driver:
        await driver.sees("Carrots")
        await driver.press("enter")
        await driver.sees("Washed by hand.", "Roots", "C-1", "250 g", f"foodhub order place CYCLE {made[:8]}=250g")
        assert "Carrots [new]" in driver.text
        await driver.press("escape")
        await driver.until(lambda: driver.app.screen is driver.app.main)
    async with driving(farm, size) as driver:
        await driver.press("enter")
        await driver.sees("Washed by hand.", f"foodhub product set {made[:8]} --price PRICE")
        assert "order place" not in driver.text


async def test_ten_thousand_products_are_filtered_while_typing(village: Village) -> None:
    farm = await farm_with(village, "Carrots")
    async with driving(farm) as driver:
        await driver.sees("1 product")
        row = driver.app.main.market.lines[0].row
        rows = [replace(row, id=f"{number}", name=f"Carrots {number:05}") for number in range(10_000)]
        driver.app.main.market.show_lines(make_lines(rows))
        await driver.sees("10000 products")
        await driver.press("slash", *"carr")
        await driver.press("space", "9", "9", "9")
        await driver.sees("19 of 10000 products")
