"""What the close of a collective cycle costs: 500 households that want and tolerate something of 300 products each.

Beside it stands the least that anybody who reads these wishes does: to add them up.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, Measurement, below
from foodhub.orders.allocation import Supply, allocate, fingerprint
from foodhub.orders.cases import Terms
from foodhub.orders.exchanges import ProductRule
from foodhub.orders.queue import Product, Row

RULES = (ProductRule("hub", "cut", "queue", "queue"), ProductRule("hub", "cut", "fair", "queue"))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the cycle is, and how often it is allocated; the quickest run counts."""

    households: int = 500
    products: int = 300
    rounds: int = 5


def collective(_home: Path, sizes: Sizes = Sizes()) -> Sequence[Figure]:
    """Allocate a cycle: cases, shares, a slip for every household and product, the fingerprint."""
    queue = _queue(sizes)
    terms = {product: Terms(RULES[place % 2], size=6) for place, product in enumerate(queue)}
    supply = dict.fromkeys(queue, Supply(None))
    lines = sum(map(len, allocate(queue, terms, supply).lines.values()))
    allocating, adding, working = [], [], []
    for _ in range(sizes.rounds):
        began, worked = time.perf_counter(), time.process_time()
        fingerprint(queue, terms, allocate(queue, terms, supply))
        working.append(time.process_time() - worked)
        between = time.perf_counter()
        _add_up(queue)
        adding.append(time.perf_counter() - between)
        allocating.append(between - began)
    quickest, reference = min(allocating), min(adding)
    return (
        Figure(
            "settle_collective",
            quickest,
            "s",
            below(1),
            "settle_adding_up",
            quickest / reference,
            f"{lines:,} lines with slips, half of them spread fairly; {min(working):.2f} s of the processor",
        ),
        Figure("settle_adding_up", reference, "s", detail="the sums of the same wishes by household and by product"),
    )


def _queue(sizes: Sizes) -> dict[Product, list[Row]]:
    rng = random.Random(1)
    buyers = [number.to_bytes(32, "big") for number in range(sizes.households)]
    products = [(bytes(32), number.to_bytes(16, "big")) for number in range(sizes.products)]
    return {
        product: [Row(buyer, bytes(16), *product, rng.randint(1, 9), rng.randint(0, 3)) for buyer in buyers]
        for product in products
    }


def _add_up(queue: dict[Product, list[Row]]) -> dict[bytes, int]:
    sums: dict[bytes, int] = {}
    for rows in queue.values():
        for row in rows:
            sums[row.buyer] = sums.get(row.buyer, 0) + row.quantity + row.tolerance
            sums[row.product] = sums.get(row.product, 0) + row.quantity + row.tolerance
    return sums


MEASUREMENTS = (Measurement(("settle_collective", "settle_adding_up"), collective),)
