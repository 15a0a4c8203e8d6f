"""What goes wrong in a session: bad runs, cut lines, lost and doubled frames, garbage, faults of our own."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodhub.log.encoding import encode
from foodhub.log.faults import PeerFault
from foodhub.p2p import messages as m
from foodhub.p2p.commands import CheckStanding, Commit, Faulty, Settled
from foodhub.p2p.session import FAULTS_BORNE
from foodhub.p2p.states import State
from tests.p2p.memory import MemoryShelf
from tests.p2p.playbook import (
    Playbook,
    forged,
    in_state,
    ready,
    refusals,
    starving,
    talk,
    with_runs_changed,
)
from tests.p2p.shelves import copy_log, pen, same, shelf_of
from tests.p2p.test_messages import ONE_OF_EACH

# Faults that are borne


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
