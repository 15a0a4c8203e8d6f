"""Payloads that are wanted: at the end of a round each side asks for those it never saw whole, and gets what is there.

Whoever relays a log may have withheld some; another peer has them. Only what was asked for is taken, and the store
holds each against the hash in its header.
"""

from collections.abc import Callable, Sequence

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import MAX_PAYLOAD
from foodhub.p2p import messages as m
from foodhub.p2p.commands import LoadPayloads, LoadWanted, Outbox, TakePayloads

PLACES = 16_000
"""So many payloads one `Lack` may ask for: it fits into a frame, whatever logs they are of."""
FOUND_FRAME = 256 * 1024

Wanted = tuple[bytes, int, list[int]]
"""author, log, seqs"""
Payload = tuple[bytes, int, int, bytes]
"""author, log, seq, payload"""


class Lacking:
    """What this side wants of the peer, and what it answers the peer."""

    def __init__(self, out: Outbox) -> None:
        self._out = out
        self._allowed: tuple[int, ...] = ()
        self._then: Callable[[], None] | None = None
        self._asked: set[tuple[bytes, int, int]] | None = None
        self._room = 0
        self._taking = 0
        self._brought = 0
        self._answering = False

    def prepare(self, allowed: tuple[int, ...]) -> None:
        """Take which logs the peer may speak of."""
        self._allowed = allowed

    def begin(self, then: Callable[[], None]) -> None:
        """Ask for what is wanted, again as long as that brings anything; call `then` when there is no more to get."""
        if self._then is None:
            self._then = then
            self._out.add(LoadWanted(m.LACK_BYTES))

    def wanted(self, places: Sequence[Wanted]) -> None:
        """Ask the peer for what `LoadWanted` found."""
        asking = _first([place for place in places if place[1] in self._allowed], PLACES)
        if not asking:
            self._end()
            return
        self._asked = {(author, log, seq) for author, log, seqs in asking for seq in seqs}
        self._room = m.LACK_BYTES + MAX_PAYLOAD
        self._brought = 0
        self._out.send(m.Lack(asking))

    def take(self, message: m.Lack | m.Found) -> None:
        """Look up what the peer wants, or hand to the store what it found.

        Raises:
            PeerFault: `bad_message` when it asks for too much, again before the answer, or for logs it may not see,
                and for payloads that were not asked for.
        """
        if isinstance(message, m.Lack):
            self._take_lack(message)
        else:
            self._take_found(message)

    def _take_lack(self, lack: m.Lack) -> None:
        count = sum(len(seqs) for _, _, seqs in lack.places)
        if self._answering or not 0 < count <= PLACES or not {log for _, log, _ in lack.places} <= set(self._allowed):
            raise PeerFault("bad_message")
        self._answering = True
        self._out.add(LoadPayloads(tuple(lack.places), m.LACK_BYTES))

    def payloads(self, found: Sequence[Payload]) -> None:
        """Answer the peer with the payloads that `LoadPayloads` asked for."""
        self._answering = False
        frames: list[list[Payload]] = [[]]
        size = 0
        for each in found:
            cost = len(encode(each))
            if frames[-1] and size + cost > FOUND_FRAME:
                frames.append([])
                size = 0
            frames[-1].append(each)
            size += cost
        for number, frame in enumerate(frames, 1):
            self._out.send(m.Found(frame, last=number == len(frames)))

    def _take_found(self, found: m.Found) -> None:
        if self._asked is None:
            raise PeerFault("bad_message")
        for author, log, seq, payload in found.payloads:
            self._room -= len(payload)
            if (author, log, seq) not in self._asked or self._room < 0:
                raise PeerFault("bad_message")
            self._asked.remove((author, log, seq))
        if found.last:
            self._asked = None
        if found.payloads:
            self._taking += 1
            self._out.add(TakePayloads(found.payloads))
        self._go_on()

    def taken(self, count: int) -> None:
        """Take note of how many of the payloads handed over were new and right."""
        self._taking -= 1
        self._brought += count
        self._go_on()

    def _go_on(self) -> None:
        """Once the answer is whole and taken: ask for the rest if it brought anything, else leave it."""
        if self._asked is not None or self._taking:
            return
        if self._brought:
            self._out.add(LoadWanted(m.LACK_BYTES))
        else:
            self._end()

    def _end(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()


def _first(places: Sequence[Wanted], most: int) -> list[Wanted]:
    """Return the first `most` places of a list."""
    kept: list[Wanted] = []
    for author, log, seqs in places:
        if most > 0 and seqs:
            kept.append((author, log, seqs[:most]))
            most -= len(seqs)
    return kept
