"""Finding the place where two branches of a log part, in few messages: 16 ids at a time narrow the range 17-fold.

Pure questions and answers. Nothing that the peer says here is believed: the branch that it shows in the end has to
prove the fork by its signatures, and the store judges that.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foodhub.log.faults import PeerFault
from foodhub.log.run import Run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import LoadBranch, LoadIds, Outbox, TakeBranch

MOST_WAITING = 64
"""Forks that wait for their turn; a later round finds again what is dropped."""
MOST_FRUITLESS = 64
"""So many searches that led to no proof a session puts up with: a peer that lies wastes its own session alone."""


@dataclass(slots=True)
class _Search:
    """One search: at `high` the branches differ; up to `low` they agree, or somebody holds no entry there.

    Unless it is `sure` that they differ, nothing is known yet of the place where it starts.
    `agreed` says that both hold the same entry at `low`: only then can a proof begin behind it.
    """

    author: bytes
    log: int
    low: int
    high: int
    start: int
    sure: bool
    agreed: bool = True
    seqs: tuple[int, ...] = ()
    ours: Sequence[bytes] | None = None
    theirs: Sequence[bytes] | None = None
    shown: bool = False

    def narrow(self) -> None:
        """Draw the range together around the first place that differs; one that either side lacks counts as equal."""
        assert self.ours is not None
        assert self.theirs is not None
        for seq, mine, other in zip(self.seqs, self.ours, self.theirs, strict=True):
            if mine and other and mine != other:
                self.high = seq
                break
            self.low, self.agreed = seq, bool(mine) and mine == other
        self.ours = self.theirs = None


class Bisecting:
    """Searches for forks, one at a time, and answers the peer's searches; `sync` asks for a round after a find."""

    def __init__(self, out: Outbox, sync: Callable[[], None]) -> None:
        self._out = out
        self._sync = sync
        self._allowed: tuple[int, ...] = ()
        self._waiting: dict[tuple[bytes, int], tuple[int, bool]] = {}
        self._now: _Search | None = None
        self._fruitless: set[tuple[bytes, int, int]] = set()
        self._found = False
        self._loads: deque[m.Probe | None] = deque()
        self._answering = False

    def prepare(self, allowed: tuple[int, ...]) -> None:
        """Take which logs the peer may speak of."""
        self._allowed = allowed

    def search(self, author: bytes, log: int, seq: int, *, sure: bool = True) -> None:
        """Find out where a log parts, of which the peer has another entry than we have at `seq`.

        Without `sure`, find out whether it has another one anywhere before `seq`.
        """
        known = self._now is not None and (self._now.author, self._now.log) == (author, log)
        if seq < 1 or known or (author, log, seq) in self._fruitless or len(self._waiting) >= MOST_WAITING:
            return
        self._waiting[author, log] = seq, sure
        if self._now is None:
            self._next()

    def take(self, message: m.Probe | m.Ids | m.Show | m.Branch) -> None:
        """Take a question of the peer, or its answer to ours.

        Raises:
            PeerFault: `bad_message` when it may not come now, or is no answer to what was asked.
        """
        match message:
            case m.Probe():
                self._require(message.log, places=len(message.seqs))
                self._loads.append(message)
                self._out.add(LoadIds(message.author, message.log, tuple(message.seqs)))
            case m.Show():
                self._require(message.log)
                self._out.add(LoadBranch(message.author, message.log, message.after))
            case m.Ids():
                self._take_ids(message)
            case m.Branch():
                self._take_branch(message)

    def _require(self, log: int, places: int = 1) -> None:
        """Make sure that the peer asks one thing at a time, and no more than it may."""
        if self._answering or log not in self._allowed or not 0 < places <= m.PROBES:
            raise PeerFault("bad_message")
        self._answering = True

    def ids(self, ids: Sequence[bytes]) -> None:
        """Go on with the ids that the oldest open `LoadIds` asked for."""
        probe = self._loads.popleft()
        if probe is not None:
            self._answering = False
            self._out.send(m.Ids(probe.author, probe.log, list(ids)))
        elif self._now is not None:
            self._now.ours = ids
            self._compare(self._now)

    def branch(self, run: Run | None) -> None:
        """Answer the peer with the headers that `LoadBranch` asked for."""
        self._answering = False
        self._out.send(m.Branch([run] if run else []))

    def taken(self, code: str | None) -> None:
        """Take note of whether a branch proved the fork (None), or why it did not.

        Raises:
            PeerFault: `bad_fork` after too many that did not.
        """
        self._end(proved=code is None)

    def _next(self) -> None:
        """Begin the next search, if one is waiting."""
        self._now = None
        if self._waiting:
            author, log = place = next(iter(self._waiting))
            seq, sure = self._waiting.pop(place)
            self._now = _Search(author, log, 0, seq, seq, sure)
            self._go_on(self._now)
        elif self._found:
            self._found = False
            self._sync()

    def _go_on(self, now: _Search) -> None:
        """Ask for ids while the range is open; once the place is known, for the branch behind the one before it."""
        if now.high - now.low == 1:
            if now.sure or now.high < now.start:
                self._ask_for_branch(now)
            else:
                self._next()
            return
        now.seqs = places_between(now.low, now.high)
        self._loads.append(None)
        self._out.add(LoadIds(now.author, now.log, now.seqs))
        self._out.send(m.Probe(now.author, now.log, list(now.seqs)))

    def _ask_for_branch(self, now: _Search) -> None:
        """Ask for the headers at the place; somebody who has pruned less has to prove what lies below a checkpoint."""
        if now.agreed:
            now.shown = True
            self._out.send(m.Show(now.author, now.log, now.low))
        else:
            self._end(proved=False)

    def _take_ids(self, message: m.Ids) -> None:
        now = self._now
        if now is None or now.shown or now.theirs is not None or (message.author, message.log) != (now.author, now.log):
            raise PeerFault("bad_message")
        if len(message.ids) != len(now.seqs) or not {len(each) for each in message.ids} <= {0, 32}:
            raise PeerFault("bad_message")
        now.theirs = message.ids
        self._compare(now)

    def _compare(self, now: _Search) -> None:
        if now.ours is not None and now.theirs is not None:
            now.narrow()
            self._go_on(now)

    def _take_branch(self, message: m.Branch) -> None:
        now = self._now
        if now is None or not now.shown or len(message.runs) > 1:
            raise PeerFault("bad_message")
        now.shown = False
        now.theirs = ()
        if not message.runs:
            self._end(proved=False)
            return
        run = message.runs[0]
        if (run.author, run.log, run.first) != (now.author, now.log, now.low + 1):
            raise PeerFault("bad_message")
        self._out.add(TakeBranch(run))

    def _end(self, *, proved: bool) -> None:
        now = self._now
        assert now is not None
        self._found = self._found or proved
        if not proved:
            self._fruitless.add((now.author, now.log, now.start))
            if len(self._fruitless) >= MOST_FRUITLESS:
                raise PeerFault("bad_fork")
        self._next()


def places_between(low: int, high: int) -> tuple[int, ...]:
    """Return up to `PROBES` evenly spaced places above `low` and below `high`."""
    count = min(m.PROBES, high - low - 1)
    return tuple(low + (high - low) * number // (count + 1) for number in range(1, count + 1))
