"""`foodhub group`: the group through which a household buys, and who is in it."""

from foodhub.catalog.naming import id_bytes
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.contact import nameless
from foodhub.cli.output import say, show, table
from foodhub.cli.running import pen, run
from foodhub.errors import N_
from foodhub.node import state
from foodhub.node.application import Transaction
from foodhub.node.contacts import is_nameless
from foodhub.node.cycles import find_cycle
from foodhub.node.groups import GroupRow, group_row, join_group, leave_group, open_orders, own_group
from foodhub.node.hat import Hat, choose_hat, shown_name
from foodhub.node.orders import OrderRow
from foodhub.node.reading import open_reading
from foodhub.node.wishes import close_group
from foodhub.words import _, ngettext


@command(
    "group join",
    signs=True,
    examples=['foodhub group join "AMAP du Val"'],
    more=N_("Your orders go to the group from then on: they are your wishes, and the group orders their sum."),
)
@argument("group")
@pass_call
def group_join(call: Call, group: str) -> None:
    """Buy through a group."""

    def join(tx: Transaction, hat: Hat) -> tuple[bool, GroupRow]:
        found = id_bytes(state.find_member(tx.db, group).id)
        return join_group(tx, hat, found), group_row(tx.db, found)

    async def work() -> tuple[bool, GroupRow]:
        async with pen(call) as held:
            _new, row = await held.node.rehearse(join, held.hat)
            confirm(call, held.hat.name, _("Buy through {group} from now on.").format(group=row.name))
            if await held.node.read(is_nameless, held.hat):
                call.note(nameless(row.name))
            return await held.sign(join)

    joined, row = run(work())
    if not joined:
        call.note(_("It was so already; nothing was signed."))
    show(call, {"joined": joined, "group": row.name, "group_id": row.id}, lambda: say(row.name))


@command(
    "group leave",
    signs=True,
    examples=["foodhub group leave"],
    more=N_("What you ordered there stands; until the group closes you can lower or cancel it, but get no more."),
)
@pass_call
def group_leave(call: Call) -> None:
    """Leave the group."""

    def leave(tx: Transaction, hat: Hat) -> tuple[str, list[OrderRow]]:
        standing = open_orders(tx.db, hat, tx.now)
        return shown_name(tx.db, leave_group(tx, hat)), standing

    async def work() -> tuple[str, list[OrderRow]]:
        async with pen(call) as held:
            name, standing = await held.node.rehearse(leave, held.hat)
            for text in _still_ordered(standing):
                call.note(text)
            confirm(call, held.hat.name, _("Buy no more through {group}.").format(group=name))
            return await held.sign(leave)

    name, standing = run(work())
    left = {"left": name, "open_orders": [row.id for row in standing]}
    show(call, left, lambda: say(_("You buy no more through {group}.").format(group=name)))


def _still_ordered(standing: list[OrderRow]) -> list[str]:
    """Return what to know of orders that stand at a group which one leaves."""
    return [
        _(
            'Your order {number} in "{cycle}" stands. If you don\'t want it, cancel it before the group closes:'
            " foodhub order cancel {number}"
        ).format(number=row.number, cycle=row.cycle)
        for row in standing
    ]


@command(
    "group show",
    examples=["foodhub group show", "foodhub group show --json"],
    more=N_("A group sees all its households, by the numbers of their baskets; a household sees itself alone."),
)
@pass_call
def group_show(call: Call) -> None:
    """Show the group and its households."""
    with open_reading(call.home) as db:
        row = group_row(db, own_group(db, choose_hat(db, call.as_name)))
    show(call, row, lambda: _draw(row))


def _draw(row: GroupRow) -> None:
    count = len(row.households)
    if any(each.number for each in row.households):
        say(ngettext("{group}: {n} household", "{group}: {n} households", count).format(group=row.name, n=count))
    else:  # a household sees itself alone, and knows no number of its basket
        say(row.name)
    titles = (_("basket"), _("household"), _("phone"), _("address"), "", _("id"))
    lines = [
        (
            each.number or "",
            each.name or _("household {id}").format(id=each.id[:4]),
            each.phone,
            each.address,
            _("represented") if each.represented else "",
            each.id[:8],
        )
        for each in row.households
    ]
    if lines:
        say()
        table(titles, lines, right=(0,))


@command(
    "group close",
    signs=True,
    examples=['foodhub group close "Week 48"'],
    more=N_(
        "Before its closing time. What households sign later is refused; the group's order to its hub stands. Another"
        " hub closes its own sale in somebody else's cycle so, too."
    ),
)
@argument("cycle")
@pass_call
def group_close(call: Call, cycle: str) -> None:
    """Take no more wishes."""

    def close(tx: Transaction, hat: Hat) -> str:
        row = find_cycle(tx.db, cycle, tx.now)
        close_group(tx, hat, row)
        return row.name

    async def work() -> str:
        async with pen(call) as held:
            name = await held.node.rehearse(close, held.hat)
            confirm(call, held.hat.name, _('Take no more wishes in "{cycle}".').format(cycle=name))
            return await held.sign(close)

    name = run(work())
    text = _('No more wishes are taken in "{cycle}".').format(cycle=name)
    show(call, {"cycle": name, "closed": not call.dry_run}, lambda: say(text) if not call.dry_run else None)
