"""A checkpoint changes nothing: the statement that holds, and the terms at every opening, are the same after it."""

from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from foodhub.catalog.checkpoint import MOST_BYTES, MOST_ENTRIES, Said, due, live, worthwhile
from foodhub.catalog.statements import Product, Stock
from foodhub.orders.statements import Cycle, Profile

CARROTS, LEEKS = b"c" * 16, b"l" * 16


def product(local: bytes, version: int, price: int, *, withdrawn: bool = False) -> Product:
    return Product(
        local=local,
        version=version,
        sku="",
        name="Carrots",
        variant="",
        category="",
        description="",
        unit="g",
        unit_value=500,
        unit_name="",
        price=price,
        price_per="piece",
        currency="EUR",
        step=1,
        tax_category="",
        shipping_category="",
        withdrawn=withdrawn,
    )


def said(*statements: tuple[int, object]) -> list[Said]:
    """Put statements, each with when it was stated, into entries of their own."""
    return [Said(seq, stamp, statement) for seq, (stamp, statement) in enumerate(statements, 1)]


def again(kept: Sequence[Said]) -> list[Said]:
    """Read restated statements as they stand in the checkpoint: all in one entry."""
    return [Said(99, each.stamp, each.statement) for each in kept]


def in_force(statements: Sequence[Said], opens: int) -> Product | None:
    """Return the terms of a product in a cycle, as the protocol says it (Answering orders, terms)."""
    ordered = sorted(statements, key=lambda each: each.order)
    if ordered[-1].statement.withdrawn:
        return None
    before = [each for each in ordered if each.stamp < opens]
    if before and not before[-1].statement.withdrawn:
        return before[-1].statement  # type: ignore[no-any-return]
    return next((each.statement for each in ordered if each.stamp >= opens and not each.statement.withdrawn), None)


def test_of_each_fact_the_highest_statement_stays() -> None:
    log = said(
        (1, Profile(1, "Farm")),
        (1, product(CARROTS, 1, 100)),
        (1, Stock(CARROTS, 1, "counted", 5)),
        (2, product(LEEKS, 1, 200)),
        (3, Stock(CARROTS, 2, "counted", 4)),
        (4, product(CARROTS, 2, 150)),
        (5, Profile(2, "The farm")),
        (6, Cycle(CARROTS, 1, "Week", 1, 2, "UTC", "direct", bytes(32))),
    )
    kept = [(each.stamp, each.statement) for each in live(log, [])]
    assert sorted(kept, key=repr) == sorted(
        [(log[n].stamp, log[n].statement) for n in (3, 4, 5, 6, 7)],
        key=repr,
    )


def test_a_product_and_its_stock_are_restated_side_by_side() -> None:
    log = said(
        (1, product(CARROTS, 1, 1)),
        (1, product(LEEKS, 1, 1)),
        (2, Stock(LEEKS, 1, "counted", 5)),
        (2, Stock(CARROTS, 1, "counted", 5)),
    )
    assert [each.statement.local for each in live(log, [])] == [CARROTS, CARROTS, LEEKS, LEEKS]


def test_a_withdrawal_stays_so_that_nothing_older_comes_back() -> None:
    log = said((1, product(CARROTS, 1, 100)), (2, product(CARROTS, 2, 100, withdrawn=True)))
    assert [each.statement.withdrawn for each in live(log, [])] == [True]


def test_the_terms_at_an_opening_stay_beside_what_holds_now() -> None:
    log = said((1, product(CARROTS, 1, 100)), (5, product(CARROTS, 2, 200)), (9, product(CARROTS, 3, 300)))
    assert [each.statement.price for each in live(log, [])] == [300]
    assert [each.statement.price for each in live(log, [3])] == [100, 200, 300]
    assert [each.statement.price for each in live(log, [7])] == [200, 300]


def test_of_two_equal_versions_of_one_time_the_one_that_held_is_restated() -> None:
    later = Said(2, 5, product(CARROTS, 1, 200))
    both = [Said(1, 5, product(CARROTS, 1, 100)), later, Said(2, 5, product(CARROTS, 1, 300))]
    assert live(both, [9]) == [later]


prices = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=12)


@given(prices, st.lists(st.integers(0, 2), min_size=12, max_size=12), st.lists(st.integers(0, 13), max_size=4))
def test_restating_one_log_changes_no_terms_whoever_else_speaks(
    stated: list[tuple[int, bool]], owners: list[int], opens: list[int]
) -> None:
    logs: list[list[Said]] = [[], [], []]
    for number, (stamp, withdrawn) in enumerate(stated):
        log = logs[owners[number]]
        log.append(Said(len(log) + 1, stamp, product(CARROTS, number + 1, number, withdrawn=withdrawn)))
    for number, log in enumerate(logs):
        if log:
            others = [each for at, other in enumerate(logs) if at != number for each in other]
            kept = again(live(log, opens))
            for opening in opens:
                assert in_force(kept + others, opening) == in_force(log + others, opening)
            whole, part = max(log, key=lambda each: each.order), max(kept, key=lambda each: each.order)
            assert (whole.statement, whole.stamp) == (part.statement, part.stamp)
            assert [each[1:] for each in live(kept, opens)] == [each[1:] for each in kept]


def test_a_checkpoint_is_due_by_entries_or_by_bytes_and_only_worth_it_when_most_is_superseded() -> None:
    assert not due(MOST_ENTRIES, MOST_BYTES)
    assert due(MOST_ENTRIES + 1, 0)
    assert due(1, MOST_BYTES + 1)
    noise = Random(1)
    said_before = [noise.randbytes(100) for _ in range(50)]
    assert worthwhile(said_before, [noise.randbytes(3000)])
    assert not worthwhile(said_before, [noise.randbytes(4000)])
    assert not worthwhile([], [b""])
