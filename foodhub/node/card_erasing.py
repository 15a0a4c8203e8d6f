"""Erasing a contact card in all its versions, whoever typed them.

Each erases what stands in its own logs. Who was represented asks whoever typed a card for it to do the same, and that
one's node does so by itself: what somebody typed about a person is not left for that one to keep.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from foodhub.catalog.naming import id_bytes
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.node.buyers import names_of
from foodhub.node.contacts import card_entries, forget_told
from foodhub.node.erasable import OwnEntry, inside
from foodhub.node.erase_requests import ask_to_erase
from foodhub.node.erasing import ErasedRow, erase
from foodhub.node.hat import Hat, shown_name
from foodhub.node.represented import find_represented
from foodhub.node.standing import require_standing
from foodhub.orders.hands import Contact
from foodhub.store.schema import CONFIRMED, SEQ_BITS
from foodhub.store.transaction import Transaction


class ErasedCard(msgspec.Struct, frozen=True):
    """What was erased of a card, and who is asked to erase what it typed of it, "" for nobody."""

    erased: list[ErasedRow]
    asked: str


def erase_card(tx: Transaction, hat: Hat, who: str | None = None) -> ErasedCard:
    """Erase the card of this hat, or the one that it typed for somebody whom it represents or represented.

    Raises:
        NotThereError: there is none, or nobody is so called. UsageError: several are so called. RefusedError: what we
            sign counts no more, an entry says something else too, or who typed it can't be written to yet.
    """
    require_standing(tx.db, hat)
    members = names_of(tx.db, hat) if who is None else [id_bytes(find_represented(tx.db, hat, who).id)]
    found = card_entries(tx, hat, members)
    _require_alone(found)
    erased = erase(tx, hat, found)
    forget_told(tx, members)
    typed = _typed_by(tx.db, hat) if who is None else None
    if typed is not None:
        ask_to_erase(tx, hat, typed, "card")
    if not erased and typed is None:
        raise NotThereError("no_card", N_("There is no contact card to erase."))
    return ErasedCard(erased, shown_name(tx.db, typed) if typed else "")


def _require_alone(found: Sequence[OwnEntry]) -> None:
    if any(not isinstance(inside(each), Contact) for entry in found for each in entry.statements):
        raise RefusedError("card_with_more", N_("An entry with this card says something else too, which would go."))


def _typed_by(db: sqlite3.Connection, hat: Hat) -> bytes | None:
    """Return who represented this hat, if a card that it typed holds: our own, which hid it, are erased by now."""
    row = db.execute(
        f"SELECT r.id FROM {CONFIRMED.format('')} k JOIN party r ON r.ref = k.owner JOIN party p ON p.id = k.member"  # noqa: S608 - names of ours
        " JOIN contact c ON c.owner = p.ref JOIN log l ON l.ref = c.place >> ? JOIN device d ON d.key = l.author"
        ' WHERE k."by" = ? AND d.member = r.id LIMIT 1',
        (SEQ_BITS, hat.member),
    ).fetchone()
    return bytes(row[0]) if row else None
