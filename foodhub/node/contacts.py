"""Contact cards: name, phone and address of a member, sealed to its group and to the hubs with which it trades.

These are the hubs from which it orders, and those to which it sells. Everybody else sees "Household 3f2a". When it
first trades with somebody else, the card is sealed again, to that one too; a card is an erasable entry like all others.
"""

import sqlite3
from collections.abc import Collection, Iterable

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import Buyer, as_itself
from foodhub.node.erasable import OwnEntry, devices_of, inside, own_entries
from foodhub.node.hat import Hat
from foodhub.node.households import group_of, has_keys
from foodhub.node.represented import buyer_of, check_line, check_phone, represented_by
from foodhub.node.setup import check_name
from foodhub.node.standing import require_standing
from foodhub.node.state import list_members
from foodhub.orders.hands import Behalf, Contact
from foodhub.orders.statements import derived_id
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

_LOCAL = derived_id(b"contact")


class CardRow(msgspec.Struct, frozen=True):
    """A contact card as it is shown; `readers` are the ids of those to whom this home has sealed it as it is."""

    id: str
    name: str
    phone: str
    address: str
    readers: list[str]


def card_of(db: sqlite3.Connection, member: bytes) -> CardRow | None:
    """Return the contact card of a member, None where it has none or it is not sealed to this home."""
    held = _card(db, member)
    if held is None:
        return None
    told = [base32_id(reader) for reader in _readers(db, member) if _told(db, member, reader) == held.version]
    return CardRow(base32_id(member), held.name, held.phone, held.address, told)


def is_nameless(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether a hat is a household that tells nobody its name: others see "Household 3f2a"."""
    own = as_itself(db, hat).member
    public = "SELECT 1 FROM profile f JOIN party p ON p.ref = f.owner WHERE p.id = ?"
    return _card(db, own) is None and db.execute(public, (own,)).fetchone() is None


def find_person(db: sqlite3.Connection, text: str) -> bytes:
    """Return the id of whoever somebody named: a member of the circuit, or a represented one whose card is here.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    told = "SELECT p.id, f.name FROM profile f JOIN party p ON p.ref = f.owner"
    cards = dict(db.execute(f"{told} UNION ALL {told.replace('profile', 'contact')}").fetchall())
    named = {id_bytes(row.id): row.name or "" for row in list_members(db)}
    both = [Named(base32_id(each), cards.get(each, ""), named.get(each, "")) for each in {**named, **cards}]
    return id_bytes(find(both, text, lambda each: each, "member").id)


def _card(db: sqlite3.Connection, member: bytes) -> Contact | None:
    row = db.execute(
        "SELECT c.local, c.version, c.name, c.phone, c.address FROM contact c JOIN party p ON p.ref = c.owner"
        " WHERE p.id = ? AND c.local = ?",
        (member, _LOCAL),
    ).fetchone()
    return Contact(*row) if row else None


def set_card(
    tx: Transaction, hat: Hat, owner: Buyer, name: str | None, phone: str | None, address: str | None
) -> CardRow:
    """Write a contact card, leaving as it is what is None; return it.

    Raises:
        RefusedError: what we sign counts no more, or it has no name. UsageError: a line is not usable.
    """
    require_standing(tx.db, hat)
    held = _card(tx.db, owner.member)
    before = held or Contact(_LOCAL, 0, hat.name, "", "")
    card = Contact(
        _LOCAL,
        before.version + 1,
        check_name(before.name if name is None else check_line(name)),
        before.phone if phone is None else check_phone(phone),
        before.address if address is None else check_line(address),
    )
    if held is None or (held.name, held.phone, held.address) != (card.name, card.phone, card.address):
        _seal(tx, hat, owner, card)
    row = card_of(tx.db, owner.member)
    if row is None:
        raise RefusedError("no_card", N_("The card of {name} can't be kept here."), name=hat.name)
    return row


def _seal(tx: Transaction, hat: Hat, owner: Buyer, card: Contact) -> None:
    """Sign a card and seal it to all who are to read it."""
    readers = _readers(tx.db, owner.member)
    tx.append(hat.member, Log.TRADE, [owner.enclose(card)], readers=readers)
    keys = [(_key(owner.member, reader), card.version) for reader in readers]
    tx.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", keys)


def _readers(db: sqlite3.Connection, member: bytes) -> list[bytes]:
    """Return who is to read a member's card: its group, and whoever it ordered from, or sells to."""
    rows = db.execute(
        "SELECT f.hub FROM placement f JOIN party p ON p.ref = f.owner WHERE p.id = ?1"
        " UNION SELECT a.hub FROM allotment a JOIN party p ON p.ref = a.owner WHERE p.id = ?1"
        " UNION SELECT o.id FROM purchase f JOIN party o ON o.ref = f.owner WHERE f.producer = ?1",
        (member,),
    ).fetchall()
    group = group_of(db, member)
    found = {hub for (hub,) in rows} | ({group} if group else set())
    return sorted(reader for reader in found if has_keys(db, reader))


def share_cards(tx: Transaction, hat: Hat) -> int:
    """Seal our cards again to who came to be their reader; return how many were."""
    own = _own_card_due(tx.db, hat)
    if own is not None:
        _seal(tx, hat, Buyer(hat.member), own)
    waiting = _waiting(tx.db, hat)
    for member in waiting:
        card = _card(tx.db, member)
        if card is not None:
            _seal(tx, hat, buyer_of(tx.db, hat, member), card)
    return len(waiting) + (own is not None)


def cards_due(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether a card of ours has to be sealed to somebody else."""
    return _own_card_due(db, hat) is not None or bool(_waiting(db, hat))


def _own_card_due(db: sqlite3.Connection, hat: Hat) -> Contact | None:
    """Return the card that this hat has to write under its own id, None for none.

    Who goes on as a member that was represented writes its card as that one. Where that one is not known it orders
    under its own id, and is to be known there by the same card.
    """
    itself = as_itself(db, hat).member
    said, held = _card(db, itself), _card(db, hat.member)
    if itself == hat.member or said is None or not _readers(db, hat.member):
        return None
    if held is not None:
        same = (held.name, held.phone, held.address) == (said.name, said.phone, said.address)
        if same or not _wrote(db, hat, itself):
            return None
    return msgspec.structs.replace(said, version=held.version + 1 if held else 1)


def _wrote(db: sqlite3.Connection, hat: Hat, member: bytes) -> bool:
    """Say whether a device of a hat wrote the card of a member that holds."""
    row = db.execute(
        "SELECT 1 FROM contact c JOIN party p ON p.ref = c.owner JOIN log l ON l.ref = c.place >> ?"
        " JOIN device d ON d.key = l.author WHERE p.id = ? AND d.member = ?",
        (SEQ_BITS, member, hat.member),
    ).fetchone()
    return row is not None


def _waiting(db: sqlite3.Connection, hat: Hat) -> list[bytes]:
    """Return those of our members whose card somebody is to read to whom this device has not sealed it.

    Whoever wrote a card seals it; what a device wrote that was retired since, as on a recovery, any other does.
    """
    rows = db.execute(
        "SELECT p.id, c.version FROM contact c JOIN party p ON p.ref = c.owner JOIN log l ON l.ref = c.place >> ?"
        " LEFT JOIN device d ON d.key = l.author WHERE l.author = ? OR (d.member = ? AND d.retired)",
        (SEQ_BITS, hat.device, hat.member),
    ).fetchall()
    ours = {hat.member, as_itself(db, hat).member, *represented_by(db, hat)}
    return [
        member
        for member, version in rows
        if member in ours
        if any(_told(db, member, reader) != version for reader in _readers(db, member) if reader != hat.member)
    ]


def _told(db: sqlite3.Connection, member: bytes, reader: bytes) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_key(member, reader),)).fetchone()
    return int(row[0]) if row else 0


def _key(member: bytes, reader: bytes) -> str:
    """Return the key in `meta` of the version of a card that was sealed to somebody."""
    return f"card {member.hex()} {reader.hex()}"


def card_entries(tx: Transaction, hat: Hat, members: Collection[bytes]) -> list[OwnEntry]:
    """Return all entries of ours that hold a card of one of these members, in any version."""
    return [
        entry
        for device in devices_of(tx.db, hat.member)
        for entry in own_entries(tx, hat.member, (device, Log.TRADE))
        if any(_is_card(each, hat, members) for each in entry.statements)
    ]


def _is_card(statement: object, hat: Hat, members: Collection[bytes]) -> bool:
    owner = statement.owner if isinstance(statement, Behalf) else hat.member
    return isinstance(inside(statement), Contact) and owner in members


def forget_told(tx: Transaction, members: Iterable[bytes]) -> None:
    """Forget to whom we sealed the cards of these members: one that is written later begins at version 1 again."""
    heads = [_key(member, b"") for member in members]
    tx.db.executemany("DELETE FROM meta WHERE key >= ? AND key < ?", [(head, f"{head}~") for head in heads])
