"""The hub's desk as a decoder: what members order, offer and set aside, taken in by a real home that does its duties.

Whatever they say, the home answers what it can, keeps to what was set aside, and everything can be shown afterwards.
Each input is played in one transaction that is undone.
"""

import asyncio
import atexit
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Product, Stock
from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.run import check_run
from foodhub.node import setup
from foodhub.node.allotments import allot, list_allotments
from foodhub.node.cycles import list_cycles
from foodhub.node.duties import perform
from foodhub.node.exchange import Arrival, take_runs
from foodhub.node.orders import list_orders
from foodhub.node.products import list_products
from foodhub.node.state import list_members
from foodhub.orders.statements import Allot, Order, OrderLine, Profile, derived_id
from foodhub.store.store import _Writer
from foodhub.store.transaction import Transaction
from tests.fuzz.decoder import KIB, Decoder
from tests.fuzz.measuring import Cost
from tests.fuzz.mutation import join, split
from tests.homes import BEGIN, HOUR, Village
from tests.pens import Paper, Pen, stranger_with

MOST_PIECES = 20
STATEMENT: Any = Order | Allot | Product | Stock | Profile


class Undone(Exception):  # noqa: N818 - no error: it undoes a transaction that went well
    """All was as it should be."""


class Desk:
    """A hub's home with an open cycle, and two members without a home who buy and sell there."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="foodhub-fuzz-")
        self.pens: list[Pen] = []
        with self.state():
            asyncio.run(self.open())
            self.writer = _Writer(self.home)
        atexit.register(self.folder.cleanup)
        atexit.register(self.writer.close)
        self.heads = [dict(pen.heads) for pen in self.pens]

    @contextmanager
    def state(self) -> Iterator[None]:
        """Let the home find what it remembers of itself outside of its folder."""
        before = os.environ.get("XDG_STATE_HOME")
        os.environ["XDG_STATE_HOME"] = str(Path(self.folder.name) / "state")
        try:
            yield
        finally:
            os.environ.pop("XDG_STATE_HOME")
            if before is not None:
                os.environ["XDG_STATE_HOME"] = before

    async def open(self) -> None:
        """Make the home, the cycle and the members."""
        async with AsyncExitStack() as stack:
            village = Village(Path(self.folder.name), stack)
            hub = await village.home("Hub", "hub", "producer")
            self.home, self.hat = hub.node.home, hub.hat
            self.product = id_bytes(await hub.product("Carottes", price=245, on_hand=40))
            await village.open_cycle(hub)
            (self.cycle,) = await hub.read(list_cycles, BEGIN)
            await hub.write(allot, hub.hat, self.cycle, {self.product: 9})
            for name in ("one", "two"):
                code = await hub.write(setup.invite, hub.hat, ["group", "producer"], [])
                pen, joined = stranger_with(code, name, "group", "producer")
                assert await hub.take([joined]) == [None]
                self.pens.append(pen)
            await hub.duties()
            rows = await hub.rows("SELECT public FROM epoch WHERE member = ?", hub.hat.member)
            self.reader: Any = SimpleNamespace(box=SimpleNamespace(public=rows[0][0]))

    def order(self, pen: Pen, quantity: int, version: int = 1) -> Order:
        """Return an order of carrots."""
        hub = self.hat.member
        head = (hub, self.product, 1, "", "Carottes", "")
        line = OrderLine(*head, "piece", 1, 245, "piece", "EUR", quantity, 0)
        return Order(pen.id[:16], version, BEGIN, *self.cycle.key, hub, cancelled=False, lines=[line])

    def write(self, piece: bytes) -> Paper:
        """Write what a piece says: its first byte chooses pen and log."""
        how = piece[0] if piece else 0
        pen, log = self.pens[how & 1], 1 + (how >> 1 & 1)
        return pen.write(log, body=piece[1:], at=BEGIN + (how >> 2) * HOUR, readers=[self.reader])

    def play(self, tx: Transaction, pieces: Sequence[bytes]) -> None:
        """Take in what the pieces say, do all duties, and show everything."""
        tx.now = BEGIN + HOUR
        for piece in pieces:
            try:
                run, payloads = self.write(piece)
            except (PeerFault, ValueError):
                continue
            take_runs(tx, [Arrival(check_run(tx.circuit, run), list(payloads), "a peer")])
        tx.fold.flush()
        for _ in range(3):
            perform(tx)
        assert perform(tx) == 0
        self.show(tx.db)
        reasons = tx.db.execute("SELECT reason FROM unread").fetchall()
        assert [reason for (reason,) in reasons if reason.startswith("unforeseen")] == []
        raise Undone

    def show(self, db: sqlite3.Connection) -> None:
        """Read all that a screen would."""
        hat, now = self.hat, BEGIN + HOUR
        list_orders(db, hat, now)
        list_products(db)
        list_members(db)
        cycles = list_cycles(db, now)
        for cycle in cycles:
            list_allotments(db, cycle)
        query = "SELECT reason FROM unread JOIN log ON ref = place >> 32 WHERE author = ?"
        assert db.execute(query, (hat.device,)).fetchall() == [], "the hub has signed what does not count"


@cache
def desk() -> Desk:
    """Return the one desk of this process."""
    return Desk()


def take_at_the_desk(data: bytes) -> None:
    """Play an input at the desk, and undo it."""
    here = desk()
    for pen, heads in zip(here.pens, here.heads, strict=True):
        pen.heads = dict(heads)
    with here.state(), suppress(Undone):
        here.writer.transact(here.play, (split(data)[:MOST_PIECES],), {})


@cache
def mornings() -> Sequence[bytes]:
    """Return what members may say on a morning."""
    here = desk()
    one, two = here.pens
    more, aside = here.order(two, 8), derived_id(b"allot", *here.cycle.key, here.hat.device, here.product)
    offered = Allot(aside, 1, *here.cycle.key, here.hat.member, here.hat.device, here.product, 5, 0)
    return [
        join([b"\x02" + encode([here.order(one, 3)]), b"\x03" + encode([more])]),
        join(
            [b"\x00" + encode([Profile(1, "One")]), b"\x02" + encode([offered]), b"\x02" + encode([here.order(one, 4)])]
        ),
        join([b"\x02" + encode([here.order(one, 4)]), b"\x02" + encode([here.order(one, 1, 2)])]),
    ]


def too_much() -> bytes:
    """Return two orders that add up to more than a total can say."""
    here = desk()
    one, two = here.pens
    return join([b"\x02" + encode([here.order(one, 2**52)]), b"\x03" + encode([here.order(two, 2**52)])])


@cache
def known() -> Sequence[bytes]:
    """Return keys and ids that mean something at this desk."""
    here = desk()
    members = [pen.id for pen in here.pens] + [here.hat.member]
    return [*members, *(pen.device for pen in here.pens), here.hat.device]


DECODERS = [
    Decoder(
        "desk",
        take_at_the_desk,
        mornings,
        Cost(4096 * KIB, 60_000),
        Cost(2000, 200),
        list[STATEMENT],
        pieces=True,
        prefix=1,
        known=known,
        examples=15,
    )
]
