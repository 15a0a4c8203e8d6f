from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from foodhub.orders.cycle import Phase, day_number, days_later, deadline_fault, name_again, outcome, phase, returns
from foodhub.orders.statements import Outcome

OPENS, CLOSES = 100, 200
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0, "upcoming"), (99, "upcoming"), (100, "open"), (199, "open"), (200, "closed"), (999, "closed")],
)
def test_a_cycle_is_open_from_its_opening_until_just_before_its_close(now: int, expected: Phase) -> None:
    assert phase(OPENS, CLOSES, now) == expected


@pytest.mark.parametrize(
    ("signed", "taken_in", "expected", "reason"),
    [
        (100, 100, "received", ""),
        (150, 199, "received", ""),
        (199, 200, "late", "late"),
        (150, 5000, "late", "late"),
        (200, 200, "refused", "late"),
        (200, 150, "refused", "late"),
        (99, 150, "refused", "not_open_yet"),
        (99, 250, "refused", "not_open_yet"),
    ],
)
def test_signed_and_taken_in_before_the_close_is_received(
    signed: int, taken_in: int, expected: Outcome, reason: str
) -> None:
    assert outcome(OPENS, CLOSES, signed, taken_in) == (expected, reason)


@pytest.mark.parametrize(
    ("closes", "group", "lead", "expected"),
    [
        (200, 0, 0, None),
        (200, 200, 200, None),
        (200, 150, 250, None),
        (200, 201, 0, "group_after_hub"),
        (200, 0, 199, "lead_before_close"),
    ],
)
def test_a_group_closes_before_its_hub_and_the_hub_before_its_producers(
    closes: int, group: int, lead: int, expected: str | None
) -> None:
    assert deadline_fault(closes, group, lead) == expected


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()) * 1000


def shown(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, PARIS).strftime("%a %Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("begin", "days", "expected"),
    [
        ("2026-10-22T20:00", 7, "Thu 2026-10-29 20:00"),
        ("2026-03-26T20:00", 7, "Thu 2026-04-02 20:00"),
        ("2026-03-22T02:30", 7, "Sun 2026-03-29 03:30"),
        ("2026-10-18T02:30", 7, "Sun 2026-10-25 02:30"),
        ("2028-02-29T08:00", 366, "Thu 2029-03-01 08:00"),
    ],
)
def test_the_same_hour_of_a_later_day_is_that_of_the_zone_also_across_summer_time(
    begin: str, days: int, expected: str
) -> None:
    assert shown(days_later(at(begin), days, PARIS)) == expected


def test_of_an_hour_that_comes_twice_it_is_the_first_and_what_is_not_said_stays_so() -> None:
    assert days_later(at("2026-10-18T02:30"), 7, PARIS) == at("2026-10-25T02:30")
    assert days_later(0, 7, PARIS) == 0


def test_a_cycle_comes_again_every_so_many_weeks_but_on_skipped_days_and_until_its_end() -> None:
    opens = at("2026-12-10T08:00")
    assert list(islice(returns(opens, 1, PARIS), 3)) == [1, 2, 3]
    assert list(islice(returns(opens, 2, PARIS, [20261224]), 2)) == [4, 6]
    assert list(returns(opens, 1, PARIS, until=at("2026-12-31T08:00"))) == [1, 2, 3]
    assert list(returns(opens, 1, PARIS, until=at("2026-12-31T07:59"))) == [1, 2]
    assert next(returns(opens, 2, PARIS, since=at("2027-03-10T08:00"))) == 10
    assert next(returns(opens, 2, PARIS, since=at("2026-12-01T08:00"))) == 2


def test_a_rule_that_skips_for_ever_ends_all_the_same() -> None:
    opens = at("2026-12-10T08:00")
    days = [day_number(days_later(opens, 7 * week, PARIS), PARIS) for week in range(1, 5300)]
    assert list(returns(opens, 1, PARIS, days)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Week 48", "Week 50"),
        ("Panier 2026-11-26", "Panier 2026-12-10"),
        ("Panier", "Panier 2026-12-10"),
        ("48", "48 2026-12-10"),
        ("Week 47", "Week 47 2026-12-10"),
        ("x" * 100, "x" * 89 + " 2026-12-10"),
    ],
)
def test_the_name_of_a_cycle_moves_on_with_its_week_or_its_date(name: str, expected: str) -> None:
    assert name_again(name, at("2026-11-26T08:00"), at("2026-12-10T08:00"), PARIS) == expected
