"""How fork proofs travel: the dialer sees where limits differ, and sends the proofs it has or asks for those it lacks.

Nothing is believed here: the store checks each proof, and one that does not hold costs its sender.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from foodhub.log.encoding import LIMIT
from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.frontier import NO_LIMIT, Item
from foodhub.p2p import messages as m
from foodhub.p2p.commands import LoadForks, Outbox, TakeForks

Place = tuple[bytes, int]
"""author, log"""
WAITING_BYTES = 4 * 1024 * 1024
"""Proofs that may wait for the store; what comes beyond is dropped, and the next round asks for it again."""

KNOWN = "known"
"""What the store says of a proof that tells it nothing new."""


class Limits:
    """The fork proofs of one session."""

    def __init__(self, out: Outbox, pending: Callable[[int], None]) -> None:
        """`pending` is told of +1 for each frame that waits for the store, and of -1 when it was taken."""
        self._out = out
        self._loads: deque[bool] = deque()
        self._offered: set[Place] = set()
        self._pending = pending
        self._takes: tuple[int, ...] = ()
        self._gives: tuple[int, ...] = ()
        self._shared: dict[Place, int] = {}
        self._taking: deque[tuple[list[ForkProof], int]] = deque()
        self._waiting = 0

    @property
    def loading(self) -> bool:
        """Whether runs have to wait until the proofs before them were sent."""
        return any(self._loads)

    def prepare(self, takes: tuple[int, ...], gives: tuple[int, ...]) -> None:
        """Take of which logs the peer may speak, and of which it may be told."""
        self._takes, self._gives = takes, gives

    def compare(self, ours: Mapping[Place, Item], theirs: Mapping[Place, Item]) -> None:
        """Ask for the proofs of lower limits than ours, and load those of limits that are lower here."""
        lacking, ahead = _lower(theirs, ours), _lower(ours, theirs)
        if lacking:
            self._out.send(m.AskForks(lacking[: m.PROOFS_ASKED]))
        self._load(ahead)

    def take_ask(self, ask: m.AskForks) -> None:
        """Look up the proofs that the peer asks for.

        Raises:
            PeerFault: `bad_message` when it asks for too many, again, or for logs it may not see.
        """
        logs = {log for _, log in ask.logs}
        if self.loading or not 0 < len(ask.logs) <= m.PROOFS_ASKED or not logs <= set(self._gives):
            raise PeerFault("bad_message")
        self._load(ask.logs)

    def _load(self, places: Sequence[Place]) -> None:
        if places and self._gives:
            self._loads.append(True)
            self._out.add(LoadForks(tuple(places[: m.PROOFS_ASKED])))

    def offer(self, place: Place) -> None:
        """Send the proof of a log, if there is one, to a peer that sends what lies above the limit."""
        if self._gives and place not in self._offered:
            self._offered.add(place)
            self._loads.append(False)
            self._out.add(LoadForks((place,)))

    def loaded(self, proofs: Sequence[ForkProof]) -> None:
        """Send the proofs that `LoadForks` asked for."""
        self._loads.popleft()
        self._send(proofs)

    def tell(self, proofs: Sequence[ForkProof]) -> None:
        """Send proofs that are new here, unless the peer has them or may not have them."""
        self._send([proof for proof in proofs if proof.one.log in self._gives and self._is_news(proof)])

    def _send(self, proofs: Sequence[ForkProof]) -> None:
        for proof in proofs:
            self._share(proof)
        for start in range(0, len(proofs), m.PROOFS_PER_FRAME):
            self._out.send(m.Forks(list(proofs[start : start + m.PROOFS_PER_FRAME])))

    def take(self, message: m.Forks, size: int) -> None:
        """Hand proofs to the store, asked for or not.

        Raises:
            PeerFault: `bad_message` for too many in a frame, or of logs that the peer may not see.
        """
        logs = {proof.one.log for proof in message.proofs}
        if not 0 < len(message.proofs) <= m.PROOFS_PER_FRAME or not logs <= set(self._takes):
            raise PeerFault("bad_message")
        if self._waiting + size > WAITING_BYTES:
            return
        self._waiting += size
        self._taking.append((message.proofs, size))
        self._pending(1)
        self._out.add(TakeForks(message.proofs))

    def taken(self, codes: Sequence[str | None]) -> tuple[bool, list[str]]:
        """Return whether any proof told this session something new, and why others were refused."""
        proofs, size = self._taking.popleft()
        self._waiting -= size
        self._pending(-1)
        news = False
        for proof, code in zip(proofs, codes, strict=True):
            if code is None or code == KNOWN:
                news = (self._share(proof) and code is None) or news
        return news, [code for code in codes if code is not None and code != KNOWN]

    def _is_news(self, proof: ForkProof) -> bool:
        return proof.one.first < self._shared.get((proof.one.author, proof.one.log), LIMIT)

    def _share(self, proof: ForkProof) -> bool:
        """Take note that both sides have seen a proof; say whether it is the lowest so far."""
        news = self._is_news(proof)
        if news:
            self._shared[proof.one.author, proof.one.log] = proof.one.first
        return news


def _lower(some: Mapping[Place, Item], others: Mapping[Place, Item]) -> list[Place]:
    """Return the logs whose limit is lower in `some`."""
    limited = [place for place, item in some.items() if item.limit != NO_LIMIT]
    return sorted(place for place in limited if _limit(some[place]) < _limit(others.get(place)))


def _limit(item: Item | None) -> int:
    return item.limit if item and item.limit != NO_LIMIT else LIMIT
