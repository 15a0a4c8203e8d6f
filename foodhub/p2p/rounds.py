"""Rounds: how two nodes find out what either lacks, and send it. The dialer asks, the other answers.

Summary against summary; where they differ, the items of the buckets that differ; then each side sends what the other
lacks. Logs 0 are brought to the end first, since who is a member decides what may be taken of the others. In the end
each side asks for the payloads that it wants.
"""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Literal

from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.frontier import NO_LIMIT, Item, bucket_count, bucket_digests, bucket_of, differing, frontier_digest
from foodhub.log.header import Log
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Command, LoadFrontier, Outbox, Settled
from foodhub.p2p.lacking import Lacking
from foodhub.p2p.limits import Limits
from foodhub.p2p.transfer import Receiving, Sending, Stretch

CIRCUIT_ROUNDS = 3
WANT_PER_FRAME = 20_000
MAX_ITEMS = 200_000
"""Logs of which one list may speak."""
CIRCUIT, REST = (int(Log.CIRCUIT),), (int(Log.CATALOG), int(Log.TRADE))


class Stage(Enum):
    """Where the dialer's round stands."""

    IDLE = auto()
    SUMMARY = auto()
    ITEMS = auto()
    EXCHANGE = auto()
    LACKING = auto()
    LOOKING = auto()


class Rounds:
    """The rounds of one session.

    `note` is told what the peer is known to have: (author, log, seq); `search` where it has another entry than we.
    `look` is asked who a stranger is by now, and told whether there is no more to get of it; then call `start` again.
    """

    def __init__(
        self,
        out: Outbox,
        sending: Sending,
        receiving: Receiving,
        note: Callable[[tuple[tuple[bytes, int, int], ...]], None],
        search: Callable[..., None],
        look: Callable[[bool], None],
    ) -> None:
        self.stage = Stage.IDLE
        self.limits = Limits(out, receiving.wait_for)
        self.lacking = Lacking(out)
        self._out = out
        self._sending = sending
        self._receiving = receiving
        self._note = note
        self._search = search
        self._look = look
        self._doubted: dict[tuple[bytes, int], tuple[Item, Item]] = {}
        self._dialer = False
        self._takes: tuple[int, ...] = ()
        self._gives: tuple[int, ...] = ()
        self._salt = b""
        self._purpose: list[m.Summary | m.Ask | Literal["start"]] = []
        self._ours: list[Item] = []
        self._theirs: list[Item] = []
        self._their_buckets: set[int] = set()
        self._asked: tuple[int, ...] = ()
        self._digests = b""
        self._circuit_rounds = 0
        self._again = False
        self._sent_seen = False
        self._narrow = False
        self._waiting_summary: m.Summary | None = None
        self._wants: list[tuple[bytes, int, int]] = []
        self._held_back: list[Stretch] | None = None

    def prepare(self, *, dialer: bool, salt: bytes, takes: tuple[int, ...], gives: tuple[int, ...]) -> None:
        """Take what is only known after the proof: the logs of the rounds, those that the peer is served, the salt."""
        self._dialer, self._salt = dialer, salt
        self._takes, self._gives = takes, gives
        self._circuit_rounds = 0
        self._receiving.skipped.clear()
        self.limits.prepare(takes, gives)
        self.lacking.prepare(gives)

    def take(self, message: m.Message) -> None:
        """Take a message of a round.

        Raises:
            PeerFault: `bad_message` when it may not come now.
        """
        match message:
            case m.Summary():
                self.take_summary(message)
            case m.Ask():
                self.take_ask(message)
            case m.Items():
                self.take_items(message)
            case m.AskForks():
                self._require_idle()
                self.limits.take_ask(message)
            case m.Want():
                self.take_want(message)
            case m.Lack() | m.Found():
                self.lacking.take(message)
            case m.Nudge() if self._dialer:
                self.sync()
            case m.Totals() | m.Credit() | m.Sent():
                self._take_transfer(message)
            case _:
                raise PeerFault("bad_message")

    def _take_transfer(self, message: m.Totals | m.Credit | m.Sent) -> None:
        match message:
            case m.Totals(entries):
                self._receiving.expect(entries)
            case m.Credit(size):
                self.transfer(self._sending.refill(size))
            case m.Sent():
                self._sent_seen = True
                self._out.extend(self._receiving.complete())
                self.advance()

    def frontier(self, items: list[Item]) -> None:
        """Go on with the frontier that `LoadFrontier` asked for."""
        if not self._purpose:
            return
        purpose = self._purpose.pop(0)
        self._ours = [item for item in items if item.log in self._takes]
        match purpose:
            case "start":
                self._out.send(self._summary(len(self._takes)))
            case m.Summary():
                self._answer_summary(purpose)
            case m.Ask():
                self._answer_ask(purpose)

    def start(self) -> None:
        """Start a round."""
        self.stage = Stage.SUMMARY
        self._load("start")

    def sync(self) -> None:
        """Start a round; during one, note that another is needed; on the answering side, ask for one."""
        if not self._dialer:
            self._out.send(m.Nudge())
        elif self.stage is Stage.IDLE:
            self.start()
        else:
            self._again = True

    def _load(self, purpose: "m.Summary | m.Ask | Literal['start']") -> None:
        self._purpose.append(purpose)
        self._out.add(LoadFrontier())

    def _summary(self, classes: int) -> m.Summary:
        parts = [[item for item in self._ours if item.log == log] for log in self._takes[:classes]]
        return m.Summary([(len(part), frontier_digest(part)) for part in parts])

    def take_summary(self, summary: m.Summary) -> None:
        """Compare the peer's summary with ours, and go on from there."""
        count = len(summary.classes)
        if self._dialer:
            if self.stage is not Stage.SUMMARY or self._purpose or count != len(self._takes):
                raise PeerFault("bad_message")
            self._decide(self._equal_classes(summary))
            return
        self._require_idle()
        if count not in {1, len(self._takes)}:
            raise PeerFault("bad_message")
        self._narrow = count < len(self._takes)
        self._sent_seen = False
        self._receiving.skipped.clear()
        if self._receiving.commits:
            self._waiting_summary = summary
        else:
            self._load(summary)

    def _require_idle(self) -> None:
        """On the answering side: make sure that nothing we were asked for before is still open."""
        busy = self._sending.open or self._held_back is not None
        if self._dialer or self._purpose or self._waiting_summary or busy:
            raise PeerFault("bad_message")

    def take_ask(self, ask: m.Ask) -> None:
        """Answer which items differ."""
        if not set(ask.logs) <= set(self._gives) or len(ask.digests) % 8 or len(ask.digests) > 8 * 1024:
            raise PeerFault("bad_message")
        self._require_idle()
        self._load(ask)

    def _equal_classes(self, summary: m.Summary) -> list[bool]:
        """Compare a summary with ours, and take note that the peer has what is equal."""
        ours = self._summary(len(summary.classes)).classes
        equal = [mine == theirs for mine, theirs in zip(ours, summary.classes, strict=True)]
        agreed = {log for log, same in zip(self._takes, equal, strict=False) if same}
        held = tuple((item.author, item.log, item.seq) for item in self._ours if item.seq and item.log in agreed)
        if held and self._gives:
            self._note(held)
        return equal

    def _answer_summary(self, summary: m.Summary) -> None:
        equal = self._equal_classes(summary)
        self._out.send(self._summary(len(equal)))
        if all(equal):
            self._settle()

    def _settle(self) -> None:
        """On the answering side: a round of all logs is over once it brought also the payloads that are wanted."""
        if not self._narrow:
            self.lacking.begin(lambda: self._out.add(Settled()))

    def _decide(self, equal: list[bool]) -> None:
        """Choose what to ask for: logs 0 until the circuit agrees, then the others."""
        if not equal[0] and self._circuit_rounds < CIRCUIT_ROUNDS:
            self._circuit_rounds += 1
            self._ask(CIRCUIT)
        elif not self._gives:
            self._look_again(last=True)
        elif not all(equal[1:]):
            self._ask(REST)
        else:
            self._finish_round()

    def _look_again(self, *, last: bool) -> None:
        self.stage = Stage.LOOKING
        self._look(last)

    def _ask(self, logs: tuple[int, ...]) -> None:
        self._asked = logs
        self._theirs.clear()
        self._their_buckets.clear()
        ours = [item for item in self._ours if item.log in logs]
        buckets = bucket_count(len(ours))
        self._digests = bucket_digests(ours, buckets, self._salt) if buckets else b""
        self.stage = Stage.ITEMS
        self._out.send(m.Ask(list(logs), self._digests))

    def _answer_ask(self, ask: m.Ask) -> None:
        ours = [item for item in self._ours if item.log in ask.logs]
        found, buckets = differing(ours, ask.digests, self._salt)
        self._wants.clear()
        for message in m.write_items(found, sorted(buckets)):
            self._out.send(message)

    def take_items(self, message: m.Items) -> None:
        """Take the items that differ; after the last, exchange what either side lacks."""
        if self.stage is not Stage.ITEMS or len(self._theirs) > MAX_ITEMS:
            raise PeerFault("bad_message")
        self._their_buckets.update(message.buckets)
        self._theirs += [Item(author, *rest) for author, logs in message.authors for rest in logs]
        if message.last:
            self._exchange()

    def _exchange(self) -> None:
        """Compare item by item: say what we want, and send what the peer lacks."""
        buckets = len(self._digests) // 8
        theirs = {(item.author, item.log): item for item in self._theirs if item.log in self._asked}
        ours = {
            (item.author, item.log): item
            for item in self._ours
            if item.log in self._asked
            and (not buckets or bucket_of(item.author, buckets, self._salt) in self._their_buckets)
        }
        doubted: list[tuple[bytes, int]] = []
        for key, mine in ours.items():
            other = theirs.get(key)
            if other is not None and other.seq == mine.seq and other.id != mine.id:
                self._search(*key, mine.seq)
            elif other is not None and _stuck(mine, other) and self._doubt(key, (mine, other)):
                doubted.append(key)
        self.stage = Stage.EXCHANGE
        self._sent_seen = False
        self.limits.compare(ours, theirs)
        wants = [(*key, after) for key, item in theirs.items() for after, _ in _ahead(item, ours.get(key))]
        # The last entry below the lower head once more, for its signature.
        wants += [(*key, theirs[key].seq - 1) for key in doubted if theirs[key].seq < ours[key].seq]
        for start in range(0, max(len(wants), 1), WANT_PER_FRAME):
            self._out.send(m.Want(wants[start : start + WANT_PER_FRAME], last=start + WANT_PER_FRAME >= len(wants)))
        lacking = [
            Stretch(*key, after, upto, theirs[key].limit if key in theirs else NO_LIMIT)
            for key, item in ours.items()
            for after, upto in _ahead(item, theirs.get(key))
        ]
        lacking += [
            Stretch(*key, ours[key].seq - 1, ours[key].seq, theirs[key].limit)
            for key in doubted
            if ours[key].seq < theirs[key].seq
        ]
        self._begin(lacking if self._gives else [])

    def _doubt(self, key: tuple[bytes, int], items: tuple[Item, Item]) -> bool:
        """Say whether two items still differ after a round though neither side lacks anything, and search for a fork.

        A limit that one side has from a cut in the branch that the other refuses hides it. Or it has the signature of
        the entry at which the log is cut, and the other holds that entry in the middle of a run.
        """
        known, self._doubted[key] = self._doubted.get(key), items
        if known == items:
            self._search(*key, min(item.seq for item in items) + 1, sure=False)
        return known == items

    def take_want(self, want: m.Want) -> None:
        """Take what the peer wants; after the last, send it."""
        self._require_idle()
        if len(self._wants) > MAX_ITEMS:
            raise PeerFault("bad_message")
        self._wants += want.logs
        if not want.last:
            return
        have = {(author, log): seq for author, log, seq in self._wants}
        self._wants = []
        self._begin(
            [
                Stretch(item.author, item.log, have[item.author, item.log], item.seq)
                for item in self._ours
                if item.log in self._gives and have.get((item.author, item.log), item.seq) < item.seq
            ]
        )

    def _begin(self, lacking: list[Stretch]) -> None:
        """Send, but not before the proofs that stand before it: a run may end at an entry that only a proof names."""
        if self.limits.loading:
            self._held_back = lacking
        else:
            self.transfer(self._sending.begin(lacking))

    def forks(self, proofs: Sequence[ForkProof]) -> None:
        """Send the proofs that `LoadForks` asked for, and what had to wait for them."""
        self.limits.loaded(proofs)
        if self.limits.loading:
            return
        held_back, self._held_back = self._held_back, None
        if held_back is not None:
            self.transfer(self._sending.begin(held_back))

    def transfer(self, commands: list[Command]) -> None:
        """Send on, and go on with the round if that was the last of it."""
        self._out.extend(commands)
        if commands and not self._sending.open:
            self.advance()

    def advance(self) -> None:
        """Go on once everything that came has been committed and everything that was wanted has been sent."""
        if self._receiving.commits:
            return
        if self._waiting_summary:
            summary, self._waiting_summary = self._waiting_summary, None
            self._load(summary)
        if not self._sent_seen or self._sending.open or self._held_back is not None:
            return
        if self.stage is Stage.EXCHANGE:
            if not self._gives:
                self._look_again(last=False)
            elif self._asked == CIRCUIT:
                self.start()
            else:
                self._finish_round()
        elif not self._dialer:
            self._sent_seen = False
            self._settle()

    def _finish_round(self) -> None:
        self.stage = Stage.LACKING
        self._circuit_rounds = 0
        self._receiving.skipped.clear()
        self.lacking.begin(self._end_round)

    def _end_round(self) -> None:
        self.stage = Stage.IDLE
        self._out.add(Settled())
        if self._again:
            self._again = False
            self.start()


def _stuck(one: Item, other: Item) -> bool:
    """Say whether two items differ though neither side lacks anything that the other can send.

    Below a cut there may be no signature at which a run could end.
    """
    return one != other and all(
        not _ahead(item, lacking) or lacking.limit for item, lacking in ((one, other), (other, one))
    )


def _ahead(item: Item, other: Item | None) -> list[tuple[int, int]]:
    """Return what `other` lacks of `item` below its own limit: (behind which seq, up to which), or nothing."""
    after, limit = (other.seq, other.limit) if other else (0, NO_LIMIT)
    upto = item.seq if limit == NO_LIMIT else min(item.seq, limit - 1)
    return [(after, upto)] if upto > after else []
