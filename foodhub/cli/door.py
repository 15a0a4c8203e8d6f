"""The way into a circuit as a command sees it: it knocks, and waits for what the network process finds out.

Both meet in the database and in `live.db`; what a door refuses stands there, and is said here.
"""

import time
from collections.abc import Awaitable, Callable

from foodhub.cli.call import Call
from foodhub.errors import RefusedError
from foodhub.node import live, setup
from foodhub.node.application import Node

_LOOK_SECONDS = 0.25
"""How often the door is looked at: what it says stands in `live.db`, for which no bell rings."""
FINAL = frozenset(setup.REFUSALS) - {setup.INVITE_UNKNOWN}
"""The refusals that waiting won't lift; that a node does not know an invite, or us, may change any moment."""


class Door:
    """Waits at the doors of a circuit for `wait` seconds; `refusal` says what the code of a refusal means."""

    def __init__(self, call: Call, node: Node, wait: float, refusal: Callable[[str], RefusedError]) -> None:
        self._call = call
        self._node = node
        self._wait = wait
        self._refusal = refusal
        self._end = time.monotonic() + wait

    def knock(self, *addresses: str) -> None:
        """Let the network process dial these addresses, and sync with everybody."""
        for address in addresses:
            live.ask(self._call.home, "dial", address)
        live.ask(self._call.home, "sync")

    def extend(self, seconds: float) -> None:
        """Wait for so many seconds more at least."""
        self._end = max(self._end, time.monotonic() + seconds)

    def rest(self, seconds: float) -> None:
        """Wait for so many seconds more at most."""
        self._end = time.monotonic() + seconds

    async def until(self, done: Callable[[], Awaitable[bool]], *, asks: bool = True) -> bool:
        """Wait for a condition; return False when time runs out. Who `asks` no more can't be refused.

        Raises:
            RefusedError: the door refused.
        """
        async with self._node.news() as news:
            while not await done():
                left = self._end - time.monotonic()
                if asks:
                    self._raise_refusal(final=left <= 0)
                if left <= 0:
                    return False
                await news.wait(min(left, _LOOK_SECONDS))
        return True

    def _raise_refusal(self, *, final: bool) -> None:
        process = live.process(self._call.home)
        reason = process.refusal if process else ""
        if reason in FINAL or (reason and final):
            raise self._refusal(reason)
