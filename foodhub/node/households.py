"""Households and the groups through which they buy, and who reads for whom: a member without a computer has no keys.

What stands here is read from views alone, and is what this home knows: which household is in which group is told to the
household, its group and the hubs from which it orders, and to nobody else.
"""

import sqlite3
from dataclasses import dataclass

from foodhub.errors import N_, RefusedError
from foodhub.node.hat import member_name, shown_name
from foodhub.store.schema import CONFIRMED

_SPOKEN = ("placement", "belong", "profile", "product")
"""Views in which it shows who writes for a member without a computer, to those who are not told in words."""


@dataclass(frozen=True, slots=True)
class Household:
    """A household of a group; `number` (1, 2, …) is that of its basket, `name` None where it is not told to us.

    It stays with the household, also when others leave. In other homes than those of the group it is 0: who is not told
    of all who ever joined can't count them.
    `represented` says that it is without a computer, and the group writes for it.
    """

    id: bytes
    number: int
    name: str | None
    represented: bool


def reader_of(db: sqlite3.Connection, member: bytes) -> bytes | None:
    """Return who reads what is sealed for a member: itself, else whoever acts for it; None where nobody is known.

    For a represented member that is whoever claimed to be it and was confirmed, else its representative.
    """
    if has_keys(db, member):
        return member
    found = db.execute(
        f'SELECT "by", 1 FROM {CONFIRMED.format("")} WHERE member = ?1'  # noqa: S608 - names of ours
        " UNION ALL SELECT p.id, 2 FROM represented r JOIN party p ON p.ref = r.owner WHERE r.member = ?1"
        + "".join(
            f" UNION ALL SELECT s.id, 3 FROM party p JOIN {said} f ON f.owner = p.ref JOIN party s ON s.ref = f.spoken"  # noqa: S608 - names of ours
            " WHERE p.id = ?1"
            for said in _SPOKEN
        )
        + " ORDER BY 2, 1",
        (member,),
    )
    return next((bytes(reader) for reader, _ in found if has_keys(db, reader)), None)


def has_keys(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether something can be sealed to a member."""
    return db.execute("SELECT 1 FROM epoch WHERE member = ?", (member,)).fetchone() is not None


def unwritable(db: sqlite3.Connection, member: bytes) -> RefusedError:
    """Return that nothing can be sealed to a member yet, as whoever wanted to meets it."""
    return RefusedError(
        "no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=shown_name(db, member)
    )


def is_represented(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether a member has no home of its own, so that somebody else writes for it."""
    claimed = db.execute(f"SELECT 1 FROM {CONFIRMED.format('')} WHERE member = ?", (member,)).fetchone()  # noqa: S608 - names of ours
    return claimed is None and not has_keys(db, member)


def group_of(db: sqlite3.Connection, household: bytes) -> bytes | None:
    """Return the group through which a household buys, None when it buys by itself or we are not told.

    Where it says so of several, it is the one that it named last.
    """
    row = db.execute(
        'SELECT b."group" FROM belong b JOIN party p ON p.ref = b.owner WHERE p.id = ? AND NOT b."left"'
        ' ORDER BY b.since DESC, b."group" LIMIT 1',
        (household,),
    ).fetchone()
    return bytes(row[0]) if row else None


def households_of(db: sqlite3.Connection, group: bytes) -> list[Household]:
    """Return the households of a group in the order in which they first joined, with the numbers of their baskets."""
    numbers = basket_numbers(db, group)
    here = [household for household in _joined(db, group, left=False) if group_of(db, household) == group]
    return [Household(each, numbers.get(each, 0), member_name(db, each), is_represented(db, each)) for each in here]


def basket_numbers(db: sqlite3.Connection, group: bytes) -> dict[bytes, int]:
    """Return the numbers of the baskets of all households that are or were in a group of this home, by household."""
    if db.execute("SELECT 1 FROM own WHERE member = ?", (group,)).fetchone() is None:
        return {}
    return {household: number for number, household in enumerate(_joined(db, group, left=True), 1)}


def _joined(db: sqlite3.Connection, group: bytes, *, left: bool) -> list[bytes]:
    """Return who joined a group, in that order; with `left` also those who have left it."""
    rows = db.execute(
        'SELECT p.id FROM belong b JOIN party p ON p.ref = b.owner WHERE b."group" = ? AND (? OR NOT b."left")'
        " ORDER BY b.since, p.id",
        (group, left),
    )
    return [household for (household,) in rows]
