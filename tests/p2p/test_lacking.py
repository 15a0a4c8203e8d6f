"""Wanted payloads: what one relay withheld another brings, and nobody brings what was not asked for."""

import random
from collections.abc import Callable

import pytest

from foodhub.log.encoding import encode
from foodhub.log.header import RANDOM_BYTES
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Commit, End, Faulty, LoadPayloads, LoadWanted, Settled
from foodhub.p2p.lacking import FOUND_FRAME, PLACES
from tests.p2p.memory import MemoryShelf
from tests.p2p.playbook import Playbook, ready, talk
from tests.p2p.shelves import copy_log, pen, shelf_of, village

AUTHOR = pen(1).key.public
SEEDS = range(8)


def withhold(shelf: MemoryShelf, seqs: range | list[int], author: bytes = AUTHOR, log: int = 1) -> MemoryShelf:
    """A copy of a shelf without these payloads."""
    found = shelf.copy()
    for seq in seqs:
        found.logs[author, log][seq - 1].payload = None
    return found


def complete(shelf: MemoryShelf) -> bool:
    return not shelf.wanted(2**40)


def unblamed(book: Playbook) -> bool:
    return not any(side.ended or side.did(Faulty) for side in (book.one, book.other))


@pytest.mark.parametrize("log", [1, 2])
def test_a_run_without_some_of_its_payloads_is_taken_as_it_is(log: int) -> None:
    full = shelf_of([(1, log)], entries=4)
    relay, other = withhold(full, [2], log=log), MemoryShelf()
    book = talk(relay, other).settle()
    assert [payload is None for payload in book.other.did(Commit)[0].payloads] == [False, True, False, False]
    assert other.wanted(10**6) == [(AUTHOR, log, [2])]
    assert unblamed(book)


def test_a_payload_that_must_be_there_is_for_the_store_to_miss() -> None:
    full = shelf_of([(1, 0), (2, 0)], entries=3)
    other = MemoryShelf()
    talk(withhold(full, [2], log=0), other).settle()
    assert set(other.logs) == {(pen(2).key.public, 0)}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lacker_dials", [True, False])
def test_what_one_relay_withheld_another_brings(seed: int, lacker_dials: bool) -> None:
    full = shelf_of([(1, 1), (2, 2)], entries=60)
    relay, other = withhold(full, range(1, 61, 2)), MemoryShelf()
    talk(relay, other, seed).settle()
    assert not complete(other)
    book = talk(*((other, full) if lacker_dials else (full, other)), seed).settle()
    assert complete(other)
    assert [row.payload for row in other.logs[AUTHOR, 1]] == [row.payload for row in full.logs[AUTHOR, 1]]
    assert book.one.did(Settled)
    assert book.other.did(Settled)
    assert unblamed(book)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_that_each_lack_what_the_other_has_end_with_all_of_it(seed: int) -> None:
    full = shelf_of([(1, 1)], entries=40)
    one, other = withhold(full, range(1, 20)), withhold(full, range(15, 41))
    book = talk(one, other, seed).settle()
    assert one.wanted(10**6) == other.wanted(10**6) == [(AUTHOR, 1, list(range(15, 20)))]
    assert unblamed(book)
    assert book.one.did(Settled)
    assert book.other.did(Settled)


def test_much_that_is_wanted_comes_in_portions_and_frames_of_bounded_size() -> None:
    full = MemoryShelf()
    for _ in range(90):
        pen(1).write(full, 2, [random.Random(1).randbytes(50_000)])
    other = withhold(full, range(1, 91), log=2)
    book = talk(other, full).settle()
    assert complete(other)
    sizes = [len(encode(message)) for message in book.other.spoke(m.Found)]
    assert max(sizes) <= FOUND_FRAME + 70_000
    assert len(book.one.spoke(m.Lack)) >= 5
    assert all(sum(len(each[2]) for each in lack.places) * 50_016 <= m.LACK_BYTES for lack in book.one.spoke(m.Lack))


def test_many_small_payloads_are_asked_for_in_frames_that_fit() -> None:
    shelf = shelf_of(((number, 1) for number in range(100)), entries=3)
    book = ready(shelf, shelf.copy())
    places = [(number.to_bytes(32, "big"), 1, [1]) for number in range(PLACES * 2)]
    book.one.session.rounds.lacking.begin(lambda: None)
    commands = book.one.session.wanted(places)
    book.obey(book.one, commands)
    (lack,) = book.one.spoke(m.Lack)
    assert sum(len(seqs) for _, _, seqs in lack.places) == PLACES
    assert len(encode(lack)) <= m.MAX_FRAME


def test_what_nobody_has_is_asked_for_once_a_round() -> None:
    full = shelf_of([(1, 1)], entries=5)
    one, other = withhold(full, [3]), withhold(full, [3])
    book = talk(one, other).settle()
    assert len(book.one.spoke(m.Lack)) == len(book.other.spoke(m.Lack)) == 1
    book.obey(book.other, book.other.session.sync())
    book.settle()
    assert len(book.one.spoke(m.Lack)) == len(book.other.spoke(m.Lack)) == 2
    assert unblamed(book)


def test_equal_nodes_that_want_nothing_say_no_more_than_before() -> None:
    one = shelf_of((number, number % 3) for number in range(200))
    book = talk(one, one.copy()).settle()
    assert [type(message).__name__ for message in book.one.said()] == ["Hello", "Proof", "Summary"]
    assert [type(message).__name__ for message in book.other.said()] == ["Hello", "Proof", "Summary"]
    assert len(book.one.did(LoadWanted)) == len(book.other.did(LoadWanted)) == 1


def test_settled_comes_after_the_payloads() -> None:
    full = shelf_of([(1, 1)], entries=5)
    other = withhold(full, [3])
    book = talk(other, full)
    while not book.one.did(Settled):
        assert book.step()
    assert complete(other)


def test_the_real_store_asks_for_what_it_wants() -> None:
    found = village(2)
    key = found.pens[1].key.public
    full, other = found.shelves[1], found.shelves[0]
    found.pens[1].write(full, 1, [encode([])] * 5)
    copy_log(full, other, key, 0)
    relayed = MemoryShelf(found.circuit)
    copy_log(full, relayed, key, 1)
    relayed.logs[key, 1][2].payload = relayed.logs[key, 1][4].payload = None
    copy_log(relayed, other, key, 1)
    assert other.wanted(10**6) == [(key, 1, [3, 5])]
    talk(full, other).settle()
    assert other.wanted(10**6) == []
    assert full.entries() == other.entries()


def test_a_joiner_gets_payloads_of_logs_0_alone() -> None:
    full = shelf_of([(1, 0), (1, 1)], entries=3)
    book = talk(withhold(full, [2]), full, verdict=("joiner", "")).settle()
    assert not book.one.spoke(m.Lack)
    assert End("bad_message") in book.other.session.frame(encode(m.Lack([(AUTHOR, 1, [2])])))


# Liars


def lying(change: Callable[[m.Found], list[m.Message]]) -> tuple[Playbook, MemoryShelf]:
    """A conversation in which the answerer's findings are changed on the way; the dialer's shelf."""
    full = shelf_of([(1, 1), (2, 1)], entries=6)
    other = withhold(full, [2, 4])
    book = talk(other, full)

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        return [encode(each) for each in change(message)] if isinstance(message, m.Found) else [frame]

    book.other.wire = wire
    return book.settle(), other


def unasked(found: m.Found) -> list[m.Message]:
    return [m.Found([*found.payloads, (AUTHOR, 1, 3, bytes(20))], found.last)]


def doubled(found: m.Found) -> list[m.Message]:
    return [m.Found(found.payloads * 2, found.last)]


def again(found: m.Found) -> list[m.Message]:
    return [found, found]


def endless(found: m.Found) -> list[m.Message]:
    sizes = (m.LACK_BYTES - 100_000, 900_000)
    return [m.Found([(*each[:3], bytes(size))], last=False) for each, size in zip(found.payloads, sizes, strict=True)]


@pytest.mark.parametrize("change", [unasked, doubled, again, endless], ids=lambda f: f.__name__)
def test_more_than_was_asked_for_ends_the_session(change: Callable[[m.Found], list[m.Message]]) -> None:
    book, _ = lying(change)
    assert End("bad_message") in book.one.did(End)


def wrong(found: m.Found) -> list[m.Message]:
    return [m.Found([(*place, payload[:-1] + b"!") for *place, payload in found.payloads], found.last)]  # type: ignore[misc]


def nothing(found: m.Found) -> list[m.Message]:
    return [m.Found([], found.last)]


@pytest.mark.parametrize("change", [wrong, nothing], ids=lambda f: f.__name__)
def test_wrong_payloads_or_none_leave_them_wanted_and_the_round_ends(
    change: Callable[[m.Found], list[m.Message]],
) -> None:
    book, shelf = lying(change)
    assert shelf.wanted(10**6) == [(AUTHOR, 1, [2, 4])]
    assert book.one.did(Settled)
    assert len(book.one.spoke(m.Lack)) == 1


BAD = [
    m.Lack([]),
    m.Lack([(AUTHOR, 1, [])]),
    m.Lack([(AUTHOR, 3, [1])]),
    m.Lack([(AUTHOR, 1, [1] * (PLACES + 1))]),
    m.Found([], last=True),
    m.Found([(AUTHOR, 1, 1, bytes(20))], last=False),
]


@pytest.mark.parametrize("message", BAD, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("dialer", [True, False])
def test_a_question_for_too_much_and_an_answer_to_nothing_end_the_session(message: m.Message, dialer: bool) -> None:
    shelf = shelf_of([(1, 1)], entries=3)
    book = ready(shelf, shelf.copy())
    side = book.one if dialer else book.other
    assert End("bad_message") in side.session.frame(encode(message))


def test_who_asks_again_before_the_answer_is_cut_off() -> None:
    shelf = shelf_of([(1, 1)], entries=3)
    book = ready(shelf, shelf.copy())
    lack = encode(m.Lack([(AUTHOR, 1, [1])]))
    assert book.other.session.frame(lack) == [LoadPayloads(((AUTHOR, 1, [1]),), m.LACK_BYTES)]
    assert End("bad_message") in book.other.session.frame(lack)


def test_what_is_asked_for_and_not_held_is_answered_with_the_rest() -> None:
    one = shelf_of([(1, 1)], entries=3)
    other = one.copy()
    book = ready(one, other)
    other.logs[AUTHOR, 1][1].payload = None
    book.obey(book.other, book.other.session.frame(encode(m.Lack([(AUTHOR, 1, [2, 3, 9])]))))
    book.settle()
    (answer,) = book.other.spoke(m.Found)
    assert [each[2] for each in answer.payloads] == [3]
    assert len(answer.payloads[0][3]) >= RANDOM_BYTES
