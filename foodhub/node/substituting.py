"""Giving another product in the place of a line: only as far as its buyer said yes, and never above the line's price.

Until purchase orders have gone it is ordered with them, out of what is set aside; afterwards it is what is at hand once
the goods are there. It is a new version of the confirmation: the line keeps what was confirmed and has a smaller share,
the other product is a line of which nothing was ordered.
"""

import sqlite3
from dataclasses import dataclass

import msgspec

from foodhub.catalog.naming import fold, id_bytes
from foodhub.catalog.statements import Product
from foodhub.errors import N_, RefusedError
from foodhub.money import format_money, line_amount
from foodhub.node.confirmations import confirmations_of
from foodhub.node.deciding import order_at, settled
from foodhub.node.desk import Desk
from foodhub.node.hat import Hat
from foodhub.node.orders import OrderRow
from foodhub.node.products import product_statement
from foodhub.node.purchased import is_purchased
from foodhub.node.purchasing import whole_cases
from foodhub.node.remarks import consents_in
from foodhub.node.settling import SUBSTITUTED, next_confirmation, send
from foodhub.node.supplies import Key
from foodhub.orders.closing import ConfirmedLine
from foodhub.orders.statements import Consent
from foodhub.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Substitution:
    """So much of one product in the place of so much of another; in g, ml or pieces.

    `asked` says that the buyer was asked and said yes.
    """

    old: Key
    instead: int
    new: Key
    quantity: int
    asked: bool = False


def substitute(tx: Transaction, hat: Hat, order: OrderRow, wanted: Substitution) -> bool:
    """Give another product in the place of a line of an order that we confirmed.

    Returns whether the purchase orders have gone, so that it is given from what is at hand.

    Raises:
        RefusedError: `not_your_desk`, `not_settled`, `no_such_line`, `no_consent`, `not_asked_yet`, `other_product`,
            `dearer`, `not_in_steps`, `ordered_already`, `not_in_cycle` or `not_set_aside`.
    """
    desk, _held = order_at(tx, hat, order)
    found, buyer = settled(desk), id_bytes(order.customer_id)
    before = confirmations_of(tx.db, desk.exchange).get(buyer)
    lines = before.lines if before is not None else []
    line = next((each for each in lines if (each.producer, each.product) == wanted.old and each.ordered), None)
    if before is None or line is None or not 0 < wanted.instead <= _left(line):
        raise RefusedError(
            "no_such_line",
            N_("The order {number} has not so much of that product left."),
            N_("Look at it with: foodhub order show {number}"),
            number=order.number,
        )
    # What was ordered may be sold no more: then, above all, something else has to stand in for it.
    old = desk.supplies.goods(wanted.old).terms or product_statement(tx.db, *wanted.old)
    new = _terms(desk, wanted.new)
    if old is None:
        raise _not_sold(desk)
    _check_consent(consents_in(tx.db, hat.member, desk.cycle.key).get((buyer, *wanted.old)), old, new, wanted)
    _check_price(old, new, wanted)
    if any((each.producer, each.product) == wanted.new for each in before.lines):
        raise RefusedError("ordered_already", N_("The order has {name} already."), name=new.name)
    _check_supply(tx.db, hat, desk, new, wanted)
    share = min(line.share, _left(line) - wanted.instead)
    less = msgspec.structs.replace(line, share=share, reason=SUBSTITUTED)
    more = ConfirmedLine(*wanted.new, 0, 0, wanted.quantity, wanted.quantity, SUBSTITUTED, "", [])
    lines = sorted(
        [less if each is line else each for each in before.lines] + [more],
        key=lambda each: (each.producer, each.product),
    )
    send(tx, hat, [next_confirmation(desk.exchange, found, buyer, lines)])
    return is_purchased(tx.db, hat.member, desk.cycle.key)


def _left(line: ConfirmedLine) -> int:
    """Return of how much of a line something else may still stand in: of what it lacks only the first time."""
    return line.share if line.reason == SUBSTITUTED else max(line.ordered, line.confirmed)


def _terms(desk: Desk, key: Key) -> Product:
    terms = desk.supplies.goods(key).terms
    if terms is None or not desk.exchange.sells(*key):
        raise _not_sold(desk)
    return terms


def _not_sold(desk: Desk) -> RefusedError:
    return RefusedError("not_in_cycle", N_('That product is not sold in "{cycle}".'), cycle=desk.cycle.name)


def _check_consent(consent: Consent | None, old: Product, new: Product, wanted: Substitution) -> None:
    if consent is None:
        raise RefusedError(
            "no_consent",
            N_("The buyer lets nothing stand in for {name}."),
            N_("Ask; the buyer can say yes with: foodhub order remark ORDER --substitute PRODUCT=ask"),
            name=old.name,
        )
    if consent == "ask" and not wanted.asked:
        raise RefusedError(
            "not_asked_yet",
            N_("The buyer wants to be asked before something stands in for {name}."),
            N_("Ask, then say so with --asked."),
            name=old.name,
        )
    if consent == "size" and (wanted.old[0] != wanted.new[0] or fold(old.name) != fold(new.name)):
        raise RefusedError(
            "other_product",
            N_("For {name} the buyer takes only another size of the same product."),
            N_("Choose one of the same producer and name."),
            name=old.name,
        )


def _check_price(old: Product, new: Product, wanted: Substitution) -> None:
    """Make sure that the other product costs no more than what it stands in for, and keeps its own steps."""
    if not wanted.quantity or wanted.quantity % new.step:
        raise RefusedError("not_in_steps", N_("{name} is given in its own steps."), name=new.name)
    most = line_amount(old.price, old.price_per, wanted.instead)
    price = line_amount(new.price, new.price_per, wanted.quantity)
    if price > most or old.currency != new.currency:
        raise RefusedError(
            "dearer",
            N_("That much of {name} costs {price}, more than the {most} of what it stands in for."),
            N_("Give less of it, or something cheaper."),
            name=new.name,
            price=f"{format_money(price, new.currency)} {new.currency}",
            most=f"{format_money(most, old.currency)} {old.currency}",
        )


def _check_supply(db: sqlite3.Connection, hat: Hat, desk: Desk, new: Product, wanted: Substitution) -> None:
    """Make sure that what is to be ordered from a producer besides is on demand, or set aside for us and left."""
    supplies, key = desk.supplies, wanted.new
    free = supplies.goods(key).on_demand and key not in supplies.aside
    if free or not supplies.own or is_purchased(db, hat.member, desk.cycle.key):
        return
    told = confirmations_of(db, desk.exchange).values()
    given = sum(line.share for each in told for line in each.lines if (line.producer, line.product) == key)
    if whole_cases(given + wanted.quantity, supplies.goods(key).case) > supplies.aside.get(key, 0):
        raise RefusedError(
            "not_set_aside",
            N_("Not so much of {name} is set aside for {hub} and left."),
            N_("Give less of it, something else, or what is at hand once the purchase orders have gone."),
            name=new.name,
            hub=hat.name,
        )
