"""Placing orders: what a buyer signs, or whoever writes for it.

A household of a group orders from its group, everybody else from a hub: the aggregator. Nothing is signed after the
aggregator's deadline, nor what it would have to refuse.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import Buyer, as_itself, known_as
from foodhub.node.clocks import require_in_time
from foodhub.node.closing import close_of, left_closed
from foodhub.node.cycles import CycleRow, moment, require_hub
from foodhub.node.exchanges import Exchange, exchange_of, require_exchange
from foodhub.node.hat import Hat, currency, shown_name
from foodhub.node.households import group_of, unwritable
from foodhub.node.orders import OrderRow
from foodhub.node.placements import placements
from foodhub.node.standing import require_standing, roles_of
from foodhub.node.wanted import Wanted, order_line
from foodhub.orders.statements import Order, OrderLine, derived_id
from foodhub.store.transaction import Transaction


def seller_of(db: sqlite3.Connection, buyer: bytes, cycle: CycleRow, hub: bytes | None = None) -> Exchange:
    """Return whom a buyer orders from in a cycle: its group if that takes part, else the hub named, else the owner.

    Raises:
        RefusedError: whoever was named sells nothing in this cycle, or the buyer's group is another one.
    """
    group = group_of(db, buyer)
    if group is not None and hub in {None, group}:
        found = exchange_of(db, group, cycle)
        if found is not None:
            return found
    return require_exchange(db, hub or cycle.key[0], cycle)


def place_order(
    tx: Transaction,
    hat: Hat,
    cycle: CycleRow,
    lines: Sequence[Wanted],
    ref: str | None,
    *,
    buyer: Buyer | None = None,
    seller: Exchange | None = None,
) -> bytes:
    """Sign a placement and seal it to its aggregator; return its id. The same `ref` again is the same placement.

    Raises:
        RefusedError: what we sign counts no more, the cycle is not open, a product is not sold there, the aggregator
            was removed or can't be written to, or `ref` was used for something else.
    """
    require_standing(tx.db, hat)
    buyer = buyer or as_itself(tx.db, hat)
    if not lines:
        raise RefusedError("empty_order", N_("An order names at least one product."), N_("Write: PRODUCT=QUANTITY"))
    seller = seller or seller_of(tx.db, buyer.member, cycle)
    buyer = known_as(tx.db, hat, buyer, seller.aggregator)
    require_hub(tx.db, cycle)
    _require_customer(tx.db, buyer, seller, cycle)
    require_open(tx.db, cycle, seller, tx.now)
    require_in_time(tx, hat, seller.closes)
    require_sold(tx.db, lines, seller, cycle)
    local = derived_id(b"ref", buyer.member, ref.encode()) if ref else secrets.token_bytes(16)
    code = currency(tx.db)
    stated = [order_line(each, code) for each in lines]
    order = Order(local, 1, tx.now, *cycle.key, seller.aggregator, False, stated)
    if ref and _same_ref(tx.db, buyer, order, ref):
        return local
    append_order(tx, hat, buyer, order)
    return local


def _require_customer(db: sqlite3.Connection, buyer: Buyer, seller: Exchange, cycle: CycleRow) -> None:
    """Make sure that a group sells to its own households alone, and that a group's own order is made by its desk."""
    own = exchange_of(db, buyer.member, cycle)
    if own is not None and not own.own_supplier:
        raise order_is_the_sum(db, buyer.member)
    require_own_household(db, buyer.member, seller)


def order_is_the_sum(db: sqlite3.Connection, buyer: bytes) -> RefusedError:
    """Say that an aggregator's order to its supplier is made by its node alone."""
    return RefusedError(
        "order_is_the_sum",
        N_("What {name} orders is the sum of what its customers want; its node orders it by itself."),
        N_("Change what they want instead: foodhub order amend ORDER PRODUCT=QUANTITY, with an order of theirs."),
        name=shown_name(db, buyer),
    )


def require_own_household(db: sqlite3.Connection, buyer: bytes, seller: Exchange) -> None:
    """Make sure that a buyer is a household of whoever sells, if that is a group: it sells to its own alone.

    Raises:
        RefusedError: `other_group`.
    """
    group = group_of(db, buyer)
    sells_to_households = not seller.own_supplier and "group" in roles_of(db, seller.aggregator)
    if sells_to_households and group != seller.aggregator:
        raise RefusedError(
            "other_group",
            N_("{name} does not buy through {group}."),
            N_("Its own group is {own}.") if group else N_('It joins with: foodhub group join "{group}"'),
            name=shown_name(db, buyer),
            group=shown_name(db, seller.aggregator),
            own=shown_name(db, group) if group else "",
        )


def require_open(db: sqlite3.Connection, cycle: CycleRow, seller: Exchange, now: int) -> None:
    """Make sure that an aggregator takes orders now (ms).

    Raises:
        RefusedError: `cycle_not_open`, `cycle_closed`.
    """
    if cycle.phase_at(now) == "upcoming":
        raise RefusedError(
            "cycle_not_open",
            N_('The cycle "{cycle}" opens at {opens}.'),
            N_("Order then; nothing was signed."),
            cycle=cycle.name,
            opens=cycle.opens,
        )
    closed = close_of(db, cycle)
    closes = min(seller.closes, closed) if closed is not None else seller.closes
    if now >= closes:
        anew = N_('It was opened again. Ask {hub} to sell again too: foodhub cycle sell "{cycle}" --closes WHEN')
        later = N_("Ask {hub}, or order in the next cycle: foodhub cycle list")
        raise RefusedError(
            "cycle_closed",
            N_('{hub} closed "{cycle}" at {closes}.'),
            anew if left_closed(db, seller, cycle, now) else later,
            cycle=cycle.name,
            closes=moment(closes, cycle.zone),
            hub=shown_name(db, seller.aggregator),
        )


def require_sold(db: sqlite3.Connection, lines: Iterable[Wanted], seller: Exchange, cycle: CycleRow) -> None:
    """Make sure that an aggregator sells these products.

    Raises:
        RefusedError: `not_in_cycle`.
    """
    for each in lines:
        if not seller.sells(id_bytes(each.row.producer_id), id_bytes(each.row.id)):
            raise RefusedError(
                "not_in_cycle",
                N_('{hub} does not sell {name} in "{cycle}".'),
                N_('Look at what it sells: foodhub cycle show "{cycle}"'),
                name=each.row.name,
                cycle=cycle.name,
                hub=shown_name(db, seller.aggregator),
            )


def _same_ref(db: sqlite3.Connection, buyer: Buyer, order: Order, ref: str) -> bool:
    """Say whether this very placement stands already."""
    held = placements(db, "m.id = ? AND p.local = ?", [buyer.member, order.local])
    if not held:
        return False
    if held[0].cycle != (order.cycle_owner, order.cycle) or _amounts_of(held[0].lines) != _amounts_of(order.lines):
        raise RefusedError(
            "ref_used", N_('"{ref}" was used for another order.'), N_("Use another --ref, or leave it out."), ref=ref
        )
    return True


def _amounts_of(lines: Iterable[OrderLine]) -> dict[tuple[bytes, bytes], tuple[int, int]]:
    return {(line.producer, line.product): (line.quantity, line.tolerance) for line in lines}


def append_order(tx: Transaction, hat: Hat, buyer: Buyer, order: Order) -> None:
    """Sign an order and seal it to its aggregator.

    Raises:
        RefusedError: the aggregator has no box key yet, or the order is too long.
    """
    try:
        tx.append(hat.member, Log.TRADE, [buyer.enclose(order)], readers=[order.hub])
    except LookupError:
        raise unwritable(tx.db, order.hub) from None
    except ValueError:
        raise RefusedError(
            "order_too_long", N_("This order has too many lines."), N_("Place it in two parts.")
        ) from None


def order_of(rows: Iterable[OrderRow], buyer: bytes, cycle: CycleRow, aggregator: bytes) -> OrderRow:
    """Return the one order of a buyer in a cycle at an aggregator, among rows."""
    wanted = base32_id(buyer), cycle.id, base32_id(aggregator)
    return next(row for row in rows if (row.customer_id, row.cycle_id, row.hub_id) == wanted)
