"""Examining what a home signs with: its key files, whether it may sign, and whether its recovery words are confirmed.

No secret leaves this module, not even in the details of a finding.
"""

import json
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foodhub.errors import N_
from foodhub.log.keys import BoxKey, SigningKey
from foodhub.node import live
from foodhub.node.alerts import turned_away
from foodhub.node.finding import Examined, Finding, bad, ok, skipped, warning
from foodhub.node.home import DATABASE
from foodhub.node.recovery import unconfirmed
from foodhub.store.guard import SENTENCES, Guard, refused
from foodhub.store.keyring import read_key_files
from foodhub.store.place import READ_ONLY

_OTHERS = 0o077
_SOON = frozenset({"restored_backup", "keys_missing", "waiting"})
"""Reasons for which a home may not sign yet: nothing is wrong with it, a step is still to be done."""


@dataclass(frozen=True, slots=True)
class _Public:
    """The public halves of what a key file holds."""

    name: str
    member: bytes
    device: bytes
    box: bytes


def check_keys(examined: Examined) -> Iterator[Finding]:
    """Look at every key file: who may read it, whether it can be read, whose it is, whether the log knows its keys."""
    folder = examined.home / "keys"
    yield from _open_to_others(folder)
    found: list[_Public] = []
    for path in sorted(folder.glob("*.key")):
        public = _read(path)
        if public is None:
            hint = N_("Enrol this home as a new device: foodhub device enrol CODE")
            yield bad("keys", N_("The key file {file} can't be read."), hint, code="key_unreadable", file=path.name)
        else:
            found.append(public)
    yield from _belong(examined.db, found)
    yield from _known(examined.db, found)


def _open_to_others(folder: Path) -> Iterator[Finding]:
    paths = [folder, *sorted(folder.glob("*"))] if folder.is_dir() else []
    names = [path.name for path in paths if path.stat().st_mode & _OTHERS]
    if names:
        yield bad(
            "keys",
            N_("Other users of this machine may read what only you should: {files}"),
            N_("Take that away with: chmod -R go= {folder}"),
            code="key_permissions",
            files=names,
            folder=str(folder),
        )


def _read(path: Path) -> _Public | None:
    """Return the public halves of a key file, None when it is not whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        signing, box = SigningKey(b64decode(content["signing"])), BoxKey(b64decode(content["box"]))
        return _Public(path.name, b64decode(content["member"]), signing.public, box.public)
    except Exception:  # noqa: BLE001 - whatever is wrong with its bytes, the file is not a key file
        return None


def _belong(db: sqlite3.Connection, found: list[_Public]) -> Iterator[Finding]:
    """Hold the key files against the members of this home."""
    own = db.execute("SELECT member, device, name FROM own ORDER BY name").fetchall()
    have = {(public.member, public.device) for public in found}
    read_only = db.execute("SELECT 1 FROM meta WHERE key = ?", (READ_ONLY,)).fetchone()
    for member, device, name in own:
        # Of a home that may not sign, the guard says so: a restored one has no keys.
        if (member, device) not in have and not read_only:
            message = N_("The key file of {name} is not here, so {name} can't sign.")
            hint = N_("Enrol this home as a new device (foodhub device enrol CODE), or: foodhub recover")
            yield bad("keys", message, hint, code="key_missing", name=name)
    belonging = {(member, device) for member, device, _name in own}
    for public in found:
        if (public.member, public.device) not in belonging:
            message = N_("The key file {file} is of no member of this home.")
            hint = N_("Nothing uses it. If it is not needed elsewhere, move it away.")
            yield warning("keys", message, hint, code="key_foreign", file=public.name)


def _known(db: sqlite3.Connection, found: list[_Public]) -> Iterator[Finding]:
    """Hold the public halves against what the log says of the device."""
    for public in found:
        row = db.execute("SELECT member, box FROM device WHERE key = ?", (public.device,)).fetchone()
        if row is not None and row != (public.member, public.box):
            message = N_("The key file {file} holds other keys than the log knows of its device.")
            hint = N_("Enrol this home as a new device: foodhub device enrol CODE")
            yield bad("keys", message, hint, code="key_mismatch", file=public.name)


def check_guard(examined: Examined) -> Iterator[Finding]:
    """Say whether this home may sign, and why not."""
    row = examined.db.execute("SELECT value FROM meta WHERE key = ?", (READ_ONLY,)).fetchone()
    reasons = {"": str(row[0])} if row else {}
    names = dict(examined.db.execute("SELECT device, name FROM own").fetchall())
    able = []
    for file in [] if row else read_key_files(examined.home / "keys"):
        device = file.keys.signing.public
        if device in names:
            able.append(names[device])
            reason = Guard(examined.home / DATABASE, file).reason(examined.db)
            if reason:
                reasons[names[device]] = reason
    for name, reason in reasons.items():
        hint = refused(reason).hint
        make = warning if reason in _SOON else bad
        yield make("guard", SENTENCES[reason], hint, code=reason, name=name)
    if not reasons:
        for alert in turned_away([], live.refusals(examined.home)):
            # The word of others, which may be wrong: it is no fault of this home that was found.
            yield warning("guard", alert.text, alert.hint, code=alert.code)
        # That the others lack their keys, the check of the keys says.
        if len(able) < len(names):
            yield (
                ok("guard", N_("Who may sign here: {names}."), names=sorted(able))
                if able
                else skipped("guard", N_("Left out: nobody's keys are here."))
            )


def check_words(examined: Examined) -> Iterator[Finding]:
    """Remind of recovery words that nobody has confirmed to have on paper."""
    names = unconfirmed(examined.db)
    if names:
        message = N_("Nobody has confirmed that the recovery words are on paper: {names}")
        yield warning("words", message, N_("Confirm them with: foodhub recover --check"), code="words", names=names)
