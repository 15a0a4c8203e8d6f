"""Taking orders in: what waits for an aggregator, in its order, and what becomes of each by when it was signed.

A receipt restates what of a placement counts; the receipts of a cycle, in their order, are its queue. What may not be
sold is left out of it and answered `not_permitted`; but what was received before stays, as far as its buyer still wants
it: a change that can't be taken takes nothing away. Nothing here promises.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from foodhub.log.body import ROOM
from foodhub.log.header import Log
from foodhub.node.book import Book, Held, answer_of
from foodhub.node.counting import Gate, write_shown
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.node.permitting import Permits
from foodhub.node.standing import is_removed
from foodhub.node.supplies import Key, Supplies
from foodhub.node.waiting import newest_erased
from foodhub.orders.parts import in_parts
from foodhub.orders.queue import Placement
from foodhub.orders.statements import Answer, OrderLine, Outcome, Receipt, ReceiptLine, ReceiptRow
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

_lines = msgspec.msgpack.Decoder(list[OrderLine])
BY_HAND = "by_hand"
BY_CLOCK = "buyers_clock"
"""Why an order counts that came after the close: its buyer's clock says that it was signed before."""
MOST_LINES = 500
"""An order with more lines is refused: what is answered to it has to fit an entry."""


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A placement that waits, in the order in which receipts take it in."""

    timestamp: int
    author: bytes
    log: int
    place: int
    buyer: bytes
    order: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """A placement as it is taken in: what it says, what becomes of it, and what of it its receipt restates.

    `counts` says that the receipt changes the queue. `refused` are the products of which not all is taken in; `by_hand`
    says that a person has to confirm what is more than before.
    """

    place: Placement
    version: int
    entry: bytes
    signed: int
    cancelled: bool
    lines: list[OrderLine]
    outcome: Outcome
    reason: str
    counts: bool
    refused: frozenset[Key]
    by_hand: bool
    wanted: list[ReceiptLine]

    @property
    def row(self) -> ReceiptRow:
        """Return its row of a receipt."""
        return ReceiptRow(*self.place, self.version, self.entry, self.wanted)


class Intake:
    """What waits for one aggregator in a cycle, as things stand in one transaction."""

    def __init__(
        self, tx: Transaction, hat: Hat, cycle: CycleRow, exchange: Exchange, gate: Gate, book: Book, supplies: Supplies
    ) -> None:
        self._tx = tx
        self._db = tx.db
        self._hat = hat
        self._cycle = cycle
        self._exchange = exchange
        self._gate = gate
        self._book = book
        self._supplies = supplies
        self._permits = Permits(tx.db, hat, exchange, book, supplies)

    def fresh(self, most: int) -> list[Fresh]:
        """Return the next placements to be taken in, the oldest first."""
        self._look()
        self._permits.forget()
        found: list[Fresh] = []
        while self._book.waiting and len(found) < most:
            waiting = self._book.waiting.pop()
            held = self._book.held.get((waiting.buyer, waiting.order))
            if held is None or held.version < waiting.version or self._is_late(held):
                fresh = self._read((waiting.buyer, waiting.order), held)
                found += [fresh] if fresh is not None else []
        return found

    def _look(self) -> None:
        """Find what came since the last look; who can't be written to yet is looked at again."""
        book = self._book
        came = [each for each in self._came(book.seen) if self._is_new(each)] + book.mute
        if book.seen == 0 and self._gate.counted is None:
            came += self._late_before()
        book.seen = self._tx.arrival - 1  # the number of this one comes again if it is undone
        book.mute = [each for each in came if reader_of(self._db, each.buyer) is None]
        ready = [each for each in came if each not in book.mute]
        if ready:
            book.waiting = sorted({*book.waiting, *ready}, reverse=True)

    def _came(self, since: int) -> Iterable[Waiting]:
        rows = self._db.execute(
            "SELECT p.timestamp, l.author, l.log, p.place, b.id, p.local, p.version FROM placement p"
            " JOIN party b ON b.ref = p.owner JOIN log l ON l.ref = p.place >> 32"
            " WHERE p.hub = ? AND p.cycle = ? AND p.arrival > ? AND p.cycle_owner = ?",
            (self._hat.member, self._cycle.key[1], since, self._cycle.key[0]),
        )
        return [Waiting(*row) for row in rows]

    def _is_new(self, waiting: Waiting) -> bool:
        """Say whether a placement was not taken in yet, as far as that can be known.

        Receipts and answers are erased only after the close. So an order without them, in a cycle that closed before we
        last signed and opened before the newest entry that is erased, may have had them: it is not answered again.
        """
        place = (waiting.buyer, waiting.order)
        held = self._book.held.get(place)
        if held is not None:
            return held.version < waiting.version
        answer = answer_of(self._db, self._hat.member, place)
        if answer is not None:
            return answer.order_version < waiting.version and not self._is_elsewhere(answer)
        (signed,) = self._db.execute("SELECT max(timestamp) FROM log WHERE author = ?", (self._hat.device,)).fetchone()
        erased_since = self._gate.opens <= newest_erased(self._db, self._hat)
        return not (self._exchange.closes <= (signed or 0) and erased_since)

    def _is_elsewhere(self, answer: Answer) -> bool:
        """Say whether a placement was taken in for another cycle: there it stays, whatever later versions name."""
        row = self._db.execute("SELECT cycle_owner, cycle FROM receipt WHERE entry = ?", (answer.receipt,)).fetchone()
        return row is not None and row != self._cycle.key

    def _late_before(self) -> list[Waiting]:
        """Return what was late for a close that is no more, and is in time now: the cycle was opened again."""
        late = {held.place for held in self._book.held.values() if self._is_late(held)}
        came = [each for each in self._came(0) if (each.buyer, each.order) in late] if late else []
        return [each for each in came if self._outcome(each.timestamp)[0] == "received"]

    def _is_late(self, held: Held) -> bool:
        answer = held.answer
        return self._gate.counted is None and answer is not None and "late" in {answer.outcome, answer.reason}

    def _read(self, place: Placement, held: Held | None) -> Fresh | None:
        row = self._db.execute(
            "SELECT p.version, p.entry, p.timestamp, p.cancelled, p.lines FROM placement p JOIN party b"
            " ON b.ref = p.owner WHERE b.id = ? AND p.local = ? AND p.hub = ? AND p.cycle_owner = ? AND p.cycle = ?",
            (*place, self._hat.member, *self._cycle.key),
        ).fetchone()
        if row is None:
            return None
        version, entry, signed, cancelled, lines = row
        return self._judge(place, held, (version, entry, signed, bool(cancelled)), _lines.decode(lines))

    def _judge(
        self, place: Placement, held: Held | None, head: tuple[int, bytes, int, bool], lines: list[OrderLine]
    ) -> Fresh:
        version, entry, signed, cancelled = head
        before = held if held is not None and held.received and _stands(held) else None
        stranger = self._permits.is_stranger(place[0])
        outcome, reason = self._outcome(signed)
        if len(lines) > MOST_LINES and cancelled:
            lines = []
        elif len(lines) > MOST_LINES or (stranger and before is None):
            outcome, reason, lines = "refused", "not_permitted", lines[:MOST_LINES]
        counts, by_hand, refused = outcome == "received", False, frozenset[Key]()
        wanted = held.lines or [] if held is not None else []
        if counts:
            wanted, refused = self._permits.permit(place[0], before, _left(lines, cancelled), stranger=stranger)
            if refused and before is None and not any(line.quantity for line in wanted):
                outcome, reason, counts = "refused", "not_permitted", False  # nothing of it is sold here
            elif self._exchange.by_hand:
                by_hand, wanted = _as_far_as_confirmed(wanted, before)
        elif before is not None:
            # The buyer tried to change what counts when, or how, that can't be done: it stands as it was.
            outcome, reason = "received", reason if reason == "not_permitted" else "late"
        return Fresh(place, version, entry, signed, cancelled, lines, outcome, reason, counts, refused, by_hand, wanted)

    def _outcome(self, signed: int) -> tuple[Outcome, str]:
        """Return what becomes of what was signed at a time (ms), and why."""
        if signed < self._gate.opens:
            return "refused", "not_open_yet"
        if signed >= self._gate.until:
            return "refused", "late"
        if self._gate.counted is not None:
            return "late", "late"
        return "received", "" if self._gate.at is None else BY_CLOCK

    def decided(self, held: Held, reason: str) -> Fresh | None:
        """Return a placement as it is taken in once a person said yes to it; None where it is not here any more."""
        fresh = self._read(held.place, held)
        if fresh is None:
            return None
        before = held if held.received else None
        lines = _left(fresh.lines, fresh.cancelled)
        wanted, refused = self._permits.permit(held.place[0], before, lines, stranger=False)
        return replace(
            fresh, outcome="received", reason=reason, counts=True, refused=refused, by_hand=False, wanted=wanted
        )

    def gone(self) -> list[ReceiptRow]:
        """Return the rows that take out of the queue who was removed from the circuit, and what a limit set aside."""
        found = [held for held in self._book.held.values() if held.received and held.receipt_lines()]
        buyers = {held.place[0] for held in found}
        removed = {buyer for buyer in buyers if self._removed(buyer)}
        limited = {buyer for buyer in buyers - removed if self._limited(buyer)}
        return [
            ReceiptRow(*held.place, held.version, held.entry, [])
            for held in found
            if held.place[0] in removed or (held.place[0] in limited and self._set_aside(held))
        ]

    def _limited(self, buyer: bytes) -> bool:
        """Say whether a log in which orders of a buyer stand has a limit."""
        query = (
            'SELECT 1 FROM device d JOIN log l ON l.author = d.key WHERE d.member = ? AND l.log = ? AND l."limit" > 0'
        )
        return self._db.execute(query, (self._reader(buyer), int(Log.TRADE))).fetchone() is not None

    def _set_aside(self, held: Held) -> bool:
        """Say whether the entry of a placement stands above the limit of its log; an erased one is not set aside."""
        row = self._db.execute(
            'SELECT 1 FROM device d JOIN log l ON l.author = d.key AND l.log = ?1 AND l."limit" > 0 CROSS JOIN entry e'
            ' ON e.place BETWEEN (l.ref << ?2) + l."limit" AND (l.ref << ?2) + l.held'
            " WHERE d.member = ?3 AND e.id = ?4",
            (int(Log.TRADE), SEQ_BITS, self._reader(held.place[0]), held.entry),
        ).fetchone()
        return row is not None

    def _reader(self, buyer: bytes) -> bytes:
        return reader_of(self._db, buyer) or buyer

    def _removed(self, buyer: bytes) -> bool:
        return is_removed(self._db, self._reader(buyer))

    def write(self, rows: Sequence[ReceiptRow]) -> dict[Placement, tuple[bytes, int]]:
        """Sign receipts of these rows, in order; return where each stands: (entry, position)."""
        basis, customers = self._basis(), {*self._book.since, *(row.buyer for row in rows)}
        found: dict[Placement, tuple[bytes, int]] = {}
        for part in in_parts(rows, ROOM // 2 if self._exchange.shown else ROOM - 8192):
            receipt = Receipt(secrets.token_bytes(16), 1, *self._cycle.key, basis, part)
            (entry,) = write_shown(self._tx, self._hat, self._exchange, [receipt], customers)
            self._book.note(receipt, self._tx.now)
            found |= {(row.buyer, row.order): (entry, position) for position, row in enumerate(part)}
        return found

    def _basis(self) -> list[tuple[bytes, int]]:
        """Return the logs on which promises rest: of those who set something aside, else of the supplier."""
        members = sorted({producer for producer, _ in self._supplies.aside}) or [self._exchange.supplier]
        marks = ",".join("?" * len(members))
        return self._db.execute(
            "SELECT l.author, l.seq FROM log l JOIN device d ON d.key = l.author"  # noqa: S608 - marks only
            f" WHERE l.log = ? AND l.seq > 0 AND d.member IN ({marks}) ORDER BY l.author",
            (int(Log.TRADE), *members),
        ).fetchall()


def _stands(held: Held) -> bool:
    """Say whether something of a placement counts, or waits for a person: of one that was cancelled nothing does."""
    waits = held.answer is not None and any(line.reason == BY_HAND for line in held.answer.lines)
    return waits or any(line.quantity for line in held.lines or ())


def _left(lines: list[OrderLine], cancelled: bool) -> list[OrderLine]:
    """Return which lines are wanted still."""
    return [] if cancelled else lines


def _as_far_as_confirmed(wanted: list[ReceiptLine], before: Held | None) -> tuple[bool, list[ReceiptLine]]:
    """Return whether a placement wants more than a person confirmed, and what of it that one did."""
    confirmed = {key: wish.quantity for key, wish in before.wishes.items()} if before is not None else {}
    more = any(line.quantity > confirmed.get((line.producer, line.product), 0) for line in wanted)
    kept = [
        msgspec.structs.replace(line, quantity=min(line.quantity, confirmed[line.producer, line.product]))
        for line in wanted
        if confirmed.get((line.producer, line.product), 0)
    ]
    return more, kept
