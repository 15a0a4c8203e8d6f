"""The terminal interface as a program: opens the home, paints, follows it, keeps a network process running meanwhile.

It reads what `foodhub.node` offers and never writes an entry.
"""

import asyncio
import gc
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import WorkerError

from foodhub.errors import ExitCode, FoodhubError
from foodhub.node.application import Node, open_node
from foodhub.node.hat import Hat, choose_hat, hats
from foodhub.node.trouble import out_of_room
from foodhub.tui import commands
from foodhub.tui.connection import Connection
from foodhub.tui.feed import HomeSeen, MarketSeen
from foodhub.tui.network import Live, look_live
from foodhub.tui.screen import MainScreen
from foodhub.words import say

LOOK_EVERY = 1.0
LOOK_SELDOM = 3.0
"""Seconds between two looks at the peers: while they are in view, and while only their number is."""

THEME = Theme(
    name="foodhub",
    # The colours of the terminal itself: whoever made it dark, light or high in contrast gets just that.
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "scrollbar": "ansi_blue",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)


class FoodhubApp(App[None]):
    """The interface on an opened home, acting as one of its members; `with_network` False starts no network process."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", show=False, priority=True),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, node: Node, hat: Hat, *, with_network: bool = True) -> None:
        super().__init__()
        self.title = "foodhub"
        self.register_theme(THEME)
        self.theme = THEME.name
        self.main = MainScreen(node, hat)
        self._home = node.home
        self._with_network = with_network
        self._connection = Connection(node.home, self._connection_changed)
        self._look = asyncio.Event()
        self.painted = asyncio.Event()
        self._has_circuit = False

    def get_default_screen(self) -> Screen[None]:
        """The main screen is the one below all others."""
        return self.main

    def on_mount(self) -> None:
        """Begin to look at the network; it is started once the market has been painted."""
        self.run_worker(self._follow_network(), name="peers")

    async def on_unmount(self) -> None:
        """Leave nothing behind: neither a reader of the home nor a network process of ours."""
        workers = list(self.workers)
        for worker in workers:
            worker.cancel()
        for worker in workers:
            with suppress(WorkerError):
                await worker.wait()
        await self._connection.stop()

    @on(HomeSeen)
    def _home_seen(self, event: HomeSeen) -> None:
        # Outside of a circuit there is nobody to talk to.
        self._has_circuit = event.status.circuit is not None or event.joining
        self._connect()

    @on(MarketSeen)
    def _market_seen(self) -> None:
        if not self.painted.is_set():
            self.call_after_refresh(self._first_painted)

    def _first_painted(self) -> None:
        self.painted.set()
        self._connect()

    def _connect(self) -> None:
        if self._with_network and self.painted.is_set() and self._has_circuit:
            self._connection.start()
            self._look.set()

    def _connection_changed(self) -> None:
        self.main.show_error("network", self._connection.error)
        self._look.set()

    async def _follow_network(self) -> None:
        """Look at the peers every second while they are in view, else only as often as their number is worth."""
        while True:
            if self._connection.starting:
                # Who asks whether one runs holds its lock for an instant, and would be in its way.
                self.main.show_live(Live("starting", trouble=await asyncio.to_thread(out_of_room, self._home)))
            else:
                self.main.show_live(await asyncio.to_thread(look_live, self._home))
            self._look.clear()
            pause = LOOK_EVERY if self.main.place == commands.NETWORK else LOOK_SELDOM
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look.wait()


def run(home: Path, as_name: str | None) -> int:
    """Open the interface on a home until the user leaves; return the exit code.

    A home where nothing is set up yet, or a member that is not there, is said on stderr before anything is painted.
    """
    try:
        return asyncio.run(_run(home, as_name))
    except FoodhubError as error:
        sys.stderr.write("".join(f"{part}\n" for part in say(error) if part))
        return error.exit_code


async def _run(home: Path, as_name: str | None) -> int:
    async with open_node(home) as node:
        own = await node.read(hats)
        several = as_name is None and len(own) > 1
        app = FoodhubApp(node, own[0] if several else await node.read(choose_hat, as_name))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit)
        # Until the first paint everything that is made stays: looking for garbage in it takes a seventh of the time.
        gc.disable()
        collecting = asyncio.create_task(_collect_again(app))
        refolding = asyncio.create_task(_bring_up_to_date(node, app))
        await app.run_async()
        collecting.cancel()
        refolding.cancel()
        return app.return_code or ExitCode.OK


async def _bring_up_to_date(node: Node, app: FoodhubApp) -> None:
    """Make anew what an older program made, while its rows are shown."""
    await app.painted.wait()

    def told(done: int, total: int) -> None:
        app.main.show_upgrade(100 * done // total if total else 100)

    await node.bring_up_to_date(told)
    app.main.show_upgrade(None)


async def _collect_again(app: FoodhubApp) -> None:
    await app.painted.wait()
    gc.freeze()
    gc.enable()
