"""`foodhub backup` and `foodhub restore`: a whole home in one encrypted file, and a home made from it.

The passphrase comes from a file, from FOODHUB_PASSPHRASE, or is asked for without showing it; it is never an argument,
since those can be seen by everyone on the machine.
"""

import os
import sys
import termios
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from foodhub.cli.asking import on_terminal
from foodhub.cli.bar import Bar
from foodhub.cli.beginning import UNSEALED
from foodhub.cli.call import Call
from foodhub.cli.command import FILE, argument, command, option, pass_call
from foodhub.cli.output import cell, facts, say, show
from foodhub.errors import N_, UsageError
from foodhub.node.backup import RESTORED, Backup, back_up, check_free, check_target, clean_passphrase
from foodhub.node.backup import restore as restore_home
from foodhub.words import _, full_moment, ngettext

T = TypeVar("T")
_VARIABLE = "FOODHUB_PASSPHRASE"
_SAID = {
    "copy": N_("Copying the database…"),
    "key": N_("Working out the key…"),
    "write": N_("Writing…"),
    "read": N_("Reading…"),
    "check": N_("Checking…"),
    "fold": N_("Working out what is shown…"),
}
_PASSPHRASEFILE = N_("Read the passphrase from the first line of this file (else from FOODHUB_PASSPHRASE).")


@command(
    "backup",
    examples=["foodhub backup farm.backup", "foodhub backup /media/stick/farm.backup --force"],
    more=N_(
        "The file is encrypted with a passphrase and holds everything but the keys with which this home signs: those"
        " never leave their machine, and a restored home gets new ones. Keep the 24 recovery words and the passphrase."
    ),
    up_to_date=False,
)
@argument("file", type=FILE)
@option("--force", is_flag=True, help=N_("Replace the file if it is there."))
@option("--passphrase-file", type=FILE, metavar="FILE", help=_PASSPHRASEFILE)
@pass_call
def backup(call: Call, file: Path, force: bool, passphrase_file: Path | None) -> None:
    """Write a backup."""
    check_target(file, force=force)
    passphrase = _passphrase(call, passphrase_file, twice=True)
    try:
        made = _with_bar(call, lambda progress: back_up(call.home, file, passphrase, progress, force=force))
    except FileNotFoundError:
        message, hint = N_("{file} can't be written."), N_("Name a file in a folder that is there and takes files.")
        raise UsageError("bad_place", message, hint, file=str(file)) from None

    def draw() -> None:
        facts([(_("backup"), file), (_("contents"), _counts(made))])
        call.note(_("The keys of this home are not in it. To get the home back: foodhub restore FILE --home DIR"))

    show(call, made, draw)


@command(
    "restore",
    examples=["foodhub restore farm.backup --home ~/farm"],
    more=N_(
        "The home has to be new. It can be read at once and signs nothing until it has keys of its own: enrol it as a"
        " further device, or recover it with the 24 words."
    ),
)
@argument("file", type=FILE)
@option("--passphrase-file", type=FILE, metavar="FILE", help=_PASSPHRASEFILE)
@pass_call
def restore(call: Call, file: Path, passphrase_file: Path | None) -> None:
    """Restore a backup."""
    check_free(call.home)
    file.open("rb").close()  # a name that is wrong is said before a passphrase is asked for
    passphrase = _passphrase(call, passphrase_file, twice=False)
    found = _with_bar(call, lambda progress: restore_home(call.home, file, passphrase, progress))
    data = {"home": str(call.home), "read_only": RESTORED, "backup": found}
    show(call, data, lambda: _draw(call, found))


def _draw(call: Call, found: Backup) -> None:
    made = full_moment(datetime.fromtimestamp(found.made / 1000, UTC).astimezone())
    say(_("{home} is as it was on {made}: {counts}.").format(home=cell(call.home), made=made, counts=_counts(found)))
    if found.members:
        say(_("It was the home of: {members}").format(members=cell(", ".join(found.members))))
    call.note(_(UNSEALED))
    call.note(_("It can be read and signs nothing yet. To go on, one of:"))
    call.note(_("- foodhub device enrol CODE, with the code that foodhub device add shows on another laptop of yours"))
    call.note(_("- foodhub recover, with the 24 recovery words, when no other laptop is left"))


def _counts(found: Backup) -> str:
    entries = ngettext("{n} entry", "{n} entries", found.entries).format(n=found.entries)
    logs = ngettext("{n} log", "{n} logs", found.logs).format(n=found.logs)
    size = _("{n} kB").format(n=-(-found.bytes // 1000))
    name = [_('circuit "{name}"').format(name=cell(found.circuit))] if found.circuit else []
    return ", ".join([*name, entries, logs, size])


def _with_bar(call: Call, work: Callable[[Callable[[str, int, int], None]], T]) -> T:
    bar = Bar(call)
    try:
        return work(lambda what, done, total: bar.show(_(_SAID[what]), done, total))
    finally:
        bar.clear()


def _passphrase(call: Call, file: Path | None, *, twice: bool) -> bytes:
    """Return the passphrase from where it is given, else ask for it.

    Raises:
        UsageError: it is given nowhere and nobody is there to ask, too short, or not the same twice.
    """
    given = _first_line(file) if file else os.environ.get(_VARIABLE)
    if given is not None:
        return clean_passphrase(given)
    if not on_terminal():
        raise UsageError(
            "passphrase_missing",
            N_("A backup needs a passphrase, and there is no terminal to ask for it."),
            N_("Give it with --passphrase-file FILE, or in FOODHUB_PASSPHRASE."),
        )
    call.say_notes()
    passphrase = clean_passphrase(_hidden(_("Passphrase:")))
    if twice and clean_passphrase(_hidden(_("Once more:"))) != passphrase:
        raise UsageError("passphrases_differ", N_("These were two different passphrases."), N_("Try again."))
    return passphrase


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise UsageError("passphrase_text", N_("{file} is not a text in UTF-8."), file=str(file)) from None


def _hidden(prompt: str) -> str:
    """Ask for a line on the terminal without showing what is typed."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
    try:
        click.echo(f"{prompt} ", err=True, nl=False)
        return sys.stdin.readline().rstrip("\r\n")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        click.echo("", err=True)
