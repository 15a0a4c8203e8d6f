"""A backup brings a home back whole but for its keys, or not at all; a home that came out of one signs nothing."""

import gzip
import sqlite3
import stat
import subprocess
import sys
from base64 import b64encode
from contextlib import closing
from pathlib import Path

import pytest

from foodhub.errors import FoodhubError, NotSetUpError, RefusedError
from foodhub.node.backup import RESTORED, back_up, clean_passphrase, restore
from foodhub.node.home import BOOTSTRAP, DATABASE
from foodhub.node.reading import read
from foodhub.node.state import status
from foodhub.store import outgoing
from foodhub.store.backup import BackupReader, Contents, Cost, write_backup
from foodhub.store.keyring import read_key_files
from foodhub.store.schema import SCHEMA_VERSION
from foodhub.store.snapshot import COPY
from tests.homes import Home, Village
from tests.shelf import rows as view_rows

pytestmark = pytest.mark.anyio
CHEAP = Cost(1, 8)
PASS = clean_passphrase("correct horse")
FIXTURES = Path(__file__).parents[1] / "store" / "fixtures"
TRUTH = ("entry", "log", "own", "fork_proof", "wanted", "party", "address")
"""The tables that no rebuild makes; a backup has to bring them back as they were."""


def quiet(_what: str, _done: int, _total: int) -> None:
    """Follow no progress."""


def refusal(home: Path, file: Path, passphrase: bytes = PASS) -> str:
    with pytest.raises(RefusedError) as caught:
        restore(home, file, passphrase, quiet)
    return caught.value.code


@pytest.fixture
async def hub(village: Village) -> Home:
    """A hub that holds products of its own and an order that was sealed to it."""
    hub = await village.home("hub", "hub", "producer")
    group = await village.home("group", "group")
    product = await hub.product("Carrots")
    await village.open_cycle(hub)
    await group.order((product, "3"))
    await village.gossip()
    return hub


async def backed_up(hub: Home, tmp_path: Path) -> Path:
    file = tmp_path / "hub.backup"
    back_up(hub.node.home, file, PASS, quiet, cost=CHEAP)
    return file


async def test_what_is_restored_is_what_was_backed_up(hub: Home, tmp_path: Path) -> None:
    made = back_up(hub.node.home, tmp_path / "b", PASS, quiet, cost=CHEAP)
    home = tmp_path / "new" / "home"
    found = restore(home, tmp_path / "b", PASS, quiet)
    assert found == made
    assert (found.circuit, found.members) == ("Short circuit", ["hub"])
    for table in TRUTH:
        query = f"SELECT * FROM {table}"  # noqa: S608 - names of ours
        before = await hub.rows(query)
        after = read(home, lambda db, query=query: db.execute(query).fetchall())  # type: ignore[misc]
        if table == "log":
            before, after = ([row[:6] for row in rows] for rows in (before, after))
        assert sorted(after, key=repr) == sorted(before, key=repr), table
    assert read(home, outgoing.frontier) == await hub.read(outgoing.frontier)


async def test_what_everybody_may_read_is_shown_and_what_only_the_keys_opened_is_not(hub: Home, tmp_path: Path) -> None:
    home = tmp_path / "new"
    restore(home, await backed_up(hub, tmp_path), PASS, quiet)
    before, after = await hub.read(view_rows), read(home, view_rows)
    private = {"allotment", "placement", "receipt", "answer", "total"}
    assert before["placement"]
    assert before["answer"]
    assert {name for name in before if before[name] != after[name]} <= private
    assert all(after[name] == [] for name in private)


async def test_no_secret_key_is_in_a_backup(hub: Home, tmp_path: Path) -> None:
    file = await backed_up(hub, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    with file.open("rb") as source:
        reader = BackupReader(source, PASS)
        assert list(reader.extract(out))
    content = b"".join(path.read_bytes() for path in out.iterdir())
    secrets = [
        secret
        for key in read_key_files(hub.node.home / "keys")
        for secret in (key.keys.signing.seed, key.keys.box.secret)
    ]
    assert len(secrets) == 2
    for secret in secrets:
        for form in (secret, b64encode(secret), secret.hex().encode(), secret.hex().upper().encode()):
            assert form not in content


async def test_a_backup_carries_the_first_peers_of_the_home(hub: Home, tmp_path: Path) -> None:
    (hub.node.home / BOOTSTRAP).write_text("peers = []\n")
    restore(tmp_path / "new", await backed_up(hub, tmp_path), PASS, quiet)
    assert (tmp_path / "new" / BOOTSTRAP).read_text() == "peers = []\n"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [BOOTSTRAP, DATABASE]


async def test_a_restored_home_knows_whose_it_was_and_that_it_may_not_sign(hub: Home, tmp_path: Path) -> None:
    home = tmp_path / "new"
    restore(home, await backed_up(hub, tmp_path), PASS, quiet)
    seen = read(home, status, str(home), 0, "stopped")
    assert (seen.members, seen.read_only) == (["hub"], RESTORED)
    assert stat.S_IMODE((home / DATABASE).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


async def test_a_home_keeps_working_while_it_is_backed_up(hub: Home, tmp_path: Path) -> None:
    file = tmp_path / "b"
    added = 0

    def meanwhile(what: str, _done: int, _total: int) -> None:
        nonlocal added
        if what == "key":
            with closing(sqlite3.connect(hub.node.home / DATABASE, isolation_level=None)) as db:
                db.execute("INSERT INTO address VALUES ('later', 1, 'test')")
            added += 1

    back_up(hub.node.home, file, PASS, meanwhile, cost=CHEAP)
    restore(tmp_path / "new", file, PASS, quiet)
    assert added == 1
    assert (
        read(tmp_path / "new", lambda db: db.execute("SELECT * FROM address WHERE address = 'later'").fetchall()) == []
    )


async def test_a_backup_is_private_and_never_replaces_a_file_unasked(hub: Home, tmp_path: Path) -> None:
    file = await backed_up(hub, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_bytes()
    with pytest.raises(RefusedError) as caught:
        back_up(hub.node.home, file, PASS, quiet, cost=CHEAP)
    assert (caught.value.code, file.read_bytes()) == ("file_exists", first)
    back_up(hub.node.home, file, PASS, quiet, force=True, cost=CHEAP)
    assert file.read_bytes() != first


async def test_a_backup_that_fails_leaves_the_one_before(hub: Home, tmp_path: Path) -> None:
    file = await backed_up(hub, tmp_path)
    first = file.read_bytes()

    def fails(what: str, _done: int, _total: int) -> None:
        if what == "write":
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        back_up(hub.node.home, file, PASS, fails, force=True, cost=CHEAP)
    assert caught.value.filename == f"{file}.unfinished"
    assert file.read_bytes() == first
    assert [path.name for path in tmp_path.glob("hub.backup*")] == ["hub.backup"]
    assert not list(hub.node.home.glob("copy.unfinished*"))


_KILLED = """
import sys
from pathlib import Path
from foodhub.node.backup import back_up
from foodhub.store.backup import Cost

def stop(what, done, total):
    if what == "write" and done:
        print("in the middle", flush=True)
        sys.stdin.read()

back_up(Path(sys.argv[1]), Path(sys.argv[2]), b"correct horse", stop, cost=Cost(1, 8))
"""


async def test_a_kill_in_the_middle_leaves_no_backup_and_the_next_one_clears_up(hub: Home, tmp_path: Path) -> None:
    file = tmp_path / "b"
    command = [sys.executable, "-c", _KILLED, str(hub.node.home), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"in the middle\n"
        child.kill()
    assert not file.exists()
    assert (tmp_path / "b.unfinished").exists()
    assert (hub.node.home / COPY).exists()
    back_up(hub.node.home, file, PASS, quiet, cost=CHEAP)
    assert [path.name for path in tmp_path.glob("b*")] == ["b"]
    assert not (hub.node.home / COPY).exists()
    assert restore(tmp_path / "new", file, PASS, quiet).members == ["hub"]


async def test_a_home_with_something_in_it_is_not_touched(hub: Home, tmp_path: Path) -> None:
    file = await backed_up(hub, tmp_path)
    assert refusal(hub.node.home, file) == "home_not_empty"
    home = tmp_path / "new"
    home.mkdir()
    (home / "notes.txt").write_text("mine")
    assert refusal(home, file) == "home_not_empty"
    assert [path.name for path in home.iterdir()] == ["notes.txt"]
    assert refusal(home / "notes.txt", file) == "home_not_empty"


async def test_a_restore_that_fails_leaves_nothing_behind(hub: Home, tmp_path: Path) -> None:
    file = await backed_up(hub, tmp_path)
    whole = file.read_bytes()
    home = tmp_path / "a" / "b" / "home"
    assert refusal(home, file, b"wrong horse") == "wrong_passphrase"
    for content, code in (
        (whole[:-1], "backup_cut_short"),
        (whole + b"x", "backup_too_long"),
        (whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], "backup_damaged"),
        (whole[:16] + b"\x00\x02" + whole[18:], "backup_is_newer"),
        (b"nothing", "not_a_backup"),
    ):
        file.write_bytes(content)
        assert refusal(home, file) == code
        assert not (tmp_path / "a").exists()
    home.mkdir(parents=True)
    assert refusal(home, file) == "not_a_backup"
    assert list(home.iterdir()) == []


def packed(folder: Path, *files: tuple[str, bytes]) -> Path:
    """Write a backup with these files in it, whatever they are."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, (_name, content) in enumerate(files):
        paths.append(folder / str(number))
        paths[-1].write_bytes(content)
    contents = Contents(0, "", [(name, len(content)) for name, content in files])
    with (folder / "packed").open("wb") as out:
        assert list(write_backup(out, PASS, contents, paths, CHEAP))
    return folder / "packed"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([("../evil", b"x"), (DATABASE, b"x")], "backup_is_newer"),
        ([("keys/evil", b"x"), (DATABASE, b"x")], "backup_is_newer"),
        ([(BOOTSTRAP, b"x")], "backup_damaged"),
        ([(DATABASE, b"x"), (DATABASE, b"x")], "backup_damaged"),
        ([(DATABASE, b"")], "backup_damaged"),
        ([(DATABASE, b"no database at all" * 99)], "backup_damaged"),
    ],
)
async def test_a_backup_of_anything_else_is_refused(tmp_path: Path, files: list[tuple[str, bytes]], code: str) -> None:
    home = tmp_path / "home"
    assert refusal(home, packed(tmp_path / "made", *files)) == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "backup_is_newer"),
        ("UPDATE meta SET value = 999 WHERE key = 'fold_version'", "backup_is_newer"),
        ("PRAGMA application_id = 1", "backup_damaged"),
        ("DROP TABLE meta", "backup_damaged"),
    ],
)
async def test_the_database_is_looked_at_before_it_is_put_in_place(
    hub: Home, tmp_path: Path, change: str, code: str
) -> None:
    copy = tmp_path / "copy.db"
    await hub.rows("VACUUM INTO ?", str(copy))
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute(change)
    assert refusal(tmp_path / "new", packed(tmp_path / "made", (DATABASE, copy.read_bytes()))) == code
    assert not (tmp_path / "new").exists()


async def test_pages_that_were_damaged_before_the_backup_are_found_at_the_restore(hub: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    await hub.rows("VACUUM INTO ?", str(copy))
    content = bytearray(copy.read_bytes())
    content[-4096:] = b"\xff" * 4096
    assert refusal(tmp_path / "new", packed(tmp_path / "made", (DATABASE, bytes(content)))) == "backup_damaged"


async def test_a_backup_of_an_older_program_is_brought_up_to_date(tmp_path: Path) -> None:
    old = gzip.decompress((FIXTURES / "version_2.db.gz").read_bytes())
    home = tmp_path / "new"
    found = restore(home, packed(tmp_path / "made", (DATABASE, old)), PASS, quiet)
    assert found.entries > 0
    assert read(home, status, str(home), 0, "stopped").entries == found.entries
    assert read(home, lambda db: db.execute("PRAGMA user_version").fetchone()) == (SCHEMA_VERSION,)


async def test_a_restore_that_was_killed_can_be_made_again(hub: Home, tmp_path: Path) -> None:
    file = await backed_up(hub, tmp_path)
    home = tmp_path / "new"
    (home / "restore.unfinished").mkdir(parents=True)
    (home / "restore.unfinished" / DATABASE).write_bytes(b"half")
    (home / BOOTSTRAP).write_text("old")
    assert restore(home, file, PASS, quiet).members == ["hub"]
    assert [path.name for path in home.iterdir() if path.name != BOOTSTRAP] == [DATABASE]


async def test_a_damaged_home_is_not_backed_up(hub: Home, tmp_path: Path) -> None:
    copy = tmp_path / "broken" / DATABASE
    copy.parent.mkdir()
    await hub.rows("VACUUM INTO ?", str(copy))
    content = bytearray(copy.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    copy.write_bytes(content)
    with pytest.raises(FoodhubError) as caught:
        back_up(copy.parent, tmp_path / "b", PASS, quiet, cost=CHEAP)
    assert caught.value.code == "home_damaged"
    assert not (tmp_path / "b").exists()


async def test_a_home_without_a_circuit_can_be_backed_up_too(village: Village, tmp_path: Path) -> None:
    home = await village.newcomer("alone", "producer")
    found = back_up(home.node.home, tmp_path / "b", PASS, quiet, cost=CHEAP)
    assert (found.circuit, found.members, found.entries) == ("", ["alone"], 0)
    assert restore(tmp_path / "new", tmp_path / "b", PASS, quiet) == found


async def test_there_has_to_be_a_home_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NotSetUpError):
        back_up(tmp_path / "nowhere", tmp_path / "b", PASS, quiet, cost=CHEAP)
    with pytest.raises(FoodhubError) as caught:
        back_up(tmp_path, tmp_path / "nowhere" / "b", PASS, quiet, cost=CHEAP)
    assert caught.value.code == "no_such_folder"


def test_a_passphrase_is_the_same_on_every_keyboard_and_not_short() -> None:
    assert clean_passphrase("e\u0301pinards") == clean_passphrase("\u00e9pinards")
    with pytest.raises(FoodhubError) as caught:
        clean_passphrase("carrots")
    assert caught.value.code == "short_passphrase"
