"""Vectors of the membership pass: logs 0 as runs, and the members, devices, rights and limits that follow from them.

The pass is told what stands in the logs and nothing else; in which order, and in which runs, makes no difference.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from foodhub.circuit.membership import Act, Limit, Membership, membership
from foodhub.circuit.statements import (
    Admit,
    Certify,
    CircuitStatement,
    Cut,
    Device,
    Enrol,
    Epoch,
    Erase,
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
    Role,
    Ticket,
    Uninvite,
    charter_hash,
    proof_of_enrolment,
    proof_of_join,
    proof_of_recovery,
)
from foodhub.log.body import StatementReader, Unread, open_payload
from foodhub.log.encoding import NO_ID, encode
from foodhub.log.keys import BoxKey, SigningKey
from foodhub.log.run import CheckedRun, Run, check_run, write_run
from tests.vectors.seeds import BEGIN, Json, payload, plain, seed

CHARTER = "We own it together."
_reader = StatementReader(CircuitStatement)


class Script:
    """Logs 0 that are written for one case, by name of the device."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.founding = Founding(seed(f"{name} founding", 16), CHARTER, self.inception("founder"), 1)
        self.circuit = self.founding.circuit
        self.logs: dict[str, list[Json]] = {}
        self.heads: dict[str, tuple[int, bytes]] = {}
        self.waiting: dict[str, list[tuple[int, int, bytes]]] = {}
        self.say("founder", Found(self.founding, "Circuit", "EUR", ["hub"]))

    def key(self, name: str) -> SigningKey:
        """Return the key of a device, an invite, a ticket or somebody's words."""
        return SigningKey(seed(f"{name} signs"))

    @staticmethod
    def box(name: str) -> bytes:
        """Return a public box key."""
        return BoxKey(seed(f"{name} boxes")).public

    def device(self, name: str) -> Device:
        """Return a device."""
        return Device(self.public(name), self.box(name), always_on=name == "hub")

    def inception(self, name: str) -> Inception:
        """Return how a member begins."""
        words = self.key(f"words of {name}").public, BoxKey(seed(f"words of {name}")).public
        return Inception(seed(f"{name} salt", 16), self.device(name), *words)

    def id(self, name: str) -> bytes:
        """Return the id of a member."""
        return self.inception(name).id

    def say(self, name: str, *statements: CircuitStatement, at: int = -1, signed: bool = True) -> bytes:
        """Write one entry, `at` ms after the beginning; return its id. One that is not signed goes with the next."""
        seq, link = self.heads.get(name, (0, b""))
        waiting = self.waiting.setdefault(name, [])
        number = seq + len(waiting)
        data = payload(f"{self.name} {name} {number}", encode(list(statements)))
        waiting.append((0, BEGIN + (number if at < 0 else at), data))
        run, checked = write_run(self.circuit, self.key(name), 0, (seq, link), waiting)
        if signed:
            self.heads[name] = (checked.last, checked.ids[-1])
            said = {"run": encode(run).hex(), "payloads": [each.hex() for _, _, each in waiting]}
            self.logs.setdefault(name, []).append(said)
            waiting.clear()
        return checked.ids[-1]

    def public(self, name: str) -> bytes:
        """Return the public key of a device, or whose it is that has this name."""
        return self.key(name).public

    def inviting(self, name: str, *roles: Role) -> Invite:
        """Return the invite for a member."""
        return Invite(self.public(f"invite of {name}"), list(roles), BEGIN)

    def invite(self, by: str, name: str, *roles: Role) -> None:
        """Invite a member."""
        self.say(by, self.inviting(name, *roles))

    def joining(self, name: str, *roles: Role, on: str = "") -> Join:
        """Return a join on the invite for a member."""
        invite, accepted = self.key(f"invite of {on or name}"), charter_hash(CHARTER)
        proof = invite.sign("invite", proof_of_join(self.circuit, self.id(name), list(roles), accepted))
        return Join(self.inception(name), list(roles), accepted, invite.public, proof)

    def join(self, name: str, *roles: Role, on: str = "") -> bytes:
        """Join on the invite for a member."""
        return self.say(name, self.joining(name, *roles, on=on))

    def newcomer(self, name: str, *roles: Role) -> bytes:
        """Invite a member and let it join."""
        self.invite("founder", name, *roles)
        return self.join(name, *roles)

    def ticket(self, name: str) -> Ticket:
        """Return the ticket for a device."""
        return Ticket(self.public(f"ticket of {name}"), BEGIN)

    def enrolling(self, name: str, member: str, on: str = "") -> Enrol:
        """Return the enrolment of a device of a member, on its ticket or on another's."""
        ticket = self.key(f"ticket of {on or name}")
        proof = ticket.sign("enrol", proof_of_enrolment(self.circuit, self.id(member), self.device(name)))
        return Enrol(self.id(member), self.device(name), ticket.public, proof)

    def enrol(self, name: str, member: str, by: str = "") -> None:
        """Give a further device of a member its ticket, and let it enrol and be certified."""
        self.say(by or member, self.ticket(name))
        self.say(name, self.enrolling(name, member))
        self.say(by or member, Certify(self.device(name).signing))

    def recover(self, name: str, member: str, number: int, *cuts: Cut) -> None:
        """Make a device with a member's recovery words."""
        text = proof_of_recovery(self.circuit, self.id(member), number, self.device(name), list(cuts))
        proof = self.key(f"words of {member}").sign("recover", text)
        self.say(name, Recover(self.id(member), number, self.device(name), list(cuts), proof))

    def cut(self, name: str, log: int = 0) -> Cut:
        """Return a cut at the head of a log 0, or before everything in another log."""
        seq, identity = self.heads[name] if log == 0 else (0, NO_ID)
        return Cut(self.device(name).signing, log, seq, identity)


def joining(case: Script) -> None:
    """Two join on one invite, one is admitted; one comes on an invite that is taken back; one asks for too much."""
    case.invite("founder", "farm", "producer", "hub")
    case.join("farm", "producer")
    late = case.join("neighbour", "producer", "hub", on="farm")
    case.say("founder", Admit(case.id("neighbour"), late))
    case.invite("founder", "house", "household")
    case.say("founder", Uninvite(case.key("invite of house").public))
    case.join("house", "household")
    case.invite("founder", "group", "group")
    case.join("group", "group", "hub")
    case.newcomer("baker", "producer")
    case.say("baker", Epoch(1, case.device("baker").box, [], b""), Epoch(1, case.device("farm").box, [], b""))


def stewards(case: Script) -> None:
    """Two stewards contradict each other about a role, and remove each other: the higher one has its way."""
    for name in ("one", "two", "farm"):
        case.newcomer(name, "hub" if name != "farm" else "producer")
    case.say("founder", Grant(case.id("one"), "steward"))
    case.say("founder", Grant(case.id("two"), "steward"))
    case.say("one", Revoke(case.id("farm"), "producer"))
    case.say("two", Grant(case.id("farm"), "group"), Revoke(case.id("founder"), "steward"))
    case.say("two", Remove(case.id("one"), [case.cut("one")]))
    case.say("one", Remove(case.id("two"), [case.cut("two"), case.cut("two", 1)]))


def devices(case: Script) -> None:
    """A farm has three devices; the first retires the second, which had certified the third."""
    case.newcomer("farm", "producer")
    case.enrol("laptop", "farm")
    case.enrol("phone", "farm", by="laptop")
    case.say("farm", Keeper("stock", 1, case.device("laptop").signing, []))
    case.say("farm", Retire(case.device("laptop").signing, [case.cut("laptop")], case.device("phone").signing))
    case.say("laptop", Certify(case.device("tablet").signing))
    case.say("phone", Erase([(case.device("farm").signing, 1, 1, 3), (case.device("founder").signing, 1, 1, 1)]))


def recovery(case: Script) -> None:
    """All laptops of a farm are lost, twice: of two recoveries the one with the higher number holds."""
    case.newcomer("farm", "producer")
    case.enrol("laptop", "farm")
    case.recover("new", "farm", 1, case.cut("farm"), case.cut("laptop"))
    case.say("farm", Ticket(case.key("a ticket too late").public, BEGIN))
    case.recover("newer", "farm", 2, case.cut("farm"), case.cut("new"))
    case.say("new", Keeper("desk", 1, case.device("new").signing, []))


def leaving(case: Script) -> None:
    """A device retires itself and its heir takes its rights; what is forged, or may not be said, changes nothing."""
    case.newcomer("farm", "producer")
    case.newcomer("house", "household")
    case.enrol("laptop", "farm")
    case.say("house", Remove(case.id("farm"), []))
    forged = Enrol(case.id("house"), case.device("thief"), case.key("ticket of laptop").public, bytes(64))
    case.say("thief", forged)
    case.say("house", Certify(case.device("thief").signing))
    case.say("farm", Retire(case.device("farm").signing, [case.cut("farm", 1)], case.device("laptop").signing))
    case.say("farm", Grant(case.id("house"), "group"))


STORIES: dict[str, Callable[[Script], None]] = {
    "joins that count and joins that do not": joining,
    "stewards who contradict each other": stewards,
    "further devices, one of them retired": devices,
    "two recoveries": recovery,
    "a device that retires itself": leaving,
}


def outcome(circuit: bytes, logs: list[Json]) -> Json:
    """Return what the pass finds in these logs, each held up to its last signature."""
    signed = {bytes.fromhex(log["author"]): [run.last for run in runs_of(circuit, log)] for log in logs}

    def vouched(device: bytes, cut: Limit | None) -> int:
        return max((seq for seq in signed[device] if cut is None or seq <= cut.seq), default=0)

    found = membership(circuit, {bytes.fromhex(log["author"]): acts_of(circuit, log) for log in logs}, vouched)
    return {"members": [member_of(found, each) for each in sorted(found.members)], **the_rest(found)}


def member_of(found: Membership, identity: bytes) -> Json:
    """Return one member as JSON shows it."""
    member = found.members[identity]
    return {
        "id": identity.hex(),
        "roles": sorted(member.roles),
        "invited_by": member.invited_by.hex(),
        "admitted": member.admitted,
        "removed": member.removed,
        "devices": [
            {"key": each.device.signing.hex(), "retired": each.retired, "heir": each.heir.hex()}
            for each in member.devices
        ],
        "box_keys": [{"number": each.number, "public": each.public.hex()} for each in member.epochs],
        "keepers": {right: device.hex() for right, device in sorted(member.keepers.items())},
    }


def the_rest(found: Membership) -> Json:
    """Return invites, limits and erased spans as JSON shows them."""
    cuts: Mapping[Any, Any] = found.cuts
    return {
        "invites_used": {key.hex(): each.used_by.hex() for key, each in sorted(found.invites.items()) if each.used_by},
        "limits": [
            {"device": device.hex(), "log": log, "seq": limit.seq, "id": limit.id.hex()}
            for (device, log), limit in sorted(cuts.items())
        ],
        "erased": [plain(span) for span in sorted(found.erased)],
    }


def runs_of(circuit: bytes, log: Json) -> list[CheckedRun]:
    """Return the runs of a log 0."""
    return [check_run(circuit, msgspec.msgpack.decode(bytes.fromhex(each["run"]), type=Run)) for each in log["runs"]]


def acts_of(circuit: bytes, log: Json) -> list[Act]:
    """Return the statements of a log 0, read from its runs."""
    acts: list[Act] = []
    for run, each in zip(runs_of(circuit, log), log["runs"], strict=True):
        for n, data in enumerate(each["payloads"]):
            for position, said in enumerate(_reader.read(open_payload(bytes.fromhex(data)))):
                if not isinstance(said, Unread):
                    acts.append(Act(run.first + n, run.ids[n], run.timestamps[n], said, position))
    return acts
