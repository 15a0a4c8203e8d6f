"""The membership pass over logs made by hand: who is a member, with which roles, let in or removed by whom."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.circuit.statements import Admit, Epoch, Grant, Uninvite
from foodhub.log.keys import BoxKey
from tests.circuit.story import Story, entry, lowest, member_id, public, standing_of


def test_the_founder_is_the_first_steward() -> None:
    assert Story().names() == {"founder"}
    assert Story().roles("founder") == {"hub", "steward"}


def test_without_the_founding_nobody_is_a_member() -> None:
    story = Story().invite("founder", "i").join("farm", "i")
    assert story.found(["farm"]).members == {}


def test_who_joins_on_an_invite_is_a_member() -> None:
    story = Story().invite("founder", "i").join("farm", "i")
    assert story.names() == {"founder", "farm"}
    assert not story.found().members[member_id("farm")].admitted
    assert story.admit("founder", "farm").found().members[member_id("farm")].admitted


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
    assert story.say("founder", Admit(member_id(first), entry(other, 1))).names() == {"founder", first}


def test_a_revoked_invite_lets_nobody_in_who_was_not_admitted() -> None:
    story = Story().invite("founder", "i").join("farm", "i").say("founder", Uninvite(public("i")))
    assert story.names() == {"founder"}
    assert story.admit("founder", "farm").names() == {"founder", "farm"}


def test_a_steward_takes_back_the_invites_of_lower_ranks_and_not_of_higher_ones() -> None:
    base = Story().invite("founder", "s").join("second", "s").grant("founder", "second", "steward")
    base.invite("second", "low").invite("founder", "high").join("a", "low").join("b", "high")
    assert base.names() == {"founder", "second", "a", "b"}
    assert base.say("second", Uninvite(public("high"))).names() == {"founder", "second", "a", "b"}
    assert base.say("founder", Uninvite(public("low"))).names() == {"founder", "second", "b"}


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
    found = story.say("farm", *epochs).found().members[member_id("farm")]
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
    assert (member_id("farm") in story.join("farm", "i").found().members) is not late


def test_a_role_of_the_join_and_a_granted_one_stay_until_they_are_revoked() -> None:
    story = Story().newcomer("farm").grant("founder", "farm", "hub")
    assert story.roles("farm") == {"producer", "hub"}
    assert story.revoke("founder", "farm", "producer").roles("farm") == {"hub"}
    assert story.revoke("founder", "farm", "hub").roles("farm") == set()
    assert story.grant("founder", "farm", "producer").roles("farm") == {"producer"}


@pytest.mark.parametrize(("higher", "lower"), [("grant", "revoke"), ("revoke", "grant")])
def test_of_the_stewards_who_spoke_about_a_role_the_highest_decides(higher: str, lower: str) -> None:
    story = Story().steward("second").newcomer("farm")
    getattr(story, higher)("founder", "farm", "hub")
    getattr(story, lower)("second", "farm", "hub")
    assert ("hub" in story.roles("farm")) is (higher == "grant")


def test_a_steward_whose_role_was_revoked_acts_for_nobody_until_it_is_granted_again() -> None:
    story = Story().steward("second").invite("second", "i").join("farm", "i")
    assert "farm" in story.names()
    assert "farm" not in story.revoke("founder", "second", "steward").names()
    assert story.roles("second") == {"producer"}
    assert "farm" in story.grant("founder", "second", "steward").names()


def test_no_steward_takes_a_role_from_one_that_ranks_higher() -> None:
    story = Story().steward("second").revoke("second", "founder", "hub").revoke("second", "founder", "steward")
    assert story.roles("founder") == {"hub", "steward"}


def test_whoever_is_no_steward_revokes_and_removes_nothing() -> None:
    story = Story().newcomer("farm", "other")
    story.revoke("farm", "other", "producer").remove("farm", "other", ("other", 0, 1)).remove("farm", "farm")
    assert story.roles("other") == {"producer"}
    assert story.found().cuts == {}
    assert not any(member.removed for member in story.found().members.values())


def test_a_removed_member_stays_on_record_and_is_cut_where_the_steward_said() -> None:
    story = Story().newcomer("farm", "other").say("farm", Epoch(1, BoxKey(b"g" * 32).public, [], b""))
    found = story.remove("founder", "farm", ("farm", 0, 2), ("farm", 1, 5)).found()
    farm = found.members[member_id("farm")]
    assert (farm.removed, set(farm.roles), len(farm.epochs)) == (True, {"producer"}, 1)
    assert story.lasts("farm") == (2, 5, 0)
    assert {device for device, _ in found.cuts} == {public("farm")}
    assert [standing_of(found, public(name)) for name in ("farm", "other", "nobody")] == [
        "removed",
        "counts",
        "unknown",
    ]


def test_of_a_removed_member_whose_logs_nobody_named_the_first_entry_says_who_it_was_and_nothing_counts() -> None:
    story = Story().newcomer("farm").say("farm", Epoch(1, BoxKey(b"g" * 32).public, [], b""))
    assert story.remove("founder", "farm").lasts("farm") == (1, 0, 0)
    assert story.names() == {"founder", "farm"}
    assert story.member("farm").epochs == ()


def test_a_cut_of_logs_of_another_member_is_ignored_and_one_beyond_the_head_cuts_nothing() -> None:
    story = Story().newcomer("farm", "other").say("farm", Epoch(1, BoxKey(b"g" * 32).public, [], b""))
    story.remove("founder", "farm", ("farm", 0, 900), ("other", 0, 1), ("other", 1, 0), ("farm", 7, 3))
    assert story.lasts("farm") == (900, 0, 0)
    assert len(story.member("farm").epochs) == 1
    assert story.lasts("other") == (None, None, None)
    assert (public("farm"), 7) not in story.found().cuts


def test_of_several_cuts_the_lowest_counts_whoever_set_it() -> None:
    for one, other in ((3, 2), (2, 3)):
        story = Story().steward("second").newcomer("farm")
        story.remove("founder", "farm", ("farm", 1, one), ("farm", 1, 8), ("farm", 2, 4))
        story.remove("second", "farm", ("farm", 1, other), ("farm", 0, 1))
        assert story.lasts("farm") == (1, 2, 0)


def test_what_a_removed_steward_said_below_the_cut_stands_and_it_is_no_steward() -> None:
    story = Story().steward("second").invite("second", "i").join("early", "i")
    before = story.head("second")
    story.invite("second", "j").join("late", "j").remove("founder", "second", ("second", 0, before))
    assert story.names() == {"founder", "second", "early"}
    assert story.roles("second") == {"producer"}
    assert story.grant("founder", "second", "steward").roles("second") == {"producer"}


def test_of_two_stewards_who_remove_each_other_the_higher_one_stays() -> None:
    story = Story().steward("a").steward("b")
    grants = {"a": entry("founder", 3), "b": entry("founder", 5)}
    high, low = sorted("ab", key=lambda name: grants[name])
    story.remove(low, high).remove(high, low, (low, 0, story.head(low) + 1))
    assert story.found().members[member_id(low)].removed
    assert not story.found().members[member_id(high)].removed
    assert story.found() == story.found(list(reversed(story.logs)))


def test_nobody_removes_the_founder_or_a_superior() -> None:
    story = Story().steward("second").steward("third", by="second")
    story.remove("founder", "founder").remove("second", "founder").remove("third", "second")
    assert not any(member.removed for member in story.found().members.values())


def test_one_who_was_removed_before_its_join_came_is_removed_and_keeps_its_invite() -> None:
    story = Story().invite("founder", "i").remove("founder", "a").join("a", "i").join("b", "i")
    assert story.admit("founder", "a").names() == {"founder", "a"}
    assert story.member("a").removed


NAMES = ["founder", "a", "b", "c", "d", "e"]
acts = st.one_of(
    st.tuples(st.just("invite"), st.sampled_from(NAMES), st.sampled_from("ijkl")),
    st.tuples(st.just("uninvite"), st.sampled_from(NAMES), st.sampled_from("ijkl")),
    st.tuples(st.just("admit"), st.sampled_from(NAMES), st.sampled_from(NAMES[1:])),
    st.tuples(
        st.sampled_from(["grant", "revoke"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES[1:]),
        st.sampled_from(["steward", "hub"]),
    ),
    st.tuples(st.just("remove"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
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
                story.say(who, Uninvite(public(rest[0])))
            case "admit":
                story.admit(who, rest[0])
            case "remove":
                story.remove(who, rest[0])
            case "revoke":
                story.revoke(who, rest[0], rest[1])  # type: ignore[arg-type]
            case _:
                story.grant(who, rest[0], rest[1])  # type: ignore[arg-type]
    found = story.found()
    shuffled = story.found(Random(seed).sample(list(story.logs), len(story.logs)))
    assert shuffled == found
    assert member_id("founder") in found.members
    assert all(member.inception.device.signing != member.id for member in found.members.values())
    assert len({invite.used_by for invite in found.invites.values() if invite.used_by}) == len(found.members) - 1
