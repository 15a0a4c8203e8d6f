"""The live bar of an aggregator's customers: how far the cases of a cycle are filled, told to all of them.

At most once in a transaction of receipts, and where there are many customers at most once in ten minutes: what all of
them read is sealed to each.
"""

import sqlite3
from typing import Any

import msgspec

from foodhub.log.encoding import LIMIT
from foodhub.log.header import Log
from foodhub.node.book import Book
from foodhub.node.counting import chunks, readers_of
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.supplies import Key, Supplies
from foodhub.orders.closing import Tally, TallyLine
from foodhub.orders.statements import derived_id
from foodhub.orders.sums import aggregators_in
from foodhub.orders.tally import tally_lines
from foodhub.store.transaction import Transaction

MANY = 50
"""More customers than that are told less often."""
MOST_LINES = 700
"""More products do not fit an entry beside the slots of its readers."""
SELDOM = 600_000
"""So long (ms) many customers wait between two tallies."""
_tallies = msgspec.msgpack.Decoder(Tally)


def tally_of(db: sqlite3.Connection, aggregator: bytes, cycle: tuple[bytes, bytes]) -> tuple[Tally, int] | None:
    """Return the last tally of an aggregator in a cycle and when it was signed (ms), None while there is none."""
    row: Any = db.execute(
        "SELECT t.body, t.timestamp FROM tally t JOIN party o ON o.ref = t.owner WHERE o.id = ? AND t.local = ?",
        (aggregator, derived_id(b"tally", *cycle)),
    ).fetchone()
    return (_tallies.decode(row[0]), row[1]) if row else None


def tell_tally(tx: Transaction, hat: Hat, exchange: Exchange, book: Book, supplies: Supplies, *, receipt: bool) -> int:
    """Tell all customers how far cases are filled, if that changed or one is new; return 1 if it was said, else 0."""
    keys = {key for key, demand in book.demands.items() if demand.places and supplies.goods(key).by_the_case}
    told = tally_of(tx.db, hat.member, exchange.cycle)
    if not keys and told is None:
        return 0
    customers = {buyer for key in book.demands for buyer, _ in book.demands[key].places}
    due, last = _due_key(hat, exchange), told[1] if told else 0
    if len(customers) > MANY and tx.now < last + SELDOM:
        if receipt:
            tx.db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (due, last + SELDOM))
        return 0
    tx.db.execute("DELETE FROM meta WHERE key = ?", (due,))
    lines = _lines(tx, exchange, book, supplies, keys)
    # A laptop whose place this one has taken may have been ahead of it: what is not yet says of nobody that it is new.
    new = any(last < book.since[buyer] <= tx.now for buyer in customers)
    if told is not None and told[0].lines == lines and not new:
        return 0
    version = told[0].version + 1 if told else 1
    tally = Tally(derived_id(b"tally", *exchange.cycle), version, *exchange.cycle, lines)
    for chunk in chunks(readers_of(tx.db, customers)):
        tx.append(hat.member, Log.TRADE, [tally], readers=chunk)
    return 1


def _lines(tx: Transaction, exchange: Exchange, book: Book, supplies: Supplies, keys: set[Key]) -> list[TallyLine]:
    queue = {key: rows for key, rows in book.queue().items() if key in keys}
    above = None if exchange.own_supplier else tally_of(tx.db, exchange.supplier, exchange.cycle)
    passed = {(line.producer, line.product): line for line in above[0].lines} if above else None
    terms = {key: supplies.terms(key) for key in queue}
    lines = tally_lines(queue, terms, aggregators_in(queue.values(), exchange.cycle), passed)
    return [_bounded(line) for line in lines[:MOST_LINES]]


def _bounded(line: TallyLine) -> TallyLine:
    """Cut sums to what can be signed: somebody may have ordered more than there is in the world."""
    sums = {name: min(getattr(line, name), LIMIT - 1) for name in ("quantity", "tolerance", "cases", "missing")}
    return msgspec.structs.replace(line, **sums)


def next_tally(db: sqlite3.Connection, hat: Hat) -> int | None:
    """Return when (ms) the next tally is due for which customers of a member wait, None while none do."""
    row = db.execute(
        "SELECT min(value) FROM meta WHERE key BETWEEN ? AND ?",
        (f"tally {hat.member.hex()} ", f"tally {hat.member.hex()} g"),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def forget_tally(tx: Transaction, hat: Hat, exchange: Exchange) -> None:
    """Note that nobody waits for a tally any more: the aggregator has closed."""
    tx.db.execute("DELETE FROM meta WHERE key = ?", (_due_key(hat, exchange),))


def _due_key(hat: Hat, exchange: Exchange) -> str:
    return f"tally {hat.member.hex()} {exchange.cycle[1].hex()}"
