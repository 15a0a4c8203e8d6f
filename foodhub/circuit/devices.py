"""The devices of one member: which ones it has, how they rank, which are retired, and where their logs end.

Roots rank first to last: recoveries by (highest number, lowest entry id), then the device of the inception. What a
device certified ranks behind it, by (root, number of certificates from the root, their places on the way). Devices are
taken in that order, and each one's log 0 is read up to the limits set so far; a device limits only what ranks behind
it, and its own log. So what stands above a limit can never matter to whoever set it.

A cut of a log 0 never reaches its first entry: even where nothing of it counts, its first statement says whose device
this is, or else nobody could say whom the cut is for.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from foodhub.circuit.keepers import keepers
from foodhub.circuit.proofs import enrolment_holds
from foodhub.circuit.record import LOGS, NOTHING, Act, DeviceState, Limit, OpenTicket, Span, Vouched
from foodhub.circuit.statements import (
    Certify,
    Cut,
    Device,
    Enrol,
    Epoch,
    Erase,
    Keeper,
    Recover,
    Retire,
    Right,
    Share,
    Ticket,
)
from foodhub.log.encoding import NO_ID
from foodhub.log.keys import is_box_key

NamedCuts = dict[tuple[bytes, int], Limit]
"""(device, log) -> the last entry that counts; of a log that is not named nothing does."""

EPOCHS_AHEAD = 64
"""By so many the number of a box key may exceed how many lower ones count."""

_Rank = tuple[int, int, tuple[tuple[int, int], ...], bytes, bytes]
"""(root, certificates from it, their places, device, who certified it)"""


def named_cuts(cuts: Iterable[Cut]) -> NamedCuts:
    """Return cuts by log; of several for one log the lowest."""
    named: NamedCuts = {}
    for cut in cuts:
        place = (cut.device, cut.log)
        limit = Limit(cut.seq, cut.id) if cut.seq else NOTHING
        named[place] = min(limit, named.get(place, limit))
    return named


@dataclass(frozen=True, slots=True)
class _Order:
    """What limits the logs of others: a removal, a recovery or a retirement, in the order in which the pass met it."""

    number: int
    cuts: NamedCuts
    heir: bytes = b""
    retires: bool = True

    def limit(self, device: bytes, log: int) -> Limit:
        return self.cuts.get((device, log), NOTHING)


@dataclass(slots=True)
class _Taken:
    """One device that was taken; `limits` is empty while nobody limited its logs, its log 0 counts up to `upto`."""

    device: Device
    root: int
    path: tuple[tuple[int, int], ...]
    certified_by: bytes
    limits: dict[int, Limit]
    upto: int
    retired: bool
    heirs: list[bytes]
    acts: list[Act] = field(default_factory=list)
    tickets: dict[bytes, tuple[Act, int]] = field(default_factory=dict)


class Household:
    """The devices of one member; made from its removals and its roots, taken at once, then read."""

    def __init__(
        self,
        circuit: bytes,
        member: bytes,
        logs: Mapping[bytes, Sequence[Act]],
        removals: Collection[NamedCuts],
        vouched: Vouched,
    ) -> None:
        self.vouched = vouched
        self.circuit = circuit
        self.member = member
        self.logs = logs
        self.recoveries = 0
        self._epochs: dict[int, Epoch] = {}
        self._spares: list[Epoch] = []
        self.shares: list[Share] = []
        self._removals = [_Order(number, cuts, retires=False) for number, cuts in enumerate(removals)]
        self._said = len(self._removals)
        self._recovered: list[tuple[int, _Order]] = []
        self._retired: dict[bytes, list[_Order]] = {}
        self._queue: list[_Rank] = []
        self._known: dict[bytes, Device] = {}
        self._taken: dict[bytes, _Taken] = {}
        self._handovers: dict[tuple[bytes, Right, int], list[bytes]] = {}
        self._spans: set[Span] = set()
        self._used: dict[tuple[bytes, bytes], bytes] = {}

    def take(self, inception: Device, recovered: Sequence[bytes]) -> None:
        """Take all devices: those of recoveries that hold (by the keys that sign their logs), then the inception's."""
        for author in recovered:
            self._known[author] = _recovery(self.logs[author]).device
        self._known[inception.signing] = inception
        roots = sorted(recovered, key=lambda author: (-_recovery(self.logs[author]).number, self.logs[author][0].entry))
        self._queue = [(number, 0, (), root, b"") for number, root in enumerate([*roots, inception.signing])]
        while self._queue:
            root, _, path, key, certified_by = heapq.heappop(self._queue)
            if key not in self._taken:
                self._take(key, root, path, certified_by)

    def _take(self, key: bytes, root: int, path: tuple[tuple[int, int], ...], certified_by: bytes) -> None:
        """Limit a device by what ranks before it, then read its log 0 up to there."""
        orders = self._orders(key, root)
        limits = {log: min(order.limit(key, log) for order in orders) for log in LOGS} if orders else {}
        retired = any(order.retires for order in orders)
        heirs = [order.heir for order in orders if order.heir]
        upto = self.vouched(key, limits[0] if limits else None)
        if not upto and not self.vouched(key, Limit(1, self.logs[key][0].entry)):
            return  # a cut leaves nothing that is signed: nobody can say whose device it is
        who = self._taken[key] = _Taken(self._known[key], root, path, certified_by, limits, upto, retired, heirs)
        log = self.logs[key]
        match log[0].statement:
            case Enrol(_, _, ticket):
                self._used.setdefault((certified_by, ticket), key)
            case Recover() as recover if log[0].seq <= who.upto:
                self._recover(key, root, recover)
        for act in log:
            if act.seq > who.upto:
                break
            who.acts.append(act)
            self._read(key, who, act)

    def _read(self, key: bytes, who: _Taken, act: Act) -> None:
        match act.statement:
            case Epoch(number, public) as epoch if is_box_key(public):
                if self._epochs.setdefault(number, epoch) is not epoch:
                    self._spares.append(epoch)
            case Share() as share:
                self.shares.append(share)
            case Ticket(public, expires):
                who.tickets.setdefault(public, (act, expires))
            case Certify(device):
                self._certify(who, act, device)
            case Retire(device) as retire if device == key:
                self._retire_itself(who, act, retire)
            case Retire(device) as retire:
                # Nobody looks at what was said of a device that was taken before, which is one that ranks higher.
                self._retired.setdefault(device, []).append(self._order(named_cuts(retire.cuts), retire.heir))
            case Keeper(right, turn, device):
                self._handovers.setdefault((key, right, turn), []).append(device)
            case Erase(spans):
                self._spans.update(spans)

    def _orders(self, key: bytes, root: int) -> list[_Order]:
        """Return what limits a device, in the order of the ranks of those who said it."""
        swept = [order for behind, order in self._recovered if root > behind]
        retired = self._retired.get(key, [])
        return [*self._removals, *sorted((*swept, *retired), key=lambda order: order.number)]

    def _order(self, cuts: NamedCuts, heir: bytes) -> _Order:
        self._said += 1
        return _Order(self._said, cuts, b"" if heir == NO_ID else heir)

    def _recover(self, key: bytes, root: int, said: Recover) -> None:
        """Retire all devices of the roots behind; what this device certifies is what the member goes on with."""
        self._recovered.append((root, self._order(named_cuts(said.cuts), key)))
        self.recoveries = max(self.recoveries, said.number)

    def _retire_itself(self, who: _Taken, act: Act, said: Retire) -> None:
        """End the log 0 that is being read behind this act, and the other two where the device says.

        It has to be signed for itself, or those who hold what lies behind it and those who do not would disagree.
        """
        key = who.device.signing
        if self.vouched(key, Limit(act.seq, act.entry)) != act.seq:
            return
        order = self._order({**named_cuts(said.cuts), (key, 0): Limit(act.seq, act.entry)}, said.heir)
        limits = {log: order.limit(key, log) for log in LOGS}
        who.limits = {log: min(limit, who.limits.get(log, limit)) for log, limit in limits.items()}
        who.upto = min(who.upto, act.seq)
        who.retired = True
        if order.heir:
            who.heirs.append(order.heir)

    def _certify(self, who: _Taken, act: Act, device: bytes) -> None:
        """Line up a device that enrolled on a ticket of this one."""
        log = self.logs.get(device)
        first = log[0].statement if log and log[0].seq == 1 else None
        if (
            isinstance(first, Enrol)
            and first.member == self.member
            and first.ticket in who.tickets
            and enrolment_holds(self.circuit, device, first)
        ):
            self._known[device] = first.device
            path = (*who.path, (act.seq, act.position))
            heapq.heappush(self._queue, (who.root, len(path), path, device, who.device.signing))

    def stands(self, device: bytes) -> bool:
        """Say whether this is a device of the member."""
        return device in self._taken

    def acts(self) -> list[Act]:
        """Return what counts of all logs 0: by time, and of one time by the rank of the device and the place."""
        acts = [act for who in self._taken.values() for act in who.acts]
        return acts if len(self._taken) == 1 else sorted(acts, key=lambda act: act.timestamp)

    def epochs(self) -> tuple[Epoch, ...]:
        """Return the box keys that count, by number: none may run far ahead, or nobody could make a higher one."""
        counted: list[Epoch] = []
        for number, epoch in sorted(self._epochs.items()):
            if number > len(counted) + EPOCHS_AHEAD:
                break
            counted.append(epoch)
        return tuple(counted)

    def spares(self) -> tuple[Epoch, ...]:
        """Return the box keys whose number another one has: nobody seals with them, but something may be sealed."""
        return tuple(self._spares)

    def devices(self) -> tuple[DeviceState, ...]:
        """Return the devices in the order of their ranks."""
        return tuple(
            DeviceState(
                who.device,
                position,
                who.retired,
                next((heir for heir in who.heirs if heir in self._taken and heir != key), b""),
                who.certified_by,
            )
            for position, (key, who) in enumerate(self._taken.items())
        )

    def keepers(self, devices: Sequence[DeviceState]) -> dict[Right, bytes]:
        """Return which of the devices holds which right."""
        return keepers(devices, self._handovers)

    def cuts(self) -> NamedCuts:
        """Return the limits of all logs of the devices that somebody limited."""
        found: NamedCuts = {}
        for key, who in self._taken.items():
            for log, limit in who.limits.items():
                found[key, log] = limit if log or who.upto else Limit(1, self.logs[key][0].entry)
        return found

    def erased(self) -> set[Span]:
        """Return the spans of the member's own logs that it erased; log 0 has nothing that can be."""
        return {
            span for span in self._spans if span[0] in self._taken and span[1] in LOGS[1:] and 1 <= span[2] <= span[3]
        }

    def tickets(self) -> Iterable[tuple[Act, OpenTicket]]:
        """Return the tickets of all devices, each with the act that opened it."""
        for key, who in self._taken.items():
            for public, (act, expires) in who.tickets.items():
                yield act, OpenTicket(public, self.member, key, expires, self._used.get((key, public), b""))


def _recovery(log: Sequence[Act]) -> Recover:
    """Return the first statement of the log of a recovery that holds."""
    return log[0].statement  # type: ignore[return-value]
