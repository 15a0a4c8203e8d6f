"""The network process as a child: started when a front end needs one and none runs, stopped when it leaves."""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from foodhub.errors import N_, ExitCode, FoodhubError
from foodhub.node import live
from foodhub.node.trouble import trouble

START_SECONDS = 60.0
"""A process that ends says so at once; this is for one that takes its time on a slow and busy machine."""
STOP_SECONDS = 10.0


def command(
    home: Path,
    listen: Sequence[str] = (),
    bootstrap: Path | None = None,
    log: Path | None = None,
    *,
    child: bool = False,
) -> list[str]:
    """Return the command line of a network process on this home; a `child` ends when whoever started it is gone."""
    words = [sys.executable, "-m", "foodhub.p2p.process", "--home", str(home)]
    if child:
        words += ["--child-of", str(os.getpid())]
    for address in listen:
        words += ["--listen", address]
    if bootstrap is not None:
        words += ["--bootstrap", str(bootstrap)]
    if log is not None:
        words += ["--log", str(log)]
    return words


@asynccontextmanager
async def network(home: Path) -> AsyncIterator[bool]:
    """Make sure that a network process runs on this home for the length of the block.

    The value says whether it is a child of ours: only then does it end with the block.

    Raises:
        FoodhubError: it could not be started, and why.
    """
    if live.is_running(home):
        yield False
        return
    child = await asyncio.create_subprocess_exec(
        *command(home, log=home / "node.log", child=True),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield await _started(home, child)
    finally:
        await _stop(child)


async def _started(home: Path, child: asyncio.subprocess.Process) -> bool:
    """Wait as `_until_running` does; what the disk says against it becomes an error for people."""
    try:
        return await _until_running(home, child)
    except (sqlite3.Error, OSError) as error:
        raise trouble(error, home) or _failure(None, home) from error


async def _until_running(home: Path, child: asyncio.subprocess.Process) -> bool:
    """Wait until a network process runs; return whether it is the child, and not one that somebody else started."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = live.last_process(home)
        ours = found is not None and found.pid == child.pid
        if child.returncode is not None and not live.is_running(home):
            raise _failure(found if ours else None, home)
        if found and found.state == "running" and (ours or child.returncode is not None):
            return ours
        await asyncio.sleep(0.02)
    raise FoodhubError(
        "network_slow",
        N_("The network process did not start within {seconds} s."),
        N_("See {log}."),
        seconds=int(START_SECONDS),
        log=str(home / "node.log"),
    )


def _failure(process: live.Process | None, home: Path) -> FoodhubError:
    """Return what a network process has left behind on failing; None for one that left nothing."""
    if process and process.error:
        said = json.loads(process.error)
        error = FoodhubError(said["code"], said["message"], said["hint"], **said["details"])
        error.exit_code = ExitCode(said["exit_code"])  # type: ignore[misc]
        return error
    return FoodhubError(
        "network_failed", N_("The network process could not start."), N_("See {log}."), log=str(home / "node.log")
    )


async def _stop(child: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
