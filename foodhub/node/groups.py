"""Groups and the households that buy through them: joining, leaving, and who is in one.

Which household is in which group is sealed to the two, and to the hub where the group buys for its households.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import as_itself
from foodhub.node.hat import Hat, shown_name
from foodhub.node.households import group_of, households_of
from foodhub.node.orders import OrderRow, list_orders
from foodhub.node.standing import require_standing, roles_of
from foodhub.orders.exchanges import Outgoing
from foodhub.orders.hands import Belong
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction

_outgoing = msgspec.msgpack.Decoder(Outgoing)


class HouseholdRow(msgspec.Struct, frozen=True):
    """A household of a group; `number` is that of its basket, `name` None where it is not told to this home.

    `represented` says that it is without a computer, so that the group writes for it.
    """

    number: int
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
        rows.append(HouseholdRow(each.number, base32_id(each.id), each.name, phone, address, each.represented))
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
    local = derived_id(b"belong", group)
    row = tx.db.execute(
        "SELECT b.version FROM belong b JOIN party p ON p.ref = b.owner WHERE p.id = ? AND b.local = ?",
        (owner.member, local),
    ).fetchone()
    belong = Belong(local, row[0] + 1 if row else 1, group, left)
    try:
        tx.append(hat.member, Log.TRADE, [owner.enclose(belong)], readers=[group, *_suppliers(tx.db, group, tx.now)])
    except LookupError:
        name = shown_name(tx.db, group)
        raise RefusedError("no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=name) from None


def _suppliers(db: sqlite3.Connection, group: bytes, now: int) -> Sequence[bytes]:
    """Return the hubs from which a group buys for its households, so that each is their customer."""
    rows = db.execute(
        "SELECT o.body FROM outgoing o JOIN party p ON p.ref = o.owner WHERE p.id = ?", (group,)
    ).fetchall()
    said = [_outgoing.decode(body) for (body,) in rows]
    return sorted({each.supplier for each in said if each.buying == "households" and each.closes > now})
