import pytest
from msgspec.structs import replace

from foodhub.catalog.product import (
    Product,
    Stock,
    check,
    default_step,
    faults,
    ordered_quantity,
    ordered_unit,
    stock_faults,
)
from foodhub.errors import FoodhubError, RefusedError, UsageError

BREAD = Product(
    local=b"\x07" * 16,
    version=1,
    sku="",
    name="Pain de campagne",
    variant="",
    category="Pains",
    description="Au levain.\nCuit au feu de bois.",
    unit="g",
    unit_value=500,
    unit_name="",
    price=340,
    price_per="piece",
    currency="EUR",
    step=1,
    tax_category="",
    shipping_category="Sec",
    withdrawn=False,
)
CARROTS = replace(BREAD, name="Carottes", unit_value=1, price=245, price_per="kg", step=500)
MILK = replace(BREAD, name="Lait", unit="ml", unit_value=1, price=145, price_per="l", step=250)
STOCK = Stock(b"\x07" * 16, 1, "counted", 40)


@pytest.mark.parametrize(
    "product", [BREAD, CARROTS, MILK, replace(BREAD, price=0), replace(BREAD, sku="x" * 100, description="")]
)
def test_a_good_product_has_no_fault(product: Product) -> None:
    check(product)
    assert faults(product) is None


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"name": ""}, "name_length"),
        ({"name": "x" * 201}, "name_length"),
        ({"description": "x" * 2001}, "description_length"),
        ({"sku": "x" * 101}, "sku_length"),
        ({"unit_name": "x" * 51}, "unit_name_length"),
        ({"name": "a\nb"}, "name_characters"),
        ({"name": "a\x1b[2Jb"}, "name_characters"),
        ({"variant": "\u202egnp"}, "variant_characters"),
        ({"category": "\udc80"}, "category_characters"),
        ({"description": "a\x00b"}, "description_characters"),
        ({"local": b"short"}, "local_length"),
        ({"version": 0}, "version_range"),
        ({"price": -1}, "price_range"),
        ({"price": 2**53}, "price_range"),
        ({"step": 0}, "step_range"),
        ({"unit_value": 0}, "unit_value_range"),
        ({"currency": "eur"}, "currency_code"),
        ({"currency": "EURO"}, "currency_code"),
        ({"price_per": "kg", "unit": "ml", "unit_value": 1}, "unit_of_price"),
        ({"price_per": "l"}, "unit_of_price"),
        ({"price_per": "kg"}, "unit_value_of_price"),
    ],
)
@pytest.mark.parametrize("whole", [BREAD, replace(BREAD, description="")], ids=["of several lines", "of one line"])
def test_each_broken_rule_has_its_code_and_its_sentence(whole: Product, change: dict[str, object], rule: str) -> None:
    product = replace(whole, **change)
    assert faults(product) == rule
    assert_refused(product, rule)


def test_a_text_that_is_not_in_normal_form_is_refused_before_it_is_signed() -> None:
    assert_refused(replace(BREAD, name="Ce\u0301leri"), "name_not_nfc")


def assert_refused(product: Product, rule: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check(product)
    assert caught.value.code == "bad_product"
    assert caught.value.details["rule"] == rule
    assert "{" not in str(caught.value) + caught.value.hint.format(**caught.value.details)


@pytest.mark.parametrize(
    ("stock", "rule"),
    [
        (STOCK, None),
        (replace(STOCK, mode="on_demand", on_hand=0), None),
        (replace(STOCK, mode="on_demand"), "on_hand_on_demand"),
        (replace(STOCK, on_hand=-1), "on_hand_range"),
        (replace(STOCK, on_hand=2**53), "on_hand_range"),
        (replace(STOCK, version=0), "version_range"),
        (replace(STOCK, local=b""), "local_length"),
    ],
)
def test_stock_is_judged_by_itself(stock: Stock, rule: str | None) -> None:
    assert stock_faults(stock) == rule


def test_goods_are_ordered_in_pieces_or_in_the_base_unit_of_their_price() -> None:
    assert [ordered_unit(product) for product in (BREAD, CARROTS, MILK)] == ["piece", "g", "ml"]
    assert [default_step(product.price_per) for product in (BREAD, CARROTS, MILK)] == [1, 100, 100]


@pytest.mark.parametrize(
    ("product", "text", "quantity"),
    [
        (BREAD, "2", 2),
        (BREAD, "3 pieces", 3),
        (CARROTS, "1.5kg", 1500),
        (CARROTS, "1,5 kg", 1500),
        (CARROTS, "500g", 500),
        (MILK, "75cl", 750),
        (replace(BREAD, step=6), "12", 12),
    ],
)
def test_an_ordered_quantity_is_read_in_the_products_unit(product: Product, text: str, quantity: int) -> None:
    assert ordered_quantity(product, text) == quantity


def refusal(product: Product, text: str) -> tuple[FoodhubError, str]:
    with pytest.raises(FoodhubError) as caught:
        ordered_quantity(product, text)
    return caught.value, f"{caught.value} {caught.value.hint.format(**caught.value.details)}"


@pytest.mark.parametrize(("product", "readings"), [(CARROTS, "2kg or 2g"), (MILK, "2l or 2ml")])
def test_a_bare_number_of_goods_by_weight_is_refused_with_its_two_readings(product: Product, readings: str) -> None:
    error, said = refusal(product, "2")
    assert isinstance(error, UsageError)
    assert error.code == "bare_quantity"
    assert readings in said
    assert product.name in said


@pytest.mark.parametrize(("product", "text"), [(BREAD, "1.5kg"), (BREAD, "50cl"), (CARROTS, "2l"), (MILK, "2 pieces")])
def test_a_unit_that_does_not_fit_the_product_is_refused(product: Product, text: str) -> None:
    error, said = refusal(product, text)
    assert isinstance(error, UsageError)
    assert error.code == "wrong_unit"
    assert text in said


@pytest.mark.parametrize(
    ("product", "text", "says"),
    [
        (CARROTS, "700g", "Write 500g or 1kg."),
        (CARROTS, "1.2kg", "Write 1kg or 1.5kg."),
        (CARROTS, "100g", "Write at least 500g."),
        (CARROTS, "0kg", "Write at least 500g."),
        (BREAD, "0", "Write at least 1."),
        (replace(BREAD, step=6), "8", "Write 6 or 12."),
    ],
)
def test_an_amount_between_two_steps_is_refused_with_the_nearest_right_ones(
    product: Product, text: str, says: str
) -> None:
    error, said = refusal(product, text)
    assert isinstance(error, RefusedError)
    assert error.code == "not_in_steps"
    assert says in said


@pytest.mark.parametrize(("product", "text", "most"), [(BREAD, "1000000000", "10000"), (CARROTS, "10001kg", "10000kg")])
def test_a_slip_of_the_finger_is_refused_with_the_most_that_a_line_takes(
    product: Product, text: str, most: str
) -> None:
    error, said = refusal(product, text)
    assert (error.code, most in said) == ("too_much", True)
    assert ordered_quantity(product, most) > 0


@pytest.mark.parametrize("text", ["-1", "1.5", "beaucoup", ""])
def test_nonsense_is_a_usage_error(text: str) -> None:
    error, _ = refusal(CARROTS, text)
    assert isinstance(error, UsageError)
