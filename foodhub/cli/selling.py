"""`foodhub product add`, `set` and `withdraw`: a producer's own products, one at a time."""

from collections.abc import Callable
from typing import Any

import click

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.catalog.product import default_step
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import show
from foodhub.cli.product import draw_product
from foodhub.cli.running import pen, run
from foodhub.cli.speaking import for_member, for_owner, told
from foodhub.errors import N_, UsageError
from foodhub.money import PricePer, parse_money
from foodhub.node import products
from foodhub.node.application import Transaction
from foodhub.node.hat import Hat, currency
from foodhub.node.mandates import as_owner, set_product_for
from foodhub.node.products import (
    UNCHANGED,
    ProductRow,
    find_product,
    new_product,
    put_product,
    read_count,
    require_seller,
    stock_of,
)
from foodhub.node.rights import keeps
from foodhub.node.sellers import seller_of
from foodhub.quantity import COUNTED_IN, parse_quantity
from foodhub.words import _

_TEXTS = ("sku", "variant", "category", "description", "unit_name")


def _fields(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `add` and `set` share."""
    options = [
        option("--price", metavar="AMOUNT", help=N_("The price, such as 2,45 or 2.45.")),
        option(
            "--per", type=click.Choice(["piece", "kg", "l"]), help=N_("What the price is for (a new product: piece).")
        ),
        option("--step", metavar="QUANTITY", help=N_("What orders are multiples of, such as 500g, or 6 pieces.")),
        option(
            "--on-hand", metavar="QUANTITY", help=N_("How much there is, such as 40, or 12.5kg of goods by weight.")
        ),
        option("--on-demand", is_flag=True, help=N_("It is made as it is ordered; nothing is counted.")),
        option("--content", metavar="QUANTITY", help=N_("What one piece holds, such as 250g.")),
        option("--unit-name", metavar="TEXT", help=N_("What a piece is called, such as bunch.")),
        option("--sku", metavar="TEXT", help=N_("Your own article number.")),
        option("--variant", metavar="TEXT", help=N_("What tells it from products of the same name.")),
        option("--category", metavar="TEXT", help=N_("Under what it is listed.")),
        option("--description", metavar="TEXT", help=N_("What buyers should know.")),
    ]
    for add in reversed(options):
        function = add(function)
    return function


@command(
    "product add",
    signs=True,
    examples=[
        "foodhub product add Eggs --price 2,60 --content 6 --unit-name eggs --on-hand 40",
        "foodhub product add Carrots --price 2,45 --per kg --step 500g --on-hand 120kg",
    ],
)
@argument("name", metavar="PRODUCT")
@_fields
@for_member
@pass_call
def product_add(call: Call, /, name: str, **given: Any) -> None:
    """Publish a product."""
    if given["price"] is None:
        raise UsageError("missing", N_("{name} is missing."), N_("Write it like --price 2,45."), name="--price")
    _one_stock(given)
    row = run(_add(call, " ".join(name.split()), given))
    show(call, row, lambda: draw_product(row))


async def _add(call: Call, name: str, given: dict[str, Any]) -> ProductRow:
    per: PricePer = given["per"] or "piece"
    more = {text: given[text] for text in _TEXTS if given[text] is not None} | _content(name, per, given["content"])
    if given["step"] is not None:
        more["step"] = _step(name, per, given["step"])
    on_hand = None if given["on_demand"] else read_count(name, per, given["on_hand"] or "0")
    said = given["on_demand"] or given["on_hand"] is not None

    def add(tx: Transaction, hat: Hat) -> ProductRow:
        amount = parse_money(given["price"], currency(tx.db))
        seller = seller_of(tx.db, hat, call.for_name)
        own = seller.member == hat.member
        if own:
            require_seller(tx.db, hat)
        product = new_product(tx.db, seller.member, name, price=amount, price_per=per, more=more)
        counted = said or not own or keeps(tx.db, hat, "stock")
        put_product(tx, hat, product, stock_of(product.local, on_hand) if counted else None, None if own else seller)
        if not counted:
            call.note(_("Its stock is counted on another device of yours: say there how much there is of it."))
        return _row(tx, seller.member, base32_id(product.local))

    async with pen(call) as held:
        return await held.sign(add)


def _row(tx: Transaction, owner: bytes, identity: str) -> ProductRow:
    tx.fold.flush()
    return next(row for row in products.list_products(tx.db, producer=owner, withdrawn=True) if row.id == identity)


def _content(name: str, per: PricePer, text: str | None) -> dict[str, Any]:
    """Read what a piece holds, as the fields `unit` and `unit_value`; goods by weight or volume have no pieces."""
    if text is None:
        return {}
    if per != "piece":
        raise UsageError(
            "content_of_bulk",
            N_("{name} is priced by weight or volume, so it has no pieces."),
            N_("Leave out the content."),
            name=name,
        )
    amount, unit = parse_quantity(text)
    return {"unit": unit or "piece", "unit_value": amount}


def _step(name: str, per: PricePer, text: str) -> int:
    step = read_count(name, per, text)
    if step == 0:
        raise UsageError(
            "bad_step",
            N_("The step of {name} has to be at least 1."),
            N_("Write a step such as 500g, or 1 for pieces."),
            name=name,
        )
    return step


def _one_stock(given: dict[str, Any]) -> None:
    if given["on_demand"] and given["on_hand"] is not None:
        raise UsageError(
            "two_stocks",
            N_("A product is either counted or made on demand."),
            N_("Give one of --on-hand and --on-demand."),
        )


@command(
    "product set",
    signs=True,
    examples=["foodhub product set Carrots --price 2,60", "foodhub product set VO-LAI-1 --on-hand 45"],
    more=N_("A new price holds for the cycles that open after it; a new count holds at once."),
)
@argument("product")
@_fields
@option("--name", metavar="TEXT", help=N_("Another name."))
@for_owner
@pass_call
def product_set(call: Call, /, product: str, **given: Any) -> None:
    """Change a product."""
    if all(value is None or value is False for value in given.values()):
        raise UsageError(
            "nothing_to_set", N_("Nothing to change was given."), N_("Give an option, such as --price 2,45.")
        )
    _one_stock(given)
    what, row = run(_set(call, product, given))
    if what == "unchanged":
        call.note(_("It was so already; nothing was signed."))
    show(call, row, lambda: draw_product(row))


async def _set(call: Call, product: str, given: dict[str, Any]) -> tuple[str, ProductRow]:
    def change(tx: Transaction, hat: Hat) -> tuple[str, ProductRow]:
        owner = as_owner(tx.db, hat, call.for_name).member
        row = find_product(tx.db, product, producer=owner)
        fields, on_hand = _changes(row, given)
        if given["price"] is not None:
            fields["price"] = parse_money(given["price"], row.currency)
        what = set_product_for(tx, hat, owner, id_bytes(row.id), fields, on_hand, told(call))
        return what, _row(tx, owner, row.id)

    async with pen(call) as held:
        return await held.sign(change)


def _changes(row: ProductRow, given: dict[str, Any]) -> tuple[dict[str, Any], object]:
    """Return the fields that change, and the new stock (`UNCHANGED`, None on demand, or a count)."""
    fields = {text: given[text] for text in (*_TEXTS, "name") if given[text] is not None}
    before: PricePer = row.price_per  # type: ignore[assignment]
    per: PricePer = given["per"] or before
    if per != before:
        fields |= {"price_per": per, "unit": COUNTED_IN[per], "unit_value": 1, "step": default_step(per)}
        if row.on_hand and given["on_hand"] is None and not given["on_demand"]:
            raise UsageError(
                "count_again",
                N_("{name} was counted per {before}, which says nothing per {per}."),
                N_("Count it again with --on-hand, or say --on-demand."),
                name=row.name,
                before=before,
                per=per,
            )
    fields |= _content(row.name, per, given["content"])
    if given["step"] is not None:
        fields["step"] = _step(row.name, per, given["step"])
    on_hand = None if given["on_demand"] else UNCHANGED
    return fields, on_hand if given["on_hand"] is None else read_count(row.name, per, given["on_hand"])


@command(
    "product withdraw",
    signs=True,
    examples=["foodhub product withdraw VO-LAI-1"],
    more=N_("Orders that are promised stand. `product add` with the same name brings it back."),
)
@argument("product")
@for_owner
@pass_call
def product_withdraw(call: Call, product: str) -> None:
    """Withdraw a product."""
    from foodhub.cli.asking import confirm
    from foodhub.cli.output import say
    from foodhub.cli.product import label

    async def withdraw() -> ProductRow:
        async with pen(call) as held:
            owner = (await held.node.read(as_owner, held.hat, call.for_name)).member
            row = await held.node.read(find_product, product, producer=owner)
            confirm(call, held.hat.name, _("Withdraw {product}: it is sold no more.").format(product=label(row)))
            await held.sign(set_product_for, owner, id_bytes(row.id), {"withdrawn": True}, told=told(call))
            return row

    row = run(withdraw())
    show(
        call,
        {"id": row.id, "withdrawn": not call.dry_run},
        lambda: say(_("{product} is withdrawn.").format(product=label(row))),
    )
