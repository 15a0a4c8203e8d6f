"""What was asked for besides the command itself: which home, whose hat, in which form; and talking about it on stderr.

stdout is data, stderr is talk. Under `--json` an error must stand alone on stderr, so talk waits until the command
has succeeded.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import click

from foodhub.cli.talk import talk
from foodhub.node.home import default_home
from foodhub.words import _


@dataclass
class Call:
    """One call of the program; `chosen_home` is None where the default holds.

    `for_name` is the member for whom a command writes, who told it by the means `told`.
    """

    chosen_home: Path | None = None
    as_name: str | None = None
    json: bool = False
    yes: bool = False
    dry_run: bool = False
    for_name: str | None = None
    told: str = ""
    _waiting: list[str] = field(default_factory=list)
    _in_progress: bool = False

    @property
    def home(self) -> Path:
        """Return the home to work on."""
        return self.chosen_home if self.chosen_home is not None else default_home()

    def note(self, text: str) -> None:
        """Tell the user something that is no data."""
        if self.json:
            self._waiting.append(text)
        else:
            self.end_progress()
            talk(text)

    def note_last(self, text: str) -> None:
        """Tell the user something that is no data, behind all else that the command says."""
        self._waiting.append(text)

    def say_notes(self) -> None:
        """Say what had to wait: at the end, or before a question."""
        self.end_progress()
        for text in self._waiting:
            talk(text)
        self._waiting.clear()

    def progress(self, text: str) -> None:
        """Show how far it is, on one line that the next one replaces; only people see it."""
        if not self.json and sys.stderr.isatty():
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
            self._in_progress = bool(text)

    def end_progress(self) -> None:
        """Take away the line that shows how far it is, so that what is said next stands on one of its own."""
        if self._in_progress:
            self.progress("")

    def end_dry_run(self) -> None:
        """Say that nothing was signed, if it was a dry run."""
        if self.dry_run:
            self.note(_("Dry run: nothing was signed."))
