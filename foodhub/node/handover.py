"""What is handed on when a represented producer comes to have a home of its own: goods set aside, and what hubs said.

Its representative says again what stands of its goods, so that whoever goes on knows what is spent. Hubs say again what
they had told the representative, once for each that came to be a producer. All in the versions that hold: nothing
changes by it.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from foodhub.catalog.statements import Stock
from foodhub.log.header import Log
from foodhub.node.cycles import in_ms, list_cycles
from foodhub.node.devices import keeper_of
from foodhub.node.hat import Hat
from foodhub.node.households import has_keys
from foodhub.node.retelling import retell
from foodhub.node.shelf import Aside, shelf_of
from foodhub.orders.hands import Contact, Means
from foodhub.orders.purchase import Purchase, PurchaseAnswer
from foodhub.orders.reserving import AllotRequest, Delivered, Lower, Return, Shortfall
from foodhub.orders.statements import Allot, Total
from foodhub.store.entries import log_row
from foodhub.store.schema import CONFIRMED, SEQ_BITS
from foodhub.store.transaction import Transaction

Told = tuple[Any, Means, list[bytes]]
"""A statement as it stands, how its owner had said it, and who else reads it."""
RECENT = 60 * 86_400_000
"""What hubs said longer ago (ms) is not said again, nor what was set aside in a cycle that closed before."""
_delivered = msgspec.msgpack.Decoder(Delivered)
_answers = msgspec.msgpack.Decoder(PurchaseAnswer)
_purchases = msgspec.msgpack.Decoder(Purchase)


def cards_of(db: sqlite3.Connection, member: bytes) -> list[Told]:
    """Return the contact card of a member, for whoever goes on as it."""
    rows = _rows(db, "contact", "local, version, name, phone, address", "p.id = ?", (member,))
    return [(Contact(*row), "", []) for row in rows]


def goods_of(tx: Transaction, producer: bytes) -> list[Told]:
    """Return what stands of a producer's goods that are set aside in cycles that run, or lie on its shelf.

    A cycle that closed of late is as one that runs: it may open again, and what was set aside in it counts then.
    """
    db, shelf = tx.db, shelf_of(tx.db, producer)
    late = {cycle.key for cycle in list_cycles(db, tx.now) if in_ms(cycle.closes) > tx.now - RECENT}
    asides = [each for listed in shelf.asides.values() for each in listed]
    stands = [each for each in asides if each.cycle in late or shelf.lies(each) > 0]
    found = cards_of(db, producer)
    for each in stands:
        found += _aside(db, producer, each)
    cycles = {each.cycle for each in stands}
    for body, told, hub, *cycle in _rows(
        db,
        "purchase_answer",
        "body, told, hub, cycle_owner, cycle",
        "p.id = ? AND f.timestamp > ?",
        (producer, tx.now - RECENT),
    ):
        found.append((_answers.decode(body), told, [hub] if has_keys(db, hub) else []))
        cycles.add((cycle[0], cycle[1]))
    for body, *cycle in _rows(db, "delivered", "body, cycle_owner, cycle", "p.id = ?", (producer,)):
        if tuple(cycle) in cycles:
            found.append((_delivered.decode(body), "", []))
    columns = "local, version, cycle_owner, cycle, hub, product, available, reason, told"
    for *said, told in _rows(db, "shortfall", columns, "p.id = ?", (producer,)):
        short = Shortfall(*said)
        if (short.cycle_owner, short.cycle) in cycles:
            found.append((short, told, [short.hub] if has_keys(db, short.hub) else []))
    return found


def counts_of(db: sqlite3.Connection, hat: Hat, producer: bytes) -> list[Stock]:
    """Return the counts of a producer's goods that stand in a log of another device: who goes on may not hold that."""
    rows = db.execute(
        "SELECT s.local, s.version, s.mode, s.on_hand FROM stock s JOIN party p ON p.ref = s.owner"
        " JOIN log l ON l.ref = s.place >> ? WHERE p.id = ? AND l.author != ? ORDER BY s.local",
        (SEQ_BITS, producer, hat.device),
    )
    return [Stock(*row) for row in rows]


def _aside(db: sqlite3.Connection, producer: bytes, aside: Aside) -> Iterator[Told]:
    """Yield what a producer said of goods set aside for a device of a hub."""
    where = "p.id = ? AND f.cycle_owner = ? AND f.cycle = ? AND f.device = ? AND f.product = ?"
    place = (producer, *aside.cycle, aside.device, aside.product)
    readers = [aside.hub] if has_keys(db, aside.hub) else []
    columns = "local, version, cycle_owner, cycle, hub, device, product, quantity"
    head = log_row(db, aside.device, Log.TRADE)
    for *said, told in _rows(db, "allotment", f"{columns}, told", where, place):
        yield Allot(*(*said, head.seq if head else 0)), told, readers
    for *said, override in _rows(db, "lower", f"{columns}, override", where, place):
        yield Lower(*(*said, bool(override))), "", readers


def successors_due(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether somebody came to be a represented member to whom we have not said yet what we told for it."""
    return bool(_successors(db, hat))


def tell_successors(tx: Transaction, hat: Hat) -> int:
    """Say to who came to be a represented member what we told its representative; return of how many statements."""
    done = 0
    for producer, by in _successors(tx.db, hat):
        said = list(_said_to(tx, hat, producer))
        if said:
            tx.append(hat.member, Log.TRADE, said, readers=[by])
        done += retell(tx, hat, producer, by)
        tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, 1)", (_key(hat, producer, by),))
        done += len(said)
    return done


def _successors(db: sqlite3.Connection, hat: Hat) -> list[tuple[bytes, bytes]]:
    """Return (producer, who is it now) of those to whom this device has something to say."""
    if not {"group", "hub"} & set(hat.roles):
        return []
    rows = db.execute(f'SELECT member, "by" FROM {CONFIRMED.format("")} ORDER BY member').fetchall()  # noqa: S608 - names of ours
    new = [
        (producer, by)
        for producer, by in rows
        if db.execute("SELECT 1 FROM meta WHERE key = ?", (_key(hat, producer, by),)).fetchone() is None
        if has_keys(db, by)
    ]
    return new if new and keeper_of(db, hat.member, "desk") == hat.device else []


def _said_to(tx: Transaction, hat: Hat, producer: bytes) -> Iterator[Any]:
    """Yield what we said of late to a producer."""
    where, values = "p.id = ? AND f.producer = ? AND f.timestamp > ?", (hat.member, producer, tx.now - RECENT)
    head = "local, version, cycle_owner, cycle"
    for row in _rows(tx.db, "total", f"{head}, producer, product, ordered, promised", where, values):
        yield Total(*row)
    for row in _rows(tx.db, "allot_request", f"{head}, producer, product, quantity", where, values):
        yield AllotRequest(*row)
    for row in _rows(tx.db, "returned", f"{head}, device, producer, product, returned", where, values):
        yield Return(*row)
    for (body,) in _rows(tx.db, "purchase", "body", where, values):
        yield _purchases.decode(body)


def _rows(db: sqlite3.Connection, view: str, columns: str, where: str, values: tuple[Any, ...]) -> list[Any]:
    """Return columns of a view, of which `f` is a row and `p` its owner."""
    named = ", ".join(f"f.{column}" for column in columns.split(", "))
    query = f"SELECT {named} FROM {view} f JOIN party p ON p.ref = f.owner WHERE {where} ORDER BY f.local"  # noqa: S608 - names of ours
    return db.execute(query, values).fetchall()


def _key(hat: Hat, producer: bytes, by: bytes) -> str:
    """Return the key in `meta` that says that somebody was told what we had said to its representative."""
    return f"succeeded {hat.member.hex()} {producer.hex()} {by.hex()}"
