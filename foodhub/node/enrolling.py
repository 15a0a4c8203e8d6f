"""A further device of a member: enrolling on a code, and certifying who did.

The new laptop knocks with the code's key, as a newcomer does with an invite, and gets logs 0 alone until the device
that showed the code has certified it. A home that was copied or restored is taken in the same way: with new keys, never
with those that have signed already.
"""

import secrets
import sqlite3
from pathlib import Path

from foodhub.circuit.device_code import DeviceCode, read_device_code
from foodhub.circuit.statements import Certify, Device, Enrol, proof_of_enrolment
from foodhub.errors import N_, RefusedError
from foodhub.log.header import Log
from foodhub.log.keys import BoxKey, DeviceKeys, SigningKey, is_box_key
from foodhub.node import live
from foodhub.node.circuit_log import first_statement
from foodhub.node.devices import enrolments, refusal_key, refused_enrolment
from foodhub.node.epochs import held_keys, share
from foodhub.node.hat import Hat, hats
from foodhub.node.knocking import begin_knocking, remember_addresses
from foodhub.node.setup import check_circuit, check_free, enter_circuit
from foodhub.store.guard import Guard, begins, begun, not_read_only
from foodhub.store.keyring import KeyFile, read_key_files, set_aside, write_key_file
from foodhub.store.place import file_identity, machine
from foodhub.store.store import DATABASE
from foodhub.store.transaction import Transaction

REFUSALS = {
    "invite_unknown": (
        N_("The nodes that were reached do not know this code."),
        N_("Try again while the device that showed it runs."),
    ),
    "invite_used": (
        N_("This code has been used already."),
        N_("Make a new one with: foodhub device add; each is for one device."),
    ),
    "invite_expired": (N_("This code has expired."), N_("Make a new one with: foodhub device add")),
    "other_circuit": (
        N_("The node at this code's address is of another circuit."),
        N_("Make a new one with: foodhub device add"),
    ),
}
"""Why a door may stay shut to a code, by the reason that the network process notes."""
RETIRED = "device_retired"
"""The reason with which others turn a device away that was retired, which it may be the last to learn."""
_EXPIRED = "invite_expired"
_UNUSABLE = "bad_key"


def refusal(code: str) -> RefusedError:
    """Return a door's refusal as the user meets it."""
    message, hint = REFUSALS.get(code) or (
        N_("The circuit refused this code."),
        N_("Make a new one with: foodhub device add"),
    )
    return RefusedError(code, message, hint)


def check_code(db: sqlite3.Connection, text: str, now: int) -> DeviceCode:
    """Read a code and check what can be known of it here; `now` in ms.

    Raises:
        RefusedError: it is unreadable, expired or for another circuit.
    """
    code = read_device_code(text)
    check_circuit(db, code.circuit)
    if code.expires <= now and not _enrolled_on(db, code):
        raise refusal(_EXPIRED)
    return code


def prepare_enrolment(tx: Transaction, home: Path, text: str) -> Hat:
    """Make keys for a further device in this home, and remember the code so that the network process can knock with it.

    What was prepared on this code before is gone on with. In a home of the member whose device may not sign any more
    its keys are moved aside, and it may sign again, with the new ones.

    Raises:
        RefusedError: see `check_code`; `device_in_use` when the member's device here may still sign.
    """
    code = check_code(tx.db, text, tx.now)
    hat = next((hat for hat in hats(tx.db) if hat.member == code.member), None)
    if hat is None or not _goes_on(tx.db, home, hat, code):
        if hat is None:
            check_free(tx.db, code.name)
        else:
            _check_out_of_use(tx.db, home, hat)
        enter_circuit(tx, code.circuit)
        hat = new_device(tx, home, code.member, (hat or code).name, " ".join(code.roles), new_keys())
    remember_addresses(tx, code.addresses, "invite")
    begin_knocking(home, text, code.member)
    return hat


def new_keys() -> DeviceKeys:
    """Make the keys of a device."""
    return DeviceKeys(SigningKey(secrets.token_bytes(32)), BoxKey(secrets.token_bytes(32)))


def new_device(tx: Transaction, home: Path, member: bytes, name: str, roles: str, keys: DeviceKeys) -> Hat:
    """Give a member a new device in this home, in the place of the one it had here, whose keys are moved aside."""
    row = tx.db.execute("SELECT roles, inception FROM own WHERE member = ?", (member,)).fetchone()
    device = keys.signing.public
    kept = (row[0] if row else roles, row[1] if row else b"")
    tx.db.execute("INSERT OR REPLACE INTO own VALUES (?, ?, ?, ?, ?)", (member, device, name, *kept))
    others = [hat.device for hat in hats(tx.db) if hat.member != member]
    not_read_only(tx.db, others)
    set_aside(home / "keys", member)
    write_key_file(home / "keys", KeyFile(member, keys, machine(), file_identity(home / DATABASE)))
    return Hat(member, device, name, tuple(kept[0].split()))


def _goes_on(db: sqlite3.Connection, home: Path, hat: Hat, code: DeviceCode) -> bool:
    """Say whether this home has keys that are for this code: it enrolled on it, or was stopped before it could."""
    return not spoiled(db, home, hat) and (_enrolled_on(db, code) or not _has_spoken(db, hat.device))


def _enrolled_on(db: sqlite3.Connection, code: DeviceCode) -> bool:
    """Say whether a device of this home has enrolled on a code."""
    for hat in hats(db):
        first = first_statement(db, hat.device)
        if hat.member == code.member and isinstance(first, Enrol) and first.ticket == code.key.public:
            return True
    return False


def _check_out_of_use(db: sqlite3.Connection, home: Path, hat: Hat) -> None:
    """Make sure that a member's device here may not sign, or never did, before another takes its place."""
    if spoiled(db, home, hat) or not certified(db, hat):
        return
    process = live.last_process(home)
    if process is None or process.refusal != RETIRED:
        raise RefusedError(
            "device_in_use",
            N_("This home is a device of {name} already, and may sign."),
            N_("Enrol on another laptop, in a new home: foodhub --home DIR device enrol CODE"),
            name=hat.name,
        )


def spoiled(db: sqlite3.Connection, home: Path, hat: Hat) -> bool:
    """Say whether a member's device here may never sign again; one that waits to be certified may, once it is."""
    file = next((file for file in read_key_files(home / "keys") if file.keys.signing.public == hat.device), None)
    return file is None or Guard(home / DATABASE, file).reason(db) not in {None, "waiting"}


def _has_spoken(db: sqlite3.Connection, device: bytes) -> bool:
    return db.execute("SELECT 1 FROM log WHERE author = ? AND seq > 0", (device,)).fetchone() is not None


def enrol(tx: Transaction, hat: Hat, code: DeviceCode, *, always_on: bool) -> None:
    """Enrol as a further device: the first entry of its log 0.

    Raises:
        RefusedError: the ticket is not known here yet, or somebody else was certified on it.
    """
    if _has_spoken(tx.db, hat.device):
        return
    row = tx.db.execute(
        "SELECT used_by FROM ticket WHERE public = ? AND member = ?", (code.key.public, code.member)
    ).fetchone()
    if row is None:
        raise refusal("invite_unknown")
    if row[0]:
        raise refusal("invite_used")
    file = tx.keyring.files[hat.device]
    device = Device(hat.device, file.keys.box.public, always_on)
    proof = code.key.sign("enrol", proof_of_enrolment(tx.circuit, hat.member, device))
    begins(tx.db, hat.device)
    tx.append(hat.member, Log.CIRCUIT, [Enrol(hat.member, device, code.key.public, proof)])
    begun(tx.db, hat.device)


def ticket_arrived(db: sqlite3.Connection, code: DeviceCode) -> bool:
    """Say whether the ticket of a code has arrived here, so that `enrol` can be signed."""
    return (
        db.execute("SELECT 1 FROM ticket WHERE public = ? AND member = ?", (code.key.public, code.member)).fetchone()
        is not None
    )


def enrolled(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether this device has said that it enrols."""
    return _has_spoken(db, hat.device)


def certified(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether this device counts as one of its member."""
    return db.execute("SELECT 1 FROM device WHERE key = ?", (hat.device,)).fetchone() is not None


def to_certify(db: sqlite3.Connection, hat: Hat) -> list[Enrol]:
    """Return who enrolled on a ticket of this device that nobody was certified on, and was not refused."""
    query = "SELECT public FROM ticket WHERE device = ? AND used_by = x''"
    open_tickets = {public for (public,) in db.execute(query, (hat.device,))}
    if not open_tickets:
        return []
    waiting = [each for each in enrolments(db, hat.member) if each.ticket in open_tickets]
    return [each for each in waiting if not refused_enrolment(db, each.device.signing)]


def certify(tx: Transaction, hat: Hat) -> int:
    """Certify who enrolled on a code of this device in time, and hand over the member's box keys.

    Of several on one code the one with the lowest entry id is certified; later ones are refused, and that is noted.
    """
    waiting = to_certify(tx.db, hat)
    used: set[bytes] = set()
    for each in waiting:
        reason = _refusal_of(tx, each, used)
        if reason:
            tx.db.execute("INSERT INTO meta VALUES (?, ?)", (refusal_key(each.device.signing), reason))
            continue
        used.add(each.ticket)
        handed = share(held_keys(tx, hat.member), each.device.signing, each.device.box)
        tx.append(hat.member, Log.CIRCUIT, [Certify(each.device.signing), handed])
        if tx.db.execute("SELECT 1 FROM device WHERE key = ?", (each.device.signing,)).fetchone() is None:
            # Whatever the reason: it is not tried again and again.
            tx.db.execute("INSERT INTO meta VALUES (?, ?)", (refusal_key(each.device.signing), _UNUSABLE))
    return len(waiting)


def _refusal_of(tx: Transaction, enrolment: Enrol, used: set[bytes]) -> str:
    place = (enrolment.ticket, enrolment.member)
    (expires,) = tx.db.execute("SELECT expires FROM ticket WHERE public = ? AND member = ?", place).fetchone()
    if enrolment.ticket in used:
        return "invite_used"
    if expires <= tx.now:
        return _EXPIRED
    return "" if is_box_key(enrolment.device.box) else _UNUSABLE
