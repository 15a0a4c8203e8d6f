"""Who acts: the members of this home, and what they and others are called."""

import sqlite3
from dataclasses import dataclass

from foodhub.catalog.naming import base32_id, fold
from foodhub.errors import N_, NotSetUpError, NotThereError, Unnamed, UsageError


@dataclass(frozen=True, slots=True)
class Hat:
    """One member of this home: the one in whose name a command acts."""

    member: bytes
    device: bytes
    name: str
    roles: tuple[str, ...]


def hats(db: sqlite3.Connection) -> list[Hat]:
    """Return the members of this home in the order of their names, with the roles in trade that they have now."""
    rows = db.execute(
        "SELECT o.member, o.device, o.name, coalesce(m.roles, o.roles) FROM own o LEFT JOIN member m ON m.id = o.member"
        " ORDER BY o.name, o.member"
    )
    return [
        Hat(member, device, name, tuple(role for role in roles.split() if role != "steward"))
        for member, device, name, roles in rows
    ]


def choose_hat(db: sqlite3.Connection, name: str | None) -> Hat:
    """Return the member that `--as` names, by its name or what only its name begins with; else the only one here.

    Raises:
        NotSetUpError: this home has none. NotThereError: none has this name. UsageError: a name is needed.
    """
    found = hats(db)
    if not found:
        raise NotSetUpError(
            "no_member", N_("This home has no member yet."), N_("Begin with: foodhub init --name NAME --role ROLE")
        )
    if name is None and len(found) == 1:
        return found[0]
    names = ", ".join(hat.name for hat in found)
    if name is None:
        raise UsageError(
            "as_needed",
            N_("This home has several members: {names}."),
            N_("Say which one acts with --as NAME."),
            names=names,
        )
    wanted = fold(name)
    matches = [hat for hat in found if fold(hat.name) == wanted] or [
        hat for hat in found if wanted and fold(hat.name).startswith(wanted)
    ]
    if len(matches) != 1:
        raise NotThereError(
            "no_such_hat",
            N_('No member of this home is called "{name}".'),
            N_("There are: {names}."),
            name=name,
            names=names,
        )
    return matches[0]


def circuit_id(db: sqlite3.Connection) -> bytes:
    """Return the id of the circuit of this home.

    Raises:
        NotSetUpError: it has not founded or joined one.
    """
    row = db.execute("SELECT value FROM meta WHERE key = 'circuit'").fetchone()
    if row is None or db.execute("SELECT 1 FROM circuit").fetchone() is None:
        raise NotSetUpError(
            "no_circuit",
            N_("This home is in no circuit yet."),
            N_("Found one with: foodhub circuit found NAME, or join with: foodhub circuit join INVITE"),
        )
    return bytes(row[0])


def currency(db: sqlite3.Connection) -> str:
    """Return the currency of the circuit (ISO 4217)."""
    circuit_id(db)
    (code,) = db.execute("SELECT currency FROM circuit").fetchone()
    return str(code)


def require_member(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that a hat counts as a member of the circuit.

    Raises:
        NotSetUpError: there is no circuit, or this member is not in it yet.
    """
    circuit_id(db)
    if db.execute("SELECT 1 FROM member WHERE id = ?", (hat.member,)).fetchone() is None:
        raise NotSetUpError(
            "not_a_member",
            N_("{name} is not in the circuit yet."),
            N_("Ask a steward for an invite, then: foodhub circuit join INVITE"),
            name=hat.name,
        )


def member_name(db: sqlite3.Connection, member: bytes) -> str | None:
    """Return what a member is called; None for a household whose contact card is not sealed to this home."""
    row = db.execute(
        "SELECT f.name FROM profile f JOIN party p ON p.ref = f.owner WHERE p.id = ?"
        " UNION ALL SELECT name FROM own WHERE member = ?"
        " UNION ALL SELECT c.name FROM contact c JOIN party p ON p.ref = c.owner WHERE p.id = ? LIMIT 1",
        (member, member, member),
    ).fetchone()
    return row[0] if row else None


def shown_name(db: sqlite3.Connection, member: bytes) -> str:
    """Return a name to show: the public one, else the role and the beginning of the id."""
    return member_name(db, member) or Unnamed(base32_id(member)[:4])
