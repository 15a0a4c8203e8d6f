"""`backup` and `restore` as they are typed: where the passphrase comes from, what is said, what a script gets."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, Foodhub

PASSPHRASE = "a cart of leeks"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\nwhat follows is not read\n")
    return path


def test_a_home_goes_into_a_file_and_comes_out_of_it(founded: Foodhub, file: Path, tmp_path: Path) -> None:
    backup = tmp_path / "hub.backup"
    founded("product", "add", "Carrots", "--price", "2.45", "--on-hand", "3")
    done = founded("backup", backup, "--passphrase-file", file)
    assert done.out.splitlines()[0].split() == ["backup", str(backup)]
    assert done.out.splitlines()[1].startswith('contents  circuit "Circuit", ')
    assert "keys of this home are not in it" in done.err
    home = Foodhub(tmp_path / "new" / "home")
    found = home("restore", backup, FOODHUB_PASSPHRASE=PASSPHRASE)
    assert "It was the home of: Hub" in found.out
    assert "foodhub device enrol CODE" in found.err
    assert "foodhub recover" in found.err
    assert [row["name"] for row in home.json("product", "list")] == ["Carrots"]
    for words in ("order list", "stock show", "purchase list"):
        assert "sealed to its members is missing" in home(*words.split()).err
    assert "sealed" not in founded("order", "list").err
    assert "restored from a backup" in home("status").err
    assert home.json("status")["read_only"] == "restored_backup"


def test_a_script_gets_what_was_written_and_what_came_out(founded: Foodhub, file: Path, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    made = founded.json("backup", backup, "--passphrase-file", file)
    assert made["bytes"] == backup.stat().st_size
    assert (made["circuit"], made["members"]) == ("Circuit", ["Hub"])
    home = Foodhub(tmp_path / "new")
    assert home.json("restore", backup, "--passphrase-file", file) == {
        "home": str(home.home),
        "read_only": "restored_backup",
        "backup": made,
    }


def test_what_can_not_be_is_said_before_a_passphrase_is_asked_for(founded: Foodhub, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    backup.write_text("mine")
    assert founded.fails(6, "backup", backup)["code"] == "file_exists"
    assert founded.fails(3, "backup", tmp_path / "nowhere" / "b")["code"] == "no_such_folder"
    assert founded.fails(6, "restore", backup)["code"] == "home_not_empty"
    assert Foodhub(tmp_path / "new").fails(3, "restore", tmp_path / "nowhere")["code"] == "no_such_file"
    assert backup.read_text() == "mine"


def test_a_passphrase_is_needed_and_not_a_short_one(founded: Foodhub, file: Path, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    assert founded.fails(2, "backup", backup)["code"] == "passphrase_missing"
    file.write_text("leeks\n")
    short = founded.fails(2, "backup", backup, "--passphrase-file", file)
    assert (short["code"], short["details"]) == ("short_passphrase", {"least": 8})
    file.write_bytes(b"\xff\xfe\x00")
    assert founded.fails(2, "backup", backup, "--passphrase-file", file)["code"] == "passphrase_text"
    assert founded.fails(3, "backup", backup, "--passphrase-file", tmp_path / "none")["code"] == "no_such_file"
    assert not backup.exists()


def test_a_wrong_passphrase_leaves_no_home(founded: Foodhub, file: Path, tmp_path: Path) -> None:
    founded("backup", tmp_path / "b", "--passphrase-file", file)
    file.write_text("a cart of beets\n")
    home = Foodhub(tmp_path / "new")
    assert home.fails(6, "restore", tmp_path / "b", "--passphrase-file", file)["code"] == "wrong_passphrase"
    assert not home.home.exists()


class _Terminal:
    """The program on a terminal, answered question by question."""

    def __init__(self, foodhub: Foodhub, *args: str) -> None:
        self.ours, theirs = pty.openpty()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "foodhub", *args],
            env=foodhub.environment | {"TERM": "dumb", "COLUMNS": "100"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._bytes = b""
        self._end = time.monotonic() + PATIENCE

    @property
    def said(self) -> str:
        """All that stood there so far; it may end in the middle of a character."""
        return self._bytes.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        while text not in self.said:
            left = self._end - time.monotonic()
            assert left > 0, self.said
            assert select.select([self.ours], [], [], left)[0], self.said
            self._bytes += os.read(self.ours, 65536)

    def type(self, text: str) -> None:
        os.write(self.ours, f"{text}\n".encode())

    def shows_what_is_typed(self) -> bool:
        return bool(termios.tcgetattr(self.ours)[3] & termios.ECHO)

    def end(self) -> int:
        try:
            while data := os.read(self.ours, 65536):
                self._bytes += data
        except OSError:  # how Linux says that nobody holds the other side any more
            pass
        os.close(self.ours)
        return self.child.wait(PATIENCE)


def test_on_a_terminal_the_passphrase_is_asked_for_twice_and_not_shown(founded: Foodhub, tmp_path: Path) -> None:
    terminal = _Terminal(founded, "backup", str(tmp_path / "b"))
    for question in ("Passphrase:", "Once more:"):
        terminal.wait_for(question)
        assert not terminal.shows_what_is_typed()
        terminal.type(PASSPHRASE)
    assert terminal.end() == 0
    assert PASSPHRASE not in terminal.said
    assert "###" in terminal.said
    assert Foodhub(tmp_path / "new")("restore", tmp_path / "b", FOODHUB_PASSPHRASE=PASSPHRASE).code == 0


def test_two_different_passphrases_make_no_backup(founded: Foodhub, tmp_path: Path) -> None:
    terminal = _Terminal(founded, "backup", str(tmp_path / "b"))
    for question, answer in (("Passphrase:", PASSPHRASE), ("Once more:", "a cart of beets")):
        terminal.wait_for(question)
        terminal.type(answer)
    assert terminal.end() == 2
    assert "two different passphrases" in terminal.said
    assert not (tmp_path / "b").exists()
