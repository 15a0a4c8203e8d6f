"""The queue of an aggregator (hub or group): what its receipts say, as rows in the order in which they joined.

Pure. Every receipt restates what a placement wants now. What is more than before joins the end as a row of its own,
what is less is taken from the placement's newest rows, so that what is left keeps its place. The queue may never depend
on a buyer's clock, nor on what arrived when somewhere else: only on the receipts, in their order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from foodhub.orders.statements import Receipt, ReceiptRow

Product = tuple[bytes, bytes]
"""(producer, product)"""
Placement = tuple[bytes, bytes]
"""(buyer, order)"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the queue: what a placement wants of a product, and tolerates besides, from this place on."""

    buyer: bytes
    order: bytes
    producer: bytes
    product: bytes
    quantity: int
    tolerance: int


@dataclass(slots=True)
class _Place:
    """A row while receipts are read: a later one may take from it."""

    placement: Placement
    quantity: int
    tolerance: int


class _Queue:
    def __init__(self) -> None:
        self.of_product: defaultdict[Product, list[_Place]] = defaultdict(list)
        self.of_placement: defaultdict[Placement, dict[Product, list[_Place]]] = defaultdict(dict)

    def take(self, row: ReceiptRow) -> None:
        """Change the queue to what one placement wants now."""
        placement = (row.buyer, row.order)
        held = self.of_placement[placement]
        wanted = {(line.producer, line.product): (line.quantity, line.tolerance) for line in row.lines}
        for product, places in held.items():
            if product not in wanted:
                _change(places, 0, 0)
        for product, amounts in wanted.items():
            places = held.setdefault(product, [])
            more, more_tolerance = _change(places, *amounts) if places else amounts
            if more or more_tolerance:
                place = _Place(placement, more, more_tolerance)
                places.append(place)
                self.of_product[product].append(place)

    def rows(self) -> dict[Product, list[Row]]:
        """Return what is in the queue now; a row that was taken back whole is none."""
        found = {
            product: [
                Row(*place.placement, *product, place.quantity, place.tolerance)
                for place in places
                if place.quantity or place.tolerance
            ]
            for product, places in self.of_product.items()
        }
        return {product: rows for product, rows in found.items() if rows}


def _change(places: Sequence[_Place], quantity: int, tolerance: int) -> tuple[int, int]:
    """Take from the newest places until no more than this is left of both; return what lacks of both."""
    more = quantity - sum(place.quantity for place in places)
    more_tolerance = tolerance - sum(place.tolerance for place in places)
    for place in reversed(places):
        taken, taken_tolerance = min(max(0, -more), place.quantity), min(max(0, -more_tolerance), place.tolerance)
        place.quantity -= taken
        place.tolerance -= taken_tolerance
        more += taken
        more_tolerance += taken_tolerance
    return more, more_tolerance


def queue_of(receipts: Iterable[Receipt], counted: Mapping[Placement, int] | None = None) -> dict[Product, list[Row]]:
    """Return the queue of every product, from the receipts of one cycle in their order; without empty rows.

    With `counted` (the list at the close: by placement the version that counts) whatever else was received is left out.
    """
    queue = _Queue()
    for receipt in receipts:
        for row in receipt.rows:
            if counted is None or row.version <= counted.get((row.buyer, row.order), 0):
                queue.take(row)
    return queue.rows()


def promise(
    rows: Sequence[Row], promised_before: Mapping[Placement, int], available: int, step: int = 1
) -> dict[Placement, int]:
    """Return what each placement is promised of one product, given its queue; in base units or pieces.

    Never less than before unless its buyer wants less; what is free of `available` goes to the oldest row that lacks
    something, in whole steps. Where more is promised already than is available, promises stand and none is added.
    Placements that left the queue are in the result with 0.
    """
    wanted = dict.fromkeys(promised_before, 0)
    for row in rows:
        wanted[row.buyer, row.order] = wanted.get((row.buyer, row.order), 0) + row.quantity
    promised = {placement: min(promised_before.get(placement, 0), most) for placement, most in wanted.items()}
    free = available - sum(promised.values())
    # What was promised before covers a placement's oldest rows.
    covered = dict(promised)
    for row in rows:
        placement = (row.buyer, row.order)
        held = min(covered[placement], row.quantity)
        covered[placement] -= held
        more = max(0, min(row.quantity - held, free))
        more -= more % step
        promised[placement] += more
        free -= more
    return promised
