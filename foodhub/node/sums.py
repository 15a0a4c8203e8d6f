"""The order of an aggregator to its own supplier: the sum of what its customers want, one line for each product.

It is amended in the transaction of the receipt that changes it, until the supplier closes. Nobody else places it, and
nothing but the queue goes into it.
"""

from collections.abc import Sequence

from foodhub.log.body import ROOM
from foodhub.log.encoding import LIMIT, encode
from foodhub.log.header import Log
from foodhub.node.book import Book
from foodhub.node.counting import closed_at
from foodhub.node.cycles import CycleRow
from foodhub.node.exchanges import Exchange
from foodhub.node.hat import Hat
from foodhub.node.households import has_keys
from foodhub.node.supplies import Key, Supplies
from foodhub.orders.allocation import order_up
from foodhub.orders.queue import Row
from foodhub.orders.statements import Order, OrderLine
from foodhub.orders.sums import aggregators_in, sum_id
from foodhub.store.transaction import Transaction

FULL = ROOM // 2
"""Bytes of lines from which on an order gets no further ones, so that it always fits an entry."""


def order_sum(tx: Transaction, hat: Hat, cycle: CycleRow, exchange: Exchange, book: Book, supplies: Supplies) -> int:
    """Bring our order to our supplier up to the queue; return how many parts of it changed."""
    above = exchange.above
    if above is None or not has_keys(tx.db, exchange.supplier):
        return 0
    if tx.now >= above.closes or closed_at(tx.db, above, cycle, tx.now) is not None:
        return 0
    changed = []
    for number, lines in enumerate(_parts(_lines(exchange, book, supplies), supplies.sums)):
        before = supplies.sums[number] if number < len(supplies.sums) else None
        order = _next(tx, exchange, number, before, lines)
        changed += [order] if order is not None else []
    if changed:
        tx.append(hat.member, Log.TRADE, changed, readers=[exchange.supplier])
    return len(changed)


def _next(
    tx: Transaction, exchange: Exchange, number: int, before: Order | None, lines: list[OrderLine]
) -> Order | None:
    """Return the next version of a part of our order; None where it says the same already, or nothing yet."""
    if before is None and not lines:
        return None
    if before is not None and before.cancelled == (not lines) and (not lines or lines == before.lines):
        return None
    kept = lines or (before.lines if before else [])
    version, placed = (before.version + 1, before.placed) if before else (1, tx.now)
    local = sum_id(exchange.aggregator, exchange.cycle, number)
    return Order(local, version, placed, *exchange.cycle, exchange.supplier, not lines, kept)


def _parts(lines: Sequence[OrderLine], before: Sequence[Order]) -> list[list[OrderLine]]:
    """Divide lines among orders that fit an entry; a product stays in the one in which it stands, as in the queue."""
    held = {(line.producer, line.product): number for number, each in enumerate(before) for line in each.lines}
    parts: list[list[OrderLine]] = [[] for _ in before]
    sizes = [len(encode(each.lines)) for each in before]
    for line in lines:
        number = held.get((line.producer, line.product))
        if number is None:
            number = next((n for n, size in enumerate(sizes) if size < FULL), len(parts))
            if number == len(parts):
                parts.append([])
                sizes.append(0)
            sizes[number] += len(encode(line))
        parts[number].append(line)
    return parts


def _lines(exchange: Exchange, book: Book, supplies: Supplies) -> list[OrderLine]:
    """Return the lines of the sum, by (producer, product)."""
    wanted = sorted(key for key, demand in book.demands.items() if demand.quantity)
    before = {(line.producer, line.product): line for order in supplies.sums for line in order.lines}
    within = {key for key in wanted if exchange.rule(*key).filled != "hub" and supplies.goods(key).by_the_case}
    queue = book.queue() if within else {}
    found = []
    for key in wanted:
        demand = book.demands[key]
        quantity, tolerance = demand.quantity, demand.tolerance
        if key in within:
            quantity, tolerance = _whole_cases(exchange, queue.get(key, []), key, supplies)
        line = _line(key, min(quantity, LIMIT - 1), min(tolerance, LIMIT - 1), supplies, before.get(key))
        found += [line] if line is not None else []
    return found


def _whole_cases(exchange: Exchange, rows: list[Row], key: Key, supplies: Supplies) -> tuple[int, int]:
    return order_up(rows, supplies.terms(key), aggregators_in([rows], exchange.cycle))


def _line(key: Key, quantity: int, tolerance: int, supplies: Supplies, before: OrderLine | None) -> OrderLine | None:
    """Return one line at the terms of the cycle; of what is sold no more, at those it was ordered at."""
    terms = supplies.goods(key).terms or before
    if not quantity or terms is None:
        return None
    return OrderLine(
        *key,
        version=terms.version,
        sku=terms.sku,
        name=terms.name,
        variant=terms.variant,
        unit=terms.unit,
        unit_value=terms.unit_value,
        price=terms.price,
        price_per=terms.price_per,
        currency=terms.currency,
        quantity=quantity,
        tolerance=tolerance,
    )
