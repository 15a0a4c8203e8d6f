"""`foodhub cycle check`: what is missing before a cycle opens. It changes nothing."""

from typing import Any

import click

from foodhub.cli.call import Call
from foodhub.cli.command import argument, command, pass_call
from foodhub.cli.output import say, show, text_lines
from foodhub.errors import N_, ExitCode, FoodhubError
from foodhub.node.checking import check_cycle_of
from foodhub.node.finding import Finding
from foodhub.node.hat import choose_hat
from foodhub.node.home import now
from foodhub.node.overview import find_any
from foodhub.node.reading import open_reading
from foodhub.words import _
from foodhub.words import say as say_error

_COLORS = {"warning": "yellow", "bad": "red"}
_SAID = {"warning": N_("warning"), "bad": N_("bad")}


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
    states = [finding.state for finding in found]
    verdict = next((state for state in ("bad", "warning") if state in states), "ok")

    def draw() -> None:
        for finding in found:
            _draw(finding)
        if row.state == "closed" and not row.draft:
            say(_('"{cycle}" is closed.').format(cycle=row.name))
        elif not found:
            say(_('Nothing is missing: "{cycle}" can open.').format(cycle=row.name))

    show(call, {"cycle": row.name, "state": verdict, "findings": [_said(finding) for finding in found]}, draw)
    return ExitCode.REFUSED if verdict == "bad" else ExitCode.OK


def _said(finding: Finding) -> dict[str, Any]:
    message, hint = say_error(FoodhubError(finding.code, finding.message, finding.hint, **finding.details))
    return {
        "code": finding.code,
        "state": finding.state,
        "message": message,
        "hint": hint,
        "details": finding.details,
    }


def _draw(finding: Finding) -> None:
    said, state = _said(finding), _(_SAID[finding.state])
    widest = max(len(_(word)) for word in _SAID.values())
    say(f"{click.style(state, fg=_COLORS[finding.state])}{' ' * (widest - len(state))}  {text_lines(said['message'])}")
    if said["hint"]:
        say(f"{' ' * widest}  {text_lines(said['hint'])}")
