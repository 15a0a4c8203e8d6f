"""`foodhub desk`: the queue of a hub or group, what waits for a person, and sharing by hand what came short."""

from typing import Any

import click

from foodhub.catalog.naming import fold, id_bytes
from foodhub.cli.allot import split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import say, show, table
from foodhub.errors import N_, NotThereError, UsageError
from foodhub.node.cycles import find_cycle
from foodhub.node.desk_orders import DeskLine, DeskOrder
from foodhub.node.desk_view import DeskRow, QueueProduct, desk_row, list_desks
from foodhub.node.hat import choose_hat
from foodhub.node.home import now
from foodhub.node.products import ProductRow
from foodhub.node.reading import open_reading
from foodhub.saying import REASONS, RULES, SUBSTITUTES, quantity, said, titled, together
from foodhub.words import _, full_moment, ngettext

STATES = {
    "upcoming": N_("not open yet"),
    "open": N_("open"),
    "closed": N_("closed, being counted"),
    "counted": N_("counted, being confirmed"),
    "confirmed": N_("all are told what they get"),
}
SHARINGS = {
    "queue": N_("by the queue, the last in lose"),
    "proportional": N_("in proportion"),
    "equal": N_("equally"),
    "by_hand": N_("by hand"),
}
ORDERS = {
    "by_hand": N_("waits for your word"),
    "late": N_("late"),
    "refused": N_("refused"),
    "by_clock": N_("counts by the buyer's clock"),
}


@command(
    "desk show",
    examples=["foodhub desk show", 'foodhub desk show "Week 48" --json'],
    more=N_(
        "Without a cycle you see those in which somebody still waits for a confirmation, or a person has to do"
        " something: the queue of each product, and what there is to do."
    ),
)
@argument("cycle", required=False)
@pass_call
def desk_show(call: Call, cycle: str | None) -> None:
    """Show the desk."""
    with open_reading(call.home) as db:
        hat, present = choose_hat(db, call.as_name), now()
        rows = [desk_row(db, hat, find_cycle(db, cycle, present), present)] if cycle else list_desks(db, hat, present)
    if not rows:
        call.note(_("Nothing is on the desk of {name}.").format(name=hat.name))

    def draw() -> None:
        for number, row in enumerate(rows):
            if number:
                say()
            draw_desk(row)

    show(call, rows, draw)


def draw_desk(row: DeskRow) -> None:
    """Print the desk of one cycle."""
    say(_("{cycle}: {state}").format(cycle=row.cycle, state=said(STATES, row.state)))
    if row.state == "upcoming":
        say(_("orders count from {time}").format(time=full_moment(row.opens)))
    say(_("orders count until {time}").format(time=full_moment(row.until)))
    if row.state in {"counted", "confirmed"}:
        text = _("customers who have their confirmation: {done} of {n}")
        say(text.format(done=row.confirmed, n=row.customers))
    if row.reopened:
        text = _('"{cycle}" was opened again. Your customers can order once you do too: {command}')
        say(text.format(cycle=row.cycle, command=f'foodhub cycle sell "{row.cycle}" --closes WHEN'))
    if row.late_at is not None:
        text = _("Your own order came too late for {hub}, which supplies you: your customers get less for it.")
        say(text.format(hub=row.late_at))
    for product in row.products:
        say()
        _draw_product(product, row.cycle)
    if row.orders:
        say()
        _draw_orders(row.orders)
    if row.comments:
        say()
        lines = [(each.order, _customer(each.customer, each.customer_id), each.comment) for each in row.comments]
        table((_("order"), _("customer"), _("comment")), lines)


def _draw_product(row: QueueProduct, cycle: str) -> None:
    sums = [_("wanted {amount}").format(amount=_sum(row.quantity, row.tolerance, row.unit))]
    if row.confirmed is not None:
        sums.append(_("confirmed {amount}").format(amount=quantity(row.confirmed, row.unit)))
    elif row.promised is not None:
        sums.append(_("promised {amount}").format(amount=quantity(row.promised, row.unit)))
    elif not row.size:
        sums.append(_("not decided yet"))
    if row.size:
        sums.append(_("case of {amount}").format(amount=quantity(row.size, row.unit)))
    say(titled(row.product, ", ".join(sums)))
    _draw_notes(row, cycle)
    if row.shares:
        _draw_shares(row)
    else:
        _draw_queue(row)


def _draw_notes(row: QueueProduct, cycle: str) -> None:
    """Print what becomes of what no case holds, and how much there is where that is not enough."""
    if row.own:
        say(_("{amount} of it you buy for yourself: no case holds it.").format(amount=quantity(row.own, row.unit)))
    elif row.own is None and row.size and row.leftover in {"round_up", "open"}:
        say(titled(_("what no case holds"), said(RULES, row.leftover)))
    if row.asks:
        text = _('Say what becomes of what no case holds: foodhub cycle decide "{cycle}" "{product}" WHAT')
        say(text.format(cycle=cycle, product=row.product))
    if row.available is not None:
        text = _("There is only {amount}; shared {how}")
        shared = text.format(amount=quantity(row.available, row.unit), how=said(SHARINGS, row.sharing))
        say(titled(shared, row.reason))
    if row.spare:
        text = _('{amount} of it goes to nobody. Share it: foodhub desk share "{cycle}" "{product}" CUSTOMER=QUANTITY')
        say(text.format(amount=quantity(row.spare, row.unit), cycle=cycle, product=row.product))
    if row.short is not None:
        text = _('Share it: foodhub desk share "{cycle}" "{product}" CUSTOMER=QUANTITY, or --rule RULE')
        say(text.format(cycle=cycle, product=row.product))


def _draw_queue(row: QueueProduct) -> None:
    """Print who wants the product, in the order of the queue, and what of it is promised."""
    lines = [
        (
            number,
            _customer(each.customer, each.customer_id),
            each.order,
            _sum(each.quantity, each.tolerance, row.unit),
            "" if each.promised is None else quantity(each.promised, row.unit),
            said(SUBSTITUTES, each.substitute),
        )
        for number, each in enumerate(row.rows, 1)
    ]
    titles = (_("turn"), _("customer"), _("order"), _("wanted"), _("promised"), _("remark"))
    empty = {4} if row.promised is None else set()
    empty |= set() if any(each.substitute for each in row.rows) else {5}
    shown = [column for column in range(len(titles)) if column not in empty]
    right = [place for place, column in enumerate(shown) if column in {0, 3, 4}]
    table([titles[each] for each in shown], [[line[each] for each in shown] for line in lines], right)


def _draw_shares(row: QueueProduct) -> None:
    """Print what each customer gets, for whoever packs."""
    lines = [
        (
            _customer(each.customer, each.customer_id),
            each.order,
            _sum(each.quantity, each.tolerance, row.unit),
            quantity(each.confirmed, row.unit),
            quantity(each.share, row.unit),
            together((said(REASONS, each.reason), said(SUBSTITUTES, each.substitute))),
        )
        for each in row.shares
    ]
    titles = (_("customer"), _("order"), _("wanted"), _("was confirmed"), _("gets"), _("remark"))
    table(titles, lines, right=(2, 3, 4))


def _sum(amount: int, tolerance: int, unit: str) -> str:
    text = quantity(amount, unit)
    return f"{text} + {quantity(tolerance, unit)}" if tolerance else text


def _customer(name: str | None, identity: str) -> str:
    return name or _("household {id}").format(id=identity[:4])


def _draw_orders(orders: list[DeskOrder]) -> None:
    lines = [
        (
            each.order,
            _customer(each.customer, each.customer_id),
            said(ORDERS, each.state),
            _("a change") if each.changes and each.lines else "",
            ", ".join(_wanted(line) for line in each.lines),
            "" if each.state in {"by_hand", "by_clock"} else said(REASONS, each.reason),
        )
        for each in orders
    ]
    table((_("order"), _("customer"), _("state"), "", _("wants"), _("remark")), lines)
    waiting = [each for each in orders if each.state == "by_hand"]
    if any(each.acceptable for each in waiting):
        say(_("Say yes or no: foodhub order confirm ORDER, or foodhub order decline ORDER"))
    elif waiting:
        say(_("It is too late for a yes. Say no, so that its customer knows: foodhub order decline ORDER"))
    for number in dict.fromkeys(each.order for each in orders if each.acceptable and each.state == "late"):
        say(_("Let it count all the same: foodhub order accept-late {number}").format(number=number))


def _wanted(line: DeskLine) -> str:
    """Say what is wanted of a product, and how much of it is in the queue."""
    text = f"{line.product} {quantity(line.wanted, line.unit)}"
    if not line.held:
        return text
    return _("{wanted} instead of {held}").format(wanted=text, held=quantity(line.held, line.unit))


@command(
    "desk share",
    signs=True,
    examples=[
        'foodhub desk share "Week 48" Carrots Dupont=2kg 3f2a=1.5kg',
        'foodhub desk share "Week 48" Carrots --rule proportional',
    ],
    more=N_(
        "After the close, once a producer is short, whatever the rule was. Shares by hand add up to what there is; who"
        " is not named gets nothing. A customer is named, or by the beginning of its id. With --rule it is shared by"
        " that one instead. All customers are told; it holds in this cycle alone."
    ),
)
@argument("cycle")
@argument("product")
@argument("pairs", metavar="[CUSTOMER=QUANTITY]...", nargs=-1)
@option(
    "--rule",
    metavar="queue|proportional|equal",
    type=click.Choice(("queue", "proportional", "equal")),
    help=N_("Share by this rule, not by hand."),
)
@pass_call
def desk_share(call: Call, cycle: str, product: str, pairs: tuple[str, ...], rule: Any) -> None:
    """Share what there is."""
    from foodhub.cli.running import run

    if bool(pairs) is bool(rule):
        raise UsageError(
            "shares_or_rule",
            N_("Say what each customer gets, or by which rule it is shared: one of the two."),
            N_("Write CUSTOMER=QUANTITY for each, or --rule queue, proportional or equal."),
        )
    row = run(_share(call, cycle, product, split_pairs(pairs), rule))
    show(call, row, lambda: draw_desk(row))


async def _share(call: Call, name: str, product: str, pairs: list[tuple[str, str]], rule: Any) -> DeskRow:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction
    from foodhub.node.deciding import set_shares, set_sharing
    from foodhub.node.hat import Hat
    from foodhub.node.products import find_product

    async with pen(call) as held:
        cycle = await held.node.read(find_cycle, name, now())
        found = await held.node.read(find_product, product)
        row = await held.node.read(desk_row, held.hat, cycle, now())
        queue = next((each for each in row.products if each.product_id == found.id), None)
        shares = _shares(queue, found, pairs)
        key = (id_bytes(found.producer_id), id_bytes(found.id))

        def share(tx: Transaction, hat: Hat) -> tuple[int, DeskRow]:
            count = set_sharing(tx, hat, cycle, key, rule) if rule else set_shares(tx, hat, cycle, key, shares)
            return count, desk_row(tx.db, hat, cycle, tx.now)

        count, _row = await held.node.rehearse(share, held.hat)
        text = ngettext("Tell {n} customer its share of {name}.", "Tell {n} customers their shares of {name}.", count)
        confirm(call, held.hat.name, text.format(n=count, name=found.name))
        return (await held.sign(share))[1]


def _shares(queue: QueueProduct | None, product: ProductRow, pairs: list[tuple[str, str]]) -> dict[bytes, int]:
    """Read what each customer gets (pieces, g or ml).

    Raises:
        UsageError: a quantity is none, or `customer_twice`. And see `_find`.
    """
    from foodhub.node.products import read_count

    shares: dict[bytes, int] = {}
    for text, amount in pairs:
        customer = _find(queue, text)
        if customer in shares:
            raise UsageError(
                "customer_twice",
                N_('The customer "{text}" stands there twice.'),
                N_("Name each customer once."),
                text=text,
            )
        shares[customer] = read_count(product.name, product.price_per, amount)  # type: ignore[arg-type]
    return shares


def _find(queue: QueueProduct | None, text: str) -> bytes:
    """Return the customer of a queue that somebody named, or by the beginning of its name or id.

    Raises:
        NotThereError: there is none, or there are several.
    """
    rows = {row.customer_id: row.customer for row in (queue.rows if queue else ())}
    found = [identity for identity, name in rows.items() if fold(name or "") == fold(text)] or [
        identity
        for identity, name in rows.items()
        if identity.startswith(text.lower()) or fold(name or "").startswith(fold(text))
    ]
    if len(found) != 1:
        raise NotThereError(
            "no_such_customer",
            N_('No single customer of this product is called "{text}".'),
            N_("See who wants it: foodhub desk show"),
            text=text,
        )
    return id_bytes(found[0])
