"""How what an examination found is said: by `foodhub doctor` and `foodhub cycle check` alike. It judges nothing."""

import sys
from collections.abc import Iterable
from typing import Any

import click

from foodhub.cli.output import say, text_lines
from foodhub.cli.talk import folded
from foodhub.errors import N_, FoodhubError
from foodhub.node.finding import Finding
from foodhub.words import _
from foodhub.words import say as say_error

_STATES = {"ok": N_("ok"), "warning": N_("warning"), "bad": N_("bad"), "skipped": N_("skipped")}
_COLORS = {"ok": "green", "warning": "yellow", "bad": "red", "skipped": "bright_black"}


def as_shown(finding: Finding) -> dict[str, Any]:
    """Return a finding for `--json`: the sentences translated and filled in."""
    message, hint = say_error(FoodhubError(finding.code, finding.message, finding.hint, **finding.details))
    return {
        "code": finding.code,
        "state": finding.state,
        "message": message,
        "hint": hint,
        "details": finding.details,
    }


def draw(finding: Finding) -> None:
    """Print a finding, with what to do below it."""
    shown, state = as_shown(finding), _(_STATES[finding.state])
    widest = max(len(_(word)) for word in _STATES.values())
    gap = " " * (widest - len(state))
    margin = " " * (widest + 2)
    said = [f"{margin}{text_lines(part)}" for part in (shown["message"], shown["hint"]) if part]
    text = "\n".join(map(folded, said) if sys.stdout.isatty() else said)
    say(f"{click.style(state, fg=_COLORS[finding.state])}{gap}  {text.removeprefix(margin)}")


def verdict(found: Iterable[Finding]) -> str:
    """Return what findings come to: `ok`, `warning` or `bad`."""
    states = {finding.state for finding in found}
    return next((state for state in ("bad", "warning") if state in states), "ok")
