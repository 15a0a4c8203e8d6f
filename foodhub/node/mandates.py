"""Mandates: a member lets another one state some of its facts, and what is written under one.

The giver's own statements hold over what was written for it at the same time, and an ended mandate takes back nothing
that was written before. Nothing is signed here that the rules of the mandate would not let count.
"""

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from foodhub.catalog.naming import Named, base32_id, find
from foodhub.catalog.statements import Product, Stock, StockMode
from foodhub.errors import N_, NotThereError, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.node.buyers import Buyer
from foodhub.node.contacts import find_person
from foodhub.node.cycles import CycleRow
from foodhub.node.delivered import say_left
from foodhub.node.hat import Hat, shown_name
from foodhub.node.products import UNCHANGED, differences, product_statement, set_product, stock_of, stock_statement
from foodhub.node.sellers import in_name_of, require_stock, seller_of
from foodhub.node.standing import is_removed, require_standing
from foodhub.node.stock import require_mode, restated, set_stock
from foodhub.orders.hands import FIELDS, Behalf, Field, Mandate, Means
from foodhub.store.transaction import Transaction

_mandates = msgspec.msgpack.Decoder(Mandate)
State = Literal["holds", "over", "ended"]
_NOBODY = bytes(16)


class MandateRow(msgspec.Struct, frozen=True):
    """A mandate as it is shown: who gave it to whom, for which fields, until when, and whether it holds."""

    id: str
    giver: str
    giver_id: str
    holder: str
    holder_id: str
    fields: list[Field]
    until: datetime
    state: State

    @property
    def named(self) -> Named:
        """Return how people may call it: by whom it was given to, or by its id."""
        return Named(self.id, "", self.holder)


def _held(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[tuple[bytes, Mandate]]:
    rows = db.execute(
        "SELECT p.id, f.body FROM mandate f JOIN party p ON p.ref = f.owner"  # noqa: S608 - conditions of ours
        f" WHERE {where} ORDER BY f.until DESC, p.id, f.local",
        values,
    )
    return [(giver, _mandates.decode(body)) for giver, body in rows]


def list_mandates(db: sqlite3.Connection, hat: Hat, now: int) -> list[MandateRow]:
    """Return the mandates that a member gave or holds, those that last longest first."""
    found = _held(db, "p.id = ? OR f.holder = ?", (hat.member, hat.member))
    return [_row(db, giver, mandate, now) for giver, mandate in found]


def _row(db: sqlite3.Connection, giver: bytes, mandate: Mandate, now: int) -> MandateRow:
    state: State = "ended" if mandate.ended else "holds" if now < mandate.until else "over"
    return MandateRow(
        id=base32_id(mandate.local),
        giver=shown_name(db, giver),
        giver_id=base32_id(giver),
        holder=shown_name(db, mandate.holder),
        holder_id=base32_id(mandate.holder),
        fields=mandate.fields,
        until=datetime.fromtimestamp(mandate.until / 1000, UTC),
        state=state,
    )


def give_mandate(tx: Transaction, hat: Hat, holder: bytes, fields: Sequence[str], until: int) -> MandateRow:
    """Let another member state these fields of our facts until a time (ms); return the mandate.

    Raises:
        UsageError: a field is unknown. RefusedError: what we sign counts no more, that is ourselves or who was removed,
            the time has passed, or `spent_by_one`.
    """
    require_standing(tx.db, hat)
    if "allot" in fields:
        raise RefusedError(
            "spent_by_one",
            N_("The right to set stock aside is handed over whole, to a device; a mandate can't share it."),
            N_("Hand it over with: foodhub device hand-over stock DEVICE"),
        )
    chosen = [field for field in FIELDS if field in fields]
    if not chosen or len(chosen) < len(set(fields)):
        raise UsageError(
            "bad_field",
            N_("A mandate is for some of: {known}."),
            N_("Write them behind the member."),
            known=", ".join(FIELDS),
        )
    if holder == hat.member or is_removed(tx.db, holder):
        raise RefusedError(
            "bad_holder",
            N_("{name} can't hold a mandate of {giver}."),
            N_("Give it to another member of the circuit."),
            name=shown_name(tx.db, holder),
            giver=hat.name,
        )
    if until <= tx.now:
        raise RefusedError("until_past", N_("A mandate ends in the future."), N_("Choose a later --until."))
    mandate = Mandate(secrets.token_bytes(16), 1, holder, chosen, until, ended=False)
    tx.append(hat.member, Log.CATALOG, [mandate])
    return _row(tx.db, hat.member, mandate, tx.now)


def end_mandate(tx: Transaction, hat: Hat, text: str) -> list[MandateRow]:
    """End the mandate of ours that somebody named by its id, or all that a member holds of us; return them.

    Raises:
        NotThereError: there is none that holds. RefusedError: what we sign counts no more.
    """
    require_standing(tx.db, hat)
    given = [
        (mandate, row)
        for giver, mandate in _held(tx.db, "p.id = ?", (hat.member,))
        if (row := _row(tx.db, giver, mandate, tx.now)).state == "holds"
    ]
    chosen = [(mandate, row) for mandate, row in given if text in {row.holder, row.holder_id}]
    if not chosen:
        if not given:
            raise NotThereError("no_mandate", N_("{name} has given no mandate that holds."), name=hat.name)
        chosen = [find(given, text, lambda each: each[1].named, "member")]
    ended = [msgspec.structs.replace(mandate, version=mandate.version + 1, ended=True) for mandate, _ in chosen]
    tx.append(hat.member, Log.CATALOG, ended)
    return [_row(tx.db, hat.member, mandate, tx.now) for mandate in ended]


def owner_named(db: sqlite3.Connection, hat: Hat, text: str) -> bytes:
    """Return the member for whom a hat was told to write: one that it represents, else any other.

    Raises:
        NotThereError, UsageError: nobody is so called. RefusedError: it writes no more for that one.
    """
    try:
        return seller_of(db, hat, text).member
    except RefusedError as error:
        if error.code != "not_represented":
            raise
        return find_person(db, text)


def as_owner(db: sqlite3.Connection, hat: Hat, text: str | None) -> Hat:
    """Return the member whose facts are to be read, as if it acted here: whoever was named, else the hat itself."""
    if text is None:
        return in_name_of(db, hat, seller_of(db, hat))
    owner = owner_named(db, hat, text)
    return replace(hat, member=owner, name=shown_name(db, owner))


def writing_for(db: sqlite3.Connection, hat: Hat, owner: bytes, field: Field, now: int, told: Means = "") -> Buyer:
    """Return in whose name a hat states a field of a member's facts: its own, one it represents, or under a mandate.

    Raises:
        RefusedError: `not_represented`, `no_mandate`.
    """
    own = seller_of(db, hat)
    if owner == own.member:
        return own
    if db.execute("SELECT 1 FROM member WHERE id = ?", (owner,)).fetchone() is None:
        return seller_of(db, hat, base32_id(owner), told)
    for giver, mandate in _held(db, "p.id = ? AND f.holder = ?", (owner, hat.member)):
        if not mandate.ended and now < mandate.until and field in mandate.fields:
            return Buyer(giver, _enclosing(giver, mandate.local))
    raise RefusedError(
        "no_mandate",
        N_("{holder} holds no mandate of {giver} for this: {field}."),
        N_('{giver} gives one with: foodhub mandate give "{holder}" {field} --until DAY'),
        holder=hat.name,
        giver=shown_name(db, owner),
        field=field,
    )


def answering_for(db: sqlite3.Connection, hat: Hat, text: str | None, now: int, told: Means = "") -> Buyer:
    """Return in whose name a hat answers purchase orders: its own, or that of whoever was named.

    Raises:
        NotThereError, UsageError, RefusedError: see `owner_named` and `writing_for`.
    """
    return writing_for(db, hat, owner_named(db, hat, text), "accept", now, told) if text else seller_of(db, hat)


def _enclosing(owner: bytes, mandate: bytes) -> Any:
    return lambda statement: Behalf(owner, _NOBODY, "producer", mandate, "", statement)


def set_product_for(
    tx: Transaction,
    hat: Hat,
    owner: bytes,
    local: bytes,
    fields: dict[str, Any],
    on_hand: object = UNCHANGED,
    told: Means = "",
) -> str:
    """Change fields of another member's product, and its stock unless `UNCHANGED`; return `changed` or `unchanged`.

    `told` is how one whom we represent had said it.

    Raises:
        RefusedError: no mandate covers what changes, or what we sign counts no more.
    """
    if owner == hat.member:
        return set_product(tx, hat, local, fields, on_hand)
    require_standing(tx.db, hat)
    held = product_statement(tx.db, owner, local)
    if held is None:
        raise NotThereError("no_such_product", N_('There is no product "{text}".'), text=base32_id(local)[:8])
    stock = None if on_hand is UNCHANGED else stock_of(local, on_hand)  # type: ignore[arg-type]
    statements, what = differences(tx.db, owner, msgspec.structs.replace(held, **fields), stock)
    voices = [writing_for(tx.db, hat, owner, _field(held, each), tx.now, told) for each in statements]
    said = [voice.enclose(each) for voice, each in zip(voices, statements, strict=True)]
    if said:
        if stock is not None:
            _require_counting(tx.db, hat, Buyer(owner))
        say_left(tx, hat, said)
        tx.append(hat.member, Log.CATALOG, said)
    return what


def _require_counting(db: sqlite3.Connection, hat: Hat, seller: Buyer) -> None:
    """Make sure that this device counts what we count; a member's own stock is counted under its mandate anywhere."""
    if (
        seller.member == hat.member
        or db.execute("SELECT 1 FROM member WHERE id = ?", (seller.member,)).fetchone() is None
    ):
        require_stock(db, hat, seller)


def _field(held: Product, statement: Product | Stock) -> Field:
    """Return which field of a mandate a change of a product needs."""
    if isinstance(statement, Stock):
        return "stock"
    same = msgspec.structs.replace(statement, price=held.price, version=held.version)
    return "price" if same == held else "label"


def set_stock_for(
    tx: Transaction,
    hat: Hat,
    owner: bytes,
    wanted: Mapping[bytes, int | None],
    mode: StockMode | None = None,
    delivered: Sequence[CycleRow] = (),
    told: Means = "",
) -> int:
    """Count products of another member; return how many statements that took. None stands for made on demand.

    `told` is how one whom we represent had said it. What was sold in the cycles `delivered` has left its shelf; of
    somebody of whom we hold a mandate we can't say that.

    Raises:
        RefusedError: no mandate covers it, what we sign counts no more, or `made_on_demand`.
    """
    if owner == hat.member:
        return set_stock(tx, hat, wanted, mode, delivered)
    require_standing(tx.db, hat)
    voice = writing_for(tx.db, hat, owner, "stock", tx.now, told)
    _require_counting(tx.db, hat, voice)
    said = []
    for local, quantity in wanted.items():
        held = stock_statement(tx.db, owner, local)
        require_mode(tx.db, owner, held, quantity, mode)
        said.append(voice.enclose(restated(local, held, quantity, mode)))
    say_left(tx, hat, said, delivered)
    tx.append(hat.member, Log.CATALOG, said)
    return len(said)
