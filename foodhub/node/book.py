"""What a desk knows of one cycle: the queue that its receipts make, what it answered to whom, and what lacks something.

A process keeps its books between two transactions, so that taking in a slice costs what the slice is worth and not
what the cycle is. Each turn asks first whether the own log says what the book was made from; if not, it is read anew.
Nothing here decides or signs.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from foodhub.log.header import Log
from foodhub.node.cycles import CycleRow
from foodhub.node.hat import Hat
from foodhub.node.rights import line_of
from foodhub.orders.queue import Placement, Product, Row, queue_of
from foodhub.orders.statements import Answer, AnswerLine, Receipt, ReceiptLine, ReceiptRow, derived_id
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.keyring import Keyring
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

CycleKey = tuple[bytes, bytes]
"""(owner, local id)"""
UNCHANGED = ("late", "not_permitted")
"""Why a change of a placement that was received is not taken: what its receipt restates is what counted before."""
_receipts = msgspec.msgpack.Decoder(Receipt)
_answer_lines = msgspec.msgpack.Decoder(list[AnswerLine])


@dataclass(slots=True)
class Wish:
    """What a placement wants of one product by its last receipt, and what it is promised; in g, ml or pieces.

    `lacking` are the places of its rows in the queue that lack something, and how much, the oldest first.
    """

    quantity: int = 0
    tolerance: int = 0
    promised: int = 0
    lacking: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Held:
    """One placement as the desk holds it: the version and entry taken in last, when (ms), and the answer to it.

    `lines` are what it wants by its last receipt, and `since` is the version that was the first to want just that.
    """

    place: Placement
    version: int = 0
    since: int = 0
    entry: bytes = b""
    lines: list[ReceiptLine] | None = None
    taken: int = 0
    wishes: dict[Product, Wish] = field(default_factory=dict)
    answer: Answer | None = None

    @property
    def received(self) -> bool:
        """Say whether it was received in time, so that what it wants is in the queue."""
        return self.answer is not None and self.answer.outcome == "received"

    @property
    def counts(self) -> int:
        """Return the version that counts: not one by which its buyer tried to change it too late, however often."""
        return self.since if self.answer is not None and self.answer.reason in UNCHANGED else self.version

    def receipt_lines(self) -> list[ReceiptLine]:
        """Return what it wants by its last receipt, as a receipt says it."""
        return [ReceiptLine(*key, wish.quantity, wish.tolerance) for key, wish in self.wishes.items() if wish.quantity]


@dataclass(slots=True)
class Demand:
    """All that is wanted of one product: sums, who wants it, and the rows that lack something, the oldest first."""

    quantity: int = 0
    tolerance: int = 0
    promised: int = 0
    places: set[Placement] = field(default_factory=set)
    lacking: dict[int, Placement] = field(default_factory=dict)
    state: Any = None


@dataclass
class Book:
    """One cycle of one aggregator; see the module.

    `seen` is the arrival number up to which orders were looked for, `at` the close for which orders were counted (ms).
    `settled` is the allocation that was worked out last, with what it rests on.
    `goods` are products as they were sold when the catalogs stood as `goods_at` says.
    `since` says by customer when (ms) its first placement was taken in.
    """

    taken: list[tuple[int, Receipt]] = field(default_factory=list)
    held: dict[Placement, Held] = field(default_factory=dict)
    demands: dict[Product, Demand] = field(default_factory=dict)
    waiting: list[Any] = field(default_factory=list)
    mute: list[Any] = field(default_factory=list)
    seen: int = 0
    rows: int = 0
    at: int | None = None
    settlement: Any = None
    settled: Any = None
    goods: dict[Product, Any] = field(default_factory=dict)
    goods_at: Any = None
    since: dict[bytes, int] = field(default_factory=dict)

    def queue(self, counted: dict[Placement, int] | None = None) -> dict[Product, list[Row]]:
        """Return the queue of every product; with `counted` of those versions that count at the close."""
        return queue_of((receipt for _, receipt in self.taken), counted)

    def has_since(self, counted: Mapping[Placement, int]) -> bool:
        """Say whether versions were received that a list of those that count (by placement) does not have."""
        return any(
            held.received
            and held.counts > counted.get(place, 0)
            and (place in counted or any(line.quantity for line in held.lines or ()))
            for place, held in self.held.items()
        )

    def demand(self, key: Product) -> Demand:
        """Return what is wanted of a product."""
        return self.demands.setdefault(key, Demand())

    def note(self, receipt: Receipt, now: int) -> None:
        """Note a receipt that was written at `now` (ms)."""
        self.taken.append((now, receipt))
        for row in receipt.rows:
            held = self.held.setdefault((row.buyer, row.order), Held((row.buyer, row.order)))
            held.since = row.version if row.lines != held.lines else held.since
            held.version, held.entry, held.taken, held.lines = row.version, row.entry, now, row.lines
            self.since.setdefault(row.buyer, now)

    def want(self, row: ReceiptRow) -> set[Product]:
        """Bring the queue to what a row of a receipt wants; return the products concerned."""
        held = self.held[row.buyer, row.order]
        wanted = {(line.producer, line.product): (line.quantity, line.tolerance) for line in row.lines}
        for key in held.wishes.keys() - wanted.keys():
            wanted[key] = (0, 0)
        for key, (quantity, tolerance) in wanted.items():
            self._want(held, key, quantity, tolerance)
        return set(wanted)

    def _want(self, held: Held, key: Product, quantity: int, tolerance: int) -> None:
        wish, demand = held.wishes.setdefault(key, Wish()), self.demand(key)
        more = quantity - wish.quantity
        demand.quantity += more
        demand.tolerance += tolerance - wish.tolerance
        wish.quantity, wish.tolerance = quantity, tolerance
        if more > 0:
            self._lack(held, key, more)
        for row in sorted(wish.lacking, reverse=True) if more < 0 else ():
            # The newest rows go first, and what is promised covers the oldest.
            taken = min(wish.lacking[row], -more)
            more += taken
            self.cover(held, key, row, taken)
        if more < 0:
            wish.promised += more
            demand.promised += more
        (demand.places.add if quantity or tolerance else demand.places.discard)(held.place)

    def _lack(self, held: Held, key: Product, amount: int) -> None:
        held.wishes[key].lacking[self.rows] = amount
        self.demands[key].lacking[self.rows] = held.place
        self.rows += 1

    def cover(self, held: Held, key: Product, row: int, amount: int) -> None:
        """Take so much off what a row of the queue lacks."""
        lacking = held.wishes[key].lacking
        lacking[row] -= amount
        if not lacking[row]:
            del lacking[row], self.demands[key].lacking[row]

    def promise(self, held: Held, key: Product, row: int, amount: int) -> None:
        """Note that a row of the queue is promised so much more."""
        held.wishes[key].promised += amount
        self.demands[key].promised += amount
        self.cover(held, key, row, amount)


@dataclass(slots=True)
class _Shelf:
    """The books of one member in this process, and the state of its own logs that they were made from."""

    stamp: Any
    books: dict[CycleKey, Book] = field(default_factory=dict)


_SHELVES: WeakKeyDictionary[Keyring, dict[bytes, _Shelf]] = WeakKeyDictionary()
"""By the keyring of a writing connection, which lasts as long as that one and the keys that it has."""


def open_books(tx: Transaction, hat: Hat) -> dict[CycleKey, Book]:
    """Return the books of a member that still say what its logs say; `keep_books` is to be called at the end."""
    shelves = _SHELVES.setdefault(tx.keyring, {})
    stamp, shelf = _stamp(tx.db, hat), shelves.pop(hat.member, None)
    return shelf.books if shelf is not None and shelf.stamp == stamp else {}


def keep_books(tx: Transaction, hat: Hat, books: dict[CycleKey, Book]) -> None:
    """Keep books that say all that this transaction wrote; if it is undone, the next one finds that its log differs."""
    tx.fold.flush()
    _SHELVES.setdefault(tx.keyring, {})[hat.member] = _Shelf(_stamp(tx.db, hat), books)


def _stamp(db: sqlite3.Connection, hat: Hat) -> Any:
    """Return what changes with every entry of the member's trade logs, and whenever the circuit changes.

    An undone transaction leaves another head: ids are random.
    """
    heads = db.execute(
        "SELECT l.author, l.seq, l.id FROM log l JOIN device d ON d.key = l.author WHERE d.member = ? AND l.log = ?"
        " ORDER BY l.author",
        (hat.member, int(Log.TRADE)),
    ).fetchall()
    circuit = db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
    limits = db.execute('SELECT max(arrival) FROM log WHERE "limit" > 0').fetchone()
    return heads, circuit, limits


def read_book(
    db: sqlite3.Connection,
    member: bytes,
    cycle: CycleRow,
    device: bytes,
    at: int | None = None,
    counted: dict[Placement, int] | None = None,
) -> Book:
    """Read all receipts of an aggregator in a cycle, and its answers; `device` is the one named in its exchange.

    Once it has closed, `counted` are the versions that count for the close `at` (ms).
    """
    book = Book(at=at)
    for when, receipt in receipts_of(db, member, cycle, device):
        book.note(receipt, when)
    for held in book.held.values():
        held.answer = answer_of(db, member, held.place)
    promised = {
        (held.place, (line.producer, line.product)): line.promised
        for held in book.held.values()
        if held.answer is not None
        for line in held.answer.lines
    }
    for key, rows in book.queue(counted).items():
        _enter(book, key, rows, promised)
    return book


def _enter(book: Book, key: Product, rows: Sequence[Row], promised: dict[tuple[Placement, Product], int]) -> None:
    """Enter the queue of a product: what is promised to a placement covers its oldest rows."""
    demand = book.demand(key)
    for row in rows:
        place = (row.buyer, row.order)
        held = book.held[place]
        wish = held.wishes.setdefault(key, Wish())
        covered = min(row.quantity, promised.get((place, key), 0) - wish.promised)
        wish.quantity += row.quantity
        wish.tolerance += row.tolerance
        demand.quantity += row.quantity
        demand.tolerance += row.tolerance
        demand.places.add(place)
        if covered > 0:
            wish.promised += covered
            demand.promised += covered
        if row.quantity > max(covered, 0):
            book._lack(held, key, row.quantity - max(covered, 0))  # noqa: SLF001 - it is made here


def receipts_of(db: sqlite3.Connection, member: bytes, cycle: CycleRow, device: bytes) -> Iterable[tuple[int, Receipt]]:
    """Return the receipts of a cycle with their times (ms), those of the device named before those of its heirs."""
    line = line_of(db, device)
    generation = {key: float(number) for number, key in enumerate(line)}
    # Whoever is not in it went on between its first and its last: a recovery makes itself the heir of all before it.
    between = len(line) - 1.5
    rows = db.execute(
        "SELECT r.timestamp, r.place, l.author, r.body FROM receipt r JOIN party o ON o.ref = r.owner"
        " JOIN log l ON l.ref = r.place >> ? WHERE r.cycle = ? AND r.cycle_owner = ? AND o.id = ?",
        (SEQ_BITS, cycle.key[1], cycle.key[0], member),
    ).fetchall()
    rows.sort(key=lambda row: (generation.get(row[2], between), 0 if row[2] in generation else row[0], row[1]))
    return [(at, _receipts.decode(body)) for at, _place, _author, body in rows]


def answer_of(db: sqlite3.Connection, member: bytes, place: Placement) -> Answer | None:
    """Return the last answer of an aggregator to a placement (buyer, order)."""
    local = derived_id(b"answer", *place)
    row = db.execute(
        "SELECT a.version, a.placement_version, a.outcome, a.reason, a.receipt, a.position, a.lines FROM answer a"
        " JOIN party o ON o.ref = a.owner WHERE o.id = ? AND a.local = ?",
        (member, local),
    ).fetchone()
    if row is None:
        return None
    version, of, outcome, reason, receipt, position, lines = row
    return Answer(
        local, version, *place, of, bytes(32), outcome, reason, receipt, position, _answer_lines.decode(lines)
    )
