"""Examining a home: a list of checks, each of which says what is wrong and what to do about it. It changes nothing.

A check that itself fails, on a file that is damaged, says so and does not keep the others from being made. What has a
room of its own is looked at there: the logs in `verifying`, the views in `rebuilt`, the key files in `key_checks`.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from foodhub.errors import N_, FoodhubError
from foodhub.log.faults import PeerFault
from foodhub.log.forks import check_fork, read_fork
from foodhub.node.finding import Examined, Finding, Seen, bad, ok, skipped, warning
from foodhub.node.hat import circuit_id, shown_name
from foodhub.node.home import DATABASE
from foodhub.node.key_checks import check_guard, check_keys, check_words
from foodhub.node.rebuilt import differing_views
from foodhub.node.state import LOG_NAMES
from foodhub.node.trouble import trouble
from foodhub.node.verifying import Verified, to_verify, verify_logs
from foodhub.store.database import needs_refold, open_database
from foodhub.store.erasures import count_wanted
from foodhub.store.schema import SCHEMA_VERSION, SEQ_BITS

DAY_MS = 86_400_000
SKEW = 600_000
"""So far (ms) a clock may be behind those of others unnoticed: minutes decide whether an order is in time."""
_MB = 1_000_000
LONG_WAL = 64 * _MB
"""A writer empties the write-ahead log above 4 MiB; when it is that long, somebody has kept them all from it."""
LOW_DISK = 200 * _MB
FULL_DISK = 20 * _MB
_FAULTS_SHOWN = 5
_NEW_HOME = N_(
    "Make a new home: from a backup with foodhub restore FILE --home DIR, or from another laptop of yours with"
    " foodhub device enrol CODE --home DIR. The other nodes still hold what they have of these logs."
)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it is called, how it is done, what is said when it finds nothing, and what it needs."""

    name: str
    work: Callable[[Examined], Iterator[Finding]]
    well: str
    any_schema: bool = False
    circuit: bool = False
    slow: bool = False


def examine(home: Path, now: int, seen: Seen, *, quick: bool = False) -> Iterator[Finding]:
    """Make all checks and yield what they find, in order; `now` in ms, `quick` leaves out the long ones.

    Raises:
        NotSetUpError: nothing is set up there. FoodhubError: it is no home, or one of a newer program.
    """
    try:
        db = open_database(home / DATABASE, read_only=True)
    except (sqlite3.DatabaseError, OSError) as error:
        yield _unreadable("file", error, home)
        return
    with closing(db):
        examined = Examined(home, db, now, seen, quick)
        for check in CHECKS:
            seen(check.name, 0, 0)
            for finding in _made(check, examined):
                if finding.state == "bad":
                    examined.bad.add(finding.check)
                yield finding


def _made(check: Check, examined: Examined) -> Iterator[Finding]:
    """Make one check, whatever state the database is in."""
    found = 0
    try:
        reason = _why_not(check, examined)
        if reason:
            yield skipped(check.name, reason)
            return
        for finding in check.work(examined):
            found += 1
            yield finding
        if not found:
            yield ok(check.name, check.well)
    except sqlite3.DatabaseError as error:
        yield _unreadable(check.name, error, examined.home)
    except FoodhubError as error:
        make = bad if error.code == "home_damaged" else skipped
        yield make(check.name, error.message, error.hint, code=error.code, **error.details)
    except Exception as error:  # noqa: BLE001 - whatever a damaged home makes a check do, the next ones are still made
        details = {"name": check.name, "kind": type(error).__name__}
        yield bad(check.name, N_('The check "{name}" failed ({kind}).'), code="check_failed", **details)


def _unreadable(name: str, error: sqlite3.DatabaseError | OSError, home: Path) -> Finding:
    fault = trouble(error, home)
    if fault is not None and fault.code != "home_damaged":
        return bad(name, fault.message, fault.hint, code=fault.code, **fault.details)
    message = N_("The database can't be read: {reason}.")
    return bad(name, message, _NEW_HOME, code="unreadable", reason=str(error))


def _why_not(check: Check, examined: Examined) -> str:
    """Return why a check is not made, "" when it is."""
    if check.slow and examined.quick:
        return N_("Left out with --quick.")
    if check.any_schema:
        return ""
    if _schema(examined.db) < SCHEMA_VERSION:
        return N_("Left out: this home is of an older foodhub.")
    if check.circuit and examined.db.execute("SELECT 1 FROM circuit").fetchone() is None:
        return N_("Left out: this home is in no circuit yet.")
    return ""


def _schema(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check_file(examined: Examined) -> Iterator[Finding]:
    pragma = "quick_check" if examined.quick else "integrity_check"
    faults = [text for (text,) in examined.db.execute(f"PRAGMA {pragma}") if text != "ok"]
    if faults:
        message = N_("The database file is damaged; SQLite says: {faults}")
        shown = faults[:_FAULTS_SHOWN]
        yield bad("file", message, _NEW_HOME, code="file_damaged", count=len(faults), faults=shown)


def _check_version(examined: Examined) -> Iterator[Finding]:
    found = _schema(examined.db)
    if found < SCHEMA_VERSION:
        yield warning(
            "version",
            N_("This home is of an older foodhub (format {found}; this program makes {known})."),
            N_("Any other command brings it up to date, such as: foodhub status"),
            code="home_is_older",
            found=found,
            known=SCHEMA_VERSION,
        )
    elif needs_refold(examined.db):
        yield warning(
            "version",
            N_("What is shown was worked out by an older foodhub."),
            N_("Make it anew with: foodhub rebuild"),
            code="views_are_older",
        )


def _check_logs(examined: Examined) -> Iterator[Finding]:
    total = to_verify(examined.db)
    found = Verified(0, 0, 0, [])
    for found in verify_logs(examined.db):
        examined.seen("logs", found.entries, total)
    for fault in found.faults:
        details = {"log": fault.log, "member": fault.member or fault.author[:8], "seq": fault.seq}
        yield bad("logs", _LOG_FAULTS[fault.code], _NEW_HOME, code=fault.code, **details, author=fault.author)
    if not found.faults:
        yield ok(
            "logs",
            N_("All is as it was signed. Entries: {entries}, logs: {logs}, signatures: {signatures}."),
            entries=found.entries,
            logs=found.logs,
            signatures=found.signatures,
        )


_LOG_FAULTS = {
    "gap": N_('In the log "{log}" of {member} entry {seq} is missing.'),
    "bad_entry": N_('In the log "{log}" of {member} entry {seq} is not the one that was signed.'),
    "bad_signature": N_('In the log "{log}" of {member} the signature of entry {seq} does not hold.'),
    "payload_missing": N_('In the log "{log}" of {member} the content of entry {seq} is gone, and nothing says why.'),
    "unsigned_head": N_('In the log "{log}" of {member} the last entry, {seq}, is signed by nobody.'),
    "bad_head": N_('In the log "{log}" of {member} the last entry, {seq}, is not the one on record.'),
}


def _check_forks(examined: Examined) -> Iterator[Finding]:
    """Check the proofs of forks themselves: what they show limits a log for ever."""
    circuit = circuit_id(examined.db)
    for author, log, seq, backlink, proof in examined.db.execute(
        "SELECT author, log, seq, backlink, proof FROM fork_proof"
    ):
        try:
            fork = check_fork(circuit, read_fork(proof))
            holds = (fork.author, fork.log, fork.seq, fork.backlink) == (author, log, seq, backlink)
        except PeerFault:
            holds = False
        if not holds:
            message = N_('The proof that the log "{log}" of {member} forked does not hold.')
            details = {"log": LOG_NAMES[log], "member": _name(examined.db, author), "seq": seq}
            yield bad("forks", message, _NEW_HOME, code="bad_fork_proof", **details)


def _check_disputed(examined: Examined) -> Iterator[Finding]:
    """Name the logs that forked, and our own of which something does not count."""
    for ref, author, log, limit, forked, own in examined.db.execute(
        'SELECT l.ref, l.author, l.log, l."limit", f.seq IS NOT NULL, o.member IS NOT NULL FROM log l'
        " LEFT JOIN fork_proof f ON f.author = l.author AND f.log = l.log"
        " LEFT JOIN device d ON d.key = l.author LEFT JOIN own o ON o.member = d.member"
        ' WHERE l."limit" > 0 ORDER BY l.ref'
    ).fetchall():
        (count,) = examined.db.execute(
            "SELECT count(*) FROM entry WHERE place >= ? AND place < ?",
            ((ref << SEQ_BITS) + limit, (ref + 1) << SEQ_BITS),
        ).fetchone()
        if not forked and not (own and count):
            continue
        details = {"log": LOG_NAMES[log], "member": _name(examined.db, author), "seq": limit, "count": count}
        code = "forked" if forked else "set_aside"
        hint = N_("What shall count can be said again. See what it is with: foodhub disputed") if own else ""
        yield warning("disputed", _DISPUTED[code], hint, code=code, **details)


_DISPUTED = {
    "forked": N_(
        'The log "{log}" of {member} forked: two entries {seq} were signed and neither counts. Set aside here: {count}.'
    ),
    "set_aside": N_('The log "{log}" of {member} was cut before entry {seq}. Set aside here: {count}.'),
}


def _name(db: sqlite3.Connection, author: bytes) -> str:
    row = db.execute("SELECT member FROM device WHERE key = ?", (author,)).fetchone()
    return shown_name(db, row[0]) if row else author.hex()[:8]


def _check_wanted(examined: Examined) -> Iterator[Finding]:
    count = count_wanted(examined.db)
    if count:
        message = N_("Contents of entries that are still missing here: {count}.")
        hint = N_("They are asked for whenever this node meets another one: foodhub node run")
        yield warning("wanted", message, hint, code="wanted", count=count)


def _check_unread(examined: Examined) -> Iterator[Finding]:
    (count,) = examined.db.execute("SELECT count(*) FROM unread WHERE reason = 'unknown'").fetchone()
    if count:
        message = N_("Statements that this foodhub does not know: {count}. They are kept and do not count here.")
        yield warning(
            "unread",
            message,
            N_("They are of a newer foodhub, which reads them once you upgrade, or of an earlier trial version."),
            code="unknown",
            count=count,
        )


def _check_views(examined: Examined) -> Iterator[Finding]:
    if examined.bad & {"file", "logs"}:
        # Of damaged logs less would be shown: nobody should be told to rebuild from them.
        yield skipped("views", N_("Left out: the logs themselves are damaged."))
        return
    tables = differing_views(examined.home, lambda done, total: examined.seen("views", done, total))
    if tables and needs_refold(examined.db):
        yield skipped("views", N_("Left out: what is shown was worked out by an older foodhub."))
    elif tables:
        message = N_("What is shown is not what the logs say, in: {tables}.")
        yield bad("views", message, N_("Make it anew with: foodhub rebuild"), code="views_differ", tables=tables)


def _check_clock(examined: Examined) -> Iterator[Finding]:
    rows = examined.db.execute(
        "SELECT d.member, max(l.timestamp) FROM log l JOIN device d ON d.key = l.author WHERE l.timestamp > ?"
        " GROUP BY d.member ORDER BY 2 DESC",
        (examined.now + SKEW,),
    ).fetchall()
    if rows:
        names = [shown_name(examined.db, member) for member, _ in rows]
        newest = rows[0][1]
        yield warning(
            "clock",
            N_("This machine's clock may be wrong: the newest entries were signed at {time}. They are by: {names}"),
            N_("Set the clock of this machine; if it is right, tell whoever wrote them."),
            code="clock_behind",
            time=datetime.fromtimestamp(newest / 1000, UTC).astimezone(),
            day=datetime.fromtimestamp(newest / 1000, UTC).date().isoformat(),
            days=(newest - examined.now) // DAY_MS,
            names=names,
        )


def _check_wal(examined: Examined) -> Iterator[Finding]:
    size = _size(examined.home / f"{DATABASE}-wal")
    if size > LONG_WAL:
        message = N_("The write-ahead log of the database has {mb} MB: a program has been reading for very long.")
        hint = N_("End what runs on this home, the network process too, and start it again.")
        yield warning("wal", message, hint, code="wal_long", mb=size // _MB)


def _check_disk(examined: Examined) -> Iterator[Finding]:
    free, size = shutil.disk_usage(examined.home).free, _size(examined.home / DATABASE)
    details = {"mb": free // _MB, "size": -(-size // _MB)}
    hint = N_("Make room: what is signed or received has to be written.")
    if free < FULL_DISK:
        yield bad("disk", N_("The disk of this home is full ({mb} MB left)."), hint, code="disk_full", **details)
    elif free < max(LOW_DISK, size):
        message = N_("The disk of this home has {mb} MB left; the database has {size} MB.")
        yield warning("disk", message, hint, code="disk_low", **details)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


CHECKS: tuple[Check, ...] = (
    Check("file", _check_file, N_("The database file is whole."), any_schema=True),
    Check("version", _check_version, N_("The database is of this version."), any_schema=True),
    Check("keys", check_keys, N_("The key files are as they should be."), any_schema=True),
    Check("guard", check_guard, N_("This home may sign.")),
    Check("words", check_words, N_("The recovery words were confirmed.")),
    Check("logs", _check_logs, "", circuit=True, slow=True),
    Check("forks", _check_forks, N_("All proofs of forks hold."), circuit=True),
    Check("disputed", _check_disputed, N_("No log is disputed."), circuit=True),
    Check("wanted", _check_wanted, N_("No content is missing."), circuit=True),
    Check("unread", _check_unread, N_("Everything that is held is understood."), circuit=True),
    Check("views", _check_views, N_("What is shown is what the logs say."), slow=True),
    Check("clock", _check_clock, N_("The clock agrees with the entries.")),
    Check("wal", _check_wal, N_("The write-ahead log is short."), any_schema=True),
    Check("disk", _check_disk, N_("There is room on the disk."), any_schema=True),
)
"""All checks, in the order in which they are made."""
