"""Whatever a person reads is said by us, in the language spoken: nothing of click's own words gets through."""

import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo

from foodhub.cli.main import run
from foodhub.cli.placeholders import CAPITALS, WORDS
from tests.cli.program import Foodhub
from tests.cli.test_help import NAMED, help_of

MARK = "¡click!"


@pytest.fixture(scope="module")
def clicks_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translation of all that click says, each with a mark."""
    catalog = Catalog("fr")
    for _file, _line, text, _comments, _context in extract_from_dir(Path(click.__file__).parent):
        catalog.add(text, MARK if isinstance(text, str) else (MARK, MARK))
    folder = tmp_path_factory.mktemp("click")
    compiled = folder / "fr" / "LC_MESSAGES" / "messages.mo"
    compiled.parent.mkdir(parents=True)
    with compiled.open("wb") as file:
        write_mo(file, catalog)
    return folder


@pytest.fixture(autouse=True)
def _marked(clicks_catalog: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = gettext.bindtextdomain("messages")
    gettext.bindtextdomain("messages", str(clicks_catalog))
    monkeypatch.setenv("LANGUAGE", "fr")
    yield
    gettext.bindtextdomain("messages", before)


def test_what_click_says_would_be_seen_here() -> None:
    assert click.NoSuchOption("--x").format_message() == MARK


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "prodct",
        "product",
        "product lst",
        "-- -x",
        "status --loud",
        "status --jsn",
        "status -x",
        "status extra",
        "status --json=yes",
        "init --name",
        "init --role hub",
        "order place Week",
        "product add Eggs --price 2 --per dozen",
        "cycle decide Week Eggs nothing",
        "circuit invite --role hub --days many",
        "circuit invite --role hub --days 0",
        "retention set orders many",
        "node run --wait many",
        "product import .",
        "product import nowhere.csv",
        "--home /dev/null status",
        "--home",
        "--help",
        "--version",
        "status --help",
    ],
)
def test_no_failure_is_said_in_the_words_of_the_library(
    words: str, empty: Foodhub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOODHUB_HOME", str(empty.home))
    monkeypatch.setenv("FOODHUB_LANG", "en")
    run(words.split())
    said = capsys.readouterr()
    assert said.out or said.err
    assert MARK not in said.out + said.err


@pytest.mark.parametrize("path", NAMED)
def test_the_help_of_a_command_has_no_word_that_cannot_be_translated(path: str) -> None:
    command, text = help_of(path)
    assert MARK not in text
    context = click.Context(command, info_name=path)
    records = [each.get_help_record(context) for each in command.params if isinstance(each, click.Option)]
    usage = [*command.collect_usage_pieces(context), *(record[0] for record in records if record)]
    assert {word for piece in usage for word in CAPITALS.findall(piece)} <= WORDS


def test_every_placeholder_that_can_be_translated_is_shown_somewhere() -> None:
    shown = " ".join([*(help_of(path)[1] for path in NAMED), help_of("")[1]])
    assert {word for word in WORDS if not re.search(rf"\b{word}\b", shown)} == set()


def test_a_file_is_asked_for_only_whether_it_is_one() -> None:
    types = [each.type for path in NAMED for each in help_of(path)[0].params if isinstance(each.type, click.Path)]
    asked = {(each.exists or each.readable or each.writable, each.file_okay != each.dir_okay) for each in types}
    assert asked == {(False, True)}
