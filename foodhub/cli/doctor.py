"""`foodhub doctor`: examines the home, says what is wrong and what to do. It changes nothing."""

from collections.abc import Sequence

from foodhub.cli import findings
from foodhub.cli.bar import Bar
from foodhub.cli.call import Call
from foodhub.cli.command import command, option, pass_call
from foodhub.cli.output import say, show
from foodhub.errors import N_
from foodhub.node.doctor import examine
from foodhub.node.finding import Finding
from foodhub.node.home import now
from foodhub.words import _

_DOING = {
    "file": N_("Checking the file…"),
    "logs": N_("Checking the logs…"),
    "views": N_("Making the views again in a copy…"),
}


@command(
    "doctor",
    examples=["foodhub doctor", "foodhub doctor --quick", "foodhub doctor --json"],
    more=N_(
        "It checks the file, the keys, every entry and signature, what is shown against the logs, the clock and the"
        " disk. It changes nothing. If something is bad it ends with exit code 1; warnings do not count for that."
    ),
    up_to_date=False,
)
@option("--quick", is_flag=True, help=N_("Leave out what takes long: signatures, and making the views again."))
@pass_call
def doctor(call: Call, quick: bool) -> int:
    """Examine the home."""
    bar = Bar(call)
    found: list[Finding] = []
    for finding in examine(
        call.home, now(), lambda check, done, total: bar.show(_(_DOING.get(check, "")), done, total), quick=quick
    ):
        found.append(finding)
        if not call.json:
            bar.clear()
            findings.draw(finding)
    bar.clear()
    state = findings.verdict(found)
    shown = [{"check": finding.check, **findings.as_shown(finding)} for finding in found]
    show(call, {"state": state, "findings": shown}, lambda: _sum_up([finding.state for finding in found]))
    return int(state == "bad")


def _sum_up(states: Sequence[str]) -> None:
    bad, warnings = states.count("bad"), states.count("warning")
    if bad or warnings:
        say(_("Bad: {bad}. Warnings: {warnings}.").format(bad=bad, warnings=warnings))
    else:
        say(_("All is well."))
