"""What of an order a person should look at: said once, whatever number of placements it is."""

from foodhub.node.desk_orders import DeskLine, DeskOrder, together


def order(number: str, state: str, *lines: DeskLine, acceptable: bool = False) -> DeskOrder:
    return DeskOrder(number, "Ann", f"id of {number}", state, "", False, [*lines], acceptable)


def test_placements_of_one_order_of_which_the_same_is_said_stand_there_once() -> None:
    eggs, milk = DeskLine("Eggs", "e", "piece", 3, 0), DeskLine("Milk", "m", "ml", 1000, 0)
    found = together(
        [
            order("A", "by_clock"),
            order("A", "by_clock"),
            order("A", "late", eggs),
            order("A", "late", milk, acceptable=True),
            order("B", "late", eggs),
        ]
    )
    assert found == [
        order("A", "by_clock"),
        order("A", "late", eggs, milk, acceptable=True),
        order("B", "late", eggs),
    ]
