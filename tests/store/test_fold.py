"""From entries to rows: any order, any number of times, any nonsense, always the same rows."""

from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodhub.catalog.statements import Stock
from foodhub.circuit.statements import Grant
from foodhub.log.header import Log
from foodhub.log.seal import Sealed
from foodhub.orders.statements import Cycle, Profile
from foodhub.store.facts import FACTS
from foodhub.store.fold import REASONS_KEPT
from tests.pens import MORNING, Pen, invite_key, newcomer
from tests.shelf import Shelf
from tests.stories import GARBAGE, Story, product

seeds = st.integers(0, 2**32)


@settings(max_examples=40)
@given(seeds, seeds)
def test_any_order_of_arrival_shows_the_same_rows(seed: int, order: int) -> None:
    story = Story(seed)
    with Shelf(story.founder.circuit, story.founder) as one, Shelf(story.founder.circuit, story.founder) as other:
        one.take_until_settled(story.papers)
        other.take_until_settled(story.shuffled(order))
        assert other.rows() == one.rows()
        assert len(one.rows()["member"]) > 0


@settings(max_examples=15)
@given(seeds)
def test_what_comes_twice_changes_nothing(seed: int) -> None:
    story = Story(seed)
    with Shelf(story.founder.circuit, story.founder) as shelf:
        shelf.take_until_settled(story.papers)
        before = list(shelf.db.iterdump())
        assert {result for result in shelf.take(*story.papers) if isinstance(result, int)} <= {0}
        kept = [line for line in shelf.db.iterdump() if "'arrival'" not in line and '"fork"' not in line]
        assert kept == [line for line in before if "'arrival'" not in line and '"fork"' not in line]


@settings(max_examples=25)
@given(seeds, st.integers(1, 8))
def test_taken_piece_by_piece_or_made_again_the_rows_are_the_same(seed: int, size: int) -> None:
    story = Story(seed)
    with Shelf(story.founder.circuit, story.founder) as one, Shelf(story.founder.circuit, story.founder) as other:
        one.take_until_settled(story.papers)
        for _ in range(3):
            for start in range(0, len(story.papers), size):
                other.take_together(story.papers[start : start + size])
        other.take_until_settled(story.papers)
        assert other.rows() == one.rows()
        other.transaction().fold.rebuild()
        assert other.rows() == one.rows()


@pytest.fixture
def founder() -> Pen:
    pen = Pen("founder", "hub")
    pen.founding = pen.found()  # type: ignore[attr-defined]
    return pen


@pytest.fixture
def shelf(founder: Pen) -> Any:
    with Shelf(founder.circuit, founder) as shelf:
        assert shelf.take(founder.founding) == [1]  # type: ignore[attr-defined]
        yield shelf


def test_the_highest_version_holds_then_the_later_time_then_the_later_entry(shelf: Shelf, founder: Pen) -> None:
    papers = [
        founder.write(1, Profile(2, "two"), at=MORNING),
        founder.write(1, Profile(1, "one"), at=MORNING + 1),
        founder.write(1, Profile(2, "two, same time"), at=MORNING + 1),
        founder.write(1, Profile(2, "two, same time again"), at=MORNING + 1),
        founder.write(1, Profile(2, "first of its body"), Profile(2, "second of its body"), at=MORNING + 2),
    ]
    names = ["two", "two", "two, same time", "two, same time again", "first of its body"]
    for paper, name in zip(papers, names, strict=True):
        shelf.take(paper)
        assert shelf.rows()["profile"][0][4] == name


def test_of_two_devices_that_spoke_at_once_the_same_one_holds_in_any_order(shelf: Shelf, founder: Pen) -> None:
    """A member has one device so far; here its others are put into the rows by hand, before they write."""
    devices = [Pen(f"device {n}", "hub", circuit=founder.circuit) for n in range(3)]
    papers = [pen.write(1, Profile(1, pen.name)) for pen in devices]
    highest = max(devices, key=lambda pen: pen.device).name
    for order in permutations(papers):
        with Shelf(founder.circuit) as other:
            other.take(founder.founding)  # type: ignore[attr-defined]
            for pen in devices:
                other.db.execute("INSERT INTO device VALUES (?, ?, x'', 0, 1, 0, x'')", (pen.device, founder.id))
            assert other.take(*order) == [1, 1, 1]
            assert [row[4] for row in other.rows()["profile"]] == [highest]


def test_a_statement_counts_only_with_a_role_that_may_make_it(shelf: Shelf, founder: Pen) -> None:
    house, papers = newcomer(founder, "house", "household")
    local = bytes(16)
    cycle = Cycle(local, 1, "Week", 1, 2, "UTC", "resale", house.device)
    said = [Profile(1, "House"), product(1, 1, 5), Stock(local, 1, "counted", 1), cycle]
    shelf.take(*papers, house.write(1, *said))
    assert shelf.reasons() == ["not_permitted"] * 4
    assert not any(shelf.rows()[name] for name in ("profile", "product", "stock", "cycle"))


def test_a_role_that_comes_later_makes_earlier_statements_count_and_their_reasons_go(
    shelf: Shelf, founder: Pen
) -> None:
    house, papers = newcomer(founder, "house", "household")
    shelf.take(*papers, house.write(1, Profile(1, "House"), product(1, 1, 5)))
    shelf.take(founder.write(0, Grant(house.id, "producer")))
    assert shelf.reasons() == []
    assert [row[4] for row in shelf.rows()["profile"]] == ["House"]


def test_an_invite_of_a_higher_steward_takes_the_place_of_the_same_invite_of_a_lower_one(
    shelf: Shelf, founder: Pen
) -> None:
    second, papers = newcomer(founder, "second", "group")
    farm, _ = newcomer(Pen("elsewhere", circuit=founder.circuit), "farm")
    farm.heads.clear()
    shelf.take(*papers, founder.write(0, Grant(second.id, "steward")))
    shelf.take(second.invite("farm", "producer"), farm.join(invite_key("farm")))
    inviters = "SELECT invited_by FROM member WHERE id = ?"
    assert shelf.db.execute(inviters, (farm.id,)).fetchall() == [(second.id,)]
    shelf.take(founder.invite("farm", "producer"))
    assert shelf.db.execute(inviters, (farm.id,)).fetchall() == [(founder.id,)]


def test_a_statement_counts_only_in_its_log(shelf: Shelf, founder: Pen) -> None:
    story = Story(1, length=0)
    shelf.take(founder.write(2, Profile(1, "Hub")), founder.write(1, story.invitation("x")))
    assert shelf.reasons() == ["unknown", "unknown"]
    assert shelf.rows()["profile"] == []


@pytest.mark.parametrize("log", [1, 2])
@pytest.mark.parametrize("body", GARBAGE)
def test_nonsense_does_not_count_and_hurts_nobody(shelf: Shelf, founder: Pen, log: int, body: bytes) -> None:
    papers = [founder.write(log, body=body), founder.write(1, Profile(1, "Hub"))]
    assert shelf.take(*papers) == [1, 1]
    assert [row[4] for row in shelf.rows()["profile"]] == ["Hub"]
    assert set(shelf.reasons()) <= {"not_canonical", "unknown"}


def test_a_statement_broken_by_its_neighbour_still_counts(shelf: Shelf, founder: Pen) -> None:
    shelf.take(founder.write(1, ["weather", "sunny"], Profile(1, "Hub"), Profile(2, ""), 7))
    assert shelf.reasons() == ["unknown", "name_length", "unknown"]
    assert [row[4] for row in shelf.rows()["profile"]] == ["Hub"]


def test_a_private_payload_that_is_none_hurts_nobody(shelf: Shelf, founder: Pen) -> None:
    """Whoever shares a secret with us can seal us anything, also a text too short to be one."""
    _, (payload,) = founder.write(2, Profile(1, "Hub"))
    sealed = msgspec.msgpack.decode(payload[16:], type=Sealed)
    for number, text in enumerate([b"", b"short", sealed.text[:-1], bytes(200)], 1):
        forged = payload[:16] + msgspec.msgpack.encode(msgspec.structs.replace(sealed, text=text))
        link = founder.heads[2].ids[0] if number > 1 else b""
        after = (number - 1, link)
        assert shelf.take(founder.write_payloads(2, [forged], MORNING, after)) == [1]
    assert shelf.reasons() == ["not_canonical"] * 4


def test_of_one_entry_only_so_many_reasons_are_kept(shelf: Shelf, founder: Pen) -> None:
    shelf.take(founder.write(1, *[7] * 1500), founder.write(1, Profile(1, "Hub")))
    assert len(shelf.reasons()) == REASONS_KEPT
    assert len(shelf.rows()["profile"]) == 1


def test_rows_of_a_shelf_with_other_keys_differ_only_where_they_are_private(founder: Pen) -> None:
    story = Story(5, length=60)
    with Shelf(story.founder.circuit, story.founder) as hub, Shelf(story.founder.circuit) as nobody:
        hub.take_until_settled(story.papers)
        nobody.take_until_settled(story.shuffled(3))
        private = {fact.table for fact in FACTS.values() if fact.log == Log.TRADE} | {"unread", "spoke"}
        assert {name for name, found in hub.rows().items() if found != nobody.rows()[name]} <= private
        assert not any(nobody.rows()[name] for name in private - {"unread", "spoke"})
        assert hub.rows()["placement"]
