"""A producer signs which of the goods that it set aside are in its counts no more: after which deliveries it counted.

It is said in the transaction of the count, for exactly what the count takes as gone. Whoever counts for us under a
mandate can't know what is set aside: then the device that keeps our stock says it, once, when it sees the count. What
is said decides, on every device and for ever; no time that somebody moves later changes it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from foodhub.catalog.statements import Stock
from foodhub.catalog.stock import Left
from foodhub.log.body import ROOM
from foodhub.log.header import Log
from foodhub.node.clocks import AHEAD
from foodhub.node.cycles import CycleRow
from foodhub.node.deliveries import Deliveries, require_closed
from foodhub.node.devices import keeper_of
from foodhub.node.hat import Hat
from foodhub.node.rights import awaited
from foodhub.node.shelf import Aside, Counted, CycleKey, Shelf, shelf_of
from foodhub.orders.hands import Behalf
from foodhub.orders.parts import in_parts
from foodhub.orders.reserving import Delivered, DeliveredRow, delivered_id
from foodhub.store.transaction import Transaction

_HEAD = 512
"""What a part takes besides its rows, in bytes; less than that."""
_delivered = msgspec.msgpack.Decoder(Delivered)


class Leaving(NamedTuple):
    """What is set aside, how much of it was among the goods counted last (pieces, g or ml), and what a count does.

    `gone` is whether it takes that as gone, `said` what is to be signed then.
    """

    aside: Aside
    lies: int
    gone: bool
    said: Left


def leaving(
    db: sqlite3.Connection, producer: bytes, counts: Iterable[Stock], now: int, named: Collection[CycleKey] = ()
) -> list[Leaving]:
    """Return what of the goods set aside these counts take as gone at `now` (ms), or as still on the shelf.

    Gone is what is said to be, in the cycles `named` now or before, and what left by the times of its cycle. What was
    said to have left at a time that has not come yet was said by a clock that was ahead, and is looked at anew.
    """
    shelf, guess = shelf_of(db, producer), Deliveries(db, producer)
    found = []
    for count in counts:
        for aside in shelf.asides.get(count.local, ()) if count.mode == "counted" else ():
            if aside.said_at > now + AHEAD:
                aside = replace(aside, left=Left(count.version))  # noqa: PLW2901 - it was never said
            last, lies = aside.lies(shelf.stock(count.local).version), aside.lies(count.version)
            if last:
                gone = not lies or aside.cycle in named or guess.has_left(aside, now)
                said = _all_of(aside, count.version) if gone and lies else aside.left
                found.append(Leaving(aside, last, gone, said))
    return found


def _all_of(aside: Aside, stock: int) -> Left:
    """Return how it is said that all of what is set aside has left, for counts from a version on."""
    return Left(stock, aside.given, aside.quantity)


def say_left(tx: Transaction, hat: Hat, counts: Sequence[Any], named: Sequence[CycleRow] = ()) -> None:
    """Sign what counts of one owner take as gone; to be called just before all these statements are signed.

    What was sold in the cycles `named` has left, also of products that are not counted now: the next count is without.

    Raises:
        RefusedError: `cycle_still_open`, or nothing can be sealed yet.
    """
    envelope = next((each for each in counts if isinstance(each, Behalf)), None)
    if envelope is not None and envelope.mandate:
        return
    owner = envelope.owner if envelope else hat.member
    stocks = [each for each in map(_inside, counts) if isinstance(each, Stock)]
    for cycle in named:
        require_closed(tx.db, cycle, tx.now)
    keys = {cycle.key for cycle in named}
    said = {each.aside: each.said for each in leaving(tx.db, owner, stocks, tx.now, keys)} if stocks else {}
    if keys:
        said = _by_the_next_count(shelf_of(tx.db, owner), keys) | said
    _sign(tx, hat, owner, said, envelope)


def _inside(statement: Any) -> Any:
    return statement.statement if isinstance(statement, Behalf) else statement


def _by_the_next_count(shelf: Shelf, cycles: Collection[CycleKey]) -> dict[Aside, Left]:
    """Return what the next counts of all goods of these cycles are without."""
    asides = [each for listed in shelf.asides.values() for each in listed if each.cycle in cycles]
    return {each: _all_of(each, shelf.stock(each.product).version + 1) for each in asides if shelf.lies(each)}


def counts_due(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say, without writing anything, whether somebody counted for us, and we have not said what had left."""
    return bool(_unlooked(db, hat))


def say_for_others(tx: Transaction, hat: Hat) -> int:
    """Sign what counts that others made for us take as gone; return how many allotments that concerns.

    A duty of whoever keeps our stock. That goods had not left is said as well, so that each count is looked at once.
    """
    found = _unlooked(tx.db, hat)
    guess = Deliveries(tx.db, hat.member)
    said = {}
    for aside, count in found:
        gone = count.at <= tx.now + AHEAD and guess.has_left(aside, count.at)
        said[aside] = _all_of(aside, count.version) if gone else aside.left._replace(stock=count.version)
    _sign(tx, hat, hat.member, said)
    return len(said)


def _unlooked(db: sqlite3.Connection, hat: Hat) -> list[tuple[Aside, Counted]]:
    """Return what is set aside against counts of ours that others made later, and the counts."""
    rows = db.execute(
        "SELECT s.local FROM stock s JOIN party m ON m.ref = s.owner"
        " WHERE m.id = ? AND s.spoken AND s.mode = 'counted'",
        (hat.member,),
    ).fetchall()
    if not rows or keeper_of(db, hat.member, "stock") != hat.device or awaited(db, hat.member):
        return []
    shelf = shelf_of(db, hat.member)
    pairs = [(aside, shelf.stock(local)) for (local,) in rows for aside in shelf.asides.get(local, ())]
    return [
        (aside, count)
        for aside, count in pairs
        if aside.given_at < count.at and aside.left.stock < count.version and aside.lies(count.version)
    ]


def _sign(tx: Transaction, hat: Hat, owner: bytes, said: Mapping[Aside, Left], envelope: Behalf | None = None) -> None:
    """State what has left an owner, in its own name or in this envelope, where that is new."""
    places: defaultdict[tuple[CycleKey, bytes], dict[bytes, DeliveredRow]] = defaultdict(dict)
    for aside, left in said.items():
        if left.stock:
            places[aside.cycle, aside.device][aside.product] = DeliveredRow(aside.product, *left)
    found = [each for place, rows in sorted(places.items()) for each in delivered_parts(tx.db, owner, *place, rows)]
    if found:
        enclosed = [msgspec.structs.replace(envelope, statement=each) for each in found] if envelope else found
        tx.append(hat.member, Log.TRADE, enclosed)


def delivered_parts(
    db: sqlite3.Connection, owner: bytes, cycle: CycleKey, device: bytes, rows: dict[bytes, DeliveredRow]
) -> list[Delivered]:
    """Return the parts that say these rows besides all that was said before, as far as they change."""
    bodies = db.execute(
        "SELECT f.body FROM delivered f JOIN party o ON o.ref = f.owner"
        " WHERE o.id = ? AND f.cycle_owner = ? AND f.cycle = ? AND f.device = ?",
        (owner, *cycle, device),
    )
    parts = {each.part: each for each in (_delivered.decode(body) for (body,) in bodies)}
    held = {row.product: row for number in sorted(parts) for row in parts[number].rows} | rows
    found = []
    for number, some in enumerate(in_parts([held[product] for product in sorted(held)], ROOM - _HEAD), 1):
        before = parts.get(number)
        if before is None or before.rows != some:
            version = before.version + 1 if before else 1
            found.append(Delivered(delivered_id(cycle, device, number), version, *cycle, device, number, some))
    return found
