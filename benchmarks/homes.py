"""Homes to measure on: a circuit founded by a real member, real joins, and producers who write on paper.

A paper producer is a member like any other (invite, join, its own keys), but it has no home: its catalog log is a list
of runs in memory, so that taking runs in can be measured without a sender. Nothing is measured here.
"""

import random
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from foodhub.catalog.statements import Product
from foodhub.circuit.statements import Device, Epoch, Inception, Invite, Join, charter_hash, proof_of_join
from foodhub.log.encoding import encode
from foodhub.log.frontier import Item
from foodhub.log.header import RANDOM_BYTES, Kind, Log
from foodhub.log.keys import BoxKey, SigningKey, seal_to
from foodhub.log.run import MAX_ENTRIES, check_run, write_run
from foodhub.log.run import read_run as read_paper
from foodhub.node import setup
from foodhub.node.application import Node, open_node
from foodhub.node.exchange import Arrival, take_runs
from foodhub.node.hat import Hat
from foodhub.p2p.intake import MOST
from foodhub.store.outgoing import frontier, read_run
from foodhub.store.transaction import Transaction

START = 1_700_000_000_000
"""When paper logs begin, in ms since 1970."""
PAYLOAD = 300
"""Bytes of each payload of a paper log, its random ones included."""
BATCH = MOST
"""Entries that one transaction takes, as `foodhub.p2p.intake` commits them while nobody else writes."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A run as it would arrive: encoded, and its payloads."""

    run: bytes
    payloads: list[bytes]


@dataclass(frozen=True, slots=True)
class Producer:
    """A member without a home; `first` is its log 0 (join and box key)."""

    circuit: bytes
    key: SigningKey
    member: bytes
    first: Arrival


@asynccontextmanager
async def founded(home: Path, name: str = "Hub") -> AsyncIterator[tuple[Node, Hat]]:
    """Make a home whose one member, a hub, has founded a circuit."""
    async with open_node(home, create=True) as node:
        hat, _ = await node.write(setup.make_member, home, name, ["hub"], always_on=True)
        await node.write(setup.found, hat, "Circuit", "A charter.", "EUR")
        yield node, hat


@asynccontextmanager
async def follower(home: Path, source: Node) -> AsyncIterator[Node]:
    """Make a home that has no member of its own and holds the logs of `source`."""
    async with open_node(home, create=True) as node:
        await node.write(Transaction.enter, await source.read(circuit_of))
        await carry(source, node)
        yield node


@asynccontextmanager
async def joined(home: Path, steward: Node, inviter: Hat, name: str, role: str) -> AsyncIterator[tuple[Node, Hat]]:
    """Make a home whose one member has joined the circuit of `steward`, without a network."""
    async with open_node(home, create=True) as node:
        hat, _ = await node.write(setup.make_member, home, name, [role], always_on=False)
        text = await steward.write(setup.invite, inviter, [role], [])
        code = await node.write(setup.prepare_join, home, hat, text)
        await carry(steward, node)
        await node.write(setup.join, hat, code)
        await carry(node, steward)
        await steward.do_duties()
        await carry(steward, node)
        yield node, hat


async def carry(source: Node, target: Node) -> None:
    """Bring all that `target` lacks there from `source`, as a session would, without a network."""
    held = {(item.author, item.log): item.seq for item in await target.read(frontier)}
    batch: list[Arrival] = []
    for item in sorted(await source.read(frontier), key=lambda item: item.log):
        after = held.get((item.author, item.log), 0)
        while after < item.seq:
            batch.append(await source.read(_arrival, item, after))
            after = batch[-1].run.last
            if sum(len(arrival.run.ids) for arrival in batch) >= BATCH:
                await take(target, batch)
                batch = []
    await take(target, batch)


def _arrival(db: sqlite3.Connection, item: Item, after: int) -> Arrival:
    found = read_run(db, item.author, item.log, after)
    assert found is not None
    run, payloads = found
    return Arrival(check_run(circuit_of(db), run), [payload or None for payload in payloads], "carried")


def circuit_of(db: sqlite3.Connection) -> bytes:
    """Return the id of a home's circuit."""
    return bytes(db.execute("SELECT value FROM meta WHERE key = 'circuit'").fetchone()[0])


def arrivals(circuit: bytes, papers: Iterable[Paper]) -> Iterator[list[Arrival]]:
    """Decode and check runs as they are asked for, in batches of `BATCH` entries."""
    batch: list[Arrival] = []
    waiting = 0
    for paper in papers:
        batch.append(Arrival(read_paper(circuit, paper.run), paper.payloads, "paper"))
        waiting += len(paper.payloads)
        if waiting >= BATCH:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


async def take(node: Node, arrivals: Sequence[Arrival]) -> None:
    """Take runs in one transaction; none may be refused."""
    results = await node.write(take_runs, arrivals)
    assert not any(results), results


async def add_producers(node: Node, hat: Hat, count: int) -> list[Producer]:
    """Invite and let in `count` paper producers, and admit them."""
    circuit = await node.read(circuit_of)
    charter = charter_hash(str(await node.read(_charter)))
    invites = [SigningKey(random.randbytes(32)) for _ in range(count)]
    await node.write(_invite, hat, invites)
    producers = [_producer(circuit, charter, invite) for invite in invites]
    await take(node, [producer.first for producer in producers])
    await node.do_duties()
    return producers


def _charter(db: sqlite3.Connection) -> str | None:
    return setup.charter(db)


def _invite(tx: Transaction, hat: Hat, keys: Sequence[SigningKey]) -> None:
    tx.append(hat.member, Log.CIRCUIT, [Invite(key.public, ["producer"], tx.now + 86_400_000) for key in keys])


def _producer(circuit: bytes, charter: bytes, invite: SigningKey) -> Producer:
    signing, box, epoch = SigningKey(random.randbytes(32)), BoxKey(random.randbytes(32)), BoxKey(random.randbytes(32))
    recovery = SigningKey(random.randbytes(32)).public
    inception = Inception(
        random.randbytes(16), Device(signing.public, box.public, always_on=False), recovery, box.public
    )
    proof = invite.sign("invite", proof_of_join(circuit, inception.id, ["producer"], charter))
    statements = [
        Join(inception, ["producer"], charter, invite.public, proof),
        Epoch(
            1, epoch.public, [(signing.public, seal_to(box.public, epoch.secret))], seal_to(box.public, epoch.secret)
        ),
    ]
    payload = random.randbytes(RANDOM_BYTES) + encode(statements)
    _, run = write_run(circuit, signing, Log.CIRCUIT, (0, b""), [(Kind.LASTING, START, payload)])
    return Producer(circuit, signing, inception.id, Arrival(run, [payload], "paper"))


def payloads(entries: int, products: int) -> list[bytes]:
    """Return so many payloads of `PAYLOAD` bytes, about `products` products, one after the other and again."""
    locals_ = [random.randbytes(16) for _ in range(products)]
    return [_payload(locals_[n % products], n // products + 1, n) for n in range(entries)]


def catalog(producer: Producer, bodies: Sequence[bytes], run_length: int = MAX_ENTRIES) -> Iterator[Paper]:
    """Write a catalog log on paper, with a signature every `run_length` entries."""
    seq, identity = 0, b""
    while seq < len(bodies):
        part = list(bodies[seq : seq + run_length])
        lines = [(int(Kind.ERASABLE), START + seq + n, payload) for n, payload in enumerate(part)]
        run, checked = write_run(producer.circuit, producer.key, Log.CATALOG, (seq, identity), lines)
        seq, identity = checked.last, checked.ids[-1]
        yield Paper(encode(run), part)


def _payload(local: bytes, version: int, number: int) -> bytes:
    """Return a payload of exactly `PAYLOAD` bytes that says what one product is."""
    body = encode([_product(local, version, number, "")])
    room = PAYLOAD - RANDOM_BYTES - len(body)
    text = (
        ("Cultivée en pleine terre et récoltée la veille de la livraison. " * 4)
        .encode()[: room - 1]
        .decode(errors="ignore")
    )
    body = encode([_product(local, version, number, text.ljust(room - 1 - len(text.encode()) + len(text)))])
    payload = random.randbytes(RANDOM_BYTES) + body
    assert len(payload) == PAYLOAD, len(payload)
    return payload


def _product(local: bytes, version: int, number: int, description: str) -> Product:
    return Product(
        local=local,
        version=version,
        sku=f"TO-{number % 100_000:05}",
        name="Tomate cœur de bœuf",
        variant="cagette",
        category="Légumes",
        description=description,
        unit="g",
        unit_value=500,
        unit_name="barquette",
        price=245 + number % 400,
        price_per="piece",
        currency="EUR",
        step=1,
        tax_category="",
        shipping_category="",
        withdrawn=False,
    )


async def fill(node: Node, hat: Hat, entries: int, producers: int = 1, products: int = 0) -> None:
    """Bring the logs of some paper producers into a home: `entries` in all, each about a product of its own.

    With `products` each producer states so many, again and again.
    """
    share = entries // producers
    for producer in await add_producers(node, hat, producers):
        for batch in arrivals(producer.circuit, catalog(producer, payloads(share, products or share))):
            await take(node, batch)
