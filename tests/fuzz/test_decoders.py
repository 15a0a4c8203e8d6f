"""Whatever bytes come in: a fault of the peer's comes out, or nothing, and at a cost that its size bounds."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import desk_decoders
from tests.fuzz.decoder import Decoder
from tests.fuzz.measuring import cost_of
from tests.fuzz.mutation import ANNOUNCED, inflations, join, nest, split
from tests.fuzz.table import DECODERS

LARGE = 25
"""So many large inputs are tried with each decoder."""
each = pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS.keys())


@each
def test_good_bytes_are_taken(decoder: Decoder) -> None:
    """Else the fuzzers would mend what was never whole, and get no further than the first check."""
    for data in decoder.seeds():
        decoder.take(data)
    assert decoder.seeds()


@each
def test_any_bytes_end_in_a_fault_or_in_nothing(decoder: Decoder) -> None:
    @settings(max_examples=decoder.examples)
    @given(st.randoms(use_true_random=False))
    def holds(chance: Random) -> None:
        decoder.check(decoder.draw(chance))

    holds()


@each
def test_what_is_much_larger_than_it_should_be_costs_no_more_than_its_size(decoder: Decoder) -> None:
    large = list(inflated(decoder))
    for data in large[:: -(-len(large) * 60 // (LARGE * decoder.examples))]:
        decoder.check(data)
    assert large


def inflated(decoder: Decoder) -> Iterator[bytes]:
    """Yield the seeds with one part of one piece blown up."""
    for data in decoder.seeds():
        pieces = split(data) if decoder.pieces else [data]
        for at, piece in enumerate(pieces):
            for large in inflations(piece[decoder.prefix :]):
                whole = [*pieces[:at], piece[: decoder.prefix] + large, *pieces[at + 1 :]]
                yield join(whole) if decoder.pieces else large


@each
@pytest.mark.parametrize(
    "data", [nest(100_000), b"\x92" * 65_000, *ANNOUNCED, b"", b"\xc1", bytes(60_000)], ids=range(9)
)
def test_bottomless_and_endless_bytes_do_no_harm(decoder: Decoder, data: bytes) -> None:
    decoder.check(data)
    decoder.check(join([data]))
    decoder.check(join([bytes(decoder.prefix) + data]))


def test_orders_that_add_up_to_more_than_a_total_can_say_are_answered_all_the_same() -> None:
    DECODERS["desk"].check(desk_decoders.too_much())


def test_a_decoder_that_takes_time_by_the_square_would_be_noticed() -> None:
    def slow(data: bytes) -> None:
        for one in data:
            assert [other for other in data if other != one] != [one]

    few, many = (cost_of(lambda size=size: slow(bytes(size))).lines for size in (30, 300))  # type: ignore[misc]
    assert many > 50 * few


def test_a_decoder_that_raises_something_else_would_be_noticed() -> None:
    def broken(data: bytes) -> None:
        assert data[0] == 1

    with pytest.raises(IndexError):
        replace(DECODERS["run"], take=broken).check(b"")
