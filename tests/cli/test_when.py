"""Times as people type them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from foodhub import words
from foodhub.cli.when import read_span, read_when
from foodhub.errors import UsageError

PARIS = ZoneInfo("Europe/Paris")
# A Sunday, at 03:00 in Paris.
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def read(text: str, now: datetime = NOW) -> str:
    return read_when(text, now, PARIS).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("now", "2026-11-22T03:00+01:00"),
        ("maintenant", "2026-11-22T03:00+01:00"),
        ("thu 20h", "2026-11-26T20:00+01:00"),
        ("Thu 20:15", "2026-11-26T20:15+01:00"),
        ("thursday 8pm", "2026-11-26T20:00+01:00"),
        ("thursday at 8:30 pm", "2026-11-26T20:30+01:00"),
        ("jeu 20h30", "2026-11-26T20:30+01:00"),
        ("jeudi à 20h", "2026-11-26T20:00+01:00"),
        ("thu 20h 30", "2026-11-26T20:30+01:00"),
        ("dim. 4h", "2026-11-22T04:00+01:00"),
        ("thu", "2026-11-26T00:00+01:00"),
        ("tomorrow 18:00", "2026-11-23T18:00+01:00"),
        ("demain 18h", "2026-11-23T18:00+01:00"),
        ("aujourd’hui 12h", "2026-11-22T12:00+01:00"),
        ("20h", "2026-11-22T20:00+01:00"),
        ("2h", "2026-11-23T02:00+01:00"),
        ("12am", "2026-11-23T00:00+01:00"),
        ("+3d", "2026-11-25T03:00+01:00"),
        ("+3j", "2026-11-25T03:00+01:00"),
        ("+2h", "2026-11-22T05:00+01:00"),
        ("+30min", "2026-11-22T03:30+01:00"),
        ("+1w", "2026-11-29T03:00+01:00"),
        ("2026-11-26", "2026-11-26T00:00+01:00"),
        ("2026-11-26T20:00", "2026-11-26T20:00+01:00"),
        ("2026-11-26 20h", "2026-11-26T20:00+01:00"),
        ("2026-11-26T20:00Z", "2026-11-26T21:00+01:00"),
        ("2026-11-26T20:00-05:00", "2026-11-27T02:00+01:00"),
        ("20261126T2000", "2026-11-26T20:00+01:00"),
    ],
)
def test_a_time_is_understood(text: str, wanted: str) -> None:
    assert read(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("26/11/2026", "2026-11-26T00:00+01:00"),
        ("26/11/2026 20:00", "2026-11-26T20:00+01:00"),
        ("26/11/2026 à 20h", "2026-11-26T20:00+01:00"),
        ("2026-11-26 20h", "2026-11-26T20:00+01:00"),
    ],
)
def test_a_date_is_understood_as_the_language_spoken_shows_it(text: str, wanted: str) -> None:
    words.use("fr")
    try:
        assert read(text) == wanted
    finally:
        words.use("en")


def test_a_date_that_other_languages_write_is_never_guessed_at() -> None:
    with pytest.raises(UsageError):
        read("11/12/2026")


@pytest.mark.parametrize("text", ["thu", "jeudi", "2026-11-26"])
def test_a_day_that_is_the_end_of_something_lasts_until_its_last_minute(text: str) -> None:
    assert read_when(text, NOW, PARIS, end=True).isoformat() == "2026-11-26T23:59:00+01:00"
    assert read_when(f"{text} 20h", NOW, PARIS, end=True).isoformat() == "2026-11-26T20:00:00+01:00"


@pytest.mark.parametrize(("text", "wanted"), [("+20m", "2026-11-22T15:24"), ("+1d", "2026-11-23T15:04")])
def test_a_step_ends_at_a_whole_minute_since_no_seconds_are_shown(text: str, wanted: str) -> None:
    now = datetime(2026, 11, 22, 15, 3, 40, tzinfo=PARIS)
    assert read_when(text, now, PARIS).isoformat() == f"{wanted}:00+01:00"


@pytest.mark.parametrize("text", ["sun 3h", "sun 2h", "sun"])
def test_the_same_day_of_the_week_is_next_week_once_the_time_has_come(text: str) -> None:
    assert read(text).startswith("2026-11-29")


def test_a_day_of_the_week_is_strictly_in_the_future() -> None:
    assert read("sun 3h", datetime(2026, 11, 22, 1, 59, tzinfo=UTC)) == "2026-11-22T03:00+01:00"


def test_the_day_is_the_one_of_the_zone() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    assert read("thu 20h", late) == "2026-11-26T20:00+01:00"
    assert read("tomorrow 8h", late) == "2026-11-27T08:00+01:00"


def test_a_time_that_the_clocks_skip_lies_as_much_later() -> None:
    assert read("2027-03-28T02:30") == "2027-03-28T03:30+02:00"


def test_a_time_that_comes_twice_is_its_first() -> None:
    assert read("2026-10-25T02:30") == "2026-10-25T02:30+02:00"


def test_the_end_of_a_span_is_of_its_day_unless_another_one_is_said() -> None:
    now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def span(first: str, last: str) -> list[str]:
        return [time.isoformat(timespec="minutes")[5:16] for time in read_span(first, last, now, PARIS)]

    assert span("fri 17h", "19h") == ["11-27T17:00", "11-27T19:00"]
    assert span("fri 17h", "+2h") == ["11-27T17:00", "11-27T19:00"]
    assert span("fri 19h", "sat 12h") == ["11-27T19:00", "11-28T12:00"]
    for last in ("17h", "2026-11-26", "now"):
        with pytest.raises(UsageError) as caught:
            span("fri 19h", last)
        assert caught.value.code == "bad_span"


def test_days_keep_the_time_of_day_where_hours_do_not() -> None:
    before = datetime(2027, 3, 27, 19, 0, tzinfo=UTC)
    assert read("+1d", before) == "2027-03-28T20:00+02:00"
    assert read("+24h", before) == "2027-03-28T21:00+02:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "20",
        "25h",
        "thu 24h",
        "thu 20h61",
        "13pm",
        "0am",
        "+3y",
        "+",
        "2026-13-01",
        "2026-02-30",
        "99999-01-01",
        "thu fri",
        "26/11/2026",
        "-2h",
        "2026",
        "tomorrow thu",
        "9999-12-20",
        "1900-01-01",
    ],
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.code == "bad_when"
    assert "thu 20h" in caught.value.hint
