"""A session between two nodes: a pure state machine. Frames and results go in, commands come out; no I/O, no clock.

First the proof of devices, then rounds: the dialer asks (summary, buckets, items), each side sends what the other
lacks, logs 0 to the end before the others. Between rounds both sides announce what is new. Announcements are hints;
rounds are the guarantee. Where logs turn out to be forked, the place is searched for and the proof travels.
"""

from collections.abc import Callable, Sequence
from typing import ParamSpec

from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.frontier import Item
from foodhub.log.run import CheckedRun, Run, check_run
from foodhub.p2p import messages as m
from foodhub.p2p.bisecting import Bisecting
from foodhub.p2p.commands import CheckStanding, Command, End, Faulty, Held, Look, Outbox, Standing
from foodhub.p2p.lacking import Payload, Wanted
from foodhub.p2p.proof import Party
from foodhub.p2p.rounds import CIRCUIT, MAX_ITEMS, REST, Rounds, Stage
from foodhub.p2p.states import MAY_COME, State
from foodhub.p2p.transfer import Receiving, Sending

__all__ = ["Session", "State"]
P = ParamSpec("P")
EARLY_BYTES = 256 * 1024
"""Bytes kept while we look up who the peer is; a round brings what comes beyond."""
FAULTS_BORNE = 16
"""So many refused runs in one session, and it ends: the peer pays, not we."""
DROPPED = frozenset(
    {"unknown_author", "above_limit", "forked", "branched", "unsigned", "own_log", "bad_version", "not_taken"}
)
"""Why a run is left lying though its sender broke no rule: it passes on what others wrote, or the failure is ours."""


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
        self._bisecting = Bisecting(self._out, self._sync)
        self.rounds = Rounds(
            self._out, self._sending, self._receiving, self._note, self._bisecting.search, self._look_again
        )
        self._proved: CheckStanding | None = None
        self._last_look = False
        self._faults = 0
        self._forked: set[tuple[bytes, int]] = set()
        self._outdated = False
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
        return self._do(self._frame, data)

    def over(self) -> None:
        """Say that the stream has ended: what is still under way leads to nothing."""
        self.state = State.ENDED

    def stand(self, standing: Standing | None, refusal: str = "unknown_author") -> list[Command]:
        """Say who the peer is, or who a stranger is by now; None refuses it with the code `refusal`."""
        again = self.state is State.STRANGER and self.rounds.stage is Stage.LOOKING
        if not again and self.state is not State.STANDING:
            return []
        if standing is None or (again and standing == "stranger" and self._last_look):
            self._end(refusal or "unknown_author")
            return self._flush()
        if not (again and standing == "stranger"):
            self._begin(standing)
        if self.party.dialer:
            self.rounds.start()
        return self._do(self._take_early)

    def _begin(self, standing: Standing) -> None:
        """Take the measure of what the peer may say and be told."""
        self.standing = standing
        self.state = State.STRANGER if standing == "stranger" else State.READY
        salt = self.party.salt(self._their_nonce)
        self.rounds.prepare(dialer=self.party.dialer, salt=salt, takes=self._takes(), gives=self._gives())
        self._bisecting.prepare(self._gives())

    def _look_again(self, last: bool) -> None:
        """Ask who a stranger is, now that logs 0 came; after the `last` look it has to be known."""
        assert self._proved is not None
        self._last_look = last
        self._out.add(self._proved)

    def refuse(self, code: str) -> list[Command]:
        """End the session because the peer has no standing any more, and why."""
        self._end(code)
        return self._flush()

    def sync(self) -> list[Command]:
        """Start a round, or ask the other side to."""
        return self._when_ready(self._sync)

    def announce(self, run: Run, payloads: Sequence[bytes]) -> list[Command]:
        """Tell the peer what is new, unless it is known to have it or may not have it."""
        key, last = (run.author, run.log), run.first + len(run.lines) - 1
        if self.state is State.READY and run.log in self._gives() and self.peer_has.get(key, 0) < last:
            self.peer_has[key] = last
            self._out.send(m.Announce(run, list(payloads)))
        return self._flush()

    def tell_forks(self, proofs: Sequence[ForkProof]) -> list[Command]:
        """Tell the peer of fork proofs that are new here, unless it has them or may not have them."""
        return self._when_ready(self.rounds.limits.tell, proofs)

    def frontier(self, items: list[Item]) -> list[Command]:
        """Give the frontier that `LoadFrontier` asked for."""
        return self._when_ready(self.rounds.frontier, items)

    def loaded(self, run: Run | None, payloads: Sequence[bytes]) -> list[Command]:
        """Give the run that `LoadRun` asked for, None when there is none (any more)."""
        return self._when_ready(lambda: self.rounds.transfer(self._sending.loaded(run, payloads)))

    def ids(self, ids: Sequence[bytes]) -> list[Command]:
        """Give the ids that `LoadIds` asked for, in its order."""
        return self._when_ready(self._bisecting.ids, ids)

    def branch(self, run: Run | None) -> list[Command]:
        """Give the headers that `LoadBranch` asked for, None when there are none."""
        return self._when_ready(self._bisecting.branch, run)

    def branch_taken(self, code: str | None) -> list[Command]:
        """Say that `TakeBranch` made a fork proof (None), or why it made none."""
        return self._when_ready(self._branch_taken, code)

    def forks(self, proofs: Sequence[ForkProof]) -> list[Command]:
        """Give the proofs that `LoadForks` asked for: those that there are."""
        return self._when_ready(self.rounds.forks, proofs)

    def forks_taken(self, codes: Sequence[str | None]) -> list[Command]:
        """Say of each proof of `TakeForks` that it holds (None), or why not."""
        return self._when_ready(self._forks_taken, codes)

    def wanted(self, places: Sequence[Wanted]) -> list[Command]:
        """Give the places (author, log, seqs) that `LoadWanted` asked for."""
        return self._when_ready(self.rounds.lacking.wanted, places)

    def payloads(self, found: Sequence[Payload]) -> list[Command]:
        """Give those payloads (author, log, seq, payload) that `LoadPayloads` asked for and that are held."""
        return self._when_ready(self.rounds.lacking.payloads, found)

    def payloads_taken(self, count: int) -> list[Command]:
        """Say how many of the payloads of `TakePayloads` were wanted, right and so taken."""
        return self._when_ready(self.rounds.lacking.taken, count)

    def committed(self, run: CheckedRun, size: int, fault: str | None) -> list[Command]:
        """Say that a run was taken, or why it was not; `size` is that of the `Commit`."""
        return self._when_ready(self._committed, run, size, fault)

    # What came of the commands

    def _when_ready(self, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> list[Command]:
        """Go on with what came of a command, unless the session has ended."""
        under_way = self.state in {State.STRANGER, State.READY}
        return self._do(act, *args, **kwargs) if under_way else self._flush()

    def _do(self, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> list[Command]:
        """Return the commands that follow from an act; a rule that it finds broken ends the session."""
        try:
            act(*args, **kwargs)
        except PeerFault as fault:
            self._break(fault)
        return self._flush()

    def _sync(self) -> None:
        self.rounds.sync()

    def _branch_taken(self, code: str | None) -> None:
        self._bisecting.taken(code)
        if code is not None and code not in DROPPED:
            self._bear(code)

    def _forks_taken(self, codes: Sequence[str | None]) -> None:
        """Bear with proofs that do not hold; after one that was new, both sides may have more for each other."""
        news, refused = self.rounds.limits.taken(codes)
        for code in refused:
            if code not in DROPPED:
                self._bear(code)
        self.rounds.advance()
        if news:
            self.rounds.sync()

    def _committed(self, run: CheckedRun, size: int, fault: str | None) -> None:
        self._out.extend(self._receiving.committed(run, size))
        if fault is None:
            self.peer_has[run.author, run.log] = max(self.peer_has.get((run.author, run.log), 0), run.last)
            self._out.send(m.Have([(run.author, run.log, run.last)]))
        else:
            self._not_taken(run, fault, announced=not size)
        self.rounds.advance()

    def _not_taken(self, run: CheckedRun, fault: str, *, announced: bool) -> None:
        """Draw the consequence of a refusal: ask for what is missing, leave it lying, or make the peer pay."""
        if announced and fault in {"gap", "unknown_author"}:
            # What lies before it, or who its author is, is still on its way: a round brings it in the right order.
            self.rounds.sync()
        elif fault in DROPPED:
            self._receiving.skipped.add((run.author, run.log))
            self._look_for_fork(run, fault)
            if fault in {"above_limit", "unknown_author"}:
                # Of a log that forks at its first entry nothing counts, so no item tells of it.
                self.rounds.limits.offer((run.author, run.log))
        elif fault != "gap":
            self._receiving.skipped.add((run.author, run.log))
            self._bear(fault)

    def _look_for_fork(self, run: CheckedRun, fault: str) -> None:
        """Search for a fork that lies below a run; of one that the store could prove at once tell in another round."""
        if fault == "branched":
            self._bisecting.search(run.author, run.log, run.first - 1)
        elif fault == "forked" and (run.author, run.log) not in self._forked:
            self._forked.add((run.author, run.log))
            self.rounds.sync()

    # What the peer says

    def _frame(self, data: bytes) -> None:
        try:
            message = m.read_message(data)
        except PeerFault:
            if self.state is State.HELLO and m.is_newer(data):
                raise PeerFault("bad_version") from None
            raise
        self._message(message, len(data))

    def _message(self, message: m.Message, size: int) -> None:
        if not self._is_heard(message):
            return
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
                self._take(self._receiving.frame(message, m.cost(message, size), self._takes()))
            case m.Have(logs):
                self._note(tuple(logs))
            case m.Announce():
                self._on_announce(message)
            case m.Forks():
                self.rounds.limits.take(message, size)
            case _:
                self._on_rest(message)

    def _is_heard(self, message: m.Message) -> bool:
        """Make sure that a message may come now, and say whether we hear it.

        Of a stranger we do not: what it has, what is new there, and proofs of other logs than 0. Whatever is lost with
        that, a round brings or asks for.
        """
        if not isinstance(message, MAY_COME[self.state]):
            raise PeerFault("bad_message")
        if self.state is not State.STRANGER:
            return True
        if isinstance(message, m.Forks):
            return {proof.one.log for proof in message.proofs} <= set(CIRCUIT)
        return not isinstance(message, m.Have | m.Announce)

    def _on_rest(self, message: m.Message) -> None:
        if isinstance(message, m.Probe | m.Ids | m.Show | m.Branch):
            self._bisecting.take(message)
        else:
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
        missed, self._early_bytes = self._early_bytes > EARLY_BYTES, 0
        for message in early:
            self._message(message, 0)
        if missed:
            self.rounds.sync()

    def _on_hello(self, hello: m.Hello) -> None:
        self.party.check_hello(hello)
        self._their_nonce = hello.nonce
        self.state = State.PROOF
        self._out.send(self.party.prove(hello.nonce))

    def _on_proof(self, proof: m.Proof) -> None:
        found = self.party.check_proof(self._their_nonce, proof)
        self.state = State.STANDING
        self._proved = found
        self._out.add(found)

    def _takes(self) -> tuple[int, ...]:
        return CIRCUIT + REST if self.standing == "member" else CIRCUIT

    def _gives(self) -> tuple[int, ...]:
        return () if self.standing == "stranger" else self._takes()

    def _take(self, commands: list[Command]) -> None:
        """Carry on with what arrived, and put up with what was refused of it, but not too often.

        What only a newer program can read is told of once, and nobody is to blame for it.
        """
        for command in commands:
            newer = isinstance(command, Faulty) and command.code == "bad_version"
            if not (newer and self._outdated):
                self._out.add(command)
            if isinstance(command, Faulty) and not newer:
                self._bear(command.code)
            self._outdated = self._outdated or newer

    # Announcements, and small things

    def _on_announce(self, message: m.Announce) -> None:
        run = message.run
        key, last = (run.author, run.log), run.first + len(run.lines) - 1
        if run.log not in self._takes():
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
        if self.state in {State.STANDING, State.STRANGER, State.READY}:
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
