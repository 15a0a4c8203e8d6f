"""What a producer signs about a product and its stock.

Every field always stands, in this order, as text, integers, bytes and booleans: the bytes of these structs are hashed
and signed, so no field is ever moved, dropped or given another meaning. The rules that they keep are in `product`.
"""

from hashlib import blake2b
from typing import Final, Literal

from msgspec import Struct

from foodhub.log.encoding import Count, LocalId, Moment, Seq, encode
from foodhub.money import PricePer
from foodhub.quantity import Unit

StockMode = Literal["counted", "on_demand", "per_cycle", "capped"]
"""Counted on the shelf; made as ordered; so much in each cycle; made as ordered, up to so much in each cycle."""

LENGTHS: Final = {
    "sku": (0, 100),
    "name": (1, 200),
    "variant": (0, 200),
    "category": (0, 100),
    "description": (0, 2000),
    "unit_name": (0, 50),
    "tax_category": (0, 100),
    "shipping_category": (0, 100),
}
"""Fewest and most characters of each text of a product."""


class Product(Struct, frozen=True, array_like=True, tag="product"):
    """What a producer sells, at what price; lengths are in `LENGTHS`, money in minor units, quantities in base units.

    `unit_value` is how much of `unit` one piece holds (500 for a bag of 500 g, 1 for an item), and 1 for goods priced
    per kg or l; `unit_name` is what a piece is called ("bunch"), maybe empty; `step` is the least that is ordered, and
    what every order is a multiple of.
    """

    local: LocalId
    version: Seq
    sku: str
    name: str
    variant: str
    category: str
    description: str
    unit: Unit
    unit_value: Seq
    unit_name: str
    price: Count
    price_per: PricePer
    currency: str
    step: Seq
    tax_category: str
    shipping_category: str
    withdrawn: bool


class Stock(Struct, frozen=True, array_like=True, tag="stock"):
    """How much there is of the product `local` by its mode, in pieces, g or ml; 0 where it is made on demand."""

    local: LocalId
    version: Seq
    mode: StockMode
    on_hand: Count


class Case(Struct, frozen=True, array_like=True, tag="case"):
    """The case in which the product `local` leaves its producer: `size` g, ml or pieces in one, 0 for no case.

    Less than `minimum` (in the same units) is not delivered; `word` is the producer's own ("carton", "crate");
    `broken` says that it also delivers a case that is not full.
    """

    local: LocalId
    version: Seq
    size: Count
    minimum: Count
    word: str
    broken: bool


class Part(Struct, frozen=True, array_like=True, tag="part"):
    """The first statement of a part of a checkpoint: which of how many, and when what follows was first stated (ms).

    Parts are consecutive entries of the kinds 2, the last of kind 3. `stamps` has a time for each statement behind it.
    """

    number: Seq
    of: Seq
    stamps: list[Moment]


def product_id(sku: str, producer: bytes, name: str, variant: str, unit: Unit, unit_value: int) -> bytes:
    """Return the 16 bytes that name a product for ever: from its first sku, else from what it is.

    Texts are to be as `texts.clean` leaves them; `producer` is the 32-byte id of its enterprise.
    """
    key = [producer, sku] if sku else [producer, name, variant, unit, unit_value]
    return blake2b(encode(key), digest_size=32, person=b"foodhub-product").digest()[:16]
