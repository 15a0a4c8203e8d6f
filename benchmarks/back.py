"""What a laptop that slept for half a year fetches until its catalog is usable: bytes between two pure sessions.

200 producers keep shops of 60 products and say 100 things a week; each restates its log whenever the duty would. The
laptop has what was said in the first week, the other node what a pruned one has: the last two checkpoints and what
follows. Real stores on both sides, no sockets; all frames are counted, both ways, from the first hello on.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.figure import Figure, Measurement, below
from benchmarks.homes import START, Producer, add_producers, follower, founded, take
from foodhub.catalog.checkpoint import Said, due, live, worthwhile
from foodhub.catalog.ofn import read as read_sheet
from foodhub.catalog.ofn import to_product, to_stock
from foodhub.catalog.statements import Product, Stock, product_id
from foodhub.log.encoding import encode
from foodhub.log.header import RANDOM_BYTES, Kind, Log
from foodhub.log.keys import SigningKey
from foodhub.log.run import MAX_ENTRIES, write_run
from foodhub.node.application import Node
from foodhub.node.checkpoints import TERMS_KEPT
from foodhub.node.exchange import Arrival, take_runs
from foodhub.p2p.commands import CheckStanding, Command, Commit, LoadFrontier, LoadRun, LoadWanted, Send, Settled
from foodhub.p2p.proof import Party
from foodhub.p2p.session import Session
from foodhub.store.outgoing import frontier, read_run, wanted
from foodhub.store.transaction import checkpoint_bodies

PRODUCERS = 200
PRODUCTS = 60
A_WEEK = (80, 121)
"""100 entries on average, so that producers are at different distances from their last checkpoints."""
WEEKS = 26
PRICES = 0.25
"""How many of the changes are of a price; the others count stock."""
WEEK = 7 * 24 * 3_600_000
OPEN = 4 * 24 * 3_600_000
"""A cycle opens every week, and stays open for so long (ms)."""
Written = tuple[int, int, bytes]
"""(kind, time, payload)"""


def _rows() -> list[Any]:
    """Return the rows of the product lists that come with the demo."""
    folder = files("foodhub") / "demo_catalog"
    names = ("market_garden.csv", "dairy.csv", "bakery.csv")
    return [row for name in names for row in read_sheet((folder / name).read_bytes()).rows]


def _shop(chance: random.Random, member: bytes, count: int, rows: Sequence[Any]) -> list[tuple[Product, Stock]]:
    """Return the products of one shop, described in words of its own."""
    words = " ".join(row.description for row in rows).split()
    shop = []
    for number in range(count):
        row = chance.choice(rows)
        name = f"{row.name} {chance.choice(words)}"
        sku = f"{chance.choice('ABCDEFGHKLMNPRST')}{chance.choice('ABCDEFGHKLMNPRST')}-{number:03}"
        local = product_id(sku, member, name, row.variant, row.unit, row.unit_value)
        text = " ".join(chance.choices(words, k=chance.randrange(4, 16)))
        product = msgspec.structs.replace(
            to_product(row, local=local, version=1, currency="EUR"), name=name, sku=sku, description=text
        )
        shop.append(
            (product, msgspec.structs.replace(to_stock(row, local=local, version=1), mode="counted", on_hand=40))
        )
    return shop


@dataclass(slots=True)
class Log1:
    """One producer's catalog log as its device writes it, with a checkpoint whenever the duty would write one.

    `first` is what was written in the first week; `parts` begin with a checkpoint each, all but the first of them: what
    a pruned node keeps are the last two. `behind` are the payloads behind the last checkpoint, `size` their bytes.
    """

    chance: random.Random
    seq: int = 0
    first: list[Written] = field(default_factory=list)
    parts: list[tuple[int, list[Written]]] = field(default_factory=lambda: [(1, [])])
    said: list[Said] = field(default_factory=list)
    behind: list[bytes] = field(default_factory=list)
    size: int = 0
    look: int = 0

    def say(self, at: int, statement: Product | Stock) -> None:
        """Write an entry, and do the duty."""
        payload = self._write(Kind.ERASABLE, at, encode([statement]))
        self.said.append(Said(self.seq, at, statement))
        self.behind.append(payload)
        self.size += len(payload)
        if at < START + WEEK:
            self.first.append((int(Kind.ERASABLE), at, payload))
        if due(len(self.behind), self.size) and self.seq >= self.look:
            self._restate(at)

    def _restate(self, now: int) -> None:
        """Do what `node.checkpoints.write_checkpoint` does."""
        opened = range(START, now, WEEK)
        kept = live(self.said, [opens for opens in opened if opens + OPEN > now - TERMS_KEPT])
        bodies = checkpoint_bodies([(each.stamp, each.statement) for each in kept])
        if not worthwhile(self.behind, bodies):
            self.look = self.seq + len(self.behind) // 4 + 1
            return
        self.parts.append((self.seq + 1, []))
        for number, body in enumerate(bodies, 1):
            self._write(Kind.CHECKPOINT_END if number == len(bodies) else Kind.CHECKPOINT, now, body)
        self.said = [Said(self.seq, each.stamp, each.statement) for each in kept]
        self.behind, self.size = [], 0

    def _write(self, kind: Kind, at: int, body: bytes) -> bytes:
        self.seq += 1
        payload = self.chance.randbytes(RANDOM_BYTES) + body
        self.parts[-1][1].append((int(kind), at, payload))
        return payload


def half_a_year(chance: random.Random, member: bytes, rows: Sequence[Any], weeks: int, products: int) -> Log1:
    """Write one producer's log over so many weeks."""
    log = Log1(chance)
    held: dict[bytes, tuple[Product, Stock]] = {}
    for product, stock in _shop(chance, member, products, rows):
        held[product.local] = product, stock
        log.say(START, product)
        log.say(START, stock)
    locals_ = sorted(held)
    for week in range(weeks):
        for at in sorted(chance.randrange(WEEK) for _ in range(chance.randrange(*A_WEEK))):
            local = chance.choice(locals_)
            product, stock = held[local]
            if chance.random() < PRICES:
                product = msgspec.structs.replace(
                    product, version=product.version + 1, price=max(20, product.price + chance.randrange(-30, 31))
                )
                log.say(START + week * WEEK + at, product)
            else:
                stock = msgspec.structs.replace(stock, version=stock.version + 1, on_hand=chance.randrange(200))
                log.say(START + week * WEEK + at, stock)
            held[local] = product, stock
    return log


def _runs(producer: Producer, after: int, parts: Iterable[Sequence[Written]]) -> Iterator[Arrival]:
    """Sign entries behind a place, as they would arrive; what lies before it is nobody's concern any more."""
    seq, identity = after, random.randbytes(32) if after else b""
    for part in (
        written[start : start + MAX_ENTRIES] for written in parts for start in range(0, len(written), MAX_ENTRIES)
    ):
        _, run = write_run(producer.circuit, producer.key, Log.CATALOG, (seq, identity), part)
        seq, identity = run.last, run.ids[-1]
        yield Arrival(run, [payload for _, _, payload in part], "paper")


class Side:
    """One node: a session and a store."""

    def __init__(self, node: Node, circuit: bytes, *, dialer: bool) -> None:
        self.node = node
        names = ("a", "b") if dialer else ("b", "a")
        device = SigningKey(random.randbytes(32))
        self.session = Session(Party(circuit, dialer, *names, random.randbytes(32), (device,)))
        self.settled = 0

    async def do(self, commands: Iterable[Command]) -> list[bytes]:
        """Carry commands out; return the frames to send."""
        frames: list[bytes] = []
        waiting = list(commands)
        read, session = self.node.read, self.session
        while waiting:
            match waiting.pop(0):
                case Send(frame):
                    frames.append(frame)
                case CheckStanding():
                    waiting += session.stand("member")
                case LoadFrontier():
                    waiting += session.frontier(await read(frontier))
                case LoadRun(author, log, after):
                    waiting += session.loaded(*(await read(read_run, author, log, after) or (None, ())))
                case LoadWanted(most):
                    waiting += session.wanted(await read(wanted, most))
                case Commit(run, payloads, size):
                    (fault,) = await self.node.write(take_runs, [Arrival(run, payloads, "peer")])
                    waiting += session.committed(run, size, fault)
                case Settled():
                    self.settled += 1
        return frames


async def converse(a: Side, b: Side) -> tuple[int, int]:
    """Let the dialer `a` and `b` talk until neither has anything left to say; return bytes to `a` and from it."""
    there, back = await a.do(a.session.start()), await b.do(b.session.start())
    to_a = from_a = 0
    while there or back:
        from_a += sum(4 + len(frame) for frame in there)
        for frame in there:
            back += await b.do(b.session.frame(frame))
        to_a += sum(4 + len(frame) for frame in back)
        there = []
        for frame in back:
            there += await a.do(a.session.frame(frame))
        back = []
    assert a.settled, "the dialer completed its round"
    return to_a, from_a


async def _shown(node: Node) -> dict[str, int]:
    """Return the whole catalog as a node shows it, and count its rows."""
    found: defaultdict[str, int] = defaultdict(int)
    for table, columns in (("product", "p.version, p.price"), ("stock", "p.version, p.on_hand")):
        query = f"SELECT m.id, p.local, {columns} FROM {table} p JOIN member m ON m.ref = p.owner ORDER BY 1, 2"
        rows = await node.read(lambda db, query=query: db.execute(query).fetchall())  # type: ignore[misc]
        found[table] = hash(tuple(rows))
        found["rows"] += len(rows)
    return found


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of everything."""

    producers: int = PRODUCERS
    weeks: int = WEEKS
    products: int = PRODUCTS


async def _back(folder: Path, sizes: Sizes) -> list[Figure]:
    chance = random.Random(26)
    rows = _rows()
    async with founded(folder / "hub") as (hub, hat):
        producers = await add_producers(hub, hat, sizes.producers)
        async with follower(folder / "laptop", hub) as laptop, follower(folder / "newcomer", hub) as newcomer:
            said = 0
            for producer in producers:
                log = half_a_year(chance, producer.member, rows, sizes.weeks, sizes.products)
                said += log.seq
                kept = log.parts[-2:] if len(log.parts) > 2 else log.parts
                await take(hub, list(_runs(producer, kept[0][0] - 1, [part for _, part in kept])))
                await take(laptop, list(_runs(producer, 0, [log.first])))
            sides = [Side(node, producers[0].circuit, dialer=True) for node in (laptop, newcomer)]
            sizes_of = [await converse(side, Side(hub, producers[0].circuit, dialer=False)) for side in sides]
            shown = [await _shown(node) for node in (hub, laptop, newcomer)]
    assert shown[0] == shown[1] == shown[2], "all three show the same catalog"
    assert shown[0]["rows"] == 2 * sizes.producers * sizes.products
    (down, up), (fresh, _up) = sizes_of
    detail = (
        f"{sizes.producers} producers, {said:,} entries in {sizes.weeks} weeks, {sizes.products} products each;"
        f" {up:,} of it sent; a newcomer: {fresh:,}"
    )
    return [Figure("back_after_6_months_bytes", down + up, "bytes", below(5_000_000), detail=detail)]


def back(folder: Path, sizes: Sizes = Sizes()) -> list[Figure]:
    """Measure what a laptop takes to be back after half a year."""
    return asyncio.run(_back(folder, sizes))


MEASUREMENTS = (Measurement(("back_after_6_months_bytes",), back),)
