"""`foodhub cycle list` and `cycle show`: where each cycle stands, and all that is stated of one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from foodhub.cli.allot import draw_allotments
from foodhub.cli.amounts import span
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.order import draw_lines
from foodhub.cli.output import facts, plain, say, show, table
from foodhub.errors import N_
from foodhub.node.allotments import list_allotments
from foodhub.node.cycles import CycleRow
from foodhub.node.home import now
from foodhub.node.overview import ExchangeRow, IncomingRow, Overview, RuleRow, all_rows, find_any, overview
from foodhub.node.reading import open_reading, read
from foodhub.node.supplied import SuppliedRow, list_supplied
from foodhub.saying import BARGAINS, PHASES, RULES, order_state, said, titled, together
from foodhub.words import _, full_moment, moment, ngettext

SHOWN_FOR = timedelta(days=60)
"""So long a cycle that closed is listed."""
MEANINGS = {
    "direct": N_("each producer sells to the households; the hub carries, and takes no money"),
    "agency": N_("the hub sells in the producer's name, for a commission"),
    "resale": N_("the hub buys from the producers and sells"),
}
"""Who sells to whom."""


@command("cycle list", examples=["foodhub cycle list", "foodhub cycle list --all --json"])
@option("--all", "everything", is_flag=True, help=N_("Also those that closed more than 60 days ago."))
@pass_call
def cycle_list(call: Call, everything: bool) -> None:
    """List the cycles."""
    rows = read(call.home, all_rows, now())
    known, since = len(rows), datetime.now(UTC) - SHOWN_FOR
    rows = [row for row in rows if everything or row.draft or row.state != "closed" or row.closes > since]
    if len(rows) < known:
        count = known - len(rows)
        text = ngettext("{n} older cycle: see it with --all", "{n} older cycles: see them with --all", count)
        call.note(text.format(n=count))
    if not known:
        call.note(_("No order cycle yet. A hub makes one with: foodhub cycle new NAME --closes WHEN"))

    def draw() -> None:
        titles = (_("cycle"), _("hub"), _("state"), _("opens"), _("closes"), _("zone"), _("sale"), _("id"))
        lines = [
            (
                row.name,
                row.hub,
                state_of(row),
                moment(row.opens),
                moment(row.closed_at or row.closes),
                row.zone,
                said(BARGAINS, row.sale),
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
        supplied = [] if row.draft else list_supplied(db, row)
    data: dict[str, Any] = plain(row) | {"allotments": plain(allotments), "supplied": plain(supplied)} | plain(more)

    def draw() -> None:
        _draw_whole(row, more)
        if allotments:
            say()
            draw_allotments(allotments)
        for each in supplied:
            say()
            _draw_supplied(each)

    show(call, data, draw)


def _draw_supplied(each: SuppliedRow) -> None:
    """Print what a hub or group ordered from whoever supplies it, and what that one promised it."""
    names = {"name": each.member, "hub": each.supplier}
    if each.order is None:
        say(_("{name} has ordered nothing from {hub} yet.").format(**names))
        return
    text = _("What {name} ordered from {hub}").format(**names)
    say(titled(text, order_state(each.order.state, each.order.partly)))
    draw_lines(each.order)


def show_whole(call: Call, row: CycleRow, more: Overview) -> None:
    """Print a cycle, or a draft, with all that is stated of it: the answer to whatever changed it."""
    show(call, plain(row) | plain(more), lambda: _draw_whole(row, more))


def _draw_whole(row: CycleRow, more: Overview) -> None:
    facts([*_facts(row, more.closed_at), *(each for each in _stated(row, more) if each[1])])
    _draw_exchanges(more)


def state_of(row: CycleRow) -> str:
    """Return where a cycle stands, in the user's words."""
    return _("draft") if row.draft else said(PHASES, row.state)


def draw_cycle(row: CycleRow) -> None:
    """Print a cycle."""
    facts(_facts(row, None))


def _facts(row: CycleRow, closed_at: datetime | None) -> list[tuple[str, str]]:
    """Return a cycle as facts; once it is closed, when that was, and not when it was to be."""
    return [
        (_("cycle"), row.name),
        (_("hub"), row.hub),
        (_("state"), state_of(row)),
        (_("opens"), full_moment(row.opens)),
        (_("closed at"), full_moment(closed_at)) if closed_at else (_("closes"), full_moment(row.closes)),
        (_("sale"), titled(said(BARGAINS, row.sale), _(MEANINGS.get(row.sale, "")))),
        (_("id"), row.id),
    ]


def _stated(row: CycleRow, more: Overview) -> list[tuple[str, str]]:
    """Return what is stated of a cycle besides its window, "" where nothing is."""
    pooled = _("{hubs} (cases pool)") if more.pooled else "{hubs}"
    return [
        (_("closed by"), _closer(row, more)),
        (_("hubs"), pooled.format(hubs=", ".join(more.hubs)) if more.hubs else ""),
        (_("deputies"), ", ".join(more.deputies)),
        (_("comes again"), ", ".join(moment(time) for time in more.repeats)),
        (_("sells again"), ", ".join(more.again)),
    ]


def _draw_exchanges(more: Overview) -> None:
    """Print who brings what into a cycle and who sells it how, as far as there is any."""
    if more.incoming:
        say()
        titles = (_("producer"), _("brings"), _("place"), _("weighed in"), _("order until"))
        table(titles, [_incoming(each) for each in more.incoming])
    if more.exchanges:
        say()
        titles = (_("sells"), _("supplied by"), _("until"), _("how"), _("pickup"))
        table(titles, [_exchange(each, more.closed_at) for each in more.exchanges])
        rules = [(each.name, rule) for each in more.exchanges for rule in each.rules]
        if rules:
            say()
            heads = (_("sells"), _("product"), _("filled"), _("leftover"), _("spread"), _("sharing"))
            table(heads, [(name, *_rule(rule)) for name, rule in rules])


def _closer(row: CycleRow, more: Overview) -> str:
    """Say who signed the close; nothing of a cycle that still runs."""
    if row.state != "closed" or row.draft:
        return ""
    return more.closed_by or _("the clock; nobody has signed it yet")


def _incoming(each: IncomingRow) -> tuple[str, ...]:
    products = ", ".join(each.products) or _("everything")
    times = [moment(time) if time else "" for time in (each.weighed, each.lead)]
    return (each.producer, products, each.place, *times)


def _rule(rule: RuleRow) -> tuple[str, ...]:
    return rule.product, *(said(RULES, word) for word in (rule.filled, rule.leftover, rule.spread, rule.sharing))


def _exchange(each: ExchangeRow, closed_at: datetime | None) -> tuple[str, ...]:
    words = [said(BARGAINS, each.sale or each.buying or "")]
    words += [_("by hand")] if each.by_hand else []
    words += [_("open to all its members")] if each.open else []
    pickups = together(f"{pickup.place}, {span(pickup.opens, pickup.closes)}" for pickup in each.pickups)
    until = min(each.closes, closed_at or each.closes)
    return each.name, each.supplier, moment(until), ", ".join(words), pickups
