"""What a producer says to a purchase order: seen, yes, or less with a reason.

What it does not accept is a shortfall in the same breath, which the hub then shares.
"""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from foodhub.catalog.naming import base32_id, id_bytes
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.node.buyers import Buyer
from foodhub.node.hat import Hat
from foodhub.node.households import unwritable
from foodhub.node.purchase_standing import in_zone_of, may_change
from foodhub.node.purchases import PurchaseRow
from foodhub.node.represented import behalf, represented_by
from foodhub.node.sellers import seller_of
from foodhub.node.standing import require_standing
from foodhub.orders.purchase import (
    Purchase,
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

_answers = msgspec.msgpack.Decoder(PurchaseAnswer)
_ACTS: dict[Said, PurchaseAct] = {
    "seen": "look",
    "accepted": "accept",
    "part": "accept_part",
    "refused": "refuse",
}


def mark_seen(tx: Transaction, hat: Hat, row: PurchaseRow) -> bool:
    """Tell the hub that its purchase order was looked at, by its producer or whoever represents it; return if so.

    A hub that represents the producer has looked at its own order: that says nothing.
    """
    if row.state != "sent" or not tx.may_sign(hat.member):
        return False
    producer, seller = id_bytes(row.producer_id), seller_of(tx.db, hat)
    if row.hub_id != base32_id(hat.member) and producer in represented_by(tx.db, hat):
        seller = behalf(tx.db, hat, row.producer_id)
    return producer == seller.member and _answer(tx, hat, seller, row, "seen", "", [])


def answer_purchase(
    tx: Transaction,
    hat: Hat,
    row: PurchaseRow,
    accepted: Mapping[bytes, int],
    reason: str = "",
    *,
    seller: Buyer | None = None,
) -> Said:
    """Accept a purchase order, or as much of each product as `accepted` says (pieces, g or ml); return what it is then.

    What is not named is accepted whole, or as far as its producer said before that there is of it. Less is told to the
    hub as a shortfall, which it shares. With a `seller` it is that one's answer, for whom we write.

    Raises:
        RefusedError: it is not to us, was answered before, its cycle was opened again, or more is accepted than was
            ordered; `reason_needed`.
    """
    require_standing(tx.db, hat)
    seller = seller or seller_of(tx.db, hat)
    _require_producer(seller, row)
    _require_closed(tx, row)
    lines = _short_lines(row, accepted, reason, _lacking(row, _said_before(tx.db, seller, row)))
    wanted = {line.product for line in row.statement.lines if line.quantity}
    nothing = bool(wanted) and wanted <= {line.product for line in lines if not line.accepted}
    state: Said = "refused" if nothing else "part" if lines else "accepted"
    purchase_after(row.state, _ACTS[state])
    _answer(tx, hat, seller, row, state, reason or (lines[0].reason if nothing else ""), [] if nothing else lines)
    return state


def _lacking(row: PurchaseRow, before: PurchaseAnswer | None) -> dict[bytes, PurchaseAnswerLine]:
    """Return the products of which there is less, as their producer said itself and not with an answer before."""
    lacked = _less(before, row.statement) if before else {}
    said = {id_bytes(line.product_id): line for line in row.lines if line.available is not None}
    return {
        product: PurchaseAnswerLine(product, line.available, line.why)
        for product, line in said.items()
        if line.available is not None and line.available != lacked.get(product)
    }


def _short_lines(
    row: PurchaseRow, accepted: Mapping[bytes, int], reason: str, lacking: Mapping[bytes, PurchaseAnswerLine]
) -> list[PurchaseAnswerLine]:
    """Return what is said of the products of which less is accepted than was ordered.

    Raises:
        RefusedError: `accepted_too_much`, `reason_needed`.
    """
    lines = []
    for line in row.statement.lines:
        if line.product in lacking and line.product not in accepted:
            lines.append(lacking[line.product])
            continue
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
    if not all(line.reason for line in lines):
        raise RefusedError("reason_needed", N_("Say why it is less."), N_("Write it like: --reason hail"))
    return lines


def _require_producer(seller: Buyer, row: PurchaseRow) -> None:
    if row.producer_id != base32_id(seller.member):
        raise RefusedError(
            "not_your_purchase",
            N_("This purchase order is for {producer}."),
            N_('Act as its producer with --as NAME, or if you represent it, with --for "{producer}".'),
            producer=row.producer,
        )


def _require_closed(tx: Transaction, row: PurchaseRow) -> None:
    """Make sure that nobody says yes to what may still become more."""
    found = may_change(tx.db, row, tx.now)
    if found is not None:
        raise RefusedError(
            "cycle_open_again",
            N_('"{cycle}" was opened again: what is ordered from you may still change.')
            if found.why == "open"
            else N_('"{cycle}" was opened again and has closed: what is ordered from you may have changed.'),
            N_("Wait until it has closed; the purchase order then comes anew if it has changed.")
            if found.why == "open"
            else N_("If so, the purchase order comes anew by {until}. Wait for that."),
            cycle=row.cycle,
            until=in_zone_of(row, found.until),
        )


def _answer(
    tx: Transaction,
    hat: Hat,
    seller: Buyer,
    row: PurchaseRow,
    state: Said,
    reason: str,
    lines: Sequence[PurchaseAnswerLine],
) -> bool:
    hub, said = id_bytes(row.hub_id), row.statement
    cycle = (said.cycle_owner, said.cycle)
    local = purchase_answer_id(hub, cycle, said.part)
    before = _said_before(tx.db, seller, row)
    version = before.version + 1 if before else 1
    answer = PurchaseAnswer(local, version, hub, *cycle, said.part, said.version, state, reason, list(lines))
    short = _shortfalls(tx.db, seller, answer, said, before)
    try:
        tx.append(hat.member, Log.TRADE, [seller.enclose(each) for each in (answer, *short)], readers=[hub])
    except LookupError:
        raise unwritable(tx.db, hub) from None
    except ValueError:
        raise RefusedError(
            "bad_reason", N_("The reason is too long, or can't be shown."), N_("Write it like: --reason hail")
        ) from None
    return True


def _said_before(db: sqlite3.Connection, seller: Buyer, row: PurchaseRow) -> PurchaseAnswer | None:
    """Return the last answer of a seller to a purchase order, of whatever version that was."""
    said = row.statement
    local = purchase_answer_id(id_bytes(row.hub_id), (said.cycle_owner, said.cycle), said.part)
    held = db.execute(
        "SELECT a.body FROM purchase_answer a JOIN party o ON o.ref = a.owner WHERE o.id = ? AND a.local = ?",
        (seller.member, local),
    ).fetchone()
    return _answers.decode(held[0]) if held else None


def _shortfalls(
    db: sqlite3.Connection, seller: Buyer, answer: PurchaseAnswer, said: Purchase, before: PurchaseAnswer | None
) -> list[Shortfall]:
    """Return what the hub has to share after an answer: what is less, and no more what an answer before had lacked.

    Once a purchase order was changed and looked at, what was said of it as it was before holds no more.
    """
    cycle, less, lacked = (said.cycle_owner, said.cycle), _less(answer, said), _less(before, said) if before else {}
    found = []
    for line in said.lines:
        left = less.get(line.product, line.quantity)
        local = derived_id(b"shortfall", *cycle, answer.hub, line.product)
        version, available, reason = db.execute(
            "SELECT s.version, s.available, s.reason FROM shortfall s JOIN party o ON o.ref = s.owner"
            " WHERE o.id = ? AND s.local = ?",
            (seller.member, local),
        ).fetchone() or (0, left, "")
        lifted = version and available < left and available == lacked.get(line.product)
        known = version and available == left  # it said so itself, with a reason of its own
        if (line.product in less and not known) or lifted:
            why = answer.reason or reason
            found.append(Shortfall(local, version + 1, *cycle, answer.hub, line.product, left, why))
    return found


def _less(answer: PurchaseAnswer, said: Purchase) -> dict[bytes, int]:
    """Return how much is accepted of the products of which that is less than was ordered."""
    if answer.state == "refused":
        return {line.product: 0 for line in said.lines if line.quantity}
    return {line.product: line.accepted for line in answer.lines}
