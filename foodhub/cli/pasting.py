"""`foodhub stock paste`: counting from a list as one writes it, with a preview, and a question for what is not sure.

Nothing is guessed silently: where nobody is there to answer, all that is not sure is listed and nothing is signed.
"""

import sys
from collections.abc import Mapping, Sequence

from foodhub.catalog.naming import id_bytes
from foodhub.catalog.pasting import Pasted
from foodhub.cli.asking import choose, confirm, on_terminal
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import cell, show
from foodhub.cli.product import label
from foodhub.cli.recounting import delivered, tell_leaving
from foodhub.cli.speaking import for_owner, told
from foodhub.cli.stock import count_for, draw_stock
from foodhub.errors import N_, RefusedError
from foodhub.node.hat import Hat
from foodhub.node.home import now
from foodhub.node.mandates import as_owner
from foodhub.node.products import ProductRow, list_products
from foodhub.node.reading import Connection
from foodhub.node.recounting import AtCount, find_all_delivered
from foodhub.node.stock import StockRow, read_stock_list
from foodhub.quantity import COUNTED_IN
from foodhub.saying import quantity, together
from foodhub.words import _

_LEFT_OUT = "leave"


@command(
    "stock paste",
    signs=True,
    examples=['foodhub stock paste "2 jus 3 oeufs 1,5kg carottes"', "foodhub stock paste < message.txt"],
    more=N_(
        "Reads a message: quantities before or behind the products, in any order, of your own products. Without a text"
        " it reads standard input. What is not sure is asked about; where nobody can answer, nothing is signed."
    ),
)
@argument("text", nargs=-1)
@delivered
@for_owner
@pass_call
def stock_paste(call: Call, text: tuple[str, ...], delivered: tuple[str, ...]) -> None:
    """Count from a list."""
    from foodhub.cli.running import run

    rows = run(_paste(call, " ".join(text) if text else sys.stdin.read(), delivered))
    show(call, rows, lambda: draw_stock(rows))


async def _paste(call: Call, text: str, gone: Sequence[str]) -> list[StockRow]:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction

    async with pen(call) as held:
        seller = await held.node.read(as_owner, held.hat, call.for_name)
        found = await held.node.read(read_stock_list, seller, text)
        own = await held.node.read(_own, seller)
        wanted = resolve(call, found, own)
        cycles = await held.node.read(find_all_delivered, held.hat, seller, gone, now())

        def count(tx: Transaction, hat: Hat) -> tuple[list[AtCount], list[StockRow]]:
            return count_for(tx, hat, seller, dict(wanted), None, cycles, told(call))

        leaving, _rows = await held.node.rehearse(count, held.hat)
        tell_leaving(call, leaving)
        lines = [
            f"  {quantity(amount, COUNTED_IN[own[key].price_per]):>10}  {label(own[key])}"
            for key, amount in wanted.items()
        ]
        confirm(call, held.hat.name, "\n".join([_("This is counted:"), *map(cell, lines)]))
        _leaving, rows = await held.sign(count)
        return rows


def _own(db: Connection, hat: Hat) -> dict[bytes, ProductRow]:
    return {id_bytes(row.id): row for row in list_products(db, producer=hat.member)}


def resolve(call: Call, found: Sequence[Pasted[bytes]], own: Mapping[bytes, ProductRow]) -> dict[bytes, int]:
    """Return how much of which product is meant, asking about what is not sure.

    Raises:
        RefusedError: `not_sure` where nobody is there to ask, `product_twice`, or `nothing_counted`.
    """
    unsure = [each for each in found if not _sure(each)]
    if unsure and (call.yes or not on_terminal()):
        raise _not_sure(unsure, own)
    wanted: dict[bytes, int] = {}
    for each in found:
        key, amount = (each.candidates[0], each.amount) if _sure(each) else _ask(call, each, own)
        if key is None or amount is None:
            continue
        if key in wanted:
            raise RefusedError(
                "product_twice",
                N_("{name} stands there twice."),
                N_("Paste each product once, with all of it."),
                name=label(own[key]),
            )
        wanted[key] = amount
    if not wanted:
        raise RefusedError("nothing_counted", N_("Nothing is left to count."), N_("Nothing was signed."))
    return wanted


def _sure(each: Pasted[bytes]) -> bool:
    """Say whether a pair needs no question; a tolerance says nothing of stock."""
    return each.sure and not each.tolerance


def _ask(call: Call, each: Pasted[bytes], own: Mapping[bytes, ProductRow]) -> tuple[bytes | None, int | None]:
    """Let somebody choose what a pair means; nothing where it is to be left out."""
    choices, meant = [], {}
    for key in each.candidates:
        unit = COUNTED_IN[own[key].price_per]
        amounts = each.amounts_in(unit)
        if amounts is not None:
            word = own[key].id[:8]
            meant[word] = key, amounts[0]
            choices.append((word, cell(f"{quantity(amounts[0], unit)}  {label(own[key])}")))
    question = _('"{text}": what is meant?').format(text=cell(each.text))
    chosen = choose(call, question, [*choices, (_LEFT_OUT, _("leave it out"))])
    return meant.get(chosen or "", (None, None))


def _not_sure(unsure: Sequence[Pasted[bytes]], own: Mapping[bytes, ProductRow]) -> RefusedError:
    listed = [
        {"text": each.text, "candidates": [{"id": own[key].id, "product": label(own[key])} for key in each.candidates]}
        for each in unsure
    ]
    said = together(
        f'"{each.text}"' + (f" ({' / '.join(label(own[key]) for key in each.candidates)}?)" if each.candidates else "")
        for each in unsure
    )
    return RefusedError(
        "not_sure",
        N_("Not all of it is sure, and nobody is there to ask: {listed}."),
        N_("Write these with: foodhub stock set PRODUCT=QUANTITY. Or paste it on a terminal."),
        listed=said,
        unsure=listed,
    )
