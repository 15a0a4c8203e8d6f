"""Removing a member, and giving and taking roles: what stewards do to those who rank below them.

Whether such an act counts is for the pass over all logs 0 to say. So it is written, the membership that comes of it is
looked at, and where nothing changed all is undone and a sentence says why. Nothing here knows the rules of rank.
"""

import sqlite3
from datetime import UTC, datetime

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.circuit.statements import ROLES, Cut, Grant, Remove, Revoke, Role
from foodhub.errors import N_, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.hat import Hat, shown_name
from foodhub.node.ranks import founder, removal_of, stewards
from foodhub.node.standing import is_removed, require_standing, roles_of
from foodhub.node.state import LOG_NAMES, MemberRow
from foodhub.store.transaction import Transaction

GRANTED: tuple[Role, ...] = ("steward", *ROLES)
"""The roles that a steward can give and take."""


class KeptRow(msgspec.Struct, frozen=True):
    """What will still count of one log of a member that is removed: up to which entry, and when that was signed."""

    author: str
    log: str
    entries: int
    last: datetime


def kept_of(db: sqlite3.Connection, member: bytes) -> list[KeptRow]:
    """Return what is held here of a member's logs: so much of them will count once it is removed."""
    rows = db.execute(
        "SELECT l.author, l.log, l.seq, l.timestamp FROM device d JOIN log l ON l.author = d.key"
        " WHERE d.member = ? AND l.seq > 0 ORDER BY d.position, l.log",
        (member,),
    )
    return [
        KeptRow(base32_id(author), LOG_NAMES[log], seq, datetime.fromtimestamp(at / 1000, UTC))
        for author, log, seq, at in rows
    ]


def _require_steward(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that a hat is that of a steward whose word counts.

    Raises:
        RefusedError: `not_a_steward`, or see `standing.require_standing`.
    """
    require_standing(db, hat)
    if hat.member not in stewards(db):
        raise RefusedError(
            "not_a_steward",
            N_("{name} is no steward of the circuit: members and roles are a matter of stewards."),
            N_("Ask one of them: foodhub circuit members"),
            name=hat.name,
        )


def _require_other(db: sqlite3.Connection, hat: Hat, member: bytes) -> None:
    if member == hat.member:
        raise RefusedError(
            "not_oneself",
            N_("A steward can't do this to itself."),
            N_("Ask a steward of a higher rank: foodhub circuit members"),
        )
    if is_removed(db, member):
        found = removal_of(db, member)
        raise RefusedError(
            "removed_already",
            N_("{member} was removed from the circuit already, by {steward}."),
            N_("Who was removed can join again as a new member, on a new invite."),
            member=shown_name(db, member),
            steward=shown_name(db, found[0]) if found else "…",
        )


def remove_member(tx: Transaction, hat: Hat, row: MemberRow) -> list[KeptRow]:
    """Remove a member, cutting each of its logs where it ends here; return what still counts of it.

    Raises:
        RefusedError: `not_a_steward`, `not_oneself`, `founder`, `removed_already` or `outranked`.
    """
    _require_steward(tx.db, hat)
    member = id_bytes(row.id)
    _require_other(tx.db, hat, member)
    if member == founder(tx.db):
        raise RefusedError(
            "founder",
            N_("{member} founded the circuit and can't be removed until the circuit has votes."),
            N_("Members who want to go on without its founder can found a circuit of their own."),
            member=shown_name(tx.db, member),
        )
    kept = kept_of(tx.db, member)
    cuts = [
        Cut(author, log, seq, identity)
        for author, log, seq, identity in tx.db.execute(
            "SELECT l.author, l.log, l.seq, l.id FROM device d JOIN log l ON l.author = d.key"
            " WHERE d.member = ? AND l.seq > 0 ORDER BY d.position, l.log",
            (member,),
        )
    ]
    tx.append(hat.member, Log.CIRCUIT, [Remove(member, cuts)])
    if not is_removed(tx.db, member):
        raise _outranked(tx.db, hat, member)
    return kept


def grant_role(tx: Transaction, hat: Hat, row: MemberRow, role: str) -> bool:
    """Give a member a role; return False if it had it already, and nothing was signed.

    Raises:
        UsageError: `bad_role`. RefusedError: see `remove_member`; `role_refused` when a steward of a higher rank has
            decided otherwise.
    """
    return _set_role(tx, hat, id_bytes(row.id), role, wanted=True)


def revoke_role(tx: Transaction, hat: Hat, row: MemberRow, role: str) -> bool:
    """Take a role from a member; return False if it did not have it, and nothing was signed.

    Raises:
        UsageError: `bad_role`. RefusedError: see `grant_role`.
    """
    return _set_role(tx, hat, id_bytes(row.id), role, wanted=False)


def _set_role(tx: Transaction, hat: Hat, member: bytes, role: str, *, wanted: bool) -> bool:
    if role not in GRANTED:
        raise UsageError(
            "bad_role", N_('"{role}" is no role.'), N_("Roles are: {roles}."), role=role[:40], roles=", ".join(GRANTED)
        )
    _require_steward(tx.db, hat)
    _require_other(tx.db, hat, member)
    if (role in roles_of(tx.db, member)) == wanted:
        return False
    statement = Grant(member, role) if wanted else Revoke(member, role)
    tx.append(hat.member, Log.CIRCUIT, [statement])
    if (role in roles_of(tx.db, member)) != wanted:
        raise _outranked(tx.db, hat, member)
    return True


def _outranked(db: sqlite3.Connection, hat: Hat, member: bytes) -> RefusedError:
    """Say why an act of a steward changed nothing; what it wrote is undone by whoever raises this."""
    order = stewards(db)
    if member in order and order.index(member) < order.index(hat.member):
        return RefusedError(
            "outranked",
            N_("{member} is a steward of a higher rank than {name}: a steward acts on those below."),
            N_("Ask a steward who ranks above {member}: foodhub circuit members"),
            member=shown_name(db, member),
            name=hat.name,
        )
    return RefusedError(
        "overruled",
        N_("A steward of a higher rank than {name} has decided otherwise about {member}."),
        N_("Ask that steward: foodhub circuit members lists the stewards by rank."),
        member=shown_name(db, member),
        name=hat.name,
    )
