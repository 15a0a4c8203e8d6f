"""`foodhub disputed`: what is set aside, above the limits of logs, and saying again what of our own is still wanted."""

from collections.abc import Sequence

import click

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import cell, say, show, table
from foodhub.cli.running import pen, run
from foodhub.errors import N_
from foodhub.node.application import Node, Transaction, open_node
from foodhub.node.disputed import DisputedRow, deal_with, other_branches
from foodhub.node.disputed import disputed as list_disputed
from foodhub.node.hat import Hat
from foodhub.node.reissue import AgainRow, plan_reissue
from foodhub.node.reissue import reissue as say_again
from foodhub.saying import AGAIN, LOGS, STATEMENTS, limited, said, statements
from foodhub.words import _, moment, ngettext


@command(
    "disputed",
    signs=True,
    examples=["foodhub disputed", "foodhub disputed reissue --dry-run"],
    more=N_(
        "Where a device signed two entries at one place, or a member or device was cut off, what stands above counts on"
        ' no node. "foodhub disputed reissue" says again, from this device, what of your own is still wanted.'
    ),
)
@argument("reissue", required=False, metavar="[reissue]", type=click.Choice(["reissue"]))
@pass_call
def disputed(call: Call, reissue: str | None) -> None:
    """List what is set aside, or say it again."""
    if reissue is None:
        rows = run(_list(call))
        if not rows:
            call.note(_("Nothing is set aside."))
        show(call, rows, lambda: _draw(rows))
        return
    plan, signed = run(_reissue(call))
    if not plan:
        call.note(_("Nothing of yours is set aside."))
    if any(row.state == "other_device" for row in plan):
        call.note(_("What another device keeps is said again there. If its log forked: foodhub device retire DEVICE"))
    signed = 0 if call.dry_run else signed
    show(call, {"signed": signed, "facts": plan}, lambda: _draw_plan(call, plan, signed))


async def _list(call: Call) -> list[DisputedRow]:
    async with open_node(call.home) as node:
        await _say_missing(call, node)
        return await node.rehearse(list_disputed)


async def _say_missing(call: Call, node: Node) -> None:
    """Say that of a log that forked another branch is elsewhere: nobody but its author can say that again."""
    for name, log, seq in await node.read(other_branches):
        text = _(
            "A log of {name} ({log}) has another branch from entry {seq} on, which only other nodes hold: what stands"
            " there they show with foodhub disputed. What is still wanted of it, do anew here."
        )
        call.note(text.format(name=cell(name), log=said(LOGS, log), seq=seq))


def _draw(rows: Sequence[DisputedRow]) -> None:
    titles = (_("member"), _("log"), _("entry"), _("signed"), _("says"), _("why"), "", _("device"))
    lines = [
        (
            row.member,
            said(LOGS, row.log),
            row.seq,
            moment(row.at.astimezone()),
            statements((each.kind, each.name) for each in row.says),
            limited(row.why, row.limit, row.by),
            _("said again") if row.again else "",
            row.author[:8],
        )
        for row in rows
    ]
    if rows:
        table(titles, lines, right=(2,))


async def _reissue(call: Call) -> tuple[list[AgainRow], int]:
    async with pen(call) as held:
        await _say_missing(call, held.node)
        plan = await held.node.rehearse(plan_reissue, held.hat)
        wanted = [row for row in plan if row.state == "again"]
        if not wanted:
            await held.sign(deal_with)
            return plan, 0
        await held.node.rehearse(say_again, held.hat)
        text = ngettext("Say {n} thing again:", "Say {n} things again:", len(wanted)).format(n=len(wanted))
        names = [f"  {said(STATEMENTS, row.kind)} {_about(row)}" for row in wanted]
        confirm(call, held.hat.name, "\n".join([text, *names]))
        return plan, await held.sign(_say_again)


def _say_again(tx: Transaction, hat: Hat) -> int:
    count = say_again(tx, hat)
    deal_with(tx, hat)
    return count


def _about(row: AgainRow) -> str:
    """Return what a statement is about, and for whom it was written where that was another."""
    return f"{row.name} ({row.owner})" if row.owner and row.owner != row.name else row.name


def _draw_plan(call: Call, plan: Sequence[AgainRow], signed: int) -> None:
    titles = (_("statement"), _("about"), _("version"), _("what happens"))
    lines = [(said(STATEMENTS, row.kind), _about(row), row.version or "", said(AGAIN, row.state)) for row in plan]
    if plan:
        table(titles, lines, right=(2,))
    if plan and not call.dry_run:
        say()
        say(ngettext("{n} thing is said again.", "{n} things are said again.", signed).format(n=signed))
