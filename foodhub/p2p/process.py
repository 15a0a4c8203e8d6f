"""The network process of one home: joins host, sessions and store. `python -m foodhub.p2p.process` is its own program.

It meets commands and the interface in the database alone: what they append it announces, what it takes in they see.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import secrets
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from foodhub import words
from foodhub.errors import N_, ExitCode, FoodhubError
from foodhub.node import live
from foodhub.node.application import News, Node, now, open_node
from foodhub.node.bootstrap import bootstrap_peers
from foodhub.node.checkpoints import prune_slice
from foodhub.node.duties import next_due
from foodhub.node.exchange import remember_place, setting
from foodhub.node.trouble import trouble
from foodhub.node.waking import WAIT, note_in_step, note_waking
from foodhub.p2p.circle import Circle
from foodhub.p2p.host import BadAddress, Host, PortInUse, open_host, quiet_libp2p_logging
from foodhub.p2p.intake import Intake
from foodhub.p2p.link import ENDED, Link
from foodhub.p2p.messages import MAX_FRAME
from foodhub.store.lock import FileLock
from foodhub.words import _

log = logging.getLogger(__name__)
PROTOCOL = "/foodhub/1"
ANY_PORT = "/ip4/127.0.0.1/tcp/0"
_LOOPBACK = ("/ip4/127.", "/ip6/::1/")
LOCK_ATTEMPTS = 500
LOCK_PAUSE = 0.02
UNDONE = 5.0
"""Seconds after which duties are tried again that could not be done, such as on a full disk."""
HOURLY = 3600.0
"""Seconds after which duties are looked at on a home where nothing happens: some are due by the calendar."""
BEAT = 1.0
"""Seconds between two looks at the clock, which may be set, or have gone on while this machine slept."""
SLEPT = 30_000
"""If so many ms went by between two looks at the clock, this machine slept."""
COLLECT_AFTER = 10_000, 20, 20
"""Python's thresholds for looking for garbage: one run that arrives is a thousand objects, and leaves no cycles."""
CATCHING_UP_SECONDS = 0.05
"""While much is coming in, what follows from it (telling others, duties) is done this often, not after each commit."""


def transport_seed(home: Path) -> bytes:
    """Return the seed of the home's libp2p key, making it the first time; it is for transport only."""
    path = home / "keys" / "transport.seed"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(32))
            stream.flush()
            os.fsync(stream.fileno())
    return path.read_bytes()


@asynccontextmanager
async def listening(home: Path, node: Node, listen: Sequence[str], serve: "_Door") -> AsyncIterator[Host]:
    """Open the host where it was asked to listen, now or the last time, else at the port of last time, else at any."""
    wanted = list(listen) or (await node.read(setting, "listen") or "").split() or [ANY_PORT]
    settings = {"seed": transport_seed(home), "protocol": PROTOCOL, "on_stream": serve.open, "max_frame": MAX_FRAME}
    try:
        async with open_host(listen=wanted, **settings) as host:  # type: ignore[arg-type]
            yield host
    except (PortInUse, BadAddress) as error:
        if listen or wanted == [ANY_PORT]:
            raise
        log.warning("where it listened the last time it can't any more: %s", error)
        async with open_host(listen=[ANY_PORT], **settings) as host:  # type: ignore[arg-type]
            yield host


class _Door:
    """Hands streams to the circle once there is one: the host listens a moment before."""

    def __init__(self) -> None:
        self.circle: asyncio.Future[Circle] = asyncio.get_running_loop().create_future()

    async def open(self, stream: "object") -> None:
        """Serve a stream that a peer opened."""
        await (await asyncio.shield(self.circle)).accept(stream)  # type: ignore[arg-type]


class NetworkProcess:
    """One running network process."""

    def __init__(self, node: Node, host: Host, db: sqlite3.Connection) -> None:
        self.node = node
        self.host = host
        self.intake = Intake(node)
        self.circle = Circle(node, host, self.intake, self._note_peer)
        self._live = db
        self._beat = now()
        self._woke = self._beat
        self._settled = 0
        self._undone = False

    async def run(self, bootstrap: Sequence[str], tell: Callable[[str], None] = log.debug) -> None:
        """Serve until cancelled; `tell` gets what a person should read."""
        # While nobody is served: what is dropped now, nobody was promised.
        while await self.node.write(prune_slice):
            pass
        await self.node.write(note_waking)
        await self.circle.prepare(bootstrap)
        self._live.execute("UPDATE process SET state = 'running', addresses = ?", (json.dumps(self.host.addresses),))
        log.info("listening on %s", ", ".join(self.host.addresses) or "nothing")
        tell(_running(self.host.addresses))
        try:
            async with asyncio.TaskGroup() as tasks, self.node.news() as news:
                tasks.create_task(self.intake.run())
                tasks.create_task(self.circle.keep_dialing())
                tasks.create_task(self.circle.keep_syncing())
                tasks.create_task(self._serve_requests())
                await self._follow(news)
        finally:
            await self.circle.close()
            # Whatever is said from now on this home hears only when a network process runs again.
            await self.node.write(note_waking)

    async def _follow(self, news: News) -> None:
        """After every change of the home: tell the others, and do what is due."""
        while True:
            await self.circle.tell_news()
            if await self._do_duties():
                await self.circle.tell_news()
            await self._wait(news)
            if self.intake.busy:
                await asyncio.sleep(CATCHING_UP_SECONDS)

    async def _wait(self, news: News) -> None:
        """Wait for a change of the home, or until the clock makes something due."""
        due, end = await self.node.read(next_due, now()), time.monotonic() + (UNDONE if self._undone else HOURLY)
        while not await news.wait(BEAT):
            await self._look_at_the_clock()
            if time.monotonic() > end or (due is not None and due <= now()):
                return
        await self._look_at_the_clock()

    async def _look_at_the_clock(self) -> None:
        """Note when this machine has slept, and when it has heard the others since, or waited long enough for them."""
        before, self._beat = self._beat, now()
        if self._beat - before > SLEPT:
            self._woke = self._beat
            await self.node.write(note_waking)
        elif self._woke and (self._settled >= self._woke or self._beat - self._woke > WAIT):
            self._woke = 0
            await self.node.write(note_in_step)

    async def _do_duties(self) -> int:
        """Do what is due; what goes wrong there must not take the node off the network."""
        self._undone = False
        try:
            return await self.node.do_duties()
        except FoodhubError as error:
            log.warning("a duty was not done: %s", error)
        except Exception:
            log.exception("a duty was not done")
        self._undone = True
        return 0

    async def _serve_requests(self) -> None:
        """Carry out what front ends ask for."""
        seen = -1
        while True:
            (version,) = self._live.execute("PRAGMA data_version").fetchone()
            for kind, value in live.take_requests(self._live) if version != seen else ():
                if kind == "dial":
                    self.circle.hurry(value)
                else:
                    self.circle.hurry()
                    self.circle.sync_all()
            seen = version
            await asyncio.sleep(0.1)

    def _note_peer(self, link: Link) -> None:
        """Write down what is known of a peer, for people to look at."""
        seen = link.seen
        self._settled = max(self._settled, seen.settled)
        row = (
            link.peer,
            json.dumps(list(seen.members)),
            seen.state,
            seen.contact,
            seen.behind,
            seen.ahead,
            seen.reason,
        )
        self._live.execute(
            "INSERT INTO peer (id, members, address, state, since, contact, behind, ahead, reason)"
            " VALUES (?1, ?2, '', ?3, ?4, ?4, ?5, ?6, ?7)"
            " ON CONFLICT DO UPDATE SET members = ?2, state = ?3, contact = ?4, behind = ?5, ahead = ?6, reason = ?7",
            row,
        )
        # Who is of another circuit says nothing of ours, unless an invite told that ours is there.
        elsewhere = seen.reason == "other_circuit" and link.peer not in self.circle.doors
        if seen.state in ENDED and link.party.dialer and not elsewhere:
            self._live.execute("UPDATE process SET refusal = ?", (seen.reason,))


async def _end_with(parent: int, task: "asyncio.Task[None]") -> None:
    """Cancel the task once the process that started us is gone, however it went."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the system tells nobody that a parent is gone
        await asyncio.sleep(0.5)
    log.info("the process that started this one is gone")
    task.cancel()


def _running(addresses: Sequence[str]) -> str:
    """Say to whoever started this process that it runs, and where others reach it."""
    places = ", ".join(each.rpartition("/p2p/")[0] for each in addresses if not each.startswith(_LOOPBACK))
    # Translators: --listen is an option, to be left as it is.
    alone = _("Other machines can't reach it (see --listen); it reaches them itself.")
    reached = _("Others reach it at {addresses}").format(addresses=places) if places else alone
    return "\n".join([_("The node runs. Ctrl-C ends it."), reached])


async def serve(
    home: Path, listen: Sequence[str], bootstrap: Path | None, parent: int | None, tell: Callable[[str], None]
) -> None:
    """Run the network process of a home until it is told to stop; `tell` gets what a person should read.

    Raises:
        FoodhubError: the home can't be opened, its network process runs already, or a port is in use.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    watch = asyncio.create_task(_end_with(parent, task)) if parent else None
    async with open_node(home) as node:
        peers = bootstrap_peers(home, bootstrap)
        with live.open_live(home) as db:
            door = _Door()
            async with listening(home, node, listen, door) as host:
                if host.addresses:
                    await node.write(remember_place, listen, host.addresses[0].rpartition("/p2p/")[0])
                process = NetworkProcess(node, host, db)
                door.circle.set_result(process.circle)
                await process.run(peers, tell)
    if watch:
        watch.cancel()


def _hold_node_lock(home: Path) -> FileLock:
    """Take the lock that only one network process of a home may hold.

    Raises:
        FoodhubError: `already_running`.
    """
    for _attempt in range(LOCK_ATTEMPTS):
        lock = live.node_lock(home)
        if lock.try_acquire():
            return lock
        # Who asks whether a network process runs shares this lock, for an instant or longer on a busy machine; one that
        # runs has it for itself.
        others = lock.is_held()
        lock.close()
        if others:
            break
        time.sleep(LOCK_PAUSE)
    found = live.last_process(home)
    raise FoodhubError(
        "already_running",
        N_("A network process runs on this home already (process {pid})."),
        N_("Use it, or end it first: close the interface that started it, or kill {pid}."),
        pid=found.pid if found else "?",
    )


def _set_up_logging(path: Path | None) -> None:
    """Write the log to a file; without one only what goes wrong is written, among what is told to people.

    Raises:
        FoodhubError: `bad_log`, where the file can't be written.
    """
    try:
        handler: logging.Handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler()
    except OSError as error:
        hint = N_("Name a file in a folder that is there and takes files.")
        raise FoodhubError("bad_log", N_("The log can't be written to {path}."), hint, path=str(path)) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if path else logging.WARNING, handlers=[handler])
    quiet_libp2p_logging(handler if path else None)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _collect_less() -> None:
    """Look for garbage less often, and never in what is loaded by now: libp2p alone is most of what there is."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="foodhub node run")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--listen", action="append", default=[])
    parser.add_argument("--bootstrap", type=Path)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--child-of", type=int)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the network process; return its exit code."""
    words.use()
    given = _read_arguments(arguments)
    try:
        if not (given.home / "foodhub.db").exists():
            asyncio.run(_refuse_empty(given.home))
        lock = _hold_node_lock(given.home)
        _set_up_logging(given.log)
    except (FoodhubError, OSError, sqlite3.Error) as error:
        return _say(next(iter(_foodhub_errors(error, given.home)), None) or _failed(error))
    try:
        live.start(given.home, os.getpid())
        _collect_less()
        tell = log.debug if given.log else _tell
        asyncio.run(serve(given.home, given.listen, given.bootstrap, given.child_of, tell))
    except (KeyboardInterrupt, asyncio.CancelledError):
        log.info("stopped")
        return ExitCode.OK
    except BaseException as caught:
        errors = _foodhub_errors(caught, given.home)
        if not errors:
            log.exception("the network process failed")
            return ExitCode.FAILED
        if given.log:
            log.error("ended: %s", errors[0])
        with suppress(sqlite3.Error):
            _leave_error(given.home, errors[0])
        return _say(errors[0])
    finally:
        lock.close()
    return ExitCode.OK


async def _refuse_empty(home: Path) -> None:
    async with open_node(home):
        return


def _foodhub_errors(error: BaseException, home: Path) -> list[FoodhubError]:
    """Return the errors for people inside an error, which may be a group."""
    if isinstance(error, FoodhubError):
        return [error]
    if isinstance(error, BaseExceptionGroup):
        return [found for inner in error.exceptions for found in _foodhub_errors(inner, home)]
    known = trouble(error, home)
    return [known] if known else []


def _failed(error: Exception) -> FoodhubError:
    return FoodhubError("system", N_("The system says no: {reason}"), reason=str(error))


def _leave_error(home: Path, error: FoodhubError) -> None:
    """Leave the error where the front end that started us finds it."""
    said = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "details": {name: str(value) for name, value in error.details.items()},
        "exit_code": int(error.exit_code),
    }
    with live.open_live(home) as db:
        db.execute("UPDATE process SET state = 'failed', error = ?", (json.dumps(said),))


def _say(error: FoodhubError) -> int:
    message, hint = words.say(error)
    sys.stderr.write(f"{message}\n{hint}\n" if hint else f"{message}\n")
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
