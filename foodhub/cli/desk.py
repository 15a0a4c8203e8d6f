"""`foodhub desk`: the queue of a hub or group, what waits for a person, and sharing by hand what came short."""

from foodhub.catalog.naming import id_bytes
from foodhub.cli.allot import split_pairs
from foodhub.cli.amounts import moment
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import say, show, table
from foodhub.errors import N_, NotThereError
from foodhub.node.cycles import find_cycle
from foodhub.node.desk_view import DeskOrder, DeskRow, QueueProduct, desk_row, list_desks
from foodhub.node.hat import choose_hat
from foodhub.node.home import now
from foodhub.node.reading import open_reading
from foodhub.saying import REASONS, quantity, said
from foodhub.words import _, ngettext

STATES = {
    "open": N_("open"),
    "closed": N_("closed, being counted"),
    "counted": N_("counted, being confirmed"),
    "confirmed": N_("all are told what they get"),
}
ORDERS = {"by_hand": N_("waits for your word"), "late": N_("late"), "refused": N_("refused")}


@command(
    "desk show",
    examples=["foodhub desk show", 'foodhub desk show "Week 48" --json'],
    more=N_("Without a cycle all that are not over are shown: the queue of each product, and what a person has to do."),
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
    say(_("orders count until {time}").format(time=moment(row.until)))
    if row.state in {"counted", "confirmed"}:
        text = ngettext(
            "{done} of {n} customer has its confirmation",
            "{done} of {n} customers have their confirmation",
            row.customers,
        )
        say(text.format(done=row.confirmed, n=row.customers))
    for product in row.products:
        say()
        _draw_product(product)
    if row.orders:
        say()
        _draw_orders(row.orders)


def _draw_product(row: QueueProduct) -> None:
    sums = [_("wanted {amount}").format(amount=_sum(row.quantity, row.tolerance, row.unit))]
    if row.confirmed is not None:
        sums.append(_("confirmed {amount}").format(amount=quantity(row.confirmed, row.unit)))
    elif not row.size:
        sums.append(_("promised {amount}").format(amount=quantity(row.promised, row.unit)))
    if row.size:
        sums.append(_("case of {amount}").format(amount=quantity(row.size, row.unit)))
    say(f"{row.product}: {', '.join(sums)}")
    if row.asks:
        say(_("Say what becomes of what no case holds: foodhub cycle decide"))
    if row.short is not None:
        text = _("There is only {amount}; share it with: foodhub desk share")
        say(text.format(amount=quantity(row.short, row.unit)))
    lines = [
        (number, _customer(each.customer, each.customer_id), each.order, _sum(each.quantity, each.tolerance, row.unit))
        for number, each in enumerate(row.rows, 1)
    ]
    table((_("turn"), _("customer"), _("order"), _("wanted")), lines, right=(0, 3))


def _sum(amount: int, tolerance: int, unit: str) -> str:
    text = quantity(amount, unit)
    return f"{text} + {quantity(tolerance, unit)}" if tolerance else text


def _customer(name: str | None, identity: str) -> str:
    return name or _("household {id}").format(id=identity[:4])


def _draw_orders(orders: list[DeskOrder]) -> None:
    lines = [
        (each.order, _customer(each.customer, each.customer_id), said(ORDERS, each.state), said(REASONS, each.reason))
        for each in orders
    ]
    table((_("order"), _("customer"), _("state"), _("remark")), lines)


@command(
    "desk share",
    signs=True,
    examples=['foodhub desk share "Week 48" Carrots Dupont=2kg 3f2a=1.5kg'],
    more=N_(
        "For products whose rule is by_hand, once their producer is short. The shares add up to what there is; who is"
        " not named gets nothing. A customer is named, or by the beginning of its id."
    ),
)
@argument("cycle")
@argument("product")
@argument("pairs", metavar="CUSTOMER=QUANTITY...", nargs=-1, required=True)
@pass_call
def desk_share(call: Call, cycle: str, product: str, pairs: tuple[str, ...]) -> None:
    """Share what there is."""
    from foodhub.cli.running import run

    row = run(_share(call, cycle, product, split_pairs(pairs)))
    show(call, row, lambda: draw_desk(row))


async def _share(call: Call, name: str, product: str, pairs: list[tuple[str, str]]) -> DeskRow:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction
    from foodhub.node.deciding import set_shares
    from foodhub.node.hat import Hat
    from foodhub.node.products import find_product, read_count

    async with pen(call) as held:
        cycle = await held.node.read(find_cycle, name, now())
        found = await held.node.read(find_product, product)
        row = await held.node.read(desk_row, held.hat, cycle, now())
        queue = next((each for each in row.products if each.product_id == found.id), None)
        shares = {
            _find(queue, customer): read_count(found.name, found.price_per, amount)  # type: ignore[arg-type]
            for customer, amount in pairs
        }
        key = (id_bytes(found.producer_id), id_bytes(found.id))

        def share(tx: Transaction, hat: Hat) -> tuple[int, DeskRow]:
            count = set_shares(tx, hat, cycle, key, shares)
            return count, desk_row(tx.db, hat, cycle, tx.now)

        count, _row = await held.node.rehearse(share, held.hat)
        text = ngettext("Tell {n} customer its share of {name}.", "Tell {n} customers their shares of {name}.", count)
        confirm(call, held.hat.name, text.format(n=count, name=found.name))
        return (await held.sign(share))[1]


def _find(queue: QueueProduct | None, text: str) -> bytes:
    """Return the customer of a queue that somebody named, or by the beginning of its id.

    Raises:
        NotThereError: there is none, or there are several.
    """
    rows = {row.customer_id: row.customer for row in (queue.rows if queue else ())}
    found = [identity for identity, name in rows.items() if identity.startswith(text.lower()) or name == text]
    if len(found) != 1:
        raise NotThereError(
            "no_such_customer",
            N_('No single customer of this product is called "{text}".'),
            N_("See who wants it: foodhub desk show"),
            text=text,
        )
    return id_bytes(found[0])
