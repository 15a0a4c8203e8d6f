"""The allocation at the close: from the queue of every product to what each customer is confirmed, with its slips.

Pure: rows, rules, cases and supply go in, everything that the close signs comes out, the same on every node. It may
never give anybody more than was ordered and tolerated, nor all together more than there is.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from foodhub.log.encoding import encode
from foodhub.log.keys import digest
from foodhub.orders.cases import Filling, Terms, fill, pool_of
from foodhub.orders.closing import ConfirmedLine, Slip
from foodhub.orders.exchanges import Filled, Sharing
from foodhub.orders.queue import Product, Row
from foodhub.orders.slips import slips_of

_EXHAUSTED = "allotment_exhausted"


@dataclass(frozen=True, slots=True)
class Supply:
    """What an aggregator may give of a product: `units`, or without limit when None.

    `given` says that these goods come from another aggregator and are all to be shared, whatever the case; without it
    they are a limit within which whole cases are ordered (or whole steps, where there is no case). A limit is to be no
    less than what was promised. `reason` is what those are told who get less because of it.
    """

    units: int | None
    given: bool = False
    reason: str = _EXHAUSTED


@dataclass(frozen=True, slots=True)
class Basis:
    """What an allocation follows from, for the close at `at` (ms): by product the queue, the terms, what there is.

    `aggregators` are the customers that are groups or hubs themselves, see `sums.aggregators_in`.
    """

    at: int
    queue: Mapping[Product, Sequence[Row]]
    terms: Mapping[Product, Terms]
    supply: Mapping[Product, Supply]
    aggregators: AbstractSet[bytes]


@dataclass(frozen=True, slots=True)
class ProductResult:
    """What became of a product: wanted and tolerated, the units to order from the supplier, how many full cases.

    `leftover` units are the aggregator's own stock. `undecided`: a person has to say what becomes of what no case holds
    (rule `ask`); until then it is cut.
    """

    quantity: int
    tolerance: int
    units: int
    cases: int
    leftover: int
    undecided: bool


@dataclass(frozen=True, slots=True)
class Allocation:
    """The result for all products: the lines of each customer (as a Confirmation has them), and each product's sum."""

    lines: dict[bytes, list[ConfirmedLine]]
    products: dict[Product, ProductResult]


def allocate(
    queue: Mapping[Product, Sequence[Row]],
    terms: Mapping[Product, Terms],
    supply: Mapping[Product, Supply],
    aggregators: AbstractSet[bytes] = frozenset(),
) -> Allocation:
    """Return what every customer in the queue is confirmed; `terms` and `supply` name every product of the queue.

    `aggregators` are those customers that are groups or hubs themselves: with cases filled by the `group` each of them
    fills its own, and the other customers fill theirs together. Lines stand in the order of (producer, product).
    """
    lines: dict[bytes, list[ConfirmedLine]] = {}
    products = {}
    for product in sorted(queue):
        about, goods = terms[product], supply[product]
        pools = pools_in(queue[product], about.rule.filled, aggregators)
        fillings = _fillings(pools, about, goods)
        confirmed = 0
        for pool, filling in zip(pools, fillings, strict=True):
            slips = slips_of(pool, filling.units, about.rule.spread, step=about.part)
            for buyer, slip in slips.items():
                line = _line(product, slip, filling.reason)
                confirmed += line.confirmed
                lines.setdefault(buyer, []).append(line)
        products[product] = _result(queue[product], about, goods, fillings, confirmed)
    return Allocation(lines, products)


def pools_in(rows: Sequence[Row], filled: Filled, aggregators: AbstractSet[bytes]) -> list[Sequence[Row]]:
    """Return the rows of a product by who fills cases together, in the order in which the pools joined the queue."""
    if filled == "hub":
        return [rows]
    pools: dict[bytes, list[Row]] = {}
    for row in rows:
        pools.setdefault(pool_of(filled, row.buyer, aggregator=row.buyer in aggregators), []).append(row)
    return list(pools.values())


def order_up(rows: Sequence[Row], terms: Terms, aggregators: AbstractSet[bytes] = frozenset()) -> tuple[int, int]:
    """Return the quantity and tolerance of a product that an aggregator orders from its own supplier.

    The sums of the queue where the case is filled further up (`hub`), else whole cases and no tolerance.
    """
    if terms.rule.filled == "hub":
        return _wanted(rows)
    pools = pools_in(rows, terms.rule.filled, aggregators)
    return sum(filling.units for filling in _each_alone(pools, terms)), 0


def waits_for_a_person(
    rows: Sequence[Row], terms: Terms, aggregators: AbstractSet[bytes] = frozenset(), *, supplied: bool = False
) -> bool:
    """Say whether a person has to decide (rule `ask`) what becomes of what no case holds, before the close is signed.

    `supplied`: the aggregator orders from another one, so that cases filled by the `hub` are not its business.
    """
    if terms.rule.leftover != "ask" or (supplied and terms.rule.filled == "hub"):
        return False
    pools = pools_in(rows, terms.rule.filled, aggregators)
    fillings = _each_alone(pools, terms) if supplied else _fillings(pools, terms, Supply(None))
    return any(filling.undecided for filling in fillings)


def share_out(
    rows: Sequence[Row],
    confirmed: Mapping[bytes, int],
    available: int,
    sharing: Sharing,
    part: int = 1,
    shares: Mapping[bytes, int] | None = None,
) -> dict[bytes, Slip]:
    """Share `available` units where less came than was confirmed; return the slip of each customer, with its share.

    `rows` are the queue of the product, `confirmed` what each customer was confirmed of it; who was confirmed nothing
    gets nothing, and no slip. `part` is `cases.part_of`; `shares` are those that a person set (`by_hand`).

    Raises:
        RefusedError: `share_too_large`, `not_in_queue` and `shares_differ` for such shares (see `shares.by_hand`).
    """
    claims = confirmed_rows(rows, confirmed)
    if sharing != "queue":
        # Whatever was confirmed counts alike here, be it wanted or tolerated.
        claims = [replace(row, quantity=row.quantity + row.tolerance, tolerance=0) for row in claims]
    units = min(available, sum(confirmed.values()))
    return slips_of(claims, units, sharing, "shortfall", part, shares)


def confirmed_rows(rows: Sequence[Row], confirmed: Mapping[bytes, int]) -> list[Row]:
    """Return what of each row was confirmed: of a customer's oldest rows first, quantities before tolerances."""
    left = dict(confirmed)
    given = []
    for row in rows:
        quantity = min(row.quantity, left.get(row.buyer, 0))
        left[row.buyer] = left.get(row.buyer, 0) - quantity
        given.append(quantity)
    found = []
    for row, quantity in zip(rows, given, strict=True):
        tolerance = min(row.tolerance, left[row.buyer])
        left[row.buyer] -= tolerance
        if quantity or tolerance:
            found.append(replace(row, quantity=quantity, tolerance=tolerance))
    return found


def fingerprint(
    queue: Mapping[Product, Sequence[Row]], terms: Mapping[Product, Terms], allocation: Allocation
) -> bytes:
    """Return the 32 bytes that name an allocation: rules, rows and results, the same for whoever works them out."""
    confirmed: dict[Product, list[tuple[bytes, int]]] = {product: [] for product in queue}
    for buyer, lines in sorted(allocation.lines.items()):
        for line in lines:
            confirmed[line.producer, line.product].append((buyer, line.confirmed))
    said = []
    for product in sorted(queue):
        about, result = terms[product], allocation.products[product]
        rows = [(row.buyer, row.order, row.quantity, row.tolerance) for row in queue[product]]
        case = (about.rule, about.size, about.minimum, about.broken, about.step, about.part)
        said.append((*product, *case, rows, result.units, result.leftover, confirmed[product]))
    return digest(encode(said), b"foodhub-alloc")


def _fillings(pools: Sequence[Sequence[Row]], terms: Terms, supply: Supply) -> list[Filling]:
    """Return what each pool has to share."""
    if supply.given:
        return _given(pools, terms, supply)
    if len(pools) == 1:
        return [_with_reason(fill(*_wanted(pools[0]), terms, supply.units), supply)]
    # What the producer delivers at least is asked of all pools together, so none alone is held to it.
    alone, left, fillings = replace(terms, minimum=0), supply.units, []
    for pool in pools:
        filling = fill(*_wanted(pool), alone, left)
        fillings.append(_with_reason(filling, supply))
        left = None if left is None else left - filling.units
    if sum(filling.units for filling in fillings) < terms.minimum:
        return [Filling(0, "minimum_not_met", undecided=filling.undecided) for filling in fillings]
    return fillings


def _with_reason(filling: Filling, supply: Supply) -> Filling:
    return replace(filling, reason=supply.reason) if filling.reason == _EXHAUSTED else filling


def _given(pools: Sequence[Sequence[Row]], terms: Terms, supply: Supply) -> list[Filling]:
    """Return what each pool has to share of goods that the supplier gave: what it filled, the oldest pool first."""
    left = supply.units or 0
    # A supplier that confirmed all we ordered from it names no reason for what we lack besides.
    supply = replace(supply, reason=supply.reason or _EXHAUSTED)
    if len(pools) == 1:
        return [Filling(left, supply.reason)]
    fillings = []
    for wanted in _each_alone(pools, terms):
        units = min(left, wanted.units)
        fillings.append(Filling(units, supply.reason if units < wanted.units else wanted.reason))
        left -= units
    return fillings


def _each_alone(pools: Sequence[Sequence[Row]], terms: Terms) -> list[Filling]:
    """Return what each pool fills without a limit; what the producer delivers at least is not its business."""
    alone = replace(terms, minimum=0)
    return [fill(*_wanted(pool), alone) for pool in pools]


def _wanted(rows: Sequence[Row]) -> tuple[int, int]:
    return sum([row.quantity for row in rows]), sum([row.tolerance for row in rows])


def _line(product: Product, slip: Slip, reason: str) -> ConfirmedLine:
    rows, share = slip.rows, slip.share
    ordered, tolerance = rows[0].quantity, rows[0].tolerance
    if len(rows) > 1:
        ordered, tolerance = sum(row.quantity for row in rows), sum(row.tolerance for row in rows)
    return ConfirmedLine(*product, ordered, tolerance, share, share, "" if share >= ordered else reason, "", [slip])


def _result(
    rows: Sequence[Row], terms: Terms, supply: Supply, fillings: Sequence[Filling], confirmed: int
) -> ProductResult:
    ordered = sum(filling.units for filling in fillings)
    units = supply.units if supply.given and supply.units is not None else ordered
    cases = units // terms.size if terms.size else 0
    undecided = any(filling.undecided for filling in fillings)
    return ProductResult(*_wanted(rows), units, cases, units - confirmed, undecided)
