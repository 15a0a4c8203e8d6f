"""What the network process needs of a home: taking runs, knowing who knocks, noting who has what, and what is new."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foodhub.log.faults import PeerFault
from foodhub.log.forks import ForkProof
from foodhub.log.keys import SigningKey
from foodhub.log.run import CheckedRun, Run
from foodhub.node.hat import member_name
from foodhub.node.knocking import joining
from foodhub.node.recovery import recovering
from foodhub.store.keyring import read_key_files
from foodhub.store.schema import SEQ_BITS
from foodhub.store.transaction import Transaction

HARMLESS = frozenset({"gap", "unknown_author", "above_limit", "unsigned", "branched"})
"""Why a run is dropped without being counted: this tells of the order in which things arrive, not of malice."""

UNKNOWN = "unknown_author"
"""Why somebody is refused of whom no device is known here."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A checked run that came from a peer."""

    run: CheckedRun
    payloads: Sequence[bytes | None]
    peer: str


def take_runs(tx: Transaction, arrivals: Iterable[Arrival]) -> list[str | None]:
    """Take runs in their order; return for each None, or the code of why it was refused. Refusals are put on record."""
    results: list[str | None] = []
    for arrival in arrivals:
        try:
            tx.take(arrival.run, arrival.payloads)
        except PeerFault as fault:
            results.append(fault.code)
            if fault.code not in HARMLESS:
                tx.count_refusal(fault.code, arrival.peer)
        else:
            results.append(None)
    return results


def take_branch(tx: Transaction, branch: Run, peer: str) -> str | None:
    """Take the headers of a branch that a peer showed; return why they prove nothing, or None."""
    try:
        tx.take_branch(branch)
    except PeerFault as fault:
        if fault.code not in HARMLESS:
            tx.count_refusal(fault.code, peer)
        return fault.code
    return None


def take_forks(tx: Transaction, proofs: Iterable[ForkProof], peer: str) -> list[str | None]:
    """Take fork proofs; return for each None, `known`, or the code of why it was refused."""
    results: list[str | None] = []
    for proof in proofs:
        try:
            results.append(None if tx.take_proof(proof) else "known")
        except PeerFault as fault:
            results.append(fault.code)
            if fault.code not in HARMLESS:
                tx.count_refusal(fault.code, peer)
    return results


def take_payloads(tx: Transaction, payloads: Iterable[tuple[bytes, int, int, bytes]], peer: str) -> int:
    """Take payloads (author, log, seq, bytes) that were wanted; return how many of them were."""
    taken = 0
    for payload in payloads:
        try:
            taken += tx.take_payload(*payload)
        except PeerFault as fault:
            tx.count_refusal(fault.code, peer)
    return taken


def head(db: sqlite3.Connection, author: bytes, log: int) -> int:
    """Return the seq up to which a log is held, 0 when nothing of it is."""
    row = db.execute("SELECT seq FROM log WHERE author = ? AND log = ?", (author, log)).fetchone()
    return int(row[0]) if row else 0


def held_already(db: sqlite3.Connection, runs: Iterable[CheckedRun]) -> list[bool]:
    """Say of each run whether its last entry, and so all of it, is held: neighbours often send the same."""
    query = (
        "SELECT e.id FROM log l JOIN entry e ON e.place = (l.ref << ?1) + ?2"
        " WHERE l.author = ?3 AND l.log = ?4 AND l.seq >= ?2 AND e.signature IS NOT NULL"
    )
    return [db.execute(query, (SEQ_BITS, run.last, run.author, run.log)).fetchone() == (run.ids[-1],) for run in runs]


def count_refusal(tx: Transaction, code: str, peer: str) -> None:
    """Put on record that a peer broke a rule."""
    tx.count_refusal(code, peer)


@dataclass(frozen=True, slots=True)
class Identity:
    """With what a home proves itself: its circuit and its devices, or the device and the invite that it joins with."""

    circuit: bytes
    devices: tuple[SigningKey, ...]
    invite: SigningKey | None


def identity(db: sqlite3.Connection, home: Path) -> Identity | None:
    """Return how this home proves itself now, None while it is in no circuit and on its way into none.

    Who has signed its joining still knocks with the invite until another node has that: nobody else knows its device.
    While a recovery is under way the key of the words speaks for the member, until its new device is known.
    """
    row = db.execute("SELECT value FROM meta WHERE key = 'circuit'").fetchone()
    recovery = recovering(home)
    if recovery is not None:
        keys, words = recovery.device.signing, recovery.words
        everything = recovery.everything
        return Identity(recovery.circuit, (keys, words) if everything else (keys,), None if everything else words)
    files = read_key_files(home / "keys")
    rows = db.execute("SELECT key, retired FROM device JOIN own ON own.device = device.key").fetchall()
    retired = {key for key, gone in rows if gone}
    known = {key for key, _ in rows}
    if known - retired:
        known -= retired  # else it still has to tell the others that it retired itself
    devices = tuple(file.keys.signing for file in files if file.keys.signing.public in known)
    knocking = joining(home)
    own = tuple(file.keys.signing for file in files if knocking and file.member == knocking[1])
    if row and devices and (set(devices) - set(own) or _heard_of(db)):
        return Identity(row[0], devices, None)
    # What it knocks with is written down a moment before it turns to the circuit that this is for.
    if not row or not own or knocking is None or knocking[0].circuit != row[0]:
        return None
    return Identity(row[0], own, knocking[0].key)


def _heard_of(db: sqlite3.Connection) -> bool:
    """Say whether another node has a log 0 of this home."""
    heard = "SELECT 1 FROM log JOIN own ON own.device = log.author WHERE log = 0 AND elsewhere > 0 LIMIT 1"
    return db.execute(heard).fetchone() is not None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a peer is; `standing` (a word of `p2p.commands`) is None for one who is refused. A household's name is ""."""

    standing: str | None
    refusal: str
    names: tuple[str, ...]
    always_on: bool


def visitor(db: sqlite3.Connection, devices: Sequence[bytes], invite: bytes, now: int) -> Visitor:
    """Say who proved these devices and this invite key (b"" for none); `now` in ms: expiry is a rule of the door.

    A device that was retired, or whose member was removed, is served nothing; beside one that counts it is passed over.
    """
    marks = ",".join("?" * len(devices))
    rows = db.execute(
        "SELECT coalesce(p.name, ''), d.always_on, d.retired, m.removed FROM device d"  # noqa: S608 - marks only
        " JOIN member m ON m.id = d.member"
        f" LEFT JOIN profile p ON p.owner = m.ref WHERE d.key IN ({marks}) ORDER BY p.name, m.id",
        devices,
    ).fetchall()
    serving = [(name, on) for name, on, retired, removed in rows if not (retired or removed)]
    names = tuple(name for name, *_ in serving or rows)
    always_on = any(on for _, on in serving)
    if invite:
        refusal = "" if serving else _invite_refusal(db, invite, now)
        return Visitor(None if refusal else "joiner", refusal, names, always_on)
    if not serving and (member := _recovering_member(db, devices)):
        return Visitor("member", "", (member_name(db, member) or "",), always_on)
    refusal = "" if serving else UNKNOWN
    if rows and not serving:
        refusal = "member_removed" if all(removed for _, _, _, removed in rows) else "device_retired"
    return Visitor("member" if serving else None, refusal, names, always_on)


def met(found: Visitor, *, dialer: bool, joining: bool) -> Visitor:
    """Say as what we deal with somebody: `dialer` if we dialed, `joining` if we are at the door ourselves.

    Whom we dial we need not know: the logs 0 that we take prove themselves against the circuit's id. A joiner shows its
    own in return, a member serves a stranger nothing.
    """
    if joining and (found.standing or dialer):
        return replace(found, standing="joiner", refusal="")
    if dialer and found.refusal == UNKNOWN:
        return replace(found, standing="stranger")
    return found


def _recovering_member(db: sqlite3.Connection, keys: Sequence[bytes]) -> bytes | None:
    """Return the member of which somebody proved the recovery words, None for nobody."""
    marks = ",".join("?" * len(keys))
    query = f"SELECT id FROM member WHERE NOT removed AND recovery IN ({marks}) ORDER BY id"  # noqa: S608 - marks only
    row = db.execute(query, keys).fetchone()
    return row[0] if row else None


def _invite_refusal(db: sqlite3.Connection, public: bytes, now: int) -> str:
    """Say why a key is no way in, "" where it is one: that of an invite, of a ticket, or of a member's words."""
    row = db.execute(
        "SELECT expires, revoked, used_by FROM invite WHERE public = ?"
        " UNION ALL SELECT expires, 0, used_by FROM ticket WHERE public = ? ORDER BY 3, 1 DESC",
        (public, public),
    ).fetchone()
    if row is None:
        return "" if _recovering_member(db, [public]) else "invite_unknown"
    expires, revoked, used_by = row
    if used_by:
        return "invite_used"
    if revoked:
        return "invite_revoked"
    return "invite_expired" if expires <= now else ""


def note_elsewhere(tx: Transaction, logs: Sequence[tuple[bytes, int, int]], always_on: bool) -> None:
    """Note that another node has our logs up to these seqs; more than we wrote nobody has, whatever it says."""
    column = "always_on" if always_on else "elsewhere"
    for author, log, seq in logs:
        for name in {"elsewhere", column}:
            said = f"UPDATE log SET {name} = max({name}, min(seq, ?)) WHERE author = ? AND log = ?"  # noqa: S608 - our own
            tx.db.execute(said, (seq, author, log))


def not_noted(
    db: sqlite3.Connection, logs: Sequence[tuple[bytes, int, int]], always_on: bool
) -> list[tuple[bytes, int, int]]:
    """Return those of the logs that are ours and of which less was known to be elsewhere."""
    own = {key for (key,) in db.execute("SELECT device FROM own")}
    column = "always_on" if always_on else "elsewhere"
    wanted = []
    for author, log, seq in logs:
        if author in own:
            known = f"SELECT min(elsewhere, {column}), seq FROM log WHERE author = ? AND log = ?"  # noqa: S608 - our own
            row = db.execute(known, (author, log)).fetchone()
            if row and row[0] < min(seq, row[1]):
                wanted.append((author, log, seq))
    return wanted


def changed_logs(db: sqlite3.Connection, since: int) -> tuple[int, list[tuple[bytes, int, int]]]:
    """Return the newest arrival number, and the logs that grew after `since`: (author, log, head seq)."""
    (newest,) = db.execute("SELECT value FROM meta WHERE key = 'arrival'").fetchone()
    rows = db.execute(
        "SELECT author, log, seq FROM log WHERE arrival > ? AND seq > 0 ORDER BY log, ref", (since,)
    ).fetchall()
    return int(newest), rows


def addresses(db: sqlite3.Connection) -> list[str]:
    """Return where other nodes may be reached, the most recently seen first."""
    return [row[0] for row in db.execute("SELECT address FROM address ORDER BY seen DESC LIMIT 200")]


def doors(db: sqlite3.Connection) -> frozenset[str]:
    """Return the peers of whom an invite, a code or a card told us that they let us into the circuit."""
    rows = db.execute("SELECT address FROM address WHERE source = 'invite'")
    return frozenset(address.rpartition("/p2p/")[2] for (address,) in rows)


def setting(db: sqlite3.Connection, key: str) -> str:
    """Return a remembered setting, "" when there is none."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""


def remember(tx: Transaction, key: str, value: str) -> None:
    """Remember a setting."""
    tx.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def remember_place(tx: Transaction, asked: Sequence[str], got: str) -> None:
    """Remember where to listen the next time: where somebody asked for, though for any port at the one that it `got`.

    What was asked for once stays until something else is: members and invites know these addresses.
    """
    before = setting(tx.db, "listen")
    named = asked and not any(address.endswith("/tcp/0") for address in asked)
    if asked or not before or before.startswith("/ip4/127.0.0.1/"):
        remember(tx, "listen", " ".join(asked) if named else got)
