"""Who is a member: one pass over all logs 0, in the order of the stewards' ranks.

A pure function of the entries that are held: the order in which they arrived, and any clock, make no difference. A
steward's rank is (length of the chain of grants from the founding document, id of the grant); a higher rank is taken
first, and an act touches only what ranks lower, so the pass ends and two nodes with the same entries agree. What
stands above a limit changes nothing here, so it makes no difference either whether a caller hands it in. A fork's
limit is the caller's to apply.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from foodhub.circuit.devices import Household, NamedCuts, named_cuts
from foodhub.circuit.proofs import enrolment_holds, founding_holds, join_holds, recovery_holds
from foodhub.circuit.record import (
    Act,
    DeviceState,
    Limit,
    Member,
    Membership,
    OpenInvite,
    OpenTicket,
    Vouched,
)
from foodhub.circuit.statements import (
    ROLES,
    Admit,
    Found,
    Grant,
    Inception,
    Invite,
    Join,
    Recover,
    Remove,
    Revoke,
    Role,
    Uninvite,
    charter_hash,
)
from foodhub.log.encoding import MAX_SEQ

_ALL_ROLES: tuple[Role, ...] = (*ROLES, "steward")

__all__ = [
    "Act",
    "DeviceState",
    "Limit",
    "Member",
    "Membership",
    "OpenInvite",
    "OpenTicket",
    "enrolment_holds",
    "founding_holds",
    "join_holds",
    "membership",
    "recovery_holds",
]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Somebody's first entry, whether or not it will count."""

    author: bytes
    first: Act
    id: bytes
    inception: Inception
    roles: frozenset[Role]


def all_vouched(_device: bytes, cut: Limit | None) -> int:
    """Say that somebody vouches for every entry: what holds where each is signed."""
    return MAX_SEQ if cut is None else cut.seq


def membership(circuit: bytes, logs: Mapping[bytes, Iterable[Act]], vouched: Vouched = all_vouched) -> Membership:
    """Compute the membership of a circuit from its logs 0 (by author, each in order of seq).

    `vouched` says up to where a log 0 counts under a cut, or without one.
    """
    acts = {author: list(log) for author, log in logs.items()}
    return _Pass(circuit, acts, vouched).run()


class _Pass:
    """The state of one pass; made, run and thrown away."""

    def __init__(self, circuit: bytes, acts: dict[bytes, list[Act]], vouched: Vouched) -> None:
        self.circuit = circuit
        self.vouched = vouched
        self.acts = acts
        self.result = Membership()
        self.charter = b""
        self.joins: dict[bytes, list[_Candidate]] = {}
        self.by_member: dict[bytes, _Candidate] = {}
        self.recoveries: dict[bytes, list[bytes]] = {}
        self.admits: dict[tuple[bytes, bytes], int] = {}
        self.withdrawn: set[bytes] = set()
        self.decided: dict[tuple[bytes, Role], bool] = {}
        self.removals: dict[bytes, list[NamedCuts]] = {}
        self.taken: dict[bytes, Household] = {}

    def run(self) -> Membership:
        founder = self._find_founder()
        if founder is None:
            return self.result
        self._gather()
        self.by_member[founder.id] = founder
        ranks: list[tuple[int, bytes, bytes]] = [(0, b"", founder.id)]
        while ranks:
            length, _, member = heapq.heappop(ranks)
            if member not in self.taken and member in self.by_member:
                for steward, grant in self._apply(self.by_member[member]):
                    heapq.heappush(ranks, (length + 1, grant.entry, steward))
        self._count(founder, b"", admitted=True)
        self._let_in()
        self.result.erased.sort()
        return self.result

    def _find_founder(self) -> _Candidate | None:
        for author, log in self.acts.items():
            first = log[0].statement if log and log[0].seq == 1 else None
            if isinstance(first, Found) and founding_holds(self.circuit, author, first):
                self.charter = charter_hash(first.founding.charter)
                inception = first.founding.inception
                roles: frozenset[Role] = frozenset({*first.roles, "steward"})
                return _Candidate(author, log[0], inception.id, inception, roles)
        return None

    def _gather(self) -> None:
        """Sort the well-formed joins under their invites, the lowest id first, and recoveries under their members."""
        for author, log in self.acts.items():
            first = log[0] if log and log[0].seq == 1 else None
            said = first.statement if first else None
            if isinstance(said, Recover):
                self.recoveries.setdefault(said.member, []).append(author)
            elif first and isinstance(said, Join) and join_holds(self.circuit, author, self.charter, said):
                candidate = _Candidate(author, first, said.inception.id, said.inception, frozenset(said.roles))
                self.joins.setdefault(said.invite, []).append(candidate)
                self.by_member[candidate.id] = candidate
        for candidates in self.joins.values():
            candidates.sort(key=lambda candidate: candidate.first.entry)

    def _take(self, who: _Candidate) -> Household:
        """Take a member: its devices, up to the limits that those who were taken before set to its logs."""
        removals = self.removals.get(who.id, ())
        household = self.taken[who.id] = Household(self.circuit, who.id, self.acts, removals, self.vouched)
        recovered = [
            author
            for author in self.recoveries.get(who.id, ())
            if recovery_holds(self.circuit, author, self.acts[author][0].statement, who.inception.recovery_signing)
        ]
        household.take(who.inception.device, recovered)
        return household

    def _apply(self, steward: _Candidate) -> list[tuple[bytes, Act]]:
        """Apply what a steward did to what ranks lower; return the further stewards, each with its grant."""
        words: dict[tuple[bytes, Role], Act] = {}
        for act in self.taken[steward.id].acts() if self._stands(steward) else ():
            match act.statement:
                case Invite(public, roles, expires):
                    carried = tuple(role for role in roles if role != "steward")
                    revoked = public in self.withdrawn
                    self.result.invites.setdefault(public, OpenInvite(public, steward.id, carried, expires, revoked))
                case Uninvite(public):
                    self._take_back(public, steward.id)
                case Admit(newcomer, join):
                    self.admits.setdefault((newcomer, join), len(self.admits))
                case Grant(to, role) if to not in self.taken:
                    words[to, role] = act
                    if to in self.by_member:
                        self.admits.setdefault((to, self.by_member[to].first.entry), len(self.admits))
                case Revoke(to, role) if to not in self.taken:
                    words[to, role] = act
                case Remove(who, cuts) if who not in self.taken:
                    self.removals.setdefault(who, []).append(named_cuts(cuts))
        return self._decide(words)

    def _stands(self, who: _Candidate) -> bool:
        """Say whether somebody vouches for the first entry of a member: nothing cuts its log, or that one is signed."""
        household = self.taken.get(who.id) or self._take(who)
        return household.stands(who.author)

    def _decide(self, words: dict[tuple[bytes, Role], Act]) -> list[tuple[bytes, Act]]:
        """Settle each role that no higher steward spoke about by the last word; return who is made a steward."""
        made = []
        for (to, role), act in words.items():
            if (to, role) not in self.decided:
                given = self.decided[to, role] = isinstance(act.statement, Grant)
                if given and role == "steward":
                    made.append((to, act))
        return made

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
            candidates = [
                who for who in self.joins.get(public, []) if who.roles <= set(invite.roles) and self._stands(who)
            ]
            admitted = sorted((who for who in candidates if self._admission(who) is not None), key=self._admission)  # type: ignore[arg-type]
            chosen = admitted[:1] or ([] if invite.revoked else candidates[:1])
            for candidate in chosen:
                self._count(candidate, invite.issuer, admitted=bool(admitted))
                self.result.invites[public] = replace(invite, used_by=candidate.id)

    def _admission(self, candidate: _Candidate) -> int | None:
        """Return the place of somebody's admission among all, the highest rank first; None when nobody admitted it."""
        return self.admits.get((candidate.id, candidate.first.entry))

    def _count(self, who: _Candidate, invited_by: bytes, *, admitted: bool) -> None:
        household = self.taken.get(who.id) or self._take(who)
        devices = household.devices()
        self.result.members[who.id] = Member(
            who.id,
            self._roles(who),
            who.inception,
            devices,
            household.epochs(),
            invited_by,
            who.first.timestamp,
            admitted,
            who.id in self.removals,
            household.keepers(devices),
            household.recoveries,
            tuple(household.shares),
            household.spares(),
        )
        self.result.cuts.update(household.cuts())
        self.result.erased.extend(household.erased())
        self._list_tickets(household)

    def _roles(self, who: _Candidate) -> frozenset[Role]:
        """Return the roles of the join and those given since, without those taken away since."""
        roles = set(who.roles)
        for role in _ALL_ROLES:
            given = self.decided.get((who.id, role))
            if given is not None:
                (roles.add if given else roles.discard)(role)
        if who.id in self.removals:
            roles.discard("steward")
        return frozenset(roles)

    def _list_tickets(self, household: Household) -> None:
        """List a member's tickets; of two with one key the older, and never instead of another member's."""
        for _, ticket in sorted(household.tickets(), key=lambda each: (each[0].timestamp, each[0].entry)):
            self.result.tickets.setdefault((ticket.public, ticket.member), ticket)
