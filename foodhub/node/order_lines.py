"""The lines of an order as buyers and aggregators see them: what is promised or confirmed of each, and why not all.

Read from placements, answers and confirmations; nothing here signs.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from foodhub.catalog.naming import base32_id, full_name
from foodhub.money import line_amount
from foodhub.node.placements import Placement
from foodhub.orders.closing import Confirmation, ConfirmedLine
from foodhub.orders.statements import AnswerLine, OrderLine

UNDECIDED = "undecided"
"""Why not all of a line is promised: the aggregator has not decided about the rest."""
LATE = "late"
SUPPLIER_LATE = "supplier_late"
Consents = Mapping[tuple[bytes, bytes], str]
"""By (producer, product) what the buyer of an order lets stand in."""
_NOT_TAKEN = {"declined", "not_permitted"}
"""Reasons of an answer that says how much was taken in all the same."""


class LineRow(msgspec.Struct, frozen=True):
    """A line of an order as it is shown; quantities in pieces, g or ml, money in minor units.

    `taken` is what of `ordered` was taken in: less where the aggregator declined the rest, or may not sell it.
    `confirmed` is what is promised, and after the close what is confirmed; None while that is open. `share` is what the
    buyer gets of it as far as is known, less than `confirmed` where the producer is short. `substitute` says what the
    buyer lets stand in for it, `note` what the producer said of the lack. A line that its buyer changed too late is
    shown as it stands, and `late` is how much was wanted instead (else None).
    """

    product: str
    product_id: str
    producer_id: str
    sku: str
    ordered: int
    tolerance: int
    taken: int
    confirmed: int | None
    share: int | None
    price: int
    price_per: str
    total: int
    reason: str
    substitute: str
    note: str = ""
    late: int | None = None

    @property
    def left(self) -> int:
        """Return how much of it was not taken in, where some was."""
        return self.ordered - self.taken if self.taken else 0


def line_rows(db: sqlite3.Connection, placements: Iterable[Placement], consents: Consents) -> list[LineRow]:
    """Return the lines of placements of an order, those of one product at one price added up."""
    merged: defaultdict[tuple[str, str, int], list[LineRow]] = defaultdict(list)
    for placement in placements:
        said = {(line.producer, line.product): line for line in placement.answer}
        for line in (*placement.lines, *_taken_out_late(db, placement)):
            key = (line.producer, line.product)
            row = _line_row(placement, line, said.get(key), consents.get(key, ""))
            merged[row.producer_id, row.product_id, row.price].append(row)
    return [_merged(rows) for rows in merged.values()]


def _taken_out_late(db: sqlite3.Connection, placement: Placement) -> Iterator[OrderLine]:
    """Yield the lines that a buyer left out of its order too late, so that they stand."""
    named = {(line.producer, line.product) for line in placement.lines}
    for line in placement.answer if placement.changed_late else ():
        if (line.producer, line.product) not in named:
            stated = _stated(db, line.producer, line.product)
            yield from [stated] if stated is not None else []


def _line_row(placement: Placement, line: OrderLine, answer: AnswerLine | None, substitute: str) -> LineRow:
    late = None
    if placement.changed_late:
        if answer is None:  # a product that only the change names
            answer = AnswerLine(line.producer, line.product, line.quantity, 0, decided=True, reason=LATE)
        late = line.quantity if line.quantity != answer.quantity and not placement.cancelled else None
        line = msgspec.structs.replace(line, quantity=answer.quantity)
    said = (line.quantity, None, "") if placement.gone else _said_of(placement, line, answer)
    return _shown(line, *said, substitute, late)


def _shown(
    line: OrderLine, taken: int, confirmed: int | None, reason: str, substitute: str, late: int | None
) -> LineRow:
    return LineRow(
        product=full_name(line.name, line.variant),
        product_id=base32_id(line.product),
        producer_id=base32_id(line.producer),
        sku=line.sku,
        ordered=line.quantity,
        tolerance=line.tolerance,
        taken=taken,
        confirmed=confirmed,
        share=None,
        price=line.price,
        price_per=line.price_per,
        total=line_amount(line.price, line.price_per, _counts(taken, confirmed, reason)),
        reason=reason,
        substitute=substitute,
        late=late,
    )


def _counts(taken: int, confirmed: int | None, reason: str) -> int:
    """Return how much of a line its amount is for: what was taken in, as long as the rest is not decided."""
    return taken if confirmed is None or reason == UNDECIDED else confirmed


def _said_of(placement: Placement, line: OrderLine, answer: AnswerLine | None) -> tuple[int, int | None, str]:
    """Return what of a line was taken in, what is promised of it (None: not decided), and why not all.

    What was answered to another quantity of before says nothing of what is more now.
    """
    if answer is None:
        return line.quantity, None, ""
    known = placement.current or answer.quantity == line.quantity
    reason = answer.reason if known else ""
    taken = min(answer.quantity, line.quantity) if reason in _NOT_TAKEN else line.quantity
    if not answer.decided or not (answer.promised or reason):
        return taken, None, reason
    confirmed = min(answer.promised, line.quantity)
    return taken, confirmed, reason or (UNDECIDED if confirmed < line.quantity else "")


def _merged(rows: list[LineRow]) -> LineRow:
    """Add up lines of one product at one price; the amount is rounded once, on the sum."""
    first = rows[0]
    if len(rows) == 1:
        return first
    amounts = [_counts(row.taken, row.confirmed, row.reason) for row in rows]
    decided = [row.confirmed for row in rows if row.confirmed is not None]
    # What is promised stays so while more is not answered yet.
    open_rest = UNDECIDED if any(decided) and len(decided) < len(rows) else ""
    return msgspec.structs.replace(
        first,
        ordered=sum(row.ordered for row in rows),
        tolerance=sum(row.tolerance for row in rows),
        taken=sum(row.taken for row in rows),
        confirmed=sum(decided) if any(decided) or len(decided) == len(rows) else None,
        total=line_amount(first.price, first.price_per, sum(amounts)),  # type: ignore[arg-type]
        reason=next((row.reason for row in rows if row.reason), open_rest),
        late=sum(row.ordered if row.late is None else row.late for row in rows)
        if any(row.late is not None for row in rows)
        else None,
    )


def with_confirmed(db: sqlite3.Connection, lines: list[LineRow], said: Confirmation) -> list[LineRow]:
    """Return the lines as they were confirmed; what stands in for another product follows."""
    confirmed = {(base32_id(line.producer), base32_id(line.product)): line for line in said.lines}
    shown = []
    for line in lines:
        found = confirmed.pop((line.producer_id, line.product_id), None)
        # What never joined the queue, its answer says why. Of what was taken in since, nobody has said anything yet.
        before = line.reason or UNDECIDED
        amounts = (found.confirmed, found.share, why_less(found)) if found else (0, 0, before)
        if found is not None and found.confirmed < line.ordered and not found.reason:
            amounts = (found.confirmed, found.share, before)
        if found is not None and line.late is not None:
            line = msgspec.structs.replace(line, tolerance=found.tolerance)  # noqa: PLW2901 - as it stands
        shown.append(_counting(line, *amounts, found.note if found else ""))
    rest = [_standing_in(db, line) for line in confirmed.values()]
    return [*shown, *(line for line in rest if line is not None)]


def why_less(line: ConfirmedLine) -> str:
    """Return why a line got less: a product may stand in for a part of it, and its producer lack the rest.

    What a confirmation calls late was ordered in time: it was the order to the supplier that came too late.
    """
    if line.reason == LATE:
        return SUPPLIER_LATE
    short = any(slip.about == "shortfall" and slip.share < line.confirmed for slip in line.slips)
    return "substituted_short" if line.reason == "substituted" and short else line.reason


def _counting(line: LineRow, confirmed: int, share: int, reason: str, note: str) -> LineRow:
    total = line_amount(line.price, line.price_per, share)  # type: ignore[arg-type]
    return msgspec.structs.replace(line, confirmed=confirmed, share=share, reason=reason, note=note, total=total)


def _standing_in(db: sqlite3.Connection, line: ConfirmedLine) -> LineRow | None:
    """Return a line that was not ordered: a product that stands in for another, as its producer states it."""
    stated = _stated(db, line.producer, line.product)
    if stated is None:
        return None
    ordered = msgspec.structs.replace(stated, quantity=line.ordered, tolerance=line.tolerance)
    whole = _shown(ordered, line.ordered, None, "", "", None)
    return _counting(whole, line.confirmed, line.share, line.reason, line.note)


def _stated(db: sqlite3.Connection, producer: bytes, product: bytes) -> OrderLine | None:
    """Return a product as its producer states it now, as a line of an order that wants nothing of it."""
    row = db.execute(
        "SELECT p.version, p.sku, p.name, p.variant, p.unit, p.unit_value, p.price, p.price_per, p.currency, 0, 0"
        " FROM product p JOIN party m ON m.ref = p.owner WHERE m.id = ? AND p.local = ?",
        (producer, product),
    ).fetchone()
    return None if row is None else OrderLine(producer, product, *row)
