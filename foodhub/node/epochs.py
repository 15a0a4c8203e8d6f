"""The box keys of a member: a new one when a device leaves, and handing them to devices that lack one.

What a member reads is sealed to it, not to its devices; an epoch is one such key. A device that joins gets them all, a
device that was retired never gets the next. Secrets are sealed here and stand nowhere in the open.
"""

import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable

from foodhub.circuit.statements import Epoch, Share
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey, is_box_key, seal_to
from foodhub.node.circuit_log import all_epochs_of, inception_of, shares_of
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


def share(box_keys: Iterable[tuple[int, BoxKey]], device: bytes, box: bytes) -> Share:
    """Hand box keys to a device: (number, key); where several have one number, all of these that are open here."""
    return Share(device, [(number, seal_to(box, key.secret)) for number, key in box_keys])


def held_keys(tx: Transaction, member: bytes) -> list[tuple[int, BoxKey]]:
    """Return all box keys of a member of this home that are open here: (number, key), by number.

    Two devices that knew nothing of each other may have made one of the same number. Nobody seals with the one that
    does not count, but what was sealed with it before has to be read.
    """
    held = {key.public: key for key in tx.keyring.all_of(member)}
    return [(each.number, held[each.public]) for each in all_epochs_of(tx.db, member) if each.public in held]


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
    held = held_keys(tx, hat.member)
    for (device, box), wanted in lacking.items():
        if handed := [(number, key) for number, key in held if number in wanted]:
            said.append(share(handed, device, box))
        for number, stated in wanted.items():
            found = sum(each == number for each, _ in handed)
            # Sealed to us by somebody who sealed nothing usable: noted, or the same would be due for ever.
            note = _unusable(hat, number) if not found else _handed(device, number, stated) if found < stated else ""
            if note:
                tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, 1)", (note,))
    if said:
        tx.append(hat.member, Log.CIRCUIT, said)
    return len(said)


def _unusable(hat: Hat, number: int) -> str:
    return f"epoch_unusable:{hat.device.hex()}:{number}"


def _handed(device: bytes, number: int, stated: int) -> str:
    """Say that a device was handed what is open here of the keys of one number, of which so many are stated."""
    return f"epoch_handed:{device.hex()}:{number}:{stated}"


def _is_first(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether this is the highest-ranked of several devices of its member: with one alone nothing is ever due."""
    devices = db.execute("SELECT key, retired FROM device WHERE member = ? ORDER BY position", (hat.member,)).fetchall()
    return len(devices) > 1 and next((key for key, retired in devices if not retired), None) == hat.device


class _Holders:
    """Which device was given which box keys of a member, as its logs 0 say.

    What is handed over has a number only; whoever does it hands over all keys of that number that it has, at once.
    """

    def __init__(self, db: sqlite3.Connection, member: bytes) -> None:
        self.sealed: dict[int, list[set[bytes]]] = {}
        for epoch in all_epochs_of(db, member):
            self.sealed.setdefault(epoch.number, []).append({device for device, _ in epoch.sealed})
        self._handed: dict[bytes, Counter[int]] = {}
        for each in shares_of(db, member):
            self._handed[each.device] = self._handed.get(each.device, Counter()) | Counter(n for n, _ in each.sealed)

    def has_some(self, device: bytes, number: int) -> bool:
        """Say whether a device has a key of this number."""
        given = any(device in devices for devices in self.sealed.get(number, ()))
        return given or self._handed.get(device, Counter())[number] > 0

    def has_all(self, device: bytes, number: int) -> bool:
        """Say whether a device has every key of this number."""
        keys = self.sealed[number]
        handed = self._handed.get(device, Counter())[number]
        return handed >= len(keys) or all(device in devices for devices in keys)


def _lacking(db: sqlite3.Connection, hat: Hat) -> tuple[bool, dict[tuple[bytes, bytes], dict[int, int]]]:
    """Return whether a retired device knows the newest key, and what each device lacks that we have.

    Of that the numbers, and how many keys of each there are.
    """
    holders = _Holders(db, hat.member)
    newest = max(holders.sealed, default=0)
    retired = [key for (key,) in db.execute("SELECT key FROM device WHERE member = ? AND retired", (hat.member,))]
    query = "SELECT key FROM meta WHERE key LIKE 'epoch_unusable:%' OR key LIKE 'epoch_handed:%'"
    noted = {key for (key,) in db.execute(query)}
    own = {
        number: len(keys)
        for number, keys in holders.sealed.items()
        if holders.has_some(hat.device, number) and _unusable(hat, number) not in noted
    }
    lacking: dict[tuple[bytes, bytes], dict[int, int]] = {}
    for device, box in active(db, hat.member):
        for number, count in own.items():
            due = not (holders.has_all(device, number) or _handed(device, number, count) in noted)
            if due and device != hat.device and is_box_key(box):
                lacking.setdefault((device, box), {})[number] = count
    return any(holders.has_some(device, newest) for device in retired), lacking
