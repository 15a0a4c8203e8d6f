"""After the close: what each customer is confirmed, told to one after the other, and again when less came than was due.

A hub allocates as soon as all is counted, a group once its supplier confirmed its own order. Everything is worked out
from the receipts and the list of what counts, so it can be worked out again; what a person decided (shares by hand,
another product for a line) stands in the confirmations themselves and stays.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from foodhub.errors import RefusedError
from foodhub.log.body import ROOM
from foodhub.log.encoding import encode
from foodhub.node.baskets import tell_baskets
from foodhub.node.book import Book, read_book
from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import CountedList, closed_at, counted_of
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.node.supplies import Key, Supplies, aggregators_of, from_above
from foodhub.orders.allocation import Allocation, Supply, allocate, fingerprint, share_out
from foodhub.orders.cases import Terms
from foodhub.orders.closing import Confirmation, ConfirmedLine, CountedGoods, Slip
from foodhub.orders.queue import Row
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction

SUBSTITUTED = "substituted"
SHORT = "producer_short"


@dataclass(frozen=True, slots=True)
class Lack:
    """Of a product there is only so much: its producer, or the supplier, said so, and why."""

    available: int
    reason: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """The allocation of a cycle at one aggregator: the queue that counts, the result, its fingerprint, what lacks.

    `parts` says of each product what is given out at a time (see `cases.part_of`).
    """

    at: int
    queue: Mapping[Key, Sequence[Row]]
    allocation: Allocation
    fingerprint: bytes
    lacks: Mapping[Key, Lack]
    parts: Mapping[Key, int]


def settle(
    tx: Transaction,
    hat: Hat,
    exchange: Exchange,
    counted: CountedList,
    book: Book,
    supplies: Supplies,
    most: int,
) -> int:
    """Confirm to the next customers; return how many, 0 when all are told (or it can't be worked out yet)."""
    if not book.settlement:
        found = work_out(tx.db, exchange, counted, book, supplies)
        book.settlement = _to_tell(tx.db, exchange, found) if found is not None else []
    now, book.settlement = book.settlement[:most], book.settlement[most:]
    send(tx, hat, now)
    return len(now) or tell_baskets(tx, hat, exchange)


def send(tx: Transaction, hat: Hat, confirmations: Sequence[Confirmation]) -> None:
    """Sign confirmations, each for its customer, or for whoever reads for that one."""
    by_reader: defaultdict[bytes, list[Confirmation]] = defaultdict(list)
    for each in confirmations:
        by_reader[reader_of(tx.db, each.buyer) or hat.member].append(each)
    if by_reader:
        tx.append_to_each(hat.member, by_reader)


def settlement_of(db: sqlite3.Connection, member: bytes, cycle: CycleRow, now: int) -> Settlement | None:
    """Return the allocation of an aggregator of this home in a cycle, None before it is counted, or supplied."""
    exchange = exchange_of(db, member, cycle)
    at = None if exchange is None else closed_at(db, exchange, cycle, now)
    counted = None if at is None else counted_of(db, member, cycle.key, at)
    if exchange is None or counted is None:
        return None
    book = read_book(db, member, cycle, exchange.device, at, counted.versions)
    return work_out(db, exchange, counted, book, Supplies(db, cycle, exchange, book))


def work_out(
    db: sqlite3.Connection, exchange: Exchange, counted: CountedList, book: Book, supplies: Supplies
) -> Settlement | None:
    """Return the allocation; None while the supplier has not confirmed what it is about."""
    queue = book.queue(counted.versions)
    above = {} if exchange.own_supplier else from_above(db, exchange, supplies.closed_above())
    if above is None:
        if not supplies.came_too_late:
            return None
        above = {}
    supply = {key: _supply(key, counted, supplies, above) for key in queue}
    terms = {key: _terms(counted.goods[key]) for key in queue}
    buyers = {row.buyer for rows in queue.values() for row in rows}
    allocation = allocate(queue, terms, supply, aggregators_of(db, buyers))
    lacks = _shortfalls(db, exchange) if exchange.own_supplier else _less_from_above(above)
    parts = {key: each.part for key, each in terms.items()}
    return Settlement(counted.at, queue, allocation, fingerprint(queue, terms, allocation), lacks, parts)


def _terms(goods: CountedGoods) -> Terms:
    return Terms(goods.rule, goods.size, goods.minimum, goods.broken, goods.step, goods.part)


def _supply(key: Key, counted: CountedList, supplies: Supplies, above: Mapping[Key, ConfirmedLine]) -> Supply:
    """Return what there is of a product: what the supplier confirmed, else what there was at the close."""
    if not supplies.own:
        line = above.get(key)
        missing = "not_permitted" if line is None and not supplies.came_too_late else "late"
        # Without a reason the supplier gave all that it was asked for in time: what is more came too late for it.
        return Supply(line.confirmed if line else 0, given=True, reason=(line.reason if line else "") or missing)
    goods = counted.goods[key]
    return Supply(goods.units if goods.limited else None)


def _shortfalls(db: sqlite3.Connection, exchange: Exchange) -> dict[Key, Lack]:
    rows = db.execute(
        "SELECT p.id, s.product, s.available, s.reason FROM shortfall s JOIN party p ON p.ref = s.owner"
        " WHERE s.hub = ? AND s.cycle_owner = ? AND s.cycle = ?",
        (exchange.aggregator, *exchange.cycle),
    )
    return {(producer, product): Lack(available, reason) for producer, product, available, reason in rows}


def _less_from_above(above: Mapping[Key, ConfirmedLine]) -> dict[Key, Lack]:
    return {key: Lack(line.share, line.reason) for key, line in above.items() if line.share < line.confirmed}


def _to_tell(db: sqlite3.Connection, exchange: Exchange, found: Settlement) -> list[Confirmation]:
    """Return what customers are to be told that they were not told yet, in the order of their ids."""
    before = confirmations_of(db, exchange)
    shares = {key: _shares(exchange, found, key, before) for key in found.lacks if key in found.queue}
    todo = []
    for buyer in sorted({*found.allocation.lines, *before}):
        told = before.get(buyer)
        lines = [_less(line, shares, buyer) for line in found.allocation.lines.get(buyer, ())]
        again = fitted(next_confirmation(exchange, found, buyer, told, _as_decided(lines, told)))
        if told is None or (again.lines, again.at, again.fingerprint) != (told.lines, told.at, told.fingerprint):
            todo.append(again)
    return todo


def all_told(db: sqlite3.Connection, exchange: Exchange, found: Settlement) -> bool:
    """Say whether every customer was told what it gets."""
    return not _to_tell(db, exchange, found)


def confirmed_of(found: Settlement, key: Key) -> dict[bytes, int]:
    """Return what each customer is confirmed of a product."""
    return {
        buyer: line.confirmed
        for buyer, lines in found.allocation.lines.items()
        for line in lines
        if (line.producer, line.product) == key
    }


def _shares(exchange: Exchange, found: Settlement, key: Key, before: Mapping[bytes, Confirmation]) -> dict[bytes, Slip]:
    """Return who gets what of a product of which less came; nothing while there is enough, or a person has to say."""
    confirmed, lack = confirmed_of(found, key), found.lacks[key]
    if sum(confirmed.values()) <= lack.available:
        return {}
    rule = exchange.rule(*key)
    by_hand = _set_by_hand(key, lack.available, before) if rule.sharing == "by_hand" else None
    if rule.sharing == "by_hand" and not by_hand:
        return {}
    try:
        return share_out(found.queue[key], confirmed, lack.available, rule.sharing, found.parts[key], by_hand)
    except RefusedError:  # what was set by hand was for another quantity: a person has to say anew
        return {}


def _set_by_hand(key: Key, available: int, before: Mapping[bytes, Confirmation]) -> dict[bytes, int]:
    """Return the shares that a person set, as the confirmations say them."""
    return {
        buyer: slip.share
        for buyer, told in before.items()
        for line in told.lines
        if (line.producer, line.product) == key
        for slip in line.slips
        if (slip.about, slip.rule, slip.units) == ("shortfall", "by_hand", available)
    }


def _less(line: ConfirmedLine, shares: Mapping[Key, Mapping[bytes, Slip]], buyer: bytes) -> ConfirmedLine:
    slip = shares.get((line.producer, line.product), {}).get(buyer)
    return line if slip is None else with_share(line, slip)


def with_share(line: ConfirmedLine, slip: Slip) -> ConfirmedLine:
    """Return a line with the share of what there is."""
    reason = SHORT if slip.share < line.confirmed else line.reason
    slips = [each for each in line.slips if each.about != "shortfall"]
    return msgspec.structs.replace(line, share=slip.share, reason=reason, slips=[*slips, slip])


def _as_decided(lines: list[ConfirmedLine], told: Confirmation | None) -> list[ConfirmedLine]:
    """Keep what a person decided: another product in the place of a line, and the less of that line."""
    decided = {(line.producer, line.product): line for line in told.lines if line.reason == SUBSTITUTED} if told else {}
    kept = []
    for line in lines:
        before = decided.pop((line.producer, line.product), None)
        less = {} if before is None else {"share": min(line.share, before.share), "reason": SUBSTITUTED}
        kept.append(msgspec.structs.replace(line, **less))
    return sorted([*kept, *decided.values()], key=lambda line: (line.producer, line.product))


def next_confirmation(
    exchange: Exchange, found: Settlement, buyer: bytes, told: Confirmation | None, lines: list[ConfirmedLine]
) -> Confirmation:
    """Return what a customer is told next."""
    local = derived_id(b"confirmation", buyer, *exchange.cycle)
    return Confirmation(
        local, told.version + 1 if told else 1, *exchange.cycle, buyer, found.at, found.fingerprint, lines
    )


def fitted(confirmation: Confirmation) -> Confirmation:
    """Return a confirmation that fits an entry: where it is too long, the longest slips are left out, then lines."""
    lines = list(confirmation.lines)
    longest = sorted(range(len(lines)), key=lambda number: len(encode(lines[number].slips)))
    while longest and len(encode(msgspec.structs.replace(confirmation, lines=lines))) > ROOM:
        number = longest.pop()
        lines[number] = msgspec.structs.replace(lines[number], slips=[])
    # So many products nobody wants who means it; but nobody may keep the others from hearing of theirs.
    lines.sort(key=lambda line: not line.share)
    while lines and len(encode(msgspec.structs.replace(confirmation, lines=lines))) > ROOM:
        lines = lines[: len(lines) * 3 // 4]
    lines.sort(key=lambda line: (line.producer, line.product))
    return msgspec.structs.replace(confirmation, lines=lines)
