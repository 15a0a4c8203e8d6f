"""Vectors of the close: what is filled, who gets what with which slips, and which slips contradict each other.

What stands there is worked out by the rules of `foodhub.orders`, which `tests/orders` holds to what they promise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from foodhub.log.encoding import LIMIT, encode
from foodhub.orders.allocation import Allocation, Basis, Supply, allocate, fingerprint, order_up, share_out
from foodhub.orders.cases import Terms
from foodhub.orders.closing import ConfirmedLine, Slip, SlipRow
from foodhub.orders.exchanges import ProductRule, Sharing
from foodhub.orders.queue import Product, Row
from foodhub.orders.shown_queue import Queue, QueueGoods, ShownQueue, put_together, queue_id, queue_parts
from foodhub.orders.slips import fault_of, overlap
from foodhub.orders.sums import aggregators_in, sum_id
from tests.vectors.seeds import Json, plain, seed
from tests.vectors.trade_cases import CYCLE, a_confirmation

A, B, C, D = (seed(f"customer {name}") for name in "abcd")
GOODS: Product = (seed("a producer"), seed("goods", 16))
MORE: Product = (seed("a producer"), seed("more goods", 16))
Wish = tuple[bytes, int, int]
"""buyer, quantity, tolerance"""

ROWS: Sequence[Wish] = [(A, 3, 1), (B, 2, 0), (C, 1, 2), (B, 0, 5), (C, 1, 0), (D, 4, 4)]
BULK: Sequence[Wish] = [(A, 1250, 0), (B, 700, 150), (C, 2300, 200), (A, 50, 0)]


def rule(*words: str) -> ProductRule:
    """Return a rule from those of its words that differ from the default."""
    base = {"filled": "hub", "leftover": "cut", "spread": "queue", "sharing": "queue"}
    fields = {"group": "filled", "household": "filled", "fair": "spread", "proportional": "sharing", "equal": "sharing"}
    for word in words:
        base[fields.get(word, "leftover" if word in {"round_up", "open", "ask"} else "sharing")] = word
    return ProductRule(**base)  # type: ignore[arg-type]


def rows_of(wishes: Sequence[Wish], product: Product = GOODS) -> list[Row]:
    """Return the queue of these wishes."""
    return [
        Row(buyer, seed(f"order {number}", 16), *product, quantity, tolerance)
        for number, (buyer, quantity, tolerance) in enumerate(wishes)
    ]


def filled() -> Iterator[tuple[str, Sequence[Wish], Terms, Supply]]:
    """Yield name, rows, terms and supply."""
    six = Terms(size=6)
    free = Supply(None)
    yield "no case", ROWS, Terms(), free
    yield "no case, too little", ROWS, Terms(), Supply(7)
    yield "no case, in steps of two, too little", ROWS, Terms(step=2), Supply(7)
    yield "no case, but a minimum that is missed", ROWS, Terms(minimum=24), free
    yield "no case, but a minimum that tolerance meets", ROWS, Terms(minimum=20), free
    yield "a case of six: tolerance fills the second", ROWS, six, free
    yield "a case of six, spread fairly", ROWS, Terms(rule("fair"), 6), free
    yield "a case of eight: the second is not filled", [(A, 9, 6)], Terms(size=8), free
    yield "tolerance alone opens none", [(A, 0, 9)], six, free
    yield "nothing is wanted", [(A, 0, 0)], Terms(size=6, minimum=12), free
    yield "a minimum of two cases", [(A, 7, 5)], Terms(size=6, minimum=10), free
    yield "a minimum that is missed", [(A, 7, 4)], Terms(size=6, minimum=10), free
    yield "a minimum that is missed, rounded up", [(A, 1, 0)], Terms(rule("round_up"), 6, 10), free
    yield "rounded up", [(A, 7, 1)], Terms(rule("round_up"), 6), free
    yield "rounded up, spread fairly", [(A, 5, 2), (B, 2, 2)], Terms(rule("round_up", "fair"), 6), free
    yield "a case that is opened", [(A, 7, 1)], Terms(rule("open"), 6, broken=True), free
    yield "a case that is opened, below the minimum", [(A, 7, 1)], Terms(rule("open"), 6, 12, broken=True), free
    yield "a case that nobody breaks", [(A, 7, 1)], Terms(rule("open"), 6), free
    yield "a person is asked", [(A, 7, 1)], Terms(rule("ask"), 6), free
    yield "whole cases within what is set aside", ROWS, six, Supply(11)
    yield "an opened case within what is set aside", ROWS, Terms(rule("open"), 6, broken=True, step=2), Supply(9)
    yield "less than the minimum is set aside", ROWS, Terms(size=6, minimum=12), Supply(11)
    yield "each household for itself", ROWS, Terms(rule("household"), 3), free
    yield "each household for itself, within what is set aside", ROWS, Terms(rule("household"), 3), Supply(5)
    yield "a minimum of all households together", ROWS, Terms(rule("household"), 3, 12), free
    yield "one household for itself", [(A, 2, 2)], Terms(rule("household"), 3, 6), free
    yield "groups for themselves, the others together", ROWS, Terms(rule("group"), 4), free
    yield "what a supplier gave", ROWS, six, Supply(8, given=True, reason="case_not_full")
    yield "what a supplier gave to groups and others", ROWS, Terms(rule("group"), 4), Supply(6, given=True)
    yield "by weight, spread fairly", BULK, Terms(rule("fair"), 500, step=50, part=100), Supply(4500)


def allocations() -> Json:
    """Return what each queue fills."""
    made = []
    for name, wishes, terms, supply in filled():
        queue = {GOODS: rows_of(wishes)}
        about = {"name": name, **terms_of(terms), "limit": supply.units, "given": supply.given}
        found = allocate(queue, {GOODS: terms}, {GOODS: supply}, {D})
        up = order_up(queue[GOODS], terms, {D})
        made.append({**about, "rows": rows_shown(queue[GOODS]), **result(queue, {GOODS: terms}, found), "order_up": up})
    both = {GOODS: rows_of(ROWS), MORE: rows_of(BULK, MORE)}
    terms_both = {GOODS: Terms(rule("fair"), 6), MORE: Terms(rule("open", "equal"), 1000, broken=True, part=100)}
    all_of_it = allocate(both, terms_both, dict.fromkeys(both, Supply(None)), {D})
    return {
        "about": "Allocations of one product each: customer d is a group. A slip is the array that a confirmation has.",
        "customers": {name: each.hex() for name, each in zip("abcd", (A, B, C, D), strict=True)},
        "product": plain(GOODS),
        "cases": made,
        "two_products": {
            "products": [
                {"product": plain(product), **terms_of(terms_both[product]), "rows": rows_shown(both[product])}
                for product in sorted(both)
            ],
            "fingerprint": fingerprint(both, terms_both, all_of_it).hex(),
        },
        "shown_queues": [*shown(Basis(1, both, terms_both, dict.fromkeys(both, Supply(None)), {D}))],
        "shortfalls": [*shortfalls()],
        "faults": [
            {"name": name, "why": fault_of(slip, line), **slip_of(slip), "line": line_of(line)}
            for name, slip, line in wrong()
        ],
        "contradictions": [
            {"name": name, "why": overlap(one, other), "one": encode(one).hex(), "other": encode(other).hex()}
            for name, one, other in contradicting()
        ],
    }


def shown(basis: Basis) -> Iterator[Json]:
    """Yield parts of queues as they are signed, and the fingerprint that whoever reads them works out, if any."""
    (whole,) = parts_of(basis, 2)
    first, second = (msgspec.structs.replace(each, rows=each.rows[:1]) for each in whole.goods)
    rests = [msgspec.structs.replace(each, rows=each.rows[1:]) for each in whole.goods]
    halves = [part_of_two(whole, 1, [first, second]), part_of_two(whole, 2, rests)]
    third = {"local": queue_id(CYCLE, 3), "part": 3, "of": 3}
    older = msgspec.structs.replace(whole, version=1, goods=whole.goods[:1], **third)
    most = msgspec.structs.replace(first, rows=[(0, LIMIT - 1, 1)])
    for name, parts in (
        ("in one part", [whole]),
        ("products that stand in both parts", [halves[1], halves[0]]),
        ("beside parts of an older version", [*halves, older]),
        ("one part is missing", halves[:1]),
        ("of two closes", [halves[0], msgspec.structs.replace(halves[1], at=2)]),
        ("a group fills its own cases", parts_of(with_a_sum(), 1)),
        ("more than can be counted", [msgspec.structs.replace(whole, goods=[most])]),
    ):
        found = put_together(parts)
        told = found and named(found.basis)
        yield {
            "name": name,
            "parts": [encode(part).hex() for part in parts],
            "fingerprint": told.hex() if told else None,
        }


def parts_of(basis: Basis, version: int) -> list[Queue]:
    """Return the parts in which a queue is shown."""
    versions = {(row.buyer, row.order): 1 for rows in basis.queue.values() for row in rows}
    return queue_parts(CYCLE, version, ShownQueue(basis, versions, named(basis)))


def named(basis: Basis) -> bytes:
    """Return the fingerprint of the allocation that follows."""
    found = allocate(basis.queue, basis.terms, basis.supply, basis.aggregators)
    return fingerprint(basis.queue, basis.terms, found)


def with_a_sum() -> Basis:
    """Return a queue in which the order of d is the sum of what its own customers want."""
    rows = [replace(row, order=sum_id(D, CYCLE, 0)) if row.buyer == D else row for row in rows_of(ROWS)]
    queue = {GOODS: rows}
    terms = {GOODS: Terms(rule("group"), 4)}
    return Basis(1, queue, terms, {GOODS: Supply(None)}, aggregators_in(queue.values(), CYCLE))


def part_of_two(whole: Queue, number: int, goods: list[QueueGoods]) -> Queue:
    """Return a part of two that holds these goods."""
    return msgspec.structs.replace(whole, local=queue_id(CYCLE, number), part=number, of=2, goods=goods)


def terms_of(terms: Terms) -> Json:
    """Return the terms of a product as JSON shows them."""
    case = {"size": terms.size, "minimum": terms.minimum, "broken": terms.broken}
    return {"rule": plain(msgspec.structs.astuple(terms.rule)), **case, "step": terms.step, "part": terms.part}


def rows_shown(rows: Sequence[Row]) -> list[list[Any]]:
    """Return rows as (buyer, order, quantity, tolerance)."""
    return [[row.buyer.hex(), row.order.hex(), row.quantity, row.tolerance] for row in rows]


def result(queue: Mapping[Product, Sequence[Row]], terms: Mapping[Product, Terms], found: Allocation) -> Json:
    """Return what became of one product."""
    of = found.products[GOODS]
    return {
        "units": of.units,
        "cases": of.cases,
        "leftover": of.leftover,
        "undecided": of.undecided,
        "lines": [{"buyer": buyer.hex(), **line_of(line)} for buyer, (line,) in found.lines.items()],
        "fingerprint": fingerprint(queue, terms, found).hex(),
    }


def line_of(line: ConfirmedLine) -> Json:
    """Return a line that is confirmed."""
    names = ("ordered", "tolerance", "confirmed", "share", "reason")
    return {**{name: getattr(line, name) for name in names}, **(slip_of(line.slips[0]) if line.slips else {})}


def slip_of(slip: Slip) -> Json:
    """Return a slip."""
    return {
        "slip": plain(msgspec.structs.astuple(slip)[:9]),
        "slip_rows": [list(msgspec.structs.astuple(row)) for row in slip.rows],
        "share": slip.share,
        "bytes": encode(slip).hex(),
    }


def shortfalls() -> Iterator[Json]:
    """Yield how less than was confirmed is shared."""
    confirmed = {A: 4, B: 4, C: 2, D: 2}
    for sharing, available, part, shares in (
        ("queue", 7, 1, None),
        ("proportional", 7, 1, None),
        ("proportional", 11, 1, None),
        ("equal", 7, 1, None),
        ("equal", 9, 2, None),
        ("by_hand", 6, 1, {A: 3, C: 1, D: 2}),
    ):
        yield shortfall(ROWS, confirmed, available, sharing, part, shares)  # type: ignore[arg-type]
    of_bulk = {A: 1300, B: 700, C: 2500}
    for sharing, available in (("proportional", 2000), ("proportional", 4490), ("equal", 2150), ("queue", 1999)):
        yield shortfall(BULK, of_bulk, available, sharing, 100)  # type: ignore[arg-type]


def shortfall(
    wishes: Sequence[Wish],
    confirmed: Mapping[bytes, int],
    available: int,
    sharing: Sharing,
    part: int,
    shares: Mapping[bytes, int] | None = None,
) -> Json:
    """Return one sharing with the slips of all."""
    rows = rows_of(wishes)
    slips = share_out(rows, confirmed, available, sharing, part, shares)
    return {
        "sharing": sharing,
        "available": available,
        "part": part,
        "rows": rows_shown(rows),
        "confirmed": {buyer.hex(): units for buyer, units in confirmed.items()},
        "slips": [{"buyer": buyer.hex(), **slip_of(slip)} for buyer, slip in slips.items()],
    }


def a_slip(rule: str = "queue", **changes: Any) -> Slip:
    """Return a slip of who stands behind (5, 2) of (7, 4) and wants (2, 2) of 9."""
    levels = {"fair": (1, 0, 1), "equal": (2, 0, 1)}.get(rule, (0, 0, 0))
    share = {"queue": 2, "fair": 4, "equal": 3}.get(rule, 2)
    slip = Slip("cases", rule, 9, 7, 4, 1, *levels, [SlipRow(2, 2, 5, 2)], share)  # type: ignore[arg-type]
    return msgspec.structs.replace(slip, **changes)


def wrong() -> Iterator[tuple[str, Slip, ConfirmedLine]]:
    """Yield slips with the line that they are to be of; the first ones are right."""
    changed = msgspec.structs.replace
    line = changed(a_confirmation().lines[0], ordered=2, tolerance=2, confirmed=2, share=2, slips=[])
    yield "right", a_slip(), line
    yield "right, fair", a_slip("fair"), changed(line, confirmed=4, share=4)
    yield "right, equal", a_slip("equal"), changed(line, confirmed=3, share=3)
    yield "right, a level above the wish", a_slip("equal", level=9, share=4), changed(line, confirmed=4, share=4)
    yield "right, of a shortfall", a_slip(about="shortfall"), changed(line, ordered=9, confirmed=4)
    yield "another wish", a_slip(), changed(line, ordered=3)
    yield "a wish of a shortfall that is not what was confirmed", a_slip(about="shortfall"), line
    yield "a row beyond the queue", a_slip(quantity=6), line
    yield "two rows at one place", a_slip(rows=[SlipRow(1, 1, 5, 2)] * 2), line
    yield "another share", a_slip(share=3), changed(line, confirmed=3, share=3)
    yield "more than there is", a_slip(units=1), line
    yield "more than is wanted", a_slip("by_hand", level=5, share=5), changed(line, confirmed=5, share=5)
    yield (
        "less than all though there is enough",
        a_slip("by_hand", units=20, level=1, share=1),
        changed(line, confirmed=1),
    )
    yield "another share than the line's", a_slip(), changed(line, confirmed=3)
    yield (
        "nothing is wanted by anybody",
        a_slip("proportional", quantity=0, tolerance=0, rows=[], share=0),
        changed(line, ordered=0, tolerance=0, confirmed=0),
    )


def contradicting() -> Iterator[tuple[str, Slip, Slip]]:
    """Yield slips of two customers; the first pairs can both be true."""
    before = a_slip(rows=[SlipRow(5, 2, 0, 0)], share=5)
    yield "both are right", before, a_slip()
    yield "other units", before, a_slip(units=8)
    yield "another rule", before, a_slip("fair")
    yield "one place", a_slip(rows=[SlipRow(3, 2, 3, 1)], share=3), a_slip()
    yield "in each other's way", a_slip(rows=[SlipRow(1, 0, 4, 3)], share=1), a_slip()
    yield "too much together", a_slip(rows=[SlipRow(5, 2, 0, 0)], share=8), a_slip()
    first = a_slip("equal", rows=[SlipRow(3, 2, 0, 0)], share=3, rest=1)
    yield "both have the first turn", first, a_slip("equal", rest=1)
    yield "one after the other", first, a_slip("equal", rank=1, share=2)
    for one, other in ((0, 1), (1, 0)):
        pair = (
            Slip("shortfall", "proportional", 5, 8, 0, 1, 0, one, 1, [SlipRow(3, 0, 0, 0)], 2 - one),
            Slip("shortfall", "proportional", 5, 8, 0, 1, 0, other, 1, [SlipRow(5, 0, 3, 0)], 4 - other),
        )
        yield f"turns {one} and {other} by remainder", *pair
