"""Whether what this device signs counts: not if its member was removed, it was retired, or one of its logs forked.

Asked before anything is signed, so that nobody writes what no node would ever count. Nothing here signs.
"""

import sqlite3

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_, RefusedError
from foodhub.node.hat import Hat, require_member, shown_name


def require_standing(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that a hat's member is in the circuit, and that what this device signs counts.

    Raises:
        NotSetUpError: it is not in the circuit yet. RefusedError: `removed`, `retired` or `log_forked`.
    """
    require_member(db, hat)
    error = fallen(db, hat)
    if error is not None:
        raise error


def fallen(db: sqlite3.Connection, hat: Hat) -> RefusedError | None:
    """Return why nothing that this device signs for a hat would count any more, None while it does."""
    if is_removed(db, hat.member):
        # Loaded when it is needed: `status` asks this too, and has to answer at once.
        from foodhub.node.ranks import removal_of

        found = removal_of(db, hat.member)
        return RefusedError(
            "removed",
            N_("{name} was removed from the circuit by {steward}: what it signs counts nowhere."),
            N_("What is held here can still be read. To take part again, join as a new member on a new invite."),
            name=hat.name,
            steward=shown_name(db, found[0]) if found else "…",
        )
    if is_retired(db, hat.device):
        return RefusedError(
            "retired",
            N_("This device was retired: what it signs for {name} counts nowhere."),
            N_("Sign on another device of {name}. This one can be enrolled anew: foodhub device add, on that one."),
            name=hat.name,
        )
    seq = own_fork(db, hat.device)
    if seq is not None:
        return RefusedError(
            "log_forked",
            N_("This device signed two different entries at one place of a log of {name}: from there on none counts."),
            N_(
                "Enrol it anew: foodhub device add on another device of {name}, or foodhub recover with the recovery"
                " words. What is lost can be said again: foodhub disputed reissue"
            ),
            name=hat.name,
            seq=seq,
        )
    return None


def without_role(db: sqlite3.Connection, hat: Hat) -> RefusedError | None:
    """Return what to say of a member of the circuit from which its last role was taken, None for all others."""
    row = db.execute("SELECT roles FROM member WHERE id = ? AND NOT removed", (hat.member,)).fetchone()
    if row is None or row[0].strip():
        return None
    return RefusedError(
        "role_taken",
        N_("{name} has no role in the circuit any more, since a steward took it: what it said in one counts no more."),
        N_("A steward can give it back: foodhub circuit grant {id} ROLE"),
        name=hat.name,
        id=base32_id(hat.member)[:8],
    )


def require_role(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that a member of the circuit has a role.

    Raises:
        RefusedError: `role_taken`.
    """
    if (error := without_role(db, hat)) is not None:
        raise error


def is_removed(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether a member was removed from the circuit."""
    return db.execute("SELECT 1 FROM member WHERE id = ? AND removed", (member,)).fetchone() is not None


def is_retired(db: sqlite3.Connection, device: bytes) -> bool:
    """Say whether a device was retired."""
    return db.execute("SELECT 1 FROM device WHERE key = ? AND retired", (device,)).fetchone() is not None


def own_fork(db: sqlite3.Connection, device: bytes) -> int | None:
    """Return the place at which a log of a device forked, None when none did."""
    row = db.execute("SELECT seq FROM fork_proof WHERE author = ? ORDER BY log LIMIT 1", (device,)).fetchone()
    return int(row[0]) if row else None


def roles_of(db: sqlite3.Connection, member: bytes) -> frozenset[str]:
    """Return the roles that a member has in the circuit."""
    row = db.execute("SELECT roles FROM member WHERE id = ?", (member,)).fetchone()
    return frozenset(row[0].split()) if row else frozenset()
