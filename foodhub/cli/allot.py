"""`foodhub allot`: a producer sets stock aside for the hub of a cycle, which from then on may promise it."""

from collections.abc import Sequence
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import show, table
from foodhub.errors import N_, UsageError
from foodhub.node import state
from foodhub.node.allotments import AllotmentRow, everything_free, list_allotments
from foodhub.node.allotments import allot as set_aside
from foodhub.node.cycles import find_cycle
from foodhub.node.home import now
from foodhub.saying import counted
from foodhub.words import _, ngettext

_PER = {"piece": "piece", "g": "kg", "ml": "l"}


def split_pairs(pairs: Sequence[str]) -> list[tuple[str, str]]:
    """Split PRODUCT=QUANTITY at the last "=".

    Raises:
        UsageError: `bad_pair`.
    """
    found = []
    for pair in pairs:
        product, _mark, quantity = pair.rpartition("=")
        if not product.strip() or not quantity.strip():
            raise UsageError(
                "bad_pair",
                N_('"{text}" does not say a product and a quantity.'),
                N_("Write PRODUCT=QUANTITY, such as Carrots=1.5kg."),
                text=pair[:60],
            )
        found.append((product, quantity))
    return found


@command(
    "allot",
    signs=True,
    examples=['foodhub allot "Week 48" --all', 'foodhub allot "Week 48" --to "Hub du Val" Carrots=40kg VO-LAI-1=30'],
    more=N_("Quantities are totals, not additions; they can be raised, not lowered. --all sets all free stock aside."),
)
@argument("cycle")
@argument("pairs", metavar="[PRODUCT=QUANTITY]...", nargs=-1)
@option("--to", "hub", metavar="HUB", help=N_("The hub, where cycles of several hubs have the same name."))
@option("--all", "everything", is_flag=True, help=N_("All your counted stock that is free."))
@pass_call
def allot(call: Call, cycle: str, pairs: tuple[str, ...], hub: str | None, everything: bool) -> None:
    """Set stock aside."""
    from foodhub.cli.running import run

    if bool(pairs) == everything:
        raise UsageError(
            "what_to_allot",
            N_("Say what to set aside."),
            N_("Write PRODUCT=QUANTITY, once or more, or --all; not both."),
        )
    changed, rows = run(_allot(call, cycle, hub, split_pairs(pairs)))
    if not changed:
        call.note(_("Nothing is free that was not set aside already.") if everything else _("It was so already."))
    show(call, {"changed": changed, "allotments": rows}, lambda: draw_allotments(rows))


async def _allot(
    call: Call, name: str, hub: str | None, pairs: list[tuple[str, str]]
) -> tuple[int, list[AllotmentRow]]:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat
    from foodhub.node.products import find_product, read_count

    async with pen(call) as held:
        read = held.node.read
        owner = id_bytes((await read(state.find_member, hub)).id) if hub else None
        cycle = await read(find_cycle, name, now(), owner)
        wanted: dict[bytes, int] = {}
        for product, quantity in pairs:
            row = await read(find_product, product, producer=held.hat.member)
            wanted[id_bytes(row.id)] = read_count(row.name, row.price_per, quantity)  # type: ignore[arg-type]
        wanted = wanted or await read(everything_free, held.hat, cycle)

        def give(tx: Transaction, hat: Hat) -> tuple[int, list[AllotmentRow]]:
            changed = set_aside(tx, hat, cycle, wanted)
            return changed, list_allotments(tx.db, cycle)

        if wanted:
            await held.node.rehearse(give, held.hat)
            text = ngettext(
                'Set {count} product aside for {hub} in "{cycle}", who may then promise it.',
                'Set {count} products aside for {hub} in "{cycle}", who may then promise them.',
                len(wanted),
            )
            confirm(call, held.hat.name, text.format(count=len(wanted), hub=cycle.hub, cycle=cycle.name))
        return await held.sign(give)


def draw_allotments(rows: Sequence[AllotmentRow]) -> None:
    """Print what is set aside, promised and ordered; nothing for none."""
    titles = (_("product"), _("producer"), _("set aside"), _("promised"), _("ordered"), _("id"))
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        amounts = [counted(amount, _PER[row.unit]) for amount in (row.set_aside, row.promised, row.ordered)]
        lines.append((row.product, row.producer, *amounts, row.product_id[:8]))
    if rows:
        table(titles, lines, right=(2, 3, 4))
