"""Running what signs: an opened home, the member that acts, and an end that leaves no child process behind."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from foodhub.cli.call import Call
from foodhub.errors import FoodhubError
from foodhub.node import live
from foodhub.node.alerts import turned_away
from foodhub.node.application import Node, Transaction, open_node
from foodhub.node.clocks import doubt
from foodhub.node.hat import Hat
from foodhub.node.home import now
from foodhub.node.state import unsent
from foodhub.words import _, say

P = ParamSpec("P")
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end; a signal ends it through its `finally` blocks, so that a child it started ends too."""
    signal.signal(signal.SIGINT, _interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    return asyncio.run(work)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


@dataclass(frozen=True, slots=True)
class Pen:
    """A home and the member of it in whose name a command signs."""

    call: Call
    node: Node
    hat: Hat

    async def sign(self, work: Callable[Concatenate[Transaction, Hat, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a writing function of `foodhub.node` in the hat's name; under `--dry-run` it is undone."""
        if self.call.dry_run:
            return await self.node.rehearse(work, self.hat, *args, **kwargs)
        return await self.node.write(work, self.hat, *args, **kwargs)

    async def do_duties(self) -> None:
        """Do what is due where no network process does it: a hub answers its own orders also when it is alone."""
        if not self.call.dry_run and not live.is_running(self.call.home):
            await self.node.do_duties()


def _say_turned_away(call: Call) -> None:
    """Warn that other nodes say of this one that nothing it signs counts; it has not heard so itself."""
    for alert in turned_away([], live.refusals(call.home)):
        call.note("\n".join(say(FoodhubError(alert.code, alert.text, alert.hint))))


async def _say_doubt(held: Pen) -> None:
    """Warn where this machine's clock may be wrong: all that is signed bears its time, and deadlines go by that."""
    found = await held.node.read(doubt, held.hat, now())
    if found is not None:
        held.call.note(" ".join(say(found)))


def _say_busy(call: Call) -> None:
    """Say to who waits why; a program that reads our output waits without."""
    if not call.json:
        call.note(_("This home is at work, maybe on a close. This goes on as soon as that is done."))


async def _say_unsent(held: Pen) -> None:
    """Say to a person that nobody has what was signed, and how it gets away."""
    call = held.call
    alone = sys.stderr.isatty() and not (call.json or call.dry_run or live.is_running(call.home))
    # What the others turn away they will not get.
    if alone and not live.refusals(call.home) and await held.node.read(unsent):
        call.note_last(_("It is signed and kept here; the others get it with: foodhub node run"))


@asynccontextmanager
async def pen(call: Call, *, tells_reach: bool = False) -> AsyncIterator[Pen]:
    """Open the home for signing; at the end duties are done and a dry run is said to have been one.

    A command that `tells_reach` says by itself what has become known to others.

    Raises:
        NotSetUpError: nothing is set up there. UsageError: `--as` is needed.
    """
    async with open_node(call.home) as node:
        held = Pen(call, node, await node.hat(call.as_name))
        _say_turned_away(call)
        await _say_doubt(held)
        node.tell_when_busy(lambda: _say_busy(call))
        yield held
        await held.do_duties()
        if not tells_reach:
            await _say_unsent(held)
    call.end_dry_run()
