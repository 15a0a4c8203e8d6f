"""The decoders of what people bring in themselves: invites, product lists, addresses. A stranger may have made them."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from foodhub.catalog.ofn import read, to_product, to_stock
from foodhub.catalog.product import faults, stock_faults
from foodhub.circuit import device_code
from foodhub.circuit.device_code import Card, DeviceCode, read_card, read_device_code
from foodhub.circuit.invite import PREFIX, InviteCode, read_code, write_code, write_word
from foodhub.errors import RefusedError, UsageError
from foodhub.log.encoding import encode
from foodhub.p2p.redial import Redial
from foodhub.p2p.wire import Unreachable, read_target
from tests.fuzz.decoder import KIB, Decoder
from tests.fuzz.measuring import Cost
from tests.vectors.circuit_cases import invites
from tests.vectors.seeds import BEGIN, CIRCUIT, FARM, INVITE

LONGEST_CODE = 500
PRODUCTS = (
    "producer,sku,name,category,description,units,unit_type,price,on_hand,on_demand,shipping_category\n"
    'Farm,CAR-1,Carottes,Légumes,"by the\nbunch",500,g,2.45,40,,Default\n'
    "Farm,,Pommes,Fruits,,1,kg,3,,1,Default\n"
    "Farm,LAI-1,Lait,Crèmerie,,750,ml,1.10,12,0,Froid\n"
)


def take_invite(data: bytes) -> None:
    """Read an invite as it was pasted."""
    code = read_code(data.decode("utf-8", "surrogateescape"))
    assert read_code(write_code(code)) == code


def taking_word(prefix: str, read: Callable[[str], object]) -> Callable[[bytes], None]:
    """Return what reads a word whose checksum holds, whatever it says: as much of it as somebody would copy."""

    def take(data: bytes) -> None:
        read(write_word(prefix, data[:LONGEST_CODE]))

    return take


def take_products(data: bytes) -> None:
    """Read a product list; a row without fault has to make a product that keeps the rules."""
    for row in read(data).rows:
        assert faults(to_product(row, local=bytes(16), version=1)) is None
        assert stock_faults(to_stock(row, local=bytes(16), version=1)) is None


def take_address(data: bytes) -> None:
    """Read an address that a peer has told, and plan to dial it."""
    address = data.decode("utf-8", "replace")
    plan = Redial("ourselves")
    plan.learn([address])
    for each in plan.due(0.0, []):
        plan.done(each, 1.0)
    target = read_target(address)
    assert 0 < target.port < 65_536


@cache
def codes() -> Sequence[InviteCode]:
    """Return invites."""
    plain = InviteCode(CIRCUIT, INVITE.seed, BEGIN, [])
    return [plain, InviteCode(CIRCUIT, INVITE.seed, BEGIN, ["/ip4/127.0.0.1/tcp/4001/p2p/x", "/dns4/é.example/tcp/1"])]


@cache
def tables() -> Sequence[bytes]:
    """Return product lists in several encodings and with several delimiters."""
    semicolons = PRODUCTS.replace(",", ";")
    return [PRODUCTS.encode(), semicolons.encode("cp1252"), PRODUCTS.replace(",", "\t").encode("utf-16")]


DEVICE_CODE = DeviceCode(
    CIRCUIT, FARM.public, INVITE.seed, BEGIN, "Ferme", ["producer"], ["/ip4/127.0.0.1/tcp/1/p2p/x"]
)
WORDS: list[tuple[str, str, Callable[[str], object], Sequence[Any]]] = [
    ("bytes of an invite", PREFIX, read_code, codes()),
    ("bytes of a device code", device_code.PREFIX, read_device_code, [DEVICE_CODE]),
    ("bytes of a card", device_code.CARD_PREFIX, read_card, [Card(CIRCUIT, ["/ip4/127.0.0.1/tcp/1/p2p/x"])]),
]

DECODERS = [
    Decoder(
        "invite",
        take_invite,
        lambda: [each["text"].encode() for each in invites()["good"]],
        Cost(256 * KIB, 1000),
        Cost(40, 10),
        faults=(RefusedError,),
    ),
    *(
        Decoder(
            name,
            taking_word(prefix, read),
            lambda values=values: [encode(value) for value in values],  # type: ignore[misc]
            Cost(256 * KIB, 1000),
            Cost(200, 40),
            type(values[0]),
            faults=(RefusedError,),
        )
        for name, prefix, read, values in WORDS
    ),
    Decoder("product list", take_products, tables, Cost(2 * KIB * KIB, 4000), Cost(600, 60), faults=(UsageError,)),
    Decoder(
        "address",
        take_address,
        lambda: [b"/ip4/127.0.0.1/tcp/4001/p2p/12D3", b"/ip6/::1/tcp/1/p2p/x", b"/dns4/hub.example/tcp/4001/p2p/x"],
        Cost(64 * KIB, 300),
        Cost(100, 1),
        faults=(Unreachable,),
    ),
]
