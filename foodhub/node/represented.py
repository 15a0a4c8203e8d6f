"""Members without a computer: whoever represents them writes for them, and everything shows that it did.

Such a member has an id and no log. What is written for it stands in the log of its representative, in an envelope that
says how the member had said it; nothing is ever written in its name as if it had signed.
"""

import secrets
import sqlite3
from typing import Any
from unicodedata import normalize

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, fold, id_bytes
from foodhub.errors import N_, FoodhubError, NotThereError, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.belonging import belong_of, say_belong
from foodhub.node.buyers import Buyer, as_itself, enclosing
from foodhub.node.cycles import list_cycles
from foodhub.node.hat import Hat, shown_name
from foodhub.node.placements import placements
from foodhub.node.setup import check_name
from foodhub.node.standing import require_standing
from foodhub.orders.hands import (
    MAX_CARD,
    Belong,
    Contact,
    Means,
    Represented,
    RepresentedRole,
    represented_id,
)
from foodhub.orders.statements import Profile, derived_id
from foodhub.store.schema import CONFIRMED
from foodhub.store.transaction import Transaction


class RepresentedRow(msgspec.Struct, frozen=True):
    """A member for whom this home writes; `claimed_by` is the id of who was confirmed to be it, "" for nobody.

    `waiting` are the ids of those who say that they are this member, as long as nobody was confirmed to be it; `key` is
    what its id was made of.
    """

    id: str
    name: str
    role: RepresentedRole
    phone: str
    address: str
    ended: bool
    claimed_by: str
    waiting: list[str]
    key: bytes

    @property
    def named(self) -> Named:
        """Return how people may call it."""
        return Named(self.id, "", self.name, self.phone)


def list_represented(db: sqlite3.Connection, hat: Hat) -> list[RepresentedRow]:
    """Return for whom a member writes, by name; those it writes for no more come last."""
    rows = db.execute(
        "SELECT r.member, r.local, r.role, r.ended, c.name, c.phone, c.address,"  # noqa: S608 - names of ours
        " coalesce(k.\"by\", x'')"
        " FROM represented r JOIN party o ON o.ref = r.owner LEFT JOIN party q ON q.id = r.member"
        f" LEFT JOIN contact c ON c.owner = q.ref LEFT JOIN {CONFIRMED.format('')} k ON k.member = r.member"
        " WHERE o.id = ?",
        (hat.member,),
    )
    found = [
        RepresentedRow(
            id=base32_id(member),
            name=name or shown_name(db, member),
            role=role,
            phone=phone or "",
            address=address or "",
            ended=bool(ended),
            claimed_by=base32_id(claimer) if claimer else "",
            waiting=[] if claimer else _claimers(db, member),
            key=salt,
        )
        for member, salt, role, ended, name, phone, address, claimer in rows
    ]
    return sorted(found, key=lambda row: (row.ended, fold(row.name), row.id))


def _claimers(db: sqlite3.Connection, member: bytes) -> list[str]:
    """Return the ids of those who say that they are a represented member."""
    rows = db.execute(
        "SELECT p.id FROM claim f JOIN party p ON p.ref = f.owner WHERE f.member = ? ORDER BY p.id", (member,)
    )
    return [base32_id(claimer) for (claimer,) in rows]


def find_represented(db: sqlite3.Connection, hat: Hat, text: str) -> RepresentedRow:
    """Return a member for whom this hat writes, by name or the beginning of its id; the ended ones only if none else.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    rows = list_represented(db, hat)
    alive = [row for row in rows if not row.ended]
    return find(alive if any(fold(row.name) == fold(text) for row in alive) else rows, text, _named, "member")


def _named(row: RepresentedRow) -> Named:
    return row.named


def add_represented(
    tx: Transaction, hat: Hat, name: str, role: RepresentedRole, phone: str = "", address: str = ""
) -> RepresentedRow:
    """Begin to write for a member without a computer; return it. A household of a group buys through that group.

    Raises:
        RefusedError: what we sign counts no more, this member is neither group nor hub, or it writes for somebody of
            that name already. UsageError: the name or the card is not usable.
    """
    require_standing(tx.db, hat)
    name = check_name(name)
    if not {"group", "hub"} & set(hat.roles):
        raise RefusedError(
            "not_a_representative",
            N_("{name} is neither a group nor a hub, so it represents nobody."),
            N_("Act as the group or hub with --as NAME."),
            name=hat.name,
        )
    if any(fold(row.name) == fold(name) and not row.ended for row in list_represented(tx.db, hat)):
        raise RefusedError(
            "name_taken",
            N_('{hat} represents somebody called "{name}" already.'),
            N_("Tell them apart by the name, such as the street."),
            hat=hat.name,
            name=name,
        )
    salt = secrets.token_bytes(16)
    member = represented_id(hat.member, salt, role)
    enclose = enclosing(member, salt, role)
    card = Contact(derived_id(b"contact"), 1, name, check_phone(phone), check_line(address))
    said: list[Any] = [Represented(salt, 1, role, ended=False)]
    if role == "household" and "group" in hat.roles:
        said.append(enclose(Belong(derived_id(b"belong", hat.member), 1, hat.member, tx.now, left=False)))
    tx.append(hat.member, Log.TRADE, said)
    tx.append(hat.member, Log.TRADE, [enclose(card)])  # by itself, so that it can be erased by itself
    if role == "producer":
        tx.append(hat.member, Log.CATALOG, [enclose(Profile(1, name))])
    return next(row for row in list_represented(tx.db, hat) if row.id == base32_id(member))


def check_line(text: str) -> str:
    """Return a line of a contact card without needless space.

    Raises:
        UsageError: it is too long or can't be shown.
    """
    clean = normalize("NFC", " ".join(text.split()))
    if len(clean) > MAX_CARD or not clean.isprintable():
        raise UsageError("bad_card", N_("A line of a contact card has up to {most} characters."), most=MAX_CARD)
    return clean


def check_phone(text: str) -> str:
    """Return a telephone number without needless space; an empty one is none.

    Raises:
        UsageError: `bad_phone`, or as `check_line`.
    """
    clean = check_line(text)
    if clean and not any(letter.isdigit() for letter in clean):
        raise UsageError("bad_phone", N_('"{text}" is no telephone number.'), N_("Write its digits."), text=clean)
    return clean


def end_represented(tx: Transaction, hat: Hat, row: RepresentedRow) -> None:
    """Write for a member no more, which leaves its group; what was written stays.

    Raises:
        RefusedError: what we sign counts no more, it was ended before, or an order of it could be changed by nobody.
    """
    require_standing(tx.db, hat)
    if row.ended:
        raise RefusedError("ended_already", N_("{hat} writes no more for {name}."), hat=hat.name, name=row.name)
    member = id_bytes(row.id)
    _require_no_open_order(tx, row)
    (version,) = tx.db.execute(
        "SELECT r.version FROM represented r JOIN party p ON p.ref = r.owner WHERE p.id = ? AND r.local = ?",
        (hat.member, row.key),
    ).fetchone()
    tx.append(hat.member, Log.TRADE, [Represented(row.key, version + 1, row.role, ended=True)])
    held = belong_of(tx.db, member, hat.member)
    if held is not None and not held.left:
        owner = Buyer(member, enclosing(member, row.key, row.role))
        say_belong(tx, hat, owner, msgspec.structs.replace(held, version=held.version + 1, left=True))


def _require_no_open_order(tx: Transaction, row: RepresentedRow) -> None:
    """Make sure that nothing stays ordered that nobody could change or cancel any more."""
    standing = placements(tx.db, "m.id = ?", [id_bytes(row.id)])
    cycles = {cycle.key: cycle for cycle in list_cycles(tx.db, tx.now) if cycle.state != "closed"}
    waiting = [each for each in standing if each.cycle in cycles and not each.gone]
    if waiting:
        raise RefusedError(
            "order_stands",
            N_('{name} has an order in "{cycle}", which nobody could change or cancel any more.'),
            N_("Cancel it first, or wait until the cycle is closed: foodhub order list"),
            name=row.name,
            cycle=cycles[waiting[0].cycle].name,
        )


def represented_by(db: sqlite3.Connection, hat: Hat) -> set[bytes]:
    """Return the members for whom a hat writes: not those of whom it was ended, or who have a home of their own."""
    rows = db.execute(
        "SELECT r.member FROM represented r JOIN party p ON p.ref = r.owner WHERE p.id = ? AND NOT r.ended"  # noqa: S608 - names of ours
        f" AND NOT EXISTS (SELECT 1 FROM {CONFIRMED.format('')} k WHERE k.member = r.member)",
        (hat.member,),
    )
    return {member for (member,) in rows}


def behalf(db: sqlite3.Connection, hat: Hat, text: str | None = None, told: Means = "") -> Buyer:
    """Return in whose name a command writes: for the represented member that was named, else for the hat itself.

    A hat that was confirmed to be somebody's represented member goes on as that one.

    Raises:
        NotThereError, UsageError: nobody is so called. RefusedError: this home writes no more for that one.
    """
    if text is None:
        return as_itself(db, hat)
    try:
        row = find_represented(db, hat, text)
    except NotThereError:
        raise _not_represented(db, hat, text) from None
    if row.ended:
        raise RefusedError("represented_no_more", N_("{hat} writes no more for {name}."), hat=hat.name, name=row.name)
    require_unclaimed(row)
    return Buyer(id_bytes(row.id), enclosing(id_bytes(row.id), row.key, row.role, told))


def _not_represented(db: sqlite3.Connection, hat: Hat, text: str) -> FoodhubError:
    """Return why a hat can't write for somebody: it is no member that it represents, or none at all."""
    from foodhub.node.contacts import find_person  # it knows who represents whom, too

    try:
        member = find_person(db, text)
    except FoodhubError as error:
        return error
    return RefusedError(
        "not_represented",
        N_("{hat} does not represent {name}, who has a home of its own and writes for itself."),
        N_("Whom you represent: foodhub member list"),
        hat=hat.name,
        name=shown_name(db, member),
    )


def require_unclaimed(row: RepresentedRow) -> None:
    """Make sure that nobody was confirmed to be a represented member: from then on it is that one's own.

    Raises:
        RefusedError: `has_own_home`.
    """
    if row.claimed_by:
        raise RefusedError(
            "has_own_home",
            N_("{name} has a home of its own now and writes for itself."),
            N_("Ask {name} to enter it there."),
            name=row.name,
        )


def buyer_of(db: sqlite3.Connection, hat: Hat, member: bytes, told: Means = "") -> Buyer:
    """Return in whose name a hat changes what is `member`'s: its own, or that of a member whom it represents.

    What it wrote under its own id stays under that, also once it was confirmed to be somebody's represented member.
    """
    if member == hat.member:
        return Buyer(member)
    itself = as_itself(db, hat)
    row = next((row for row in list_represented(db, hat) if row.id == base32_id(member)), None)
    return itself if row is None or itself.member == member else behalf(db, hat, row.id, told)
