"""In whose name goods are sold: a member's own, those of a producer whom it represents, or whom it was confirmed to be.

Stock has one spender. That of a represented producer is spent by the device that keeps its representative's own stock;
once somebody was confirmed to be that producer, by the one that keeps the stock of that member, when it holds all that
was handed over. Nothing here signs.
"""

import sqlite3
from dataclasses import replace

import msgspec

from foodhub.catalog.naming import base32_id, fold
from foodhub.errors import N_, NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import Buyer, as_itself
from foodhub.node.hat import Hat, member_name, shown_name
from foodhub.node.represented import behalf, find_represented
from foodhub.node.rights import require_right
from foodhub.orders.hands import Means
from foodhub.store.entries import log_row
from foodhub.store.schema import SEQ_BITS

_heads = msgspec.msgpack.Decoder(list[tuple[bytes, int]])


def seller_of(db: sqlite3.Connection, hat: Hat, text: str | None = None, told: Means = "") -> Buyer:
    """Return in whose name a hat sells: of the represented producer that was named, else in its own.

    A hat that was confirmed to be a producer goes on as that one.

    Raises:
        UsageError: several are so called. RefusedError: `not_represented`, `not_a_producer`, or it writes no more for
            that one.
    """
    itself = as_itself(db, hat)
    own = itself if _sells(db, itself.member) else Buyer(hat.member)
    if text is None or _is_called(db, own.member, text):
        return own
    try:
        row = find_represented(db, hat, text)
    except NotThereError:
        raise RefusedError(
            "not_represented",
            N_('{hat} represents nobody called "{name}".'),
            N_("Whom you represent: foodhub member list"),
            hat=hat.name,
            name=text,
        ) from None
    if row.role != "producer":
        raise RefusedError(
            "not_a_producer",
            N_("{name} sells nothing: it is a household."),
            N_("Whom you represent: foodhub member list"),
            name=row.name,
        )
    return behalf(db, hat, row.id, told)


def _sells(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether a member that somebody represented is a producer."""
    return db.execute("SELECT 1 FROM successor WHERE member = ?", (member,)).fetchone() is not None


def _is_called(db: sqlite3.Connection, member: bytes, text: str) -> bool:
    """Say whether somebody named this member, by its name or its id."""
    wanted = fold(text)
    return wanted in {fold(member_name(db, member) or ""), base32_id(member), base32_id(member)[:8]}


def in_name_of(db: sqlite3.Connection, hat: Hat, seller: Buyer) -> Hat:
    """Return whoever sells as if it acted here: what is read and shown is about that one."""
    return (
        hat if seller.member == hat.member else replace(hat, member=seller.member, name=shown_name(db, seller.member))
    )


def require_stock(db: sqlite3.Connection, hat: Hat, seller: Buyer) -> None:
    """Make sure that this device may spend the stock of a seller, and knows what was spent before.

    Raises:
        RefusedError: see `require_right`, or `handover_missing`.
    """
    require_right(db, hat, "stock")
    if not holds_handover(db, hat, seller.member):
        raise RefusedError(
            "handover_missing",
            N_("What was set aside for {name} before has not all arrived here yet."),
            N_("Connect with the other nodes first: foodhub node run"),
            name=shown_name(db, seller.member),
        )


def holds_handover(db: sqlite3.Connection, hat: Hat, producer: bytes) -> bool:
    """Say whether all is here that a representative handed over of a producer that a hat was confirmed to be.

    All that can still count of its representative's has to be signed by then; contents matter of what hands over alone.
    """
    row = db.execute(
        "SELECT l.author, s.basis FROM successor s JOIN log l ON l.ref = s.place >> ?"
        ' WHERE s.member = ? AND s."by" = ?',
        (SEQ_BITS, producer, hat.member),
    ).fetchone()
    if row is None:
        return True
    writer, heads = row[0], dict(_heads.decode(row[1]))
    if not all(_reaches(db, device, seq) for device, seq in heads.items()):
        return False
    (lacking,) = db.execute(
        "SELECT count(*) FROM wanted w JOIN log l ON l.author = ?1 AND l.log = ?2 WHERE w.place > (l.ref << ?3)"
        " AND w.place <= (l.ref << ?3) + ?4",
        (writer, int(Log.TRADE), SEQ_BITS, heads.get(writer, 0)),
    ).fetchone()
    return int(lacking) == 0


def _reaches(db: sqlite3.Connection, device: bytes, seq: int) -> bool:
    """Say whether the log 2 of a device is here up to a place, or to its limit if that is lower."""
    held = log_row(db, device, Log.TRADE)
    return held is not None and held.seq >= (min(seq, held.limit - 1) if held.limit else seq)
