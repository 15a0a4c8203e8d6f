"""The queue as it counted at the close, shown to all customers where wishes are open to all: what to share, among whom.

Pure. From it alone whoever reads it works the allocation out again, and its fingerprint. It comes from somebody else,
so putting it together may never raise, nor cost more than it is long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from foodhub.log.encoding import LIMIT, Count, Key, LocalId, Moment, Seq
from foodhub.orders.allocation import Basis, Supply
from foodhub.orders.closing import CountedGoods, goods_on
from foodhub.orders.parts import newest
from foodhub.orders.queue import Placement, Product, Row
from foodhub.orders.statements import derived_id
from foodhub.orders.sums import aggregators_in

_PLACES = 450
"""Placements that one part names at most: about 22 kB."""
_ROOM = 22_000
"""So many bytes of rows stand beside them, which leaves room for the slots of its readers."""
_ROW, _HEAD = 20, 150
"""What a row takes, and what a product takes besides its rows, in bytes; a little less than that."""


class QueueGoods(msgspec.Struct, frozen=True, array_like=True):
    """How a product was allocated, and the rows of its queue: (which of the part's placements, quantity, tolerance).

    `goods.limited` and `goods.units` are what there was of it; `given`: another aggregator confirmed it, so that all of
    it is shared. A product that stands in several parts has the rows of all of them, in the order of the parts.
    """

    goods: CountedGoods
    given: bool
    rows: list[tuple[Count, Count, Count]]


class Queue(msgspec.Struct, frozen=True, array_like=True, tag="queue"):
    """Part `part` of `of` of the queue that counted at the close of an aggregator at `at`; all have one version.

    A place is (buyer, order, version that counts); `fingerprint` is that of the allocation that follows from it.
    """

    local: LocalId
    version: Seq
    cycle_owner: Key
    cycle: LocalId
    at: Moment
    part: Seq
    of: Seq
    fingerprint: Key
    places: list[tuple[Key, LocalId, Seq]]
    goods: list[QueueGoods]


@dataclass(frozen=True, slots=True)
class ShownQueue:
    """A queue as it was shown: what the allocation follows from, the versions that count, the fingerprint it gave."""

    basis: Basis
    versions: Mapping[Placement, int]
    fingerprint: bytes


def queue_id(cycle: tuple[bytes, bytes], part: int) -> bytes:
    """Return the local id of a part of the queue of a cycle (owner, local id)."""
    return derived_id(b"queue", *cycle, part.to_bytes(8, "big"))


def queue_faults(queue: Queue) -> str | None:
    """Judge a part of a queue: its rows are of placements that it names, and each product stands in it once."""
    if queue.local != queue_id((queue.cycle_owner, queue.cycle), queue.part):
        return "other_id"
    if queue.part > queue.of:
        return "part_of"
    products = [(each.goods.producer, each.goods.product) for each in queue.goods]
    if len(set(products)) < len(products):
        return "line_twice"
    highest = max((place for each in queue.goods for place, *_ in each.rows), default=-1)
    return None if highest < len(queue.places) else "place_range"


def queue_parts(cycle: tuple[bytes, bytes], version: int, shown: ShownQueue) -> list[Queue]:
    """Return the parts in which a queue is signed, each of which fits an entry."""
    basis, parts = shown.basis, [_Part()]
    for product in sorted(basis.queue):
        for row in basis.queue[product]:
            if not parts[-1].has_room(product, row):
                parts.append(_Part())
            parts[-1].add(product, row)
    return [
        Queue(
            queue_id(cycle, number),
            version,
            *cycle,
            basis.at,
            number,
            len(parts),
            shown.fingerprint,
            [(*place, shown.versions[place]) for place in part.places],
            [_goods(basis, product, rows) for product, rows in part.rows.items()],
        )
        for number, part in enumerate(parts, 1)
    ]


@dataclass(slots=True)
class _Part:
    """A part while it is filled: by placement its number, and by product the rows."""

    places: dict[Placement, int] = field(default_factory=dict)
    rows: dict[Product, list[tuple[int, int, int]]] = field(default_factory=dict)
    left: int = _ROOM

    def has_room(self, product: Product, row: Row) -> bool:
        return self.left >= self._size(product) and (
            (row.buyer, row.order) in self.places or len(self.places) < _PLACES
        )

    def add(self, product: Product, row: Row) -> None:
        self.left -= self._size(product)
        number = self.places.setdefault((row.buyer, row.order), len(self.places))
        self.rows.setdefault(product, []).append((number, row.quantity, row.tolerance))

    def _size(self, product: Product) -> int:
        return _ROW if product in self.rows else _ROW + _HEAD


def _goods(basis: Basis, product: Product, rows: list[tuple[int, int, int]]) -> QueueGoods:
    supply = basis.supply[product]
    return QueueGoods(goods_on(basis.terms[product], product, supply.units), supply.given, rows)


def put_together(parts: Iterable[Queue]) -> ShownQueue | None:
    """Return what the parts of a queue say together, None while one is missing, and where sums are beyond any count."""
    found = newest(parts)
    if not found or len({(part.at, part.fingerprint) for part in found}) > 1:
        return None
    queue: dict[Product, list[Row]] = {}
    terms, supply = {}, {}
    for part in found:
        for each in part.goods:
            goods, product = each.goods, (each.goods.producer, each.goods.product)
            terms[product] = goods.terms
            supply[product] = Supply(goods.units if goods.limited else None, given=each.given)
            queue.setdefault(product, []).extend(
                Row(*part.places[place][:2], *product, quantity, tolerance) for place, quantity, tolerance in each.rows
            )
    if any(sum(row.quantity + row.tolerance for row in rows) >= LIMIT for rows in queue.values()):
        return None
    cycle = (found[0].cycle_owner, found[0].cycle)
    basis = Basis(found[0].at, queue, terms, supply, aggregators_in(queue.values(), cycle))
    versions = {(buyer, order): version for part in found for buyer, order, version in part.places}
    return ShownQueue(basis, versions, found[0].fingerprint)
