"""The close at one aggregator: until when orders count, and the list of the versions that do (`Counted`).

A group closes at its own time, a hub when it sees that the cycle was closed. In time is what stands in a receipt of the
aggregator before its list; the list is signed only after everything that was stamped before the close and is here has
its receipt. Views count exactly what is in the list.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from foodhub.log.header import Log
from foodhub.node.book import Book, Held
from foodhub.node.closing import close_of, ready_to_close
from foodhub.node.cycles import CycleRow, in_ms
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.households import households_of, reader_of
from foodhub.node.standing import is_removed
from foodhub.node.supplies import Key, Supplies
from foodhub.orders.closing import Counted, CountedGoods, CountedRow, counted_id, goods_on
from foodhub.orders.parts import whole
from foodhub.orders.queue import Placement
from foodhub.store.transaction import Transaction

ACCEPTED = "accepted_late"
GOODS = 300
"""Products in one part of the list: about 30 kB."""
ROWS = 750
"""Placements in one part of the list: about 45 kB, beside which the slots of its readers have room."""
READERS = 250
"""For so many an entry is sealed; for more it is written again."""
_counted = msgspec.msgpack.Decoder(Counted)


@dataclass(frozen=True, slots=True)
class CountedList:
    """What counts at an aggregator: versions by placement, goods by product, and until when orders counted (ms)."""

    at: int
    rows: Mapping[Placement, CountedRow]
    goods: Mapping[Key, CountedGoods]
    parts: Sequence[Counted]

    @property
    def versions(self) -> dict[Placement, int]:
        """Return by placement the version that counts."""
        return {place: row.version for place, row in self.rows.items()}


@dataclass(frozen=True, slots=True)
class Gate:
    """When an aggregator takes orders: those signed in [opens, until) (ms), and what it counted once it has closed.

    `at` is until when orders counted, None while it is open; `ready` says that the list may be signed.
    """

    opens: int
    until: int
    at: int | None
    ready: bool
    counted: CountedList | None


def gate_of(db: sqlite3.Connection, exchange: Exchange, cycle: CycleRow, now: int) -> Gate:
    """Return whether an aggregator is open at `now` (ms)."""
    at = closed_at(db, exchange, cycle, now)
    until = exchange.closes if at is None else at
    counted = None if at is None else counted_of(db, exchange.aggregator, cycle.key, at)
    return Gate(in_ms(cycle.opens), until, at, at is not None and ready_to_close(db, cycle), counted)


def closed_at(db: sqlite3.Connection, exchange: Exchange, cycle: CycleRow, now: int) -> int | None:
    """Return until when (ms) orders counted at an aggregator that has closed by `now`, None while it is open."""
    closed = close_of(db, cycle)
    # Whoever orders from another aggregator closes at its own time: its order has to be there before that one closes.
    if closed is None and exchange.own_supplier:
        return None
    at = exchange.closes if closed is None else min(exchange.closes, closed)
    # A close that was signed ahead of its time, by a deputy or a clock that is fast, waits for that time. But who has
    # counted has closed, even where a clock was set right since: what it took in now it would never count.
    return at if now >= at or is_counted(db, exchange.aggregator, cycle.key, at) else None


def is_counted(db: sqlite3.Connection, aggregator: bytes, cycle: tuple[bytes, bytes], at: int) -> bool:
    """Say whether an aggregator has signed what counts of a cycle closed at `at` (ms), as far as this home may know."""
    row = db.execute(
        "SELECT 1 FROM counted c JOIN party o ON o.ref = c.owner WHERE o.id = ? AND c.local = ? AND c.at = ?",
        (aggregator, counted_id(cycle, 1), at),
    ).fetchone()
    return row is not None


def counted_of(
    db: sqlite3.Connection, aggregator: bytes, cycle: tuple[bytes, bytes], at: int | None = None
) -> CountedList | None:
    """Return the list of an aggregator for the close at `at` (ms; any close when None), None until it is whole."""
    rows = db.execute(
        "SELECT c.body FROM counted c JOIN party o ON o.ref = c.owner"
        " WHERE o.id = ? AND c.cycle_owner = ? AND c.cycle = ?",
        (aggregator, *cycle),
    )
    parts = [_counted.decode(body) for (body,) in rows]
    if at is None:
        at = max((part.at for part in parts), default=0)
    parts = whole(part for part in parts if part.at == at)
    if not parts:
        return None
    rows_by_place = {(row.buyer, row.order): row for part in parts for row in part.rows}
    goods = {(each.producer, each.product): each for part in parts for each in part.goods}
    return CountedList(at, rows_by_place, goods, parts)


def is_behind(counted: CountedList, book: Book, exchange: Exchange) -> bool:
    """Say whether more was received, or promised, than a list has: its close was gone for a while, and came back.

    A group promises what its supplier promises it, also after its list.
    """
    more = exchange.own_supplier and any(
        each.limited and book.demand(key).promised > each.units for key, each in counted.goods.items()
    )
    return more or book.has_since(counted.versions)


def count(
    tx: Transaction,
    hat: Hat,
    exchange: Exchange,
    book: Book,
    supplies: Supplies,
    at: int,
    before: CountedList | None = None,
) -> int:
    """Sign the list of what counts at the close; return how many parts it has.

    Where a list is there already, what was accepted since joins it, and goes by the aggregator's clock.
    """
    known = before.rows if before else {}
    counts = [
        held for held in book.held.values() if held.received and any(wish.quantity for wish in held.wishes.values())
    ]
    rows = [_row(held, known.get(held.place), at) for held in counts]
    goods = _goods(book, supplies, {(row.buyer, row.order): row.version for row in rows}, before)
    parts = [(rows[first : first + ROWS], goods[:0]) for first in range(0, len(rows), ROWS)]
    parts += [(rows[:0], goods[first : first + GOODS]) for first in range(0, len(goods), GOODS)]
    # A list for the same close may have been longer: what is left of it would make this one no whole.
    parts += [(rows[:0], goods[:0])] * (max(_parts_at(tx.db, hat.member, exchange.cycle, at), 1) - len(parts))
    statements = []
    for number, part in enumerate(parts, 1):
        local = counted_id(exchange.cycle, number)
        version = 1 + _version(tx.db, hat.member, local)
        statements.append(Counted(local, version, *exchange.cycle, at, number, len(parts), *part))
    write_shown(tx, hat, exchange, statements, {row.buyer for row in rows})
    return len(statements)


def _goods(
    book: Book, supplies: Supplies, versions: dict[Placement, int], before: CountedList | None
) -> list[CountedGoods]:
    """Return on what the allocation rests; what was counted before stays, but for what was promised since."""
    known = dict(before.goods) if before else {}
    found = []
    for key in sorted({*book.queue(versions), *known}):
        promised = book.demand(key).promised
        if key in known:
            found.append(msgspec.structs.replace(known[key], units=max(known[key].units, promised)))
            continue
        found.append(goods_on(supplies.terms(key), key, supplies.units(key, promised)))
    return found


def _row(held: Held, known: CountedRow | None, at: int) -> CountedRow:
    """Return the row of a placement; one that was counted stays as it was until its change is accepted."""
    if known is not None and held.counts <= known.version:
        return known
    accepted = held.answer is not None and held.answer.reason == ACCEPTED
    return CountedRow(*held.place, held.counts, by_clock=held.taken >= at and not accepted)


def write_shown(
    tx: Transaction, hat: Hat, exchange: Exchange, statements: Sequence[Any], customers: Iterable[bytes]
) -> list[bytes]:
    """Sign statements, each in an entry, for the aggregator alone, or for all its customers where wishes are shown.

    Returns the entries, in their order; where there are more readers than one entry takes, the last for each statement.
    """
    entries: list[bytes] = []
    for chunk in chunks(_shown_to(tx.db, exchange, customers)):
        entries = [tx.append(hat.member, Log.TRADE, [each], readers=chunk)[0] for each in statements]
    return entries


def _shown_to(db: sqlite3.Connection, exchange: Exchange, customers: Iterable[bytes]) -> list[bytes]:
    """Return who reads besides the aggregator what its customers wish: all of them, or nobody."""
    if not exchange.shown:
        return []
    households = (household.id for household in households_of(db, exchange.aggregator))
    return [reader for reader in readers_of(db, {*customers, *households}) if not is_removed(db, reader)]


def readers_of(db: sqlite3.Connection, customers: Iterable[bytes]) -> list[bytes]:
    """Return who reads for these customers, each once."""
    found = (reader_of(db, customer) for customer in sorted(customers))
    return list(dict.fromkeys(reader for reader in found if reader is not None))


def chunks(readers: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Split readers as slots of a sealed entry allow; one empty chunk where there are none."""
    for first in range(0, len(readers) or 1, READERS):
        yield readers[first : first + READERS]


def _parts_at(db: sqlite3.Connection, member: bytes, cycle: tuple[bytes, bytes], at: int) -> int:
    """Return how many parts a list for the close at `at` (ms) has, 0 without one."""
    row = db.execute(
        "SELECT max(c.part) FROM counted c JOIN party o ON o.ref = c.owner"
        " WHERE o.id = ? AND c.cycle_owner = ? AND c.cycle = ? AND c.at = ?",
        (member, *cycle, at),
    ).fetchone()
    return int(row[0] or 0)


def _version(db: sqlite3.Connection, member: bytes, local: bytes) -> int:
    row = db.execute(
        "SELECT c.version FROM counted c JOIN party o ON o.ref = c.owner WHERE o.id = ? AND c.local = ?",
        (member, local),
    ).fetchone()
    return int(row[0]) if row else 0
