"""The session as a conversation between two shelves: no socket, no clock, and a seed for every accident."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodhub.log.encoding import encode
from foodhub.log.header import Log
from foodhub.log.run import check_run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Commit, End, Faulty, Held, Progress, Settled
from foodhub.p2p.rounds import Stage
from foodhub.p2p.session import EARLY_BYTES
from foodhub.p2p.states import State
from foodhub.p2p.transfer import ANNOUNCED_BYTES
from tests.p2p.memory import CIRCUIT, MemoryShelf
from tests.p2p.playbook import (
    in_state,
    kinds,
    ready,
    talk,
)
from tests.p2p.shelves import Pen, pen, same, shelf_of, village

SEEDS = range(12)


# What it costs


def test_equal_nodes_settle_in_one_round_trip_below_300_bytes_each_way() -> None:
    one = shelf_of((number, number % 3) for number in range(200))
    book = talk(one, one.copy()).settle()
    assert kinds(book.one.said()) == ["Hello", "Proof", "Summary"]
    assert kinds(book.other.said()) == ["Hello", "Proof", "Summary"]
    assert book.one.did(Settled)
    assert book.other.did(Settled)
    assert max(book.one.bytes_after_proof(), book.other.bytes_after_proof()) < 300


def test_ten_changed_logs_of_two_thousand_cost_little() -> None:
    one = shelf_of((number, 1) for number in range(2000))
    other = one.copy()
    for number in range(10):
        pen(number * 173).write(other, 1, [b"new"])
    book = talk(one, other).settle()
    assert same(one, other)
    assert len(book.one.spoke(m.Ask)[0].digests) == 8 * 128
    assert sum(len(logs) for items in book.other.spoke(m.Items) for _, logs in items.authors) < 400
    assert book.one.bytes_after_proof() + book.other.bytes_after_proof() < 20_000


def test_few_logs_are_compared_without_buckets() -> None:
    one, other = shelf_of((number, 1) for number in range(300)), shelf_of([(0, 1)])
    book = talk(one, other).settle()
    assert [ask.digests for ask in book.one.spoke(m.Ask)] == [b""]
    assert same(one, other)


@pytest.mark.parametrize(("here", "there"), [(500, 5), (5, 500), (500, 520)])
def test_nodes_with_and_without_buckets_understand_each_other(here: int, there: int) -> None:
    one = shelf_of((number, 1) for number in range(here))
    other = shelf_of((number + 3, 1) for number in range(there))
    talk(one, other).settle()
    assert same(one, other)
    assert one.size() == max(here, there + 3)


# Who gets what


@pytest.mark.parametrize("newcomer_dials", [True, False])
def test_a_newcomer_gets_everything_and_logs_0_before_the_others(newcomer_dials: bool) -> None:
    old = shelf_of(((number, log) for number in range(30) for log in (2, 1, 0)), entries=3)
    new = MemoryShelf()
    talk(*((new, old) if newcomer_dials else (old, new))).settle()
    assert same(new, old)
    numbers = [log for _, log in new.order]
    assert numbers[:30] == [0] * 30
    assert 0 not in numbers[30:]


@pytest.mark.parametrize("seed", SEEDS)
def test_both_lack_something_and_both_end_equal_whoever_is_quicker(seed: int) -> None:
    chance = random.Random(seed)
    one = shelf_of(((number, number % 3) for number in range(40)), entries=2)
    other = one.copy()
    for number in chance.sample(range(60), 25):
        mine = chance.choice([one, other])
        log = number % 3
        for _ in range(chance.randrange(1, 4)):
            pen(number).write(mine, log, [b"more"] * chance.randrange(1, 5))
    book = talk(one, other, seed).settle()
    assert same(one, other)
    assert book.one.session.rounds.stage is Stage.IDLE
    assert book.one.did(Settled)
    assert book.other.did(Settled)
    assert not book.one.did(Faulty) + book.other.did(Faulty)


def test_a_log_of_many_runs_arrives_whole() -> None:
    one, other = MemoryShelf(), MemoryShelf()
    for _ in range(20):
        pen(1).write(one, 1, [b"body"] * 100)
    talk(one, other).settle()
    assert same(one, other)
    assert other.size() == 2000


def test_progress_counts_up_to_the_total_that_was_said_first() -> None:
    one, other = shelf_of([(1, 1), (2, 1), (3, 2)], entries=50), MemoryShelf()
    book = talk(one, other).settle()
    progress = [(step.done, step.total) for step in book.other.did(Progress)]
    assert progress == [(50, 150), (100, 150), (150, 150)]


def test_what_the_peer_has_is_noted_for_our_own_logs() -> None:
    one, other = shelf_of([(1, 1)], entries=5), MemoryShelf()
    book = talk(one, other).settle()
    assert ((pen(1).key.public, 1, 5),) in [held.logs for held in book.one.did(Held)]
    again = talk(one, other).settle()
    assert ((pen(1).key.public, 1, 5),) in [held.logs for held in again.one.did(Held)]


# Announcements


@pytest.mark.parametrize("by_dialer", [True, False])
def test_an_announcement_with_payloads_is_committed_and_acknowledged(by_dialer: bool) -> None:
    one = shelf_of([(1, 1)])
    other = one.copy()
    book = ready(one, other)
    teller, hearer = (book.one, book.other) if by_dialer else (book.other, book.one)
    pen(1).write(teller.shelf, 1, [b"new"])
    rounds = len(book.one.spoke(m.Summary))
    book.announce(teller, pen(1).key.public, 1, 1)
    book.settle()
    assert same(one, other)
    assert hearer.spoke(m.Have) == [m.Have([(pen(1).key.public, 1, 2)])]
    assert ((pen(1).key.public, 1, 2),) in [held.logs for held in teller.did(Held)]
    assert len(book.one.spoke(m.Summary)) == rounds


@pytest.mark.parametrize("by_dialer", [True, False])
def test_an_announcement_without_payloads_starts_a_round(by_dialer: bool) -> None:
    one = shelf_of([(1, 1)])
    other = one.copy()
    book = ready(one, other)
    teller = book.one if by_dialer else book.other
    pen(1).write(teller.shelf, 1, [b"new"])
    book.announce(teller, pen(1).key.public, 1, 1, payloads=False)
    book.settle()
    assert same(one, other)
    assert one.size() == 2


@pytest.mark.parametrize("by_dialer", [True, False])
def test_an_announcement_behind_a_gap_starts_a_round(by_dialer: bool) -> None:
    one = shelf_of([(1, 1)])
    other = one.copy()
    book = ready(one, other)
    teller, hearer = (book.one, book.other) if by_dialer else (book.other, book.one)
    pen(1).write(teller.shelf, 1, [b"missed"])
    pen(1).write(teller.shelf, 1, [b"new"])
    book.announce(teller, pen(1).key.public, 1, 2)
    book.settle()
    assert same(one, other)
    assert one.size() == 3
    assert not hearer.did(Faulty)


@pytest.mark.parametrize("by_dialer", [True, False])
def test_news_of_an_author_whose_joining_has_not_come_yet_is_fetched_in_order(by_dialer: bool) -> None:
    found = village(2)
    founder, newcomer = found.shelves
    book = ready(founder, found.shelves[0]) if by_dialer else ready(found.shelves[0], founder)
    book = talk(newcomer, founder) if by_dialer else talk(founder, newcomer)
    teller, hearer = (book.one, book.other) if by_dialer else (book.other, book.one)
    # The joining is held back from the round that both begin with.
    key = found.pens[1].key.public
    hidden = [item for item in newcomer.frontier() if item.author != key]
    frontier, newcomer.frontier = newcomer.frontier, lambda: hidden  # type: ignore[method-assign]
    book.settle()
    newcomer.frontier = frontier  # type: ignore[method-assign]
    found.pens[1].write(newcomer, 1, [encode([])])
    book.announce(teller, key, 1, 0)
    book.settle()
    assert founder.entries() == newcomer.entries()
    assert not hearer.did(Faulty)


def test_what_the_peer_has_already_is_not_announced_to_it() -> None:
    shelf = shelf_of([(1, 1)])
    book = ready(shelf, shelf.copy())
    book.announce(book.one, pen(1).key.public, 1, 0)
    assert not book.one.spoke(m.Announce)
    pen(1).write(shelf, 1, [b"new"])
    book.announce(book.one, pen(1).key.public, 1, 1)
    book.announce(book.one, pen(1).key.public, 1, 1)
    assert len(book.one.spoke(m.Announce)) == 1
    book.settle()
    book.announce(book.other, pen(1).key.public, 1, 1)
    assert not book.other.spoke(m.Announce)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_written_and_announced_during_a_round_arrives(seed: int) -> None:
    chance = random.Random(seed)
    one = shelf_of(((number, number % 3) for number in range(10)), entries=2)
    other = shelf_of(((number, 1) for number in range(20, 25)), entries=2)
    book = talk(one, other, seed)
    for _ in range(60):
        for _ in range(chance.randrange(8)):
            book.step()
        side = chance.choice([book.one, book.other])
        number = chance.randrange(5) + (0 if side is book.one else 20)
        log = chance.randrange(3)
        key = pen(number).key.public
        head = next((i.seq for i in side.shelf.frontier() if (i.author, i.log) == (key, log)), 0)
        Pen(pen(number).key, chance).write(side.shelf, log, [b"x"] * chance.randrange(1, 4))
        book.announce(side, key, log, head, payloads=chance.random() < 0.7)
    book.settle()
    assert same(one, other)
    assert not book.one.did(End) + book.other.did(End)
    assert not book.one.did(Faulty) + book.other.did(Faulty)


@pytest.mark.parametrize("late", ["one", "other"])
def test_what_comes_before_the_peer_is_looked_up_is_not_lost(late: str) -> None:
    one, other = shelf_of([(1, 0), (1, 1)]), shelf_of([(2, 0), (2, 1)])
    book = talk(one, other)
    slow = book.one if late == "one" else book.other
    quick = book.other if late == "one" else book.one

    def go_on() -> None:
        while acts := [(s, a) for s in (quick, slow) for a in s.acts() if (s, a) != (slow, "look")]:
            book.obey(acts[0][0], book._act(*acts[0]))

    go_on()
    assert slow.session.state is State.STANDING
    number = 2 if late == "one" else 1
    for seq in range(1, 40):
        Pen(pen(number).key, random.Random(seq)).write(quick.shelf, 1, [bytes(12_000)])
        book.announce(quick, pen(number).key.public, 1, seq)
    go_on()
    assert slow.session.state is State.STANDING
    assert sum(len(encode(message)) for message in slow.session._early) <= EARLY_BYTES
    book.settle()
    assert same(one, other)
    assert not slow.ended


def test_a_stranger_s_early_messages_lead_to_no_error() -> None:
    session, shelf = in_state(State.STANDING, dialer=False)
    session.frame(encode(m.Summary([(1, bytes(16))] * 2)))
    commands = session.stand("member")
    assert End("bad_message") in commands
    assert session.state is State.ENDED
    assert shelf.size() == 2


def test_announcements_beyond_measure_wait_for_a_round_instead_of_filling_memory() -> None:
    shelf = shelf_of([(1, 2)])
    other = shelf.copy()
    book = ready(shelf, other)
    for seq in range(1, 60):
        pen(1).write(shelf, 2, [random.Random(seq).randbytes(60_000)])
        book.announce(book.one, pen(1).key.public, 2, seq)
    while book.other.incoming:
        book.obey(book.other, book.other.session.frame(book.other.incoming.popleft()))
    assert book.other.waiting_bytes <= ANNOUNCED_BYTES
    book.settle()
    assert same(shelf, other)


def test_an_announcement_whose_payloads_are_not_its_own_is_refused() -> None:
    shelf = shelf_of([(1, 1)])
    book = ready(shelf, shelf.copy())
    pen(1).write(shelf, 1, [b"new", b"newer"])
    found = shelf.read_run(pen(1).key.public, 1, 1)
    assert found is not None
    for payloads in ([found[1][0]], [*found[1], b"more"], [found[1][0], bytes(50_000)]):
        book.obey(book.other, book.other.session.frame(encode(m.Announce(found[0], payloads))))
    assert book.other.did(Faulty) == [Faulty("bad_payload")] * 3
    assert not book.other.did(Commit)


# Rounds on request


@pytest.mark.parametrize("by_dialer", [True, False])
def test_either_side_may_start_a_round(by_dialer: bool) -> None:
    one = shelf_of([(1, 1)])
    other = one.copy()
    book = ready(one, other)
    asker = book.one if by_dialer else book.other
    pen(1).write(one, 1, [b"new"])
    pen(2).write(other, 2, [b"new"])
    book.obey(asker, asker.session.sync())
    book.settle()
    assert same(one, other)
    assert one.size() == 3
    assert len(book.other.spoke(m.Nudge)) == (0 if by_dialer else 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_round_that_is_asked_for_during_another_follows_it(seed: int) -> None:
    one, other = shelf_of(((number, 1) for number in range(8)), entries=2), shelf_of([(50, 0)])
    book = talk(one, other, seed)
    for _ in range(5 + seed * 4):
        book.step()
    pen(1).write(one, 1, [b"late"])
    pen(50).write(other, 0, [b"late"])
    ready_now = State.READY
    if book.one.session.state is ready_now and book.other.session.state is ready_now:
        book.obey(book.one, book.one.session.sync())
        book.obey(book.other, book.other.session.sync())
    book.settle()
    assert same(one, other)


def test_a_round_does_not_start_before_the_peer_is_known() -> None:
    session, _ = in_state(State.STANDING, dialer=True)
    assert session.sync() == []


# Everybody with everybody


@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=8))
@settings(max_examples=40)
def test_after_sessions_of_random_pairs_all_four_are_equal(seed: int, pairs: list[tuple[int, int]]) -> None:
    chance = random.Random(seed)
    found = village(4)
    shelves, pens = found.shelves, found.pens

    def append() -> None:
        writer = chance.randrange(4)
        log = chance.choice([Log.CATALOG, Log.TRADE])
        Pen(pens[writer].key, chance).write(shelves[writer], int(log), [encode([])] * chance.randrange(1, 5))

    for one, other in pairs:
        append()
        if one != other:
            talk(shelves[one], shelves[other], chance.randrange(1000)).settle()
    order = [(0, 1), (2, 3), (1, 2), (3, 0), (0, 1), (1, 2), (2, 3), (3, 0)]
    for one, other in order:
        first, second = chance.sample([one, other], 2)
        talk(shelves[first], shelves[second], chance.randrange(1000)).settle()
    assert all(shelf.entries() == shelves[0].entries() for shelf in shelves)
    assert all(shelf.members() == 4 for shelf in shelves)


def test_a_checked_run_is_what_a_shelf_gives_out() -> None:
    shelf = shelf_of([(1, 1)], entries=3)
    found = shelf.read_run(pen(1).key.public, 1, 0)
    assert found is not None
    assert check_run(CIRCUIT, found[0]).last == 3
