"""`foodhub cycle set` and `cycle bring`: changing a cycle of our own, and saying who brings what into it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from foodhub.catalog.naming import id_bytes
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.cycle import change_cycle, closing, when
from foodhub.cli.overview import show_whole
from foodhub.cli.texts import one_line
from foodhub.errors import N_, UsageError
from foodhub.node.arranging import require_arrangement
from foodhub.node.contacts import find_person
from foodhub.node.cycles import CycleRow
from foodhub.node.planning import Changes, bring, bring_no_more, brought, left_out, members_named, set_cycle
from foodhub.orders.exchanges import MAX_PLACE, Incoming
from foodhub.orders.statements import SALES
from foodhub.saying import titled, together
from foodhub.words import _

if TYPE_CHECKING:
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat


@command(
    "cycle set",
    signs=True,
    examples=[
        'foodhub cycle set "Week 48" --closes "fri 12h"',
        'foodhub cycle set "Week 48" --hub "Hub du Val" --hub Coop --pooled --deputy Coop',
    ],
    more=N_(
        "The deadlines keep their order: a group closes no later than its hub, and the hub no later than its producers"
        " take their orders. Of a cycle that has opened only the name, the closing time and who takes part can change."
    ),
)
@argument("cycle")
@option("--name", metavar="TEXT", help=N_("Another name."))
@option("--opens", metavar="WHEN", help=N_("From when people order."))
@option("--closes", metavar="WHEN", help=N_("Until when people order."))
@option("--sale", metavar="SALE", help=N_("Who sells to whom: direct, agency or resale."))
@option("--hub", "hubs", metavar="HUB", multiple=True, help=N_("Another hub that takes part; name all of them."))
@option("--no-hubs", is_flag=True, help=N_("No other hub takes part."))
@option("--pooled/--not-pooled", default=None, help=N_("Whether the other hubs order from you, so that cases pool."))
@option(
    "--deputy",
    "deputies",
    metavar="MEMBER",
    multiple=True,
    help=N_("Who closes the cycle if you can't, the first one first; name all of them."),
)
@option("--no-deputies", is_flag=True, help=N_("Nobody else closes the cycle."))
@pass_call
def cycle_set(call: Call, /, cycle: str, **given: Any) -> None:
    """Change a cycle."""
    from foodhub.cli.running import run

    if all(value is None or value in (False, ()) for value in given.values()) and given["pooled"] is None:
        raise UsageError(
            "nothing_to_set", N_("Nothing to change was given."), N_('Give an option, such as --closes "thu 20h".')
        )
    if given["sale"] not in {None, *SALES}:
        raise UsageError("bad_sale", N_("A sale is one of: {sales}."), sales=", ".join(SALES))

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> CycleRow:
        return set_cycle(tx, hat, row.key[1], _changes(tx, row, given))

    changed = change_cycle(call, cycle, work, lambda row: _('Change the order cycle "{name}".').format(name=row.name))
    show_whole(call, *run(changed))


def _changes(tx: "Transaction", row: CycleRow, given: dict[str, Any]) -> Changes:
    from foodhub.node.setup import check_name

    hubs = members_named(tx.db, given["hubs"]) if given["hubs"] or given["no_hubs"] else None
    deputies = members_named(tx.db, given["deputies"]) if given["deputies"] or given["no_deputies"] else None
    return Changes(
        name=check_name(given["name"]) if given["name"] is not None else None,
        opens=when(given["opens"], row) if given["opens"] is not None else None,
        closes=closing(given["closes"], row) if given["closes"] is not None else None,
        sale=given["sale"],
        hubs=hubs,
        pooled=given["pooled"],
        deputies=deputies,
    )


@command(
    "cycle bring",
    signs=True,
    examples=[
        'foodhub cycle bring "Week 48" "Ferme du Val" --place "Hub, back door" --weighed "fri 8h" --lead "thu 22h"',
        'foodhub cycle bring "Week 48" Dairy VO-LAI-1 "Lait ribot"',
        'foodhub cycle bring "Week 48" Dairy --no-more',
    ],
    more=N_(
        "Unless products are named it brings all that it sells. Until --lead it takes the purchase order, and at"
        " --weighed the goods are weighed in: times behind the close, so a weekday is the next one after it. What was"
        " said before and is not named stays."
    ),
)
@argument("cycle")
@argument("producer")
@argument("products", metavar="[PRODUCT]...", nargs=-1)
@option("--all-products", is_flag=True, help=N_("It brings all that it sells."))
@option("--place", metavar="TEXT", help=N_("Where the goods are brought to."))
@option("--weighed", metavar="WHEN", help=N_("When they are weighed in."))
@option("--lead", metavar="WHEN", help=N_("Until when the producer takes the purchase order."))
@option("--no-more", is_flag=True, help=N_("It brings nothing into this cycle any more."))
@pass_call
def cycle_bring(call: Call, /, cycle: str, producer: str, **given: Any) -> None:
    """Say what a producer brings."""
    from foodhub.cli.running import run

    if given["place"] is not None:
        given["place"] = one_line(given["place"], MAX_PLACE)
    out: list[tuple[str, list[str]]] = []

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> CycleRow:
        member, local = find_person(tx.db, producer), row.key[1]
        before = require_arrangement(tx.db, hat, local).plan
        if given["no_more"]:
            changed = bring_no_more(tx, hat, local, member)
        else:
            changed = bring(tx, hat, local, _incoming(tx, row, brought(tx.db, hat, local, member), given))
        # Where nobody was named all came in, so that whoever is named first shuts all others out.
        out[:] = left_out(tx.db, before, require_arrangement(tx.db, hat, local).plan) if not before.incoming else []
        return changed

    def what(row: CycleRow) -> str:
        text = (
            _('{producer} brings nothing into "{cycle}" any more.')
            if given["no_more"]
            else _('{producer} brings goods into "{cycle}".')
        )
        return "\n".join([text.format(producer=producer, cycle=row.name), *_shut_out(out)])

    done = run(change_cycle(call, cycle, work, what))
    for line in _shut_out(out):
        call.note(line)
    show_whole(call, *done)


def _shut_out(out: Sequence[tuple[str, list[str]]]) -> list[str]:
    """Say who is not named and so brings nothing, or only what was ordered."""
    names = together(titled(producer, ", ".join(products)) for producer, products in out)
    text = _("Only who is named brings goods from now on. Not in it any more: {names}.")
    return [text.format(names=names)] if names else []


def _incoming(tx: "Transaction", row: CycleRow, before: Incoming, given: dict[str, Any]) -> Incoming:
    """Return what a producer brings: as before, but for what is named."""
    named: dict[str, Any] = {
        name: when(given[name], row, row.closes) for name in ("weighed", "lead") if given[name] is not None
    }
    if given["products"] or given["all_products"]:
        named["products"] = _products(tx, before.producer, given["products"])
    if given["place"] is not None:
        named["place"] = given["place"]
    return msgspec.structs.replace(before, **named)


def _products(tx: "Transaction", producer: bytes, names: tuple[str, ...]) -> list[bytes]:
    from foodhub.node.hat import Hat, shown_name
    from foodhub.node.stock import own_product

    seller = Hat(producer, b"", shown_name(tx.db, producer), ())
    return list(dict.fromkeys(id_bytes(own_product(tx.db, seller, name).id) for name in names))
