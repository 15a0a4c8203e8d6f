"""Where wishes are open to all customers: the queue that counted at the close, shown before anybody is confirmed.

It is signed anew when the allocation changes. That all may read wishes has to be said before anybody orders, so nobody
is told what was given in confidence; who came later reads here what was wanted before.
"""

import sqlite3

import msgspec

from foodhub.node.book import receipts_of
from foodhub.node.closing import close_of
from foodhub.node.counting import write_shown
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.orders.parts import newest
from foodhub.orders.queue import Row, queue_of
from foodhub.orders.shown_queue import Queue, ShownQueue, put_together, queue_parts
from foodhub.store.transaction import Transaction

_queues = msgspec.msgpack.Decoder(Queue)


def show_queue(tx: Transaction, hat: Hat, exchange: Exchange, shown: ShownQueue) -> None:
    """Show all customers of an aggregator from what its allocation follows, if it shows wishes and has not yet."""
    if not exchange.shown:
        return
    before = _parts(tx.db, hat.member, exchange.cycle)
    version = max((part.version for part in before), default=0)
    if queue_parts(exchange.cycle, version, shown) == newest(before):
        return
    customers = {row.buyer for rows in shown.basis.queue.values() for row in rows}
    write_shown(tx, hat, exchange, queue_parts(exchange.cycle, version + 1, shown), customers)


def shown_queue(db: sqlite3.Connection, aggregator: bytes, cycle: tuple[bytes, bytes]) -> ShownQueue | None:
    """Return the queue that an aggregator showed of a cycle (owner, local id), None while it is not whole here."""
    return put_together(_parts(db, aggregator, cycle))


def rows_shown(db: sqlite3.Connection, exchange: Exchange, cycle: CycleRow) -> list[Row]:
    """Return the queue that an aggregator shows as far as it may be read here: at the close, or by receipts so far."""
    shown, closed = shown_queue(db, exchange.aggregator, cycle.key), close_of(db, cycle)
    if shown is not None and shown.basis.at == min(exchange.closes, closed or exchange.closes):
        queue = shown.basis.queue
    else:
        queue = queue_of(receipt for _, receipt in receipts_of(db, exchange.aggregator, cycle, exchange.device))
    return [row for rows in queue.values() for row in rows]


def _parts(db: sqlite3.Connection, aggregator: bytes, cycle: tuple[bytes, bytes]) -> list[Queue]:
    rows = db.execute(
        "SELECT q.body FROM queue q JOIN party o ON o.ref = q.owner WHERE o.id = ? AND q.cycle_owner = ?"
        " AND q.cycle = ?",
        (aggregator, *cycle),
    )
    return [_queues.decode(body) for (body,) in rows]
