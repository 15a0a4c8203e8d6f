"""The session as a conversation between two shelves: no socket, no clock, and a seed for every accident."""

import random
import zlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.log.header import Log
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run, check_run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import CheckStanding, Commit, End, Faulty, Held, LoadRun, Progress, Send, Settled
from foodhub.p2p.rounds import CIRCUIT_ROUNDS, Stage
from foodhub.p2p.session import EARLY_BYTES, FAULTS_BORNE, Session
from foodhub.p2p.states import MAY_COME, State
from foodhub.p2p.transfer import ANNOUNCED_BYTES, RUN_ROOM, WINDOW
from tests.p2p.memory import CIRCUIT, MemoryShelf
from tests.p2p.playbook import (
    Pen,
    Playbook,
    Shelf,
    Side,
    copy_log,
    forged,
    parties,
    pen,
    ready,
    shelf_of,
    talk,
    village,
)
from tests.p2p.test_messages import ONE_OF_EACH

SEEDS = range(12)


def same(one: Shelf, other: Shelf) -> bool:
    return sorted(one.frontier()) == sorted(other.frontier())


def kinds(messages: list[m.Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


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


# The proof


def broken(change: Callable[[Session], object], *, dialer: bool) -> Playbook:
    """A conversation in which one side has been tampered with before its first word."""
    one, other = shelf_of([(1, 0), (1, 1)]), shelf_of([(2, 0), (2, 1)])
    first, second = parties()
    dialing, answering = Side(one, first), Side(other, second)
    change(dialing.session if dialer else answering.session)
    return Playbook(dialing, answering).settle()


def refusals(side: Side) -> set[str]:
    return {message.code for message in side.spoke(m.Refuse)} | {end.code for end in side.did(End)}


def served(side: Side) -> list[str]:
    return [name for name in kinds(side.said()) if name not in {"Hello", "Proof", "Refuse"}]


@pytest.mark.parametrize("dialer", [True, False])
def test_another_circuit_is_refused(dialer: bool) -> None:
    def stray(session: Session) -> None:
        first, second = parties(circuit=b"elsewhere".ljust(32))
        session.party = first if dialer else second

    book = broken(stray, dialer=dialer)
    assert "other_circuit" in refusals(book.one)
    assert "other_circuit" in refusals(book.other)
    assert not served(book.one) + served(book.other)
    assert book.one.ended
    assert book.other.ended


def test_a_session_with_our_own_reflection_is_refused() -> None:
    session = Session(parties()[0])
    hello = session.start()[0]
    assert isinstance(hello, Send)
    session.frame(hello.frame)
    assert session.state is State.ENDED


def proof_with(change: Callable[[m.Proof], m.Proof]) -> Playbook:
    """A conversation in which the answerer's proof is changed on the way."""
    one, other = shelf_of([(1, 0)]), shelf_of([(2, 0)])
    book = talk(one, other)

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        return [encode(change(message)) if isinstance(message, m.Proof) else frame]

    book.other.wire = wire
    return book.settle()


def other_signature(proof: m.Proof) -> m.Proof:
    return m.Proof([(key, bytes(64)) for key, _ in proof.devices], proof.invite, proof.addresses)


def other_device(proof: m.Proof) -> m.Proof:
    return m.Proof([(pen(9).key.public, sign) for _, sign in proof.devices], proof.invite, proof.addresses)


def no_device(proof: m.Proof) -> m.Proof:
    return m.Proof([], proof.invite, proof.addresses)


def many_devices(proof: m.Proof) -> m.Proof:
    return m.Proof(proof.devices * 17, proof.invite, proof.addresses)


def bad_invite(proof: m.Proof) -> m.Proof:
    return m.Proof(proof.devices, [(pen(9).key.public, bytes(64))], proof.addresses)


def two_invites(proof: m.Proof) -> m.Proof:
    return m.Proof(proof.devices, proof.devices * 2, proof.addresses)


@pytest.mark.parametrize(
    "change",
    [other_signature, other_device, no_device, many_devices, bad_invite, two_invites],
    ids=lambda f: f.__name__,
)
def test_a_proof_that_does_not_hold_is_refused_and_nothing_served(change: Callable[[m.Proof], m.Proof]) -> None:
    book = proof_with(change)
    assert refusals(book.one) == {"bad_proof"}
    assert not book.one.did(CheckStanding)
    assert not served(book.one)


def test_a_proof_made_for_another_session_is_refused() -> None:
    old = talk(MemoryShelf(), MemoryShelf()).settle()
    proof = old.other.spoke(m.Proof)[0]
    dialer, _ = parties()
    session = Session(type(dialer)(dialer.circuit, True, dialer.own_peer, dialer.their_peer, b"9" * 32, dialer.devices))
    session.start()
    session.frame(encode(old.other.spoke(m.Hello)[0]))
    session.frame(encode(proof))
    assert session.state is State.ENDED


def test_a_proof_does_not_hold_for_another_peer() -> None:
    dialer, answerer = parties()
    elsewhere = type(answerer)(answerer.circuit, False, "peer-three", "peer-one", answerer.nonce, answerer.devices)
    book = Playbook(Side(MemoryShelf(), dialer), Side(MemoryShelf(), elsewhere)).settle()
    assert "bad_proof" in refusals(book.one)


def test_a_stranger_is_refused_with_the_reason_and_nothing_is_served() -> None:
    one, other = shelf_of([(1, 0), (1, 1)]), shelf_of([(2, 0)])
    book = talk(one, other)
    book.one.verdict = (None, "invite_expired")
    book.settle()
    assert refusals(book.one) == {"invite_expired"}
    assert [(end.code, end.theirs) for end in book.other.did(End)] == [("invite_expired", True)]
    assert not served(book.one)
    assert (one.size(), other.size()) == (2, 1)


def test_a_version_of_the_protocol_that_we_do_not_know_is_refused() -> None:
    session = Session(parties()[0])
    session.start()
    assert End("bad_version") in session.frame(encode(m.Hello(2, bytes(32), bytes(16))))


def test_the_hello_of_a_newer_program_is_known_as_such_whatever_else_it_holds() -> None:
    session = Session(parties()[0])
    session.start()
    commands = session.frame(encode((0, 7, bytes(32), bytes(16), "more", [1])))
    assert End("bad_version") in commands
    assert Send(encode(m.Refuse("bad_version"))) in commands


def test_runs_of_a_newer_program_are_told_of_once_and_nobody_pays_for_them() -> None:
    one, other = shelf_of((number, 1) for number in range(FAULTS_BORNE * 3)), MemoryShelf()
    good = pen(3).key.public

    def newer(run: Run) -> Run:
        return run if run.author == good else msgspec.structs.replace(run, version=2)

    book = with_runs_changed(talk(one, other), newer).settle()
    assert book.other.did(Faulty) == [Faulty("bad_version")]
    assert set(other.logs) == {(good, 1)}
    assert book.other.did(Settled)
    assert not book.other.ended


def test_addresses_of_a_peer_are_limited_in_number() -> None:
    dialer, answerer = parties()
    talkative = type(answerer)(
        answerer.circuit,
        False,
        "peer-two",
        "peer-one",
        answerer.nonce,
        answerer.devices,
        None,
        ("/ip4/1.2.3.4/tcp/1",) * 99,
    )
    book = Playbook(Side(MemoryShelf(), dialer), Side(MemoryShelf(), talkative)).settle()
    assert len(book.one.did(CheckStanding)[0].addresses) == 16


def test_a_joiner_gets_the_circuit_s_logs_and_no_others() -> None:
    old = shelf_of((number, log) for number in range(5) for log in (0, 1, 2))
    new = MemoryShelf()
    book = talk(new, old, verdict=("joiner", "")).settle()
    assert {log for _, log in new.logs} == {0}
    assert len(new.logs) == 5
    assert book.one.did(CheckStanding)[0].invite == b""
    assert book.other.did(CheckStanding)[0].invite == SigningKey(b"i" * 32).public
    assert book.one.did(Settled)
    assert book.other.did(Settled)


def test_a_joiner_may_not_ask_for_more_and_is_told_no_more() -> None:
    old = shelf_of((number, log) for number in range(5) for log in (0, 1, 2))
    book = talk(MemoryShelf(), old, verdict=("joiner", "")).settle()
    book.announce(book.other, pen(1).key.public, 1, 0)
    assert not book.other.spoke(m.Announce)
    book.obey(book.other, book.other.session.frame(encode(m.Ask([1, 2], b""))))
    assert refusals(book.other) == {"bad_message"}
    assert not [items for items in book.other.spoke(m.Items) for _, logs in items.authors for log in logs if log[0]]


def test_what_a_joiner_sends_of_other_logs_is_not_taken() -> None:
    new, old = shelf_of([(1, 0), (1, 1)]), MemoryShelf()
    book = talk(new, old, verdict=("joiner", "")).settle()
    found = new.read_run(pen(1).key.public, 1, 0)
    assert found is not None
    book.obey(book.other, book.other.session.frame(encode(m.Announce(*found))))
    book.settle()
    assert set(old.logs) == {(pen(1).key.public, 0)}
    assert book.other.ended


# Strangers


def meeting(seed: int | None = None) -> Playbook:
    """A dialer who has slept: it learns who answers from a log 0 that only the other holds."""
    one = shelf_of(((number, log) for number in range(4) for log in (2, 1, 0)), entries=2)
    other = one.copy()
    for number in range(4):
        pen(number).write(one, number % 3, [b"not sent yet"])
        for log in (1, 0):
            pen(number + 4).write(other, log, [b"since then"] * 3)
    book = talk(one, other, seed)
    book.one.judge = lambda: ("member", "") if (pen(4).key.public, 0) in one.logs else ("stranger", "unknown_author")
    return book


@pytest.mark.parametrize("seed", SEEDS)
def test_who_dials_a_stranger_learns_from_its_logs_0_who_it_is_and_then_they_exchange_everything(seed: int) -> None:
    book = meeting(seed).settle()
    assert same(book.one.shelf, book.other.shelf)
    assert book.one.session.standing == "member"
    assert book.one.did(Settled)
    assert book.other.did(Settled)
    assert not book.one.did(Faulty) + book.other.did(Faulty)
    assert [len(summary.classes) for summary in book.one.spoke(m.Summary)][:2] == [1, 3]


def test_before_it_knows_who_answers_a_dialer_sends_nothing_that_it_holds() -> None:
    book = meeting()
    while book.one.session.state is not State.READY:
        assert book.step()
    assert set(kinds(book.one.said())) <= {"Hello", "Proof", "Summary", "Ask", "Want", "Sent", "Credit", "Have"}
    assert isinstance(book.other.shelf, MemoryShelf)
    assert (pen(0).key.public, 0) in book.other.shelf.logs
    assert not book.other.did(Commit)
    assert not book.one.did(Held)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stranger_who_stays_one_gave_its_logs_0_and_got_nothing(seed: int) -> None:
    book = meeting(seed)
    book.one.judge = lambda: ("stranger", "unknown_author")
    book.settle()
    assert refusals(book.one) == {"unknown_author"}
    assert not book.one.did(Settled) + book.other.did(Settled)
    assert not book.one.spoke(m.Headers) + book.other.did(Commit)
    strangers = [pen(number).key.public for number in range(4, 8)]
    taken = {(item.author, item.log) for item in book.one.shelf.frontier() if item.author in strangers}
    assert taken == {(author, 0) for author in strangers}


def test_a_stranger_who_turns_out_to_be_retired_is_told_so() -> None:
    book = meeting()
    verdicts = iter([("stranger", "unknown_author"), (None, "device_retired")])
    book.one.judge = lambda: next(verdicts)  # type: ignore[assignment,return-value]
    book.settle()
    assert refusals(book.one) == {"device_retired"}


def test_a_stranger_that_always_claims_to_have_more_is_given_up_after_three_rounds() -> None:
    book = meeting()
    book.one.judge = lambda: ("stranger", "unknown_author")

    def lie(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        return [encode(m.Summary([(99, bytes(16))])) if isinstance(message, m.Summary) else frame]

    book.other.wire = lie
    book.settle()
    assert len(book.one.spoke(m.Ask)) == CIRCUIT_ROUNDS
    assert refusals(book.one) == {"unknown_author"}


def test_what_a_stranger_announces_or_says_it_has_is_not_heard() -> None:
    book = meeting()
    while book.one.session.state is not State.STRANGER:
        assert book.step()
    for log in (0, 1):
        found = book.other.shelf.read_run(pen(5).key.public, log, 0)
        assert found is not None
        assert book.one.session.frame(encode(m.Announce(*found))) == []
    assert book.one.session.frame(encode(m.Have([(pen(0).key.public, 0, 3)]))) == []
    book.settle()
    assert same(book.one.shelf, book.other.shelf)


def test_nothing_is_announced_to_a_stranger_and_it_learns_of_it_once_it_is_known() -> None:
    book = meeting()
    while book.one.session.state is not State.STRANGER:
        assert book.step()
    for log in (0, 1):
        pen(2).write(book.one.shelf, log, [b"just now"])
        book.announce(book.one, pen(2).key.public, log, 2)
    assert not book.one.spoke(m.Announce)
    book.settle()
    assert same(book.one.shelf, book.other.shelf)


@pytest.mark.parametrize("ever_known", [True, False])
def test_an_answerer_asks_for_payloads_only_of_who_knows_it(ever_known: bool) -> None:
    book = meeting()
    if not ever_known:
        book.one.judge = lambda: ("stranger", "unknown_author")
    withheld = pen(6).write(book.other.shelf, 1, [b"seen by nobody"])
    assert isinstance(book.other.shelf, MemoryShelf)
    book.other.shelf.logs[withheld.author, 1][-1].payload = None
    book.settle()
    assert bool(book.other.spoke(m.Lack)) == ever_known


# Illegal messages


def in_state(state: State, *, dialer: bool) -> tuple[Session, MemoryShelf]:
    """A session that has come to this state."""
    shelf = shelf_of([(1, 0), (2, 1)])
    book = talk(shelf, shelf.copy()) if dialer else talk(shelf.copy(), shelf)
    side = book.one if dialer else book.other
    other = book.other if dialer else book.one
    if state is State.ENDED:
        side.session.frame(b"")
    elif state is State.READY:
        book.settle()
    elif state is not State.HELLO:
        book.obey(other, other.session.frame(other.incoming.popleft()))
        for _ in range(1 if state is State.PROOF else 2):
            book.obey(side, side.session.frame(side.incoming.popleft()))
        if state is State.STRANGER:
            book.obey(side, side.session.stand("stranger"))
    assert side.session.state is state
    return side.session, shelf


STATES = [
    pytest.param(state, dialer, id=f"{state.name}-{'dialer' if dialer else 'answerer'}")
    for state in State
    for dialer in (True, False)
    if state is not State.ENDED and (dialer or state is not State.STRANGER)
]


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize(("state", "dialer"), STATES)
def test_a_message_that_may_not_come_now_ends_the_session_and_changes_nothing(
    state: State, message: m.Message, dialer: bool
) -> None:
    session, shelf = in_state(state, dialer=dialer)
    before = shelf.frontier()
    commands = session.frame(encode(message))
    if not isinstance(message, MAY_COME[state]):
        assert [type(command) for command in commands if not isinstance(command, Faulty)] == [Send, End]
        assert End("bad_message") in commands
    assert not [command for command in commands if isinstance(command, Commit | LoadRun)]
    assert shelf.frontier() == before


ONLY_DIALER_ASKS = [m.Summary([(0, bytes(16))] * 3), m.Ask([0], b""), m.Want([], last=True)]


@pytest.mark.parametrize("message", ONLY_DIALER_ASKS, ids=lambda message: type(message).__name__)
def test_the_answerer_may_not_ask(message: m.Message) -> None:
    session, _ = in_state(State.READY, dialer=True)
    assert End("bad_message") in session.frame(encode(message))


@pytest.mark.parametrize(
    "message",
    [
        m.Summary([(0, bytes(16))] * 2),
        m.Ask([3], b""),
        m.Ask([0], bytes(7)),
        m.Ask([0], bytes(8 * 1025)),
        m.Items([], [], last=True),
        m.Nudge(),
        m.Payloads([b"x"]),
        m.Payloads([]),
    ],
    ids=lambda message: type(message).__name__,
)
def test_the_answerer_ends_a_session_that_asks_for_nonsense(message: m.Message) -> None:
    session, _ = in_state(State.READY, dialer=False)
    assert End("bad_message") in session.frame(encode(message))


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
def test_after_its_end_a_session_says_and_does_nothing(message: m.Message) -> None:
    session, shelf = in_state(State.ENDED, dialer=True)
    assert session.frame(encode(message)) == []
    assert session.sync() == []
    assert session.stand("member") == []
    assert session.frontier(shelf.frontier()) == []
    found = shelf.read_run(pen(1).key.public, 0, 0)
    assert found is not None
    assert session.announce(*found) == []
    assert session.loaded(*found) == []


def test_asking_again_before_the_first_answer_ends_the_session() -> None:
    for first, second in [(m.Ask([0], b""), m.Ask([0], b"")), (ONLY_DIALER_ASKS[0], m.Ask([0], b""))]:
        session, _ = in_state(State.READY, dialer=False)
        session.frame(encode(first))
        assert End("bad_message") in session.frame(encode(second))


def test_wanting_again_while_we_send_ends_the_session() -> None:
    shelf = shelf_of(((number, 1) for number in range(3)), entries=3)
    book = ready(shelf, shelf.copy())
    session = book.other.session
    want = encode(m.Want([(item.author, item.log, 0) for item in shelf.frontier()], last=True))
    session.frame(want)
    assert End("bad_message") in session.frame(want)


def test_a_refusal_is_a_word_and_never_text_of_the_peer() -> None:
    session, _ = in_state(State.READY, dialer=True)
    assert session.frame(encode(m.Refuse("evil\nERROR root: pwned"))) == [End("refused", theirs=True)]


# Faults that are borne


def with_runs_changed(book: Playbook, change: Callable[[Run], Run]) -> Playbook:
    """Change the runs that the dialer sends."""

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        return [encode(m.Headers(change(message.run))) if isinstance(message, m.Headers) else frame]

    book.one.wire = wire
    return book


def test_a_forged_run_is_refused_and_counted_and_the_good_ones_of_the_session_arrive() -> None:
    one, other = shelf_of([(1, 1), (2, 1), (3, 1)], entries=3), MemoryShelf()
    bad = pen(2).key.public
    book = with_runs_changed(talk(one, other), lambda run: forged(run) if run.author == bad else run).settle()
    assert set(other.logs) == {(pen(1).key.public, 1), (pen(3).key.public, 1)}
    assert book.other.did(Faulty) == [Faulty("bad_signature")]
    assert not book.other.ended
    assert book.other.did(Settled)
    assert book.one.did(Settled)


def payloads_changed(frame: bytes, change: Callable[[bytes], bytes]) -> list[bytes]:
    message = m.read_message(frame)
    if isinstance(message, m.Payloads):
        return [encode(m.Payloads([change(payload) for payload in message.payloads]))]
    return [frame]


@pytest.mark.parametrize(
    ("change", "counted_here"),
    [(lambda payload: payload[:-1] + b"!", 0), (lambda payload: payload + b"!", 1)],
    ids=["other bytes", "other length"],
)
def test_a_corrupted_payload_is_refused_and_the_other_logs_arrive(
    change: Callable[[bytes], bytes], counted_here: int
) -> None:
    one, other = shelf_of([(1, 2), (2, 2), (3, 2)]), MemoryShelf()
    book = talk(one, other)
    second = one.logs[pen(2).key.public, 2][0].payload
    book.one.wire = lambda frame: payloads_changed(frame, lambda p: change(p) if p == second else p)
    book.settle()
    assert set(other.logs) == {(pen(1).key.public, 2), (pen(3).key.public, 2)}
    assert len(book.other.did(Faulty)) == counted_here  # the other is on record with whoever refused the commit
    assert not book.other.ended


def test_behind_a_refused_run_nothing_of_its_log_is_committed() -> None:
    one, other = MemoryShelf(), MemoryShelf()
    for _ in range(4):
        pen(1).write(one, 1, [b"body"] * 200)
    book = with_runs_changed(talk(one, other), lambda run: forged(run) if run.first == 1 else run).settle()
    assert other.size() == 0
    assert book.other.did(Faulty) == [Faulty("bad_signature")]
    assert not book.other.did(Commit)


def test_too_many_faults_end_the_session() -> None:
    one, other = shelf_of((number, 1) for number in range(FAULTS_BORNE + 5)), MemoryShelf()
    book = with_runs_changed(talk(one, other), forged).settle()
    assert book.other.did(Faulty) == [Faulty("bad_signature")] * FAULTS_BORNE
    assert refusals(book.other) == {"bad_signature"}
    assert book.one.ended


def test_forged_announcements_end_the_session_too() -> None:
    shelf = shelf_of([(1, 1)])
    book = ready(shelf, shelf.copy())
    pen(1).write(shelf, 1, [b"new"])
    found = shelf.read_run(pen(1).key.public, 1, 1)
    assert found is not None
    for _ in range(FAULTS_BORNE):
        assert not book.other.ended
        book.obey(book.other, book.other.session.frame(encode(m.Announce(forged(found[0]), found[1]))))
    assert book.other.ended
    assert not book.other.did(Commit)


@pytest.mark.parametrize("dialer_is_wrong", [True, False])
def test_a_log_that_was_refused_once_is_taken_in_the_next_round(dialer_is_wrong: bool) -> None:
    full, empty = shelf_of([(1, 1)], entries=3), MemoryShelf()
    book = talk(full, empty) if dialer_is_wrong else talk(empty, full)
    wrong, right = (book.one, book.other) if dialer_is_wrong else (book.other, book.one)

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        return [encode(m.Headers(forged(message.run))) if isinstance(message, m.Headers) else frame]

    wrong.wire = wire
    book.settle()
    assert empty.size() == 0
    wrong.wire = lambda frame: [frame]
    book.obey(right, right.session.sync())
    book.settle()
    assert empty.size() == 3


def test_a_run_of_an_unknown_author_is_left_lying_without_blame() -> None:
    one, other = shelf_of([(number, 1) for number in range(FAULTS_BORNE * 2)]), MemoryShelf()
    other.known = {pen(1).key.public}
    book = talk(one, other).settle()
    assert set(other.logs) == {(pen(1).key.public, 1)}
    assert not book.other.did(Faulty)
    assert not book.other.ended
    assert book.other.did(Settled)


# Credit


def heavy(logs: int, entries: int, size: int = 60_000) -> MemoryShelf:
    shelf = MemoryShelf()
    for number in range(logs):
        for _ in range(entries):
            pen(number).write(shelf, 2, [random.Random(number).randbytes(size)])
    return shelf


def starving(one: MemoryShelf, other: MemoryShelf) -> Playbook:
    """Let everything happen but commits on the answering side, until nothing else is left."""
    book = talk(one, other)
    while acts := [(side, act) for side in (book.one, book.other) for act in side.acts() if act != "commit"]:
        book.obey(acts[0][0], book._act(*acts[0]))
    return book


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


# Accidents on the way


def whole(shelf: MemoryShelf, source: MemoryShelf) -> bool:
    """Say whether every log is an unbroken beginning of what its author wrote."""
    return all(
        [kept.id for kept in log] == [kept.id for kept in source.logs[place]][: len(log)]
        and all(kept.payload == twin.payload for kept, twin in zip(log, source.logs[place], strict=False))
        for place, log in shelf.logs.items()
    )


def accident(seed: int) -> tuple[MemoryShelf, MemoryShelf, MemoryShelf]:
    """A full shelf, another that has a part of it, and what both together are."""
    chance = random.Random(seed)
    source = MemoryShelf()
    for number in range(8):
        for _ in range(3):
            pen(number).write(source, number % 3, [b"body %d" % number] * chance.randrange(1, 60))
    part = MemoryShelf()
    for author, log in list(source.logs)[:4]:
        copy_log(source, part, author, log)
    return source.copy(), part, source


def cut_after(frames: int) -> Callable[[bytes], list[bytes]]:
    left = iter(range(frames))
    return lambda frame: [frame] if next(left, None) is not None else []


@pytest.mark.parametrize("frames", range(2, 42, 2))
@pytest.mark.parametrize("sender_is_cut", [True, False])
def test_after_a_cut_the_next_session_goes_on_where_this_one_stopped(frames: int, sender_is_cut: bool) -> None:
    full, part, source = accident(1)
    book = talk(part, full)
    (book.other if sender_is_cut else book.one).wire = cut_after(frames)
    book.settle()
    book.one.session.over()
    book.other.session.over()
    assert whole(part, source)
    held = part.size()
    second = talk(part, full).settle()
    assert same(part, full)
    fetched = sum(len(headers.run.lines) for headers in second.other.spoke(m.Headers))
    assert fetched == source.size() - held


def disturbed(book: Playbook, change: Callable[[list[bytes]], list[bytes]]) -> Playbook:
    """Let frames of both sides gather and change their order or number before they arrive."""
    for side in (book.one, book.other):
        side.wire = lambda frame: [frame]
    for _ in range(5000):
        if not book.step():
            break
        for side in (book.one, book.other):
            if side.incoming:
                frames = change(list(side.incoming))
                side.incoming.clear()
                side.incoming.extend(frames)
    return book.settle()


@given(st.integers(0, 10_000), st.sampled_from(["doubled", "reordered", "lost"]), st.integers(0, 30))
@settings(max_examples=60)
def test_doubled_reordered_and_lost_frames_never_hurt(seed: int, accident_kind: str, calm: int) -> None:
    full, part, source = accident(2)
    chance = random.Random(seed)
    book = talk(part, full, seed)
    for _ in range(calm):
        book.step()

    def change(frames: list[bytes]) -> list[bytes]:
        place = chance.randrange(len(frames))
        if chance.random() < 0.9:
            return frames
        if accident_kind == "doubled":
            return [*frames[: place + 1], *frames[place:]]
        if accident_kind == "lost":
            return [*frames[:place], *frames[place + 1 :]]
        chance.shuffle(frames)
        return frames

    disturbed(book, change)
    assert whole(part, source)
    assert whole(full, source)
    talk(part, full).settle()
    assert same(part, full)


# Garbage


@given(st.integers(0, 200), st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.booleans())
@settings(max_examples=80)
def test_garbage_at_any_moment_ends_the_session_and_nothing_else(
    steps: int, garbage: list[bytes], dialer: bool
) -> None:
    full, part, source = accident(3)
    book = talk(part, full, steps)
    for _ in range(steps):
        book.step()
    side = book.one if dialer else book.other
    for frame in garbage:
        book.obey(side, side.session.frame(frame))
    book.settle()
    assert whole(part, source)
    readable = any(_readable(frame) for frame in garbage)
    assert readable or side.ended


def _readable(frame: bytes) -> bool:
    try:
        m.read_message(frame)
    except PeerFault:
        return False
    return True


@given(st.integers(0, 10_000), st.data())
@settings(max_examples=120)
def test_a_frame_with_bytes_changed_on_the_way_never_hurts(seed: int, data: st.DataObject) -> None:
    full, part, source = accident(4)
    book = talk(part, full, seed)
    victim = data.draw(st.integers(2, 60))
    count = iter(range(10_000))

    def wire(frame: bytes) -> list[bytes]:
        if next(count) != victim:
            return [frame]
        changed = bytearray(frame)
        for _ in range(data.draw(st.integers(1, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        return [bytes(changed)]

    book.one.wire = book.other.wire = wire
    book.settle()
    book.one.session.over()
    book.other.session.over()
    assert whole(part, source)
    assert whole(full, source)
    talk(part, full).settle()
    assert same(part, full)


@given(st.lists(st.sampled_from(ONE_OF_EACH), max_size=12), st.sampled_from(list(State)), st.booleans())
@settings(max_examples=80)
def test_well_formed_messages_in_any_order_never_raise(messages: list[m.Message], state: State, dialer: bool) -> None:
    session, shelf = in_state(state, dialer=dialer)
    for message in messages:
        for command in session.frame(encode(message)):
            if isinstance(command, CheckStanding):
                session.stand("member")
            if isinstance(command, Commit):
                session.committed(command.run, command.size, "gap")
        session.frontier(shelf.frontier())
    assert session.sync() is not None


# After the end


def test_a_commit_that_comes_after_the_end_of_the_stream_leads_to_nothing() -> None:
    one, other = shelf_of([(1, 1)]), MemoryShelf()
    book = starving(one, other)
    commit = book.other.commits.popleft()
    assert isinstance(commit, Commit)
    book.other.session.over()
    assert book.other.session.committed(commit.run, commit.size, None) == []
    assert book.other.session.frontier([]) == []


def test_a_failure_of_our_own_is_not_blamed_on_the_peer() -> None:
    one, other = shelf_of((number, 1) for number in range(30)), MemoryShelf()
    book = starving(one, other)
    while book.other.commits:
        commit = book.other.commits.popleft()
        assert isinstance(commit, Commit)
        book.obey(book.other, book.other.session.committed(commit.run, commit.size, "not_taken"))
    book.settle()
    assert not book.other.ended
    assert not book.other.did(Faulty)


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
