"""Questions, which are asked on a terminal and nowhere else: a script is never left waiting for an answer.

Nobody's silence is a yes: where nobody can be asked, what is asked before signing is refused without `--yes`.
"""

import sys
import termios
from collections.abc import Sequence

import click

from foodhub.cli.call import Call
from foodhub.cli.talk import talk
from foodhub.errors import N_, FoodhubError, UsageError
from foodhub.words import _


def on_terminal() -> bool:
    """Say whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(call: Call, hat: str, what: str) -> None:
    """Show what is about to be signed, and by whom, and ask, unless `--yes` or a dry run.

    Raises:
        FoodhubError: `declined`, when the answer is not yes. UsageError: see `require_asking`.
    """
    require_asking(call)
    if call.yes or call.dry_run:
        return
    call.say_notes()
    talk(what)
    _forget_typed_ahead()
    # Translators: "y" in the brackets is what one types; keep it among the letters of the next text.
    answer = _answer(_("{name} signs this. Go on? [y/N]").format(name=hat))
    # Translators: the words that mean yes, the short one first.
    if answer.casefold() not in _("y yes").split():
        raise FoodhubError("declined", N_("Nothing was signed."))


def require_asking(call: Call) -> None:
    """Make sure that somebody can be asked, or need not be.

    Raises:
        UsageError: `nobody_asked`.
    """
    if not (call.yes or call.dry_run or on_terminal()):
        raise UsageError(
            "nobody_asked",
            N_("This is asked before it is signed, and there is no terminal to ask on."),
            N_("Say --yes to sign it unasked; --dry-run shows what would happen."),
        )


def choose(call: Call, question: str, choices: Sequence[tuple[str, str]]) -> str | None:
    """Let the user choose one of (word, what it means); None when nobody is there to ask.

    Raises:
        UsageError: `bad_choice`, when there is no answer; one that is none of them is asked again.
    """
    if not on_terminal():
        return None
    call.say_notes()
    talk(question)
    for number, (word, meaning) in enumerate(choices, 1):
        talk(f"  {number}  {word:<8}  {meaning}")
    words = ", ".join(word for word, _meaning in choices)
    while answer := _answer(">").casefold():
        for number, (word, _meaning) in enumerate(choices, 1):
            if answer in {word, str(number)}:
                return word
        talk(_("Write the number before it, or one of: {choices}.").format(choices=words))
    raise UsageError("bad_choice", N_("Nothing was chosen of: {choices}."), choices=words)


def _forget_typed_ahead() -> None:
    """Drop what was typed before the question could be read: it is no answer to it."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _answer(prompt: str) -> str:
    click.echo(f"{prompt} ", err=True, nl=False)
    return sys.stdin.readline().strip()
