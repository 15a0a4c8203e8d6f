"""In whose name something is ordered: a member's own, or that of one who has no computer, in an envelope.

A member that was confirmed to be somebody's represented member goes on as that one, wherever that one is known: the id
stays the owner in every key. Elsewhere it is itself, and nobody learns that it was once written for.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from foodhub.node.hat import Hat
from foodhub.node.households import group_of
from foodhub.orders.hands import Behalf, Means, RepresentedRole
from foodhub.store.schema import CONFIRMED


@dataclass(frozen=True, slots=True)
class Buyer:
    """In whose name an order is placed: `member` owns it, `enclose` puts what another writes for it in its envelope."""

    member: bytes
    enclose: Callable[[Any], Any] = lambda statement: statement


def enclosing(member: bytes, salt: bytes, role: RepresentedRole, told: Means = "") -> Callable[[Any], Behalf]:
    """Return what puts statements of a represented member into their envelope."""
    return lambda statement: Behalf(member, salt, role, b"", told, statement)


def as_itself(db: sqlite3.Connection, hat: Hat) -> Buyer:
    """Return a hat in its own name: as the represented member that it was confirmed to be, if it said so itself."""
    row = db.execute(
        f'SELECT c.member, c.local, c.role FROM {CONFIRMED.format("")} c WHERE c."by" = ?1 AND EXISTS ('  # noqa: S608 - names of ours
        " SELECT 1 FROM claim f JOIN party p ON p.ref = f.owner WHERE p.id = ?1 AND f.member = c.member)"
        " ORDER BY c.timestamp, c.member LIMIT 1",
        (hat.member,),
    ).fetchone()
    return Buyer(row[0], enclosing(*row)) if row else Buyer(hat.member)


def known_as(db: sqlite3.Connection, hat: Hat, buyer: Buyer, aggregator: bytes) -> Buyer:
    """Return in whose name a hat orders from somebody: as the member that it claimed only where that one is known."""
    itself = as_itself(db, hat)
    if buyer.member != itself.member or itself.member == hat.member:
        return buyer
    known = db.execute(
        f"SELECT 1 FROM {CONFIRMED.format('')} c JOIN party p ON p.ref = c.owner WHERE c.member = ?1 AND p.id = ?2"  # noqa: S608 - names of ours
        " UNION ALL SELECT 1 FROM placement f JOIN party p ON p.ref = f.owner WHERE p.id = ?1 AND f.hub = ?2",
        (itself.member, aggregator),
    ).fetchone()
    return buyer if known or group_of(db, itself.member) == aggregator else Buyer(hat.member)


def names_of(db: sqlite3.Connection, hat: Hat) -> list[bytes]:
    """Return the ids under which a hat orders: its own, and that of a member that it was confirmed to be."""
    return list(dict.fromkeys([hat.member, as_itself(db, hat).member]))
