"""`foodhub order list` and `show`: the orders that the members of this home gave, received or wrote down."""

from foodhub.cli.amounts import span
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, say, show, table
from foodhub.errors import N_
from foodhub.node.home import now
from foodhub.node.order_lines import LineRow
from foodhub.node.orders import OrderRow, find_order_of_home, orders_of_home, pickups_of
from foodhub.node.reading import open_reading
from foodhub.saying import (
    TOLD,
    counted,
    line_remark,
    money,
    order_state,
    ordered_by,
    price,
    said,
    together,
    too_late,
    wished,
)
from foodhub.words import _, full_moment, moment


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
        titles = (_("order"), _("state"), _("customer"), _("hub"), _("cycle"), _("sent on"), _("lines"), _("total"))
        lines = [
            (
                row.number,
                order_state(row.state, row.partly),
                customer(row),
                row.hub,
                row.cycle,
                moment(row.sent_at.astimezone()),
                len(row.lines),
                money(row.total, row.currency),
            )
            for row in rows
        ]
        if rows:
            table(titles, lines, right=(6, 7))

    show(call, rows, draw)


def customer(row: OrderRow) -> str:
    """Return who ordered, and where somebody typed it for it, how it had told that one."""
    return ordered_by(row.customer, row.customer_id, row.written_by, row.told)


@command("order show", examples=["foodhub order show EGNY-CU4E", "foodhub order show egnycu4e --json"])
@argument("order")
@pass_call
def order_show(call: Call, order: str) -> None:
    """Show one order."""
    with open_reading(call.home) as db:
        row = find_order_of_home(db, call.as_name, order, now())
        pickups = pickups_of(db, row, now())

    def draw() -> None:
        draw_order(row)
        if pickups:
            say()
            facts([(_("pickup"), f"{place}, {span(begins, ends)}") for place, begins, ends in pickups])

    show(call, row, draw)


def draw_order(row: OrderRow) -> None:
    """Print an order, line by line."""
    received = full_moment(row.received_at) if row.received_at else _("not yet")
    changed = [(_("change"), _("it came too late: the order stands as it was"))] if "late_change" in row.partly else []
    how = [row.written_by, *([said(TOLD, row.told)] if row.told else [])]
    written = [(_("written down by"), ", ".join(how))] if row.written_by else []
    facts(
        [
            (_("order"), f"{row.number}  {order_state(row.state, row.partly)}"),
            (_("customer"), customer(row)),
            (_("hub"), f"{row.hub}, {row.cycle}"),
            (_("sent on"), full_moment(row.sent_at)),
            (_("received"), received),
            *changed,
            *([(_("comment"), row.comment)] if row.comment else []),
            *written,
        ]
    )
    say()
    draw_lines(row)


def draw_lines(row: OrderRow) -> None:
    """Print the lines of an order, and what they come to."""
    lines = [
        (
            line.product,
            wished(line.ordered, line.tolerance, line.price_per),
            "-" if line.confirmed is None else counted(line.confirmed, line.price_per),
            price(line.price, row.currency, line.price_per),
            money(line.total, row.currency),
            _remark(row, line),
        )
        for line in row.lines
    ]
    lines.append((_("total"), "", "", "", money(row.total, row.currency), ""))
    settled = _("was confirmed") if row.state == "confirmed" else _("promised")
    table((_("product"), _("ordered"), settled, _("price"), _("amount"), _("remark")), lines, right=(1, 2, 3, 4))


def _remark(row: OrderRow, line: LineRow) -> str:
    waits = row.state == "received" and line.confirmed is None and not line.reason
    reason = "open" if waits else line.reason
    why = line_remark(
        reason, line.confirmed, line.share, line.price_per, line.note, left=line.left, substitute=line.substitute
    )
    return together((too_late(line.late, line.price_per), why))
