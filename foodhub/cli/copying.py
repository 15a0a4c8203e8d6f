"""`foodhub cycle publish`, `drop`, `clone` and `repeat`: cycles made from drafts and from other cycles."""

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, option, pass_call
from foodhub.cli.cycle import change_cycle, change_own, when
from foodhub.cli.output import say, show
from foodhub.cli.overview import show_whole
from foodhub.errors import N_, UsageError
from foodhub.node.cycles import CycleRow, moment
from foodhub.node.drafts import Copy, clone_cycle, drop_draft, publish
from foodhub.node.rejoining import set_again
from foodhub.node.repeating import coming_by, end_repeat, next_openings, repeat_cycle, repeat_of
from foodhub.words import _, full_moment, ngettext

if TYPE_CHECKING:
    from foodhub.node.application import Transaction
    from foodhub.node.hat import Hat

SHOWN = 4
"""So many of the next openings are shown."""
MOST_WEEKS = 520


@command(
    "cycle publish",
    signs=True,
    examples=['foodhub cycle publish "Week 49"'],
    more=N_("See first what is missing: foodhub cycle check DRAFT. A draft whose opening has passed opens at once."),
)
@argument("draft")
@pass_call
def cycle_publish(call: Call, draft: str) -> None:
    """Publish a draft."""
    from foodhub.cli.running import run

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> CycleRow:
        return publish(tx, hat, row.key[1])

    text = _('Publish the order cycle "{name}".')
    show_whole(call, *run(change_cycle(call, draft, work, lambda row: text.format(name=row.name))))


@command(
    "cycle drop",
    signs=True,
    examples=['foodhub cycle drop "Week 49"'],
    more=N_("A cycle that is published can't be taken back: close it, so that nobody orders in it."),
)
@argument("draft")
@pass_call
def cycle_drop(call: Call, draft: str) -> None:
    """Drop a draft."""
    from foodhub.cli.running import run

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> CycleRow:
        return drop_draft(tx, hat, row.key[1])

    row = run(change_own(call, draft, work, lambda row: _('Drop the draft "{name}".').format(name=row.name)))
    show(call, row, lambda: say(_('The draft "{name}" is dropped.').format(name=row.name)))


@command(
    "cycle clone",
    signs=True,
    examples=[
        'foodhub cycle clone "Week 48"',
        'foodhub cycle clone "Week 48" --weeks 2 --name "Christmas" --draft',
        'foodhub cycle clone "Week 48" --opens "tue 8h" --closes "sun 20h"',
    ],
    more=N_(
        "The same weekdays and hours a week later, also where summer time begins or ends between; with --opens all"
        " other times move by as many days, with --closes what comes after the close moves with that."
    ),
)
@argument("cycle")
@option("--name", metavar="TEXT", help=N_("Its name (else that of the other with its week or date)."))
@option("--weeks", type=click.IntRange(1, MOST_WEEKS), default=1, metavar="N", help=N_("How many weeks later."))
@option("--opens", metavar="WHEN", help=N_("From when people order."))
@option("--closes", metavar="WHEN", help=N_("Until when people order."))
@option("--draft", is_flag=True, help=N_("Make a draft, to be published later."))
@pass_call
def cycle_clone(call: Call, /, cycle: str, **given: Any) -> None:
    """Make a cycle like another one."""
    from foodhub.cli.running import run
    from foodhub.node.setup import check_name

    name = check_name(given["name"]) if given["name"] is not None else None

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> CycleRow:
        opens = when(given["opens"], row) if given["opens"] is not None else None
        begins = moment(opens, row.zone) if opens is not None else None
        closes = when(given["closes"], row, begins, end=True) if given["closes"] is not None else None
        return clone_cycle(tx, hat, row.key[1], Copy(name, given["weeks"], opens, closes, given["draft"]))

    text = _('Make an order cycle like "{name}".')
    show_whole(call, *run(change_cycle(call, cycle, work, lambda row: text.format(name=row.name))))


@command(
    "cycle repeat",
    signs=True,
    examples=[
        'foodhub cycle repeat "Week 48"',
        'foodhub cycle repeat "Week 48" --every 2 --skip 2026-12-24 --until 2027-06-30',
        'foodhub cycle repeat "Week 48" --end',
    ],
    more=N_(
        "The next cycle is made when the one before has opened: a copy of it, at the same weekdays and hours. Weeks in"
        " which it would open on a day to be skipped are left out. In somebody else's cycle your own sale comes again"
        " with it by itself: --end stops that."
    ),
)
@argument("cycle")
@option("--every", "weeks", type=click.IntRange(1, MOST_WEEKS), default=1, metavar="N", help=N_("Every N weeks."))
@option("--skip", "skipped", metavar="DATE", multiple=True, help=N_("A day on which it does not open: 2026-12-24."))
@option("--until", metavar="WHEN", help=N_("None opens later than that."))
@option("--end", is_flag=True, help=N_("It comes no more; what was made stays."))
@pass_call
def cycle_repeat(call: Call, /, cycle: str, **given: Any) -> None:
    """Let a cycle come again."""
    from foodhub.cli.running import run

    skipped = [_day(text) for text in given["skipped"]]

    def work(tx: "Transaction", hat: "Hat", row: CycleRow) -> dict[str, Any]:
        local = row.key[1]
        given["own"] = row.draft or row.key[0] == hat.member
        if not given["own"]:
            return _with_coordinator(tx, hat, row, given)
        if given["end"]:
            made = coming_by(tx.db, hat, end_repeat(tx, hat, local), tx.now)
            names = [each.name for each in made]
            return {"cycle": row.name, "weeks": 0, "next": [], "more": False, "made": names, "own": True}
        until = when(given["until"], row, end=True) if given["until"] is not None else 0
        before = repeat_of(tx.db, hat.member, local)
        coming = coming_by(tx.db, hat, before, tx.now) if before is not None else []
        rule = repeat_cycle(tx, hat, local, given["weeks"], skipped, until)
        kept = {each.id for each in coming_by(tx.db, hat, rule, tx.now)}
        stale = [each.name for each in coming if each.id not in kept]
        opens = [moment(time, row.zone) for time in next_openings(tx.db, hat.member, rule, SHOWN + 1)]
        shown = {"next": opens[:SHOWN], "more": len(opens) > SHOWN}
        return {"cycle": row.name, "weeks": rule.weeks, **shown, "made": stale, "own": True}

    found = run(change_own(call, cycle, work, lambda row: _what(row, given)))

    def draw() -> None:
        for name in found["made"]:
            text = _('"{name}" was made already. If nobody shall order in it: foodhub cycle close "{name}"')
            call.note(text.format(name=name))
        say(_ended(found) if given["end"] else _coming(found))

    show(call, {**found, "next": [time.isoformat() for time in found["next"]]}, draw)


def _with_coordinator(tx: "Transaction", hat: "Hat", row: CycleRow, given: dict[str, Any]) -> dict[str, Any]:
    """Let our own sale in somebody else's cycle come again with it, or no more."""
    if given["weeks"] != 1 or given["skipped"] or given["until"] is not None:
        raise UsageError(
            "coordinator_says",
            N_('When "{cycle}" comes again is for {hub} to say.'),
            N_("Say only whether you sell in it again: with --end, or without."),
            cycle=row.name,
            hub=row.hub,
        )
    last = set_again(tx, hat, row, comes=not given["end"])
    return {"cycle": last.name, "weeks": 0 if given["end"] else 1, "next": [], "more": False, "made": [], "own": False}


def _what(row: CycleRow, given: dict[str, Any]) -> str:
    if not given["own"]:
        again, ends = _('Sell again when "{name}" comes again.'), _('Sell no more when "{name}" comes again.')
        return (ends if given["end"] else again).format(name=row.name)
    if given["end"]:
        return _('Let the order cycle "{name}" come no more.').format(name=row.name)
    text = ngettext(
        'Let the order cycle "{name}" come again every week.',
        'Let the order cycle "{name}" come again every {count} weeks.',
        given["weeks"],
    )
    return text.format(name=row.name, count=given["weeks"])


def _ended(found: dict[str, Any]) -> str:
    text = _('"{name}" comes no more.') if found["own"] else _('When "{name}" comes again, you sell nothing in it.')
    return text.format(name=found["cycle"])


def _coming(found: dict[str, Any]) -> str:
    if not found["own"]:
        return _('When "{name}" comes again, you sell in it likewise.').format(name=found["cycle"])
    times = [f"  {full_moment(time)}" for time in found["next"]] + ["  …"] * found["more"]
    return "\n".join([_('"{name}" opens again:').format(name=found["cycle"]), *times])


def _day(text: str) -> int:
    """Read a day as year · 10,000 + month · 100 + day."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            "bad_day", N_('"{text}" is not a day.'), N_("Write it like 2026-12-24."), text=text[:40]
        ) from None
    return day.year * 10_000 + day.month * 100 + day.day
