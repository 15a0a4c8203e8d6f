"""`foodhub order list`, `show` and `cancel`: the orders that the members of this home gave or received."""

from foodhub.cli.amounts import moment
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, say, show, table
from foodhub.errors import N_
from foodhub.node.hat import Hat, hats
from foodhub.node.home import now
from foodhub.node.orders import OrderRow, find_order_of_home, list_orders, orders_of_home
from foodhub.node.reading import open_reading
from foodhub.saying import ORDER_STATES, REASONS, counted, money, price, said
from foodhub.words import _


@command("order list", examples=["foodhub order list", 'foodhub order list --cycle "Week 48" --json'])
@option("--cycle", metavar="CYCLE", help=N_("Only orders of this cycle."))
@pass_call
def order_list(call: Call, cycle: str | None) -> None:
    """List the orders."""
    with open_reading(call.home) as db:
        rows = orders_of_home(db, call.as_name, now())
        if cycle:
            from foodhub.node.cycles import find_cycle

            wanted = find_cycle(db, cycle, now()).id
            rows = [row for row in rows if row.cycle_id == wanted]
    if not rows:
        call.note(_("No order yet. Place one with: foodhub order place CYCLE PRODUCT=QUANTITY"))

    def draw() -> None:
        titles = (_("order"), _("state"), _("customer"), _("hub"), _("cycle"), _("sent"), _("lines"), _("total"))
        lines = [
            (
                row.number,
                said(ORDER_STATES, row.state),
                customer(row),
                row.hub,
                row.cycle,
                moment(row.sent_at),
                len(row.lines),
                money(row.total, row.currency),
            )
            for row in rows
        ]
        if rows:
            table(titles, lines, right=(6, 7))

    show(call, rows, draw)


def customer(row: OrderRow) -> str:
    """Return who ordered; a household of somebody else has no name."""
    return row.customer or _("household {id}").format(id=row.customer_id[:4])


@command("order show", examples=["foodhub order show EGNY-CU4E", "foodhub order show egnycu4e --json"])
@argument("order")
@pass_call
def order_show(call: Call, order: str) -> None:
    """Show one order."""
    with open_reading(call.home) as db:
        row = find_order_of_home(db, call.as_name, order, now())
    show(call, row, lambda: draw_order(row))


def draw_order(row: OrderRow) -> None:
    """Print an order, line by line."""
    received = moment(row.received_at) if row.received_at else _("not yet")
    facts(
        [
            (_("order"), f"{row.number}  {said(ORDER_STATES, row.state)}"),
            (_("customer"), customer(row)),
            (_("hub"), f"{row.hub}, {row.cycle}"),
            (_("sent"), moment(row.sent_at)),
            (_("received"), received),
        ]
    )
    say()
    lines = [
        (
            line.product,
            counted(line.ordered, line.price_per),
            "-" if line.confirmed is None else counted(line.confirmed, line.price_per),
            price(line.price, row.currency, line.price_per),
            money(line.total, row.currency),
            said(REASONS, line.reason),
        )
        for line in row.lines
    ]
    lines.append((_("total"), "", "", "", money(row.total, row.currency), ""))
    table((_("product"), _("ordered"), _("promised"), _("price"), _("amount"), _("remark")), lines, right=(1, 2, 3, 4))


@command(
    "order cancel",
    signs=True,
    examples=["foodhub order cancel EGNY-CU4E"],
    more=N_("Until the cycle closes you may cancel; what was promised goes to whoever waits for it."),
)
@argument("order")
@pass_call
def order_cancel(call: Call, order: str) -> None:
    """Cancel an order."""
    from foodhub.cli.running import run

    row = run(_cancel(call, order))
    show(call, row, lambda: draw_order(row))


async def _cancel(call: Call, order: str) -> OrderRow:
    from foodhub.catalog.naming import base32_id
    from foodhub.cli.running import Pen
    from foodhub.node.application import Transaction, open_node
    from foodhub.node.orders import cancel_order

    async with open_node(call.home) as node:
        row = await node.read(find_order_of_home, call.as_name, order, now())
        own = [hat for hat in await node.read(hats) if base32_id(hat.member) == row.customer_id]
        hat = own[0] if own and call.as_name is None else await node.hat(call.as_name)
        held = Pen(call, node, hat)

        def cancel(tx: Transaction, hat: Hat) -> tuple[int, OrderRow]:
            return cancel_order(tx, hat, row), next(one for one in list_orders(tx.db, hat, tx.now) if one.id == row.id)

        await node.rehearse(cancel, hat)
        total = money(row.total, row.currency)
        confirm(call, hat.name, _("Cancel order {number} ({total}).").format(number=row.number, total=total))
        cancelled, after = await held.sign(cancel)
        if not cancelled:
            call.note(_("It was cancelled already; nothing was signed."))
        await held.do_duties()
        call.end_dry_run()
        return after
