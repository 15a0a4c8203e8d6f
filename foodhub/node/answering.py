"""Answering orders: one turn at the desk of an aggregator, cycle by cycle.

The device that its exchange names answers for an aggregator; if that is retired, its heir, which goes on from the
receipts, promises and allotments of the log it inherits (see `rights.desks`).
"""

from foodhub.node.book import Book, keep_books, open_books, read_book
from foodhub.node.counting import Gate, gate_of
from foodhub.node.cycles import CycleRow
from foodhub.node.desk import SLICE, Desk
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.rights import readable_desks
from foodhub.node.waiting import exchanges_at, has_work, note_over, note_served
from foodhub.store.transaction import Transaction

__all__ = ["SLICE", "answer_orders", "has_work"]


def answer_orders(tx: Transaction, hat: Hat) -> int:
    """Do one slice of what is due at the desk in each cycle; return how much was done, 0 when nothing is left."""
    ours = readable_desks(tx, hat)
    if not ours:
        return 0
    books = open_books(tx, hat)
    done = 0
    for cycle, exchange in exchanges_at(tx.db, hat, ours, tx.now):
        gate = gate_of(tx.db, exchange, cycle, tx.now)
        book = _book(tx, hat, cycle, exchange, gate, books.get(cycle.key))
        books[cycle.key] = book
        some = Desk(tx, hat, cycle, exchange, gate, book).turn()
        if not some and gate.counted is not None:
            note_over(tx, hat, cycle.key)
        done += some
    keep_books(tx, hat, books)
    if not done:
        note_served(tx, hat)
    return done


def _book(tx: Transaction, hat: Hat, cycle: CycleRow, exchange: Exchange, gate: Gate, book: Book | None) -> Book:
    """Return the book of a cycle; it is read anew when it was closed or opened again since."""
    counted = gate.counted
    if book is None or book.at != (counted.at if counted else None):
        return read_book(
            tx.db,
            hat.member,
            cycle,
            exchange.device,
            counted.at if counted else None,
            counted.versions if counted else None,
        )
    return book
