"""Commands that texts tell one to type are whole: they are there, and lack nothing that they need."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path

import click
import pytest

import foodhub
from foodhub.cli.call import Call
from foodhub.cli.command import Group
from foodhub.cli.main import root_group

ROOM = Path(foodhub.__file__).parent
TYPED = re.compile(r'\bfoodhub ((?:(?:"[^"]*"|[^\s,;:()"])+ ?)+)')
WORD = re.compile(r'(?:"[^"]*"|[^\s"])+')
# What stands for a value: a placeholder, a quoted name, a pair; and the rights that can be handed over.
VALUE = re.compile(r'["{A-Z0-9]|\S*=|-$|(?:desk|stock)$')


@cache
def texts() -> list[tuple[str, str]]:
    """Return where each text for people stands, and the text, of those that name the program."""
    return [found for path in sorted(ROOM.rglob("*.py")) for found in said_in(path) if "foodhub " in found[1]]


def said_in(path: Path) -> Iterator[tuple[str, str]]:
    source = path.read_text("utf-8")
    if "foodhub " in source:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"N_", "_"}:
                for said in node.args:
                    if isinstance(said, ast.Constant) and isinstance(said.value, str):
                        yield f"{path.relative_to(ROOM)}:{node.lineno}", said.value


def found(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words begin with, and the words behind it."""
    command: click.Command = root_group()
    context, rest = click.Context(command, info_name="foodhub", obj=Call()), list(words)
    while isinstance(command, click.Group) and rest and (below := command.get_command(context, rest[0])) is not None:
        command, context = below, click.Context(below, info_name=rest.pop(0), parent=context)
    return (command.own or command, rest) if isinstance(command, Group) else (command, rest)


def lacking(typed: str) -> list[str]:
    """Return what a command lacks as it stands in a text; nothing where it is none."""
    words = [word.rstrip(".") for word in WORD.findall(typed.partition(". ")[0])]
    command, rest = found(words)
    if len(rest) == len(words):
        return []
    options = {name: each for each in command.params if isinstance(each, click.Option) for name in each.opts}
    given, values = set[str](), 0
    while rest and (rest[0].startswith("--") or VALUE.match(rest[0])):
        word = rest.pop(0)
        if not word.startswith("--"):
            values += 1
        elif word in options:
            given.add(str(options[word].name))
            rest = rest if options[word].is_flag else rest[1:]
        else:
            return [word]
    needed = [each for each in command.params if each.required and each.name not in given]
    arguments = [str(each.name) for each in needed if isinstance(each, click.Argument)]
    return arguments[values:] + [str(each.name) for each in needed if isinstance(each, click.Option)]


@pytest.mark.parametrize(
    ("typed", "lacks"),
    [
        ("init --role hub", ["name"]),
        ('cycle show "{cycle}"', []),
        ("cycle show", ["cycle"]),
        ('stock set "{name}"=N --counted', []),
        ("device hand-over desk {own}", []),
        ("allot lower", ["cycle", "pairs"]),
        ("order list --wrong", ["--wrong"]),
    ],
)
def test_what_a_command_lacks_is_found(typed: str, lacks: list[str]) -> None:
    assert lacking(typed) == lacks


def test_every_command_that_a_text_tells_to_type_is_whole() -> None:
    wrong = [
        (place, typed.strip(), lacks)
        for place, text in texts()
        for typed in TYPED.findall(text)
        if (lacks := lacking(typed)) and "--help" not in typed
    ]
    assert wrong == []


def test_names_in_commands_that_a_text_tells_to_type_are_quoted() -> None:
    bare = re.compile(r"\{(?:name|cycle|product|producer|group|hub|giver|household|member|hat)\}")
    wrong = [
        (place, typed.strip())
        for place, text in texts()
        for typed in TYPED.findall(text)
        if any(bare.fullmatch(word) for word in takewhile(VALUE.match, found(WORD.findall(typed))[1]))
    ]
    assert wrong == []
