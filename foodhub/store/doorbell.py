"""Doorbells: how a process that wrote tells the others of this home at once, without their asking all the time.

Each listener has a named pipe in the home's folder `bells`; whoever commits writes one byte into each. A lost ring
costs the 50 ms until the listener looks by itself: the database is the truth, the bell only a hint.
"""

import contextlib
import errno
import os
from pathlib import Path


class Doorbell:
    """One listener's pipe; `fileno` becomes readable when somebody rang."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{os.getpid()}-{os.urandom(4).hex()}"
        # Under another name until somebody listens: a bell without a listener is swept away by whoever rings.
        unheard = folder.with_name(f"{folder.name}-{self.path.name}")
        os.mkfifo(unheard, 0o600)
        self._file = os.open(unheard, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        unheard.rename(self.path)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._file

    def drain(self) -> None:
        """Forget all rings so far."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._file, 4096):
                pass

    def close(self) -> None:
        """Take the bell down."""
        self.path.unlink(missing_ok=True)
        os.close(self._file)


def ring(folder: Path) -> None:
    """Ring every bell in `folder` and sweep away those that nobody listens to any more."""
    try:
        bells = list(folder.iterdir())
    except FileNotFoundError:
        return
    for bell in bells:
        try:
            file = os.open(bell, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == errno.ENXIO:
                bell.unlink(missing_ok=True)
            continue
        with contextlib.suppress(OSError):  # it is full, or its listener has just left
            os.write(file, b"!")
        os.close(file)
