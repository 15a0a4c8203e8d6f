"""Ports that tests keep for whoever asks for them by number, so that no program beside them is given one meanwhile."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port(port: int = 0) -> Iterator[str]:
    """Keep a port of loopback, any if 0, for the length of the block; the value is its address, a multiaddr."""
    with socket.socket() as kept:
        # Bound by somebody who does not listen, it is free for a listener who sets this too, as our program does.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", port))
        yield f"/ip4/127.0.0.1/tcp/{kept.getsockname()[1]}"
