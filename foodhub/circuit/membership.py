"""Who is a member: one pass over all logs 0, in the order of the stewards' ranks.

A pure function of the entries that are held: the order in which they arrived, and any clock, make no difference. A
steward's rank is (length of the chain of grants from the founding document, id of the grant); a higher rank is taken
first, and an act touches only what ranks lower, so the pass ends and two nodes with the same entries agree.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from foodhub.circuit.statements import (
    FORMAT,
    Admit,
    CircuitStatement,
    Device,
    Epoch,
    Found,
    Grant,
    Inception,
    Invite,
    Join,
    Role,
    Uninvite,
    charter_hash,
    proof_of_join,
)
from foodhub.log.keys import is_box_key, verify

_proof_holds = lru_cache(8192)(verify)
"""Every pass asks for every join again, and a signature costs more than all else that a pass does."""


@dataclass(frozen=True, slots=True)
class Act:
    """One counted statement of a log 0: the entry it stands in and what it says."""

    seq: int
    entry: bytes
    timestamp: int
    statement: CircuitStatement


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the pass found it; `invited_by` is empty for the founder."""

    id: bytes
    roles: frozenset[Role]
    inception: Inception
    devices: tuple[Device, ...]
    epochs: tuple[Epoch, ...]
    invited_by: bytes
    joined_at: int
    admitted: bool


@dataclass(frozen=True, slots=True)
class OpenInvite:
    """An invite as the pass found it; `used_by` is the member that came in on it."""

    public: bytes
    issuer: bytes
    roles: tuple[Role, ...]
    expires: int
    revoked: bool = False
    used_by: bytes = b""


@dataclass(slots=True)
class Membership:
    """The result: all members by id, all invites by public key."""

    members: dict[bytes, Member] = field(default_factory=dict)
    invites: dict[bytes, OpenInvite] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Somebody's first entry, whether or not it will count."""

    author: bytes
    first: Act
    inception: Inception


def membership(circuit: bytes, logs: Mapping[bytes, Iterable[Act]]) -> Membership:
    """Compute the membership of a circuit from its logs 0 (by author, each in order of seq)."""
    acts = {author: list(log) for author, log in logs.items()}
    return _Pass(circuit, acts).run()


class _Pass:
    """The state of one pass; made, run and thrown away."""

    def __init__(self, circuit: bytes, acts: dict[bytes, list[Act]]) -> None:
        self.circuit = circuit
        self.acts = acts
        self.result = Membership()
        self.charter = b""
        self.joins: dict[bytes, list[_Candidate]] = {}
        self.by_member: dict[bytes, _Candidate] = {}
        self.admits: dict[tuple[bytes, bytes], int] = {}
        self.withdrawn: set[bytes] = set()
        self.granted: dict[bytes, set[Role]] = {}
        self.taken: set[bytes] = set()

    def run(self) -> Membership:
        founder = self._find_founder()
        if founder is None:
            return self.result
        self._gather_joins()
        self.by_member[founder.inception.id] = founder
        ranks: list[tuple[int, bytes, bytes]] = [(0, b"", founder.inception.id)]
        while ranks:
            length, _, member = heapq.heappop(ranks)
            if member not in self.taken and member in self.by_member:
                self.taken.add(member)
                for grant in self._apply(self.by_member[member]):
                    heapq.heappush(ranks, (length + 1, grant.entry, grant.statement.member))  # type: ignore[union-attr]
        self._count(founder, frozenset(founder.first.statement.roles) | {"steward"}, b"", admitted=True)  # type: ignore[union-attr]
        self._let_in()
        return self.result

    def _find_founder(self) -> _Candidate | None:
        for author, log in self.acts.items():
            first = log[0].statement if log and log[0].seq == 1 else None
            if isinstance(first, Found) and founding_holds(self.circuit, author, first):
                self.charter = charter_hash(first.founding.charter)
                return _Candidate(author, log[0], first.founding.inception)
        return None

    def _gather_joins(self) -> None:
        """Sort the well-formed joins under their invites, the lowest id first."""
        for author, log in self.acts.items():
            first = log[0] if log and log[0].seq == 1 else None
            if first is not None and join_holds(self.circuit, author, self.charter, first.statement):
                join: Join = first.statement  # type: ignore[assignment]
                candidate = _Candidate(author, first, join.inception)
                self.joins.setdefault(join.invite, []).append(candidate)
                self.by_member[join.inception.id] = candidate
        for candidates in self.joins.values():
            candidates.sort(key=lambda candidate: candidate.first.entry)

    def _apply(self, steward: _Candidate) -> list[Act]:
        """Apply what a steward did to what ranks lower; return the grants that make further stewards."""
        member, grants = steward.inception.id, []
        for act in self.acts[steward.author]:
            match act.statement:
                case Invite(public, roles, expires):
                    carried = tuple(role for role in roles if role != "steward")
                    revoked = public in self.withdrawn
                    self.result.invites.setdefault(public, OpenInvite(public, member, carried, expires, revoked))
                case Uninvite(public):
                    self._take_back(public, member)
                case Admit(newcomer, join):
                    self.admits.setdefault((newcomer, join), len(self.admits))
                case Grant(to, role) if to not in self.taken:
                    self.granted.setdefault(to, set()).add(role)
                    if to in self.by_member:
                        self.admits.setdefault((to, self.by_member[to].first.entry), len(self.admits))
                    if role == "steward":
                        grants.append(act)
        return grants

    def _take_back(self, public: bytes, steward: bytes) -> None:
        """Revoke an invite of the steward itself, or one that somebody of a lower rank may issue."""
        invite = self.result.invites.get(public)
        if invite is None:
            self.withdrawn.add(public)
        elif invite.issuer == steward:
            self.result.invites[public] = replace(invite, revoked=True)

    def _let_in(self) -> None:
        """For each invite, count the join that the highest rank admitted; if none and not revoked, the lowest id."""
        for public, invite in list(self.result.invites.items()):
            candidates = [c for c in self.joins.get(public, []) if set(c.first.statement.roles) <= set(invite.roles)]  # type: ignore[union-attr]
            admitted = sorted((c for c in candidates if self._admission(c) is not None), key=self._admission)  # type: ignore[arg-type]
            chosen = admitted[:1] or ([] if invite.revoked else candidates[:1])
            for candidate in chosen:
                roles: frozenset[Role] = frozenset(candidate.first.statement.roles)  # type: ignore[union-attr]
                self._count(candidate, roles, invite.issuer, admitted=bool(admitted))
                self.result.invites[public] = replace(invite, used_by=candidate.inception.id)

    def _admission(self, candidate: _Candidate) -> int | None:
        """Return the place of somebody's admission among all, the highest rank first; None when nobody admitted it."""
        return self.admits.get((candidate.inception.id, candidate.first.entry))

    def _count(self, who: _Candidate, roles: frozenset[Role], invited_by: bytes, *, admitted: bool) -> None:
        member = who.inception.id
        epochs = _epochs(self.acts[who.author])
        everything = roles | self.granted.get(member, set())
        devices = (who.inception.device,)
        joined = who.first.timestamp
        self.result.members[member] = Member(
            member, frozenset(everything), who.inception, devices, epochs, invited_by, joined, admitted
        )


def _epochs(acts: Iterable[Act]) -> tuple[Epoch, ...]:
    """Return the box keys that a log states and that others can write to; of one number the first."""
    found: dict[int, Epoch] = {}
    for act in acts:
        if isinstance(act.statement, Epoch) and is_box_key(act.statement.public):
            found.setdefault(act.statement.number, act.statement)
    return tuple(found.values())


def founding_holds(circuit: bytes, author: bytes, first: object) -> bool:
    """Say whether `first` is the founding of this circuit by `author`, in a format that this program knows."""
    return (
        isinstance(first, Found)
        and first.founding.format == FORMAT
        and first.founding.inception.device.signing == author
        and first.founding.circuit == circuit
    )


def join_holds(circuit: bytes, author: bytes, charter: bytes, first: object) -> bool:
    """Say whether `first` is a join by `author`, signed by the key of its invite, to the charter with this hash."""
    return (
        isinstance(first, Join)
        and first.inception.device.signing == author
        and first.charter == charter
        and _proof_holds(
            "invite", first.invite, proof_of_join(circuit, first.inception.id, first.roles, first.charter), first.proof
        )
    )
