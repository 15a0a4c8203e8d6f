"""Every command can be found and says what it does; help and status load next to nothing."""

import subprocess
import sys

import click
import pytest

from foodhub.cli.call import Call
from foodhub.cli.command import Group
from foodhub.cli.main import root_group
from foodhub.cli.table import COMMANDS, Entry, entry
from tests.cli.program import Foodhub

HEAVY = ("libp2p", "trio", "textual", "rich", "nacl", "mnemonic", "aiosqlite", "asyncio")


def paths(commands: object = COMMANDS, before: str = "") -> list[str]:
    assert isinstance(commands, dict)
    found = []
    for word, each in commands.items():
        assert isinstance(each, Entry)
        found += [f"{before}{word}"] if each.module else []
        found += paths(each.commands, f"{before}{word} ")
    return found


NAMED = (
    "init",
    *(f"circuit {word}" for word in ("found", "invite", "uninvite", "join", "members", "show")),
    *(f"circuit {word}" for word in ("remove", "grant", "revoke")),
    "circuit card",
    *(f"device {word}" for word in ("list", "add", "enrol", "retire", "hand-over", "go-on")),
    "recover",
    "disputed",
    *("doctor", "backup", "restore"),
    *("node run", "status", "peers", "allot", "log show", "log verify", "rebuild", "paths", "demo"),
    *(f"product {word}" for word in ("import", "list", "show", "add", "set", "withdraw")),
    *(f"cycle {word}" for word in ("new", "list", "show", "set", "bring", "sell", "check", "publish", "clone")),
    *(f"cycle {word}" for word in ("repeat", "announce", "close", "reopen", "decide", "drop")),
    *(f"order {word}" for word in ("place", "list", "show", "amend", "cancel", "remark", "substitute")),
    *(f"order {word}" for word in ("accept-late", "confirm", "decline")),
    *(f"desk {word}" for word in ("show", "share")),
    *(f"purchase {word}" for word in ("list", "show", "send", "accept", "refuse")),
    *(f"slip {word}" for word in ("show", "check", "export", "compare")),
    *(f"standing {word}" for word in ("add", "list", "pause", "resume", "end")),
    *(f"stock {word}" for word in ("set", "paste", "show", "case")),
    *(f"allot {word}" for word in ("request", "list", "grant", "rule", "lower")),
    "shortfall",
    *(f"member {word}" for word in ("add", "list", "show", "end", "claim", "confirm")),
    *(f"contact {word}" for word in ("set", "show", "erase")),
    *(f"group {word}" for word in ("join", "leave", "show", "close")),
    *(f"wish {word}" for word in ("set", "import", "paste", "table", "missing")),
    *(f"mandate {word}" for word in ("give", "end", "list")),
    *(f"erase {word}" for word in ("order", "product", "entries", "request", "list")),
    *("retention show", "retention set", "log prune"),
)


def test_the_commands_are_those_that_scripts_know() -> None:
    assert set(paths()) == set(NAMED)


def help_of(path: str) -> tuple[click.Command, str]:
    command: click.Command = root_group()
    context = click.Context(command, info_name="foodhub", obj=Call())
    for word in path.split():
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None
        command, context = found, click.Context(found, info_name=word, parent=context)
    own = command.own if isinstance(command, Group) else None
    if own is not None:
        command, context = own, click.Context(own, info_name=context.info_name, parent=context.parent)
    return command, command.get_help(context)


@pytest.mark.parametrize("path", NAMED)
def test_every_command_is_reachable_and_documented_with_an_example(path: str) -> None:
    command, text = help_of(path)
    flat = " ".join(text.split())
    assert entry(path).summary in flat
    assert f"foodhub {path}" in flat.partition("Examples:")[2]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    for option in ("--home", "--as", "--json", "--lang", "--help"):
        assert option in flat.partition("Everywhere:")[2]


@pytest.mark.parametrize(
    "path", ["circuit found", "product import", "product set", "cycle new", "allot", "order place"]
)
def test_what_signs_can_be_rehearsed_and_run_without_questions(path: str) -> None:
    text = help_of(path)[1]
    assert "--dry-run" in text
    assert "--yes" in text


def test_help_is_said_in_the_language_spoken(empty: Foodhub) -> None:
    said = empty("product", "list", "--help", "--lang", "fr").out
    assert "Exemples" in said
    assert "Usage" in said
    assert "Lister les produits" in said or "produits du circuit" in said


def test_without_a_terminal_the_program_alone_prints_its_help(empty: Foodhub) -> None:
    assert "Commands:" in empty().out
    assert empty("--version").out.startswith("foodhub ")


def test_help_is_found_where_people_look_for_it(empty: Foodhub) -> None:
    assert empty("-h").out == empty("help").out == empty("--help").out
    assert (
        empty("help", "product", "add").out
        == empty("product", "add", "-h").out
        == empty("product", "add", "--help").out
    )


def test_a_group_alone_lists_its_commands(empty: Foodhub) -> None:
    done = empty("product", code=2)
    assert "withdraw" in done.err


MODULES = sorted({entry(path).module for path in NAMED})


@pytest.mark.parametrize("module", MODULES)
def test_every_command_loads_by_itself(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import foodhub.cli.{module}"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("words", ["--help", "status", "product list", "order list", "paths", "peers"])
def test_what_only_reads_loads_no_network_no_screen_and_no_event_loop(shared: Foodhub, words: str) -> None:
    program = (
        "import sys; from foodhub.cli.main import run; code = run(sys.argv[1:]);"
        f"print([name for name in {HEAVY} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split()],
        env=shared.environment,
        capture_output=True,
        check=True,
        text=True,
    )
    # What reads the catalog knows how it is signed, and so loads the keys' library; help and status need not.
    allowed = ["nacl"] if words in {"product list", "order list"} else []
    assert [name for name in eval(done.stdout.splitlines()[-1]) if name not in allowed] == []  # noqa: S307 - our own list
