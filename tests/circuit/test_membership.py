"""The membership pass over logs made by hand: a `Story` signs the joins, a test says in which order they are read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.circuit.membership import Act, Membership, membership
from foodhub.circuit.statements import (
    Admit,
    CircuitStatement,
    Device,
    Epoch,
    Found,
    Founding,
    Grant,
    Inception,
    Invite,
    Join,
    Role,
    Uninvite,
    charter_hash,
    proof_of_join,
)
from foodhub.log.keys import BoxKey, SigningKey, digest

CHARTER = "We own it together."


def key(name: str) -> SigningKey:
    return SigningKey(digest(name.encode(), b"a test's key"))


BOX = BoxKey(b"b" * 32).public


def inception(name: str) -> Inception:
    return Inception(bytes(16), Device(key(name).public, BOX, False), bytes(32), BOX)


@dataclass
class Story:
    """Logs 0 by name; the founder's is there from the beginning."""

    logs: dict[str, list[CircuitStatement]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.founding = Founding(bytes(16), CHARTER, inception("founder"), 1)
        self.logs["founder"] = [Found(self.founding, "Circuit", "EUR", ["hub"])]

    def say(self, name: str, *statements: CircuitStatement) -> "Story":
        self.logs.setdefault(name, []).extend(statements)
        return self

    def invite(self, steward: str, invite: str, *roles: Role) -> "Story":
        return self.say(steward, Invite(key(invite).public, list(roles or ("producer",)), 0))

    def join(self, name: str, invite: str, *roles: Role) -> "Story":
        own = list(roles or ("producer",))
        text = proof_of_join(self.founding.circuit, inception(name).id, own, charter_hash(CHARTER))
        proof = key(invite).sign("invite", text)
        return self.say(name, Join(inception(name), own, charter_hash(CHARTER), key(invite).public, proof))

    def admit(self, steward: str, name: str) -> "Story":
        return self.say(steward, Admit(inception(name).id, entry(name, 1)))

    def grant(self, steward: str, name: str, role: Role) -> "Story":
        return self.say(steward, Grant(inception(name).id, role))

    def found(self, order: Sequence[str] = ()) -> Membership:
        logs = {
            key(name).public: [
                Act(seq, entry(name, seq), 1000 + seq, statement) for seq, statement in enumerate(self.logs[name], 1)
            ]
            for name in order or self.logs
        }
        return membership(self.founding.circuit, logs)

    def names(self) -> set[str]:
        members = self.found().members
        return {name for name in self.logs if inception(name).id in members}

    def roles(self, name: str) -> set[str]:
        return set(self.found().members[inception(name).id].roles)


def entry(name: str, seq: int) -> bytes:
    return digest(f"{name} {seq}".encode(), b"a test's entry")


def lowest(*names: str) -> str:
    return min(names, key=lambda name: entry(name, 1))


def test_the_founder_is_the_first_steward() -> None:
    assert Story().names() == {"founder"}
    assert Story().roles("founder") == {"hub", "steward"}


def test_without_the_founding_nobody_is_a_member() -> None:
    story = Story().invite("founder", "i").join("farm", "i")
    assert story.found(["farm"]).members == {}


def test_who_joins_on_an_invite_is_a_member() -> None:
    story = Story().invite("founder", "i").join("farm", "i")
    assert story.names() == {"founder", "farm"}
    assert not story.found().members[inception("farm").id].admitted
    assert story.admit("founder", "farm").found().members[inception("farm").id].admitted


def test_an_invite_that_no_steward_gave_lets_nobody_in() -> None:
    story = Story().invite("founder", "i").join("farm", "i").invite("farm", "j").join("friend", "j")
    assert story.names() == {"founder", "farm"}


def test_roles_beyond_those_of_the_invite_let_nobody_in() -> None:
    story = Story().invite("founder", "i", "producer", "hub")
    assert story.join("farm", "i", "producer").join("greedy", "i", "producer", "group").names() == {"founder", "farm"}


def test_an_invite_can_not_make_a_steward() -> None:
    story = Story().invite("founder", "i", "producer", "steward").join("farm", "i", "steward", "producer")
    assert story.names() == {"founder"}


def test_of_two_joins_on_one_invite_the_lowest_id_counts_until_one_is_admitted() -> None:
    story = Story().invite("founder", "i").join("a", "i").join("b", "i")
    first = lowest("a", "b")
    other = {"a": "b", "b": "a"}[first]
    assert story.names() == {"founder", first}
    assert story.admit("founder", other).names() == {"founder", other}
    assert story.admit("founder", first).names() == {"founder", other}


def test_the_admission_by_the_highest_steward_counts() -> None:
    for one, other in (("a", "b"), ("b", "a")):
        story = Story().invite("founder", "i").invite("founder", "s").join("second", "s")
        story.grant("founder", "second", "steward").join("a", "i").join("b", "i")
        assert story.admit("second", one).names() == {"founder", "second", one}
        assert story.admit("founder", other).names() == {"founder", "second", other}


def test_an_admission_names_member_and_entry_alike() -> None:
    story = Story().invite("founder", "i").join("a", "i").join("b", "i")
    first = lowest("a", "b")
    other = {"a": "b", "b": "a"}[first]
    assert story.say("founder", Admit(inception(first).id, entry(other, 1))).names() == {"founder", first}


def test_a_revoked_invite_lets_nobody_in_who_was_not_admitted() -> None:
    story = Story().invite("founder", "i").join("farm", "i").say("founder", Uninvite(key("i").public))
    assert story.names() == {"founder"}
    assert story.admit("founder", "farm").names() == {"founder", "farm"}


def test_a_steward_takes_back_the_invites_of_lower_ranks_and_not_of_higher_ones() -> None:
    base = Story().invite("founder", "s").join("second", "s").grant("founder", "second", "steward")
    base.invite("second", "low").invite("founder", "high").join("a", "low").join("b", "high")
    assert base.names() == {"founder", "second", "a", "b"}
    assert base.say("second", Uninvite(key("high").public)).names() == {"founder", "second", "a", "b"}
    assert base.say("founder", Uninvite(key("low").public)).names() == {"founder", "second", "b"}


def test_a_granted_steward_invites_and_grants_in_turn() -> None:
    story = Story().invite("founder", "s").join("second", "s").grant("founder", "second", "steward")
    story.invite("second", "t").join("third", "t").grant("second", "third", "steward").invite("third", "u").join(
        "d", "u"
    )
    assert story.names() == {"founder", "second", "third", "d"}
    assert story.roles("third") == {"producer", "steward"}


def test_nobody_gives_itself_or_its_superiors_a_role() -> None:
    story = Story().invite("founder", "i").join("farm", "i")
    story.grant("farm", "farm", "steward").grant("farm", "founder", "group").grant("founder", "founder", "group")
    assert story.roles("farm") == {"producer"}
    assert story.roles("founder") == {"hub", "steward"}


def test_two_stewards_that_grant_each_other_do_not_turn_for_ever() -> None:
    story = Story().invite("founder", "s").join("a", "s").invite("founder", "t").join("b", "t")
    story.grant("founder", "a", "steward").grant("a", "b", "steward").grant("b", "a", "hub")
    assert story.roles("b") == {"producer", "steward"}
    assert story.roles("a") == {"producer", "steward"}


def test_whom_a_steward_gives_a_role_it_lets_in() -> None:
    story = Story().invite("founder", "i").join("a", "i").join("b", "i")
    other = {"a": "b", "b": "a"}[lowest("a", "b")]
    story.grant("founder", other, "steward").invite(other, "j").join("c", "j")
    assert story.names() == {"founder", other, "c"}


def test_a_box_key_that_nobody_can_write_to_does_not_count_and_of_one_number_the_first_does() -> None:
    good, other = BoxKey(b"g" * 32).public, BoxKey(b"h" * 32).public
    story = Story().invite("founder", "i").join("farm", "i")
    epochs = [Epoch(2, bytes(32), [], b""), Epoch(1, good, [], b""), Epoch(1, other, [], b"")]
    found = story.say("farm", *epochs).found().members[inception("farm").id]
    assert [(epoch.number, epoch.public) for epoch in found.epochs] == [(1, good)]


def test_a_join_in_the_log_of_another_device_does_not_count() -> None:
    story = Story().invite("founder", "i").join("farm", "i")
    story.logs["thief"] = list(story.logs.pop("farm"))
    assert story.names() == {"founder"}


@pytest.mark.parametrize("late", [False, True])
def test_a_join_that_is_not_the_first_entry_does_not_count(*, late: bool) -> None:
    story = Story().invite("founder", "i")
    if late:
        story.say("farm", Grant(bytes(32), "hub"))
    assert (inception("farm").id in story.join("farm", "i").found().members) is not late


NAMES = ["founder", "a", "b", "c", "d", "e"]
acts = st.one_of(
    st.tuples(st.just("invite"), st.sampled_from(NAMES), st.sampled_from("ijkl")),
    st.tuples(st.just("uninvite"), st.sampled_from(NAMES), st.sampled_from("ijkl")),
    st.tuples(st.just("admit"), st.sampled_from(NAMES), st.sampled_from(NAMES[1:])),
    st.tuples(
        st.just("grant"), st.sampled_from(NAMES), st.sampled_from(NAMES[1:]), st.sampled_from(["steward", "hub"])
    ),
)


@given(
    st.lists(st.sampled_from("ijkl"), min_size=5, max_size=5),
    st.lists(acts, max_size=25),
    st.integers(0),
)
def test_the_order_of_arrival_makes_no_difference(
    joins: list[str], given_acts: list[tuple[str, ...]], seed: int
) -> None:
    story = Story()
    for name, invite in zip(NAMES[1:], joins, strict=True):
        story.join(name, invite)
    for what, who, *rest in given_acts:
        match what:
            case "invite":
                story.invite(who, rest[0])
            case "uninvite":
                story.say(who, Uninvite(key(rest[0]).public))
            case "admit":
                story.admit(who, rest[0])
            case _:
                story.grant(who, rest[0], rest[1])  # type: ignore[arg-type]
    found = story.found()
    shuffled = story.found(Random(seed).sample(list(story.logs), len(story.logs)))
    assert shuffled == found
    assert inception("founder").id in found.members
    assert all(member.inception.device.signing != member.id for member in found.members.values())
    assert len({invite.used_by for invite in found.invites.values() if invite.used_by}) == len(found.members) - 1
