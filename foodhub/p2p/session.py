"""A session between two nodes: a pure state machine. Frames and results go in, commands come out; no I/O, no clock.

First the proof of devices, then rounds: the dialer asks (summary, buckets, items), each side sends what the other
lacks, logs 0 to the end before the others. Between rounds both sides announce what is new. Announcements are hints;
rounds are the guarantee.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Literal

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.frontier import Item, bucket_count, bucket_digests, bucket_of, differing, frontier_digest
from foodhub.log.header import Log
from foodhub.log.run import CheckedRun, Run, check_run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Command, End, Faulty, Held, LoadFrontier, Send, Settled, Standing
from foodhub.p2p.proof import Party
from foodhub.p2p.transfer import Receiving, Sending, Stretch

EARLY_BYTES = 256 * 1024
"""Bytes kept while we look up who the peer is; a round brings what comes beyond."""
FAULTS_BORNE = 16
"""So many refused runs in one session, and it ends: the peer pays, not we."""
CIRCUIT_ROUNDS = 3
WANT_PER_FRAME = 20_000
MAX_ITEMS = 200_000
"""Logs of which one list may speak."""
DROPPED = frozenset({"unknown_author", "above_limit", "forked", "own_log", "not_taken"})
"""Why a run is left lying though its sender broke no rule: it passes on what others wrote, or the failure is ours."""

CIRCUIT, REST = (int(Log.CIRCUIT),), (int(Log.CATALOG), int(Log.TRADE))


class State(Enum):
    """Where a session stands."""

    HELLO = auto()
    PROOF = auto()
    STANDING = auto()
    READY = auto()
    ENDED = auto()


class Round(Enum):
    """Where the dialer's round stands."""

    IDLE = auto()
    SUMMARY = auto()
    ITEMS = auto()
    EXCHANGE = auto()


MAY_COME: dict[State, tuple[type, ...]] = {
    State.HELLO: (m.Hello, m.Refuse),
    State.PROOF: (m.Proof, m.Refuse),
    # A side may be ready before the other has looked up who it is talking to: what comes then waits in `_early`.
    State.STANDING: (
        m.Summary,
        m.Nudge,
        m.Announce,
        m.Have,
        m.Refuse,
    ),
    State.READY: (
        m.Summary,
        m.Ask,
        m.Items,
        m.Want,
        m.Totals,
        m.Headers,
        m.Payloads,
        m.Packed,
        m.Sent,
        m.Credit,
        m.Have,
        m.Announce,
        m.Nudge,
        m.Refuse,
    ),
    State.ENDED: (),
}
"""Which messages may come in which state; any other ends the session and changes nothing."""


class Session:
    """One session; every method returns the commands that follow from it."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.state = State.HELLO
        self.standing: Standing = "member"
        self.round = Round.IDLE
        self._out: list[Command] = []
        self._their_nonce = b""
        self._early: list[m.Message] = []
        self._early_bytes = 0
        self._sending = Sending()
        self._receiving = Receiving(party.circuit)
        self._faults = 0
        self._purpose: list[m.Summary | m.Ask | Literal["start"]] = []
        self._ours: list[Item] = []
        self._theirs: list[Item] = []
        self._their_buckets: set[int] = set()
        self._asked: tuple[int, ...] = ()
        self._digests = b""
        self._circuit_rounds = 0
        self._again = False
        self._sent_seen = False
        self._waiting_summary: m.Summary | None = None
        self._wants: list[tuple[bytes, int, int]] = []
        self.peer_has: dict[tuple[bytes, int], int] = {}

    # What the driver calls

    def start(self) -> list[Command]:
        """Begin: both sides say hello."""
        self._send(self.party.hello())
        return self._flush()

    def frame(self, data: bytes) -> list[Command]:
        """Take a frame from the peer."""
        try:
            self._message(m.read_message(data), len(data))
        except PeerFault as fault:
            self._break(fault)
        return self._flush()

    def over(self) -> None:
        """Say that the stream has ended: what is still under way leads to nothing."""
        self.state = State.ENDED

    def stand(self, standing: Standing | None, refusal: str = "unknown_author") -> list[Command]:
        """Say who the peer is; None refuses it with the code `refusal`."""
        if self.state is not State.STANDING:
            return []
        if standing is None:
            self._end(refusal)
            return self._flush()
        self.standing = standing
        self.state = State.READY
        if self.party.dialer:
            self._start_round()
        try:
            self._take_early()
        except PeerFault as fault:
            self._break(fault)
        return self._flush()

    def sync(self) -> list[Command]:
        """Start a round, or ask the other side to."""
        if self.state is State.READY:
            self._sync()
        return self._flush()

    def announce(self, run: Run, payloads: Sequence[bytes]) -> list[Command]:
        """Tell the peer what is new, unless it is known to have it or may not have it."""
        key, last = (run.author, run.log), run.first + len(run.lines) - 1
        if self.state is State.READY and run.log in self._allowed() and self.peer_has.get(key, 0) < last:
            self.peer_has[key] = last
            self._send(m.Announce(run, list(payloads)))
        return self._flush()

    def frontier(self, items: list[Item]) -> list[Command]:
        """Give the frontier that `LoadFrontier` asked for."""
        if self.state is State.READY and self._purpose:
            purpose = self._purpose.pop(0)
            self._ours = [item for item in items if item.log in self._allowed()]
            match purpose:
                case "start":
                    self._send(self._summary())
                case m.Summary():
                    self._answer_summary(purpose)
                case m.Ask():
                    self._answer_ask(purpose)
        return self._flush()

    def loaded(self, run: Run | None, payloads: Sequence[bytes]) -> list[Command]:
        """Give the run that `LoadRun` asked for, None when there is none (any more)."""
        if self.state is State.READY:
            self._transfer(self._sending.loaded(run, payloads))
        return self._flush()

    def committed(self, run: CheckedRun, size: int, fault: str | None) -> list[Command]:
        """Say that a run was taken, or why it was not; `size` is that of the `Commit`."""
        if self.state is not State.READY:
            return []
        self._out += self._receiving.committed(run, size)
        if fault is None:
            self.peer_has[run.author, run.log] = max(self.peer_has.get((run.author, run.log), 0), run.last)
            self._send(m.Have([(run.author, run.log, run.last)]))
        else:
            self._not_taken(run, fault, announced=not size)
        self._advance()
        return self._flush()

    def _not_taken(self, run: CheckedRun, fault: str, *, announced: bool) -> None:
        """Draw the consequence of a refusal: ask for what is missing, leave it lying, or make the peer pay."""
        if announced and fault in {"gap", "unknown_author"}:
            # What lies before it, or who its author is, is still on its way: a round brings it in the right order.
            self._sync()
        elif fault in DROPPED:
            self._receiving.skipped.add((run.author, run.log))
        elif fault != "gap":
            self._receiving.skipped.add((run.author, run.log))
            self._bear(fault)

    # What the peer says

    def _message(self, message: m.Message, size: int) -> None:
        if not isinstance(message, MAY_COME[self.state]):
            raise PeerFault("bad_message")
        match message:
            case m.Refuse(code):
                self.state = State.ENDED
                self._out.append(End(_plain(code), theirs=True))
            case _ if self.state is State.STANDING:
                self._keep_early(message, size)
            case m.Hello():
                self._on_hello(message)
            case m.Proof():
                self._on_proof(message)
            case m.Headers() | m.Payloads() | m.Packed():
                self._take(self._receiving.frame(message, m.cost(message, size), self._allowed()))
            case m.Totals() | m.Sent() | m.Credit():
                self._on_transfer_message(message)
            case _:
                self._on_round_message(message)

    def _keep_early(self, message: m.Message, size: int) -> None:
        """Keep what comes before we know who the peer is; too many announcements are dropped, since they are hints."""
        self._early_bytes += size
        if self._early_bytes <= EARLY_BYTES:
            self._early.append(message)
        elif isinstance(message, m.Summary):
            raise PeerFault("bad_message")

    def _take_early(self) -> None:
        early, self._early = self._early, []
        for message in early:
            self._message(message, 0)
        if self._early_bytes > EARLY_BYTES:
            self._sync()

    def _on_hello(self, hello: m.Hello) -> None:
        self.party.check_hello(hello)
        self._their_nonce = hello.nonce
        self.state = State.PROOF
        self._send(self.party.prove(hello.nonce))

    def _on_proof(self, proof: m.Proof) -> None:
        found = self.party.check_proof(self._their_nonce, proof)
        self.state = State.STANDING
        self._out.append(found)

    # Rounds

    def _allowed(self) -> tuple[int, ...]:
        return CIRCUIT if self.standing == "joiner" else CIRCUIT + REST

    def _start_round(self) -> None:
        self.round = Round.SUMMARY
        self._load("start")

    def _sync(self) -> None:
        """Start a round; during one, note that another is needed; on the answering side, ask for one."""
        if not self.party.dialer:
            self._send(m.Nudge())
        elif self.round is Round.IDLE:
            self._start_round()
        else:
            self._again = True

    def _load(self, purpose: "m.Summary | m.Ask | Literal['start']") -> None:
        self._purpose.append(purpose)
        self._out.append(LoadFrontier())

    def _summary(self) -> m.Summary:
        parts = [[item for item in self._ours if item.log == log] for log in self._allowed()]
        return m.Summary([(len(part), frontier_digest(part)) for part in parts])

    def _on_round_message(self, message: m.Message) -> None:
        match message:
            case m.Summary():
                self._on_summary(message)
            case m.Ask():
                self._on_ask(message)
            case m.Items():
                self._on_items(message)
            case m.Want():
                self._on_want(message)
            case m.Have(logs):
                self._note(tuple(logs))
            case m.Announce():
                self._on_announce(message)
            case m.Nudge() if self.party.dialer:
                self._sync()
            case _:
                raise PeerFault("bad_message")

    def _on_transfer_message(self, message: m.Totals | m.Sent | m.Credit) -> None:
        match message:
            case m.Totals(entries):
                self._receiving.expect(entries)
            case m.Sent():
                self._sent_seen = True
                self._advance()
            case m.Credit(size):
                self._transfer(self._sending.refill(size))

    def _on_summary(self, summary: m.Summary) -> None:
        if len(summary.classes) != len(self._allowed()):
            raise PeerFault("bad_message")
        if self.party.dialer:
            if self.round is not Round.SUMMARY or self._purpose:
                raise PeerFault("bad_message")
            self._decide(self._equal_classes(summary))
            return
        self._require_idle()
        self._sent_seen = False
        self._receiving.skipped.clear()
        if self._receiving.commits:
            self._waiting_summary = summary
        else:
            self._load(summary)

    def _require_idle(self) -> None:
        """On the answering side: make sure that nothing we were asked for before is still open."""
        if self.party.dialer or self._purpose or self._waiting_summary or self._sending.open:
            raise PeerFault("bad_message")

    def _on_ask(self, ask: m.Ask) -> None:
        if not set(ask.logs) <= set(self._allowed()) or len(ask.digests) % 8 or len(ask.digests) > 8 * 1024:
            raise PeerFault("bad_message")
        self._require_idle()
        self._load(ask)

    def _equal_classes(self, summary: m.Summary) -> list[bool]:
        """Compare a summary with ours, and take note that the peer has what is equal."""
        equal = [mine == theirs for mine, theirs in zip(self._summary().classes, summary.classes, strict=True)]
        held = tuple((item.author, item.log, item.seq) for item in self._ours if equal[item.log])
        if held:
            self._note(held)
        return equal

    def _answer_summary(self, summary: m.Summary) -> None:
        equal = self._equal_classes(summary)
        self._send(self._summary())
        if all(equal):
            self._out.append(Settled())

    def _decide(self, equal: list[bool]) -> None:
        """Choose what to ask for: logs 0 until the circuit agrees, then the others."""
        if not equal[0] and self._circuit_rounds < CIRCUIT_ROUNDS:
            self._circuit_rounds += 1
            self._ask(CIRCUIT)
        elif not all(equal[1:]):
            self._ask(REST)
        else:
            self._finish_round()

    def _ask(self, logs: tuple[int, ...]) -> None:
        self._asked = logs
        self._theirs.clear()
        self._their_buckets.clear()
        ours = [item for item in self._ours if item.log in logs]
        buckets = bucket_count(len(ours))
        self._digests = bucket_digests(ours, buckets, self._salt()) if buckets else b""
        self.round = Round.ITEMS
        self._send(m.Ask(list(logs), self._digests))

    def _salt(self) -> bytes:
        return self.party.salt(self._their_nonce)

    def _answer_ask(self, ask: m.Ask) -> None:
        ours = [item for item in self._ours if item.log in ask.logs]
        found, buckets = differing(ours, ask.digests, self._salt())
        self._wants.clear()
        for message in m.write_items(found, sorted(buckets)):
            self._send(message)

    def _on_items(self, message: m.Items) -> None:
        if self.round is not Round.ITEMS or len(self._theirs) > MAX_ITEMS:
            raise PeerFault("bad_message")
        self._their_buckets.update(message.buckets)
        self._theirs += [Item(author, *rest) for author, logs in message.authors for rest in logs]
        if message.last:
            self._exchange()

    def _exchange(self) -> None:
        """Compare item by item: say what we want, and send what the peer lacks."""
        theirs = {(item.author, item.log): item for item in self._theirs if item.log in self._asked}
        ours = {(item.author, item.log): item for item in self._ours if item.log in self._asked}
        wants = [
            (*key, ours[key].seq if key in ours else 0) for key, item in theirs.items() if _ahead(item, ours.get(key))
        ]
        buckets = len(self._digests) // 8
        lacking: list[Stretch] = [
            (*key, theirs[key].seq if key in theirs else 0, item.seq)
            for key, item in ours.items()
            if _ahead(item, theirs.get(key))
            and (not buckets or bucket_of(item.author, buckets, self._salt()) in self._their_buckets)
        ]
        self.round = Round.EXCHANGE
        self._sent_seen = False
        for start in range(0, max(len(wants), 1), WANT_PER_FRAME):
            self._send(m.Want(wants[start : start + WANT_PER_FRAME], last=start + WANT_PER_FRAME >= len(wants)))
        self._transfer(self._sending.begin(lacking))

    def _on_want(self, want: m.Want) -> None:
        self._require_idle()
        if len(self._wants) > MAX_ITEMS:
            raise PeerFault("bad_message")
        self._wants += want.logs
        if not want.last:
            return
        have = {(author, log): seq for author, log, seq in self._wants}
        self._wants = []
        allowed = self._allowed()
        lacking: list[Stretch] = [
            (item.author, item.log, have[item.author, item.log], item.seq)
            for item in self._ours
            if item.log in allowed and have.get((item.author, item.log), item.seq) < item.seq
        ]
        self._transfer(self._sending.begin(lacking))

    def _transfer(self, commands: list[Command]) -> None:
        """Send on, and go on with the round if that was the last of it."""
        self._out += commands
        if commands and not self._sending.open:
            self._advance()

    def _take(self, commands: list[Command]) -> None:
        """Carry on with what arrived, and put up with what was refused of it, but not too often."""
        self._out += commands
        for command in commands:
            if isinstance(command, Faulty):
                self._bear(command.code)

    def _advance(self) -> None:
        """Go on once everything that came has been committed and everything that was wanted has been sent."""
        if self._receiving.commits:
            return
        if self._waiting_summary:
            summary, self._waiting_summary = self._waiting_summary, None
            self._load(summary)
        if self.round is Round.EXCHANGE and self._sent_seen and not self._sending.open:
            if self._asked == CIRCUIT:
                self._start_round()
            else:
                self._finish_round()
        elif not self.party.dialer and self._sent_seen and not self._sending.open:
            self._sent_seen = False
            self._out.append(Settled())

    def _finish_round(self) -> None:
        self.round = Round.IDLE
        self._circuit_rounds = 0
        self._receiving.skipped.clear()
        self._out.append(Settled())
        if self._again:
            self._again = False
            self._start_round()

    # Announcements, and small things

    def _on_announce(self, message: m.Announce) -> None:
        run = message.run
        key, last = (run.author, run.log), run.first + len(run.lines) - 1
        if run.log not in self._allowed():
            raise PeerFault("bad_message")
        try:
            checked = check_run(self.party.circuit, run)
            payloads = [payload or None for payload in message.payloads]
            taken = self._receiving.announced(checked, payloads) if payloads else []
        except PeerFault as fault:
            self._take([Faulty(fault.code)])
            return
        self.peer_has[key] = max(self.peer_has.get(key, 0), last)
        self._take(taken)
        if not taken:
            self._sync()

    def _bear(self, code: str) -> None:
        """Put up with a broken rule, but not too often."""
        self._faults += 1
        if self._faults >= FAULTS_BORNE:
            self._end(code)

    def _break(self, fault: PeerFault) -> None:
        """End the session over a broken rule; before the proof it is nobody's fault that would be worth a note."""
        if self.state in {State.STANDING, State.READY}:
            self._out.append(Faulty(fault.code))
        self._end(fault.code)

    def _note(self, logs: tuple[tuple[bytes, int, int], ...]) -> None:
        if len(self.peer_has) + len(logs) > 2 * MAX_ITEMS:
            raise PeerFault("bad_message")
        for author, log, seq in logs:
            self.peer_has[author, log] = max(self.peer_has.get((author, log), 0), seq)
        self._out.append(Held(logs))

    def _send(self, message: m.Message) -> None:
        self._out.append(Send(encode(message)))

    def _end(self, code: str) -> None:
        if self.state is not State.ENDED:
            self.state = State.ENDED
            self._send(m.Refuse(code))
            self._out.append(End(code))

    def _flush(self) -> list[Command]:
        commands, self._out = self._out, []
        return commands


def _plain(code: str) -> str:
    """Return a peer's code if it is one word of ASCII, as all codes are, so that nobody writes into our log."""
    return code if code.isascii() and code.isidentifier() and len(code) <= 40 else "refused"


def _ahead(item: Item, other: Item | None) -> bool:
    return other is None or item.seq > other.seq
