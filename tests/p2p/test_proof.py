"""Who is on the other side of a session: what a proof has to show, and what a stranger is told and asked."""

from collections.abc import Callable

import msgspec
import pytest

from foodhub.log.encoding import encode
from foodhub.log.keys import SigningKey
from foodhub.log.run import Run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import CheckStanding, Commit, End, Faulty, Held, Send, Settled
from foodhub.p2p.rounds import CIRCUIT_ROUNDS
from foodhub.p2p.session import FAULTS_BORNE, Session
from foodhub.p2p.states import State
from tests.p2p.memory import MemoryShelf
from tests.p2p.playbook import Playbook, Side, kinds, parties, refusals, talk, with_runs_changed
from tests.p2p.shelves import pen, same, shelf_of

SEEDS = range(12)


# The proof


def broken(change: Callable[[Session], object], *, dialer: bool) -> Playbook:
    """A conversation in which one side has been tampered with before its first word."""
    one, other = shelf_of([(1, 0), (1, 1)]), shelf_of([(2, 0), (2, 1)])
    first, second = parties()
    dialing, answering = Side(one, first), Side(other, second)
    change(dialing.session if dialer else answering.session)
    return Playbook(dialing, answering).settle()


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
