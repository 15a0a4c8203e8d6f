"""`foodhub shortfall`: a producer says that it has less than was promised, and why."""

from foodhub.cli.allot import find_place, read_own, split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import show, table
from foodhub.cli.running import pen, run
from foodhub.cli.speaking import for_member, told
from foodhub.errors import N_
from foodhub.node.application import Transaction
from foodhub.node.hat import Hat, shown_name
from foodhub.node.sellers import in_name_of, seller_of
from foodhub.node.shortfalls import ShortfallRow, declare_shortfall, list_shortfalls
from foodhub.saying import ordered_by, quantity
from foodhub.words import _, ngettext


@command(
    "shortfall",
    signs=True,
    examples=['foodhub shortfall "Week 48" Carrots=8kg --reason hail'],
    more=N_(
        "QUANTITY is what there is. No promise is withdrawn: the hub shares what there is, by the rule of each product,"
        " and tells its customers."
    ),
)
@argument("cycle")
@argument("pairs", metavar="PRODUCT=QUANTITY...", nargs=-1, required=True)
@option("--reason", required=True, metavar="TEXT", help=N_("Why, as customers will read it."))
@for_member
@option("--to", "hub", metavar="HUB", help=N_("The hub, where several sell in the cycle (else the one that made it)."))
@pass_call
def shortfall(call: Call, cycle: str, pairs: tuple[str, ...], reason: str, hub: str | None) -> None:
    """Say what lacks."""
    changed, rows = run(_shortfall(call, cycle, hub, split_pairs(pairs), " ".join(reason.split())))
    if not changed:
        call.note(_("You said so already."))
    show(call, {"changed": changed, "shortfalls": rows}, lambda: draw_shortfalls(rows))


async def _shortfall(
    call: Call, name: str, to: str | None, pairs: list[tuple[str, str]], reason: str
) -> tuple[int, list[ShortfallRow]]:
    async with pen(call) as held:
        cycle, hub = await held.node.read(find_place, name, to)
        seller = await held.node.read(seller_of, held.hat, call.for_name, told(call))
        wanted = await held.node.read(read_own, await held.node.read(in_name_of, held.hat, seller), pairs)

        def tell(tx: Transaction, hat: Hat) -> tuple[int, list[ShortfallRow]]:
            changed = declare_shortfall(tx, hat, cycle, wanted, reason, hub, seller=seller)
            return changed, list_shortfalls(tx.db, cycle)

        await held.node.rehearse(tell, held.hat)
        whom = await held.node.read(shown_name, hub or cycle.key[0])
        text = ngettext(
            'Tell {hub} that {count} product in "{cycle}" is short.',
            'Tell {hub} that {count} products in "{cycle}" are short.',
            len(wanted),
        )
        confirm(call, held.hat.name, text.format(hub=whom, count=len(wanted), cycle=cycle.name))
        return await held.sign(tell)


def draw_shortfalls(rows: list[ShortfallRow]) -> None:
    """Print what producers lack; nothing for none."""
    titles = (_("product"), _("producer"), _("hub"), _("there is"), _("ordered"), _("promised"), _("why"))
    lines = [
        (
            row.product,
            ordered_by(row.producer, row.producer_id, row.written_by, row.told),
            row.hub,
            quantity(row.available, row.unit),
            quantity(row.ordered, row.unit),
            quantity(row.promised, row.unit),
            row.reason if row.available < max(row.ordered, row.promised, 1) else _("enough for what is ordered"),
        )
        for row in rows
    ]
    if rows:
        table(titles, lines, right=(3, 4, 5))
