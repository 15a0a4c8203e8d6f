"""`foodhub wish`: what the households of a group want, entered by themselves or typed for them."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from foodhub.cli.allot import split_pairs
from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import FILE, argument, command, pass_call
from foodhub.cli.importing import said as said_fault
from foodhub.cli.output import cell, say, show, table
from foodhub.cli.running import Pen, pen, run
from foodhub.cli.speaking import told, told_by
from foodhub.errors import N_, UsageError
from foodhub.money import line_amount
from foodhub.node import wishes as node_wishes
from foodhub.node.application import Transaction
from foodhub.node.cycles import find_cycle
from foodhub.node.hat import Hat, choose_hat, shown_name
from foodhub.node.home import now
from foodhub.node.pasted_wish import read_pasted_wish
from foodhub.node.reading import open_reading
from foodhub.node.wanted import Wanted, read_changes
from foodhub.node.wish_file import HouseholdWish, read_wishes
from foodhub.node.wishes import (
    WishRow,
    WishTable,
    group_exchange,
    set_wish,
    wisher,
    without_wish,
)
from foodhub.saying import TOLD, money, said, titled, together, wished
from foodhub.words import _, ngettext

_STANDARD_INPUT = Path("-")
Wishes = Sequence[HouseholdWish]


@command(
    "wish set",
    signs=True,
    examples=[
        'foodhub wish set "Week 48" "Apple juice=2+1" Eggs=1',
        'foodhub wish set "Week 48" "Denise Roux" Carrots=1kg Eggs=0 --by phone',
    ],
    more=N_(
        "Quantities are what the household wants from now on; 0 takes a product out, and what is not named stays. A"
        " group types the wishes of the households that it represents; a household with a home enters its own."
        " QUANTITY+TOLERANCE takes up to so much more if it completes a case."
    ),
)
@argument("cycle")
@argument("words", metavar="[HOUSEHOLD] PRODUCT=QUANTITY...", nargs=-1, required=True)
@told_by
@pass_call
def wish_set(call: Call, cycle: str, words: tuple[str, ...]) -> None:
    """Enter a wish."""
    household, pairs = (None, words) if "=" in words[0] else (words[0], words[1:])
    if not pairs:
        raise UsageError("no_wish", N_("Say what is wanted."), N_("Write PRODUCT=QUANTITY, once or more."))
    split = split_pairs(pairs)

    def read(tx: Transaction, hat: Hat) -> Wishes:
        row = find_cycle(tx.db, cycle, tx.now)
        buyer = wisher(tx.db, hat, household, told(call))
        wanted = read_changes(tx.db, row, split)
        return [HouseholdWish(shown_name(tx.db, buyer.member), buyer, wanted)]

    _enter(call, cycle, read)


def _enter(call: Call, cycle: str, read: Callable[[Transaction, Hat], Wishes]) -> None:
    """Read wishes, show them, and sign all of them or none; then show what is wanted in all."""

    def write(tx: Transaction, hat: Hat) -> tuple[int, Wishes, WishTable]:
        row, wishes = find_cycle(tx.db, cycle, tx.now), read(tx, hat)
        signed = sum(set_wish(tx, hat, row, each.buyer, each.wanted) for each in wishes)
        return signed, wishes, node_wishes.wish_table(tx.db, hat, row)

    async def work() -> tuple[int, Wishes, WishTable]:
        async with pen(call) as held:
            _signed, wishes, _table = await held.node.rehearse(write, held.hat)
            confirm(call, held.hat.name, _question(wishes))
            signed, _wishes, row = await held.sign(write)
            return signed, wishes, row if call.dry_run else await _after_duties(held, cycle)

    signed, wishes, row = run(work())
    if not signed:
        call.note(_("It was so already; nothing was signed."))
    if len(wishes) > 1 and not call.dry_run:
        call.note(ngettext("Wishes of {n} household.", "Wishes of {n} households.", len(wishes)).format(n=len(wishes)))
    show(call, row, lambda: _draw(row))


async def _after_duties(held: Pen, cycle: str) -> WishTable:
    """Return the wishes once this home has answered those that it typed itself."""
    await held.do_duties()
    return await held.node.read(lambda db: node_wishes.wish_table(db, held.hat, find_cycle(db, cycle, now())))


_MOST_LISTED = 60
"""So many lines of wishes are shown before they are signed; of more, what they come to."""


def _question(wishes: Wishes) -> str:
    count = sum(len(wish.wanted) for wish in wishes)
    lines = []
    for wish in wishes:
        short = ngettext("{n} product", "{n} products", len(wish.wanted)).format(n=len(wish.wanted))
        says = [short] * (count > _MOST_LISTED) + [_worth(wish.wanted)]
        lines.append(cell(titled(wish.household, ", ".join(filter(None, says)))))
        if count <= _MOST_LISTED:
            lines += [cell(f"  {_amount(each)}  {each.row.name}") for each in wish.wanted]
    if len(wishes) > 1:
        lines.append(cell(titled(_("in all"), _worth([each for wish in wishes for each in wish.wanted]))))
    return "\n".join([_("This is wanted:"), *lines])


def _worth(wanted: Sequence[Wanted]) -> str:
    """Say what wishes cost as far as that is known, "" for nothing."""
    total = sum(line_amount(each.terms.price, each.terms.price_per, each.amount) for each in wanted)
    currency = next((each.terms.currency for each in wanted), "")
    return money(total, currency) if total else ""


def _amount(each: Wanted) -> str:
    return wished(each.amount, each.tolerance, each.row.price_per)


@command(
    "wish import",
    signs=True,
    examples=['foodhub wish import "Week 48" wishes.csv --by paper --dry-run'],
    more=N_(
        "A file (CSV) with the columns household, product, quantity and tolerance. All rows are checked first: with a"
        " bad one nothing is signed, and every fault is listed with its line and column. - is standard input."
    ),
)
@argument("cycle")
@argument("file", type=FILE)
@told_by
@pass_call
def wish_import(call: Call, cycle: str, file: Path) -> None:
    """Enter the wishes of a file."""
    data = sys.stdin.buffer.read() if file == _STANDARD_INPUT else file.read_bytes()

    def read(tx: Transaction, hat: Hat) -> Wishes:
        row = find_cycle(tx.db, cycle, tx.now)
        wishes, faults = read_wishes(tx.db, hat, row, group_exchange(tx.db, hat, row), data, told(call))
        if faults:
            raise _bad_rows([said_fault(fault) for fault in faults])
        if not wishes:
            raise UsageError("no_wish", N_("The file has no wishes."), N_("Each row is a household's wish."))
        return wishes

    _enter(call, cycle, read)


def _bad_rows(faults: list[dict[str, Any]]) -> UsageError:
    said_of = (titled(f"{each['line']}, {each['column']}", f"{each['message']} {each['hint']}") for each in faults)
    return UsageError(
        "bad_rows",
        N_("Nothing was signed. Faults (line, column): {count}.\n{listed}"),
        N_("Mend them and import again."),
        count=len(faults),
        listed="\n".join(said_of),
        faults=faults,
    )


@command(
    "wish paste",
    signs=True,
    examples=['foodhub wish paste "Week 48" "Denise Roux" "2 jus 3 oeufs 1,5kg carottes" --by sms'],
    more=N_(
        "Reads a message: quantities before or behind the products, in any order. What was understood is shown first;"
        " where any of it is not sure, nothing is signed. Without a text it reads standard input."
    ),
)
@argument("cycle")
@argument("household")
@argument("text", nargs=-1)
@told_by
@pass_call
def wish_paste(call: Call, cycle: str, household: str, text: tuple[str, ...]) -> None:
    """Enter a wish from a message."""
    message = " ".join(text) if text else sys.stdin.read()

    def read(tx: Transaction, hat: Hat) -> Wishes:
        row = find_cycle(tx.db, cycle, tx.now)
        buyer = wisher(tx.db, hat, household, told(call))
        pairs = read_pasted_wish(tx.db, row, group_exchange(tx.db, hat, row), message)
        wanted = read_changes(tx.db, row, pairs)
        return [HouseholdWish(shown_name(tx.db, buyer.member), buyer, wanted)]

    _enter(call, cycle, read)


@command(
    "wish table",
    examples=['foodhub wish table "Week 48"', 'foodhub wish table "Week 48" --json'],
    more=N_(
        "A group sees all wishes, a household its own, and those of all where its group lets everybody read them. Cases"
        " are those of the last tally."
    ),
)
@argument("cycle")
@pass_call
def wish_table(call: Call, cycle: str) -> None:
    """Show all wishes."""
    row = _read_table(call, cycle)
    show(call, row, lambda: _draw(row))


def _read_table(call: Call, cycle: str) -> WishTable:
    with open_reading(call.home) as db:
        return node_wishes.wish_table(db, choose_hat(db, call.as_name), find_cycle(db, cycle, now()))


def _draw(row: WishTable) -> None:
    say(f"{cell(row.group)}, {cell(row.cycle)}")
    households = [each for each in row.households if each.cells]
    if not households:
        say(_("No wish yet."))
        return
    say()
    if len(row.products) > _MOST_ACROSS:
        _draw_long(row, households)
        return
    titles = (_("basket"), _("household"), *(each.product for each in row.products), "")
    lines: list[tuple[Any, ...]] = [
        (each.number or "", _name(each), *_cells(row, each), _told(each)) for each in households
    ]
    sums = [wished(each.quantity, each.tolerance, each.price_per) for each in row.products]
    lines.append(("", _("in all"), *sums, ""))
    if any(each.case for each in row.products):
        lines.append(("", _("cases"), *(each.cases if each.case else "" for each in row.products), ""))
        missing = (wished(each.missing, 0, each.price_per) if each.missing else "" for each in row.products)
        lines.append(("", _("missing"), *missing, ""))
    first = 0 if any(each.number for each in households) else 1  # a household does not know the number of its own
    table(titles[first:], [line[first:] for line in lines], right=range(2 - first, 2 - first + len(row.products)))


_MOST_ACROSS = 8
"""So many products have a column of their own; more would fit on no screen."""


def _draw_long(row: WishTable, households: Sequence[WishRow]) -> None:
    """Print what is wanted of each product, then what each household wants."""
    products = [
        (
            each.product,
            wished(each.quantity, each.tolerance, each.price_per),
            each.cases if each.case else "",
            wished(each.missing, 0, each.price_per) if each.missing else "",
        )
        for each in row.products
    ]
    table((_("product"), _("in all"), _("cases"), _("missing")), products, right=(1, 2, 3))
    say()
    numbered = any(each.number for each in households)
    lines = [
        (each.number or "", _name(each), _wants(row, each), _told(each))[0 if numbered else 1 :] for each in households
    ]
    titles = (_("basket"), _("household"), _("wants"), "")
    table(titles[0 if numbered else 1 :], lines, right=(0,) if numbered else ())


def _wants(row: WishTable, household: WishRow) -> str:
    """Say in one line what a household wants, in the order of the products."""
    cells = zip(row.products, _cells(row, household), strict=True)
    return together(titled(each.product, amount) for each, amount in cells if amount)


def _cells(row: WishTable, household: WishRow) -> list[str]:
    wanted = {each.product_id: each for each in household.cells}
    return [
        wished(wanted[each.product_id].quantity, wanted[each.product_id].tolerance, each.price_per)
        if each.product_id in wanted
        else ""
        for each in row.products
    ]


def _name(row: WishRow) -> str:
    return row.household or _("household {id}").format(id=row.household_id[:4])


def _told(row: WishRow) -> str:
    """Return who typed a wish, how the household had said it, and whether it has left the group since."""
    typed = _("typed by {name}").format(name=row.written_by) if row.written_by else ""
    how = said(TOLD, row.told) if row.written_by else ""
    return ", ".join(part for part in (typed, how, _("has left the group") if row.left else "") if part)


@command(
    "wish missing",
    examples=['foodhub wish missing "Week 48"'],
    more=N_("For a group: whom to ask before it closes."),
)
@argument("cycle")
@pass_call
def wish_missing(call: Call, cycle: str) -> None:
    """List who has not said what it wants."""
    rows = without_wish(_read_table(call, cycle))
    if not rows:
        call.note(_("All households have said what they want."))

    def draw() -> None:
        lines = [(each.number or "", _name(each), _("represented") if each.represented else "") for each in rows]
        if lines:
            table((_("basket"), _("household"), ""), lines, right=(0,))

    show(call, rows, draw)
