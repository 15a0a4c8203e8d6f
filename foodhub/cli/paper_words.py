"""Asking for the recovery words that stand on paper: three of them after they were shown, all of them to recover.

On a terminal word by word, with a word about each that is wrong; else from stdin. They are never printed here.
"""

import secrets
import sys
from collections.abc import Sequence

import click

from foodhub.cli.asking import on_terminal
from foodhub.cli.call import Call
from foodhub.cli.talk import talk
from foodhub.errors import N_, FoodhubError, UsageError
from foodhub.node.recovery_words import COUNT, RecoveryKeys, read_word, read_words
from foodhub.words import _, say

ASKED_BACK = 3
TRIES = 3


def ask_words(call: Call) -> RecoveryKeys:
    """Ask for all 24 words and return the keys that follow from them; several may be typed or pasted on one line.

    Raises:
        UsageError: they are not 24 words that belong together. FoodhubError: `declined`, when nobody goes on.
    """
    if not on_terminal():
        return read_words(sys.stdin.read().split())
    call.say_notes()
    talk(_("Type the 24 recovery words in their order; the first four letters of each are enough."))
    words: list[str] = []
    while len(words) < COUNT:
        for text in _line(_("Word {number}:").format(number=len(words) + 1)).split():
            try:
                words.append(read_word(len(words) + 1, text))
            except UsageError as error:
                _tell(error)
                break
    return read_words(words)


def ask_back(call: Call, words: Sequence[str]) -> bool:
    """Ask for three of the words that were just shown, at places chosen by chance; say whether all were right."""
    call.say_notes()
    talk(_("To be sure that they stand on paper, some of them are asked back."))
    for place in sorted(secrets.SystemRandom().sample(range(len(words)), ASKED_BACK)):
        if not any(_is_right(place, words[place]) for _try in range(TRIES)):
            return False
    return True


def _is_right(place: int, word: str) -> bool:
    while not (text := _line(_("Word {number}:").format(number=place + 1))):
        pass
    try:
        right = read_word(place + 1, text) == word
    except UsageError as error:
        _tell(error)
        return False
    if not right:
        talk(_("That is not word {number}.").format(number=place + 1))
    return right


def _line(prompt: str) -> str:
    click.echo(f"{prompt} ", err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise FoodhubError("declined", N_("Nothing was signed."))
    return line.strip()


def _tell(error: UsageError) -> None:
    talk(" ".join(filter(None, say(error))))
