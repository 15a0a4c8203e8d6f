"""The secret keys of a home: one file for each member it holds, and the box keys that these open.

Keys live beside the database, never in it, so that no backup of the database carries them. Nothing here may be logged.
"""

import json
import os
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from foodhub.errors import N_, RefusedError
from foodhub.log.keys import BoxKey, DeviceKeys, SigningKey
from foodhub.store.place import key_file


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What the key file of one member of this home holds; `machine` and `inode` are where it was made (see `guard`)."""

    member: bytes
    keys: DeviceKeys
    machine: str
    inode: int


def write_key_file(folder: Path, file: KeyFile) -> None:
    """Write a new key file, readable by its owner alone, and make sure it is on disk, whole, before it has its name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {
        "member": b64encode(file.member).decode(),
        "signing": b64encode(file.keys.signing.seed).decode(),
        "box": b64encode(file.keys.box.secret).decode(),
        "machine": file.machine,
        "inode": file.inode,
    }
    path = key_file(folder, file.member, file.keys.signing.public)
    unfinished = path.with_suffix(".unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.rename(path)
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def set_aside(folder: Path, member: bytes) -> None:
    """Move the key files of a member aside, before another device takes their place: nothing reads them any more."""
    for path in folder.glob(f"{member.hex()}-*.key"):
        path.rename(path.with_suffix(".retired"))


def read_key_files(folder: Path) -> list[KeyFile]:
    """Read all key files of a home; one that is moved aside at this moment, or damaged, is left out."""
    files = []
    for path in sorted(folder.glob("*.key")):
        with suppress(OSError, ValueError, LookupError, TypeError):
            files.append(_read(path))
    return files


def _read(path: Path) -> KeyFile:
    content = json.loads(path.read_text(encoding="utf-8"))
    signing, box = b64decode(content["signing"]), b64decode(content["box"])
    keys = DeviceKeys(SigningKey(signing), BoxKey(box))
    return KeyFile(b64decode(content["member"]), keys, content["machine"], content["inode"])


class Keyring:
    """The keys of this home, and the shared secrets that find and open private payloads."""

    def __init__(self, files: Iterable[KeyFile]) -> None:
        self.files = {file.keys.signing.public: file for file in files}
        self._epochs: dict[bytes, dict[int, BoxKey]] = {}
        self._spares: dict[bytes, dict[bytes, BoxKey]] = {}
        self._pairs: dict[bytes, list[bytes]] = {}

    def of_member(self, member: bytes) -> KeyFile | None:
        """Return the key file of a member of this home."""
        return next((file for file in self.files.values() if file.member == member), None)

    def learn_epoch(self, member: bytes, number: int, public: bytes, sealed: Iterable[tuple[bytes, bytes]]) -> bool:
        """Open the box key of an epoch of one of our members, where it is sealed to one of our devices.

        Only the secret of the key that counts, `public`, is kept. Return whether it was not open before.
        """
        known = self._epochs.get(member, {}).get(number)
        if known is not None and known.public == public:
            return False
        spares = self._spares.setdefault(member, {})
        if known is not None:
            spares[known.public] = known  # it has lost its number, and something may be sealed with it
        key = spares.get(public) or self._open(member, public, sealed)
        if key is not None:
            self._epochs.setdefault(member, {})[number] = key
            self._pairs.clear()
        return key is not None

    def learn_spare(self, member: bytes, public: bytes, sealed: Iterable[tuple[bytes, bytes]]) -> bool:
        """Open a box key whose number another one of the member has; return whether it was not open before."""
        spares = self._spares.setdefault(member, {})
        if public in spares:
            return False
        key = self._open(member, public, sealed)
        if key is not None:
            spares[public] = key
            self._pairs.clear()
        return key is not None

    def _open(self, member: bytes, public: bytes, sealed: Iterable[tuple[bytes, bytes]]) -> BoxKey | None:
        """Open what is sealed to one of our devices, if it is the secret of this key."""
        for device, secret in sealed:
            file = self.files.get(device)
            opened = file.keys.box.open(secret) if file and file.member == member else None
            if opened is not None and len(opened) == 32 and BoxKey(opened).public == public:
                return BoxKey(opened)
        return None

    def all_of(self, member: bytes) -> list[BoxKey]:
        """Return all box keys of one of our members that are open here, also those that have lost their number."""
        return [*self._epochs.get(member, {}).values(), *self._spares.get(member, {}).values()]

    def forget_pairs(self) -> None:
        """Forget what was worked out, since somebody's box keys changed."""
        self._pairs.clear()

    def sealing_secrets(self, db: sqlite3.Connection, writer: bytes, readers: Iterable[bytes]) -> list[bytes]:
        """Return the secrets that `writer` (a member of this home) shares with each reader and with itself.

        Raises:
            LookupError: a reader has no box key yet.
            RefusedError: `key_awaited` while the newest key of the writer is not here: what an older one seals, a
                retired device could read.
        """
        key = self._newest(db, writer)
        secrets = []
        for reader in {writer, *readers}:
            row = db.execute(
                "SELECT public FROM epoch WHERE member = ? ORDER BY number DESC LIMIT 1", (reader,)
            ).fetchone()
            if row is None:
                raise LookupError("no box key")
            secrets.append(key.shared(row[0]))
        return secrets

    def _newest(self, db: sqlite3.Connection, member: bytes) -> BoxKey:
        row = db.execute(
            "SELECT number, public FROM epoch WHERE member = ? ORDER BY number DESC LIMIT 1", (member,)
        ).fetchone()
        if row is None:
            raise LookupError("no box key")
        key = self._epochs.get(member, {}).get(row[0])
        if key is None or key.public != row[1]:
            raise RefusedError(
                "key_awaited",
                N_("The newest key of this member has not been handed to this device yet."),
                N_("Let another device of the member run, and this one too: foodhub node run"),
            )
        return key

    def opening_secrets(self, db: sqlite3.Connection, author: bytes) -> list[bytes]:
        """Return every secret with which a payload of the member `author` may be sealed to one of us."""
        secrets = self._pairs.get(author)
        if secrets is None:
            query = (
                "SELECT public, number FROM epoch WHERE member = ?1"
                " UNION ALL SELECT public, -1 FROM spare_epoch WHERE member = ?1 ORDER BY number DESC, public"
            )
            publics = [public for public, _ in db.execute(query, (author,))]
            own = [key for epochs in self._epochs.values() for _, key in sorted(epochs.items(), reverse=True)]
            own += [key for spares in self._spares.values() for key in spares.values()]
            secrets = [_shared(key, public) for public in publics for key in own]
            self._pairs[author] = secrets = [secret for secret in secrets if secret]
        return secrets


def _shared(key: BoxKey, public: bytes) -> bytes:
    try:
        return key.shared(public)
    except ValueError:
        return b""
