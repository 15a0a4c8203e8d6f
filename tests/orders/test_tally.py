from foodhub.orders.cases import Terms
from foodhub.orders.closing import TallyLine
from foodhub.orders.exchanges import ProductRule
from foodhub.orders.tally import tally_lines
from tests.orders.desks import goods, named, rows_of

JUICE, EGGS = goods("juice"), goods("eggs")
HOUSEHOLD = ProductRule("household", "cut", "queue", "queue")


def test_seven_of_twelve_and_five_more_for_the_second_case() -> None:
    (line,) = tally_lines({JUICE: rows_of(JUICE, ("a", 4, 0), ("b", 3, 0))}, {JUICE: Terms(size=6)})
    assert line == TallyLine(*JUICE, 7, 0, 6, 1, 5)


def test_lines_stand_in_the_order_of_their_products() -> None:
    queue = {JUICE: rows_of(JUICE, ("a", 1, 1)), EGGS: rows_of(EGGS, ("a", 3, 0))}
    lines = tally_lines(queue, {JUICE: Terms(), EGGS: Terms()})
    assert lines == [TallyLine(*EGGS, 3, 0, 0, 0, 0), TallyLine(*JUICE, 1, 1, 0, 0, 0)]


def test_without_a_case_what_lacks_is_what_the_producer_delivers_at_least() -> None:
    (line,) = tally_lines({JUICE: rows_of(JUICE, ("a", 4, 1))}, {JUICE: Terms(minimum=10)})
    assert (line.size, line.cases, line.missing) == (0, 0, 5)


def test_where_each_household_fills_its_own_the_least_that_any_lacks_is_said() -> None:
    rows = rows_of(JUICE, ("a", 4, 0), ("b", 7, 0), ("c", 5, 0))
    (line,) = tally_lines({JUICE: rows}, {JUICE: Terms(HOUSEHOLD, 6)})
    assert (line.quantity, line.cases, line.missing) == (16, 1, 1)


def test_a_group_passes_on_the_bar_of_its_hub_where_the_hub_fills_the_case() -> None:
    above = {JUICE: TallyLine(*JUICE, 9, 0, 6, 1, 3)}
    queue = {JUICE: rows_of(JUICE, ("a", 4, 0))}
    assert tally_lines(queue, {JUICE: Terms(size=6)}, above=above) == [above[JUICE]]
    (own,) = tally_lines(queue, {JUICE: Terms(HOUSEHOLD, 6)}, above=above)
    assert (own.quantity, own.missing) == (4, 2)
    (own,) = tally_lines(queue, {JUICE: Terms(size=6)}, frozenset([named("G")]))
    assert (own.quantity, own.missing) == (4, 2)
