"""Pruning drops what lies before the last two complete checkpoints of a log 1, in slices, and nothing else."""

from collections.abc import Iterator

import pytest

from foodhub.catalog.statements import Stock
from foodhub.log.header import RANDOM_BYTES, Kind
from foodhub.log.run import write_run
from foodhub.orders.statements import Profile
from foodhub.store.pruning import prunable, prune
from foodhub.store.transaction import checkpoint_bodies
from tests.pens import MORNING, Paper, Pen, newcomer
from tests.shelf import Shelf

LOCAL = b"s" * 16


def checkpoint(pen: Pen, version: int, *, whole: bool = True) -> Paper:
    """Restate a name and a stock; one that is not whole lacks its last part."""
    stated = [(MORNING, Profile(1, pen.name)), (MORNING, Stock(LOCAL, version, "counted", version))]
    first, second = checkpoint_bodies(stated[:1])[0], checkpoint_bodies(stated)[0]
    bodies = [(Kind.CHECKPOINT_END, second)] if whole else [(Kind.CHECKPOINT, first)]
    head = pen.heads.get(1)
    entries = [(int(kind), MORNING, bytes(RANDOM_BYTES) + body) for kind, body in bodies]
    after = (head.last, head.ids[-1]) if head else (0, b"")
    run, pen.heads[1] = write_run(pen.circuit, pen.keys.signing, 1, after, entries)
    return run, [payload for _, _, payload in entries]


def counts(pen: Pen, first: int, last: int) -> list[Paper]:
    """Count the stock again and again, an entry and a run each."""
    return [pen.write(1, Stock(LOCAL, version, "counted", version)) for version in range(first, last + 1)]


@pytest.fixture
def farm() -> Iterator[tuple[Shelf, Pen]]:
    """A store that holds a farm's name and nine counts, with a checkpoint behind every third: 13 entries."""
    founder = Pen("Hub", "hub")
    papers = [founder.found()]
    pen, more = newcomer(founder, "Farm", "producer")
    papers += [*more, pen.write(1, Profile(1, "Farm"))]
    for turn in range(3):
        papers += [*counts(pen, 3 * turn + 1, 3 * turn + 3), checkpoint(pen, 3 * turn + 3)]
    with Shelf(founder.circuit) as shelf:
        assert all(isinstance(result, int) for result in shelf.take(*papers))
        yield shelf, pen


def places(shelf: Shelf, pen: Pen, log: int = 1) -> list[int]:
    query = (
        "SELECT e.place & 4294967295 FROM log l JOIN entry e ON e.place >> 32 = l.ref WHERE l.author = ? AND l.log = ?"
        " ORDER BY e.place"
    )
    return [seq for (seq,) in shelf.db.execute(query, (pen.device, log))]


def test_the_last_two_checkpoints_and_all_behind_them_stay(farm: tuple[Shelf, Pen]) -> None:
    shelf, pen = farm
    before = shelf.rows()
    assert prunable(shelf.db) == 8
    assert prune(shelf.transaction()) == 8
    assert places(shelf, pen) == [9, 10, 11, 12, 13]
    assert places(shelf, pen, 0) == [1]
    assert prune(shelf.transaction()) == prunable(shelf.db) == 0
    shelf.transaction().fold.rebuild()
    assert shelf.rows() == before


def test_it_goes_in_slices_and_remembers_where_it_stopped(farm: tuple[Shelf, Pen]) -> None:
    shelf, pen = farm
    query = "SELECT e.place & 4294967295, e.id FROM log l JOIN entry e ON e.place >> 32 = l.ref WHERE l.log = 1"
    ids = dict(shelf.db.execute(query).fetchall())
    assert [prune(shelf.transaction(), 5) for _ in range(3)] == [5, 3, 0]
    row = shelf.db.execute("SELECT pruned, pruned_id, seq, held FROM log WHERE author = ? AND log = 1", (pen.device,))
    assert row.fetchone() == (8, ids[8], 13, 13)


def test_a_checkpoint_that_is_not_whole_is_none_of_the_two(farm: tuple[Shelf, Pen]) -> None:
    shelf, pen = farm
    shelf.take(checkpoint(pen, 9, whole=False), *counts(pen, 10, 11))
    assert prune(shelf.transaction()) == 8
    shelf.take(checkpoint(pen, 11))
    assert prunable(shelf.db) == 4
    assert prune(shelf.transaction()) == 4
    assert places(shelf, pen)[0] == 13


def test_a_pruned_log_takes_what_follows_and_what_it_had(farm: tuple[Shelf, Pen]) -> None:
    shelf, pen = farm
    prune(shelf.transaction())
    assert shelf.take(*counts(pen, 10, 12)) == [1, 1, 1]
    assert shelf.db.execute("SELECT on_hand FROM stock").fetchall() == [(12,)]


def test_a_log_with_one_checkpoint_or_none_is_left_alone() -> None:
    founder = Pen("Hub", "hub", "producer")
    papers = [founder.found(), *counts(founder, 1, 3), checkpoint(founder, 3), *counts(founder, 4, 6)]
    with Shelf(founder.circuit) as shelf:
        assert all(isinstance(result, int) for result in shelf.take(*papers))
        assert prunable(shelf.db) == 0
        assert prune(shelf.transaction()) == 0
        assert places(shelf, founder) == list(range(1, 8))
