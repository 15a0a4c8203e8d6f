"""The devices of a member: which there are and what each keeps, adding one, retiring one, handing a right over.

Which devices count, and who keeps what, stands in the views. A device above this one in rank is never retired from
here: that is for itself, for a device above it, or for the recovery words.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from foodhub.catalog.naming import base32_id
from foodhub.circuit.device_code import DeviceCode, write_device_code
from foodhub.circuit.keepers import keepers
from foodhub.circuit.proofs import enrolment_holds
from foodhub.circuit.record import DeviceState
from foodhub.circuit.statements import RIGHTS, ROLES, Cut, Device, Enrol, Keeper, Retire, Right, Ticket
from foodhub.errors import N_, NotSetUpError, NotThereError, RefusedError, UsageError
from foodhub.log.header import Log
from foodhub.log.keys import SigningKey
from foodhub.node.circuit_log import first_statement, statements
from foodhub.node.epochs import active, next_epoch
from foodhub.node.hat import Hat, circuit_id, require_member
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

CODE_HOURS = 24
SHORTEST = 4
"""Letters of an id that name a device, at least."""


class DeviceRow(msgspec.Struct, frozen=True):
    """A device of a member; `key` is its signing key.

    `state` is active, forked (in use, and contradicts itself in one of its logs), retired, waiting (enrolled and not
    certified) or refused (it will not be, see `reason`).
    `entries` are those held here; of this device's own, `pending` are known to no other node and `not_always_on` to
    none that is always on. `since` and `last` are the times of its first and last entry here.
    """

    id: str
    key: bytes
    this: bool
    always_on: bool
    state: str
    reason: str
    rights: list[str]
    heir: str
    entries: int
    pending: int
    not_always_on: int
    since: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class _Standing:
    always_on: bool
    state: str
    reason: str = ""
    rights: Sequence[str] = ()
    heir: str = ""


def keeper_of(db: sqlite3.Connection, member: bytes, right: Right) -> bytes:
    """Return the device that alone may spend a right of a member; b"" when the member has no device here."""
    row = db.execute('SELECT device FROM keeper WHERE member = ? AND "right" = ?', (member, right)).fetchone()
    return bytes(row[0]) if row else _highest(db, member)


def desk_of(db: sqlite3.Connection, device: bytes) -> bytes:
    """Return who does the work of a device now: itself, or once it is retired its heir, or the heir's heir.

    Where no heir is named, or none that is a device of the member, it is the member's highest device not retired; where
    there is none of these either, the last that was found.
    """
    seen: set[bytes] = set()
    while device not in seen:
        seen.add(device)
        row = db.execute("SELECT member, retired, heir FROM device WHERE key = ?", (device,)).fetchone()
        if row is None or not row[1]:
            return device
        member, _, heir = row
        known = db.execute("SELECT 1 FROM device WHERE key = ? AND member = ?", (heir, member)).fetchone()
        device = heir if known else _highest(db, member) or device
    return device


def _highest(db: sqlite3.Connection, member: bytes) -> bytes:
    found = active(db, member)
    return found[0][0] if found else b""


def list_devices(db: sqlite3.Connection, hat: Hat) -> list[DeviceRow]:
    """Return the devices of a member of this home: in rank order, those that wait to be certified behind them."""
    rows = db.execute(
        "SELECT key, always_on, CASE WHEN retired THEN 'retired'"
        " WHEN EXISTS (SELECT 1 FROM fork_proof WHERE author = key) THEN 'forked' ELSE 'active' END, heir"
        " FROM device WHERE member = ? ORDER BY retired, position",
        (hat.member,),
    ).fetchall()
    rights = {right: keeper_of(db, hat.member, right) for right in RIGHTS}
    found = [
        _row(
            db,
            hat,
            key,
            _Standing(
                bool(always_on),
                state,
                rights=[right for right, keeper in rights.items() if keeper == key],
                heir=base32_id(heir) if state == "retired" and heir else "",
            ),
        )
        for key, always_on, state, heir in rows
    ]
    return found + [_waiting(db, hat, enrolment) for enrolment in enrolments(db, hat.member)]


def _waiting(db: sqlite3.Connection, hat: Hat, enrolment: Enrol) -> DeviceRow:
    reason = refused_enrolment(db, enrolment.device.signing) or ("invite_used" if used_by(db, enrolment.ticket) else "")
    standing = _Standing(enrolment.device.always_on, "refused" if reason else "waiting", reason)
    return _row(db, hat, enrolment.device.signing, standing)


def _row(db: sqlite3.Connection, hat: Hat, key: bytes, standing: _Standing) -> DeviceRow:
    entries, pending, not_always_on, last = db.execute(
        "SELECT coalesce(sum(seq), 0), coalesce(sum(max(seq - elsewhere, 0)), 0),"
        " coalesce(sum(max(seq - always_on, 0)), 0), max(timestamp) FROM log WHERE author = ? AND seq > 0",
        (key,),
    ).fetchone()
    this = key == hat.device
    return DeviceRow(
        id=base32_id(key),
        key=key,
        this=this,
        always_on=standing.always_on,
        state=standing.state,
        reason=standing.reason,
        rights=list(standing.rights),
        heir=standing.heir,
        entries=entries,
        pending=pending if this else 0,
        not_always_on=not_always_on if this else 0,
        since=_moment(_since(db, key)),
        last=_moment(last),
    )


def _since(db: sqlite3.Connection, key: bytes) -> int | None:
    row = db.execute(
        "SELECT e.timestamp FROM log l JOIN entry e ON e.place = (l.ref << ?) + 1 WHERE l.author = ? AND l.log = 0",
        (SEQ_BITS, key),
    ).fetchone()
    return int(row[0]) if row else None


def _moment(ms: int | None) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


def find_device(db: sqlite3.Connection, hat: Hat, text: str) -> DeviceRow:
    """Return the device of a member that somebody named by the beginning of its id; "this" is the one here.

    Raises:
        NotThereError: `no_such_device`. UsageError: `ambiguous`.
    """
    rows = list_devices(db, hat)
    wanted = "".join(text.split()).lower()
    matches = [row for row in rows if row.this] if wanted == "this" else []
    if not matches and len(wanted) >= SHORTEST:
        matches = [row for row in rows if row.id.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    listed = ", ".join(row.id[:8] for row in matches or rows)
    if matches:
        raise UsageError(
            "ambiguous",
            N_('"{text}" may be any of {count}: {listed}.'),
            N_("Write more of the id."),
            text=text[:60],
            count=len(matches),
            listed=listed,
        )
    raise NotThereError(
        "no_such_device",
        N_('{name} has no device "{text}".'),
        N_("Name it by the first letters of its id; there are: {listed}."),
        name=hat.name,
        text=text[:60],
        listed=listed or "-",
    )


def require_device(db: sqlite3.Connection, hat: Hat) -> None:
    """Make sure that what this device says for its member counts.

    Raises:
        NotSetUpError: the member is not in the circuit, or this device is none of its devices (yet).
    """
    require_member(db, hat)
    row = db.execute("SELECT 1 FROM device WHERE key = ? AND member = ?", (hat.device, hat.member)).fetchone()
    if row is None:
        raise NotSetUpError(
            "not_certified",
            N_("This device of {name} has not been certified yet."),
            N_("Let the device that showed the code run, and this one too: foodhub node run"),
            name=hat.name,
        )


def add_device(tx: Transaction, hat: Hat, addresses: Sequence[str], hours: int = CODE_HOURS) -> str:
    """Append a ticket for one further device of a member; return the code to type or paste there.

    Raises:
        NotSetUpError: see `require_device`. RefusedError: this home may not sign.
    """
    require_device(tx.db, hat)
    key = SigningKey(secrets.token_bytes(32))
    expires = tx.now + hours * 3_600_000
    tx.append(hat.member, Log.CIRCUIT, [Ticket(key.public, expires)])
    roles = [role for role in ROLES if role in hat.roles]
    return write_device_code(DeviceCode(tx.circuit, hat.member, key.seed, expires, hat.name, roles, list(addresses)))


def used_by(db: sqlite3.Connection, ticket: bytes) -> bytes:
    """Return the device that was certified on a ticket, b"" while there is none."""
    row = db.execute("SELECT used_by FROM ticket WHERE public = ?", (ticket,)).fetchone()
    return bytes(row[0]) if row else b""


def enrolments(db: sqlite3.Connection, member: bytes) -> list[Enrol]:
    """Return the enrolments on tickets of a member whose devices are not certified, the lowest entry id first."""
    rows = db.execute(
        "SELECT l.author FROM log l JOIN entry e ON e.place = (l.ref << ?) + 1"
        " LEFT JOIN device d ON d.key = l.author WHERE l.log = 0 AND l.seq > 0 AND d.key IS NULL ORDER BY e.id",
        (SEQ_BITS,),
    ).fetchall()
    tickets = {key for (key,) in db.execute("SELECT public FROM ticket WHERE member = ?", (member,))}
    if not tickets:
        return []
    circuit = circuit_id(db)
    found = [(author, first_statement(db, author)) for (author,) in rows]
    return [
        first
        for author, first in found
        if isinstance(first, Enrol)
        and (first.member, first.device.signing) == (member, author)
        and first.ticket in tickets
        and enrolment_holds(circuit, author, first)
    ]


def refused_enrolment(db: sqlite3.Connection, device: bytes) -> str:
    """Return why a device that enrolled will not be certified, as this node noted it; "" for one that may be."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (refusal_key(device),)).fetchone()
    return str(row[0]) if row else ""


def refusal_key(device: bytes) -> str:
    """Return under which key of `meta` stands why a device is not certified."""
    return f"enrolment_refused:{device.hex()}"


def cuts_of(db: sqlite3.Connection, device: bytes, logs: Sequence[int] = (0, 1, 2)) -> list[Cut]:
    """Return the cuts that keep all that is held here of a device's logs."""
    marks = ",".join("?" * len(logs))
    rows = db.execute(
        f"SELECT log, seq, id FROM log WHERE author = ? AND seq > 0 AND log IN ({marks}) ORDER BY log",  # noqa: S608
        (device, *logs),
    ).fetchall()
    return [Cut(device, log, seq, identity) for log, seq, identity in rows]


def check_retirable(db: sqlite3.Connection, hat: Hat, row: DeviceRow, heir: bytes) -> None:
    """Make sure that a device may be retired from here, with this heir (b"" for none named).

    Raises:
        RefusedError: it is retired, was never certified, ranks above this one, or is the last; or the heir is none.
    """
    require_device(db, hat)
    if row.state not in {"active", "forked"}:
        raise RefusedError(
            "not_active", N_("The device {device} is not in use: there is nothing to retire."), device=row.id[:8]
        )
    others = [key for key, _ in active(db, hat.member) if key != row.key]
    if not others:
        raise RefusedError(
            "last_device",
            N_("This is the only device of {name}; retired, nothing could sign for it any more."),
            N_("Add the next one first: foodhub device add"),
            name=hat.name,
        )
    if heir and heir not in others:
        raise RefusedError("bad_heir", N_("The heir has to be another device of {name} that is in use."), name=hat.name)
    order = [key for key, _ in active(db, hat.member)]
    if not row.this and order.index(row.key) < order.index(hat.device):
        raise RefusedError(
            "device_ranks_above",
            N_("The device {device} is older than this one, which can't retire it."),
            N_("It can itself, and so can a device older than it; else the recovery words: foodhub recover"),
            device=row.id[:8],
        )


def retire(tx: Transaction, hat: Hat, row: DeviceRow, heir: bytes = b"") -> bytes:
    """Retire a device of a member with all that is held here of its logs; return who takes over what it kept.

    Without an heir that is this device, or where it retires itself the highest that stays. The member gets a new box
    key that the retired device never learns; where it retires itself, one of the others makes that.

    Raises:
        RefusedError: see `check_retirable`.
    """
    check_retirable(tx.db, hat, row, heir)
    if row.this:
        heir = heir or next(key for key, _ in active(tx.db, hat.member) if key != row.key)
        tx.append(hat.member, Log.CIRCUIT, [Retire(row.key, cuts_of(tx.db, row.key, (1, 2)), heir)])
    else:
        heir = heir or hat.device
        epoch = next_epoch(tx.db, hat.member, without=[row.key])
        tx.append(hat.member, Log.CIRCUIT, [Retire(row.key, cuts_of(tx.db, row.key), heir), epoch])
    return heir


def hand_over(tx: Transaction, hat: Hat, right: str, to: DeviceRow) -> None:
    """Hand a right of a member over to another of its devices.

    Raises:
        UsageError: there is no such right. RefusedError: this device does not keep it, or the other is not in use.
    """
    found = next((each for each in RIGHTS if each == right), None)
    if found is None:
        raise UsageError(
            "bad_right",
            N_('There is no right "{text}".'),
            N_("Rights are: {rights}."),
            text=right[:20],
            rights=", ".join(RIGHTS),
        )
    require_device(tx.db, hat)
    keeper = keeper_of(tx.db, hat.member, found)
    if keeper != hat.device:
        raise RefusedError(
            "not_the_keeper",
            N_("This right is kept by the device {device}: only from there can it be handed over."),
            N_("Run the same command there; if it is lost, retire it: foodhub device retire {device}"),
            device=base32_id(keeper)[:8],
        )
    if to.state != "active" or to.key == hat.device:
        raise RefusedError("bad_heir", N_("The heir has to be another device of {name} that is in use."), name=hat.name)
    tx.append(
        hat.member, Log.CIRCUIT, [Keeper(found, _turn(tx.db, hat, found, to.key), to.key, _heads(tx.db, hat.device))]
    )


def _heads(db: sqlite3.Connection, device: bytes) -> list[tuple[int, int]]:
    """Return the last entries of the logs 1 and 2 of a device: (log, seq)."""
    return db.execute(
        "SELECT log, seq FROM log WHERE author = ? AND log > 0 AND seq > 0 ORDER BY log", (device,)
    ).fetchall()


def _turn(db: sqlite3.Connection, hat: Hat, right: Right, to: bytes) -> int:
    """Return the turn of which this device has to speak: with it, and no lower one, the other holds the right."""
    rows = db.execute(
        "SELECT key, box, always_on, position, retired, heir FROM device WHERE member = ? ORDER BY position",
        (hat.member,),
    ).fetchall()
    devices = [
        DeviceState(Device(key, box, bool(on)), position, bool(retired), heir, b"")
        for key, box, on, position, retired, heir in rows
    ]
    said: dict[tuple[bytes, Right, int], list[bytes]] = {}
    for state in devices:
        for each in statements(db, state.device.signing):
            if isinstance(each, Keeper):
                said.setdefault((state.device.signing, each.right, each.turn), []).append(each.device)
    highest = max((turn for _, _, turn in said), default=0) + len(devices) + 1
    for turn in range(1, highest + 1):
        place = (hat.device, right, turn)
        if keepers(devices, {**said, place: [*said.get(place, []), to]})[right] == to:
            return turn
    raise AssertionError("whoever keeps a right can hand it over")
