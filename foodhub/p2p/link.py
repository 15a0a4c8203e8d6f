"""A link: one session on one stream. It carries out what the session commands and tells it what came of it.

It decides nothing about the protocol; it only sees to it that a peer that is silent, or takes nothing, costs us little.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from foodhub.log.forks import ForkProof
from foodhub.log.run import Run
from foodhub.node.application import Node, now
from foodhub.node.exchange import (
    Arrival,
    count_refusal,
    head,
    met,
    not_noted,
    note_elsewhere,
    take_branch,
    take_forks,
    take_payloads,
    visitor,
)
from foodhub.p2p.commands import (
    CheckStanding,
    Command,
    Commit,
    End,
    Faulty,
    Held,
    Load,
    LoadBranch,
    LoadForks,
    LoadFrontier,
    LoadIds,
    LoadPayloads,
    LoadRun,
    LoadWanted,
    Look,
    Progress,
    Send,
    Settled,
    TakeBranch,
    TakeForks,
    TakePayloads,
)
from foodhub.p2p.host import FrameStream, StreamClosed
from foodhub.p2p.intake import Intake
from foodhub.p2p.proof import Party
from foodhub.p2p.session import Session, State
from foodhub.store.outgoing import fork_proofs, frontier, ids_at, payloads_at, read_branch, read_run, wanted

log = logging.getLogger(__name__)
SHOW_EVERY = 100
"""Milliseconds between two looks at a sync that is under way."""
PROOF_SECONDS = 15.0
"""So long the two sides have to find out who the other is; a stranger, between two runs that are taken."""
MOST_WAITING = 16 * 1024 * 1024
"""Bytes that may wait for a peer that takes nothing, before the link is given up."""
RETRY_SECONDS = 5.0
"""So long after a run could not be taken here, such as on a full disk, it is asked for again."""
PARTING_SECONDS = 0.4
"""So long the last words and notes of a link may take."""
ENDED = frozenset({"refused", "turned_away"})
"""What `Seen.state` says of a link that the peer ended with a reason, or that we did."""


@dataclass(slots=True)
class Seen:
    """What a link knows of its peer, for people to look at; times in ms. `settled`: when the last round was over."""

    members: tuple[str, ...] = ()
    always_on: bool = False
    state: str = "connecting"
    contact: int = 0
    settled: int = 0
    behind: int = 0
    ahead: int = 0
    reason: str = ""


class Link:
    """Runs a session until its stream ends; `changed` is called whenever `seen` changes."""

    def __init__(
        self, node: Node, intake: Intake, stream: FrameStream, party: Party, changed: Callable[["Link"], None]
    ) -> None:
        self.began = time.monotonic()
        self.peer = stream.peer_id
        self.party = party
        self.seen = Seen(contact=now())
        self.addresses: tuple[str, ...] = ()
        self.session = Session(party)
        self._node = node
        self._intake = intake
        self._stream = stream
        self._changed = changed
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._devices: tuple[bytes, ...] = ()
        self._invite = b""
        self._named = False
        self._brought_news = False
        self._deadline: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._shown = 0

    @property
    def settled(self) -> bool:
        """Say whether a round with this peer has been completed."""
        return self.seen.state == "connected"

    async def run(self) -> None:
        """Serve the link until either side ends it."""
        writer = asyncio.create_task(self._write())
        self._await_proof()
        try:
            self._do(self.session.start())
            while (frame := await self._stream.receive()) is not None:
                self.seen.contact = now()
                self._do(self.session.frame(frame))
        finally:
            for timer in (self._deadline, self._retry):
                if timer is not None:
                    timer.cancel()
            self.session.over()
            self.close()
            await asyncio.wait({writer, *self._tasks}, timeout=PARTING_SECONDS)
            for task in (writer, *self._tasks):
                task.cancel()
            await asyncio.gather(writer, *self._tasks, return_exceptions=True)
            self._stream.abandon()
            if self.seen.state not in ENDED:
                self.seen.state = "offline"
            self._changed(self)

    def _await_proof(self) -> None:
        self._brought_news = False
        self._deadline = asyncio.get_running_loop().call_later(PROOF_SECONDS, self._require_proof)

    def _require_proof(self) -> None:
        """Give the link up if we do not know yet who the peer is, unless a stranger's logs 0 still bring us on."""
        if self.session.state is State.STRANGER and self._brought_news:
            self._await_proof()
        elif self.session.state not in {State.READY, State.ENDED}:
            log.info("link with %s given up: no proof came", self.peer)
            self._stream.abandon()

    def announce(self, run: Run, payloads: list[bytes]) -> None:
        """Tell the peer what is new."""
        self._do(self.session.announce(run, payloads))

    def tell_forks(self, proofs: Sequence[ForkProof]) -> None:
        """Tell the peer of fork proofs that are new here."""
        self._do(self.session.tell_forks(proofs))

    def sync(self) -> None:
        """Start a round."""
        self._do(self.session.sync())

    def close(self) -> None:
        """End the link."""
        self._outbox.put_nowait(None)

    async def _write(self) -> None:
        try:
            while (frame := await self._outbox.get()) is not None:
                await self._stream.send(frame)
                self._waiting -= len(frame)
        except StreamClosed:
            return
        await self._stream.close()

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Send(frame):
                    self._post(frame)
                case Commit():
                    self._commit(command)
                case TakeBranch() | TakeForks() | TakePayloads():
                    self._spawn(self._take(command))
                case CheckStanding():
                    self._spawn(self._check_standing(command))
                case Held() | Progress() | Settled() | Faulty() | End():
                    self._take_note(command)
                case _:
                    self._spawn(self._load(command))
        if self.session.ahead != self.seen.ahead and (self.session.ahead == 0 or now() - self._shown > SHOW_EVERY):
            self._shown = now()
            self._show(ahead=self.session.ahead)

    def _take_note(self, command: Held | Progress | Settled | Faulty | End) -> None:
        match command:
            case Held(logs):
                self._spawn(self._note_held(list(logs)))
            case Progress(done, total):
                self._show_progress(max(total - done, 0))
            case Settled():
                self._show(state="connected", behind=0, settled=now())
            case Faulty(code):
                self._spawn(self._count(code))
                if code == "bad_version":
                    # People have to know that this program is too old for a part of what the others write.
                    self._show(reason=code)
            case End(code, theirs):
                self._end(code, theirs=theirs)

    def _show_progress(self, behind: int) -> None:
        """Show how much is still to come, ten times a second at most: people can't read faster."""
        if behind == 0 or now() - self._shown > SHOW_EVERY:
            self._shown = now()
            self._show(behind=behind, ahead=self.session.ahead, state="syncing" if behind else self.seen.state)

    def _post(self, frame: bytes) -> None:
        self._outbox.put_nowait(frame)
        self._waiting += len(frame)
        if self._waiting > MOST_WAITING:
            log.info("link with %s given up: it takes nothing", self.peer)
            self._stream.abandon()

    async def look_again(self) -> None:
        """End the link if the peer has lost its standing meanwhile: it was retired, or its member removed."""
        if self.session.state is State.READY and self._devices and self._invite == b"":
            found = await self._node.read(visitor, self._devices, b"", now())
            if found.standing is None:
                self._do(self.session.refuse(found.refusal))

    async def look_up_names(self) -> None:
        """Find out what the members behind this link are called, once their names have come."""
        if self._devices and not self._named:
            found = await self._node.read(visitor, self._devices, b"", now())
            self._named = bool(found.names) and all(found.names)
            if found.names != self.seen.members:
                self._show(members=found.names)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a link failed", exc_info=error)
            self.close()

    def _show(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self.seen, name, value)
        self._changed(self)

    def _commit(self, command: Commit) -> None:
        def done(result: str | None) -> None:
            if result and result != "gap":
                log.info("a run from %s was not taken: %s", self.peer, result)
            self._brought_news = self._brought_news or result is None
            if result == "not_taken":
                self._try_again()
            self._do(self.session.committed(command.run, command.size, result))

        self._intake.put(Arrival(command.run, command.payloads, self.peer), done)

    def _try_again(self) -> None:
        """Have a round bring soon what could not be taken: the fault was ours, and nobody tells it again."""
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self.sync)

    async def _load(self, what: Load) -> None:
        """Read what the session asked for; the store answers in the order of the questions."""
        read, session = self._node.read, self.session
        match what:
            case LoadRun(author, number, after):
                self._do(session.loaded(*(await read(read_run, author, number, after) or (None, ()))))
            case LoadFrontier():
                self._do(session.frontier(await read(frontier)))
            case LoadIds(author, number, seqs):
                self._do(session.ids(await read(ids_at, author, number, seqs)))
            case LoadBranch(author, number, after):
                self._do(session.branch(await read(read_branch, author, number, after)))
            case LoadForks(logs):
                self._do(session.forks(await read(fork_proofs, logs)))
            case LoadWanted(most):
                self._do(session.wanted(await read(wanted, most)))
            case LoadPayloads(places, most):
                self._do(session.payloads(await read(payloads_at, places, most)))
            case Look(author, number, seq):
                if await read(head, author, number) < seq:
                    self.sync()

    async def _take(self, what: TakeBranch | TakeForks | TakePayloads) -> None:
        """Hand the store what came beside runs."""
        write, session = self._node.write, self.session
        match what:
            case TakeBranch(run):
                self._do(session.branch_taken(await write(take_branch, run, self.peer)))
            case TakeForks(proofs):
                self._do(session.forks_taken(await write(take_forks, proofs, self.peer)))
            case TakePayloads(payloads):
                self._do(session.payloads_taken(await write(take_payloads, payloads, self.peer)))

    async def _check_standing(self, who: CheckStanding) -> None:
        found = await self._node.read(visitor, who.devices, who.invite, now())
        found = met(found, dialer=self.party.dialer, joining=self.party.invite is not None)
        self._devices, self._invite = who.devices, who.invite or (b"?" if self.party.invite else b"")
        self.addresses = tuple(a for a in who.addresses if a.endswith(f"/p2p/{self.peer}") and len(a) <= 300)
        self.seen.members, self.seen.always_on = found.names, found.always_on
        standing: Any = found.standing
        self._show(state="syncing" if standing else "turned_away", reason=found.refusal)
        self._do(self.session.stand(standing, found.refusal))
        await self.look_up_names()

    async def _note_held(self, logs: list[tuple[bytes, int, int]]) -> None:
        wanted = await self._node.read(not_noted, logs, self.seen.always_on)
        if wanted:
            await self._node.write(note_elsewhere, wanted, self.seen.always_on)

    async def _count(self, code: str) -> None:
        log.warning("peer %s broke a rule: %s", self.peer, code)
        # Shielded, since this is often the last that a link does: what a peer did goes on record however slow the disk.
        await asyncio.shield(self._node.write(count_refusal, code, self.peer))

    def _end(self, code: str, *, theirs: bool) -> None:
        log.info("link with %s ended: %s%s", self.peer, code, " (by the peer)" if theirs else "")
        self._show(state="refused" if theirs else "turned_away", reason=code)
        self.close()
