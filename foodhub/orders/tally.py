"""The live bar of an aggregator's customers: what is wanted of each product, and what a case still lacks. Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from foodhub.orders.allocation import pools_in
from foodhub.orders.cases import Terms, cases_of, missing_of
from foodhub.orders.closing import TallyLine
from foodhub.orders.queue import Product, Row


def tally_lines(
    queue: Mapping[Product, Sequence[Row]],
    terms: Mapping[Product, Terms],
    aggregators: AbstractSet[bytes] = frozenset(),
    above: Mapping[Product, TallyLine] | None = None,
) -> list[TallyLine]:
    """Return the tally of a queue, by (producer, product); `missing` is 0 when all that is wanted has its case.

    `above` are the lines of the supplier's tally: where the case is filled at the hub, a group passes these on, since
    its own rows alone say nothing of the case. Where each fills its own, `missing` is the least that any lacks.
    """
    passed = above or {}
    return [
        passed[product]
        if product in passed and terms[product].rule.filled == "hub"
        else _line(product, queue[product], terms[product], aggregators)
        for product in sorted(queue)
    ]


def _line(product: Product, rows: Sequence[Row], terms: Terms, aggregators: AbstractSet[bytes]) -> TallyLine:
    cases, missing = 0, []
    pools = pools_in(rows, terms.rule.filled, aggregators)
    minimum = terms.minimum if len(pools) == 1 else 0
    for pool in pools if terms.size or minimum else ():
        wanted = sum(row.quantity for row in pool), sum(row.tolerance for row in pool)
        cases += cases_of(*wanted, terms.unit, minimum) if terms.size else 0
        missing.append(missing_of(*wanted, terms.unit, minimum))
    quantity, tolerance = sum(row.quantity for row in rows), sum(row.tolerance for row in rows)
    lacking = min((each for each in missing if each), default=0)
    return TallyLine(*product, quantity, tolerance, terms.size, cases, lacking)
