"""`foodhub stock set`, `show` and `case`: counting, cases, and where every unit is."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.statements import Case, StockMode
from foodhub.cli.allot import read_own, split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import say, show, table
from foodhub.cli.recounting import confirm_leaving, delivered
from foodhub.cli.speaking import about_producer, for_owner, told
from foodhub.errors import N_, UsageError
from foodhub.node.cycles import CycleRow
from foodhub.node.hat import Hat, choose_hat
from foodhub.node.home import now
from foodhub.node.mandates import as_owner, set_stock_for, writing_for
from foodhub.node.reading import Connection, open_reading
from foodhub.node.recounting import AtCount, find_all_delivered, knows_shelf, what_leaves
from foodhub.node.reserving import open_requests
from foodhub.node.stock import StockRow, list_stock, own_product, read_amount, state_case
from foodhub.saying import STOCK_MODES, quantity, said
from foodhub.words import _, ngettext

if TYPE_CHECKING:
    from foodhub.node.application import Transaction

MODES: tuple[StockMode, ...] = ("counted", "per_cycle", "on_demand", "capped")
_FLAGS = ("--counted", "--per-cycle", "--on-demand", "--capped")


def _modes(function: Any) -> Any:
    """Add the options that say how stock is counted."""
    helps = {
        "--counted": N_("It is what lies on the shelf."),
        "--per-cycle": N_("It is what there is in each cycle."),
        "--on-demand": N_("They are made as they are ordered; give products without a quantity."),
        "--capped": N_("They are made as they are ordered, up to so much in each cycle."),
    }
    for flag, text in reversed(helps.items()):
        function = option(flag, is_flag=True, help=text)(function)
    return option("--mode", type=click.Choice(MODES), help=N_("The same, by its name in JSON."))(function)


def _mode(given: dict[str, Any]) -> StockMode | None:
    chosen = [mode for mode in MODES if given[mode] or given["mode"] == mode]
    if len(chosen) > 1:
        raise UsageError(
            "two_modes", N_("Stock is counted in one way."), N_("Give one of {flags}."), flags=", ".join(_FLAGS)
        )
    return chosen[0] if chosen else None


@command(
    "stock set",
    signs=True,
    examples=[
        "foodhub stock set Eggs=40 Carrots=8kg",
        "foodhub stock set Carrots=30kg --per-cycle",
        "foodhub stock set Bread --on-demand",
        'foodhub stock set Eggs=30 --delivered "Week 47"',
    ],
    more=N_(
        "Without a mode each product keeps its own, and a new one is counted. Count what lies on the shelf now, also"
        " what is set aside. What you sold in a cycle is taken as gone once it was weighed in, where the cycle says"
        " when, else a week after it closed, or once you say so with --delivered."
    ),
)
@argument("pairs", metavar="PRODUCT=QUANTITY...", nargs=-1, required=True)
@_modes
@delivered
@for_owner
@pass_call
def stock_set(call: Call, /, pairs: tuple[str, ...], delivered: tuple[str, ...], **given: Any) -> None:
    """Count stock."""
    from foodhub.cli.running import run

    rows = run(_set(call, pairs, _mode(given), delivered))
    show(call, rows, lambda: draw_stock(rows))


async def _set(call: Call, pairs: Sequence[str], mode: StockMode | None, gone: Sequence[str]) -> list[StockRow]:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction

    async with pen(call) as held:
        seller = await held.node.read(as_owner, held.hat, call.for_name)
        wanted = await held.node.read(_read_wanted, seller, pairs, mode)

        cycles = await held.node.read(find_all_delivered, held.hat, seller, gone, now())

        def count(tx: Transaction, hat: Hat) -> tuple[list[AtCount], list[StockRow]]:
            return count_for(tx, hat, seller, wanted, mode, cycles, told(call))

        leaving, _rows = await held.node.rehearse(count, held.hat)
        confirm_leaving(call, held.hat, leaving)
        _leaving, rows = await held.sign(count)
        return rows


def count_for(
    tx: "Transaction",
    hat: Hat,
    seller: Hat,
    wanted: Mapping[bytes, int | None],
    mode: StockMode | None,
    cycles: Sequence[CycleRow],
    means: Any = "",
) -> tuple[list[AtCount], list[StockRow]]:
    """Count products of a seller; return what that takes as gone, as far as it is known here, and its stock then."""
    knows = knows_shelf(tx.db, hat, seller)
    leaving = what_leaves(tx.db, seller.member, wanted, mode, tx.now, cycles) if knows else []
    set_stock_for(tx, hat, seller.member, wanted, mode, cycles, means)
    return leaving, _named(tx.db, hat, seller, wanted)


def _named(db: Connection, hat: Hat, seller: Hat, products: Container[bytes]) -> list[StockRow]:
    """Return the stock of these products of a seller, by local id, as far as a hat knows of it."""
    rows = list_stock(db, seller, now(), known=knows_shelf(db, hat, seller))
    return [row for row in rows if id_bytes(row.product_id) in products]


def _read_wanted(db: Connection, hat: Hat, pairs: Sequence[str], mode: StockMode | None) -> dict[bytes, int | None]:
    if mode != "on_demand":
        return dict(read_own(db, hat, split_pairs(pairs)))
    numbers = [pair for pair in pairs if "=" in pair]
    if numbers:
        raise UsageError(
            "count_on_demand",
            N_("{text}: what is made on demand is not counted."),
            N_("Give the product alone, or --capped for so much in each cycle."),
            text=numbers[0][:60],
        )
    return {id_bytes(own_product(db, hat, text).id): None for text in pairs}


@command(
    "stock show",
    examples=["foodhub stock show", "foodhub stock show Carrots --json", 'foodhub stock show --for "Ferme du Lac"'],
    more=N_("Of a member of whom you only hold a mandate you see the counts, and not what is set aside."),
)
@argument("products", metavar="[PRODUCT]...", nargs=-1)
@about_producer
@pass_call
def stock_show(call: Call, products: tuple[str, ...]) -> None:
    """Show stock."""
    with open_reading(call.home) as db:
        hat = choose_hat(db, call.as_name)
        seller = as_owner(db, hat, call.for_name)
        known = knows_shelf(db, hat, seller)
        chosen = {own_product(db, seller, product).id for product in products}
        rows = [row for row in list_stock(db, seller, now(), known=known) if not chosen or row.product_id in chosen]
        waiting = len(open_requests(db, seller, now())) if known else 0
    if not rows:
        call.note(_("No product yet. Publish yours with: foodhub product import FILE, or product add NAME"))
    if waiting:
        text = ngettext(
            "Hubs ask for more of {count} product: foodhub allot list",
            "Hubs ask for more of {count} products: foodhub allot list",
            waiting,
        )
        call.note(text.format(count=waiting))
    show(call, rows, lambda: draw_stock(rows))


def draw_stock(rows: Sequence[StockRow]) -> None:
    """Print what there is of each product, who holds what of it, and what is short; nothing for none."""
    if not rows:
        return
    titles = (_("product"), _("stock"), _("there is"), _("set aside"), _("free"), _("case"), _("id"))
    table(titles, [_product_line(row) for row in rows], right=(2, 3, 4))
    held = [_aside_line(row, number) for row in rows for number in range(len(row.aside))]
    if held:
        say()
        names = (_("product"), _("cycle"), _("hub"), _("set aside"), _("promised"), _("free"), _("given back"))
        table([*names, _("asked back")], held, right=(3, 4, 5, 6))
    for row in rows:
        if row.short:
            text = _("Short of {product}: {amount} more is set aside than there is.")
            say(text.format(product=row.product, amount=quantity(row.short, row.unit)))
            for line in _ways_out(row):
                say(line)


def _ways_out(row: StockRow) -> Iterator[str]:
    """Yield what a producer can do of whose goods more is set aside than there is."""
    word, left = row.product_id[:8], row.short
    for each in row.aside:
        back = min(left, each.set_aside - each.promised)
        if back > 0:
            left -= back
            keep = quantity(each.set_aside - back, row.unit).replace(" ", "")
            command = f'foodhub allot lower "{each.cycle}" {word}={keep} --to "{each.hub}"'
            yield "  " + _("Ask back what is not promised: {command}").format(command=command)
    for each in row.aside if left > 0 else ():
        if each.promised:
            command = f'foodhub shortfall "{each.cycle}" {word}=QUANTITY --to "{each.hub}" --reason TEXT'
            yield "  " + _("What is promised stays promised; if there is less of it, say so: {command}").format(
                command=command
            )


def _product_line(row: StockRow) -> tuple[Any, ...]:
    amounts = [
        "" if amount is None else quantity(amount, row.unit) for amount in (row.on_hand, row.set_aside, row.free)
    ]
    if row.mode != "counted":
        amounts[2] = ""  # on demand there is no end to it, and where a cycle has a quantity it is another in each
        amounts[1] = amounts[1] if len({each.cycle_id for each in row.aside}) <= 1 else ""
    return row.product, said(STOCK_MODES, row.mode), *amounts, _case(row), row.product_id[:8]


def _case(row: StockRow) -> str:
    """Say the case of a product: "carton of 6, at least 12"."""
    parts = []
    if row.case:
        parts.append(_("{word} of {size}").format(word=row.word or _("case"), size=quantity(row.case, row.unit)))
    if row.minimum:
        parts.append(_("at least {amount}").format(amount=quantity(row.minimum, row.unit)))
    if row.broken:
        parts.append(_("also broken"))
    return ", ".join(parts)


def _aside_line(row: StockRow, number: int) -> tuple[Any, ...]:
    each = row.aside[number]
    asked = ""
    if each.lowered is not None and each.lowered < each.set_aside:
        asked = _("to keep {amount}").format(amount=quantity(each.lowered, row.unit))
        asked = _all_promised() if each.promised >= each.set_aside else asked
    elif each.override:
        asked = _("taken back without waiting")
    free = "" if each.free is None else quantity(each.free, row.unit)
    aside, promised, returned = (
        quantity(amount, row.unit) for amount in (each.set_aside, each.promised, each.returned)
    )
    return row.product, each.cycle, each.hub, aside, promised, free, returned, asked


def _all_promised() -> str:
    return _("all of it is promised")


@command(
    "stock case",
    signs=True,
    examples=[
        "foodhub stock case Juice=6 --word carton",
        "foodhub stock case Apples=10kg --word crate --minimum 20kg",
        "foodhub stock case Juice=0",
    ],
    more=N_("QUANTITY is what one case holds; 0 for goods that leave you in no case."),
)
@argument("pair", metavar="PRODUCT=QUANTITY")
@option("--minimum", metavar="QUANTITY", help=N_("Less than this is not delivered at all."))
@option("--word", default="", metavar="TEXT", help=N_("Your own word for the case, such as carton or crate."))
@option("--broken", is_flag=True, help=N_("You also deliver a case that is not full."))
@for_owner
@pass_call
def stock_case(call: Call, pair: str, minimum: str | None, word: str, broken: bool) -> None:
    """Say the case."""
    from foodhub.cli.running import run

    changed, rows = run(_set_case(call, pair, minimum, " ".join(word.split()), broken=broken))
    if not changed:
        call.note(_("It was so already; nothing was signed."))
    show(call, rows[0], lambda: draw_stock(rows))


async def _set_case(
    call: Call, pair: str, minimum: str | None, word: str, *, broken: bool
) -> tuple[bool, list[StockRow]]:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction

    (product, amount), *_rest = split_pairs([pair])
    async with pen(call) as held:
        seller = await held.node.read(as_owner, held.hat, call.for_name)
        row = await held.node.read(own_product, seller, product)
        size = read_amount(row.name, row.price_per, amount)
        least = read_amount(row.name, row.price_per, minimum) if minimum else 0

        def state(tx: Transaction, hat: Hat) -> tuple[bool, list[StockRow]]:
            local = id_bytes(row.id)
            voice = writing_for(tx.db, hat, seller.member, "label", tx.now, told(call))
            changed = state_case(tx, hat, Case(local, 1, size, least, word, broken), voice)
            return changed, _named(tx.db, hat, seller, {local})

        await held.node.rehearse(state, held.hat)
        text = _("{product} leaves you in cases of {size}.") if size else _("{product} leaves you in no case.")
        confirm(call, held.hat.name, text.format(product=row.name, size=amount))
        return await held.sign(state)
