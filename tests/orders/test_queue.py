import random
from collections import Counter
from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from foodhub.orders.queue import Placement, Product, Row, promise, queue_of
from foodhub.orders.statements import Receipt, ReceiptLine
from tests.orders.desks import Wish, goods, named, receipt, rows_of

JUICE, EGGS = goods("juice"), goods("eggs")
ORDER = b"order".ljust(16, b".")


def juice(*wishes: tuple[str, int, int]) -> list[tuple[bytes, int, int]]:
    """Return the queue for juice after these placements, each (buyer, quantity, tolerance), one after the other."""
    queue = queue_of(receipt((buyer, 1, {JUICE: (quantity, tolerance)})) for buyer, quantity, tolerance in wishes)
    return [(row.buyer.rstrip(b"."), row.quantity, row.tolerance) for row in queue.get(JUICE, [])]


def test_what_is_added_joins_the_end_as_a_row_of_its_own() -> None:
    assert juice(("a", 2, 1), ("b", 2, 0), ("a", 4, 2)) == [(b"a", 2, 1), (b"b", 2, 0), (b"a", 2, 1)]


def test_what_is_given_back_is_taken_from_the_newest_rows_first() -> None:
    assert juice(("a", 2, 1), ("b", 2, 0), ("a", 4, 2), ("a", 3, 0)) == [(b"a", 2, 0), (b"b", 2, 0), (b"a", 1, 0)]
    assert juice(("a", 2, 1), ("b", 2, 0), ("a", 4, 2), ("a", 1, 1)) == [(b"a", 1, 1), (b"b", 2, 0)]


def test_wanting_more_and_tolerating_less_changes_both_at_their_places() -> None:
    assert juice(("a", 2, 2), ("b", 1, 0), ("a", 3, 1)) == [(b"a", 2, 1), (b"b", 1, 0), (b"a", 1, 0)]


def test_who_takes_something_back_and_orders_it_again_stands_at_the_end() -> None:
    assert juice(("a", 2, 0), ("b", 1, 0), ("a", 0, 0), ("a", 2, 0)) == [(b"b", 1, 0), (b"a", 2, 0)]


def test_a_cancelled_placement_and_a_product_that_is_named_no_more_have_no_rows() -> None:
    first = receipt(("a", 1, {JUICE: (2, 0), EGGS: (1, 0)}), ("b", 1, {JUICE: (1, 1)}))
    assert set(queue_of([first])) == {JUICE, EGGS}
    assert queue_of([first, receipt(("a", 2, {JUICE: (2, 0)}))]).keys() == {JUICE}
    assert queue_of([first, receipt(("a", 2, {}))]) == {JUICE: rows(("b", 1, 1))}
    assert queue_of([first, receipt(("a", 2, {}), ("b", 2, {}))]) == {}


def rows(*of: tuple[str, int, int]) -> list[Row]:
    return [replace(row, order=ORDER) for row in rows_of(JUICE, *of)]


def test_placements_of_one_buyer_are_in_the_queue_each_by_itself() -> None:
    queue = queue_of(
        [
            receipt(("a", 1, {JUICE: (2, 0)}), order=b"one"),
            receipt(("a", 1, {JUICE: (3, 0)}), order=b"two"),
            receipt(("a", 2, {}), order=b"one"),
        ]
    )
    assert [(row.order.rstrip(b"."), row.quantity) for row in queue[JUICE]] == [(b"two", 3)]


def test_only_the_versions_that_count_are_in_the_queue_at_the_close() -> None:
    receipts = [receipt(("a", 1, {JUICE: (2, 0)}), ("b", 1, {JUICE: (2, 0)})), receipt(("a", 2, {JUICE: (5, 0)}))]
    assert queue_of(receipts, {(named("a"), ORDER): 1}) == {JUICE: rows(("a", 2, 0))}
    assert queue_of(receipts, {(named("a"), ORDER): 2}) == {JUICE: rows(("a", 2, 0), ("a", 3, 0))}


wishes = st.dictionaries(st.sampled_from([JUICE, EGGS]), st.tuples(st.integers(0, 9), st.integers(0, 5)))
stories = st.lists(st.tuples(st.sampled_from("abc"), wishes), max_size=12)


@given(stories)
def test_the_rows_of_a_placement_are_together_what_it_wants_now(story: list[tuple[str, Wish]]) -> None:
    now: dict[str, Wish] = {}
    for number, (buyer, wish) in enumerate(story, 1):
        now[buyer] = wish
        queue = queue_of(receipt((name, 1, of)) for name, of in story[:number])
        for product in (JUICE, EGGS):
            sums: Counter[bytes] = Counter()
            tolerated: Counter[bytes] = Counter()
            for row in queue.get(product, []):
                assert row.quantity or row.tolerance
                sums[row.buyer] += row.quantity
                tolerated[row.buyer] += row.tolerance
            assert {named(who): of[product] for who, of in now.items() if any(of.get(product, (0, 0)))} == {
                who: (sums[who], tolerated[who]) for who in sums
            }


@given(stories)
def test_nobody_moves_by_what_others_do(story: list[tuple[str, Wish]]) -> None:
    for number, (buyer, _) in enumerate(story):
        before, after = (queue_of(receipt((name, 1, of)) for name, of in story[: number + more]) for more in (0, 1))
        for product in (JUICE, EGGS):
            assert [row for row in before.get(product, []) if row.buyer != named(buyer)] == [
                row for row in after.get(product, []) if row.buyer != named(buyer)
            ]


@given(stories, st.randoms(use_true_random=False))
def test_the_queue_is_the_same_however_receipts_are_cut_and_their_lines_sorted(
    story: list[tuple[str, Wish]], rng: random.Random
) -> None:
    one_each = [receipt((buyer, 1, wish)) for buyer, wish in story]
    all_rows = [row for each in one_each for row in each.rows]
    shuffled = [msgspec.structs.replace(row, lines=mixed(row.lines, rng)) for row in all_rows]
    together = [Receipt(bytes(16), 1, bytes(32), bytes(16), [], shuffled)]
    assert queue_of(one_each) == queue_of(together)


def mixed(lines: list[ReceiptLine], rng: random.Random) -> list[ReceiptLine]:
    return rng.sample(lines, len(lines))


def promised(queue: list[Row], before: dict[Placement, int], available: int, step: int = 1) -> dict[str, int]:
    found = promise(queue, before, available, step)
    return {buyer.rstrip(b".").decode(): amount for (buyer, _), amount in found.items()}


def test_the_first_in_the_queue_is_served_first() -> None:
    queue = rows(("a", 3, 0), ("b", 3, 0), ("c", 3, 0))
    assert promised(queue, {}, 5) == {"a": 3, "b": 2, "c": 0}


def test_what_somebody_gives_back_goes_to_the_oldest_row_that_lacks_something() -> None:
    queue = rows(("a", 1, 0), ("b", 3, 0), ("c", 3, 0))
    assert promised(queue, {(named("a"), ORDER): 3, (named("b"), ORDER): 2}, 5) == {"a": 1, "b": 3, "c": 1}
    assert promised(queue[1:], {(named("a"), ORDER): 3, (named("b"), ORDER): 2}, 5) == {"a": 0, "b": 3, "c": 2}


def test_what_a_buyer_added_later_waits_behind_those_who_came_between() -> None:
    queue = rows(("a", 2, 0), ("b", 2, 0), ("a", 2, 0))
    assert promised(queue, {(named("a"), ORDER): 2, (named("b"), ORDER): 1}, 5) == {"a": 3, "b": 2}


def test_a_promise_that_stands_is_not_taken_for_somebody_older() -> None:
    assert promised(rows(("a", 3, 0), ("b", 3, 0)), {(named("b"), ORDER): 3}, 3) == {"a": 0, "b": 3}


def test_tolerance_is_promised_nothing() -> None:
    assert promised(rows(("a", 3, 5)), {}, 9) == {"a": 3}


def test_only_whole_steps_are_promised() -> None:
    assert promised(rows(("a", 10, 0), ("b", 5, 0)), {}, 17, 5) == {"a": 10, "b": 5}
    assert promised(rows(("a", 10, 0), ("b", 5, 0)), {}, 7, 5) == {"a": 5, "b": 0}


def test_promises_stand_when_their_producer_lowers_what_it_set_aside() -> None:
    before = {(named("a"), ORDER): 4}
    assert promised(rows(("a", 5, 0), ("b", 5, 0)), before, 2) == {"a": 4, "b": 0}


steps = st.lists(
    st.one_of(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), st.tuples(st.just("stock"), st.integers(0, 25))),
    max_size=15,
)


@given(steps, st.sampled_from([1, 2, 5]))
def test_through_any_story_no_promise_is_lowered_but_by_its_buyer(story: list[tuple[str, int]], step: int) -> None:
    receipts, before, stock, most = [], dict[Placement, int](), 10, 10
    for who, amount in story:
        if who == "stock":
            stock, most = amount, max(most, amount)
        else:
            receipts.append(receipt((who, 1, {JUICE: (amount * step, 0)})))
        queue = queue_of(receipts).get(JUICE, [])
        wanted: Counter[Placement] = Counter()
        for row in queue:
            wanted[row.buyer, row.order] += row.quantity
        found = promise(queue, before, stock, step)
        assert promise(queue, found, stock, step) == found
        assert sum(found.values()) <= max(most, 0)
        for placement, promised_now in found.items():
            assert min(before.get(placement, 0), wanted[placement]) <= promised_now <= wanted[placement]
            assert promised_now % step == 0
            lacking = wanted[placement] - promised_now
            assert min(lacking, stock - sum(found.values())) < step
        before = found


def test_the_queue_of_a_large_cycle_has_a_row_for_every_line() -> None:
    products: list[Product] = [goods(f"p{number}") for number in range(5)]
    receipts = [receipt((f"b{number}", 1, dict.fromkeys(products, (1, 1)))) for number in range(10_000)]
    assert sum(map(len, queue_of(receipts).values())) == 50_000
