"""All about one product, and how it is ordered: what a narrow terminal leaves out of the list stands here."""

from foodhub.node.products import ProductRow
from foodhub.saying import counted, price
from foodhub.tui.dialog import Card
from foodhub.tui.market import product_name
from foodhub.tui.wording import case, on_hand, packing
from foodhub.words import _


def product_card(row: ProductRow, *, ours: bool) -> Card:
    """Return the card of a product; of one of ours it says how it is changed."""
    return Card(
        product_name(row),
        [
            (_("Producer"), row.producer),
            (_("Packing"), packing(row)),
            (_("Price"), price(row.price, row.currency, row.price_per)),
            (_("On hand"), on_hand(row.on_hand, row.price_per)),
            (_("Ordered by"), "" if row.step == 1 else counted(row.step, row.price_per)),
            (_("Case"), case(row)),
            (_("Category"), row.category),
            (_("Code"), row.sku),
            (_("Id"), row.id),
            (_("Description"), row.description),
            _to_change(row) if ours else _to_order(row),
        ],
    )


def _to_order(row: ProductRow) -> tuple[str, str]:
    return _("To order"), _("foodhub order place CYCLE {wanted}").format(wanted=_example(row))


def _to_change(row: ProductRow) -> tuple[str, str]:
    return _("To change"), _("foodhub product set {id} --price PRICE").format(id=row.id[:8])


def _example(row: ProductRow) -> str:
    """Return the product and its least quantity as the command line takes them."""
    return f"{row.id[:8]}={counted(row.step, row.price_per).replace(' ', '')}"
