"""Vectors of the membership pass, rule by rule: each case tells a reading that breaks one of them from the right one.

Names in a log's cases are of devices; a member is called as its first device.
"""

from collections.abc import Callable

from foodhub.circuit.statements import (
    Admit,
    Certify,
    Cut,
    Epoch,
    Erase,
    Grant,
    Invite,
    Keeper,
    Remove,
    Retire,
    Revoke,
    Right,
    Uninvite,
)
from foodhub.log.encoding import NO_ID
from tests.vectors.membership_cases import STORIES, Script, outcome
from tests.vectors.seeds import Json, seed

SMALL_ORDER = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"


def handing(right: Right, turn: int, to: bytes) -> Keeper:
    """Return the statement that hands a right over."""
    return Keeper(right, turn, to, [])


def epoch(number: int, name: str = "") -> Epoch:
    """Return a box key of this number."""
    return Epoch(number, Script.box(name or f"epoch {number}"), [], b"")


def farm(case: Script, *devices: str) -> None:
    """Let a farm in and give it further devices, each on the ticket of the first of them."""
    case.newcomer("farm", "producer")
    if devices:
        case.say("farm", case.ticket(devices[0]))
        for name in devices:
            case.say(name, case.enrolling(name, "farm", on=devices[0]))
        case.say("farm", *(Certify(case.public(name)) for name in devices))


def up_to(case: Script, device: str, seq: int, log: int = 0, name: str = "") -> Cut:
    """Return a cut at a place, whatever stands there."""
    return Cut(case.public(device), log, seq, seed(name) if name else NO_ID)


def rivals(case: Script) -> None:
    """Of joins on an invite the first admitted counts, else the lowest id; `steward` is struck; one key, one invite."""
    twice = Invite(case.inviting("twice").public, ["producer", "hub"], 0)
    case.say("founder", case.inviting("a", "producer", "steward"), case.inviting("b", "producer"))
    case.say("founder", case.inviting("c", "household"), case.inviting("twice", "producer"), twice)
    case.join("would be steward", "producer", "steward", on="a")
    case.join("plain", "producer", on="a")
    for number in range(4):
        case.join(f"racer {number}", "producer", on="b")
    joins = {name: case.join(name, "household", on="c") for name in ("one", "two", "three")}
    for name in sorted(joins, key=joins.__getitem__, reverse=True):
        case.say("founder", Admit(case.id(name), joins[name]))
    case.say("founder", *(Admit(case.id(name), joins[name]) for name in joins))
    case.join("wider", "producer", "hub", on="twice")


def taken_back(case: Script) -> None:
    """An invite taken back before it stands, by who wrote it, by who ranks lower; each is said once more afterwards."""
    key = {name: case.inviting(name).public for name in ("early", "own", "mine", "again")}
    case.say("founder", case.inviting("steward", "hub"), Uninvite(key["early"]), case.inviting("mine", "producer"))
    case.say("founder", Uninvite(key["own"]), case.inviting("own", "producer"), case.inviting("again", "producer"))
    case.say("founder", Uninvite(key["again"]), case.inviting("again", "producer"))
    case.join("steward", "hub")
    case.say("founder", Grant(case.id("steward"), "steward"))
    case.say("steward", case.inviting("early", "producer"), Uninvite(key["mine"]), case.inviting("mine", "hub"))
    for name in key:
        case.join(name, "producer")
    case.join("mine, as a hub", "hub", on="mine")


def words(case: Script) -> None:
    """Of stewards the higher-ranked decides, of its words the last; rank is the number of grants, then the id."""
    for name in ("b", "c", "d", "fallen"):
        case.newcomer(name, "hub")
    farm(case)
    case.newcomer("baker", "producer")
    case.say("founder", Grant(case.id("b"), "steward"), Grant(case.id("fallen"), "steward"))
    case.say("founder", Revoke(case.id("fallen"), "steward"), Grant(case.id("farm"), "group"))
    case.say("founder", Revoke(case.id("farm"), "group"), Revoke(case.id("baker"), "group"))
    case.say("founder", Grant(case.id("baker"), "group"))
    by_b = case.say("b", Grant(case.id("c"), "steward"))
    by_founder = b""
    while by_founder < by_b:  # nearer to the founder, though the id of the grant is higher
        by_founder = case.say("founder", Grant(case.id("d"), "steward"))
    case.say("c", Grant(case.id("farm"), "household"), Revoke(case.id("baker"), "producer"), Remove(case.id("d"), []))
    case.say("d", Revoke(case.id("farm"), "household"), Grant(case.id("baker"), "producer"))
    case.say("b", Grant(case.id("farm"), "group"), Grant(case.id("founder"), "producer"))
    case.say("fallen", Grant(case.id("farm"), "hub"), case.inviting("late", "producer"))
    case.join("late", "producer")


def two_devices_speak(case: Script) -> None:
    """What a steward's devices say is read in the order of (timestamp, rank of the device, seq, position)."""
    farm(case)
    case.newcomer("baker", "producer")
    case.enrol("second", "founder")
    one, other = case.id("farm"), case.id("baker")
    case.say("second", Grant(one, "group"), at=100)
    case.say("founder", Revoke(one, "group"), at=200)
    case.say("second", Grant(one, "hub"), at=200)
    case.say("founder", Revoke(one, "hub"), Grant(one, "household"), at=200)
    case.say("founder", Revoke(one, "household"), Grant(other, "group"), at=300)
    case.say("second", Revoke(other, "group"), at=400)


def removals(case: Script) -> None:
    """Two remove one member: every removal counts, the lowest cut of each log; nobody removes who ranks above."""
    for name in ("b", "d"):
        case.newcomer(name, "hub")
    farm(case)
    case.newcomer("baker", "producer")
    for number in range(3):
        case.say("farm", epoch(number))
    case.say("founder", Grant(case.id("b"), "steward"), Grant(case.id("d"), "steward"))
    cuts = [up_to(case, "farm", 3), up_to(case, "farm", 7, 1), up_to(case, "farm", 9, 2, "second")]
    case.say("founder", Remove(case.id("farm"), cuts), Remove(case.id("founder"), []))
    again = [up_to(case, "farm", 2), up_to(case, "farm", 8, 1), up_to(case, "farm", 9, 2, "first"), cuts[0]]
    for name in ("b", "d"):
        wrong = Remove(case.id("baker"), [up_to(case, "farm", 1)])
        case.say(name, Remove(case.id("farm"), again), wrong, Remove(case.id("founder"), []))
    case.say("b", Remove(case.id("b"), []))


def recoveries(case: Script) -> None:
    """Of recoveries of one number the lowest id ranks first; one whose own log is cut to nothing retires nobody."""
    farm(case)
    case.newcomer("baker", "producer")
    for number in range(4):
        case.say("farm", epoch(number))
        case.say("baker", epoch(number, f"of the baker, {number}"))
    for number, seq in enumerate((3, 4, 2)):
        case.recover(f"new {number}", "farm", 5, up_to(case, "farm", seq))
    case.recover("lower", "baker", 1, up_to(case, "baker", 2))
    case.recover("higher", "baker", 2, up_to(case, "baker", 4))


def certifying(case: Script) -> None:
    """Which `certify` counts: on a ticket of the same log, before it, for this member, of whom nobody took before."""
    case.newcomer("baker", "producer")
    farm(case, "first")
    for name, member, ticket in (
        ("second", "farm", "first"),
        ("third", "farm", "first"),
        ("early", "farm", "late"),
        ("other", "baker", "first"),
        ("on another's ticket", "farm", "of first"),
        ("on its own ticket", "farm", "of first"),
    ):
        case.say(name, case.enrolling(name, member, on=ticket))
    case.say("farm", Certify(case.public("early")), case.ticket("late"), Certify(case.public("other")))
    case.say("farm", Certify(case.public("first")), Certify(case.public("baker")))
    case.say("first", Certify(case.public("second")), case.ticket("of first"))
    case.say("farm", Certify(case.public("on another's ticket")))
    case.say("first", Certify(case.public("on its own ticket")))
    case.say("farm", Certify(case.public("third")))


def ranks(case: Script) -> None:
    """Devices rank by the length of their path, then by the path; who may retire whom, and whose heir it is."""
    farm(case, "b", "a")
    for name in ("a", "b"):
        case.say(name, case.ticket(f"of {name}"))
    for name, by in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        case.say(name, case.enrolling(name, "farm", on=f"of {by}"))
    case.say("a", Certify(case.public("a1")), Certify(case.public("a2")))
    case.say("b", Certify(case.public("b1")))
    key = {name: case.public(name) for name in ("farm", "a", "b", "a1", "a2", "b1")}
    case.say("a1", *(Retire(key[name], [], key["a1"]) for name in ("b", "farm", "b1")))
    case.say("b", Retire(key["a1"], [up_to(case, "a1", 2), up_to(case, "a1", 6, 2)], key["b"]))
    case.say("a2", Retire(key["a1"], [up_to(case, "a1", 9)], key["b1"]))
    case.say("a", Retire(key["b"], [], key["a"]))


def retiring_oneself(case: Script) -> None:
    """A device that retires itself: by an entry that is signed by itself it does, within a run it does not."""
    for name in ("farm", "baker"):
        case.newcomer(name, "producer")
        case.enrol(f"{name}'s laptop", name)
        own, heir = case.public(name), case.public(f"{name}'s laptop")
        retire = Retire(own, [up_to(case, name, 4, 1), up_to(case, name, 1)], heir)
        case.say(name, retire, epoch(1, name), signed=name == "farm")
        case.say(name, epoch(2, name))


def heirs(case: Script) -> None:
    """The heir is what the highest-ranked retirement names that names another device of the member."""
    farm(case, *(names := [f"k{number}" for number in range(5)]))
    k = [case.public(name) for name in names]
    case.say("farm", Retire(k[3], [], k[3]), Retire(k[4], [], case.public("founder")))
    case.say("k0", Retire(k[4], [], NO_ID), Retire(k[3], [], k[1]))
    case.say("k1", Retire(k[4], [], k[2]), Retire(k[3], [], k[2]))


def box_keys(case: Script) -> None:
    """Which box keys count: none of small order, none far above, of one number the first in the order of devices."""
    case.newcomer("farm", "producer")
    case.say("farm", case.ticket("laptop"))
    case.say("laptop", case.enrolling("laptop", "farm"), epoch(1, "another"))
    case.say("farm", Certify(case.public("laptop")), epoch(67), epoch(66), epoch(1), epoch(65), epoch(133), epoch(0))
    small = [bytes(32), bytes.fromhex(SMALL_ORDER), b"\x01" + bytes(31), bytes(31) + b"\x80"]
    case.say("farm", *(Epoch(number, public, [], b"") for number, public in enumerate(small, 2)))


def rights(case: Script) -> None:
    """A right is given on turn by turn, by the holder's first word for the next that names a device of the member."""
    farm(case, "a", "b")
    one, a, b, founder = (case.public(name) for name in ("farm", "a", "b", "founder"))
    case.say("farm", handing("stock", 2, b), handing("stock", 1, founder), handing("stock", 1, a))
    case.say("farm", handing("stock", 1, b))
    case.say("b", handing("stock", 2, one), handing("desk", 1, b))
    case.say("a", handing("stock", 2, b))
    case.say("farm", handing("desk", 1, one), handing("desk", 2, a))


def rights_inherited(case: Script) -> None:
    """An heir holds the next turn, so it gives on the one after that."""
    farm(case, "a", "b", "c")
    a, b, c = (case.public(name) for name in "abc")
    case.say("farm", handing("stock", 1, a), handing("desk", 1, a), Retire(a, [], b))
    case.say("b", handing("stock", 2, c), handing("desk", 3, c))


def heirs_in_a_circle(case: Script) -> None:
    """Two retired devices are each other's heirs: the highest-ranked device that is not retired holds the right."""
    farm(case, "a", "b")
    a, b = case.public("a"), case.public("b")
    case.say("farm", handing("stock", 1, a), handing("desk", 1, b), Retire(a, [], b), Retire(b, [], a))


def through_a_retired_heir(case: Script) -> None:
    """An heir that is retired itself passes on what it said below its cut, else its own heir holds the right."""
    farm(case, "a", "b", "c")
    a, b, c = (case.public(name) for name in "abc")
    last = case.say("b", handing("stock", 3, case.public("farm")))
    kept = Cut(b, 0, case.heads["b"][0], last)
    case.say("farm", handing("stock", 1, a), handing("desk", 1, a), Retire(a, [], b), Retire(b, [kept], c))


def all_retired(case: Script) -> None:
    """Who is retired last keeps its rights where nobody is left."""
    farm(case)
    case.say("farm", Retire(case.public("farm"), [], NO_ID))


def erasing(case: Script) -> None:
    """Spans count in logs 1 and 2 of the member's own devices, and where they do not end before they begin."""
    farm(case)
    own, founder = case.public("farm"), case.public("founder")
    case.say("farm", Erase([(own, 0, 1, 1), (own, 1, 2, 3), (own, 2, 9, 4), (own, 3, 1, 1), (founder, 1, 1, 9)]))
    case.say("farm", Erase([(own, 1, 2, 3), (own, 2, 4, 4)]))


def cut_within_a_run(case: Script) -> None:
    """A cut ends at the signature before it; a join that is not signed up to there makes nobody a member."""
    seqs = {"signed": 2, "not signed": 2, "signed further on": 3}
    for name in seqs:
        case.invite("founder", name, "producer")
        case.say(name, case.joining(name, "producer"), signed=name == "signed")
        case.say(name, epoch(1, name), signed=False)
        case.say(name, epoch(2, name))
        case.say(name, epoch(3, name))
    case.say("founder", *(Remove(case.id(name), [up_to(case, name, seq)]) for name, seq in seqs.items()))
    case.join("next", "producer", on="not signed")


def steward_by_its_own_invite(case: Script) -> None:
    """A steward is taken once it was granted, be its join counted or not: on its own invite it lets itself in."""
    case.join("b", "hub")
    case.say("founder", Grant(case.id("b"), "steward"))
    case.say("b", case.inviting("b", "hub"), case.inviting("guest", "producer"))
    case.join("guest", "producer")


def steward_that_is_no_member(case: Script) -> None:
    """Of two on one invite the other was admitted first; one joins with more roles than it may: both let others in."""
    case.say("founder", case.inviting("a", "hub"), case.inviting("wide", "hub"))
    first = case.join("a", "hub")
    case.join("b", "hub", on="a")
    case.join("wide", "hub", "producer")
    case.say("founder", Admit(case.id("a"), first))
    for name in ("b", "wide"):
        case.say("founder", Grant(case.id(name), "steward"))
        case.invite(name, f"guest of {name}", "producer")
        case.join(f"guest of {name}", "producer")


def founder_recovered(case: Script) -> None:
    """The founder recovers and names no cut: of its first entry counts the founding, and nothing else of that log."""
    case.say("founder", case.inviting("farm", "producer"))
    case.join("farm", "producer")
    case.recover("new", "founder", 1)
    case.say("new", case.inviting("baker", "producer"), Grant(case.id("baker"), "group"))
    case.join("baker", "producer")


def first_entries_cut(case: Script) -> None:
    """A join and an enrolment cut to nothing: who it is and its roles stay, what else stands in that entry does not."""
    case.invite("founder", "farm", "producer")
    case.say("farm", case.joining("farm", "producer"), epoch(1), case.ticket("laptop"))
    case.say("laptop", case.enrolling("laptop", "farm"), epoch(2))
    case.say("farm", Certify(case.public("laptop")))
    case.recover("new", "farm", 1, up_to(case, "farm", 2))
    case.newcomer("baker", "producer")
    case.say("founder", Remove(case.id("baker"), []), Remove(case.id("farm"), [up_to(case, "farm", 2)]))


def two_tickets(case: Script) -> None:
    """Two devices have a ticket of one key: each certifies on its own; whom both take ranks behind the higher one."""
    farm(case, "a")
    case.say("a", case.ticket("shared"))
    for name in ("one", "other"):
        case.say(name, case.enrolling(name, "farm", on="shared"))
    case.say("farm", case.ticket("shared"), Certify(case.public("one")))
    case.say("a", Certify(case.public("other")), Certify(case.public("one")))


def removed_first(case: Script) -> None:
    """A removal before the grant of `steward`: it is taken as one below its cut, and has the role no more."""
    case.newcomer("b", "hub")
    case.invite("b", "guest", "producer")
    case.join("guest", "producer")
    case.invite("b", "late guest", "producer")
    case.join("late guest", "producer")
    case.say("founder", Remove(case.id("b"), [up_to(case, "b", 2)]), Grant(case.id("b"), "producer"))
    case.say("founder", Grant(case.id("b"), "steward"))


RULES: dict[str, Callable[[Script], None]] = {
    "rivals on one invite": rivals,
    "invites taken back": taken_back,
    "words of stewards": words,
    "two devices of a steward": two_devices_speak,
    "two removals": removals,
    "recoveries of one number": recoveries,
    "which certificates count": certifying,
    "ranks of devices": ranks,
    "retiring oneself by a signed entry": retiring_oneself,
    "heirs": heirs,
    "box keys": box_keys,
    "rights handed over": rights,
    "rights inherited": rights_inherited,
    "heirs in a circle": heirs_in_a_circle,
    "an heir that is retired": through_a_retired_heir,
    "all devices retired": all_retired,
    "spans erased": erasing,
    "a cut within a run": cut_within_a_run,
    "a steward by its own invite": steward_by_its_own_invite,
    "stewards that are no members": steward_that_is_no_member,
    "a founder that recovered": founder_recovered,
    "first entries that are cut": first_entries_cut,
    "two tickets of one key": two_tickets,
    "removed before it was a steward": removed_first,
}


def circuits() -> Json:
    """Logs 0, and what the pass makes of them."""
    made = []
    for name, tell in {**STORIES, **RULES}.items():
        case = Script(name)
        tell(case)
        logs = [{"name": each, "author": case.public(each).hex(), "runs": runs} for each, runs in case.logs.items()]
        rule = {"says": tell.__doc__} if name in RULES else {}
        made.append({"name": name, **rule, "circuit": case.circuit.hex(), "logs": logs, **outcome(case.circuit, logs)})
    return {
        "about": "The pass over logs 0, in any order. A limit is the last entry that counts.",
        "cases": made,
    }
