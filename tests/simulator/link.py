"""One end of a wire: a session and what it waits for. It does what `foodhub.p2p.link` does, under virtual time."""

from typing import TYPE_CHECKING

from foodhub.log.forks import ForkProof
from foodhub.log.run import Run
from foodhub.node.exchange import met
from foodhub.p2p.commands import (
    CheckStanding,
    Command,
    Commit,
    End,
    Faulty,
    Held,
    Load,
    LoadBranch,
    LoadForks,
    LoadFrontier,
    LoadIds,
    LoadPayloads,
    LoadRun,
    LoadWanted,
    Look,
    Progress,
    Send,
    Settled,
    TakeBranch,
    TakeForks,
    TakePayloads,
)
from foodhub.p2p.limits import KNOWN
from foodhub.p2p.proof import Party
from foodhub.p2p.session import DROPPED, Session, State
from tests.simulator.wire import Tamper, Wire

if TYPE_CHECKING:
    from tests.simulator.node import Node

READING = (0.1, 8.0)
"""Ms that it takes to read something."""
Read = CheckStanding | Load
Aside = TakeBranch | TakeForks | TakePayloads
"""What is written beside runs."""
DOOR = {"invite_unknown", "invite_used", "invite_revoked", "invite_expired"}
ORDINARY = DROPPED | DOOR | {"gap", "other_circuit", "device_retired", "member_removed"}
"""What honest nodes may say of each other without either being at fault."""


class Link:
    """A session on one end of a wire; `accused` is told what the session says the peer did wrong."""

    def __init__(self, node: "Node", peer: "Node", wire: Wire, party: Party) -> None:
        self.node = node
        self.peer = peer
        self.wire = wire
        self.party = party
        self.began = node.clock.now
        self.session = Session(party)
        self.tamper: Tamper | None = node.tamper
        self.closed = False
        self.heard = False
        self.committing = 0
        """Payload bytes that wait for their commit."""
        self._reads_done = 0.0

    def start(self) -> None:
        """Say hello."""
        self._obey(self.session.start())

    def receive(self, frame: bytes) -> None:
        """Take a frame from the wire."""
        if not self.closed:
            self._obey(self.session.frame(frame))

    def lost(self) -> None:
        """Notice that the wire has ended."""
        if not self.closed:
            self.closed = True
            self.session.over()
            self.node.unlink(self)

    def close(self) -> None:
        """End the link from this side."""
        if not self.closed:
            self.wire.close(self)
            self.lost()

    def sync(self) -> None:
        """Start a round."""
        self._obey(self.session.sync())

    def tell(self, run: Run, payloads: list[bytes]) -> None:
        """Announce a run with its payloads."""
        self._obey(self.session.announce(run, payloads))

    def tell_forks(self, proofs: list[ForkProof]) -> None:
        """Tell of fork proofs."""
        self._obey(self.session.tell_forks(proofs))

    def committed(self, command: Commit, fault: str | None) -> None:
        """Say what came of a commit."""
        self.committing -= sum(command.run.sizes)
        if self.closed:
            return
        self._obey(self.session.committed(command.run, command.size, self._note(fault)))

    def take(self, command: Aside) -> None:
        """Hand the disk what came beside runs."""
        disk, session, peer = self.node.disk, self.session, self.peer.name
        match command:
            case TakeBranch(run):
                self._obey(session.branch_taken(self._note(disk.take_branch(run, peer))))
            case TakeForks(proofs):
                self._obey(session.forks_taken([self._note(code) for code in disk.take_forks(proofs, peer)]))
            case TakePayloads(payloads):
                self._obey(session.payloads_taken(disk.take_payloads(payloads, peer)))

    def _note(self, code: str | None) -> str | None:
        """Pass a verdict of the disk on, and note whom it is against."""
        if code is not None and code not in ORDINARY and code != KNOWN:
            self.node.accuse(self.peer, code)
        return code

    def _obey(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Send(frame):
                    self.wire.send(self, frame)
                case Commit():
                    self.committing += sum(command.run.sizes)
                    self.node.take(self, command)
                case TakeBranch() | TakeForks() | TakePayloads():
                    self.node.take_aside(self, command)
                case Held() | Settled() | Progress():
                    self._pass_on(command)
                case Faulty(code):
                    self.node.accuse(self.peer, code)
                case End(code):
                    if code not in ORDINARY:
                        self.node.accuse(self.peer, code)
                    self.close()
                case _:
                    self._read_later(command)

    def _pass_on(self, command: Held | Settled | Progress) -> None:
        match command:
            case Held(logs):
                self.node.heard(list(logs))
            case Settled():
                self.node.settled()

    def _read_later(self, command: Read) -> None:
        clock = self.node.clock
        self._reads_done = max(self._reads_done, clock.now) + self.node.chance.uniform(*READING)
        clock.at(self._reads_done, lambda: None if self.closed else self._read(command))

    def _read(self, command: Read) -> None:
        """Read what the session asked for, and hand it over."""
        disk, session = self.node.disk, self.session
        match command:
            case LoadFrontier():
                self._obey(session.frontier(disk.frontier()))
            case LoadRun(author, log, after):
                self._obey(session.loaded(*(disk.run(author, log, after) or (None, ()))))
            case LoadWanted(most):
                self._obey(session.wanted(disk.wanted(most)))
            case LoadPayloads(places, most):
                self._obey(session.payloads(disk.payloads(places, most)))
            case Look(author, log, seq):
                if not disk.goes_to(author, log, seq):
                    self.sync()
            case CheckStanding(devices, invite, _):
                self._check_standing(devices, invite)
            case _:
                self._read_forks(command)

    def _read_forks(self, command: LoadIds | LoadBranch | LoadForks) -> None:
        disk, session = self.node.disk, self.session
        match command:
            case LoadIds(author, log, seqs):
                self._obey(session.ids(disk.ids(author, log, seqs)))
            case LoadBranch(author, log, after):
                self._obey(session.branch(disk.branch(author, log, after)))
            case LoadForks(logs):
                self._obey(session.forks(disk.forks(logs)))

    def _check_standing(self, devices: tuple[bytes, ...], invite: bytes) -> None:
        found = self.node.disk.visitor(devices, invite)
        found = met(found, dialer=self.party.dialer, joining=self.party.invite is not None)
        self._obey(self.session.stand(found.standing, found.refusal))  # type: ignore[arg-type]

    @property
    def ready(self) -> bool:
        """Say whether both sides know each other."""
        return self.session.state is State.READY
