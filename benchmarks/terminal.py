"""The interface as a user has it: the program in a terminal of its own, of which we read what it draws."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

LINES, COLUMNS = 40, 120
PATIENCE = 60.0


class Terminal:
    """What is drawn by the program at its other end."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._drawn = b""

    def until(self, *texts: str) -> float:
        """Wait until all these texts have been drawn since the last time; return when that was (`time.perf_counter`).

        Raises:
            TimeoutError: they were not.
        """
        end = time.perf_counter() + PATIENCE
        while not all(text.encode() in self._drawn for text in texts):
            ready, _, _ = select([self._file], [], [], max(0, end - time.perf_counter()))
            if not ready:
                raise TimeoutError(self._drawn[-2000:].decode(errors="replace"))
            self._drawn += os.read(self._file, 65536)
        drawn = time.perf_counter()
        self._drawn = b""
        return drawn


@contextmanager
def interface(home: Path) -> Iterator[Terminal]:
    """Open the interface on a home for the length of the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    words = [sys.executable, "-m", "foodhub", "--home", str(home)]
    env = os.environ | {"TERM": "xterm-256color"}
    child = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=env)
    os.close(theirs)
    try:
        yield Terminal(ours)
    finally:
        child.terminate()
        _drain(ours)
        child.wait()
        os.close(ours)


def _drain(file: int) -> None:
    """Read to the end, so that a program that still draws does not wait for us."""
    try:
        while os.read(file, 65536):
            pass
    except OSError:  # the last at the other end has gone
        return
