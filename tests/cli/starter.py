"""Starts commands without waiting for the interpreter each time: a process that has loaded the program forks for each.

What a test sees is what it sees of any process: output, exit code, files. What loading costs, and whether it goes well,
is asked of whole new interpreters (in `test_help`, and by every command on a terminal).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

LIMIT = 120.0
_PRELOADED = (
    *(
        "allot",
        "backup",
        "circuit",
        "cycle",
        "device",
        "doctor",
        "enrolling",
        "importing",
        "init",
        "joining",
        "log",
        "main",
        "network",
        "order",
        "paths",
        "placing",
        "recover",
    ),
    *("product", "running", "selling"),
)


class Starter:
    """The process that forks; it ends when its socket is closed."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(LIMIT)
        self._socket = ours
        command = [sys.executable, "-m", "tests.cli.starter", str(theirs.fileno())]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=root, start_new_session=True)
        theirs.close()

    def run(self, args: Sequence[str], environment: Mapping[str, str], given: bytes) -> tuple[int, bytes, bytes]:
        """Run a command; return its exit code, and what it wrote to stdout and stderr.

        Raises:
            TimeoutError: it did not end; it is killed with this starter, which is of no more use.
        """
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            stdin.write(given)
            stdin.seek(0)
            words = json.dumps([list(args), dict(environment), str(Path.cwd())]).encode()
            files = [stdin.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(self._socket, [len(words).to_bytes(4, "big")], files)
            self._socket.sendall(words)
            try:
                code = int.from_bytes(self._socket.recv(2), "big")
            except TimeoutError:
                os.killpg(self._process.pid, signal.SIGKILL)
                self.close()
                raise
            for file in (out, err):
                file.seek(0)
            return code, out.read(), err.read()

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.wait(LIMIT)


def _serve(ours: socket.socket) -> None:
    from foodhub.node import live, network, orders, verifying

    assert all((live, network, orders, verifying))
    for name in _PRELOADED:
        import_module(f"foodhub.cli.{name}")
    while True:
        head, files, _flags, _address = socket.recv_fds(ours, 4, 3)
        if not head:
            return
        words = ours.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        child = os.fork()
        if child == 0:
            ours.close()
            _become(files, *json.loads(words))
        for file in files:
            os.close(file)
        _pid, status = os.waitpid(child, 0)
        ours.sendall(os.waitstatus_to_exitcode(status).to_bytes(2, "big"))


def _become(files: Sequence[int], args: list[str], environment: dict[str, str], folder: str) -> None:
    """Run a command in this process, and end it."""
    from foodhub.cli.main import run

    code: object = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        time.tzset()
        code = run(args)
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
