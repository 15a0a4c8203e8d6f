"""The box keys of a member: a new one when a device leaves, and handing them to devices that lack one.

What a member reads is sealed to it, not to its devices; an epoch is one such key. A device that joins gets them all, a
device that was retired never gets the next. Secrets are sealed here and stand nowhere in the open.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Mapping

from foodhub.circuit.statements import Epoch, Share
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey, is_box_key, seal_to
from foodhub.node.circuit_log import epochs_of, inception_of, shares_of
from foodhub.node.hat import Hat
from foodhub.store.transaction import Transaction


def first_epoch(device: bytes, box: bytes, recovery_box: bytes) -> Epoch:
    """Make the first box key of a member."""
    return seal_epoch(1, [(device, box)], recovery_box)


def seal_epoch(number: int, devices: Iterable[tuple[bytes, bytes]], recovery_box: bytes) -> Epoch:
    """Make a box key and seal its secret to devices (signing key, box key) and to the recovery words."""
    key = BoxKey(secrets.token_bytes(32))
    sealed = [(device, seal_to(box, key.secret)) for device, box in devices if is_box_key(box)]
    return Epoch(number, key.public, sealed, seal_to(recovery_box, key.secret))


def next_epoch(
    db: sqlite3.Connection, member: bytes, without: Iterable[bytes] = (), also: Iterable[tuple[bytes, bytes]] = ()
) -> Epoch:
    """Make the next box key of a member, for all devices that are not retired and not among `without`, and for `also`.

    Raises:
        LookupError: the member is not known here.
    """
    inception = inception_of(db, member)
    if inception is None:
        raise LookupError("no such member")
    (highest,) = db.execute("SELECT coalesce(max(number), 0) FROM epoch WHERE member = ?", (member,)).fetchone()
    gone = set(without)
    devices = [(key, box) for key, box in active(db, member) if key not in gone]
    return seal_epoch(highest + 1, [*devices, *also], inception.recovery_box)


def share(box_keys: Mapping[int, BoxKey], device: bytes, box: bytes) -> Share:
    """Hand box keys (by number) to a device."""
    return Share(device, [(number, seal_to(box, key.secret)) for number, key in sorted(box_keys.items())])


def active(db: sqlite3.Connection, member: bytes) -> list[tuple[bytes, bytes]]:
    """Return the devices of a member that are not retired, the highest rank first: (signing key, box key)."""
    return db.execute(
        "SELECT key, box FROM device WHERE member = ? AND NOT retired ORDER BY position", (member,)
    ).fetchall()


def keys_due(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether `renew` may have something to do for a member of this home."""
    return _is_first(db, hat) and any(_lacking(db, hat))


def renew(tx: Transaction, hat: Hat) -> int:
    """Do what is due for the box keys of a member, if this is its highest-ranked device; return how much that was.

    A retired device knows the newest key: a new one. A device lacks a key that is held here: it is handed over.
    """
    if not keys_due(tx.db, hat):
        return 0
    known, lacking = _lacking(tx.db, hat)
    said: list[Epoch | Share] = [next_epoch(tx.db, hat.member)] if known else []
    held = tx.keyring.epochs_of(hat.member)
    for (device, box), numbers in lacking.items():
        if handed := {number: held[number] for number in numbers if number in held}:
            said.append(share(handed, device, box))
        for number in set(numbers) - handed.keys():
            # Sealed to us by somebody who sealed nothing usable: noted, or the same would be due for ever.
            tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, 1)", (_unusable(hat, number),))
    if said:
        tx.append(hat.member, Log.CIRCUIT, said)
    return len(said)


def _unusable(hat: Hat, number: int) -> str:
    return f"epoch_unusable:{hat.device.hex()}:{number}"


def _is_first(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether this is the highest-ranked of several devices of its member: with one alone nothing is ever due."""
    devices = db.execute("SELECT key, retired FROM device WHERE member = ? ORDER BY position", (hat.member,)).fetchall()
    return len(devices) > 1 and next((key for key, retired in devices if not retired), None) == hat.device


def _lacking(db: sqlite3.Connection, hat: Hat) -> tuple[bool, dict[tuple[bytes, bytes], list[int]]]:
    """Return whether a retired device knows the newest key, and which keys each device lacks that we hold."""
    known: dict[bytes, set[int]] = {}
    epochs = epochs_of(db, hat.member)
    for epoch in epochs:
        for device, _ in epoch.sealed:
            known.setdefault(device, set()).add(epoch.number)
    for each in shares_of(db, hat.member):
        known.setdefault(each.device, set()).update(number for number, _ in each.sealed)
    newest = epochs[-1].number if epochs else 0
    retired = [key for (key,) in db.execute("SELECT key FROM device WHERE member = ? AND retired", (hat.member,))]
    noted = {key for (key,) in db.execute("SELECT key FROM meta WHERE key LIKE 'epoch_unusable:%'")}
    own = {number for number in known.get(hat.device, set()) if _unusable(hat, number) not in noted}
    lacking = {
        (device, box): sorted(own - known.get(device, set()))
        for device, box in active(db, hat.member)
        if is_box_key(box) and own - known.get(device, set())
    }
    return any(newest in known.get(device, set()) for device in retired), lacking
