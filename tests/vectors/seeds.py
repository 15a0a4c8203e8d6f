"""What all vectors are made of: bytes that stand for chance, keys, members, a product; and how JSON shows a value."""

from hashlib import blake2b
from typing import Any

import msgspec

from foodhub.catalog.statements import Product, product_id
from foodhub.circuit.statements import Device, Founding, Inception, Join, charter_hash, proof_of_join
from foodhub.log.keys import BoxKey, SigningKey

BEGIN = 1_790_000_000_000
Json = dict[str, Any]


def seed(name: str, size: int = 32) -> bytes:
    """Return the bytes that stand for chance under a name."""
    return blake2b(name.encode(), digest_size=size, person=b"foodhub-vectors").digest()


CIRCUIT = seed("circuit")
FARM, HUB, STRANGER = (SigningKey(seed(f"{name} signs")) for name in ("farm", "hub", "stranger"))
FARM_BOX, HUB_BOX, STRANGER_BOX = (BoxKey(seed(f"{name} boxes")) for name in ("farm", "hub", "stranger"))


def payload(name: str, body: bytes) -> bytes:
    """Return an open payload: 16 bytes of chance and a body."""
    return seed(name, 16) + body


def fields(struct: msgspec.Struct) -> Json:
    """Return the fields of a struct by name, bytes as hex."""
    return {name: plain(getattr(struct, name)) for name in struct.__struct_fields__}


def plain(value: Any) -> Any:
    """Return a value as JSON shows it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return fields(value)
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def inception(name: str, key: SigningKey, box: BoxKey, *, always_on: bool = False) -> Inception:
    """Return how a member begins."""
    recovery = SigningKey(seed(f"{name} recovery signs")).public, BoxKey(seed(f"{name} recovery boxes")).public
    return Inception(seed(f"{name} salt", 16), Device(key.public, box.public, always_on), *recovery)


FOUNDING = Founding(seed("founding salt", 16), "We own it together.", inception("hub", HUB, HUB_BOX, always_on=True), 1)
INVITE = SigningKey(seed("an invite"))
LAPTOP, LAPTOP_BOX = SigningKey(seed("laptop signs")), BoxKey(seed("laptop boxes"))
TICKET, FARM_RECOVERY = SigningKey(seed("a ticket")), SigningKey(seed("farm recovery signs"))


def a_join(key: SigningKey = FARM, box: BoxKey = FARM_BOX, invite: SigningKey = INVITE) -> Join:
    """Return the farm's join on the invite."""
    newcomer, accepted = inception("farm", key, box), charter_hash(FOUNDING.charter)
    proof = invite.sign("invite", proof_of_join(FOUNDING.circuit, newcomer.id, ["producer"], accepted))
    return Join(newcomer, ["producer"], accepted, invite.public, proof)


def carrots() -> Product:
    """Return a product."""
    local = product_id("CAR-1", FARM.public, "Carottes", "botte", "g", 500)
    texts = ("CAR-1", "Carottes", "botte", "Légumes", "")
    return Product(local, 1, *texts, "g", 500, "bunch", 245, "piece", "EUR", 1, "", "", withdrawn=False)
