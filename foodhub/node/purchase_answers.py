"""What a producer says to a purchase order: seen, yes, or less with a reason.

What it does not accept is a shortfall in the same breath, which the hub then shares.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.hat import Hat
from foodhub.node.purchases import PurchaseRow
from foodhub.node.standing import require_standing
from foodhub.orders.purchase import (
    PurchaseAct,
    PurchaseAnswer,
    PurchaseAnswerLine,
    Said,
    purchase_after,
    purchase_answer_id,
)
from foodhub.orders.reserving import Shortfall
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction

_ACTS: dict[Said, PurchaseAct] = {
    "seen": "look",
    "accepted": "accept",
    "part": "accept_part",
    "refused": "refuse",
}


def mark_seen(tx: Transaction, hat: Hat, row: PurchaseRow) -> bool:
    """Tell the hub that its purchase order was looked at; return whether that was news."""
    if row.state != "sent" or not _is_producer(hat, row) or not tx.may_sign(hat.member):
        return False
    return _answer(tx, hat, row, "seen", "", [])


def answer_purchase(
    tx: Transaction, hat: Hat, row: PurchaseRow, accepted: Mapping[bytes, int], reason: str = ""
) -> Said:
    """Accept a purchase order, or as much of each product as `accepted` says (pieces, g or ml); return what it is then.

    What is not named is accepted whole. Less is told to the hub as a shortfall, which it shares.

    Raises:
        RefusedError: it is not to us, was answered before, or more is accepted than was ordered; `reason_needed`.
    """
    require_standing(tx.db, hat)
    _require_producer(hat, row)
    lines = []
    for line in row.statement.lines:
        given = accepted.get(line.product, line.quantity)
        if given > line.quantity:
            raise RefusedError(
                "accepted_too_much",
                N_("More of {product} is accepted than was ordered."),
                N_("Accept at most what the purchase order says."),
                product=line.name,
            )
        if given < line.quantity:
            lines.append(PurchaseAnswerLine(line.product, given, reason))
    if lines and not reason:
        raise RefusedError("reason_needed", N_("Say why it is less."), N_("Write it like: --reason hail"))
    nothing = all(accepted.get(line.product, line.quantity) == 0 for line in row.statement.lines)
    state: Said = "refused" if nothing else "part" if lines else "accepted"
    purchase_after(row.state, _ACTS[state])
    _answer(tx, hat, row, state, reason, [] if nothing else lines)
    return state


def _is_producer(hat: Hat, row: PurchaseRow) -> bool:
    return row.producer_id == base32_id(hat.member)


def _require_producer(hat: Hat, row: PurchaseRow) -> None:
    if not _is_producer(hat, row):
        raise RefusedError(
            "not_your_purchase",
            N_("This purchase order is for {producer}."),
            N_("Act as its producer with --as NAME."),
            producer=row.producer,
        )


def _answer(
    tx: Transaction,
    hat: Hat,
    row: PurchaseRow,
    state: Said,
    reason: str,
    lines: Sequence[PurchaseAnswerLine],
) -> bool:
    hub, said = id_bytes(row.hub_id), row.statement
    cycle = (said.cycle_owner, said.cycle)
    local = purchase_answer_id(hub, cycle, said.part)
    held = tx.db.execute(
        "SELECT a.version FROM purchase_answer a JOIN party o ON o.ref = a.owner WHERE o.id = ? AND a.local = ?",
        (hat.member, local),
    ).fetchone()
    version = held[0] + 1 if held else 1
    answer = PurchaseAnswer(local, version, hub, *cycle, said.part, said.version, state, reason, list(lines))
    less = {line.product: line.accepted for line in lines}
    if state == "refused":
        less = {line.product: 0 for line in said.lines}
    short = [_shortfall(tx.db, hat, hub, cycle, product, left, reason) for product, left in less.items()]
    try:
        tx.append(hat.member, Log.TRADE, [answer, *short], readers=[hub])
    except LookupError:
        raise RefusedError("no_box_key", N_("{hub} can't be written to yet."), N_("Sync first."), hub=row.hub) from None
    except ValueError:
        raise RefusedError(
            "bad_reason", N_("The reason is too long, or can't be shown."), N_("Write it like: --reason hail")
        ) from None
    return True


def _shortfall(
    db: sqlite3.Connection,
    hat: Hat,
    hub: bytes,
    cycle: tuple[bytes, bytes],
    product: bytes,
    available: int,
    reason: str,
) -> Shortfall:
    local = derived_id(b"shortfall", *cycle, hub, product)
    row = db.execute(
        "SELECT s.version FROM shortfall s JOIN party o ON o.ref = s.owner WHERE o.id = ? AND s.local = ?",
        (hat.member, local),
    ).fetchone()
    return Shortfall(local, row[0] + 1 if row else 1, *cycle, hub, product, available, reason)
