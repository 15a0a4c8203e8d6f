"""A hub gives back what was set aside for it and it has not promised: when it is asked to, and after the close.

Only the device that promises gives back, or its heir, from what their own logs say, so invariant I1 holds at every
prefix of them. What is left after the close comes back when every customer has its confirmation and producers their
purchase orders, never because an hour has come.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from foodhub.catalog.stock import to_return
from foodhub.log.header import Log
from foodhub.node.book import read_book
from foodhub.node.closing import close_of
from foodhub.node.confirmations import confirmation_of
from foodhub.node.counting import CountedList, closed_at, counted_of
from foodhub.node.cycles import CycleRow, in_ms, list_cycles
from foodhub.node.exchanges import exchange_of
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.node.purchased import in_force
from foodhub.node.rights import desks, readable_desks
from foodhub.node.settling import SUBSTITUTED, all_told, settlement_here
from foodhub.node.shelf import Aside, asides_for
from foodhub.orders.closing import ConfirmedLine
from foodhub.orders.purchase import Purchase
from foodhub.orders.reserving import Return
from foodhub.orders.statements import derived_id
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.transaction import Transaction

Key = tuple[bytes, bytes]
"""(producer, product)"""
SETTLES = 60 * 24 * 3_600_000
"""So long (ms) after a close leftovers are looked for."""
_purchases = msgspec.msgpack.Decoder(Purchase)


def returns_due(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say, without writing anything, whether something changed since this device last looked what to give back."""
    return bool(desks(db, hat)) and _noted(db, _looked(hat)) != _stamp(db, hat)


def give_back(tx: Transaction, hat: Hat) -> int:
    """Give back what is free and was asked for, or is left after the close; return how many products that concerns.

    A duty of the device that answers, to be done before it promises more.
    """
    ours = readable_desks(tx, hat)
    if not ours or not returns_due(tx.db, hat):
        return 0
    done = 0
    for cycle in _to_look_at(tx, hat):
        asides: defaultdict[bytes, list[tuple[bytes, Aside]]] = defaultdict(list)
        for producer, each in asides_for(tx.db, hat.member, cycle.key):
            if each.given > each.returned and each.device in ours:
                asides[each.device].append((producer, each))
        for device, held in asides.items():
            done += _give_back(tx, hat, cycle, device, held)
    _note(tx, _looked(hat), _stamp(tx.db, hat))
    return done


def _to_look_at(tx: Transaction, hat: Hat) -> list[CycleRow]:
    """Return the cycles in which there may be something to give back: few, since this is asked after every entry."""
    asked = tx.db.execute("SELECT DISTINCT cycle_owner, cycle FROM lower WHERE hub = ?", (hat.member,)).fetchall()
    found = []
    for cycle in list_cycles(tx.db, tx.now):
        if in_ms(cycle.closes) + SETTLES < tx.now:
            continue
        if close_of(tx.db, cycle) is not None:
            wanted = _noted(tx.db, _settled(hat, cycle)) != _settling(tx.db, cycle)
        else:
            wanted = cycle.key in asked or not _sells(tx.db, hat, cycle)
        found += [cycle] if wanted else []
    return found


def _sells(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> bool:
    exchange = exchange_of(db, hat.member, cycle)
    return exchange is not None and exchange.own_supplier


def _give_back(tx: Transaction, hat: Hat, cycle: CycleRow, device: bytes, asides: list[tuple[bytes, Aside]]) -> int:
    closed = close_of(tx.db, cycle) is not None
    by_reader: defaultdict[bytes, list[Return]] = defaultdict(list)
    found = _left(tx, hat, cycle, asides) if closed else _asked_back(tx.db, hat, cycle, device, asides)
    for producer, each, kept in found:
        returned = to_return(each.given, each.returned, kept)
        reader = reader_of(tx.db, producer) if returned > each.returned else None
        if reader is not None:
            by_reader[reader].append(_return(tx.db, hat, producer, each, returned))
    for reader, statements in by_reader.items():
        tx.append(hat.member, Log.TRADE, statements, readers=[reader])
    return sum(map(len, by_reader.values()))


def _return(db: sqlite3.Connection, hat: Hat, producer: bytes, held: Aside, returned: int) -> Return:
    local = derived_id(b"return", *held.cycle, held.device, producer, held.product)
    row = db.execute(
        "SELECT r.version FROM returned r JOIN party m ON m.ref = r.owner WHERE m.id = ? AND r.local = ?",
        (hat.member, local),
    ).fetchone()
    version = row[0] + 1 if row else 1
    return Return(local, version, *held.cycle, held.device, producer, held.product, returned)


# While it runs: what was asked back


def _asked_back(
    db: sqlite3.Connection, hat: Hat, cycle: CycleRow, device: bytes, asides: Iterable[tuple[bytes, Aside]]
) -> Iterator[tuple[bytes, Aside, int]]:
    """Yield producer, what is held, and how much of it to keep: what was asked, or is promised if that is more."""
    exchange = exchange_of(db, hat.member, cycle)
    sells = exchange is not None and exchange.own_supplier and exchange.device == device
    book = None
    for producer, each in asides:
        least = each.lowered if sells else 0
        # What the producer was told is cheap to know; the queue is read only when there is something to give back.
        if least is not None and each.given - each.returned > max(least, each.promised):
            book = book or read_book(db, hat.member, cycle, device)
            demand = book.demands.get((producer, each.product))
            yield producer, each, max(least, demand.promised if demand else 0)


# After the close: what is left


def _left(
    tx: Transaction, hat: Hat, cycle: CycleRow, asides: Iterable[tuple[bytes, Aside]]
) -> Iterator[tuple[bytes, Aside, int]]:
    """Yield producer, what is held, and how much of it was ordered in the end, once nothing can change that.

    So it is when all customers have a confirmation, and producers their purchase orders: until then late orders can
    still be accepted, and a purchase order may take more than the shares, which fills the last case.
    """
    at = _closed(tx, hat, cycle)
    counted = None if at is None else counted_of(tx.db, hat.member, cycle.key, at)
    told = None if counted is None else _told(tx.db, hat, cycle, counted)
    ordered = _ordered(tx.db, hat, cycle)
    if counted is None or told is None or any(each.bought and key[0] not in ordered for key, each in told.items()):
        return
    if not _is_settled(tx, hat, cycle):
        return  # what was told so far is of a close before
    waits = False
    for producer, each in asides:
        key = (producer, each.product)
        sums = told.get(key, _Told())
        goods = counted.goods.get(key)
        if goods is not None and (goods.size or goods.minimum) and not ordered:
            waits = True  # nothing filled a case, and one more order may
        else:
            more = ordered.get(producer, Counter())[each.product] - sums.confirmed
            yield producer, each, sums.kept + max(more, 0)
    if not waits:
        _note(tx, _settled(hat, cycle), _settling(tx.db, cycle))


def _is_settled(tx: Transaction, hat: Hat, cycle: CycleRow) -> bool:
    """Say whether all customers were told what was counted last, and not what was before the cycle was opened again."""
    exchange, found = exchange_of(tx.db, hat.member, cycle), settlement_here(tx, hat, cycle)
    return exchange is not None and found is not None and all_told(tx.db, exchange, found)


def _closed(tx: Transaction, hat: Hat, cycle: CycleRow) -> int | None:
    """Return until when (ms) orders counted at this hub, which may close before others of the cycle do."""
    exchange = exchange_of(tx.db, hat.member, cycle)
    return close_of(tx.db, cycle) if exchange is None else closed_at(tx.db, exchange, cycle, tx.now)


class _Told(NamedTuple):
    """What all customers together were confirmed of a product, how much is kept, and what has to be ordered of it."""

    confirmed: int = 0
    kept: int = 0
    bought: int = 0


def _told(db: sqlite3.Connection, hat: Hat, cycle: CycleRow, counted: CountedList) -> dict[Key, _Told] | None:
    """Return what customers were told of each product; None until all were."""
    sums: defaultdict[Key, _Told] = defaultdict(_Told)
    for buyer in {place[0] for place in counted.rows}:
        found = confirmation_of(db, hat.member, buyer, cycle.key)
        if found is None:
            return None
        for line in found.lines:
            key = (line.producer, line.product)
            confirmed, kept, bought = sums[key]
            less = line.share if line.reason == SUBSTITUTED else line.confirmed
            sums[key] = _Told(confirmed + line.confirmed, kept + _kept(line), bought + less)
    return sums


def _kept(line: ConfirmedLine) -> int:
    """Return how much of what a customer was confirmed is kept: less only where something else stands in for it.

    Of what its producer lacks there is nothing to give back, and a shortfall withdraws no promise (I1).
    """
    short = any(slip.about == "shortfall" for slip in line.slips)
    return line.share if line.reason == SUBSTITUTED and not short else line.confirmed


def _ordered(db: sqlite3.Connection, hat: Hat, cycle: CycleRow) -> dict[bytes, Counter[bytes]]:
    """Return what was ordered from each producer that has its purchase order, by product."""
    found: dict[bytes, Counter[bytes]] = {}
    for producer, body in in_force(db, hat.member, cycle.key):
        lines = {line.product: line.quantity for line in _purchases.decode(body).lines}
        found.setdefault(producer, Counter()).update(lines)
    return found


def _settling(db: sqlite3.Connection, cycle: CycleRow) -> str:
    """Return what changes whenever a confirmation, a purchase order, or what is set aside of a cycle does."""
    sums = [
        db.execute(f"SELECT count(*), sum(version) FROM {table} WHERE cycle = ?", (cycle.key[1],)).fetchone()  # noqa: S608 - names of ours
        for table in ("counted", "confirmation", "purchase", "allotment")
    ]
    return f"{sums} {close_of(db, cycle)}"


# When to look


def _stamp(db: sqlite3.Connection, hat: Hat) -> str:
    """Return what changes with our own trade logs, with what producers ask and set aside, and with a close."""
    (signed,) = db.execute(
        "SELECT sum(l.seq) FROM log l JOIN device d ON d.key = l.author WHERE d.member = ? AND l.log = ?",
        (hat.member, int(Log.TRADE)),
    ).fetchone()
    (asked,) = db.execute("SELECT max(arrival) FROM lower WHERE hub = ?", (hat.member,)).fetchone()
    (given,) = db.execute("SELECT max(arrival) FROM allotment WHERE hub = ?", (hat.member,)).fetchone()
    (closed,) = db.execute("SELECT max(arrival) FROM close").fetchone()
    return f"{signed} {asked} {given} {closed} {_noted(db, CIRCUIT_ARRIVAL)}"


def _noted(db: sqlite3.Connection, key: str) -> str:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""


def _note(tx: Transaction, key: str, value: str) -> None:
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _looked(hat: Hat) -> str:
    return f"gave_back {hat.member.hex()}"


def _settled(hat: Hat, cycle: CycleRow) -> str:
    return f"settled {hat.member.hex()} {cycle.id}"
