"""`foodhub cycle`: making an order cycle, and seeing where each stands."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from foodhub.cli.allot import draw_allotments
from foodhub.cli.amounts import full_moment, moment
from foodhub.cli.asking import choose, confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import facts, plain, say, show, table
from foodhub.cli.when import read_when
from foodhub.errors import N_, UsageError
from foodhub.node.allotments import list_allotments
from foodhub.node.cycles import CycleRow, find_cycle, list_cycles, new_cycle
from foodhub.node.home import now
from foodhub.node.reading import open_reading, read
from foodhub.orders.statements import SALES
from foodhub.saying import PHASES, said
from foodhub.words import _

_MEANINGS = {
    "direct": N_("each producer sells to the households; the hub carries, and takes no money"),
    "agency": N_("the hub sells in the producer's name, for a commission"),
    "resale": N_("the hub buys from the producers and sells"),
}


@command(
    "cycle new",
    signs=True,
    examples=[
        'foodhub cycle new "Week 48" --opens now --closes "thu 20h" --sale resale',
        'foodhub cycle new "Semaine 48" --opens "lun 8h" --closes 2026-11-26T20:00 --sale direct',
    ],
    more=N_('Times are ISO 8601, or like "thu 20h", "tomorrow 18:00", "+3d"; they are shown back with date and zone.'),
)
@argument("name")
@option("--opens", default="now", metavar="WHEN", help=N_("From when people order (else now)."))
@option("--closes", required=True, metavar="WHEN", help=N_("Until when people order."))
@option("--sale", metavar="SALE", help=N_("Who sells to whom: direct, agency or resale; asked on a terminal."))
@option(
    "--zone",
    metavar="ZONE",
    help=N_("The time zone in which people read it, such as Europe/Paris (else this machine's)."),
)
@pass_call
def cycle_new(call: Call, name: str, opens: str, closes: str, sale: str | None, zone: str | None) -> None:
    """Make a cycle."""
    from foodhub.cli.running import run
    from foodhub.node.setup import check_name

    place = zone_named(zone)
    present = datetime.now(UTC)
    window = (read_when(opens, present, place), read_when(closes, present, place))
    row = run(_new(call, check_name(name), window, place.key, sale))
    show(call, row, lambda: draw_cycle(row))


def zone_named(name: str | None) -> ZoneInfo:
    """Return a time zone by its IANA name, or that of this machine.

    Raises:
        UsageError: `bad_zone`.
    """
    if name is None:
        from tzlocal import get_localzone_name

        name = get_localzone_name()
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            "bad_zone", N_('"{zone}" is not a time zone.'), N_("Write a name such as Europe/Paris."), zone=name
        ) from None


async def _new(call: Call, name: str, window: tuple[datetime, datetime], zone: str, sale: str | None) -> CycleRow:
    from foodhub.cli.running import pen
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat

    opens, closes = (int(time.timestamp() * 1000) for time in window)

    def make(tx: Transaction, hat: Hat, sale: str) -> CycleRow:
        identity = new_cycle(tx, hat, name, opens, closes, zone, sale)
        return next(row for row in list_cycles(tx.db, tx.now) if row.id == identity)

    async with pen(call) as held:
        said = [_("opens {time}"), _("closes {time}")]
        shown = [text.format(time=full_moment(time, zone)) for text, time in zip(said, window, strict=True)]
        call.note("\n".join(shown))
        chosen = sale or _ask_sale(call)
        await held.node.rehearse(make, held.hat, chosen)
        confirm(call, held.hat.name, _('Make the order cycle "{name}" ({sale}).').format(name=name, sale=chosen))
        return await held.sign(make, chosen)


def _ask_sale(call: Call) -> str:
    chosen = choose(call, _("Who sells to whom?"), [(sale, _(_MEANINGS[sale])) for sale in SALES])
    if chosen is None:
        raise UsageError(
            "sale_needed",
            N_("Say who sells to whom: it decides who owes what to whom."),
            N_("Write --sale and one of: {sales}."),
            sales=", ".join(SALES),
        )
    return chosen


@command("cycle list", examples=["foodhub cycle list", "foodhub cycle list --json"])
@pass_call
def cycle_list(call: Call) -> None:
    """List the cycles."""
    rows = read(call.home, list_cycles, now())
    if not rows:
        call.note(_("No order cycle yet. A hub makes one with: foodhub cycle new NAME --closes WHEN"))

    def draw() -> None:
        titles = (_("cycle"), _("hub"), _("state"), _("opens"), _("closes"), _("zone"), _("sale"), _("id"))
        lines = [
            (
                row.name,
                row.hub,
                said(PHASES, row.state),
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
        row = find_cycle(db, cycle, now())
        allotments = list_allotments(db, row)
    data: dict[str, Any] = plain(row) | {"allotments": plain(allotments)}

    def draw() -> None:
        draw_cycle(row)
        if allotments:
            say()
            draw_allotments(allotments)

    show(call, data, draw)


def draw_cycle(row: CycleRow) -> None:
    """Print a cycle."""
    facts(
        [
            (_("cycle"), row.name),
            (_("hub"), row.hub),
            (_("state"), said(PHASES, row.state)),
            (_("opens"), full_moment(row.opens, row.zone)),
            (_("closes"), full_moment(row.closes, row.zone)),
            (_("sale"), f"{row.sale}: {_(_MEANINGS[row.sale])}" if row.sale in _MEANINGS else row.sale),
            (_("id"), row.id),
        ]
    )
