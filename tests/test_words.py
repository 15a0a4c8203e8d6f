"""foodhub.words: the right language is chosen, errors are said whole, and the French catalog is complete."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from foodhub import words
from foodhub.errors import N_, FoodhubError, RefusedError

LOCALE = Path(words.__file__).parent / "locale"
VARIABLES = ("FOODHUB_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
NO_INVITE = N_("This is not a whole invite.")


@pytest.fixture(autouse=True)
def _english_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield
    words.use("en")


def french() -> Catalog:
    with (LOCALE / "fr" / "LC_MESSAGES" / "foodhub.po").open("rb") as file:
        return read_po(file, locale="fr", domain="foodhub")


def messages() -> list[Message]:
    return [message for message in french() if message.id]


def forms(text: str | list[str] | tuple[str, ...] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [])


def placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("language", ["fr", "fr_FR.UTF-8", "fr-CA", "fr_BE@euro"])
def test_every_way_to_ask_for_french_is_understood(language: str) -> None:
    assert words.use(language) == "fr"
    assert words._(NO_INVITE) != NO_INVITE


@pytest.mark.parametrize("language", ["en", "C", "POSIX", "C.UTF-8", "tlh", "../../fr", "fr/../fr", "."])
def test_a_language_without_a_catalog_is_english(language: str) -> None:
    assert words.use(language) == "en"
    assert words._(NO_INVITE) == NO_INVITE


@pytest.mark.parametrize("stronger", range(len(VARIABLES) - 1))
def test_the_environment_is_read_in_order(stronger: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[stronger], "fr")
    monkeypatch.setenv(VARIABLES[stronger + 1], "en")
    assert words.use() == "fr"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "")
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert words.use() == "fr"


def test_the_argument_is_stronger_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOODHUB_LANG", "fr")
    assert words.use("en") == "en"


def test_nothing_stays_nothing_in_every_language() -> None:
    words.use("fr")
    assert words._("") == ""


def test_plurals_follow_the_language() -> None:
    assert [words.ngettext("{n} row", "{n} rows", n) for n in (0, 1, 2)] == ["{n} rows", "{n} row", "{n} rows"]


def test_an_error_is_said_translated_and_filled_in() -> None:
    words.use("fr")
    error = RefusedError("bad_invite", NO_INVITE, "Ask {who}.", who="Camille")
    assert words.say(error) == (words._(NO_INVITE), "Ask Camille.")


def test_a_list_is_joined_and_an_error_inside_an_error_is_translated() -> None:
    words.use("fr")
    inner = FoodhubError("bad_invite", NO_INVITE)
    error = FoodhubError("many", "{faults} / {names}", faults=[inner, inner], names=("a", 2))
    said = words._(NO_INVITE)
    assert words.say(error) == (f"{said}, {said} / a, 2", "")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_date_is_read_as_it_is_written(language: str) -> None:
    words.use(language)
    time = datetime(2026, 12, 1, 20, 30, tzinfo=UTC)
    assert words.moment(time) == {"en": "2026-12-01 20:30", "fr": "01/12/2026 20:30"}[language]
    assert words.read_day(words.day(time)) == time.date()
    assert words.read_day("12.2026") is None


def test_a_log_is_said_by_its_name_and_a_file_of_that_name_as_it_is() -> None:
    error = FoodhubError("x", 'In the log "{log}" of {member}.', log="trade", member="trade")
    assert words.say(error)[0] == 'In the log "orders" of trade.'
    assert words.say(FoodhubError("x", "See {log}.", log="/var/log/node.log"))[0] == "See /var/log/node.log."
    words.use("fr")
    assert words.say(error)[0] == f'In the log "{words._("orders")}" of trade.'
    assert error.details["log"] == "trade"


def test_saying_an_error_whose_details_were_forgotten_still_says_it() -> None:
    assert words.say(FoodhubError("x", "No {thing} here.", "Bring {count} more.")) == (
        "No {thing} here.",
        "Bring {count} more.",
    )


def test_every_text_has_a_french_translation() -> None:
    missing = [message.id for message in messages() if message.fuzzy or not all(forms(message.string))]
    assert len(messages()) > 0
    assert missing == []


def test_a_translation_fills_in_what_the_text_fills_in() -> None:
    wrong = [
        translation
        for message in messages()
        for translation in forms(message.string)
        # A singular may say "one" instead of the number, so it is the plural that says which names are known.
        if not placeholders(translation) <= placeholders(forms(message.id)[-1])
        or (isinstance(message.id, str) and placeholders(translation) != placeholders(message.id))
    ]
    assert wrong == []


def test_the_compiled_catalog_says_what_the_written_one_says() -> None:
    words.use("fr")
    said = {text: words._(text) for message in messages() for text in forms(message.id)[:1]}
    assert said == {forms(message.id)[0]: forms(message.string)[0] or forms(message.id)[0] for message in messages()}
