"""Questions, which are asked on a terminal and nowhere else: a script is never left waiting for an answer."""

import sys
from collections.abc import Sequence

import click

from foodhub.cli.call import Call
from foodhub.errors import N_, FoodhubError, UsageError
from foodhub.words import _


def on_terminal() -> bool:
    """Say whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(call: Call, hat: str, what: str) -> None:
    """Show what is about to be signed, and by whom; ask if somebody is there, unless `--yes` or a dry run.

    Raises:
        FoodhubError: `declined`, when the answer is not yes.
    """
    if call.yes or call.dry_run or not on_terminal():
        return
    call.say_notes()
    click.echo(what, err=True)
    # Translators: "y" in the brackets is what one types; keep it among the letters of the next text.
    answer = _answer(_("{name} signs this. Go on? [y/N]").format(name=hat))
    # Translators: the words that mean yes, the short one first.
    if answer.casefold() not in _("y yes").split():
        raise FoodhubError("declined", N_("Nothing was signed."))


def choose(call: Call, question: str, choices: Sequence[tuple[str, str]]) -> str | None:
    """Let the user choose one of (word, what it means); None when nobody is there to ask.

    Raises:
        UsageError: `bad_choice`, when the answer is none of them.
    """
    if not on_terminal():
        return None
    call.say_notes()
    click.echo(question, err=True)
    for number, (word, meaning) in enumerate(choices, 1):
        click.echo(f"  {number}  {word:<8}  {meaning}", err=True)
    answer = _answer(">").casefold()
    for number, (word, _meaning) in enumerate(choices, 1):
        if answer in {word, str(number)}:
            return word
    words = ", ".join(word for word, _meaning in choices)
    raise UsageError("bad_choice", N_("{name} is one of: {choices}."), name=answer, choices=words)


def _answer(prompt: str) -> str:
    click.echo(f"{prompt} ", err=True, nl=False)
    return sys.stdin.readline().strip()
