"""`foodhub cycle check`: what is missing before a cycle opens. It changes nothing."""

from foodhub.cli import findings
from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import say, show
from foodhub.errors import N_, ExitCode
from foodhub.node.checking import check_cycle_of
from foodhub.node.hat import choose_hat
from foodhub.node.home import now
from foodhub.node.overview import find_any
from foodhub.node.reading import open_reading
from foodhub.words import _


@command(
    "cycle check",
    examples=['foodhub cycle check "Week 48"', 'foodhub cycle check "Week 48" --json'],
    more=N_("Something bad keeps the cycle from working, and ends this with exit code 6; warnings do not."),
)
@argument("cycle")
@pass_call
def cycle_check(call: Call, cycle: str) -> int:
    """See what is missing."""
    with open_reading(call.home) as db:
        hat = choose_hat(db, call.as_name)
        row = find_any(db, cycle, now())
        found = check_cycle_of(db, hat, row)
    state = findings.verdict(found)

    def draw() -> None:
        for finding in found:
            findings.draw(finding)
        if row.state == "closed" and not row.draft:
            say(_('"{cycle}" is closed.').format(cycle=row.name))
        elif not found:
            say(_('Nothing is missing: "{cycle}" can open.').format(cycle=row.name))

    shown = [findings.as_shown(finding) for finding in found]
    show(call, {"cycle": row.name, "state": state, "findings": shown}, draw)
    return ExitCode.REFUSED if state == "bad" else ExitCode.OK
