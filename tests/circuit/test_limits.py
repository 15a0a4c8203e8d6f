"""Laws of the membership pass over any tangle of members and devices that limit each other.

What stands above a limit never matters, whoever wrote it and whatever it says; nor does the order of arrival.
"""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from foodhub.circuit.membership import Limit, Membership
from foodhub.circuit.statements import RIGHTS, CircuitStatement, Epoch, Erase, Invite, Uninvite
from foodhub.log.encoding import NO_ID
from foodhub.log.keys import BoxKey
from tests.circuit.story import Story, member_id, public, standing_of

Deed = tuple[Any, ...]

MEMBERS = ["founder", "a", "b", "c"]
LATECOMERS = ["d", "e"]
FURTHER = ["1", "2", "3"]
RECOVERED = ["r", "s"]
DEVICES = [member + which for member in MEMBERS for which in ("", *FURTHER, *RECOVERED)]
BOXES = [BoxKey(bytes([number]) * 32).public for number in range(3)]

member = st.sampled_from(MEMBERS)
speaker = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 2, 3, *range(4, 16)])
"""Which of the devices that have begun to write; the founder, who comes first, writes most."""
sibling = st.integers(0, 4)
"""Which of those of the speaker's member."""
cuts = st.lists(
    st.tuples(st.sampled_from(["", *FURTHER, *RECOVERED]), st.integers(0, 2), st.integers(0, 7)), max_size=6
)
spoken = st.one_of(
    st.tuples(st.just("ticket"), speaker, st.sampled_from(FURTHER)),
    st.tuples(st.just("certify"), speaker, sibling),
    st.tuples(st.just("retire"), speaker, sibling, cuts, sibling),
    st.tuples(st.just("remove"), speaker, member, cuts),
    st.tuples(st.sampled_from(["grant", "revoke"]), speaker, member, st.sampled_from(["steward", "hub"])),
    st.tuples(st.sampled_from(["invite", "uninvite", "admit"]), speaker, st.sampled_from(LATECOMERS)),
    st.tuples(st.just("keeper"), speaker, sibling, st.sampled_from(RIGHTS), st.integers(1, 2)),
    st.tuples(st.just("erase"), speaker, sibling),
    st.tuples(st.just("epoch"), speaker, st.integers(1, 3), st.sampled_from(BOXES)),
)
begun = st.one_of(
    st.tuples(st.just("add"), member, st.sampled_from(["", "", *FURTHER]), st.sampled_from(FURTHER)),
    st.tuples(st.just("add"), member, st.just(""), st.sampled_from(FURTHER)),
    st.tuples(st.just("enrol"), member, st.sampled_from(FURTHER)),
    st.tuples(st.just("recover"), member, st.sampled_from(RECOVERED), st.integers(1, 2), cuts),
)
grants = st.lists(st.tuples(st.just("grant"), st.integers(0, 2), member, st.just("steward")), max_size=5)
tangles = st.tuples(grants, st.lists(begun, max_size=6), st.lists(spoken, min_size=6, max_size=25)).map(
    lambda parts: [*parts[0], *parts[1], *parts[2]]
)


def owner(name: str) -> str:
    return next(member for member in MEMBERS if name == member or name[:-1] == member)


def tell(story: Story, deed: Deed) -> None:
    """Let a deed be done, where who does it has begun to write."""
    match deed:
        case ("add", of, by, which) if of + by in story.logs and of + which not in story.logs:
            story.add(of + by, of, of + which)
        case ("enrol", of, which) if of + which not in story.logs:
            story.enrol(of + which, of, f"ticket of {of + which}")
        case ("recover", of, which, number, cut) if of + which not in story.logs:
            story.recover(of + which, of, number, *((of + device, log, seq) for device, log, seq in cut))
        case ("add" | "enrol" | "recover", *_):
            pass
        case (verb, which, *rest):
            names = [name for name in story.logs if name in DEVICES]
            speak(story, verb, names[which % len(names)], *rest)


def speak(story: Story, verb: str, by: str, *rest: Any) -> None:
    of = owner(by)
    own = [name for name in story.logs if name in DEVICES and owner(name) == of]
    match verb, *rest:
        case ("retire", which, cut, heir):
            named = [(of + device, log, seq) for device, log, seq in cut]
            story.retire(by, own[which % len(own)], *named, heir=own[heir % len(own)])
        case ("remove", other, cut):
            story.remove(by, other, *((other + device, log, seq) for device, log, seq in cut))
        case ("grant" | "revoke", other, role):
            getattr(story, verb)(by, other, role)
        case ("ticket", which):
            story.ticket(by, f"ticket of {of + which}")
        case ("certify", which):
            story.certify(by, own[which % len(own)])
        case ("admit", other):
            story.admit(by, other)
        case ("keeper", which, right, turn):
            story.keeper(by, right, turn, own[which % len(own)])
        case ("erase", which):
            story.say(by, Erase([(public(own[which % len(own)]), 1, 1, 2)]))
        case _:
            story.say(by, plain(verb, *rest))


def plain(verb: str, *rest: Any) -> CircuitStatement:
    match verb, *rest:
        case ("invite", name):
            return Invite(public(f"invite of {name}"), ["producer"], 0)
        case ("uninvite", name):
            return Uninvite(public(f"invite of {name}"))
        case (_, number, key):
            return Epoch(number, key, [], b"")
    raise AssertionError(verb)


def told(deeds: list[Deed]) -> Story:
    story = Story().newcomer("a", "b", "c")
    for name in LATECOMERS:
        story.join(name, f"invite of {name}")
    for deed in deeds:
        tell(story, deed)
    return story


def cut_short(story: Story, found: Membership) -> dict[str, int]:
    """Return the logs that reach their limit or beyond, each with its last seq that counts."""
    limits = {name: found.cuts.get((public(name), 0)) for name in story.logs}
    return {name: limit.seq for name, limit in limits.items() if limit and limit.seq <= story.head(name)}


@given(tangles, st.integers(0))
def test_taking_away_what_stands_above_limits_changes_nothing(deeds: list[Deed], seed: int) -> None:
    story, chance = told(deeds), Random(seed)
    found = story.found()
    above = cut_short(story, found)
    assert story.found(upto=above) == found
    some = {name: chance.randint(seq, story.head(name)) for name, seq in above.items() if chance.random() < 0.7}
    assert story.found(upto=some) == found


@given(tangles, st.lists(st.tuples(st.integers(0), spoken), min_size=1, max_size=12))
def test_whatever_is_said_above_a_limit_changes_nothing(deeds: list[Deed], later: list[tuple[int, Deed]]) -> None:
    story = told(deeds)
    found = story.found()
    silenced = [name for name in cut_short(story, found) if name in DEVICES]
    for which, deed in later if silenced else []:
        speak(story, deed[0], silenced[which % len(silenced)], *deed[2:])
    assert story.found() == found


@given(tangles, st.integers(0))
def test_the_order_of_arrival_changes_nothing(deeds: list[Deed], seed: int) -> None:
    story = told(deeds)
    assert story.found(Random(seed).sample(list(story.logs), len(story.logs))) == story.found()


@given(tangles)
def test_what_is_said_in_the_result_fits_together(deeds: list[Deed]) -> None:
    story = told(deeds)
    found = story.found()
    limited = set()
    for who in found.members.values():
        keys = [state.device.signing for state in who.devices]
        assert [state.position for state in who.devices] == list(range(len(keys)))
        assert who.inception.device.signing in keys
        assert set(who.keepers) == set(RIGHTS)
        assert set(who.keepers.values()) <= set(keys)
        assert not (who.removed and "steward" in who.roles)
        for state in who.devices:
            assert not state.certified_by or state.certified_by in keys[: state.position]
            assert not state.heir or (state.heir in keys and state.heir != state.device.signing and state.retired)
            standing = standing_of(found, state.device.signing)
            assert standing == ("removed" if who.removed else "retired" if state.retired else "counts")
            if standing != "counts":
                limited |= {(state.device.signing, log) for log in (0, 1, 2)}
    assert set(found.cuts) == limited
    assert all((limit == Limit(0, NO_ID)) == (limit.seq == 0) for limit in found.cuts.values())
    assert all(limit.seq or log for (_, log), limit in found.cuts.items())
    assert not found.members[member_id("founder")].removed
    assert "steward" in found.members[member_id("founder")].roles


def test_the_tangles_hold_what_the_laws_are_about() -> None:
    deeds: list[Deed] = [("add", "a", "", "1"), ("recover", "a", "r", 1, [("", 0, 1)]), ("remove", 0, "b", [])]
    story = told([*deeds, ("epoch", 2, 2, BOXES[0])])
    assert cut_short(story, story.found()) == {"a": 1, "b": 1}
    assert (story.head("a"), story.head("b")) == (3, 2)
