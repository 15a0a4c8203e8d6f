"""Whom to dial and when: addresses that lead to nobody, or to somebody who refuses us, are tried ever more seldom.

Pure: the time is an argument, in seconds of a clock that never goes back. A failure never forgets an address.
"""

from collections.abc import Iterable
from dataclasses import dataclass

FIRST_WAIT = 0.5
GROWTH = 1.25
"""By what the wait grows: who was away for up to seven seconds is dialed within two."""
LONGEST_WAIT = 60.0
AT_ONCE = 4


@dataclass(slots=True)
class _Try:
    next: float = 0.0
    wait: float = FIRST_WAIT
    busy: bool = False


def peer_of(address: str) -> str:
    """Return the peer id at the end of an address, "" when it has none."""
    head, mark, peer = address.rpartition("/p2p/")
    return peer if head and mark else ""


class Redial:
    """The plan of whom to dial next."""

    def __init__(self, own_peer: str) -> None:
        self._own = own_peer
        self._tries: dict[str, _Try] = {}

    def learn(self, addresses: Iterable[str]) -> None:
        """Add addresses; what is known already keeps its turn."""
        for address in addresses:
            if peer_of(address) not in {"", self._own}:
                self._tries.setdefault(address, _Try())

    def forget(self) -> None:
        """Forget all addresses: they were of another circuit."""
        self._tries.clear()

    def hurry(self, address: str | None = None) -> None:
        """Try one address, or all, without waiting for their turn."""
        for known, attempt in self._tries.items():
            if address in {None, known}:
                attempt.next, attempt.wait = 0.0, FIRST_WAIT

    def due(self, now: float, connected: Iterable[str]) -> list[str]:
        """Return the addresses to dial now, at most `AT_ONCE` at a time, each peer once."""
        linked = set(connected)
        busy = sum(attempt.busy for attempt in self._tries.values())
        chosen: dict[str, str] = {}
        for address, attempt in sorted(self._tries.items(), key=lambda item: item[1].next):
            peer = peer_of(address)
            if len(chosen) + busy >= AT_ONCE or attempt.next > now:
                break
            if not attempt.busy and peer not in linked and peer not in chosen:
                chosen[peer] = address
        for address in chosen.values():
            self._tries[address].busy = True
        return list(chosen.values())

    def done(self, address: str, now: float) -> None:
        """Note that a dial has ended; that somebody was there is no success yet, he may refuse us."""
        attempt = self._tries.get(address)
        if attempt is None:
            return
        attempt.busy = False
        attempt.next = now + attempt.wait
        attempt.wait = min(attempt.wait * GROWTH, LONGEST_WAIT)

    def settled(self, peer: str) -> None:
        """Note that a round with this peer was completed: once lost, it is dialed at once."""
        for address, attempt in self._tries.items():
            if peer_of(address) == peer:
                attempt.next, attempt.wait = 0.0, FIRST_WAIT
