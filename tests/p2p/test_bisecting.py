"""Forks are found wherever they lie and however high the branches are, in few messages; a liar wastes its own time."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.encoding import encode
from foodhub.p2p import messages as m
from foodhub.p2p.bisecting import MOST_FRUITLESS, MOST_WAITING, Bisecting, places_between
from foodhub.p2p.commands import End, Faulty, LoadIds, Outbox, Send, Settled, TakeBranch
from foodhub.p2p.transfer import WINDOW
from tests.p2p.memory import MemoryShelf
from tests.p2p.playbook import Playbook, ready, talk
from tests.p2p.shelves import Pen, branches, copy_log, grow, pen, same, village

AUTHOR = pen(1).key.public
PLACE = (AUTHOR, 1)


def limits(*shelves: MemoryShelf) -> list[int]:
    return [shelf.limit(PLACE) for shelf in shelves]


def unblamed(book: Playbook) -> bool:
    return not any(side.ended or side.did(Faulty) for side in (book.one, book.other))


HEIGHTS = [
    (0, 1, 1),
    (0, 5, 2),
    (1, 1, 1),
    (7, 3, 3),
    (7, 3, 9),
    (7, 9, 3),
    (450, 300, 1),
    (450, 1, 300),
    (300, 99, 99),
]


@pytest.mark.parametrize(("common", "ours", "theirs"), HEIGHTS)
@pytest.mark.parametrize("seed", range(4))
def test_a_fork_is_found_at_equal_and_at_different_heights(common: int, ours: int, theirs: int, seed: int) -> None:
    one, other = branches(common, ours, theirs)
    book = talk(one, other, seed).settle()
    assert limits(one, other) == [common + 1, common + 1]
    assert same(one, other)
    assert unblamed(book)
    assert book.one.did(Settled)
    assert book.other.did(Settled)


@pytest.mark.parametrize("common", [0, 1, 5_000, 12_345, 19_999])
def test_a_deep_fork_is_found_in_few_messages(common: int) -> None:
    one, other = branches(common, 20_000 - common, 20_000 - common)
    book = talk(one, other).settle()
    assert limits(one, other) == [common + 1, common + 1]
    asked = [len(side.spoke(m.Probe)) + len(side.spoke(m.Show)) for side in (book.one, book.other)]
    assert sum(asked) <= 5
    assert sum(len(encode(message)) for side in (book.one, book.other) for message in side.spoke(m.Ids)) < 4 * 700
    assert same(one, other)


def test_what_forks_twice_ends_at_the_lower_fork() -> None:
    one, other = branches(40, 60, 60)
    third = one.copy()
    for shelf, name in ((one, "high"), (third, "higher")):
        grow(shelf, Pen(pen(1).key, random.Random(name)), 1, 10)
    talk(one, third).settle()
    assert limits(one, third) == [101, 101]
    for pair in ((other, third), (one, third), (one, other)):
        talk(*pair).settle()
    assert limits(one, other, third) == [41, 41, 41]
    assert same(one, other)
    assert same(one, third)


def test_many_forked_logs_are_all_found() -> None:
    one, other = MemoryShelf(), MemoryShelf()
    for number in range(MOST_WAITING + 30):
        for shelf, part in zip((one, other), branches(9, 2, 2 + number % 2, number=number), strict=True):
            shelf.logs |= part.logs
    book = talk(one, other).settle()
    assert len(one.forks) == len(other.forks) == MOST_WAITING + 30
    assert same(one, other)
    assert unblamed(book)


def test_the_other_logs_of_a_session_arrive_beside_a_fork() -> None:
    one, other = branches(5, 4, 4)
    grow(one, pen(2), 1, 300)
    grow(other, pen(3), 2, 300)
    talk(one, other).settle()
    assert same(one, other)
    assert one.size() == 300 + 300 + 9


@pytest.mark.parametrize("by_dialer", [True, False])
def test_an_announcement_on_another_branch_leads_to_the_fork(by_dialer: bool) -> None:
    one = branches(50, 0, 0)[0]
    other = one.copy()
    book = ready(one, other)
    grow(other, Pen(pen(1).key, random.Random("other")), 1, 6)
    grow(one, Pen(pen(1).key, random.Random("one")), 1, 2)
    teller = book.one if by_dialer else book.other
    last = teller.shelf.frontier()[0].seq
    Pen(pen(1).key, random.Random("news")).write(teller.shelf, 1, [b"news"])
    book.announce(teller, AUTHOR, 1, last)
    book.settle()
    book.obey(book.one, book.one.session.sync())
    book.settle()
    assert limits(one, other) == [51, 51]
    assert same(one, other)


def test_the_real_store_finds_forks_too_and_ends_the_same_in_any_order() -> None:
    found = village(3)
    writer = found.pens[1]
    key, owner = writer.key, found.shelves[1]
    grow(owner, writer, 1, 30)
    for number in (0, 2):
        copy_log(owner, found.shelves[number], key.public, 0)
        copy_log(owner, found.shelves[number], key.public, 1)
    grow(found.shelves[0], Pen(key, random.Random("one")), 1, 5)
    grow(found.shelves[2], Pen(key, random.Random("two")), 1, 5)
    for turn, (one, other) in enumerate([(0, 2), (1, 2), (0, 1), (1, 0)]):
        book = talk(found.shelves[one], found.shelves[other], turn).settle()
        assert unblamed(book)
    for shelf in found.shelves:
        (item,) = [item for item in shelf.frontier() if (item.author, item.log) == (key.public, 1)]
        assert (item.seq, item.limit) == (30, 31)
    assert sorted(found.shelves[0].frontier()) == sorted(found.shelves[2].frontier())


# Liars


def lying(change: Callable[[m.Message], list[m.Message]]) -> tuple[Playbook, MemoryShelf]:
    """A conversation about a fork in which the answerer's messages are changed on the way; the dialer's shelf."""
    one, other = branches(500, 300, 300)
    book = talk(one, other)
    book.other.wire = lambda frame: [encode(each) for each in change(m.read_message(frame))]
    return book, one


def shuffled_ids(message: m.Message) -> list[m.Message]:
    if isinstance(message, m.Ids):
        chance = random.Random(len(message.ids))
        return [m.Ids(message.author, message.log, [chance.randbytes(32) for _ in message.ids])]
    return [message]


def no_ids(message: m.Message) -> list[m.Message]:
    return [m.Ids(message.author, message.log, [b""] * len(message.ids))] if isinstance(message, m.Ids) else [message]


def no_branch(message: m.Message) -> list[m.Message]:
    return [m.Branch([])] if isinstance(message, m.Branch) else [message]


@pytest.mark.parametrize("change", [shuffled_ids, no_ids, no_branch], ids=lambda f: f.__name__)
def test_ids_and_branches_that_lie_prove_nothing_and_the_search_ends(
    change: Callable[[m.Message], list[m.Message]],
) -> None:
    book, shelf = lying(change)
    book.settle()
    assert shelf.limit(PLACE) in {0, 501}
    assert len(book.one.spoke(m.Probe)) <= 10
    assert book.one.session.rounds.stage.name == "IDLE" or book.one.ended


def too_few(message: m.Message) -> list[m.Message]:
    return [m.Ids(message.author, message.log, message.ids[1:])] if isinstance(message, m.Ids) else [message]


def of_another_log(message: m.Message) -> list[m.Message]:
    return [m.Ids(message.author, 2, message.ids)] if isinstance(message, m.Ids) else [message]


def of_other_length(message: m.Message) -> list[m.Message]:
    return [m.Ids(message.author, 1, [b"x"] * len(message.ids))] if isinstance(message, m.Ids) else [message]


def twice(message: m.Message) -> list[m.Message]:
    return [message] * (2 if isinstance(message, m.Branch) else 1)


def two_branches(message: m.Message) -> list[m.Message]:
    return [m.Branch(message.runs * 2)] if isinstance(message, m.Branch) else [message]


def other_place(message: m.Message) -> list[m.Message]:
    if isinstance(message, m.Branch):
        found = MemoryShelf()
        grow(found, pen(1), 1, 3)
        branch = found.read_branch(AUTHOR, 1, 0)
        assert branch is not None
        return [m.Branch([branch])]
    return [message]


@pytest.mark.parametrize(
    "change", [too_few, of_another_log, of_other_length, twice, two_branches, other_place], ids=lambda f: f.__name__
)
def test_an_answer_to_something_else_ends_the_session(change: Callable[[m.Message], list[m.Message]]) -> None:
    book, _ = lying(change)
    book.settle()
    assert End("bad_message") in book.one.did(End)


def test_a_peer_that_invents_forks_again_and_again_wastes_its_session_alone() -> None:
    one = MemoryShelf()
    for number in range(MOST_FRUITLESS + 10):
        grow(one, pen(number), 1, 2)
    book = talk(one, one.copy())

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        if isinstance(message, m.Summary):
            message = m.Summary([(count, bytes(16)) for count, _ in message.classes])
        if isinstance(message, m.Items):
            logs = [
                (key, [(log, seq, bytes(32), limit) for log, seq, _, limit in rest]) for key, rest in message.authors
            ]
            message = m.Items(message.buckets, logs, last=True)
        return [encode(message)]

    book.other.wire = wire
    for _ in range(4):
        book.settle()
        book.obey(book.one, book.one.session.sync())
    assert book.one.ended
    assert not one.forks
    assert len(book.one.did(TakeBranch)) <= MOST_FRUITLESS
    assert book.one.session._sending.credit == WINDOW


# Questions of the peer

BAD_QUESTIONS = [
    m.Probe(AUTHOR, 1, []),
    m.Probe(AUTHOR, 1, list(range(1, m.PROBES + 2))),
    m.Probe(AUTHOR, 3, [1]),
    m.Show(AUTHOR, 3, 0),
    m.Ids(AUTHOR, 1, [bytes(32)]),
    m.Branch([]),
]


@pytest.mark.parametrize("question", BAD_QUESTIONS, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("dialer", [True, False])
def test_a_question_that_asks_for_too_much_or_an_answer_to_nothing_ends_the_session(
    question: m.Message, dialer: bool
) -> None:
    book = ready(*branches(3, 0, 0))
    side = book.one if dialer else book.other
    assert End("bad_message") in side.session.frame(encode(question))


@pytest.mark.parametrize("second", [m.Probe(AUTHOR, 1, [1]), m.Show(AUTHOR, 1, 0)])
def test_who_asks_again_before_the_answer_is_cut_off(second: m.Message) -> None:
    book = ready(*branches(3, 0, 0))
    assert book.other.session.frame(encode(m.Probe(AUTHOR, 1, [1, 2]))) == [LoadIds(AUTHOR, 1, (1, 2))]
    assert End("bad_message") in book.other.session.frame(encode(second))


@pytest.mark.parametrize("question", [m.Probe(AUTHOR, 1, [1]), m.Show(AUTHOR, 2, 0)])
def test_a_joiner_may_ask_about_logs_0_alone(question: m.Message) -> None:
    book = talk(MemoryShelf(), branches(3, 0, 0)[0], verdict=("joiner", "")).settle()
    assert End("bad_message") in book.other.session.frame(encode(question))


def test_places_that_nobody_holds_are_answered_with_nothing() -> None:
    book = ready(*branches(3, 0, 0))
    book.obey(book.other, book.other.session.frame(encode(m.Probe(AUTHOR, 1, [3, 4]))))
    book.settle()
    (answer,) = book.other.spoke(m.Ids)
    assert [len(each) for each in answer.ids] == [32, 0]


@given(st.integers(0, 2**53 - 3), st.integers(2, 2**53 - 1))
def test_the_places_asked_for_are_few_in_order_and_inside(low: int, width: int) -> None:
    high = min(low + width, 2**53 - 1)
    places = places_between(low, high)
    assert 0 < len(places) <= m.PROBES
    assert list(places) == sorted(set(places))
    assert low < places[0] <= places[-1] < high


@given(st.integers(1, 2**53 - 1), st.data())
def test_a_search_narrows_whatever_is_answered_and_ends_soon(height: int, data: st.DataObject) -> None:
    out = Outbox()
    bisecting = Bisecting(out, lambda: None)
    bisecting.search(AUTHOR, 1, height)
    ids = st.sampled_from([b"", bytes(32), bytes([1]) * 32])
    asked = 0
    while probe := next((command for command in out.flush() if isinstance(command, LoadIds)), None):
        asked += 1
        bisecting.ids([data.draw(ids) for _ in probe.seqs])
        bisecting.take(m.Ids(AUTHOR, 1, [data.draw(ids) for _ in probe.seqs]))
    assert asked <= 14


def test_one_search_is_under_way_at_a_time() -> None:
    out = Outbox()
    bisecting = Bisecting(out, lambda: None)
    for number in range(MOST_WAITING * 2):
        bisecting.search(pen(number).key.public, 1, 100)
    assert len([command for command in out.flush() if isinstance(command, Send)]) == 1
    assert len(bisecting._waiting) == MOST_WAITING


def test_a_store_that_knows_no_branch_below_its_checkpoint_blames_nobody() -> None:
    one, other = branches(100, 150, 150)
    for row in one.logs[PLACE][:180]:
        row.id = b""
    one.begins[PLACE] = 181
    book = talk(one, other).settle()
    assert limits(one, other) == [0, 0]
    assert unblamed(book)
