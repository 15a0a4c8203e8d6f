"""Recovery: with its 24 words a member whose laptops are lost, or whose older laptop has to go, begins anew here.

The new device retires all before it, with cuts at what could be fetched of their logs; the words open the member's box
keys again. Meanwhile the key that signs stands in a file beside the other keys, for the network process to prove itself
with. The file is good for no longer than the command that wrote it lives, which holds an OS lock; whoever finds it
later removes it.
"""

import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from foodhub.circuit.device_code import Card
from foodhub.circuit.statements import Device, Epoch, Inception, Recover, Share, proof_of_recovery
from foodhub.errors import N_, NotSetUpError, NotThereError, RefusedError
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey, DeviceKeys, SigningKey
from foodhub.node.circuit_log import all_epochs_of, first_statement, inceptions
from foodhub.node.devices import cuts_of
from foodhub.node.enrolling import new_device, new_keys, spoiled
from foodhub.node.epochs import next_epoch, share
from foodhub.node.hat import Hat, hats, member_name, shown_name
from foodhub.node.knocking import remember_addresses, write_secret
from foodhub.node.recovery_words import RecoveryKeys
from foodhub.node.setup import check_circuit, enter_circuit
from foodhub.store.guard import begins, begun
from foodhub.store.lock import FileLock
from foodhub.store.transaction import Transaction

CIRCUIT_UNKNOWN = (
    "circuit_unknown",
    N_("This home knows no circuit yet."),
    N_("Let any member show you its card with: foodhub circuit card. Then: foodhub recover --card CARD"),
)
_CONFIRMED = "words_confirmed:"


def unconfirmed(db: sqlite3.Connection) -> list[str]:
    """Return the members of this home, by name, whose recovery words were shown here and never asked back."""
    rows = db.execute(
        "SELECT name FROM own WHERE inception != x'' AND NOT EXISTS"
        " (SELECT 1 FROM meta WHERE key = ? || lower(hex(own.member))) ORDER BY name",
        (_CONFIRMED,),
    )
    return [name for (name,) in rows]


def confirm_words(tx: Transaction, member: bytes) -> None:
    """Note that somebody has the recovery words of a member of this home on paper."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, 1)", (_CONFIRMED + member.hex(),))


def whose_words(db: sqlite3.Connection, keys: RecoveryKeys) -> Hat:
    """Return the member of this home whose recovery words these are.

    Raises:
        NotThereError: `words_of_nobody`.
    """
    found = member_of_words(db, keys.signing.public)
    for hat in hats(db):
        if (found is not None and found.id == hat.member) or _began_with(db, hat, keys):
            return hat
    raise NotThereError(
        "words_of_nobody",
        N_("These are the recovery words of no member of this home."),
        N_("Each member has words of its own: look for another sheet of paper."),
    )


def _began_with(db: sqlite3.Connection, hat: Hat, keys: RecoveryKeys) -> bool:
    """Say whether these words were made with a member of this home, which may be in no circuit yet."""
    (data,) = db.execute("SELECT inception FROM own WHERE member = ?", (hat.member,)).fetchone()
    return bool(data) and keys.signing.public in data


def member_of_words(db: sqlite3.Connection, recovery_signing: bytes) -> Inception | None:
    """Return the member whose recovery words have this public key, None while it is not known here.

    It reads the first entry of every member: asked at the door only about keys that are nothing else.
    """
    known = {member for (member,) in db.execute("SELECT id FROM member WHERE NOT removed")}
    found = (each for each in inceptions(db) if each.recovery_signing == recovery_signing)
    return next((each for each in found if each.id in known), None)


@dataclass(frozen=True, slots=True)
class Recovering:
    """A recovery under way: with what this home knocks. Once it holds all logs 0 it asks for `everything`."""

    circuit: bytes
    words: SigningKey
    device: DeviceKeys
    everything: bool


def _file(home: Path) -> Path:
    return home / "keys" / "recovering.json"


def recovering(home: Path) -> Recovering | None:
    """Return the recovery that a living command runs on this home, None for none; what a dead one left is removed."""
    if not _file(home).exists():
        return None
    with closing(FileLock(_lock(home))) as lock:
        if not lock.is_held():
            end_recovery(home)
            return None
    try:
        content = json.loads(_file(home).read_text("utf-8"))
        circuit, words, signing, box = (b64decode(content[name]) for name in ("circuit", "words", "signing", "box"))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    keys = DeviceKeys(SigningKey(signing), BoxKey(box))
    return Recovering(circuit, SigningKey(words), keys, bool(content["everything"]))


def _write(home: Path, found: Recovering) -> None:
    secret = {
        "circuit": found.circuit,
        "words": found.words.seed,
        "signing": found.device.signing.seed,
        "box": found.device.box.secret,
    }
    content = {name: b64encode(value).decode() for name, value in secret.items()}
    write_secret(_file(home), {**content, "everything": found.everything})


@contextmanager
def hold_recovery(home: Path) -> Iterator[None]:
    """Hold the one recovery that a home can run at a time, and remove in the end what it left for the network process.

    The lock is the operating system's, so a command that is killed holds nothing, and its key is used no more.

    Raises:
        RefusedError: `recovery_runs` while another command recovers here.
    """
    with closing(FileLock(_lock(home))) as lock:
        if not lock.try_acquire():
            raise RefusedError(
                "recovery_runs",
                N_("Another command recovers a member in this home."),
                N_("Let it come to its end, or stop it, then run this again."),
            )
        try:
            yield
        finally:
            end_recovery(home)


def _lock(home: Path) -> Path:
    return home / "recovery.lock"


def end_recovery(home: Path) -> None:
    """Remove what a recovery left for the network process."""
    _file(home).unlink(missing_ok=True)


def begin_recovery(tx: Transaction, home: Path, keys: RecoveryKeys, card: Card | None, peers: Sequence[str]) -> None:
    """Make the keys of a device and leave them, and the key of the words, for the network process to knock with.

    Whoever calls this holds the recovery (see `hold_recovery`): else nobody believes what is left.
    A recovery that was signed here before and reached nobody goes on with its device.

    Raises:
        NotSetUpError: `circuit_unknown`. RefusedError: the card is of another circuit than this home.
    """
    circuit = card.circuit if card else tx.circuit
    if not circuit:
        raise NotSetUpError(*CIRCUIT_UNKNOWN)
    check_circuit(tx.db, circuit)
    enter_circuit(tx, circuit)
    remember_addresses(tx, [*(card.addresses if card else []), *peers], "invite")
    _write(home, Recovering(circuit, keys.signing, _signed_before(tx, keys) or new_keys(), everything=False))


def _signed_before(tx: Transaction, keys: RecoveryKeys) -> DeviceKeys | None:
    member = member_of_words(tx.db, keys.signing.public)
    file = tx.keyring.of_member(member.id) if member else None
    if file is None or not has_recovered(tx.db, file.keys.signing.public) or _heard_of(tx.db, file.keys.signing.public):
        return None
    return file.keys


def has_recovered(db: sqlite3.Connection, device: bytes) -> bool:
    """Say whether a device began with a recovery."""
    return isinstance(first_statement(db, device), Recover)


def _heard_of(db: sqlite3.Connection, device: bytes) -> bool:
    query = "SELECT 1 FROM log WHERE author = ? AND log = 0 AND elsewhere > 0"
    return db.execute(query, (device,)).fetchone() is not None


def ask_for_everything(tx: Transaction, home: Path, keys: RecoveryKeys) -> None:
    """Go on to fetch all logs, now that the member is known; keys here that may not sign any more are moved aside.

    Raises:
        NotThereError: `words_of_no_member`.
    """
    found = _under_way(home)
    member = _member(tx.db, keys)
    hat = next((hat for hat in hats(tx.db) if hat.member == member.id), None)
    if hat is not None and hat.device != found.device.signing.public and spoiled(tx.db, home, hat):
        # Else what others hold of its logs would be taken for a sign that this home was set back, and left lying.
        _move_in(tx, home, member)
    _write(home, Recovering(found.circuit, found.words, found.device, everything=True))


def require_member_of(db: sqlite3.Connection, keys: RecoveryKeys) -> bytes:
    """Return the member whose words these are.

    Raises:
        NotThereError: `words_of_no_member`.
    """
    return _member(db, keys).id


def known_member(db: sqlite3.Connection, keys: RecoveryKeys) -> tuple[bytes, str, list[str]] | None:
    """Return the member whose words these are, its name and who else is of this home; None for one not known here."""
    found = member_of_words(db, keys.signing.public)
    member = found.id if found else next((hat.member for hat in hats(db) if _began_with(db, hat, keys)), None)
    return (member, name_of(db, member), others_here(db, member)) if member else None


def others_here(db: sqlite3.Connection, member: bytes) -> list[str]:
    """Return the names of the members of this home if it is none of them, none if it is."""
    own = hats(db)
    return [] if any(hat.member == member for hat in own) else [hat.name for hat in own]


def is_named(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether it is known here what a member is called."""
    return member_name(db, member) is not None


def name_of(db: sqlite3.Connection, member: bytes) -> str:
    """Return what a member is called here, or would be."""
    return shown_name(db, member)


def _member(db: sqlite3.Connection, keys: RecoveryKeys) -> Inception:
    member = member_of_words(db, keys.signing.public)
    if member is None:
        raise NotThereError(
            "words_of_no_member",
            N_("These are the recovery words of no member of this circuit."),
            N_("Look for another sheet of paper, or ask for the card of another circuit."),
        )
    return member


def _under_way(home: Path) -> Recovering:
    found = recovering(home)
    if found is None:
        raise RefusedError("recovery_ended", N_("The recovery was ended by another command."), N_("Begin it again."))
    return found


def _move_in(tx: Transaction, home: Path, member: Inception, name: str | None = None) -> Hat:
    """Give this home the device of the recovery under way."""
    row = tx.db.execute("SELECT name FROM own WHERE member = ?", (member.id,)).fetchone()
    (roles,) = tx.db.execute("SELECT roles FROM member WHERE id = ?", (member.id,)).fetchone()
    called = name or (row[0] if row else shown_name(tx.db, member.id))
    own = " ".join(role for role in roles.split() if role != "steward")
    return new_device(tx, home, member.id, called, own, _under_way(home).device)


def move_in(tx: Transaction, home: Path, keys: RecoveryKeys, name: str | None = None) -> Hat:
    """Give this home the device of the recovery under way, in the place of one that it had; `name` is for a new home.

    Raises:
        NotThereError: `words_of_no_member`.
    """
    member = _member(tx.db, keys)
    hat = next((hat for hat in hats(tx.db) if hat.member == member.id), None)
    if hat is not None and hat.device == _under_way(home).device.signing.public:
        return hat
    return _move_in(tx, home, member, name)


def recover(tx: Transaction, hat: Hat, keys: RecoveryKeys) -> None:
    """Begin anew with this device: it retires all others of the member, up to what is held here of their logs.

    The member gets a new box key, and this device all that came before, opened with the words.

    Raises:
        LookupError: the member, or its keys, are not in this home.
    """
    confirm_words(tx, hat.member)
    if has_recovered(tx.db, hat.device):
        return
    file = tx.keyring.files[hat.device]
    devices = [key for (key,) in tx.db.execute("SELECT key FROM device WHERE member = ?", (hat.member,))]
    firsts = [first_statement(tx.db, device) for device in devices]
    number = 1 + max((first.number for first in firsts if isinstance(first, Recover)), default=0)
    device = Device(hat.device, file.keys.box.public, _was_always_on(tx.db, hat.member))
    cuts = [cut for each in devices for cut in cuts_of(tx.db, each)]
    proof = keys.signing.sign("recover", proof_of_recovery(tx.circuit, hat.member, number, device, cuts))
    epoch = next_epoch(tx.db, hat.member, without=devices, also=[(device.signing, device.box)])
    opened = _open(all_epochs_of(tx.db, hat.member), keys.box)
    said: list[Recover | Epoch | Share] = [Recover(hat.member, number, device, cuts, proof), epoch]
    begins(tx.db, hat.device)
    tx.append(hat.member, Log.CIRCUIT, [*said, share(opened, device.signing, device.box)])
    begun(tx.db, hat.device)


def _was_always_on(db: sqlite3.Connection, member: bytes) -> bool:
    """Say whether the highest-ranked device before was meant to be always on."""
    row = db.execute("SELECT always_on FROM device WHERE member = ? ORDER BY retired, position", (member,)).fetchone()
    return bool(row and row[0])


def _open(epochs: Sequence[Epoch], box: BoxKey) -> list[tuple[int, BoxKey]]:
    """Open box keys with the one of the words; what does not open, or is not what it says, is left out."""
    found = []
    for epoch in epochs:
        secret = box.open(epoch.recovery)
        if secret is not None and len(secret) == 32 and BoxKey(secret).public == epoch.public:
            found.append((epoch.number, BoxKey(secret)))
    return found


def losses(db: sqlite3.Connection, member: bytes) -> list[tuple[bytes, int, int]]:
    """Return what a recovery retires, and how much of it is held here: (device, entries, time of the last in ms)."""
    return db.execute(
        "SELECT d.key, coalesce(sum(l.seq), 0), coalesce(max(l.timestamp), 0) FROM device d"
        " LEFT JOIN log l ON l.author = d.key AND l.seq > 0 WHERE d.member = ? AND NOT d.retired"
        " GROUP BY d.key ORDER BY d.position",
        (member,),
    ).fetchall()
