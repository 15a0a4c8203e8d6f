"""The command `foodhub`: reads the words, calls one command, says how it ended.

Everything else is loaded when it is needed, so that help and status answer at once. `foodhub` alone opens the
terminal interface.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from foodhub import __version__, words
from foodhub.cli.call import Call
from foodhub.cli.command import Group, everywhere
from foodhub.cli.table import COMMANDS, Entry
from foodhub.errors import N_, ExitCode, FoodhubError
from foodhub.words import _

INTERRUPTED = 130
_SUMMARY = N_("A short-circuit food hub without a landlord: every farm, group and hub runs its own node.")
_MORE = N_("Without a command it opens the terminal interface.")
_EXAMPLES = (
    'foodhub init --name "Ferme du Val" --role producer',
    "foodhub product list --search carrot",
    "foodhub demo",
)


def main() -> NoReturn:
    """Run the program on the words of the command line and end it with the exit code."""
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run the program on `args`; return the exit code."""
    language = _value_of(args, "--lang")
    words.use(language)
    if language:
        # The network process is a program of its own and speaks the same.
        os.environ["FOODHUB_LANG"] = language
    call = Call(json="--json" in args)
    # As many programs have it: `foodhub help product add` is `foodhub product add --help`.
    words_typed = [*args[1:], "--help"] if args[:1] == ["help"] else list(args)
    try:
        result = root_group().main(words_typed, prog_name="foodhub", standalone_mode=False, obj=call)
        call.say_notes()
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        call.end_progress()
        click.echo(_("Stopped."), err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left in the buffer must not fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - the last place where an error can be said well
        return _failed(error, call)
    return result if isinstance(result, int) else 0


def _failed(error: Exception, call: Call) -> int:
    from foodhub.cli import failures
    from foodhub.node.trouble import trouble

    call.end_progress()
    error = trouble(error, call.home) or error
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return error.exit_code
        case click.ClickException():
            said = failures.from_click(error)
        case FoodhubError():
            said = error
        case OSError() if error.filename:
            said = failures.from_system(error)
        case _unforeseen:
            said = failures.unforeseen(error, call.home)
    return failures.report(said, json=call.json)


def _value_of(args: Sequence[str], name: str) -> str | None:
    """Return the value of an option before anything else is read."""
    for place, word in enumerate(args):
        if word == "--":
            return None
        if word == name and place + 1 < len(args):
            return args[place + 1]
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return None


def root_group() -> Group:
    """Return `foodhub` itself: the group of all commands, which loads each when it is asked for."""
    version = click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_say_version)
    version.help = _("Show the version.")
    root = Group(
        name="foodhub",
        params=[*everywhere(), version],
        invoke_without_command=True,
        callback=open_interface,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.entry, root.more, root.examples = Entry(_SUMMARY, commands=COMMANDS), _MORE, _EXAMPLES
    return root


def _say_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"foodhub {__version__}")
        context.exit()


@click.pass_context
def open_interface(context: click.Context) -> int | None:
    """Open the terminal interface when no command was named; off a terminal say what there is."""
    if context.invoked_subcommand is not None:
        return None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(context.get_help())
        return None
    from foodhub.tui.app import run as run_interface

    call = context.ensure_object(Call)
    return run_interface(call.home, call.as_name)
