"""`foodhub cycle new`, and what the commands that change a cycle of our own have in common."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from foodhub.catalog.naming import base32_id
from foodhub.cli.asking import choose, confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.output import show
from foodhub.cli.overview import MEANINGS, draw_cycle
from foodhub.cli.when import read_when
from foodhub.errors import N_, UsageError
from foodhub.node.cycles import CycleRow, list_cycles, new_cycle, zone_of
from foodhub.node.drafts import draft_cycle, find_own
from foodhub.node.home import now
from foodhub.node.overview import Overview, overview
from foodhub.orders.statements import SALES
from foodhub.words import _, full_moment

if TYPE_CHECKING:
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat

T = TypeVar("T")


@command(
    "cycle new",
    signs=True,
    examples=[
        'foodhub cycle new "Week 48" --opens now --closes "thu 20h" --sale resale',
        'foodhub cycle new "Semaine 48" --opens "lun 8h" --closes 2026-11-26T20:00 --sale direct',
        'foodhub cycle new "Week 49" --closes "+8d" --sale agency --draft',
    ],
    more=N_(
        'Times are ISO 8601, or like "thu 20h", "tomorrow 18:00", "+3d"; they are shown back with date and zone.'
        " A draft is known to nobody else until it is published."
    ),
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
@option("--draft", is_flag=True, help=N_("Make a draft, to be published later."))
@pass_call
def cycle_new(call: Call, name: str, opens: str, closes: str, sale: str | None, zone: str | None, draft: bool) -> None:
    """Make a cycle."""
    from foodhub.cli.running import run
    from foodhub.node.setup import check_name

    place = zone_named(zone)
    present = datetime.now(UTC)
    begins = read_when(opens, present, place)
    window = (begins, read_when(closes, behind(closes, begins), place, end=True))
    row = run(_new(call, check_name(name), window, place.key, sale, draft=draft))
    text = _('Every producer may bring goods into it. Say who does: foodhub cycle bring "{name}" PRODUCER')
    call.note(text.format(name=row.name))
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


async def _new(
    call: Call, name: str, window: tuple[datetime, datetime], zone: str, sale: str | None, *, draft: bool
) -> CycleRow:
    from foodhub.cli.running import pen

    opens, closes = (int(time.timestamp() * 1000) for time in window)

    def make(tx: "Transaction", hat: "Hat", sale: str) -> CycleRow:
        if draft:
            return draft_cycle(tx, hat, name, opens, closes, zone, sale)
        identity = new_cycle(tx, hat, name, opens, closes, zone, sale)
        return next(row for row in list_cycles(tx.db, tx.now) if row.id == identity)

    async with pen(call) as held:
        said = [_("opens {time}"), _("closes {time}")]
        shown = [text.format(time=full_moment(time)) for text, time in zip(said, window, strict=True)]
        call.note("\n".join(shown))
        rows = await held.node.read(list_cycles, now())
        if any(row.name == name and row.hub_id == base32_id(held.hat.member) for row in rows):
            text = _('There is a cycle "{name}" of yours already: whoever names it has to say which by its id.')
            call.note(text.format(name=name))
        chosen = sale or ask_sale(call)
        await held.node.rehearse(make, held.hat, chosen)
        text = (
            _('Make a draft of the order cycle "{name}" ({sale}).')
            if draft
            else _('Make the order cycle "{name}" ({sale}).')
        )
        confirm(call, held.hat.name, text.format(name=name, sale=chosen))
        return await held.sign(make, chosen)


async def change_own(
    call: Call, name: str, work: "Callable[[Transaction, Hat, CycleRow], T]", what: Callable[[CycleRow], str]
) -> T:
    """Find a cycle or draft of ours, try a change of it, show `what` is signed, and sign it."""
    from foodhub.cli.running import pen

    async with pen(call) as held:
        row = await held.node.read(find_own, held.hat, name, now())

        def change(tx: "Transaction", hat: "Hat") -> T:
            return work(tx, hat, row)

        await held.node.rehearse(change, held.hat)
        confirm(call, held.hat.name, what(row))
        return await held.sign(change)


async def change_cycle(
    call: Call,
    name: str,
    work: "Callable[[Transaction, Hat, CycleRow], CycleRow]",
    what: Callable[[CycleRow], str],
) -> tuple[CycleRow, Overview]:
    """Change a cycle or draft of ours like `change_own`; return it as a whole, so that its user sees what changed."""

    def whole(tx: "Transaction", hat: "Hat", row: CycleRow) -> tuple[CycleRow, Overview]:
        changed = work(tx, hat, row)
        return changed, overview(tx.db, changed)

    return await change_own(call, name, whole, what)


def when(text: str, row: CycleRow, after: datetime | None = None, *, end: bool = False) -> int:
    """Return a time (ms) that somebody typed for a cycle: of its zone, and the next one behind `after` (else now).

    A day without a time is its beginning, or its `end`.
    """
    found = read_when(text, after or datetime.now(UTC), zone_of(row.zone), end=end)
    return int(found.timestamp() * 1000)


def ask_sale(call: Call) -> str:
    """Ask who sells to whom.

    Raises:
        UsageError: `sale_needed`, when nobody is there to ask.
    """
    chosen = choose(call, _("Who sells to whom?"), [(sale, _(MEANINGS[sale])) for sale in SALES])
    if chosen is None:
        raise UsageError(
            "sale_needed",
            N_("Say who sells to whom: it decides who owes what to whom."),
            N_("Write --sale and one of: {sales}."),
            sales=", ".join(SALES),
        )
    return chosen


def closing(text: str, row: CycleRow) -> int:
    """Return a closing time (ms) as typed for a cycle."""
    return when(text, row, behind(text, row.opens), end=True)


def behind(text: str, opens: datetime) -> datetime:
    """Return from when a closing time is counted: a weekday is the next one behind the opening, "+2h" is from now."""
    present = datetime.now(UTC)
    return present if text.strip().startswith("+") else max(present, opens)
