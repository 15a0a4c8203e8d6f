"""Whether a statement that somebody else wrote counts as its owner's, and which logs speak of whom.

For a represented member the id itself says who may write for it. A mandate, and the confirmation of a claim, are facts
of others that may come later than what was written under them: so this is asked when all rows at hand are written, and
asked again when one of those facts changes. No order of arrival may show.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from foodhub.log.header import Log
from foodhub.orders.hands import MOST_VERSION, Behalf, Mandate, RepresentedRole, covers, represented_id
from foodhub.store.facts import FACTS, Stated
from foodhub.store.schema import CONFIRMED, SEQ_BITS

_mandates = msgspec.msgpack.Decoder(Mandate)
_heads = msgspec.msgpack.Decoder(list[tuple[bytes, int]])
_CONFIRMED: dict[RepresentedRole, str] = {"household": "claim_confirmed", "producer": "successor"}
"""By the role of a represented member: in which view it stands who was confirmed to be it."""


class Standing(NamedTuple):
    """As whom a statement counts: its owner's roles in trade, and whether it is as good as the owner's own."""

    roles: frozenset[str]
    own: bool


def represents(behalf: Behalf, writer: bytes) -> bool:
    """Say whether an envelope is for a member whom its writer represents."""
    return not behalf.mandate and behalf.owner == represented_id(writer, behalf.salt, behalf.role)


def standing(db: sqlite3.Connection, prefix: str, behalf: Behalf, stated: Stated) -> Standing | str:
    """Return as whom a statement counts as the rows stand now, else why it does not; `prefix` is that of the views."""
    speaks = represents(behalf, stated.writer)
    if behalf.statement.version >= MOST_VERSION and (speaks or behalf.mandate):
        return "version_range"
    if speaks:
        return _represented(db, prefix, behalf, stated)
    return _mandated(db, prefix, behalf, stated) if behalf.mandate else _claimed(db, prefix, behalf, stated)


def _represented(db: sqlite3.Connection, prefix: str, behalf: Behalf, stated: Stated) -> Standing | str:
    """Judge an envelope by the representative: once it has confirmed a claim, it writes no more.

    What stands in the open can't depend on a confirmation that not everybody reads: that of a producer is open.
    """
    in_open = FACTS[type(behalf.statement)].log != Log.TRADE
    if behalf.role == "producer" and not in_open:
        late = _behind_basis(db, prefix, behalf.owner, stated.place)
    elif behalf.role == "producer" or not in_open:
        query = f"SELECT 1 FROM {prefix}{_CONFIRMED[behalf.role]} WHERE member = ? AND timestamp < ?"  # noqa: S608 - names of ours
        late = db.execute(query, (behalf.owner, stated.timestamp)).fetchone() is not None
    else:
        late = False
    return "has_own_home" if late else Standing(frozenset({behalf.role}), own=False)


def _behind_basis(db: sqlite3.Connection, prefix: str, producer: bytes, place: int) -> bool:
    """Say whether a place in a log 2 lies behind what a producer's representative had signed when it handed over.

    A clock of its own, which it can hold still, doesn't decide about goods that somebody else spends from then on.
    """
    row = db.execute(f"SELECT basis FROM {prefix}successor WHERE member = ?", (producer,)).fetchone()  # noqa: S608 - names of ours
    if row is None:
        return False
    (author,) = db.execute("SELECT author FROM log WHERE ref = ?", (place >> SEQ_BITS,)).fetchone()
    return place & ((1 << SEQ_BITS) - 1) > dict(_heads.decode(row[0])).get(author, 0)


def _claimed(db: sqlite3.Connection, prefix: str, behalf: Behalf, stated: Stated) -> Standing | str:
    """Judge an envelope for a represented member by somebody else: only who was confirmed to be it may write it."""
    row = db.execute(
        f'SELECT 1 FROM {prefix}{_CONFIRMED[behalf.role]} WHERE member = ? AND local = ? AND "by" = ?',  # noqa: S608 - names of ours
        (behalf.owner, behalf.salt, stated.writer),
    ).fetchone()
    return Standing(frozenset({behalf.role}), own=True) if row else "not_represented"


def _mandated(db: sqlite3.Connection, prefix: str, behalf: Behalf, stated: Stated) -> Standing | str:
    row = db.execute(
        f"SELECT f.body, f.timestamp, m.roles FROM {prefix}mandate f JOIN member m ON m.ref = f.owner"  # noqa: S608 - names of ours
        " WHERE m.id = ? AND f.local = ? AND f.holder = ?",
        (behalf.owner, behalf.mandate, stated.writer),
    ).fetchone()
    if row is None:
        return "no_mandate"
    mandate = _mandates.decode(row[0])
    if not covers(mandate.fields, behalf.statement):
        return "mandate_field"
    # Once ended it goes on to hold for what was written before: a price that was right is not taken back.
    until = min(mandate.until, row[1]) if mandate.ended else mandate.until
    return Standing(frozenset(row[2].split()), own=False) if stated.timestamp < until else "mandate_over"


def party_ref(db: sqlite3.Connection, member: bytes) -> int:
    """Return the number of a member in this file, made when it has none."""
    db.execute("INSERT OR IGNORE INTO party (id) VALUES (?)", (member,))
    (ref,) = db.execute("SELECT ref FROM party WHERE id = ?", (member,)).fetchone()
    return int(ref)


def confirmed_by(db: sqlite3.Connection, prefix: str, members: Iterable[bytes]) -> set[bytes]:
    """Return the represented members of whom these have said who they are."""
    confirmed = CONFIRMED.format(prefix)
    query = f"SELECT c.member FROM {confirmed} c JOIN party p ON p.ref = c.owner WHERE p.id = ?"  # noqa: S608 - names of ours
    return {owner for member in members for (owner,) in db.execute(query, (member,))}


def spoken_for(
    db: sqlite3.Connection, prefix: str, changed: Mapping[bytes, tuple[Collection[bytes], Collection[int]]]
) -> set[bytes]:
    """Return whose rows depend on members, given with their devices and logs: for whom they wrote or confirmed."""
    query = f"SELECT s.owner FROM log l JOIN {prefix}spoke s ON s.log = l.ref WHERE l.author = ? AND l.log = ?"  # noqa: S608 - names of ours
    logs = {(device, log) for devices, wanted in changed.values() for device in devices for log in wanted}
    return confirmed_by(db, prefix, changed) | {owner for log in logs for (owner,) in db.execute(query, log)}


def speaking_of(db: sqlite3.Connection, prefix: str, owners: Iterable[bytes]) -> set[tuple[bytes, int]]:
    """Return the logs (author, number) in which somebody else wrote for these members."""
    query = f"SELECT l.author, l.log FROM {prefix}spoke s JOIN log l ON l.ref = s.log WHERE s.owner = ?"  # noqa: S608 - names of ours
    return {row for owner in owners for row in db.execute(query, (owner,))}
