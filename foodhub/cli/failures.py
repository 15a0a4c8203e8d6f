"""How a command that failed says so: a sentence and a hint on stderr, as JSON with `--json`, and the exit code.

What we did not foresee becomes one sentence, and the traceback goes to a file: it is for whoever mends it. Neither
may hold a secret, so arguments and local values are never written.
"""

import os
import sys
import tempfile
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from foodhub.cli.output import text_lines
from foodhub.cli.placeholders import placeholders
from foodhub.cli.talk import talk
from foodhub.errors import N_, FoodhubError, NotThereError, UsageError
from foodhub.words import say

SEE_HELP = N_("See: {command} --help")


def report(error: FoodhubError, *, json: bool) -> int:
    """Say what went wrong on stderr; return the exit code."""
    message, hint = say(error)
    if json:
        body = {"code": error.code, "message": message, "hint": hint, "details": _data(error.details)}
        click.echo(text_lines(_as_json({"error": body})), err=True)
    else:
        # What a person typed stands in these sentences, and need not be text that the terminal can take.
        talk(text_lines("\n".join(part for part in (message, hint) if part)))
    return int(error.exit_code)


def _as_json(data: object) -> str:
    import json

    return json.dumps(data, ensure_ascii=False, default=str)


def _data(value: Any) -> Any:
    """Return details as JSON may hold them; an error inside an error as its code and its sentence."""
    if isinstance(value, FoodhubError):
        return {"code": value.code, "message": say(value)[0]}
    if isinstance(value, dict):
        return {str(name): _data(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_data(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def from_click(error: click.ClickException) -> FoodhubError:
    """Return one of click's own errors as ours, so that it has a code and a translation.

    Nothing that foodhub can meet is said in click's own words; only what a later click might add is said as it is.
    """
    context = error.ctx if isinstance(error, click.UsageError) else None
    more: dict[str, Any] = {"command": context.command_path if context else "foodhub"}
    match error:
        case click.NoSuchOption():
            near = sorted(error.possibilities or [])
            hint = N_("Did you mean {near}?") if near else SEE_HELP
            more |= {"option": error.option_name, "near": ", ".join(near)}
            return UsageError("no_such_option", N_("There is no option {option}."), hint, **more)
        case click.MissingParameter():
            return UsageError("missing", N_("{name} is missing."), SEE_HELP, name=_name_of(error), **more)
        case click.BadOptionUsage():
            # click has one error for both.
            text = N_("{option} takes no value.") if _is_flag(error) else N_("{option} lacks its value.")
            return UsageError("bad_option", text, SEE_HELP, option=error.option_name, **more)
        case click.BadParameter():
            return _bad_value(error, more)
    text = N_("The command was not understood: {reason}")
    return UsageError("usage", text, SEE_HELP, reason=error.format_message(), **more)


def _is_flag(error: click.BadOptionUsage) -> bool:
    known = error.ctx.command.params if error.ctx else []
    return any(isinstance(each, click.Option) and each.is_flag and error.option_name in each.opts for each in known)


def _bad_value(error: click.BadParameter, more: dict[str, Any]) -> FoodhubError:
    kind = error.param.type if error.param else None
    more |= {"name": _name_of(error), "reason": error.message}
    if isinstance(kind, click.Choice):
        choices = ", ".join(map(str, kind.choices))
        # An argument's name in the help is its choices themselves.
        text = N_("{name} is one of: {choices}.") if more["name"].startswith("-") else N_("Write one of: {choices}.")
        return UsageError("bad_choice", text, SEE_HELP, choices=choices, **more)
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return UsageError("bad_number", _number(kind), SEE_HELP, **more, **_bounds(kind))
    if isinstance(kind, click.Path) and kind.file_okay != kind.dir_okay:
        text = N_("{name} has to be a folder.") if kind.dir_okay else N_("{name} has to be a file, and no folder.")
        return UsageError("bad_value", text, SEE_HELP, **more)
    return UsageError("bad_value", N_("{name} can't be used: {reason}"), SEE_HELP, **more)


def _number(kind: object) -> str:
    """Return the sentence that says which numbers an option takes."""
    match _bounds(kind):
        case {"most": _most, "least": _least}:
            return N_("{name} is a number from {least} to {most}.")
        case {"least": _least}:
            return N_("{name} is a number, {least} or more.")
    return N_("{name} is a number.")


def _bounds(kind: object) -> dict[str, Any]:
    bounds = {"least": getattr(kind, "min", None), "most": getattr(kind, "max", None)}
    return {name: value for name, value in bounds.items() if value is not None}


def _name_of(error: click.BadParameter) -> str:
    if error.param is None:
        return str(error.param_hint or "")
    return (
        max(error.param.opts, key=len)
        if isinstance(error.param, click.Option)
        else placeholders(error.param.make_metavar(_any_context(error)).rstrip("."))
    )


def _any_context(error: click.BadParameter) -> click.Context:
    return error.ctx or click.Context(click.Command("foodhub"))


def from_system(error: OSError) -> FoodhubError:
    """Return an error of the operating system about a file as ours."""
    path, reason = str(error.filename or ""), error.strerror or type(error).__name__
    if isinstance(error, NotADirectoryError):
        return FoodhubError("no_folder", N_("{path} can't be: what it should be in is no folder."), path=path)
    if isinstance(error, FileNotFoundError):
        return NotThereError("no_such_file", N_("There is no file {path}."), path=path)
    if isinstance(error, IsADirectoryError):
        return FoodhubError("no_file", N_("{path} is a folder, and no file."), path=path)
    if isinstance(error, PermissionError):
        hint = N_("See to the rights of it, or name another.")
        return FoodhubError("not_permitted", N_("You may not read or write {path}."), hint, path=path)
    return FoodhubError("system", N_("The system says no: {reason} ({path})"), reason=reason, path=path)


def unforeseen(error: BaseException, home: Path) -> FoodhubError:
    """Write a traceback to a file and return the sentence that says where."""
    text = f"{sys.version}\n{''.join(traceback.format_exception(error))}"
    folders = [home if home.is_dir() else None, Path(tempfile.gettempdir())]
    where = next((file for folder in folders if folder and (file := _written(text, folder))), "")
    hint = (
        N_("What happened is written in {file}; please pass it on to whoever looks after foodhub.")
        if where
        else N_("What happened could not be written down, for want of a disk that takes it.")
    )
    sentence = N_("Something went wrong that foodhub did not foresee ({kind}).")
    return FoodhubError("unforeseen", sentence, hint, kind=type(error).__name__, file=where)


def _written(text: str, folder: Path) -> str:
    """Write a text to a new file and return where that is, "" where the disk does not take it."""
    try:
        handle, name = tempfile.mkstemp(".txt", "error-", folder)
    except OSError:
        return ""
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        Path(name).unlink()
        return ""
    return name
