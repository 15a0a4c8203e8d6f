"""`foodhub cycle sell`: how a hub or group sells in a cycle, and until when."""

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from foodhub.catalog.naming import id_bytes
from foodhub.cli.asking import choose, confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.cycle import ask_sale, closing
from foodhub.cli.overview import show_whole
from foodhub.cli.texts import one_line
from foodhub.cli.when import read_span
from foodhub.errors import N_, UsageError
from foodhub.node.cycles import CycleRow, in_ms, zone_of
from foodhub.node.exchanges import Exchange
from foodhub.node.home import now
from foodhub.node.offering import Offer, Product, open_choices, own_exchange, sell, supplier_of
from foodhub.node.overview import Overview, find_any, overview
from foodhub.node.planning import members_named
from foodhub.node.reading import Connection
from foodhub.orders.exchanges import DEFAULT_RULE, MAX_PLACE, Buying, Pickup, ProductRule
from foodhub.orders.rule_words import read_rule
from foodhub.orders.statements import SALES
from foodhub.words import _

if TYPE_CHECKING:
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat


_BUYING = {
    "as_one": N_("the group is the hub's customer, and shares the bill among its households"),
    "households": N_("each household is the hub's customer; the group is where goods are picked up"),
}
"""How a group buys."""


@command(
    "cycle sell",
    signs=True,
    examples=[
        'foodhub cycle sell "Week 48" --closes "wed 18h" --buys as_one --pickup "Salle des fêtes; fri 17h; 19h"',
        'foodhub cycle sell "Week 48" --by-hand --rule "Apple juice=group,sharing:equal" --rules round_up',
    ],
    more=N_(
        "The coordinator's own sale closes with the cycle. A rule says where the cases of a product are filled (hub,"
        " group, household), what becomes of the rest (cut, round_up, open, ask), how tolerance is spread (fair, or"
        " spread:queue) and how a lack is shared (proportional, equal, by_hand, or sharing:queue)."
    ),
)
@argument("cycle")
@option("--closes", metavar="WHEN", help=N_("Until when your customers order: not later than your hub."))
@option("--sale", metavar="SALE", help=N_("A hub: who sells to whom: direct, agency or resale."))
@option("--buys", "buying", metavar="HOW", help=N_("A group: as_one, or households, each for itself."))
@option("--by-hand/--by-itself", default=None, help=N_("Whether a person confirms each order."))
@option("--open/--not-open", "shown", default=None, help=N_("Whether all your customers may read all wishes."))
@option("--product", "products", metavar="PRODUCT", multiple=True, help=N_("Sell this one; name all of them."))
@option("--all-products", is_flag=True, help=N_("Sell all that comes in."))
@option("--rule", "pairs", metavar="PRODUCT=RULE", multiple=True, help=N_("The rule for one product."))
@option("--rules", "rule", metavar="RULE", help=N_("The rule for all other products."))
@option(
    "--pickup",
    "pickups",
    metavar='"PLACE; FROM; TO"',
    multiple=True,
    help=N_("A pickup; name all of them. FROM is the next such time after the close, TO after FROM."),
)
@option("--no-pickups", is_flag=True, help=N_("There is no pickup."))
@option("--supplier", metavar="HUB", help=N_("A group: the hub that it orders from (else the coordinator)."))
@pass_call
def cycle_sell(call: Call, /, cycle: str, **given: Any) -> None:
    """Say how we sell in a cycle."""
    from foodhub.cli.running import run

    for field, words in (("sale", SALES), ("buying", get_args(Buying))):
        if given[field] not in {None, *words}:
            raise UsageError(
                "bad_choice", N_('"{name}" is none of: {choices}.'), name=given[field][:40], choices=", ".join(words)
            )
    show_whole(call, *run(_sell(call, cycle, given)))


async def _sell(call: Call, name: str, given: dict[str, Any]) -> tuple[CycleRow, Overview]:
    from foodhub.cli.running import pen

    async with pen(call) as held:
        row = await held.node.read(find_any, name, now())
        for choice in await held.node.read(open_choices, held.hat, row):
            given[choice] = given[choice] or (ask_sale(call) if choice == "sale" else _ask_buying(call))

        def work(tx: "Transaction", hat: "Hat") -> tuple[CycleRow, Overview]:
            changed = sell(tx, hat, row, _offer(tx, hat, row, given))
            return changed, overview(tx.db, changed)

        await held.node.rehearse(work, held.hat)
        text = _('Say how {name} sells in "{cycle}".')
        confirm(call, held.hat.name, text.format(name=held.hat.name, cycle=row.name))
        found = await held.sign(work)
        if held.hat.name in found[1].again:
            text = _(
                "If its coordinator repeats it in another week, you sell in that likewise. If you don't want that:"
                ' foodhub cycle repeat "{name}" --end'
            )
            call.note(text.format(name=found[0].name))
        return found


def _ask_buying(call: Call) -> str:
    chosen = choose(call, _("How does your group buy?"), [(word, _(text)) for word, text in _BUYING.items()])
    if chosen is None:
        raise UsageError(
            "buying_needed",
            N_("Say how your group buys: it decides who owes what to whom."),
            N_("Write --buys as_one or --buys households."),
        )
    return chosen


def _offer(tx: "Transaction", hat: "Hat", row: CycleRow, given: dict[str, Any]) -> Offer:
    """Read the options; products and members are looked up by name."""
    held = own_exchange(tx.db, hat, row)
    base = held.rule if held else DEFAULT_RULE
    rule = read_rule(given["rule"], base) if given["rule"] is not None else None
    closes = closing(given["closes"], row) if given["closes"] is not None else None
    products = [_product(tx.db, text) for text in given["products"]]
    pickups = [_pickup(text, row) for text in given["pickups"]]
    (supplier,) = members_named(tx.db, [given["supplier"]]) if given["supplier"] else (None,)
    above = supplier_of(tx.db, hat, row, supplier) if given["pairs"] else None
    return Offer(
        supplier=supplier,
        closes=closes,
        sale=given["sale"],
        buying=given["buying"],
        by_hand=given["by_hand"],
        shown=given["shown"],
        products=products if products or given["all_products"] else None,
        rule=rule,
        rules=dict(_ruled(tx.db, text, rule or base, above) for text in given["pairs"]) or None,
        pickups=pickups if pickups or given["no_pickups"] else None,
    )


def _product(db: Connection, text: str) -> Product:
    from foodhub.node.products import find_product

    row = find_product(db, text)
    return id_bytes(row.producer_id), id_bytes(row.id)


def _ruled(db: Connection, text: str, base: ProductRule, above: Exchange | None) -> tuple[Product, ProductRule]:
    """Read PRODUCT=RULE; where that does not say how a lack is shared, it is shared as our supplier does."""
    product, mark, rule = text.rpartition("=")
    if not mark or not product.strip():
        raise UsageError(
            "bad_pair",
            N_('"{text}" does not say a product and a rule.'),
            N_('Write PRODUCT=RULE, such as "Apple juice=group,round_up".'),
            text=text[:60],
        )
    key = _product(db, product)
    if above is not None and base.sharing == DEFAULT_RULE.sharing:
        sharing = above.rule(*key).sharing
        base = msgspec.structs.replace(base, sharing=sharing) if sharing != "by_hand" else base
    return key, read_rule(rule, base)


def _pickup(text: str, row: CycleRow) -> Pickup:
    """Read "PLACE; FROM; TO": the next such times behind the close."""
    place, *times = (part.strip() for part in text.split(";"))
    if len(times) != 2 or not place.strip():
        raise UsageError(
            "pickup_unreadable",
            N_('"{text}" is no pickup.'),
            N_('Write "PLACE; FROM; TO", such as "Town hall; fri 17h; 19h".'),
            text=text[:60],
        )
    begins, ends = read_span(times[0], times[1], row.closes, zone_of(row.zone))
    return Pickup(one_line(place, MAX_PLACE), in_ms(begins), in_ms(ends))
