"""The form of a backup file: a few files one behind the other, encrypted under a passphrase.

A header of 96 bytes: magic, version, what the passphrase costs (Argon2id: passes, memory in KiB), salt, a check of the
key, the header of the stream, the number of bytes that follow, a checksum. Then libsodium's secret stream in chunks of
64 KiB; every chunk is bound to the header, and the last one says that it is. Inside: the length of a table of contents
(4 bytes), the table, the files.

Nothing is ever in memory whole, nothing is taken out that was not authenticated, and no name in a backup chooses
where anything is written. What a passphrase may be, and what is backed up, is decided in `node.backup`.
"""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import BinaryIO

import msgspec
from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from foodhub.errors import N_, RefusedError
from foodhub.log.encoding import Count
from foodhub.log.keys import digest

MAGIC = b"foodhub backup\r\n"
VERSION = 1
CHUNK = 64 * 1024
_HEADER = struct.Struct(">16sHHI16s16s24sQ8s")
_State = bindings.crypto_secretstream_xchacha20poly1305_state
_EXTRA = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_MORE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_MAX_CONTENTS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at a passphrase costs: passes over so much memory (KiB)."""

    passes: int = argon2id.OPSLIMIT_MODERATE
    memory: int = argon2id.MEMLIMIT_MODERATE // 1024


COST = Cost()
MOST = Cost(16, 1024 * 1024)
"""A file that asks for more is no backup of ours, and must not be able to take all memory."""


class Contents(msgspec.Struct, frozen=True, array_like=True):
    """What is in a backup: when it was made (ms), by which program, and its files with their sizes, in order."""

    made: int
    program: str
    files: list[tuple[str, Count]]


_contents = msgspec.msgpack.Decoder(Contents)


def write_backup(
    out: BinaryIO, passphrase: bytes, contents: Contents, files: Sequence[Path], cost: Cost = COST
) -> Iterator[int]:
    """Write a backup; yield how many bytes of the files are in it so far. The files have to keep their sizes."""
    table = msgspec.msgpack.encode(contents)
    plain = 4 + len(table) + sum(size for _name, size in contents.files)
    header, state = _begin(passphrase, cost, plain)
    out.write(header)
    left = plain
    for chunk in _chunks(table, files):
        left -= len(chunk)
        tag = _MORE if left else _FINAL
        out.write(bindings.crypto_secretstream_xchacha20poly1305_push(state, chunk, header, tag))
        yield plain - left
    if left:
        raise RuntimeError("a file changed while it was backed up")


def _begin(passphrase: bytes, cost: Cost, plain: int) -> tuple[bytes, _State]:
    salt = os.urandom(16)
    key, check = _keys(passphrase, salt, cost)
    state = _State()
    stream = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    length = plain + _EXTRA * -(-plain // CHUNK)
    header = _HEADER.pack(MAGIC, VERSION, cost.passes, cost.memory, salt, check, stream, length, bytes(8))[:-8]
    return header + _checksum(header), state


def _keys(passphrase: bytes, salt: bytes, cost: Cost) -> tuple[bytes, bytes]:
    """Return the key of the stream and what tells, without it, whether the passphrase is right."""
    key = argon2id.kdf(32, passphrase, salt, cost.passes, cost.memory * 1024)
    return digest(key, b"foodhub-bak-key"), digest(key, b"foodhub-bak-chk", 16)


def _checksum(header: bytes) -> bytes:
    return blake2b(header, digest_size=8).digest()


def _chunks(table: bytes, files: Iterable[Path]) -> Iterator[bytes]:
    """Yield everything that is in a backup, each chunk full but the last."""
    chunk = struct.pack(">I", len(table)) + table
    for path in files:
        with path.open("rb") as file:
            while data := file.read(CHUNK - len(chunk) % CHUNK):
                chunk += data
                while len(chunk) >= CHUNK:
                    yield chunk[:CHUNK]
                    chunk = chunk[CHUNK:]
    if chunk:
        yield chunk


class BackupReader:
    """A backup that is opened with its passphrase; `contents` is its table, `extract` takes the files out."""

    def __init__(self, source: BinaryIO, passphrase: bytes) -> None:
        """Check the header, the length and the passphrase, and read the table.

        Raises:
            RefusedError: it is no backup, of a newer program, cut short, longer than it was, or damaged; or the
                passphrase is wrong.
        """
        self._source = source
        self._header, check, stream, cost, salt = _read_header(source)
        key, expected = _keys(passphrase, salt, cost)
        if not compare_digest(check, expected):
            raise RefusedError(
                "wrong_passphrase",
                N_("This is not the passphrase of this backup."),
                N_("Try again; nobody can open the backup without it."),
            )
        self._state = _State()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, stream, key)
        self._plain = b""
        self._ended = False
        size = int.from_bytes(self._read(4))
        if size > _MAX_CONTENTS:
            raise damaged()
        try:
            self.contents = _contents.decode(self._read(size))
        except msgspec.MsgspecError:
            raise damaged() from None

    def extract(self, folder: Path) -> Iterator[int]:
        """Write the files into a folder, under the names of the table; yield how many bytes are out so far.

        The caller has to see to it that the names are ones it knows.

        Raises:
            RefusedError: the backup is damaged; what was written so far is not to be used.
        """
        done = 0
        for name, size in self.contents.files:
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                left = size
                while left:
                    data = self._read(min(left, CHUNK))
                    file.write(data)
                    left -= len(data)
                    done += len(data)
                    yield done
                file.flush()
                os.fsync(file.fileno())
        if self._plain or not self._ended:
            raise damaged()

    def _read(self, size: int) -> bytes:
        while len(self._plain) < size:
            self._plain += self._next_chunk()
        data, self._plain = self._plain[:size], self._plain[size:]
        return data

    def _next_chunk(self) -> bytes:
        chunk = self._source.read(CHUNK + _EXTRA)
        if self._ended or len(chunk) <= _EXTRA:
            raise damaged()
        try:
            plain, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, chunk, self._header)
        except CryptoError:
            raise damaged() from None
        self._ended = tag == _FINAL
        return plain


def _read_header(source: BinaryIO) -> tuple[bytes, bytes, bytes, Cost, bytes]:
    """Read and check the header; return it, the check of the key, the header of the stream, the cost and the salt."""
    header = source.read(_HEADER.size)
    if header[: len(MAGIC)] != MAGIC:
        raise RefusedError("not_a_backup", N_("This file is no backup of foodhub."))
    if header[16:18] > struct.pack(">H", VERSION):
        raise newer()
    if len(header) < _HEADER.size:
        raise _cut_short()
    _magic, version, passes, memory, salt, check, stream, length, checksum = _HEADER.unpack(header)
    cost = Cost(passes, memory)
    if version != VERSION or checksum != _checksum(header[:-8]) or not _payable(cost):
        raise damaged()
    found = os.fstat(source.fileno()).st_size - _HEADER.size
    if found < length:
        raise _cut_short()
    if found > length:
        raise RefusedError(
            "backup_too_long",
            N_("This backup is longer than it was made: something stands behind its end."),
            N_("Copy it again from where you keep it, or take another one."),
        )
    return header, check, stream, cost, salt


def _payable(cost: Cost) -> bool:
    return 1 <= cost.passes <= MOST.passes and 8 <= cost.memory <= MOST.memory


def newer() -> RefusedError:
    """Return what is said of a backup that a newer program made."""
    return RefusedError(
        "backup_is_newer",
        N_("This backup was made by a newer foodhub."),
        N_("Upgrade this program first, then restore."),
    )


def _cut_short() -> RefusedError:
    return RefusedError(
        "backup_cut_short",
        N_("This backup is shorter than it was made: its end is missing."),
        N_("Copy it again from where you keep it, or take another one."),
    )


def damaged() -> RefusedError:
    """Return what is said of a backup that is not as it was made."""
    return RefusedError(
        "backup_damaged",
        N_("This backup is damaged: it is not as it was made."),
        N_("Copy it again from where you keep it, or take another one."),
    )
