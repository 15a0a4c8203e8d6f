"""`foodhub doctor`: examines the home, says what is wrong and what to do. It changes nothing."""

from collections.abc import Sequence
from typing import Any

import click

from foodhub.cli.bar import Bar
from foodhub.cli.call import Call
from foodhub.cli.command import command, option, pass_call
from foodhub.cli.output import say, show, text_lines
from foodhub.errors import N_, FoodhubError
from foodhub.node.doctor import examine
from foodhub.node.finding import Finding
from foodhub.node.home import now
from foodhub.words import _
from foodhub.words import say as say_error

_SAID = {"ok": N_("ok"), "warning": N_("warning"), "bad": N_("bad"), "skipped": N_("skipped")}
_COLORS = {"ok": "green", "warning": "yellow", "bad": "red", "skipped": "bright_black"}
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
            _draw(finding)
    bar.clear()
    states = [finding.state for finding in found]
    verdict = next((state for state in ("bad", "warning") if state in states), "ok")
    show(call, {"state": verdict, "findings": [_said(finding) for finding in found]}, lambda: _sum_up(states))
    return int(verdict == "bad")


def _said(finding: Finding) -> dict[str, Any]:
    """Return a finding as it is shown: the sentences translated and filled in."""
    message, hint = say_error(FoodhubError(finding.code, finding.message, finding.hint, **finding.details))
    return {
        "check": finding.check,
        "code": finding.code,
        "state": finding.state,
        "message": message,
        "hint": hint,
        "details": finding.details,
    }


def _draw(finding: Finding) -> None:
    said = _said(finding)
    state = _(_SAID[finding.state])
    widest = max(len(_(word)) for word in _SAID.values())
    say(f"{click.style(state, fg=_COLORS[finding.state])}{' ' * (widest - len(state))}  {text_lines(said['message'])}")
    if said["hint"]:
        say(f"{' ' * widest}  {text_lines(said['hint'])}")


def _sum_up(states: Sequence[str]) -> None:
    bad, warnings = states.count("bad"), states.count("warning")
    if bad or warnings:
        say(_("Bad: {bad}. Warnings: {warnings}.").format(bad=bad, warnings=warnings))
    else:
        say(_("All is well."))
