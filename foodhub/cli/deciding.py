"""What a hub or group decides about single orders and products: accept-late, confirm, decline, substitute, decide."""

from collections.abc import Callable
from typing import Any, NamedTuple

import click

from foodhub.catalog.naming import find, id_bytes
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.desk import draw_desk
from foodhub.cli.order import draw_order
from foodhub.cli.output import plain, say, show
from foodhub.cli.running import pen, run
from foodhub.errors import N_, NotThereError
from foodhub.node.application import Transaction
from foodhub.node.cycles import find_cycle
from foodhub.node.deciding import accept_late, confirm_order, decide, decline_order
from foodhub.node.desk_view import DeskRow, desk_row
from foodhub.node.hat import Hat
from foodhub.node.home import now
from foodhub.node.late_effect import Loss, losses_by
from foodhub.node.orders import OrderRow, confirmed_version, find_order, line_of, list_orders
from foodhub.node.products import find_product, read_count
from foodhub.node.reading import Connection
from foodhub.node.receipts import BY_HAND
from foodhub.node.substituting import Substitution, substitute
from foodhub.saying import counted
from foodhub.words import _


@command(
    "order accept-late",
    signs=True,
    examples=["foodhub order accept-late EGNY-CU4E"],
    more=N_("For the hub or group that got it: an order signed before the close and received after it then counts."),
)
@argument("order")
@pass_call
def order_accept_late(call: Call, order: str) -> None:
    """Accept a late order."""
    lost: list[Loss] = []
    text = _("Let the late order {number} of {customer} count.")
    done = run(_acted(call, order, accept_late, text, _is_late, lost.extend))
    if not call.dry_run:
        call.note("\n".join(_accepted(done)))
    for each in lost:
        call.note(_less(each))
    show(call, done.after, lambda: draw_order(done.after))


def _less(row: Loss) -> str:
    text = _("{customer} then gets {after} instead of {before} of {product}.")
    before, after = counted(row.before, row.price_per), counted(row.after, row.price_per)
    whom = row.customer or _("household {id}").format(id=row.customer_id[:4])
    return text.format(customer=whom, before=before, after=after, product=row.product)


def _accepted(done: "Done") -> tuple[str, str]:
    """Say what of an order was accepted, and what its buyer gets to know of it when."""
    before, after = done.before, done.after
    what = "late_change" if "late_change" in before.partly else before.state
    text = _ACCEPTED.get(what, _ACCEPTED["part"])
    told = _CONFIRMED if done.told else _FOLLOWS
    return _(text).format(number=after.number), _(told).format(customer=_customer(after))


_ACCEPTED = {
    "late": N_("The late order {number} is accepted: it counts now."),
    "late_change": N_("The late change of the order {number} is accepted: the order counts as it was changed."),
    "part": N_("The late part of the order {number} is accepted: it counts now, with the rest."),
}
_CONFIRMED = N_("This is the new confirmation, sealed to {customer}:")
_FOLLOWS = N_("The new confirmation, sealed to {customer}, follows by itself; until then some of it is not decided.")


@command(
    "order confirm",
    signs=True,
    examples=["foodhub order confirm EGNY-CU4E"],
    more=N_("For a hub that works by hand: what the order wants joins the queue now."),
)
@argument("order")
@pass_call
def order_confirm(call: Call, order: str) -> None:
    """Confirm an order by hand."""
    _act(call, order, confirm_order, _("Confirm the order {number} of {customer}."), _waits)


@command(
    "order decline",
    signs=True,
    examples=["foodhub order decline EGNY-CU4E"],
    more=N_("For a hub that works by hand: the order is refused, and what it held goes to others."),
)
@argument("order")
@pass_call
def order_decline(call: Call, order: str) -> None:
    """Decline an order."""
    _act(call, order, decline_order, _("Decline the order {number} of {customer}."), _waits)


def _waits(row: OrderRow) -> bool:
    return any(line.reason == BY_HAND for line in row.lines)


def _is_late(row: OrderRow) -> bool:
    return row.state == "late" or not {"late", "late_change"}.isdisjoint(row.partly)


def _any(_row: OrderRow) -> bool:
    return True


def _act(
    call: Call,
    order: str,
    work: Callable[[Transaction, Hat, OrderRow], Any],
    text: str,
    waits: Callable[[OrderRow], bool] = _any,
) -> None:
    """Do something with an order that we got, after a question, and show it as it is then."""
    row = run(_acted(call, order, work, text, waits)).after
    show(call, row, lambda: draw_order(row))


class Done(NamedTuple):
    """An order before and after something was done with it; `told`: its buyer has a new confirmation since."""

    before: OrderRow
    after: OrderRow
    told: bool


async def _acted(
    call: Call,
    order: str,
    work: Callable[[Transaction, Hat, OrderRow], Any],
    text: str,
    waits: Callable[[OrderRow], bool],
    loses: Callable[[list[Loss]], None] | None = None,
) -> Done:
    """Do something with an order that was named, first of all among those that wait for it.

    Of a late one that is accepted, what others lose by it is said before it is signed, and told to `loses`.
    """
    async with pen(call) as held:
        row = await held.node.read(_find, held.hat, order, waits)
        version = await held.node.read(confirmed_version, row)

        def act(tx: Transaction, hat: Hat) -> OrderRow:
            work(tx, hat, row)
            return next(each for each in list_orders(tx.db, hat, tx.now) if each.id == row.id)

        await held.node.rehearse(act, held.hat)
        lost = await held.node.rehearse(losses_by, held.hat, row) if loses is not None else []
        said = text.format(number=row.number, customer=_customer(row))
        confirm(call, held.hat.name, "\n".join([said, *map(_less, lost)]))
        after = await held.sign(act)
        if loses is not None:
            loses(lost)
        if not call.dry_run:
            await held.do_duties()
            after = await held.node.read(find_order, held.hat, row.id, now())
        return Done(row, after, await held.node.read(confirmed_version, row) > version)


def _find(db: Connection, hat: Hat, text: str, waits: Callable[[OrderRow], bool]) -> OrderRow:
    present = now()
    try:
        waiting = [row for row in list_orders(db, hat, present) if waits(row)]
        return find(waiting, text, lambda order: order.named, "order")
    except NotThereError:
        return find_order(db, hat, text, present)


def _customer(row: OrderRow) -> str:
    return row.customer or _("household {id}").format(id=row.customer_id[:4])


@command(
    "order substitute",
    signs=True,
    examples=["foodhub order substitute EGNY-CU4E Carrots 2kg Parsnips 1.5kg"],
    more=N_(
        "For the hub that got it: gives so much of another product in the place of so much of a line, as far as the"
        " buyer said yes, and never above the line's price."
    ),
)
@argument("order")
@argument("product")
@argument("instead")
@argument("other")
@argument("quantity")
@option("--asked", is_flag=True, help=N_("The buyer was asked and said yes."))
@pass_call
def order_substitute(
    call: Call, order: str, product: str, instead: str, other: str, quantity: str, asked: bool
) -> None:
    """Give another product in the place of a line."""

    def work(tx: Transaction, hat: Hat, row: OrderRow) -> None:
        old, new = line_of(row, product), find_product(tx.db, other)
        less = read_count(old.product, old.price_per, instead)  # type: ignore[arg-type]
        more = read_count(new.name, new.price_per, quantity)  # type: ignore[arg-type]
        line, other_key = _key(old.producer_id, old.product_id), _key(new.producer_id, new.id)
        if substitute(tx, hat, row, Substitution(line, less, other_key, more, asked)):
            at_hand.add(row.cycle)

    at_hand: set[str] = set()
    _act(call, order, work, _("Give another product in the place of a line of the order {number} of {customer}."))
    for cycle in at_hand:
        text = _(
            'The purchase orders have gone, so you give what is at hand. To order it: foodhub purchase send "{cycle}"'
        )
        call.note(text.format(cycle=cycle))


def _key(producer: str, product: str) -> tuple[bytes, bytes]:
    return id_bytes(producer), id_bytes(product)


_DECIDED = {
    "cut": N_('In "{cycle}" what no case of {name} holds is left out.'),
    "round_up": N_('In "{cycle}" you buy what no case of {name} holds as your own stock.'),
    "open": N_('In "{cycle}" the producer is asked for a broken case of {name}.'),
}
"""What was decided, by the word one types."""


@command(
    "cycle decide",
    signs=True,
    examples=['foodhub cycle decide "Week 48" "Apple juice" round_up'],
    more=N_(
        "For products whose rule asks, before the close: cut leaves out what no case holds, round_up buys the rest as"
        " your own stock, open asks the producer for a broken case. Without a word it is cut."
    ),
)
@argument("cycle")
@argument("product")
@argument("what", metavar="cut|round_up|open", type=click.Choice(("cut", "round_up", "open")))
@pass_call
def cycle_decide(call: Call, cycle: str, product: str, what: Any) -> None:
    """Decide what becomes of what no case holds."""

    async def work() -> tuple[DeskRow, str]:
        async with pen(call) as held:
            row = await held.node.read(find_cycle, cycle, now())
            found = await held.node.read(find_product, product)
            key = (id_bytes(found.producer_id), id_bytes(found.id))

            def decided(tx: Transaction, hat: Hat) -> DeskRow:
                decide(tx, hat, row, key, what)
                return desk_row(tx.db, hat, row, tx.now)

            await held.node.rehearse(decided, held.hat)
            said = _(_DECIDED[what]).format(name=found.name, cycle=row.name)
            confirm(call, held.hat.name, said)
            return await held.sign(decided), said

    shown, said = run(work())

    def draw() -> None:
        say(said)
        say()
        draw_desk(shown)

    show(call, plain(shown) | {"decided": what}, draw)
