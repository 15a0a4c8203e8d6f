"""Groups and the households that buy through them: joining, leaving, and who is in one.

Who reads which household is in which group: see `belonging`.
"""

import sqlite3
from collections.abc import Iterator
from itertools import islice

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_, RefusedError
from foodhub.node.belonging import belong_of, hubs_of_group, say_belong, tell_belong, told_belong
from foodhub.node.buyers import as_itself
from foodhub.node.devices import keeper_of
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import group_of, has_keys, households_of
from foodhub.node.orders import OrderRow, list_orders
from foodhub.node.represented import buyer_of, represented_by
from foodhub.node.rights import line_of
from foodhub.node.standing import require_standing, roles_of
from foodhub.orders.hands import Belong
from foodhub.orders.statements import derived_id
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

AT_ONCE = 50
"""So many households are told of in one slice of work."""


class HouseholdRow(msgspec.Struct, frozen=True):
    """A household of a group; `number` is that of its basket; it and `name` are None where this home does not know it.

    `represented` says that it is without a computer, so that the group writes for it.
    """

    number: int | None
    id: str
    name: str | None
    phone: str
    address: str
    represented: bool


class GroupRow(msgspec.Struct, frozen=True):
    """A group and those of its households that this home knows of."""

    id: str
    name: str
    households: list[HouseholdRow]


def group_row(db: sqlite3.Connection, group: bytes) -> GroupRow:
    """Return a group with its households, in the order in which they joined."""
    rows = []
    for each in households_of(db, group):
        card = db.execute(
            "SELECT c.phone, c.address FROM contact c JOIN party p ON p.ref = c.owner WHERE p.id = ?", (each.id,)
        ).fetchone()
        phone, address = card or ("", "")
        rows.append(HouseholdRow(each.number or None, base32_id(each.id), each.name, phone, address, each.represented))
    return GroupRow(base32_id(group), shown_name(db, group), rows)


def own_group(db: sqlite3.Connection, hat: Hat) -> bytes:
    """Return the group of a hat: itself if it is one, else the one through which it buys.

    Raises:
        RefusedError: `no_group`.
    """
    found = hat.member if "group" in hat.roles else group_of(db, as_itself(db, hat).member)
    if found is None:
        raise RefusedError(
            "no_group", N_("{name} is in no group."), N_("Join one with: foodhub group join GROUP"), name=hat.name
        )
    return found


def join_group(tx: Transaction, hat: Hat, group: bytes) -> bool:
    """Say that a household buys through a group from now on; return whether that is new.

    Raises:
        RefusedError: what we sign counts no more, it is no household, that is no group, or can't be written to, or it
            is in another group.
    """
    require_standing(tx.db, hat)
    owner = as_itself(tx.db, hat)
    name = shown_name(tx.db, group)
    if "household" not in hat.roles:
        raise RefusedError(
            "not_a_household",
            N_("{name} is no household, so it buys through no group."),
            N_("A group orders from its hub by itself."),
            name=hat.name,
        )
    if "group" not in roles_of(tx.db, group):
        raise RefusedError(
            "not_a_group", N_("{name} is no group."), N_("List the groups: foodhub circuit members"), name=name
        )
    before = group_of(tx.db, owner.member)
    if before == group:
        return False
    if before is not None:
        raise RefusedError(
            "other_group",
            N_("{name} buys through {own}."),
            N_("Leave it first: foodhub group leave"),
            name=hat.name,
            own=shown_name(tx.db, before),
        )
    _state(tx, hat, group, left=False)
    return True


def open_orders(db: sqlite3.Connection, hat: Hat, now: int) -> list[OrderRow]:
    """Return the orders of a household at its group that are neither confirmed nor gone at `now` (ms).

    They stand after it has left, and it can lower and cancel them until the group closes.
    """
    member = as_itself(db, hat).member
    group = group_of(db, member)
    return [
        row
        for row in list_orders(db, hat, now)
        if group is not None and (row.customer_id, row.hub_id) == (base32_id(member), base32_id(group))
        if row.state in {"sent", "received"}
    ]


def leave_group(tx: Transaction, hat: Hat) -> bytes:
    """Say that a household does not buy through its group any more; return the group.

    Raises:
        RefusedError: what we sign counts no more, or it is in no group.
    """
    require_standing(tx.db, hat)
    group = group_of(tx.db, as_itself(tx.db, hat).member)
    if group is None:
        raise RefusedError(
            "no_group", N_("{name} is in no group."), N_("Join one with: foodhub group join GROUP"), name=hat.name
        )
    _state(tx, hat, group, left=True)
    return group


def _state(tx: Transaction, hat: Hat, group: bytes, *, left: bool) -> None:
    owner = as_itself(tx.db, hat)
    held = belong_of(tx.db, owner.member, group)
    since = held.since if held else tx.now  # whoever comes back has its old basket
    version = held.version + 1 if held else 1
    say_belong(tx, hat, owner, Belong(derived_id(b"belong", group), version, group, since, left))


# Telling the hubs that came to have to know


def share_belongs(tx: Transaction, hat: Hat) -> int:
    """Say again in which groups our households are, or were, for who came to have to know; return of how many."""
    waiting = list(islice(_waiting(tx.db, hat, tx.now), AT_ONCE))
    for member, said in waiting:
        tell_belong(tx, hat, buyer_of(tx.db, hat, member), said)
    return len(waiting)


def belongs_due(db: sqlite3.Connection, hat: Hat, now: int) -> bool:
    """Say whether somebody has to be told of a household of ours."""
    return next(_waiting(db, hat, now), None) is not None


def _waiting(db: sqlite3.Connection, hat: Hat, now: int) -> Iterator[tuple[bytes, Belong]]:
    """Yield those of our households of which somebody has to know whom this device has not told."""
    ours = {hat.member, as_itself(db, hat).member, *represented_by(db, hat)}
    rows = db.execute(
        'SELECT p.id, b."group", b."left", l.author FROM party p JOIN belong b ON b.owner = p.ref'  # noqa: S608 - marks of ours
        f" JOIN log l ON l.ref = b.place >> ? WHERE p.id IN ({', '.join('?' * len(ours))})"
        " ORDER BY b.since, p.id",
        (SEQ_BITS, *ours),
    ).fetchall()
    hubs: dict[bytes, set[bytes]] = {}
    for member, group, left, author in rows:
        if not left and group not in hubs:
            hubs[group] = hubs_of_group(db, group, now)
        if left or (hubs[group] and _says_again(db, hat, author)):
            said, told = belong_of(db, member, group), told_belong(db, member, group)
            # Another device of ours may have said that it left, which does not know whom this one told.
            waits = {reader for reader in told if has_keys(db, reader)} if left else hubs[group]
            if said is not None and any(told.get(reader) != said.version for reader in waits):
                yield member, said


def _says_again(db: sqlite3.Connection, hat: Hat, author: bytes) -> bool:
    """Say whether this device says again what another one said of a household of ours: as its heir, if not itself.

    What a representative said of whom we were confirmed to be, one device of ours says again.
    """
    device = line_of(db, author)[-1]
    ours = db.execute("SELECT 1 FROM device WHERE key = ? AND member = ?", (device, hat.member)).fetchone()
    return hat.device == (device if ours else keeper_of(db, hat.member, "desk"))
