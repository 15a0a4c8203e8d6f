"""`foodhub product list` and `show`: the catalog of the circuit, as anybody in it may read it."""

from foodhub.catalog.naming import full_name
from foodhub.cli.amounts import content
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, show, table
from foodhub.errors import N_
from foodhub.node.products import ProductRow, find_product, list_products
from foodhub.node.reading import Connection, open_reading, read
from foodhub.saying import counted, price
from foodhub.words import _


@command(
    "product list",
    examples=["foodhub product list", 'foodhub product list --search "goat cheese" --producer Laiterie'],
)
@option(
    "--search",
    default="",
    metavar="TEXT",
    help=N_("Only products with these words in name, producer, category or sku."),
)
@option("--producer", metavar="NAME", help=N_("Only products of this member, by name or the beginning of its id."))
@option("--withdrawn", is_flag=True, help=N_("Also products that are sold no more."))
@pass_call
def product_list(call: Call, search: str, producer: str | None, withdrawn: bool) -> None:
    """List products."""
    with open_reading(call.home) as db:
        owner = _producer(db, producer) if producer else None
        rows = list_products(db, search=search, producer=owner, withdrawn=withdrawn)
    if not rows:
        call.note(
            _("No product fits.")
            if search or producer
            else _("No product yet. Publish yours with: foodhub product import FILE, or product add NAME")
        )
    show(call, rows, lambda: draw_products(rows))


def draw_products(rows: list[ProductRow]) -> None:
    """Print products as a table; nothing for none."""
    titles = (_("product"), _("content"), _("producer"), _("price"), _("on hand"), _("sku"), _("id"))
    lines = [
        (
            label(row),
            content(row.unit_value, row.unit, row.price_per, row.unit_name),
            row.producer,
            price(row.price, row.currency, row.price_per),
            on_hand(row),
            row.sku,
            row.id[:8],
        )
        for row in rows
    ]
    if rows:
        table(titles, lines, right=(3, 4))


def _producer(db: Connection, text: str) -> bytes:
    """Return the producer that was named: a member, or one for whom somebody writes."""
    from foodhub.node.contacts import find_person

    return find_person(db, text)


def label(row: ProductRow) -> str:
    """Return name and variant of a product."""
    return full_name(row.name, row.variant)


def on_hand(row: ProductRow) -> str:
    """Return how much there is of a product, for people."""
    return _("on demand") if row.on_hand is None else counted(row.on_hand, row.price_per)


@command("product show", examples=["foodhub product show VO-LAI-1", 'foodhub product show "Lait ribot"'])
@argument("product")
@pass_call
def product_show(call: Call, product: str) -> None:
    """Show one product."""
    row = read(call.home, find_product, product)
    show(call, row, lambda: draw_product(row))


def draw_product(row: ProductRow) -> None:
    """Print all that is known of a product."""
    lines = [
        (_("product"), label(row)),
        (_("producer"), row.producer),
        (_("price"), price(row.price, row.currency, row.price_per)),
        (_("content"), content(row.unit_value, row.unit, row.price_per, row.unit_name)),
        (_("step"), counted(row.step, row.price_per)),
        (_("on hand"), on_hand(row)),
        (_("case"), f"{row.case_word} {counted(row.case, row.price_per)}".strip() if row.case else ""),
        (_("category"), row.category),
        (_("description"), row.description.replace("\n", " ")),
        (_("sku"), row.sku),
        (_("written for it by"), row.written_by),
        (_("counted for it by"), row.counted_by),
        (_("id"), row.id),
    ]
    facts([(name, value) for name, value in lines if value])
