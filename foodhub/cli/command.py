"""What a command of foodhub is for click: help in the user's language, examples, the options that all of them take.

`--home`, `--as`, `--json` and `--lang` may stand before or after the subcommand. Nothing here knows what a command
does.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from foodhub.cli.beginning import see_to
from foodhub.cli.call import Call
from foodhub.cli.placeholders import placeholders
from foodhub.cli.table import Entry, entry
from foodhub.cli.upgrading import bring_up_to_date
from foodhub.errors import N_, UsageError
from foodhub.words import _

# Whether a file can be read is known when it is opened; what the system then says of it has a sentence of ours.
FILE: Final = click.Path(path_type=Path, dir_okay=False, readable=False)
"""The type of an argument or option that names a file, which need not be there."""
_FOLDER: Final = click.Path(path_type=Path, file_okay=False, readable=False)
_SEE_HELP: Final = N_("See: {command} --help")


class Option(click.Option):
    """An option whose help is translated when it is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return names and help for the list of options."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        parts = [_(self.help) if self.help else "", _range_of(self.type), _("(required)") if self.required else ""]
        return placeholders(record[0]), " ".join(part for part in parts if part)


def _range_of(kind: object) -> str:
    """Say between which numbers an option lies, nothing where it may be any."""
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    return "" if least is None or most is None else _("({least} to {most})").format(least=least, most=most)


def kept(field: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return a callback that notes an option in the call; one that was not given changes nothing."""

    def keep(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value not in {None, False}:
            setattr(context.ensure_object(Call), field, value)

    return keep


def _kept(*names: str, field: str, help: str, **more: Any) -> Option:  # noqa: A002 - click's own name
    return Option(names, expose_value=False, callback=kept(field), help=help, **more)


def everywhere() -> list[click.Parameter]:
    """Return the options that every command takes."""
    return [
        _kept(
            "--home",
            field="chosen_home",
            metavar="DIR",
            type=_FOLDER,
            help=N_("The home to work on (else FOODHUB_HOME, else the platform's folder for data)."),
        ),
        _kept(
            "--as",
            "as_",
            field="as_name",
            metavar="NAME",
            help=N_("Which member of this home acts, if it holds several."),
        ),
        _kept("--json", field="json", is_flag=True, help=N_("Print JSON, also for errors.")),
        # It is looked for before anything is read, so that errors of reading are said in it too.
        Option(
            ["--lang"], metavar="CODE", expose_value=False, help=N_("Speak this language (else that of the system).")
        ),
    ]


def signing() -> list[click.Parameter]:
    """Return the options of every command that signs."""
    return [
        _kept("--yes", "-y", field="yes", is_flag=True, help=N_("Ask nothing.")),
        _kept(
            "--dry-run", field="dry_run", is_flag=True, help=N_("Check and show what would happen, and sign nothing.")
        ),
    ]


@contextmanager
def _section(formatter: click.HelpFormatter, title: str) -> Iterator[None]:
    """Indent what stands under a title, with the colon as the language writes it."""
    formatter.write_paragraph()
    formatter.write(_("{title}:").format(title=title) + "\n")
    with formatter.indentation():
        yield


class _Speaking(click.Command):
    """What commands and groups share: help as summary, explanation, examples, options."""

    entry: Entry
    more: str = ""
    examples: Sequence[str] = ()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; an error of reading knows of which command it is."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the pieces of the usage line, in the language spoken."""
        return [placeholders(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage line."""
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), prefix=_("Usage:") + " ")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write what the command does, and an example."""
        for text in (self.entry.summary, self.more):
            if text:
                formatter.write_paragraph()
                with formatter.indentation():
                    formatter.write_text(_(text))
        if self.examples:
            with _section(formatter, _("Examples")):
                for line in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the command, then those that all commands take."""
        common = {"--home", "--as", "--json", "--lang", "--help"}
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            # Arguments stand in the usage line and are explained above.
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                (own if common.isdisjoint(parameter.opts) else shared).append(record)
        for title, records in ((_("Options"), own), (_("Everywhere"), shared)):
            if records:
                with _section(formatter, title):
                    formatter.write_dl(records)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return `--help` with its text in the user's language."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _("Show this help.")
        return option

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - whole sentences; the list wraps them
        """Return the summary for a list of commands."""
        return _(self.entry.summary)


class Command(_Speaking):
    """A command of the table; without `up_to_date` it takes a home as it is, damaged or of an older program."""

    up_to_date = True
    # What is too much is said below in our own words: click has no class of its own for it.
    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words, and refuse what stands behind the last argument."""
        more = super().parse_args(ctx, args)
        if more:
            raise UsageError(
                "usage",
                N_("That is more than the command takes: {words}"),
                N_("Put quotes around what has spaces. See: {command} --help"),
                words=" ".join(more),
                command=ctx.command_path,
            )
        return more

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of the same name first, if it has any: `allot` alone, and `allot request`."""
        if self.entry.commands:
            _write_commands(self.entry, formatter)
        super().format_options(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, on a home that is up to date and has been seen to."""
        call = ctx.find_object(Call)
        if call is not None and self.up_to_date:
            bring_up_to_date(call)
            see_to(call, ctx.command_path.split()[1])
        return super().invoke(ctx)


def _write_commands(found: Entry, formatter: click.HelpFormatter) -> None:
    with _section(formatter, _("Commands")):
        formatter.write_dl([(name, _(each.summary)) for name, each in found.commands.items() if _exists(each)])


class Group(_Speaking, click.Group):
    """A group of commands, whose modules are loaded when one of them is called.

    `own` is what runs where no command of the group is named.
    """

    own: click.Command | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names of the commands in the order of the table."""
        return [name for name, found in self.entry.commands.items() if _exists(found)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by the word one types, None when there is none."""
        found = self.entry.commands.get(cmd_name)
        if found is None or not _exists(found):
            return None
        words = [*ctx.command_path.split()[1:], cmd_name]
        return load(" ".join(words), found)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the list of commands, without loading them."""
        _write_commands(self.entry, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write commands first: they are what one looks for here."""
        self.format_commands(ctx, formatter)
        _Speaking.format_options(self, ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names.

        Raises:
            UsageError: `no_such_command`, with what is near.
        """
        if self.get_command(ctx, args[0]) is None:
            raise _no_such_command(args[0], self.list_commands(ctx), ctx.command_path)
        name, found, rest = super().resolve_command(ctx, args)
        if isinstance(found, Group) and found.own is not None and not (rest and rest[0] in found.entry.commands):
            return name, found.own, rest
        return name, found, rest


def _no_such_command(word: str, known: Sequence[str], path: str) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=3)
    hint = N_("Did you mean {near}? {command} --help lists all.") if near else _SEE_HELP
    text = N_('There is no command "{word}".')
    return UsageError("no_such_command", text, hint, word=word, near=", ".join(near), command=path)


def _exists(found: Entry) -> bool:
    # A module that is written elsewhere may not be there yet; then its command isn't either.
    return bool(found.commands) or found.module != "demo" or find_spec("foodhub.cli.demo") is not None


def load(path: str, found: Entry) -> click.Command:
    """Return the command or group at a path of the table, such as "product list"."""
    command = _load_own(path, found) if found.module else None
    if command is not None and not found.commands:
        return command
    group = Group(name=path.rpartition(" ")[2], params=everywhere())
    group.entry, group.own = found, command
    return group


def _load_own(path: str, found: Entry) -> click.Command:
    name = path.replace(" ", "_").replace("-", "_")
    command: click.Command = getattr(import_module(f"foodhub.cli.{found.module}"), name)
    if not any("--lang" in parameter.opts for parameter in command.params):
        command.params += everywhere()
    return command


def command(
    path: str, *, examples: Sequence[str], more: str = "", signs: bool = False, up_to_date: bool = True
) -> Callable[[Callable[..., int | None]], Command]:
    """Make a function the command at a path of the table; it may return an exit code.

    `examples` are lines as one types them, `more` is what the summary leaves out, `signs` adds `--yes` and `--dry-run`;
    without `up_to_date` the home is taken as it is.
    """

    def decorate(function: Callable[..., int | None]) -> Command:
        made = click.command(name=path.rpartition(" ")[2], cls=Command)(function)
        made.params += [*(signing() if signs else []), *everywhere()]
        made.entry, made.more, made.examples, made.up_to_date = entry(path), more, examples, up_to_date
        return made

    return decorate


def option(*names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option whose help is translated."""
    return click.option(*names, cls=Option, **settings)


argument = click.argument
pass_call = click.make_pass_decorator(Call)
