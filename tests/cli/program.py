"""The program `foodhub` from outside: started, its output read, its exit code looked at."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from foodhub.cli.command import Group, load
from foodhub.cli.table import COMMANDS, Entry
from tests.cli.starter import Starter

PATIENCE = 60.0
"""Seconds until what has to happen is taken for not happening."""
starter = cache(Starter)
HEADER = (
    "producer,sku,name,display_name,category,description,units,unit_type,variant_unit_name,price,on_hand,available_on,"
    "on_demand,shipping_category,tax_category"
)
GOOD = "Hub,S1,Carrots,bag,Vegetables,,500,g,,2.45,12,,0,Chilled,"


_QUESTION = re.compile(rb"[]>:?] $")
"""How a line ends at which the program waits for an answer."""


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


@dataclass(frozen=True)
class Foodhub:
    """The program `foodhub` on one home."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FOODHUB_", "LC_", "LANG"))}
        state = str(self.home.parent / "state")
        return kept | {
            "FOODHUB_HOME": str(self.home),
            "XDG_STATE_HOME": state,
            "FOODHUB_LANG": "en",
            "TZ": "Europe/Paris",
        }

    def __call__(
        self, *args: str | Path, code: int | None = 0, given: bytes = b"", asked: bool = False, **variables: str
    ) -> Done:
        """Run a command; `code` is the exit code to expect, None for any; unless `asked`, `--yes` where it is taken."""
        words = [*map(str, args)]
        try:
            ended, out, err = starter().run(words if asked else _unasked(words), self.environment | variables, given)
        except TimeoutError:
            starter.cache_clear()
            raise
        said = Done(ended, out.decode(), err.decode())
        assert code is None or said.code == code, f"{args} ended with {said.code}\n{said.out}\n{said.err}"
        return said

    def json(self, *args: str | Path) -> Any:
        """Run a command that succeeds and return what it printed as JSON."""
        return self(*args, "--json").data

    def fails(self, code: int, *args: str | Path) -> Any:
        """Run a command that ends with `code`; return the error, which stands alone on stderr."""
        done = self("--json", *args, code=code)
        assert set(done.error) == {"code", "message", "hint", "details"}
        return done.error

    def on_terminal(self, *args: str, answers: Sequence[str] = (), out: bool = True) -> Done:
        """Run a command on a terminal, typing `answers` as it asks; with `out` its stdout is that terminal too."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-m", "foodhub", *args],
            env=self.environment | {"TERM": "dumb", "COLUMNS": "100"},
            stdin=theirs,
            stdout=theirs if out else subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        said = _answered(ours, answers, time.monotonic() + PATIENCE)
        rest = child.stdout.read() if child.stdout else b""
        if child.stdout:
            child.stdout.close()
        os.close(ours)
        return Done(child.wait(PATIENCE), rest.decode(), said.replace("\r\n", "\n"))


def _unasked(words: list[str]) -> list[str]:
    """Return a command line with `--yes` if its command asks: no test sits at a terminal unless it says so."""
    path: list[str] = []
    found, end = Entry("", commands=COMMANDS), 0
    for number, word in enumerate(words, 1):
        if word in found.commands:
            path, found, end = [*path, word], found.commands[word], number
        elif not word.startswith("-"):
            break
    if not found.module or {"--yes", "-y", "--help"} & set(words):
        return words
    called = load(" ".join(path), found)
    called = called.own or called if isinstance(called, Group) else called
    asks = any("--yes" in option.opts for option in called.params)
    return [*words[:end], "--yes", *words[end:]] if asks else words


def _answered(file: int, answers: Sequence[str], end: float) -> str:
    """Read a terminal until the program at its other side has ended, typing an answer at each question."""
    read, waiting = b"", list(answers)
    while (left := end - time.monotonic()) > 0 and select.select([file], [], [], left)[0]:
        try:
            read += os.read(file, 65536)
        except OSError:  # how Linux says that nobody holds the other side any more
            break
        if waiting and _QUESTION.search(read):
            os.write(file, f"{waiting.pop(0)}\n".encode())
    return read.decode()
