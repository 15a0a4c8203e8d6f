"""That a household buys through a group, told to who has to know: the group, and hubs from which that buys for them.

Whoever writes for the household says it again when a hub comes to be such a reader: once for each, in the same version,
so nothing changes by it. A hub of a group that buys as one is told nothing, nor one whose exchange is over. Whoever may
have been told that it is in the group hears that it left. Who has no keys is left out: nobody else waits for that one.
"""

import sqlite3
from collections.abc import Iterable, Iterator

from foodhub.log.header import Log
from foodhub.node.buyers import Buyer
from foodhub.node.cycles import cycle_at
from foodhub.node.exchanges import exchange_of
from foodhub.node.hat import Hat
from foodhub.node.households import has_keys, unwritable
from foodhub.node.running import is_running
from foodhub.orders.hands import Belong
from foodhub.orders.statements import derived_id
from foodhub.store.transaction import Transaction

RECENT = 60 * 86_400_000
"""Hubs from which a group bought within this time (ms) hear that a household left it, whichever laptop told them."""


def belong_of(db: sqlite3.Connection, household: bytes, group: bytes) -> Belong | None:
    """Return what was said of a household and a group, None for nothing that this home may read."""
    row = db.execute(
        'SELECT b.local, b.version, b."group", b.since, b."left" FROM belong b JOIN party p ON p.ref = b.owner'
        " WHERE p.id = ? AND b.local = ?",
        (household, derived_id(b"belong", group)),
    ).fetchone()
    return Belong(*(*row[:4], bool(row[4]))) if row else None


def say_belong(tx: Transaction, hat: Hat, owner: Buyer, said: Belong) -> None:
    """Sign that a household is in a group, or no more, for all who have to know.

    Raises:
        RefusedError: `no_box_key`, while the group that it joins can't be written to. Any group can be left.
    """
    if not said.left and not has_keys(tx.db, said.group):
        raise unwritable(tx.db, said.group)
    tell_belong(tx, hat, owner, said)


def tell_belong(tx: Transaction, hat: Hat, owner: Buyer, said: Belong) -> None:
    """Sign of a household and a group what is said of them, for all who have to know and can be written to."""
    readers = {said.group} | hubs_of_group(tx.db, said.group, tx.now)
    if said.left:  # who was told that it is in the group is not left to believe it
        readers |= hubs_of_group(tx.db, said.group, tx.now, since=max(said.since, tx.now - RECENT))
        readers |= set(told_belong(tx.db, owner.member, said.group))
    readable = sorted(reader for reader in readers if has_keys(tx.db, reader))
    tx.append(hat.member, Log.TRADE, [owner.enclose(said)], readers=readable)
    keys = [(f"{_key(owner.member, said.group)}{reader.hex()}", said.version) for reader in readable]
    tx.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", keys)


def hubs_of_group(db: sqlite3.Connection, group: bytes, now: int, since: int | None = None) -> set[bytes]:
    """Return the hubs with keys from which a group buys for its households at `now`, or also did since then (ms)."""
    rows = db.execute(
        "SELECT o.cycle_owner, o.cycle FROM outgoing o JOIN party p ON p.ref = o.owner"
        " JOIN party w ON w.id = o.cycle_owner JOIN cycle c ON c.owner = w.ref AND c.local = o.cycle"
        " WHERE p.id = ? AND c.closes > ?",
        (group, now if since is None else since),
    ).fetchall()
    found = _suppliers(db, group, rows, now, over=since is not None)
    return {hub for hub in found if has_keys(db, hub)}


def _suppliers(
    db: sqlite3.Connection, group: bytes, cycles: Iterable[tuple[bytes, bytes]], now: int, *, over: bool
) -> Iterator[bytes]:
    """Yield from whom a group buys for its households in these cycles, also where that is `over`."""
    for key in cycles:
        cycle = cycle_at(db, key, now)
        exchange = exchange_of(db, group, cycle) if cycle is not None else None
        if cycle is None or exchange is None or exchange.buying != "households" or exchange.own_supplier:
            continue
        if over or is_running(db, cycle, exchange, now):
            yield exchange.supplier


def told_belong(db: sqlite3.Connection, member: bytes, group: bytes) -> dict[bytes, int]:
    """Return in which version this device told whom of a household and a group."""
    head = _key(member, group)
    rows = db.execute("SELECT key, value FROM meta WHERE key >= ? AND key < ?", (head, f"{head}~")).fetchall()
    return {bytes.fromhex(key[len(head) :]): int(version) for key, version in rows}


def _key(member: bytes, group: bytes) -> str:
    """Return how the keys in `meta` begin of what was told to whom."""
    return f"belong {member.hex()} {group.hex()} "
