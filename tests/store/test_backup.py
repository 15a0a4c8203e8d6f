"""A backup file gives back what went in, under its passphrase alone, and any other bytes are refused by name."""

import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodhub.errors import RefusedError
from foodhub.store.backup import CHUNK, MAGIC, BackupReader, Contents, Cost, write_backup

CHEAP = Cost(1, 8)
"""The least that Argon2id takes: these backups are to be made fast, not well."""
PASS = b"correct horse"


def made(folder: Path, *sizes: int, passphrase: bytes = PASS) -> Path:
    """Write a backup of files with these sizes; return its path."""
    parts = []
    for number, size in enumerate(sizes):
        path = folder / f"part {number}"
        path.write_bytes(bytes((number + place) % 251 for place in range(size)))
        parts.append(path)
    contents = Contents(5, "1.2", [(path.name, path.stat().st_size) for path in parts])
    backup = folder / "backup"
    with backup.open("wb") as out:
        done = list(write_backup(out, passphrase, contents, parts, CHEAP))
    assert done == sorted(done)
    return backup


def taken_out(backup: Path, passphrase: bytes = PASS) -> dict[str, bytes]:
    """Extract a backup into a new folder; return its files."""
    folder = backup.parent / f"out of {len(list(backup.parent.iterdir()))}"
    folder.mkdir()
    with backup.open("rb") as source:
        reader = BackupReader(source, passphrase)
        list(reader.extract(folder))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(backup: Path, passphrase: bytes = PASS) -> str:
    with pytest.raises(RefusedError) as caught:
        taken_out(backup, passphrase)
    return caught.value.code


@pytest.mark.parametrize("size", [0, 1, CHUNK - 46, CHUNK - 45, CHUNK - 44, CHUNK, 3 * CHUNK, 5 * CHUNK + 17])
def test_what_went_in_comes_out_whatever_its_size(tmp_path: Path, size: int) -> None:
    backup = made(tmp_path, size, 10, size)
    files = taken_out(backup)
    assert files == {name: (tmp_path / name).read_bytes() for name in ("part 0", "part 1", "part 2")}


def test_no_chunk_boundary_is_special(tmp_path: Path) -> None:
    for around in range(CHUNK - 64, CHUNK):
        backup = made(tmp_path, around)
        assert taken_out(backup)["part 0"] == (tmp_path / "part 0").read_bytes()


def test_the_table_says_when_and_by_which_program(tmp_path: Path) -> None:
    with made(tmp_path, 3).open("rb") as source:
        assert BackupReader(source, PASS).contents == Contents(5, "1.2", [("part 0", 3)])


def test_nothing_of_the_content_can_be_read_in_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "diary"
    secret.write_bytes(b"the price of leeks " * 9000)
    backup = tmp_path / "backup"
    with backup.open("wb") as out:
        list(write_backup(out, PASS, Contents(0, "", [("diary", secret.stat().st_size)]), [secret], CHEAP))
    assert b"leeks" not in backup.read_bytes()
    assert b"diary" not in backup.read_bytes()


def test_two_backups_of_the_same_share_no_key(tmp_path: Path) -> None:
    first = made(tmp_path, 100).read_bytes()
    assert made(tmp_path, 100).read_bytes()[24:80] != first[24:80]


def test_another_passphrase_is_named(tmp_path: Path) -> None:
    assert refusal(made(tmp_path, 100), b"correct house") == "wrong_passphrase"


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    for content in (b"", b"Dear all", b"SQLite format 3\x00" * 20):
        path.write_bytes(content)
        assert refusal(path) == "not_a_backup"


def test_a_backup_that_lost_its_end_is_named(tmp_path: Path) -> None:
    backup = made(tmp_path, 2 * CHUNK)
    whole = backup.read_bytes()
    for length in (len(MAGIC), 20, 95, 96, 97, len(whole) // 2, CHUNK + 96 + 17, len(whole) - 1):
        backup.write_bytes(whole[:length])
        assert refusal(backup) == "backup_cut_short"


def test_a_backup_with_something_behind_its_end_is_named(tmp_path: Path) -> None:
    backup = made(tmp_path, CHUNK)
    backup.write_bytes(backup.read_bytes() + b"\n")
    assert refusal(backup) == "backup_too_long"


def test_a_backup_of_a_newer_program_is_named_whatever_else_it_says(tmp_path: Path) -> None:
    backup = made(tmp_path, 10)
    backup.write_bytes(MAGIC + struct.pack(">H", 2) + b"whatever comes then")
    assert refusal(backup) == "backup_is_newer"


def test_any_bit_that_flips_is_found(tmp_path: Path) -> None:
    backup = made(tmp_path, 30)
    whole = backup.read_bytes()
    found = {}
    for place in range(len(whole)):
        touched = bytearray(whole)
        touched[place] ^= 1 << place % 8
        backup.write_bytes(touched)
        found[place] = refusal(backup)
    assert {found[place] for place in range(len(MAGIC))} == {"not_a_backup"}
    assert {found[place] for place in range(16, 18)} <= {"backup_is_newer", "backup_damaged"}
    assert {found[place] for place in range(18, len(whole))} == {"backup_damaged"}


def test_chunks_that_change_places_are_found(tmp_path: Path) -> None:
    backup = made(tmp_path, 3 * CHUNK)
    whole, size = backup.read_bytes(), CHUNK + 17
    first, second = whole[96 : 96 + size], whole[96 + size : 96 + 2 * size]
    backup.write_bytes(whole[:96] + second + first + whole[96 + 2 * size :])
    assert refusal(backup) == "backup_damaged"


def test_a_header_that_asks_for_all_memory_is_refused_before_it_gets_any(tmp_path: Path) -> None:
    from hashlib import blake2b

    backup = made(tmp_path, 10)
    whole = bytearray(backup.read_bytes())
    whole[20:24] = b"\xff" * 4
    whole[88:96] = blake2b(whole[:88], digest_size=8).digest()
    backup.write_bytes(whole)
    assert refusal(backup) == "backup_damaged"


def test_a_file_that_shrinks_meanwhile_is_not_passed_off_as_backed_up(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"short")
    with pytest.raises(RuntimeError):
        list(write_backup(BytesIO(), PASS, Contents(0, "", [("part", 6)]), [part], CHEAP))


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_and_nothing_else_happens(data: bytes) -> None:
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        file.write(MAGIC + b"\x00\x01" + data)
        file.seek(0)
        with pytest.raises(RefusedError):
            BackupReader(file, PASS)
