"""How fast a hub takes orders in and answers them: 10,000 placements of 200 buyers that arrive at once.

The reference is the same number of answers signed and sealed one by one, without a queue, a promise or a receipt: what
the desk costs besides its own hand. Buyers have no homes; their logs are made on paper beforehand.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, Measurement, at_least_times
from benchmarks.homes import BATCH, circuit_of, founded, take
from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Product
from foodhub.circuit.statements import Device, Epoch, Inception, Invite, Join, charter_hash, proof_of_join
from foodhub.log.encoding import encode
from foodhub.log.header import RANDOM_BYTES, Kind, Log
from foodhub.log.keys import BoxKey, SigningKey, seal_to
from foodhub.log.run import write_run
from foodhub.log.seal import seal
from foodhub.node import setup
from foodhub.node.allotments import allot
from foodhub.node.application import Node
from foodhub.node.cycles import CycleRow, list_cycles, new_cycle
from foodhub.node.desk import SLICE
from foodhub.node.exchange import Arrival
from foodhub.node.hat import Hat
from foodhub.node.products import add_product, product_statement
from foodhub.orders.statements import Answer, AnswerLine, Order, OrderLine, derived_id
from foodhub.store.transaction import Transaction

PLACEMENTS = 10_000
BUYERS = 200
PRODUCTS = 100
LINES = 5
REFERENCE = 2_000


@dataclass(frozen=True, slots=True)
class Buyer:
    """A member without a home; `first` is its log 0."""

    key: SigningKey
    member: bytes
    epoch: BoxKey
    first: Arrival


def _buyer(circuit: bytes, charter: bytes, invite: SigningKey, now: int) -> Buyer:
    signing, box, epoch = SigningKey(random.randbytes(32)), BoxKey(random.randbytes(32)), BoxKey(random.randbytes(32))
    inception = Inception(
        random.randbytes(16),
        Device(signing.public, box.public, always_on=False),
        SigningKey(random.randbytes(32)).public,
        box.public,
    )
    proof = invite.sign("invite", proof_of_join(circuit, inception.id, ["household"], charter))
    sealed = seal_to(box.public, epoch.secret)
    said = [
        Join(inception, ["household"], charter, invite.public, proof),
        Epoch(1, epoch.public, [(signing.public, sealed)], sealed),
    ]
    payload = random.randbytes(RANDOM_BYTES) + encode(said)
    _, run = write_run(circuit, signing, Log.CIRCUIT, (0, b""), [(Kind.LASTING, now, payload)])
    return Buyer(signing, inception.id, epoch, Arrival(run, [payload], "paper"))


async def _buyers(node: Node, hat: Hat) -> list[Buyer]:
    """Invite and let in all buyers."""
    circuit = await node.read(circuit_of)
    charter = charter_hash(str(await node.read(setup.charter)))
    invites = [SigningKey(random.randbytes(32)) for _ in range(BUYERS)]
    now = int(time.time() * 1000)

    def invite(tx: Transaction) -> None:
        said = [Invite(key.public, ["household"], tx.now + 86_400_000) for key in invites]
        tx.append(hat.member, Log.CIRCUIT, said)

    await node.write(invite)
    buyers = [_buyer(circuit, charter, key, now) for key in invites]
    await take(node, [buyer.first for buyer in buyers])
    await node.do_duties()
    return buyers


async def _market(node: Node, hat: Hat) -> tuple[CycleRow, list[Product]]:
    """Open a cycle of a hub that sells products of its own, and set some of each aside."""
    names = [f"Product {number}" for number in range(PRODUCTS)]
    for first in range(0, PRODUCTS, 20):
        await node.write(_publish, hat, names[first : first + 20])
    now = int(time.time() * 1000)
    await node.write(new_cycle, hat, "Week", now - 3_600_000, now + 3_600_000, "Europe/Paris", "resale")
    await node.do_duties()
    cycle = (await node.read(list_cycles, now))[0]
    rows = await node.read(lambda db: db.execute("SELECT local FROM product").fetchall())
    products = [await node.read(product_statement, hat.member, local) for (local,) in rows]
    found = [each for each in products if each is not None]
    await node.write(allot, hat, cycle, {each.local: 800 for each in found})
    return cycle, found


def _publish(tx: Transaction, hat: Hat, names: Sequence[str]) -> None:
    for name in names:
        id_bytes(add_product(tx, hat, name, price=245, price_per="piece", on_hand=1000, more={}))


def _order(cycle: CycleRow, producer: bytes, products: Sequence[Product], now: int) -> Order:
    lines = [
        OrderLine(
            producer,
            product.local,
            product.version,
            product.sku,
            product.name,
            product.variant,
            product.unit,
            product.unit_value,
            product.price,
            product.price_per,
            product.currency,
            random.randint(1, 3),
            0,
        )
        for product in random.sample(list(products), LINES)
    ]
    return Order(random.randbytes(16), 1, now, *cycle.key, cycle.key[0], cancelled=False, lines=lines)


def _orders(circuit: bytes, buyer: Buyer, hub: bytes, orders: Sequence[Order]) -> Arrival:
    """Write the orders of one buyer as a run, each sealed to the hub."""
    secrets = [buyer.epoch.shared(hub), buyer.epoch.shared(buyer.epoch.public)]
    payloads = [
        seal(encode([order]), (circuit, buyer.key.public, int(Log.TRADE), seq), secrets, random.randbytes)
        for seq, order in enumerate(orders, 1)
    ]
    entries = [(int(Kind.ERASABLE), order.placed, payload) for order, payload in zip(orders, payloads, strict=True)]
    _, run = write_run(circuit, buyer.key, Log.TRADE, (0, b""), entries)
    return Arrival(run, list(payloads), "paper")


async def _answered(node: Node, arrivals: Sequence[Arrival]) -> float:
    """Take orders in and answer all of them; return how many seconds that took."""
    each = len(arrivals[0].run.ids)
    began = time.perf_counter()
    for first in range(0, len(arrivals), BATCH // each):
        await take(node, arrivals[first : first + BATCH // each])
    await node.do_duties()
    return time.perf_counter() - began


def _sign_answers(tx: Transaction, hat: Hat, buyers: Sequence[Buyer], lines: list[AnswerLine]) -> None:
    for buyer in buyers:
        order = random.randbytes(16)
        local = derived_id(b"answer", buyer.member, order)
        answer = Answer(local, 1, buyer.member, order, 1, bytes(32), "received", "", bytes(32), 0, lines)
        tx.append(hat.member, Log.TRADE, [answer], readers=[buyer.member])


async def _signed(node: Node, hat: Hat, buyers: Sequence[Buyer], products: Sequence[Product]) -> float:
    """Sign so many answers as there are in the reference, in slices; return how many a second."""
    lines = [AnswerLine(hat.member, each.local, 1, 1, decided=True, reason="") for each in products[:LINES]]
    began = time.perf_counter()
    for _ in range(REFERENCE // SLICE):
        await node.write(_sign_answers, hat, random.sample(list(buyers), SLICE), lines)
    return REFERENCE / (time.perf_counter() - began)


async def _measure(folder: Path) -> list[Figure]:
    async with founded(folder / "hub") as (node, hat):
        buyers = await _buyers(node, hat)
        cycle, products = await _market(node, hat)
        circuit = await node.read(circuit_of)
        (hub,) = await node.read(
            lambda db: db.execute("SELECT public FROM epoch WHERE member = ?", (hat.member,)).fetchone()
        )
        # Whoever is served next in the queue is somebody else each time.
        now = int(time.time() * 1000) - 3_000_000
        times = [sorted(now + random.randrange(2_000_000) for _ in range(PLACEMENTS // BUYERS)) for _ in buyers]
        arrivals = [
            _orders(
                circuit,
                buyer,
                hub,
                [_order(cycle, hat.member, products, at) for at in signed],
            )
            for buyer, signed in zip(buyers, times, strict=True)
        ]
        seconds = await _answered(node, arrivals)
        (answers,) = await node.read(lambda db: db.execute("SELECT count(*) FROM answer").fetchone())
        assert answers == PLACEMENTS, answers
        reference = await _signed(node, hat, buyers, products)
    rate = PLACEMENTS / seconds
    detail = f"{LINES} lines each, {BUYERS} buyers, {PRODUCTS} products"
    return [
        Figure("confirm_10k_orders", rate, "per_s", at_least_times(0.5), "answers_signed", rate / reference, detail),
        Figure("answers_signed", reference, "per_s", detail="one entry each, without a desk"),
    ]


def measure(folder: Path) -> list[Figure]:
    """Measure how many orders a second a hub takes in and answers."""
    return asyncio.run(_measure(folder))


MEASUREMENTS = (Measurement(("confirm_10k_orders", "answers_signed"), measure),)
