"""`foodhub slip`: checking one's own share, and comparing it with that of others."""

from pathlib import Path
from typing import Any

from foodhub.catalog.naming import id_bytes
from foodhub.cli.call import Call
from foodhub.cli.command import FILE, argument, command, option, pass_call
from foodhub.cli.output import cell, say, show, table
from foodhub.cli.running import pen, run
from foodhub.errors import N_, ExitCode, UsageError
from foodhub.node.closing import is_reopened
from foodhub.node.cycles import CycleRow, find_cycle, list_cycles
from foodhub.node.hat import choose_hat, shown_name
from foodhub.node.home import now
from foodhub.node.reading import open_reading
from foodhub.node.reworking import ReworkRow, rework
from foodhub.node.slips import Contradiction, SlipRow, compare, export_slips, list_slips, read_slips
from foodhub.node.state import find_member
from foodhub.saying import ABOUT, REWORKED, SLIP_FAULTS, SLIP_RULES, counted, said, wished
from foodhub.words import _, ngettext


@command(
    "slip show",
    examples=['foodhub slip show "Week 48"', 'foodhub slip show "Week 48" --json'],
    more=N_(
        "Each slip says what stood before you in the queue, so that your share can be worked out again without seeing"
        " the orders of others; this home has done so."
    ),
)
@argument("cycle")
@pass_call
def slip_show(call: Call, cycle: str) -> int | None:
    """Show your slips of a cycle, worked out again."""
    with open_reading(call.home) as db:
        found = find_cycle(db, cycle, now())
        rows, again = list_slips(db, choose_hat(db, call.as_name), found), is_reopened(db, found, now())
    if rows and again:
        text = _('"{cycle}" was opened again: these shares count no more, and new slips come after its close.')
        call.note(text.format(cycle=found.name))
    if not rows:
        call.note(_("No slip yet. Slips come with the confirmation, after the close."))
    wrong = [row for row in rows if row.fault]
    if wrong:
        call.note(_("Some shares do not follow from their slips. Show others: foodhub slip export CYCLE FILE"))
    show(call, rows, lambda: draw(rows))
    return ExitCode.FAILED if wrong else None


def draw(rows: list[SlipRow]) -> None:
    """Print slips; nothing for none."""
    several = len({row.buyer_id for row in rows}) > 1
    titles = (
        *([_("customer")] if several else []),
        _("product"),
        _("hub"),
        _("about"),
        _("rule"),
        _("to share"),
        _("wanted in all"),
        _("yours"),
        _("share"),
        "",
    )
    lines = [
        (
            *([row.buyer] if several else []),
            row.product,
            row.hub,
            said(ABOUT, row.about),
            said(SLIP_RULES, row.rule),
            counted(row.units, row.price_per),
            wished(row.quantity, row.tolerance, row.price_per),
            ", ".join(wished(quantity, tolerance, row.price_per) for quantity, tolerance, *_before in row.rows),
            counted(row.share, row.price_per),
            said(SLIP_FAULTS, row.fault) if row.fault else _("right"),
        )
        for row in rows
    ]
    if rows:
        table(titles, lines, right=tuple(several + column for column in (4, 5, 6, 7)))


@command(
    "slip export",
    examples=['foodhub slip export "Week 48" my.slips'],
    more=N_(
        "The file shows what you ordered in this cycle and what you get, and that the hub or group signed it. Give it"
        " only to those with whom you want to compare."
    ),
)
@argument("cycle")
@argument("file", type=FILE)
@option("--hub", metavar="NAME", help=N_("Whose slips, where you ordered at several hubs or groups."))
@option("--force", is_flag=True, help=N_("Replace the file if it is there."))
@pass_call
def slip_export(call: Call, cycle: str, file: Path, hub: str | None, force: bool) -> None:
    """Write your slips of a cycle to a file that others can check."""
    if file.exists() and not force:
        raise UsageError(
            "file_exists", N_("{file} is there already."), N_("Use another name, or --force."), file=str(file)
        )
    data, whose = run(_export(call, cycle, hub))
    file.write_bytes(data)
    text = _("{file} written: what {hub} confirmed to you.").format(file=cell(file), hub=whose)
    show(call, {"file": str(file), "bytes": len(data), "hub": whose}, lambda: say(text))


async def _export(call: Call, cycle: str, hub: str | None) -> tuple[bytes, str]:
    async with pen(call) as held:
        row = await held.node.read(find_cycle, cycle, now())
        whose = id_bytes((await held.node.read(find_member, hub)).id) if hub else None
        data = await held.node.rehearse(export_slips, held.hat, row, whose)
        signer, _said = await held.node.read(read_slips, data)
        return data, await held.node.read(shown_name, signer)


@command(
    "slip check",
    examples=['foodhub slip check "Week 48"', 'foodhub slip check "Week 48" --json'],
    more=N_(
        "Where a hub or group lets all its customers read all wishes, this home shares everything out again by the same"
        " rules. The same fingerprint in all confirmations then shows that everybody was told the same. Exit code 1 if"
        " something else follows. Elsewhere compare slips: foodhub slip compare ONE OTHER"
    ),
)
@argument("cycle")
@pass_call
def slip_check(call: Call, cycle: str) -> int | None:
    """Work out again what everybody gets, where all wishes may be read."""
    with open_reading(call.home) as db:
        rows = rework(db, choose_hat(db, call.as_name), find_cycle(db, cycle, now()), now())
    if not rows:
        call.note(_("Nothing is confirmed yet. What everybody gets is worked out after the close."))
    show(call, rows, lambda: _draw_reworked(rows))
    for row in rows:
        _note_reworked(call, row)
    return ExitCode.FAILED if any(row.state == "other" for row in rows) else None


def _draw_reworked(rows: list[ReworkRow]) -> None:
    titles = (_("hub"), _("products"), _("customers"), _("fingerprint"), _("worked out again"))
    lines = [
        (row.hub, row.products or "", row.customers or "", row.fingerprint[:16], said(REWORKED, row.state))
        for row in rows
    ]
    if rows:
        table(titles, lines, right=(1, 2))
    found = [(row.hub, each.product, said(REWORKED, each.code)) for row in rows for each in row.differences]
    if found:
        say()
        table((_("hub"), _("product"), _("what is wrong")), found)


def _note_reworked(call: Call, row: ReworkRow) -> None:
    """Say beside the table what it means, and what can be done."""
    if row.state == "other":
        call.note(_("{hub} confirmed something else than follows from all wishes. Ask it why.").format(hub=row.hub))
    if row.state == "not_shown":
        call.note(
            _("{hub} has not shown you all wishes. Compare with others: foodhub slip compare ONE OTHER").format(
                hub=row.hub
            )
        )
    if row.state == "apart":
        text = _("What {hub} shows and what it confirmed to you are of two allocations. Ask it why if that stays so.")
        call.note(text.format(hub=row.hub))
    if row.unseen:
        text = ngettext(
            "Of {n} order you may read no receipt from before the close; for it {hub} has only its word.",
            "Of {n} orders you may read no receipts from before the close; for these {hub} has only its word.",
            row.unseen,
        )
        call.note(text.format(n=row.unseen, hub=row.hub))


@command(
    "slip compare",
    examples=["foodhub slip compare my.slips yours.slips"],
    more=N_("Exit code 1 if they can't both be true: then the two files are the proof, and anybody can check it."),
)
@argument("one", type=FILE)
@argument("other", type=FILE)
@pass_call
def slip_compare(call: Call, one: Path, other: Path) -> int | None:
    """Compare two files of slips."""
    mine, theirs = one.read_bytes(), other.read_bytes()
    with open_reading(call.home) as db:
        found = compare(db, _cycle_of(db, mine), mine, theirs)

    def draw_found() -> None:
        if not found:
            say(_("Both can be true."))
            return
        say(_("They can't both be true: whoever signed them told one of the two something wrong."))
        _draw_contradictions(found)

    show(call, found, draw_found)
    return ExitCode.FAILED if found else None


def _cycle_of(db: Any, data: bytes) -> CycleRow | None:
    _owner, said_by = read_slips(db, data)
    key = (said_by.cycle_owner, said_by.cycle)
    return next((cycle for cycle in list_cycles(db, now()) if cycle.key == key), None)


def _draw_contradictions(found: list[Contradiction]) -> None:
    lines = [(each.product, said(ABOUT, each.about), said(SLIP_FAULTS, each.code)) for each in found]
    table((_("product"), _("about"), _("what contradicts")), lines)
