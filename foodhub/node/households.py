"""Households and the groups through which they buy, and who reads for whom: a member without a computer has no keys.

What stands here is read from views alone, and is what this home knows: which household is in which group is told to the
household, its group and the hubs from which it orders, and to nobody else.
"""

import sqlite3
from dataclasses import dataclass

from foodhub.node.hat import member_name


@dataclass(frozen=True, slots=True)
class Household:
    """A household of a group; `number` (1, 2, …) is that of its basket, `name` None where it is not told to us.

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
        'SELECT "by", 1 FROM claim_confirmed WHERE member = ?'
        " UNION ALL SELECT p.id, 2 FROM represented r JOIN party p ON p.ref = r.owner WHERE r.member = ?"
        " UNION ALL SELECT s.id, 3 FROM party p JOIN placement f ON f.owner = p.ref JOIN party s ON s.ref = f.spoken"
        " WHERE p.id = ?"
        " UNION ALL SELECT s.id, 3 FROM party p JOIN belong f ON f.owner = p.ref JOIN party s ON s.ref = f.spoken"
        " WHERE p.id = ?"
        " ORDER BY 2, 1",
        (member, member, member, member),
    )
    return next((bytes(reader) for reader, _ in found if has_keys(db, reader)), None)


def has_keys(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether something can be sealed to a member."""
    return db.execute("SELECT 1 FROM epoch WHERE member = ?", (member,)).fetchone() is not None


def is_represented(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether a member has no home of its own, so that somebody else writes for it."""
    claimed = db.execute("SELECT 1 FROM claim_confirmed WHERE member = ?", (member,)).fetchone()
    return claimed is None and not has_keys(db, member)


_BELONGS = (
    'SELECT p.id AS household, b."group" AS "group", b.timestamp AS since FROM belong b JOIN party p ON p.ref = b.owner'
    ' WHERE NOT b."left"'
    # Who goes on as a member that a group represented is in that group, though only the group has it in writing.
    " UNION ALL SELECT c.member, g.id, c.timestamp FROM claim_confirmed c JOIN member g ON g.ref = c.owner"
    " WHERE ' ' || g.roles || ' ' LIKE '% group %' AND c.role = 'household' AND NOT EXISTS ("
    ' SELECT 1 FROM belong b JOIN party p ON p.ref = b.owner WHERE p.id = c.member AND b."group" = g.id)'
)


def group_of(db: sqlite3.Connection, household: bytes) -> bytes | None:
    """Return the group through which a household buys, None when it buys by itself or we are not told.

    Where it says so of several, it is the one that it named last.
    """
    row = db.execute(
        f'SELECT "group" FROM ({_BELONGS}) WHERE household = ? ORDER BY since DESC, "group" LIMIT 1',  # noqa: S608 - ours
        (household,),
    ).fetchone()
    return bytes(row[0]) if row else None


def households_of(db: sqlite3.Connection, group: bytes) -> list[Household]:
    """Return the households of a group in the order in which they joined, with the numbers of their baskets."""
    rows = db.execute(
        f'SELECT household FROM ({_BELONGS}) WHERE "group" = ? ORDER BY since, household',  # noqa: S608 - ours
        (group,),
    ).fetchall()
    return [
        Household(household, number, member_name(db, household), is_represented(db, household))
        for number, household in enumerate((each for (each,) in rows if group_of(db, each) == group), 1)
    ]
