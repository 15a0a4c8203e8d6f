"""After the close: what each customer is confirmed, told to one after the other, and again when less came than was due.

A hub allocates as soon as all is counted, a group once its supplier confirmed its own order. Everything is worked out
from the receipts and the list of what counts, so it can be worked out again; what a person decided (shares by hand,
another product for a line) stands in the confirmations themselves and stays.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from foodhub.errors import RefusedError
from foodhub.node.baskets import tell_baskets
from foodhub.node.book import Book, keep_books, open_books, read_book
from foodhub.node.confirmations import confirmations_of, fitted, last_version, parts_of
from foodhub.node.counting import CountedList, closed_at, counted_of, is_behind
from foodhub.node.cycles import CycleRow
from foodhub.node.erasable import HANDED_OVER
from foodhub.node.exchanges import Exchange, exchange_of
from foodhub.node.hat import Hat
from foodhub.node.households import reader_of
from foodhub.node.shown_queues import show_queue
from foodhub.node.supplies import Key, Supplies, from_above
from foodhub.node.waiting import newest_erased
from foodhub.orders.allocation import Allocation, Basis, Supply, allocate, fingerprint, share_out
from foodhub.orders.closing import Confirmation, ConfirmedLine, Slip, confirmation_id
from foodhub.orders.exchanges import Sharing
from foodhub.orders.queue import Row
from foodhub.orders.shown_queue import ShownQueue
from foodhub.orders.sums import aggregators_in
from foodhub.store.transaction import Transaction

SUBSTITUTED = "substituted"
SHORT = "producer_short"
ANEW = "shared_anew"
"""What there is changed since a person shared it: until that one shares it anew, nobody gets more than before."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Of a product there is only so much: its producer, or the supplier, said so, and why."""

    available: int
    reason: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """The allocation of a cycle at one aggregator: what it follows from, the result, its fingerprint, what lacks."""

    basis: Basis
    allocation: Allocation
    fingerprint: bytes
    lacks: Mapping[Key, Lack]

    @property
    def at(self) -> int:
        """Return for which close it is (ms)."""
        return self.basis.at

    @property
    def queue(self) -> Mapping[Key, Sequence[Row]]:
        """Return the queue that counts."""
        return self.basis.queue


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
        book.settlement = _untold(tx, hat, exchange, found) if found is not None else []
        if found is not None and book.settlement:
            places = {(row.buyer, row.order) for rows in found.queue.values() for row in rows}
            versions = {place: counted.versions[place] for place in places}
            show_queue(tx, hat, exchange, ShownQueue(found.basis, versions, found.fingerprint))
    now, book.settlement = book.settlement[:most], book.settlement[most:]
    send(tx, hat, now)
    return len(now) or tell_baskets(tx, hat, exchange)


def _untold(tx: Transaction, hat: Hat, exchange: Exchange, found: Settlement) -> list[Confirmation]:
    """Return what customers are to be told, but not again what was erased.

    Once the goods are handed over, who has no confirmation may have had one, if anything that we signed since the close
    is erased: nobody who asked for that is written of anew.
    """
    todo = to_tell(tx.db, exchange, found)
    if not todo or tx.now < found.at + HANDED_OVER or newest_erased(tx.db, hat) < found.at:
        return todo
    told = confirmations_of(tx.db, exchange)
    return [each for each in todo if each.buyer in told]


def send(tx: Transaction, hat: Hat, confirmations: Sequence[Confirmation]) -> None:
    """Sign the next version of confirmations, each for its customer, or for whoever reads for that one."""
    by_reader: defaultdict[bytes, list[Confirmation]] = defaultdict(list)
    for each in confirmations:
        version = 1 + last_version(tx.db, hat.member, each.buyer, (each.cycle_owner, each.cycle))
        parts = parts_of(msgspec.structs.replace(each, version=version))
        by_reader[reader_of(tx.db, each.buyer) or hat.member] += parts
    if by_reader:
        tx.append_to_each(hat.member, by_reader)


def settlement_here(tx: Transaction, hat: Hat, cycle: CycleRow) -> Settlement | None:
    """Return the same as `settlement_of`, from the books that this process keeps: what is there is not read again."""
    exchange = exchange_of(tx.db, hat.member, cycle)
    at = None if exchange is None else closed_at(tx.db, exchange, cycle, tx.now)
    counted = None if at is None else counted_of(tx.db, hat.member, cycle.key, at)
    if exchange is None or counted is None:
        return None
    books = open_books(tx, hat)
    book = books.get(cycle.key)
    if book is None or book.at != counted.at:
        book = read_book(tx.db, hat.member, cycle, exchange.device, counted.at, counted.versions)
        if is_behind(counted, book, exchange):
            keep_books(tx, hat, books)
            return None  # it is counted anew first
        books[cycle.key] = book
    found = work_out(tx.db, exchange, counted, book, Supplies(tx.db, cycle, exchange, book))
    keep_books(tx, hat, books)
    return found


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
    above = {} if exchange.own_supplier else from_above(db, exchange, supplies.closed_above())
    if above is None:
        if not supplies.came_too_late:
            return None
        above = {}
    basis = ([(each.part, each.version) for each in counted.parts], len(book.taken), above, supplies.came_too_late)
    if book.settled is None or book.settled[0] != basis:
        book.settled = basis, _allocated(exchange, counted, book, supplies, above)
    lacks = _shortfalls(db, exchange) if exchange.own_supplier else _less_from_above(above)
    return replace(book.settled[1], lacks=lacks)  # type: ignore[no-any-return]


def _allocated(
    exchange: Exchange,
    counted: CountedList,
    book: Book,
    supplies: Supplies,
    above: Mapping[Key, ConfirmedLine],
) -> Settlement:
    """Allocate, whatever lacks; what it rests on stands still once it is counted, so a book keeps it."""
    queue = book.queue(counted.versions)
    supply = {key: _supply(key, counted, supplies, above) for key in queue}
    terms = {key: counted.goods[key].terms for key in queue}
    aggregators = aggregators_in(queue.values(), exchange.cycle)
    allocation = allocate(queue, terms, supply, aggregators)
    return Settlement(
        Basis(counted.at, queue, terms, supply, aggregators),
        allocation,
        fingerprint(queue, terms, allocation),
        {},
    )


def _supply(key: Key, counted: CountedList, supplies: Supplies, above: Mapping[Key, ConfirmedLine]) -> Supply:
    """Return what there is of a product: what the supplier confirmed, else what there was at the close."""
    if not supplies.own:
        line = above.get(key)
        # Without a reason the supplier gave all that it took in: why not all, its answer says.
        missing = supplies.why_not(key)
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
    return {key: Lack(line.share, line.note) for key, line in above.items() if line.share < line.confirmed}


def to_tell(
    db: sqlite3.Connection,
    exchange: Exchange,
    found: Settlement,
    decided: Mapping[Key, Mapping[bytes, Slip]] | None = None,
) -> list[Confirmation]:
    """Return what customers are to be told that they were not told yet, in the order of their ids.

    `decided` is how a person shares what lacks of some products now, whatever was told.
    """
    before = confirmations_of(db, exchange)
    shared = {key: _shares(exchange, found, key, before) for key in found.lacks if key in found.queue}
    shared |= {key: Shared(slips) for key, slips in (decided or {}).items()}
    todo = []
    for buyer in sorted({*found.allocation.lines, *before}):
        told = before.get(buyer)
        lines = [_less(line, shared, found.lacks, buyer) for line in found.allocation.lines.get(buyer, ())]
        again = next_confirmation(exchange, found, buyer, _as_decided(lines, told, found.at))
        if told is None or (again.lines, again.at, again.fingerprint) != (told.lines, told.at, told.fingerprint):
            todo.append(again)
    return todo


def all_told(db: sqlite3.Connection, exchange: Exchange, found: Settlement) -> bool:
    """Say whether every customer was told what it gets."""
    return not to_tell(db, exchange, found)


def confirmed_of(found: Settlement, key: Key) -> dict[bytes, int]:
    """Return what each customer is confirmed of a product."""
    return {
        buyer: line.confirmed
        for buyer, lines in found.allocation.lines.items()
        for line in lines
        if (line.producer, line.product) == key
    }


@dataclass(frozen=True, slots=True)
class Shared:
    """Who gets what of a product of which less came, as slips; `anew`: a person is to share it anew."""

    slips: Mapping[bytes, Slip]
    anew: bool = False


def is_short(found: Settlement, key: Key) -> bool:
    """Say whether less came of a product than was confirmed."""
    return key in found.lacks and sum(confirmed_of(found, key).values()) > found.lacks[key].available


def sharing_of(exchange: Exchange, found: Settlement, key: Key, before: Mapping[bytes, Confirmation]) -> Sharing:
    """Return by which rule a lack is shared: the one by which it is, since a person may choose one after the close."""
    told = _told_shares(found, key, before).values()
    return next((slip.rule for slip, _ in told if slip.rule != "fair"), exchange.rule(*key).sharing)


def to_share(exchange: Exchange, found: Settlement, key: Key, before: Mapping[bytes, Confirmation]) -> int | None:
    """Return how much there is of a product that a person still has to share, None where nobody has to."""
    shared = _shares(exchange, found, key, before)
    return found.lacks[key].available if shared.anew else None


def _shares(exchange: Exchange, found: Settlement, key: Key, before: Mapping[bytes, Confirmation]) -> Shared:
    """Return who gets what of a product of which less came; nothing while there is enough, or nobody shared it yet."""
    if not is_short(found, key):
        return Shared({})
    confirmed, available = confirmed_of(found, key), found.lacks[key].available
    rows, part, sharing = found.queue[key], found.basis.terms[key].part, sharing_of(exchange, found, key, before)
    if sharing != "by_hand":
        return Shared(share_out(rows, confirmed, available, sharing, part))
    told = _told_shares(found, key, before)
    by_hand = {buyer: slip.share for buyer, (slip, anew) in told.items() if not anew and slip.units == available}
    try:
        return Shared(share_out(rows, confirmed, available, "by_hand", part, by_hand))
    except RefusedError:  # nobody has shared it yet, or it was for another quantity: a person has to say
        kept = _kept(rows, confirmed, available, {buyer: slip.share for buyer, (slip, _) in told.items()})
        return Shared(share_out(rows, confirmed, sum(kept.values()), "by_hand", part, kept) if told else {}, anew=True)


def _told_shares(found: Settlement, key: Key, before: Mapping[bytes, Confirmation]) -> dict[bytes, tuple[Slip, bool]]:
    """Return how a lack was shared so far as the confirmations of this close say, and whether that is to be anew."""
    return {
        buyer: (slip, line.reason == ANEW)
        for buyer, told in before.items()
        if told.at == found.at
        for line in told.lines
        if (line.producer, line.product) == key
        for slip in line.slips
        if slip.about == "shortfall"
    }


def _kept(
    rows: Sequence[Row], confirmed: Mapping[bytes, int], available: int, shares: Mapping[bytes, int]
) -> dict[bytes, int]:
    """Return what is left of shares where there is another quantity: in the order of the queue, and never more."""
    left, kept = available, {}
    for buyer in dict.fromkeys(row.buyer for row in rows):
        kept[buyer] = min(shares.get(buyer, 0), confirmed.get(buyer, 0), left)
        left -= kept[buyer]
    return kept


def _less(line: ConfirmedLine, shared: Mapping[Key, Shared], lacks: Mapping[Key, Lack], buyer: bytes) -> ConfirmedLine:
    key = (line.producer, line.product)
    slip = shared[key].slips.get(buyer) if key in shared else None
    return line if slip is None else _with_share(line, slip, lacks[key].reason, anew=shared[key].anew)


def _with_share(line: ConfirmedLine, slip: Slip, note: str, *, anew: bool) -> ConfirmedLine:
    """Return a line with the share of what there is, and what the producer said of the lack."""
    reason = ANEW if anew else SHORT if slip.share < line.confirmed else line.reason
    said = note if anew or slip.share < line.confirmed else ""
    slips = [each for each in line.slips if each.about != "shortfall"]
    return msgspec.structs.replace(line, share=slip.share, reason=reason, note=said, slips=[*slips, slip])


def _as_decided(lines: list[ConfirmedLine], told: Confirmation | None, at: int) -> list[ConfirmedLine]:
    """Keep what a person decided since the close `at` (ms): another product in the place of a line, and the less of it.

    Nothing stands in any more once its buyer has changed what it was to stand in for, or the cycle was opened again:
    what stood in may have been promised to somebody else since.
    """
    if told is None or told.at != at:
        return lines
    decided = {(line.producer, line.product): line for line in told.lines if line.reason == SUBSTITUTED}
    wanted = {(line.producer, line.product): line.ordered for line in lines}
    if any(line.ordered and line.ordered != wanted.get(key) for key, line in decided.items()):
        return lines
    kept = []
    for line in lines:
        before = decided.pop((line.producer, line.product), None)
        less = {} if before is None else {"share": min(line.share, before.share), "reason": SUBSTITUTED}
        kept.append(msgspec.structs.replace(line, **less))
    return sorted([*kept, *decided.values()], key=lambda line: (line.producer, line.product))


def next_confirmation(
    exchange: Exchange, found: Settlement, buyer: bytes, lines: Iterable[ConfirmedLine]
) -> Confirmation:
    """Return what a customer is told next, whole; `send` gives it its version."""
    local = confirmation_id(buyer, exchange.cycle, 1)
    fit = [fitted(line) for line in lines]
    return Confirmation(local, 1, *exchange.cycle, buyer, found.at, 1, 1, found.fingerprint, fit)
