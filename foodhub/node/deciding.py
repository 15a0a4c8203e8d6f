"""What a person decides at the desk: orders by hand, late ones, what no case holds, shares of what came short.

Every decision is signed like everything at the desk: a receipt and an answer, the list of what counts, a confirmation.
None is taken twice, and none once a purchase order rests on what was before.
"""

from collections.abc import Mapping

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.statements import Case
from foodhub.errors import N_, RefusedError
from foodhub.node.book import Held, read_book
from foodhub.node.changing import require_changeable
from foodhub.node.confirmations import confirmations_of
from foodhub.node.counting import ACCEPTED, count, gate_of
from foodhub.node.cycles import CycleRow, cycle_at
from foodhub.node.desk import DECLINED, Desk
from foodhub.node.exchanges import require_exchange
from foodhub.node.hat import Hat, shown_name
from foodhub.node.offering import Offer, sell
from foodhub.node.orders import OrderRow
from foodhub.node.products import product_statement
from foodhub.node.receipts import BY_HAND, Fresh
from foodhub.node.rights import readable_desks
from foodhub.node.settling import Settlement, confirmed_of, is_short, send, to_tell, work_out
from foodhub.node.standing import require_standing
from foodhub.node.supplies import Key
from foodhub.node.terms import case_in_cycle
from foodhub.node.waiting import note_changed
from foodhub.orders.allocation import share_out
from foodhub.orders.exchanges import Leftover, Sharing
from foodhub.orders.statements import AnswerLine
from foodhub.store.transaction import Transaction


def open_desk(tx: Transaction, hat: Hat, cycle: CycleRow) -> Desk:
    """Return our desk in a cycle.

    Raises:
        RefusedError: what we sign counts no more, we sell nothing in it, or another device of ours answers it.
    """
    require_standing(tx.db, hat)
    exchange = require_exchange(tx.db, hat.member, cycle)
    if exchange.device not in readable_desks(tx, hat):
        raise RefusedError(
            "not_the_keeper",
            N_('Orders of {name} in "{cycle}" are answered on its device {device}, not on this one.'),
            N_("Go on there."),
            name=hat.name,
            cycle=cycle.name,
            device=base32_id(exchange.device)[:8],
        )
    note_changed(tx, hat, cycle.key)
    gate = gate_of(tx.db, exchange, cycle, tx.now)
    counted = gate.counted
    at, versions = (counted.at, counted.versions) if counted else (None, None)
    book = read_book(tx.db, hat.member, cycle, exchange.device, at, versions)
    return Desk(tx, hat, cycle, exchange, gate, book)


def accept_late(tx: Transaction, hat: Hat, order: OrderRow) -> int:
    """Let an order count that came after the close, or a change to it; return how many placements that were.

    It stands at the end of the queue.

    Raises:
        RefusedError: `not_your_desk`, `not_late`, `signed_too_late`, or `purchase_sent` once purchase orders have gone,
            `supplier_closed` once our supplier has closed.
    """
    desk, held = order_at(tx, hat, order)
    late = [each for each in held if each.answer is not None and "late" in {each.answer.outcome, each.answer.reason}]
    if not late:
        raise RefusedError(
            "not_late", N_("The order {number} is not late."), N_("Nothing was signed."), number=order.number
        )
    fresh = _in_time(desk, order, late, ACCEPTED)
    _require_changeable(desk)
    desk.take_in(fresh)
    _count_again(desk)
    return len(fresh)


def _in_time(desk: Desk, order: OrderRow, held: list[Held], reason: str) -> list[Fresh]:
    """Return placements to which a person says yes, as far as they were signed in time."""
    fresh = [found for each in held if (found := desk.intake.decided(each, reason)) is not None]
    fresh = [each for each in fresh if desk.gate.opens <= each.signed < desk.gate.until]
    if not fresh:
        raise RefusedError(
            "signed_too_late",
            N_("The order {number} was signed after the close."),
            N_("Its buyer can order in the next cycle."),
            number=order.number,
        )
    return fresh


def _require_changeable(desk: Desk) -> None:
    """Make sure that after the close more can still be had: from producers, or from whoever supplies us."""
    if desk.gate.counted is not None:
        require_changeable(desk.tx.db, desk.exchange, desk.cycle, desk.tx.now)


def confirm_order(tx: Transaction, hat: Hat, order: OrderRow) -> int:
    """Say yes to an order that waits for a person; return how many placements that were.

    What it wants joins the queue now; after the close that is so only until purchase orders have gone.

    Raises:
        RefusedError: `not_your_desk`, `not_by_hand`, `signed_too_late`, `purchase_sent` or `supplier_closed`.
    """
    desk, held = order_at(tx, hat, order)
    fresh = _in_time(desk, order, _waiting(held, order), "")
    _require_changeable(desk)
    desk.take_in(fresh)
    _count_again(desk)
    return len(fresh)


def decline_order(tx: Transaction, hat: Hat, order: OrderRow) -> int:
    """Say no to what of an order waits for a person; return how many placements that were.

    What was confirmed before stays, so this is always possible: nothing of what waits was ordered from anybody.

    Raises:
        RefusedError: `not_your_desk` or `not_by_hand`.
    """
    desk, held = order_at(tx, hat, order)
    waits = _waiting(held, order)
    desk.decline(waits)
    return len(waits)


def order_at(tx: Transaction, hat: Hat, order: OrderRow) -> tuple[Desk, list[Held]]:
    """Return our desk, and the placements of an order on it."""
    rows = tx.db.execute(
        "SELECT DISTINCT cycle_owner FROM placement WHERE hub = ? AND cycle = ?", (hat.member, id_bytes(order.cycle_id))
    )
    cycle = next(
        (row for (owner,) in rows if (row := cycle_at(tx.db, (owner, id_bytes(order.cycle_id)), tx.now))), None
    )
    if order.hub_id != base32_id(hat.member) or cycle is None:
        raise RefusedError(
            "not_your_desk",
            N_("Only {hub}, who got the order {number}, can do that."),
            N_("Act as it with --as NAME."),
            hub=order.hub,
            number=order.number,
        )
    desk = open_desk(tx, hat, cycle)
    buyer = id_bytes(order.customer_id)
    return desk, [held for held in desk.book.held.values() if held.place[0] == buyer]


def _waiting(held: list[Held], order: OrderRow) -> list[Held]:
    """Return which placements of an order wait for a person."""
    found = [each for each in held if each.received and any(line.reason == BY_HAND for line in _said(each))]
    if not found:
        declined = any(DECLINED in {line.reason for line in _said(each)} | {_reason(each)} for each in held)
        raise RefusedError(
            "not_by_hand",
            N_("You have declined the order {number} already.")
            if declined
            else N_("Nothing of the order {number} waits for your word."),
            N_("If you take it after all, ask its buyer to order anew.")
            if declined
            else N_("See what does: foodhub desk show"),
            number=order.number,
        )
    return found


def _said(held: Held) -> list[AnswerLine]:
    return held.answer.lines if held.answer else []


def _reason(held: Held) -> str:
    return held.answer.reason if held.answer else ""


def _count_again(desk: Desk) -> None:
    """Bring the list of what counts up to what was decided, if there is one."""
    counted = desk.gate.counted
    if counted is not None:
        count(desk.tx, desk.hat, desk.exchange, desk.book, desk.supplies, counted.at, counted)


def decide(tx: Transaction, hat: Hat, cycle: CycleRow, key: Key, leftover: Leftover) -> None:
    """Say before the close what becomes of what no case of a product holds; without a word it is cut.

    It can be said again, otherwise, until then.

    Raises:
        RefusedError: `no_case`, `not_asked` where nothing was ever said of this product, so that the rule for all
            holds and asks nobody, `closed_already` after the close, `case_unbroken` where the producer opens no case.
    """
    desk = open_desk(tx, hat, cycle)
    case = _require_asked(tx, desk, key)
    if desk.gate.at is not None:
        raise RefusedError("closed_already", N_('"{cycle}" is closed already.'), cycle=cycle.name)
    if leftover == "open" and not case.broken:
        said = product_statement(tx.db, *key)
        raise RefusedError(
            "case_unbroken",
            N_("{producer} opens no case of {product}: what fills none would be cut."),
            N_("Say cut, or round_up to buy the case all the same. Its producer may say for later cycles: --broken"),
            producer=shown_name(tx.db, key[0]),
            product=said.name if said else base32_id(key[1])[:8],
        )
    own = desk.exchange.rules.get(key, desk.exchange.default_rule)
    sell(tx, hat, cycle, Offer(rules={key: msgspec.structs.replace(own, leftover=leftover)}))


def _require_asked(tx: Transaction, desk: Desk, key: Key) -> Case:
    """Return the case of a product, of which what fills none is for a person to decide, or was decided before."""
    said = product_statement(tx.db, *key)
    named = {"product": said.name if said else base32_id(key[1])[:8], "cycle": desk.cycle.name}
    case = case_in_cycle(tx.db, *key, desk.cycle)
    if case is None:
        raise RefusedError(
            "no_case",
            N_("{product} has no case: nothing of it can be left over."),
            N_("Its producer says how much a case holds: foodhub stock case PRODUCT=QUANTITY"),
            **named,
        )
    rule = desk.exchange.rule(*key)
    if rule.leftover != "ask" and key not in desk.exchange.rules:
        raise RefusedError(
            "not_asked",
            N_("The rule of {product} is {rule}: nobody is asked."),
            N_('Change the rule before the close: foodhub cycle sell "{cycle}" --rule "{product}=ask"'),
            rule=rule.leftover,
            **named,
        )
    return case


def set_shares(tx: Transaction, hat: Hat, cycle: CycleRow, key: Key, shares: Mapping[bytes, int]) -> int:
    """Share by hand what there is of a product of which less came; return how many customers are told.

    Raises:
        RefusedError: `not_short`, `not_settled`, or shares that are too large or not what there is.
    """
    return _share(tx, hat, cycle, key, "by_hand", shares)


def set_sharing(tx: Transaction, hat: Hat, cycle: CycleRow, key: Key, sharing: Sharing) -> int:
    """Share what there is of a product of which less came by another rule; return how many customers are told.

    It holds in this cycle, also if still less comes; the slips of the customers say it.

    Raises:
        RefusedError: `not_short` or `not_settled`.
    """
    return _share(tx, hat, cycle, key, sharing, None)


def _share(
    tx: Transaction, hat: Hat, cycle: CycleRow, key: Key, sharing: Sharing, shares: Mapping[bytes, int] | None
) -> int:
    desk = open_desk(tx, hat, cycle)
    found = settled(desk)
    if not is_short(found, key):
        raise RefusedError(
            "not_short",
            N_("There is enough of this product for everybody: nothing is left to share."),
            N_("If less comes, its producer says so first: foodhub shortfall CYCLE PRODUCT=QUANTITY --reason TEXT"),
        )
    available = found.lacks[key].available
    part = found.basis.terms[key].part
    slips = share_out(found.queue[key], confirmed_of(found, key), available, sharing, part, shares)
    again = to_tell(tx.db, desk.exchange, found, {key: slips})
    send(tx, hat, again)
    return len(again)


def settled(desk: Desk) -> Settlement:
    """Return the allocation of a cycle that is closed and confirmed to everybody."""
    counted = desk.gate.counted
    found = work_out(desk.tx.db, desk.exchange, counted, desk.book, desk.supplies) if counted else None
    if desk.gate.at is None:
        raise RefusedError(
            "not_settled",
            N_('"{cycle}" is not closed yet.'),
            N_('Wait for the close, or close it: foodhub cycle close "{cycle}"'),
            cycle=desk.cycle.name,
        )
    if found is None or not found.allocation.lines.keys() <= confirmations_of(desk.tx.db, desk.exchange).keys():
        raise RefusedError(
            "not_settled",
            N_('What the customers of "{cycle}" get is not worked out yet.'),
            N_("It is done by itself in a moment; then try again."),
            cycle=desk.cycle.name,
        )
    return found
