"""What a buyer says of its order besides quantities: a comment, and what may stand in for a line.

It changes no place in the queue, so it is a fact of its own beside the order.
"""

import sqlite3
from collections.abc import Mapping

import msgspec

from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import Buyer, as_itself
from foodhub.node.hat import Hat
from foodhub.node.households import unwritable
from foodhub.node.standing import require_standing
from foodhub.orders.statements import MAX_COMMENT, Consent, Remark
from foodhub.store.transaction import Transaction

_remarks = msgspec.msgpack.Decoder(Remark)
Consents = Mapping[tuple[bytes, bytes], Consent | None]
"""By (producer, product) what may stand in; None takes a consent back."""


def remark_of(db: sqlite3.Connection, buyer: bytes, order: bytes) -> Remark | None:
    """Return what a buyer remarked on its placement, None for nothing."""
    row = db.execute(
        "SELECT r.body FROM remark r JOIN party p ON p.ref = r.owner WHERE p.id = ? AND r.local = ?", (buyer, order)
    ).fetchone()
    return _remarks.decode(row[0]) if row else None


def consents_in(
    db: sqlite3.Connection, aggregator: bytes, cycle: tuple[bytes, bytes]
) -> dict[tuple[bytes, bytes, bytes], Consent]:
    """Return, by (buyer, producer, product), what buyers let stand in, of all that they placed in a cycle."""
    rows = db.execute(
        "SELECT b.id, r.body FROM placement p JOIN remark r ON r.owner = p.owner AND r.local = p.local"
        " JOIN party b ON b.ref = p.owner WHERE p.hub = ? AND p.cycle_owner = ? AND p.cycle = ? ORDER BY p.placed",
        (aggregator, *cycle),
    )
    found: dict[tuple[bytes, bytes, bytes], Consent] = {}
    for buyer, body in rows:
        for producer, product, consent in _remarks.decode(body).consents:
            found.setdefault((buyer, producer, product), consent)
    return found


def set_remark(
    tx: Transaction,
    hat: Hat,
    order: bytes,
    aggregator: bytes,
    *,
    comment: str | None = None,
    consents: Consents | None = None,
    buyer: Buyer | None = None,
) -> bool:
    """Remark on a placement of ours, leaving as it is what is None; return whether that changed anything.

    Raises:
        RefusedError: what we sign counts no more, the comment is too long, or the aggregator can't be written to.
    """
    require_standing(tx.db, hat)
    buyer = buyer or as_itself(tx.db, hat)
    held = remark_of(tx.db, buyer.member, order)
    agreed = {(producer, product): consent for producer, product, consent in (held.consents if held else [])}
    for key, consent in (consents or {}).items():
        if consent is None:
            agreed.pop(key, None)
        else:
            agreed[key] = consent
    text = comment if comment is not None else held.comment if held else ""
    listed = sorted((*key, consent) for key, consent in agreed.items())
    if (text, listed) == ((held.comment, held.consents) if held else ("", [])):
        return False
    remark = Remark(order, held.version + 1 if held else 1, text, listed)
    try:
        tx.append(hat.member, Log.TRADE, [buyer.enclose(remark)], readers=[aggregator])
    except LookupError:
        raise unwritable(tx.db, aggregator) from None
    except ValueError:
        raise RefusedError(
            "bad_comment",
            N_("The comment is too long, or holds characters that can't be shown."),
            N_("Use at most {most} characters, on one line."),
            most=MAX_COMMENT,
        ) from None
    return True
