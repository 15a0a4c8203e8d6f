import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.product import Product, Stock, product_id
from foodhub.log.encoding import decode, encode

FARM = bytes(range(32))
CARROTS = Product(
    local=b"\x07" * 16,
    version=1,
    sku="TC-CAR-1",
    name="Carottes",
    variant="botte",
    category="Légumes",
    description="",
    unit="g",
    unit_value=500,
    unit_name="",
    price=245,
    price_per="piece",
    currency="EUR",
    step=1,
    tax_category="TVA 5,5 %",
    shipping_category="Frais",
    withdrawn=False,
)


def test_a_product_is_one_array_that_begins_with_its_name() -> None:
    plain = msgspec.msgpack.decode(encode(CARROTS))
    assert plain == [
        *("product", b"\x07" * 16, 1, "TC-CAR-1", "Carottes", "botte", "Légumes", "", "g", 500, ""),
        *(245, "piece", "EUR", 1, "TVA 5,5 %", "Frais", False),
    ]


def test_stock_is_one_array_that_begins_with_its_name() -> None:
    assert msgspec.msgpack.decode(encode(Stock(b"\x07" * 16, 2, "counted", 40))) == [
        "stock",
        b"\x07" * 16,
        2,
        "counted",
        40,
    ]


def test_both_are_read_again_from_their_one_encoding() -> None:
    decoder = msgspec.msgpack.Decoder(Product | Stock)
    for statement in (CARROTS, Stock(b"\x07" * 16, 2, "on_demand", 0)):
        assert decode(decoder, encode(statement)) == statement


@pytest.mark.parametrize(
    ("position", "value"),
    [(1, b"short"), (2, 0), (8, "oz"), (9, 0), (11, -1), (11, 2**53), (11, 2.45), (12, "lb"), (14, 0), (17, None)],
)
def test_a_field_of_the_wrong_kind_or_range_is_not_read(position: int, value: object) -> None:
    plain = msgspec.msgpack.decode(encode(CARROTS))
    plain[position] = value
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(plain), type=Product)


def test_an_id_keeps_its_value_for_ever() -> None:
    """Other nodes hold these ids: whoever changes them makes every product a new one."""
    assert product_id("TC-CAR-1", FARM, "", "", "g", 1).hex() == "9579179b936b1ee1cfc370ca247b288b"
    assert product_id("", FARM, "Carottes", "botte", "g", 500).hex() == "3a926e90af0949502adbdb711ffba9c4"


def test_a_sku_alone_makes_the_id() -> None:
    assert product_id("A", FARM, "Carottes", "", "g", 500) == product_id("A", FARM, "Panais", "botte", "piece", 1)
    assert product_id("A", FARM, "Carottes", "", "g", 500) != product_id("A", FARM[::-1], "Carottes", "", "g", 500)


texts = st.text(max_size=3)
keys = st.tuples(
    texts, st.sampled_from([FARM, FARM[::-1]]), texts, texts, st.sampled_from(["g", "ml", "piece"]), st.integers(1, 9)
)


@given(keys, keys)
def test_ids_are_equal_only_for_the_same_product(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    same = one[:2] == other[:2] if one[0] or other[0] else one == other
    assert (product_id(*one) == product_id(*other)) == same
    assert len(product_id(*one)) == 16
