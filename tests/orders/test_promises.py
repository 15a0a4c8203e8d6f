from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from foodhub.orders.promises import Wish, promise

wishes = st.builds(
    Wish,
    product=st.sampled_from("ab"),
    wanted=st.integers(0, 30),
    promised=st.just(0),
    step=st.sampled_from([1, 2, 5]),
)
stocks = st.fixed_dictionaries({"a": st.integers(0, 60), "b": st.integers(0, 60)})


def promised(queue: list[Wish[str]], stock: dict[str, int]) -> list[Wish[str]]:
    return [replace(wish, promised=amount) for wish, amount in zip(queue, promise(queue, stock), strict=True)]


def sums(queue: list[Wish[str]]) -> dict[str, int]:
    return {product: sum(wish.promised for wish in queue if wish.product == product) for product in "ab"}


def test_the_first_in_the_queue_is_served_first() -> None:
    queue = [Wish("a", 3, 0), Wish("a", 3, 0), Wish("a", 3, 0)]
    assert promise(queue, {"a": 5}) == [3, 2, 0]


def test_what_somebody_gives_back_goes_to_the_oldest_that_still_lacks_something() -> None:
    queue = [Wish("a", 1, 3), Wish("a", 3, 2), Wish("a", 3, 0)]
    assert promise(queue, {"a": 5}) == [1, 3, 1]


def test_a_promise_that_stands_is_not_taken_for_somebody_older() -> None:
    assert promise([Wish("a", 3, 0), Wish("a", 3, 3)], {"a": 3}) == [0, 3]


def test_nothing_is_promised_of_what_was_not_set_aside() -> None:
    assert promise([Wish("b", 3, 0)], {"a": 5}) == [0]


def test_only_whole_steps_are_promised_and_the_rest_is_left_for_smaller_wishes() -> None:
    assert promise([Wish("a", 10, 0, 5), Wish("a", 2, 0, 1)], {"a": 7}) == [5, 2]


def test_promises_stand_when_their_producer_lowers_what_it_set_aside() -> None:
    assert promise([Wish("a", 5, 4), Wish("a", 5, 0)], {"a": 2}) == [4, 0]
    assert promise([Wish("a", 5, 4)], {}) == [4]


@given(st.lists(wishes, max_size=8), stocks)
def test_never_more_is_promised_than_was_set_aside_or_wanted(queue: list[Wish[str]], stock: dict[str, int]) -> None:
    found = promised(queue, stock)
    assert all(sums(found)[product] <= stock[product] for product in "ab")
    assert all(0 <= wish.promised <= wish.wanted for wish in found)
    assert all(wish.promised % wish.step == 0 for wish in found)


@given(st.lists(wishes, max_size=8), stocks)
def test_nothing_that_anybody_lacks_is_left(queue: list[Wish[str]], stock: dict[str, int]) -> None:
    found = promised(queue, stock)
    for wish in found:
        assert min(wish.wanted - wish.promised, stock[wish.product] - sums(found)[wish.product]) < wish.step


@given(st.lists(wishes, max_size=8), stocks)
def test_asked_again_nothing_changes(queue: list[Wish[str]], stock: dict[str, int]) -> None:
    found = promised(queue, stock)
    assert promised(found, stock) == found


steps = st.lists(
    st.one_of(
        st.tuples(st.just("order"), wishes),
        st.tuples(st.just("change"), st.integers(0, 7), st.integers(0, 30)),
        st.tuples(st.just("allot"), st.sampled_from("ab"), st.integers(-20, 20)),
    ),
    max_size=20,
)


@given(steps)
def test_through_any_story_no_promise_is_lowered_but_by_its_buyer(story: list[tuple]) -> None:  # type: ignore[type-arg]
    queue: list[Wish[str]] = []
    stock = {"a": 10, "b": 10}
    highest = dict(stock)
    for what, *rest in story:
        lowered = None
        match what:
            case "order":
                queue.append(rest[0])
            case "change" if rest[0] < len(queue):
                lowered = rest[0]
                queue[lowered] = replace(queue[lowered], wanted=rest[1])
            case "allot":
                stock[rest[0]] = max(0, stock[rest[0]] + rest[1])
                highest[rest[0]] = max(highest[rest[0]], stock[rest[0]])
        before, queue = queue, promised(queue, stock)
        for index, (old, new) in enumerate(zip(before, queue, strict=True)):
            assert new.promised >= (min(old.promised, old.wanted) if index == lowered else old.promised)
        assert all(sums(queue)[product] <= highest[product] for product in "ab")
