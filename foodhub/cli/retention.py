"""`foodhub retention` and `foodhub log prune`: how long this home keeps what it signed, and what it holds."""

from collections.abc import Sequence

import click

from foodhub.cli.asking import confirm
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import say, show, table
from foodhub.errors import N_, RefusedError
from foodhub.node import live
from foodhub.node.home import now
from foodhub.node.reading import read
from foodhub.node.retention import RetentionRow, list_rules, set_rule
from foodhub.words import _, moment, ngettext

_COVERS = {
    "orders": N_("your orders and answers, from the close of their cycle on"),
    "catalog": N_("what is superseded in your catalog"),
}


@command("retention show", examples=["foodhub retention show"])
@pass_call
def retention_show(call: Call) -> None:
    """Show the rules."""
    rows = read(call.home, list_rules, now())
    show(call, rows, lambda: _draw(rows))


def _draw(rows: Sequence[RetentionRow]) -> None:
    titles = (_("rule"), _("months"), _("erased today if before"), _("covers"))
    lines = [
        (
            row.rule,
            row.months or _("for ever"),
            moment(row.erases_before.astimezone()) if row.erases_before else "",
            _(_COVERS[row.rule]),
        )
        for row in rows
    ]
    table(titles, lines, right=(1,))


@command(
    "retention set",
    signs=True,
    examples=["foodhub retention set orders 24", "foodhub retention set orders 0"],
    more=N_("RULE is orders or catalog; 0 keeps for ever. What is older is erased once a day and can't be had back."),
)
@argument("rule")
@argument("months", type=click.IntRange(0))
@pass_call
def retention_set(call: Call, rule: str, months: int) -> None:
    """Set a rule."""
    from foodhub.cli.running import run

    rows = run(_set(call, rule, months))
    show(call, rows, lambda: _draw(rows))


async def _set(call: Call, rule: str, months: int) -> list[RetentionRow]:
    from foodhub.node.application import open_node
    from foodhub.node.hat import hats

    async with open_node(call.home) as node:
        rows = await node.rehearse(set_rule, rule, months)
        before = next(row.erases_before for row in rows if row.rule == rule)
        if before is not None:
            text = _warning(rule, months)
            # A rule is the home's, so it is for all members in it, whoever acts.
            names = ", ".join(hat.name for hat in await node.read(hats))
            confirm(call, names, text.format(n=months, day=moment(before.astimezone())))
        if not call.dry_run:
            rows = await node.write(set_rule, rule, months)
            if not live.is_running(call.home):
                await node.do_duties()
    call.end_dry_run()
    return rows


def _warning(rule: str, months: int) -> str:
    """Say what a rule erases from now on, and today."""
    if rule == "orders":
        return ngettext(
            "From now on your orders and answers are erased {n} month after the close of their cycle: today those of"
            " cycles that closed before {day}. It can't be undone.",
            "From now on your orders and answers are erased {n} months after the close of their cycle: today those of"
            " cycles that closed before {day}. It can't be undone.",
            months,
        )
    return ngettext(
        "From now on what is superseded in your catalog is erased {n} month after it was signed: today what was signed"
        " before {day}. It can't be undone.",
        "From now on what is superseded in your catalog is erased {n} months after it was signed: today what was signed"
        " before {day}. It can't be undone.",
        months,
    )


@command(
    "log prune",
    examples=["foodhub log prune"],
    more=N_("What lies before the last two checkpoints of a catalog log goes; nothing that is shown depends on it."),
)
@pass_call
def log_prune(call: Call) -> None:
    """Drop what lies before the checkpoints."""
    from foodhub.cli.running import run

    dropped = run(_prune(call))
    text = ngettext("{n} entry dropped.", "{n} entries dropped.", dropped).format(n=dropped)
    show(call, {"dropped": dropped}, lambda: say(text))


async def _prune(call: Call) -> int:
    from foodhub.node.application import open_node
    from foodhub.node.checkpoints import prunable_entries, prune_slice

    async with open_node(call.home) as node:
        lock = live.node_lock(call.home)
        try:
            if not lock.try_acquire():
                raise RefusedError(
                    "network_process_runs",
                    N_("The network process of this home runs, and may be reading what would go."),
                    N_("Nothing is lost: it prunes by itself when it starts."),
                )
            total, dropped = await node.read(prunable_entries), 0
            while step := await node.write(prune_slice):
                dropped += step
                call.progress(_("entries dropped: {n} of {total}").format(n=dropped, total=total))
            call.progress("")
            return dropped
        finally:
            lock.close()
