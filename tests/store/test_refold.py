"""After an upgrade the views are made anew in slices, and it does not matter what happens in between."""

import sqlite3
from collections.abc import Iterator

import pytest

from foodhub.orders.statements import Profile
from foodhub.store.database import needs_refold
from foodhub.store.facts import FACTS
from foodhub.store.refold import ENTRIES_PER_SLICE, refold_slice
from foodhub.store.schema import FOLD_VERSION
from tests.pens import Pen, newcomer
from tests.shelf import Shelf

ENTRIES = 2 * ENTRIES_PER_SLICE + 10


@pytest.fixture
def founder() -> Pen:
    return Pen("founder", "hub")


@pytest.fixture
def shelf(founder: Pen) -> Iterator[Shelf]:
    """A shelf with a long log, whose views an older program made."""
    founding = founder.found()
    with Shelf(founder.circuit) as shelf:
        farm, papers = newcomer(founder, "farm")
        shelf.take(founding, *papers)
        shelf.take_together([farm.write(1, Profile(n, f"Farm {n}"), ["weather"]) for n in range(1, ENTRIES)])
        shelf.take(founder.write(1, Profile(1, "Hub")))
        shelf.farm = farm  # type: ignore[attr-defined]
        age(shelf.db)
        yield shelf


def age(db: sqlite3.Connection) -> None:
    db.execute("UPDATE meta SET value = ? WHERE key = 'fold_version'", (FOLD_VERSION - 1,))
    db.execute("UPDATE profile SET name = 'as it was'")
    db.execute("DELETE FROM unread")


def names(shelf: Shelf) -> list[str]:
    return [name for (name,) in shelf.db.execute("SELECT name FROM profile ORDER BY name")]


def finish(shelf: Shelf) -> int:
    slices = 0
    while True:
        tx = shelf.transaction()
        state = refold_slice(tx)
        tx.fold.flush()
        if state is None:
            return slices
        assert 0 <= state.done <= state.total
        slices += 1


def rebuilt(shelf: Shelf) -> None:
    """Make sure that the views are those of a rebuild, and nothing lies around."""
    before = shelf.rows()
    shelf.transaction().fold.rebuild()
    assert shelf.rows() == before
    assert shelf.db.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'shadow%'").fetchone() == (0,)


def test_old_rows_are_shown_until_all_are_made_anew(shelf: Shelf) -> None:
    shown = set()
    while needs_refold(shelf.db):
        shown.add(tuple(names(shelf)))
        refold_slice(shelf.transaction())
    assert shown == {("as it was", "as it was")}
    assert names(shelf) == [f"Farm {ENTRIES - 1}", "Hub"]
    assert len(shelf.reasons()) == ENTRIES - 1
    rebuilt(shelf)


def test_a_long_log_takes_several_slices(shelf: Shelf) -> None:
    assert finish(shelf) >= 3
    assert finish(shelf) == 0


def test_what_arrives_meanwhile_is_not_lost(shelf: Shelf, founder: Pen) -> None:
    for _ in range(2):
        refold_slice(shelf.transaction())
    late, papers = newcomer(founder, "late")
    shelf.take(founder.write(1, Profile(2, "Hub renamed")), *papers, late.write(1, Profile(1, "Late")))
    shelf.take(shelf.farm.write(1, Profile(ENTRIES, "Farm at last")))  # type: ignore[attr-defined]
    finish(shelf)
    assert names(shelf) == ["Farm at last", "Hub renamed", "Late"]
    rebuilt(shelf)


def test_what_a_yet_newer_program_finds_half_done_it_begins_again(shelf: Shelf) -> None:
    refold_slice(shelf.transaction())
    shelf.db.execute(
        "UPDATE meta SET value = replace(CAST(value AS TEXT), ?, ?) WHERE key = 'refold'",
        (f'"version":{FOLD_VERSION}', f'"version":{FOLD_VERSION - 1}'),
    )
    finish(shelf)
    rebuilt(shelf)


def test_every_fact_has_its_shadow(shelf: Shelf) -> None:
    refold_slice(shelf.transaction())
    made = {name for (name,) in shelf.db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {f"shadow_{fact.table}" for fact in FACTS.values()} <= made
