"""Runs that jump to a checkpoint, and the progress that people see: it grows, and it ends at all of it."""

import pytest

from foodhub.log.encoding import encode
from foodhub.log.header import Kind
from foodhub.log.run import Run
from foodhub.p2p import messages as m
from foodhub.p2p.commands import Faulty, LoadRun, Progress, Settled
from foodhub.p2p.transfer import Receiving, Sending, Stretch
from tests.p2p.memory import CIRCUIT, MemoryShelf
from tests.p2p.playbook import Side, forged, ready, talk
from tests.p2p.shelves import grow, pen, shelf_of

AUTHOR = pen(1).key.public


def with_checkpoint(before: int, parts: int, behind: int, number: int = 1) -> MemoryShelf:
    """A shelf with a log 1: so many entries, a checkpoint of so many parts, so many entries behind it."""
    shelf = MemoryShelf()
    grow(shelf, pen(number), 1, before)
    bodies = [b"part %d" % n for n in range(parts)]
    pen(number).write(shelf, 1, bodies, Kind.CHECKPOINT_END)
    grow(shelf, pen(number), 1, behind)
    return shelf


def percents(side: Side) -> list[float]:
    return [step.done / step.total for step in side.did(Progress)]


def grows_to_all(side: Side) -> bool:
    steps = percents(side)
    return steps == sorted(steps) and steps[-1:] in ([1.0], [])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("newcomer_dials", [True, False])
@pytest.mark.parametrize(("before", "parts", "behind"), [(1000, 1, 0), (1000, 3, 700), (50, 2, 5)])
def test_a_newcomer_begins_at_the_last_checkpoint(
    before: int, parts: int, behind: int, newcomer_dials: bool, seed: int
) -> None:
    full, new = with_checkpoint(before, parts, behind), MemoryShelf()
    book = talk(*((new, full) if newcomer_dials else (full, new)), seed).settle()
    assert sorted(new.frontier()) == sorted(full.frontier())
    sender, receiver = (book.other, book.one) if newcomer_dials else (book.one, book.other)
    runs = [message.run for message in sender.spoke(m.Headers)]
    assert runs[0].first == before + 1
    assert sum(len(run.lines) for run in runs) == parts + behind
    assert grows_to_all(receiver)
    assert sender.session.ahead == 0
    assert not receiver.did(Faulty)


def test_a_jump_among_other_logs_keeps_the_progress_growing() -> None:
    full, new = with_checkpoint(500, 2, 30), MemoryShelf()
    for number in range(2, 9):
        full.logs |= with_checkpoint(100 * number, 1, 40, number).logs
        grow(full, pen(number), 2, 130)
    book = talk(new, full).settle()
    assert grows_to_all(book.one)
    steps = book.one.did(Progress)
    assert steps[-1].done == steps[-1].total
    assert book.one.did(Settled)


def test_who_holds_a_part_of_a_log_gets_on_from_its_last_checkpoint() -> None:
    old, new = with_checkpoint(300, 1, 200), MemoryShelf()
    grow(new, pen(1), 1, 100)
    new.logs[AUTHOR, 1] = old.logs[AUTHOR, 1][:100]
    book = talk(new, old).settle()
    assert new.head((AUTHOR, 1)) == 501
    assert book.other.spoke(m.Headers)[0].run.first == 301
    assert grows_to_all(book.one)


@pytest.mark.parametrize("bad", [False, True])
def test_the_progress_ends_at_all_of_it_whatever_becomes_of_the_runs(bad: bool) -> None:
    one, other = shelf_of(((number, 1) for number in range(9)), entries=20), MemoryShelf()
    book = talk(one, other)

    def wire(frame: bytes) -> list[bytes]:
        message = m.read_message(frame)
        if bad and isinstance(message, m.Headers) and message.run.author == AUTHOR:
            return [encode(m.Headers(forged(message.run)))]
        return [encode(m.Totals(message.entries + 50))] if isinstance(message, m.Totals) else [frame]

    book.one.wire = wire
    book.settle()
    assert grows_to_all(book.other)
    assert len(percents(book.other)) == 10


def run_of(shelf: MemoryShelf, after: int) -> tuple[Run, list[bytes]]:
    found = shelf.read_run(AUTHOR, 1, after)
    assert found is not None
    return found


def test_a_run_that_brings_the_peer_no_further_is_not_sent() -> None:
    shelf = MemoryShelf()
    grow(shelf, pen(1), 1, 10)
    sending = Sending()
    assert LoadRun(AUTHOR, 1, 10) in sending.begin([Stretch(AUTHOR, 1, 10, 20)])
    frames = [m.read_message(each.frame) for each in sending.loaded(*run_of(shelf, 0)) if hasattr(each, "frame")]
    assert frames == [m.Sent()]
    assert not sending.open


def test_a_checkpoint_that_came_after_the_items_were_compared_leaves_nothing_owed_and_never_less() -> None:
    shelf = with_checkpoint(20, 1, 3)
    sending = Sending()
    sending.begin([Stretch(AUTHOR, 1, 5, 10)])
    frames = [m.read_message(each.frame) for each in sending.loaded(*run_of(shelf, 5)) if hasattr(each, "frame")]
    assert [frame.entries for frame in frames if isinstance(frame, m.Totals)] == [0]
    assert [frame.run.first for frame in frames if isinstance(frame, m.Headers)] == [21]


def test_a_run_that_reaches_the_limit_of_the_peer_is_not_sent() -> None:
    shelf = MemoryShelf()
    grow(shelf, pen(1), 1, 10)
    for limit, sent in ((11, True), (10, False), (3, False)):
        sending = Sending()
        sending.begin([Stretch(AUTHOR, 1, 0, min(10, limit - 1), limit)])
        frames = [m.read_message(each.frame) for each in sending.loaded(*run_of(shelf, 0)) if hasattr(each, "frame")]
        assert any(isinstance(frame, m.Headers) for frame in frames) is sent


def test_a_peer_that_promises_more_and_more_does_not_run_the_progress_backwards() -> None:
    receiving = Receiving(CIRCUIT)
    receiving.expect(10)
    for entries in (500, 7, 8, 10**9):
        receiving.expect(entries)
    assert receiving.complete() == [Progress(7, 7)]
    receiving.expect(20)
    assert receiving.complete() == [Progress(20, 20)]


@pytest.mark.parametrize("by_dialer", [True, False])
def test_an_announced_checkpoint_is_taken_where_nothing_else_of_its_log_is_held(by_dialer: bool) -> None:
    full, new = with_checkpoint(40, 3, 0), MemoryShelf()
    hidden, full.logs = full.logs, {}
    book = ready(full, new)
    full.logs = hidden
    teller = book.one if by_dialer else book.other
    if not by_dialer:
        book.other.shelf, book.one.shelf = full, new
    book.announce(teller, AUTHOR, 1, 0)
    book.settle()
    assert new.head((AUTHOR, 1)) == 43
