"""Looking at the log itself: how much is held, whether it verifies, what is not yet elsewhere."""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from foodhub.catalog.naming import Named, base32_id, find, fold
from foodhub.errors import RefusedError
from foodhub.node.alerts import Alert, alerts
from foodhub.node.hat import Hat, circuit_id, hats, shown_name
from foodhub.store.place import knocks, misplaced
from foodhub.store.schema import SEQ_BITS

LOG_NAMES = ("circuit", "catalog", "trade")


class StatusRow(msgspec.Struct, frozen=True):
    """The state of a home at a glance; `pending` counts our own entries that no peer has yet.

    `circuit` is None until one of the members is in it, `looked_at` what is called a circuit whose charter alone came;
    `not_joined` are those of the members that are not in it; `knocking` waits to be let in.
    """

    name: str
    roles: list[str]
    circuit: str | None
    looked_at: str | None
    knocking: bool
    entries: int
    logs: int
    peers: int
    pending: int
    members: list[str]
    not_joined: list[str]
    home: str
    network: str
    read_only: str
    refused: int
    warnings: list[Alert]


class LogRow(msgspec.Struct, frozen=True):
    """One log as it is held here; `elsewhere` and `always_on` say how far some peer, or one always on, has our own.

    `limit` is the first entry that does not count, 0 for none; `aside` says how many are held from there on, and `why`
    what set it: `forked`, or a cut, which `removed` its member or `retired` its device.
    """

    author: str
    member: str
    log: str
    entries: int
    bytes: int
    last: datetime
    own: bool
    elsewhere: int
    always_on: int
    limit: int
    aside: int
    why: str


class CircuitRow(msgspec.Struct, frozen=True):
    """The circuit of a home; `currency` is its ISO 4217 code."""

    id: str
    name: str
    currency: str
    members: int
    charter: str


class MemberRow(msgspec.Struct, frozen=True):
    """A member of the circuit; `name` is None for a household whose contact card is not sealed to this home.

    `rank` is 1 for the highest of the stewards, 0 for who is none; a member that was removed stays on record.
    """

    id: str
    name: str | None
    roles: list[str]
    admitted: bool
    joined_at: datetime
    removed: bool
    rank: int


def status(db: sqlite3.Connection, home: str, peers: int, network: str) -> StatusRow:
    """Return the state of a home; `peers` and `network` come from `live`."""
    own = hats(db)
    known = db.execute("SELECT name FROM circuit").fetchone()
    circuit = known[0] if known else None
    shut = misplaced(db)
    outside = [hat.name for hat in own if admitted(db, hat) is None]
    joined = len(outside) < len(own)
    entries, logs = db.execute("SELECT coalesce(sum(seq), 0), count(*) FROM log WHERE seq > 0").fetchone()
    (refused,) = db.execute("SELECT coalesce(sum(times), 0) FROM refused").fetchone()
    return StatusRow(
        name=", ".join(hat.name for hat in own),
        roles=sorted({role for hat in own for role in hat.roles}),
        circuit=circuit if joined else None,
        looked_at=None if joined else circuit,
        knocking=not joined and knocks(db),
        entries=entries,
        logs=logs,
        peers=peers,
        pending=pending(db),
        members=[hat.name for hat in own],
        not_joined=outside,
        home=home,
        network=network,
        read_only=next(iter(shut.values()), "") if len(shut) >= len(own) else "",
        refused=refused,
        warnings=alerts(db),
    )


def pending(db: sqlite3.Connection) -> int:
    """Count our own entries that no peer has yet; of a log that forked, peers may have more than counts."""
    (count,) = db.execute(
        "SELECT coalesce(sum(max(l.seq - l.elsewhere, 0)), 0) FROM log l JOIN own o ON o.device = l.author"
    ).fetchone()
    return int(count)


def unsent(db: sqlite3.Connection) -> int:
    """Count our own entries that no peer has yet, 0 where there is no other member who could have them."""
    others = "SELECT 1 FROM member WHERE NOT removed AND id NOT IN (SELECT member FROM own)"
    return pending(db) if db.execute(others).fetchone() else 0


def list_logs(db: sqlite3.Connection) -> list[LogRow]:
    """Return all logs by member."""
    rows = db.execute(
        "SELECT l.ref, l.author, l.log, l.seq, l.timestamp, l.elsewhere, l.always_on, d.member, o.member IS NOT NULL,"
        ' l."limit", l.held,'
        " CASE WHEN l.\"limit\" = 0 THEN '' WHEN f.seq = l.\"limit\" THEN 'forked' WHEN m.removed THEN 'removed'"
        " ELSE 'retired' END"
        " FROM log l LEFT JOIN device d ON d.key = l.author LEFT JOIN own o ON o.device = l.author"
        " LEFT JOIN member m ON m.id = d.member"
        " LEFT JOIN fork_proof f ON f.author = l.author AND f.log = l.log WHERE l.held > 0"
    ).fetchall()
    found = [
        LogRow(
            author=base32_id(author),
            member=shown_name(db, member) if member else "",
            log=LOG_NAMES[log],
            entries=seq,
            bytes=_size(db, ref, held),
            last=datetime.fromtimestamp(timestamp / 1000, UTC),
            own=bool(own),
            elsewhere=elsewhere,
            always_on=always_on,
            limit=limit,
            aside=held - limit + 1 if 0 < limit <= held else 0,
            why=why,
        )
        for ref, author, log, seq, timestamp, elsewhere, always_on, member, own, limit, held, why in rows
    ]
    return sorted(found, key=lambda row: (not row.own, row.member.casefold(), row.author, LOG_NAMES.index(row.log)))


def _size(db: sqlite3.Connection, ref: int, seq: int) -> int:
    first = ref << SEQ_BITS
    row = db.execute(
        "SELECT coalesce(sum(size), 0) FROM entry WHERE place BETWEEN ? AND ?", (first, first + seq)
    ).fetchone()
    return int(row[0])


def list_members(db: sqlite3.Connection) -> list[MemberRow]:
    """Return the members of the circuit, by name, the nameless ones behind them, and last who was removed."""
    from foodhub.node.ranks import stewards

    order = stewards(db)
    rows = db.execute(
        "SELECT m.id, coalesce(p.name, o.name, c.name), m.roles, m.admitted, m.joined, m.removed FROM member m"
        " LEFT JOIN profile p ON p.owner = m.ref"
        " LEFT JOIN own o ON o.member = m.id LEFT JOIN contact c ON c.owner = m.ref"
    )
    found = [
        MemberRow(
            id=base32_id(member),
            name=name,
            roles=roles.split(),
            admitted=bool(admitted),
            joined_at=datetime.fromtimestamp(joined / 1000, UTC),
            removed=bool(removed),
            rank=order.index(member) + 1 if member in order else 0,
        )
        for member, name, roles, admitted, joined, removed in rows
    ]
    return sorted(found, key=lambda row: (row.removed, row.name is None, (row.name or "").casefold(), row.id))


def namesakes(members: Iterable[MemberRow]) -> list[str]:
    """Return the names that more than one member of the circuit bears, as one of them writes it."""
    named: dict[str, list[str]] = {}
    for member in members:
        if member.name and not member.removed:
            named.setdefault(fold(member.name), []).append(member.name)
    return [names[0] for names in named.values() if len(names) > 1]


def find_member(db: sqlite3.Connection, text: str) -> MemberRow:
    """Return the member that somebody named by id prefix or name.

    Raises:
        NotThereError: there is none. UsageError: there are several.
    """
    return find(list_members(db), text, lambda row: Named(row.id, "", row.name or ""), "member")


def circuit(db: sqlite3.Connection) -> CircuitRow:
    """Return the circuit of this home.

    Raises:
        NotSetUpError: it is in none.
    """
    identity = circuit_id(db)
    name, code, charter = db.execute("SELECT name, currency, charter FROM circuit").fetchone()
    (members,) = db.execute("SELECT count(*) FROM member WHERE NOT removed").fetchone()
    return CircuitRow(base32_id(identity), name, code, members, charter)


def own_reach(db: sqlite3.Connection, hat: Hat) -> tuple[int, int, int]:
    """Return of a hat's log 0 how long it is, how far some peer has it, and how far one that is always on has it."""
    row = db.execute("SELECT seq, elsewhere, always_on FROM log WHERE author = ? AND log = 0", (hat.device,)).fetchone()
    return row or (0, 0, 0)


def admitted(db: sqlite3.Connection, hat: Hat) -> bool | None:
    """Say whether a hat is admitted to the circuit; None while it has not even joined."""
    row = db.execute("SELECT admitted FROM member WHERE id = ?", (hat.member,)).fetchone()
    return None if row is None else bool(row[0])


def is_unsealed(db: sqlite3.Connection) -> bool:
    """Say whether this home came out of a backup and has no keys yet, so that it can't read what was sealed to it."""
    return db.execute("SELECT 1 FROM meta WHERE key = 'read_only' AND value = 'restored_backup'").fetchone() is not None


def read_only_error(reason: str) -> RefusedError:
    """Return why this home may not sign any more, as `StatusRow.read_only` names it."""
    from foodhub.store.guard import refused

    return refused(reason)


def refusals(db: sqlite3.Connection) -> list[tuple[str, int, int, str]]:
    """Return what was refused from peers: code, how often, when last (ms), by whom last."""
    return db.execute("SELECT code, times, last, peer FROM refused ORDER BY last DESC").fetchall()


def arrival(db: sqlite3.Connection) -> int:
    """Return the newest arrival number: rows with a higher one came later."""
    return int(db.execute("SELECT value FROM meta WHERE key = 'arrival'").fetchone()[0])


def log_refs(db: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """Yield number and length of every log, for work that goes log by log."""
    yield from db.execute("SELECT ref, seq FROM log WHERE seq > 0 ORDER BY ref").fetchall()
