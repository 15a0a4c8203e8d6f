"""Logs 0 made by hand: a `Story` signs what has to be signed, a test says in which order, and how far, they are read.

A log goes by the name of its device; a member by that of its first device.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from foodhub.circuit.membership import Act, Limit, Member, Membership, membership
from foodhub.circuit.statements import (
    Admit,
    Certify,
    CircuitStatement,
    Cut,
    Device,
    Enrol,
    Found,
    Founding,
    Grant,
    Inception,
    Invite,
    Join,
    Keeper,
    Recover,
    Remove,
    Retire,
    Revoke,
    Right,
    Role,
    Ticket,
    charter_hash,
    proof_of_enrolment,
    proof_of_join,
    proof_of_recovery,
)
from foodhub.log.encoding import NO_ID
from foodhub.log.keys import BoxKey, SigningKey, digest

CHARTER = "We own it together."
BOX = BoxKey(b"b" * 32).public
CutTo = tuple[str, int, int]
"""(device, log, last seq that counts)"""


@cache
def key(name: str) -> SigningKey:
    return SigningKey(digest(name.encode(), b"a test's key"))


@cache
def public(name: str) -> bytes:
    return key(name).public


@cache
def sign(name: str, use: str, text: bytes) -> bytes:
    return key(name).sign(use, text)


def device(name: str) -> Device:
    return Device(public(name), BOX, False)


@cache
def inception(name: str) -> Inception:
    return Inception(bytes(16), device(name), public(f"the words of {name}"), BOX)


@cache
def member_id(name: str) -> bytes:
    return inception(name).id


@cache
def entry(name: str, seq: int, log: int = 0) -> bytes:
    return digest(f"{name} {log} {seq}".encode(), b"a test's entry")


def cuts_to(cuts: Iterable[CutTo]) -> list[Cut]:
    return [Cut(public(name), log, seq, entry(name, seq, log) if seq else NO_ID) for name, log, seq in cuts]


def lowest(*names: str) -> str:
    return min(names, key=lambda name: entry(name, 1))


@dataclass
class Story:
    """Logs 0 by name; the founder's is there from the beginning. An entry is (timestamp, statements)."""

    logs: dict[str, list[tuple[int, Sequence[CircuitStatement]]]] = field(default_factory=dict)
    now: int = 1000

    def __post_init__(self) -> None:
        self.founding = Founding(bytes(16), CHARTER, inception("founder"), 1)
        self.say("founder", Found(self.founding, "Circuit", "EUR", ["hub"]))

    def say(self, name: str, *statements: CircuitStatement) -> "Story":
        """Write an entry for each statement, each a millisecond after the one before."""
        for statement in statements:
            self.together(name, statement)
        return self

    def together(self, name: str, *statements: CircuitStatement) -> "Story":
        """Write one entry."""
        self.now += 1
        self.logs.setdefault(name, []).append((self.now, statements))
        return self

    def head(self, name: str) -> int:
        return len(self.logs[name])

    def invite(self, steward: str, invite: str, *roles: Role) -> "Story":
        return self.say(steward, Invite(public(invite), list(roles or ("producer",)), 0))

    def join(self, name: str, invite: str, *roles: Role) -> "Story":
        own = list(roles or ("producer",))
        text = proof_of_join(self.founding.circuit, member_id(name), own, charter_hash(CHARTER))
        proof = sign(invite, "invite", text)
        return self.say(name, Join(inception(name), own, charter_hash(CHARTER), public(invite), proof))

    def newcomer(self, *names: str) -> "Story":
        """Let members in on an invite of the founder's each."""
        for name in names:
            self.invite("founder", f"invite of {name}").join(name, f"invite of {name}")
        return self

    def steward(self, *names: str, by: str = "founder") -> "Story":
        for name in names:
            if name not in self.logs:
                self.newcomer(name)
            self.grant(by, name, "steward")
        return self

    def admit(self, steward: str, name: str) -> "Story":
        return self.say(steward, Admit(member_id(name), entry(name, 1)))

    def grant(self, steward: str, name: str, role: Role) -> "Story":
        return self.say(steward, Grant(member_id(name), role))

    def revoke(self, steward: str, name: str, role: Role) -> "Story":
        return self.say(steward, Revoke(member_id(name), role))

    def remove(self, steward: str, name: str, *cuts: CutTo) -> "Story":
        return self.say(steward, Remove(member_id(name), cuts_to(cuts)))

    def ticket(self, name: str, ticket: str) -> "Story":
        return self.say(name, Ticket(public(ticket), 0))

    def enrol(self, name: str, member: str, ticket: str) -> "Story":
        text = proof_of_enrolment(self.founding.circuit, member_id(member), device(name))
        return self.say(name, Enrol(member_id(member), device(name), public(ticket), sign(ticket, "enrol", text)))

    def certify(self, by: str, name: str) -> "Story":
        return self.say(by, Certify(public(name)))

    def add(self, by: str, member: str, *names: str) -> "Story":
        """Add further devices as it should be done: a ticket, the enrolment, the certificate."""
        for name in names:
            self.ticket(by, f"ticket of {name}").enrol(name, member, f"ticket of {name}").certify(by, name)
        return self

    def retire(self, by: str, name: str, *cuts: CutTo, heir: str = "") -> "Story":
        return self.say(by, Retire(public(name), cuts_to(cuts), public(heir) if heir else NO_ID))

    def recover(self, name: str, member: str, number: int, *cuts: CutTo, words: str = "") -> "Story":
        told = cuts_to(cuts)
        text = proof_of_recovery(self.founding.circuit, member_id(member), number, device(name), told)
        proof = sign(f"the words of {words or member}", "recover", text)
        return self.say(name, Recover(member_id(member), number, device(name), told, proof))

    def keeper(self, by: str, right: Right, turn: int, name: str) -> "Story":
        return self.say(by, Keeper(right, turn, public(name), []))

    def acts(self, name: str, upto: int | None = None) -> list[Act]:
        return [
            Act(seq, entry(name, seq), timestamp, statement, position)
            for seq, (timestamp, statements) in enumerate(self.logs[name][:upto], 1)
            for position, statement in enumerate(statements)
        ]

    def found(self, order: Sequence[str] = (), upto: Mapping[str, int] | None = None) -> Membership:
        """Run the pass over some logs, or all, in this order; of those in `upto` over so many entries."""
        ends = upto or {}
        logs = {public(name): self.acts(name, ends.get(name)) for name in order or self.logs}
        return membership(self.founding.circuit, logs)

    def member(self, name: str) -> Member:
        return self.found().members[member_id(name)]

    def names(self) -> set[str]:
        members = self.found().members
        return {name for name in self.logs if member_id(name) in members}

    def roles(self, name: str) -> set[str]:
        return set(self.member(name).roles)

    def devices(self, member: str) -> list[str]:
        """Return the names of a member's devices, in the order of their ranks."""
        names = {public(name): name for name in self.logs}
        return [names[state.device.signing] for state in self.member(member).devices]

    def retired(self, member: str) -> set[str]:
        names = {public(name): name for name in self.logs}
        return {names[state.device.signing] for state in self.member(member).devices if state.retired}

    def keeper_of(self, right: Right, member: str) -> str:
        return next(name for name in self.logs if public(name) == self.member(member).keepers[right])

    def last(self, name: str, log: int = 0) -> int | None:
        """Return the last seq that counts of a log, None when nothing limits it."""
        limit = self.found().cuts.get((public(name), log))
        if limit is None:
            return None
        assert limit == Limit(limit.seq, entry(name, limit.seq, log) if limit.seq else NO_ID)
        return limit.seq

    def lasts(self, name: str) -> tuple[int | None, ...]:
        return tuple(self.last(name, log) for log in (0, 1, 2))


def standing_of(membership: Membership, device: bytes) -> str:
    """Say in one word how a device stands in the circuit: whether what it writes now counts, and if not, why."""
    for member in membership.members.values():
        for state in member.devices:
            if state.device.signing == device:
                return "removed" if member.removed else "retired" if state.retired else "counts"
    return "unknown"
