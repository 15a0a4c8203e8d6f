"""Checkpoints in a store: what they end, what jumps to them, and that nothing shows before they are complete."""

from collections.abc import Sequence
from typing import Any

import pytest

from foodhub.catalog.statements import Part, Stock
from foodhub.log.encoding import encode
from foodhub.log.run import write_run
from foodhub.node.exchange import take_branch
from foodhub.orders.statements import Profile
from foodhub.store.outgoing import frontier, read_run, wanted
from tests.pens import MORNING, Paper, Pen
from tests.shelf import Shelf

Body = list[Any]


@pytest.fixture
def founder() -> Pen:
    return Pen("founder", "hub")


@pytest.fixture
def founding(founder: Pen) -> Paper:
    return founder.found()


def parts(pen: Pen, *bodies: Body, kinds: Sequence[int] | None = None) -> list[Paper]:
    """Write the parts of a checkpoint, each as a run of its own."""
    papers = []
    for number, body in enumerate(bodies, 1):
        head = pen.heads.get(1)
        after = (head.last, head.ids[-1]) if head else (0, b"")
        kind = (kinds or [2] * (len(bodies) - 1) + [3])[number - 1]
        payload = bytes([number]) * 16 + encode(body)
        run, pen.heads[1] = write_run(pen.circuit, pen.keys.signing, 1, after, [(kind, MORNING, payload)])
        papers.append((run, [payload]))
    return papers


def stock(version: int, on_hand: int, local: int = 1) -> Stock:
    return Stock(bytes([local]) * 16, version, "counted", on_hand)


def counted(shelf: Shelf) -> list[tuple[bytes, int]]:
    return shelf.db.execute("SELECT local, on_hand FROM stock ORDER BY local").fetchall()


def log_state(shelf: Shelf) -> Any:
    return shelf.db.execute("SELECT seq, base, pruned, jump FROM log WHERE log = 1").fetchone()


def two_parts(founder: Pen) -> tuple[list[Paper], list[Paper]]:
    """Return a history of two facts, and a checkpoint in two parts that restates both."""
    history = [founder.write(1, stock(1, 5)), founder.write(1, stock(1, 7, local=2)), founder.write(1, stock(2, 6))]
    return history, parts(founder, [Part(1, 2, [MORNING]), stock(2, 6)], [Part(2, 2, [MORNING]), stock(1, 7, local=2)])


def test_what_a_checkpoint_does_not_restate_counts_no_more_also_where_it_is_held(founder: Pen, founding: Paper) -> None:
    history = [founder.write(1, stock(1, 5)), founder.write(1, stock(1, 7, local=2))]
    (checkpoint,) = parts(founder, [Part(1, 1, [MORNING]), stock(1, 5)])
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, *history)
        assert len(counted(shelf)) == 2
        assert shelf.take(checkpoint) == [1]
        assert counted(shelf) == [(b"\x01" * 16, 5)]
        assert log_state(shelf) == (3, 3, 0, 0)


def test_a_newcomer_begins_at_the_checkpoint_and_shows_the_same(founder: Pen, founding: Paper) -> None:
    history, checkpoint = two_parts(founder)
    later = founder.write(1, stock(3, 2))
    with Shelf(founder.circuit) as shelf, Shelf(founder.circuit) as other:
        shelf.take(founding, *history, *checkpoint, later)
        sent = read_run(shelf.db, founder.device, 1, 0)
        assert sent is not None
        assert (sent[0].first, len(sent[0].lines)) == (4, 3)
        assert other.take(founding, sent) == [1, 3]
        assert frontier(other.db) == frontier(shelf.db)
        without_places = {name: rows for name, rows in other.rows().items() if name != "unread"}
        assert without_places == {name: rows for name, rows in shelf.rows().items() if name != "unread"}
        assert log_state(other) == (6, 4, 3, 0)
        assert wanted(other.db, 10_000) == []
        assert read_run(other.db, founder.device, 1, 0) == sent


def test_a_fork_below_the_checkpoint_where_one_began_is_for_others_to_prove_and_nobodys_fault(
    founder: Pen, founding: Paper
) -> None:
    """Of the last entry that was skipped the id is known, so it is seen to differ; what was signed there is gone."""
    history, checkpoint = two_parts(founder)
    twin = Pen("founder", "hub")
    twin.found()
    branch, _ = twin.write_payloads(1, [bytes([n]) * 16 + encode([stock(1, n)]) for n in (8, 9)], MORNING, (0, b""))
    with Shelf(founder.circuit) as shelf, Shelf(founder.circuit) as older:
        shelf.take(founding, *checkpoint)
        assert log_state(shelf) == (5, 4, 3, 0)
        assert take_branch(shelf.transaction(), branch, "a peer") == "branched"
        assert shelf.db.execute("SELECT * FROM refused").fetchall() == []
        assert shelf.db.execute("SELECT * FROM fork_proof").fetchall() == []
        older.take(founding, *history)
        assert take_branch(older.transaction(), branch, "a peer") is None
        assert older.db.execute("SELECT seq FROM fork_proof").fetchall() == [(1,)]


def test_parts_count_for_nothing_until_the_last_one_is_there(founder: Pen, founding: Paper) -> None:
    history, (first, second) = two_parts(founder)
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, history[0])
        assert shelf.take(first) == [1]
        assert counted(shelf) == [(b"\x01" * 16, 5)]
        assert [item.seq for item in frontier(shelf.db) if item.log == 1] == [1]
        assert shelf.take(second) == [1]
        assert counted(shelf) == [(b"\x01" * 16, 6), (b"\x02" * 16, 7)]
        assert [item.seq for item in frontier(shelf.db) if item.log == 1] == [5]


def test_a_jump_that_was_begun_may_be_begun_again_or_filled_from_below(founder: Pen, founding: Paper) -> None:
    history, (first, second) = two_parts(founder)
    with Shelf(founder.circuit) as shelf, Shelf(founder.circuit) as other:
        assert shelf.take(founding, first, first, second) == [1, 1, 1, 1]
        assert other.take(founding, history[0], first, history[1], history[2], first, second) == [1] * 7
        assert log_state(shelf) == (5, 4, 3, 0)
        assert log_state(other)[:2] == (5, 4)
        assert counted(shelf) == counted(other) == [(b"\x01" * 16, 6), (b"\x02" * 16, 7)]


def test_only_the_first_part_of_a_checkpoint_lets_a_run_jump(founder: Pen, founding: Paper) -> None:
    history, (first, second) = two_parts(founder)
    ordinary = founder.write(1, stock(3, 1))
    with Shelf(founder.circuit) as shelf:
        assert shelf.take(founding, second, ordinary, history[1]) == [1, "gap", "gap", "gap"]
        assert shelf.take((first[0], [b""])) == ["gap"]


@pytest.mark.parametrize(
    ("bodies", "kinds"),
    [
        ([[Part(1, 2, []), stock(9, 1)], [Part(2, 2, [])]], (2, 2)),
        ([[Part(1, 3, []), stock(9, 1)], [Part(2, 3, [])]], (2, 3)),
        ([[Part(2, 2, []), stock(9, 1)], [Part(2, 2, [])]], (2, 3)),
        ([[Part(1, 2, []), stock(9, 1)], [Part(2, 2, [])]], (1, 3)),
        ([[stock(9, 1)], [Part(2, 2, [])]], (2, 3)),
    ],
)
def test_parts_that_do_not_fit_together_end_nothing(
    founder: Pen, founding: Paper, bodies: list[Body], kinds: tuple[int, ...]
) -> None:
    before = founder.write(1, stock(1, 7, local=2))
    papers = parts(founder, *bodies, kinds=kinds)
    with Shelf(founder.circuit) as shelf:
        assert shelf.take(founding, before, *papers) == [1, 1, 1, 1]
        assert (b"\x02" * 16, 7) in counted(shelf)
        assert log_state(shelf)[1] == 0


def test_restating_changes_nothing_about_who_wins(founder: Pen, founding: Paper) -> None:
    early = founder.write(1, Profile(1, "Early"), at=MORNING)
    (restated,) = parts(founder, [Part(1, 1, [MORNING]), Profile(1, "Early")])
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, early, restated)
        assert shelf.db.execute("SELECT name, timestamp FROM profile").fetchall() == [("Early", MORNING)]


def test_views_after_a_rebuild_are_those_before(founder: Pen, founding: Paper) -> None:
    history, checkpoint = two_parts(founder)
    with Shelf(founder.circuit) as shelf:
        shelf.take(founding, *history, *checkpoint)
        before = shelf.rows()
        shelf.transaction().fold.rebuild()
        assert shelf.rows() == before
