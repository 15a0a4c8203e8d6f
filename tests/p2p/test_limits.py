"""Fork proofs travel: to whoever does not know the limit yet, over nodes that never saw both branches."""

import random
from itertools import combinations, pairwise

import pytest

from foodhub.log.encoding import encode
from foodhub.log.forks import ForkProof
from foodhub.p2p import messages as m
from foodhub.p2p.commands import End, Faulty, LoadForks, Settled, TakeForks
from foodhub.p2p.limits import WAITING_BYTES
from foodhub.p2p.session import FAULTS_BORNE, State
from tests.p2p.memory import MemoryShelf
from tests.p2p.playbook import Playbook, Side, ready, talk
from tests.p2p.shelves import Pen, branches, copy_log, grow, pen, same, shelf_of, village

AUTHOR = pen(1).key.public
PLACE = (AUTHOR, 1)
SEEDS = range(8)


def forked(common: int = 10, ours: int = 5, theirs: int = 5, log: int = 1, number: int = 1) -> MemoryShelf:
    """A shelf that holds the proof of a fork."""
    one, other = branches(common, ours, theirs, log, number)
    talk(one, other).settle()
    assert one.forks
    return one


def unblamed(book: Playbook) -> bool:
    return not any(side.ended or side.did(Faulty) for side in (book.one, book.other))


@pytest.mark.parametrize("knower_dials", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_proof_goes_to_whoever_knows_one_branch_alone(knower_dials: bool, seed: int) -> None:
    knower, other = forked(), branches(10, 5, 5)[1]
    grow(other, Pen(pen(1).key, random.Random("more")), 1, 300)
    book = talk(*((knower, other) if knower_dials else (other, knower)), seed).settle()
    assert other.limit(PLACE) == 11
    assert same(knower, other)
    assert unblamed(book)
    assert not book.one.spoke(m.Probe) + book.other.spoke(m.Probe)
    assert book.one.did(Settled)
    assert book.other.did(Settled)


@pytest.mark.parametrize("newcomer_dials", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("log", [0, 1, 2])
def test_a_newcomer_takes_a_log_that_ends_unsigned_right_below_its_fork(
    newcomer_dials: bool, seed: int, log: int
) -> None:
    # One signature for all of it: nobody but the proof vouches for the entries below the fork.
    one = MemoryShelf()
    first = [b"%d" % n for n in range(8)]
    Pen(pen(1).key, random.Random("same")).write(one, log, first)
    other = MemoryShelf()
    Pen(pen(1).key, random.Random("same")).write(other, log, [*first[:5], b"another", b"end"])
    talk(one, other).settle()
    assert one.limit((AUTHOR, log)) == 6
    newcomer = shelf_of([(7, 0)])
    book = talk(*((newcomer, one) if newcomer_dials else (one, newcomer)), seed).settle()
    assert [(item.seq, item.limit) for item in newcomer.frontier() if item.author == AUTHOR] == [(5, 6)]
    assert same(one, newcomer)
    assert unblamed(book)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_proof_travels_along_a_chain_of_nodes_that_never_saw_both_branches(seed: int) -> None:
    first = forked()
    others = [branches(10, 5, 5)[0] for _ in range(4)]
    chain = [first, *others]
    for one, other in pairwise(chain):
        dialer, answerer = random.Random(seed).sample([one, other], 2)
        talk(dialer, answerer, seed).settle()
    assert [shelf.limit(PLACE) for shelf in chain] == [11] * 5
    assert all(same(first, other) for other in others)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_side_tells_what_the_other_does_not_know(seed: int) -> None:
    one, other = MemoryShelf(), MemoryShelf()
    for number in range(40):
        shelf = forked(3, 2, 2, log=number % 3, number=number)
        plain = branches(3, 2, 2, number % 3, number)[0]
        for mine, found in zip((one, other), (shelf, plain) if number % 2 else (plain, shelf), strict=True):
            mine.logs |= found.logs
            mine.forks |= found.forks
    book = talk(one, other, seed).settle()
    assert len(one.forks) == len(other.forks) == 40
    assert same(one, other)
    assert unblamed(book)
    assert all(len(message.proofs) <= m.PROOFS_PER_FRAME for message in book.one.spoke(m.Forks))


def test_equal_nodes_with_forks_settle_in_one_round_trip_below_300_bytes() -> None:
    one = shelf_of((number, number % 3) for number in range(200))
    one.forks |= forked().forks
    one.logs |= forked().logs
    book = talk(one, one.copy()).settle()
    assert [type(message).__name__ for message in book.one.said()] == ["Hello", "Proof", "Summary"]
    assert max(book.one.bytes_after_proof(), book.other.bytes_after_proof()) < 300


def test_nothing_above_the_limit_of_the_other_side_is_sent() -> None:
    knower, other = forked(10, 50, 50), branches(10, 50, 50)[0]
    grow(other, Pen(pen(1).key, random.Random("more")), 1, 300)
    book = talk(other, knower).settle()
    assert same(knower, other)
    assert not book.one.spoke(m.Headers)
    assert not book.other.spoke(m.Headers)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_part_below_a_limit_arrives_beside_the_proof(seed: int) -> None:
    full, short = forked(300, 5, 5), MemoryShelf()
    copy_log(full, short, *PLACE)
    assert short.head(PLACE) < 300
    book = talk(short, full, seed).settle()
    assert same(full, short)
    assert short.head(PLACE) == 300
    assert unblamed(book)


def test_the_real_store_takes_a_proof_from_a_third_node_and_from_it_the_next() -> None:
    found = village(4)
    key = found.pens[1].key
    for shelf in found.shelves[:1] + found.shelves[2:]:
        copy_log(found.shelves[1], shelf, key.public, 0)
    one, _, two, three = found.shelves
    # Both branches are under one signature with what is common, so that only the proof vouches for the log's end.
    common = [b"\x90", b"\x90", b"\x90"]
    Pen(key, random.Random("same")).write(one, 1, common)
    Pen(key, random.Random("same")).write(two, 1, [*common[:2], b"\x90", b"\x90"])
    Pen(key, random.Random("two")).write(two, 1, [b"\x90"])
    Pen(key, random.Random("one")).write(one, 1, [b"\x90", b"\x90"])
    for turn, pair in enumerate([(one, two), (one, three), (three, found.shelves[1]), (two, three)]):
        talk(*pair, turn).settle()
    frontiers = [
        [(item.seq, item.limit) for item in shelf.frontier() if (item.author, item.log) == (key.public, 1)]
        for shelf in (one, two, three)
    ]
    assert frontiers[0] == frontiers[1] == frontiers[2]
    assert frontiers[0][0][1] in {4, 5}
    assert one.proofs() == two.proofs() == three.proofs()


# News between rounds


@pytest.mark.parametrize("by_dialer", [True, False])
def test_a_new_proof_is_told_between_rounds(by_dialer: bool) -> None:
    one = branches(10, 5, 5)[0]
    other = one.copy()
    book = ready(one, other)
    teller = book.one if by_dialer else book.other
    proof = forked().forks[PLACE]
    assert isinstance(teller.shelf, MemoryShelf)
    teller.shelf.take_forks([proof])
    for _ in range(2):
        book.obey(teller, teller.session.tell_forks([proof]))
    assert len(teller.spoke(m.Forks)) == 1
    book.settle()
    assert same(one, other)
    assert other.limit(PLACE) == 11


def test_a_proof_is_not_told_to_who_sent_it() -> None:
    one = branches(10, 5, 5)[0]
    book = ready(one, one.copy())
    proof = forked().forks[PLACE]
    one.take_forks([proof])
    book.obey(book.one, book.one.session.tell_forks([proof]))
    book.settle()
    book.obey(book.other, book.other.session.tell_forks([proof]))
    assert not book.other.spoke(m.Forks)


def test_a_proof_that_is_told_before_the_peer_is_looked_up_is_not_lost() -> None:
    one, other = branches(10, 5, 5)[0], branches(10, 5, 5)[0]
    proof = forked().forks[PLACE]
    book = talk(one, other)
    while acts := [(s, a) for s in (book.one, book.other) for a in s.acts() if (s, a) != (book.one, "look")]:
        book.obey(acts[0][0], book._act(*acts[0]))
    assert book.one.session.state is State.STANDING
    other.take_forks([proof])
    book.obey(book.other, book.other.session.tell_forks([proof]))
    book.settle()
    assert same(one, other)
    assert one.limit(PLACE) == 11


# Strangers


def with_more(shelf: MemoryShelf) -> MemoryShelf:
    """The same with a log 0 by which its holder becomes known."""
    pen(9).write(shelf, 0, [b"who I am"])
    return shelf


def meet(one: MemoryShelf, other: MemoryShelf, seed: int | None = None) -> Playbook:
    """The dialer knows the answerer only once it holds that log 0."""
    book = talk(one, other, seed)
    known = (pen(9).key.public, 0)
    book.one.judge = lambda: ("member", "") if known in one.logs else ("stranger", "unknown_author")
    return book


@pytest.mark.parametrize("log", [0, 1])
def test_a_stranger_is_told_of_no_fork_before_it_is_known(log: int) -> None:
    book = meet(forked(log=log), branches(10, 5, 5, log)[0])
    book.settle()
    assert not book.one.spoke(m.Forks)
    assert book.one.ended
    book = meet(forked(log=log), with_more(branches(10, 5, 5, log)[0])).settle()
    assert book.one.spoke(m.Forks)
    assert not book.one.ended


@pytest.mark.parametrize("log", [0, 1])
def test_proofs_are_taken_of_a_stranger_for_logs_0_alone(log: int) -> None:
    proof = forked(log=log).forks[AUTHOR, log]
    book = meet(branches(10, 5, 5, log)[0], branches(10, 5, 5, log)[0])
    while book.one.session.state is not State.STRANGER:
        assert book.step()
    taken = [take for take in book.one.session.frame(encode(m.Forks([proof]))) if isinstance(take, TakeForks)]
    assert len(taken) == (log == 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_proof_that_a_stranger_told_too_early_comes_with_the_rounds(seed: int) -> None:
    one, other = branches(10, 5, 5)[0], with_more(branches(10, 5, 5)[0])
    book = meet(one, other, seed)
    while book.one.session.state is not State.STRANGER:
        assert book.step()
    other.take_forks([forked().forks[PLACE]])
    while book.other.session.state is not State.READY:
        assert book.step()
    book.obey(book.other, book.other.session.tell_forks([forked().forks[PLACE]]))
    book.settle()
    assert one.limit(PLACE) == 11
    assert same(one, other)
    assert unblamed(book)


# What may not come


def false_proof(number: int = 1) -> ForkProof:
    """Two runs that show no fork."""
    run = branches(3, 0, 0, number=number)[0].read_branch(pen(number).key.public, 1, 0)
    assert run is not None
    return ForkProof(run, run)


def test_a_proof_that_does_not_hold_costs_its_sender() -> None:
    book = ready(*branches(3, 0, 0))
    for number in range(FAULTS_BORNE):
        assert not book.other.ended
        book.obey(book.other, book.other.session.frame(encode(m.Forks([false_proof(number)]))))
        book.settle()
    assert book.other.did(End) == [End("bad_fork")]
    assert not isinstance(book.other.shelf, MemoryShelf) or not book.other.shelf.forks


BAD = [
    m.Forks([]),
    m.Forks([false_proof()] * (m.PROOFS_PER_FRAME + 1)),
    m.AskForks([]),
    m.AskForks([(AUTHOR, 1)] * (m.PROOFS_ASKED + 1)),
    m.AskForks([(AUTHOR, 3)]),
]


@pytest.mark.parametrize("message", BAD, ids=lambda message: type(message).__name__)
def test_too_many_or_too_few_end_the_session(message: m.Message) -> None:
    book = ready(*branches(3, 0, 0))
    assert End("bad_message") in book.other.session.frame(encode(message))


def test_only_the_dialer_asks_for_proofs_and_one_answer_at_a_time() -> None:
    ask = encode(m.AskForks([PLACE]))
    book = ready(*branches(3, 0, 0))
    assert End("bad_message") in book.one.session.frame(ask)
    assert book.other.session.frame(ask) == [LoadForks((PLACE,))]
    assert End("bad_message") in book.other.session.frame(ask)


@pytest.mark.parametrize("message", [m.AskForks([PLACE]), m.Forks([false_proof()])])
def test_a_joiner_hears_and_speaks_of_logs_0_alone(message: m.Message) -> None:
    book = talk(MemoryShelf(), forked(), verdict=("joiner", "")).settle()
    assert not book.other.spoke(m.Forks)
    book.obey(book.other, book.other.session.tell_forks([forked().forks[PLACE]]))
    assert not book.other.spoke(m.Forks)
    assert End("bad_message") in book.other.session.frame(encode(message))


def test_proofs_beyond_measure_are_dropped_instead_of_filling_memory() -> None:
    book = ready(*branches(3, 0, 0))
    frame = encode(m.Forks([false_proof()] * m.PROOFS_PER_FRAME))
    for _ in range(WAITING_BYTES // len(frame) + 20):
        book.obey(book.other, book.other.session.frame(frame))
    waiting = sum(isinstance(take, TakeForks) for take in book.other.commits)
    assert waiting * len(frame) <= WAITING_BYTES
    assert not book.other.ended


def test_a_liar_about_limits_changes_nothing_and_starts_no_endless_rounds() -> None:
    one = shelf_of(((number, 1) for number in range(30)), entries=5)
    other = one.copy()
    book = talk(one, other)

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        if isinstance(message, m.Summary):
            message = m.Summary([(count, bytes(16)) for count, _ in message.classes])
        if isinstance(message, m.Items):
            logs = [(key, [(log, seq, each, 2) for log, seq, each, _ in rest]) for key, rest in message.authors]
            message = m.Items(message.buckets, logs, last=True)
        return [encode(message)]

    book.other.wire = wire
    book.settle()
    assert not one.forks
    assert len(book.one.spoke(m.AskForks)) <= 2
    assert ended_or_settled(book.one)


def ended_or_settled(side: Side) -> bool:
    return side.ended or bool(side.did(Settled))


# Everybody with everybody


@pytest.mark.parametrize("seed", range(12))
def test_whatever_forks_and_whoever_talks_to_whom_all_end_with_the_same_limits(seed: int) -> None:
    chance = random.Random(seed)
    shelves = [MemoryShelf() for _ in range(4)]
    for _ in range(20):
        append(chance, chance.choice(shelves))
        if chance.random() < 0.5:
            book = talk(*two_of(chance, shelves), chance.randrange(1000))
            for _ in range(chance.randrange(80)):
                book.step()
                if chance.random() < 0.05:
                    append(chance, chance.choice(shelves))
            book.settle()
            assert unblamed(book)
    for one, other in [*combinations(shelves, 2)] * 3:
        assert unblamed(talk(one, other, chance.randrange(1000)).settle())
    assert all(same(shelves[0], shelf) for shelf in shelves)


def two_of(chance: random.Random, shelves: list[MemoryShelf]) -> tuple[MemoryShelf, MemoryShelf]:
    one, other = chance.sample(shelves, 2)
    return one, other


def append(chance: random.Random, shelf: MemoryShelf) -> None:
    """Let one of three authors write behind what this shelf holds of it, whatever it wrote elsewhere."""
    number, log = chance.randrange(3), chance.randrange(3)
    if not shelf.limit((pen(number).key.public, log)):
        Pen(pen(number).key, random.Random(chance.random())).write(shelf, log, [b"x"] * chance.randrange(1, 30))
