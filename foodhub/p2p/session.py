"""A session between two nodes: a pure state machine. Frames and results go in, commands come out; no I/O, no clock.

First the proof of devices, then rounds: the dialer asks (summary, buckets, items), each side sends what the other
lacks, logs 0 to the end before the others. Between rounds both sides announce what is new. Announcements are hints;
rounds are the guarantee.
"""

from collections.abc import Sequence
from enum import Enum, auto

from foodhub.log.faults import PeerFault
from foodhub.log.frontier import Item
from foodhub.log.run import CheckedRun, Run, check_run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Command, End, Faulty, Held, Look, Outbox, Standing
from foodhub.p2p.proof import Party
from foodhub.p2p.rounds import CIRCUIT, MAX_ITEMS, REST, Rounds
from foodhub.p2p.transfer import Receiving, Sending

EARLY_BYTES = 256 * 1024
"""Bytes kept while we look up who the peer is; a round brings what comes beyond."""
FAULTS_BORNE = 16
"""So many refused runs in one session, and it ends: the peer pays, not we."""
DROPPED = frozenset({"unknown_author", "above_limit", "forked", "own_log", "not_taken"})
"""Why a run is left lying though its sender broke no rule: it passes on what others wrote, or the failure is ours."""


class State(Enum):
    """Where a session stands."""

    HELLO = auto()
    PROOF = auto()
    STANDING = auto()
    READY = auto()
    ENDED = auto()


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
        self._out = Outbox()
        self._their_nonce = b""
        self._early: list[m.Message] = []
        self._early_bytes = 0
        self._sending = Sending()
        self._receiving = Receiving(party.circuit)
        self.rounds = Rounds(self._out, self._sending, self._receiving, self._note)
        self._faults = 0
        self.peer_has: dict[tuple[bytes, int], int] = {}

    # What the driver calls

    @property
    def ahead(self) -> int:
        """How many entries are still to be sent in this round."""
        return self._sending.owed

    def start(self) -> list[Command]:
        """Begin: both sides say hello."""
        self._out.send(self.party.hello())
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
        salt = self.party.salt(self._their_nonce)
        self.rounds.prepare(dialer=self.party.dialer, allowed=self._allowed(), salt=salt)
        if self.party.dialer:
            self.rounds.start()
        try:
            self._take_early()
        except PeerFault as fault:
            self._break(fault)
        return self._flush()

    def sync(self) -> list[Command]:
        """Start a round, or ask the other side to."""
        if self.state is State.READY:
            self.rounds.sync()
        return self._flush()

    def announce(self, run: Run, payloads: Sequence[bytes]) -> list[Command]:
        """Tell the peer what is new, unless it is known to have it or may not have it."""
        key, last = (run.author, run.log), run.first + len(run.lines) - 1
        if self.state is State.READY and run.log in self._allowed() and self.peer_has.get(key, 0) < last:
            self.peer_has[key] = last
            self._out.send(m.Announce(run, list(payloads)))
        return self._flush()

    def frontier(self, items: list[Item]) -> list[Command]:
        """Give the frontier that `LoadFrontier` asked for."""
        if self.state is State.READY:
            self.rounds.frontier(items)
        return self._flush()

    def loaded(self, run: Run | None, payloads: Sequence[bytes]) -> list[Command]:
        """Give the run that `LoadRun` asked for, None when there is none (any more)."""
        if self.state is State.READY:
            self.rounds.transfer(self._sending.loaded(run, payloads))
        return self._flush()

    def committed(self, run: CheckedRun, size: int, fault: str | None) -> list[Command]:
        """Say that a run was taken, or why it was not; `size` is that of the `Commit`."""
        if self.state is not State.READY:
            return []
        self._out.extend(self._receiving.committed(run, size))
        if fault is None:
            self.peer_has[run.author, run.log] = max(self.peer_has.get((run.author, run.log), 0), run.last)
            self._out.send(m.Have([(run.author, run.log, run.last)]))
        else:
            self._not_taken(run, fault, announced=not size)
        self.rounds.advance()
        return self._flush()

    def _not_taken(self, run: CheckedRun, fault: str, *, announced: bool) -> None:
        """Draw the consequence of a refusal: ask for what is missing, leave it lying, or make the peer pay."""
        if announced and fault in {"gap", "unknown_author"}:
            # What lies before it, or who its author is, is still on its way: a round brings it in the right order.
            self.rounds.sync()
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
                self._out.add(End(_plain(code), theirs=True))
            case _ if self.state is State.STANDING:
                self._keep_early(message, size)
            case m.Hello():
                self._on_hello(message)
            case m.Proof():
                self._on_proof(message)
            case m.Headers() | m.Payloads() | m.Packed():
                self._take(self._receiving.frame(message, m.cost(message, size), self._allowed()))
            case m.Have(logs):
                self._note(tuple(logs))
            case m.Announce():
                self._on_announce(message)
            case _:
                self.rounds.take(message)

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
            self.rounds.sync()

    def _on_hello(self, hello: m.Hello) -> None:
        self.party.check_hello(hello)
        self._their_nonce = hello.nonce
        self.state = State.PROOF
        self._out.send(self.party.prove(hello.nonce))

    def _on_proof(self, proof: m.Proof) -> None:
        found = self.party.check_proof(self._their_nonce, proof)
        self.state = State.STANDING
        self._out.add(found)

    def _allowed(self) -> tuple[int, ...]:
        return CIRCUIT if self.standing == "joiner" else CIRCUIT + REST

    def _take(self, commands: list[Command]) -> None:
        """Carry on with what arrived, and put up with what was refused of it, but not too often."""
        self._out.extend(commands)
        for command in commands:
            if isinstance(command, Faulty):
                self._bear(command.code)

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
        if not payloads:
            # The newest header alone comes from every neighbour: only who lacks the entry needs a round.
            self._out.add(Look(*key, last))
        elif not taken:
            self.rounds.sync()

    def _bear(self, code: str) -> None:
        """Put up with a broken rule, but not too often."""
        self._faults += 1
        if self._faults >= FAULTS_BORNE:
            self._end(code)

    def _break(self, fault: PeerFault) -> None:
        """End the session over a broken rule; before the proof it is nobody's fault that would be worth a note."""
        if self.state in {State.STANDING, State.READY}:
            self._out.add(Faulty(fault.code))
        self._end(fault.code)

    def _note(self, logs: tuple[tuple[bytes, int, int], ...]) -> None:
        if len(self.peer_has) + len(logs) > 2 * MAX_ITEMS:
            raise PeerFault("bad_message")
        for author, log, seq in logs:
            self.peer_has[author, log] = max(self.peer_has.get((author, log), 0), seq)
        self._out.add(Held(logs))

    def _end(self, code: str) -> None:
        if self.state is not State.ENDED:
            self.state = State.ENDED
            self._out.send(m.Refuse(code))
            self._out.add(End(code))

    def _flush(self) -> list[Command]:
        return self._out.flush()


def _plain(code: str) -> str:
    """Return a peer's code if it is one word of ASCII, as all codes are, so that nobody writes into our log."""
    return code if code.isascii() and code.isidentifier() and len(code) <= 40 else "refused"
