"""`foodhub log` and `foodhub rebuild`: the logs themselves, beneath all that is shown."""

import time

from foodhub.cli.call import Call
from foodhub.cli.command import command, pass_call
from foodhub.cli.output import say, show, table
from foodhub.errors import N_, FoodhubError
from foodhub.node import state
from foodhub.node.reading import open_reading, read
from foodhub.saying import LOGS, limited, said
from foodhub.words import _, moment, ngettext


@command("log show", examples=["foodhub log show", "foodhub log show --json"])
@pass_call
def log_show(call: Call) -> None:
    """List the logs."""
    rows = read(call.home, state.list_logs)
    if any(row.limit for row in rows):
        call.note(_("Some logs have a limit: from there on they count nowhere. See: foodhub disputed"))
    if not rows:
        call.note(_("Nothing is signed here yet."))

    def draw() -> None:
        titles = [_("member"), _("log"), _("entries"), _("bytes"), _("last"), _("elsewhere"), _("author")]
        lines = [
            [
                row.member,
                said(LOGS, row.log),
                row.entries,
                row.bytes,
                moment(row.last.astimezone()) if row.entries else "-",
                row.elsewhere if row.own else "",
                row.author[:8],
            ]
            for row in rows
        ]
        if any(row.limit for row in rows):
            titles += [_("limit"), _("not counted")]
            for row, line in zip(rows, lines, strict=True):
                line += [limited(row.why, row.limit), row.aside or ""]
        if rows:
            table(titles, lines, right=(2, 3, 5, 8) if len(titles) > 7 else (2, 3, 5))

    show(call, rows, draw)


@command(
    "log verify",
    examples=["foodhub log verify"],
    more=N_("It reads every entry held here, and changes nothing. A fault ends it with exit code 1."),
)
@pass_call
def log_verify(call: Call) -> None:
    """Check all logs."""
    from foodhub.node.verifying import Verified, verify_logs

    found = Verified(0, 0, 0, [])
    with open_reading(call.home) as db:
        for found in verify_logs(db):
            text = ngettext("{n} entry checked", "{n} entries checked", found.entries)
            call.progress(text.format(n=found.entries))
    call.progress("")
    done = _("All is well. Entries: {entries}, logs: {logs}, signatures: {signatures}.")
    counts = {"entries": found.entries, "logs": found.logs, "signatures": found.signatures}
    if not found.faults:
        show(call, found, lambda: say(done.format(**counts)))
        return

    def draw() -> None:
        titles = (_("member"), _("log"), _("entry"), _("fault"), _("author"))
        table(
            titles,
            [(fault.member, said(LOGS, fault.log), fault.seq, fault.code, fault.author[:8]) for fault in found.faults],
            right=(2,),
        )

    show(call, found, draw)
    raise FoodhubError(
        "log_broken",
        N_("Damaged logs in this database: {count}."),
        N_("Set up a new home and join again; the other nodes still hold what they have of these logs."),
        count=len(found.faults),
    )


@command(
    "rebuild",
    examples=["foodhub rebuild"],
    more=N_("What is shown is worked out from the logs and can always be made again. Nothing is signed."),
)
@pass_call
def rebuild(call: Call) -> None:
    """Make the views again."""
    from foodhub.cli.running import run
    from foodhub.node.application import open_node

    async def again() -> int:
        async with open_node(call.home) as node:
            await node.write(lambda tx: tx.fold.rebuild())
            return sum(seq for _ref, seq in await node.read(lambda db: list(state.log_refs(db))))

    begun = time.monotonic()
    entries = run(again())
    seconds = time.monotonic() - begun
    text = ngettext("{n} entry folded again in {seconds} s.", "{n} entries folded again in {seconds} s.", entries)
    text = text.format(n=entries, seconds=f"{seconds:.2f}")
    show(call, {"entries": entries, "seconds": round(seconds, 3)}, lambda: say(text))
