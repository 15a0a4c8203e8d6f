"""What is too long for one entry: cut into parts that fit, and counted only once all of them are there."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from foodhub.log.body import ROOM
from foodhub.log.encoding import encode
from foodhub.node.confirmations import MOST_ROWS, fitted, joined, parts_of
from foodhub.orders.closing import Confirmation, ConfirmedLine, Slip, SlipRow, confirmation_faults, confirmation_id
from foodhub.orders.parts import in_parts, whole

changed = msgspec.structs.replace
CYCLE = (bytes(32), bytes(16))
BUYER = b"b" * 32


def line(number: int, rows: int = 1) -> ConfirmedLine:
    row = SlipRow(2**40, 2**40, 2**52, 2**52)
    slip = Slip("cases", "queue", 2**50, 2**50, 2**50, 1, 0, 0, 0, [row] * rows, 2**40)
    return ConfirmedLine(bytes(32), number.to_bytes(16, "big"), 5, 5, 2**40, 2**40, "not_permitted", "", [slip])


def confirmation(lines: int, version: int = 1) -> Confirmation:
    head = (confirmation_id(BUYER, CYCLE, 1), version, *CYCLE, BUYER, 7, 1, 1, bytes(32))
    return Confirmation(*head, [line(number) for number in range(lines)])


@given(st.lists(st.binary(max_size=40)), st.integers(1, 100))
def test_parts_hold_everything_in_its_order_and_fit(items: list[bytes], room: int) -> None:
    parts = in_parts(items, room)
    assert [item for part in parts for item in part] == items
    assert all(len(part) == 1 or sum(len(encode(item)) for item in part) <= room for part in parts)
    assert all(parts)


def test_a_long_confirmation_goes_in_parts_that_each_fit_an_entry_and_say_it_all_together() -> None:
    said = confirmation(1200)
    parts = parts_of(said)
    assert len(parts) > 1
    assert all(len(encode(part)) <= ROOM and confirmation_faults(part) is None for part in parts)
    assert joined(reversed(parts)) == said


def test_a_short_one_and_one_of_no_lines_is_one_part() -> None:
    for said in (confirmation(0), confirmation(3)):
        assert parts_of(said) == [said]
        assert joined([said]) == said


def test_it_says_nothing_while_a_part_is_missing_and_what_an_older_version_had_more_is_gone() -> None:
    older, newer = parts_of(confirmation(1600)), parts_of(confirmation(700, version=2))
    assert len(older) > len(newer) > 1
    assert joined([]) is None
    for missing in older:
        assert joined([part for part in older if part is not missing]) is None
    assert joined([*newer[:1], *older[1:]]) is None
    assert joined([*newer, *older[len(newer) :]]) == confirmation(700, version=2)


def test_parts_of_different_wholes_are_none() -> None:
    one, other, *_ = parts_of(confirmation(1200))
    assert joined([changed(one, of=2), changed(other, of=2, at=8)]) is None
    assert whole([changed(one, of=2**53 - 1)]) == []
    assert whole([one, other, other]) == []


def test_a_line_of_too_many_rows_goes_without_slips_and_one_of_most_rows_fits() -> None:
    assert fitted(line(1, MOST_ROWS + 1)).slips == []
    kept = fitted(line(1, MOST_ROWS))
    assert kept.slips
    (part,) = parts_of(changed(confirmation(0), lines=[kept]))
    assert len(encode(part)) <= ROOM
