"""Changing and cancelling orders that stand: quantities are absolute, and what is left keeps its place in the queue."""

from collections.abc import Sequence

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.node.buyers import Buyer, as_itself
from foodhub.node.clocks import require_in_time
from foodhub.node.cycles import CycleRow, list_cycles, require_hub
from foodhub.node.exchanges import exchange_of
from foodhub.node.hat import Hat, currency
from foodhub.node.orders import OrderRow
from foodhub.node.placements import Placement, placements
from foodhub.node.placing import append_order, order_is_the_sum, require_open, require_own_household, require_sold
from foodhub.node.standing import require_standing
from foodhub.node.wanted import Wanted, order_line, require_offered
from foodhub.orders.order import after
from foodhub.orders.statements import Order, OrderLine
from foodhub.orders.sums import sum_id
from foodhub.store.transaction import Transaction


def _own_order(tx: Transaction, hat: Hat, buyer: Buyer, order: OrderRow) -> tuple[CycleRow, list[Placement]]:
    """Return the cycle and the placements of an order that its buyer may still change.

    Raises:
        RefusedError, NotThereError: it may not.
    """
    require_standing(tx.db, hat)
    if order.customer_id != base32_id(buyer.member):
        raise RefusedError(
            "not_your_order",
            N_("This is the order of somebody else: only its buyer can change it."),
            N_("Ask the buyer; one that is a member of this home acts with --as NAME."),
        )
    found = (row for row in list_cycles(tx.db, tx.now) if row.id == order.cycle_id)
    held = placements(
        tx.db,
        "m.id = ? AND p.cycle = ? AND p.hub = ?",
        [buyer.member, id_bytes(order.cycle_id), id_bytes(order.hub_id)],
    )
    cycle = next((row for row in found if held and row.key == held[0].cycle), None)
    if cycle is None:
        raise NotThereError("no_such_cycle", N_('There is no order cycle "{text}".'), text=order.cycle)
    require_hub(tx.db, cycle)
    held = _by_hand(tx, buyer, held)
    seller = exchange_of(tx.db, id_bytes(order.hub_id), cycle)
    if seller is not None:
        require_open(tx.db, cycle, seller, tx.now)
        require_in_time(tx, hat, seller.closes)
    return cycle, held


def _by_hand(tx: Transaction, buyer: Buyer, held: list[Placement]) -> list[Placement]:
    """Return the placements that a person made; those that its node sums lose their place when changed by hand.

    Raises:
        RefusedError: `order_is_the_sum`.
    """
    sums = {sum_id(held[0].owner, held[0].cycle, number) for number in range(len(held))}
    own = [each for each in held if each.local not in sums]
    if not own:
        raise order_is_the_sum(tx.db, buyer.member)
    return own


def cancel_order(tx: Transaction, hat: Hat, order: OrderRow, buyer: Buyer | None = None) -> int:
    """Cancel every placement of an order; return how many that were (0: it was cancelled before).

    Raises:
        RefusedError: what we sign counts no more, it is not ours, or its aggregator has closed.
    """
    buyer = buyer or as_itself(tx.db, hat)
    _cycle, held = _own_order(tx, hat, buyer, order)
    standing = [each for each in held if not each.cancelled]
    for each in standing:
        append_order(tx, hat, buyer, _next(each, each.lines, cancelled=True))
    return len(standing)


def _next(held: Placement, lines: list[OrderLine], *, cancelled: bool) -> Order:
    return Order(held.local, held.version + 1, held.placed, *held.cycle, held.hub, cancelled, lines)


def amend_order(
    tx: Transaction, hat: Hat, order: OrderRow, wanted: Sequence[Wanted], buyer: Buyer | None = None
) -> int:
    """Set what an order holds of the products named, 0 for none; return how many of its placements that changed.

    What is more joins the end of the queue, what is less is taken from what was ordered last.

    Raises:
        RefusedError: as `place_order` (for what is more) and `cancel_order`, and `wrong_state` for an order that can't
            be amended.
    """
    buyer = buyer or as_itself(tx.db, hat)
    cycle, held = _own_order(tx, hat, buyer, order)
    if order.state == "cancelled":
        raise RefusedError(
            "wrong_state",
            N_("The order {number} was cancelled."),
            N_('Order anew: foodhub order place "{cycle}" PRODUCT=QUANTITY'),
            number=order.number,
            cycle=order.cycle,
        )
    after(order.state, "amend")
    seller = exchange_of(tx.db, held[0].hub, cycle)
    # What was refused is not in the order that is shown either.
    standing = [each for each in held if each.state(confirmed=False) not in {"cancelled", "refused"}]
    code = currency(tx.db)
    lines = [{(line.producer, line.product): line for line in each.lines} for each in standing]
    more = [each for each in wanted if _is_more(lines, each)]
    if seller is not None and more:
        require_offered(more, cycle)
        require_own_household(tx.db, buyer.member, seller)
        require_sold(tx.db, more, seller, cycle)
    for each in wanted:
        _set(lines, (id_bytes(each.row.producer_id), id_bytes(each.row.id)), each, code)
    changed = 0
    for placement, now in zip(standing, lines, strict=True):
        stated = list(now.values())
        if stated != placement.lines:
            append_order(tx, hat, buyer, _next(placement, stated or placement.lines, cancelled=not stated))
            changed += 1
    return changed


def _is_more(lines: Sequence[dict[tuple[bytes, bytes], OrderLine]], wanted: Wanted) -> bool:
    """Say whether somebody wants more of a product than these lines hold: less can be had whatever is sold now."""
    key = (id_bytes(wanted.row.producer_id), id_bytes(wanted.row.id))
    held = [each[key] for each in lines if key in each]
    return wanted.amount > sum(line.quantity for line in held) or wanted.tolerance > sum(
        line.tolerance for line in held
    )


def _set(
    lines: Sequence[dict[tuple[bytes, bytes], OrderLine]], key: tuple[bytes, bytes], wanted: Wanted, code: str
) -> None:
    """Make the lines of one product add up to what is wanted, changing as few as that takes."""
    surplus = sum(each[key].quantity for each in lines if key in each) - wanted.amount
    for each in reversed(lines):
        if surplus > 0 and key in each:
            taken = min(surplus, each[key].quantity)
            surplus -= taken
            left = each[key].quantity - taken
            if left:
                each[key] = msgspec.structs.replace(each[key], quantity=left)
            else:
                del each[key]
    if not wanted.amount:
        return
    first = next((each for each in lines if key in each), lines[0])
    if key not in first:
        first[key] = order_line(wanted, code)
    elif surplus < 0:
        first[key] = msgspec.structs.replace(first[key], quantity=first[key].quantity - surplus)
    for each in lines:
        if key in each:
            tolerance = wanted.tolerance if each is first else 0
            each[key] = msgspec.structs.replace(each[key], tolerance=tolerance)
