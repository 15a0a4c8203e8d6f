"""How much may be on the way: a sender stops in time, and who sends more is cut off."""

import random
import zlib

from foodhub.log.encoding import encode
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Commit, Send
from foodhub.p2p.transfer import RUN_ROOM, WINDOW
from tests.p2p.memory import MemoryShelf
from tests.p2p.playbook import (
    forged,
    ready,
    refusals,
    starving,
    talk,
    with_runs_changed,
)
from tests.p2p.shelves import pen, same, shelf_of


def heavy(logs: int, entries: int, size: int = 60_000) -> MemoryShelf:
    shelf = MemoryShelf()
    for number in range(logs):
        for _ in range(entries):
            pen(number).write(shelf, 2, [random.Random(number).randbytes(size)])
    return shelf


def test_the_sender_stops_before_its_credit_is_used_up_and_memory_stays_bounded() -> None:
    one, other = heavy(3, 80), MemoryShelf()
    book = starving(one, other)
    assert book.other.commits
    assert 0 <= book.one.session._sending.credit < RUN_ROOM
    assert book.other.waiting_bytes <= WINDOW
    assert book.other.waiting_bytes > WINDOW // 2
    book.settle()
    assert book.other.most_waiting_bytes <= WINDOW
    assert same(one, other)


def test_a_credit_is_for_bytes_as_they_are_unpacked() -> None:
    one, other = MemoryShelf(), MemoryShelf()
    for number in range(240):
        pen(number).write(one, 1, [bytes(60_000)])
    book = starving(one, other)
    assert book.other.spoke(m.Credit) == []
    assert sum(len(command.frame) for command in book.one.did(Send)) < 200_000
    assert book.other.waiting_bytes <= WINDOW
    book.settle()
    assert same(one, other)


def test_who_sends_more_than_was_granted_is_cut_off() -> None:
    one, other = heavy(3, 80), MemoryShelf()
    book = talk(one, other)
    book.one.session._sending.credit = 10 * WINDOW
    while acts := [(side, act) for side in (book.one, book.other) for act in side.acts() if act != "commit"]:
        book.obey(acts[0][0], book._act(*acts[0]))
    assert refusals(book.other) == {"over_credit"}
    assert book.other.waiting_bytes <= WINDOW


def test_credit_comes_back_whole_whatever_became_of_the_runs() -> None:
    one, other = heavy(4, 40), MemoryShelf()
    bad = {pen(0).key.public, pen(2).key.public}
    book = with_runs_changed(talk(one, other), lambda run: forged(run) if run.author in bad else run).settle()
    assert book.one.session._sending.credit == WINDOW
    assert book.other.session._receiving._granted == WINDOW


def test_the_largest_run_costs_no_more_than_the_room_for_it() -> None:
    one, other = MemoryShelf(), MemoryShelf()
    pen(1).write(one, 2, [random.Random(1).randbytes(4080)] * 256)
    book = talk(one, other).settle()
    assert len(book.other.did(Commit)) == 1
    assert sum(book.other.did(Commit)[0].run.sizes) == 1024 * 1024
    assert book.other.did(Commit)[0].size <= RUN_ROOM


def test_a_bomb_in_a_packed_frame_ends_the_session() -> None:
    shelf = shelf_of([(1, 1)])
    book = ready(shelf, shelf.copy())
    pen(1).write(shelf, 1, [b"a" * 5000])
    found = shelf.read_run(pen(1).key.public, 1, 1)
    assert found is not None
    book.obey(book.other, book.other.session.frame(encode(m.Headers(found[0]))))
    bomb = m.Packed(5030, zlib.compress(encode([bytes(900_000)] * 50), 9))
    book.obey(book.other, book.other.session.frame(encode(bomb)))
    assert book.other.ended
    assert not book.other.did(Commit)


def test_trade_payloads_may_not_be_compressed() -> None:
    shelf = shelf_of([(1, 2)])
    book = ready(shelf, shelf.copy())
    pen(1).write(shelf, 2, [b"a" * 5000])
    found = shelf.read_run(pen(1).key.public, 2, 1)
    assert found is not None
    book.obey(book.other, book.other.session.frame(encode(m.Headers(found[0]))))
    plain = encode(found[1])
    book.obey(book.other, book.other.session.frame(encode(m.Packed(len(plain), zlib.compress(plain)))))
    assert refusals(book.other) == {"bad_message"}
