"""What members say in a scenario, drawn by chance: profiles, products, stock, cycles, sealed orders, and nonsense."""

from collections.abc import Sequence
from random import Random
from typing import Any

from foodhub.catalog.statements import Part, Stock
from foodhub.circuit.statements import RIGHTS, ROLES, Epoch, Grant, Invite, Keeper, Revoke, Role, Uninvite
from foodhub.log.encoding import encode
from foodhub.log.header import MAX_PAYLOAD, RANDOM_BYTES
from foodhub.log.seal import seal
from foodhub.orders.statements import Cycle, Order, OrderLine, Profile
from tests.pens import MORNING, Pen, invite_key
from tests.stories import GARBAGE, product

FACTS = 4
"""So few different facts that statements about one fact meet."""


def catalog_body(chance: Random, pen: Pen) -> bytes:
    """Return the body of an entry of log 1, now and then one that says nothing."""
    if chance.random() < 0.05:
        return chance.choice(GARBAGE)
    number, version = chance.randrange(FACTS), chance.randint(1, 9)
    local, opens = bytes([number]) * 16, MORNING + chance.randrange(1000)
    said: list[Any] = [
        Profile(version, f"{pen.name} {version}"),
        product(number, version, chance.randint(1, 500)),
        Stock(local, version, "counted", chance.randint(0, 50)),
        Cycle(local, version, "Week", opens, opens + 9, "Europe/Paris", "resale", pen.device),
    ]
    return encode(chance.sample(said, chance.randint(1, 3)))


def circuit_body(chance: Random, pens: Sequence[Pen]) -> bytes:
    """Return the body of an entry of log 0: acts of a steward, which count if its writer is one."""
    whom: Pen = chance.choice(pens)
    role: Role = chance.choice(["steward", *ROLES])
    key = invite_key(f"late {chance.randrange(FACTS)}").public
    said: list[Any] = [
        Grant(whom.id, role),
        Revoke(whom.id, role),
        Invite(key, ["producer", "hub"], MORNING),
        Uninvite(key),
        Keeper(chance.choice(RIGHTS), chance.randint(1, 3), whom.device, [(2, 3)]),
        Epoch(chance.randint(1, 3), whom.box.public, [], b""),
        ["weather", 1],
    ]
    return encode(chance.sample(said, chance.randint(1, 2)))


def body(*statements: Any) -> bytes:
    """Return the body that holds these statements."""
    return encode(list(statements))


def open_payload(chance: Random, body: bytes) -> bytes:
    """Return the payload of an open body; once in a while it is as large as one may be."""
    padded = chance.random() < 0.01
    return chance.randbytes(RANDOM_BYTES) + (chance.randbytes(MAX_PAYLOAD - RANDOM_BYTES) if padded else body)


def sealed_payload(chance: Random, pen: Pen, reader: Pen, place: tuple[bytes, bytes, int, int]) -> bytes:
    """Return an order sealed to a reader; `place` is (circuit, author, log, seq)."""
    number = chance.randrange(FACTS)
    local, quantity = bytes([number]) * 16, chance.randint(1, 9)
    line = OrderLine(reader.id, local, 1, "", "Product", "", "piece", 1, 5, "piece", "EUR", quantity, 0)
    version, cycle = chance.randint(1, 9), bytes(16)
    order = Order(local, version, MORNING, reader.id, cycle, reader.id, cancelled=False, lines=[line])
    secrets = [pen.box.shared(each.box.public) for each in (pen, reader)]
    return seal(encode([order]), place, secrets, chance.randbytes)


def checkpoint_bodies(chance: Random, said: Sequence[tuple[int, Any]]) -> list[bytes]:
    """Return the bodies of a checkpoint, cut into up to four parts, of (first stated, statement)."""
    count = chance.randint(1, 4)
    parts = [said[len(said) * n // count : len(said) * (n + 1) // count] for n in range(count)]
    return [
        encode([Part(number, count, [stamp for stamp, _ in part]), *(statement for _, statement in part)])
        for number, part in enumerate(parts, 1)
    ]
