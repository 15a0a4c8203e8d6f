"""`foodhub cycle list` and `cycle show`: where each cycle stands, and all that is stated of one."""

from typing import Any

from foodhub.cli.allot import draw_allotments
from foodhub.cli.amounts import full_moment, moment
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import facts, plain, say, show, table
from foodhub.errors import N_
from foodhub.node.allotments import list_allotments
from foodhub.node.cycles import CycleRow
from foodhub.node.home import now
from foodhub.node.overview import ExchangeRow, IncomingRow, Overview, all_rows, find_any, overview
from foodhub.node.reading import open_reading, read
from foodhub.saying import PHASES, said
from foodhub.words import _

MEANINGS = {
    "direct": N_("each producer sells to the households; the hub carries, and takes no money"),
    "agency": N_("the hub sells in the producer's name, for a commission"),
    "resale": N_("the hub buys from the producers and sells"),
}
"""Who sells to whom."""


@command("cycle list", examples=["foodhub cycle list", "foodhub cycle list --json"])
@pass_call
def cycle_list(call: Call) -> None:
    """List the cycles."""
    rows = read(call.home, all_rows, now())
    if not rows:
        call.note(_("No order cycle yet. A hub makes one with: foodhub cycle new NAME --closes WHEN"))

    def draw() -> None:
        titles = (_("cycle"), _("hub"), _("state"), _("opens"), _("closes"), _("zone"), _("sale"), _("id"))
        lines = [
            (
                row.name,
                row.hub,
                state_of(row),
                moment(row.opens),
                moment(row.closes),
                row.zone,
                row.sale,
                row.id[:8],
            )
            for row in rows
        ]
        if rows:
            table(titles, lines)

    show(call, rows, draw)


@command(
    "cycle show",
    examples=['foodhub cycle show "Week 48"'],
    more=N_("What is set aside, promised and ordered is shown as far as you may read it: as producer or as the hub."),
)
@argument("cycle")
@pass_call
def cycle_show(call: Call, cycle: str) -> None:
    """Show a cycle."""
    with open_reading(call.home) as db:
        row = find_any(db, cycle, now())
        allotments = list_allotments(db, row)
        more = overview(db, row)
    data: dict[str, Any] = plain(row) | {"allotments": plain(allotments)} | plain(more)

    def draw() -> None:
        draw_cycle(row)
        draw_overview(row, more)
        if allotments:
            say()
            draw_allotments(allotments)

    show(call, data, draw)


def state_of(row: CycleRow) -> str:
    """Return where a cycle stands, in the user's words."""
    return _("draft") if row.draft else said(PHASES, row.state)


def draw_cycle(row: CycleRow) -> None:
    """Print a cycle."""
    facts(
        [
            (_("cycle"), row.name),
            (_("hub"), row.hub),
            (_("state"), state_of(row)),
            (_("opens"), full_moment(row.opens, row.zone)),
            (_("closes"), full_moment(row.closes, row.zone)),
            (_("sale"), f"{row.sale}: {_(MEANINGS[row.sale])}" if row.sale in MEANINGS else row.sale),
            (_("id"), row.id),
        ]
    )


def draw_overview(row: CycleRow, more: Overview) -> None:
    """Print what is stated of a cycle besides its window, as far as there is any."""
    pooled = _("{hubs} (cases pool)") if more.pooled else "{hubs}"
    found = [
        (_("closed at"), full_moment(more.closed_at, row.zone) if more.closed_at else ""),
        (_("hubs"), pooled.format(hubs=", ".join(more.hubs)) if more.hubs else ""),
        (_("deputies"), ", ".join(more.deputies)),
        (_("comes again"), ", ".join(moment(time) for time in more.repeats)),
    ]
    facts([each for each in found if each[1]])
    if more.incoming:
        say()
        titles = (_("producer"), _("brings"), _("place"), _("weighed in"), _("order until"))
        table(titles, [_incoming(each) for each in more.incoming])
    if more.exchanges:
        say()
        titles = (_("sells"), _("supplied by"), _("until"), _("how"), _("pickup"))
        table(titles, [_exchange(each) for each in more.exchanges])
        rules = [(each.name, rule) for each in more.exchanges for rule in each.rules]
        if rules:
            say()
            heads = (_("sells"), _("product"), _("filled"), _("leftover"), _("spread"), _("sharing"))
            table(heads, [(name, r.product, r.filled, r.leftover, r.spread, r.sharing) for name, r in rules])


def _incoming(each: IncomingRow) -> tuple[str, ...]:
    products = ", ".join(each.products) or _("everything")
    times = [moment(time) if time else "" for time in (each.weighed, each.lead)]
    return (each.producer, products, each.place, *times)


def _exchange(each: ExchangeRow) -> tuple[str, ...]:
    words = [each.sale or each.buying or ""]
    words += [_("by hand")] if each.by_hand else []
    words += [_("open to all its members")] if each.open else []
    pickups = "; ".join(f"{pickup.place}, {moment(pickup.opens)}" for pickup in each.pickups)
    return each.name, each.supplier, moment(each.closes), ", ".join(words), pickups
