"""`foodhub allot request`, `list`, `grant` and `rule`: a hub asks for stock, and its producer grants it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.cli.allot import find_place, split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import say, show, table
from foodhub.cli.speaking import about_producer, for_member, told
from foodhub.errors import N_, NotThereError, UsageError
from foodhub.node.allotments import AllotmentRow, list_allotments
from foodhub.node.cycles import CycleRow, find_cycle
from foodhub.node.hat import Hat, choose_hat, shown_name
from foodhub.node.home import now
from foodhub.node.products import find_product
from foodhub.node.reading import Connection, open_reading
from foodhub.node.reserving import (
    RequestRow,
    as_granted,
    grant,
    grants_by_itself,
    open_requests,
    own_requests,
    request,
    set_rule,
)
from foodhub.node.sellers import in_name_of, seller_of
from foodhub.saying import quantity
from foodhub.words import _, ngettext

if TYPE_CHECKING:
    from foodhub.node.application import Transaction


@command(
    "allot request",
    signs=True,
    examples=['foodhub allot request "Week 48" Carrots=60kg', 'foodhub allot request "Week 48" Carrots=0'],
    more=N_("Quantities are what you would hold then, not additions; 0 takes a request back."),
)
@argument("cycle")
@argument("pairs", metavar="PRODUCT=QUANTITY...", nargs=-1, required=True)
@pass_call
def allot_request(call: Call, cycle: str, pairs: tuple[str, ...]) -> None:
    """Ask for stock."""
    from foodhub.cli.running import run

    changed, asked, enough = run(_request(call, cycle, split_pairs(pairs)))
    for row in enough:
        text = _("You hold {held} of {product} already, so no more is asked.")
        call.note(text.format(held=quantity(row.set_aside, row.unit), product=row.product))
    if not changed and not enough:
        call.note(_("You asked for it already."))

    def draw() -> None:
        if changed and not asked and not enough:
            say(_("Nothing is asked any more."))
        draw_requests(asked)

    show(call, {"changed": changed}, draw)


async def _request(
    call: Call, name: str, pairs: list[tuple[str, str]]
) -> tuple[int, list[RequestRow], list[AllotmentRow]]:
    from foodhub.cli.running import pen

    async with pen(call) as held:
        cycle, _hub = await held.node.read(find_place, name, None)
        wanted = await held.node.read(_read_any, pairs)
        await held.node.rehearse(request, held.hat, cycle, wanted)
        names = sorted({await held.node.read(shown_name, producer) for producer, _product in wanted})
        text = _('Ask {producers} to set stock aside for you in "{cycle}".')
        confirm(call, held.hat.name, text.format(producers=", ".join(names), cycle=cycle.name))
        changed = await held.sign(request, cycle, wanted)
        return changed, *await held.node.read(_outcome, held.hat, cycle, wanted)


def _outcome(
    db: Connection, hat: Hat, cycle: CycleRow, wanted: Mapping[tuple[bytes, bytes], int]
) -> tuple[list[RequestRow], list[AllotmentRow]]:
    """Return what of it is asked now, and of which products we hold so much already."""
    named = {(base32_id(producer), base32_id(product)): amount for (producer, product), amount in wanted.items()}
    own, rows = base32_id(hat.member), [*open_requests(db, hat, now()), *own_requests(db, hat, now())]
    ours = [row for row in rows if (row.cycle_id, row.hub_id) == (cycle.id, own)]
    asked = [row for row in ours if (row.producer_id, row.product_id) in named]
    held = [row for row in list_allotments(db, cycle) if row.hub_id == own]
    enough = [row for row in held if 0 < named.get((row.producer_id, row.product_id), 0) <= row.set_aside]
    return asked, enough


def _read_any(db: Connection, pairs: Sequence[tuple[str, str]]) -> dict[tuple[bytes, bytes], int]:
    """Read quantities of anybody's products, by (producer, product)."""
    from foodhub.node.stock import read_amount

    wanted: dict[tuple[bytes, bytes], int] = {}
    for product, amount in pairs:
        row = find_product(db, product)
        key = id_bytes(row.producer_id), id_bytes(row.id)
        if key in wanted:
            raise UsageError(
                "product_twice", N_("{name} is named twice."), N_("Name each product once."), name=row.name
            )
        wanted[key] = read_amount(row.name, row.price_per, amount)
    return wanted


@command(
    "allot list",
    examples=["foodhub allot list", 'foodhub allot list --for "Ferme du Lac"'],
    more=N_("What hubs ask of you, and what you ask of producers as a hub: as long as it is not all set aside."),
)
@about_producer
@pass_call
def allot_list(call: Call) -> None:
    """List requests."""
    with open_reading(call.home) as db:
        hat = choose_hat(db, call.as_name)
        rows = open_requests(db, in_name_of(db, hat, seller_of(db, hat, call.for_name)), now())
        rows += own_requests(db, hat, now()) if call.for_name is None else []
    if not rows:
        call.note(_("No hub asks for stock that it does not hold already."))
    show(call, rows, lambda: draw_requests(rows))


def draw_requests(rows: Sequence[RequestRow]) -> None:
    """Print what hubs ask for; nothing for none."""
    titles = (_("product"), _("producer"), _("hub"), _("cycle"), _("asked for"), _("set aside"), _("free"), _("id"))
    lines: list[tuple[Any, ...]] = []
    for row in rows:
        free = "" if row.free is None else quantity(row.free, row.unit)
        amounts = [quantity(row.requested, row.unit), quantity(row.set_aside, row.unit), free]
        lines.append((row.product, row.producer, row.hub, row.cycle, *amounts, row.product_id[:8]))
    if rows:
        table(titles, lines, right=(4, 5, 6))


@command(
    "allot grant",
    signs=True,
    examples=["foodhub allot grant", 'foodhub allot grant "Week 48" --to "Hub du Val" Carrots'],
    more=N_("Without a cycle or products it grants all that `allot list` lists. What is not free is not granted."),
)
@argument("cycle", required=False)
@argument("products", metavar="[PRODUCT]...", nargs=-1)
@option("--to", "hub", metavar="HUB", help=N_("Only what this hub asks for."))
@for_member
@pass_call
def allot_grant(call: Call, cycle: str | None, products: tuple[str, ...], hub: str | None) -> None:
    """Grant requests."""
    from foodhub.cli.running import run

    changed, rows = run(_grant(call, cycle, products, hub))
    if not changed:
        call.note(_("Nothing is free of what hubs ask for.") if rows else _("No hub asks for any of it."))
    lacks = sum(row.set_aside < row.requested for row in rows)
    if changed and lacks:
        text = ngettext(
            "{count} product was not granted whole: there is not so much free.",
            "{count} products were not granted whole: there is not so much free.",
            lacks,
        )
        call.note(text.format(count=lacks))
    show(call, {"changed": changed, "requests": rows}, lambda: draw_requests(rows))


async def _grant(
    call: Call, cycle: str | None, products: Sequence[str], hub: str | None
) -> tuple[int, list[RequestRow]]:
    from foodhub.cli.running import pen

    async with pen(call) as held:
        seller = await held.node.read(seller_of, held.hat, call.for_name, told(call))
        own = await held.node.read(in_name_of, held.hat, seller)
        rows = await held.node.read(_chosen, own, cycle, products, hub)
        if not rows:
            return 0, []

        def give(tx: "Transaction", hat: Hat) -> tuple[int, list[RequestRow]]:
            changed = grant(tx, hat, rows, seller)
            return changed, as_granted(tx.db, own, rows, tx.now)

        await held.node.rehearse(give, held.hat)
        text = ngettext(
            "Set aside what is free of {count} product that hubs ask for.",
            "Set aside what is free of {count} products that hubs ask for.",
            len(rows),
        )
        confirm(call, held.hat.name, text.format(count=len(rows)))
        return await held.sign(give)


def _chosen(db: Connection, hat: Hat, cycle: str | None, products: Sequence[str], hub: str | None) -> list[RequestRow]:
    """Return the requests that were named.

    Raises:
        NotThereError: `no_such_request` where one was named that is none, and what names raise.
    """
    from foodhub.node import state
    from foodhub.node.stock import own_product

    rows = open_requests(db, hat, now())
    if cycle is not None:
        key = find_cycle(db, cycle, now()).id
        rows = [row for row in rows if row.cycle_id == key]
    if hub is not None:
        whose = state.find_member(db, hub).id
        rows = [row for row in rows if row.hub_id == whose]
    named = {own_product(db, hat, product).id: product for product in products}
    for key, product in named.items():
        if key not in {row.product_id for row in rows}:
            raise NotThereError(
                "no_such_request",
                N_("No hub asks for {name}, or it holds so much already."),
                N_("What hubs ask for: foodhub allot list"),
                name=product,
            )
    return [row for row in rows if not named or row.product_id in named]


@command(
    "allot rule",
    examples=["foodhub allot rule", "foodhub allot rule --auto on"],
    more=N_(
        "With --auto on this home sets aside what hubs ask for as soon as it hears of it, the oldest request first, as"
        " far as it is free. It is a setting of this home."
    ),
)
@option("--auto", type=click.Choice(["on", "off"]), help=N_("Whether requests are granted without asking you."))
@pass_call
def allot_rule(call: Call, auto: str | None) -> None:
    """Set the rule."""
    from foodhub.cli.running import run

    granting = run(_rule(call, auto))
    text = _("Requests are granted from what is free.") if granting else _("Requests wait for you: foodhub allot list")
    show(call, {"auto": granting}, lambda: say(text))


async def _rule(call: Call, auto: str | None) -> bool:
    from foodhub.cli.running import pen

    async with pen(call) as held:
        if auto is not None:
            await held.node.write(set_rule, held.hat, auto == "on")
        return await held.node.read(grants_by_itself, held.hat)
