"""The devices of one member: certificates, ranks, retirements, recoveries, and where their logs end."""

import pytest

from foodhub.circuit.membership import (
    Act,
    DeviceState,
    Limit,
    OpenTicket,
    enrolment_holds,
    membership,
    recovery_holds,
)
from foodhub.circuit.statements import Certify, Epoch, Erase, Retire, Share, Ticket
from foodhub.log.encoding import NO_ID
from foodhub.log.keys import BoxKey
from tests.circuit.story import BOX, Story, device, entry, lowest, member_id, public, standing_of


def farm() -> Story:
    """A farm with a laptop, which is its first device."""
    return Story().newcomer("farm")


def box(number: int) -> bytes:
    return BoxKey(bytes([number]) * 32).public


def test_a_device_that_is_certified_on_a_ticket_of_the_certifying_one_belongs_to_the_member() -> None:
    story = farm().ticket("farm", "t").enrol("phone", "farm", "t")
    assert story.devices("farm") == ["farm"]
    place = (public("t"), member_id("farm"))
    assert story.found().tickets == {place: OpenTicket(*place, public("farm"), 0)}
    assert standing_of(story.found(), public("phone")) == "unknown"
    story.certify("farm", "phone")
    assert story.member("farm").devices == (
        DeviceState(device("farm"), 0, False, b"", b""),
        DeviceState(device("phone"), 1, False, b"", public("farm")),
    )
    assert story.found().tickets[place].used_by == public("phone")
    assert standing_of(story.found(), public("phone")) == "counts"
    assert story.found().cuts == {}


def test_a_certificate_counts_when_the_enrolment_arrives_after_it() -> None:
    story = farm().ticket("farm", "t").certify("farm", "phone").enrol("phone", "farm", "t")
    assert story.devices("farm") == ["farm", "phone"]
    assert story.found([name for name in story.logs if name != "phone"]).members.keys() == story.found().members.keys()


def test_a_certificate_before_its_ticket_does_not_count() -> None:
    assert farm().certify("farm", "phone").ticket("farm", "t").enrol("phone", "farm", "t").devices("farm") == ["farm"]


def test_a_ticket_and_its_certificate_may_stand_in_one_entry() -> None:
    story = farm().together("farm", Ticket(public("t"), 0), Certify(public("phone"))).enrol("phone", "farm", "t")
    assert story.devices("farm") == ["farm", "phone"]


def test_a_ticket_of_another_device_or_member_does_not_do() -> None:
    story = farm().newcomer("other").add("farm", "farm", "phone").ticket("phone", "t").ticket("other", "u")
    story.enrol("one", "farm", "t").enrol("two", "farm", "u").enrol("three", "farm", "none")
    story.certify("farm", "one").certify("farm", "two").certify("farm", "three")
    assert story.devices("farm") == ["farm", "phone"]
    assert story.certify("phone", "one").devices("farm") == ["farm", "phone", "one"]


def test_nobody_certifies_a_key_that_is_another_members_or_enrolled_for_another_member() -> None:
    story = farm().newcomer("other").ticket("farm", "t").ticket("other", "t").enrol("phone", "other", "t")
    story.certify("farm", "phone").certify("farm", "other").certify("other", "phone")
    assert story.devices("farm") == ["farm"]
    assert story.devices("other") == ["other", "phone"]


def test_an_enrolment_in_the_log_of_another_device_or_behind_its_first_entry_does_not_count() -> None:
    story = farm().ticket("farm", "t").enrol("phone", "farm", "t")
    story.logs["thief"] = story.logs.pop("phone")
    assert story.certify("farm", "thief").certify("farm", "phone").devices("farm") == ["farm"]
    late = farm().ticket("farm", "t").say("phone", Epoch(1, BOX, [], b"")).enrol("phone", "farm", "t")
    assert late.certify("farm", "phone").devices("farm") == ["farm"]


def test_devices_rank_by_certificates_from_the_root_and_then_by_their_places() -> None:
    story = farm().add("farm", "farm", "a").add("a", "farm", "deep").add("farm", "farm", "c", "b")
    assert story.devices("farm") == ["farm", "a", "c", "b", "deep"]
    assert [state.position for state in story.member("farm").devices] == [0, 1, 2, 3, 4]


def test_of_one_entry_the_certificate_that_stands_first_ranks_higher() -> None:
    for names in (["a", "b"], ["b", "a"]):
        story = farm().together("farm", *(Ticket(public(f"t{name}"), 0) for name in names))
        for name in names:
            story.enrol(name, "farm", f"t{name}")
        story.together("farm", *(Certify(public(name)) for name in names))
        assert story.devices("farm") == ["farm", *names]


def test_of_two_certificates_for_one_device_the_higher_one_counts() -> None:
    story = farm().add("farm", "farm", "a", "b").ticket("a", "t").ticket("b", "t").enrol("c", "farm", "t")
    story.certify("b", "c").certify("a", "c")
    assert story.devices("farm") == ["farm", "a", "b", "c"]
    assert story.member("farm").devices[3].certified_by == public("a")


def test_devices_that_certify_each_other_do_not_turn_for_ever() -> None:
    story = farm().add("farm", "farm", "a").ticket("a", "x").ticket("b", "y").enrol("b", "farm", "x")
    story.certify("a", "farm").certify("a", "a").certify("a", "b")
    assert story.devices("farm") == ["farm", "a"]


def test_a_ticket_that_another_member_copied_hides_nothing() -> None:
    story = farm().newcomer("other").ticket("farm", "t").ticket("other", "t")
    assert set(story.found().tickets) == {(public("t"), member_id(name)) for name in ("farm", "other")}
    assert story.found(list(reversed(story.logs))).tickets == story.found().tickets


def test_a_retired_device_is_cut_where_the_retiring_one_said() -> None:
    story = farm().add("farm", "farm", "phone").say("phone", *(Epoch(n, box(n), [], b"") for n in (2, 3)))
    story.retire("farm", "phone", ("phone", 0, 2), ("phone", 2, 9), ("farm", 0, 0), heir="farm")
    assert story.retired("farm") == {"phone"}
    assert story.lasts("phone") == (2, 0, 9)
    assert story.lasts("farm") == (None, None, None)
    assert [epoch.number for epoch in story.member("farm").epochs] == [2]
    assert story.member("farm").devices[1].heir == public("farm")
    assert standing_of(story.found(), public("phone")) == "retired"


def test_of_a_log_that_is_not_named_nothing_counts_but_whose_it_is() -> None:
    story = farm().add("farm", "farm", "phone").say("phone", Epoch(2, box(2), [], b"")).retire("farm", "phone")
    assert story.devices("farm") == ["farm", "phone"]
    assert story.lasts("phone") == (1, 0, 0)
    assert story.found().cuts[public("phone"), 0] == Limit(1, entry("phone", 1))
    assert story.found().cuts[public("phone"), 1] == Limit(0, NO_ID)
    assert story.member("farm").epochs == ()


def test_a_device_retires_what_ranks_below_and_nothing_that_ranks_above() -> None:
    story = farm().add("farm", "farm", "a", "b").retire("b", "a").retire("b", "farm")
    assert story.retired("farm") == set()
    assert story.retire("a", "b").retired("farm") == {"b"}


def test_a_device_that_is_found_after_it_was_retired_is_retired() -> None:
    story = farm().retire("farm", "phone", ("phone", 1, 3)).add("farm", "farm", "phone")
    assert story.retired("farm") == {"phone"}
    assert story.lasts("phone") == (1, 3, 0)


def test_nobody_retires_a_device_of_another_member() -> None:
    story = farm().newcomer("other").retire("founder", "farm").retire("other", "farm")
    assert story.retired("farm") == set()
    assert story.found().cuts == {}


def test_what_a_retired_device_certified_above_its_cut_is_no_device() -> None:
    story = farm().add("farm", "farm", "a").add("a", "farm", "early")
    story.retire("farm", "a", ("a", 0, story.head("a"))).add("a", "farm", "late")
    assert story.devices("farm") == ["farm", "a", "early"]


def test_a_device_that_retires_itself_ends_its_log_behind_the_entry() -> None:
    story = farm().add("farm", "farm", "phone")
    gone = Retire(public("phone"), [], public("farm"))
    story.together("phone", gone, Epoch(2, box(2), [], b"")).say("phone", Epoch(3, box(3), [], b""))
    assert story.lasts("phone") == (2, 0, 0)
    assert [epoch.number for epoch in story.member("farm").epochs] == [2]
    assert story.member("farm").devices[1].heir == public("farm")


def test_a_device_that_retires_itself_names_the_ends_of_its_other_logs_and_not_of_log_0() -> None:
    story = farm().add("farm", "farm", "phone")
    story.retire("phone", "phone", ("phone", 0, 1), ("phone", 1, 5), ("phone", 2, 6)).retire("phone", "phone")
    assert story.lasts("phone") == (2, 5, 6)


def test_a_device_that_retired_itself_can_still_be_cut_lower_by_a_higher_one() -> None:
    story = farm().add("farm", "farm", "phone").say("phone", Epoch(2, box(2), [], b""))
    story.retire("phone", "phone", ("phone", 1, 5), ("phone", 2, 6))
    story.retire("farm", "phone", ("phone", 0, 3), ("phone", 1, 7), ("phone", 2, 4))
    assert story.lasts("phone") == (3, 5, 4)
    story.retire("farm", "phone", ("phone", 0, 2), ("phone", 1, 7), ("phone", 2, 7))
    assert story.lasts("phone") == (2, 7, 4)


def test_a_recovery_retires_all_other_devices_and_none_that_it_certified_itself() -> None:
    story = farm().add("farm", "farm", "phone").recover("new", "farm", 1, ("farm", 0, 4), ("phone", 2, 3))
    story.add("new", "farm", "second")
    assert story.devices("farm") == ["new", "second", "farm", "phone"]
    assert story.retired("farm") == {"farm", "phone"}
    assert {state.heir for state in story.member("farm").devices if state.retired} == {public("new")}
    assert (story.lasts("farm"), story.lasts("phone")) == ((4, 0, 0), (1, 0, 3))
    assert story.member("farm").recoveries == 1
    assert story.lasts("new") == (None, None, None)


def test_a_recovery_that_knew_nothing_leaves_the_member_its_join_and_no_device_that_was_certified() -> None:
    story = farm().add("farm", "farm", "phone").recover("new", "farm", 1)
    assert story.devices("farm") == ["new", "farm"]
    assert story.lasts("farm") == (1, 0, 0)
    assert story.roles("farm") == {"producer"}


def test_a_recovery_with_other_words_or_for_another_member_does_not_hold() -> None:
    story = farm().newcomer("other").recover("thief", "farm", 1, words="other")
    assert (story.devices("farm"), story.devices("other")) == (["farm"], ["other"])
    assert story.member("farm").recoveries == 0


def test_the_recovery_with_the_highest_number_retires_the_others() -> None:
    story = farm().recover("old", "farm", 1, ("farm", 1, 5)).recover("new", "farm", 2, ("old", 0, 1), ("farm", 1, 7))
    assert story.devices("farm") == ["new", "old", "farm"]
    assert story.retired("farm") == {"old", "farm"}
    assert story.lasts("farm") == (1, 5, 0)
    assert story.member("farm").recoveries == 2


def test_what_a_recovery_said_does_not_count_when_a_higher_one_lets_nothing_of_it_count() -> None:
    story = farm().recover("old", "farm", 1).recover("new", "farm", 2, ("farm", 1, 7))
    assert story.devices("farm") == ["new", "old", "farm"]
    assert story.lasts("farm") == (1, 7, 0)
    assert story.member("farm").devices[2].heir == public("new")


def test_of_two_recoveries_with_one_number_the_lower_id_ranks_first_and_retires_the_other() -> None:
    story = farm().recover("one", "farm", 1).recover("two", "farm", 1)
    first = lowest("one", "two")
    other = {"one": "two", "two": "one"}[first]
    assert story.devices("farm") == [first, other, "farm"]
    assert story.retired("farm") == {other, "farm"}
    assert story.found() == story.found(list(reversed(story.logs)))


def test_all_devices_of_a_removed_member_are_cut_a_recovered_one_too() -> None:
    story = farm().add("farm", "farm", "phone").remove("founder", "farm", ("farm", 0, 4), ("phone", 1, 3))
    story.recover("new", "farm", 1)
    found = story.found()
    assert (story.lasts("farm"), story.lasts("phone"), story.lasts("new")) == ((4, 0, 0), (1, 3, 0), (1, 0, 0))
    assert story.member("farm").recoveries == 0
    assert story.retired("farm") == set()
    assert {standing_of(found, public(name)) for name in ("farm", "phone", "new")} == {"removed"}


def test_a_steward_acts_with_all_its_devices_and_its_last_word_is_the_latest_in_time() -> None:
    story = Story().newcomer("farm").add("founder", "founder", "desk").grant("desk", "farm", "hub")
    assert story.revoke("founder", "farm", "hub").roles("farm") == {"producer"}
    assert story.grant("desk", "farm", "hub").roles("farm") == {"producer", "hub"}
    assert story.retire("founder", "desk", ("desk", 0, 2)).roles("farm") == {"producer"}


def test_of_one_number_the_epoch_of_the_highest_device_counts() -> None:
    story = farm().add("farm", "farm", "phone").say("phone", Epoch(2, box(2), [], b""))
    assert story.member("farm").epochs[0].public == box(2)
    story.say("farm", Epoch(2, box(3), [], b""))
    assert [(epoch.number, epoch.public) for epoch in story.member("farm").epochs] == [(2, box(3))]


def test_shares_are_listed_as_far_as_they_count() -> None:
    share, late = Share(public("phone"), [(1, b"sealed")]), Share(public("phone"), [(2, b"sealed")])
    story = farm().add("farm", "farm", "phone").say("farm", share).say("phone", share).retire("phone", "phone")
    assert story.say("phone", late).member("farm").shares == (share, share)


def test_any_device_of_a_member_erases_in_logs_of_that_member_and_in_no_others() -> None:
    story = farm().newcomer("other").add("farm", "farm", "phone")
    spans = [("phone", 1, 2, 3), ("farm", 2, 4, 4), ("other", 1, 1, 1), ("farm", 1, 5, 4), ("farm", 0, 1, 1)]
    told = Erase([(public(name), log, first, last) for name, log, first, last in spans])
    story.say("phone", told).say("other", Erase([(public("farm"), 1, 1, 9)])).say("farm", told)
    assert story.found().erased == sorted([(public("phone"), 1, 2, 3), (public("farm"), 2, 4, 4)])


def test_an_enrolment_holds_for_its_circuit_and_device_alone() -> None:
    story = farm().ticket("farm", "t").enrol("phone", "farm", "t").enrol("phone", "farm", "u")
    circuit, first = story.founding.circuit, story.acts("phone")[0].statement
    assert enrolment_holds(circuit, public("phone"), first)
    assert not enrolment_holds(bytes(32), public("phone"), first)
    assert not enrolment_holds(circuit, public("farm"), first)
    assert not enrolment_holds(circuit, public("phone"), story.acts("farm")[0].statement)


def test_a_recovery_holds_for_its_circuit_device_and_words_alone() -> None:
    story = farm().recover("new", "farm", 1)
    circuit, first, words = story.founding.circuit, story.acts("new")[0].statement, public("the words of farm")
    assert recovery_holds(circuit, public("new"), first, words)
    assert not recovery_holds(bytes(32), public("new"), first, words)
    assert not recovery_holds(circuit, public("farm"), first, words)
    assert not recovery_holds(circuit, public("new"), first, public("the words of founder"))
    assert not recovery_holds(circuit, public("farm"), story.acts("farm")[0].statement, words)


@pytest.mark.parametrize("name", ["enrol", "recover"])
def test_an_enrolment_or_recovery_for_nobody_changes_nothing(name: str) -> None:
    story = farm()
    before = story.found()
    if name == "enrol":
        story.enrol("phone", "stranger", "t")
    else:
        story.recover("phone", "stranger", 1)
    assert story.found() == before
    assert membership(story.founding.circuit, {public("phone"): story.acts("phone"), b"": list[Act]()}).members == {}
