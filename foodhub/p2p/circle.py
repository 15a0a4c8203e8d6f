"""The circle of links of a running node: whom we are connected with, and what they are told of what is new."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from foodhub.log.header import Log
from foodhub.node.application import Node
from foodhub.node.exchange import Identity, addresses, changed_logs, doors, identity
from foodhub.node.knocking import end_joining, remember_peer
from foodhub.p2p.frames import FrameStream
from foodhub.p2p.host import Host, Unreachable
from foodhub.p2p.intake import Intake
from foodhub.p2p.link import Link
from foodhub.p2p.proof import Party
from foodhub.p2p.redial import Redial
from foodhub.store.outgoing import frontier, new_proofs, read_run

log = logging.getLogger(__name__)
MOST_LINKS = 12
"""Links that we dial ourselves; more may come in."""
ANNOUNCE_BYTES = 16 * 1024
DIAL_SECONDS = 5.0
AT_ONCE_SECONDS = 10.0
"""Two links that begin within so many seconds came from two nodes that dialed each other at once."""
SYNC_EVERY = (120.0, 240.0)
"""Seconds between two rounds with a peer chosen by chance."""


class Circle:
    """All links of this node."""

    def __init__(self, node: Node, host: Host, intake: Intake, note: Callable[[Link], None]) -> None:
        self.links: dict[str, Link] = {}
        self.redial = Redial(host.peer_id)
        self.doors: frozenset[str] = frozenset()
        self._node = node
        self._host = host
        self._intake = intake
        self._note = note
        self._arrival = 0
        self._heads: dict[tuple[bytes, int], int] = {}
        self._who: Identity | None = None
        self._circuit = b""
        self._bootstrap: Sequence[str] = ()
        self._wake = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()
        self._noting: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End all links, and wait until they have ended."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def prepare(self, bootstrap: Sequence[str]) -> None:
        """Take note of how far the logs go, so that only what comes later is announced; and of whom to dial."""
        self._bootstrap = bootstrap
        self._arrival, _ = await self._node.read(changed_logs, 0)
        self._heads = {(item.author, item.log): item.seq for item in await self._node.read(frontier)}
        await self._learn_addresses()
        self._who = await self._node.read(identity, self._node.home)
        self._circuit = self._who.circuit if self._who else b""

    async def accept(self, stream: FrameStream) -> None:
        """Serve a stream that a peer opened."""
        await asyncio.wait({self._start(stream, dialer=False)})

    async def dial(self, address: str) -> bool:
        """Dial an address and serve the link in the background; return whether somebody was there."""
        if self._who is None:
            return False
        try:
            peer = await self._host.dial(address, DIAL_SECONDS)
            if peer in self.links:
                return True
            stream = await self._host.open_stream(peer)
        except Unreachable as error:
            log.debug("not reached: %s", error)
            return False
        self._start(stream, dialer=True)
        return True

    def _start(self, stream: FrameStream, *, dialer: bool) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._serve(stream, dialer=dialer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return task

    async def _serve(self, stream: FrameStream, *, dialer: bool) -> None:
        who = await self._learn_identity()
        self.doors = await self._node.read(doors)
        if who is None:
            await stream.close()
            return
        party = Party(
            circuit=who.circuit,
            dialer=dialer,
            own_peer=self._host.peer_id,
            their_peer=stream.peer_id,
            nonce=secrets.token_bytes(32),
            devices=who.devices,
            invite=who.invite,
            addresses=tuple(self._host.addresses),
        )
        link = Link(self._node, self._intake, stream, party, self._changed)
        if not self._seat(link):
            await stream.close()
            return
        try:
            await link.run()
        except Exception:
            log.exception("the link with %s failed", link.peer)
        finally:
            if self.links.get(link.peer) is link:
                del self.links[link.peer]
            self._wake.set()

    def _seat(self, link: Link) -> bool:
        """Give a link its place; of two that begin at once the one stays that the lower peer id dialed, else the newer.

        Nobody dials who has a link: if one comes in beside an old one, that has been lost on the other side.
        """
        other = self.links.get(link.peer)
        if other is not None:
            lower_dials = self._host.peer_id < link.peer
            at_once = link.began - other.began < AT_ONCE_SECONDS
            if at_once and link.party.dialer not in {other.party.dialer, lower_dials}:
                return False
            other.close()
        self.links[link.peer] = link
        return True

    def _changed(self, link: Link) -> None:
        if self.links.get(link.peer) is not link:
            return
        self._note(link)
        if link.settled and link.addresses and link.party.circuit == self._circuit:
            found, link.addresses = link.addresses, ()
            self.redial.learn(found)
            self.redial.settled(link.peer)
            task = asyncio.create_task(self._node.write(remember_peer, link.party.circuit, found))
            self._noting.add(task)
            task.add_done_callback(self._noted)

    def _noted(self, task: "asyncio.Task[None]") -> None:
        self._noting.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("could not remember addresses", exc_info=error)

    def hurry(self, address: str | None = None) -> None:
        """Dial this address now, or all that are known, without waiting for their turn."""
        if address is not None:
            self.redial.learn([address])
        self.redial.hurry(address)
        self._wake.set()

    async def keep_dialing(self) -> None:
        """Dial whoever is not linked, again and again, until cancelled."""
        async with asyncio.TaskGroup() as dials:
            while True:
                self._wake.clear()
                if sum(link.party.dialer for link in self.links.values()) < MOST_LINKS:
                    for address in self.redial.due(time.monotonic(), self.links):
                        dials.create_task(self._try(address))
                with suppress(TimeoutError):
                    # Not `wait_for`: in Python 3.11 that loses a cancellation which comes together with the event.
                    async with asyncio.timeout(0.25):
                        await self._wake.wait()

    async def _try(self, address: str) -> None:
        try:
            await self.dial(address)
        except Exception:
            log.exception("dialing %s failed", address)
        self.redial.done(address, time.monotonic())

    async def keep_syncing(self) -> None:
        """Start a round with a peer chosen by chance every few minutes, and with all after this machine slept."""
        chance = secrets.SystemRandom()
        wait = chance.uniform(*SYNC_EVERY)
        waited, before = 0.0, time.time()
        while True:
            await asyncio.sleep(5)
            slept = time.time() - before > 30
            waited, before = waited + 5, time.time()
            if slept:
                self.hurry()
                self.sync_all()
            elif waited > wait and self.links:
                chance.choice(list(self.links.values())).sync()
                waited, wait = 0.0, chance.uniform(*SYNC_EVERY)

    def sync_all(self) -> None:
        """Start a round with everyone."""
        for link in list(self.links.values()):
            link.sync()

    async def tell_news(self) -> None:
        """Announce what came since the last time, be it ours or somebody else's: entries, and proofs of forks."""
        await self._learn_addresses()
        since = self._arrival
        self._arrival, changed = await self._node.read(changed_logs, since)
        if proofs := await self._node.read(new_proofs, since):
            for link in list(self.links.values()):
                link.tell_forks(proofs)
        for author, number, seq in changed:
            before = self._heads.get((author, number), 0)
            self._heads[author, number] = seq
            if seq > before:
                await self._announce(author, number, before, seq)
        if any(number == Log.CIRCUIT for _, number, _ in changed):
            for link in list(self.links.values()):
                await link.look_again()
        if any(number != Log.TRADE for _, number, _ in changed):
            for link in list(self.links.values()):
                await link.look_up_names()
        if self._who is None or self._who.invite is not None or any(number == Log.CIRCUIT for _, number, _ in changed):
            await self._learn_identity()

    async def _announce(self, author: bytes, number: int, before: int, seq: int) -> None:
        lacking = [link for link in self.links.values() if link.session.peer_has.get((author, number), 0) < seq]
        if not lacking:
            return
        found = await self._node.read(read_run, author, number, before, ANNOUNCE_BYTES)
        complete = found is not None and found[0].first + len(found[0].lines) - 1 == seq
        if not complete:
            found = await self._node.read(read_run, author, number, seq - 1)
        if found is not None:
            run, payloads = found
            for link in lacking:
                link.announce(run, payloads if complete else [])

    async def _learn_identity(self) -> Identity | None:
        """Find out whether we prove ourselves in another way by now; if so, knock again with that.

        Who was a joiner is a member as soon as another node has its joining: until then it is served logs 0 alone. A
        home gets another device, or a further one, while we run.
        """
        before, self._who = self._who, await self._node.read(identity, self._node.home)
        if self._who != before:
            if self._who is not None:
                await self._note_circuit(self._who)
            for link in list(self.links.values()):
                link.close()
            self.hurry()
        return self._who

    async def _note_circuit(self, who: Identity) -> None:
        """Knock no more once we are in; of a circuit that we only looked at, dial nobody any more."""
        if who.invite is None:
            end_joining(self._node.home)
        if self._circuit not in {b"", who.circuit}:
            self.redial.forget()
            await self._learn_addresses()
        self._circuit = who.circuit

    async def _learn_addresses(self) -> None:
        self.redial.learn([*await self._node.read(addresses), *self._bootstrap])
