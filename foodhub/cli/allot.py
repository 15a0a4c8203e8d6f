"""`foodhub allot`: a producer sets stock aside for a hub of a cycle, which from then on may promise it."""

from collections.abc import Sequence
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import show, table
from foodhub.cli.speaking import for_member, told
from foodhub.errors import N_, UsageError
from foodhub.node import state
from foodhub.node.allotments import AllotmentRow, everything_free, find_cycle_with, list_allotments
from foodhub.node.allotments import allot as set_aside
from foodhub.node.cycles import CycleRow
from foodhub.node.hat import Hat, shown_name
from foodhub.node.home import now
from foodhub.node.reading import Connection
from foodhub.node.sellers import in_name_of, seller_of
from foodhub.saying import ALLOT_REASONS, ordered_by, quantity, said
from foodhub.words import _, ngettext


def split_pairs(pairs: Sequence[str]) -> list[tuple[str, str]]:
    """Split PRODUCT=QUANTITY at the last "=".

    Raises:
        UsageError: `bad_pair`.
    """
    found = []
    for pair in pairs:
        product, _mark, amount = pair.rpartition("=")
        if not product.strip() or not amount.strip():
            raise UsageError(
                "bad_pair",
                N_('"{text}" does not say a product and a quantity.'),
                N_("Write PRODUCT=QUANTITY, such as Carrots=1.5kg."),
                text=pair[:60],
            )
        found.append((product, amount))
    return found


def read_own(db: Connection, hat: Hat, pairs: Sequence[tuple[str, str]]) -> dict[bytes, int]:
    """Read quantities of our own products (pieces, g or ml), by local id.

    Raises:
        UsageError: a quantity is none, or `product_twice`. And see `own_product`.
    """
    from foodhub.node.stock import own_product, read_amount

    wanted: dict[bytes, int] = {}
    for product, amount in pairs:
        row = own_product(db, hat, product)
        if id_bytes(row.id) in wanted:
            raise UsageError(
                "product_twice", N_("{name} is named twice."), N_("Name each product once."), name=row.name
            )
        wanted[id_bytes(row.id)] = read_amount(row.name, row.price_per, amount)
    return wanted


def find_place(db: Connection, cycle: str, hub: str | None) -> tuple[CycleRow, bytes | None]:
    """Return the cycle that was named, and the hub if one was."""
    owner = id_bytes(state.find_member(db, hub).id) if hub else None
    return find_cycle_with(db, cycle, now(), owner), owner


@command(
    "allot",
    signs=True,
    examples=[
        'foodhub allot "Week 48" --all',
        'foodhub allot "Week 48" --to "Hub du Val" Carrots=40kg VO-LAI-1=30',
        'foodhub allot "Week 48" Eggs=30 --for "Ferme du Lac" --by phone',
    ],
    more=N_(
        "Quantities are totals, not additions; they can be raised, and lowered only by asking. --all sets all free"
        " stock aside."
    ),
)
@argument("cycle")
@argument("pairs", metavar="[PRODUCT=QUANTITY]...", nargs=-1)
@option("--to", "hub", metavar="HUB", help=N_("The hub, where several sell in the cycle (else the one that made it)."))
@option("--all", "everything", is_flag=True, help=N_("All your counted stock that is free."))
@for_member
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


async def _allot(call: Call, name: str, to: str | None, pairs: list[tuple[str, str]]) -> tuple[int, list[AllotmentRow]]:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction

    async with pen(call) as held:
        read = held.node.read
        cycle, hub = await read(find_place, name, to)
        seller = await read(seller_of, held.hat, call.for_name, told(call))
        own = await read(in_name_of, held.hat, seller)
        wanted = await read(read_own, own, pairs) or await read(everything_free, own, cycle, hub)

        def give(tx: Transaction, hat: Hat) -> tuple[int, list[AllotmentRow]]:
            changed = set_aside(tx, hat, cycle, wanted, hub, seller=seller)
            return changed, list_allotments(tx.db, cycle)

        if wanted:
            await held.node.rehearse(give, held.hat)
            text = ngettext(
                'Set {count} product aside for {hub} in "{cycle}", who may then promise it.',
                'Set {count} products aside for {hub} in "{cycle}", who may then promise them.',
                len(wanted),
            )
            whom = await read(shown_name, hub or cycle.key[0])
            confirm(call, held.hat.name, text.format(count=len(wanted), hub=whom, cycle=cycle.name))
        return await held.sign(give)


def draw_allotments(rows: Sequence[AllotmentRow]) -> None:
    """Print what is set aside, promised and ordered; nothing for none."""
    several, remarked = len({row.hub_id for row in rows}) > 1, any(row.reason for row in rows)
    lowered = any(_asked_back(row) for row in rows)
    titles = [_("product"), _("producer"), _("set aside"), _("promised"), _("ordered"), _("id")]
    titles += [_("asked back")] * lowered + [_("hub")] * several + [_("remark")] * remarked
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        amounts = [quantity(amount, row.unit) for amount in (row.set_aside, row.promised, row.ordered)]
        more = [_asked_back(row)] * lowered + [row.hub] * several + [said(ALLOT_REASONS, row.reason)] * remarked
        producer = ordered_by(row.producer, row.producer_id, row.written_by, row.told)
        lines.append((row.product, producer, *amounts, row.product_id[:8], *more))
    if rows:
        table(titles, lines, right=(2, 3, 4))


def _asked_back(row: AllotmentRow) -> str:
    """Say how much a hub is asked to keep at most, "" where it holds no more than that."""
    if row.lowered is None or row.lowered >= row.set_aside:
        return ""
    if row.promised >= row.set_aside:
        return _("all of it is promised")
    return _("to keep {amount}").format(amount=quantity(row.lowered, row.unit))
