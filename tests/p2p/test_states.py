"""Messages that may not come now: they end the session and change nothing."""

import pytest

from foodhub.log.encoding import encode
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Commit, End, Faulty, LoadRun, Send
from foodhub.p2p.states import MAY_COME, State
from tests.p2p.playbook import in_state, ready
from tests.p2p.shelves import pen, shelf_of
from tests.p2p.test_messages import ONE_OF_EACH

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
