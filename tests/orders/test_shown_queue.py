"""The queue at the close in parts: whatever it holds comes back whole, fits its entries, and gives one fingerprint."""

from typing import get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from foodhub.log.encoding import LIMIT, encode
from foodhub.log.header import MAX_PAYLOAD
from foodhub.log.keys import digest
from foodhub.log.seal import seal
from foodhub.orders.allocation import Basis, Supply, allocate, fingerprint
from foodhub.orders.cases import Terms
from foodhub.orders.closing import CountedGoods
from foodhub.orders.exchanges import DEFAULT_RULE, Filled, Leftover, ProductRule, Sharing, Spread
from foodhub.orders.queue import Product, Row
from foodhub.orders.shown_queue import Queue, QueueGoods, ShownQueue, put_together, queue_faults, queue_id, queue_parts

CYCLE = (bytes(32), bytes(16))
changed = msgspec.structs.replace
_MOST_READERS = 250


def product(number: int) -> Product:
    return digest(b"farm", b"foodhub-test"), number.to_bytes(16, "big")


def customer(number: int) -> bytes:
    return digest(number.to_bytes(2, "big"), b"foodhub-test")


def basis(rows: list[tuple[int, int, int, int]], supply: Supply) -> Basis:
    """Return a queue of rows (product, buyer, quantity, tolerance), with so much of each product."""
    queue: dict[Product, list[Row]] = {}
    for number, buyer, quantity, tolerance in rows:
        key = product(number)
        queue.setdefault(key, []).append(Row(customer(buyer), bytes(16), *key, quantity, tolerance))
    terms = Terms(changed(DEFAULT_RULE, filled="group"), 6, 0, broken=False, step=1, part=1)
    return Basis(1, queue, dict.fromkeys(queue, terms), dict.fromkeys(queue, supply), frozenset())


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(1, 2**20), st.integers(0, 2**20)), max_size=40
)
SUPPLIES = st.builds(Supply, st.none() | st.integers(0, 2**24), st.booleans())


def named(found: Basis) -> bytes:
    return fingerprint(found.queue, found.terms, allocate(found.queue, found.terms, found.supply, found.aggregators))


def parts_of(made: Basis, version: int = 1) -> list[Queue]:
    versions = {(row.buyer, row.order): 3 for rows in made.queue.values() for row in rows}
    return queue_parts(CYCLE, version, ShownQueue(made, versions, named(made)))


@given(ROWS, SUPPLIES)
def test_what_is_put_together_gives_the_same_fingerprint(rows: list[tuple[int, int, int, int]], supply: Supply) -> None:
    made = basis(rows, supply)
    parts = parts_of(made)
    assert [queue_faults(part) for part in parts] == [None] * len(parts)
    found = put_together(parts)
    assert found is not None
    assert (found.basis.queue, found.basis.terms) == (made.queue, made.terms)
    assert named(found.basis) == found.fingerprint == named(made)
    assert set(found.versions.values()) <= {3}


def test_a_long_queue_goes_in_parts_that_each_fit_beside_their_readers() -> None:
    rows = [(number, buyer, 2**30, 2**30) for number in range(30) for buyer in range(600)]
    made = basis(rows, Supply(2**31))
    parts = parts_of(made, 3)
    assert len(parts) > 10
    secrets = [digest(number.to_bytes(2, "big"), b"foodhub-test") for number in range(_MOST_READERS + 1)]
    longest = max((encode([part]) for part in parts), key=len)
    assert len(seal(longest, (bytes(32), bytes(32), 2, 1), secrets, bytes)) <= MAX_PAYLOAD
    found = put_together(reversed(parts))
    assert found is not None
    assert found.basis.queue == made.queue
    assert put_together(parts[1:]) is None


def test_parts_of_two_closes_are_no_queue() -> None:
    rows = [(number, buyer, 1, 0) for number in range(3) for buyer in range(600)]
    first, *others = parts_of(basis(rows, Supply(None)))
    assert others
    assert put_together([changed(first, at=2), *others]) is None


def test_a_row_of_a_place_that_its_part_does_not_name_is_a_fault() -> None:
    (part,) = parts_of(basis([(1, 1, 1, 0), (1, 2, 1, 0)], Supply(None)))
    assert queue_faults(changed(part, places=part.places[:1])) == "place_range"
    assert queue_faults(changed(part, goods=part.goods * 2)) == "line_twice"
    assert queue_faults(Queue(part.local, 1, *CYCLE, 1, 1, 1, bytes(32), [], [])) is None


NUMBERS = st.integers(0, 7) | st.integers(0, LIMIT - 1)
TERMS = st.builds(
    CountedGoods,
    *(st.just(each) for each in product(1)),
    rule=st.builds(
        ProductRule,
        st.sampled_from(get_args(Filled)),
        st.sampled_from(get_args(Leftover)),
        st.sampled_from(get_args(Spread)),
        st.sampled_from(get_args(Sharing)),
    ),
    size=NUMBERS,
    minimum=NUMBERS,
    broken=st.booleans(),
    step=NUMBERS.filter(bool),
    part=NUMBERS.filter(bool),
    limited=st.booleans(),
    units=NUMBERS,
)


@given(TERMS, st.booleans(), st.lists(st.tuples(st.integers(0, 3), NUMBERS, NUMBERS), max_size=12))
@settings(deadline=None)
def test_whatever_somebody_shows_is_worked_out_without_a_fault(
    goods: CountedGoods, given_by: bool, rows: list[tuple[int, int, int]]
) -> None:
    places = [(customer(number), bytes(16), 1) for number in range(4)]
    part = Queue(queue_id(CYCLE, 1), 1, *CYCLE, 1, 1, 1, bytes(32), places, [QueueGoods(goods, given_by, rows)])
    assert queue_faults(part) is None
    found = put_together([part])
    assert (found is None) == (sum(quantity + tolerance for _, quantity, tolerance in rows) >= LIMIT)
    assert found is None or len(named(found.basis)) == 32
