"""Answering orders: one turn at the desk of an aggregator, cycle by cycle.

The device that its exchange names answers for an aggregator; if that is retired, its heir, which goes on from the
receipts, promises and allotments of the log it inherits (see `rights.desks`).
"""

from dataclasses import replace

from foodhub.node.book import Book, keep_books, open_books, read_book
from foodhub.node.counting import Gate, gate_of, is_behind
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
        gate, book = _opened(tx, hat, cycle, exchange, books.get(cycle.key))
        books[cycle.key] = book
        some = Desk(tx, hat, cycle, exchange, gate, book).turn()
        if not some and gate.counted is not None:
            note_over(tx, hat, cycle.key)
        done += some
    keep_books(tx, hat, books)
    if not done:
        note_served(tx, hat)
    return done


def _opened(tx: Transaction, hat: Hat, cycle: CycleRow, exchange: Exchange, book: Book | None) -> tuple[Gate, Book]:
    """Return how the desk stands in a cycle, and its book, which is read anew when it closed or opened again since.

    A close can go, with the laptop that signed it or by a limit of its log, and come back. The list for it is here
    then, but orders were taken in after it, and answered as those of an open cycle: so what counts is counted anew, at
    once. Whoever else slept through it was late for the first list too.
    """
    gate = gate_of(tx.db, exchange, cycle, tx.now)
    counted = gate.counted
    if book is not None and book.at == (counted.at if counted else None):
        return gate, book
    if counted is not None:
        book = read_book(tx.db, hat.member, cycle, exchange.device, counted.at, counted.versions)
        if not is_behind(counted, book, exchange):
            return gate, book
        gate = replace(gate, counted=None, ready=True)
    return gate, read_book(tx.db, hat.member, cycle, exchange.device)
