"""The rules that a statement about a cycle or an order has to keep, so that no reader meets what it can't show.

Each function returns a short stable code for the first rule that is broken, or None, and never raises. A rule knows no
clock, no machine and nobody else's statements: every node has to judge alike. That is why a zone is judged by its
letters alone, since which zones exist depends on the machine.
"""

import re
from collections.abc import Iterable
from typing import Final

from foodhub.catalog.statements import LENGTHS
from foodhub.catalog.texts import text_fault
from foodhub.log.encoding import LATEST
from foodhub.orders.statements import (
    MAX_COMMENT,
    Allot,
    Answer,
    Cycle,
    EraseAnswer,
    EraseRequest,
    Order,
    OrderLine,
    Profile,
    Receipt,
    Remark,
    Standing,
    Total,
    derived_id,
)

MAX_NAME: Final = 100
"""The most characters that the name of a member or of a cycle has."""

_ZONE: Final = re.compile("[A-Za-z][A-Za-z0-9_+/-]{0,63}")
_REASON: Final = re.compile("[a-z_]{0,40}")
_CURRENCY: Final = re.compile("[A-Z]{3}")
_BULK: Final = {"kg": "g", "l": "ml"}


def profile_faults(profile: Profile) -> str | None:
    """Judge the public name of a member."""
    return text_fault("name", profile.name, 1, MAX_NAME)


def cycle_faults(cycle: Cycle) -> str | None:
    """Judge an order cycle."""
    if not 0 <= cycle.opens < cycle.closes < LATEST:
        return "closes_before_it_opens" if cycle.opens >= cycle.closes else "time_range"
    if not _ZONE.fullmatch(cycle.zone):
        return "zone_characters"
    return text_fault("name", cycle.name, 1, MAX_NAME)


def allot_faults(allot: Allot) -> str | None:
    """Judge an allotment: one for each product, cycle and device, so that two can't speak of the same stock."""
    local = derived_id(b"allot", allot.cycle_owner, allot.cycle, allot.device, allot.product)
    return None if allot.local == local else "other_id"


def order_faults(order: Order) -> str | None:
    """Judge a placement: it names at least one product, and each only once."""
    if not order.lines:
        return "no_lines"
    if _twice((line.producer, line.product) for line in order.lines):
        return "line_twice"
    return next((fault for fault in map(_line_faults, order.lines) if fault), None)


def _line_faults(line: OrderLine) -> str | None:
    for field in ("sku", "name", "variant"):
        fault = text_fault(field, getattr(line, field), *LENGTHS[field])
        if fault:
            return fault
    if not _CURRENCY.fullmatch(line.currency):
        return "currency_code"
    unit = _BULK.get(line.price_per)
    return "unit_of_price" if unit and (line.unit, line.unit_value) != (unit, 1) else None


def answer_faults(answer: Answer) -> str | None:
    """Judge a hub's answer: one for each placement, and no promise beyond what was ordered."""
    if answer.local != derived_id(b"answer", answer.buyer, answer.order):
        return "other_id"
    if _twice((line.producer, line.product) for line in answer.lines):
        return "line_twice"
    if not all(_REASON.fullmatch(reason) for reason in (answer.reason, *(line.reason for line in answer.lines))):
        return "reason_characters"
    decided = answer.outcome == "received"
    if any(line.promised > (line.quantity if decided and line.decided else 0) for line in answer.lines):
        return "promised_too_much"
    return None


def remark_faults(remark: Remark) -> str | None:
    """Judge a remark: a comment that can be shown, and one consent for each product."""
    if _twice((producer, product) for producer, product, _ in remark.consents):
        return "line_twice"
    return text_fault("comment", remark.comment, 0, MAX_COMMENT)


def standing_faults(standing: Standing) -> str | None:
    """Judge a standing order: each product once."""
    return "line_twice" if _twice((line.producer, line.product) for line in standing.lines) else None


def receipt_faults(receipt: Receipt) -> str | None:
    """Judge a receipt: a placement stands once in it, and each product once in a placement."""
    if _twice((row.buyer, row.order) for row in receipt.rows):
        return "named_twice"
    twice = any(_twice((line.producer, line.product) for line in row.lines) for row in receipt.rows)
    return "line_twice" if twice else None


def total_faults(total: Total) -> str | None:
    """Judge the total of a product in a cycle, of which there is one."""
    local = derived_id(b"total", total.cycle_owner, total.cycle, total.producer, total.product)
    return None if total.local == local else "other_id"


def erase_request_faults(request: EraseRequest) -> str | None:
    """Judge a request to erase, of which there is one for each member asked."""
    local = derived_id(b"erase_request", request.about, request.scope.encode())
    return None if request.local == local else "other_id"


def erase_answer_faults(answer: EraseAnswer) -> str | None:
    """Judge the answer to a request to erase: one for each, with a date where something is left for later."""
    if answer.local != derived_id(b"erase_answer", answer.requester, answer.request):
        return "other_id"
    return None if (answer.outcome == "later") == (answer.earliest > 0) else "earliest_of_outcome"


def _twice(keys: Iterable[tuple[bytes, bytes]]) -> bool:
    found = list(keys)
    return len(set(found)) < len(found)
