"""A right that is spent has one spender: which device of a member that is, and whether it may go on from the last one.

Nothing here moves a right (`devices` does); a device that is not the keeper is told which one is. The heir of a retired
device answers its cycles.
"""

import sqlite3

from foodhub.catalog.naming import base32_id
from foodhub.circuit.statements import Right
from foodhub.errors import N_, RefusedError
from foodhub.node.devices import desk_of, keeper_of
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
        N_("Go on there, or hand the right over from there: foodhub device hand-over stock {own}"),
    ),
}


def require_right(db: sqlite3.Connection, hat: Hat, right: Right) -> None:
    """Make sure that this device may spend a right of its member, and knows what was spent before.

    Raises:
        RefusedError: `not_the_keeper`, or `predecessor_missing` while a retired device's last entries are not here.
    """
    keeper = keeper_of(db, hat.member, right)
    if keeper != hat.device:
        message, hint = _KEPT_ELSEWHERE[right]
        own, device = base32_id(hat.device)[:8], base32_id(keeper)[:8]
        raise RefusedError("not_the_keeper", message, hint, name=hat.name, right=right, device=device, own=own)
    missing = awaited(db, hat.member)
    if missing is not None:
        raise RefusedError(
            "predecessor_missing",
            N_("Not all that the retired device {device} of {name} signed has arrived here yet."),
            N_("It may have promised more than is known here. Connect with the other nodes first: foodhub node run"),
            name=hat.name,
            device=base32_id(missing)[:8],
        )


def awaited(db: sqlite3.Connection, member: bytes) -> bytes | None:
    """Return a retired device of a member whose log 1 or 2 is not here up to its cut; None when all are."""
    row = db.execute(
        'SELECT c.author FROM device d JOIN cut c ON c.author = d.key AND c.log > 0 AND c."limit" > 1'
        " LEFT JOIN fork_proof f ON f.author = c.author AND f.log = c.log"
        " LEFT JOIN log l ON l.author = c.author AND l.log = c.log"
        ' WHERE d.member = ? AND d.retired AND (coalesce(l.seq, 0) < min(c."limit", coalesce(f.seq, c."limit")) - 1'
        " OR EXISTS (SELECT 1 FROM wanted w WHERE w.place > (l.ref << ?) AND w.place <= (l.ref << ?) + l.seq))"
        " ORDER BY c.author LIMIT 1",
        (member, SEQ_BITS, SEQ_BITS),
    ).fetchone()
    return row[0] if row else None


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
    the same goods again.
    """
    named = db.execute(
        "SELECT DISTINCT c.device FROM cycle c JOIN member m ON m.ref = c.owner WHERE m.id = ?", (hat.member,)
    ).fetchall()
    ours = [device for (device,) in named if desk_of(db, device) == hat.device]
    if not ours or fallen(db, hat) is not None:
        return []
    waits = any(device != hat.device for device in ours) and (awaited(db, hat.member) is not None or _locked(db, hat))
    return [device for device in ours if device == hat.device or not waits]


def readable_desks(tx: Transaction, hat: Hat) -> list[bytes]:
    """Return `desks`; where a key is missing for what was inherited, note it, so that nobody asks before one comes."""
    ours = desks(tx.db, hat)
    held = {key.public for key in tx.keyring.epochs_of(hat.member).values()}
    stated = {public for (public,) in tx.db.execute("SELECT public FROM epoch WHERE member = ?", (hat.member,))}
    if stated <= held or ours in ([], [hat.device]):
        return ours
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_lock(hat), _circuit_arrival(tx.db)))
    return [device for device in ours if device == hat.device]


def _lock(hat: Hat) -> str:
    return f"locked {hat.member.hex()}"


def _locked(db: sqlite3.Connection, hat: Hat) -> bool:
    """Say whether a key of the member was missing, and no log 0 has brought anything since."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_lock(hat),)).fetchone()
    return row is not None and int(row[0]) == _circuit_arrival(db)


def _circuit_arrival(db: sqlite3.Connection) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (CIRCUIT_ARRIVAL,)).fetchone()
    return int(row[0]) if row else 0
