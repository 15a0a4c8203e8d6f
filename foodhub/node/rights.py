"""A right that is spent has one spender: which device of a member that is, and whether it may go on from the last one.

Nothing here moves a right (`devices` does); a device that is not the keeper is told which one is. The heir of a retired
device answers its cycles, once it holds all that was promised: only its owner can say that it shall go on without.
"""

import sqlite3
from dataclasses import dataclass, replace

from foodhub.catalog.naming import base32_id
from foodhub.circuit.statements import RIGHTS, Keeper, Right
from foodhub.errors import N_, RefusedError
from foodhub.node.circuit_log import statements
from foodhub.node.devices import DeviceRow, desk_of, keeper_of, require_device
from foodhub.node.hat import Hat
from foodhub.node.standing import fallen
from foodhub.store.circuit_view import CIRCUIT_ARRIVAL
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

_KEPT_ELSEWHERE = {
    "desk": (
        N_("Order cycles of {name} are made and answered on its device {device}, not on this one."),
        N_("Go on there, or hand the right over from there: foodhub device hand-over desk {own}"),
    ),
    "stock": (
        N_("The stock of {name} is counted and set aside on its device {device}, not on this one."),
        N_(
            "Go on there, or hand the right over from there: foodhub device hand-over stock {own}. A product can be"
            " published here, too, without what there is of it."
        ),
    ),
}


def keeps(db: sqlite3.Connection, hat: Hat, right: Right) -> bool:
    """Say whether this device is the one that spends a right of its member."""
    return keeper_of(db, hat.member, right) == hat.device


def require_right(db: sqlite3.Connection, hat: Hat, right: Right) -> None:
    """Make sure that this device may spend a right of its member, and knows what was spent before.

    Raises:
        RefusedError: `not_the_keeper`, or `predecessor_missing` while a retired device's last entries are not here.
    """
    keeper = keeper_of(db, hat.member, right)
    if not keeps(db, hat, right):
        message, hint = _KEPT_ELSEWHERE[right]
        own, device = base32_id(hat.device)[:8], base32_id(keeper)[:8]
        raise RefusedError("not_the_keeper", message, hint, name=hat.name, right=right, device=device, own=own)
    missing = awaited(db, hat.member)
    if missing is not None:
        raise RefusedError(
            "predecessor_missing",
            N_("Not all that the device {device} of {name} signed before it handed over has arrived here yet."),
            N_(
                "It may have promised more than is known here. Connect with the other nodes first: foodhub node run."
                " If nobody has it any more: foodhub device go-on {device}"
            ),
            name=hat.name,
            device=base32_id(missing)[:8],
        )


def awaited(db: sqlite3.Connection, member: bytes) -> bytes | None:
    """Return a device of which log 1 or 2 is not here as far as is needed, and is waited for; None for none.

    That is one that was retired, up to its cut, or one that handed a right over, up to where it had signed by then.
    """
    return next((each.device for each in _missing(db, member) if not _gone_on(db, each.device)), None)


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not here of the logs 1 and 2 of a device that handed over: entries up to there, and contents of entries.

    `unreadable` says that a box key is missing, so that what is here can't all be read.
    """

    device: bytes
    entries: int
    payloads: int
    unreadable: bool = False


def _missing(db: sqlite3.Connection, member: bytes) -> list[Missing]:
    found: dict[bytes, Missing] = {}
    for (device, log), upto in sorted(_needed(db, member).items()):
        entries, payloads = _lacking(db, device, log, upto)
        before = found.get(device, Missing(device, 0, 0))
        found[device] = Missing(device, before.entries + entries, before.payloads + payloads)
    return [each for each in found.values() if each.entries or each.payloads]


def _needed(db: sqlite3.Connection, member: bytes) -> dict[tuple[bytes, int], int]:
    """Return up to which entry the logs 1 and 2 of devices that handed over are needed here: by (device, log)."""
    rows = db.execute(
        'SELECT c.author, c.log, min(c."limit", coalesce(f.seq, c."limit")) - 1 FROM device d'
        ' JOIN cut c ON c.author = d.key AND c.log > 0 AND c."limit" > 1'
        " LEFT JOIN fork_proof f ON f.author = c.author AND f.log = c.log WHERE d.member = ? AND d.retired",
        (member,),
    )
    needed = {(device, log): upto for device, log, upto in rows}
    devices = db.execute("SELECT key, retired FROM device WHERE member = ?", (member,)).fetchall()
    for device, retired in devices if len(devices) > 1 else ():
        if not retired:  # else its cut decides
            needed |= _signed_before(db, device)
    return needed


def _signed_before(db: sqlite3.Connection, device: bytes) -> dict[tuple[bytes, int], int]:
    """Return what a device had signed when it last handed a right over, by (device, log)."""
    heads = (each.heads for each in statements(db, device) if isinstance(each, Keeper))
    said = {(device, log): seq for each in heads for log, seq in each}
    forks = db.execute("SELECT log, seq - 1 FROM fork_proof WHERE author = ?", (device,))
    limits = dict(forks)
    return {place: min(seq, limits.get(place[1], seq)) for place, seq in said.items() if place[1] in {1, 2}}


def _lacking(db: sqlite3.Connection, device: bytes, log: int, upto: int) -> tuple[int, int]:
    """Return how many entries of a log up to a place, and contents of entries, are not here."""
    row = db.execute(
        "SELECT seq, (SELECT count(*) FROM wanted WHERE place > (ref << ?1) AND place <= (ref << ?1) + min(seq, ?4))"
        " FROM log WHERE author = ?2 AND log = ?3",
        (SEQ_BITS, device, log, upto),
    ).fetchone()
    return (max(upto - row[0], 0), row[1]) if row else (upto, 0)


def to_go_on_without(db: sqlite3.Connection, hat: Hat, row: DeviceRow) -> Missing:
    """Return what this device waits for of one that handed over, if it spends what that one kept.

    Raises:
        RefusedError: `not_retired`, `nothing_missing`, or `not_the_keeper` where another device took over.
    """
    require_device(db, hat)
    device = row.id[:8]
    missing = next((each for each in _missing(db, hat.member) if each.device == row.key), None)
    if row.state != "retired" and missing is None:
        raise RefusedError("not_retired", N_("The device {device} was not retired: nobody took over."), device=device)
    found = missing or Missing(row.key, 0, 0)
    found = replace(found, unreadable=desk_of(db, row.key) == hat.device and _locked(db, hat, row.key))
    if not (found.entries or found.payloads or found.unreadable) or _gone_on(db, row.key):
        raise RefusedError(
            "nothing_missing",
            N_("Nobody waits for anything of the retired device {device}."),
            device=device,
        )
    heirs = {desk_of(db, row.key), *(keeper_of(db, hat.member, right) for right in RIGHTS)}
    if hat.device not in heirs:
        raise RefusedError(
            "not_the_keeper",
            N_("What the device {device} kept has gone to another device of {name}, not to this one."),
            N_("Run the same command there. Which one it is: foodhub device list"),
            device=device,
            name=hat.name,
        )
    return found


def go_on(tx: Transaction, hat: Hat, row: DeviceRow) -> Missing:
    """Wait no longer for what is missing of a retired device; return what that is.

    It may hold promises and allotments. Without them this device can't keep invariants I1 (no more is promised than was
    set aside) and I2 (no more is set aside than was counted): only a person may decide that.

    Raises:
        RefusedError: see `to_go_on_without`.
    """
    found = to_go_on_without(tx.db, hat, row)
    tx.db.execute("INSERT INTO meta VALUES (?, ?)", (_going_on(row.key), tx.now))
    return found


def _going_on(device: bytes) -> str:
    return f"gone_on {device.hex()}"


def _gone_on(db: sqlite3.Connection, device: bytes) -> bool:
    """Say whether the owner decided here that nobody has what is missing of a retired device."""
    return db.execute("SELECT 1 FROM meta WHERE key = ?", (_going_on(device),)).fetchone() is not None


def line_of(db: sqlite3.Connection, device: bytes) -> list[bytes]:
    """Return a device, its heir if it is retired, the heir's heir, and so on."""
    line = [device]
    while True:
        row = db.execute("SELECT heir FROM device WHERE key = ? AND retired", (line[-1],)).fetchone()
        if row is None or not row[0] or row[0] in line:
            return line
        line.append(row[0])


def desks(db: sqlite3.Connection, hat: Hat) -> list[bytes]:
    """Return the devices whose cycles this one answers now: itself, and those whose heir it is.

    An heir waits until it holds, and can read, all that the retired device signed up to its cut: else it might promise
    the same goods again. Its owner can end that (see `go_on`).
    """
    named = db.execute(
        "SELECT c.device FROM cycle c JOIN member m ON m.ref = c.owner WHERE m.id = ?1"
        " UNION SELECT o.device FROM outgoing o JOIN member m ON m.ref = o.owner WHERE m.id = ?1",
        (hat.member,),
    ).fetchall()
    ours = [device for (device,) in named if desk_of(db, device) == hat.device]
    if not ours or fallen(db, hat) is not None:
        return []
    waits = awaited(db, hat.member) is not None
    return [device for device in ours if device == hat.device or not (waits or _locked(db, hat, device))]


def readable_desks(tx: Transaction, hat: Hat) -> list[bytes]:
    """Return `desks`; where a key is missing for what was inherited, note it, so that nobody asks before one comes."""
    ours = desks(tx.db, hat)
    held = {key.public for key in tx.keyring.all_of(hat.member)}
    query = "SELECT public FROM epoch WHERE member = ?1 UNION SELECT public FROM spare_epoch WHERE member = ?1"
    stated = {public for (public,) in tx.db.execute(query, (hat.member,))}
    if stated <= held or ours in ([], [hat.device]):
        return ours
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_lock(hat), _circuit_arrival(tx.db)))
    return [device for device in ours if device == hat.device or _gone_on(tx.db, device)]


def _lock(hat: Hat) -> str:
    return f"locked {hat.member.hex()}"


def _locked(db: sqlite3.Connection, hat: Hat, device: bytes) -> bool:
    """Say whether a key is missing for what was inherited of a device: no log 0 has brought anything since one was."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_lock(hat),)).fetchone()
    return row is not None and int(row[0]) == _circuit_arrival(db) and not _gone_on(db, device)


def _circuit_arrival(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
    return int(row[0]) if row else 0
