"""The interface under test: a real home, Textual's pilot as the user, and what stands on the screen as text."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from foodhub.node.application import open_node
from foodhub.tui.app import FoodhubApp
from tests.homes import Home

DEADLINE = 60.0
"""Seconds until something that has to happen is taken for not happening; a slow and busy machine stays well below."""


class Driver:
    """The user of an open interface."""

    def __init__(self, app: FoodhubApp, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def row(self, part: str) -> str:
        """The first line that holds a text."""
        return next((line for line in self.lines if part in line), "")

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"it did not happen within {DEADLINE} s:\n{self.text}"
            await self._pilot.pause(0.01)

    async def sees(self, *parts: str) -> None:
        """Wait until all these texts stand on the screen."""
        await self.until(lambda: all(part in self.text for part in parts))


@asynccontextmanager
async def driving(home: Home, size: tuple[int, int] = (80, 24), *, network: bool = False) -> AsyncIterator[Driver]:
    """Open the interface on a home, beside the node that the test writes through, as another process would be."""
    async with open_node(home.node.home) as node:
        app = FoodhubApp(node, home.hat, with_network=network)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await driver.until(app.painted.is_set)
            yield driver
