from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.frontier import ALL_AT_ONCE, Item, bucket_count, bucket_digests, bucket_of, differing, frontier_digest
from tests.vectors.reading import read

SALT = b"s" * 16
items = st.builds(
    Item,
    st.integers(0, 40).map(lambda n: n.to_bytes(32, "big")),
    st.integers(0, 2),
    st.integers(1, 3),
    st.sampled_from([b"a" * 32, b"b" * 32]),
    st.just(0),
)
frontiers = st.lists(items, max_size=40, unique_by=lambda item: (item.author, item.log))


@given(frontiers, st.integers(0))
def test_a_digest_does_not_depend_on_the_order(given_items: list[Item], seed: int) -> None:
    shuffled = Random(seed).sample(given_items, len(given_items))
    assert frontier_digest(shuffled) == frontier_digest(given_items)
    assert bucket_digests(shuffled, 64, SALT) == bucket_digests(given_items, 64, SALT)


@given(frontiers, frontiers)
def test_only_equal_frontiers_have_equal_digests(one: list[Item], other: list[Item]) -> None:
    assert (frontier_digest(one) == frontier_digest(other)) == (set(one) == set(other))


@given(frontiers, frontiers, st.sampled_from([64, 128]))
def test_every_item_in_which_two_frontiers_differ_is_found(one: list[Item], other: list[Item], buckets: int) -> None:
    found, numbers = differing(one, bucket_digests(other, buckets, SALT), SALT)
    assert set(one) - set(other) <= set(found) <= set(one)
    assert {bucket_of(item.author, buckets, SALT) for item in set(one) ^ set(other)} == numbers
    assert found == sorted(found)


@given(frontiers)
def test_without_digests_all_items_are_given(given_items: list[Item]) -> None:
    assert differing(given_items, b"", SALT) == (sorted(given_items), set())


def test_the_logs_of_one_author_fall_into_one_bucket_and_another_salt_moves_them() -> None:
    authors = [bytes([n]) * 32 for n in range(64)]
    assert {bucket_of(author, 64, SALT) for author in authors} <= set(range(64))
    assert [bucket_of(author, 64, SALT) for author in authors] != [
        bucket_of(author, 64, b"t" * 16) for author in authors
    ]


def test_buckets_grow_with_the_number_of_logs_between_their_bounds() -> None:
    assert [bucket_count(n) for n in (0, ALL_AT_ONCE, ALL_AT_ONCE + 1, 5000, 10_000, 10**6)] == [
        0,
        0,
        64,
        512,
        1024,
        1024,
    ]


def test_the_frontier_of_the_vectors_has_these_digests() -> None:
    example: dict[str, Any] = read("logs")["frontier"]
    raw = [
        {**item, "author": bytes.fromhex(item["author"]), "id": bytes.fromhex(item["id"])} for item in example["items"]
    ]
    found = [Item(**item) for item in raw]
    salt = bytes.fromhex(example["salt"])
    assert frontier_digest(found).hex() == example["digest"]
    assert bucket_of(found[0].author, 64, salt) == example["bucket_of_first"]
    assert bucket_digests(found, example["buckets"], salt).hex() == example["bucket_digests"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found[0]), type=Item) == found[0]
