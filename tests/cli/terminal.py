"""A conversation with the program on a terminal: read up to a question, type an answer that depends on it."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.program import PATIENCE, Foodhub


class Terminal:
    """The terminal of one command; `said` is all that stood on it."""

    def __init__(self, handle: int, child: "subprocess.Popen[bytes]") -> None:
        self._handle = handle
        self._child = child
        self._bytes = b""
        self._seen = 0
        self.said = ""
        self.code: int | None = None

    def until(self, text: str) -> str:
        """Read until a text stands there; return what came since the last time, up to its end."""
        while (place := self.said.find(text, self._seen)) < 0:
            assert self._read(), f"{text!r} did not come:\n{self.said}"
        begin, self._seen = self._seen, place + len(text)
        return self.said[begin : self._seen]

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._handle, f"{line}\n".encode())

    def end(self) -> None:
        """Read to the end of the command."""
        while self._read():
            pass
        self.code = self._child.wait(PATIENCE)

    def _read(self) -> bool:
        """Read some more; return False once the command has ended."""
        if not select.select([self._handle], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing more was said:\n{self.said}")
        try:
            self._bytes += os.read(self._handle, 65536)
        except OSError:  # how Linux says that nobody holds the other side any more
            return False
        # All of it anew: what was read may have ended in the middle of a character or of a line's end.
        self.said = self._bytes.decode(errors="replace").replace("\r\n", "\n")
        return True


@contextmanager
def at_terminal(foodhub: Foodhub, *args: str) -> Iterator[Terminal]:
    """Run a command on a terminal; leaving the block waits for its end."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "foodhub", *args],
        env=foodhub.environment | {"TERM": "dumb", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    terminal = Terminal(ours, child)
    try:
        yield terminal
        terminal.end()
    finally:
        child.kill()
        child.wait()
        os.close(ours)
